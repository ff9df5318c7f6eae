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

/// Values that are not followed to an end: so many, and then nothing is.
const UNENDED: usize = 64;

/// Reads through the file and finds them.
pub fn clean(file: &mut (impl Read + Seek)) -> io::Result<Cleaned> {
    file.seek(SeekFrom::Start(0))?;
    let mut cleaned = Cleaned::default();
    let (mut held, mut place, mut done, mut unended) = (Vec::new(), 0u64, 0, 0);
    loop {
        let before = held.len();
        file.by_ref().take(BLOCK as u64).read_to_end(&mut held)?;
        let last = held.len() - before < BLOCK;
        // What begins near the end of a block is looked at with the next one.
        let until = if last { held.len() } else { held.len().saturating_sub(LONGEST) };
        cleaned.rest |= HIDES.iter().any(|word| holds(&held, word));
        while let Some(found) = found(&held, done, until) {
            done = found.next;
            match found.what {
                Value::Inside(from, to) => {
                    let with = Fill::Repeat(b' ', (to - from) as u64);
                    cleaned.edits.push(Edit { at: place + from as u64, with });
                }
                Value::Elsewhere => cleaned.rest = true,
                Value::Unended => unended += 1,
            }
            if cleaned.edits.len() > EDITS || unended > UNENDED {
                return Ok(Cleaned::untouched());
            }
        }
        if FIXED.iter().any(|word| holds(&held, word)) {
            return Ok(Cleaned::untouched());
        }
        if last {
            break;
        }
        let gone = until.max(done).min(held.len());
        held.drain(..gone);
        (place, done) = (place + gone as u64, done.saturating_sub(gone));
    }
    cleaned.rest |= unended > 0;
    Ok(cleaned)
}

/// A property or packet that begins somewhere, and where to go on.
struct Found {
    what: Value,
    next: usize,
}

/// Where the value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    /// From here to there: it can be blanked.
    Inside(usize, usize),
    /// Not here: a reference, or nothing that can be blanked.
    Elsewhere,
    /// Its end was not found.
    Unended,
}

/// The next that begins from `at` to `until`.
fn found(bytes: &[u8], at: usize, until: usize) -> Option<Found> {
    for start in at..until {
        if !matches!(bytes[start], b'/' | b'<') {
            continue;
        }
        let window = &bytes[start..bytes.len().min(start + LONGEST)];
        let (what, begins) = if window.starts_with(PACKET.0) {
            (packet(window), PACKET.0.len())
        } else {
            let key = KEYS.iter().find(|key| window.starts_with(key));
            let Some((what, key)) = key.and_then(|key| Some((value(window, key.len())?, key))) else {
                continue;
            };
            (what, key.len())
        };
        return Some(match what {
            Value::Inside(from, to) => {
                Found { what: Value::Inside(start + from, start + to), next: start + to }
            }
            what => Found { what, next: start + begins },
        });
    }
    None
}

/// The inside of a packet that begins here.
fn packet(bytes: &[u8]) -> Value {
    let place = |word: &[u8]| bytes.windows(word.len()).position(|window| window == word);
    let inside = place(b"?>").map(|end| end + 2).zip(place(PACKET.1));
    inside.filter(|(from, to)| from <= to).map_or(Value::Unended, |(from, to)| Value::Inside(from, to))
}

/// The value after a key: the inside of a string in parentheses, or in hexadecimal. `None` for a longer key, or nothing.
fn value(bytes: &[u8], at: usize) -> Option<Value> {
    let delimits = |byte: &u8| byte.is_ascii_whitespace() || b"\0()<>[]{}/%".contains(byte);
    let rest = bytes.get(at..).filter(|rest| rest.first().is_some_and(delimits))?;
    let open = at + rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
    Some(match bytes[open] {
        b'<' if bytes.get(open + 1) != Some(&b'<') => {
            let length = bytes[open + 1..].iter().position(|byte| *byte == b'>');
            length.map_or(Value::Unended, |length| Value::Inside(open + 1, open + 1 + length))
        }
        b'(' => string(bytes, open).map_or(Value::Unended, |end| Value::Inside(open + 1, end)),
        b'n' if bytes[open..].starts_with(b"null") => return None,
        _ => Value::Elsewhere,
    })
}

/// Where the string ends that opens here.
fn string(bytes: &[u8], open: usize) -> Option<usize> {
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
            return Some(place);
        }
    }
    None
}
