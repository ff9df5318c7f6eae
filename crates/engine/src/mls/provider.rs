//! What OpenMLS runs on: RustCrypto, the step's randomness, the step's overlay.

use std::cell::RefCell;
use std::convert::Infallible;

use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use openmls_traits::random::OpenMlsRand;
use rand_core::CryptoRng;

use super::storage::Storage;

/// The step's randomness. HPKE inside RustCrypto draws from the system instead; a seed reproduces all else.
pub(crate) struct Rand<'a>(RefCell<&'a mut dyn CryptoRng>);

impl<'a> Rand<'a> {
    pub(crate) fn new(rng: &'a mut dyn CryptoRng) -> Self {
        Self(RefCell::new(rng))
    }

    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.borrow_mut().fill_bytes(&mut bytes);
        bytes
    }

    pub(crate) fn number(&self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }
}

impl OpenMlsRand for Rand<'_> {
    type Error = Infallible;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Self::Error> {
        Ok(self.bytes())
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, Self::Error> {
        let mut bytes = vec![0; len];
        self.0.borrow_mut().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

/// OpenMLS' provider for one step.
pub(crate) struct Provider<'a> {
    pub(crate) crypto: &'a RustCrypto,
    pub(crate) storage: Storage<'a>,
    pub(crate) rand: Rand<'a>,
}

impl<'a> OpenMlsProvider for Provider<'a> {
    type CryptoProvider = RustCrypto;
    type RandProvider = Rand<'a>;
    type StorageProvider = Storage<'a>;

    fn storage(&self) -> &Storage<'a> {
        &self.storage
    }

    fn crypto(&self) -> &RustCrypto {
        self.crypto
    }

    fn rand(&self) -> &Rand<'a> {
        &self.rand
    }
}
