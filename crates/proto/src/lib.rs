//! The words of the wire: typed ids, frames, error codes, limits and versions, shared by client and relay.
//!
//! It knows no async runtime, no clock, no randomness, no database and no cryptography: bytes in, types out.

pub mod error;
pub mod frame;
pub mod id;
pub mod label;
pub mod limits;
pub mod mls_framing;
pub mod profile;
pub mod terms;

/// The generated protobuf types of `proto/lacre.proto`, whose comments tell what each field means.
#[allow(missing_docs, clippy::all)]
pub mod wire {
    include!(concat!(env!("OUT_DIR"), "/lacre.v1.rs"));
}

pub use error::ErrorCode;
pub use id::{AccountId, ConversationId, DeviceId, Handle, RelayId, Ticket};

/// Milliseconds since the Unix epoch.
pub type Millis = u64;
