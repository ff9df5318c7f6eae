//! What is kept of a message to show others whose it is.

use lacre_proto::{ConversationId, DeviceId};
use serde::{Deserialize, Serialize};

use super::{Records, key};
use crate::EngineError;
use crate::content::MessageId;
use crate::identity::Signed;

/// What proves who said something, and how it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The conversation for which it was signed; of two that became one it may be the other.
    pub conversation: ConversationId,
    /// The device that said it.
    pub device: DeviceId,
    /// SHA-256 of the certificate of that device; see [`Records::certificate`].
    pub certificate: [u8; 32],
    /// The author's signature, 64 bytes.
    pub signature: Vec<u8>,
    /// The content in its encoded form, as it was sealed.
    pub content: Vec<u8>,
    /// How it came; `None` for what this device has not opened itself, or that has no place yet.
    pub sealed: Option<SealedForm>,
}

/// How a message came: what a report of it can name, and the relay may still know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedForm {
    /// The epoch in which it was sealed.
    pub epoch: u64,
    /// The place that the relay gave it in the conversation.
    pub sequence: u64,
    /// SHA-256 of its sealed form.
    pub sha256: [u8; 32],
}

impl Evidence {
    /// What is to be proven, with the certificate of [`certificate`](Self::certificate).
    pub fn signed<'a>(&'a self, certificate: &'a [u8]) -> Signed<'a> {
        let Self { conversation, content, signature, .. } = self;
        Signed { conversation: *conversation, content, signature, certificate }
    }
}

impl Records<'_> {
    /// What proves who said a message first.
    pub fn evidence(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Evidence>, EngineError> {
        self.read("evidence", &key::message_in(key::EVIDENCE, conversation, id))
    }

    /// What proves who said the newest form of a message that was edited.
    pub fn evidence_of_edit(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Evidence>, EngineError> {
        match self.newest_edit(conversation, id)? {
            Some(edit) => self.read("evidence", &key::evidence_of_edit(conversation, id, edit)),
            None => Ok(None),
        }
    }

    /// The encoded certificate of this SHA-256.
    pub fn certificate(&self, sha256: &[u8; 32]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.0.get(&key::key(key::CERTIFICATE, &[sha256]))?)
    }

    /// The id of the newest edit of a message.
    fn newest_edit(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<MessageId>, EngineError> {
        let mut newest = None;
        let edits = [key::message_in(key::VERSION, conversation, id), vec![1]].concat();
        self.0.scan(&edits, &key::end(&edits), true, &mut |key, _| {
            newest = key.last_chunk().map(|edit| MessageId(*edit));
            false
        })?;
        Ok(newest)
    }
}
