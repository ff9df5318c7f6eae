//! Boxes (ISO/IEC 14496-12 §4.2).

use std::io::{Read, Seek};

use lacre_guard::read_at;

use super::VideoError;

/// Boxes in one place; a fragment each second for a day is less.
const BOXES: usize = 100_000;
/// The largest body that is read whole.
const BODY: u64 = 64 * 1024 * 1024;

/// Where a box stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoxAt {
    /// Its type.
    pub name: [u8; 4],
    /// Where its header begins.
    pub at: u64,
    /// Where its body begins.
    pub body: u64,
    /// Where it ends.
    pub end: u64,
}

impl BoxAt {
    /// Its body.
    pub fn read(&self, file: &mut (impl Read + Seek)) -> Result<Vec<u8>, VideoError> {
        let length = self.end - self.body;
        if length > BODY {
            return Err(VideoError::TooManyParts);
        }
        let bytes = read_at(file, self.body, length as usize)?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(VideoError::Damaged) }
    }
}

/// The boxes from one place to another, which they fill. A few bytes of nothing at the end are let be.
pub fn boxes(file: &mut (impl Read + Seek), from: u64, to: u64) -> Result<Vec<BoxAt>, VideoError> {
    let mut found = Vec::new();
    let mut at = from;
    while at.checked_add(8).is_some_and(|header| header <= to) {
        let header = read_at(file, at, 16)?;
        let (short, name) = match header[..] {
            [a, b, c, d, e, f, g, h, ..] => (u32::from_be_bytes([a, b, c, d]), [e, f, g, h]),
            _ => return Err(VideoError::Damaged),
        };
        let (head, length) = match short {
            0 if &name == b"\0\0\0\0" => return Ok(found),
            // To the end of the file.
            0 => (8, to - at),
            1 => {
                let long = header.get(8..16).and_then(|bytes| bytes.try_into().ok());
                (16, u64::from_be_bytes(long.ok_or(VideoError::Damaged)?))
            }
            short => (8, u64::from(short)),
        };
        let end =
            at.checked_add(length).filter(|end| length >= head && *end <= to).ok_or(VideoError::Damaged)?;
        found.push(BoxAt { name, at, body: at + head, end });
        if found.len() > BOXES {
            return Err(VideoError::TooManyParts);
        }
        at = end;
    }
    Ok(found)
}

/// The only box of a name.
pub fn named<'a>(boxes: &'a [BoxAt], name: &[u8; 4]) -> Option<&'a BoxAt> {
    boxes.iter().find(|part| &part.name == name)
}

/// A number of four bytes.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// A number of eight bytes.
pub fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}
