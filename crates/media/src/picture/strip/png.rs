//! PNG: W3C PNG, third edition, §5 and §11.

use super::{Told, exif};
use crate::checksum::crc32;
use crate::picture::{PictureError, cursor};

const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The chunks that make the picture, its colours and its movement.
const STAY: [&[u8]; 12] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"acTL", b"fcTL",
    b"fdAT",
];
/// What reading a colour profile may allocate.
const PROFILE: usize = 4 * 1024 * 1024;

/// A chunk: its type, its data, and the whole of it with length and checksum.
struct Chunk<'a> {
    kind: &'a [u8],
    data: &'a [u8],
    whole: &'a [u8],
}

/// The chunks up to the end of the picture.
fn chunks(bytes: &[u8]) -> Result<Vec<Chunk<'_>>, PictureError> {
    let mut found = Vec::new();
    let mut rest = bytes.strip_prefix(MAGIC).ok_or(PictureError::Damaged)?;
    loop {
        let length = rest.get(..4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize);
        let length = length.ok_or(PictureError::Damaged)?;
        let end = length.checked_add(12).filter(|end| *end <= rest.len()).ok_or(PictureError::Damaged)?;
        let (whole, after) = rest.split_at(end);
        let chunk = Chunk { kind: &whole[4..8], data: &whole[8..8 + length], whole };
        let last = chunk.kind == b"IEND";
        found.push(chunk);
        if last {
            return Ok(found);
        }
        rest = after;
    }
}

pub fn told(bytes: &[u8]) -> Told {
    chunks(bytes).map(|chunks| of(bytes, &chunks)).unwrap_or_default()
}

fn of(bytes: &[u8], chunks: &[Chunk]) -> Told {
    let exif = chunks.iter().find(|chunk| chunk.kind == b"eXIf").map(|chunk| chunk.data.to_vec());
    let packed = chunks.iter().any(|chunk| chunk.kind == b"iCCP");
    Told { exif, profile: if packed { profile(bytes) } else { None } }
}

/// The colour profile, unpacked within limits.
fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = png::Decoder::new_with_limits(cursor(bytes), png::Limits { bytes: PROFILE });
    decoder.set_ignore_text_chunk(true);
    let reader = decoder.read_info().ok()?;
    reader.info().icc_profile.as_ref().map(|profile| profile.to_vec())
}

pub fn strip(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let chunks = chunks(bytes)?;
    let told = of(bytes, &chunks);
    let mut out = MAGIC.to_vec();
    for chunk in chunks.iter().filter(|chunk| STAY.contains(&chunk.kind)) {
        // What says nothing by standing empty may not say something by what stands in it.
        let data = if chunk.kind == b"IEND" { &[] } else { chunk.data };
        if data.len() == chunk.data.len() {
            out.extend_from_slice(chunk.whole)
        } else {
            put(&mut out, chunk.kind, &[])
        }
        if chunk.kind == b"IHDR" {
            told.numbers().inspect(|profile| put_profile(&mut out, profile));
            told.turned().inspect(|orientation| put(&mut out, b"eXIf", &exif::only(*orientation)));
        }
    }
    Ok(out)
}

pub fn with_profile(bytes: &[u8], profile: &[u8]) -> Result<Vec<u8>, PictureError> {
    let chunks = chunks(bytes)?;
    let mut out = MAGIC.to_vec();
    for chunk in chunks {
        out.extend_from_slice(chunk.whole);
        if chunk.kind == b"IHDR" {
            put_profile(&mut out, profile);
        }
    }
    Ok(out)
}

/// A profile without a name of its own, stored in zlib (RFC 1950) without packing.
fn put_profile(out: &mut Vec<u8>, profile: &[u8]) {
    let Ok(length) = u16::try_from(profile.len()) else { return };
    let mut data = b"icc\0\0\x78\x01\x01".to_vec();
    data.extend(length.to_le_bytes());
    data.extend((!length).to_le_bytes());
    data.extend_from_slice(profile);
    data.extend(adler32(profile).to_be_bytes());
    put(out, b"iCCP", &data);
}

fn put(out: &mut Vec<u8>, kind: &[u8], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let begins = out.len();
    out.extend_from_slice(kind);
    out.extend_from_slice(data);
    out.extend(crc32(&out[begins..]).to_be_bytes());
}

/// The checksum of zlib (RFC 1950 §8).
fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}
