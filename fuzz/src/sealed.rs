//! A sealed store that was tampered with: opened, read, and never a panic.

use std::sync::{Arc, LazyLock, Once};

use lacre_sealed::{MasterKey, MemoryRaw, Protection, create, look, open_database};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("t");
const CACHE: usize = 1 << 20;
static STORE: LazyLock<Vec<u8>> = LazyLock::new(store);
static HOOK: Once = Once::new();

/// A file's bytes when the first byte is 0; else edits of a good store, each an offset of 4 bytes and a byte.
pub fn sealed_open(bytes: &[u8]) {
    // redb's panics on damage are caught by the store; libFuzzer's own hook would end the process before that. A
    // panic that gets out of here is still found.
    HOOK.call_once(|| drop(std::panic::take_hook()));
    let file = match bytes.split_first() {
        None => return,
        Some((0, file)) => file.to_vec(),
        Some((_, edits)) => edited(edits),
    };
    let raw = MemoryRaw::new(file);
    let _ = look(&raw);
    let Ok(database) = open_database(Arc::new(raw), &key(), CACHE, &mut ChaCha20Rng::seed_from_u64(2)) else {
        return;
    };
    if let Ok(read) = database.begin_read()
        && let Ok(table) = read.open_table(TABLE)
        && let Ok(rows) = table.iter()
    {
        for (key, value) in rows.map_while(Result::ok) {
            assert_eq!(key.value(), value.value(), "a row that was never written");
        }
    }
}

fn edited(edits: &[u8]) -> Vec<u8> {
    let mut file = STORE.clone();
    for edit in edits.chunks_exact(5) {
        let at = u32::from_be_bytes([edit[0], edit[1], edit[2], edit[3]]) as usize % (file.len() + 1);
        match file.get_mut(at) {
            Some(byte) => *byte ^= edit[4],
            None => file.truncate(file.len() / 2),
        }
    }
    file
}

/// The bytes of a good store, whose every key is its value.
pub fn store() -> Vec<u8> {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let raw = MemoryRaw::new(Vec::new());
    create(&raw, &key(), Protection::Key, rng).expect("memory takes it");
    let database = open_database(Arc::new(raw.clone()), &key(), CACHE, rng).expect("it was just made");
    for round in 0..4u8 {
        let write = database.begin_write().expect("nobody else writes");
        {
            let mut table = write.open_table(TABLE).expect("it is of this type");
            for row in 0..32u8 {
                let bytes = [round, row].repeat(40);
                table.insert(&bytes[..], &bytes[..]).expect("memory takes it");
            }
        }
        write.commit().expect("memory takes it");
    }
    drop(database);
    raw.bytes()
}

fn key() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}
