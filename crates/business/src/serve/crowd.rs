//! Who is at the listener, by address, or by network where that is IPv6: nobody takes all its places.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::people::network;

/// Connections by address.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    is_open_to: fn(IpAddr) -> bool,
    inside: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection, for as long as this is held.
#[derive(Debug)]
pub(super) struct Inside(Option<(Arc<Crowd>, IpAddr)>);

impl Crowd {
    /// So many connections of one address at most; 0 for as many as they like. This machine itself is not counted.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Self::but_for(most, |it| it.is_loopback())
    }

    /// The same, but for other addresses that are not counted.
    pub(super) fn but_for(most: usize, is_open_to: fn(IpAddr) -> bool) -> Arc<Self> {
        Arc::new(Self { most, is_open_to, inside: Mutex::default() })
    }

    /// Lets a connection in, unless too many of its address are in.
    pub(super) fn enter(self: &Arc<Self>, from: IpAddr) -> Option<Inside> {
        if self.most == 0 || (self.is_open_to)(from) {
            return Some(Inside(None));
        }
        let from = network(from);
        let mut inside = self.inside();
        let count = inside.entry(from).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Inside(Some((self.clone(), from))))
    }

    fn inside(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let Some((crowd, from)) = self.0.take() else { return };
        let mut inside = crowd.inside();
        if let Some(count) = inside.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_its_own_places_alone_and_this_machine_as_many_as_it_likes() {
        let crowd = Crowd::new(2);
        let six = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"];
        let six = six.map(|it| it.parse().expect("an address"));
        let [mallory, ana, here] = [[192, 0, 2, 1], [192, 0, 2, 2], [127, 0, 0, 1]].map(IpAddr::from);
        let first = crowd.enter(mallory);
        let second = crowd.enter(mallory);
        assert!(first.is_some() && second.is_some() && crowd.enter(mallory).is_none());
        assert!(crowd.enter(ana).is_some());
        let all: Vec<_> = (0..100).map(|_| crowd.enter(here)).collect();
        assert!(all.iter().all(Option::is_some));
        drop(first);
        assert!(crowd.enter(mallory).is_some());
        drop(second);
        let all = six.map(|it| crowd.enter(it));
        assert_eq!(all.each_ref().map(Option::is_some), [true, true, false, true], "who has one has many");
        drop(all);
        assert!(crowd.inside().is_empty(), "nothing is kept of who has gone");
    }
}
