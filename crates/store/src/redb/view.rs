//! The store as readers and the writer see it: layers over the tables.

use std::sync::Arc;

use bytes::Bytes;
use redb::StorageError;

use super::layer::{Layer, Merged};
use super::layout::Snapshot;
use crate::data::{Key, LogEntry, LogId, LogState};

/// What was committed.
pub(super) struct View {
    /// What came since the last settling began.
    pub(super) active: Layer,
    /// What is being put into the tables.
    pub(super) settling: Option<Arc<Layer>>,
    /// The tables; `None` while the database could not be opened again.
    pub(super) base: Option<Arc<Snapshot>>,
}

impl View {
    pub(super) fn stack<'a>(&'a self, pending: Option<&'a Layer>) -> Result<Stack<'a>, StorageError> {
        let base = self.base.as_deref().ok_or(StorageError::DatabaseClosed)?;
        Ok(Stack { layers: [pending, Some(&self.active), self.settling.as_deref()], base })
    }
}

/// Layers, the newest first, over the tables.
pub(super) struct Stack<'a> {
    layers: [Option<&'a Layer>; 3],
    pub(super) base: &'a Snapshot,
}

impl<'a> Stack<'a> {
    fn layers(&self) -> impl DoubleEndedIterator<Item = &'a Layer> + use<'a> {
        self.layers.into_iter().flatten()
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Bytes>, StorageError> {
        match self.layers().find_map(|layer| layer.keys.get(key)) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    pub(super) fn range(
        &self,
        from: &Key,
        to: &Key,
    ) -> Result<impl Iterator<Item = Result<(Key, Bytes), StorageError>>, StorageError> {
        let range = if from < to {
            Some(Merged::new(self.layers(), self.base.range(from, to)?, from, to))
        } else {
            None
        };
        Ok(range.into_iter().flatten())
    }

    pub(super) fn log_state(&self, log: LogId) -> Result<LogState, StorageError> {
        match self.layers().find_map(|layer| layer.logs.get(&log)) {
            Some(tail) => Ok(tail.state),
            None => self.base.log_state(log),
        }
    }
}

impl View {
    /// What a reading of a log takes of the layers. The tables are read without the view, so that the writer does
    /// not wait for the disk of a reader.
    pub(super) fn log_page(
        &self,
        log: LogId,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> Result<LogPage, StorageError> {
        let base = self.base.clone().ok_or(StorageError::DatabaseClosed)?;
        let stack = Stack { layers: [None, Some(&self.active), self.settling.as_deref()], base: &base };
        let tails = || stack.layers().rev().filter_map(|layer| layer.logs.get(&log));
        let (after, in_layers_from) = match tails().next_back() {
            Some(newest) => {
                let first = tails().filter(|tail| !tail.entries.is_empty()).map(|tail| tail.first()).min();
                (after.max(newest.state.truncated), first.unwrap_or(newest.state.head + 1))
            }
            None => (after, u64::MAX),
        };
        let mut page = Page::new(limit, max_bytes);
        for (position, value) in tails().flat_map(|tail| tail.after(after)) {
            if !page.take(LogEntry { position, value: value.bytes.clone() }) {
                break;
            }
        }
        let (from, to) = (after.saturating_add(1), in_layers_from.saturating_sub(1));
        Ok(LogPage { base, log, from, to, in_layers: page.entries, limit, max_bytes })
    }
}

/// A page of a log: entries of the tables from one position to another, then those of the layers.
pub(super) struct LogPage {
    base: Arc<Snapshot>,
    log: LogId,
    from: u64,
    to: u64,
    in_layers: Vec<LogEntry>,
    limit: usize,
    max_bytes: usize,
}

impl LogPage {
    /// Reads what lies in the tables; gives the page.
    pub(super) fn read(self) -> Result<Vec<LogEntry>, StorageError> {
        if self.from > self.to {
            return Ok(self.in_layers);
        }
        let mut page = Page::new(self.limit, self.max_bytes);
        for entry in self.base.entries(self.log, self.from, self.to)? {
            if !page.take(entry?) {
                return Ok(page.entries);
            }
        }
        let _ = self.in_layers.into_iter().all(|entry| page.take(entry));
        Ok(page.entries)
    }
}

/// Entries up to a number of them, and of their bytes; the first has room whatever its length.
struct Page {
    entries: Vec<LogEntry>,
    bytes: usize,
    limit: usize,
    max_bytes: usize,
}

impl Page {
    fn new(limit: usize, max_bytes: usize) -> Self {
        Self { entries: Vec::new(), bytes: 0, limit, max_bytes }
    }

    /// Takes an entry, if there is room.
    fn take(&mut self, entry: LogEntry) -> bool {
        self.bytes += entry.value.len();
        if self.entries.len() == self.limit || self.bytes > self.max_bytes && !self.entries.is_empty() {
            return false;
        }
        self.entries.push(entry);
        true
    }
}
