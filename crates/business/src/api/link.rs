//! The port through which links of media are fetched. Whoever implements it guards the network: public addresses
//! only, pinned while connecting, no redirects, a limit of time and of size.

use std::future::Future;

use bytes::Bytes;
use url::Url;

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// All of it.
    pub bytes: Bytes,
    /// `Content-Type`, as the server said.
    pub content_type: Option<String>,
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
}

/// Fetches what a link leads to.
pub trait Fetch: Send + Sync + 'static {
    /// All that is there, at most `limit` bytes.
    fn get(&self, url: &Url, limit: u64) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}
