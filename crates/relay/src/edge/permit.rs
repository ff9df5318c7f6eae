//! Caps on connections: in all, and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the open connections.
#[derive(Debug)]
pub(super) struct Connections {
    per_address: usize,
    all: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place for one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Connections {
    pub(super) fn new(per_address: usize, all: usize) -> Self {
        Self { per_address, all, open: Mutex::default() }
    }

    /// A place for a connection from an address, if there is one.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let mut open = self.lock();
        let all = open.all;
        let here = open.by_address.entry(address).or_default();
        if all >= self.all || *here >= self.per_address {
            if *here == 0 {
                open.by_address.remove(&address);
            }
            return None;
        }
        *here += 1;
        open.all += 1;
        Some(Permit { connections: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.all -= 1;
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mallory_fills_her_own_places_and_ana_finds_one() {
        let connections = Arc::new(Connections::new(2, 4));
        let mallory = IpAddr::from([203, 0, 113, 1]);
        let ana = IpAddr::from([198, 51, 100, 7]);
        let held: Vec<Permit> = (0..2).filter_map(|_| connections.admit(mallory)).collect();
        assert_eq!(held.len(), 2);
        assert!(connections.admit(mallory).is_none());
        let hers = connections.admit(ana);
        assert!(hers.is_some());
        drop(held);
        assert!(connections.admit(mallory).is_some());
        drop(hers);
        assert!(connections.lock().by_address.is_empty(), "nothing is remembered of who is gone");
        assert_eq!(connections.lock().all, 0);
    }

    #[test]
    fn there_is_an_end_to_all_places() {
        let connections = Arc::new(Connections::new(2, 3));
        let held: Vec<Permit> =
            (0..9).filter_map(|host| connections.admit(IpAddr::from([10, 0, 0, host]))).collect();
        assert_eq!(held.len(), 3);
        assert_eq!(connections.lock().by_address.len(), 3);
    }
}
