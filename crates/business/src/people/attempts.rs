//! Attempts to sign in that failed: in memory, so that strangers write nothing to a disk, and bounded.
//!
//! They are counted by login and address together, and by address alone. So who guesses waits, while somebody else at
//! another address does not. Codes that were wrong after a password that was right are counted by login alone: who has
//! the password cannot try codes from many addresses, and who has it not cannot raise that count. Logins that nobody has
//! are counted as those that somebody has, so that neither the answer nor the time it takes tells which is which. A node
//! that starts again has forgotten them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use lacre_proto::Millis;
use sha2::{Digest, Sha256};

/// Failed attempts at one login from one address that cost no wait.
const FREE: u32 = 5;
/// The same from one address, at whatever logins: people of a house share one.
const FREE_OF_ADDRESS: u32 = 30;
/// Wrong codes after the right password, from wherever, that cost no wait.
const FREE_OF_CODES: u32 = 5;
/// The wait after the first that does.
const FIRST_WAIT: Millis = 30_000;
/// The longest wait.
const LONGEST_WAIT: Millis = 60 * 60 * 1_000;
/// After so long without an attempt all is forgotten.
const FORGET: Millis = 24 * 60 * 60 * 1_000;
/// Counts that are kept; then those that rested longest go.
const MOST: usize = 10_000;

type Login = [u8; 32];

/// What attempts are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum By {
    Pair(Login, Option<IpAddr>),
    Address(IpAddr),
}

impl By {
    fn free(self) -> u32 {
        match self {
            Self::Pair(..) => FREE,
            Self::Address(_) => FREE_OF_ADDRESS,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    failed: u32,
    last: Millis,
}

impl Count {
    fn one_more(self, now: Millis) -> Self {
        Self { failed: self.failed.saturating_add(1), last: now }
    }

    /// Until when the next has to wait.
    fn until(self, free: u32) -> Millis {
        match self.failed.checked_sub(free) {
            None => 0,
            Some(over) => {
                let doubled = 1_u64.checked_shl(over).unwrap_or(u64::MAX);
                self.last.saturating_add(FIRST_WAIT.saturating_mul(doubled).min(LONGEST_WAIT))
            }
        }
    }
}

/// The attempts of a node.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    all: HashMap<By, Count>,
    /// Codes after the right password. There are no more of these than people, and none makes room for another.
    codes: HashMap<Login, Count>,
}

impl Attempts {
    /// Counts an attempt, as failed until [`Self::succeeded`]; or says until when it has to wait.
    pub(super) fn begin(&mut self, login: &str, from: Option<IpAddr>, now: Millis) -> Result<(), Millis> {
        if self.all.len() >= MOST {
            self.make_room(now);
        }
        let all = ways(login, from);
        let counts: Vec<_> = all.iter().map(|by| (*by, known(self.all.get(by), now))).collect();
        let until = counts.iter().map(|(by, count)| count.until(by.free())).max().unwrap_or(0);
        let until = until.max(known(self.codes.get(&hash(login)), now).until(FREE_OF_CODES));
        if until > now {
            return Err(until);
        }
        for (by, count) in counts {
            self.all.insert(by, count.one_more(now));
        }
        Ok(())
    }

    /// Counts a code after the right password, as wrong until [`Self::succeeded`]; or says until when it has to wait.
    pub(super) fn begin_code(&mut self, login: &str, now: Millis) -> Result<(), Millis> {
        let login = hash(login);
        let count = known(self.codes.get(&login), now);
        match count.until(FREE_OF_CODES) {
            until if until > now => Err(until),
            _ => {
                self.codes.insert(login, count.one_more(now));
                Ok(())
            }
        }
    }

    /// Whoever it was is who they say: none of their attempts counts any more.
    pub(super) fn succeeded(&mut self, login: &str, from: Option<IpAddr>) {
        let mut theirs = 0;
        self.codes.remove(&hash(login));
        for by in ways(login, from) {
            match by {
                By::Pair(..) => theirs = self.all.remove(&by).map_or(0, |it| it.failed),
                By::Address(_) => {
                    if let Some(count) = self.all.get_mut(&by) {
                        count.failed = count.failed.saturating_sub(theirs);
                    }
                }
            }
        }
    }

    /// Forgets what was tried at a login.
    pub(super) fn forget(&mut self, login: &str) {
        let login = hash(login);
        self.all.retain(|by, _| !matches!(by, By::Pair(it, _) if *it == login));
        self.codes.remove(&login);
    }

    /// Drops attempts that were long ago.
    pub(super) fn prune(&mut self, now: Millis) {
        self.all.retain(|_, it| it.last.saturating_add(FORGET) > now);
        self.codes.retain(|_, it| it.last.saturating_add(FORGET) > now);
    }

    fn make_room(&mut self, now: Millis) {
        self.prune(now);
        let mut times: Vec<_> = self.all.values().map(|it| it.last).collect();
        if times.len() < MOST {
            return;
        }
        let (_, middle, _) = times.select_nth_unstable(MOST / 2);
        let middle = *middle;
        self.all.retain(|_, it| it.last > middle);
    }
}

/// A count, when it is not forgotten.
fn known(count: Option<&Count>, now: Millis) -> Count {
    count.copied().filter(|it| it.last.saturating_add(FORGET) > now).unwrap_or_default()
}

/// What an attempt is counted by: of a proxy on this machine, the address says nothing.
fn ways(login: &str, from: Option<IpAddr>) -> Vec<By> {
    let from = from.map(network);
    let mut all = vec![By::Pair(hash(login), from)];
    all.extend(from.filter(|it| !it.is_loopback()).map(By::Address));
    all
}

/// Who has one address of IPv6 has a network of 64 bits.
pub(crate) fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(it) if !it.is_loopback() => Ipv6Addr::from_bits(it.to_bits() >> 64 << 64).into(),
        other => other,
    }
}

fn hash(login: &str) -> Login {
    Sha256::digest(login).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_bounded_and_those_that_rested_longest_go() {
        let mut attempts = Attempts::default();
        for n in 0..MOST as u64 + 100 {
            assert_eq!(attempts.begin(&n.to_string(), None, n), Ok(()));
        }
        assert!(attempts.all.len() <= MOST);
        assert!(attempts.all.contains_key(&By::Pair(hash(&(MOST + 99).to_string()), None)));
        assert!(!attempts.all.contains_key(&By::Pair(hash("0"), None)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let [a, b, c] =
            ["2001:db8::1", "2001:db8::2:1", "2001:db8:0:1::1"].map(|it| it.parse().expect("one"));
        assert!(network(a) == network(b) && network(a) != network(c));
        assert_eq!(network("::ffff:10.0.0.1".parse().expect("one")), IpAddr::from([10, 0, 0, 1]));
    }
}
