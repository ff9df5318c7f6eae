//! Damaged files: an error, or the right data; never other data, never an empty database, never a panic.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use redb::StorageBackend;

use super::{CACHE, ROWS, Rows, key, rows};
use crate::backend::SealedBackend;
use crate::format::{DATA_START, RECORD, SLOT_RECORD, slot};
use crate::preamble::{Protection, create};
use crate::{MemoryRaw, RawFile, SealedError, open_database};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(2)
}

/// A store of some commits: its file, and what stood in it after each.
fn store() -> &'static (Vec<u8>, Vec<Rows>) {
    static STORE: OnceLock<(Vec<u8>, Vec<Rows>)> = OnceLock::new();
    STORE.get_or_init(|| {
        let file = MemoryRaw::default();
        create(&file, &key(), Protection::Key, &mut rng()).unwrap();
        let database = open_database(Arc::new(file.clone()), &key(), CACHE, &mut rng()).unwrap();
        let mut states = vec![Rows::new()];
        for round in 0u32..6 {
            let mut state = states[states.len() - 1].clone();
            let writing = database.begin_write().unwrap();
            let mut table = writing.open_table(ROWS).unwrap();
            for row in 0..20 {
                let value = vec![round as u8; 700];
                table.insert(round * 5 + row, value.as_slice()).unwrap();
                state.insert(round * 5 + row, value);
            }
            drop(table);
            writing.commit().unwrap();
            states.push(state);
        }
        drop(database);
        (file.bytes(), states)
    })
}

/// Opens and reads whatever it can; `None` is an error.
fn read_damaged(bytes: Vec<u8>) -> Option<Rows> {
    let database = open_database(Arc::new(MemoryRaw::new(bytes)), &key(), CACHE, &mut rng()).ok()?;
    rows(&database).ok()
}

fn check(bytes: Vec<u8>) -> Result<(), TestCaseError> {
    let states = &store().1;
    if let Some(found) = read_damaged(bytes) {
        // Without the newest header the commit before it is what stands.
        let last_two = &states[states.len() - 2..];
        prop_assert!(last_two.contains(&found), "other data: {} rows", found.len());
    }
    Ok(())
}

#[test]
fn an_undamaged_file_opens() {
    let (bytes, states) = store();
    assert_eq!(read_damaged(bytes.clone()).as_ref(), states.last());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_never_give_other_data(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u32..8), 1..4)) {
        let mut bytes = store().0.clone();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
        }
        check(bytes)?;
    }

    #[test]
    fn overwritten_ranges_never_give_other_data(
        at in any::<prop::sample::Index>(), len in 1usize..20_000, byte: u8,
    ) {
        let mut bytes = store().0.clone();
        let start = at.index(bytes.len());
        let end = bytes.len().min(start + len);
        bytes[start..end].fill(byte);
        check(bytes)?;
    }

    #[test]
    fn exchanged_records_never_give_other_data(one in any::<prop::sample::Index>(), two in any::<prop::sample::Index>()) {
        let mut bytes = store().0.clone();
        let data = bytes.split_off(DATA_START as usize);
        let mut records: Vec<&[u8]> = data.chunks(RECORD).collect();
        let (one, two) = (one.index(records.len()), two.index(records.len()));
        records.swap(one, two);
        bytes.extend(records.concat());
        check(bytes)?;
    }

    #[test]
    fn cut_files_never_give_other_data(len in any::<prop::sample::Index>()) {
        let mut bytes = store().0.clone();
        bytes.truncate(len.index(bytes.len()));
        check(bytes)?;
    }

    #[test]
    fn any_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 1..2000), len in 1usize..100_000) {
        let file: Vec<u8> = bytes.iter().copied().cycle().take(len).collect();
        prop_assert!(open_database(Arc::new(MemoryRaw::new(file)), &key(), CACHE, &mut rng()).is_err());
    }
}

#[test]
fn two_damaged_header_slots_are_an_error_and_never_a_fresh_database() {
    for byte in [0, 0xff] {
        let mut bytes = store().0.clone();
        for index in 0..2 {
            let start = slot(index) as usize;
            bytes[start..start + SLOT_RECORD].fill(byte);
        }
        let file = MemoryRaw::new(bytes.clone());
        let opened = open_database(Arc::new(file.clone()), &key(), CACHE, &mut rng());
        assert!(matches!(opened, Err(SealedError::Damaged(_))));
        assert_eq!(file.bytes(), bytes);
    }
}

#[test]
fn a_database_is_in_both_slots_before_anything_can_be_stored() {
    let file = MemoryRaw::default();
    create(&file, &key(), Protection::Key, &mut rng()).unwrap();
    drop(open_database(Arc::new(file.clone()), &key(), CACHE, &mut rng()).unwrap());
    for index in 0..2 {
        let damaged = MemoryRaw::new(file.bytes());
        damaged.write(slot(index), &[0xff; SLOT_RECORD]).unwrap();
        let backend = SealedBackend::open(Arc::new(damaged), &key(), &mut rng()).unwrap();
        let mut magic = [0; 4];
        backend.read(0, &mut magic).unwrap();
        assert_eq!(&magic, b"redb");
    }
}

#[test]
fn a_newer_format_is_named_and_a_damaged_preamble_falls_back_to_its_copy() {
    let (bytes, states) = store();
    let mut one_copy = bytes.clone();
    one_copy[100] ^= 1;
    assert_eq!(read_damaged(one_copy.clone()).as_ref(), states.last());
    one_copy[4096 + 100] ^= 1;
    let opened = open_database(Arc::new(MemoryRaw::new(one_copy)), &key(), CACHE, &mut rng());
    assert!(matches!(opened, Err(SealedError::Damaged(_))));
    let mut newer = bytes.clone();
    newer[9] = 2;
    let sum = <sha2::Sha256 as sha2::Digest>::digest(&newer[..4064]);
    newer[4064..4096].copy_from_slice(&sum);
    let opened = open_database(Arc::new(MemoryRaw::new(newer)), &key(), CACHE, &mut rng());
    assert!(matches!(opened, Err(SealedError::NewerVersion(2))));
}

#[test]
fn a_block_damaged_while_the_database_is_open_is_an_error() {
    let (bytes, _) = store();
    let file = MemoryRaw::new(bytes.clone());
    let database = open_database(Arc::new(file.clone()), &key(), 0, &mut rng()).unwrap();
    let len = file.len().unwrap();
    file.write(DATA_START, &vec![0; (len - DATA_START) as usize]).unwrap();
    assert!(rows(&database).is_err());
}

#[test]
fn only_whole_blocks_are_written_outside_of_the_header() {
    let file = MemoryRaw::default();
    create(&file, &key(), Protection::Key, &mut rng()).unwrap();
    let backend = SealedBackend::open(Arc::new(file), &key(), &mut rng()).unwrap();
    assert!(backend.set_len(4097).is_err());
    backend.set_len(3 * 4096).unwrap();
    backend.write(10, b"header").unwrap();
    backend.write(4096, &[1; 8192]).unwrap();
    for (offset, len) in [(4095, 2), (4096, 4095), (4097, 4096), (8192, 8192), (u64::MAX, 1)] {
        assert!(backend.write(offset, &vec![0; len]).is_err(), "{offset} {len}");
    }
    let mut out = [0; 6];
    backend.read(10, &mut out).unwrap();
    assert_eq!(&out, b"header");
    let mut out = [0; 8192];
    backend.read(4096, &mut out).unwrap();
    assert_eq!(out, [1; 8192]);
    assert!(backend.read(4096, &mut [0; 100]).is_err());
}
