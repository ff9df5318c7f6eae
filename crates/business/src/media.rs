//! Files that programs upload and that customers send: what is known of each is in the store, its bytes lie sealed in
//! the node's media folder ([`vault`]), and after 30 days both are gone.

mod brought;
mod name;
pub mod upload;
pub mod vault;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use lacre_client::files::{FilesError, Folder};
use lacre_client::is_known_virus;
use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub use self::name::file_name;
use self::vault::Sealed;
use crate::chat::{Chat, File, MediaKind, MessageId, SendError};
use crate::node::{Object, claim, object_key};
use crate::store::{Store, StoreError, bytes_of, table};

/// How long a file is kept. One that a customer sent too, whose id the API elsewhere gives up after 7 days: a webhook that
/// was given up is told again for 30, and names it.
pub const LIFE: Millis = 30 * 24 * 60 * 60 * 1000;
/// Most characters of a file's name.
pub const NAME_MAX: usize = 240;
const SWEEP_AT_ONCE: usize = 500;
/// How long a file may take to come.
const PART_LIFE: Duration = Duration::from_hours(24);

/// What a file may be sent as, by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// Sound.
    Audio,
    /// A sticker.
    Sticker,
    /// Anything else.
    Document,
}

impl Family {
    /// The family of a MIME type, which may have parameters; `None` when it is not one.
    pub fn of(mime: &str) -> Option<Self> {
        let essence = essence(mime);
        let (kind, name) = essence.split_once('/')?;
        let token = |it: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
            (1..=100).contains(&it.len()) && it.bytes().all(fits)
        };
        if !token(kind) || !token(name) {
            return None;
        }
        Some(match essence.as_str() {
            "image/jpeg" | "image/png" => Self::Image,
            "image/webp" => Self::Sticker,
            "video/mp4" | "video/3gpp" | "video/3gp" => Self::Video,
            "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg" => Self::Audio,
            _ => Self::Document,
        })
    }

    /// Most bytes of a file.
    pub fn limit(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            Self::Image => 5 * MIB,
            Self::Video | Self::Audio => 16 * MIB,
            Self::Sticker => 500 * 1024,
            Self::Document => 100 * MIB,
        }
    }

    /// Whether it may be sent as such a kind. Anything may be sent as a document.
    pub fn fits(self, kind: MediaKind) -> bool {
        match kind {
            MediaKind::Image => self == Self::Image,
            MediaKind::Video => self == Self::Video,
            MediaKind::Audio | MediaKind::Voice => self == Self::Audio,
            MediaKind::Sticker => self == Self::Sticker,
            MediaKind::Document => true,
        }
    }
}

/// The type itself, in lower case, without parameters.
pub fn essence(mime: &str) -> String {
    mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// First bytes of a file that are looked at.
const HEAD: u64 = 128;

/// Whether the first bytes of a file are those of its type; `true` for types that have no such mark.
fn begins_as(mime: &str, head: &[u8]) -> bool {
    match essence(mime).as_str() {
        "image/jpeg" => head.starts_with(&[0xff, 0xd8, 0xff]),
        "image/png" => head.starts_with(b"\x89PNG\r\n\x1a\n"),
        "image/webp" => head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"),
        "audio/ogg" => head.starts_with(b"OggS"),
        "application/pdf" => head.starts_with(b"%PDF-"),
        _ => true,
    }
}

/// Where a file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A program uploaded it, or the node fetched it from a link.
    Uploaded,
    /// A customer sent it: this file of this message. It is fetched when it is first asked for.
    Customer(MessageId, u32),
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    /// Its id.
    pub id: u64,
    /// Its MIME type.
    pub mime: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// How many.
    pub size: u64,
    /// The name that people see.
    pub name: Option<String>,
    /// When it is gone.
    pub expires: Millis,
    /// Where it came from.
    pub source: Source,
}

impl Medium {
    /// What it is called: it has a name in any case.
    pub fn file_name(&self) -> String {
        file_name(self.name.as_deref(), &self.id.to_string(), &self.mime)
    }
}

/// Why a file was not taken or given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The type is not a MIME type.
    #[error("the type is not a MIME type")]
    NoType,
    /// More bytes than a file of its type may have.
    #[error("the file has more than {0} bytes, the most for its type")]
    TooLarge(u64),
    /// So many uploads are open, or such large ones, that no other is begun.
    #[error("too many uploads are open: end some of them, or wait until they are over")]
    TooMany,
    /// Nothing in it.
    #[error("the file is empty")]
    Empty,
    /// Its first bytes are not those of its type.
    #[error("the file is not of the type that was said")]
    OtherType,
    /// It is known as a virus.
    #[error("the file is known as a virus")]
    Virus,
    /// The folder cannot be written or read.
    #[error("the media folder failed")]
    Folder(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sealed side did not give it.
    #[error(transparent)]
    Chat(#[from] SendError),
}

/// The files of a node.
#[derive(Clone)]
pub struct Media<D> {
    store: Store<D>,
    folder: PathBuf,
    /// The folder of sealed files.
    vault: Arc<Result<Folder, FilesError>>,
    /// Uploads begin one after the other.
    beginning: Arc<tokio::sync::Mutex<()>>,
    /// Files that are being fetched: each by one, for whom the others wait.
    fetching: Arc<Mutex<HashMap<u64, Arc<tokio::sync::Mutex<()>>>>>,
}

impl<D: Data> Media<D> {
    /// The files of a store, in a folder.
    pub fn new(store: Store<D>, folder: PathBuf) -> Self {
        let vault = Arc::new(vault::opened(&folder));
        Self { store, folder, vault, beginning: Arc::default(), fetching: Arc::default() }
    }

    /// Where a file under this id is put while it comes.
    pub async fn part(&self, id: u64) -> Result<PathBuf, MediaError> {
        fs::create_dir_all(&self.folder).await?;
        Ok(self.folder.join(format!("{id}.part")))
    }

    /// Removes what came of a file that is not wanted.
    pub async fn drop_part(&self, id: u64) {
        // Whatever is left has no record: `sweep` takes it away.
        drop(fs::remove_file(self.folder.join(format!("{id}.part"))).await);
    }

    /// Begins to take a file under an id that is free.
    pub async fn begin(&self, id: u64, mime: &str) -> Result<Taking, MediaError> {
        let limit = Family::of(mime).ok_or(MediaError::NoType)?.limit();
        let file = fs::File::create(self.part(id).await?).await?;
        Ok(Taking { id, mime: mime.to_owned(), file, hash: Sha256::new(), size: 0, limit })
    }

    /// Ends to take a file: it is durable when this is done.
    pub async fn finish(
        &self,
        taking: Taking,
        name: Option<String>,
        expires: Millis,
        now: Millis,
    ) -> Result<Medium, MediaError> {
        let Taking { id, mime, mut file, hash, size, limit: _ } = taking;
        if let Err(error) = file.flush().await {
            self.drop_part(id).await;
            return Err(error.into());
        }
        drop(file);
        let sha256 = hash.finalize().into();
        self.adopt(Medium { id, mime, sha256, size, name, expires, source: Source::Uploaded }, now).await
    }

    /// Takes a file that came whole to its [`Self::part`]: it is durable when this is done.
    pub async fn adopt(&self, medium: Medium, now: Millis) -> Result<Medium, MediaError> {
        let name = medium.name.as_deref().and_then(tidy_name);
        let medium = Medium { name, ..medium };
        let done = self.keep(&medium, now).await;
        self.drop_part(medium.id).await;
        done.map(|()| medium)
    }

    async fn keep(&self, medium: &Medium, now: Millis) -> Result<(), MediaError> {
        let part = self.part(medium.id).await?;
        let mut file = fs::File::open(&part).await?;
        let mut head = Vec::new();
        (&mut file).take(HEAD).read_to_end(&mut head).await?;
        if head.is_empty() {
            return Err(MediaError::Empty);
        }
        if !begins_as(&medium.mime, &head) {
            return Err(MediaError::OtherType);
        }
        if is_known_virus(&head) {
            return Err(MediaError::Virus);
        }
        let sealed = self.seal(&part).await?;
        let batch = vault::put_seal(self.put(medium), medium.id, &sealed);
        let done = self.store.write(batch.put(came_key(medium.id), bytes_of(&now))).await;
        if done.is_err() {
            // Somebody else may have brought the same upload to its end: that one's stays.
            self.unseal(&sealed).await?;
        }
        Ok(done?)
    }

    /// Gives up a file that was begun.
    pub async fn give_up(&self, taking: Taking) {
        self.drop_part(taking.id).await;
    }

    /// Notes a file that a customer sent, under a free id; the same file of a message has one id. Nothing is fetched.
    pub async fn note(&self, medium: Medium) -> Result<u64, StoreError> {
        let Source::Customer(message, index) = medium.source else { return Ok(medium.id) };
        let key = of_message(message, index);
        if let Some(id) = self.store.read("a customer's file", &key).await? {
            return Ok(id);
        }
        let id = medium.id;
        let name = medium.name.as_deref().and_then(tidy_name);
        let batch = self.put(&Medium { name, ..medium }).assert(key.clone(), Expected::Absent);
        match self.store.write(batch.put(key.clone(), bytes_of(&id))).await {
            Err(StoreError::Write(WriteError::Conflict(_))) => {
                let other = self.store.read("a customer's file", &key).await?;
                other.ok_or(StoreError::Corrupt("a customer's file"))
            }
            done => done.map(|()| id),
        }
    }

    /// What is known of a file of a customer's message, and whether it lies here; `None` when it was never noted.
    pub async fn of(&self, message: MessageId, index: u32) -> Result<Option<(Medium, bool)>, StoreError> {
        let Some(id) = self.store.read::<u64>("a customer's file", &of_message(message, index)).await? else {
            return Ok(None);
        };
        let medium: Option<Medium> = self.store.read("a file", &by_id(id)).await?;
        let is_here = self.seal_of(id).await?.is_some();
        Ok(medium.map(|it| (it, is_here)))
    }

    /// What is known of a file; `None` when there is none, or its time is over.
    pub async fn find(&self, id: u64, now: Millis) -> Result<Option<Medium>, StoreError> {
        let medium: Option<Medium> = self.store.read("a file", &by_id(id)).await?;
        Ok(medium.filter(|it| it.expires > now))
    }

    /// The file itself, opened to be sent; one that a customer sent is fetched when it is not here yet.
    pub async fn file(&self, medium: &Medium, chat: &impl Chat) -> Result<File, MediaError> {
        self.come(medium, chat).await?;
        let (path, opened) = (self.path(medium.id), self.open(medium.id).await?);
        Ok(File { path, name: medium.name.clone(), mime: medium.mime.clone(), opened })
    }

    /// The file itself, to be read from; one that a customer sent is fetched when it is not here yet.
    pub async fn read(&self, medium: &Medium, chat: &impl Chat) -> Result<Sealed, MediaError> {
        self.come(medium, chat).await?;
        let sealed = self.sealed(medium.id).await?;
        sealed.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into())
    }

    async fn come(&self, medium: &Medium, chat: &impl Chat) -> Result<(), MediaError> {
        let Source::Customer(message, index) = medium.source else { return Ok(()) };
        let turn = self.fetching().entry(medium.id).or_default().clone();
        let fetched = {
            let _alone = turn.lock().await;
            self.fetch(medium.id, (message, index), chat).await
        };
        let mut fetching = self.fetching();
        // Nobody else waits for it: the map has one, and this is the other.
        if Arc::strong_count(&turn) == 2 {
            fetching.remove(&medium.id);
        }
        fetched
    }

    fn fetching(&self) -> MutexGuard<'_, HashMap<u64, Arc<tokio::sync::Mutex<()>>>> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(
        &self,
        id: u64,
        (message, index): (MessageId, u32),
        chat: &impl Chat,
    ) -> Result<(), MediaError> {
        if self.sealed(id).await?.is_some() {
            return Ok(());
        }
        let part = self.part(id).await?;
        let came = chat.fetch(message, index, &part).await;
        let sealed = match came {
            Ok(()) => self.seal(&part).await,
            Err(error) => Err(error.into()),
        };
        self.drop_part(id).await;
        let sealed = sealed?;
        self.store.write(vault::put_seal(Batch::new(), id, &sealed)).await?;
        // It may have been deleted while it came.
        if self.store.read::<Medium>("a file", &by_id(id)).await?.is_none() {
            self.unseal(&sealed).await?;
            self.store.write(Batch::new().delete(vault::seal_key(id))).await?;
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        }
        Ok(())
    }

    /// Sets until when a file is kept.
    pub async fn expire(&self, medium: &Medium, expires: Millis) -> Result<(), MediaError> {
        let medium = Medium { expires, ..medium.clone() };
        Ok(self.store.write(Batch::new().put(by_id(medium.id), bytes_of(&medium))).await?)
    }

    /// Removes a file: its bytes first, so that nothing stays that nobody knows of.
    pub async fn delete(&self, medium: &Medium) -> Result<(), MediaError> {
        if let Some(sealed) = self.seal_of(medium.id).await? {
            self.unseal(&sealed).await?;
        }
        // And one that an earlier version left plain.
        match fs::remove_file(self.path(medium.id)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let batch = Batch::new().delete(by_id(medium.id)).delete(object_key(medium.id));
        let batch = batch.delete(came_key(medium.id)).delete(vault::seal_key(medium.id));
        let batch = match medium.source {
            Source::Customer(message, index) => batch.delete(of_message(message, index)),
            Source::Uploaded => batch,
        };
        Ok(self.store.write(batch).await?)
    }

    /// Removes the files whose time is over; says how many. To be called now and then.
    pub async fn sweep(&self, now: Millis) -> Result<usize, MediaError> {
        let (prefix, mut after, mut gone) = (Key::new(table::MEDIA, &[b"i"]), None, 0);
        loop {
            let rows: Vec<(Key, Medium)> =
                self.store.list("files", &prefix, after.as_ref(), SWEEP_AT_ONCE).await?;
            let Some((last, _)) = rows.last() else {
                self.sweep_uploads(now).await?;
                return Ok(gone + self.sweep_parts(now).await?);
            };
            after = Some(last.clone());
            for (_, medium) in rows.iter().filter(|(_, it)| it.expires <= now) {
                self.delete(medium).await?;
                gone += 1;
            }
        }
    }

    /// Removes a part that nobody has written to for a day.
    async fn sweep_parts(&self, now: Millis) -> Result<usize, MediaError> {
        let mut gone = 0;
        let mut entries = match fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            other => other?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let written = entry.metadata().await?.modified()?;
            let age = (UNIX_EPOCH + Duration::from_millis(now)).duration_since(written).unwrap_or_default();
            if age > PART_LIFE && entry.path().extension().is_some_and(|it| it == "part") {
                fs::remove_file(entry.path()).await?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// What a file is known by to those who send it; there it lay plain in earlier versions.
    fn path(&self, id: u64) -> PathBuf {
        self.folder.join(id.to_string())
    }

    fn put(&self, medium: &Medium) -> Batch {
        claim(Batch::new(), medium.id, Object::Media).put(by_id(medium.id), bytes_of(medium))
    }
}

/// A file that is coming.
pub struct Taking {
    id: u64,
    mime: String,
    file: fs::File,
    hash: Sha256,
    size: u64,
    limit: u64,
}

impl Taking {
    /// Says its type after all: the limit is that of the new one.
    pub fn is_of(&mut self, mime: &str) -> Result<(), MediaError> {
        self.limit = Family::of(mime).ok_or(MediaError::NoType)?.limit();
        self.mime = mime.to_owned();
        if self.size > self.limit { Err(MediaError::TooLarge(self.limit)) } else { Ok(()) }
    }

    /// Takes the next bytes; an error is for good.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        self.size += bytes.len() as u64;
        if self.size > self.limit {
            return Err(MediaError::TooLarge(self.limit));
        }
        self.hash.update(bytes);
        self.file.write_all(bytes).await?;
        Ok(())
    }
}

/// A name that people may see: the last piece of a path, without control characters.
fn tidy_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let tidy: String = last.chars().filter(|it| !it.is_control()).take(NAME_MAX).collect();
    let tidy = tidy.trim().trim_start_matches('.');
    (!tidy.is_empty()).then(|| tidy.to_owned())
}

fn by_id(id: u64) -> Key {
    Key::new(table::MEDIA, &[b"i", &id.to_be_bytes()])
}

/// When a file that a program brought came. One that came before this was written down came its life before its end.
fn came_key(id: u64) -> Key {
    Key::new(table::MEDIA, &[b"t", &id.to_be_bytes()])
}

fn of_message(message: MessageId, index: u32) -> Key {
    Key::new(table::MEDIA, &[b"m", &message.0, &index.to_be_bytes()])
}

#[cfg(test)]
mod tests;
