//! Files at rest: sealed as docs/protocol/sealed-file.md has it, each under a key of its own, which lies in the node's
//! sealed store beside what is known of the file. Whoever has the folder without the store's key has nothing of them.
//!
//! | lies in the media folder | what | how long |
//! |---|---|---|
//! | `sealed/` hash | a file, or the part of an upload that rests | as long as it is kept; a day |
//! | id`.part` | one that comes, plain | until it is whole, or rests |
//! | id`.open-`number | one that is being sent, plain | until it is sent |
//!
//! What a crash left of the last two is gone at the next start, or sealed where it may go on; and what an earlier version
//! left plain is sealed.

use std::collections::BTreeSet;
use std::fs::File as Plain;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use lacre_client::content::FileRef;
use lacre_client::files::{FilesError, Folder};
use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;
use tokio::fs;

use super::{Media, MediaError, Medium, SWEEP_AT_ONCE, by_id};
use crate::chat::Opened;
use crate::store::{StoreError, bytes_of, table};

/// Tells the plain copies of one file apart.
static COPIES: AtomicU64 = AtomicU64::new(0);

/// A file that lies sealed, to be read.
#[derive(Clone)]
pub struct Sealed {
    folder: Folder,
    file: FileRef,
}

impl Sealed {
    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.file.size
    }

    /// A range of it, of which just the chunks are opened that it lies in.
    pub async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, MediaError> {
        let Self { folder, file } = self.clone();
        away(move || folder.read(&file, range)).await
    }
}

impl<D: Data> Media<D> {
    fn vault(&self) -> Result<Folder, MediaError> {
        self.vault.as_ref().clone().map_err(failed)
    }

    /// A file that lies here; `None` when it does not.
    pub async fn sealed(&self, id: u64) -> Result<Option<Sealed>, MediaError> {
        let Some(file) = self.seal_of(id).await? else { return Ok(None) };
        let folder = self.vault()?;
        Ok(folder.has(&file.hash).then_some(Sealed { folder, file }))
    }

    /// What opens a file.
    pub(super) async fn seal_of(&self, id: u64) -> Result<Option<FileRef>, StoreError> {
        self.store.read("what opens a file", &seal_key(id)).await
    }

    /// Seals a plain file, which stays; nothing of it is known yet.
    pub(super) async fn seal(&self, plain: &Path) -> Result<FileRef, MediaError> {
        let (folder, plain) = (self.vault()?, plain.to_owned());
        away(move || {
            let mut source = Plain::open(&plain)?;
            let size = source.metadata()?.len();
            folder.seal(&mut source, size, &mut UnwrapErr(OsRng), &mut |_| ())
        })
        .await
    }

    /// Removes a sealed file, of which nothing is known any more.
    pub(super) async fn unseal(&self, file: &FileRef) -> Result<(), MediaError> {
        let (folder, hash) = (self.vault()?, file.hash);
        away(move || folder.delete(&hash)).await
    }

    /// A plain copy of a file, for as long as it is held.
    pub(super) async fn open(&self, id: u64) -> Result<Opened, MediaError> {
        match self.sealed(id).await? {
            Some(sealed) => Ok(Opened::at(self.copy(id, sealed).await?)),
            None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        }
    }

    /// Makes a plain copy of a sealed file; where it lies.
    async fn copy(&self, id: u64, Sealed { folder, file }: Sealed) -> Result<PathBuf, MediaError> {
        let copy = COPIES.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{id}.open-{copy}"));
        away(move || {
            let mut out = BufWriter::new(private(&path)?);
            let opened = folder.open_into(&file, &mut out, &mut |_| ()).and_then(|()| Ok(out.flush()?));
            match opened {
                Ok(()) => Ok(path),
                Err(error) => {
                    drop(std::fs::remove_file(&path));
                    Err(error)
                }
            }
        })
        .await
    }

    /// What opens the part of an upload that rests.
    pub(super) async fn seal_of_part(&self, id: u64) -> Result<Option<FileRef>, StoreError> {
        self.store.read("what opens a part", &part_key(id)).await
    }

    /// Seals the part of an upload that rests, until more of it comes. The plain one, when there is one, is the whole of
    /// what came; of two, it is the later.
    pub(super) async fn rest(&self, id: u64) -> Result<(), MediaError> {
        let part = self.part(id).await?;
        if !fs::try_exists(&part).await? {
            return Ok(());
        }
        let (before, sealed) = (self.seal_of_part(id).await?, self.seal(&part).await?);
        self.store.write(Batch::new().put(part_key(id), bytes_of(&sealed))).await?;
        fs::remove_file(&part).await?;
        match before {
            Some(before) => self.unseal(&before).await,
            None => Ok(()),
        }
    }

    /// Opens the part of an upload that rests, for more to come.
    pub(super) async fn wake(&self, id: u64) -> Result<(), MediaError> {
        let part = self.part(id).await?;
        let Some(file) = self.seal_of_part(id).await? else { return Ok(()) };
        if !fs::try_exists(&part).await? {
            let sealed = Sealed { folder: self.vault()?, file: file.clone() };
            fs::rename(self.copy(id, sealed).await?, &part).await?;
        }
        self.forget_part(id).await
    }

    /// Removes the sealed part of an upload.
    pub(super) async fn forget_part(&self, id: u64) -> Result<(), MediaError> {
        let Some(file) = self.seal_of_part(id).await? else { return Ok(()) };
        self.unseal(&file).await?;
        Ok(self.store.write(Batch::new().delete(part_key(id))).await?)
    }

    /// Puts the folder in order, before anything is asked of it: seals what lies plain, and removes what a crash left.
    pub async fn tidy_up(&self, now: Millis) -> Result<(), MediaError> {
        let open: BTreeSet<_> = self.open_uploads(now).await?.into_iter().map(|(_, it)| it.media).collect();
        let mut entries = match fs::read_dir(&self.folder).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let path = entry.path();
            let Some(name) = path.file_name().and_then(|it| it.to_str()) else { continue };
            let (id, rest) = name.split_once('.').unwrap_or((name, ""));
            let Ok(id) = id.parse::<u64>() else { continue };
            match rest {
                "" => self.seal_old(id, &path).await?,
                "part" if open.contains(&id) => self.rest(id).await?,
                _ => fs::remove_file(&path).await?,
            }
        }
        self.drop_unknown().await
    }

    /// Seals a file that lies plain under its id, when anything is known of it.
    async fn seal_old(&self, id: u64, path: &Path) -> Result<(), MediaError> {
        if self.store.read::<Medium>("a file", &by_id(id)).await?.is_some()
            && self.sealed(id).await?.is_none()
        {
            let file = self.seal(path).await?;
            self.store.write(put_seal(Batch::new(), id, &file)).await?;
        }
        Ok(fs::remove_file(path).await?)
    }

    /// Removes sealed files of which nothing is known: their makers died before they wrote down what opens them.
    async fn drop_unknown(&self) -> Result<(), MediaError> {
        let mut known = BTreeSet::new();
        for part in [b"k", b"p"] {
            let (prefix, mut after) = (Key::new(table::MEDIA, &[part]), None);
            loop {
                let rows: Vec<(Key, FileRef)> =
                    self.store.list("what opens a file", &prefix, after.as_ref(), SWEEP_AT_ONCE).await?;
                let Some((last, _)) = rows.last() else { break };
                after = Some(last.clone());
                known.extend(rows.into_iter().map(|(_, file)| file.hash));
            }
        }
        let folder = self.vault()?;
        away(move || folder.sweep(&mut |hash| known.contains(hash))).await
    }
}

/// Where it is kept what opens a file.
pub(super) fn seal_key(id: u64) -> Key {
    Key::new(table::MEDIA, &[b"k", &id.to_be_bytes()])
}

fn part_key(id: u64) -> Key {
    Key::new(table::MEDIA, &[b"p", &id.to_be_bytes()])
}

pub(super) fn put_seal(batch: Batch, id: u64, file: &FileRef) -> Batch {
    batch.put(seal_key(id), bytes_of(file))
}

/// The folder of sealed files in a media folder; there is none where there is no folder.
pub(super) fn opened(media: &Path) -> Result<Folder, FilesError> {
    if media.as_os_str().is_empty() {
        return Err(FilesError::NotHere);
    }
    Folder::open(media.join("sealed"))
}

fn private(path: &PathBuf) -> io::Result<Plain> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)
}

/// Work for a processor and a disk, away from the threads that wait for networks.
async fn away<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, MediaError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| MediaError::Folder(io::Error::other("a worker was lost")))?.map_err(failed)
}

fn failed(error: FilesError) -> MediaError {
    MediaError::Folder(match error {
        FilesError::NotHere => io::ErrorKind::NotFound.into(),
        FilesError::NoRoom => io::ErrorKind::StorageFull.into(),
        other => io::Error::other(other),
    })
}
