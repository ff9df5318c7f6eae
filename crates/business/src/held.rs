//! What the device holds of a customer: the part of the sealed side that access and portability are answered from.

use futures_util::future::BoxFuture;
use lacre_proto::{AccountId, Millis};
use serde_json::Value;

use crate::agreed::{Agreed, Agreements};
use crate::chat::{MessageId, SendError};

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

/// How much is here of what was said with a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Messages.
    pub count: u64,
    /// When the oldest was said, by the relay's time.
    pub oldest: Option<Millis>,
}

/// The sealed side, where it is asked what it holds of a customer.
pub trait Holdings: Agreements {
    /// Who a customer is; `None` when the device knows nothing of them.
    fn person(&self, customer: AccountId) -> Result<Option<Person>, SendError>;
    /// Takes everything off the device that was said up to a time; gives how many messages. Asked again, it goes on.
    fn erase(&self, customer: AccountId, before: Millis) -> BoxFuture<'_, Result<u64, SendError>>;
    /// How much was said with a customer that is here, and when the oldest of it was; of what waits to be sent, nothing.
    fn tally(&self, customer: AccountId) -> Result<Tally, SendError>;
    /// When the first was said of what is here, by the relay's time; `None` when nothing is.
    fn oldest(&self, customer: AccountId) -> Result<Option<Millis>, SendError>;
    /// What time it is at the relay, as far as the device knows, when the clock of this machine shows `now`.
    fn relay_now(&self, now: Millis) -> Result<Millis, SendError>;
    /// What was said between a customer and the business, after a place, at most so many.
    fn held(&self, customer: AccountId, after: Option<Place>, limit: usize) -> Result<Vec<Held>, SendError>;
}
