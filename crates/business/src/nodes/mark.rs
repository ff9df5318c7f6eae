//! Up to when those that led have told everything: what the others may drop of what they keep aside.
//!
//! The nodes hold it alike, sealed among their devices. Who carries it can hold it back, and then less is dropped; it can
//! not write one, and one that comes late says no more than it did. It is a time of day by the clock of the node that
//! leads, for a length of time would grow with every minute that it is held back.

use std::time::Duration;

use lacre_proto::Millis;
use serde::{Deserialize, Serialize};

/// How much later two nodes may take in the same, and still know of what the other has told.
pub(super) const SLACK: Duration = Duration::from_secs(300);
/// By how much another node's clock may be ahead of this one's.
const AHEAD: Millis = 150_000;
/// The others are told no more often than this.
const PACE: Millis = 5 * 60_000;
/// And so often when nothing was told since: one that was away has taken in late what was told long ago.
const IDLE: Millis = 60 * 60_000;
const VERSION: u8 = 1;

/// Everything that was taken before this time has been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark(pub Millis);

impl Mark {
    /// Under what the devices of the account hold it.
    pub const NAME: &str = "told";

    /// As the devices hold it.
    pub fn to_bytes(self) -> Vec<u8> {
        postcard::to_extend(&self, vec![VERSION]).expect("it serializes into memory")
    }

    /// From what the devices hold; `None` when it is none, or one of a later version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes.strip_prefix(&[VERSION])?).ok()
    }

    /// Whether the clock that it was made by is so far ahead of this one's that nothing follows from it here.
    pub fn is_ahead(self, now: Millis) -> bool {
        self.0 > now.saturating_add(AHEAD)
    }

    /// What this node took before this time has been told for sure.
    pub fn sure(self, now: Millis) -> Option<Millis> {
        let slack = Millis::try_from(SLACK.as_millis()).unwrap_or(Millis::MAX);
        (!self.is_ahead(now)).then(|| self.0.saturating_sub(slack))
    }

    /// Whether the others are to be told this one, where they hold that one: it says more, and that is worth a message.
    /// What this node told last it took at `latest`; `ends` when it is not going to tell any more.
    pub fn is_due(self, held: Option<Self>, latest: Millis, ends: bool, now: Millis) -> bool {
        let Some(held) = held.filter(|it| !it.is_ahead(now)) else { return true };
        let Some(more) = self.0.checked_sub(held.0).filter(|it| *it > 0) else { return false };
        // Until then the others cannot drop what was told last.
        let covers = latest.saturating_add(2 * PACE);
        more >= IDLE || held.0 < covers && (ends || more >= PACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_000_000_000;

    #[test]
    fn the_others_are_told_when_it_says_more_and_seldom_when_nothing_was_told() {
        let due = |held: Option<Millis>, told: Millis, latest: Millis| {
            Mark(told).is_due(held.map(Mark), latest, false, NOW)
        };
        assert!(due(None, NOW, 0), "they hold none");
        assert!(!due(Some(NOW - PACE + 1), NOW, NOW), "they were told just now");
        assert!(due(Some(NOW - PACE), NOW, NOW));
        assert!(due(Some(NOW - PACE), NOW, NOW - 2 * PACE), "what was told last cannot be dropped yet");
        assert!(!due(Some(NOW - PACE), NOW, NOW - 3 * PACE), "there is nothing to be dropped");
        assert!(due(Some(NOW - IDLE), NOW, 0));
        // Another one that leads is not as far: what was told stays told.
        assert!(!due(Some(NOW - PACE), NOW - 2 * PACE, NOW));
        assert!(!due(Some(NOW), NOW, NOW));
        // One that stops says how far it has come.
        assert!(Mark(NOW).is_due(Some(Mark(NOW - 1)), NOW, true, NOW));
        assert!(!Mark(NOW).is_due(Some(Mark(NOW - 1)), NOW - 3 * PACE, true, NOW));
        // A clock that was wrong is put right.
        assert!(due(Some(NOW + AHEAD + 1), NOW, NOW) && !due(Some(NOW + AHEAD), NOW, NOW));
    }

    #[test]
    fn nothing_follows_from_a_clock_that_is_ahead() {
        assert_eq!(Mark(NOW).sure(NOW), Some(NOW - 300_000));
        assert_eq!(Mark(NOW + AHEAD).sure(NOW), Some(NOW + AHEAD - 300_000));
        assert_eq!(Mark(NOW + AHEAD + 1).sure(NOW), None);
        assert_eq!(Mark(NOW).sure(NOW + 9 * IDLE), Some(NOW - 300_000), "it says no more for coming late");
    }

    #[test]
    fn what_the_devices_hold_is_a_mark_or_none() {
        assert_eq!(Mark::from_bytes(&Mark(NOW).to_bytes()), Some(Mark(NOW)));
        for bytes in [&b""[..], b"\x02\x01", b"\x01", b"\x01\xff\xff"] {
            assert_eq!(Mark::from_bytes(bytes), None, "{bytes:?}");
        }
    }
}
