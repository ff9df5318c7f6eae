//! What is kept of how a message came, and the signature under a report of it.

use lacre_proto::ConversationId;

use super::{Cx, Engine};
use crate::content::MessageId;
use crate::identity::report;
use crate::records::key::{self, EVIDENCE};

impl Engine {
    /// Signs a report's statement: the device's certificate (an encoded `Signed`), and the signature.
    pub fn sign_report(&self, statement: &[u8]) -> (Vec<u8>, [u8; 64]) {
        (self.certificate.to_credential(), report::sign(statement, &self.secret))
    }

    /// Notes how a message came.
    pub(super) fn keep_evidence(&self, cx: &Cx<'_>, shown_in: ConversationId, id: MessageId) {
        if let Some(evidence) = &cx.arrived {
            cx.put(key::message_in(EVIDENCE, shown_in, id), evidence);
        }
    }
}
