//! Random operations, against maps.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Harness, mailbox, wait};
use crate::data::{Batch, Data, Expected, Key, LogId, LogState, Op, WriteError, Written};
use crate::inspect::{Inspect, Stats};

#[derive(Debug, Clone)]
enum Action {
    /// Batches handed over together, then awaited.
    Burst(Vec<Batch>),
    Reopen,
}

#[derive(Default)]
struct Model {
    keys: BTreeMap<Key, Bytes>,
    logs: BTreeMap<LogId, (u64, Vec<Bytes>)>,
}

/// Random batches and reopenings; after each burst the answers, at the end everything is compared.
pub fn random_operations<H: Harness>() {
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    let actions = vec(action(), 1..12);
    let run = |actions| {
        let folder = tempfile::tempdir().unwrap();
        let mut store = H::open(folder.path());
        let mut model = Model::default();
        for action in actions {
            match action {
                Action::Reopen => store = H::reopen(store, folder.path()),
                Action::Burst(batches) => {
                    let expected: Vec<_> = batches.iter().map(|batch| model.apply(batch)).collect();
                    let answers: Vec<_> = batches.into_iter().map(|batch| store.write(batch)).collect();
                    let answers: Vec<_> = answers.into_iter().map(wait).collect();
                    prop_assert_eq!(answers, expected);
                }
            }
            model.compare(&store)?;
        }
        Ok(())
    };
    TestRunner::new(config).run(&actions, run).unwrap();
}

fn a_key() -> impl Strategy<Value = Key> {
    (0u8..2, 0u8..8).prop_map(|(space, name)| Key::new(space, &[&[name]]))
}

fn a_value() -> impl Strategy<Value = Bytes> {
    // Short ones, and some that are too long to be stored in every entry.
    (any::<u8>(), prop_oneof![8 => 0usize..40, 2 => 900usize..5000])
        .prop_map(|(byte, len)| vec![byte; len].into())
}

fn a_log() -> impl Strategy<Value = LogId> {
    (0u8..5).prop_map(mailbox)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (a_key(), a_value()).prop_map(|(key, value)| Op::Put(key, value)),
        2 => a_key().prop_map(Op::Delete),
        1 => (a_key(), a_key()).prop_map(|(from, to)| Op::DeleteRange(from, to)),
        6 => (vec(a_log(), 0..6), a_value()).prop_map(|(logs, value)| Op::Append(logs.into(), value)),
        4 => (a_log(), prop_oneof![0u64..20, Just(u64::MAX)]).prop_map(|(log, to)| Op::Truncate(log, to)),
        2 => (a_key(), a_key()).prop_map(|(from, to)| Op::TakeFirst(from, to)),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let expected = prop_oneof![Just(Expected::Absent), a_value().prop_map(Expected::Value)];
    let asserts = prop_oneof![3 => Just(Vec::new()), 1 => vec((a_key(), expected), 1..3)];
    (asserts, vec(op(), 0..6)).prop_map(|(asserts, ops)| Batch { asserts, ops })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![6 => vec(batch(), 1..6).prop_map(Action::Burst), 1 => Just(Action::Reopen)]
}

impl Model {
    fn apply(&mut self, batch: &Batch) -> Result<Written, WriteError> {
        for (index, (key, expected)) in batch.asserts.iter().enumerate() {
            let wanted = match expected {
                Expected::Absent => None,
                Expected::Value(value) => Some(value),
            };
            if self.keys.get(key) != wanted {
                return Err(WriteError::Conflict(index));
            }
        }
        let mut written = Written::default();
        for op in &batch.ops {
            match op {
                Op::Put(key, value) => drop(self.keys.insert(key.clone(), value.clone())),
                Op::Delete(key) => drop(self.keys.remove(key)),
                Op::DeleteRange(from, to) => self.keys.retain(|key, _| key < from || key >= to),
                Op::Append(logs, value) => {
                    let positions = logs.iter().map(|log| {
                        let (truncated, entries) = self.logs.entry(*log).or_default();
                        entries.push(value.clone());
                        *truncated + entries.len() as u64
                    });
                    written.appended.push(positions.collect());
                }
                Op::Truncate(log, up_to) => {
                    if let Some((truncated, entries)) = self.logs.get_mut(log) {
                        let gone = up_to.saturating_sub(*truncated).min(entries.len() as u64);
                        entries.drain(..gone as usize);
                        *truncated += gone;
                    }
                }
                Op::TakeFirst(from, to) => {
                    let first = self.keys.keys().find(|key| *key >= from && *key < to).cloned();
                    written.taken.push(first.and_then(|key| self.keys.remove_entry(&key)));
                }
            }
        }
        Ok(written)
    }

    fn compare(&self, store: &impl Inspect) -> Result<(), TestCaseError> {
        let (from, to) = (Key::from(Bytes::new()), Key::new(255, &[]));
        let keys: Vec<_> = self.keys.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        prop_assert_eq!(wait(store.scan(&from, &to, 3)).unwrap(), &keys[..keys.len().min(3)]);
        prop_assert_eq!(wait(store.scan(&from, &to, usize::MAX)).unwrap(), keys);
        prop_assert_eq!(wait(store.scan(&to, &from, 9)).unwrap(), vec![]);
        for name in 0..8 {
            let key = Key::new(0, &[&[name]]);
            prop_assert_eq!(wait(store.get(&key)).unwrap(), self.keys.get(&key).cloned());
        }
        for log in (0..6).map(mailbox) {
            let (truncated, entries) = self.logs.get(&log).cloned().unwrap_or_default();
            let state = LogState { head: truncated + entries.len() as u64, truncated };
            prop_assert_eq!(wait(store.log_state(log)).unwrap(), state);
            for (after, limit, bytes) in [(0, 100, usize::MAX), (truncated + 1, 2, 1000), (0, 100, 0)] {
                let read = wait(store.read_log(log, after, limit, bytes)).unwrap();
                let mut total = 0;
                let expected = (truncated + 1..).zip(&entries).filter(|(position, _)| *position > after);
                let expected: Vec<_> = expected
                    .take(limit)
                    .enumerate()
                    .take_while(|(index, (_, value))| {
                        total += value.len();
                        *index == 0 || total <= bytes
                    })
                    .map(|(_, (position, value))| (position, value.clone()))
                    .collect();
                let read: Vec<_> = read.into_iter().map(|entry| (entry.position, entry.value)).collect();
                prop_assert_eq!(read, expected);
            }
        }
        let Stats { keys, entries, values } = wait(store.check()).unwrap();
        let all: usize = self.logs.values().map(|(_, entries)| entries.len()).sum();
        prop_assert_eq!((keys, entries), (self.keys.len() as u64, all as u64));
        prop_assert!(values <= entries && (entries == 0) == (values == 0));
        Ok(())
    }
}
