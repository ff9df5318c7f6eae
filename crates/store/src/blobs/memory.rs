//! Blobs in memory.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use super::{BlobError, BlobId, Blobs, check_part, check_parts};

/// Blobs in memory; clones are the same store.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    finished: HashMap<BlobId, Bytes>,
    parts: HashMap<BlobId, BTreeMap<u32, Bytes>>,
    room: Option<u64>,
    never_deletes: bool,
    asked: bool,
}

impl MemoryBlobs {
    /// No blobs.
    pub fn new() -> Self {
        Self::default()
    }

    /// No blobs, and room for so many bytes of them: a disk that fills up.
    pub fn with_room(bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(State { room: Some(bytes), ..State::default() })))
    }

    /// From now on a deletion waits for ever, or it does no longer: a server that does not answer.
    pub fn never_delete(&self, never: bool) {
        self.state().never_deletes = never;
    }

    /// Whether a deletion waits for ever.
    pub fn is_asked(&self) -> bool {
        self.state().asked
    }

    /// How many blobs there are, unfinished ones too.
    pub fn count(&self) -> usize {
        let state = self.state();
        state.finished.len() + state.parts.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make_room_for(&self, bytes: &Bytes) -> Result<(), BlobError> {
        let parts = self.parts.values().flat_map(BTreeMap::values);
        let used: u64 = self.finished.values().chain(parts).map(|bytes| bytes.len() as u64).sum();
        match self.room {
            Some(room) if used + bytes.len() as u64 > room => Err(BlobError::Full),
            _ => Ok(()),
        }
    }

    fn parts(&self, id: BlobId) -> Vec<(u32, u64)> {
        let parts = self.parts.get(&id).into_iter().flatten();
        parts.map(|(number, bytes)| (*number, bytes.len() as u64)).collect()
    }
}

impl Blobs for MemoryBlobs {
    async fn put(&self, id: BlobId, bytes: Bytes) -> Result<(), BlobError> {
        let mut state = self.state();
        if state.finished.contains_key(&id) {
            return Err(BlobError::Exists);
        }
        state.make_room_for(&bytes)?;
        state.finished.insert(id, bytes);
        Ok(())
    }

    async fn put_part(&self, id: BlobId, number: u32, bytes: Bytes) -> Result<(), BlobError> {
        check_part(&bytes)?;
        let mut state = self.state();
        if state.finished.contains_key(&id) {
            return Err(BlobError::Exists);
        }
        state.make_room_for(&bytes)?;
        state.parts.entry(id).or_default().insert(number, bytes);
        Ok(())
    }

    async fn parts(&self, id: BlobId) -> Result<Vec<(u32, u64)>, BlobError> {
        Ok(self.state().parts(id))
    }

    async fn finish(&self, id: BlobId, length: u64) -> Result<(), BlobError> {
        let mut state = self.state();
        if let Some(blob) = state.finished.get(&id) {
            return if blob.len() as u64 == length { Ok(()) } else { Err(BlobError::Exists) };
        }
        check_parts(&state.parts(id), length)?;
        let mut blob = BytesMut::new();
        state.parts.remove(&id).into_iter().flatten().for_each(|(_, bytes)| blob.extend_from_slice(&bytes));
        state.finished.insert(id, blob.freeze());
        Ok(())
    }

    async fn length(&self, id: BlobId) -> Result<Option<u64>, BlobError> {
        Ok(self.state().finished.get(&id).map(|blob| blob.len() as u64))
    }

    async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        Ok(self.state().finished.get(&id).map(|blob| {
            let end = range.end.min(blob.len() as u64);
            blob.slice(range.start.min(end) as usize..end as usize)
        }))
    }

    async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        let never = {
            let mut state = self.state();
            state.asked |= state.never_deletes;
            state.never_deletes
        };
        if never {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        state.finished.remove(&id);
        state.parts.remove(&id);
        Ok(())
    }
}
