//! Takes what happens on the sealed side and tells the receivers, until it is stopped.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lacre_proto::Millis;
use lacre_store::data::{Data, WriteError};
use rand_core::CryptoRng;
use tokio::task::JoinSet;

use super::event::{Names, Renderer};
use super::outbox::{Due, Lane, Outbox, Outcome, Tried};
use super::sign::{self, Stamp};
use super::subscription::Slot;
use crate::chat::Chat;
use crate::clock::Clock;
use crate::inbox;
use crate::outward::OutwardError;
use crate::restriction;
use crate::store::StoreError;

/// Events that are taken in one batch.
const TAKEN_AT_ONCE: usize = 64;
/// Deliveries of one lane in a row, before others have their turn.
const IN_A_ROW: usize = 16;
/// What a store that does not answer is given before it is asked again.
const PAUSE: Duration = Duration::from_secs(1);
const PRUNE_EVERY: Millis = 600_000;

/// What tells.
pub struct Runner<C, D, N, K> {
    /// The sealed side.
    pub chat: Arc<C>,
    /// The queues.
    pub outbox: Outbox<D>,
    /// How events are written.
    pub renderer: Renderer<N>,
    /// What time it is.
    pub clock: Arc<K>,
}

impl<C: Chat, D: Data, N: Names, K: Clock> Runner<C, D, N, K> {
    /// Runs until `stop` is ready, then lets what is being delivered end. Dropping it anywhere loses nothing: what was
    /// taken is durable, and a delivery whose end was not seen is made again.
    pub async fn run(&self, stop: impl Future<Output = ()>, rng: &mut (impl CryptoRng + Send)) {
        let mut stop = pin!(stop);
        let mut take = pin!(self.take());
        let mut desk = Desk::new(self);
        desk.begin().await;
        loop {
            desk.prune().await;
            desk.start(rng);
            let wait = desk.wait();
            tokio::select! {
                () = &mut stop => break,
                never = &mut take => match never {},
                () = self.outbox.bell() => {}
                Some(ended) = desk.work.join_next() => desk.ended(ended),
                () = tokio::time::sleep(wait) => {}
            }
            desk.hear();
        }
        while let Some(ended) = desk.work.join_next().await {
            desk.ended(ended);
        }
    }

    /// Takes events for ever.
    async fn take(&self) -> std::convert::Infallible {
        loop {
            if let Err(error) = self.take_some().await {
                tracing::error!(%error, "events could not be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn take_some(&self) -> Result<(), StoreError> {
        let mut news = self.outbox.lead.news();
        while self.outbox.bring(self.clock.now()).await? {}
        let mut from = self.outbox.position().await?;
        let events = tokio::select! {
            events = self.chat.events(from) => events?,
            // This node may lead now.
            _ = news.changed() => return Ok(()),
        };
        for some in events.chunks(TAKEN_AT_ONCE) {
            // Who erases waits for what is looked at here, and it is looked at after that what was erased.
            let _held = self.outbox.hold().await;
            let mut rendered = Vec::with_capacity(some.len());
            for (_, event) in some {
                rendered.extend(self.renderer.event(event).await?);
            }
            let Some((to, _)) = some.last() else { continue };
            loop {
                let beside = inbox::heard(&self.outbox.store, some).await?;
                match self.outbox.take(from, *to, rendered.clone(), beside, self.clock.now()).await {
                    // Somebody changed a conversation meanwhile.
                    Err(StoreError::Write(WriteError::Conflict(_))) => {}
                    other => break other?,
                }
            }
            from = *to;
        }
        Ok(())
    }
}

/// Which lanes are when to be looked at, and which are being worked on.
struct Desk<D, K> {
    outbox: Outbox<D>,
    clock: Arc<K>,
    /// When lanes are to be looked at.
    times: HashMap<Lane, Millis>,
    /// The lanes of each receiver: one that has no room keeps no other from going on.
    queues: BTreeMap<Slot, Queue>,
    /// Lanes that are being worked on; `true` when something came to wait there meanwhile.
    busy: HashMap<Lane, bool>,
    work: JoinSet<(Lane, Option<Millis>)>,
    pruned: Millis,
}

/// The lanes of one receiver by the time when they are to be looked at, and how many are being worked on.
#[derive(Default)]
struct Queue {
    lanes: BTreeSet<(Millis, Lane)>,
    load: usize,
}

impl<D: Data, K: Clock> Desk<D, K> {
    fn new<C, N>(runner: &Runner<C, D, N, K>) -> Self {
        Self {
            outbox: runner.outbox.clone(),
            clock: runner.clock.clone(),
            times: HashMap::new(),
            queues: BTreeMap::new(),
            busy: HashMap::new(),
            work: JoinSet::new(),
            pruned: 0,
        }
    }

    /// Finds what waits from before.
    async fn begin(&mut self) {
        loop {
            match self.outbox.lanes().await {
                Ok(lanes) => return lanes.into_iter().for_each(|lane| self.schedule(lane, 0)),
                Err(error) => {
                    tracing::error!(%error, "what waits could not be read");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn prune(&mut self) {
        let now = self.clock.now();
        if self.pruned + PRUNE_EVERY > now {
            return;
        }
        self.pruned = now;
        if let Err(error) = self.outbox.prune(now).await {
            tracing::error!(%error, "what is old could not be dropped");
        }
    }

    fn hear(&mut self) {
        for lane in self.outbox.touched() {
            match self.busy.get_mut(&lane) {
                Some(again) => *again = true,
                None => self.schedule(lane, 0),
            }
        }
    }

    fn schedule(&mut self, lane: Lane, at: Millis) {
        let queue = self.queues.entry(lane.slot).or_default();
        if let Some(before) = self.times.insert(lane, at) {
            queue.lanes.remove(&(before, lane));
        }
        queue.lanes.insert((at, lane));
    }

    /// Begins with every lane whose time has come and whose receiver has room.
    fn start(&mut self, rng: &mut impl CryptoRng) {
        let now = self.clock.now();
        let most = self.outbox.settings.per_receiver;
        for queue in self.queues.values_mut() {
            while queue.load < most
                && let Some((at, lane)) = queue.lanes.pop_first()
            {
                if at > now {
                    queue.lanes.insert((at, lane));
                    break;
                }
                queue.load += 1;
                self.times.remove(&lane);
                self.busy.insert(lane, false);
                let (outbox, clock, noise) = (self.outbox.clone(), self.clock.clone(), rng.next_u64());
                self.work.spawn(async move {
                    let next = work_on(&outbox, clock.as_ref(), lane, noise).await.unwrap_or_else(|error| {
                        tracing::error!(%error, "a delivery could not be read or written down");
                        Some(clock.now() + PAUSE.as_millis() as Millis)
                    });
                    (lane, next)
                });
            }
        }
    }

    fn ended(&mut self, ended: Result<(Lane, Option<Millis>), tokio::task::JoinError>) {
        // A task that panicked leaves its lane busy, which a restart finds again: that is a bug and told as one.
        let (lane, next) = match ended {
            Ok(ended) => ended,
            Err(error) => return tracing::error!(%error, "a delivery ended in a bug"),
        };
        if let Some(queue) = self.queues.get_mut(&lane.slot) {
            queue.load = queue.load.saturating_sub(1);
        }
        let again = self.busy.remove(&lane).unwrap_or(false);
        match next {
            _ if again => self.schedule(lane, 0),
            Some(at) => self.schedule(lane, at),
            None => {}
        }
    }

    /// How long nothing is to be done that a bell does not tell of.
    fn wait(&self) -> Duration {
        let now = self.clock.now();
        let most = self.outbox.settings.per_receiver;
        let open = self.queues.values().filter(|it| it.load < most);
        let next = open.filter_map(|it| it.lanes.first()).map(|(at, _)| at.saturating_sub(now)).min();
        next.map_or(self.outbox.settings.tick, Duration::from_millis).min(self.outbox.settings.tick)
    }
}

/// Delivers from a lane until it is empty, has to wait, or others should have their turn: when to look again.
async fn work_on<D: Data>(
    outbox: &Outbox<D>,
    clock: &impl Clock,
    lane: Lane,
    noise: u64,
) -> Result<Option<Millis>, StoreError> {
    for _ in 0..IN_A_ROW {
        let begun = clock.now();
        let Some(due) = outbox.next(lane, begun).await? else { return Ok(None) };
        if let Some(customer) = lane.customer
            && restriction::since(&outbox.store, customer).await?.is_some()
        {
            // Whoever lifts it has this lane looked at.
            return Ok(None);
        }
        if due.not_before > begun {
            return Ok(Some(due.not_before));
        }
        let outcome = attempt(outbox, &due, begun).await?;
        let at = clock.now();
        outbox.settle(due, Tried { outcome, at, took: at.saturating_sub(begun), noise }).await?;
    }
    Ok(Some(0))
}

async fn attempt<D: Data>(outbox: &Outbox<D>, due: &Due, now: Millis) -> Result<Outcome, StoreError> {
    let Some(receiver) = outbox.subscriptions.receiver(due.lane.slot).await? else {
        return Ok(Outcome::NoReceiver);
    };
    let out = outbox.subscriptions.out();
    let secrets = outbox.subscriptions.secrets().await?;
    let stamp = Stamp {
        id: due.waiting.id,
        sequence: due.sequence,
        attempt: due.attempts.saturating_add(1),
        seconds: now / 1_000,
    };
    let body = Bytes::from(due.waiting.body.clone());
    let mut headers = sign::headers(&secrets.current, stamp, &body).to_vec();
    let json = hyper::header::HeaderValue::from_static("application/json");
    headers.push((hyper::header::CONTENT_TYPE, json));
    let answer = match out.destination(&receiver.url) {
        Ok(to) => out.post(&to, headers, body).await,
        Err(error) => Err(error),
    };
    Ok(match answer {
        Ok(status) => Outcome::Status(status.as_u16()),
        Err(OutwardError::Late(_)) => Outcome::Late,
        Err(OutwardError::Tls(_)) => Outcome::Tls,
        Err(OutwardError::Url(_) | OutwardError::Refused) => Outcome::Refused,
        Err(OutwardError::Http(_) | OutwardError::TooLarge) => Outcome::BadAnswer,
        Err(_) => Outcome::Unreachable,
    })
}
