//! What the queues drop of a customer, and what is too old.

use std::collections::{BTreeMap, BTreeSet};

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Expected, WriteError};
use tokio::sync::MutexGuard;

use super::held::lanes;
use super::rows::{Dead, Lane, Logged, Waiting};
use super::{Outbox, StoreError, last_key, log};
use crate::store::{bytes_of, end_of};

const PAGE: usize = 256;

impl<D: Data> Outbox<D> {
    /// Waits until events that are being written are queued; as long as this is held, none are.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, ()> {
        self.taking.lock().await
    }

    /// The highest id of a delivery that was given.
    pub(crate) async fn last(&self) -> Result<u64, StoreError> {
        Ok(self.store.read("the last delivery", &last_key()).await?.unwrap_or(0))
    }

    /// Erases what is about a customer, up to the delivery with this id: what waits, what was given up, what was
    /// delivered and its log. Gives how many waited or were given up. What came since stays, and goes on counting.
    pub async fn forget(&self, customer: AccountId, up_to: u64) -> Result<u64, StoreError> {
        let (mut gone, mut counts) = (0, BTreeMap::new());
        for lane in lanes(customer) {
            if let Some(count) = self.store.read::<u64>("a lane's count", &lane.count_key()).await? {
                counts.insert(lane, count);
            }
            gone += self.forget_waiting(lane, up_to).await?;
        }
        gone += self.forget_aside(customer, up_to).await?;
        let mut stays = BTreeSet::new();
        let mut after = 0;
        loop {
            let rows = self.dead(after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            let theirs = rows.iter().filter(|it| it.lane.customer == Some(customer));
            let (old, new): (Vec<_>, Vec<_>) = theirs.partition(|it| it.id <= up_to);
            stays.extend(new.iter().map(|it| it.lane));
            gone += old.len() as u64;
            let batch = old.iter().fold(Batch::new(), |batch, it| batch.delete(Dead::key(it.id)));
            self.store.write(batch).await?;
        }
        let (mut from, end) = (log::from_time(0), log::from_time(Millis::MAX));
        loop {
            let rows = self.rows::<Logged>(&from, &end, PAGE).await?;
            let Some((last, _)) = rows.last() else { break };
            from = log::after(last);
            let mut batch = Batch::new();
            for (key, row) in rows.iter().filter(|(_, row)| row.lane.customer == Some(customer)) {
                if row.id <= up_to {
                    batch = self.drop_logged(batch, key, row).await?;
                } else {
                    stays.insert(row.lane);
                }
            }
            self.store.write(batch).await?;
        }
        for (lane, count) in counts.into_iter().filter(|(lane, _)| !stays.contains(lane)) {
            self.forget_count(lane, count).await?;
        }
        Ok(gone)
    }

    async fn forget_waiting(&self, lane: Lane, up_to: u64) -> Result<u64, StoreError> {
        let prefix = lane.prefix();
        let (mut from, end, mut gone) = (prefix.clone(), end_of(&prefix), 0);
        loop {
            let rows = self.rows::<Waiting>(&from, &end, PAGE).await?;
            let Some((last, _)) = rows.last() else { break };
            from = log::after(last);
            let old = rows.into_iter().filter(|(_, it)| it.id <= up_to);
            let old: Vec<_> = old.collect();
            gone += old.len() as u64;
            let batch = old.into_iter().fold(Batch::new(), |batch, (key, _)| {
                let tried = Lane::sequence_of(&key).map(|sequence| lane.tried_key(sequence));
                tried.into_iter().fold(batch.delete(key), Batch::delete)
            });
            self.store.write(batch).await?;
        }
        Ok(gone)
    }

    /// Forgets how many a lane had, when nothing of it is left and nothing has come to it since.
    async fn forget_count(&self, lane: Lane, count: u64) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let prefix = lane.prefix();
        if !self.store.0.scan(&prefix, &end_of(&prefix), 1).await?.is_empty() {
            return Ok(());
        }
        let batch = Batch::new().assert(lane.count_key(), Expected::Value(bytes_of(&count).into()));
        unless_changed(self.store.write(batch.delete(lane.count_key())).await)
    }

    /// Drops what was delivered or given up long enough ago, as `old` says by whom it is about and when that was; what
    /// was later than `before` is not even looked at. At most so many, or little more; gives how many, and is to be
    /// asked again when these were all.
    pub(crate) async fn expire(
        &self,
        before: Millis,
        most: usize,
        old: impl Fn(Option<AccountId>, Millis) -> bool,
    ) -> Result<usize, StoreError> {
        let mut gone = 0;
        let (mut from, end) = (log::from_time(0), log::from_time(before.saturating_add(1)));
        while gone < most {
            let rows = self.rows::<Logged>(&from, &end, PAGE).await?;
            let Some((last, _)) = rows.last() else { break };
            from = log::after(last);
            let mut batch = Batch::new();
            for (key, row) in &rows {
                if log::time_of(key).is_some_and(|at| old(row.lane.customer, at)) {
                    batch = self.drop_logged(batch, key, row).await?;
                    gone += 1;
                }
            }
            self.store.write(batch).await?;
        }
        let mut after = 0;
        while gone < most {
            let rows = self.dead(after, PAGE).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            let over = rows.iter().filter(|it| old(it.lane.customer, it.died));
            let batch = over.fold(Batch::new(), |batch, it| batch.delete(Dead::key(it.id)));
            gone += batch.ops.len();
            self.store.write(batch).await?;
        }
        Ok(gone)
    }

    /// How many deliveries are kept that were told or given up, and when the oldest was.
    pub(crate) async fn kept(&self) -> Result<(u64, Option<Millis>), StoreError> {
        let (mut from, end, mut count) = (log::from_time(0), log::from_time(Millis::MAX), 0);
        let mut oldest = None;
        loop {
            let rows = self.store.0.scan(&from, &end, PAGE).await?;
            let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) else { break };
            oldest = oldest.or(log::time_of(first));
            from = log::after(last);
            count += rows.len() as u64;
        }
        let mut after = 0;
        loop {
            let rows = self.dead(after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok((count, oldest)) };
            after = last.id;
            count += rows.len() as u64;
            oldest = oldest.into_iter().chain(rows.iter().map(|it| it.died)).min();
        }
    }
}

/// Whoever was faster has written what counts.
fn unless_changed(done: Result<(), StoreError>) -> Result<(), StoreError> {
    match done {
        Err(StoreError::Write(WriteError::Conflict(_))) => Ok(()),
        other => other,
    }
}
