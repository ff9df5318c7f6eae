//! How the store lies in redb's tables.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | `format` | the format's number, u32 |
//! | `journal` | number of a commit, u64 | what it did (see `journal`) |
//! | `keys` | the key's bytes | the value's bytes |
//! | `entries` | log 16, position u64 BE | 0 (gone), or 1 and the value, or 2 and the number of a value, u64 BE |
//! | `values` | number, u64, in order of arrival | the value's bytes |
//! | `references` | number, u64 | entries that have this value, u32 |
//!
//! A commit writes one row of the journal. What the rows of a while add up to is put into the other tables later,
//! in their order (see `settle`), and the rows are deleted. So what was delivered and acknowledged meanwhile never
//! touches the other tables, and what is rewritten often is written there once.
//!
//! The entries of a log are contiguous and its last one stays, as "gone", when all are truncated: so the head and
//! the truncated mark are seen from the log itself, and no position is ever given twice.

use bytes::Bytes;
use redb::{
    AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable, StorageError, Table, TableDefinition,
};

use crate::data::{Key, LogEntry, LogId, LogState};

pub(super) const FORMAT: u32 = 1;
pub(super) const META: TableDefinition<'static, &str, u32> = TableDefinition::new("meta");
pub(super) const JOURNAL: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("journal");
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

pub(super) type Entries<'t> = Table<'t, &'static [u8; 24], &'static [u8]>;

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

/// Where a log stands in the table.
pub(super) fn log_state(
    entries: &impl ReadableTable<&'static [u8; 24], &'static [u8]>,
    log: LogId,
) -> Result<LogState, StorageError> {
    let (from, to) = (entry_key(log, 0), entry_key(log, u64::MAX));
    let mut range = entries.range::<&[u8; 24]>(&from..=&to)?;
    let Some((first, entry)) = range.next().transpose()? else { return Ok(LogState::default()) };
    let first = split_key(first.value()).1;
    let truncated = match Entry::decode(entry.value())? {
        Entry::Gone => first,
        _ => first.checked_sub(1).ok_or_else(|| corrupted("the position of an entry"))?,
    };
    let last = range.next_back().transpose()?;
    let head = last.map_or(first, |(last, _)| split_key(last.value()).1);
    Ok(LogState { head, truncated })
}

/// The tables as of one commit, without the journal.
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

    pub(super) fn get(&self, key: &Key) -> Result<Option<Bytes>, StorageError> {
        Ok(self.keys.get(key.as_bytes())?.map(|value| Bytes::copy_from_slice(value.value())))
    }

    /// From one key to a higher one.
    pub(super) fn range(
        &self,
        from: &Key,
        to: &Key,
    ) -> Result<impl Iterator<Item = Result<(Key, Bytes), StorageError>> + use<>, StorageError> {
        let range = self.keys.range(from.as_bytes()..to.as_bytes())?;
        Ok(range.map(|row| {
            let (key, value) = row?;
            Ok((Key::from(Bytes::copy_from_slice(key.value())), Bytes::copy_from_slice(value.value())))
        }))
    }

    /// Entries from one position to another, both included.
    pub(super) fn entries(
        &self,
        log: LogId,
        from: u64,
        to: u64,
    ) -> Result<impl Iterator<Item = Result<LogEntry, StorageError>>, StorageError> {
        let (from, to) = (entry_key(log, from), entry_key(log, to));
        let range = self.entries.range::<&[u8; 24]>(&from..=&to)?;
        let entry = |row: Result<(AccessGuard<'_, &'static [u8; 24]>, _), StorageError>| {
            let (key, entry): (_, AccessGuard<'_, &'static [u8]>) = row?;
            let value = match Entry::decode(entry.value())? {
                Entry::Gone => return Ok(None),
                Entry::Inline(value) => Bytes::copy_from_slice(value),
                Entry::Shared(number) => {
                    let value = self.values.get(number)?.ok_or_else(|| corrupted("a shared value"))?;
                    Bytes::copy_from_slice(value.value())
                }
            };
            Ok(Some(LogEntry { position: split_key(key.value()).1, value }))
        };
        Ok(range.filter_map(move |row| entry(row).transpose()))
    }

    pub(super) fn log_state(&self, log: LogId) -> Result<LogState, StorageError> {
        log_state(&self.entries, log)
    }
}
