//! What people note of a customer for each other. The customer never hears of it.

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};

use super::{ChangeError, Conversation, Conversations};
use crate::audit::Who;
use crate::store::{Store, StoreError, bytes_of, table};

/// Notes of one conversation at most.
pub const NOTES_MAX: usize = 500;

/// A note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its number in its conversation; never given twice.
    pub number: u64,
    /// Who wrote it.
    pub by: Who,
    /// When.
    pub at: Millis,
    /// When it was last edited.
    pub edited: Option<Millis>,
    /// Who did.
    pub edited_by: Option<Who>,
    /// Grows with each edit; the first is 1.
    pub version: u64,
    /// What it says.
    pub body: String,
}

impl<D: Data> Conversations<D> {
    /// The notes of a conversation, in their order.
    pub async fn notes(&self, customer: AccountId) -> Result<Vec<Note>, StoreError> {
        Ok(rows(&self.store, customer).await?.into_iter().map(|(_, note)| note).collect())
    }

    /// Adds a note to a conversation; whoever may see it is asked first, with the conversation as it is then.
    pub async fn add_note(
        &self,
        customer: AccountId,
        by: Who,
        at: Millis,
        body: &str,
        sees: impl Fn(&Conversation) -> bool,
    ) -> Result<Note, ChangeError> {
        if self.notes(customer).await?.len() >= NOTES_MAX {
            return Err(ChangeError::TooMany("notes"));
        }
        let mut made = None;
        self.edit(customer, |conversation, batch| {
            if !sees(conversation) {
                return Err(ChangeError::Unknown("conversation"));
            }
            let (batch, note) = with_note(conversation, batch, customer, (by, at, body));
            made = Some(note);
            Ok(batch)
        })
        .await?;
        made.ok_or(ChangeError::Unknown("note"))
    }

    /// Gives a note of the version that was seen another text, or takes it away when there is none. Whether they may
    /// is asked with the note as it is then.
    pub async fn edit_note(
        &self,
        customer: AccountId,
        number: u64,
        version: u64,
        body: Option<(&str, Who, Millis)>,
        may: impl Fn(&Note) -> bool,
    ) -> Result<Option<Note>, ChangeError> {
        let key = key(customer, number);
        let edit = |kept: &mut Option<Note>| {
            let note = kept.as_mut().ok_or(ChangeError::Unknown("note"))?;
            if !may(note) {
                return Err(ChangeError::NotAllowed);
            }
            if note.version != version {
                return Err(ChangeError::Stale(note.version));
            }
            match body {
                Some((body, by, now)) => {
                    (note.body, note.version) = (body.to_owned(), version + 1);
                    (note.edited, note.edited_by) = (Some(now), Some(by));
                }
                None => *kept = None,
            }
            Ok(kept.clone())
        };
        // What is refused is written as it was.
        self.store.change("a note", &key, edit).await?
    }
}

/// A batch with one more note in it.
pub(super) fn with_note(
    conversation: &mut Conversation,
    batch: Batch,
    customer: AccountId,
    (by, at, body): (Who, Millis, &str),
) -> (Batch, Note) {
    conversation.notes += 1;
    let number = conversation.notes;
    let note = Note { number, by, at, edited: None, edited_by: None, version: 1, body: body.to_owned() };
    (batch.put(key(customer, number), bytes_of(&note)), note)
}

pub(super) async fn rows<D: Data>(
    store: &Store<D>,
    customer: AccountId,
) -> Result<Vec<(Key, Note)>, StoreError> {
    let prefix = Key::new(table::INBOX, &[b"n", customer.as_ref()]);
    store.list("a note", &prefix, None, usize::MAX).await
}

fn key(customer: AccountId, number: u64) -> Key {
    Key::new(table::INBOX, &[b"n", customer.as_ref(), &number.to_be_bytes()])
}
