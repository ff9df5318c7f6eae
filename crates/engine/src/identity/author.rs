//! The author's signature under content: with it anybody who is shown the content can see who said it, and where.
//!
//! It covers the conversation, the device and the content's MIMI id, which is a hash over the author, the room and the
//! encoded content with its salt (`docs/adr/0025-authors-sign-what-they-say.md`).

use lacre_proto::{ConversationId, DeviceId, label, wire};
use openmls::prelude::Credential;
use prost::Message;

use super::{Certificate, IdentityError, SignatureSecret, UnverifiedCertificate, verify};
use crate::content::{self, Address, MimiId, OpenError, Opened};

/// Signs content for a conversation with the device's signature key.
pub(crate) fn sign(
    secret: &SignatureSecret,
    conversation: ConversationId,
    device: DeviceId,
    message: MimiId,
) -> [u8; 64] {
    secret.sign(&label::author(conversation, device, &message.0))
}

/// Checks the signature under a message that was opened: `credential` is that of the leaf that sealed it, which was
/// verified when it came in.
pub(crate) fn check(
    credential: &[u8],
    conversation: ConversationId,
    device: DeviceId,
    message: MimiId,
    signature: &[u8; 64],
) -> Result<(), IdentityError> {
    const WHAT: &str = "credential";
    let malformed = |_| IdentityError::Malformed(WHAT);
    let signed = wire::Signed::decode(credential).map_err(malformed)?;
    let certificate = wire::DeviceCertificate::decode(signed.body).map_err(malformed)?;
    let key = certificate.signature_key.as_ref().try_into().map_err(|_| IdentityError::BadKey)?;
    verify(key, &label::author(conversation, device, &message.0), signature)
}

/// The bytes of a leaf's certificate.
pub(crate) fn certificate_in(credential: Credential) -> Option<Vec<u8>> {
    let basic = openmls::prelude::BasicCredential::try_from(credential).ok()?;
    Some(basic.identity().to_vec())
}

/// Content with what proves to anybody who said it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// The conversation in which it was said.
    pub conversation: ConversationId,
    /// The content in its encoded form, as it was sealed.
    pub content: &'a [u8],
    /// The author's signature.
    pub signature: &'a [u8],
    /// The encoded certificate of the device that signed.
    pub certificate: &'a [u8],
}

/// Why content is not shown to be its author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FalseProof {
    /// The certificate does not hold, or the signature is not of its device.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The content does not decode, or names another author than the certificate's.
    #[error(transparent)]
    Content(#[from] OpenError),
}

impl Signed<'_> {
    /// Without looking at the signature: to show what it is for.
    #[cfg(feature = "evil")]
    pub(crate) fn believe(self) -> Result<(Certificate, Opened, Address), FalseProof> {
        self.names()
    }

    /// Checks certificate, content and signature, in this order. The certificate holds under the identity key that it
    /// names: that this key is the account's is for the caller to know, or the directory to say.
    pub fn prove(self) -> Result<(Certificate, Opened, Address), FalseProof> {
        let (certificate, opened, address) = self.names()?;
        let said = label::author(self.conversation, certificate.device(), &opened.mimi_id.0);
        certificate.signature_key().verify(&said, self.signature)?;
        Ok((certificate, opened, address))
    }

    /// What it says it is: a certificate that holds, and content of its account.
    fn names(self) -> Result<(Certificate, Opened, Address), FalseProof> {
        let certificate = UnverifiedCertificate::from_credential(self.certificate)?;
        let (account, key) = (certificate.claimed_account(), certificate.claimed_identity_key());
        let certificate = certificate.verify(account, &key)?;
        let unproven = content::read(self.content)?;
        let room = unproven.claimed_room().ok_or(OpenError::FalseRoom)?.to_owned();
        let address = Address { room, ..Address::of(account) };
        let opened = unproven.prove(&address)?;
        Ok((certificate, opened, address))
    }
}
