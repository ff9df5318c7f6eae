//! Fixed key and randomness give fixed bytes. `LACRE_WRITE_VECTORS=1` writes them anew, for a new format version.

use std::path::Path;
use std::sync::Arc;

use rand_core::{CryptoRng, RngCore};
use redb::StorageBackend;

use super::key;
use crate::backend::SealedBackend;
use crate::passphrase::{self, Cost};
use crate::preamble::{Protection, create};
use crate::{MemoryRaw, SealedError};

/// Gives the bytes 0, 1, 2, ..., 255, 0, ...
struct Counting(u8);

impl RngCore for Counting {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }
    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }
    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.iter_mut().for_each(|byte| {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        });
    }
}

impl CryptoRng for Counting {}

fn made() -> Vec<u8> {
    let file = MemoryRaw::default();
    let cost = Cost { memory_kib: 64, passes: 3, lanes: 1 };
    let rng = &mut Counting(0);
    create(&file, &key(), Protection::Passphrase(b"correct horse", cost), rng).unwrap();
    let backend = SealedBackend::open(Arc::new(file.clone()), &key(), rng).unwrap();
    backend.set_len(3 * 4096).unwrap();
    backend.write(0, &[0xa0; 320]).unwrap();
    backend.write(4096, &[0xa1; 4096]).unwrap();
    backend.sync_data().unwrap();
    backend.write(0, &[0xb0; 320]).unwrap();
    backend.write(8192, &[0xb2; 4096]).unwrap();
    backend.sync_data().unwrap();
    file.bytes()
}

#[test]
fn the_format_is_what_it_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/sealed-store-1.bin");
    if std::env::var_os("LACRE_WRITE_VECTORS").is_some() {
        std::fs::write(&path, made()).unwrap();
    }
    let stored = std::fs::read(&path).unwrap();
    assert!(stored == made(), "the bytes differ from the format's vector");
    let file = MemoryRaw::new(stored);
    let key = passphrase::unwrap(&file, b"correct horse").unwrap();
    let backend = SealedBackend::open(Arc::new(file.clone()), &key, &mut Counting(0)).unwrap();
    assert_eq!(backend.len().unwrap(), 3 * 4096);
    for (offset, byte, len) in [(0, 0xb0, 320), (320, 0, 3776), (4096, 0xa1, 4096), (8192, 0xb2, 4096)] {
        let mut out = vec![0; len];
        backend.read(offset, &mut out).unwrap();
        assert_eq!(out, vec![byte; len], "at {offset}");
    }
    assert!(matches!(passphrase::unwrap(&file, b"correct house"), Err(SealedError::WrongPassphrase)));
}
