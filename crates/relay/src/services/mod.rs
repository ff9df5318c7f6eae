//! The services: what the relay does, one file an operation's home, each with its own part of the key space.
//!
//! They know `Data` and the bus, and no sockets. Every method takes what the wire gave, checks it, and makes at
//! most one atomic write. [`Session`](crate::session::Session) decides who may call what.

mod accounts;
mod blobs;
mod blocks;
mod business;
mod conversations;
mod devices;
mod directory;
mod invites;
mod key_packages;
mod keys;
mod lead;
mod links;
mod mailboxes;
mod memory;
mod rows;
mod start;
mod sweep;
mod tickets;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use ed25519_dalek::SigningKey;
use lacre_proto::error::WireError;
use lacre_proto::{AccountId, DeviceId, ErrorCode, RelayId};
use lacre_store::blobs::BlobStore;
use lacre_store::bus::LocalBus;
use lacre_store::data::{Data, Unavailable, WriteError};
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use crate::budget::Budget;
use crate::config::{Quotas, Registration};
use crate::limits::{Limiter, RateLimits};
use crate::log::Pseudonyms;
use crate::metrics::Metrics;

pub(crate) use blobs::{Ending, Readable, Upload, whole_blob};
pub use business::{
    Business, BusinessError, Claim as BusinessClaim, Quality, ReportParty, SEEN_FOR, Seen,
    Standing as BusinessStanding, VerifyBy,
};
pub use invites::InviteCode;
pub(crate) use keys::blobs as blob_rows;
pub(crate) use mailboxes::Inbox;
pub use start::OpenError;

/// What the services are told at their start.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Who may make an account.
    pub registration: Registration,
    /// Quotas of mailboxes.
    pub quotas: Quotas,
    /// Rate limits.
    pub rates: RateLimits,
    /// Where blobs lie.
    pub blobs: BlobStore,
}

/// The services of one relay. Cheap to clone; all clones are the same.
pub struct Services<D: Data>(Arc<Inner<D>>);

pub(crate) struct Inner<D> {
    data: D,
    bus: LocalBus,
    relay: RelayId,
    settings: Settings,
    limiter: Limiter,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    conversations: conversations::Cache,
    mailboxes: mailboxes::Mailboxes,
    /// How far businesses have gone.
    ledgers: business::Ledgers,
    sweep: sweep::Cursor,
    ending: Ending,
    /// By which business certificates are signed.
    platform: SigningKey,
    metrics: Metrics,
    pseudonyms: Pseudonyms,
    /// For messages over the ordinary limit, those that come and those that go.
    large_in: Budget,
    large_out: Budget,
    /// For parts of blobs, likewise.
    blobs_in: Budget,
    blobs_out: Budget,
}

impl<D: Data> Clone for Services<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D: Data> std::fmt::Debug for Services<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").field("relay", &self.0.relay).finish_non_exhaustive()
    }
}

/// What every operation answers: the result, or an error as the wire carries it.
pub(crate) type Answered<T> = Result<T, WireError>;

/// An answer that waits until what was written is durable.
pub(crate) type Durable<T> = Pin<Box<dyn Future<Output = Answered<T>> + Send>>;

/// A device that proved who it is: made by a login or a sign-up, demanded by what needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Authenticated {
    pub(crate) device: DeviceId,
    pub(crate) account: AccountId,
}

impl<D: Data> Services<D> {
    /// The relay's id, which clients pin.
    pub fn relay(&self) -> RelayId {
        self.0.relay
    }

    /// The store.
    pub fn data(&self) -> &D {
        &self.0.data
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn large_in(&self) -> &Budget {
        &self.0.large_in
    }

    pub(crate) fn large_out(&self) -> &Budget {
        &self.0.large_out
    }

    pub(crate) fn blobs_in(&self) -> &Budget {
        &self.0.blobs_in
    }

    pub(crate) fn blobs_out(&self) -> &Budget {
        &self.0.blobs_out
    }

    pub(crate) fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    pub(crate) fn pseudonyms(&self) -> &Pseudonyms {
        &self.0.pseudonyms
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }
}

/// A refusal with this code.
pub(crate) fn refuse<T>(code: ErrorCode) -> Answered<T> {
    Err(code.into())
}

/// A field that does not hold what it should.
pub(crate) fn bad<E>(_: E) -> WireError {
    ErrorCode::BadRequest.into()
}

/// What the store's failure to read is on the wire.
pub(crate) fn unavailable(error: Unavailable) -> WireError {
    tracing::warn!(reason = %error, "the store cannot be read");
    ErrorCode::StorageUnavailable.into()
}

/// What the store's failure to write is on the wire, when no assertion has a meaning of its own.
pub(crate) fn not_written(error: WriteError) -> WireError {
    match error {
        // Somebody else was first, or an earlier write failed: the same request may pass now.
        WriteError::Conflict(_) => ErrorCode::StorageUnavailable.into(),
        WriteError::Full => ErrorCode::StorageUnavailable.into(),
        WriteError::Unavailable(error) => unavailable(error),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
