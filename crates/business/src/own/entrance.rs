//! Where passwords are looked at: each costs 19 MiB and tens of milliseconds, so few are at one time, few more wait, and
//! the rest is told to come again. Strangers wait at one entrance, those who have signed in at another.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::OwnError;

/// Passwords that are looked at at one time.
const AT_ONCE: usize = 2;
/// Those that wait for it.
const WAITING: usize = 16;
/// When to come again, in milliseconds: by then all who wait have had their turn.
const AGAIN: u64 = 2_000;

/// One of the entrances.
pub(super) struct Entrance {
    inside: Semaphore,
    queue: Semaphore,
}

/// A place there.
pub(super) struct Place<'a>(
    #[expect(dead_code, reason = "they are there to be dropped")] [SemaphorePermit<'a>; 2],
);

impl Entrance {
    pub(super) fn new() -> Self {
        Self { inside: Semaphore::new(AT_ONCE), queue: Semaphore::new(AT_ONCE + WAITING) }
    }

    /// Waits for a place, unless too many wait already.
    pub(super) async fn enter(&self) -> Result<Place<'_>, OwnError> {
        let queued = self.queue.try_acquire().map_err(|_| OwnError::Wait(AGAIN))?;
        let inside = self.inside.acquire().await.map_err(|_| OwnError::Unavailable)?;
        Ok(Place([inside, queued]))
    }
}
