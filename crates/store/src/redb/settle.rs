//! Settling: what a layer adds up to is put into the tables, a part with each commit, in the order of the tables.
//!
//! Until all of a layer is there it stays in memory, on top of the tables, and its rows stay in the journal; they
//! go with the transaction that puts the last part. After a crash in between they are played again, over tables
//! that already have a part of it.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadableTable, StorageError, Table, WriteTransaction};

use super::layer::{Layer, Tail};
use super::layout::{
    ENTRIES, Entries, Entry, JOURNAL, KEYS, REFERENCES, VALUES, corrupted, entry_key, log_state, put_gone,
    put_inline, put_shared,
};
use crate::data::{Key, LogId};

/// A layer on its way into the tables.
#[derive(Clone)]
pub(super) struct Settling {
    layer: Arc<Layer>,
    /// Rows of the journal that go when it is done.
    rows_up_to: u64,
    /// Keys up to this one are done.
    keys_up_to: Option<Key>,
    keys_done: bool,
    logs: Arc<[LogId]>,
    logs_done: usize,
    things: usize,
}

impl Settling {
    pub(super) fn new(layer: Arc<Layer>, rows_up_to: u64) -> Self {
        let mut logs: Vec<LogId> = layer.logs.keys().copied().collect();
        logs.sort_unstable();
        let (logs, things) = (logs.into(), layer.len());
        Self { layer, rows_up_to, keys_up_to: None, keys_done: false, logs, logs_done: 0, things }
    }

    /// How many things to settle with a row of so many bytes, to be done when the next window is half full.
    pub(super) fn pace(&self, row_bytes: usize, window_bytes: usize) -> usize {
        let share = 2.0 * row_bytes as f64 / window_bytes.max(1) as f64;
        1 + (self.things as f64 * share) as usize
    }

    /// Puts about `budget` things into the tables; says whether all are there. What `newer` has replaced meanwhile
    /// is left out: it comes with that layer.
    pub(super) fn step(
        &mut self,
        transaction: &WriteTransaction,
        newer: &Layer,
        mut budget: usize,
    ) -> Result<bool, redb::Error> {
        self.keys(transaction, newer, &mut budget)?;
        self.logs(transaction, newer, &mut budget)?;
        let done = self.keys_done && self.logs_done == self.logs.len();
        if done {
            transaction.open_table(JOURNAL)?.retain_in(..=self.rows_up_to, |_, _| false)?;
        }
        Ok(done)
    }

    fn keys(
        &mut self,
        transaction: &WriteTransaction,
        newer: &Layer,
        budget: &mut usize,
    ) -> Result<(), redb::Error> {
        if self.keys_done {
            return Ok(());
        }
        let mut table = transaction.open_table(KEYS)?;
        let from = self.keys_up_to.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut last: Option<&Key> = None;
        for (key, value) in self.layer.keys.range::<Key, _>((from, Bound::Unbounded)) {
            if *budget == 0 {
                self.keys_up_to = last.cloned().or(self.keys_up_to.take());
                return Ok(());
            }
            *budget -= 1;
            last = Some(key);
            if newer.keys.contains_key(key) {
                continue;
            }
            match value {
                Some(value) => table.insert(key.as_bytes(), value.as_ref())?,
                None => table.remove(key.as_bytes())?,
            };
        }
        self.keys_done = true;
        Ok(())
    }

    fn logs(
        &mut self,
        transaction: &WriteTransaction,
        newer: &Layer,
        budget: &mut usize,
    ) -> Result<(), redb::Error> {
        if *budget == 0 || self.logs_done == self.logs.len() {
            return Ok(());
        }
        let mut tables = Logs::open(transaction)?;
        while *budget > 0
            && let Some(log) = self.logs.get(self.logs_done)
        {
            let tail = &self.layer.logs[log];
            let truncated = newer.logs.get(log).map_or(0, |newer| newer.state.truncated);
            let truncated = tail.state.truncated.max(truncated.min(tail.state.head));
            tables.put(*log, tail, truncated)?;
            *budget = budget.saturating_sub(1 + tail.entries.len());
            self.logs_done += 1;
        }
        Ok(tables.finish()?)
    }
}

struct Logs<'t> {
    entries: Entries<'t>,
    values: Table<'t, u64, &'static [u8]>,
    references: Table<'t, u64, u32>,
    /// References that came and went, put together at the end; with a value that may not be stored yet.
    changed: HashMap<u64, (i64, Option<Bytes>)>,
}

impl<'t> Logs<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            values: transaction.open_table(VALUES)?,
            references: transaction.open_table(REFERENCES)?,
            changed: HashMap::new(),
        })
    }

    /// Makes the log in the table end as the tail does, truncated up to a position.
    fn put(&mut self, log: LogId, tail: &Tail, truncated: u64) -> Result<(), StorageError> {
        let base = log_state(&self.entries, log)?;
        let head = tail.state.head.max(base.head);
        let truncated = truncated.max(base.truncated);
        if (head, truncated) == (base.head, base.truncated) {
            return Ok(());
        }
        // From the "gone" one, if there is one.
        for position in base.truncated..=truncated.min(base.head) {
            if let Some(old) = self.entries.remove(&entry_key(log, position))?
                && let Entry::Shared(number) = Entry::decode(old.value())?
            {
                self.changed.entry(number).or_default().0 -= 1;
            }
        }
        for (position, value) in tail.after(truncated.max(base.head)) {
            let key = entry_key(log, position);
            match value.shared {
                None => put_inline(&mut self.entries, &key, &value.bytes)?,
                Some(number) => {
                    let change = self.changed.entry(number).or_default();
                    change.0 += 1;
                    change.1.get_or_insert_with(|| value.bytes.clone());
                    put_shared(&mut self.entries, &key, number)?
                }
            };
        }
        if head == truncated {
            put_gone(&mut self.entries, &entry_key(log, head))?;
        }
        Ok(())
    }

    /// Counts the references; a value without any goes.
    fn finish(mut self) -> Result<(), StorageError> {
        for (number, (change, value)) in std::mem::take(&mut self.changed) {
            let stored = self.references.get(number)?.map(|count| count.value());
            let count = u32::try_from(i64::from(stored.unwrap_or(0)) + change);
            match (stored, count.map_err(|_| corrupted("a count of references"))?) {
                (None, 0) => {}
                (Some(_), 0) => {
                    self.references.remove(number)?;
                    self.values.remove(number)?;
                }
                (stored, count) => {
                    self.references.insert(number, count)?;
                    if stored.is_none() {
                        let value = value.ok_or_else(|| corrupted("a shared value"))?;
                        self.values.insert(number, value.as_ref())?;
                    }
                }
            }
        }
        Ok(())
    }
}
