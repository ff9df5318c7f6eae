//! What logs promise.

use super::{Harness, key, mailbox, number, to_number, wait, write};
use crate::data::{Batch, Data, Expected, LogState, WriteError};
use crate::inspect::{Inspect, Stats};

/// An acknowledgement again, or of more than there is, changes nothing.
pub fn truncation<H: Harness>() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = H::open(folder.path());
    for value in 1..=10 {
        write(&store, Batch::new().append([mailbox(1)], number(value))).unwrap();
    }
    for (up_to, truncated) in [(4, 4), (4, 4), (2, 4), (0, 4), (9, 9), (u64::MAX, 10), (11, 10)] {
        write(&store, Batch::new().truncate(mailbox(1), up_to)).unwrap();
        store = H::reopen(store, folder.path());
        assert_eq!(wait(store.log_state(mailbox(1))).unwrap(), LogState { head: 10, truncated });
        let left = wait(store.read_log(mailbox(1), 0, 100, usize::MAX)).unwrap();
        assert!(left.iter().map(|entry| entry.position).eq(truncated + 1..=10));
    }
    write(&store, Batch::new().truncate(mailbox(7), 3)).unwrap();
    assert_eq!(wait(store.log_state(mailbox(7))).unwrap(), LogState::default());
}

/// Values that many logs share are gone with the last of their entries, whatever the order.
pub fn shared_values_go_with_their_last_entry<H: Harness>() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = H::open(folder.path());
    let logs: Vec<_> = (0..100).map(mailbox).collect();
    for value in [vec![1; 300], vec![2; 20], vec![3; 50_000]] {
        write(&store, Batch::new().append(logs.clone(), value)).unwrap();
    }
    let stored = wait(store.check()).unwrap();
    assert_eq!(stored.entries, 300);
    assert!(stored.values < 300, "nothing is shared");
    // One batch gives up many references of one value, and one log twice.
    let acknowledge = |batch: Batch, log: u8| batch.truncate(mailbox(log), 1).truncate(mailbox(log), 2);
    write(&store, (0..60).rev().fold(Batch::new(), acknowledge)).unwrap();
    store = H::reopen(store, folder.path());
    for log in 60..100 {
        write(&store, acknowledge(Batch::new(), log)).unwrap();
    }
    let entry = wait(store.read_log(mailbox(99), 0, 9, usize::MAX)).unwrap();
    assert_eq!((entry.len(), entry[0].position, entry[0].value.len()), (1, 3, 50_000));
    write(&store, logs.iter().fold(Batch::new(), |batch, log| batch.truncate(*log, 3))).unwrap();
    assert_eq!(wait(store.check()).unwrap(), Stats::default());
}

/// After truncations and reopenings positions go on where they were.
pub fn positions_survive<H: Harness>() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = H::open(folder.path());
    let mut last = 0;
    for round in 0..12 {
        let value = vec![round; 3000];
        let batch = Batch::new().append([mailbox(1), mailbox(1), mailbox(2)], value);
        let positions = write(&store, batch).unwrap().appended;
        assert_eq!(positions, vec![vec![last + 1, last + 2, u64::from(round) + 1]]);
        last += 2;
        if round % 3 != 0 {
            write(&store, Batch::new().truncate(mailbox(1), last)).unwrap();
        }
        if round % 2 == 0 {
            store = H::reopen(store, folder.path());
        }
        assert_eq!(wait(store.log_state(mailbox(1))).unwrap().head, last);
    }
}

/// Batches handed over one after the other take effect so, though they are awaited backwards, and one that is
/// refused hinders none of the others.
pub fn bursts_keep_their_order<H: Harness>() {
    const BATCHES: u64 = 300;
    let folder = tempfile::tempdir().unwrap();
    let store = H::open(folder.path());
    let mut answers = Vec::new();
    for value in 1..=BATCHES {
        let expected = if value == 1 { Expected::Absent } else { Expected::Value(number(value - 1)) };
        let batch = Batch::new().assert(key("last"), expected).put(key("last"), number(value));
        answers.push((value, store.write(batch.append([mailbox(1)], number(value)))));
        let wrong = Batch::new().assert(key("other"), Expected::Absent).assert(key("last"), Expected::Absent);
        answers.push((0, store.write(wrong.put(key("wrong"), number(value)))));
    }
    for (value, answer) in answers.into_iter().rev() {
        match wait(answer) {
            Ok(written) => assert_eq!(written.appended, vec![vec![value]]),
            Err(error) => assert_eq!((error, value), (WriteError::Conflict(1), 0)),
        }
    }
    assert_eq!(wait(store.get(&key("wrong"))).unwrap(), None);
    let log = wait(store.read_log(mailbox(1), 0, usize::MAX, usize::MAX)).unwrap();
    assert!(log.iter().map(|entry| to_number(&entry.value)).eq(1..=BATCHES));
}
