//! Requests of which nobody knows who makes them (401): slowed down by the address that they come from, and noted.
//!
//! A token that is right is let in whatever else its address has tried: programs of a house share one, and secrets of 256
//! bits are guessed by nobody. What is held back is the noise; what is noted is that somebody tries.

use std::net::IpAddr;
use std::sync::PoisonError;

use super::error::ApiError;
use crate::audit::{Act, Who};
use crate::limits::Pace;
use crate::node::{Node, Ports};
use crate::people::network;
use crate::store::StoreError;

/// How many such requests an address may make at once, and how soon each of the rest.
pub(crate) const PACE: Pace = Pace { count: 1, per: 2_000, burst: 30 };

/// What is answered to a request that was refused for want of a token; `tried` when it showed one, or a secret.
pub(super) async fn refused<P: Ports>(
    node: &Node<P>,
    from: Option<IpAddr>,
    tried: bool,
    why: ApiError,
) -> ApiError {
    let now = node.now();
    if tried {
        let rows = node.failures.lock().unwrap_or_else(PoisonError::into_inner).failed(None, now);
        if let Err(error) = write_down(node, rows).await {
            tracing::warn!(%error, "tokens that were wrong are not written down");
        }
    }
    // Of a proxy on this machine the address says nothing.
    let from = from.map(network).filter(|it| !it.is_loopback());
    match from.map(|from| node.strangers.take(from, now)) {
        Some(Err(wait)) => ApiError::CallLimit(wait, "too many requests without a token that is good"),
        Some(Ok(())) | None => why,
    }
}

impl<P: Ports> Node<P> {
    /// Writes down which runs of wrong tokens are over. To be called now and then.
    pub async fn note_failures(&self) -> Result<(), StoreError> {
        let rows = self.failures.lock().unwrap_or_else(PoisonError::into_inner).over(self.now());
        write_down(self, rows).await
    }
}

async fn write_down<P: Ports>(node: &Node<P>, rows: Vec<String>) -> Result<(), StoreError> {
    for detail in rows {
        let what = "token.failed".to_owned();
        node.audit.append(Act { who: Who::Node, what, subject: None, detail }, node.now()).await?;
    }
    Ok(())
}
