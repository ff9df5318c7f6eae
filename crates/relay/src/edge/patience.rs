//! How long a peer is waited for: one deadline of a connection, moved on by what it does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A connection's deadline; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Patience(Arc<watch::Sender<Instant>>);

impl Patience {
    /// It is over after this time, unless it is moved.
    pub(super) fn new(limit: Duration) -> Self {
        Self(Arc::new(watch::channel(Instant::now() + limit).0))
    }

    /// From now on it is over after this time.
    pub(super) fn again(&self, limit: Duration) {
        self.0.send_replace(Instant::now() + limit);
    }

    /// Waits until it is over.
    pub(super) async fn over(&self) {
        let mut deadline = self.0.subscribe();
        loop {
            let until = *deadline.borrow_and_update();
            tokio::select! {
                () = sleep_until(until) => return,
                // There is always a sender: this one.
                _ = deadline.changed() => {}
            }
        }
    }
}
