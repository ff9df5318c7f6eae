//! Files that programs brought: how many there are, and those that were kept long enough.

use lacre_proto::Millis;
use lacre_store::data::{Data, Key};

use super::{LIFE, Media, MediaError, Medium, SWEEP_AT_ONCE, Source, came_key};
use crate::store::{StoreError, table};

impl<D: Data> Media<D> {
    /// Removes those of the next files that came from programs at or before a time, or whose time is over; says where to
    /// go on, and how many.
    pub(crate) async fn drop_uploaded(
        &self,
        after: Option<&Key>,
        came: Millis,
        now: Millis,
    ) -> Result<(Option<Key>, u64), MediaError> {
        let (rows, mut gone) = (self.uploaded_after(after).await?, 0);
        for (_, medium, _) in rows.iter().filter(|(_, it, at)| *at <= came || it.expires <= now) {
            self.delete(medium).await?;
            gone += 1;
        }
        Ok((rows.into_iter().last().map(|(key, ..)| key), gone))
    }

    /// How many files came from programs, and when the oldest of them did.
    pub(crate) async fn uploads_held(&self) -> Result<(u64, Option<Millis>), MediaError> {
        let (mut after, mut count, mut oldest) = (None, 0, None);
        loop {
            let rows = self.uploaded_after(after.as_ref()).await?;
            let Some((last, ..)) = rows.last() else { return Ok((count, oldest)) };
            after = Some(last.clone());
            count += rows.len() as u64;
            oldest = oldest.into_iter().chain(rows.iter().map(|(.., at)| *at)).min();
        }
    }

    /// The next files that came from programs, and when each did.
    async fn uploaded_after(&self, after: Option<&Key>) -> Result<Vec<(Key, Medium, Millis)>, StoreError> {
        let (prefix, mut after) = (Key::new(table::MEDIA, &[b"i"]), after.cloned());
        loop {
            let rows: Vec<(Key, Medium)> =
                self.store.list("files", &prefix, after.as_ref(), SWEEP_AT_ONCE).await?;
            let Some((last, _)) = rows.last() else { return Ok(Vec::new()) };
            after = Some(last.clone());
            let mut some = Vec::new();
            for (key, medium) in rows.into_iter().filter(|(_, it)| it.source == Source::Uploaded) {
                let came: Option<Millis> = self.store.read("when a file came", &came_key(medium.id)).await?;
                let came = came.unwrap_or(medium.expires.saturating_sub(LIFE));
                some.push((key, medium, came));
            }
            if !some.is_empty() {
                return Ok(some);
            }
        }
    }
}
