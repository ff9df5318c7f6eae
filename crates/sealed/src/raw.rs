//! The file under the layer: a file of the operating system, or memory.

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[cfg(not(target_family = "wasm"))]
pub use native::FileRaw;

/// A file of bytes. Single bytes are written whole or not at all, bytes outside of a write do not change, and what
/// [`RawFile::sync`] has returned for is kept; nothing more is asked of it.
pub trait RawFile: Debug + Send + Sync + 'static {
    /// Its length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `out` from an offset; past the end is an error.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
    /// Writes at an offset, within the length.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Returns once everything written before is kept, come what may.
    fn sync(&self) -> io::Result<()>;
    /// Gives up the lock on the file; it is not used afterwards.
    fn close(&self) -> io::Result<()>;
}

/// A file in memory; clones are the same file.
#[derive(Clone, Default)]
pub struct MemoryRaw(Arc<Mutex<Vec<u8>>>);

impl MemoryRaw {
    /// A file with these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(bytes)))
    }

    /// What is in the file now.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debug for MemoryRaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryRaw({} bytes)", self.lock().len())
    }
}

impl RawFile for MemoryRaw {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.lock();
        let range = within(offset, out.len(), bytes.len())?;
        out.copy_from_slice(&bytes[range]);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.lock();
        let range = within(offset, data.len(), bytes.len())?;
        bytes[range].copy_from_slice(data);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = usize::try_from(len).map_err(|_| io::Error::from(ErrorKind::StorageFull))?;
        self.lock().resize(len, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }
}

/// The range of a read or write, if it lies within the length.
pub(crate) fn within(offset: u64, wanted: usize, len: usize) -> io::Result<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok();
    let range = start.and_then(|start| Some(start..start.checked_add(wanted)?));
    range.filter(|range| range.end <= len).ok_or_else(|| ErrorKind::UnexpectedEof.into())
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::fs::{File, OpenOptions, TryLockError};
    use std::io;
    use std::path::Path;

    use super::RawFile;
    use crate::SealedError;

    /// A file of the operating system, locked for this process alone while it is open.
    #[derive(Debug)]
    pub struct FileRaw(File);

    impl FileRaw {
        /// Opens a file, making an empty one that only its owner may read when there is none.
        pub fn open(path: &Path) -> Result<Self, SealedError> {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(path)?;
            match file.try_lock() {
                Ok(()) => Ok(Self(file)),
                Err(TryLockError::WouldBlock) => Err(SealedError::InUse),
                Err(TryLockError::Error(error)) => Err(error.into()),
            }
        }
    }

    impl RawFile for FileRaw {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.metadata()?.len())
        }

        #[cfg(unix)]
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            std::os::unix::fs::FileExt::read_exact_at(&self.0, out, offset)
        }

        #[cfg(unix)]
        fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            std::os::unix::fs::FileExt::write_all_at(&self.0, bytes, offset)
        }

        #[cfg(windows)]
        fn read(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
            while !out.is_empty() {
                let read = std::os::windows::fs::FileExt::seek_read(&self.0, out, offset)?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                out = &mut out[read..];
                offset += read as u64;
            }
            Ok(())
        }

        #[cfg(windows)]
        fn write(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
            while !bytes.is_empty() {
                let written = std::os::windows::fs::FileExt::seek_write(&self.0, bytes, offset)?;
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Ok(())
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.0.set_len(len)
        }

        fn sync(&self) -> io::Result<()> {
            self.0.sync_data()
        }

        fn close(&self) -> io::Result<()> {
            self.0.unlock()
        }
    }
}
