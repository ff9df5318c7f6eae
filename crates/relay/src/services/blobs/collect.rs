//! What is old goes: leaves to upload, references, and the bytes of blobs that nobody can read any more.

use lacre_proto::{ErrorCode, Millis};
use lacre_store::blobs::Blobs;
use lacre_store::data::{Batch, Data, Expected, Unavailable, WriteError};

use super::super::{Answered, Services, keys};

/// The bytes of a condemned blob go so long after it was condemned: whoever reads it then, or sends a part, has
/// come to an end by then.
const GRACE: Millis = 10 * 60 * 1000;

impl<D: Data> Services<D> {
    /// Takes away up to `budget` of each of what is too old, the bytes of files too: where those lie may be slow to
    /// answer, so nothing else waits for it.
    pub async fn sweep_blobs(&self, now: Millis, budget: usize) -> Result<(), WriteError> {
        self.sweep_grants(now, budget).await?;
        self.sweep_references(now, budget).await?;
        self.delete_condemned(now, budget).await
    }

    async fn sweep_grants(&self, now: Millis, budget: usize) -> Result<(), WriteError> {
        let (from, to) = keys::grants_expired(now);
        for (expiry, _) in self.0.data.scan(&from, &to, budget).await? {
            let Some(upload) = keys::hash_in(&expiry) else { continue };
            // One after the other: two may be of the same account.
            if let Some(batch) = readable(self.without_grant(&upload, now).await)? {
                self.write_or_leave(batch.delete(expiry)).await?;
            }
        }
        Ok(())
    }

    /// A batch without a grant whose time is over; what was not uploaded is given back.
    async fn without_grant(&self, upload: &[u8; 32], now: Millis) -> Answered<Batch> {
        match self.leave(upload).await? {
            Some((grant, leave)) if grant.expires_ms <= now => {
                let at = keys::grant(upload);
                let batch = Batch::new().assert(at.clone(), Expected::Value(leave)).delete(at);
                self.give_back(batch, &grant).await
            }
            _ => Ok(Batch::new()),
        }
    }

    async fn sweep_references(&self, now: Millis, budget: usize) -> Result<(), WriteError> {
        let (from, to) = keys::references_expired(now);
        for (expiry, _) in self.0.data.scan(&from, &to, budget).await? {
            let Some(read) = keys::hash_in(&expiry) else { continue };
            // One after the other: two may be to the same blob. One that lasts longer by now, since its upload was
            // finished after we looked, stays.
            let batch = self.drop_reference(Batch::new(), &read, now, now).await;
            if let Some(batch) = readable(batch)? {
                self.write_or_leave(batch.delete(expiry)).await?;
            }
        }
        Ok(())
    }

    /// Writes, unless somebody else wrote meanwhile: then the next sweep looks again.
    async fn write_or_leave(&self, batch: Batch) -> Result<(), WriteError> {
        match self.0.data.write(batch).await {
            Ok(_) | Err(WriteError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn delete_condemned(&self, now: Millis, budget: usize) -> Result<(), WriteError> {
        let (from, to) = keys::condemned_before(now.saturating_sub(GRACE));
        for (mark, _) in self.0.data.scan(&from, &to, budget).await? {
            let Some(blob) = keys::blob_in(&mark) else { continue };
            // Its row went with the mark, in one write. A mark beside a row would be a fault: then the blob stays.
            if self.0.data.get(&keys::blob(blob)).await?.is_some() {
                tracing::error!("a blob that can be read was marked to go; it stays");
            } else if let Err(error) = self.blobs().delete(blob).await {
                tracing::warn!(reason = %error, "a blob was not deleted");
                continue;
            }
            self.0.data.write(Batch::new().delete(mark)).await?;
        }
        Ok(())
    }
}

/// What was read, or nothing when a row is broken, which was logged and does not hold up the rest.
fn readable<T>(read: Answered<T>) -> Result<Option<T>, Unavailable> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.code == ErrorCode::Internal => Ok(None),
        Err(error) => Err(Unavailable(error.to_string())),
    }
}
