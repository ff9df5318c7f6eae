//! A relay's exported data, with a sum that is always right, so that what lies behind it is reached.

use futures_util::FutureExt;
use lacre_store::data::{Batch, Data, Key, LogId};
use lacre_store::memory::MemoryData;
use lacre_store::transfer::{export, import};
use sha2::{Digest, Sha256};

const SUM: usize = 32;

/// The export without its sum: it is imported whole, or not at all; what was imported is exported again.
pub fn store_import(bytes: &[u8]) {
    let whole = [bytes, &Sha256::digest(bytes)[..]].concat();
    let target = MemoryData::new();
    if let Ok(items) = import(&whole[..], &target) {
        let mut again = Vec::new();
        assert_eq!(export(&target, &mut again).expect("memory gives it out"), items);
    }
}

/// A small export without its sum.
pub fn exported() -> Vec<u8> {
    let data = MemoryData::new();
    let logs = vec![LogId([1; 16]), LogId([2; 16])];
    let batch = Batch::new().put(Key::new(1, &[b"a"]), &b"value"[..]).append(logs, &b"entry"[..]);
    let batch = batch.append(vec![LogId([1; 16])], &b"another"[..]).truncate(LogId([1; 16]), 1);
    data.write(batch).now_or_never().expect("memory is ready").expect("memory takes it");
    let mut bytes = Vec::new();
    export(&data, &mut bytes).expect("memory gives it out");
    bytes.truncate(bytes.len() - SUM);
    bytes
}
