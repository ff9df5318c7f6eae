//! The `Bus` port: tells a waiting session that something was appended to a mailbox.
//!
//! A hint, lossy by design: a wake may be lost, doubled or late. A reader goes back to `Data` when a position is
//! missing, when it is told that wakes were dropped, at reconnect, and now and then. Waking never waits.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::data::LogId;

/// Wakes that wait for one subscriber; what comes on top is dropped, and the subscriber told so.
pub const QUEUED_WAKES: usize = 256;
/// Bytes of values that wait for one subscriber.
pub const QUEUED_BYTES: usize = 256 * 1024;

/// In place of a position: something that lies in no mailbox, for who listens now.
pub const PASSING: u64 = 0;

/// One entry that was appended, or something in passing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// Its position in the mailbox, or [`PASSING`].
    pub position: u64,
    /// Its value.
    pub value: Bytes,
}

/// What a subscriber gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Woken {
    /// In the order of the calls of `wake`.
    pub wakes: Vec<Wake>,
    /// Some were dropped after these.
    pub dropped: bool,
}

/// Wakes the subscribers of mailboxes. Cheap to clone; all clones are the same bus.
pub trait Bus: Clone + Send + Sync + 'static {
    /// What [`Bus::subscribe`] gives.
    type Subscription: Subscription;

    /// Tells the subscribers of a mailbox, if there are any. Never waits.
    fn wake(&self, mailbox: LogId, position: u64, value: Bytes);

    /// Subscribes to a mailbox until the subscription is dropped; a mailbox may have several subscribers.
    fn subscribe(&self, mailbox: LogId) -> Self::Subscription;
}

/// A subscription to one mailbox.
pub trait Subscription: Send + 'static {
    /// What has come since the last call, without waiting; `None` when nothing has.
    fn take(&mut self) -> Option<Woken>;

    /// Waits until something comes. Nothing is lost when the future is dropped before it is ready.
    fn next(&mut self) -> impl Future<Output = Woken> + Send;
}

/// The bus of a single process: a sharded map from mailbox to its subscribers.
#[derive(Debug, Clone)]
pub struct LocalBus(Arc<Shards>);

#[derive(Debug)]
struct Shards {
    hasher: RandomState,
    shards: [Mutex<HashMap<LogId, Vec<Arc<Slot>>>>; 64],
}

impl Default for LocalBus {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalBus {
    /// A bus without subscribers.
    pub fn new() -> Self {
        let shards = std::array::from_fn(|_| Mutex::default());
        Self(Arc::new(Shards { hasher: RandomState::new(), shards }))
    }

    /// Whether anybody is subscribed to a mailbox.
    pub fn is_subscribed(&self, mailbox: LogId) -> bool {
        self.0.of(mailbox).contains_key(&mailbox)
    }
}

impl Bus for LocalBus {
    type Subscription = LocalSubscription;

    fn wake(&self, mailbox: LogId, position: u64, value: Bytes) {
        if let Some(slots) = self.0.of(mailbox).get(&mailbox) {
            slots.iter().for_each(|slot| slot.push(Wake { position, value: value.clone() }));
        }
    }

    fn subscribe(&self, mailbox: LogId) -> LocalSubscription {
        let slot = Arc::new(Slot::default());
        self.0.of(mailbox).entry(mailbox).or_insert_with(|| Vec::with_capacity(1)).push(slot.clone());
        LocalSubscription { bus: self.clone(), mailbox, slot }
    }
}

impl Shards {
    fn of(&self, mailbox: LogId) -> MutexGuard<'_, HashMap<LogId, Vec<Arc<Slot>>>> {
        let index = self.hasher.hash_one(mailbox) as usize % self.shards.len();
        lock(&self.shards[index])
    }
}

/// A subscription to a [`LocalBus`]; an idle one holds no queue.
#[derive(Debug)]
pub struct LocalSubscription {
    bus: LocalBus,
    mailbox: LogId,
    slot: Arc<Slot>,
}

impl Subscription for LocalSubscription {
    fn take(&mut self) -> Option<Woken> {
        let queue = std::mem::take(&mut *lock(&self.slot.queue));
        (queue.dropped || !queue.wakes.is_empty())
            .then(|| Woken { wakes: queue.wakes.into(), dropped: queue.dropped })
    }

    async fn next(&mut self) -> Woken {
        loop {
            if let Some(woken) = self.take() {
                return woken;
            }
            // A wake between the look and this wait leaves a permit, so it is not missed.
            self.slot.notify.notified().await;
        }
    }
}

impl Drop for LocalSubscription {
    fn drop(&mut self) {
        let mut shard = self.bus.0.of(self.mailbox);
        if let Some(slots) = shard.get_mut(&self.mailbox) {
            slots.retain(|slot| !Arc::ptr_eq(slot, &self.slot));
            if slots.is_empty() {
                shard.remove(&self.mailbox);
            }
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    queue: Mutex<Queue>,
    notify: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    wakes: VecDeque<Wake>,
    bytes: usize,
    dropped: bool,
}

impl Slot {
    fn push(&self, wake: Wake) {
        let mut queue = lock(&self.queue);
        let first = queue.wakes.is_empty() && !queue.dropped;
        let full = queue.wakes.len() >= QUEUED_WAKES || queue.bytes + wake.value.len() > QUEUED_BYTES;
        // Once one is dropped, all are until the subscriber looks: it has to read from `Data` anyway.
        queue.dropped |= full;
        if !queue.dropped {
            queue.bytes += wake.value.len();
            queue.wakes.push_back(wake);
        }
        drop(queue);
        if first {
            self.notify.notify_one();
        }
    }
}

/// What these locks guard is whole at every moment, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: LogId = LogId([1; 16]);
    const BOB: LogId = LogId([2; 16]);

    fn wake(position: u64) -> Wake {
        Wake { position, value: Bytes::from(position.to_be_bytes().to_vec()) }
    }

    fn send(bus: &LocalBus, mailbox: LogId, position: u64) {
        bus.wake(mailbox, position, wake(position).value);
    }

    #[test]
    fn ana_gets_what_is_for_her_in_order_and_bob_nothing() {
        let bus = LocalBus::new();
        let (mut ana, mut bob) = (bus.subscribe(ANA), bus.subscribe(BOB));
        (1..=3).for_each(|position| send(&bus, ANA, position));
        assert_eq!(ana.take(), Some(Woken { wakes: (1..=3).map(wake).collect(), dropped: false }));
        assert_eq!(ana.take(), None);
        assert_eq!(bob.take(), None);
    }

    #[test]
    fn two_sessions_of_one_mailbox_both_hear_and_each_leaves_alone() {
        let bus = LocalBus::new();
        let (old, mut new) = (bus.subscribe(ANA), bus.subscribe(ANA));
        drop(old);
        send(&bus, ANA, 1);
        assert_eq!(new.take().map(|woken| woken.wakes), Some(vec![wake(1)]));
        drop(new);
        assert!(!bus.is_subscribed(ANA));
        assert!(bus.0.shards.iter().all(|shard| lock(shard).is_empty()));
    }

    #[test]
    fn a_session_that_does_not_read_is_told_what_it_missed_and_holds_no_more_than_its_bound() {
        let bus = LocalBus::new();
        let mut ana = bus.subscribe(ANA);
        (1..=10_000).for_each(|position| send(&bus, ANA, position));
        let woken = ana.take().unwrap();
        assert_eq!(woken, Woken { wakes: (1..=QUEUED_WAKES as u64).map(wake).collect(), dropped: true });
        send(&bus, ANA, 10_001);
        assert_eq!(ana.take(), Some(Woken { wakes: vec![wake(10_001)], dropped: false }));
    }

    #[test]
    fn a_value_over_the_bound_is_dropped_and_said_so() {
        let bus = LocalBus::new();
        let mut ana = bus.subscribe(ANA);
        bus.wake(ANA, 1, Bytes::from(vec![0; QUEUED_BYTES + 1]));
        send(&bus, ANA, 2);
        assert_eq!(ana.take(), Some(Woken { wakes: vec![], dropped: true }));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_is_missed_between_a_look_and_a_wait() {
        const WAKES: u64 = 20_000;
        let bus = LocalBus::new();
        let mut ana = bus.subscribe(ANA);
        let writer = tokio::spawn(async move {
            for position in 1..=WAKES {
                send(&bus, ANA, position);
                if position % 64 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            bus
        });
        let mut last = 0;
        let mut dropped = 0;
        while last < WAKES && dropped == 0 {
            let woken = ana.next().await;
            let positions: Vec<u64> = woken.wakes.iter().map(|wake| wake.position).collect();
            assert!(positions.iter().copied().eq(last + 1..=last + positions.len() as u64));
            last += positions.len() as u64;
            dropped += u64::from(woken.dropped);
        }
        writer.await.unwrap();
        assert!(last > 0);
    }
}
