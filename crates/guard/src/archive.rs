//! What the directory of an archive or document says about what it does when it is unpacked.

use crate::extension;
use crate::facts::{Facts, Inside};
use crate::kind::Kind;
use crate::reason::Reason;
use crate::window::{holds, u32_at};
use crate::zip::{self, Entry, Listing};

/// An archive that says it unpacks to more than this, and to so many times its size, is made to fill a disk.
const BOMB_SIZE: u64 = 100 * 1024 * 1024;
const BOMB_RATIO: u64 = 100;
/// No ratio is needed for what nobody sends.
const BOMB_TOTAL: u64 = 1 << 40;
/// Deflate cannot do more (1,032 to 1): a size that says so lies, or the entries lie over each other.
const DEFLATE_RATIO: u64 = 1_032;
/// So many archives in an archive are no collection any more.
const NESTED: usize = 16;

/// What is wrong with what lies in a file.
pub fn findings(facts: &Facts) -> Vec<Reason> {
    match (&facts.inside, facts.kind()) {
        (Inside::Broken, _) => vec![Reason::Damaged],
        (Inside::Ole(storage), _) => {
            let rules = [
                (storage.macros(), Reason::Macros),
                (storage.embedded(), Reason::Embedded),
                (storage.locked(), Reason::Locked),
                (storage.summary(), Reason::NamesAuthor),
            ];
            rules.into_iter().filter_map(|(found, reason)| found.then_some(reason)).collect()
        }
        (Inside::Zip(listing), kind) => {
            let mut found = sizes(listing, facts.size);
            match kind {
                Kind::Ooxml | Kind::OpenDocument => found.extend(document(listing)),
                // Programs are that already; what lies in a picture is told as two kinds.
                Kind::Zip | Kind::Epub => found.extend(files(listing)),
                _ => {}
            }
            found
        }
        (Inside::None, Kind::Gzip) => gzip(facts),
        (Inside::None, _) => Vec::new(),
    }
}

/// Whether it is made to grow.
fn sizes(listing: &Listing, size: u64) -> Vec<Reason> {
    let mut found = Vec::new();
    let unpacked = listing.unpacked();
    let ratio = unpacked / size.max(1);
    let lies = listing
        .entries
        .iter()
        .any(|entry| entry.size > BOMB_SIZE && entry.size / entry.packed.max(1) > DEFLATE_RATIO);
    // Entries that lie over each other are counted more than once (Fifield, "A better zip bomb", 2019).
    let overlap = listing.packed() > size;
    if unpacked > BOMB_SIZE && ratio > BOMB_RATIO || unpacked > BOMB_TOTAL || lies || overlap {
        found.push(Reason::Bomb { unpacked });
    }
    if listing.count > zip::ENTRIES as u64 {
        found.push(Reason::ManyFiles);
    } else if !listing.whole {
        found.push(Reason::HiddenFiles);
    }
    found
}

/// The names in an archive.
fn files(listing: &Listing) -> Vec<Reason> {
    let mut found = Vec::new();
    let name = |entry: &&Entry| -> Option<String> { extension::of(entry.name.rsplit(['/', '\\']).next()?) };
    let nested = listing.entries.iter().filter(|entry| name(entry).is_some_and(|name| packed(&name))).count();
    if nested >= NESTED {
        found.push(Reason::NestedBomb);
    } else if nested > 0 {
        found.push(Reason::NestedArchives);
    }
    let program = listing.entries.iter().find(|entry| name(entry).is_some_and(|name| extension::runs(&name)));
    if let Some(program) = program {
        found.push(Reason::ProgramInside(program.name.clone()));
    }
    if listing.entries.iter().any(|entry| escapes(&entry.name)) {
        found.push(Reason::EscapingPath);
    }
    if listing.entries.iter().any(|entry| entry.locked) {
        found.push(Reason::Locked);
    }
    found
}

/// Whether an extension is that of an archive.
fn packed(name: &str) -> bool {
    extension::promised(name).is_some_and(|kinds| kinds.iter().any(|k| k.family() == crate::Family::Archive))
}

/// Whether a path leads out of the folder that it is unpacked in.
fn escapes(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    path.starts_with(['/', '\\'])
        || drive
        || path.contains('\0')
        || path.split(['/', '\\']).any(|part| part == "..")
}

/// What an Office or OpenDocument file holds beside its text.
fn document(listing: &Listing) -> Vec<Reason> {
    let any = |rule: fn(&str) -> bool| listing.entries.iter().any(|entry| rule(&entry.name.to_lowercase()));
    let rules = [
        (any(is_macro), Reason::Macros),
        (any(|name| name.contains("/embeddings/") || name.contains("activex/")), Reason::Embedded),
        (listing.entries.iter().any(|entry| escapes(&entry.name)), Reason::EscapingPath),
        (any(|name| name.starts_with("docprops/") || name == "meta.xml"), Reason::NamesAuthor),
    ];
    rules.into_iter().filter_map(|(found, reason)| found.then_some(reason)).collect()
}

/// VBA's project and Excel's macro sheets (ECMA-376 leaves both to the maker), and the libraries of OpenDocument.
fn is_macro(name: &str) -> bool {
    name.ends_with("vbaproject.bin")
        || name.ends_with("vbadata.xml")
        || name.contains("/macrosheets/")
        || name.starts_with("basic/")
        || name.starts_with("scripts/")
}

/// The last four bytes say what a gzip file unpacks to, modulo 2^32 (RFC 1952 §2.3.1).
fn gzip(facts: &Facts) -> Vec<Reason> {
    let says = facts.end.len().checked_sub(4).and_then(|at| u32_at(&facts.end, at)).unwrap_or(0);
    let unpacked = u64::from(says);
    let bomb = unpacked > BOMB_SIZE && unpacked / facts.size.max(1) > BOMB_RATIO;
    if bomb { vec![Reason::Bomb { unpacked }] } else { Vec::new() }
}

/// What a PDF does when it is opened, as far as it says so uncompressed, and whom it names.
pub fn pdf(facts: &Facts) -> Vec<Reason> {
    let says =
        |words: &[&[u8]]| words.iter().any(|word| holds(&facts.start, word) || holds(&facts.end, word));
    let rules = [
        (says(&[b"/JavaScript", b"/JS", b"/Launch", b"/RichMedia", b"/SubmitForm"]), Reason::ActivePdf),
        (says(&[b"/EmbeddedFile"]), Reason::Embedded),
        (says(&[b"/Encrypt"]), Reason::Locked),
        (says(&[b"/Author", b"/Creator", b"<dc:creator"]), Reason::NamesAuthor),
    ];
    rules.into_iter().filter_map(|(found, reason)| found.then_some(reason)).collect()
}
