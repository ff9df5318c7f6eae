//! The port through which links of media are fetched. Whoever implements it guards the network: public addresses
//! only, pinned while connecting, no redirects, a limit of time and of size.

use std::future::Future;
use std::path::Path;

use url::Url;

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its MIME type, as the server said.
    pub mime: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Of the bytes.
    pub sha256: [u8; 32],
}

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The node does not go there: the scheme, or an address that is not public.
    #[error("the node does not fetch from there")]
    Refused,
    /// Nobody answers there, or not with a certificate that holds.
    #[error("the server cannot be reached")]
    Unreachable,
    /// It took too long.
    #[error("the server took too long")]
    TimedOut,
    /// Another status than 200.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// More than was asked for.
    #[error("the file is too large")]
    TooLarge,
    /// It cannot be written here.
    #[error("the file cannot be written")]
    Folder,
}

/// Fetches what a link leads to.
pub trait Fetch: Send + Sync + 'static {
    /// Fetches a file of at most `limit` bytes to a path where there is none. Nothing is left of it on an error.
    fn get(
        &self,
        url: &Url,
        limit: u64,
        path: &Path,
    ) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}
