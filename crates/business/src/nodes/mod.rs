//! Several nodes of one account: each is a device of it, sealed to as every device is, and answers programs; one of
//! them leads, and tells programs what customers say (ADR 0047).
//!
//! What a node has sent itself it also tells of itself: it alone knows what was asked to come back with it. All else is
//! kept aside by those that do not lead, until the leader has told it or they lead.

mod lead;
mod mark;
mod pass;

use futures_util::future::BoxFuture;
use lacre_proto::{DeviceId, Millis};

use crate::chat::SendError;

pub use self::lead::{Lead, Led};
pub use self::mark::Mark;
pub use self::pass::{NAME, Pass};

/// A device of the business's account: a node of it, or a device that somebody writes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which.
    pub device: DeviceId,
    /// What it is called; may be empty.
    pub name: String,
    /// Whether it is this node's.
    pub is_this: bool,
    /// Since when it is one of the account.
    pub added: Millis,
    /// Until when it may not add or remove others; 0 when it may.
    pub quarantine_until: Millis,
}

/// A linking that was begun here, as far as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linking {
    /// The number is to be typed on the new device.
    Number {
        /// The number, as people read it.
        number: String,
        /// What the new device calls itself.
        name: String,
    },
    /// It is a device of the account now.
    Linked(DeviceId),
    /// It was not let in.
    Failed(String),
}

/// Why something was not done with the devices of the account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodesError {
    /// The code is none.
    #[error("this is no code of a device that wants to be let in")]
    Code,
    /// The account refused.
    #[error("{0}")]
    Refused(String),
    /// The relay did not answer.
    #[error("the relay has not answered; try again")]
    Late,
    /// The device did not answer.
    #[error(transparent)]
    Device(#[from] SendError),
}

/// The devices of the account, for who looks after them.
pub trait Nodes: Send + Sync + 'static {
    /// All of them.
    fn members(&self) -> Result<Vec<Member>, NodesError>;
    /// The linking that was begun last.
    fn linking(&self) -> Option<Linking>;
    /// Lets a device in that shows this code; done when its number is known, or when it came to nothing.
    fn link(&self, code: &str) -> BoxFuture<'_, Result<Linking, NodesError>>;
    /// Takes a device out of the account and of every conversation.
    fn remove(&self, device: DeviceId) -> BoxFuture<'_, Result<(), NodesError>>;
    /// Has this node lead.
    fn take_over(&self) -> BoxFuture<'_, Result<(), NodesError>>;
    /// What they hold alike under names that begin so.
    fn shared(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, NodesError>;
    /// Has them hold this under a name, in place of what it was.
    fn share(&self, name: String, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), NodesError>>;
}
