//! How long to wait before the next attempt: doubling, capped, and spread so that a thousand clients whose
//! relay comes back do not come back in the same instant.

use std::time::Duration;

use rand_core::CryptoRng;

const FIRST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(60);

/// Counts attempts that failed in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failed: u32,
}

impl Backoff {
    /// The wait after one more failure: between half and the whole of what doubling gives, and at least what
    /// the relay asked for.
    pub(super) fn next(&mut self, asked: Duration, rng: &mut dyn CryptoRng) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failed.min(10)).min(MOST);
        self.failed = self.failed.saturating_add(1);
        let spread = f64::from(rng.next_u32()) / f64::from(u32::MAX);
        whole.mul_f64(0.5 + spread / 2.0) + asked
    }

    /// The longest wait, for what will not pass soon.
    pub(super) fn longest(&mut self, rng: &mut dyn CryptoRng) -> Duration {
        self.failed = 10;
        self.next(Duration::ZERO, rng)
    }

    /// An attempt got through.
    pub(super) fn reset(&mut self) {
        self.failed = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_are_spread() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..12).map(|_| backoff.next(Duration::ZERO, &mut rng)).collect();
        for (failed, wait) in waits.iter().enumerate() {
            let whole = FIRST.saturating_mul(1 << failed.min(10)).min(MOST);
            assert!((whole / 2..=whole).contains(wait), "attempt {failed} waits {wait:?} of {whole:?}");
        }
        assert!(waits[10] != waits[11], "two waits of the same length would be no spread");
        backoff.reset();
        assert!(backoff.next(Duration::ZERO, &mut rng) <= FIRST);
    }

    #[test]
    fn what_the_relay_asks_for_is_waited_at_least() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let asked = Duration::from_secs(30);
        assert!(Backoff::default().next(asked, &mut rng) >= asked);
    }
}
