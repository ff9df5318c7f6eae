//! The index follows the rows of conversations: what a step changes in them it changes in the index, in the same
//! transaction, so that a message that is gone has left no word behind.
//!
//! The index is derived. `STATE` says for which version of the rules it was made and how far; an index of another
//! version is cleared and made anew in slices, beside everything else. Rows behind the place that the making has
//! come to are not followed: it will come to them.

use std::collections::{BTreeMap, BTreeSet};

use lacre_engine::records::{MessageRecord, row_from_bytes, row_of, visit_rows};
use lacre_engine::{Changes, EngineError, Reader};
use lacre_proto::Millis;

use super::postings::{self, Edits, NUMBER, Numbers, Place, TERM};
use super::said::{Kind, said};
use super::words::words;
use crate::client::OpenError;
use crate::store::Store;

/// Version, then: 0 while old rows are cleared; 1 and the key of the last row while it is made; 2 when it is made.
pub(super) const STATE: u8 = 0x92;
/// Changes whenever other terms would be made of the same messages.
const VERSION: u8 = 1;
/// Messages taken into the index in one transaction while it is made.
const SLICE: usize = 256;
/// Rows of an old index removed in one transaction.
const CLEARED: usize = 4096;

/// How far the index has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// What an older version made is being removed.
    Clearing,
    /// It holds all rows up to this key.
    Making(Vec<u8>),
    /// It holds all rows.
    Made,
}

impl State {
    pub(super) fn read(reader: &dyn Reader) -> Result<Self, EngineError> {
        let bytes = reader.get(&[STATE])?.unwrap_or_default();
        Ok(match bytes.as_slice() {
            [VERSION, 1, last @ ..] => Self::Making(last.to_vec()),
            [VERSION, 2] => Self::Made,
            _ => Self::Clearing,
        })
    }

    fn write(&self, changes: &mut Changes) {
        let bytes = match self {
            Self::Clearing => vec![VERSION, 0],
            Self::Making(last) => [&[VERSION, 1], last.as_slice()].concat(),
            Self::Made => vec![VERSION, 2],
        };
        changes.insert(vec![STATE], Some(bytes));
    }

    fn holds(&self, row: &[u8]) -> bool {
        match self {
            Self::Clearing => false,
            Self::Making(last) => row <= last.as_slice(),
            Self::Made => true,
        }
    }
}

/// Adds to the changes of a step what they change in the index.
pub(crate) fn follow(reader: &dyn Reader, changes: &mut Changes) -> Result<(), EngineError> {
    let rows: Vec<&Vec<u8>> = changes.keys().filter(|key| row_of(key).is_some()).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let state = State::read(reader)?;
    let mut numbers = Numbers::new(reader);
    let (mut edits, mut made) = (Edits::default(), Changes::new());
    for key in rows.into_iter().filter(|key| state.holds(key)) {
        let (conversation, position) = row_of(key).expect("only rows were kept");
        let before = terms_in(reader.get(key)?.as_deref())?;
        let after = terms_in(changes.get(key).and_then(|value| value.as_deref()))?;
        if before == after {
            continue;
        }
        let place = Place::new(position, numbers.or_new(conversation, &mut made)?);
        before.difference(&after).for_each(|term| edits.note(term.clone(), place, false));
        after.difference(&before).for_each(|term| edits.note(term.clone(), place, true));
    }
    edits.apply(reader, &mut made)?;
    changes.extend(made);
    Ok(())
}

/// The next slice of making the index; `None` when it is made.
pub(crate) fn slice(reader: &dyn Reader) -> Result<Option<Changes>, EngineError> {
    let mut changes = Changes::new();
    match State::read(reader)? {
        State::Made => return Ok(None),
        State::Clearing => clear(reader, &mut changes)?,
        State::Making(last) => make(reader, &last, &mut changes)?,
    }
    Ok(Some(changes))
}

fn clear(reader: &dyn Reader, changes: &mut Changes) -> Result<(), EngineError> {
    reader.scan(&[TERM], &[NUMBER + 1], false, &mut |key, _| {
        changes.insert(key.to_vec(), None);
        changes.len() < CLEARED
    })?;
    let next = if changes.is_empty() { State::Making(Vec::new()) } else { State::Clearing };
    next.write(changes);
    Ok(())
}

fn make(reader: &dyn Reader, last: &[u8], changes: &mut Changes) -> Result<(), EngineError> {
    let mut rows = Vec::new();
    visit_rows(reader, last, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        rows.len() < SLICE
    })?;
    let Some((last, _)) = rows.last() else {
        State::Made.write(changes);
        return Ok(());
    };
    State::Making(last.clone()).write(changes);
    let (mut numbers, mut edits) = (Numbers::new(reader), Edits::default());
    for (key, value) in &rows {
        let (conversation, position) = row_of(key).ok_or(EngineError::Corrupt("message"))?;
        let terms = terms_in(Some(value))?;
        if !terms.is_empty() {
            let place = Place::new(position, numbers.or_new(conversation, changes)?);
            terms.into_iter().for_each(|term| edits.note(term, place, true));
        }
    }
    edits.apply(reader, changes)
}

/// Makes what is missing of the index at once; tells after each transaction how many messages it holds, about.
pub fn make_whole(store: &dyn Store, mut tell: impl FnMut(usize)) -> Result<(), OpenError> {
    let mut messages = 0;
    loop {
        let (next, making) = {
            let reader = store.snapshot()?;
            let making = matches!(State::read(reader.as_ref())?, State::Making(_));
            (slice(reader.as_ref())?, making)
        };
        let Some(changes) = next else { return Ok(()) };
        store.commit(&changes)?;
        messages += if making { SLICE } else { 0 };
        tell(messages);
    }
}

/// What a check of the index found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Messages that can be found.
    pub messages: usize,
    /// Different words, kinds, people and days.
    pub terms: usize,
    /// Whether the index is made; while it is not, nothing is compared.
    pub made: bool,
    /// Terms whose places are not those of the messages.
    pub wrong: usize,
}

/// Compares the index with the messages.
pub fn check(reader: &dyn Reader) -> Result<Checked, EngineError> {
    let made = State::read(reader)? == State::Made;
    let numbers = Numbers::new(reader);
    let mut wanted: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    let (mut messages, mut sound) = (0, Ok(()));
    visit_rows(reader, &[], &mut |key, value| {
        sound = note(&numbers, key, value, &mut wanted).map(|found| messages += usize::from(found));
        sound.is_ok()
    })?;
    sound?;
    wanted.values_mut().for_each(|places| places.sort_unstable());
    let found = postings::all(reader)?;
    let terms: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let wrong =
        if made { terms.iter().filter(|term| wanted.get(**term) != found.get(**term)).count() } else { 0 };
    Ok(Checked { messages, terms: found.len(), made, wrong })
}

/// Notes the terms of a row; whether it has any.
fn note(
    numbers: &Numbers<'_>,
    key: &[u8],
    value: &[u8],
    wanted: &mut BTreeMap<String, Vec<Place>>,
) -> Result<bool, EngineError> {
    let (conversation, position) = row_of(key).ok_or(EngineError::Corrupt("message"))?;
    let terms = terms_in(Some(value))?;
    let found = !terms.is_empty();
    // A conversation without a number has no place; its terms are then found to be wrong.
    let place = Place::new(position, numbers.of(conversation)?.unwrap_or(u32::MAX));
    terms.into_iter().for_each(|term| wanted.entry(term).or_default().push(place));
    Ok(found)
}

/// Forgets that the index was made: the client makes it anew the next time it runs.
pub fn forget() -> Changes {
    [(vec![STATE], None)].into()
}

fn terms_in(row: Option<&[u8]>) -> Result<BTreeSet<String>, EngineError> {
    Ok(row.map(row_from_bytes).transpose()?.map(|row| terms(&row)).unwrap_or_default())
}

/// Everything by which a message is found: its words, its kinds, its author, its day.
fn terms(row: &MessageRecord) -> BTreeSet<String> {
    let Some(said) = said(row) else { return BTreeSet::new() };
    let mut terms: BTreeSet<String> =
        words(&said.text).into_iter().map(|word| word_term(&word.folded)).collect();
    terms.extend(said.kinds.iter().map(|kind| kind_term(*kind)));
    terms.insert(author_term(row.author_handle.as_str()));
    terms.insert(day_term(row.sent_ms));
    terms
}

pub(super) fn word_term(folded: &str) -> String {
    format!("w{folded}")
}

pub(super) fn kind_term(kind: Kind) -> String {
    format!("k{}", kind.name())
}

pub(super) fn author_term(handle: &str) -> String {
    format!("f{handle}")
}

/// The day in UTC: what a search between two times looks at before it looks at the messages.
pub(super) fn day_term(time: Millis) -> String {
    format!("d{:012}", time / (24 * 3600 * 1000))
}
