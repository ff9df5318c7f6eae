//! The journal: what each commit did, in one value, so that a commit writes one row however much it does.
//!
//! A row is a sequence of effects; an effect is its kind (u8) and fields; byte strings have their length (u32 BE)
//! before them. Effects are absolute, so that those that already lie in the tables can be played again.
//!
//! | kind | effect | fields |
//! | --- | --- | --- |
//! | 1 | a key has a value | key, value |
//! | 2 | a key is gone | key |
//! | 3 | a value was appended | number of the value u64 BE (0: each entry has its own), value, how many logs u32 BE, for each: id 16, position u64 BE |
//! | 4 | a log is truncated | id 16, up to u64 BE |

use bytes::Bytes;
use redb::StorageError;

use super::layer::{Layer, Tail, Value};
use super::layout::corrupted;
use crate::data::{Key, LogId, LogState};

/// Writes one row.
#[derive(Default)]
pub(super) struct Row(pub(super) Vec<u8>);

impl Row {
    pub(super) fn put(&mut self, key: &Key, value: &[u8]) {
        self.0.push(1);
        self.bytes(key.as_bytes());
        self.bytes(value);
    }

    pub(super) fn delete(&mut self, key: &Key) {
        self.0.push(2);
        self.bytes(key.as_bytes());
    }

    pub(super) fn append(&mut self, value: &Value, logs: &[LogId], positions: &[u64]) {
        self.0.push(3);
        self.0.extend_from_slice(&value.shared.unwrap_or(0).to_be_bytes());
        self.bytes(&value.bytes);
        self.0.extend_from_slice(&(logs.len() as u32).to_be_bytes());
        for (log, position) in logs.iter().zip(positions) {
            self.0.extend_from_slice(&log.0);
            self.0.extend_from_slice(&position.to_be_bytes());
        }
    }

    pub(super) fn truncate(&mut self, log: LogId, up_to: u64) {
        self.0.push(4);
        self.0.extend_from_slice(&log.0);
        self.0.extend_from_slice(&up_to.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// Plays a row into a layer; `base` says where a log stands in the tables. Returns the highest number of a value.
pub(super) fn play(
    mut row: &[u8],
    layer: &mut Layer,
    base: &impl Fn(LogId) -> Result<LogState, StorageError>,
) -> Result<u64, StorageError> {
    let mut highest = 0;
    while let Some((kind, rest)) = row.split_first() {
        row = rest;
        match kind {
            1 => {
                let key = Key::from(take_bytes(&mut row)?);
                let value = take_bytes(&mut row)?;
                layer.keys.insert(key, Some(value));
            }
            2 => {
                layer.keys.insert(Key::from(take_bytes(&mut row)?), None);
            }
            3 => {
                let number = u64::from_be_bytes(take(&mut row)?);
                highest = highest.max(number);
                let value = Value { bytes: take_bytes(&mut row)?, shared: (number > 0).then_some(number) };
                for _ in 0..u32::from_be_bytes(take(&mut row)?) {
                    let log = LogId(take(&mut row)?);
                    let position = u64::from_be_bytes(take(&mut row)?);
                    play_append(tail(layer, log, base)?, position, value.clone())?;
                }
            }
            4 => {
                let log = LogId(take(&mut row)?);
                let up_to = u64::from_be_bytes(take(&mut row)?);
                let tail = tail(layer, log, base)?;
                if up_to > tail.state.head {
                    return Err(corrupted("a position of a log"));
                }
                tail.truncate(up_to);
            }
            _ => return Err(corrupted("the journal")),
        }
    }
    Ok(highest)
}

/// The tables may already have this entry and later ones, or may have had them.
fn play_append(tail: &mut Tail, position: u64, value: Value) -> Result<(), StorageError> {
    if !(1..1 << 63).contains(&position) {
        return Err(corrupted("a position of a log"));
    }
    if tail.entries.is_empty() {
        tail.state.head = position - 1;
    }
    if tail.push(value) != position {
        return Err(corrupted("the next position of a log"));
    }
    tail.truncate(0);
    Ok(())
}

fn tail<'a>(
    layer: &'a mut Layer,
    log: LogId,
    base: &impl Fn(LogId) -> Result<LogState, StorageError>,
) -> Result<&'a mut Tail, StorageError> {
    use std::collections::hash_map::Entry;
    Ok(match layer.logs.entry(log) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => unknown.insert(Tail::at(base(log)?)),
    })
}

fn take<const N: usize>(row: &mut &[u8]) -> Result<[u8; N], StorageError> {
    let (field, rest) = row.split_first_chunk().ok_or_else(|| corrupted("the journal"))?;
    *row = rest;
    Ok(*field)
}

fn take_bytes(row: &mut &[u8]) -> Result<Bytes, StorageError> {
    let len = u32::from_be_bytes(take(row)?) as usize;
    let (bytes, rest) = row.split_at_checked(len).ok_or_else(|| corrupted("the journal"))?;
    *row = rest;
    Ok(Bytes::copy_from_slice(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANA: LogId = LogId([1; 16]);
    const BOB: LogId = LogId([2; 16]);

    fn value(text: &'static str, shared: Option<u64>) -> Value {
        Value { bytes: Bytes::from_static(text.as_bytes()), shared }
    }

    fn row() -> Vec<u8> {
        let mut row = Row::default();
        let (here, gone) = (Key::new(1, &[b"here"]), Key::new(1, &[b"gone"]));
        row.put(&here, b"value");
        row.delete(&gone);
        row.append(&value("one", None), &[ANA, BOB], &[5, 9]);
        row.append(&value("two", Some(3)), &[ANA, ANA], &[6, 7]);
        row.truncate(ANA, 6);
        row.0
    }

    fn ahead(log: LogId, head: u64, truncated: u64) -> impl Fn(LogId) -> Result<LogState, StorageError> {
        move |asked| {
            Ok(if asked == log { LogState { head, truncated } } else { LogState { head: 8, truncated: 2 } })
        }
    }

    #[test]
    fn a_row_says_the_same_over_tables_that_have_none_some_or_all_of_it() {
        for (head, truncated) in [(4, 4), (4, 0), (7, 6), (7, 7)] {
            let mut layer = Layer::default();
            assert_eq!(play(&row(), &mut layer, &ahead(ANA, head, truncated)).unwrap(), 3);
            let ana = &layer.logs[&ANA];
            assert_eq!(ana.state, LogState { head: 7, truncated: truncated.max(6) });
            let left: Vec<_> = ana.after(0).map(|(position, value)| (position, value.clone())).collect();
            let all = [(7, value("two", Some(3)))];
            assert_eq!(left, if truncated == 7 { &all[..0] } else { &all });
            assert_eq!(layer.logs[&BOB].state, LogState { head: 9, truncated: 2 });
            assert_eq!(layer.keys[&Key::new(1, &[b"gone"])], None);
            assert_eq!(layer.keys[&Key::new(1, &[b"here"])].as_deref(), Some(b"value".as_slice()));
        }
    }

    proptest! {
        #[test]
        fn damaged_rows_are_errors(at in 0..row().len(), byte: u8, cut: bool) {
            let mut damaged = row();
            if cut { damaged.truncate(at) } else { damaged[at] = byte }
            // Some damage is not seen here; none of it may end the process.
            let _ = play(&damaged, &mut Layer::default(), &ahead(ANA, 4, 4));
        }

        #[test]
        fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(0u8..8, 0..200)) {
            let _ = play(&bytes, &mut Layer::default(), &ahead(ANA, 4, 4));
        }
    }

    #[test]
    fn a_cut_row_is_an_error() {
        for len in 1..row().len() {
            let cut = play(&row()[..len], &mut Layer::default(), &ahead(ANA, 4, 4));
            // Between two effects a cut cannot be seen here; redb's sums and the seal see it.
            assert_eq!(cut.is_ok(), [19, 29, 97, 165].contains(&len), "{len}");
        }
    }
}
