//! HEIC and AVIF (ISO/IEC 23008-12, on the boxes of 14496-12), without what they tell about their maker.
//!
//! No picture is decoded: there is no decoder of these formats in safe Rust. The file stays as long as it was, so that
//! every item stays where it is. What stays is listed: coded pictures, and how they are put together and shown. All
//! other data become zeros: Exif, XMP, items of other kinds, and what no item refers to; boxes that go become free ones.

mod items;

use std::io::Cursor;
use std::ops::Range;

use self::items::{Items, items, shown};
use super::{PictureError, icc};
use crate::video::boxes::{BoxAt, boxes, named};
use PictureError::{Damaged, TooLarge, Unknown};

/// What stays, by the box that it stands in.
const META: [&[u8; 4]; 8] = [b"hdlr", b"pitm", b"iinf", b"iref", b"iprp", b"iloc", b"idat", b"grpl"];
const PROPERTIES: [&[u8; 4]; 20] = [
    b"ispe", b"pixi", b"hvcC", b"lhvC", b"av1C", b"avcC", b"vvcC", b"colr", b"irot", b"imir", b"pasp",
    b"clap", b"auxC", b"clli", b"mdcv", b"cclv", b"lsel", b"a1op", b"a1lx", b"oinf",
];
/// Items that are pictures: coded, or put together of others.
const PICTURES: [&[u8; 4]; 9] =
    [b"hvc1", b"hev1", b"lhv1", b"av01", b"avc1", b"vvc1", b"grid", b"iden", b"iovl"];
/// How tones of a picture are mapped to those of a screen: numbers.
const TONES: &[u8; 4] = b"tmap";
/// Boxes of data in one file; an honest one has one or two.
const DATA: usize = 100;
/// Exif that says nothing: where its TIFF begins, and one without entries.
const NO_EXIF: &[u8] = b"\0\0\0\0II*\0\x08\0\0\0\0\0\0\0\0\0";

/// A picture that was cleaned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Still {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its width as it is shown, in pixels; 0 when it does not say.
    pub width: u32,
    /// Its height as it is shown.
    pub height: u32,
    /// Whether it may tell more than it shows: it holds other pictures, or more of this one than is shown.
    pub rest: bool,
}

/// The same picture without what it tells. One that moves is none.
pub fn clean(bytes: &[u8]) -> Result<Still, PictureError> {
    if bytes.len() > super::FILE {
        return Err(TooLarge);
    }
    let mut out = bytes.to_vec();
    let mut data = Vec::new();
    let mut meta = None;
    let top = inside(bytes, 0, bytes.len() as u64)?;
    after(&mut out, &top, 0, bytes.len() as u64);
    for (number, part) in top.into_iter().enumerate() {
        match &part.name {
            b"ftyp" if number == 0 => {}
            _ if number == 0 => return Err(Unknown),
            b"meta" if meta.is_none() => meta = Some(part),
            b"mdat" => data.push(range(&part)),
            b"moov" | b"meta" => return Err(Unknown),
            _ => blank(&mut out, &part),
        }
    }
    if data.len() > DATA {
        return Err(TooLarge);
    }
    let meta = meta.ok_or(Unknown)?;
    let from = (meta.body + 4).min(meta.end);
    let inner = inside(bytes, from, meta.end)?;
    after(&mut out, &inner, from, meta.end);
    // The first of a name is the one that counts; another would go out as it is.
    let counts = |part: &&BoxAt| {
        META.contains(&&part.name) && named(&inner, &part.name).is_some_and(|first| first.at == part.at)
    };
    inner.iter().filter(|part| !counts(part)).for_each(|part| blank(&mut out, part));
    let items = items(bytes, &inner)?;
    if let Some(handler) = named(&inner, b"hdlr") {
        let name = range(handler).start + 12..range(handler).end;
        out.get_mut(name).unwrap_or_default().fill(0);
    }
    items.names.iter().for_each(|name| out[name.clone()].fill(0));
    data.extend(named(&inner, b"idat").map(range));
    only_pictures(bytes, &mut out, &data, &items)?;
    let properties = properties(bytes, &mut out, &inner)?;
    let (width, height, cropped) = shown(bytes, &inner, &properties, items.primary).unwrap_or_default();
    let rest = cropped || items.others(|kind| PICTURES.contains(&kind));
    Ok(Still { bytes: out, width, height, rest })
}

/// Makes all data zeros that are not those of a picture.
fn only_pictures(
    bytes: &[u8],
    out: &mut [u8],
    data: &[Range<usize>],
    items: &Items,
) -> Result<(), PictureError> {
    data.iter().for_each(|part| out[part.clone()].fill(0));
    let within =
        |place: &Range<usize>| data.iter().any(|part| part.start <= place.start && place.end <= part.end);
    let mut kept = 0;
    for item in items.all.values() {
        let stays = PICTURES.contains(&&item.kind) || &item.kind == TONES;
        for place in item.places.iter().filter(|_| stays) {
            kept += place.len();
            // Data that lie over each other, or elsewhere, are made up.
            if !within(place) || kept > bytes.len() {
                return Err(Damaged);
            }
            out[place.clone()].copy_from_slice(&bytes[place.clone()]);
        }
        let first = item.places.first().filter(|place| &item.kind == b"Exif" && within(place));
        if let Some(place) = first.filter(|place| place.len() >= NO_EXIF.len()) {
            out[place.start..place.start + NO_EXIF.len()].copy_from_slice(NO_EXIF);
        }
    }
    match items.all.get(&items.primary) {
        Some(primary) if PICTURES.contains(&&primary.kind) => Ok(()),
        _ => Err(Unknown),
    }
}

/// The properties, of which those that are not known go, and of a colour profile all but its numbers.
fn properties(bytes: &[u8], out: &mut [u8], inner: &[BoxAt]) -> Result<Vec<BoxAt>, PictureError> {
    let Some(iprp) = named(inner, b"iprp") else { return Ok(Vec::new()) };
    let parts = inside(bytes, iprp.body, iprp.end)?;
    parts.iter().filter(|part| !matches!(&part.name, b"ipco" | b"ipma")).for_each(|part| blank(out, part));
    let Some(ipco) = named(&parts, b"ipco") else { return Ok(Vec::new()) };
    let all = inside(bytes, ipco.body, ipco.end)?;
    if parts.iter().filter(|part| &part.name == b"ipco").count() > 1 {
        return Err(Damaged);
    }
    after(out, &all, ipco.body, ipco.end);
    for part in &all {
        if !PROPERTIES.contains(&&part.name) {
            blank(out, part);
        } else if let Some((b"prof" | b"rICC", profile)) = bytes[range(part)].split_first_chunk::<4>()
            && &part.name == b"colr"
        {
            match icc::numbers(profile).filter(|numbers| numbers.len() <= profile.len()) {
                Some(numbers) => {
                    let room = &mut out[range(part)][4..];
                    room.fill(0);
                    room[..numbers.len()].copy_from_slice(&numbers);
                }
                None => blank(out, part),
            }
        }
    }
    Ok(all)
}

/// The boxes from one place to another.
fn inside(bytes: &[u8], from: u64, to: u64) -> Result<Vec<BoxAt>, PictureError> {
    boxes(&mut Cursor::new(bytes), from, to).map_err(|_| Damaged)
}

/// The body of a box, which lies in the file.
fn range(part: &BoxAt) -> Range<usize> {
    part.body as usize..part.end as usize
}

/// Makes what stands after these boxes zeros; they begin at `from`, should there be none.
fn after(out: &mut [u8], parts: &[BoxAt], from: u64, end: u64) {
    let at = parts.last().map_or(from, |last| last.end);
    out[at as usize..end as usize].fill(0);
}

/// Makes a box one that is skipped, with nothing in it.
fn blank(out: &mut [u8], part: &BoxAt) {
    let at = part.at as usize;
    out[at + 4..at + 8].copy_from_slice(b"free");
    out[range(part)].fill(0);
}
