//! A store goes whole from any backend into any other, and a stream that is not whole goes nowhere.

use std::path::Path;

use bytes::Bytes;
use lacre_store::data::{Batch, Data, Key, LogId, LogState};
use lacre_store::inspect::{Inspect, Stats};
use lacre_store::memory::MemoryData;
use lacre_store::redb::{RedbData, RedbOptions};
use lacre_store::transfer::{Portable, TransferError, export, import};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn redb(folder: &Path, data_key: Option<[u8; 32]>) -> RedbData {
    let options = RedbOptions { data_key, ..RedbOptions::new(folder.join("store")) };
    RedbData::open(options, ChaCha20Rng::from_os_rng()).expect("a new store")
}

fn mailbox(number: u8) -> LogId {
    LogId([number; 16])
}

/// Keys, shared values, inline ones, an empty one, logs that are truncated in part and in whole.
fn fill(store: &impl Data) {
    let mut batch = Batch::new();
    for key in 0..50u8 {
        batch = batch.put(Key::new(key % 3, &[&[key]]), vec![key; key as usize * 10]);
    }
    let all: Vec<LogId> = (0..20).map(mailbox).collect();
    batch = batch.append(all.clone(), vec![1; 5000]).append([mailbox(1), mailbox(2)], "short");
    batch = batch.append([mailbox(3)], Bytes::new()).append(all, vec![2; 900]);
    batch = batch.truncate(mailbox(4), 1).truncate(mailbox(5), u64::MAX);
    wait(store.write(batch)).expect("it is stored");
}

fn same(one: &impl Inspect, other: &impl Inspect) {
    let (from, to) = (Key::from(Bytes::new()), Key::new(255, &[]));
    assert_eq!(wait(one.scan(&from, &to, usize::MAX)), wait(other.scan(&from, &to, usize::MAX)));
    for log in (0..21).map(mailbox) {
        assert_eq!(wait(one.log_state(log)), wait(other.log_state(log)));
        let (one, other) = (one.read_log(log, 0, 99, 1 << 20), other.read_log(log, 0, 99, 1 << 20));
        assert_eq!(wait(one), wait(other));
    }
    let (one, other) = (wait(one.check()).expect("it holds"), wait(other.check()).expect("it holds"));
    assert_eq!((one.keys, one.entries), (other.keys, other.entries));
    assert!(one.values < one.entries && other.values < other.entries, "sharing is kept");
}

fn through(source: &(impl Portable + Inspect), target: &(impl Portable + Inspect)) {
    let mut stream = Vec::new();
    let items = export(source, &mut stream).expect("it exports");
    assert_eq!(import(&stream[..], target), Ok(items));
    same(source, target);
    assert_eq!(import(&stream[..], target), Err(TransferError::NotEmpty));
    same(source, target);
    // It goes on as any other store: positions, and shared values under new numbers.
    let batch = Batch::new().append([mailbox(5), mailbox(6)], vec![9; 4000]);
    assert_eq!(wait(target.write(batch)).expect("it is stored").appended, vec![vec![3, 3]]);
    for log in (0..20).map(mailbox) {
        wait(target.write(Batch::new().truncate(log, u64::MAX))).expect("it is stored");
    }
    let left = wait(target.check()).expect("it holds");
    assert_eq!(left, Stats { keys: 50, entries: 0, values: 0 });
    assert_eq!(wait(target.log_state(mailbox(5))), Ok(LogState { head: 3, truncated: 3 }));
}

#[test]
fn every_pair_of_backends() {
    let folder = || tempfile::tempdir().expect("a folder");
    let (one, two) = (folder(), folder());
    let (memory, plain, sealed) =
        (MemoryData::new(), redb(one.path(), None), redb(two.path(), Some([1; 32])));
    fill(&memory);
    fill(&plain);
    fill(&sealed);
    for target in 0..3 {
        let folder = folder();
        let key = (target == 2).then_some([2; 32]);
        for source in 0..3 {
            let path = folder.path().join(source.to_string());
            std::fs::create_dir(&path).expect("a folder");
            match (source, target) {
                (0, 0) => through(&memory, &MemoryData::new()),
                (1, 0) => through(&plain, &MemoryData::new()),
                (2, 0) => through(&sealed, &MemoryData::new()),
                (0, _) => through(&memory, &redb(&path, key)),
                (1, _) => through(&plain, &redb(&path, key)),
                _ => through(&sealed, &redb(&path, key)),
            }
        }
    }
}

#[test]
fn a_stream_that_is_cut_altered_or_newer_is_refused_and_leaves_nothing() {
    let source = MemoryData::new();
    fill(&source);
    let mut stream = Vec::new();
    export(&source, &mut stream).expect("it exports");
    let folder = tempfile::tempdir().expect("a folder");
    let (memory, file) = (MemoryData::new(), redb(folder.path(), None));
    let refused = |stream: &[u8]| {
        let error = import(stream, &memory).expect_err("it is not whole");
        assert_eq!(import(stream, &file).expect_err("it is not whole"), error);
        error
    };
    for cut in (0..stream.len()).step_by(499).chain([stream.len() - 1]) {
        let error = refused(&stream[..cut]);
        assert!(matches!(error, TransferError::CutShort | TransferError::NotAnExport), "{cut}: {error}");
    }
    for at in (0..stream.len()).step_by(397) {
        let mut altered = stream.clone();
        altered[at] ^= 0x10;
        refused(&altered);
    }
    refused(&[&stream[..], b"more"].concat());
    let newer = [&stream[..8], &[0, 2], &stream[10..]].concat();
    assert_eq!(refused(&newer), TransferError::NewerVersion(2));
    assert_eq!(refused(b"my diary"), TransferError::NotAnExport);
    for store in [wait(memory.check()), wait(file.check())] {
        assert_eq!(store, Ok(Stats::default()));
    }
    // And both still take the right one.
    import(&stream[..], &memory).expect("it is whole");
    import(&stream[..], &file).expect("it is whole");
    same(&memory, &file);
}
