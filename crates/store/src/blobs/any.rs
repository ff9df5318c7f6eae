//! Whichever backend an operator has chosen.

use std::ops::Range;

use bytes::Bytes;

#[cfg(feature = "s3")]
use super::S3Blobs;
use super::{BlobError, BlobId, Blobs, FolderBlobs, MemoryBlobs};

/// One of the backends; clones are the same store.
#[derive(Debug, Clone)]
pub enum BlobStore {
    /// Nowhere: gone with the process.
    Memory(MemoryBlobs),
    /// A folder.
    Folder(FolderBlobs),
    /// A store that speaks S3.
    #[cfg(feature = "s3")]
    S3(S3Blobs),
}

impl Default for BlobStore {
    fn default() -> Self {
        Self::Memory(MemoryBlobs::new())
    }
}

impl BlobStore {
    /// Bytes that are well read at once: small where a read costs little.
    pub fn piece(&self) -> u64 {
        match self {
            Self::Memory(_) | Self::Folder(_) => 64 * 1024,
            #[cfg(feature = "s3")]
            Self::S3(_) => 1024 * 1024,
        }
    }
}

macro_rules! each {
    ($self:ident, $blobs:ident => $what:expr) => {
        match $self {
            BlobStore::Memory($blobs) => $what.await,
            BlobStore::Folder($blobs) => $what.await,
            #[cfg(feature = "s3")]
            BlobStore::S3($blobs) => $what.await,
        }
    };
}

impl Blobs for BlobStore {
    async fn put(&self, id: BlobId, bytes: Bytes) -> Result<(), BlobError> {
        each!(self, blobs => blobs.put(id, bytes))
    }

    async fn put_part(&self, id: BlobId, number: u32, bytes: Bytes) -> Result<(), BlobError> {
        each!(self, blobs => blobs.put_part(id, number, bytes))
    }

    async fn parts(&self, id: BlobId) -> Result<Vec<(u32, u64)>, BlobError> {
        each!(self, blobs => blobs.parts(id))
    }

    async fn finish(&self, id: BlobId, length: u64) -> Result<(), BlobError> {
        each!(self, blobs => blobs.finish(id, length))
    }

    async fn length(&self, id: BlobId) -> Result<Option<u64>, BlobError> {
        each!(self, blobs => blobs.length(id))
    }

    async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        each!(self, blobs => blobs.read(id, range))
    }

    async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        each!(self, blobs => blobs.delete(id))
    }
}
