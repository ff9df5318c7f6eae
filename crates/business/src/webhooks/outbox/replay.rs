//! Telling again, with the same bytes under the same id.

use std::collections::BTreeSet;

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, WriteError};

use super::rows::{Dead, Lane, Logged, Waiting};
use super::{Outbox, StoreError, log};
use crate::store::bytes_of;

const PAGE: usize = 256;

/// What is to be told again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// One delivery, dead or delivered.
    Id(u64),
    /// Everything that was given up.
    Dead,
    /// Everything, dead or delivered, of events taken in a time (the first included, the second not).
    Taken(Millis, Millis),
}

impl<D: Data> Outbox<D> {
    /// Puts deliveries back to where they waited, before whatever waits there now; gives how many. Each gets its days
    /// again.
    pub async fn replay(&self, what: Replay, now: Millis) -> Result<u64, StoreError> {
        match what {
            Replay::Id(id) => {
                if let Some(dead) = self.store.read::<Dead>("a dead delivery", &Dead::key(id)).await? {
                    return Ok(u64::from(self.revive(dead, now).await?));
                }
                let index: Option<(Millis, u32)> =
                    self.store.read("a delivery's index", &log::index_key(id)).await?;
                let Some((at, attempt)) = index else { return Ok(0) };
                match self.store.read("a delivery", &log::key_of(at, id, attempt)).await? {
                    Some(row) => Ok(u64::from(self.repeat(row, now).await?)),
                    None => Ok(0),
                }
            }
            Replay::Dead => self.revive_all(0, Millis::MAX, now).await,
            Replay::Taken(from, to) => {
                Ok(self.revive_all(from, to, now).await? + self.repeat_all(from, to, now).await?)
            }
        }
    }

    async fn revive_all(&self, from: Millis, to: Millis, now: Millis) -> Result<u64, StoreError> {
        let (mut count, mut after) = (0, 0);
        loop {
            let rows = self.dead(after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(count) };
            after = last.id;
            for dead in rows.into_iter().filter(|it| (from..to).contains(&it.created)) {
                count += u64::from(self.revive(dead, now).await?);
            }
        }
    }

    /// What was delivered is looked for from the time of its event on: it cannot have been delivered earlier.
    async fn repeat_all(&self, from: Millis, to: Millis, now: Millis) -> Result<u64, StoreError> {
        let (mut start, end) = (log::from_time(from), log::from_time(now.saturating_add(1)));
        // What is delivered again while this goes on is not told a third time.
        let mut done = BTreeSet::new();
        let mut count = 0;
        loop {
            let rows = self.rows::<Logged>(&start, &end, PAGE).await?;
            let Some((last, _)) = rows.last() else { return Ok(count) };
            start = log::after(last);
            for (key, row) in rows {
                // Of a delivery that succeeded more than once, only the last is repeated.
                let index: Option<(Millis, u32)> =
                    self.store.read("a delivery's index", &log::index_key(row.id)).await?;
                let last = index == log::time_of(&key).map(|at| (at, row.attempt));
                if last && (from..to).contains(&row.created) && done.insert(row.id) {
                    count += u64::from(self.repeat(row, now).await?);
                }
            }
        }
    }

    async fn revive(&self, dead: Dead, now: Millis) -> Result<bool, StoreError> {
        let batch = Batch::new()
            .assert(Dead::key(dead.id), Expected::Value(bytes_of(&dead).into()))
            .delete(Dead::key(dead.id));
        let Dead { id, lane, sequence, field, created, body, .. } = dead;
        self.requeue(batch, lane, sequence, Waiting { id, field, created, queued: now, body }).await
    }

    async fn repeat(&self, row: Logged, now: Millis) -> Result<bool, StoreError> {
        let Logged { lane, sequence, id, field, created, body, .. } = row;
        let Some(body) = body else { return Ok(false) };
        self.requeue(Batch::new(), lane, sequence, Waiting { id, field, created, queued: now, body }).await
    }

    async fn requeue(
        &self,
        batch: Batch,
        lane: Lane,
        sequence: u64,
        waiting: Waiting,
    ) -> Result<bool, StoreError> {
        let key = lane.waiting_key(sequence);
        let batch = batch.assert(key.clone(), Expected::Absent).put(key, bytes_of(&waiting));
        match self.store.write(batch).await {
            Ok(()) => {
                self.touch([lane]);
                Ok(true)
            }
            // It waits already, or somebody else was faster.
            Err(StoreError::Write(WriteError::Conflict(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
