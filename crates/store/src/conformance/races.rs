//! Many at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{Harness, key, mailbox, number, to_number, wait, write};
use crate::data::{Batch, Data, Expected, Key, WriteError};

const THREADS: u64 = 8;

/// Eight claim from one range: every key goes to one of them, none is lost.
pub fn claims<H: Harness>() {
    const KEYS: u64 = 400;
    let folder = tempfile::tempdir().unwrap();
    let store = H::open(folder.path());
    let packages = (0..KEYS).fold(Batch::new(), |batch, package| {
        batch.put(Key::new(2, &[&package.to_be_bytes()]), number(package))
    });
    write(&store, packages).unwrap();
    let (from, to) = (Key::new(2, &[]), Key::new(3, &[]));
    let claim = || {
        let mut mine = Vec::new();
        loop {
            let written = write(&store, Batch::new().take_first(from.clone(), to.clone())).unwrap();
            let Some((_, package)) = written.taken.into_iter().next().unwrap() else { return mine };
            mine.push(to_number(&package));
        }
    };
    let claimed: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(claim)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(claimed.len() as u64, KEYS, "a package was claimed twice or lost");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<u64>>().len() as u64, KEYS);
}

/// Eight raise one epoch by compare-and-set: it ends at the number of those that were accepted.
pub fn compare_and_set<H: Harness>() {
    const ROUNDS: u64 = 60;
    let folder = tempfile::tempdir().unwrap();
    let store = H::open(folder.path());
    let (accepted, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let raise = || {
        for _ in 0..ROUNDS {
            let epoch = wait(store.get(&key("epoch"))).unwrap();
            let next = epoch.as_deref().map_or(0, to_number) + 1;
            let expected = epoch.map_or(Expected::Absent, Expected::Value);
            let batch = Batch::new().assert(key("epoch"), expected).put(key("epoch"), number(next));
            // What comes with the epoch is stored if and only if the epoch is.
            let batch = batch.append([mailbox(1)], number(next));
            match write(&store, batch) {
                Ok(_) => accepted.fetch_add(1, Ordering::Relaxed),
                Err(WriteError::Conflict(0)) => refused.fetch_add(1, Ordering::Relaxed),
                Err(error) => panic!("{error}"),
            };
        }
    };
    thread::scope(|scope| {
        (0..THREADS).for_each(|_| drop(scope.spawn(raise)));
    });
    let (accepted, refused) = (accepted.into_inner(), refused.into_inner());
    assert_eq!(accepted + refused, THREADS * ROUNDS);
    assert_eq!(to_number(&wait(store.get(&key("epoch"))).unwrap().unwrap()), accepted);
    let log = wait(store.read_log(mailbox(1), 0, usize::MAX, usize::MAX)).unwrap();
    assert!(log.iter().map(|entry| to_number(&entry.value)).eq(1..=accepted));
}

/// Writers race a reader that acknowledges whatever it has read: it reads everything, each position once.
pub fn cursors<H: Harness>() {
    const EACH: u64 = 150;
    let folder = tempfile::tempdir().unwrap();
    let store = H::open(folder.path());
    let done = AtomicBool::new(false);
    let read = || {
        let mut seen = Vec::new();
        let mut cursor = 0;
        loop {
            let last = done.load(Ordering::Acquire);
            let page = wait(store.read_log(mailbox(1), cursor, 20, usize::MAX)).unwrap();
            for entry in &page {
                assert_eq!(entry.position, cursor + 1, "a position was skipped");
                cursor = entry.position;
                seen.push(to_number(&entry.value));
            }
            if !page.is_empty() {
                write(&store, Batch::new().truncate(mailbox(1), cursor)).unwrap();
            } else if last {
                return seen;
            } else {
                thread::yield_now();
            }
        }
    };
    let seen = thread::scope(|scope| {
        let reader = scope.spawn(read);
        let store = &store;
        let append = |writer: u64| {
            for message in 0..EACH {
                let logs = [mailbox(1), mailbox(2)];
                write(store, Batch::new().append(logs, number(writer * EACH + message))).unwrap();
            }
        };
        let writers: Vec<_> = (0..4).map(|writer| scope.spawn(move || append(writer))).collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Release);
        reader.join().unwrap()
    });
    assert_eq!(seen.len() as u64, 4 * EACH);
    assert!(seen.iter().copied().collect::<BTreeSet<u64>>().into_iter().eq(0..4 * EACH));
}
