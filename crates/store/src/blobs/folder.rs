//! Blobs in a folder: `whole/ab/<id>` is a file, or a folder of parts for a blob that came in parts; `parts/<id>/`
//! holds the parts of unfinished ones. Everything is written beside its place, synced, and renamed into it, so a
//! file under its name is whole; finishing is one rename, however large the blob.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{BlobError, BlobId, Blobs, PART, check_part, check_parts};

/// Blobs in a folder; clones are the same store. One process may use a folder at a time: whoever starts it holds
/// that folder's lock.
#[derive(Debug, Clone)]
pub struct FolderBlobs(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    temporary: AtomicU64,
}

impl FolderBlobs {
    /// Opens a folder, making it when it is not there, and clears away what a broken write left.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let folder = Folder { root: root.into(), temporary: AtomicU64::new(0) };
        folder.prepare()?;
        Ok(Self(Arc::new(folder)))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let folder = self.0.clone();
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.unwrap_or_else(|error| Err(BlobError::Unavailable(error.to_string())))
    }
}

impl Blobs for FolderBlobs {
    async fn put(&self, id: BlobId, bytes: Bytes) -> Result<(), BlobError> {
        self.run(move |folder| folder.put(id, &bytes)).await
    }

    async fn put_part(&self, id: BlobId, number: u32, bytes: Bytes) -> Result<(), BlobError> {
        check_part(&bytes)?;
        self.run(move |folder| folder.put_part(id, number, &bytes)).await
    }

    async fn parts(&self, id: BlobId) -> Result<Vec<(u32, u64)>, BlobError> {
        self.run(move |folder| Ok(parts_in(&folder.parts(id))?)).await
    }

    async fn finish(&self, id: BlobId, length: u64) -> Result<(), BlobError> {
        self.run(move |folder| folder.finish(id, length)).await
    }

    async fn length(&self, id: BlobId) -> Result<Option<u64>, BlobError> {
        self.run(move |folder| Ok(folder.length(id)?)).await
    }

    async fn read(&self, id: BlobId, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        self.run(move |folder| folder.read(id, range)).await
    }

    async fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        self.run(move |folder| folder.delete(id)).await
    }
}

impl Folder {
    fn prepare(&self) -> Result<(), BlobError> {
        absent_is_fine(fs::remove_dir_all(self.root.join("temporary")))?;
        for name in ["temporary", "parts", "whole"] {
            fs::create_dir_all(self.root.join(name))?;
        }
        Ok(sync_folder(&self.root)?)
    }

    fn whole(&self, id: BlobId) -> PathBuf {
        let name = id.to_string();
        self.root.join("whole").join(&name[..2]).join(name)
    }

    fn parts(&self, id: BlobId) -> PathBuf {
        self.root.join("parts").join(id.to_string())
    }

    fn put(&self, id: BlobId, bytes: &[u8]) -> Result<(), BlobError> {
        let place = self.whole(id);
        if place.try_exists()? {
            return Err(BlobError::Exists);
        }
        self.make_room_for(&place)?;
        Ok(self.write(&place, bytes)?)
    }

    fn put_part(&self, id: BlobId, number: u32, bytes: &[u8]) -> Result<(), BlobError> {
        if self.whole(id).try_exists()? {
            return Err(BlobError::Exists);
        }
        let place = self.parts(id).join(number.to_string());
        self.make_room_for(&place)?;
        Ok(self.write(&place, bytes)?)
    }

    fn finish(&self, id: BlobId, length: u64) -> Result<(), BlobError> {
        if let Some(finished) = self.length(id)? {
            return if finished == length { Ok(()) } else { Err(BlobError::Exists) };
        }
        if length == 0 {
            return self.put(id, &[]);
        }
        let (parts, place) = (self.parts(id), self.whole(id));
        check_parts(&parts_in(&parts)?, length)?;
        self.make_room_for(&place)?;
        fs::rename(&parts, &place)?;
        sync_folder(parent(&place))?;
        Ok(sync_folder(parent(&parts))?)
    }

    fn length(&self, id: BlobId) -> io::Result<Option<u64>> {
        let place = self.whole(id);
        let Some(found) = absent_is_fine(fs::metadata(&place))? else { return Ok(None) };
        if found.is_file() {
            return Ok(Some(found.len()));
        }
        Ok(Some(parts_in(&place)?.iter().map(|(_, length)| length).sum()))
    }

    /// A blob that goes while it is read is none. Of one in parts just those are looked at that the range lies in:
    /// readers ask for small ranges, and a large blob has hundreds of parts.
    fn read(&self, id: BlobId, range: Range<u64>) -> Result<Option<Bytes>, BlobError> {
        let place = self.whole(id);
        let Some(found) = absent_is_fine(fs::metadata(&place))? else { return Ok(None) };
        let mut bytes = Vec::new();
        if found.is_file() {
            let read = read_range(&place, range, &mut bytes)?;
            return Ok(read.map(|_| bytes.into()));
        }
        let mut at = range.start;
        while at < range.end {
            let part = at / PART;
            let within = at - part * PART..PART.min(range.end - part * PART);
            let read = read_range(&place.join(part.to_string()), within.clone(), &mut bytes)?;
            match read {
                Some(read) if read == within.end - within.start => at += read,
                // The end lies in this part, or before it.
                Some(_) => break,
                None if place.try_exists()? => break,
                None => return Ok(None),
            }
        }
        Ok(Some(bytes.into()))
    }

    fn delete(&self, id: BlobId) -> Result<(), BlobError> {
        let place = self.whole(id);
        if absent_is_fine(fs::metadata(&place))?.is_some_and(|found| found.is_file()) {
            absent_is_fine(fs::remove_file(&place))?;
            sync_folder(parent(&place))?;
        }
        // A folder of parts is moved away first: it goes as a whole or not at all.
        for doomed in [place, self.parts(id)] {
            let away = self.temporary();
            if absent_is_fine(fs::rename(&doomed, &away))?.is_some() {
                sync_folder(parent(&doomed))?;
                fs::remove_dir_all(&away)?;
            }
        }
        Ok(())
    }

    fn temporary(&self) -> PathBuf {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        self.root.join("temporary").join(number.to_string())
    }

    /// Makes the folder that a file is to lie in.
    fn make_room_for(&self, place: &Path) -> io::Result<()> {
        let folder = parent(place);
        if !folder.try_exists()? {
            fs::create_dir_all(folder)?;
            sync_folder(parent(folder))?;
        }
        Ok(())
    }

    fn write(&self, place: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.temporary();
        let written = File::create_new(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| fs::rename(&temporary, place)) {
            absent_is_fine(fs::remove_file(&temporary))?;
            return Err(error);
        }
        sync_folder(parent(place))
    }
}

/// Numbers and lengths of the parts in a folder, in order; none when it is not there.
fn parts_in(folder: &Path) -> io::Result<Vec<(u32, u64)>> {
    let Some(entries) = absent_is_fine(fs::read_dir(folder))? else { return Ok(Vec::new()) };
    let mut parts = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            parts.push((number, entry.metadata()?.len()));
        }
    }
    parts.sort_unstable();
    Ok(parts)
}

/// Adds what of a range a file has; how many bytes those are, and `None` when there is no such file.
fn read_range(path: &Path, range: Range<u64>, bytes: &mut Vec<u8>) -> io::Result<Option<u64>> {
    let Some(mut file) = absent_is_fine(File::open(path))? else { return Ok(None) };
    let end = range.end.min(file.metadata()?.len());
    let wanted = end.saturating_sub(range.start);
    bytes.reserve(usize::try_from(wanted).unwrap_or(0));
    file.seek(SeekFrom::Start(range.start))?;
    let read = file.take(wanted).read_to_end(bytes)? as u64;
    if read == wanted { Ok(Some(read)) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("every path here was joined to the root")
}

/// Makes renames in a folder durable.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened as files here; the file system's journal orders renames.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn absent_is_fine<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
