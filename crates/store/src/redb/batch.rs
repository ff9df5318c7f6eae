//! Applying batches: each sees what the ones before it left, in memory, before anything is written.

use bytes::Bytes;
use redb::StorageError;

use super::journal::Row;
use super::layer::{Layer, Tail, Value};
use super::layout::INLINE_BYTES;
use super::view::View;
use crate::data::{Batch, Expected, Key, LogId, LogState, Op, WriteError, Written};

/// What the batches of one commit add up to.
pub(super) struct Pending<'v> {
    view: &'v View,
    pub(super) layer: Layer,
    pub(super) row: Row,
    /// Number of the next value that several entries share.
    pub(super) next_value: u64,
}

impl<'v> Pending<'v> {
    pub(super) fn new(view: &'v View, next_value: u64) -> Self {
        Self { view, layer: Layer::default(), row: Row::default(), next_value }
    }

    /// Applies a batch. A conflict leaves nothing behind; an error of the storage spoils everything.
    pub(super) fn apply(&mut self, batch: Batch) -> Result<Result<Written, WriteError>, StorageError> {
        for (index, (key, expected)) in batch.asserts.iter().enumerate() {
            let value = self.view.stack(Some(&self.layer))?.get(key)?;
            let holds = match (&value, expected) {
                (None, Expected::Absent) => true,
                (Some(value), Expected::Value(wanted)) => value == wanted,
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
                self.row.put(&key, &value);
                // Copies, so that what is kept for a while does not keep a whole frame with it.
                let key = Key::from(Bytes::copy_from_slice(key.as_bytes()));
                self.layer.keys.insert(key, Some(Bytes::copy_from_slice(&value)));
            }
            Op::Delete(key) => self.delete(key),
            Op::DeleteRange(from, to) => {
                let stack = self.view.stack(Some(&self.layer))?;
                let doomed = stack.range(&from, &to)?.map(|row| row.map(|(key, _)| key));
                let doomed = doomed.collect::<Result<Vec<_>, _>>()?;
                doomed.into_iter().for_each(|key| self.delete(key));
            }
            Op::Append(logs, value) => written.appended.push(self.append(&logs, &value)?),
            Op::Truncate(log, up_to) => self.truncate(log, up_to)?,
            Op::TakeFirst(from, to) => {
                let stack = self.view.stack(Some(&self.layer))?;
                let first = stack.range(&from, &to)?.next().transpose()?;
                if let Some((key, _)) = &first {
                    self.delete(key.clone());
                }
                written.taken.push(first);
            }
        }
        Ok(())
    }

    fn delete(&mut self, key: Key) {
        self.row.delete(&key);
        self.layer.keys.insert(key, None);
    }

    fn append(&mut self, logs: &[LogId], value: &Bytes) -> Result<Vec<u64>, StorageError> {
        if logs.is_empty() {
            return Ok(Vec::new());
        }
        let mut shared = None;
        if logs.len() * value.len() > INLINE_BYTES {
            shared = Some(self.next_value);
            self.next_value += 1;
        }
        let value = Value { bytes: Bytes::copy_from_slice(value), shared };
        let mut positions = Vec::with_capacity(logs.len());
        for log in logs {
            positions.push(self.tail(*log)?.push(value.clone()));
        }
        self.row.append(&value, logs, &positions);
        Ok(positions)
    }

    fn truncate(&mut self, log: LogId, up_to: u64) -> Result<(), StorageError> {
        let LogState { head, truncated } = self.view.stack(Some(&self.layer))?.log_state(log)?;
        let up_to = up_to.min(head);
        if up_to > truncated {
            self.tail(log)?.truncate(up_to);
            self.row.truncate(log, up_to);
        }
        Ok(())
    }

    fn tail(&mut self, log: LogId) -> Result<&mut Tail, StorageError> {
        use std::collections::hash_map::Entry;
        match self.layer.logs.entry(log) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(Tail::at(self.view.stack(None)?.log_state(log)?))),
        }
    }
}
