//! What became of deliveries, for a while.

use std::collections::VecDeque;

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};

use super::rows::{Dead, Lane, Logged, Outcome};
use super::{Outbox, StoreError};
use crate::restriction;
use crate::store::{end_of, table};
use crate::webhooks::subscription::Slot;

const PAGE: usize = 256;
/// How far the last attempts are looked for at first; each further look goes twice as far.
const FIRST_SPAN: Millis = 60_000;

/// One attempt at a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The delivery.
    pub id: u64,
    /// When.
    pub at: Millis,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Millis,
    /// The queue.
    pub slot: Slot,
    /// The delivery's place in its lane.
    pub sequence: u64,
    /// The field that it came under.
    pub field: String,
    /// When the event was taken.
    pub created: Millis,
}

pub(super) fn key_of(at: Millis, id: u64, attempt: u32) -> Key {
    Key::new(table::DELIVERED, &[b"a", &at.to_be_bytes(), &id.to_be_bytes(), &attempt.to_be_bytes()])
}

pub(super) fn index_key(id: u64) -> Key {
    Key::new(table::DELIVERED, &[b"i", &id.to_be_bytes()])
}

pub(super) fn from_time(at: Millis) -> Key {
    Key::new(table::DELIVERED, &[b"a", &at.to_be_bytes()])
}

pub(super) fn time_of(key: &Key) -> Option<Millis> {
    Some(Millis::from_be_bytes(key.as_bytes().get(2..10)?.try_into().ok()?))
}

impl<D: Data> Outbox<D> {
    /// Attempts in a time (the first included, the second not), oldest first; at most `limit`.
    pub async fn log(&self, from: Millis, to: Millis, limit: usize) -> Result<Vec<Attempt>, StoreError> {
        let rows = self.rows::<Logged>(&from_time(from), &from_time(to), limit).await?;
        Ok(rows.into_iter().filter_map(attempt).collect())
    }

    /// The last attempts of a time (the first included, the second not), oldest first; at most `limit`. It looks back
    /// from the end, so that a long log costs no more than a short one.
    pub async fn last_of_log(
        &self,
        from: Millis,
        to: Millis,
        limit: usize,
    ) -> Result<Vec<Attempt>, StoreError> {
        let (mut end, mut span, mut last) = (to, FIRST_SPAN, VecDeque::new());
        while end > from && last.len() < limit {
            let begin = end.saturating_sub(span).max(from);
            let (mut key, mut some) = (from_time(begin), VecDeque::new());
            loop {
                let rows = self.rows::<Logged>(&key, &from_time(end), PAGE).await?;
                let Some((at, _)) = rows.last() else { break };
                key = after(at);
                some.extend(rows.into_iter().filter_map(attempt));
                let more = (some.len() + last.len()).saturating_sub(limit);
                some.drain(..more.min(some.len()));
            }
            some.append(&mut last);
            (last, end, span) = (some, begin, span.saturating_mul(2));
        }
        Ok(last.into())
    }

    /// Deliveries that were given up, after an id, oldest first; at most `limit`.
    pub async fn dead(&self, after: u64, limit: usize) -> Result<Vec<Dead>, StoreError> {
        let rows = self.rows(&Dead::key(after.saturating_add(1)), &all_dead_end(), limit).await?;
        Ok(rows.into_iter().map(|(_, it)| it).collect())
    }

    /// Drops what was kept long enough: the log with the bytes in it, and the dead; nothing of customers who are
    /// restricted.
    pub async fn prune(&self, now: Millis) -> Result<(), StoreError> {
        let restricted = restriction::all(&self.store).await?;
        let goes = |lane: &Lane| lane.customer.is_none_or(|it| !restricted.contains(&it));
        let (mut from, old) = (from_time(0), from_time(now.saturating_sub(self.settings.log)));
        loop {
            let rows = self.rows::<Logged>(&from, &old, PAGE).await?;
            let Some((last, _)) = rows.last() else { break };
            from = after(last);
            let mut batch = Batch::new();
            for (key, row) in rows.iter().filter(|(_, row)| goes(&row.lane)) {
                batch = self.drop_logged(batch, key, row).await?;
            }
            self.store.write(batch).await?;
        }
        let died = now.saturating_sub(self.settings.dead);
        self.drop_dead(|dead| dead.died < died && goes(&dead.lane)).await
    }

    /// Removes a row of the log, and the index if it leads there.
    pub(super) async fn drop_logged(
        &self,
        batch: Batch,
        key: &Key,
        row: &Logged,
    ) -> Result<Batch, StoreError> {
        let index = index_key(row.id);
        let leads: Option<(Millis, u32)> = self.store.read("a delivery's index", &index).await?;
        let here = leads.is_some_and(|(at, attempt)| key_of(at, row.id, attempt) == *key);
        let batch = batch.delete(key.clone());
        Ok(if here { batch.delete(index) } else { batch })
    }

    async fn drop_dead(&self, which: impl Fn(&Dead) -> bool) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let rows = self.dead(after, PAGE).await?;
            let gone = rows.iter().filter(|dead| which(dead));
            self.store.write(gone.fold(Batch::new(), |batch, it| batch.delete(Dead::key(it.id)))).await?;
            match rows.last() {
                Some(last) if rows.len() == PAGE => after = last.id,
                _ => return Ok(()),
            }
        }
    }

    pub(super) async fn rows<T: serde::de::DeserializeOwned>(
        &self,
        from: &Key,
        to: &Key,
        limit: usize,
    ) -> Result<Vec<(Key, T)>, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let rows = self.store.0.scan(from, to, limit).await?;
        rows.into_iter()
            .map(|(key, bytes)| {
                let row = postcard::from_bytes(&bytes).map_err(|_| StoreError::Corrupt("a delivery"))?;
                Ok((key, row))
            })
            .collect()
    }
}

fn attempt((key, row): (Key, Logged)) -> Option<Attempt> {
    let Logged { lane, sequence, id, attempt, outcome, took, field, created, body: _ } = row;
    let at = time_of(&key)?;
    Some(Attempt { id, at, attempt, outcome, took, slot: lane.slot, sequence, field, created })
}

pub(super) fn all_dead_end() -> Key {
    end_of(&Key::new(table::DEAD, &[]))
}

pub(super) fn after(key: &Key) -> Key {
    Key::from(bytes::Bytes::from([key.as_bytes(), &[0]].concat()))
}
