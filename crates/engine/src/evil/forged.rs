//! Identities that are not whose they say (D-01).

use lacre_proto::{AccountId, DeviceId, Handle, Millis, wire};
use openmls_rust_crypto::RustCrypto;
use rand_core::CryptoRng;

use crate::EngineError;
use crate::api::{Changes, ReadError, Reader};
use crate::identity::{Certificate, DeviceEntry, DeviceList, IdentitySecret, SignatureSecret};
use crate::mls::group::Myself;
use crate::mls::key_package;
use crate::mls::provider::{Provider, Rand};
use crate::mls::storage::Storage;
use crate::records::Overlay;

/// A device that says it is of somebody else's account: its certificate is signed by an identity key that the
/// attacker made.
pub struct Forged {
    /// The attacker's identity key, which is not the account's.
    pub identity_key: bytes::Bytes,
    /// A device list of the account with the attacker's device in it.
    pub device_list: wire::Signed,
    /// The certificate of that device.
    pub certificate: wire::Signed,
    /// A key package of it: an `MLSMessage`.
    pub key_package: Vec<u8>,
    /// The private part of the key package, as records of a store: with it the attacker reads.
    pub changes: Changes,
}

struct Nothing;

impl Reader for Nothing {
    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(None)
    }
    fn scan(
        &self,
        _: &[u8],
        _: &[u8],
        _: bool,
        _: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        Ok(())
    }
}

impl Forged {
    /// Forges a device of an account.
    pub fn of(
        account: AccountId,
        device: DeviceId,
        handle: Handle,
        now: Millis,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, EngineError> {
        let identity = IdentitySecret::generate(rng);
        let secret = SignatureSecret::generate(rng);
        let certificate = Certificate::issue(&identity, account, device, handle, secret.public(), now);
        let entry = DeviceEntry {
            device,
            signature_key: secret.public(),
            added: now,
            quarantine_until: 0,
            added_by: None,
        };
        let list = DeviceList::first(&identity, account, entry);
        let crypto = RustCrypto::default();
        let store = Overlay::new(&Nothing);
        let provider = Provider { crypto: &crypto, storage: Storage(&store), rand: Rand::new(rng) };
        let me = Myself { certificate: &certificate, secret: &secret };
        let key_package = key_package::make(&provider, &store, &me, false, now)?;
        Ok(Self {
            identity_key: identity.public().to_wire(),
            device_list: list.to_wire(),
            certificate: certificate.to_wire(),
            key_package,
            changes: store.into_changes(),
        })
    }
}
