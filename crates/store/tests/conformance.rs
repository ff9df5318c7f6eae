//! The shared suite on every backend.

use std::path::Path;
use std::time::Duration;

use lacre_store::conformance::Harness;
use lacre_store::conformance_suite;
use lacre_store::memory::MemoryData;
use lacre_store::redb::{RedbData, RedbOptions};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

struct Memory;

impl Harness for Memory {
    type Store = MemoryData;
    const DURABLE: bool = false;

    fn open(_: &Path) -> MemoryData {
        MemoryData::new()
    }

    fn reopen(store: MemoryData, _: &Path) -> MemoryData {
        store
    }
}

struct Redb;

impl Harness for Redb {
    type Store = RedbData;
    const DURABLE: bool = true;

    fn open(folder: &Path) -> RedbData {
        open(folder, None, 16 * 1024 * 1024)
    }

    fn reopen(store: RedbData, folder: &Path) -> RedbData {
        drop(store);
        Self::open(folder)
    }
}

/// Settles all the time, so that tests meet the tables half settled.
struct Settling;

impl Harness for Settling {
    type Store = RedbData;
    const DURABLE: bool = true;

    fn open(folder: &Path) -> RedbData {
        open(folder, None, 5000)
    }

    fn reopen(store: RedbData, folder: &Path) -> RedbData {
        drop(store);
        Self::open(folder)
    }
}

struct Sealed;

impl Harness for Sealed {
    type Store = RedbData;
    const DURABLE: bool = true;

    fn open(folder: &Path) -> RedbData {
        open(folder, Some([9; 32]), 2000)
    }

    fn reopen(store: RedbData, folder: &Path) -> RedbData {
        drop(store);
        Self::open(folder)
    }
}

fn open(folder: &Path, data_key: Option<[u8; 32]>, window_bytes: usize) -> RedbData {
    let options = RedbOptions {
        linger: Duration::ZERO,
        data_key,
        cache_bytes: 1024 * 1024,
        window_bytes,
        ..RedbOptions::new(folder.join("store.redb"))
    };
    RedbData::open(options, ChaCha20Rng::from_os_rng()).expect("a folder of its own")
}

conformance_suite!(memory, Memory);
conformance_suite!(redb, Redb);
conformance_suite!(redb_settling, Settling);
conformance_suite!(redb_over_sealed, Sealed);
