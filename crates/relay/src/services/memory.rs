//! What the services remember of the store: a map that forgets what nobody uses.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

const SHARDS: usize = 16;
/// A shard with fewer than this many forgets nothing.
const KEPT: usize = 4096;

/// A map in shards. A value is in use while somebody else holds it.
#[derive(Debug)]
pub(crate) struct Shards<K, V>([Mutex<Shard<K, V>>; SHARDS]);

#[derive(Debug)]
struct Shard<K, V> {
    map: HashMap<K, Arc<V>>,
    /// The next clean-up is due when there are this many.
    clean_at: usize,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(Shard { map: HashMap::new(), clean_at: KEPT })))
    }
}

impl<K: Hash + Eq, V> Shards<K, V> {
    /// The value of a key, made when it is not there; `shard` is any byte of a random key.
    pub(super) fn of(&self, key: K, shard: u8, make: impl FnOnce() -> V) -> Arc<V> {
        // Every change is a whole one, so what a poisoned lock guards is good.
        let shard = self.0[usize::from(shard) % SHARDS].lock();
        let mut shard = shard.unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = shard.map.get(&key) {
            return value.clone();
        }
        if shard.map.len() >= shard.clean_at {
            shard.map.retain(|_, value| Arc::strong_count(value) > 1);
            shard.clean_at = KEPT.max(2 * shard.map.len());
        }
        let value = Arc::new(make());
        shard.map.insert(key, value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_is_kept_and_the_rest_is_forgotten_in_time() {
        let shards: Shards<u32, u32> = Shards::default();
        let held: Vec<Arc<u32>> = (0..100).map(|key| shards.of(key, 0, || key)).collect();
        for key in 100..100_000 {
            shards.of(key, 0, || key);
        }
        assert!(shards.0[0].lock().unwrap().map.len() <= KEPT);
        for (key, value) in held.iter().enumerate() {
            assert!(Arc::ptr_eq(value, &shards.of(key as u32, 0, || u32::MAX)), "the same one");
        }
    }
}
