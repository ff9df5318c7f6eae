//! Going through the whole store: checking it, giving it out, filling it.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::RedbData;
use super::layout::{
    ENTRIES, Entry, JOURNAL, KEYS, REFERENCES, Snapshot, VALUES, entry_key, put_gone, put_inline, put_shared,
    split_key,
};
use super::medium::is_full;
use crate::data::{Key, LogId, LogState, Unavailable};
use crate::inspect::Stats;
use crate::transfer::{Item, Portable, TransferError};

impl Snapshot {
    /// Counts, and says what does not hold together.
    pub(super) fn check(&self) -> Result<Result<Stats, Unavailable>, redb::Error> {
        let mut stats = Stats { keys: self.keys.len()?, entries: 0, values: self.values.len()? };
        let mut references: HashMap<u64, u32> = HashMap::new();
        let mut last: Option<(LogId, u64)> = None;
        for row in self.entries.iter()? {
            let (key, entry) = row?;
            let (log, position) = split_key(key.value());
            let follows = last.is_some_and(|(last, _)| last == log);
            if follows && last.is_some_and(|(_, last)| last + 1 != position) {
                return Ok(Err(broken("a log has a gap")));
            }
            last = Some((log, position));
            match Entry::decode(entry.value())? {
                Entry::Gone if follows => return Ok(Err(broken("an entry is gone within a log"))),
                Entry::Gone => continue,
                Entry::Inline(_) => stats.values += 1,
                Entry::Shared(number) => *references.entry(number).or_default() += 1,
            }
            stats.entries += 1;
        }
        if self.values.len()? != references.len() as u64 || self.references.len()? != references.len() as u64
        {
            return Ok(Err(broken("a value is kept that no entry needs, or is missing")));
        }
        for row in self.references.iter()? {
            let (number, count) = row?;
            let held = references.get(&number.value()) == Some(&count.value());
            if !held || self.values.get(number.value())?.is_none() {
                return Ok(Err(broken("a count of references differs")));
            }
        }
        Ok(Ok(stats))
    }

    fn give_out(&self, sink: &mut Sink<'_>) -> Result<(), Stop> {
        for row in self.keys.iter()? {
            let (key, value) = row?;
            sink(Item::Key(owned(key.value()).into(), owned(value.value())))?;
        }
        for row in self.values.iter()? {
            let (number, value) = row?;
            sink(Item::Value(number.value(), owned(value.value())))?;
        }
        let mut current = None;
        for row in self.entries.iter()? {
            let (key, entry) = row?;
            let log = split_key(key.value()).0;
            if current != Some(log) {
                current = Some(log);
                sink(Item::Log(log, self.log_state(log)?))?;
            }
            match Entry::decode(entry.value())? {
                Entry::Gone => {}
                Entry::Inline(value) => sink(Item::Entry(owned(value)))?,
                Entry::Shared(number) => sink(Item::SharedEntry(number))?,
            }
        }
        Ok(())
    }
}

type Sink<'a> = dyn FnMut(Item) -> Result<(), TransferError> + 'a;

/// What ends a transfer: the store's error, or the stream's.
enum Stop {
    Store(redb::Error),
    Transfer(TransferError),
}

impl<E: Into<redb::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

impl From<TransferError> for Stop {
    fn from(error: TransferError) -> Self {
        Self::Transfer(error)
    }
}

impl From<Stop> for TransferError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Transfer(error) => error,
            Stop::Store(redb::Error::Io(error)) if is_full(&error) => Self::Full,
            Stop::Store(error) => Self::Io(error.to_string()),
        }
    }
}

impl RedbData {
    /// Everything that was handed over before, in the tables.
    fn settled(&self) -> Result<Arc<Snapshot>, TransferError> {
        let (answer, settled) = mpsc::channel();
        self.0.shared.settle(Box::new(move |tables| drop(answer.send(tables))));
        let unavailable = |error: Unavailable| TransferError::Io(error.to_string());
        settled.recv().map_err(|_| TransferError::Io("the store was closed".into()))?.map_err(unavailable)
    }
}

impl Portable for RedbData {
    fn give_out(&self, sink: &mut Sink<'_>) -> Result<(), TransferError> {
        Ok(self.settled()?.give_out(sink)?)
    }

    fn take_in(
        &self,
        items: &mut dyn Iterator<Item = Result<Item, TransferError>>,
    ) -> Result<(), TransferError> {
        self.settled()?;
        let turn = self.0.shared.turn();
        let database = self.0.shared.database();
        let transaction = database
            .as_ref()
            .ok_or(Stop::Store(redb::Error::DatabaseClosed))?
            .begin_write()
            .map_err(Stop::from)?;
        fill(&transaction, items)?;
        self.0.shared.changed.store(true, Ordering::Release);
        transaction.commit().map_err(Stop::from)?;
        drop((database, turn));
        // The writer looks at the tables again before it goes on.
        self.settled().map(drop)
    }
}

fn fill(
    transaction: &WriteTransaction,
    items: &mut dyn Iterator<Item = Result<Item, TransferError>>,
) -> Result<(), Stop> {
    let mut keys = transaction.open_table(KEYS)?;
    let mut entries = transaction.open_table(ENTRIES)?;
    let mut values = transaction.open_table(VALUES)?;
    if !keys.is_empty()? || !entries.is_empty()? || !transaction.open_table(JOURNAL)?.is_empty()? {
        return Err(TransferError::NotEmpty.into());
    }
    let mut references: HashMap<u64, u32> = HashMap::new();
    let mut next = entry_key(LogId::default(), 0);
    for item in items {
        match item? {
            Item::Key(key, value) => twice(keys.insert(Key::as_bytes(&key), value.as_ref())?.is_some())?,
            Item::Value(number, value) => {
                references.insert(number, 0);
                twice(values.insert(number, value.as_ref())?.is_some())?;
            }
            Item::Log(log, LogState { head, truncated }) => {
                next = entry_key(log, truncated);
                if head == truncated && head > 0 {
                    twice(put_gone(&mut entries, &next)?)?;
                }
            }
            Item::Entry(value) => {
                next = following(&next);
                twice(put_inline(&mut entries, &next, &value)?)?;
            }
            Item::SharedEntry(number) => {
                let count = references.get_mut(&number);
                *count.ok_or(TransferError::Damaged("an entry without its value"))? += 1;
                next = following(&next);
                twice(put_shared(&mut entries, &next, number)?)?;
            }
        }
    }
    let mut counts = transaction.open_table(REFERENCES)?;
    for (number, count) in references {
        if count == 0 {
            return Err(TransferError::Damaged("a value without an entry").into());
        }
        counts.insert(number, count)?;
    }
    Ok(())
}

fn following(key: &[u8; 24]) -> [u8; 24] {
    let (log, position) = split_key(key);
    entry_key(log, position + 1)
}

fn twice(there: bool) -> Result<(), TransferError> {
    if there { Err(TransferError::Damaged("something comes twice")) } else { Ok(()) }
}

fn owned(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn broken(what: &str) -> Unavailable {
    Unavailable(format!("the store does not hold together: {what}"))
}
