//! W-06: what a video tells about its maker does not leave the device; it is as long as it was and plays as it did.

use std::io::{Cursor, Read, Seek, SeekFrom};

use lacre_media::video::{Video, VideoError, examine};
use lacre_media::{Edit, Edited, Fill};
use proptest::prelude::*;

const SECRETS: [&str; 4] = ["Pixel 9 Pro", "+38.7223-009.1393/", "Core Media Ana", "GPS 38.7223"];

fn part(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
}

fn long_part(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&1u32.to_be_bytes()[..], name, &(body.len() as u64 + 16).to_be_bytes(), body].concat()
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// Times of a header, then what follows them.
fn header(rest: &[u32]) -> Vec<u8> {
    [&numbers(&[0, 0xe2_00_11_22, 0xe2_00_11_33])[..], &numbers(rest)].concat()
}

/// Sizes of so many samples, all of ten bytes, as one number.
fn sizes(count: u32) -> Vec<u8> {
    part(b"stsz", &numbers(&[0, 10, count]))
}

/// A track of this kind, its chunks at these places, two samples in each, and the box of their sizes.
fn track(kind: &[u8; 4], places: &[u32], sizes: &[u8]) -> Vec<u8> {
    let words = SECRETS.join(" ");
    let mut tkhd = header(&[1, 0, 5000, 0, 0, 0, 0]);
    // Turned by a quarter.
    tkhd.extend(numbers(&[0, 0x1_0000, 0, 0xffff_0000, 0, 0, 0, 0, 0x4000_0000, 640 << 16, 360 << 16]));
    let hdlr = [&[0; 8][..], kind, &[0; 12], words.as_bytes(), b"\0"].concat();
    let mut entry = vec![0; 78];
    entry[12..16].copy_from_slice(b"appl");
    entry[42..53].copy_from_slice(SECRETS[0].as_bytes());
    let stsd = [&numbers(&[0, 1])[..], &part(b"avc1", &entry)].concat();
    let stco = [&numbers(&[0, places.len() as u32])[..], &numbers(places)].concat();
    let stbl = [
        part(b"stsd", &stsd),
        part(b"stsc", &numbers(&[0, 1, 1, 2, 1])),
        sizes.to_vec(),
        part(b"stco", &stco),
        part(b"udta", words.as_bytes()),
    ];
    let url = part(b"url ", &[&[0, 0, 0, 0][..], b"file:///Users/Pixel 9 Pro/x.mov"].concat());
    let dinf = part(b"dinf", &part(b"dref", &[&numbers(&[0, 1])[..], &url].concat()));
    let minf = [part(b"hdlr", &hdlr), dinf, part(b"stbl", &stbl.concat())].concat();
    let mdia =
        [part(b"mdhd", &header(&[1000, 5000, 0])), part(b"hdlr", &hdlr), part(b"minf", &minf)].concat();
    let inner = [part(b"tkhd", &tkhd), part(b"mdia", &mdia), part(b"meta", words.as_bytes())].concat();
    part(b"trak", &inner)
}

/// A video of a telephone: pictures, and a track of positions; two chunks of each, in turn.
fn video(moov_first: bool) -> Vec<u8> {
    video_with(moov_first, b"meta", sizes)
}

/// The same with another kind of second track, and other boxes of sizes.
fn video_with(moov_first: bool, kind: &[u8; 4], sizes: fn(u32) -> Vec<u8>) -> Vec<u8> {
    made(moov_first, kind, sizes, &SECRETS.join(" "))
}

/// The same, and among its samples something that belongs to no track.
fn made(moov_first: bool, kind: &[u8; 4], sizes: fn(u32) -> Vec<u8>, loose: &str) -> Vec<u8> {
    let words = SECRETS.join(" ");
    let ftyp = part(b"ftyp", b"isom\0\0\x02\0isommp42");
    let moov = |data: u32| {
        let pictures = track(b"vide", &[data, data + 40], &sizes(4));
        let places = track(kind, &[data + 20, data + 60], &sizes(4));
        let mvhd = [&header(&[1000, 5000])[..], &[0; 80]].concat();
        let tags = part(b"udta", &part(b"\xa9xyz", words.as_bytes()));
        let parts = [part(b"mvhd", &mvhd), pictures, places, tags, part(b"meta", words.as_bytes())];
        part(b"moov", &parts.concat())
    };
    let gps = b"GPS 38.7223 GPS 38.7";
    let frames = [&[b'V'; 20], &gps[..], &[b'V'; 20], gps, loose.as_bytes()].concat();
    let length = moov(0).len() as u32;
    let extra = [
        part(b"uuid", words.as_bytes()),
        long_part(b"meta", words.as_bytes()),
        part(b"free", words.as_bytes()),
        part(b"prft", words.as_bytes()),
    ];
    let (before, mdat) = (ftyp.len() as u32, part(b"mdat", &frames));
    if moov_first {
        [ftyp, moov(before + length + 8), mdat, extra.concat()].concat()
    } else {
        [ftyp, mdat, moov(before + 8), extra.concat()].concat()
    }
}

fn cleaned(bytes: &[u8]) -> (Video, Vec<u8>) {
    let video = examine(&mut Cursor::new(bytes)).expect("a video");
    let mut out = Vec::new();
    let mut edited = Edited::new(Cursor::new(bytes), video.edits.clone()).expect("it can be read");
    edited.read_to_end(&mut out).expect("it can be read");
    (video, out)
}

fn found(bytes: &[u8]) -> usize {
    SECRETS
        .iter()
        .filter(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()))
        .count()
}

#[test]
fn w06_place_device_and_time_go_into_a_video_and_none_of_it_comes_out() {
    for moov_first in [true, false] {
        let sample = video(moov_first);
        assert_eq!(found(&sample), SECRETS.len(), "the sample has them");
        let (told, clean) = cleaned(&sample);
        assert_eq!(found(&clean), 0);
        assert!(!clean.windows(3).any(|window| window == [0xe2, 0, 0x11]), "times");
        assert!(!clean.windows(4).any(|window| window == b"appl"), "vendor");
        assert_eq!((told.duration_ms, told.width, told.height, told.rest), (5000, 360, 640, false));
    }
}

#[test]
fn w06_samples_of_places_go_however_their_sizes_are_written() {
    let boxes: [fn(u32) -> Vec<u8>; 4] = [
        |count| part(b"stsz", &numbers(&[0, 0, count, 10, 10, 10, 10])),
        |_| part(b"stz2", &[0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0xaa, 0xaa]),
        |_| part(b"stz2", &[0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 4, 10, 10, 10, 10]),
        |_| part(b"stz2", &[0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 4, 0, 10, 0, 10, 0, 10, 0, 10]),
    ];
    for sizes in boxes {
        let (told, clean) = cleaned(&video_with(true, b"meta", sizes));
        assert_eq!((found(&clean), told.rest), (0, false));
        assert!(clean.windows(20).any(|window| window == [b'V'; 20]), "pictures stay");
    }
    let odd =
        video_with(true, b"meta", |_| part(b"stz2", &[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 4, 10, 10, 10, 10]));
    assert!(matches!(examine(&mut Cursor::new(odd)), Err(VideoError::Damaged)));
    let (told, _) = cleaned(&video_with(true, b"meta", |_| part(b"free", b"")));
    assert!(told.rest, "samples that are not found stay, and that is said");
}

#[test]
fn w06_what_may_be_left_in_a_video_is_said() {
    for kind in [b"text", b"sbtl", b"subt", b"clcp"] {
        let (told, clean) = cleaned(&video_with(true, kind, sizes));
        assert!(told.rest, "a text may tell places");
        assert!(found(&clean) > 0, "and it stays");
    }
    let fragment = [part(b"moof", &part(b"mfhd", &[0; 8])), part(b"mdat", b"GPS 38.7223")].concat();
    let (told, _) = cleaned(&[video(true), fragment.clone()].concat());
    assert!(told.rest, "samples of a track that went are in a fragment");
    let (told, _) = cleaned(&[video_with(true, b"soun", sizes), fragment].concat());
    assert!(told.rest, "nobody knows what lies between the samples of fragments");
    let (told, clean) = cleaned(&video_with(true, b"tmcd", sizes));
    assert_eq!((found(&clean), told.rest), (0, false), "the time of day goes");
}

#[test]
fn w06_what_stands_after_the_last_box_goes() {
    let words = [&[0; 8][..], SECRETS.join(" ").as_bytes()].concat();
    assert_eq!(found(&cleaned(&[video(true), words.clone()].concat()).1), 0);
    let moov = part(b"moov", &[part(b"mvhd", &[0; 100]), words].concat());
    assert_eq!(found(&cleaned(&[part(b"ftyp", b"isom"), moov].concat()).1), 0);
}

#[test]
fn pictures_and_their_tables_stay_where_they_were() {
    let sample = video(true);
    let (_, clean) = cleaned(&sample);
    assert_eq!(clean.len(), sample.len());
    let frames = |bytes: &[u8]| bytes.windows(20).filter(|window| *window == [b'V'; 20]).count();
    assert_eq!((frames(&clean), frames(&sample)), (2, 2), "no sample of pictures was touched");
    let tables = |bytes: &[u8]| -> Vec<usize> {
        let stays = |name: &[u8]| bytes.windows(4).filter(|window| *window == name).count();
        [&b"stco"[..], b"stsz", b"stsd", b"avc1", b"mvhd", b"tkhd"].map(stays).to_vec()
    };
    assert_eq!(
        tables(&clean),
        tables(&sample).iter().map(|count| count - usize::from(*count == 2)).collect::<Vec<_>>()
    );
    let (again, same) = cleaned(&clean);
    assert_eq!((same, again.duration_ms), (clean, 5000), "what is clean stays as it is");
}

#[test]
fn a_fragmented_video_is_cleaned_too() {
    let moof = part(
        b"moof",
        &[
            part(b"mfhd", &[0; 8]),
            part(b"uuid", b"Pixel 9 Pro"),
            part(b"traf", &part(b"meta", b"Pixel 9 Pro")),
        ]
        .concat(),
    );
    let sample = [made(true, b"meta", sizes, ""), moof, part(b"mdat", b"VVVV")].concat();
    assert_eq!(found(&cleaned(&sample).1), 0);
}

#[test]
fn w05_what_is_no_video_or_lies_about_its_parts_is_an_error() {
    let error = |bytes: &[u8]| examine(&mut Cursor::new(bytes)).expect_err("no video");
    assert!(matches!(error(b""), VideoError::Unknown));
    assert!(matches!(error(&part(b"ftyp", b"isom")), VideoError::Unknown), "no headers");
    assert!(matches!(error(b"\xff\xff\xff\xffftypisom"), VideoError::Damaged));
    assert!(matches!(error(b"\0\0\0\x04ftypisom"), VideoError::Damaged), "a box smaller than its header");
    assert!(matches!(error(&part(b"moov", &part(b"trak", b""))), VideoError::Damaged));
    let many = [part(b"ftyp", b"isom"), part(b"free", b"").repeat(100_001)].concat();
    assert!(matches!(error(&many), VideoError::TooManyParts));
    let tracks = part(b"moov", &track(b"vide", &[], &sizes(0)).repeat(129));
    assert!(matches!(error(&tracks), VideoError::TooManyParts));
    // A table that says it has four thousand million entries.
    let mut huge = video(true);
    let at = huge.windows(4).rposition(|window| window == b"stco").expect("a table");
    huge[at + 8..at + 12].fill(0xff);
    assert!(matches!(error(&huge), VideoError::TooManyParts));
}

/// Two gigabytes of video that count what is read of them: headers, then nothing but pictures.
struct Large {
    head: Vec<u8>,
    size: u64,
    at: u64,
    read: u64,
}

impl Read for Large {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.size.saturating_sub(self.at).min(into.len() as u64) as usize;
        for (place, byte) in (self.at..).zip(&mut into[..count]) {
            *byte = self.head.get(place as usize).copied().unwrap_or(0);
        }
        self.at += count as u64;
        self.read += count as u64;
        Ok(count)
    }
}

impl Seek for Large {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(back) => self.size.saturating_add_signed(back),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

#[test]
fn r10_of_two_gigabytes_only_the_headers_are_read() {
    let size: u64 = 2 << 30;
    let mut head = video(true);
    let rest = size - head.len() as u64;
    head.extend(1u32.to_be_bytes());
    head.extend(b"mdat");
    head.extend(rest.to_be_bytes());
    let mut file = Large { head, size, at: 0, read: 0 };
    let video = examine(&mut file).expect("a video");
    assert!(file.read < 20_000, "{}", file.read);
    assert!(video.edits.len() < 100);
    let longest = video.edits.iter().map(|edit| match &edit.with {
        Fill::Bytes(bytes) => bytes.len(),
        Fill::Repeat(..) => 0,
    });
    assert!(longest.max() < Some(100), "edits hold nothing of the file");
    let _: &Edit = &video.edits[0];
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn flipped_bytes_make_no_panic_and_no_other_length(flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut bytes = video(true);
        for (at, value) in flips {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        if let Ok(video) = examine(&mut Cursor::new(&bytes)) {
            let mut out = Vec::new();
            Edited::new(Cursor::new(&bytes), video.edits).expect("memory").read_to_end(&mut out).expect("memory");
            prop_assert_eq!(out.len(), bytes.len());
        }
    }
}
