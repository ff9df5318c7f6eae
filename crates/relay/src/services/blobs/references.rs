//! References: who may read a blob, and until when.

use std::ops::Range;

use bytes::Bytes;
use lacre_proto::wire::ReferBlob;
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_store::blobs::{BlobId, Blobs};
use lacre_store::data::{Batch, Data, Expected, WriteError};

use super::super::rows::ReferenceRow;
use super::super::{Answered, Services, keys, not_written, refuse, rows, sha256, unavailable};
use super::{RACES, blob_id, hash_of, not_stored};

/// A blob that may be read: made from a capability, demanded by every read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Readable {
    blob: BlobId,
    /// Its bytes.
    pub(crate) size: u64,
    whole_ms: Millis,
}

impl<D: Data> Services<D> {
    /// The blob that a capability reads.
    pub(crate) async fn readable(&self, capability: &[u8; 32], now: Millis) -> Answered<Readable> {
        let row = self.0.data.get(&keys::reference(&sha256(capability))).await.map_err(unavailable)?;
        let row: ReferenceRow = rows::decode(&row.ok_or(ErrorCode::NoSuchBlob)?)?;
        if row.expires_ms <= now {
            return refuse(ErrorCode::NoSuchBlob);
        }
        let blob = blob_id(&row.blob)?;
        match self.blob_row(blob).await? {
            Some((row, _)) if row.whole_ms > 0 => {
                Ok(Readable { blob, size: row.size, whole_ms: row.whole_ms })
            }
            _ => refuse(ErrorCode::NoSuchBlob),
        }
    }

    /// Reads a range of a blob; what was condemned meanwhile is there no more.
    pub(crate) async fn read_blob(&self, readable: Readable, range: Range<u64>) -> Answered<Bytes> {
        let bytes = self.blobs().read(readable.blob, range).await.map_err(not_stored)?;
        let bytes = bytes.ok_or(ErrorCode::NoSuchBlob)?;
        self.metrics().blob_bytes_out.inc_by(bytes.len() as u64);
        Ok(bytes)
    }

    /// Bytes of a blob that are well read at once.
    pub(crate) fn blob_piece(&self) -> u64 {
        self.blobs().piece()
    }

    /// A further reference to a blob, for whoever can read it. The same again is answered as the first time.
    pub(crate) async fn refer_blob(&self, op: ReferBlob, now: Millis) -> Answered<()> {
        let ReferBlob { capability, read_hash, keep_ms } = op;
        let capability: [u8; 32] = hash_of(&capability)?;
        let read = hash_of(&read_hash)?;
        if keep_ms == 0 {
            return refuse(ErrorCode::BadRequest);
        }
        let readable = self.readable(&capability, now).await?;
        let lifetime = limits::BLOB_LIFETIME.as_millis() as Millis;
        let kept = keep_ms.min(limits::BLOB_KEPT.as_millis() as Millis);
        let expires_ms = (now + kept).min(readable.whole_ms + lifetime);
        let reference = ReferenceRow { blob: Bytes::copy_from_slice(&readable.blob.0), expires_ms };
        for _ in 0..RACES {
            if let Some(row) = self.0.data.get(&keys::reference(&read)).await.map_err(unavailable)? {
                let row: ReferenceRow = rows::decode(&row)?;
                return if row.blob == reference.blob { Ok(()) } else { refuse(ErrorCode::BadRequest) };
            }
            let (mut row, was) = self.blob_row(readable.blob).await?.ok_or(ErrorCode::NoSuchBlob)?;
            if row.references >= limits::BLOB_REFERENCES {
                return refuse(ErrorCode::LimitReached);
            }
            row.references += 1;
            let batch = Batch::new()
                .assert(keys::blob(readable.blob), Expected::Value(was))
                .assert(keys::reference(&read), Expected::Absent)
                .put(keys::blob(readable.blob), rows::encode(&row))
                .put(keys::reference(&read), rows::encode(&reference))
                .put(keys::reference_expiry(expires_ms, &read), Bytes::new());
            match self.0.data.write(batch).await {
                Ok(_) => return Ok(()),
                Err(WriteError::Conflict(_)) => {}
                Err(error) => return Err(not_written(error)),
            }
        }
        refuse(ErrorCode::StorageUnavailable)
    }

    /// Adds to a batch that a reference goes, and that the blob is condemned when it was the last. A reference that
    /// is not there, or lasts beyond `until`, adds nothing.
    pub(super) async fn drop_reference(
        &self,
        batch: Batch,
        read: &[u8; 32],
        until: Millis,
        now: Millis,
    ) -> Answered<Batch> {
        let Some(bytes) = self.0.data.get(&keys::reference(read)).await.map_err(unavailable)? else {
            return Ok(batch);
        };
        let reference: ReferenceRow = rows::decode(&bytes)?;
        if reference.expires_ms > until {
            return Ok(batch);
        }
        let blob = blob_id(&reference.blob)?;
        let batch = batch
            .assert(keys::reference(read), Expected::Value(bytes))
            .delete(keys::reference(read))
            .delete(keys::reference_expiry(reference.expires_ms, read));
        let Some((mut row, was)) = self.blob_row(blob).await? else { return Ok(batch) };
        let batch = batch.assert(keys::blob(blob), Expected::Value(was));
        row.references = row.references.saturating_sub(1);
        Ok(if row.references == 0 {
            batch.delete(keys::blob(blob)).put(keys::condemned(now, blob), Bytes::new())
        } else {
            batch.put(keys::blob(blob), rows::encode(&row))
        })
    }
}
