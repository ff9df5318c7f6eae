//! What lies in an entry of an archive, read through in pieces and within limits.

use std::io::{self, Read, Seek, SeekFrom};

use lacre_guard::{Entry, Listing, read_at};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

/// The header before an entry's data (PKWARE APPNOTE §4.3.7), without name and extra field.
const HEADER: usize = 30;

/// The header of an entry, and where its data begins; `None` when there is none.
pub fn header(
    listing: &Listing,
    entry: &Entry,
    file: &mut (impl Read + Seek),
) -> io::Result<Option<(Vec<u8>, u64)>> {
    let at = listing.before.saturating_add(entry.at);
    let header = read_at(file, at, HEADER)?;
    if header.len() < HEADER || !header.starts_with(b"PK\x03\x04") {
        return Ok(None);
    }
    let length = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let data = at.saturating_add(HEADER as u64 + length(26) + length(28));
    Ok(Some((header, data)))
}

/// Hands over the unpacked bytes of an entry, and takes them off what may be unpacked. `false` when they could not be
/// read to their end: locked, damaged, packed by a way that is not known, or too many.
pub fn unpack(
    listing: &Listing,
    entry: &Entry,
    file: &mut (impl Read + Seek),
    left: &mut u64,
    mut take: impl FnMut(&[u8]),
) -> io::Result<bool> {
    let Some((header, data)) = header(listing, entry, file)?.filter(|_| !entry.locked) else {
        return Ok(false);
    };
    let mut spend = |count: usize| left.checked_sub(count as u64).map(|rest| *left = rest).is_some();
    file.seek(SeekFrom::Start(data))?;
    let mut packed = file.take(entry.packed);
    let mut input = vec![0; 32 * 1024];
    match header[8..10] {
        [0, 0] => loop {
            let count = packed.read(&mut input)?;
            if count == 0 || !spend(count) {
                return Ok(count == 0 && packed.limit() == 0);
            }
            take(&input[..count]);
        },
        [8, 0] => {
            let mut state = InflateState::new_boxed(DataFormat::Raw);
            let mut output = vec![0; 64 * 1024];
            let (mut from, mut until) = (0, 0);
            loop {
                if from == until {
                    (from, until) = (0, packed.read(&mut input)?);
                }
                let done = inflate(&mut state, &input[from..until], &mut output, MZFlush::None);
                from += done.bytes_consumed;
                take(&output[..done.bytes_written]);
                match done.status {
                    _ if !spend(done.bytes_written) => return Ok(false),
                    Ok(MZStatus::StreamEnd) => return Ok(true),
                    Ok(_) if done.bytes_consumed + done.bytes_written > 0 => {}
                    _ => return Ok(false),
                }
            }
        }
        _ => Ok(false),
    }
}
