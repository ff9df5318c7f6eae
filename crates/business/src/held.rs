//! What the device holds of a customer: the part of the sealed side that access and portability are answered from.

use std::ops::Range;

use futures_util::future::BoxFuture;
use lacre_proto::{AccountId, Millis};
use serde_json::Value;

use crate::agreed::{Agreed, Agreements};
use crate::chat::{MessageId, SendError};
use crate::clock::RelayClock;
use crate::terms::Telling;

/// A customer, as the device knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their handle; `None` when it is not known.
    pub handle: Option<String>,
    /// The name that they go by; empty when they have told none.
    pub name: String,
    /// Whether the business has blocked them.
    pub blocked: bool,
    /// What they have agreed to.
    pub agreed: Agreed,
}

/// Where a row stands among those of a customer: each is told once, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which of the conversations with them, from 0.
    pub conversation: u32,
    /// Local order of arrival.
    pub anchor: u64,
    /// The sender's counter.
    pub counter: u32,
}

/// Something that was said, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Where.
    pub place: Place,
    /// What it is known by.
    pub id: MessageId,
    /// What each of its files is known by: of several, all but the first are messages of their own to programs.
    pub files: Vec<MessageId>,
    /// What, in full: id, time, direction, kind, text, the names and sizes of files, and what has become of it.
    pub told: Value,
}

/// A message that was searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// With whom it was said.
    pub customer: AccountId,
    /// What it is known by.
    pub id: MessageId,
    /// When it was said.
    pub at: Millis,
    /// Whether the business said it.
    pub mine: bool,
    /// The part of its text around what was found first, on one line.
    pub excerpt: String,
    /// Where in the excerpt stands what was searched for, in bytes.
    pub matches: Vec<Range<usize>>,
}

/// What was found, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hits {
    /// The messages.
    pub hits: Vec<Hit>,
    /// From where to go on; `None` when there is no more.
    pub next: Option<[u8; 16]>,
    /// Whether all messages were looked at: not while the device makes its index.
    pub complete: bool,
}

/// How much is here of what was said with a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Messages.
    pub count: u64,
    /// When the oldest was said, by the relay's time.
    pub oldest: Option<Millis>,
}

/// The sealed side, where it is asked what it holds of a customer.
pub trait Holdings: Agreements + Telling + RelayClock {
    /// Who a customer is; `None` when the device knows nothing of them.
    fn person(&self, customer: AccountId) -> Result<Option<Person>, SendError>;
    /// Takes everything off the device that was said up to a time; gives how many messages. Asked again, it goes on.
    fn erase(&self, customer: AccountId, before: Millis) -> BoxFuture<'_, Result<u64, SendError>>;
    /// Whether a message was said between a customer and the business.
    fn has(&self, customer: AccountId, message: MessageId) -> Result<bool, SendError>;
    /// What was said with those customers whom a question lets pass, and has all that is searched for in it.
    fn search(
        &self,
        words: &str,
        with: &dyn Fn(AccountId) -> bool,
        before: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Hits, SendError>;
    /// What was said between a customer and the business, before a place or to the end, at most so many, the newest
    /// first.
    fn held_before(
        &self,
        customer: AccountId,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Held>, SendError>;
    /// How much was said with a customer that is here, and when the oldest of it was; of what waits to be sent, nothing.
    fn tally(&self, customer: AccountId) -> Result<Tally, SendError>;
    /// When the first was said of what is here, by the relay's time; `None` when nothing is.
    fn oldest(&self, customer: AccountId) -> Result<Option<Millis>, SendError>;
    /// What was said between a customer and the business, after a place, at most so many.
    fn held(&self, customer: AccountId, after: Option<Place>, limit: usize) -> Result<Vec<Held>, SendError>;
}
