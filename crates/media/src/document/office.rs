//! OOXML (ECMA-376 part 2) and OpenDocument (1.2 part 3): the files of properties in the archive, each replaced by an
//! empty one, stored, as long as the packed one was. What else may name somebody is looked for, and told.

use std::io::{self, Read, Seek};

use lacre_guard::{Entry, Listing, read_at};

use super::Cleaned;
use super::entry::{header, unpack};
use super::search::Search;
use crate::checksum::crc32;
use crate::edits::{Edit, Fill};

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
/// What is unpacked of a document in all, in bytes, to look for names.
const UNPACKED: u64 = 64 * 1024 * 1024;
/// The beginning by which text is told from what is encrypted.
const HEAD: usize = 64;

/// Parts that are about people, devices and other files, whatever is in them.
const ABOUT_PEOPLE: [&str; 8] =
    ["comment", "people", "person", "authors", "revision", "printersettings", "activex", "/embeddings/"];
/// Words of texts beside which a name stands: of who changed or remarked something, refreshed a table, opened the file
/// last; paths on somebody's disk, and a printer.
const NAMES: &[&[u8]] = &[
    b"author=",
    b":creator",
    b"username=",
    b"refreshedby=",
    b"abspath",
    b"file:///",
    b"printername\" config:type=\"string\">",
];
/// What pictures keep their metadata under.
const METADATA: &[&[u8]] = &[
    b"Exif\0\0",
    b"EXIF",
    b"eXIf",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"XMP ",
    b"xmpmeta",
    b"ns.adobe.com/xap",
    b"Photoshop 3.0",
];

/// Whether an archive whose directory cannot be read begins as a document does.
pub fn begins(start: &[u8]) -> bool {
    let name = start.get(30..).filter(|_| start.starts_with(b"PK\x03\x04")).unwrap_or_default();
    name.starts_with(b"[Content_Types].xml") || name.starts_with(b"mimetypeapplication/vnd.oasis")
}

/// Replaces the properties, and looks for names in the rest.
pub fn clean(listing: &Listing, file: &mut (impl Read + Seek)) -> io::Result<Cleaned> {
    if listing.entries.iter().any(|entry| sealed(&entry.name.to_lowercase())) {
        return Ok(Cleaned::untouched());
    }
    let mut cleaned = Cleaned { edits: Vec::new(), rest: !listing.whole };
    let mut left = UNPACKED;
    for entry in &listing.entries {
        let name = entry.name.to_lowercase();
        // A part of an OpenDocument file that is one itself has its own properties.
        let own = if name.ends_with("/meta.xml") { "meta.xml" } else { &name };
        let Some((_, empty)) = PROPERTIES.iter().find(|(property, _)| *property == own) else {
            cleaned.rest = cleaned.rest || names(listing, entry, &name, file, &mut left)?;
            continue;
        };
        if encrypted(listing, entry, file, &mut left)? {
            return Ok(Cleaned::untouched());
        }
        match replaced(listing, entry, empty, file)? {
            Some(edits) => cleaned.edits.extend(edits),
            None => cleaned.rest = true,
        }
    }
    Ok(cleaned)
}

/// Whether this entry makes a signature over the others (ECMA-376 part 2 §13, OpenDocument 1.2 part 3 §5), which any
/// change would break, or holds an encrypted document.
fn sealed(name: &str) -> bool {
    name.starts_with("_xmlsignatures/")
        || name.starts_with("meta-inf/") && name.contains("signatures")
        || name == "encrypted-package"
}

/// Whether properties are no text: OpenDocument encrypts entry by entry (part 3 §3.4), and a reader that has decrypted
/// an entry of ours would find nonsense.
fn encrypted(
    listing: &Listing,
    entry: &Entry,
    file: &mut (impl Read + Seek),
    left: &mut u64,
) -> io::Result<bool> {
    let mut head = Vec::new();
    unpack(listing, entry, file, left, |piece| {
        head.extend_from_slice(&piece[..piece.len().min(HEAD - head.len())]);
    })?;
    let text: Vec<u8> = head.into_iter().filter(|byte| *byte != 0).collect();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let text = text.strip_prefix(b"\xff\xfe").or(text.strip_prefix(b"\xfe\xff")).unwrap_or(text);
    let whole = std::str::from_utf8(text).map_or_else(|error| error.error_len().is_none(), |_| true);
    Ok(!whole || !text.trim_ascii_start().starts_with(b"<"))
}

/// Whether an entry may name somebody.
fn names(
    listing: &Listing,
    entry: &Entry,
    name: &str,
    file: &mut (impl Read + Seek),
    left: &mut u64,
) -> io::Result<bool> {
    if name.ends_with('/') || matches!(name, "mimetype" | "layout-cache") {
        return Ok(false);
    }
    if ABOUT_PEOPLE.iter().any(|part| name.contains(part)) {
        return Ok(true);
    }
    let mut search = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("xml" | "rels" | "rdf" | "vml" | "svg") => Search::in_text(NAMES),
        Some("jpg" | "jpeg" | "jpe" | "jfif" | "png" | "gif" | "webp") => Search::new(METADATA),
        Some("ttf" | "otf" | "odttf" | "fntdata") => return Ok(false),
        // Of other kinds it is not known what they tell.
        _ => return Ok(true),
    };
    let whole = unpack(listing, entry, file, left, |piece| search.push(piece))?;
    Ok(!whole || search.found())
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
    let listed = read_at(file, entry.listed, 46)?;
    let Some((header, data_at)) = header(listing, entry, file)?.filter(|_| room) else { return Ok(None) };
    if listed.len() < 46 || !listed.starts_with(b"PK\x01\x02") {
        return Ok(None);
    }
    let local = listing.before.saturating_add(entry.at);
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
