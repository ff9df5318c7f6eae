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

    pub(super) fn read_log(
        &self,
        log: LogId,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<LogEntry>, StorageError> {
        let tails = || self.layers().rev().filter_map(|layer| layer.logs.get(&log));
        let (after, in_layers_from) = match tails().next_back() {
            Some(newest) => {
                let first = tails().filter(|tail| !tail.entries.is_empty()).map(|tail| tail.first()).min();
                (after.max(newest.state.truncated), first.unwrap_or(newest.state.head + 1))
            }
            None => (after, u64::MAX),
        };
        let from = after.saturating_add(1);
        let in_base = if from < in_layers_from {
            Some(self.base.entries(log, from, in_layers_from - 1)?)
        } else {
            None
        };
        let in_layers = tails().flat_map(|tail| tail.after(after));
        let in_layers =
            in_layers.map(|(position, value)| Ok(LogEntry { position, value: value.bytes.clone() }));
        let mut page = Vec::new();
        let mut bytes = 0;
        for entry in in_base.into_iter().flatten().chain(in_layers) {
            let entry: LogEntry = entry?;
            bytes += entry.value.len();
            if page.len() == limit || bytes > max_bytes && !page.is_empty() {
                break;
            }
            page.push(entry);
        }
        Ok(page)
    }
}
