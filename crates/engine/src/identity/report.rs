//! The signature under a report: by it the reporter answers for what they state. Nobody else's words are proven by
//! it; `docs/protocol/report.md` tells what is.

use lacre_proto::{label, wire};
use prost::Message;

use super::{Certificate, IdentityError, SignatureSecret, UnverifiedCertificate};

/// Signs a statement with the device's signature key.
pub(crate) fn sign(statement: &[u8], secret: &SignatureSecret) -> [u8; 64] {
    secret.sign(&label::labelled(label::REPORT, statement))
}

/// Whose statement it is: the certificate of the device that signed it. The certificate holds under the identity key
/// that it names; that this key is the account's is for the directory to say.
pub fn reporter(
    statement: &[u8],
    certificate: &[u8],
    signature: &[u8],
) -> Result<Certificate, IdentityError> {
    let signed =
        wire::Signed::decode(certificate).map_err(|_| IdentityError::Malformed("device certificate"))?;
    let certificate = UnverifiedCertificate::from_wire(signed)?;
    let (account, key) = (certificate.claimed_account(), certificate.claimed_identity_key());
    let certificate = certificate.verify(account, &key)?;
    certificate.signature_key().verify(&label::labelled(label::REPORT, statement), signature)?;
    Ok(certificate)
}
