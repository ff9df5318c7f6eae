//! OOXML (ECMA-376 part 2) and OpenDocument (1.2 part 3): the files of properties in the archive, each replaced by an
//! empty one, stored, as long as the packed one was.

use std::io::{self, Read, Seek};

use lacre_guard::{Entry, Listing};

use super::Cleaned;
use crate::checksum::crc32;
use crate::edits::{Edit, Fill, read_at};

/// The files of properties, and what is left of each.
const PROPERTIES: [(&str, &str); 4] = [
    (
        "docprops/core.xml",
        r#"<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>"#,
    ),
    (
        "docprops/app.xml",
        r#"<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"/>"#,
    ),
    (
        "docprops/custom.xml",
        r#"<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"/>"#,
    ),
    (
        "meta.xml",
        r#"<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" office:version="1.2"/>"#,
    ),
];
/// Properties that are larger are none.
const LARGEST: u64 = 1024 * 1024;

/// Replaces the properties.
pub fn clean(listing: &Listing, file: &mut (impl Read + Seek)) -> io::Result<Cleaned> {
    let mut cleaned = Cleaned::default();
    for entry in &listing.entries {
        let name = entry.name.to_lowercase();
        // Who commented is named beside the comment, which is text.
        cleaned.rest |= ["comments", "people", "persons"].iter().any(|part| name.contains(part));
        let Some((_, empty)) = PROPERTIES.iter().find(|(property, _)| *property == name) else { continue };
        match replaced(listing, entry, empty, file)? {
            Some(edits) => cleaned.edits.extend(edits),
            None => cleaned.rest = true,
        }
    }
    Ok(cleaned)
}

/// An entry that holds `empty` and spaces, stored: its headers and its data (PKWARE APPNOTE §4.3.7, §4.3.12). `None` when
/// it has no room for that.
fn replaced(
    listing: &Listing,
    entry: &Entry,
    empty: &str,
    file: &mut (impl Read + Seek),
) -> io::Result<Option<[Edit; 5]>> {
    let room = entry.packed >= empty.len() as u64 && entry.packed <= LARGEST && !entry.locked;
    let local = listing.before.saturating_add(entry.at);
    let (header, listed) = (read_at(file, local, 30)?, read_at(file, entry.listed, 46)?);
    if !room || !header.starts_with(b"PK\x03\x04") || !listed.starts_with(b"PK\x01\x02") {
        return Ok(None);
    }
    let length = |at: usize| u64::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let data_at = local + 30 + length(26) + length(28);
    let mut data = empty.as_bytes().to_vec();
    data.resize(entry.packed as usize, b' ');
    let sums: Vec<u8> = [crc32(&data), entry.packed as u32, entry.packed as u32]
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    // Stored, and no sums after the data: the flag for them goes. Its time of change goes too.
    let flags = |low: u8, high: u8| vec![low & !0x08, high, 0, 0, 0, 0, 0x21, 0];
    Ok(Some([
        Edit { at: local + 6, with: Fill::Bytes(flags(header[6], header[7])) },
        Edit { at: local + 14, with: Fill::Bytes(sums.clone()) },
        Edit { at: data_at, with: Fill::Bytes(data) },
        Edit { at: entry.listed + 8, with: Fill::Bytes(flags(listed[8], listed[9])) },
        Edit { at: entry.listed + 16, with: Fill::Bytes(sums) },
    ]))
}
