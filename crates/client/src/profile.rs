//! What a profile remembers beside the engine's records: its relay, and the certificate that it must show.
//!
//! The client's tables in the store begin at 0x80.

use lacre_engine::{Changes, ReadError, Reader};
use serde::{Deserialize, Serialize};

use crate::transport::{BadAddress, Endpoint, Fingerprint, Trust};

const ENDPOINT: &[u8] = &[0x80];
const VERSION: u8 = 1;

/// The endpoint as it is stored: a version byte, then postcard.
#[derive(Serialize, Deserialize)]
struct Stored {
    address: String,
    trust: StoredTrust,
}

#[derive(Serialize, Deserialize)]
enum StoredTrust {
    System,
    Roots(Vec<Vec<u8>>),
    Pinned([u8; 32]),
}

/// What is stored of the profile cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A newer version wrote it, or it is damaged.
    #[error("the profile holds a relay address that this version cannot read")]
    Corrupt,
}

impl From<BadAddress> for ProfileError {
    fn from(_: BadAddress) -> Self {
        Self::Corrupt
    }
}

/// The relay of a profile; `None` before sign-up.
pub fn endpoint(reader: &dyn Reader) -> Result<Option<Endpoint>, ProfileError> {
    let Some(bytes) = reader.get(ENDPOINT)? else { return Ok(None) };
    let body = bytes.strip_prefix(&[VERSION]).ok_or(ProfileError::Corrupt)?;
    let Stored { address, trust } = postcard::from_bytes(body).map_err(|_| ProfileError::Corrupt)?;
    let trust = match trust {
        StoredTrust::System => Trust::System,
        StoredTrust::Roots(roots) => Trust::Roots(roots),
        StoredTrust::Pinned(pin) => Trust::Pinned(Fingerprint(pin)),
    };
    Ok(Some(Endpoint { address: address.parse()?, trust }))
}

/// Remembers the relay; `shown` is pinned where trust was given at first use.
pub(crate) fn remember(changes: &mut Changes, endpoint: &Endpoint, shown: Option<Fingerprint>) {
    let trust = match (&endpoint.trust, &shown) {
        (Trust::Roots(roots), _) => StoredTrust::Roots(roots.clone()),
        (Trust::Pinned(pin), _) | (Trust::FirstUse, Some(pin)) => StoredTrust::Pinned(pin.0),
        // Without TLS there is nothing to pin, and a plain socket never asks.
        (Trust::System, _) | (Trust::FirstUse, None) => StoredTrust::System,
    };
    let stored = Stored { address: endpoint.address.to_string(), trust };
    let bytes = postcard::to_extend(&stored, vec![VERSION]).expect("it serializes into memory");
    changes.insert(ENDPOINT.to_vec(), Some(bytes));
}
