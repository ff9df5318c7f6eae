//! Leave to upload.

use bytes::Bytes;
use lacre_proto::wire::{BlobGranted, GrantBlob};
use lacre_proto::{AccountId, ErrorCode, Millis, limits};
use lacre_store::blobs::BlobId;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};

use super::super::rows::{BlobRow, GrantRow, ReferenceRow, UsageDay, UsageRow};
use super::super::{Answered, Authenticated, Services, keys, not_written, refuse, rows, unavailable};
use super::{RACES, hash_of};
use crate::limits::Action;

const DAY: Millis = 24 * 3600 * 1000;
/// Days over which an account's uploads are counted.
const DAYS: u64 = 30;
const MEBIBYTE: u64 = 1024 * 1024;

impl<D: Data> Services<D> {
    /// Gives an account leave to upload a blob of just this size. The same request again is answered as the first
    /// time, and counted once.
    pub(crate) async fn grant_blob(
        &self,
        op: GrantBlob,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<BlobGranted> {
        let GrantBlob { size, keep_ms, upload_hash, read_hash } = op;
        let (upload, read) = (hash_of(&upload_hash)?, hash_of(&read_hash)?);
        if size == 0 || keep_ms == 0 || upload == read {
            return refuse(ErrorCode::BadRequest);
        }
        if size > self.0.settings.quotas.blob {
            return refuse(ErrorCode::TooLarge);
        }
        let keep_ms = keep_ms.min(limits::BLOB_KEPT.as_millis() as Millis);
        if let Some((row, _)) = self.leave(&upload).await? {
            let same = row.size == size && row.read_hash == read_hash && row.keep_ms == keep_ms;
            return if same {
                Ok(BlobGranted { expires_ms: row.expires_ms })
            } else {
                refuse(ErrorCode::BadRequest)
            };
        }
        self.limiter().take(Action::Blob, &[caller.account.as_ref()], now)?;
        let mebibytes = u32::try_from(size.div_ceil(MEBIBYTE)).unwrap_or(u32::MAX);
        self.limiter().take_many(Action::BlobMebibytes, mebibytes, &[caller.account.as_ref()], now)?;

        let blob = BlobId(self.random());
        let expires_ms = now + limits::BLOB_UPLOAD.as_millis() as Millis;
        let account = caller.account.to_wire();
        let grant =
            GrantRow { blob: id(blob), size, read_hash, keep_ms, expires_ms, account, day: now / DAY };
        for _ in 0..RACES {
            let batch = self.count_upload(caller.account, size, now).await?;
            let batch = granted(batch, blob, &upload, &read, &grant);
            match self.0.data.write(batch).await {
                Ok(_) => return Ok(BlobGranted { expires_ms }),
                // The usage, by another grant of this account. The capabilities are this client's own: it never
                // chooses one twice.
                Err(WriteError::Conflict(0)) => {}
                Err(WriteError::Conflict(_)) => return refuse(ErrorCode::BadRequest),
                Err(error) => return Err(not_written(error)),
            }
        }
        refuse(ErrorCode::StorageUnavailable)
    }

    /// A batch that counts bytes of an account, when it may upload so many.
    async fn count_upload(&self, account: AccountId, bytes: u64, now: Millis) -> Answered<Batch> {
        let (key, today) = (keys::usage(account), now / DAY);
        let (mut usage, expected) = self.usage(&key).await?;
        usage.days.retain(|day| day.day + DAYS > today);
        let used: u64 = usage.days.iter().map(|day| day.bytes).sum();
        if used.saturating_add(bytes) > self.0.settings.quotas.blobs {
            return refuse(ErrorCode::BlobQuota);
        }
        match usage.days.iter_mut().find(|day| day.day == today) {
            Some(day) => day.bytes += bytes,
            None => usage.days.push(UsageDay { day: today, bytes }),
        }
        Ok(Batch::new().assert(key.clone(), expected).put(key, rows::encode(&usage)))
    }

    /// Adds to a batch that an account's count loses what it was granted and did not upload. The batch has to assert
    /// the grant's row, and to take it away or its account out of it: so no grant is given back twice.
    pub(super) async fn give_back(&self, batch: Batch, grant: &GrantRow) -> Answered<Batch> {
        // Whole, or granted by a relay that did not note whose it is.
        let Ok(account) = AccountId::try_from(&grant.account) else { return Ok(batch) };
        let key = keys::usage(account);
        let (mut usage, expected) = self.usage(&key).await?;
        let Some(day) = usage.days.iter_mut().find(|day| day.day == grant.day) else { return Ok(batch) };
        day.bytes = day.bytes.saturating_sub(grant.size);
        usage.days.retain(|day| day.bytes > 0);
        Ok(batch.assert(key.clone(), expected).put(key, rows::encode(&usage)))
    }

    /// Leave to upload, and the row's bytes as they lie in the store.
    pub(super) async fn leave(&self, upload: &[u8; 32]) -> Answered<Option<(GrantRow, Bytes)>> {
        let row = self.0.data.get(&keys::grant(upload)).await.map_err(unavailable)?;
        row.map(|bytes| Ok((rows::decode(&bytes)?, bytes))).transpose()
    }

    async fn usage(&self, key: &Key) -> Answered<(UsageRow, Expected)> {
        Ok(match self.0.data.get(key).await.map_err(unavailable)? {
            Some(row) => (rows::decode(&row)?, Expected::Value(row)),
            None => (UsageRow::default(), Expected::Absent),
        })
    }
}

/// The rows of a new blob: itself, its first reference, and the leave to upload it.
fn granted(batch: Batch, blob: BlobId, upload: &[u8; 32], read: &[u8; 32], grant: &GrantRow) -> Batch {
    let row = BlobRow { size: grant.size, whole_ms: 0, references: 1 };
    let reference = ReferenceRow { blob: id(blob), expires_ms: grant.expires_ms };
    batch
        .assert(keys::grant(upload), Expected::Absent)
        .assert(keys::reference(read), Expected::Absent)
        .assert(keys::blob(blob), Expected::Absent)
        .put(keys::blob(blob), rows::encode(&row))
        .put(keys::reference(read), rows::encode(&reference))
        .put(keys::reference_expiry(grant.expires_ms, read), Bytes::new())
        .put(keys::grant(upload), rows::encode(grant))
        .put(keys::grant_expiry(grant.expires_ms, upload), Bytes::new())
}

fn id(blob: BlobId) -> Bytes {
    Bytes::copy_from_slice(&blob.0)
}
