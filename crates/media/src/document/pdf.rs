//! PDF (ISO 32000-2): the properties in the information dictionary (§14.3.3) and XMP packets (§14.3.2), where they are
//! not compressed, become spaces. An encrypted or signed document stays as it is.

use std::io::{self, Read, Seek, SeekFrom};

use super::Cleaned;
use super::search::holds;
use crate::edits::{Edit, Fill};

/// Bytes that are looked at at once.
const BLOCK: usize = 256 * 1024;
/// The longest property or packet that is followed.
const LONGEST: usize = 64 * 1024;
/// Changes in one document.
const EDITS: usize = 10_000;
/// What names a person, a device or a time. Title, subject and keywords are the document's.
const KEYS: [&[u8]; 6] = [b"/Author", b"/Creator", b"/Producer", b"/CreationDate", b"/ModDate", b"/Company"];
const PACKET: (&[u8], &[u8]) = (b"<?xpacket begin", b"<?xpacket end");
/// Where something may be left that cannot be seen here.
const HIDES: [&[u8]; 2] = [b"/ObjStm", b"/Metadata"];
/// What makes a change do harm: in an encrypted document (§7.6) spaces would be read as nonsense, and a signature
/// (§12.8.1) holds for all bytes of a file.
const FIXED: [&[u8]; 2] = [b"/Encrypt", b"/ByteRange"];

/// Reads through the file and finds them.
pub fn clean(file: &mut (impl Read + Seek)) -> io::Result<Cleaned> {
    file.seek(SeekFrom::Start(0))?;
    let mut cleaned = Cleaned::default();
    let (mut held, mut place, mut done, mut fixed) = (Vec::new(), 0u64, 0, false);
    loop {
        let before = held.len();
        file.by_ref().take(BLOCK as u64).read_to_end(&mut held)?;
        let last = held.len() - before < BLOCK;
        // What begins near the end of a block is looked at with the next one.
        let until = if last { held.len() } else { held.len().saturating_sub(LONGEST) };
        fixed |= FIXED.iter().any(|word| holds(&held, word));
        cleaned.rest |= HIDES.iter().any(|word| holds(&held, word));
        while let Some((from, to, next)) = found(&held, done, until) {
            let with = Fill::Repeat(b' ', (to - from) as u64);
            cleaned.edits.push(Edit { at: place + from as u64, with });
            done = next;
        }
        if last || cleaned.edits.len() > EDITS {
            break;
        }
        let gone = until.max(done).min(held.len());
        held.drain(..gone);
        (place, done) = (place + gone as u64, done.saturating_sub(gone));
    }
    if fixed || cleaned.edits.len() > EDITS {
        return Ok(Cleaned::untouched());
    }
    Ok(cleaned)
}

/// The next property or packet that begins from `at` to `until`: from where to where it is blanked, and where to go on.
fn found(bytes: &[u8], at: usize, until: usize) -> Option<(usize, usize, usize)> {
    for start in at..until {
        let rest = &bytes[start..];
        if rest.starts_with(PACKET.0) {
            let window = &rest[..rest.len().min(LONGEST)];
            let from = window.windows(2).position(|pair| pair == b"?>").map_or(0, |end| end + 2);
            let end = window.windows(PACKET.1.len()).position(|window| window == PACKET.1);
            if let Some(end) = end.filter(|end| *end >= from) {
                return Some((start + from, start + end, start + end));
            }
        }
        let key = KEYS.iter().find(|key| rest.starts_with(key));
        if let Some((from, to)) = key.and_then(|key| value(rest, key.len())) {
            return Some((start + from, start + to, start + to));
        }
    }
    None
}

/// The inside of the string after a key: in parentheses, or in hexadecimal.
fn value(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    let open = at + bytes.get(at..)?.iter().position(|byte| !byte.is_ascii_whitespace())?;
    match bytes.get(open)? {
        b'<' if bytes.get(open + 1) != Some(&b'<') => {
            let length = bytes[open + 1..].iter().position(|byte| *byte == b'>')?;
            Some((open + 1, open + 1 + length))
        }
        b'(' => {
            let (mut depth, mut escaped) = (0, false);
            for (place, byte) in bytes.iter().enumerate().skip(open) {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'(' => depth += 1,
                    b')' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    return Some((open + 1, place));
                }
            }
            None
        }
        _ => None,
    }
}
