//! What a program asks for under an id of its own happens once, whatever becomes of the program: the id is stored
//! in the same transaction as the message that was made for it.

use lacre_engine::{Changes, EngineError, Event, IntentId, Reader};
use lacre_proto::ConversationId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::content::MessageId;
use crate::driver::Queued;

/// SHA-256 of the caller's id → what became of it. Kept as long as the profile.
const ONCE: u8 = 0x93;
/// Message → that it was made for such an id.
const SAID: u8 = 0x95;
const VERSION: u8 = 1;

/// The longest id, in bytes.
pub const ID: usize = 128;

/// What was asked for under an id has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// What it has become, now or the first time.
    pub queued: Queued,
    /// Whether it was asked for before; nothing was done now.
    pub again: bool,
}

/// An id, and what is asked for under it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    id: [u8; 32],
    what: [u8; 32],
}

/// As it is stored: a version byte, then postcard.
#[derive(Serialize, Deserialize)]
struct Stored {
    what: [u8; 32],
    message: Option<(ConversationId, MessageId)>,
}

impl Asked {
    pub(crate) fn new(id: &str, what: &[u8]) -> Self {
        Self { id: Sha256::digest(id).into(), what: Sha256::digest(what).into() }
    }

    /// What became of it the first time; `Err` when the id stands for something else.
    pub(crate) fn before(&self, reader: &dyn Reader) -> Result<Result<Option<Once>, ()>, EngineError> {
        let Some(bytes) = reader.get(&self.key())? else { return Ok(Ok(None)) };
        let body = bytes.strip_prefix(&[VERSION]).ok_or(EngineError::Corrupt("id of a send"))?;
        let stored: Stored = postcard::from_bytes(body).map_err(|_| EngineError::Corrupt("id of a send"))?;
        if stored.what != self.what {
            return Ok(Err(()));
        }
        let queued =
            stored.message.map_or(Queued::Done, |(conversation, id)| Queued::Message(conversation, id));
        Ok(Ok(Some(Once { queued, again: true })))
    }

    /// Stores the id with what a step has made of the intent; not when it refused it.
    pub(crate) fn note(&self, intent: IntentId, events: &[Event], changes: &mut Changes) {
        let mut message = None;
        for event in events {
            match event {
                Event::Queued(id, conversation, made) if *id == intent => {
                    message = Some((*conversation, *made))
                }
                Event::Refused(id, _) if *id == intent => return,
                _ => {}
            }
        }
        if let Some((_, id)) = message {
            changes.insert(said_key(id), Some(vec![VERSION]));
        }
        let stored = Stored { what: self.what, message };
        let bytes = postcard::to_extend(&stored, vec![VERSION]).expect("it serializes into memory");
        changes.insert(self.key(), Some(bytes));
    }

    fn key(&self) -> Vec<u8> {
        [&[ONCE], self.id.as_slice()].concat()
    }
}

/// Whether a message was made on this device for something that was asked for under an id.
pub(crate) fn is_said_here(reader: &dyn Reader, id: MessageId) -> Result<bool, EngineError> {
    Ok(reader.get(&said_key(id))?.is_some())
}

fn said_key(id: MessageId) -> Vec<u8> {
    [&[SAID], id.0.as_slice()].concat()
}
