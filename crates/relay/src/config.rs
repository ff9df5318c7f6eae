//! What a relay is told at its start.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lacre_proto::limits;
use lacre_store::blobs::BlobStore;

use crate::clock::{Clock, SystemClock};
use crate::limits::RateLimits;

/// Where a relay keeps what it must not lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder, made when it is not there; one relay at a time.
    Folder(PathBuf),
    /// Nowhere: everything is gone with the process.
    Memory,
}

/// How the relay's sockets are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// A certificate made at the first start and kept in the data folder. On loopback only.
    SelfSigned,
    /// Certificate chain and key, as PEM files.
    Files {
        /// The chain, the relay's own certificate first.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// None. On loopback only.
    Off,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Registration {
    /// Anybody.
    #[default]
    Open,
    /// Who brings an invite code that was not used yet.
    Invite,
    /// Nobody.
    Closed,
}

/// Deadlines and caps of the edge; the defaults are the protocol's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeLimits {
    /// TLS, request head and upgrade must be done in this time.
    pub handshake: Duration,
    /// A socket that neither sent nor got anything for this long is pinged.
    pub ping: Duration,
    /// A socket from which nothing came for this long is closed.
    pub idle: Duration,
    /// A socket that takes nothing of what waits for it for this long is closed.
    pub write: Duration,
    /// A large message has to be there, or to be taken, in this time.
    pub large_frame: Duration,
    /// Connections from one address.
    pub per_address: usize,
    /// Connections in all.
    pub connections: usize,
    /// What is under way at a stop gets this long.
    pub stop: Duration,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            handshake: limits::HANDSHAKE,
            ping: limits::PING,
            idle: limits::IDLE,
            write: Duration::from_secs(10),
            large_frame: limits::LARGE_FRAME_TIME,
            per_address: 50,
            connections: 100_000,
            stop: Duration::from_secs(5),
        }
    }
}

/// Quotas of mailboxes and of memory; the defaults are the protocol's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Entries that are not acknowledged.
    pub entries: u64,
    /// Bytes that are not acknowledged.
    pub bytes: u64,
    /// How long an entry is kept.
    pub kept: Duration,
    /// Bytes of large messages that come and are held at once over all sockets, and of those that go.
    pub large_frames: usize,
    /// Bytes of the largest blob.
    pub blob: u64,
    /// Bytes that one account may upload in thirty days.
    pub blobs: u64,
    /// Bytes of blobs' parts that come and are held at once over all connections, and of those that go.
    pub blobs_held: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            entries: limits::MAILBOX_ENTRIES,
            bytes: limits::MAILBOX_BYTES,
            kept: limits::MAILBOX_KEPT,
            large_frames: limits::LARGE_FRAMES,
            blob: limits::BLOB,
            blobs: limits::BLOB_QUOTA,
            blobs_held: limits::LARGE_FRAMES,
        }
    }
}

/// Everything that a relay is told at its start.
#[derive(Clone)]
pub struct Config {
    /// Where the data lies.
    pub data: Place,
    /// Where devices connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where the operator's listener is, if there is one. Loopback only: it carries no TLS.
    pub admin: Option<SocketAddr>,
    /// How sockets are protected.
    pub tls: Tls,
    /// Who may make an account.
    pub registration: Registration,
    /// How long a commit waits for company.
    pub linger: Duration,
    /// Seals the database at rest.
    pub data_key: Option<[u8; 32]>,
    /// Bytes of the database held in memory.
    pub cache_bytes: usize,
    /// Deadlines and caps of connections.
    pub edge: EdgeLimits,
    /// Quotas of mailboxes.
    pub quotas: Quotas,
    /// Rate limits.
    pub rates: RateLimits,
    /// What is old is looked for this often.
    pub sweep: Duration,
    /// Where blobs lie; without it, in the folder `blobs` beside the data.
    pub blobs: Option<BlobStore>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Config {
    /// Without the data key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { data, listen, admin, tls, registration, linger, data_key, cache_bytes, .. } = self;
        f.debug_struct("Config")
            .field("data", data)
            .field("listen", listen)
            .field("admin", admin)
            .field("tls", tls)
            .field("registration", registration)
            .field("linger", linger)
            .field("sealed", &data_key.is_some())
            .field("cache_bytes", cache_bytes)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The defaults, for a place and an address.
    pub fn new(data: Place, listen: SocketAddr) -> Self {
        Self {
            data,
            listen,
            admin: None,
            tls: Tls::SelfSigned,
            registration: Registration::default(),
            linger: Duration::from_millis(5),
            data_key: None,
            cache_bytes: 32 * 1024 * 1024,
            edge: EdgeLimits::default(),
            quotas: Quotas::default(),
            rates: RateLimits::default(),
            sweep: Duration::from_secs(60),
            blobs: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// Without rate limits, and with any number of connections from one address: for benches.
    pub fn lift_limits(&mut self) {
        self.rates = RateLimits::lifted();
        self.edge.per_address = usize::MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_does_not_show_its_key() {
        let mut config = Config::new(Place::Memory, SocketAddr::from(([127, 0, 0, 1], 0)));
        config.data_key = Some([173; 32]);
        let shown = format!("{config:?}");
        assert!(shown.contains("sealed: true") && !shown.contains("173"), "{shown}");
    }
}
