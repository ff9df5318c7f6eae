//! What is old goes: leaves to upload, references, and the bytes of blobs that nobody can read any more.

use lacre_proto::Millis;
use lacre_store::blobs::Blobs;
use lacre_store::data::{Batch, Data, Unavailable, WriteError};

use super::super::{Services, keys};

/// The bytes of a condemned blob go so long after it was condemned: whoever reads it then, or sends a part, has
/// come to an end by then.
const GRACE: Millis = 10 * 60 * 1000;

impl<D: Data> Services<D> {
    /// Takes away up to `budget` of each of what is too old.
    pub(in super::super) async fn sweep_blobs(&self, now: Millis, budget: usize) -> Result<(), WriteError> {
        self.sweep_grants(now, budget).await?;
        self.sweep_references(now, budget).await?;
        self.delete_condemned(now, budget).await
    }

    async fn sweep_grants(&self, now: Millis, budget: usize) -> Result<(), WriteError> {
        let (from, to) = keys::grants_expired(now);
        let mut batch = Batch::new();
        for (expiry, _) in self.0.data.scan(&from, &to, budget).await? {
            if let Some(hash) = keys::hash_in(&expiry) {
                batch = batch.delete(keys::grant(&hash));
            }
            batch = batch.delete(expiry);
        }
        if batch.ops.is_empty() { Ok(()) } else { self.0.data.write(batch).await.map(drop) }
    }

    async fn sweep_references(&self, now: Millis, budget: usize) -> Result<(), WriteError> {
        let (from, to) = keys::references_expired(now);
        for (expiry, _) in self.0.data.scan(&from, &to, budget).await? {
            let Some(read) = keys::hash_in(&expiry) else { continue };
            // One after the other: two may be to the same blob.
            let dropped = self.drop_reference(Batch::new(), &read, now).await;
            let batch = dropped.map_err(|error| Unavailable(error.to_string()))?;
            match self.0.data.write(batch.unwrap_or_default().delete(expiry)).await {
                // Somebody made or dropped a reference meanwhile: the next sweep looks again.
                Ok(_) | Err(WriteError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
