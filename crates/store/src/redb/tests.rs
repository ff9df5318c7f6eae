//! What is particular to this backend; the rest is in the conformance suite.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use redb::{Database, StorageBackend};

use super::medium::prepare;
use super::*;

/// A disk in memory that has so much room, and keeps what was on it at each sync.
#[derive(Debug, Clone)]
struct Disk(Arc<State>);

#[derive(Debug)]
struct State {
    bytes: Mutex<Vec<u8>>,
    synced: Mutex<Vec<Vec<u8>>>,
    room: AtomicU64,
}

impl Disk {
    fn new(bytes: Vec<u8>) -> Self {
        let synced = Mutex::new(vec![bytes.clone()]);
        Self(Arc::new(State { bytes: Mutex::new(bytes), synced, room: AtomicU64::new(u64::MAX) }))
    }

    fn store(&self, window_bytes: usize) -> Result<RedbData, OpenError> {
        RedbData::on(Box::new(self.clone()), Duration::ZERO, window_bytes)
    }
}

impl Medium for Disk {
    fn open(&mut self) -> Result<Database, OpenError> {
        let database = redb::Builder::new().set_cache_size(0).create_with_backend(self.clone())?;
        prepare(&database)?;
        Ok(database)
    }

    fn has_room(&self) -> bool {
        self.0.room.load(Ordering::Relaxed) == u64::MAX
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        out.copy_from_slice(&self.0.bytes.lock().unwrap()[offset as usize..][..out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut bytes = self.0.bytes.lock().unwrap();
        if len > bytes.len() as u64 && len > self.0.room.load(Ordering::Relaxed) {
            return Err(ErrorKind::StorageFull.into());
        }
        bytes.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.synced.lock().unwrap().push(self.0.bytes.lock().unwrap().clone());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.0.room.load(Ordering::Relaxed) == 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.bytes.lock().unwrap()[offset as usize..][..data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn key(name: u8) -> Key {
    Key::new(1, &[&[name]])
}

fn mailbox(name: u8) -> LogId {
    LogId([name; 16])
}

/// Everything in a store of few keys and mailboxes.
type Contents = (Vec<(Key, Bytes)>, BTreeMap<u8, (LogState, Vec<LogEntry>)>);

fn contents(store: &RedbData) -> Contents {
    let keys = wait(store.scan(&key(0), &Key::new(2, &[]), usize::MAX)).unwrap();
    let logs = (0..6).map(|name| {
        let state = wait(store.log_state(mailbox(name))).unwrap();
        (name, (state, wait(store.read_log(mailbox(name), 0, usize::MAX, usize::MAX)).unwrap()))
    });
    (keys, logs.collect())
}

fn random_batch(rng: &mut ChaCha8Rng) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..rng.random_range(1..4) {
        let (one, two) = (rng.random_range(0..6), rng.random_range(0..6));
        batch = match rng.random_range(0..6) {
            0 => batch.put(key(one), vec![one; rng.random_range(0..200)]),
            1 => batch.delete(key(one)),
            2 => batch.truncate(mailbox(one), rng.random_range(0..60)),
            3 => batch.append([mailbox(one)], vec![one; rng.random_range(0..100)]),
            // These are shared.
            _ => batch.append([mailbox(one), mailbox(two)], vec![two; 1500]),
        };
    }
    batch
}

#[test]
fn a_store_that_stops_at_any_commit_opens_with_just_that() {
    for seed in 0..4 {
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let disk = Disk::new(Vec::new());
        // Rows of about 2 KB: settling takes a few commits, and begins again soon.
        let store = disk.store(12_000).unwrap();
        let mut states = vec![contents(&store)];
        // For each image, which state it must hold: the last one acknowledged before it, or the next.
        let mut due = vec![0; disk.0.synced.lock().unwrap().len()];
        for _ in 0..60 {
            wait(store.write(random_batch(rng))).unwrap();
            due.resize(disk.0.synced.lock().unwrap().len(), states.len() - 1);
            states.push(contents(&store));
        }
        drop(store);
        let images = disk.0.synced.lock().unwrap().clone();
        due.resize(images.len(), states.len() - 1);
        // The first images are those of a database in the making.
        for (image, due) in images.into_iter().zip(due).skip(4) {
            let again = Disk::new(image).store(12_000).unwrap();
            let found = contents(&again);
            assert!(states[due..states.len().min(due + 2)].contains(&found), "seed {seed}, state {due}");
            wait(again.check()).unwrap();
            assert_eq!(contents(&again), found, "settling changes nothing");
        }
    }
}

#[test]
fn a_full_disk_refuses_writes_reads_go_on_and_it_recovers() {
    let disk = Disk::new(Vec::new());
    let store = disk.store(1 << 20).unwrap();
    wait(store.write(Batch::new().put(key(1), "kept").append([mailbox(1)], "kept"))).unwrap();
    let before = contents(&store);
    disk.0.room.store(1, Ordering::Relaxed);
    let large = || Batch::new().put(key(2), vec![2; 1 << 20]).append([mailbox(1)], "lost");
    assert_eq!(wait(store.write(large())), Err(WriteError::Full));
    assert_eq!(wait(store.write(Batch::new().put(key(3), "small"))), Err(WriteError::Full));
    assert_eq!(contents(&store), before);
    disk.0.room.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(wait(store.write(large())).unwrap().appended, vec![vec![2]]);
    let after = contents(&store);
    drop(store);
    assert_eq!(contents(&disk.store(1 << 20).unwrap()), after);
}

#[test]
fn a_disk_that_fails_otherwise_refuses_writes_until_the_next_start() {
    let disk = Disk::new(Vec::new());
    let store = disk.store(1 << 20).unwrap();
    wait(store.write(Batch::new().put(key(1), "kept"))).unwrap();
    disk.0.room.store(0, Ordering::Relaxed);
    let write = || store.write(Batch::new().put(key(1), "lost"));
    assert!(matches!(wait(write()), Err(WriteError::Unavailable(_))));
    disk.0.room.store(u64::MAX, Ordering::Relaxed);
    assert!(matches!(wait(write()), Err(WriteError::Unavailable(_))));
    drop(store);
    let again = disk.store(1 << 20).unwrap();
    assert_eq!(wait(again.get(&key(1))).unwrap().as_deref(), Some(b"kept".as_slice()));
    wait(again.write(Batch::new().put(key(1), "goes on"))).unwrap();
}

#[test]
fn each_way_not_to_open_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str, data_key| {
        let options = RedbOptions { data_key, ..RedbOptions::new(folder.path().join(name)) };
        RedbData::open(options, ChaCha8Rng::from_os_rng()).map(drop)
    };
    let plain = RedbOptions::new(folder.path().join("plain"));
    let held = RedbData::open(plain, ChaCha8Rng::from_os_rng()).unwrap();
    assert_eq!(open("plain", None), Err(OpenError::InUse));
    drop(held);
    assert_eq!(open("plain", Some([1; 32])), Err(OpenError::NotSealed));
    assert_eq!(open("plain", None), Ok(()));
    assert_eq!(open("sealed", Some([1; 32])), Ok(()));
    assert_eq!(open("sealed", Some([2; 32])), Err(OpenError::WrongKey));
    assert_eq!(open("sealed", None), Err(OpenError::KeyNeeded));
    assert_eq!(open("sealed", Some([1; 32])), Ok(()));
    std::fs::write(folder.path().join("diary"), vec![b'x'; 30_000]).unwrap();
    assert!(matches!(open("diary", None), Err(OpenError::Damaged(_))));
    assert_eq!(open("diary", Some([1; 32])), Err(OpenError::NotSealed));
    assert_eq!(std::fs::read(folder.path().join("diary")).unwrap(), vec![b'x'; 30_000]);
    assert!(matches!(open("no/where", None), Err(OpenError::Io(_))));
}

#[test]
fn a_newer_format_is_refused() {
    let disk = Disk::new(Vec::new());
    let database = disk.clone().open().unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(layout::META).unwrap().insert("format", 7).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(disk.store(1).err(), Some(OpenError::NewerVersion(7)));
}
