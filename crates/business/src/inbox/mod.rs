//! What customers and the business have with each other, as the people of the business work on it: one record a
//! customer, with notes beside it; the inboxes that conversations lie in; and replies that are kept ready.
//!
//! | status | when | goes on to |
//! |---|---|---|
//! | `waiting` | the customer wrote, and nobody has answered since | `open` by an answer, `closed` by somebody |
//! | `open` | it was answered, or the business wrote first | `waiting` when the customer writes, `closed` by somebody |
//! | `closed` | somebody closed it | `waiting` when the customer writes, `open` by somebody |
//!
//! One that is snoozed stands in no queue until its time has come, or the customer writes.
//!
//! What customers say is written down in the batch that takes the events of the sealed side ([`heard()`]), what programs
//! and people say in the batch that notes what was sent ([`said()`]): a node that dies loses neither.
//!
//! | key of the table | value |
//! |---|---|
//! | `c` account | a [`Conversation`] |
//! | `n` account, number | a [`Note`] |
//! | `b` account, message | who of the business said it |
//! | `i` name | since when there is an inbox of this name |
//! | `r` name | a [`Canned`] reply |

mod canned;
mod conversation;
mod heard;
mod names;
mod note;
mod replying;

use lacre_client::search::Query;
use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};

pub use canned::{CANNED_MAX, Canned, CannedReplies};
pub use conversation::{Change, Conversation, LABELS_MAX, Status, View};
pub use heard::{heard, said};
pub use names::{Inboxes, MAIN};
pub use note::{NOTES_MAX, Note};
pub use replying::{LASTS, Replying};

use crate::audit::Who;
use crate::chat::MessageId;
use crate::store::{Store, StoreError, bytes_of, end_of, record, table};

/// Why nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// There is no such thing, or it is not theirs to see.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// It was changed since: this is its version now.
    #[error("it was changed meanwhile: its version is {0}")]
    Stale(u64),
    /// They may not do this to it.
    #[error("this may not be done by them")]
    NotAllowed,
    /// It cannot be so.
    #[error("{0}")]
    Invalid(&'static str),
    /// There would be too many.
    #[error("there are too many {0}")]
    TooMany(&'static str),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The conversations of a node, with their notes.
#[derive(Clone)]
pub struct Conversations<D> {
    store: Store<D>,
}

impl<D: Data> Conversations<D> {
    /// The conversations in a store.
    pub fn new(store: Store<D>) -> Self {
        Self { store }
    }

    /// The conversation with a customer; `None` when nothing was said yet.
    pub async fn get(&self, customer: AccountId) -> Result<Option<Conversation>, StoreError> {
        self.store.read("a conversation", &key(customer)).await
    }

    /// All of them.
    pub async fn all(&self) -> Result<Vec<(AccountId, Conversation)>, StoreError> {
        let prefix = Key::new(table::INBOX, &[b"c"]);
        let rows = self.store.list::<Conversation>("a conversation", &prefix, None, usize::MAX).await?;
        let known = rows.into_iter().map(|(key, conversation)| {
            let account = key.as_bytes().get(2..).and_then(|it| it.try_into().ok()).map(AccountId);
            Ok((account.ok_or(StoreError::Corrupt("the key of a conversation"))?, conversation))
        });
        known.collect()
    }

    /// Changes a conversation of the version that was seen, with a note that says why where there is one. Whether they
    /// see it, and may do this to it, is asked with the conversation as it is then.
    pub async fn change(
        &self,
        customer: AccountId,
        version: u64,
        change: &Change,
        note: Option<(Who, Millis, &str)>,
        may: impl Fn(&Conversation) -> Result<(), ChangeError>,
    ) -> Result<Conversation, ChangeError> {
        self.edit(customer, |conversation, batch| {
            may(conversation)?;
            if conversation.version != version {
                return Err(ChangeError::Stale(conversation.version));
            }
            conversation.change(change)?;
            conversation.version += 1;
            Ok(match note {
                Some(note) => note::with_note(conversation, batch, customer, note).0,
                None => batch,
            })
        })
        .await
    }

    /// Edits a conversation of any version, which stays.
    async fn edit(
        &self,
        customer: AccountId,
        mut edit: impl FnMut(&mut Conversation, Batch) -> Result<Batch, ChangeError>,
    ) -> Result<Conversation, ChangeError> {
        let key = key(customer);
        loop {
            let before = self.store.0.get(&key).await.map_err(StoreError::from)?;
            let before = before.ok_or(ChangeError::Unknown("conversation"))?;
            let mut conversation: Conversation = record("a conversation", &before)?;
            let batch = Batch::new().assert(key.clone(), Expected::Value(before));
            let batch = edit(&mut conversation, batch)?.put(key.clone(), bytes_of(&conversation));
            match self.store.write(batch).await {
                Ok(()) => return Ok(conversation),
                Err(StoreError::Write(WriteError::Conflict(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Notes who of the business said something.
    pub async fn said_by(
        &self,
        customer: AccountId,
        message: MessageId,
        who: Who,
    ) -> Result<(), ChangeError> {
        let by = by_key(customer, &message.0);
        let note = |conversation: &mut Conversation, batch: Batch| {
            conversation.answered_by = Some(who);
            Ok(batch.put(by.clone(), bytes_of(&who)))
        };
        self.edit(customer, note).await.map(drop)
    }

    /// Who of the business said something; `None` when a program did, or another device.
    pub async fn sayer(&self, customer: AccountId, message: MessageId) -> Result<Option<Who>, StoreError> {
        self.store.read("who said something", &by_key(customer, &message.0)).await
    }
}

/// Forgets what was noted of a customer up to a time, `noted` by this machine's clock; gives how many notes. A customer who
/// has written since `before`, by the relay's, waits on.
pub async fn forget<D: Data>(
    store: &Store<D>,
    customer: AccountId,
    before: Millis,
    noted: Millis,
) -> Result<u64, StoreError> {
    // First the conversation: nothing is noted of one that is not there.
    let forget = |it: &mut Option<Conversation>| {
        let since = it.as_ref().and_then(|it| it.wrote).filter(|it| *it > before);
        *it = it.take().and_then(|it| since.map(|since| it.begun_anew(since)));
    };
    let is_gone = store
        .change("a conversation", &key(customer), |it| {
            forget(it);
            it.is_none()
        })
        .await?;
    // Their numbers would be given again.
    let goes = |note: &Note| is_gone || note.at <= noted;
    let notes = note::rows(store, customer).await?.into_iter().filter(|(_, note)| goes(note));
    let batch = notes.fold(Batch::new(), |batch, (key, _)| batch.delete(key));
    let gone = batch.ops.len() as u64;
    let by = by_key(customer, &[]);
    store.write(batch.delete_range(by.clone(), end_of(&by))).await?;
    Ok(gone)
}

fn key(customer: AccountId) -> Key {
    Key::new(table::INBOX, &[b"c", customer.as_ref()])
}

fn by_key(customer: AccountId, message: &[u8]) -> Key {
    Key::new(table::INBOX, &[b"b", customer.as_ref(), message])
}

/// What is searched for in notes and labels: by the same rules as in what was said.
pub struct Words(Query);

impl Words {
    /// Reads what a person typed; `None` when there is no word in it.
    pub fn of(typed: &str) -> Option<Self> {
        Some(Query::new(typed)).filter(|it| !it.is_empty()).map(Self)
    }

    /// Whether all of them stand in a text.
    pub fn are_in(&self, text: &str) -> bool {
        self.0.is_in(text)
    }
}

/// Whether something is a name that inboxes and replies can have: it stands in addresses.
pub fn is_name(name: &str) -> bool {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"._-".contains(&it);
    (1..=40).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests;
