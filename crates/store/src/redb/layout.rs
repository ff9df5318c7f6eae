//! How the store lies in redb's tables.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | `format` | the format's number, u32 BE |
//! | `keys` | the key's bytes | the value's bytes |
//! | `entries` | log 16, position u64 BE | 0 (gone), or 1 and the value, or 2 and the number of a value, u64 BE |
//! | `values` | number, u64, in order of arrival | the value's bytes |
//! | `references` | number, u64 | entries that have this value, u32 |
//!
//! The entries of a log are contiguous and its last one stays, as "gone", when all are truncated: so the head and
//! the truncated mark are seen from the log itself, no row is rewritten for every message, and no position is ever
//! given twice.

use std::collections::HashMap;

use bytes::Bytes;
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, StorageError, Table, TableDefinition, TableError,
    WriteTransaction,
};

use crate::data::{Batch, Expected, Key, LogEntry, LogId, LogState, Op, WriteError, Written};

pub(super) const FORMAT: u32 = 1;
pub(super) const META: TableDefinition<'static, &str, u32> = TableDefinition::new("meta");
pub(super) const KEYS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("keys");
pub(super) const ENTRIES: TableDefinition<'static, &[u8; 24], &[u8]> = TableDefinition::new("entries");
pub(super) const VALUES: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("values");
pub(super) const REFERENCES: TableDefinition<'static, u64, u32> = TableDefinition::new("references");

const GONE: u8 = 0;
const INLINE: u8 = 1;
const SHARED: u8 = 2;

/// A value is stored in the entries themselves when all its copies together are no longer than this.
pub(super) const INLINE_BYTES: usize = 2048;

pub(super) fn entry_key(log: LogId, position: u64) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&log.0);
    key[16..].copy_from_slice(&position.to_be_bytes());
    key
}

pub(super) fn split_key(key: &[u8; 24]) -> (LogId, u64) {
    let (log, position) = key.split_at(16);
    let log = LogId(log.try_into().expect("the first 16 of 24 bytes"));
    (log, u64::from_be_bytes(position.try_into().expect("the last 8 of 24 bytes")))
}

/// What an entry holds.
pub(super) enum Entry<'a> {
    Gone,
    Inline(&'a [u8]),
    Shared(u64),
}

impl<'a> Entry<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, StorageError> {
        match bytes.split_first() {
            Some((&GONE, [])) => Ok(Self::Gone),
            Some((&INLINE, value)) => Ok(Self::Inline(value)),
            Some((&SHARED, number)) => {
                let number = number.try_into().map_err(|_| corrupted("the number of a value"))?;
                Ok(Self::Shared(u64::from_be_bytes(number)))
            }
            _ => Err(corrupted("an entry of a log")),
        }
    }
}

pub(super) fn corrupted(what: &str) -> StorageError {
    StorageError::Corrupted(format!("the store holds something else where {what} should be"))
}

/// Makes the tables of a new store.
pub(super) fn make_tables(transaction: &WriteTransaction) -> Result<(), TableError> {
    transaction.open_table(META)?.insert("format", FORMAT)?;
    transaction.open_table(KEYS)?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(VALUES)?;
    transaction.open_table(REFERENCES)?;
    Ok(())
}

/// The store as of one commit.
pub(super) struct Snapshot {
    pub(super) keys: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) entries: ReadOnlyTable<&'static [u8; 24], &'static [u8]>,
    pub(super) values: ReadOnlyTable<u64, &'static [u8]>,
    pub(super) references: ReadOnlyTable<u64, u32>,
}

impl Snapshot {
    pub(super) fn new(transaction: &ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            keys: transaction.open_table(KEYS)?,
            entries: transaction.open_table(ENTRIES)?,
            values: transaction.open_table(VALUES)?,
            references: transaction.open_table(REFERENCES)?,
        })
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Bytes>, redb::Error> {
        Ok(self.keys.get(key.as_bytes())?.map(|value| Bytes::copy_from_slice(value.value())))
    }

    pub(super) fn scan(&self, from: &Key, to: &Key, limit: usize) -> Result<Vec<(Key, Bytes)>, redb::Error> {
        if from >= to {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        for row in self.keys.range(from.as_bytes()..to.as_bytes())?.take(limit) {
            let (key, value) = row?;
            let key = Key::from(Bytes::copy_from_slice(key.value()));
            rows.push((key, Bytes::copy_from_slice(value.value())));
        }
        Ok(rows)
    }

    pub(super) fn read_log(
        &self,
        log: LogId,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<LogEntry>, redb::Error> {
        let mut entries: Vec<LogEntry> = Vec::new();
        let mut bytes = 0;
        let (from, to) = (entry_key(log, after.saturating_add(1)), entry_key(log, u64::MAX));
        for row in self.entries.range::<&[u8; 24]>(&from..=&to)? {
            let (key, entry) = row?;
            let value = match Entry::decode(entry.value())? {
                Entry::Gone => continue,
                _ if entries.len() == limit => break,
                Entry::Inline(value) => Bytes::copy_from_slice(value),
                Entry::Shared(number) => self.value(number)?,
            };
            bytes += value.len();
            if bytes > max_bytes && !entries.is_empty() {
                break;
            }
            entries.push(LogEntry { position: split_key(key.value()).1, value });
        }
        Ok(entries)
    }

    pub(super) fn value(&self, number: u64) -> Result<Bytes, redb::Error> {
        let value = self.values.get(number)?.ok_or_else(|| corrupted("a shared value"))?;
        Ok(Bytes::copy_from_slice(value.value()))
    }

    pub(super) fn log_state(&self, log: LogId) -> Result<LogState, redb::Error> {
        Ok(log_state(&self.entries, log)?)
    }
}

fn log_state(
    entries: &impl ReadableTable<&'static [u8; 24], &'static [u8]>,
    log: LogId,
) -> Result<LogState, StorageError> {
    let (from, to) = (entry_key(log, 0), entry_key(log, u64::MAX));
    let mut range = entries.range::<&[u8; 24]>(&from..=&to)?;
    let Some((first, entry)) = range.next().transpose()? else { return Ok(LogState::default()) };
    let first = split_key(first.value()).1;
    let truncated = match Entry::decode(entry.value())? {
        Entry::Gone => first,
        _ => first - 1,
    };
    let last = range.next_back().transpose()?;
    let head = last.map_or(first, |(last, _)| split_key(last.value()).1);
    Ok(LogState { head, truncated })
}

type Entries<'t> = Table<'t, &'static [u8; 24], &'static [u8]>;

/// Each of these says whether there was such an entry already.
pub(super) fn put_gone(entries: &mut Entries<'_>, key: &[u8; 24]) -> Result<bool, StorageError> {
    Ok(entries.insert(key, [GONE].as_slice())?.is_some())
}

pub(super) fn put_shared(
    entries: &mut Entries<'_>,
    key: &[u8; 24],
    number: u64,
) -> Result<bool, StorageError> {
    let mut entry = [SHARED; 9];
    entry[1..].copy_from_slice(&number.to_be_bytes());
    Ok(entries.insert(key, entry.as_slice())?.is_some())
}

pub(super) fn put_inline(
    entries: &mut Entries<'_>,
    key: &[u8; 24],
    value: &[u8],
) -> Result<bool, StorageError> {
    let mut entry = Vec::with_capacity(1 + value.len());
    entry.push(INLINE);
    entry.extend_from_slice(value);
    Ok(entries.insert(key, entry.as_slice())?.is_some())
}

/// What the writer remembers between transactions: where logs stand, and the next value's number.
#[derive(Default)]
pub(super) struct Memory {
    logs: HashMap<LogId, LogState>,
    next_value: Option<u64>,
}

/// Logs that are remembered at a time; at about 60 bytes each.
const REMEMBERED: usize = 256 * 1024;

impl Memory {
    /// After a transaction that was not committed nothing of it is true.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The tables within one write transaction.
pub(super) struct Tables<'t> {
    keys: Table<'t, &'static [u8], &'static [u8]>,
    entries: Entries<'t>,
    values: Table<'t, u64, &'static [u8]>,
    references: Table<'t, u64, u32>,
    memory: &'t mut Memory,
    /// References given up in this transaction, taken off together at its end.
    released: HashMap<u64, u32>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        memory: &'t mut Memory,
    ) -> Result<Self, TableError> {
        if memory.logs.len() > REMEMBERED {
            memory.logs.clear();
        }
        Ok(Self {
            keys: transaction.open_table(KEYS)?,
            entries: transaction.open_table(ENTRIES)?,
            values: transaction.open_table(VALUES)?,
            references: transaction.open_table(REFERENCES)?,
            memory,
            released: HashMap::new(),
        })
    }

    /// Applies a batch. A conflict leaves nothing behind; an error of the storage ends the transaction.
    pub(super) fn apply(&mut self, batch: Batch) -> Result<Result<Written, WriteError>, StorageError> {
        for (index, (key, expected)) in batch.asserts.iter().enumerate() {
            let value = self.keys.get(key.as_bytes())?;
            let holds = match (&value, expected) {
                (None, Expected::Absent) => true,
                (Some(value), Expected::Value(wanted)) => value.value() == wanted,
                _ => false,
            };
            if !holds {
                return Ok(Err(WriteError::Conflict(index)));
            }
        }
        let mut written = Written::default();
        for op in batch.ops {
            self.step(op, &mut written)?;
        }
        Ok(Ok(written))
    }

    fn step(&mut self, op: Op, written: &mut Written) -> Result<(), StorageError> {
        match op {
            Op::Put(key, value) => {
                self.keys.insert(key.as_bytes(), value.as_ref())?;
            }
            Op::Delete(key) => {
                self.keys.remove(key.as_bytes())?;
            }
            Op::DeleteRange(from, to) => {
                if from < to {
                    self.keys.retain_in(from.as_bytes()..to.as_bytes(), |_, _| false)?;
                }
            }
            Op::Append(logs, value) => written.appended.push(self.append(&logs, &value)?),
            Op::Truncate(log, up_to) => self.truncate(log, up_to)?,
            Op::TakeFirst(from, to) => written.taken.push(self.take_first(&from, &to)?),
        }
        Ok(())
    }

    fn take_first(&mut self, from: &Key, to: &Key) -> Result<Option<(Key, Bytes)>, StorageError> {
        if from >= to {
            return Ok(None);
        }
        let first = match self.keys.range(from.as_bytes()..to.as_bytes())?.next().transpose()? {
            Some((key, value)) => {
                (Key::from(Bytes::copy_from_slice(key.value())), Bytes::copy_from_slice(value.value()))
            }
            None => return Ok(None),
        };
        self.keys.remove(first.0.as_bytes())?;
        Ok(Some(first))
    }

    fn append(&mut self, logs: &[LogId], value: &Bytes) -> Result<Vec<u64>, StorageError> {
        let inline = logs.len() * value.len() <= INLINE_BYTES;
        let shared = if inline || logs.is_empty() { None } else { Some(self.share(value, logs.len())?) };
        let mut positions = Vec::with_capacity(logs.len());
        for log in logs {
            let state = self.state(*log)?;
            state.head += 1;
            let position = state.head;
            positions.push(position);
            let key = entry_key(*log, position);
            match shared {
                Some(number) => put_shared(&mut self.entries, &key, number)?,
                None => put_inline(&mut self.entries, &key, value)?,
            };
        }
        Ok(positions)
    }

    fn share(&mut self, value: &Bytes, references: usize) -> Result<u64, StorageError> {
        let number = match self.memory.next_value {
            Some(number) => number,
            None => self.values.last()?.map_or(0, |(last, _)| last.value() + 1),
        };
        self.memory.next_value = Some(number + 1);
        self.values.insert(number, value.as_ref())?;
        self.references.insert(number, references as u32)?;
        Ok(number)
    }

    fn truncate(&mut self, log: LogId, up_to: u64) -> Result<(), StorageError> {
        let state = self.state(log)?;
        let LogState { head, truncated } = *state;
        let up_to = up_to.min(head);
        if up_to <= truncated {
            return Ok(());
        }
        state.truncated = up_to;
        // The last one that is gone stays while it is the log's last.
        for position in truncated..=up_to {
            let key = entry_key(log, position);
            let old = if position == head {
                self.entries.insert(&key, [GONE].as_slice())?
            } else {
                self.entries.remove(&key)?
            };
            if let Some(old) = old
                && let Entry::Shared(number) = Entry::decode(old.value())?
            {
                *self.released.entry(number).or_default() += 1;
            }
        }
        Ok(())
    }

    fn state(&mut self, log: LogId) -> Result<&mut LogState, StorageError> {
        use std::collections::hash_map::Entry as Slot;
        match self.memory.logs.entry(log) {
            Slot::Occupied(known) => Ok(known.into_mut()),
            Slot::Vacant(unknown) => Ok(unknown.insert(log_state(&self.entries, log)?)),
        }
    }

    /// Takes off the references given up; a value without any goes.
    pub(super) fn finish(mut self) -> Result<(), StorageError> {
        for (number, released) in std::mem::take(&mut self.released) {
            let stored = self.references.get(number)?.map(|count| count.value());
            match stored.and_then(|stored| stored.checked_sub(released)) {
                Some(0) => {
                    self.references.remove(number)?;
                    self.values.remove(number)?;
                }
                Some(left) => drop(self.references.insert(number, left)?),
                None => return Err(corrupted("a count of references")),
            }
        }
        Ok(())
    }
}
