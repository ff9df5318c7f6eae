//! `LacreConversation`: what a conversation is, in its signed group context (type 0xF1AC). Set when the
//! conversation is made and checked by everybody who joins. Of a group the admins, the rules and the timer
//! change by a commit that the policy allows; nothing else ever changes.

use lacre_proto::{AccountId, ConversationId};
use openmls::prelude::{Extension, ExtensionType, Extensions, GroupContext, UnknownExtension};
use serde::{Deserialize, Serialize};

use crate::content::Room;
use crate::records::Rules;

/// The extension's type, in the range for private use.
pub(crate) const TYPE: u16 = 0xF1AC;
const VERSION: u8 = 1;

/// What a conversation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LacreConversation {
    pub(crate) kind: Kind,
    pub(crate) created_by: AccountId,
    /// Groups only: who may change it; in the order of the ids, each once, at least one.
    pub(crate) admins: Vec<AccountId>,
    /// Groups only: who may do what.
    pub(crate) rules: Rules,
    /// Seconds after which messages disappear; 0 for never.
    pub(crate) timer: u32,
    /// Groups only: the group that this one takes the place of. Never changed.
    pub(crate) instead_of: Option<ConversationId>,
}

/// The kinds of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Between two accounts, the lower id first.
    Direct(AccountId, AccountId),
    /// Between the members that the tree names.
    Group,
    /// Between the devices of one account.
    Own(AccountId),
}

impl LacreConversation {
    pub(crate) fn direct(created_by: AccountId, other: AccountId) -> Self {
        let (low, high) = (created_by.min(other), created_by.max(other));
        let kind = Kind::Direct(low, high);
        Self { kind, created_by, admins: Vec::new(), rules: Rules::default(), timer: 0, instead_of: None }
    }

    /// A group that `created_by` begins, its first admin.
    pub(crate) fn group(created_by: AccountId, instead_of: Option<ConversationId>) -> Self {
        let admins = vec![created_by];
        Self { kind: Kind::Group, created_by, admins, rules: Rules::default(), timer: 0, instead_of }
    }

    /// The conversation of an account's own devices.
    pub(crate) fn own(account: AccountId) -> Self {
        let kind = Kind::Own(account);
        let (admins, rules) = (Vec::new(), Rules::default());
        Self { kind, created_by: account, admins, rules, timer: 0, instead_of: None }
    }

    /// Whether its parts hold together.
    pub(crate) fn holds(&self) -> bool {
        let plain = self.admins.is_empty()
            && self.rules == Rules::default()
            && self.timer == 0
            && self.instead_of.is_none();
        match self.kind {
            Kind::Direct(low, high) => {
                low < high && (self.created_by == low || self.created_by == high) && plain
            }
            Kind::Group => !self.admins.is_empty() && self.admins.windows(2).all(|pair| pair[0] < pair[1]),
            Kind::Own(account) => self.created_by == account && plain,
        }
    }

    /// Whether an account may be in it, whoever wants it there.
    pub(crate) fn is_open_to(&self, account: AccountId) -> bool {
        match self.kind {
            Kind::Direct(low, high) => account == low || account == high,
            Kind::Group => true,
            Kind::Own(owner) => account == owner,
        }
    }

    /// What its messages name as their room.
    pub(crate) fn room(&self, id: ConversationId) -> Room {
        match self.kind {
            Kind::Direct(low, high) => Room::direct(low, high),
            Kind::Group => Room::Group(id),
            Kind::Own(account) => Room::Own(account),
        }
    }

    /// Whether an account is an admin of the group.
    pub(crate) fn is_admin(&self, account: AccountId) -> bool {
        self.admins.binary_search(&account).is_ok()
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
