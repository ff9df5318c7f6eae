//! Canaries: a unique string planted in every field of every kind of content, and a search for them in whatever
//! the relay keeps or lets out.
//!
//! The search knows the ways in which a text hides: raw, hexadecimal in both cases, base64 and its URL-safe form
//! at every alignment, UTF-16 in both orders, decimal lists as `Debug` prints bytes, and gzip. A search that
//! finds nothing is only worth something beside a positive control that it does find.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::read::GzDecoder;
use lacre_engine::content::KINDS;

/// The most that one gzip stream is unpacked to.
const UNPACKED: u64 = 64 * 1024 * 1024;

/// A secret that must be found nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// Where it was planted: kind and field.
    pub what: String,
    /// The bytes to look for; at least 12, so that chance does not make them.
    pub secret: Vec<u8>,
}

impl Canary {
    /// A canary for a field, told from all others by the seed of the scenario.
    pub fn new(what: &str, seed: u64) -> Self {
        Self { what: what.to_owned(), secret: format!("canary-{seed:016x}-{what}").into_bytes() }
    }

    /// A canary that is there already: a key, an id, a capability.
    pub fn of(what: &str, secret: &[u8]) -> Self {
        assert!(secret.len() >= 12, "{what}: so few bytes are found by chance");
        Self { what: what.to_owned(), secret: secret.to_vec() }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.secret).expect("a canary for a field is made from text")
    }
}

/// Every field of every kind of content that people fill, as the engine's registry of kinds has them.
pub fn content_fields() -> Vec<&'static str> {
    KINDS.iter().flat_map(|kind| kind.fields.iter().copied()).collect()
}

/// One canary for every field of every kind of content, and one for the control.
pub fn registry(seed: u64) -> Vec<Canary> {
    content_fields().into_iter().map(|field| Canary::new(field, seed)).collect()
}

/// The canary that is planted in clear on purpose, to see that the search finds.
pub fn control(seed: u64) -> Canary {
    Canary::new("control", seed)
}

/// How a canary was written where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// As it is.
    Raw,
    /// Hexadecimal, lower case.
    Hex,
    /// Hexadecimal, upper case.
    HexUpper,
    /// Base64 (RFC 4648 §4).
    Base64,
    /// Base64 for URLs (RFC 4648 §5).
    Base64Url,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// `99, 97, 110`, as `Debug` prints bytes.
    Decimal,
    /// `99,97,110`, as JSON has them.
    DecimalTight,
}

/// A canary that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What was found.
    pub canary: String,
    /// How it was written.
    pub encoding: Encoding,
    /// In which file or stream; `!gzip` when inside a packed part of it.
    pub place: String,
    /// At which byte.
    pub at: usize,
}

/// A search for canaries.
pub struct Search {
    patterns: Vec<(String, Encoding)>,
    automaton: AhoCorasick,
}

impl Search {
    /// A search for these.
    pub fn new(canaries: &[Canary]) -> Self {
        let mut patterns = Vec::new();
        let mut needles = Vec::new();
        for canary in canaries {
            for (encoding, needle) in encodings(&canary.secret) {
                patterns.push((canary.what.clone(), encoding));
                needles.push(needle);
            }
        }
        Self { patterns, automaton: AhoCorasick::new(needles).expect("a few hundred short needles") }
    }

    /// Everything found in bytes, and in the gzip streams inside them.
    pub fn bytes(&self, place: &str, bytes: &[u8]) -> Vec<Hit> {
        let mut hits = self.plain(place, bytes);
        for (at, _) in bytes.windows(3).enumerate().filter(|(_, three)| *three == [0x1f, 0x8b, 8]) {
            let mut unpacked = Vec::new();
            // What is cut off or no gzip at all is searched as far as it unpacks.
            let _ = GzDecoder::new(&bytes[at..]).take(UNPACKED).read_to_end(&mut unpacked);
            hits.extend(self.plain(&format!("{place}!gzip"), &unpacked));
        }
        hits
    }

    /// Everything found in the files of a folder, in their names too.
    pub fn folder(&self, folder: &Path) -> io::Result<Vec<Hit>> {
        let mut hits = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let place = path.display().to_string();
            hits.extend(self.plain(&place, path.file_name().unwrap_or_default().as_encoded_bytes()));
            if path.is_dir() {
                hits.extend(self.folder(&path)?);
            } else if path.is_file() {
                // A socket has nothing to be read.
                hits.extend(self.bytes(&place, &fs::read(&path)?));
            }
        }
        Ok(hits)
    }

    fn plain(&self, place: &str, bytes: &[u8]) -> Vec<Hit> {
        let found = self.automaton.find_overlapping_iter(bytes).map(|found| {
            let (canary, encoding) = self.patterns[found.pattern().as_usize()].clone();
            Hit { canary, encoding, place: place.to_owned(), at: found.start() }
        });
        found.collect()
    }
}

/// All the ways in which a secret may be written.
fn encodings(secret: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
    let list = |separator| secret.iter().map(u8::to_string).collect::<Vec<_>>().join(separator).into_bytes();
    let mut all = vec![
        (Encoding::Raw, secret.to_vec()),
        (Encoding::Hex, hex::encode(secret).into_bytes()),
        (Encoding::HexUpper, hex::encode_upper(secret).into_bytes()),
        (Encoding::Utf16Le, secret.iter().flat_map(|&byte| [byte, 0]).collect()),
        (Encoding::Utf16Be, secret.iter().flat_map(|&byte| [0, byte]).collect()),
        (Encoding::Decimal, list(", ")),
        (Encoding::DecimalTight, list(",")),
    ];
    for before in 0..3 {
        all.push((Encoding::Base64, aligned(&STANDARD_NO_PAD, secret, before)));
        all.push((Encoding::Base64Url, aligned(&URL_SAFE_NO_PAD, secret, before)));
    }
    all
}

/// The characters of a secret in base64 that do not depend on what stands before and after it, when so many
/// bytes stand before it in its group of three.
fn aligned(engine: &impl Engine, secret: &[u8], before: usize) -> Vec<u8> {
    let padded = [&[0; 2][..before], secret].concat();
    let whole = padded.len() / 3 * 4;
    let text = engine.encode(padded).into_bytes();
    text[if before == 0 { 0 } else { 4 }..whole].to_vec()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_search_finds_the_control_in_every_way_that_it_may_be_written() {
        let control = control(7);
        let search = Search::new(std::slice::from_ref(&control));
        for (encoding, needle) in encodings(&control.secret) {
            let stream = [b"before ", &needle[..], b" after"].concat();
            let hits = search.bytes("stream", &stream);
            assert!(hits.iter().any(|hit| hit.encoding == encoding && hit.at == 7), "{encoding:?}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_begins() {
        let control = control(7);
        let search = Search::new(std::slice::from_ref(&control));
        for before in 0..4 {
            let stream = [&b"xxxx"[..before], &control.secret, b"and more"].concat();
            let hits = search.bytes("stream", STANDARD_NO_PAD.encode(stream).as_bytes());
            assert!(hits.iter().any(|hit| hit.encoding == Encoding::Base64), "{before} bytes before it");
        }
    }

    #[test]
    fn packed_streams_and_files_are_searched_and_innocent_ones_give_nothing() {
        let control = control(7);
        let search = Search::new(&registry(7).into_iter().chain([control.clone()]).collect::<Vec<_>>());
        let folder = tempfile::tempdir().unwrap();
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&control.secret).unwrap();
        let packed = [b"head", &packer.finish().unwrap()[..]].concat();
        fs::write(folder.path().join("innocent"), b"nothing to see \x1f\x8b\x08 here").unwrap();
        assert_eq!(search.folder(folder.path()).unwrap(), []);
        fs::create_dir(folder.path().join("deeper")).unwrap();
        fs::write(folder.path().join("deeper/packed"), packed).unwrap();
        let hits = search.folder(folder.path()).unwrap();
        assert_eq!(hits.len(), 1);
        assert_eq!((hits[0].canary.as_str(), hits[0].place.ends_with("packed!gzip")), ("control", true));
    }

    #[test]
    fn every_canary_is_another() {
        let mut all = registry(1);
        all.extend([control(1), control(2)]);
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other.secret != one.secret));
        }
    }
}
