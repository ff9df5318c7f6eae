//! Identity: the keys of an account and of a device, and what they sign.
//!
//! | what | signed by | label |
//! | --- | --- | --- |
//! | [`Certificate`]: this signature key is a device of this account | identity key | `lacre device certificate v1` |
//! | [`DeviceList`]: these are all the devices of this account | identity key | `lacre device list v1` |
//! | [`Resync`]: let this device in again | signature key | `lacre resync v1` |
//! | [`Signed`]: this device has said this in this conversation | signature key | `lacre author v1` |
//! | a report's statement | signature key | `lacre report v2` |
//! | login, sign-up | signature key | `lacre login v1`, `lacre sign-up v1` |
//!
//! What came from the wire is an `Unverified...` and gives up its contents only by being verified; what a
//! caller needs to find the key that it must verify under is named `claimed_...`.

pub(crate) mod author;
mod base32;
mod certificate;
mod device_list;
mod group_link;
mod keys;
mod linking;
mod login;
pub(crate) mod report;
mod resync;
mod safety;
mod trail;

use lacre_proto::wire;
use prost::Message;
use prost::bytes::Bytes;

pub use author::{FalseProof, Signed};
pub use certificate::{Certificate, UnverifiedCertificate};
pub use device_list::{Admitted, DeviceEntry, DeviceList, Succession, UnverifiedDeviceList};
pub use group_link::{BadGroupLink, GroupLink, LinkSecret};
pub use keys::{IdentityKey, IdentitySecret, SignatureKey, SignatureSecret, verify};
pub(crate) use linking::Host;
pub use linking::{
    Admission, BadLinkCode, BadLinkNumber, DEVICE_NAME, LinkCode, LinkError, LinkNumber, Newcomer,
};
pub use login::{login, sign_up};
pub use report::reporter;
pub use resync::{Resync, UnverifiedResync};
pub use safety::{BadSafetyNumber, SafetyNumber};
pub use trail::{Trail, UnverifiedTrail, mark};

/// Why something signed was not accepted. All are the peer's or the relay's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// It does not decode, or a field does not hold what it should.
    #[error("it does not decode: {0}")]
    Malformed(&'static str),
    /// Over a limit of the protocol.
    #[error("it is over its limit")]
    TooLarge,
    /// The bytes are not a usable Ed25519 public key.
    #[error("a key is not one")]
    BadKey,
    /// The signature does not hold.
    #[error("the signature does not hold")]
    BadSignature,
    /// It names another account, device or conversation than it was given for.
    #[error("it belongs to somebody else")]
    WrongSubject,
    /// It names another identity key than the pinned one.
    #[error("the identity key is not the pinned one")]
    WrongIdentity,
    /// The device is not in the device list.
    #[error("the device is not in the account's device list")]
    NotListed,
    /// The device is known with another signature key.
    #[error("the device has another signature key")]
    WrongSignatureKey,
    /// A device list older than one seen before.
    #[error("the device list is older than one seen before")]
    RolledBack,
    /// Two different device lists with one version, or one that does not name the list before it.
    #[error("the device list does not continue the one seen before")]
    Forked,
}

/// Decodes the body of something signed, once its size is within its limit.
fn body<M: Message + Default>(signed: &wire::Signed, what: &'static str) -> Result<M, IdentityError> {
    if signed.body.len() > lacre_proto::limits::SIGNED {
        return Err(IdentityError::TooLarge);
    }
    M::decode(signed.body.clone()).map_err(|_| IdentityError::Malformed(what))
}

fn encode(message: &impl Message) -> Bytes {
    Bytes::from(message.encode_to_vec())
}
