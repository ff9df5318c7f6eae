//! The files of a relay that does not run: which of them its data names, for whoever carries them elsewhere.

use bytes::Bytes;
use lacre_store::blobs::BlobId;
use lacre_store::data::{Data, Key, Unavailable};

use crate::services::{blob_rows, whole_blob};

/// Rows read at once.
const PAGE: usize = 1000;

/// A file that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    /// Its blob.
    pub blob: BlobId,
    /// Its bytes.
    pub size: u64,
}

/// All files that can be read. What was not finished yet is no file: its sender sends it again.
pub async fn whole(data: &impl Data) -> Result<Vec<Whole>, Unavailable> {
    let mut found = Vec::new();
    let (mut from, to) = blob_rows();
    loop {
        let rows = data.scan(&from, &to, PAGE).await?;
        let Some((last, _)) = rows.last() else { return Ok(found) };
        // The next key that there can be.
        from = Key::from(Bytes::from([last.as_bytes(), &[0]].concat()));
        found.extend(rows.iter().filter_map(|(key, row)| whole_blob(key, row)));
    }
}
