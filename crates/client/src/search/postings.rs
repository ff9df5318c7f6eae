//! Postings: for each term the places of the messages that have it, in chunks.
//!
//! | key | value |
//! | --- | --- |
//! | `TERM`, term, 0, nothing in the first chunk and else the lowest place that belongs here | the places, ascending, each as its difference from the one before |
//! | `NUMBER`, 0, conversation | the number that stands for it in places |
//! | `NUMBER`, 1, number | the conversation |
//!
//! The index is made of the messages and can be made again, so its rows have no version of their own: the index has
//! one as a whole (see `index`).

use std::collections::{BTreeMap, HashMap};

use lacre_engine::records::Position;
use lacre_engine::{Changes, EngineError, Reader};
use lacre_proto::ConversationId;

/// Term, chunk → places.
pub(super) const TERM: u8 = 0x90;
/// Conversations and their numbers.
pub(super) const NUMBER: u8 = 0x91;
/// Places in a chunk.
const CHUNK: usize = 128;
const CORRUPT: EngineError = EngineError::Corrupt("search index");

/// Where a message stands among all messages of this device, the order of search results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub(super) anchor: u64,
    pub(super) counter: u32,
    /// Stands for the conversation.
    pub(super) number: u32,
}

impl Place {
    pub(super) fn new(position: Position, number: u32) -> Self {
        Self { anchor: position.anchor, counter: position.counter, number }
    }

    pub(super) fn position(&self) -> Position {
        Position { anchor: self.anchor, counter: self.counter }
    }

    /// As bytes, to go on from there later.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.anchor.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.counter.to_be_bytes());
        bytes[12..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// The place of [`Self::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let whole = u128::from_be_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "each takes its own bits")]
        Self { anchor: (whole >> 64) as u64, counter: (whole >> 32) as u32, number: whole as u32 }
    }
}

/// The numbers of conversations, those that are given in this step too.
pub(super) struct Numbers<'a> {
    reader: &'a dyn Reader,
    given: HashMap<ConversationId, u32>,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(reader: &'a dyn Reader) -> Self {
        Self { reader, given: HashMap::new() }
    }

    pub(super) fn of(&self, conversation: ConversationId) -> Result<Option<u32>, EngineError> {
        if let Some(number) = self.given.get(&conversation) {
            return Ok(Some(*number));
        }
        let bytes = self.reader.get(&number_key(conversation))?;
        bytes.map(|bytes| bytes.try_into().map(u32::from_be_bytes).map_err(|_| CORRUPT)).transpose()
    }

    /// The number of a conversation, given now when it has none.
    pub(super) fn or_new(
        &mut self,
        conversation: ConversationId,
        changes: &mut Changes,
    ) -> Result<u32, EngineError> {
        if let Some(number) = self.of(conversation)? {
            self.given.insert(conversation, number);
            return Ok(number);
        }
        let mut last = self.given.values().max().copied();
        self.reader.scan(&[NUMBER, 1], &[NUMBER, 2], true, &mut |key, _| {
            let stored = key.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
            last = last.max(stored);
            false
        })?;
        let number = last.map_or(0, |last| last + 1);
        changes.insert(number_key(conversation), Some(number.to_be_bytes().to_vec()));
        changes.insert(conversation_key(number), Some(conversation.as_ref().to_vec()));
        self.given.insert(conversation, number);
        Ok(number)
    }

    /// The conversation that a number stands for.
    pub(super) fn conversation(&self, number: u32) -> Result<ConversationId, EngineError> {
        let bytes = self.reader.get(&conversation_key(number))?.ok_or(CORRUPT)?;
        ConversationId::try_from(bytes.as_slice()).map_err(|_| CORRUPT)
    }
}

fn number_key(conversation: ConversationId) -> Vec<u8> {
    [&[NUMBER, 0], conversation.as_ref()].concat()
}

fn conversation_key(number: u32) -> Vec<u8> {
    [&[NUMBER, 1], number.to_be_bytes().as_slice()].concat()
}

/// What a step takes from the index (`false`) and puts into it (`true`), by term and place.
#[derive(Debug, Default)]
pub(super) struct Edits(BTreeMap<String, BTreeMap<Place, bool>>);

impl Edits {
    pub(super) fn note(&mut self, term: String, place: Place, there: bool) {
        self.0.entry(term).or_default().insert(place, there);
    }

    /// Works the edits into the chunks that they touch.
    pub(super) fn apply(self, reader: &dyn Reader, changes: &mut Changes) -> Result<(), EngineError> {
        for (term, places) in self.0 {
            let mut chunk: Option<Chunk> = None;
            for (place, there) in places {
                if !chunk.as_ref().is_some_and(|chunk| chunk.takes(place)) {
                    chunk.take().into_iter().for_each(|chunk| chunk.write(&term, changes));
                    chunk = Some(Chunk::at(reader, &term, place)?);
                }
                let chunk = chunk.as_mut().expect("it was just read");
                match (chunk.places.binary_search(&place), there) {
                    (Err(at), true) => chunk.places.insert(at, place),
                    (Ok(at), false) => drop(chunk.places.remove(at)),
                    _ => {}
                }
            }
            chunk.into_iter().for_each(|chunk| chunk.write(&term, changes));
        }
        Ok(())
    }
}

/// A chunk that is being changed.
struct Chunk {
    key: Vec<u8>,
    places: Vec<Place>,
    /// Where the next chunk of the term begins.
    next: Option<Place>,
}

impl Chunk {
    /// The chunk of a term that a place belongs into.
    fn at(reader: &dyn Reader, term: &str, place: Place) -> Result<Self, EngineError> {
        let first = key(term, None);
        let mut behind = key(term, Some(place));
        behind.push(0);
        let mut found = None;
        reader.scan(&first, &behind, true, &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            false
        })?;
        let (key, places) = match found {
            Some((key, value)) => (key, decode(&value)?),
            None => (first, Vec::new()),
        };
        let mut next = None;
        reader.scan(&behind, &end_of(term), false, &mut |key, _| {
            next = key.last_chunk::<16>().copied();
            false
        })?;
        let next = next.map(|bytes| place_of(&bytes));
        Ok(Self { key, places, next })
    }

    fn takes(&self, place: Place) -> bool {
        self.next.is_none_or(|next| place < next)
    }

    /// Puts the chunk back, in several when it has grown too long.
    fn write(self, term: &str, changes: &mut Changes) {
        if self.places.is_empty() {
            changes.insert(self.key, None);
            return;
        }
        // New messages come at the end: the last chunk is filled, one in the middle is halved.
        let pieces = self.places.len().div_ceil(CHUNK);
        let length = if self.next.is_none() { CHUNK } else { self.places.len().div_ceil(pieces) };
        for (at, piece) in self.places.chunks(length).enumerate() {
            let key = if at == 0 { self.key.clone() } else { key(term, Some(piece[0])) };
            changes.insert(key, Some(encode(piece)));
        }
    }
}

/// All places of the terms in a range of keys, ascending, each once.
pub(super) fn places(reader: &dyn Reader, range: &TermRange) -> Result<Vec<Place>, EngineError> {
    let mut all = Vec::new();
    let mut sound = Ok(());
    reader.scan(&range.0, &range.1, false, &mut |_, value| {
        sound = decode_into(value, &mut all);
        sound.is_ok()
    })?;
    sound?;
    if !all.is_sorted() {
        all.sort_unstable();
    }
    all.dedup();
    Ok(all)
}

/// Keys of terms that belong together.
pub(super) struct TermRange(Vec<u8>, Vec<u8>);

impl TermRange {
    /// One term.
    pub(super) fn of(term: &str) -> Self {
        Self(key(term, None), end_of(term))
    }

    /// All terms that begin so.
    pub(super) fn beginning(with: &str) -> Self {
        let from = [&[TERM], with.as_bytes()].concat();
        // No byte of UTF-8 is 0xff.
        let to = [&from, [0xff].as_slice()].concat();
        Self(from, to)
    }

    /// All terms from the first to the last, both included.
    pub(super) fn between(first: &str, last: &str) -> Self {
        Self(key(first, None), end_of(last))
    }
}

/// Every term with its places, as they are stored.
pub(super) fn all(reader: &dyn Reader) -> Result<BTreeMap<String, Vec<Place>>, EngineError> {
    let mut all: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    let mut sound = Ok(());
    reader.scan(&[TERM], &[TERM + 1], false, &mut |key, value| {
        let term = key[1..].split(|byte| *byte == 0).next().unwrap_or_default();
        let places = all.entry(String::from_utf8_lossy(term).into_owned()).or_default();
        sound = decode_into(value, places);
        sound.is_ok()
    })?;
    sound?;
    Ok(all)
}

fn key(term: &str, lowest: Option<Place>) -> Vec<u8> {
    let lowest = lowest.map(Place::to_bytes);
    [&[TERM][..], term.as_bytes(), &[0], lowest.as_ref().map_or(&[], |bytes| bytes.as_slice())].concat()
}

fn end_of(term: &str) -> Vec<u8> {
    [&[TERM], term.as_bytes(), &[1]].concat()
}

fn place_of(bytes: &[u8; 16]) -> Place {
    let anchor = u64::from_be_bytes(bytes[..8].try_into().expect("eight of sixteen"));
    let counter = u32::from_be_bytes(bytes[8..12].try_into().expect("four of sixteen"));
    let number = u32::from_be_bytes(bytes[12..].try_into().expect("four of sixteen"));
    Place { anchor, counter, number }
}

/// Each place as varints: the difference of its anchor, then the rest of it.
fn encode(places: &[Place]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(places.len() * 5);
    let mut before = 0;
    for place in places {
        varint(place.anchor - before, &mut bytes);
        varint(place.counter.into(), &mut bytes);
        varint(place.number.into(), &mut bytes);
        before = place.anchor;
    }
    bytes
}

fn decode(bytes: &[u8]) -> Result<Vec<Place>, EngineError> {
    let mut places = Vec::with_capacity(CHUNK + 1);
    decode_into(bytes, &mut places)?;
    Ok(places)
}

fn decode_into(mut bytes: &[u8], places: &mut Vec<Place>) -> Result<(), EngineError> {
    let mut anchor = 0u64;
    while !bytes.is_empty() {
        anchor = anchor.checked_add(take_varint(&mut bytes)?).ok_or(CORRUPT)?;
        let counter = u32::try_from(take_varint(&mut bytes)?).map_err(|_| CORRUPT)?;
        let number = u32::try_from(take_varint(&mut bytes)?).map_err(|_| CORRUPT)?;
        places.push(Place { anchor, counter, number });
    }
    Ok(())
}

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, EngineError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(CORRUPT)?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        value |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part).ok_or(CORRUPT)?;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(CORRUPT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{MemoryStore, Store};

    fn place(anchor: u64) -> Place {
        Place { anchor, counter: (anchor % 7) as u32, number: (anchor % 3) as u32 }
    }

    fn stored(store: &MemoryStore, term: &str) -> Vec<Place> {
        places(store.snapshot().unwrap().as_ref(), &TermRange::of(term)).unwrap()
    }

    fn edit(store: &MemoryStore, edits: &[(&str, u64, bool)]) {
        let mut noted = Edits::default();
        edits.iter().for_each(|(term, at, there)| noted.note((*term).to_owned(), place(*at), *there));
        let mut changes = Changes::new();
        noted.apply(store.snapshot().unwrap().as_ref(), &mut changes).unwrap();
        store.commit(&changes).unwrap();
    }

    #[test]
    fn chunks_are_full_when_messages_come_in_order() {
        let store = MemoryStore::default();
        for at in 0..1000 {
            edit(&store, &[("w", at, true)]);
        }
        let mut chunks = 0;
        let all = |_: &[u8], _: &[u8]| {
            chunks += 1;
            true
        };
        let mut all = all;
        store.snapshot().unwrap().scan(&[TERM], &[TERM + 1], false, &mut all).unwrap();
        assert_eq!(chunks, 1000usize.div_ceil(CHUNK));
        assert_eq!(stored(&store, "w").len(), 1000);
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        for bytes in [&[0x80][..], &[1, 1], &[0xff; 11], &[1, 0xff, 0xff, 0xff, 0xff, 0x7f, 1]] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
        let top = Place { anchor: u64::MAX, counter: u32::MAX, number: u32::MAX };
        assert_eq!(decode(&encode(&[top])).unwrap(), [top]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn postings_are_the_set_that_the_edits_leave(
            steps in proptest::collection::vec(
                proptest::collection::vec((0..3usize, 0u64..600, any::<bool>()), 1..80), 1..12),
        ) {
            // One term begins another, so that their chunks lie side by side.
            let terms = ["a", "ab", "b"];
            let store = MemoryStore::default();
            let mut model: [std::collections::BTreeSet<Place>; 3] = Default::default();
            for step in steps {
                let mut once = BTreeMap::new();
                for (term, at, there) in step {
                    once.insert((term, at), there);
                }
                for ((term, at), there) in &once {
                    if *there { model[*term].insert(place(*at)); } else { model[*term].remove(&place(*at)); }
                }
                let edits: Vec<_> = once.iter().map(|((term, at), there)| (terms[*term], *at, *there)).collect();
                edit(&store, &edits);
            }
            for (term, model) in terms.iter().zip(&model) {
                prop_assert_eq!(&stored(&store, term), &model.iter().copied().collect::<Vec<_>>());
            }
            let beginning = places(store.snapshot().unwrap().as_ref(), &TermRange::beginning("a")).unwrap();
            prop_assert_eq!(beginning, (&model[0] | &model[1]).into_iter().collect::<Vec<_>>());
            if model.iter().all(|places| places.is_empty()) {
                prop_assert!(all(store.snapshot().unwrap().as_ref()).unwrap().is_empty());
            }
        }
    }
}
