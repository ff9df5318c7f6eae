//! The journal: what has changed, in order, for who must miss nothing of it. A change is noted in the transaction that
//! makes it, and stays until it is let go: also over a crash, and while nobody listens.
//!
//! It is kept from when it was first asked for, and begins by saying that all that was there before is to be looked at.

use lacre_engine::{Changes, EngineError, Event, Reader};
use lacre_proto::{AccountId, ConversationId};
use serde::{Deserialize, Serialize};

use crate::content::MessageId;

/// The number of the next entry, where a journal is kept; then number → entry.
const JOURNAL: u8 = 0x94;
const VERSION: u8 = 1;

/// What has changed. It names things; how they are now is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Changed {
    /// The journal begins: everything may be new.
    Everything,
    /// A message appeared, changed or went.
    Message(ConversationId, MessageId),
    /// Every message of a conversation may be new: another has become one with it.
    Conversation(ConversationId),
    /// What a customer has consented to.
    Consent(AccountId),
}

impl Changed {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::MessageChanged(conversation, message) => Some(Self::Message(*conversation, *message)),
            Event::ConversationMerged(_, stays) => Some(Self::Conversation(*stays)),
            Event::Consent(customer) => Some(Self::Consent(*customer)),
            _ => None,
        }
    }
}

/// Begins a journal, where none is kept.
pub(crate) fn begin(reader: &dyn Reader) -> Result<Changes, EngineError> {
    let mut changes = Changes::new();
    if next(reader)?.is_none() {
        note(1, [Changed::Everything], &mut changes);
    }
    Ok(changes)
}

/// Notes what a step has changed, where a journal is kept.
pub(crate) fn follow(
    reader: &dyn Reader,
    events: &[Event],
    changes: &mut Changes,
) -> Result<(), EngineError> {
    let mut changed = events.iter().filter_map(Changed::of).peekable();
    if changed.peek().is_some()
        && let Some(next) = next(reader)?
    {
        note(next, changed, changes);
    }
    Ok(())
}

/// Up to `limit` entries that were not let go, the oldest first, each with its number.
pub(crate) fn read(reader: &dyn Reader, limit: usize) -> Result<Vec<(u64, Changed)>, EngineError> {
    let mut entries = Vec::new();
    reader.scan(&entry(0), &[JOURNAL + 1], false, &mut |key, value| {
        let number = key.get(1..).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
        let what = value.strip_prefix(&[VERSION]).and_then(|value| postcard::from_bytes(value).ok());
        entries.push(number.zip(what).ok_or(EngineError::Corrupt("journal")));
        entries.len() < limit
    })?;
    entries.into_iter().collect()
}

/// Lets the entries up to a number go.
pub(crate) fn let_go(reader: &dyn Reader, up_to: u64) -> Result<Changes, EngineError> {
    let mut changes = Changes::new();
    reader.scan(&entry(0), &entry(up_to.saturating_add(1)), false, &mut |key, _| {
        changes.insert(key.to_vec(), None);
        true
    })?;
    Ok(changes)
}

fn note(first: u64, changed: impl IntoIterator<Item = Changed>, changes: &mut Changes) {
    let mut next = first;
    for what in changed {
        let bytes = postcard::to_extend(&what, vec![VERSION]).expect("it serializes into memory");
        changes.insert(entry(next), Some(bytes));
        next += 1;
    }
    changes.insert(vec![JOURNAL], Some([&[VERSION], next.to_be_bytes().as_slice()].concat()));
}

fn next(reader: &dyn Reader) -> Result<Option<u64>, EngineError> {
    let Some(bytes) = reader.get(&[JOURNAL])? else { return Ok(None) };
    let number = bytes.strip_prefix(&[VERSION]).and_then(|number| number.try_into().ok());
    number.map(|number| Some(u64::from_be_bytes(number))).ok_or(EngineError::Corrupt("journal"))
}

fn entry(number: u64) -> Vec<u8> {
    [&[JOURNAL], number.to_be_bytes().as_slice()].concat()
}
