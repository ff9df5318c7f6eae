//! Ed25519 keys (RFC 8032). A public key of an account and one of a device are different types.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use openmls_traits::signatures::{Signer as MlsSigner, SignerError};
use openmls_traits::types::SignatureScheme;
use prost::bytes::Bytes;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::IdentityError;

/// Checks an Ed25519 signature strictly: canonical values only, and no key or commitment of small order, so
/// that a signature holds for one message and one key alone.
pub fn verify(key: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<(), IdentityError> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| IdentityError::BadKey)?;
    let signature = Signature::from_slice(signature).map_err(|_| IdentityError::BadSignature)?;
    key.verify_strict(message, &signature).map_err(|_| IdentityError::BadSignature)
}

macro_rules! keys {
    ($(#[$public_doc:meta])* $public:ident, $(#[$secret_doc:meta])* $secret:ident) => {
        $(#[$public_doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $public([u8; 32]);

        impl $public {
            /// The key of 32 bytes that must be a point of the curve, and not one of small order.
            pub fn from_wire(bytes: &[u8]) -> Result<Self, IdentityError> {
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| IdentityError::BadKey)?;
                match VerifyingKey::from_bytes(&bytes) {
                    Ok(key) if !key.is_weak() => Ok(Self(bytes)),
                    _ => Err(IdentityError::BadKey),
                }
            }

            /// The key's 32 bytes, as a wire field wants them.
            pub fn to_wire(self) -> Bytes {
                Bytes::copy_from_slice(&self.0)
            }

            /// The key's 32 bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Checks a signature of this key.
            pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), IdentityError> {
                verify(&self.0, message, signature)
            }
        }

        impl fmt::Debug for $public {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($public), "(..)"))
            }
        }

        $(#[$secret_doc])*
        ///
        /// Wiped from memory when dropped; never shown, compared or cloned.
        pub struct $secret(SigningKey);

        impl $secret {
            /// A new key.
            pub fn generate(rng: &mut dyn CryptoRng) -> Self {
                let mut seed = Zeroizing::new([0; 32]);
                rng.fill_bytes(seed.as_mut());
                Self(SigningKey::from_bytes(&seed))
            }

            /// The key of the 32 bytes that [`to_bytes`](Self::to_bytes) gave.
            pub fn from_bytes(seed: &[u8; 32]) -> Self {
                Self(SigningKey::from_bytes(seed))
            }

            /// The secret itself, 32 bytes, for the sealed store only.
            pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
                Zeroizing::new(self.0.to_bytes())
            }

            /// The public half.
            pub fn public(&self) -> $public {
                $public(self.0.verifying_key().to_bytes())
            }

            /// Signs a message.
            pub fn sign(&self, message: &[u8]) -> [u8; 64] {
                self.0.sign(message).to_bytes()
            }
        }
    };
}

keys!(
    /// The public key of an account: what a contact pins.
    IdentityKey,
    /// The secret key of an account.
    IdentitySecret
);
keys!(
    /// The public key of a device, and of its MLS leaves.
    SignatureKey,
    /// The secret key of a device, and of its MLS leaves.
    SignatureSecret
);

impl MlsSigner for SignatureSecret {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(Self::sign(self, payload).to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;

    #[test]
    fn a_key_comes_back_from_its_bytes_and_signs_the_same() {
        let secret = SignatureSecret::generate(&mut ChaCha20Rng::seed_from_u64(1));
        let again = SignatureSecret::from_bytes(&secret.to_bytes());
        assert_eq!(secret.public(), again.public());
        assert_eq!(secret.public().verify(b"ana", &again.sign(b"ana")), Ok(()));
        assert_eq!(secret.public().verify(b"bruno", &again.sign(b"ana")), Err(IdentityError::BadSignature));
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(IdentityKey::from_wire(&neutral), Err(IdentityError::BadKey));
        assert_eq!(IdentityKey::from_wire(&[0; 31]), Err(IdentityError::BadKey));
        // the neutral point would "sign" every message with an R and an s of nothing
        let mut forged = [0; 64];
        forged[0] = 1;
        assert_eq!(verify(&neutral, b"anything", &forged), Err(IdentityError::BadSignature));
    }
}
