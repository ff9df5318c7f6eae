//! The `Blobs` port: files that are written once, read in ranges, and deleted.
//!
//! A blob comes in one piece ([`Blobs::put`]) or in parts of [`PART`] bytes (the last may be shorter), in any
//! order, each of which may be sent again after a break; it is there for readers once it is finished. `Ok` means
//! durable. What a blob may cost, who may read it and when it goes is for the services.

mod any;
mod folder;
mod memory;
#[cfg(feature = "s3")]
mod s3;

use std::fmt;
use std::future::Future;
use std::ops::Range;

use bytes::Bytes;
use lacre_proto::limits;

pub use any::BlobStore;
pub use folder::FolderBlobs;
pub use memory::MemoryBlobs;
#[cfg(feature = "s3")]
pub use s3::{S3Blobs, S3Options};

/// Length of a part in bytes; every part but the last has just this length.
pub const PART: u64 = limits::BLOB_PART;

/// Names a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 16]);

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a blob was not stored or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// There is a finished blob of this name; blobs are never overwritten.
    #[error("there is a blob of this name already")]
    Exists,
    /// A part that cannot be one: longer than [`PART`], or empty.
    #[error("a part has {PART} bytes, the last one at least 1")]
    BadPart,
    /// Finished too early: a part is missing or shorter than it must be.
    #[error("part {0} is missing or too short")]
    Incomplete(u32),
    /// The disk has no room.
    #[error("no room left on the disk")]
    Full,
    /// The backend cannot serve.
    #[error("blobs are unavailable: {0}")]
    Unavailable(String),
}

/// A store of blobs. Cheap to clone; all clones are the same store.
pub trait Blobs: Clone + Send + Sync + 'static {
    /// Stores a blob in one piece.
    fn put(&self, id: BlobId, bytes: Bytes) -> impl Future<Output = Result<(), BlobError>> + Send;

    /// Stores part `number` (from 0) of an unfinished blob; the same number again replaces it.
    fn put_part(
        &self,
        id: BlobId,
        number: u32,
        bytes: Bytes,
    ) -> impl Future<Output = Result<(), BlobError>> + Send;

    /// The parts of an unfinished blob that are stored, in order of their numbers: number and length.
    fn parts(&self, id: BlobId) -> impl Future<Output = Result<Vec<(u32, u64)>, BlobError>> + Send;

    /// Makes a blob of this length out of its parts. Finishing it again is no error.
    fn finish(&self, id: BlobId, length: u64) -> impl Future<Output = Result<(), BlobError>> + Send;

    /// Length of a finished blob.
    fn length(&self, id: BlobId) -> impl Future<Output = Result<Option<u64>, BlobError>> + Send;

    /// Reads a range of a finished blob, cut at its end; `None` when there is no such blob.
    fn read(
        &self,
        id: BlobId,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Option<Bytes>, BlobError>> + Send;

    /// Deletes a blob, or what there is of an unfinished one; nothing happens when there is none.
    fn delete(&self, id: BlobId) -> impl Future<Output = Result<(), BlobError>> + Send;
}

/// Says which part is missing or too short for a blob of this length; parts that lie behind its end do too.
fn check_parts(parts: &[(u32, u64)], length: u64) -> Result<(), BlobError> {
    let count = length.div_ceil(PART);
    for number in 0..count.max(parts.len() as u64) {
        let wanted = length.saturating_sub(number * PART).min(PART);
        let missing = BlobError::Incomplete(u32::try_from(number).unwrap_or(u32::MAX));
        let &(found, stored) =
            usize::try_from(number).ok().and_then(|at| parts.get(at)).ok_or(missing.clone())?;
        if u64::from(found) != number || stored != wanted {
            return Err(missing);
        }
    }
    Ok(())
}

fn check_part(bytes: &Bytes) -> Result<(), BlobError> {
    if bytes.is_empty() || bytes.len() as u64 > PART { Err(BlobError::BadPart) } else { Ok(()) }
}
