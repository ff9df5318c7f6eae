//! Uploads: parts in any order, each of which may come again, and their end.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_store::blobs::{BlobError, BlobId, Blobs};
use lacre_store::data::{Batch, Data, Expected, WriteError};
use sha2::{Digest, Sha256};

use super::super::rows::{BlobRow, GrantRow, ReferenceRow};
use super::super::{Answered, Services, keys, not_written, refuse, rows, sha256, unavailable};
use super::{RACES, blob_id, hash_of, not_stored};
use crate::limits::slow_down;

/// Who ends an upload that another request is ending asks again after this time.
const AGAIN_MS: Millis = 1000;

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
        let (grant, _) = self.leave(&hash).await?.ok_or(ErrorCode::NoSuchBlob)?;
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
        if parts.is_empty() && self.blobs().length(upload.blob).await.map_err(not_stored)?.is_some() {
            // All have come, and only the end did not: nothing needs to be sent again.
            return Ok((0..).take_while(|number| upload.part(*number).is_some()).collect());
        }
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
            self.delete_now(upload.blob).await;
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
        // One at a time: whoever finds another hash deletes what came, and nobody else must have found it right
        // meanwhile.
        let Some(_turn) = self.0.ending.begin(upload.blob) else { return Err(slow_down(AGAIN_MS)) };
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
            let Some(batch) = self.whole(upload, now).await? else { return Ok(()) };
            match self.0.data.write(batch).await {
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

    /// A batch that makes a blob one that can be read, from now on for as long as was asked; nothing is left then of
    /// whose it is. `None` when it is one already. Leave that was given back meanwhile is none.
    async fn whole(&self, upload: &Upload, now: Millis) -> Answered<Option<Batch>> {
        let read = hash_of(&upload.grant.read_hash)?;
        let (grant, leave) = self.leave(&upload.hash).await?.ok_or(ErrorCode::NoSuchBlob)?;
        let (mut row, was) = self.blob_row(upload.blob).await?.ok_or(ErrorCode::NoSuchBlob)?;
        if row.whole_ms > 0 {
            return Ok(None);
        }
        let nobodys = GrantRow { account: Bytes::new(), day: 0, ..grant };
        let reference = self.0.data.get(&keys::reference(&read)).await.map_err(unavailable)?;
        let reference = reference.ok_or(ErrorCode::NoSuchBlob)?;
        let before: ReferenceRow = rows::decode(&reference)?;
        row.whole_ms = now.max(1);
        let after = ReferenceRow { expires_ms: now + upload.grant.keep_ms, ..before.clone() };
        let batch = Batch::new()
            .assert(keys::grant(&upload.hash), Expected::Value(leave))
            .assert(keys::blob(upload.blob), Expected::Value(was))
            .assert(keys::reference(&read), Expected::Value(reference))
            .put(keys::grant(&upload.hash), rows::encode(&nobodys))
            .put(keys::blob(upload.blob), rows::encode(&row))
            .put(keys::reference(&read), rows::encode(&after))
            .delete(keys::reference_expiry(before.expires_ms, &read))
            .put(keys::reference_expiry(after.expires_ms, &read), Bytes::new());
        Ok(Some(batch))
    }

    /// Gives an upload up: what came goes, and the account may upload so much again; with a whole blob only the
    /// reference goes that was made with the grant.
    pub(crate) async fn cancel_upload(&self, upload: &Upload, now: Millis) -> Answered<()> {
        for _ in 0..RACES {
            let Some((grant, leave)) = self.leave(&upload.hash).await? else { return Ok(()) };
            let batch = Batch::new()
                .assert(keys::grant(&upload.hash), Expected::Value(leave))
                .delete(keys::grant(&upload.hash))
                .delete(keys::grant_expiry(grant.expires_ms, &upload.hash));
            let batch = self.give_back(batch, &grant).await?;
            let batch = self.drop_reference(batch, &hash_of(&grant.read_hash)?, Millis::MAX, now).await?;
            match self.0.data.write(batch).await {
                Ok(_) => {
                    if !grant.account.is_empty() {
                        self.delete_now(blob_id(&grant.blob)?).await;
                    }
                    return Ok(());
                }
                Err(WriteError::Conflict(_)) => {}
                Err(error) => return Err(not_written(error)),
            }
        }
        refuse(ErrorCode::StorageUnavailable)
    }

    /// Deletes what there is of a blob that was condemned before anybody could read it: nothing that is not counted
    /// stays. Its mark stays: what is written just now, or not deleted, goes by that.
    async fn delete_now(&self, blob: BlobId) {
        if let Err(error) = self.blobs().delete(blob).await {
            tracing::warn!(reason = %error, "what came of an upload was not deleted; it goes later");
        }
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

/// The uploads that are being ended.
#[derive(Debug, Default)]
pub(crate) struct Ending(Mutex<HashSet<BlobId>>);

/// The turn to end an upload.
struct Turn<'a>(&'a Ending, BlobId);

impl Ending {
    /// `None` while another has the turn.
    fn begin(&self, blob: BlobId) -> Option<Turn<'_>> {
        self.blobs().insert(blob).then(|| Turn(self, blob))
    }

    fn blobs(&self) -> MutexGuard<'_, HashSet<BlobId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.blobs().remove(&self.1);
    }
}
