//! How the driver gets a socket to a relay: a port with one native implementation, [`TlsConnect`]. Tests plug
//! in networks of their own.

mod address;
mod tls;
mod trust;

use std::pin::Pin;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};

pub use address::{BadAddress, RelayAddress};
pub use tls::TlsConnect;
pub use trust::{Fingerprint, Trust};

/// Opens sockets to a relay.
pub trait Connect: Send + Sync {
    /// Opens one socket; dropping the future gives up.
    fn open(&self, endpoint: Endpoint) -> BoxFuture<'static, Result<Socket, ConnectError>>;

    /// Opens a connection on which files go over HTTP; dropping the future gives up. Where there is none, no files
    /// are sent or fetched.
    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'static, Result<ByteStream, ConnectError>> {
        let address = endpoint.address.to_string();
        let why = "this network carries no files".to_owned();
        Box::pin(std::future::ready(Err(ConnectError::Unreachable { address, why })))
    }
}

/// A connection's bytes.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// A connection's bytes, whatever carries them.
pub type ByteStream = Box<dyn Duplex>;

/// Where a relay is and what its certificate must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The relay's address.
    pub address: RelayAddress,
    /// Whose word its certificate is taken on.
    pub trust: Trust,
}

/// The half of a socket that sends; each item is one binary message.
pub type FrameSink = Pin<Box<dyn Sink<Bytes, Error = ConnectError> + Send>>;

/// The half of a socket that receives; it ends when the other side closes.
pub type FrameStream = Pin<Box<dyn Stream<Item = Result<Bytes, ConnectError>> + Send>>;

/// An open socket.
pub struct Socket {
    /// Sends binary messages.
    pub sink: FrameSink,
    /// Receives binary messages.
    pub stream: FrameStream,
    /// SHA-256 of the relay's certificate, when the socket has one.
    pub fingerprint: Option<Fingerprint>,
}

/// Why there is no socket, or no longer one. Nothing was sent when opening fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name does not resolve, or nothing answers there.
    #[error("the relay at {address} cannot be reached: {why}")]
    Unreachable {
        /// The address as people write it.
        address: String,
        /// The operating system's words.
        why: String,
    },
    /// What answers is not a relay.
    #[error("what answers at {address} is not a relay: {why}")]
    NotARelay {
        /// The address as people write it.
        address: String,
        /// What it did instead.
        why: String,
    },
    /// The relay's own-made certificate is not the one that was pinned at sign-up.
    #[error(
        "the relay's certificate is not the one that this profile knows (it was {known}, it is {found}); \
         nothing was sent. Either the relay was set up anew, or something else answers in its place"
    )]
    CertificateChanged {
        /// The one that was pinned.
        known: Fingerprint,
        /// The one that was shown.
        found: Fingerprint,
    },
    /// Nobody that this machine trusts has signed the relay's certificate.
    #[error("the certificate of the relay at {address} is not trusted: {why}; nothing was sent")]
    NotTrusted {
        /// The address as people write it.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// Plain connections are made to this machine only.
    #[error("an unencrypted connection is made only to this machine itself; use https:// for {0}")]
    PlainOffLoopback(String),
    /// The roots of trust cannot be read.
    #[error("the certificates to trust cannot be read: {0}")]
    Roots(String),
    /// No connection is wanted.
    #[error("no connection was made, as was wanted")]
    NotWanted,
    /// The socket broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// Nothing was heard for too long.
    #[error("the relay has been silent for too long")]
    Silent,
    /// The other side closed the socket.
    #[error("the relay closed the connection")]
    Closed,
}

impl ConnectError {
    /// Whether the same attempt may pass later without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NotARelay { .. }
            | Self::Broken(_)
            | Self::Silent
            | Self::Closed => true,
            Self::CertificateChanged { .. }
            | Self::NotTrusted { .. }
            | Self::PlainOffLoopback(_)
            | Self::NotWanted
            | Self::Roots(_) => false,
        }
    }
}
