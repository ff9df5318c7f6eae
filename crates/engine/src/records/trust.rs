//! How well a person's identity is known: pinned, compared, or another than it was.

use lacre_proto::{AccountId, Handle, Millis};
use serde::{Deserialize, Serialize};

use super::{ConversationKind, ConversationRecord, Records, key};
use crate::EngineError;
use crate::engine::state::Member;
use crate::identity::{IdentityKey, SafetyNumber};

/// How well the identity of an account is known on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Its key was pinned when it was first met.
    Pinned,
    /// The safety number was compared, and was the same.
    Verified,
    /// The directory gives its handle to another identity; nothing is sent to it until that is accepted.
    Changed,
    /// It has a handle that was somebody else's, and was not accepted yet.
    New,
    /// Another identity was accepted in its place.
    Past,
}

impl Trust {
    /// The stable name, as it stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::Verified => "verified",
            Self::Changed => "changed",
            Self::New => "new_identity",
            Self::Past => "past_identity",
        }
    }
}

/// The directory has given the handle of a pinned person to another identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// Who is pinned.
    pub from: AccountId,
    /// The handle.
    pub handle: Handle,
    /// The account that has it now, as the directory says; it may be the same.
    pub account: AccountId,
    /// The identity key of that account.
    pub identity_key: [u8; 32],
    /// When it was noticed.
    pub noticed_ms: Millis,
    /// Since when the safety number with who is pinned was known to be right, if it was compared.
    pub verified_ms: Option<Millis>,
    /// What the directory said: an encoded `Account`.
    pub(crate) told: Vec<u8>,
}

/// That a safety number was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Compared {
    /// The identity key that it was made of.
    pub(crate) identity_key: [u8; 32],
    pub(crate) since_ms: Millis,
}

impl Records<'_> {
    /// Since when the safety number with a person is known to be right; `None` when it was not compared, or their
    /// key has changed since.
    pub fn verified(&self, account: AccountId) -> Result<Option<Millis>, EngineError> {
        let compared: Option<Compared> = self.read("compared", &key::account(key::COMPARED, account))?;
        let Some(compared) = compared else { return Ok(None) };
        let pinned = self.contact(account)?.map(|contact| contact.identity_key);
        Ok((pinned == Some(compared.identity_key)).then_some(compared.since_ms))
    }

    /// The other identity that a pinned person has come with, and that waits to be accepted.
    pub fn key_change(&self, from: AccountId) -> Result<Option<KeyChange>, EngineError> {
        self.read("key change", &key::account(key::KEY_CHANGE, from))
    }

    /// All identities that wait to be accepted.
    pub fn key_changes(&self) -> Result<Vec<KeyChange>, EngineError> {
        Ok(self.all("key change", &[key::KEY_CHANGE])?.into_iter().map(|(_, change)| change).collect())
    }

    /// How well an account is known; `None` when nothing is.
    pub fn trust(&self, account: AccountId) -> Result<Option<Trust>, EngineError> {
        let changes = self.key_changes()?;
        if changes.iter().any(|change| change.from == account) {
            return Ok(Some(Trust::Changed));
        }
        if changes.iter().any(|change| change.account == account) {
            return Ok(Some(Trust::New));
        }
        Ok(match self.contact(account)? {
            None => None,
            Some(contact) if contact.succeeded_by.is_some() => Some(Trust::Past),
            Some(_) if self.verified(account)?.is_some() => Some(Trust::Verified),
            Some(_) => Some(Trust::Pinned),
        })
    }

    /// Whether what is said in a conversation waits until somebody's new identity was accepted: between two when
    /// either of the two identities is the other side, in a group when the new one is there.
    pub fn is_held(&self, record: &ConversationRecord) -> Result<bool, EngineError> {
        let changes = self.key_changes()?;
        if changes.is_empty() {
            return Ok(false);
        }
        Ok(match (record.kind, record.peer) {
            (ConversationKind::Direct, Some(peer)) => {
                changes.iter().any(|change| change.from == peer || change.account == peer)
            }
            (ConversationKind::Direct, None) => {
                changes.iter().any(|change| record.handle.as_ref() == Some(&change.handle))
            }
            (ConversationKind::Group, _) => {
                let members: Vec<(_, Member)> =
                    self.all("member", &key::conversation(key::MEMBER, record.id))?;
                let there = |account| members.iter().any(|(_, member)| member.account == account);
                changes.iter().any(|change| change.account != change.from && there(change.account))
            }
            (ConversationKind::Own, _) => false,
        })
    }

    /// The safety number with the identity that waits to be accepted.
    pub fn safety_number_after(&self, change: &KeyChange) -> Result<Option<SafetyNumber>, EngineError> {
        let Some(me) = self.me()? else { return Ok(None) };
        let key = |bytes: &[u8; 32]| {
            IdentityKey::from_wire(bytes).map_err(|_| EngineError::Corrupt("an identity key"))
        };
        let (mine, theirs) = (key(&me.identity_key)?, key(&change.identity_key)?);
        Ok(Some(SafetyNumber::new((me.account, &mine), (change.account, &theirs))))
    }
}
