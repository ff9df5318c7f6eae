//! W-06: what a HEIC picture tells about its maker does not leave the device; it is as long as it was, and its pictures
//! are where they were.

mod made;

use std::io::Cursor;

use lacre_guard::{Facts, Kind};
use lacre_media::picture::heif::{Still, clean};
use lacre_media::picture::{PictureError, Sending};
use lacre_media::{Body, outgoing};
use made::{SECRETS, exif, found, xmp};
use proptest::prelude::*;

fn part(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
}

/// A box with a version and flags before its parts.
fn full(name: &[u8; 4], version: u8, parts: &[&[u8]]) -> Vec<u8> {
    part(name, &[&[version, 0, 0, 0][..], &parts.concat()].concat())
}

fn short(number: usize) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

/// The items of a telephone's picture: kind, data, and whether they lie in `idat`.
type Item = (&'static [u8; 4], Vec<u8>, bool);

fn items() -> Vec<Item> {
    vec![
        (b"hvc1", [b'A'; 40].to_vec(), false),
        (b"hvc1", [b'B'; 40].to_vec(), false),
        (b"grid", [b'G'; 8].to_vec(), true),
        (b"Exif", [&[0; 4][..], &exif(false, 6)].concat(), false),
        (b"mime", xmp(), false),
        (b"uri ", SECRETS.join(" ").into_bytes(), true),
        (b"hvc1", [b'T'; 12].to_vec(), false),
    ]
}

/// A file of these items, of which the third is shown, with what links them.
fn file(items: &[Item], links: &[(&[u8; 4], usize, &[usize])]) -> Vec<u8> {
    let words = SECRETS.join(" ");
    let entries: Vec<u8> = (1..)
        .zip(items)
        .flat_map(|(number, (kind, ..))| {
            full(b"infe", 2, &[&short(number), &[0; 2], *kind, words.as_bytes(), b"\0application/rdf+xml\0"])
        })
        .collect();
    let links: Vec<u8> = links
        .iter()
        .flat_map(|(kind, from, to)| {
            let to: Vec<u8> = to.iter().flat_map(|item| short(*item)).collect();
            part(kind, &[&short(*from)[..], &short(to.len() / 2), &to].concat())
        })
        .collect();
    let size = [&64u32.to_be_bytes()[..], &48u32.to_be_bytes()].concat();
    let ipco = [
        full(b"ispe", 0, &[&size]),
        part(b"irot", &[1]),
        full(b"udes", 0, &[words.as_bytes()]),
        part(b"colr", &[b"prof", words.as_bytes()].concat()),
        part(b"hvcC", b"configuration"),
    ];
    let ipma = full(b"ipma", 0, &[&1u32.to_be_bytes(), &short(3), &[4, 1, 0x82, 3, 0x85]]);
    let iprp = part(b"iprp", &[part(b"ipco", &ipco.concat()), ipma].concat());
    let idat: Vec<u8> = items.iter().filter(|item| item.2).flat_map(|item| item.1.clone()).collect();
    let meta = |data: usize| {
        let (mut at, mut at_idat, mut places) = (data, 0, Vec::new());
        for (number, (_, data, inner)) in (1..).zip(items) {
            let place = if *inner { &mut at_idat } else { &mut at };
            places.extend([short(number), short(usize::from(*inner)), [0; 2], short(1)].concat());
            places.extend([*place as u32, data.len() as u32].map(u32::to_be_bytes).concat());
            *place += data.len();
        }
        let parts = [
            full(b"hdlr", 0, &[&[0; 4], b"pict", &[0; 12], words.as_bytes(), b"\0"]),
            full(b"pitm", 0, &[&short(3)]),
            full(b"iloc", 1, &[&[0x44, 0], &short(items.len()), &places]),
            full(b"iinf", 0, &[&short(items.len()), &entries]),
            full(b"iref", 0, &[&links]),
            iprp.clone(),
            part(b"idat", &idat),
            part(b"xml ", words.as_bytes()),
        ];
        full(b"meta", 0, &[&parts.concat()])
    };
    let ftyp = part(b"ftyp", b"heic\0\0\0\0mif1heic");
    let data: Vec<u8> = items.iter().filter(|item| !item.2).flat_map(|item| item.1.clone()).collect();
    let mdat = part(b"mdat", &[&data, words.as_bytes()].concat());
    let begins = ftyp.len() + meta(0).len() + 8;
    [ftyp, meta(begins), mdat, part(b"uuid", words.as_bytes()), part(b"free", words.as_bytes())].concat()
}

const LINKS: &[(&[u8; 4], usize, &[usize])] =
    &[(b"dimg", 3, &[1, 2]), (b"cdsc", 4, &[3]), (b"cdsc", 5, &[3]), (b"thmb", 7, &[3])];

fn cleaned(bytes: &[u8]) -> Still {
    let still = clean(bytes).expect("a picture");
    assert_eq!(still.bytes.len(), bytes.len());
    still
}

#[test]
fn w06_place_device_owner_and_time_go_into_a_heic_and_none_of_it_comes_out() {
    let sample = file(&items(), LINKS);
    assert!(found(&sample) >= 4, "the sample has them");
    let still = cleaned(&sample);
    assert_eq!((found(&still.bytes), still.rest), (0, false));
    assert_eq!((still.width, still.height), (48, 64), "it is shown turned");
    for (letter, count) in [(b'A', 40), (b'B', 40), (b'G', 8), (b'T', 12)] {
        let places =
            |bytes: &[u8]| bytes.windows(count).position(|window| window.iter().all(|b| *b == letter));
        assert_eq!(places(&still.bytes), places(&sample), "pictures stay where they were");
        assert!(places(&sample).is_some());
    }
    assert_eq!(cleaned(&still.bytes), still, "what is clean stays as it is");
    let at = sample.windows(4).position(|name| name == b"xml ").expect("it has one");
    let mut twice = sample.clone();
    twice[at..at + 4].copy_from_slice(b"iinf");
    assert_eq!(found(&cleaned(&twice).bytes), 0, "nor a second box of a name that stays");
    let trailed = [&sample[..], &[0; 8], SECRETS[0].as_bytes()].concat();
    assert_eq!(found(&cleaned(&trailed).bytes), 0, "nor does anything after the end");
}

#[test]
fn w06_a_heic_goes_out_clean() {
    let sample = file(&items(), LINKS);
    let mut input = Cursor::new(&sample);
    let facts = Facts::gather("a.heic", None, &mut input).expect("memory can be read");
    let out = outgoing(&facts, &mut input, Sending::Resized).expect("memory can be read");
    assert_eq!((facts.kind(), out.mime, out.tells, out.width), (Kind::Heif, "image/heif", false, 48));
    assert!(matches!(&out.body, Body::Bytes(bytes) if found(bytes) == 0 && bytes.len() == sample.len()));
}

#[test]
fn w06_other_pictures_in_a_heic_are_said() {
    let mut more = items();
    more.push((b"hvc1", b"another picture".to_vec(), false));
    assert!(cleaned(&file(&more, LINKS)).rest);
    let mut auxiliary = LINKS.to_vec();
    auxiliary.push((b"auxl", 8, &[3]));
    assert!(!cleaned(&file(&more, &auxiliary)).rest);
    let sample = file(&items(), LINKS);
    let at = sample.windows(4).position(|window| window == b"hvcC").expect("a property");
    let mut cropped = sample;
    cropped[at..at + 4].copy_from_slice(b"clap");
    assert!(cleaned(&cropped).rest, "more of it than is shown");
}

#[test]
fn a_heic_that_does_not_hold_together_is_an_error() {
    let sample = file(&items(), LINKS);
    for end in 0..sample.len() {
        let _ = clean(&sample[..end]);
    }
    assert_eq!(clean(b""), Err(PictureError::Unknown));
    assert_eq!(clean(&part(b"ftyp", b"heic")), Err(PictureError::Unknown));
    let moves = [&sample[..], &part(b"moov", b"")].concat();
    assert_eq!(clean(&moves), Err(PictureError::Unknown), "what moves is another thing");
    // The picture that is shown has its data in the names of items: they would come out again.
    let mut elsewhere = sample.clone();
    let at = elsewhere.windows(4).position(|window| window == b"iloc").expect("places") + 4 + 8;
    let name = sample.windows(11).position(|window| window == b"Pixel 9 Pro").expect("a name") as u32;
    elsewhere[at + 8..at + 12].copy_from_slice(&name.to_be_bytes());
    assert_eq!(clean(&elsewhere), Err(PictureError::Damaged));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn flipped_bytes_make_no_panic_and_no_other_length(flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut bytes = file(&items(), LINKS);
        for (at, value) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        if let Ok(still) = clean(&bytes) {
            prop_assert_eq!(still.bytes.len(), bytes.len());
        }
    }
}
