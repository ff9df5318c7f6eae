//! A large value in parts, so that a change of it rewrites what changed and not all of it.
//!
//! A commit in a group of a thousand changes about ten nodes of a tree of 1.4 MB. The tree is cut where its own bytes
//! say so (a rolling hash, as backup programs have it), so that a node that grows moves the cuts around it and no
//! others; each part lies under its SHA-256, and the value's own row is the list of those.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::api::{ReadError, Reader};
use crate::records::Overlay;
use crate::records::key;

/// Values up to this size stay whole.
pub(crate) const WHOLE: usize = 16 * 1024;
const SMALLEST: usize = 1024;
const LARGEST: usize = 32 * 1024;
/// One place in so many is a cut.
const CUTS: u64 = 4096;

type Hash = [u8; 32];

/// For each byte a number with no pattern, from the SplitMix64 generator.
const GEAR: [u64; 256] = {
    let (mut gear, mut state, mut index) = ([0; 256], 0u64, 0);
    while index < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        gear[index] = mixed ^ (mixed >> 31);
        index += 1;
    }
    gear
};

/// Writes a value in parts under keys that begin with `prefix`; gives the list for the value's own row. Of the parts of
/// `before`, the list of what was there, those stay that are in both.
pub(crate) fn write(store: &Overlay<'_>, prefix: &[u8], before: &[u8], value: &[u8]) -> Vec<u8> {
    let had: BTreeSet<Hash> = hashes(before).collect();
    let mut list = Vec::new();
    let mut has = BTreeSet::new();
    for part in cut(value) {
        let hash: Hash = Sha256::digest(part).into();
        list.extend_from_slice(&hash);
        if has.insert(hash) && !had.contains(&hash) {
            store.put([prefix, &hash].concat(), part.to_vec());
        }
    }
    for gone in had.difference(&has) {
        store.delete([prefix, gone.as_slice()].concat());
    }
    list
}

/// Reads a value by its list; `None` when a part of it is missing.
pub(crate) fn read(store: &Overlay<'_>, prefix: &[u8], list: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
    let mut parts: BTreeMap<Hash, Vec<u8>> = BTreeMap::new();
    store.scan(prefix, &key::end(prefix), false, &mut |key, part| {
        if let Some(hash) = key.last_chunk() {
            parts.insert(*hash, part.to_vec());
        }
        true
    })?;
    let mut value = Vec::with_capacity(parts.values().map(Vec::len).sum());
    for hash in hashes(list) {
        let Some(part) = parts.get(&hash) else { return Ok(None) };
        value.extend_from_slice(part);
    }
    Ok(Some(value))
}

fn hashes(list: &[u8]) -> impl Iterator<Item = Hash> {
    let (hashes, _) = list.as_chunks::<32>();
    hashes.iter().copied()
}

/// The parts of a value, in their order.
fn cut(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (part, after) = rest.split_at(end_of_part(rest));
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

fn end_of_part(bytes: &[u8]) -> usize {
    let mut hash = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(LARGEST).skip(SMALLEST.saturating_sub(64)) {
        hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
        // The upper bits hold the most of what was before.
        if index >= SMALLEST && hash >> (64 - CUTS.trailing_zeros()) == 0 {
            return index + 1;
        }
    }
    bytes.len().min(LARGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{RngCore, SeedableRng};

    use super::*;
    use crate::harness::MapStore;

    fn random(length: usize, seed: u64) -> Vec<u8> {
        let mut bytes = vec![0; length];
        ChaCha20Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
        bytes
    }

    #[test]
    fn a_small_change_in_a_large_value_writes_little_and_leaves_nothing_behind() {
        let mut store = MapStore::default();
        let value = random(1_400_000, 1);
        let first = Overlay::new(&store);
        let list = write(&first, b"p", &[], &value);
        store.commit(first.into_changes());

        // One node of 1.2 KB is another, and another one is longer than before.
        let mut changed = value.clone();
        changed[200_000..201_200].copy_from_slice(&random(1200, 2));
        changed.splice(900_000..900_000, random(40, 3));
        let second = Overlay::new(&store);
        let changed_list = write(&second, b"p", &list, &changed);
        let changes = second.into_changes();
        let written: usize = changes.values().flatten().map(Vec::len).sum();
        assert!(written < 200_000, "{written} bytes");
        store.commit(changes);
        assert_eq!(read(&Overlay::new(&store), b"p", &changed_list).unwrap(), Some(changed));
        assert_eq!(read(&Overlay::new(&store), b"p", &list).unwrap(), None, "the old parts are gone");
        let last = Overlay::new(&store);
        write(&last, b"p", &changed_list, &[]);
        store.commit(last.into_changes());
        assert_eq!(store, MapStore::default());
    }

    proptest! {
        #[test]
        fn what_is_cut_is_whole_again(length in 0usize..200_000, seed: u64, same: bool) {
            // Also of bytes that are all the same, in which no cut is found.
            let value = if same { vec![seed as u8; length] } else { random(length, seed) };
            let store = MapStore::default();
            let overlay = Overlay::new(&store);
            let list = write(&overlay, b"p", &[], &value);
            prop_assert!(list.len() / 32 <= length / SMALLEST + 1);
            prop_assert_eq!(read(&overlay, b"p", &list).unwrap(), Some(value));
        }
    }
}
