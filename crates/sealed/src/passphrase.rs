//! A store's key under a passphrase: Argon2id, then XChaCha20-Poly1305 (§5 of the format).

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::KeyInit;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::crypto::{MasterKey, seal, unseal};
use crate::error::SealedError;
use crate::format::{NONCE, TAG};
use crate::preamble::{Preamble, read, take};
use crate::raw::RawFile;

/// What trying one passphrase costs; stored with the wrapped key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB: 8 per lane to 1 GiB.
    pub memory_kib: u32,
    /// Passes over it: 1 to 64.
    pub passes: u32,
    /// Lanes: 1 to 16.
    pub lanes: u32,
}

impl Default for Cost {
    /// 64 MiB, 3 passes, 1 lane.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 }
    }
}

impl Cost {
    /// Bounded, so that a file cannot make its reader run out of memory or time.
    fn params(self) -> Option<Params> {
        let Self { memory_kib, passes, lanes } = self;
        let fair = memory_kib <= 1024 * 1024 && (1..=64).contains(&passes) && (1..=16).contains(&lanes);
        fair.then(|| Params::new(memory_kib, passes, lanes, Some(32)).ok()).flatten()
    }
}

/// Puts a store's key under a passphrase, in place of the one that it had: this is how a passphrase is changed.
/// The file may be open as a database meanwhile. A crash leaves either the old passphrase or the new one.
pub fn wrap(
    file: &dyn RawFile,
    key: &MasterKey,
    passphrase: &[u8],
    cost: Cost,
    rng: &mut dyn CryptoRng,
) -> Result<(), SealedError> {
    let mut preamble = read(file)?.ok_or(SealedError::NotSealed)?;
    preamble.cipher(key)?;
    preamble.mend(file)?;
    preamble.counter += 1;
    preamble.wrapped = Some(Wrapped::seal(&preamble, key, passphrase, cost, rng)?);
    preamble.store(file)
}

/// Finds a store's key by its passphrase. Nothing is written.
pub fn unwrap(file: &dyn RawFile, passphrase: &[u8]) -> Result<MasterKey, SealedError> {
    let preamble = read(file)?.ok_or(SealedError::NotSealed)?;
    let wrapped = preamble.wrapped.as_ref().ok_or(SealedError::NoPassphrase)?;
    let key = wrapped.open(&preamble, passphrase)?;
    preamble.cipher(&key)?;
    Ok(key)
}

/// A wrapped key, as it lies in the preamble.
#[derive(Clone)]
pub(crate) struct Wrapped {
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; NONCE],
    key: [u8; 32],
    tag: [u8; TAG],
}

impl Wrapped {
    pub(crate) fn seal(
        preamble: &Preamble,
        key: &MasterKey,
        passphrase: &[u8],
        cost: Cost,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, SealedError> {
        let params = cost.params().ok_or(SealedError::BadCost)?;
        let (mut salt, mut nonce) = ([0; 16], [0; NONCE]);
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut nonce);
        let mut wrapped = Self { cost, salt, nonce, key: *key.as_bytes(), tag: [0; TAG] };
        let cipher = stretched(passphrase, &salt, params);
        let bound = wrapped.bound(preamble);
        wrapped.tag = seal(&cipher, &nonce, &bound, &mut wrapped.key);
        Ok(wrapped)
    }

    fn open(&self, preamble: &Preamble, passphrase: &[u8]) -> Result<MasterKey, SealedError> {
        let params =
            self.cost.params().ok_or(SealedError::Damaged("the passphrase's cost is out of bounds"))?;
        let cipher = stretched(passphrase, &self.salt, params);
        let mut key = Zeroizing::new(self.key);
        if unseal(&cipher, &self.nonce, &self.bound(preamble), &mut *key, &self.tag) {
            Ok(MasterKey::from_bytes(*key))
        } else {
            Err(SealedError::WrongPassphrase)
        }
    }

    /// The associated data: everything in the preamble that stands before the nonce.
    fn bound(&self, preamble: &Preamble) -> Vec<u8> {
        let mut bound = preamble.head();
        bound.push(1);
        self.encode_parameters(&mut bound);
        bound
    }

    fn encode_parameters(&self, bytes: &mut Vec<u8>) {
        for number in [self.cost.memory_kib, self.cost.passes, self.cost.lanes] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.salt);
    }

    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        self.encode_parameters(bytes);
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&self.tag);
    }

    pub(crate) fn decode(rest: &mut &[u8]) -> Self {
        let cost = Cost {
            memory_kib: u32::from_be_bytes(take(rest)),
            passes: u32::from_be_bytes(take(rest)),
            lanes: u32::from_be_bytes(take(rest)),
        };
        Self { cost, salt: take(rest), nonce: take(rest), key: take(rest), tag: take(rest) }
    }
}

fn stretched(passphrase: &[u8], salt: &[u8; 16], params: Params) -> XChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, &mut *key)
        .expect("the lengths and the cost are within Argon2's bounds");
    XChaCha20Poly1305::new((&*key).into())
}
