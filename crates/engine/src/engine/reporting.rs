//! What proves to others who said something: the signature under what this device says, the one under what comes, and
//! the one under a report.

use lacre_proto::{ConversationId, DeviceId, wire};
use sha2::{Digest, Sha256};

use super::epochs::digest;
use super::state::What;
use super::{Cx, Engine};
use crate::api::EngineError;
use crate::content::envelope::Envelope;
use crate::content::{Content, MessageId, MimiId, OpenError, Opened};
use crate::defence::Defence;
use crate::identity::{author, report};
use crate::records::key::{self, CERTIFICATE, EVIDENCE};
use crate::records::{Evidence, SealedForm};

/// How the message came that is being taken in.
pub(crate) struct Arrived {
    pub(crate) conversation: ConversationId,
    pub(crate) device: DeviceId,
    /// The certificate of the leaf that sealed it.
    pub(crate) certificate: Vec<u8>,
    pub(crate) sealed: SealedForm,
    /// As what the relay let it through, when it was sent by name; 0 otherwise.
    pub(crate) category: i32,
}

impl Engine {
    /// Signs a report's statement: the device's certificate (an encoded `Signed`), and the signature.
    pub fn sign_report(&self, statement: &[u8]) -> (Vec<u8>, [u8; 64]) {
        (self.certificate.to_credential(), report::sign(statement, &self.secret))
    }

    /// Signs what this device is about to say, and keeps the signature where the message stands.
    pub(super) fn sign_content(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        what: &What,
        content: &[u8],
        mimi: MimiId,
    ) -> Result<[u8; 64], EngineError> {
        let signature = author::sign(&self.secret, id, self.me.device, mimi);
        if let Some((at, message)) = evidence_of(what)
            && cx.exists(&message)?
        {
            let certificate = self.certificate.to_credential();
            let evidence = Evidence {
                conversation: id,
                device: self.me.device,
                certificate: Sha256::digest(&certificate).into(),
                signature: signature.to_vec(),
                content: content.to_vec(),
                sealed: None,
            };
            put(cx, at, &evidence, &certificate)?;
        }
        Ok(signature)
    }

    /// What this device has said has its place.
    pub(super) fn note_place(
        &self,
        cx: &Cx<'_>,
        what: &What,
        item: &wire::Sealed,
    ) -> Result<(), EngineError> {
        let Some((at, _)) = evidence_of(what) else { return Ok(()) };
        if let Some(evidence) = cx.records().read::<Evidence>("evidence", &at)? {
            cx.put(at, &Evidence { sealed: Some(sealed_form(item)), ..evidence });
        }
        Ok(())
    }

    /// Keeps what proves who said the message that is being taken in.
    pub(super) fn keep_evidence(
        &self,
        cx: &Cx<'_>,
        shown_in: ConversationId,
        id: MessageId,
    ) -> Result<(), EngineError> {
        match (&cx.evidence, &cx.arrived) {
            (Some(evidence), Some(Arrived { certificate, .. })) => {
                put(cx, key::message_in(EVIDENCE, shown_in, id), evidence, certificate)
            }
            _ => Ok(()),
        }
    }

    /// The same of an edit that waits for its message, or has it.
    pub(super) fn keep_certificate(&self, cx: &Cx<'_>) -> Result<(), EngineError> {
        match (&cx.evidence, &cx.arrived) {
            (Some(evidence), Some(arrived)) => put_certificate(cx, evidence, &arrived.certificate),
            _ => Ok(()),
        }
    }
}

/// Checks the author's signature under content, and gives what proves it to others.
pub(super) fn proof(
    cx: &Cx<'_>,
    envelope: &Envelope<'_>,
    opened: &Opened,
) -> Result<Option<Evidence>, OpenError> {
    let unsigned = match cx.defends(Defence::Proof) {
        true => Err(OpenError::Unsigned),
        false => Ok(None),
    };
    let (Some(signature), Some(arrived)) = (envelope.signature, &cx.arrived) else {
        return if opened.content.kind().signed { unsigned } else { Ok(None) };
    };
    let Arrived { conversation, device, certificate, sealed, category: _ } = arrived;
    if author::check(certificate, *conversation, *device, opened.mimi_id, signature).is_err() {
        return unsigned;
    }
    Ok(Some(Evidence {
        conversation: *conversation,
        device: *device,
        certificate: Sha256::digest(certificate).into(),
        signature: signature.to_vec(),
        content: opened.bytes.clone(),
        sealed: Some(sealed.clone()),
    }))
}

/// How an item came.
pub(super) fn sealed_form(item: &wire::Sealed) -> SealedForm {
    SealedForm { epoch: item.epoch, sequence: item.sequence, sha256: digest(&item.message) }
}

fn put(cx: &Cx<'_>, at: Vec<u8>, evidence: &Evidence, certificate: &[u8]) -> Result<(), EngineError> {
    cx.put(at, evidence);
    put_certificate(cx, evidence, certificate)
}

fn put_certificate(cx: &Cx<'_>, evidence: &Evidence, certificate: &[u8]) -> Result<(), EngineError> {
    let at = key::key(CERTIFICATE, &[&evidence.certificate]);
    if !cx.exists(&at)? {
        cx.store.put(at, certificate.to_vec());
    }
    Ok(())
}

/// Where the evidence of one's own lies, and the key by which its message is known to be there.
fn evidence_of(what: &What) -> Option<(Vec<u8>, Vec<u8>)> {
    match what {
        What::Message { shown_in, id, .. } => {
            Some((key::message_in(EVIDENCE, *shown_in, *id), key::message_id(*shown_in, *id)))
        }
        What::Aside { shown_in, id, content: Content::Edit { of, .. }, .. } => {
            let first = [key::message_in(key::VERSION, *shown_in, *of), vec![0]].concat();
            Some((key::evidence_of_edit(*shown_in, *of, *id), first))
        }
        _ => None,
    }
}
