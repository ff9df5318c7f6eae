//! Uploads: parts in any order, each of which may come again, and their end.

use bytes::Bytes;
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_store::blobs::{BlobError, BlobId, Blobs};
use lacre_store::data::{Batch, Data, Expected, WriteError};
use sha2::{Digest, Sha256};

use super::super::rows::{BlobRow, GrantRow, ReferenceRow};
use super::super::{Answered, Services, keys, not_written, refuse, rows, sha256, unavailable};
use super::{RACES, blob_id, hash_of, not_stored};

/// An upload for which there is leave: made from its capability, demanded by what needs one.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    hash: [u8; 32],
    blob: BlobId,
    grant: GrantRow,
    whole: bool,
}

impl Upload {
    /// Whether it is finished.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Bytes that part `number` has; `None` when the blob has no such part.
    pub(crate) fn part(&self, number: u32) -> Option<usize> {
        let from = u64::from(number) * limits::BLOB_PART;
        let left = self.grant.size.checked_sub(from).filter(|left| *left > 0)?;
        Some(left.min(limits::BLOB_PART) as usize)
    }
}

impl<D: Data> Services<D> {
    /// The upload of a capability.
    pub(crate) async fn upload(&self, capability: &[u8; 32], now: Millis) -> Answered<Upload> {
        let hash = sha256(capability);
        let row = self.0.data.get(&keys::grant(&hash)).await.map_err(unavailable)?;
        let grant: GrantRow = rows::decode(&row.ok_or(ErrorCode::NoSuchBlob)?)?;
        if grant.expires_ms <= now {
            return refuse(ErrorCode::NoSuchBlob);
        }
        let blob = blob_id(&grant.blob)?;
        let row = self.blob_row(blob).await?.ok_or(ErrorCode::NoSuchBlob)?.0;
        Ok(Upload { hash, blob, grant, whole: row.whole_ms > 0 })
    }

    /// The parts that are here whole.
    pub(crate) async fn parts(&self, upload: &Upload) -> Answered<Vec<u32>> {
        if upload.whole {
            return Ok(Vec::new());
        }
        let parts = self.blobs().parts(upload.blob).await.map_err(not_stored)?;
        let is_whole = |&(number, length): &(u32, u64)| upload.part(number) == Some(length as usize);
        Ok(parts.into_iter().filter(is_whole).map(|(number, _)| number).collect())
    }

    /// Stores a part; it has just the length that it must have.
    pub(crate) async fn put_part(
        &self,
        upload: &Upload,
        number: u32,
        bytes: Bytes,
        now: Millis,
    ) -> Answered<()> {
        if upload.part(number) != Some(bytes.len()) {
            return refuse(ErrorCode::BadRequest);
        }
        if upload.whole {
            return Ok(());
        }
        self.metrics().blob_bytes_in.inc_by(bytes.len() as u64);
        match self.blobs().put_part(upload.blob, number, bytes).await {
            Ok(()) => {}
            // It was finished meanwhile, by the same sender.
            Err(BlobError::Exists) => return Ok(()),
            Err(error) => return Err(not_stored(error)),
        }
        // An upload that was given up or is too old by now must not leave its part behind.
        if self.blob_row(upload.blob).await?.is_none() {
            let condemned = Batch::new().put(keys::condemned(now, upload.blob), Bytes::new());
            self.0.data.write(condemned).await.map_err(not_written)?;
            return refuse(ErrorCode::NoSuchBlob);
        }
        Ok(())
    }

    /// Ends an upload: the parts are read again and must have this hash; then the blob can be read. `progress` is
    /// called now and then meanwhile. Again, it is answered as the first time.
    pub(crate) async fn finish_upload(
        &self,
        upload: &Upload,
        hash: &[u8; 32],
        now: Millis,
        progress: impl Fn(),
    ) -> Answered<()> {
        if upload.whole {
            return Ok(());
        }
        let size = upload.grant.size;
        self.blobs().finish(upload.blob, size).await.map_err(not_stored)?;
        let found = self.hash_blob(upload, progress).await?;
        if found != *hash {
            // Nobody can read it yet: the sender begins anew.
            if self.blob_row(upload.blob).await?.is_none_or(|(row, _)| row.whole_ms == 0) {
                self.blobs().delete(upload.blob).await.map_err(not_stored)?;
            }
            return refuse(ErrorCode::BlobDiffers);
        }
        for _ in 0..RACES {
            match self.0.data.write(self.whole(upload, now).await?).await {
                Ok(_) => {
                    self.metrics().blobs.inc();
                    return Ok(());
                }
                Err(WriteError::Conflict(_)) => {}
                Err(error) => return Err(not_written(error)),
            }
        }
        refuse(ErrorCode::StorageUnavailable)
    }

    async fn hash_blob(&self, upload: &Upload, progress: impl Fn()) -> Answered<[u8; 32]> {
        let mut hash = Sha256::new();
        let mut at = 0;
        while at < upload.grant.size {
            progress();
            let piece = self.blobs().read(upload.blob, at..at + limits::BLOB_PART).await;
            let piece = piece.map_err(not_stored)?.filter(|piece| !piece.is_empty());
            let piece = piece.ok_or(ErrorCode::BlobIncomplete)?;
            at += piece.len() as u64;
            hash.update(&piece);
        }
        Ok(hash.finalize().into())
    }

    /// A batch that makes a blob one that can be read, from now on for as long as was asked.
    async fn whole(&self, upload: &Upload, now: Millis) -> Answered<Batch> {
        let read = hash_of(&upload.grant.read_hash)?;
        let (mut row, was) = self.blob_row(upload.blob).await?.ok_or(ErrorCode::NoSuchBlob)?;
        let reference = self.0.data.get(&keys::reference(&read)).await.map_err(unavailable)?;
        let reference = reference.ok_or(ErrorCode::NoSuchBlob)?;
        let before: ReferenceRow = rows::decode(&reference)?;
        row.whole_ms = now.max(1);
        let after = ReferenceRow { expires_ms: now + upload.grant.keep_ms, ..before.clone() };
        Ok(Batch::new()
            .assert(keys::blob(upload.blob), Expected::Value(was))
            .assert(keys::reference(&read), Expected::Value(reference))
            .put(keys::blob(upload.blob), rows::encode(&row))
            .put(keys::reference(&read), rows::encode(&after))
            .delete(keys::reference_expiry(before.expires_ms, &read))
            .put(keys::reference_expiry(after.expires_ms, &read), Bytes::new()))
    }

    /// Gives an upload up: what came goes, and with a whole blob the reference that was made with the grant.
    pub(crate) async fn cancel_upload(&self, upload: &Upload, now: Millis) -> Answered<()> {
        let read = hash_of(&upload.grant.read_hash)?;
        for _ in 0..RACES {
            let Some(batch) = self.drop_reference(Batch::new(), &read, now).await? else { break };
            let batch = batch
                .delete(keys::grant(&upload.hash))
                .delete(keys::grant_expiry(upload.grant.expires_ms, &upload.hash));
            match self.0.data.write(batch).await {
                Ok(_) => return Ok(()),
                Err(WriteError::Conflict(_)) => {}
                Err(error) => return Err(not_written(error)),
            }
        }
        Ok(())
    }

    /// A blob's row, and its bytes as they lie in the store.
    pub(super) async fn blob_row(&self, blob: BlobId) -> Answered<Option<(BlobRow, Bytes)>> {
        let row = self.0.data.get(&keys::blob(blob)).await.map_err(unavailable)?;
        row.map(|bytes| Ok((rows::decode(&bytes)?, bytes))).transpose()
    }

    pub(super) fn blobs(&self) -> &lacre_store::blobs::BlobStore {
        &self.0.settings.blobs
    }
}
