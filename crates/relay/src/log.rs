//! What logs may say of a person: nothing but a keyed hash that changes every day, with a key that is nowhere
//! but in memory.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use lacre_proto::Millis;

const DAY_MS: Millis = 24 * 3600 * 1000;

/// The day's key.
#[derive(Debug, Default)]
pub(crate) struct Pseudonyms(Mutex<(Millis, RandomState)>);

/// What stands for an id in a log: good for one day, and for finding lines that belong together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pseudonym(u32);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "~{:08x}", self.0)
    }
}

impl Pseudonyms {
    /// The pseudonym of an id today.
    pub(crate) fn of(&self, id: &[u8], now: Millis) -> Pseudonym {
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 != now / DAY_MS {
            *today = (now / DAY_MS, RandomState::new());
        }
        Pseudonym(today.1.hash_one(id) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ana_has_one_name_today_and_another_tomorrow() {
        let pseudonyms = Pseudonyms::default();
        let ana = [7; 16];
        let names: Vec<String> =
            (0..30).map(|day| pseudonyms.of(&ana, day * DAY_MS + 5).to_string()).collect();
        assert_eq!(names[29], pseudonyms.of(&ana, 29 * DAY_MS + 9).to_string());
        assert!(names.iter().any(|name| *name != names[29]), "{names:?}");
        assert!(!names[29].contains("0707"));
    }
}
