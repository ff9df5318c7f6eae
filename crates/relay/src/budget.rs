//! A budget of bytes that all sockets share: messages over the ordinary limit are held in memory only within it.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are counted in pieces of this size.
const PIECE: usize = 1024;

/// Bytes that may be held at once.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    pieces: Arc<Semaphore>,
    all: usize,
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held(OwnedSemaphorePermit);

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let all = bytes / PIECE;
        Self { pieces: Arc::new(Semaphore::new(all)), all }
    }

    /// Takes so many bytes of it, if they are there.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Held> {
        self.pieces.clone().try_acquire_many_owned(self.pieces_of(bytes)).ok().map(Held)
    }

    /// Waits for so many bytes of it; those who wait are served in their order.
    pub(crate) async fn take(&self, bytes: usize) -> Held {
        let taken = self.pieces.clone().acquire_many_owned(self.pieces_of(bytes)).await;
        Held(taken.expect("the semaphore is never closed"))
    }

    /// What is larger than the whole budget takes all of it: it goes alone, rather than never.
    fn pieces_of(&self, bytes: usize) -> u32 {
        bytes.div_ceil(PIECE).min(self.all) as u32
    }
}

impl Held {
    /// How many bytes it is good for.
    pub(crate) fn bytes(&self) -> usize {
        self.0.num_permits() * PIECE
    }

    /// Puts another part of the same budget to it.
    pub(crate) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_held_is_given_back_and_what_is_larger_than_all_goes_alone() {
        let budget = Budget::new(10 * PIECE);
        let mut held = budget.try_take(3 * PIECE + 1).unwrap();
        assert_eq!(held.bytes(), 4 * PIECE);
        held.merge(budget.try_take(6 * PIECE).unwrap());
        assert!(budget.try_take(1).is_none());
        drop(held);
        let alone = budget.take(1000 * PIECE).await;
        assert!(budget.try_take(1).is_none());
        drop(alone);
        assert!(budget.try_take(10 * PIECE).is_some());
    }
}
