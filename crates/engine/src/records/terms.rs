//! What businesses tell of themselves before anybody writes to them: what they keep, and who acts for them.

use lacre_proto::{AccountId, Millis, wire};
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Records, key};
use crate::EngineError;

/// What a business tells, as a device of it has signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsRecord {
    /// The business.
    pub business: AccountId,
    /// What is said.
    pub terms: Terms,
    /// When it was signed, by the relay's time.
    pub issued_ms: Millis,
    /// Grows with each.
    pub revision: u64,
    /// The document: an encoded `Signed` over a `BusinessTerms`.
    pub document: Vec<u8>,
    /// Whether the relay has it.
    pub acknowledged: bool,
}

impl TermsRecord {
    /// SHA-256 of what was signed: by it a customer's consent says what they were shown.
    pub fn hash(&self) -> [u8; 32] {
        let signed = wire::Signed::decode(self.document.as_slice()).unwrap_or_default();
        Sha256::digest(&signed.body).into()
    }
}

/// What a business keeps and why, and who acts for it. What it says is not made safe for a screen.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What is done with what customers write, in the business's words; may be empty.
    pub notice: String,
    /// For how many days it keeps what was said; 0 when it has told none.
    pub keeps_days: u32,
    /// Everybody outside the business who may act for it.
    pub providers: Vec<Provider>,
}

/// Names and notices go into no log.
impl std::fmt::Debug for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terms").field("providers", &self.providers.len()).finish_non_exhaustive()
    }
}

/// Somebody outside a business who acts for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// By what the business knows it.
    pub id: u64,
    /// As customers are told.
    pub name: String,
    /// What for.
    pub purpose: String,
    /// What it may do, by the names of the business's node.
    pub scopes: Vec<String>,
    /// Since when.
    pub from_ms: Millis,
    /// Until when.
    pub until_ms: Millis,
    /// The Ed25519 key that its requests are signed by, where it has one.
    pub key: Option<[u8; 32]>,
}

impl Terms {
    /// The names of those who act for the business at a time, in their order.
    pub fn acting(&self, at: Millis) -> impl Iterator<Item = &Provider> {
        self.providers.iter().filter(move |it| it.from_ms <= at && at < it.until_ms)
    }
}

impl From<wire::Provider> for Provider {
    fn from(it: wire::Provider) -> Self {
        let key = <[u8; 32]>::try_from(it.key.as_ref()).ok();
        let wire::Provider { id, name, purpose, scopes, from_ms, until_ms, .. } = it;
        Self { id, name, purpose, scopes, from_ms, until_ms, key }
    }
}

impl From<Provider> for wire::Provider {
    fn from(it: Provider) -> Self {
        let key = it.key.map(|key| key.to_vec()).unwrap_or_default().into();
        let Provider { id, name, purpose, scopes, from_ms, until_ms, .. } = it;
        Self { id, name, purpose, scopes, from_ms, until_ms, key }
    }
}

impl Records<'_> {
    /// What a business tells of itself.
    pub fn terms(&self, business: AccountId) -> Result<Option<TermsRecord>, EngineError> {
        self.read("terms", &key::account(key::TERMS, business))
    }
}
