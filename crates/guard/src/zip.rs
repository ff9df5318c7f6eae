//! The directory of a ZIP file (PKWARE APPNOTE 6.3.10), read with limits and without unpacking anything.

use std::io::{self, Read, Seek};

use crate::window::{read_at, u16_at, u32_at, u64_at};

/// Entries that are looked at; a file with more is told as one that holds too many.
pub const ENTRIES: usize = 10_000;
/// The largest directory that is read, in bytes.
const DIRECTORY: u64 = 4 * 1024 * 1024;
/// The end record with the longest comment (§4.3.16).
const END_RECORD: u64 = 22 + 65_535;
/// What it begins with.
const END: &[u8] = b"PK\x05\x06";
/// What an entry of the directory begins with.
const LISTED: &[u8] = b"PK\x01\x02";

/// One file in a ZIP file, as the directory tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub name: String,
    /// Bytes that it takes in the archive.
    pub packed: u64,
    /// Bytes that it is said to unpack to.
    pub size: u64,
    /// Whether a password is asked for.
    pub locked: bool,
    /// Where its header stands, from the beginning of the archive.
    pub at: u64,
    /// Where it stands in the directory, from the beginning of the file.
    pub listed: u64,
}

/// What the directory tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The files, at most 10,000 of them.
    pub entries: Vec<Entry>,
    /// How many the archive says that it has.
    pub count: u64,
    /// Whether these are all: the directory was read to its end, says as many as it has, and is the only one that an
    /// unpacker could take.
    pub whole: bool,
    /// The media type that the first entry declares (OpenDocument, EPUB), when it does.
    pub mimetype: Option<String>,
    /// Bytes before the archive begins: of another file that stands before it.
    pub before: u64,
}

impl Listing {
    /// Whether an entry of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// What all entries are said to unpack to.
    pub fn unpacked(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
    }

    /// What all entries take.
    pub fn packed(&self) -> u64 {
        self.entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.packed))
    }
}

/// Reads the directory; `None` when there is none. What was read of one that is not whole is told.
pub fn listing(file: &mut (impl Read + Seek), size: u64) -> io::Result<Option<Listing>> {
    let from = size.saturating_sub(END_RECORD);
    let tail = read_at(file, from, END_RECORD as usize)?;
    let places = 0..tail.len().saturating_sub(21);
    let exact = places.clone().rev().find(|at| ends_here(&tail, *at));
    // Unpackers take a record after which something stands, too.
    let any = || places.rev().find(|at| tail[*at..].starts_with(END));
    let Some(end_at) = exact.or_else(any) else { return Ok(None) };
    let end_place = from + end_at as u64;
    let Some(end) = end_record(file, &tail[end_at..], end_place)? else { return Ok(None) };
    // It stands before its end. An unpacker that only looks where it is said to be may find another one.
    let mut begins = end.place.checked_sub(end.length).filter(|begins| *begins >= end.offset);
    if end.length > 0 && !lists(file, begins)? {
        begins = Some(end.offset).filter(|offset| *offset < size);
    }
    let Some(begins) = begins else { return Ok(None) };
    let directory = read_at(file, begins, end.length.min(DIRECTORY) as usize)?;
    let mut listing = Listing { count: end.count, before: begins - end.offset, ..Listing::default() };
    let mut at = 0;
    while listing.entries.len() < ENTRIES {
        let Some((entry, next)) = entry(&directory, at) else { break };
        listing.entries.push(Entry { listed: begins + at as u64, ..entry });
        at = next;
    }
    let read = at as u64 == end.length && listing.entries.len() as u64 == end.count;
    listing.whole = read && exact.is_some() && !end.differs;
    if listing.entries.is_empty() && !listing.whole {
        return Ok(None);
    }
    listing.mimetype = mimetype(file, &listing)?;
    Ok(Some(listing))
}

/// Whether an entry of a directory stands at this place.
fn lists(file: &mut (impl Read + Seek), at: Option<u64>) -> io::Result<bool> {
    Ok(match at {
        Some(at) => read_at(file, at, 4)?.starts_with(LISTED),
        None => false,
    })
}

/// Whether an end record stands here whose comment reaches to the end of the file.
fn ends_here(tail: &[u8], at: usize) -> bool {
    tail[at..].starts_with(END)
        && u16_at(tail, at + 20).is_some_and(|comment| at + 22 + usize::from(comment) == tail.len())
}

/// What the end record says, or the longer one of ZIP64 before it: where the directory ends, and what it is.
struct End {
    place: u64,
    count: u64,
    length: u64,
    offset: u64,
    /// Whether the two say different things, so that it is up to an unpacker which files there are.
    differs: bool,
}

fn end_record(file: &mut (impl Read + Seek), end: &[u8], place: u64) -> io::Result<Option<End>> {
    let short = || {
        let (count, length) = (u64::from(u16_at(end, 10)?), u32_at(end, 12)?.into());
        Some(End { place, count, length, offset: u32_at(end, 16)?.into(), differs: false })
    };
    let Some(short) = short() else { return Ok(None) };
    let wants_long = short.count == 0xffff || short.length == 0xffff_ffff || short.offset == 0xffff_ffff;
    let Some(locator_at) = place.checked_sub(20) else { return Ok(Some(short)) };
    let locator = read_at(file, locator_at, 20)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok(Some(short));
    }
    let long = match u64_at(&locator, 8).filter(|at| *at < locator_at) {
        Some(place) => long_record(&read_at(file, place, 56)?, place),
        None => None,
    };
    let agree = |long, short, unsaid| long == short || short == unsaid;
    let agrees = long.as_ref().is_some_and(|long| {
        agree(long.count, short.count, 0xffff)
            && agree(long.length, short.length, 0xffff_ffff)
            && agree(long.offset, short.offset, 0xffff_ffff)
    });
    Ok(match long {
        Some(long) if wants_long || agrees => Some(End { differs: !agrees, ..long }),
        None if wants_long => None,
        _ => Some(End { differs: true, ..short }),
    })
}

/// The end record of ZIP64 (§4.3.14).
fn long_record(record: &[u8], place: u64) -> Option<End> {
    let (count, length, offset) = (u64_at(record, 32)?, u64_at(record, 40)?, u64_at(record, 48)?);
    record.starts_with(b"PK\x06\x06").then_some(End { place, count, length, offset, differs: false })
}

/// The entry at a place of the directory, and where the next one begins.
fn entry(directory: &[u8], at: usize) -> Option<(Entry, usize)> {
    let header = directory.get(at..)?;
    if !header.starts_with(LISTED) {
        return None;
    }
    let length = |at| Some(usize::from(u16_at(header, at)?));
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let name_bytes = header.get(46..46 + name)?;
    let extra_bytes = header.get(46 + name..46 + name + extra)?;
    let mut long = long_numbers(extra_bytes);
    let mut number = |at| match u32_at(header, at)? {
        u32::MAX => Some(long.next().unwrap_or(u64::from(u32::MAX))),
        short => Some(u64::from(short)),
    };
    // In the order of ZIP64's extra field (§4.5.3).
    let (size, packed, place) = (number(24)?, number(20)?, number(42)?);
    let entry = Entry {
        name: String::from_utf8_lossy(name_bytes).into_owned(),
        packed,
        size,
        locked: u16_at(header, 8)? & 1 != 0,
        at: place,
        listed: 0,
    };
    let next = at + 46 + name + extra + comment;
    (next <= directory.len()).then_some((entry, next))
}

/// The numbers of ZIP64's extra field.
fn long_numbers(mut extra: &[u8]) -> impl Iterator<Item = u64> {
    let mut numbers = Vec::new();
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some(body) = extra.get(4..4 + usize::from(length)) else { break };
        if id == 1 {
            numbers.extend(body.chunks_exact(8).filter_map(|chunk| u64_at(chunk, 0)));
        }
        extra = &extra[4 + usize::from(length)..];
    }
    numbers.into_iter()
}

/// OpenDocument and EPUB: an entry `mimetype`, the first, stored as it is.
fn mimetype(file: &mut (impl Read + Seek), listing: &Listing) -> io::Result<Option<String>> {
    let Some(first) = listing.entries.iter().find(|entry| entry.name == "mimetype" && entry.size <= 128)
    else {
        return Ok(None);
    };
    let header = read_at(file, listing.before.saturating_add(first.at), 30 + 8 + 65_535)?;
    let text = || {
        let begins = 30 + usize::from(u16_at(&header, 26)?) + usize::from(u16_at(&header, 28)?);
        let stored = u16_at(&header, 8)? == 0;
        let text = header.get(begins..begins + first.packed.min(128) as usize)?;
        stored.then(|| String::from_utf8_lossy(text).trim().to_owned())
    };
    Ok(text())
}
