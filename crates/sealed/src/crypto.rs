//! Keys, and sealing one record.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::format::{NONCE, TAG};

/// The key that opens a store; erased from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// A new one.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// One that is kept elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for whoever keeps it elsewhere.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// What a file's records are sealed with: HKDF-SHA256 of the master key, salted with the file's id (§3).
pub(crate) fn file_cipher(key: &MasterKey, file_id: &[u8; 16]) -> XChaCha20Poly1305 {
    let mut file_key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(file_id), &key.0)
        .expand(b"lacre sealed store 1", &mut *file_key)
        .expect("32 bytes are within what HKDF-SHA256 gives");
    XChaCha20Poly1305::new((&*file_key).into())
}

/// Seals in place; returns the tag.
pub(crate) fn seal(
    cipher: &XChaCha20Poly1305,
    nonce: &[u8; NONCE],
    associated: &[u8],
    text: &mut [u8],
) -> [u8; TAG] {
    let tag = cipher.encrypt_in_place_detached(XNonce::from_slice(nonce), associated, text);
    tag.expect("a record is far shorter than what the cipher takes").into()
}

/// Opens in place; false when it was not sealed so (what is in `text` then is of no use).
pub(crate) fn unseal(
    cipher: &XChaCha20Poly1305,
    nonce: &[u8],
    associated: &[u8],
    text: &mut [u8],
    tag: &[u8],
) -> bool {
    let (nonce, tag) = (XNonce::from_slice(nonce), Tag::from_slice(tag));
    cipher.decrypt_in_place_detached(nonce, associated, text, tag).is_ok()
}

/// Nonces that are never given twice: 16 random bytes for each opening of a file, then a counter.
#[derive(Debug)]
pub(crate) struct Nonces {
    prefix: [u8; 16],
    next: AtomicU64,
}

impl Nonces {
    pub(crate) fn new(rng: &mut dyn CryptoRng) -> Self {
        let mut prefix = [0; 16];
        rng.fill_bytes(&mut prefix);
        Self { prefix, next: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> [u8; NONCE] {
        let mut nonce = [0; NONCE];
        nonce[..16].copy_from_slice(&self.prefix);
        nonce[16..].copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        nonce
    }
}
