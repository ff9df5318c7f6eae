//! What waits to be told, durably.
//!
//! Events of one customer to one receiver form a lane: the first of a lane is delivered before the second is tried, and
//! a lane that has to wait keeps no other from going on. What a receiver has answered six times in a row that it does
//! not take, those behind it pass: it is tried on beside them. A delivery is rendered once; every attempt sends the same bytes.
//!
//! | state | where | goes to |
//! |---|---|---|
//! | waiting | `DELIVERY`, in its lane | delivered, on an answer of 200 to 299; waiting, later, on any other; dead, after its days |
//! | delivered | `DELIVERED`, with its bytes | gone after the log's days; waiting again by a replay |
//! | dead | `DEAD` | gone after its days; waiting again by a replay |
//!
//! | key | value |
//! |---|---|
//! | `DELIVERY` `d` lane, sequence | `Waiting` |
//! | `DELIVERY` `c` lane | the highest sequence given |
//! | `DELIVERY` `a` id | `Aside`: what the node that leads tells, where this one does not |
//! | `DELIVERY` `h` lane, sequence | `Fares`, once it was tried |
//! | `DEAD` id | [`Dead`] |
//! | `DELIVERED` `a` time, id, attempt | `Logged` |
//! | `DELIVERED` `i` id | time and attempt of the delivery that succeeded last |
//! | `TAKEN` `p` | the position up to which events were taken |
//! | `TAKEN` `n` | the highest delivery id given |

mod aside;
mod forget;
mod held;
mod log;
mod replay;
mod rows;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use tokio::sync::Notify;

pub use held::Queued;
pub use log::Attempt;
pub use replay::Replay;
pub use rows::{Dead, Lane, Outcome};

use aside::Aside;
use rows::{Fares, Logged, Waiting};

use super::event::Rendered;
use super::subscription::Subscriptions;
use crate::nodes::Lead;
use crate::store::{Store, StoreError, bytes_of, end_of, table};

const DAY: Millis = 24 * 60 * 60 * 1_000;

/// So many answers in a row that it does not take a delivery, which is about a minute, and those behind it go on.
const PASSED: u32 = 6;
/// So many that were passed are looked at for one of a lane that is to be tried.
const LOOK: usize = 32;

/// How deliveries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Deliveries to one receiver at a time.
    pub per_receiver: usize,
    /// How long after the first failure it is tried again; each failure doubles it.
    pub first_wait: Millis,
    /// No wait is longer.
    pub longest_wait: Millis,
    /// For how long a delivery is tried.
    pub life: Millis,
    /// For how long the log, and the bytes of what was delivered, are kept.
    pub log: Millis,
    /// For how long the dead are kept.
    pub dead: Millis,
    /// The clock is looked at at least this often.
    pub tick: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            per_receiver: 16,
            first_wait: 1_000,
            longest_wait: 3_600_000,
            life: 7 * DAY,
            log: 7 * DAY,
            dead: 30 * DAY,
            tick: Duration::from_secs(1),
        }
    }
}

/// The first of a lane, to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) lane: Lane,
    pub(super) sequence: u64,
    pub(super) waiting: Waiting,
    /// Attempts that were made.
    pub(super) attempts: u32,
    /// Not to be tried before.
    pub(super) not_before: Millis,
    /// How often in a row the receiver has not taken it.
    pub(super) refused: u32,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) outcome: Outcome,
    pub(super) at: Millis,
    pub(super) took: Millis,
    /// Random, for the jitter.
    pub(super) noise: u64,
}

/// An event that is to wait, and when it was taken.
struct Queueing {
    event: Rendered,
    created: Millis,
}

/// The queues of a node. Cheap to clone; all clones are the same queues.
#[derive(Clone)]
pub struct Outbox<D> {
    pub(super) store: Store<D>,
    pub(super) subscriptions: Subscriptions<D>,
    pub(super) settings: Settings,
    pub(super) lead: Lead,
    /// When that was taken which this node, leading, had come into its lanes last.
    latest: Arc<AtomicU64>,
    /// Ids and sequences are given one after the other.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Held from when events are looked at until they are queued.
    taking: Arc<tokio::sync::Mutex<()>>,
    news: Arc<News>,
}

#[derive(Default)]
struct News {
    touched: Mutex<BTreeSet<Lane>>,
    bell: Notify,
}

impl<D: Data> Outbox<D> {
    /// The queues in a store, of a node that is alone.
    pub fn new(store: Store<D>, subscriptions: Subscriptions<D>, settings: Settings) -> Self {
        Self {
            store,
            subscriptions,
            settings,
            lead: Lead::alone(),
            latest: Arc::default(),
            turn: Arc::default(),
            taking: Arc::default(),
            news: Arc::default(),
        }
    }

    /// Of a node that has to lead before it tells what all nodes of its account know of.
    pub fn led_by(self, lead: Lead) -> Self {
        Self { lead, ..self }
    }

    /// Up to where the events of the sealed side were taken.
    pub async fn position(&self) -> Result<u64, StoreError> {
        Ok(self.store.read("the position", &position_key()).await?.unwrap_or(0))
    }

    /// Takes events up to a position: queues what is to be told and moves the position, in one batch with what else
    /// they make. Nothing happens when they were taken already.
    pub async fn take(
        &self,
        from: u64,
        to: u64,
        events: Vec<Rendered>,
        beside: Batch,
        now: Millis,
    ) -> Result<(), StoreError> {
        let before = if from == 0 { Expected::Absent } else { Expected::Value(bytes_of(&from).into()) };
        let mut batch = Batch::new().assert(position_key(), before).put(position_key(), bytes_of(&to));
        batch.asserts.extend(beside.asserts);
        batch.ops.extend(beside.ops);
        let events = events.into_iter().map(|event| Queueing { event, created: now }).collect();
        match self.queue(batch, events, now, false).await {
            Err(StoreError::Write(WriteError::Conflict(0))) => Ok(()),
            other => other,
        }
    }

    /// Queues something that the node itself tells.
    pub async fn tell(&self, event: Rendered, now: Millis) -> Result<(), StoreError> {
        self.queue(Batch::new(), vec![Queueing { event, created: now }], now, false).await
    }

    /// Queues events; what was aside comes into its lanes (`brings`).
    async fn queue(
        &self,
        mut batch: Batch,
        events: Vec<Queueing>,
        now: Millis,
        brings: bool,
    ) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        // What came while this node did not lead comes into its lanes before what comes now.
        let leads = brings || self.lead.leads() && self.aside(1).await? == 0;
        let last: Option<u64> = self.store.read("the last delivery", &last_key()).await?;
        let mut id = last.unwrap_or(0);
        let mut counts = BTreeMap::new();
        for Queueing { event: Rendered { customer, field, body, is_led }, created } in events {
            if is_led && !leads {
                id += 1;
                let row = Aside { customer, field: field.into_owned(), created, body };
                batch = batch.put(Aside::key(id), bytes_of(&row));
                continue;
            }
            if is_led {
                self.latest.fetch_max(created, Ordering::Relaxed);
            }
            for slot in self.subscriptions.slots(&field).await? {
                let lane = Lane { slot, customer };
                let sequence = match counts.entry(lane) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => {
                        let count: Option<u64> = self.store.read("a lane's count", &lane.count_key()).await?;
                        entry.insert(count.unwrap_or(0))
                    }
                };
                *sequence += 1;
                id += 1;
                let body = body.clone();
                let waiting = Waiting { id, field: field.clone().into_owned(), created, queued: now, body };
                batch = batch.put(lane.waiting_key(*sequence), bytes_of(&waiting));
            }
        }
        if id > last.unwrap_or(0) {
            let before = last.map_or(Expected::Absent, |it| Expected::Value(bytes_of(&it).into()));
            batch = batch.assert(last_key(), before).put(last_key(), bytes_of(&id));
        }
        for (lane, count) in &counts {
            batch = batch.put(lane.count_key(), bytes_of(count));
        }
        self.store.write(batch).await?;
        self.touch(counts.into_keys());
        Ok(())
    }

    /// Lanes in which something came to wait since this was last asked.
    pub(super) fn touched(&self) -> BTreeSet<Lane> {
        std::mem::take(&mut *self.news.touched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something came to wait in a lane.
    pub(super) async fn bell(&self) {
        self.news.bell.notified().await;
    }

    fn touch(&self, lanes: impl IntoIterator<Item = Lane>) {
        self.news.touched.lock().unwrap_or_else(PoisonError::into_inner).extend(lanes);
        self.news.bell.notify_one();
    }

    /// The lanes in which something waits.
    pub(super) async fn lanes(&self) -> Result<Vec<Lane>, StoreError> {
        let all = Key::new(table::DELIVERY, &[b"d"]);
        let (mut from, end) = (all.clone(), end_of(&all));
        let mut lanes = Vec::new();
        while let Some((key, _)) = self.store.0.scan(&from, &end, 1).await?.pop() {
            let lane = Lane::of_key(&key).ok_or(StoreError::Corrupt("the key of a delivery"))?;
            from = end_of(&lane.prefix());
            lanes.push(lane);
        }
        Ok(lanes)
    }

    /// How many deliveries wait, counted up to a limit.
    pub async fn waiting(&self, limit: usize) -> Result<usize, StoreError> {
        let all = Key::new(table::DELIVERY, &[b"d"]);
        Ok(self.store.0.scan(&all, &end_of(&all), limit).await?.len())
    }

    /// The first of a lane.
    pub(super) async fn head(&self, lane: Lane) -> Result<Option<Due>, StoreError> {
        Ok(self.after(lane, None).await?.map(|(_, due, _)| due))
    }

    /// What of a lane is to be tried next: the first, unless it was passed and has to wait.
    pub(super) async fn next(&self, lane: Lane, now: Millis) -> Result<Option<Due>, StoreError> {
        let (mut at, mut passed) = (None, None::<Due>);
        for _ in 0..LOOK {
            let Some((key, due, is_passed)) = self.after(lane, at.as_ref()).await? else { break };
            if !is_passed || due.not_before <= now {
                return Ok(Some(due));
            }
            at = Some(key);
            if passed.as_ref().is_none_or(|it| due.not_before < it.not_before) {
                passed = Some(due);
            }
        }
        Ok(passed)
    }

    /// The first of a lane behind a place in it, and whether those behind it pass it.
    async fn after(&self, lane: Lane, at: Option<&Key>) -> Result<Option<(Key, Due, bool)>, StoreError> {
        let first = self.store.list::<Waiting>("a delivery", &lane.prefix(), at, 1).await?.pop();
        let Some((key, waiting)) = first else { return Ok(None) };
        let sequence = Lane::sequence_of(&key).ok_or(StoreError::Corrupt("the key of a delivery"))?;
        let fares: Option<Fares> = self.store.read("how a delivery fares", &lane.tried_key(sequence)).await?;
        let Fares { attempts, not_before, refused } = fares.unwrap_or_default();
        let due = Due { lane, sequence, waiting, attempts, not_before, refused };
        Ok(Some((key, due, refused >= PASSED)))
    }

    /// Writes down what became of an attempt. Nothing happens when the delivery was erased meanwhile.
    pub(super) async fn settle(&self, due: Due, tried: Tried) -> Result<(), StoreError> {
        let Due { lane, sequence, waiting, attempts, not_before: _, refused } = due;
        let attempts = attempts.saturating_add(1);
        let key = lane.waiting_key(sequence);
        let mut batch = Batch::new().assert(key.clone(), Expected::Value(bytes_of(&waiting).into()));
        let delivered = tried.outcome.is_success();
        let dies = matches!(tried.outcome, Outcome::NoReceiver)
            || !delivered && waiting.queued.saturating_add(self.settings.life) <= tried.at;
        let logged = Logged {
            lane,
            sequence,
            id: waiting.id,
            attempt: attempts,
            outcome: tried.outcome,
            took: tried.took,
            field: waiting.field.clone(),
            created: waiting.created,
            body: delivered.then(|| waiting.body.clone()),
        };
        batch = batch.put(log::key_of(tried.at, waiting.id, attempts), bytes_of(&logged));
        if delivered {
            batch = batch.delete(key).delete(lane.tried_key(sequence));
            batch = batch.put(log::index_key(waiting.id), bytes_of(&(tried.at, attempts)));
        } else if dies {
            let Waiting { id, field, created, queued: _, body } = waiting;
            let Tried { outcome: last, at: died, .. } = tried;
            let dead = Dead { id, lane, sequence, field, created, died, attempts, last, body };
            batch = batch.delete(key).delete(lane.tried_key(sequence)).put(Dead::key(id), bytes_of(&dead));
        } else {
            let not_before = tried.at.saturating_add(self.wait_after(attempts, tried.noise));
            // Who cannot be reached has not seen it, and hears nothing else before it.
            let refused = if tried.outcome.is_refusal() { refused.saturating_add(1) } else { 0 };
            let fares = Fares { attempts, not_before, refused };
            batch = batch.put(lane.tried_key(sequence), bytes_of(&fares));
        }
        match self.store.write(batch).await {
            Err(StoreError::Write(WriteError::Conflict(_))) => Ok(()),
            other => other,
        }
    }

    /// Doubles with each attempt up to the longest, and is half of that at least: lanes that failed together do not
    /// come back together.
    fn wait_after(&self, attempts: u32, noise: u64) -> Millis {
        let doubled = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        let most = self.settings.first_wait.saturating_mul(doubled).min(self.settings.longest_wait);
        most / 2 + noise % (most / 2 + 1)
    }
}

fn position_key() -> Key {
    Key::new(table::TAKEN, &[b"p"])
}

fn last_key() -> Key {
    Key::new(table::TAKEN, &[b"n"])
}
