//! What the engine's own tests run on: a store in memory, and a relay of a few lines.

pub(crate) mod relay;
pub(crate) mod world;

use std::collections::BTreeMap;

use crate::api::{Changes, ReadError, Reader};

/// A local store in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MapStore(pub(crate) BTreeMap<Vec<u8>, Vec<u8>>);

impl MapStore {
    pub(crate) fn commit(&mut self, changes: Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }
}

impl Reader for MapStore {
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
