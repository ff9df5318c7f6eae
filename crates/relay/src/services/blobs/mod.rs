//! Blobs: sealed files that lie here for a while. The bytes themselves come and go over HTTPS (`edge/blobs.rs`).
//!
//! | file | what |
//! | --- | --- |
//! | `grants` | leave to upload: the one thing that an account is asked for, and its quota |
//! | `uploads` | parts, which of them are there, and the end of an upload |
//! | `references` | who may read, and until when; what nobody may read any more |
//! | `collect` | what is old goes |
//!
//! A blob lives as long as a reference to it does. What is condemned has lost its row, so that nobody can come to it
//! any more, before its bytes are deleted; its id is never given again. So whenever the relay dies in between, what
//! is deleted afterwards is never a blob that somebody may read.
//!
//! An account is known where it is granted an upload, and until that is finished, so that what is given up, or not
//! finished in time, is given back to it. No row ties it to a blob that can be read. Whoever uploads or reads shows a
//! capability of 32 bytes, of which the store has the SHA-256.

mod collect;
mod grants;
mod references;
mod uploads;

use bytes::Bytes;
use lacre_proto::error::WireError;
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_store::blobs::{BlobError, BlobId};
use lacre_store::data::{Data, Key};

use super::{Answered, Services, keys, rows, sha256};
use crate::files::Whole;
pub(crate) use references::Readable;
pub(crate) use uploads::{Ending, Upload};

/// Without HTTP, for worlds in one process.
impl<D: Data> Services<D> {
    /// Uploads a blob whole.
    pub async fn store_blob(
        &self,
        capability: &[u8; 32],
        bytes: Bytes,
        now: Millis,
    ) -> Result<(), WireError> {
        for (number, at) in (0..bytes.len()).step_by(limits::BLOB_PART as usize).enumerate() {
            let part = bytes.slice(at..bytes.len().min(at + limits::BLOB_PART as usize));
            self.store_part(capability, number as u32, part, now).await?;
        }
        let upload = self.upload(capability, now).await?;
        self.finish_upload(&upload, &sha256(&bytes), now, || ()).await
    }

    /// Uploads one part.
    pub async fn store_part(
        &self,
        capability: &[u8; 32],
        number: u32,
        part: Bytes,
        now: Millis,
    ) -> Result<(), WireError> {
        let upload = self.upload(capability, now).await?;
        self.put_part(&upload, number, part, now).await
    }

    /// The parts of an upload that are here.
    pub async fn stored_parts(&self, capability: &[u8; 32], now: Millis) -> Result<Vec<u32>, WireError> {
        let upload = self.upload(capability, now).await?;
        self.parts(&upload).await
    }

    /// Gives an upload up.
    pub async fn give_up_blob(&self, capability: &[u8; 32], now: Millis) -> Result<(), WireError> {
        let upload = self.upload(capability, now).await?;
        self.cancel_upload(&upload, now).await
    }

    /// Reads a blob whole.
    pub async fn load_blob(&self, capability: &[u8; 32], now: Millis) -> Result<Bytes, WireError> {
        let readable = self.readable(capability, now).await?;
        self.read_blob(readable, 0..readable.size).await
    }
}

/// The file of a blob's row, when it can be read.
pub(crate) fn whole_blob(key: &Key, row: &Bytes) -> Option<Whole> {
    let blob = keys::blob_in(key)?;
    let row: rows::BlobRow = rows::decode(row).ok()?;
    (row.whole_ms > 0).then_some(Whole { blob, size: row.size })
}

/// How often a write that lost a race is tried again.
const RACES: usize = 8;

fn blob_id(field: &Bytes) -> Answered<BlobId> {
    field.as_ref().try_into().map(BlobId).map_err(|_| rows::broken("blob"))
}

fn hash_of(field: &Bytes) -> Answered<[u8; 32]> {
    field.as_ref().try_into().map_err(super::bad)
}

/// What the blob store's failure is on the wire.
fn not_stored(error: BlobError) -> WireError {
    match error {
        BlobError::Full => {
            tracing::warn!("no room for blobs");
            ErrorCode::NoRoom.into()
        }
        BlobError::Incomplete(_) => ErrorCode::BlobIncomplete.into(),
        BlobError::BadPart | BlobError::Exists => ErrorCode::BadRequest.into(),
        BlobError::Unavailable(reason) => {
            tracing::warn!(reason, "blobs cannot be read or written");
            ErrorCode::StorageUnavailable.into()
        }
    }
}
