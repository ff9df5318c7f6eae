//! How often something may be done: paces that are kept in memory, by key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use lacre_proto::Millis;

/// Keys that are kept before those whose time is over are dropped.
const TIDY_AT: usize = 10_000;

/// How often something may be done on average, and how much of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// So many …
    pub count: u32,
    /// … in so many milliseconds.
    pub per: Millis,
    /// So many at once; the pace is then owed.
    pub burst: u32,
}

impl Pace {
    /// Microseconds from one to the next.
    fn interval(self) -> u64 {
        self.per * 1000 / u64::from(self.count.max(1))
    }
}

/// Holds many keys to one pace (the generic cell rate algorithm). In memory only: a restart forgives.
#[derive(Debug)]
pub struct Limiter<K> {
    pace: Pace,
    /// For each key, the microsecond at which nothing is owed any more.
    due: Mutex<HashMap<K, u64>>,
}

impl<K: Eq + Hash> Limiter<K> {
    /// Holds to this pace.
    pub fn new(pace: Pace) -> Self {
        Self { pace, due: Mutex::new(HashMap::new()) }
    }

    /// Takes one; or says how many milliseconds to wait before it may be taken.
    pub fn take(&self, key: K, now: Millis) -> Result<(), Millis> {
        let now = now * 1000;
        let interval = self.pace.interval();
        let room = interval * u64::from(self.pace.burst.max(1));
        // A number in a map is whole whatever happened to the thread that wrote it.
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.len() >= TIDY_AT {
            due.retain(|_, due| *due > now);
        }
        let next = due.get(&key).copied().unwrap_or(0).max(now) + interval;
        if next > now + room {
            return Err((next - now - room).div_ceil(1000));
        }
        due.insert(key, next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_lent_and_the_pace_holds_for_each_key_by_itself() {
        let pairs = Limiter::new(Pace { count: 1, per: 6_000, burst: 3 });
        let now = 1_000_000;
        for _ in 0..3 {
            assert_eq!(pairs.take("Ana", now), Ok(()));
        }
        assert_eq!(pairs.take("Ana", now), Err(6_000));
        assert_eq!(pairs.take("Bruno", now), Ok(()), "another's haste is nothing to him");
        assert_eq!(pairs.take("Ana", now + 5_999), Err(1));
        assert_eq!(pairs.take("Ana", now + 6_000), Ok(()));
        assert_eq!(pairs.take("Ana", now + 6_000), Err(6_000), "a refusal costs nothing, a message does");
    }

    #[test]
    fn who_owes_nothing_is_forgotten_when_there_are_many() {
        let pairs = Limiter::new(Pace { count: 1, per: 1, burst: 1 });
        for key in 0..TIDY_AT {
            assert_eq!(pairs.take(key, 5), Ok(()));
        }
        assert_eq!(pairs.take(TIDY_AT, 50), Ok(()));
        assert_eq!(pairs.due.lock().expect("no thread died").len(), 1);
    }
}
