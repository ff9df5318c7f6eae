//! Uploads that go on where they broke off. What came lies in the media folder as a part, sealed while nobody brings more;
//! when it is whole it is a file like any other.
//!
//! | state | kept |
//! |---|---|
//! | begun | the record, and a part that is as long as what came |
//! | whole | the record with `is_whole`, and the file under its id |

use std::io;
use std::io::ErrorKind;

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::AsyncReadExt;

use super::{Family, LIFE, Media, MediaError, Medium, Source, begins_as};
use crate::store::{StoreError, bytes_of, table};

/// How long an upload may take.
const SESSION: Millis = 24 * 60 * 60 * 1000;
/// Uploads that may be open at one time.
pub const OPEN_MAX: usize = 100;
/// Bytes that those are to have together.
pub const OPEN_BYTES_MAX: u64 = 2 << 30;
const PIECE: usize = 64 * 1024;
const SWEEP_AT_ONCE: usize = 500;

/// The id of an upload, which nobody guesses.
pub type UploadId = [u8; 16];

/// An upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// The id that the file has when it is whole.
    pub media: u64,
    /// The name that people see.
    pub name: Option<String>,
    /// Its MIME type.
    pub mime: String,
    /// How many bytes it is to have.
    pub length: u64,
    /// Until when it may go on.
    pub until: Millis,
    /// Whether all has come.
    pub is_whole: bool,
}

impl<D: Data> Media<D> {
    /// Begins an upload of so many bytes; the file's id must be free.
    pub async fn begin_upload(
        &self,
        id: UploadId,
        media: u64,
        (name, mime, length): (Option<String>, String, u64),
        now: Millis,
    ) -> Result<(), MediaError> {
        let limit = Family::of(&mime).ok_or(MediaError::NoType)?.limit();
        if length > limit {
            return Err(MediaError::TooLarge(limit));
        }
        if length == 0 {
            return Err(MediaError::Empty);
        }
        let _turn = self.beginning.lock().await;
        let open = self.open_uploads(now).await?;
        let bytes = open.iter().fold(length, |all, (_, it)| all.saturating_add(it.length));
        if open.len() >= OPEN_MAX || bytes > OPEN_BYTES_MAX {
            return Err(MediaError::TooMany);
        }
        let upload = Upload { media, name, mime, length, until: now + SESSION, is_whole: false };
        Ok(self.store.write(Batch::new().put(key(&id), bytes_of(&upload))).await?)
    }

    /// An upload; `None` when there is none, or its time is over.
    pub async fn upload(&self, id: UploadId, now: Millis) -> Result<Option<Upload>, StoreError> {
        let upload: Option<Upload> = self.store.read("an upload", &key(&id)).await?;
        Ok(upload.filter(|it| it.until > now))
    }

    /// How many bytes of it have come.
    pub async fn uploaded(&self, upload: &Upload) -> Result<u64, MediaError> {
        if upload.is_whole {
            return Ok(upload.length);
        }
        match fs::metadata(self.part(upload.media).await?).await {
            Ok(part) => Ok(part.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(self.seal_of_part(upload.media).await?.map_or(0, |it| it.size))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Seals what came, until more does. Nobody may be bringing any.
    pub async fn rest_upload(&self, upload: &Upload) -> Result<(), MediaError> {
        self.rest(upload.media).await
    }

    /// The uploads that may go on.
    pub async fn open_uploads(&self, now: Millis) -> Result<Vec<(UploadId, Upload)>, StoreError> {
        let (prefix, mut after, mut open) = (Key::new(table::MEDIA, &[b"u"]), None, Vec::new());
        loop {
            let rows: Vec<(Key, Upload)> =
                self.store.list("uploads", &prefix, after.as_ref(), SWEEP_AT_ONCE).await?;
            let Some((last, _)) = rows.last() else { return Ok(open) };
            after = Some(last.clone());
            let rows = rows.into_iter().filter(|(_, it)| !it.is_whole && it.until > now);
            let id = |key: &Key| key.as_bytes().last_chunk().copied();
            open.extend(rows.filter_map(|(key, upload)| Some((id(&key)?, upload))));
        }
    }

    /// Where what comes next is written: behind what is there.
    pub async fn append_to(&self, upload: &Upload) -> Result<fs::File, MediaError> {
        self.wake(upload.media).await?;
        let path = self.part(upload.media).await?;
        Ok(fs::OpenOptions::new().append(true).create(true).open(path).await?)
    }

    /// Takes an upload that came whole: the file is durable when this is done. One whose bytes are not of its type is
    /// gone, but a picture is what it is: one client calls every picture JPEG.
    pub async fn end_upload(&self, id: UploadId, upload: Upload, now: Millis) -> Result<Medium, MediaError> {
        let (sha256, head) = hash(self.part(upload.media).await?).await?;
        let mime = match Family::of(&upload.mime) {
            Some(Family::Image) => ["image/png", "image/jpeg"].into_iter().find(|it| begins_as(it, &head)),
            _ => None,
        };
        let medium = Medium {
            id: upload.media,
            mime: mime.unwrap_or(&upload.mime).to_owned(),
            sha256,
            size: upload.length,
            name: upload.name.clone(),
            expires: now + LIFE,
            source: Source::Uploaded,
        };
        let medium = match self.adopt(medium, now).await {
            Ok(medium) => medium,
            Err(error) => {
                self.store.write(Batch::new().delete(key(&id))).await?;
                return Err(error);
            }
        };
        // One that is whole is open no more.
        let whole = Upload { is_whole: true, mime: medium.mime.clone(), ..upload };
        self.store.write(Batch::new().put(key(&id), bytes_of(&whole))).await?;
        Ok(medium)
    }

    /// Forgets uploads whose time is over. Their parts are swept like any others.
    pub(super) async fn sweep_uploads(&self, now: Millis) -> Result<(), MediaError> {
        let (prefix, mut after) = (Key::new(table::MEDIA, &[b"u"]), None);
        loop {
            let rows: Vec<(Key, Upload)> =
                self.store.list("uploads", &prefix, after.as_ref(), SWEEP_AT_ONCE).await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, upload) in rows.into_iter().filter(|(_, it)| it.until <= now) {
                self.forget_part(upload.media).await?;
                self.store.write(Batch::new().delete(key)).await?;
            }
        }
    }
}

/// The hash of a file, and its first bytes.
async fn hash(path: std::path::PathBuf) -> Result<([u8; 32], Vec<u8>), io::Error> {
    let (mut file, mut hash, mut piece) = (fs::File::open(path).await?, Sha256::new(), vec![0; PIECE]);
    let mut head = Vec::new();
    loop {
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Ok((hash.finalize().into(), head));
        }
        let wanted = 16_usize.saturating_sub(head.len()).min(read);
        head.extend_from_slice(&piece[..wanted]);
        hash.update(&piece[..read]);
    }
}

fn key(id: &UploadId) -> Key {
    Key::new(table::MEDIA, &[b"u", id])
}
