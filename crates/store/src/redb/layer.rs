//! What was written and does not yet lie in the tables: in memory, in layers, the newest on top.

use std::collections::btree_map::{BTreeMap, Range};
use std::collections::{HashMap, VecDeque};
use std::iter::Peekable;
use std::ops::Bound;

use bytes::Bytes;

use crate::data::{Key, LogId, LogState};

/// One layer.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// `None` is a key that is gone.
    pub(super) keys: BTreeMap<Key, Option<Bytes>>,
    pub(super) logs: HashMap<LogId, Tail>,
}

/// The end of a log, as one layer has it.
#[derive(Debug, Clone, Default)]
pub(super) struct Tail {
    /// Where the log stands.
    pub(super) state: LogState,
    /// The last entries up to the head that came in this layer and are not truncated.
    pub(super) entries: VecDeque<Value>,
}

/// A value that was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) bytes: Bytes,
    /// Its number, if it is stored once for several entries.
    pub(super) shared: Option<u64>,
}

impl Layer {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.logs.is_empty()
    }

    /// How many things there are to put into the tables.
    pub(super) fn len(&self) -> usize {
        let logs = self.logs.values().map(|tail| 1 + tail.entries.len());
        self.keys.len() + logs.sum::<usize>()
    }

    /// Lays a newer layer into this one.
    pub(super) fn merge(&mut self, newer: Layer) {
        self.keys.extend(newer.keys);
        for (log, tail) in newer.logs {
            self.logs.entry(log).or_default().merge(tail);
        }
    }
}

impl Tail {
    pub(super) fn at(state: LogState) -> Self {
        Self { state, entries: VecDeque::new() }
    }

    /// Position of the first entry here, or behind the head when there is none.
    pub(super) fn first(&self) -> u64 {
        self.state.head + 1 - self.entries.len() as u64
    }

    pub(super) fn push(&mut self, value: Value) -> u64 {
        self.state.head += 1;
        self.entries.push_back(value);
        self.state.head
    }

    /// Up to a position that is not behind the head.
    pub(super) fn truncate(&mut self, up_to: u64) {
        self.state.truncated = self.state.truncated.max(up_to);
        let gone = (self.state.truncated + 1).saturating_sub(self.first());
        self.entries.drain(..gone.min(self.entries.len() as u64) as usize);
        if self.entries.is_empty() && self.entries.capacity() > 8 {
            self.entries = VecDeque::new();
        }
    }

    fn merge(&mut self, newer: Tail) {
        if self.entries.is_empty() {
            self.entries = newer.entries;
        } else {
            self.entries.extend(newer.entries);
        }
        self.state.head = newer.state.head;
        self.truncate(newer.state.truncated);
    }

    /// Entries after a position, with their positions.
    pub(super) fn after(&self, position: u64) -> impl Iterator<Item = (u64, &Value)> {
        let skipped = (position + 1).saturating_sub(self.first()).min(self.entries.len() as u64);
        (self.first() + skipped..).zip(self.entries.iter().skip(skipped as usize))
    }
}

/// Keys from one to another, of several layers over a table, in order; of each key the newest value.
pub(super) struct Merged<'a, B: Iterator<Item = Result<(Key, Bytes), redb::StorageError>>> {
    layers: Vec<Peekable<Range<'a, Key, Option<Bytes>>>>,
    base: Peekable<B>,
}

impl<'a, B: Iterator<Item = Result<(Key, Bytes), redb::StorageError>>> Merged<'a, B> {
    /// The newest layer comes first; `from` must be below `to`.
    pub(super) fn new(layers: impl Iterator<Item = &'a Layer>, base: B, from: &Key, to: &Key) -> Self {
        let range = (Bound::Included(from), Bound::Excluded(to));
        let layers = layers.map(|layer| layer.keys.range::<Key, _>(range).peekable()).collect();
        Self { layers, base: base.peekable() }
    }
}

impl<B: Iterator<Item = Result<(Key, Bytes), redb::StorageError>>> Iterator for Merged<'_, B> {
    type Item = Result<(Key, Bytes), redb::StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(Err(_)) = self.base.peek() {
                return self.base.next();
            }
            let in_layers =
                self.layers.iter_mut().filter_map(|layer| layer.peek().map(|(key, _)| *key)).min();
            let in_base = match self.base.peek() {
                Some(Ok((key, _))) => Some(key),
                _ => None,
            };
            let Some(key) = in_layers else { return self.base.next() };
            if in_base.is_some_and(|base| base < key) {
                return self.base.next();
            }
            if in_base == Some(key) {
                self.base.next();
            }
            let mut newest = None;
            for layer in &mut self.layers {
                if let Some((_, value)) = layer.next_if(|(other, _)| *other == key) {
                    newest = newest.or(Some(value));
                }
            }
            if let Some(Some(value)) = newest {
                return Some(Ok((key.clone(), value.clone())));
            }
        }
    }
}
