//! The device certificate: the credential of a device's MLS leaves.

use lacre_proto::{AccountId, DeviceId, Handle, Millis, label, wire};
use prost::Message;

use super::{IdentityError, IdentityKey, IdentitySecret, SignatureKey, body, encode};

/// A device certificate whose signature holds under the account's pinned identity key, or that was issued here.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    account: AccountId,
    device: DeviceId,
    handle: Handle,
    signature_key: SignatureKey,
    identity_key: IdentityKey,
    issued: Millis,
    signed: wire::Signed,
}

impl Certificate {
    /// Issues the certificate of a device.
    pub fn issue(
        identity: &IdentitySecret,
        account: AccountId,
        device: DeviceId,
        handle: Handle,
        signature_key: SignatureKey,
        now: Millis,
    ) -> Self {
        let body = encode(&wire::DeviceCertificate {
            account: account.to_wire(),
            device: device.to_wire(),
            handle: handle.as_str().to_owned(),
            signature_key: signature_key.to_wire(),
            issued_ms: now,
            identity_key: identity.public().to_wire(),
        });
        let signature = identity.sign(&label::labelled(label::DEVICE_CERTIFICATE, &body));
        let signed = wire::Signed { body, signature: signature.to_vec().into() };
        let identity_key = identity.public();
        Self { account, device, handle, signature_key, identity_key, issued: now, signed }
    }

    /// The account that the device belongs to.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The device.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// The account's handle when the certificate was issued.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The device's signature key.
    pub fn signature_key(&self) -> SignatureKey {
        self.signature_key
    }

    /// The account's identity key.
    pub fn identity_key(&self) -> IdentityKey {
        self.identity_key
    }

    /// When it was issued, by the issuer's clock.
    pub fn issued(&self) -> Millis {
        self.issued
    }

    /// As it goes to the relay at sign-up.
    pub fn to_wire(&self) -> wire::Signed {
        self.signed.clone()
    }

    /// The identity of an MLS basic credential (RFC 9420 §5.3).
    pub fn to_credential(&self) -> Vec<u8> {
        self.signed.encode_to_vec()
    }
}

/// A device certificate from the wire, of which nothing is known yet.
#[derive(Debug)]
pub struct UnverifiedCertificate {
    certificate: Certificate,
}

impl UnverifiedCertificate {
    /// Reads what [`Certificate::to_credential`] gave; only that very encoding is accepted.
    pub fn from_credential(identity: &[u8]) -> Result<Self, IdentityError> {
        const WHAT: &str = "credential";
        if identity.len() > lacre_proto::limits::SIGNED {
            return Err(IdentityError::TooLarge);
        }
        let signed = wire::Signed::decode(identity).map_err(|_| IdentityError::Malformed(WHAT))?;
        if signed.encode_to_vec() != identity {
            return Err(IdentityError::Malformed(WHAT));
        }
        Self::from_wire(signed)
    }

    /// Reads a certificate.
    pub fn from_wire(signed: wire::Signed) -> Result<Self, IdentityError> {
        let wire::DeviceCertificate { account, device, handle, signature_key, issued_ms, identity_key } =
            body(&signed, "device certificate")?;
        let malformed = |_| IdentityError::Malformed("device certificate");
        let certificate = Certificate {
            account: AccountId::try_from(&account).map_err(malformed)?,
            device: DeviceId::try_from(&device).map_err(malformed)?,
            handle: handle.parse().map_err(|_| IdentityError::Malformed("handle"))?,
            signature_key: SignatureKey::from_wire(&signature_key)?,
            identity_key: IdentityKey::from_wire(&identity_key)?,
            issued: issued_ms,
            signed,
        };
        Ok(Self { certificate })
    }

    /// The account that it says it is of: to find the key that it must verify under.
    pub fn claimed_account(&self) -> AccountId {
        self.certificate.account
    }

    /// The identity key that it says it is signed by: to be pinned at first sight, or compared.
    pub fn claimed_identity_key(&self) -> IdentityKey {
        self.certificate.identity_key
    }

    /// Checks it against the account and the identity key that are known or pinned.
    pub fn verify(self, account: AccountId, pinned: &IdentityKey) -> Result<Certificate, IdentityError> {
        let certificate = self.certificate;
        if certificate.account != account {
            return Err(IdentityError::WrongSubject);
        }
        if certificate.identity_key != *pinned {
            return Err(IdentityError::WrongIdentity);
        }
        let wire::Signed { body, signature } = &certificate.signed;
        pinned.verify(&label::labelled(label::DEVICE_CERTIFICATE, body), signature)?;
        Ok(certificate)
    }
}
