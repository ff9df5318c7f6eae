//! Whether this account wants to hear from somebody.

use lacre_proto::{AccountId, Handle, Millis};
use serde::{Deserialize, Serialize};

/// How this account stands to a conversation. The later wins when two become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standing {
    /// It is with somebody who is blocked.
    Blocked,
    /// Somebody to whom this account never wrote, and whom it did not accept, has begun it or added this account.
    /// Nothing is sent in it, and nothing of it is opened by itself.
    Asked,
    /// This account began it, wrote in it or accepted it.
    Accepted,
}

/// Somebody whom this account has blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRecord {
    /// The account.
    pub account: AccountId,
    /// Its handle, as it was last told.
    pub handle: Handle,
    /// Since when.
    pub since_ms: Millis,
    /// Whether the person had been accepted before.
    pub accepted: bool,
}

/// Where this account was, and wants to hear from no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Quit {
    /// Of a direct conversation, with whom: one that is begun with them later takes a lower id, so that their
    /// device settles on that one.
    pub(crate) with: Option<AccountId>,
}
