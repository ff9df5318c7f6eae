//! JPEG: ITU T.81 Annex B, JFIF 1.02, ICC.1:2022 Annex B.4, Exif 2.32 §4.5.

use super::{Told, exif};
use crate::picture::PictureError;

/// Profiles are put together from their pieces up to here.
const PROFILE: usize = 1024 * 1024;
const ICC: &[u8] = b"ICC_PROFILE\0";
const EXIF: &[u8] = b"Exif\0\0";

/// One part of a file: a marker with what belongs to it, without marker and length; for the start of a scan, the
/// coded data with it.
struct Segment<'a> {
    marker: u8,
    body: &'a [u8],
    coded: &'a [u8],
}

/// The segments up to the end of the picture; what stands after it is not looked at.
fn segments(bytes: &[u8]) -> Result<Vec<Segment<'_>>, PictureError> {
    let mut found: Vec<Segment> = Vec::new();
    let mut at = 2;
    loop {
        while bytes.get(at) == Some(&0xff) && bytes.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(0xff), Some(0xd9)) => break,
            (Some(0xff), Some(marker @ 0xc0..=0xfe)) if !matches!(marker, 0xd0..=0xd8) => {
                let length = bytes.get(at + 2..at + 4).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])));
                let length = length.filter(|length| *length >= 2).ok_or(PictureError::Damaged)?;
                let body = bytes.get(at + 4..at + 2 + length).ok_or(PictureError::Damaged)?;
                at += 2 + length;
                let coded = if *marker == 0xda { coded(&bytes[at..]) } else { &[] };
                at += coded.len();
                found.push(Segment { marker: *marker, body, coded });
            }
            // Cut off within a scan: shown as far as it goes.
            (None, _) | (Some(0xff), None) if found.iter().any(|segment| segment.marker == 0xda) => break,
            _ => return Err(PictureError::Damaged),
        }
    }
    Ok(found)
}

/// Coded data: up to the next marker that does not belong to it.
fn coded(bytes: &[u8]) -> &[u8] {
    let marker =
        |at: &usize| bytes[*at] == 0xff && !matches!(bytes.get(at + 1), None | Some(0 | 0xd0..=0xd7 | 0xff));
    let end = (0..bytes.len()).find(marker).unwrap_or(bytes.len());
    &bytes[..end]
}

/// Width and height, by the frame's header.
pub fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let segments = segments(bytes).ok()?;
    let frame = |marker| matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
    let body = segments.iter().find(|segment| frame(segment.marker))?.body;
    let number = |at| Some(u32::from(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?])));
    Some((number(3)?, number(1)?))
}

pub fn told(bytes: &[u8]) -> Told {
    segments(bytes).map(|segments| of(&segments)).unwrap_or_default()
}

fn of(segments: &[Segment]) -> Told {
    let after = |marker, magic: &'static [u8]| {
        let of_kind = segments.iter().filter(move |segment| segment.marker == marker);
        of_kind.filter_map(move |segment| segment.body.strip_prefix(magic))
    };
    let mut pieces: Vec<&[u8]> = after(0xe2, ICC).filter(|piece| piece.len() > 2).collect();
    pieces.sort_by_key(|piece| piece[0]);
    let profile: Vec<u8> = pieces.iter().flat_map(|piece| &piece[2..]).copied().take(PROFILE).collect();
    Told {
        exif: after(0xe1, EXIF).next().map(<[u8]>::to_vec),
        profile: Some(profile).filter(|profile| !profile.is_empty()),
    }
}

pub fn strip(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let segments = segments(bytes)?;
    let told = of(&segments);
    let mut out = vec![0xff, 0xd8];
    if segments.iter().any(|segment| segment.marker == 0xe0 && segment.body.starts_with(b"JFIF\0")) {
        // Without its density, which tells of the screen, and its preview.
        put(&mut out, 0xe0, &[b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0"]);
    }
    if let Some(orientation) = told.turned() {
        put(&mut out, 0xe1, &[EXIF, &exif::only(orientation)]);
    }
    if let Some(profile) = told.numbers() {
        put(&mut out, 0xe2, &[ICC, &[1, 1], &profile]);
    }
    for Segment { marker, body, coded } in &segments {
        match marker {
            // How colours are coded (T.872 §6.5.3); nothing else is in it.
            0xee if body.starts_with(b"Adobe") && body.len() >= 12 => put(&mut out, 0xee, &[&body[..12]]),
            // Other applications' segments, comments, and what T.81 reserves.
            0xe0..=0xef | 0xf0..=0xfe | 0xc8 => {}
            _ => put(&mut out, *marker, &[body]),
        }
        out.extend_from_slice(coded);
    }
    out.extend([0xff, 0xd9]);
    Ok(out)
}

pub fn with_profile(bytes: &[u8], profile: &[u8]) -> Result<Vec<u8>, PictureError> {
    let begins = bytes.get(..2).ok_or(PictureError::Damaged)?;
    let mut out = begins.to_vec();
    put(&mut out, 0xe2, &[ICC, &[1, 1], profile]);
    out.extend_from_slice(&bytes[2..]);
    Ok(out)
}

/// Writes a segment; its parts are a few bytes, or were a segment before.
fn put(out: &mut Vec<u8>, marker: u8, parts: &[&[u8]]) {
    let length = 2 + parts.iter().map(|part| part.len()).sum::<usize>();
    let Ok(length) = u16::try_from(length) else { return };
    out.extend([0xff, marker]);
    out.extend(length.to_be_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}
