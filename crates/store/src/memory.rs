//! `Data` in memory: for worlds and tests. Nothing survives the process, so "durable" is as good as the process.
//!
//! Every future is ready at once and a batch takes effect at the call, so that a world can run it synchronously.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::data::{
    Batch, Data, Expected, Key, LogEntry, LogId, LogState, Op, Unavailable, WriteError, Written,
};
use crate::inspect::{Inspect, Stats};
use crate::transfer::{Item, Portable, TransferError};

/// A store in memory; clones are the same store.
#[derive(Debug, Clone, Default)]
pub struct MemoryData(Arc<Mutex<State>>);

impl MemoryData {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No step of a batch can panic half-way, so what a poisoned lock guards is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Data for MemoryData {
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Bytes>, Unavailable>> + Send {
        ready(Ok(self.state().keys.get(key).cloned()))
    }

    fn scan(
        &self,
        from: &Key,
        to: &Key,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Key, Bytes)>, Unavailable>> + Send {
        let state = self.state();
        let rows = range(&state.keys, from, to).take(limit);
        ready(Ok(rows.map(|(key, value)| (key.clone(), value.clone())).collect()))
    }

    fn read_log(
        &self,
        log: LogId,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<LogEntry>, Unavailable>> + Send {
        let state = self.state();
        ready(Ok(state.logs.get(&log).map_or_else(Vec::new, |log| log.read(after, limit, max_bytes))))
    }

    fn log_state(&self, log: LogId) -> impl Future<Output = Result<LogState, Unavailable>> + Send {
        ready(Ok(self.state().logs.get(&log).map(Log::state).unwrap_or_default()))
    }

    fn write(&self, batch: Batch) -> impl Future<Output = Result<Written, WriteError>> + Send + 'static {
        ready(self.state().apply(batch))
    }
}

impl Inspect for MemoryData {
    fn check(&self) -> impl Future<Output = Result<Stats, Unavailable>> + Send {
        let state = self.state();
        let entries = state.logs.values().flat_map(|log| &log.entries);
        let values: HashSet<*const u8> = entries.clone().map(|value| value.as_ptr()).collect();
        let entries = entries.count() as u64;
        ready(Ok(Stats { keys: state.keys.len() as u64, entries, values: values.len() as u64 }))
    }
}

impl Portable for MemoryData {
    fn give_out(&self, sink: &mut dyn FnMut(Item) -> Result<(), TransferError>) -> Result<(), TransferError> {
        let state = self.state();
        state.keys.iter().try_for_each(|(key, value)| sink(Item::Key(key.clone(), value.clone())))?;
        // Shared values are the same memory, once.
        let mut shared: HashMap<(*const u8, usize), (u64, u64)> = HashMap::new();
        for value in state.logs.values().flat_map(|log| &log.entries) {
            let next = shared.len() as u64;
            let (number, times) = shared.entry((value.as_ptr(), value.len())).or_insert((next, 0));
            *times += 1;
            if *times == 2 && !value.is_empty() {
                sink(Item::Value(*number, value.clone()))?;
            }
        }
        for (id, log) in &state.logs {
            sink(Item::Log(*id, log.state()))?;
            for value in &log.entries {
                match shared.get(&(value.as_ptr(), value.len())) {
                    Some((number, 2..)) if !value.is_empty() => sink(Item::SharedEntry(*number))?,
                    _ => sink(Item::Entry(value.clone()))?,
                }
            }
        }
        Ok(())
    }

    fn take_in(
        &self,
        items: &mut dyn Iterator<Item = Result<Item, TransferError>>,
    ) -> Result<(), TransferError> {
        let mut state = self.state();
        if !state.keys.is_empty() || !state.logs.is_empty() {
            return Err(TransferError::NotEmpty);
        }
        let mut filled = State::default();
        let mut values: HashMap<u64, (Bytes, bool)> = HashMap::new();
        let mut current = LogId::default();
        for item in items {
            let twice = match item? {
                Item::Key(key, value) => filled.keys.insert(key, value).is_some(),
                Item::Value(number, value) => values.insert(number, (value, false)).is_some(),
                Item::Log(id, LogState { truncated, .. }) => {
                    current = id;
                    filled.logs.insert(id, Log { truncated, entries: VecDeque::new() }).is_some()
                }
                Item::Entry(value) => {
                    filled.logs.entry(current).or_default().entries.push_back(value);
                    false
                }
                Item::SharedEntry(number) => {
                    let value = values.get_mut(&number);
                    let (value, used) = value.ok_or(TransferError::Damaged("an entry without its value"))?;
                    *used = true;
                    filled.logs.entry(current).or_default().entries.push_back(value.clone());
                    false
                }
            };
            if twice {
                return Err(TransferError::Damaged("something comes twice"));
            }
        }
        if values.values().any(|(_, used)| !used) {
            return Err(TransferError::Damaged("a value without an entry"));
        }
        *state = filled;
        Ok(())
    }
}

#[derive(Debug, Default)]
struct State {
    keys: BTreeMap<Key, Bytes>,
    logs: HashMap<LogId, Log>,
}

impl State {
    fn apply(&mut self, batch: Batch) -> Result<Written, WriteError> {
        for (index, (key, expected)) in batch.asserts.iter().enumerate() {
            let holds = match (self.keys.get(key), expected) {
                (None, Expected::Absent) => true,
                (Some(value), Expected::Value(wanted)) => value == wanted,
                _ => false,
            };
            if !holds {
                return Err(WriteError::Conflict(index));
            }
        }
        let mut written = Written::default();
        for op in batch.ops {
            match op {
                Op::Put(key, value) => {
                    self.keys.insert(key, value);
                }
                Op::Delete(key) => {
                    self.keys.remove(&key);
                }
                Op::DeleteRange(from, to) => {
                    let doomed: Vec<Key> =
                        range(&self.keys, &from, &to).map(|(key, _)| key.clone()).collect();
                    doomed.iter().for_each(|key| drop(self.keys.remove(key)));
                }
                Op::Append(logs, value) => {
                    let append = |id: &LogId| self.logs.entry(*id).or_default().append(value.clone());
                    written.appended.push(logs.iter().map(append).collect());
                }
                Op::Truncate(log, up_to) => {
                    if let Some(log) = self.logs.get_mut(&log) {
                        log.truncate(up_to);
                    }
                }
                Op::TakeFirst(from, to) => {
                    let first = range(&self.keys, &from, &to).next().map(|(key, _)| key.clone());
                    written.taken.push(first.and_then(|key| self.keys.remove_entry(&key)));
                }
            }
        }
        Ok(written)
    }
}

/// Keys from the first to the second; none when they are the wrong way round.
fn range<'a>(
    keys: &'a BTreeMap<Key, Bytes>,
    from: &Key,
    to: &Key,
) -> impl Iterator<Item = (&'a Key, &'a Bytes)> + use<'a> {
    (from < to).then(|| keys.range(from.clone()..to.clone())).into_iter().flatten()
}

#[derive(Debug, Default)]
struct Log {
    truncated: u64,
    /// The first one has position `truncated + 1`.
    entries: VecDeque<Bytes>,
}

impl Log {
    fn state(&self) -> LogState {
        LogState { head: self.truncated + self.entries.len() as u64, truncated: self.truncated }
    }

    fn append(&mut self, value: Bytes) -> u64 {
        self.entries.push_back(value);
        self.state().head
    }

    fn truncate(&mut self, up_to: u64) {
        let gone = up_to.min(self.state().head).saturating_sub(self.truncated);
        self.entries.drain(..gone as usize);
        self.truncated += gone;
    }

    fn read(&self, after: u64, limit: usize, max_bytes: usize) -> Vec<LogEntry> {
        let mut bytes = 0;
        let skipped = usize::try_from(after.saturating_sub(self.truncated)).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        for (index, value) in self.entries.iter().enumerate().skip(skipped).take(limit) {
            if !entries.is_empty() && bytes + value.len() > max_bytes {
                break;
            }
            bytes += value.len();
            entries.push(LogEntry { position: self.truncated + 1 + index as u64, value: value.clone() });
        }
        entries
    }
}
