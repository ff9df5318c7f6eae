//! `LacreConversation`: what a conversation is, in its signed group context (type 0xF1AC). Set when the
//! conversation is made, checked by everybody who joins, never changed.

use lacre_proto::AccountId;
use openmls::prelude::{Extension, ExtensionType, Extensions, GroupContext, UnknownExtension};
use serde::{Deserialize, Serialize};

/// The extension's type, in the range for private use.
pub(crate) const TYPE: u16 = 0xF1AC;
const VERSION: u8 = 1;

/// What a conversation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LacreConversation {
    pub(crate) kind: Kind,
    pub(crate) created_by: AccountId,
    /// Groups only, and empty until there are some.
    pub(crate) admins: Vec<AccountId>,
    /// Groups only: who may do what.
    pub(crate) rules: u32,
    /// Seconds after which messages disappear; 0 for never.
    pub(crate) timer: u32,
}

/// The kinds of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Between two accounts, the lower id first.
    Direct(AccountId, AccountId),
}

impl LacreConversation {
    pub(crate) fn direct(created_by: AccountId, other: AccountId) -> Self {
        let (low, high) = (created_by.min(other), created_by.max(other));
        let kind = Kind::Direct(low, high);
        Self { kind, created_by, admins: Vec::new(), rules: 0, timer: 0 }
    }

    /// The other account of a direct conversation of `me`; `None` when it does not hold together.
    pub(crate) fn peer_of(&self, me: AccountId) -> Option<AccountId> {
        let Kind::Direct(low, high) = self.kind;
        let peer = if me == low { high } else { low };
        let holds = low < high
            && (me == low || me == high)
            && (self.created_by == low || self.created_by == high)
            && self.admins.is_empty()
            && self.rules == 0
            && self.timer == 0;
        holds.then_some(peer)
    }

    pub(crate) fn to_extension(&self) -> Extension {
        let bytes = postcard::to_extend(self, vec![VERSION]).expect("it serializes into memory");
        Extension::Unknown(TYPE, UnknownExtension(bytes))
    }

    /// Reads it from a group context; `None` when it is not there or of another version.
    pub(crate) fn of(extensions: &Extensions<GroupContext>) -> Option<Self> {
        match extensions.unknown(TYPE)?.0.split_first()? {
            (&VERSION, body) => {
                let (extension, rest) = postcard::take_from_bytes(body).ok()?;
                rest.is_empty().then_some(extension)
            }
            _ => None,
        }
    }
}

/// What every member must be able to do, so that nobody is let in who would not check the extension.
pub(crate) fn extension_type() -> ExtensionType {
    ExtensionType::Unknown(TYPE)
}
