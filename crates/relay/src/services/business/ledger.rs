//! Whom a business has reached, counted as it sends.
//!
//! The row of a business is written with the message that counts, in one batch, and asserted: like the head of a
//! conversation it is held in memory with all that was handed to the store though perhaps not yet durable, and a write
//! that fails fails all that were built on it. So two sends at once are both counted, and none of a crash is lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lacre_proto::error::WireError;
use lacre_proto::wire::Category;
use lacre_proto::{AccountId, ErrorCode, Millis};
use lacre_store::data::{Batch, Data, Expected, WriteError};

use super::super::memory::Shards;
use super::super::rows::{BusinessRow, ReachedRow, StandingRow};
use super::super::{Answered, Durable, Services, keys, rows, unavailable};
use super::rules::{self, Counted, Sending, Standing};
use super::{BusinessError, Dealing};

/// The businesses whose counts are known in memory.
pub(crate) type Ledgers = Shards<AccountId, Ledger>;

/// How often a complaint is tried again that a failed send of the business has spoiled.
const ATTEMPTS: usize = 8;

/// The counts of one business.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<State>);

#[derive(Debug, Default)]
pub(crate) struct State {
    live: Option<Live>,
    /// Counts the readings from the store: a failed write spoils only what was built on the same reading.
    generation: u64,
}

#[derive(Debug)]
struct Live {
    row: StandingRow,
    stored: Option<Bytes>,
    /// Customers counted in this hour, whose rows may not be in the store yet.
    recent: HashMap<AccountId, ReachedRow>,
    hour: u64,
}

impl Live {
    fn known(&self, customer: AccountId, read: ReachedRow) -> ReachedRow {
        self.recent.get(&customer).copied().unwrap_or(read)
    }

    /// Takes in what was counted, and adds it to the batch that is handed to the store before the lock is let go.
    fn take(&mut self, counted: Counted, of: Dealing, now: Millis, batch: Batch) -> Batch {
        if self.hour != rules::hour(now) {
            self.hour = rules::hour(now);
            self.recent.clear();
        }
        let (key, row) = (keys::standing(of.business), rows::encode(&counted.standing));
        let before = self.stored.replace(row.clone()).map_or(Expected::Absent, Expected::Value);
        self.recent.insert(of.customer, counted.reached);
        self.row = counted.standing;
        batch
            .assert(key.clone(), before)
            .put(key, row)
            .put(keys::reached(of.business, of.customer), rows::encode(&counted.reached))
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is made whole, so what a poisoned lock guards is good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spoiled(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.live = None;
        }
    }
}

/// A send that may reach a customer anew.
pub(crate) struct Reach {
    ledger: Arc<Ledger>,
    of: Dealing,
    read: ReachedRow,
    sending: Sending,
}

/// A send's place in the ledger, held until its batch is in the store's hands.
pub(crate) struct Counting<'a> {
    reach: &'a Reach,
    state: MutexGuard<'a, State>,
    counted: Option<Counted>,
}

impl Reach {
    /// Counts it, or refuses it; what was counted stands only with [`Counting::add`].
    pub(crate) fn count(&self) -> Answered<Counting<'_>> {
        let state = self.ledger.lock();
        // Spoiled since it was read.
        let Some(live) = &state.live else { return Err(ErrorCode::StorageUnavailable.into()) };
        let known = live.known(self.of.customer, self.read);
        let held = |(code, retry_after_ms)| WireError { code, epoch: 0, retry_after_ms };
        let counted = rules::count(&live.row, &known, self.sending).map_err(held)?;
        Ok(Counting { reach: self, state, counted })
    }

    /// What follows when the send's write fails.
    fn failed(&self, generation: u64) {
        self.ledger.spoiled(generation);
    }
}

impl Counting<'_> {
    /// The batch with the count, and the reading that it was built on, when there is one.
    pub(crate) fn add(&mut self, batch: Batch) -> (Batch, Option<u64>) {
        let Reach { of, sending, .. } = self.reach;
        match (self.counted.take(), &mut self.state.live) {
            (Some(counted), Some(live)) => {
                let batch = live.take(counted, *of, sending.now, batch);
                (batch, Some(self.state.generation))
            }
            _ => (batch, None),
        }
    }
}

/// A send whose failure spoils the count that it was made with.
pub(crate) fn watched<T: Send + 'static>(
    durable: Durable<T>,
    reach: Option<Reach>,
    generation: Option<u64>,
) -> Durable<T> {
    let (Some(reach), Some(generation)) = (reach, generation) else { return durable };
    Box::pin(async move {
        let done = durable.await;
        if done.is_err() {
            reach.failed(generation);
        }
        done
    })
}

impl<D: Data> Services<D> {
    /// What is to be counted with a send of a business.
    pub(super) async fn reach(
        &self,
        of: Dealing,
        business: &BusinessRow,
        category: Category,
        outside: bool,
        now: Millis,
    ) -> Answered<Option<Reach>> {
        if !outside && category != Category::Marketing {
            return Ok(None);
        }
        let ledger = self.ledger(of.business).await?;
        let read = self.reached(of).await?;
        let verified = business.verified_ms != 0;
        Ok(Some(Reach { ledger, of, read, sending: Sending { category, outside, verified, now } }))
    }

    /// Writes a batch, and that a customer complains of an account, if it is a business that has reached them.
    pub(in super::super) async fn write_complaining(
        &self,
        of: Dealing,
        batch: Batch,
        now: Millis,
    ) -> Answered<Result<(), WriteError>> {
        let Some(business) = self.business(of.business).await? else {
            return Ok(self.0.data.write(batch).await.map(drop));
        };
        let own = batch.asserts.len();
        for _ in 0..ATTEMPTS {
            // A stop is taken though the count cannot be read.
            let (Ok(ledger), Ok(read)) = (self.ledger(of.business).await, self.reached(of).await) else {
                return Ok(self.0.data.write(batch).await.map(drop));
            };
            let (write, generation) = {
                let mut state = ledger.lock();
                let generation = state.generation;
                let Some(live) = &mut state.live else { continue };
                let known = live.known(of.customer, read);
                let batch = batch.clone();
                match rules::complain(&live.row, &known, business.verified_ms != 0, now) {
                    Some(counted) => {
                        (self.0.data.write(live.take(counted, of, now, batch)), Some(generation))
                    }
                    None => (self.0.data.write(batch), None),
                }
            };
            let done = write.await;
            if let (Err(_), Some(generation)) = (&done, generation) {
                ledger.spoiled(generation);
            }
            match done {
                // Only the count was built on what has failed.
                Err(WriteError::Conflict(at)) if at >= own => {}
                done => return Ok(done.map(drop)),
            }
        }
        // What the customer wishes is done whether or not it can be counted.
        Ok(self.0.data.write(batch).await.map(drop))
    }

    /// How a business stands, as the store has it.
    pub(super) async fn standing(
        &self,
        account: AccountId,
        business: &BusinessRow,
        now: Millis,
    ) -> Result<Standing, BusinessError> {
        let row = self.0.data.get(&keys::standing(account)).await?;
        let row = row.as_ref().map(rows::decode::<StandingRow>).transpose();
        let row = row.map_err(|_| BusinessError::Store)?.unwrap_or_default();
        Ok(row.shown(business.verified_ms != 0, now))
    }

    async fn ledger(&self, business: AccountId) -> Answered<Arc<Ledger>> {
        let ledger = self.0.ledgers.of(business, business.0[0], Ledger::default);
        if ledger.lock().live.is_some() {
            return Ok(ledger);
        }
        let stored = self.0.data.get(&keys::standing(business)).await.map_err(unavailable)?;
        let row = stored.as_ref().map(rows::decode::<StandingRow>).transpose()?.unwrap_or_default();
        let mut state = ledger.lock();
        // Should it have been read and changed meanwhile, the other reading is as good or newer.
        if state.live.is_none() {
            state.generation += 1;
            state.live = Some(Live { row, stored, recent: HashMap::new(), hour: 0 });
        }
        drop(state);
        Ok(ledger)
    }

    async fn reached(&self, of: Dealing) -> Answered<ReachedRow> {
        let row = self.0.data.get(&keys::reached(of.business, of.customer)).await.map_err(unavailable)?;
        Ok(row.as_ref().map(rows::decode::<ReachedRow>).transpose()?.unwrap_or_default())
    }
}
