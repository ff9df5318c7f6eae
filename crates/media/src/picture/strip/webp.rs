//! WebP: RFC 9649 §2.

use super::{Told, exif};
use crate::picture::PictureError;

const ICC_FLAG: u8 = 0x20;
const ALPHA_FLAG: u8 = 0x10;
const EXIF_FLAG: u8 = 0x08;
const MOVES_FLAG: u8 = 0x02;
/// The header of a picture in a movement, before its own chunks.
const FRAME: usize = 16;

/// A chunk: its name and its data.
type Chunk<'a> = (&'a [u8], &'a [u8]);

/// The chunks of a RIFF list, as far as they are whole.
fn chunks(mut rest: &[u8]) -> Result<Vec<Chunk<'_>>, PictureError> {
    let mut found = Vec::new();
    while rest.len() >= 8 {
        let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        let data = rest.get(8..).and_then(|data| data.get(..length)).ok_or(PictureError::Damaged)?;
        found.push((&rest[..4], data));
        rest = rest.get(8 + length + length % 2..).unwrap_or_default();
    }
    Ok(found)
}

/// The chunks of the file: what stands after the length that it says is not looked at.
fn file(bytes: &[u8]) -> Result<Vec<Chunk<'_>>, PictureError> {
    let length = bytes.get(4..8).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let end = length.and_then(|length| length.checked_add(8)).ok_or(PictureError::Damaged)?;
    chunks(bytes.get(12..end.min(bytes.len())).ok_or(PictureError::Damaged)?)
}

pub fn told(bytes: &[u8]) -> Told {
    file(bytes).map(|chunks| of(&chunks)).unwrap_or_default()
}

fn of(chunks: &[Chunk]) -> Told {
    let named = |name: &[u8]| chunks.iter().find(|(kind, _)| *kind == name).map(|(_, data)| *data);
    Told {
        // Some writers put in the prefix of JPEG's segment.
        exif: named(b"EXIF").map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif).to_vec()),
        profile: named(b"ICCP").map(<[u8]>::to_vec),
    }
}

pub fn strip(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let chunks = file(bytes)?;
    let told = of(&chunks);
    let extended = chunks.first().filter(|(kind, data)| *kind == b"VP8X" && data.len() >= 10);
    let (profile, turned) = match extended {
        Some(_) => (told.numbers(), told.turned()),
        None => (None, None),
    };
    let mut body = b"WEBP".to_vec();
    if let Some((_, data)) = extended {
        let mut header = [data[0] & (ALPHA_FLAG | MOVES_FLAG), 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header[4..].copy_from_slice(&data[4..10]);
        header[0] |= if profile.is_some() { ICC_FLAG } else { 0 };
        header[0] |= if turned.is_some() { EXIF_FLAG } else { 0 };
        put(&mut body, b"VP8X", &header)?;
    }
    if let Some(profile) = profile {
        put(&mut body, b"ICCP", &profile)?;
    }
    for (kind, data) in &chunks {
        match *kind {
            b"VP8 " | b"VP8L" | b"ALPH" => put(&mut body, kind, data)?,
            b"ANIM" if data.len() >= 6 => put(&mut body, kind, &data[..6])?,
            b"ANMF" if data.len() >= FRAME => put(&mut body, kind, &frame(data)?)?,
            _ => {}
        }
    }
    if let Some(orientation) = turned {
        put(&mut body, b"EXIF", &exif::only(orientation))?;
    }
    let mut out = Vec::new();
    put(&mut out, b"RIFF", &body)?;
    Ok(out)
}

/// A picture of a movement with the chunks that make it.
fn frame(data: &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut out = data[..FRAME].to_vec();
    for (kind, data) in chunks(&data[FRAME..])? {
        if matches!(kind, b"VP8 " | b"VP8L" | b"ALPH") {
            put(&mut out, kind, data)?;
        }
    }
    Ok(out)
}

fn put(out: &mut Vec<u8>, kind: &[u8], data: &[u8]) -> Result<(), PictureError> {
    let length = u32::try_from(data.len()).map_err(|_| PictureError::TooLarge)?;
    out.extend_from_slice(kind);
    out.extend(length.to_le_bytes());
    out.extend_from_slice(data);
    out.extend(vec![0; data.len() % 2]);
    Ok(())
}
