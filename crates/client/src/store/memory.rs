//! A store that is gone with the process: for tests, and for clients that measure.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use lacre_engine::{Changes, ReadError, Reader};

use super::{Store, StoreError};

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

struct Snapshot<'a>(RwLockReadGuard<'a, BTreeMap<Vec<u8>, Vec<u8>>>);

impl Store for MemoryStore {
    fn snapshot(&self) -> Result<Box<dyn Reader + '_>, ReadError> {
        Ok(Box::new(Snapshot(self.0.read().unwrap_or_else(PoisonError::into_inner))))
    }

    fn commit(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in changes {
            match value {
                Some(value) => rows.insert(key.clone(), value.clone()),
                None => rows.remove(key),
            };
        }
        Ok(())
    }

    fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Reader for Snapshot<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        if from >= to {
            return Ok(());
        }
        let mut range = self.0.range(from.to_vec()..to.to_vec());
        while let Some((key, value)) = if backwards { range.next_back() } else { range.next() } {
            if !visit(key, value) {
                break;
            }
        }
        Ok(())
    }
}
