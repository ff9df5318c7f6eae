//! Sealed files on the disk. One lies under the hex digits of its SHA-256, whole and checked, or it does not lie there:
//! what is being made is in `making`, what is coming in `coming`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use lacre_engine::content::FileRef;
use lacre_engine::files::{Arriving, CHUNK, FileError, FileKey, FileSeal, Shape, Whole};
use rand_core::CryptoRng;

/// Why something with a file did not succeed. Nothing is left of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilesError {
    /// Too large, or not what was sent.
    #[error(transparent)]
    File(#[from] FileError),
    /// The sealed file is not on this device.
    #[error("the file is not on this device yet")]
    NotHere,
    /// It became longer or shorter while it was read.
    #[error("the file was changed while it was being read; nothing was sent")]
    Changed,
    /// There is something under this name already.
    #[error("there is a file of this name already; nothing was written")]
    Exists,
    /// No room.
    #[error("there is no room left on the disk; nothing was kept")]
    NoRoom,
    /// The disk refused.
    #[error("{0}")]
    Disk(String),
}

impl From<io::Error> for FilesError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::NoRoom,
            ErrorKind::AlreadyExists => Self::Exists,
            _ => Self::Disk(error.to_string()),
        }
    }
}

/// A sealed file that lies here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its SHA-256.
    pub hash: [u8; 32],
    /// Its bytes.
    pub bytes: u64,
}

/// The folder of a profile's sealed files. The profile's lock is the folder's too.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

const MAKING: &str = "making";
const COMING: &str = "coming";
/// Sealed chunks read at once.
const AT_ONCE: u32 = 16;

impl Folder {
    /// Opens a folder, making it when it is not there, and clears away what was being made when it was last open.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, FilesError> {
        let folder = Self { root: root.into() };
        match fs::remove_dir_all(folder.root.join(MAKING)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        for path in [folder.root.clone(), folder.root.join(MAKING), folder.root.join(COMING)] {
            private_folder(&path)?;
        }
        Ok(folder)
    }

    /// Where the sealed file with this hash lies.
    pub(super) fn place(&self, hash: &[u8; 32]) -> PathBuf {
        self.root.join(hex::encode(hash))
    }

    /// Where a sealed file with this hash is put together.
    pub(super) fn coming(&self, hash: &[u8; 32]) -> PathBuf {
        self.root.join(COMING).join(hex::encode(hash))
    }

    /// Whether a file lies here.
    pub fn has(&self, hash: &[u8; 32]) -> bool {
        self.place(hash).is_file()
    }

    /// Seals what comes from a reader, under a key of its own: gives all that a message says of it but type and name.
    /// `progress` gets the bytes that are done.
    pub fn seal(
        &self,
        source: &mut dyn Read,
        size: u64,
        rng: &mut dyn CryptoRng,
        progress: &mut dyn FnMut(u64),
    ) -> Result<FileRef, FilesError> {
        let shape = Shape::of(size)?;
        let key = FileKey::random(rng);
        let mut capability = [0; 32];
        rng.fill_bytes(&mut capability);
        let making = self.root.join(MAKING).join(hex::encode(&capability[..8]));
        let sealed = self.seal_into(&making, source, &FileSeal::new(&key, shape), progress);
        let hash = sealed.inspect_err(|_| drop(fs::remove_file(&making)))?;
        fs::rename(&making, self.place(&hash))?;
        sync_folder(&self.root)?;
        Ok(FileRef { capability, key, size, hash, media_type: String::new(), name: String::new(), kept_s: 0 })
    }

    fn seal_into(
        &self,
        making: &Path,
        source: &mut dyn Read,
        seal: &FileSeal,
        progress: &mut dyn FnMut(u64),
    ) -> Result<[u8; 32], FilesError> {
        use sha2::{Digest, Sha256};
        let mut out = private_file(making)?;
        let mut hash = Sha256::new();
        let mut buffer = Vec::with_capacity(CHUNK + 64);
        for chunk in 0..seal.shape().chunks() {
            let plain = seal.shape().plain(chunk);
            let wanted = (plain.end - plain.start) as usize;
            buffer.resize(wanted, 0);
            source.read_exact(&mut buffer).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => FilesError::Changed,
                _ => error.into(),
            })?;
            seal.seal(chunk, &mut buffer)?;
            hash.update(&buffer);
            out.write_all(&buffer)?;
            progress(plain.end);
        }
        if source.read(&mut [0])? != 0 {
            return Err(FilesError::Changed);
        }
        out.sync_all()?;
        Ok(hash.finalize().into())
    }

    /// Opens a file into a writer, a chunk at a time; each was proved before it is given out.
    pub fn open_into(
        &self,
        file: &FileRef,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), FilesError> {
        let seal = FileSeal::new(&file.key, Shape::of(file.size)?);
        let mut sealed = self.sealed(file, seal.shape())?;
        let mut buffer = Vec::new();
        for chunk in 0..seal.shape().chunks() {
            read_chunk(&mut sealed, seal.shape().place(chunk), &mut buffer)?;
            seal.open(chunk, &mut buffer)?;
            out.write_all(&buffer)?;
            progress(seal.shape().plain(chunk).end);
        }
        Ok(())
    }

    /// Saves a file under a path at which nothing is yet. It comes under that name whole, or not at all.
    pub fn save(
        &self,
        file: &FileRef,
        to: &Path,
        rng: &mut dyn CryptoRng,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), FilesError> {
        let folder = match to.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if fs::symlink_metadata(to).is_ok() {
            return Err(FilesError::Exists);
        }
        let beside = folder.join(format!(".lacre-{:016x}.part", rng.next_u64()));
        let written = self.save_beside(file, &beside, to, progress);
        // Under its own name, or nowhere.
        let _ = fs::remove_file(&beside);
        written?;
        sync_folder(folder)?;
        Ok(())
    }

    fn save_beside(
        &self,
        file: &FileRef,
        beside: &Path,
        to: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), FilesError> {
        let mut out = private_file(beside)?;
        self.open_into(file, &mut out, progress)?;
        out.sync_all()?;
        drop(out);
        // A second name does not replace what came there meanwhile, as a renaming would.
        match fs::hard_link(beside, to) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(FilesError::Exists),
            // Not every file system has them.
            Err(_) if fs::symlink_metadata(to).is_ok() => Err(FilesError::Exists),
            Err(_) => Ok(fs::rename(beside, to)?),
        }
    }

    /// Reads a range of a file, opening just the chunks that it lies in.
    pub fn read(&self, file: &FileRef, range: Range<u64>) -> Result<Vec<u8>, FilesError> {
        let seal = FileSeal::new(&file.key, Shape::of(file.size)?);
        let mut sealed = self.sealed(file, seal.shape())?;
        let mut found = Vec::new();
        let mut buffer = Vec::new();
        let chunks = seal.shape().chunks_of(range.clone());
        for chunk in chunks.clone() {
            read_chunk(&mut sealed, seal.shape().place(chunk), &mut buffer)?;
            seal.open(chunk, &mut buffer)?;
            found.extend_from_slice(&buffer);
        }
        Ok(cut(found, seal.shape(), chunks.start, range))
    }

    /// The sealed file, which is as long as it must be.
    fn sealed(&self, file: &FileRef, shape: Shape) -> Result<File, FilesError> {
        let sealed = match File::open(self.place(&file.hash)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(FilesError::NotHere),
            other => other?,
        };
        if sealed.metadata()?.len() != shape.sealed() {
            return Err(FileError::Length.into());
        }
        Ok(sealed)
    }

    /// Puts what has come under its name, once it was checked.
    pub(super) fn keep(&self, hash: &[u8; 32], _: Whole) -> Result<(), FilesError> {
        let coming = self.coming(hash);
        File::open(&coming)?.sync_all()?;
        fs::rename(&coming, self.place(hash))?;
        sync_folder(&self.root)?;
        Ok(())
    }

    /// Reads what has come, and says whether it is what was sent.
    pub(super) fn check(&self, hash: &[u8; 32], shape: Shape) -> Result<Whole, FilesError> {
        let mut coming = File::open(self.coming(hash))?;
        let mut arriving = Arriving::new(shape);
        let mut buffer = vec![0; AT_ONCE as usize * CHUNK];
        loop {
            match coming.read(&mut buffer)? {
                0 => return Ok(arriving.check(hash)?),
                read => arriving.take(&buffer[..read]),
            }
        }
    }

    /// Deletes a sealed file, and what has come of it.
    pub fn delete(&self, hash: &[u8; 32]) -> Result<(), FilesError> {
        self.forget_coming(hash)?;
        absent_is_fine(fs::remove_file(self.place(hash)))
    }

    pub(super) fn forget_coming(&self, hash: &[u8; 32]) -> Result<(), FilesError> {
        let coming = self.coming(hash);
        absent_is_fine(fs::remove_file(coming.with_extension("have")))?;
        absent_is_fine(fs::remove_file(coming))
    }

    /// Every sealed file that lies here whole.
    pub fn stored(&self) -> Result<Vec<Stored>, FilesError> {
        Ok(list(&self.root)?)
    }

    /// Deletes what no message has any more: `needed` says of each hash whether one does.
    pub fn sweep(&self, needed: &mut dyn FnMut(&[u8; 32]) -> bool) -> Result<(), FilesError> {
        let coming = list(&self.root.join(COMING))?;
        for Stored { hash, .. } in self.stored()?.into_iter().chain(coming) {
            if !needed(&hash) {
                self.delete(&hash)?;
            }
        }
        Ok(())
    }
}

/// What of opened chunks, the first of which has this number, lies in a range of the file.
pub(super) fn cut(opened: Vec<u8>, shape: Shape, first: u32, range: Range<u64>) -> Vec<u8> {
    let from = range.start.saturating_sub(shape.plain(first).start) as usize;
    let length = range.end.min(shape.size()).saturating_sub(range.start) as usize;
    let end = (from + length).min(opened.len());
    opened.get(from..end).unwrap_or_default().to_vec()
}

fn list(folder: &Path) -> io::Result<Vec<Stored>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let mut hash = [0; 32];
        let is_one =
            entry.file_name().to_str().is_some_and(|name| hex::decode_to_slice(name, &mut hash).is_ok());
        if is_one && entry.file_type()?.is_file() {
            found.push(Stored { hash, bytes: entry.metadata()?.len() });
        }
    }
    Ok(found)
}

fn read_chunk(sealed: &mut File, place: Range<u64>, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.resize((place.end - place.start) as usize, 0);
    sealed.seek(SeekFrom::Start(place.start))?;
    sealed.read_exact(buffer)
}

fn absent_is_fine(result: io::Result<()>) -> Result<(), FilesError> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => Ok(other?),
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// A new file that only its owner reads.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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
