//! Files that this program writes for people: always new ones, and never half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};
use crate::safe_text::safe_line;

/// A file that was not there before. Until it is [kept](Self::keep), it goes again when it is dropped.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl NewFile {
    /// Makes a file, for its owner's eyes alone; one that is there is refused.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.write(true).create_new(true).open(path)?;
        Ok(Self { file, path: path.to_owned(), kept: false })
    }

    /// It is whole: it stays, and is on the disk.
    pub fn keep(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        self.kept = true;
        Ok(())
    }

    /// These bytes are all of it.
    pub fn fill(mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)?;
        self.keep()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed either is told by the error that came first.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Why a file was not written.
pub fn unwritten(path: &Path, error: &io::Error) -> Failure {
    let shown = safe_line(&path.to_string_lossy());
    match error.kind() {
        ErrorKind::AlreadyExists => {
            let why = format!("{shown} is there already; nothing was overwritten");
            Failure::new(Exit::Refused, "file_exists", why)
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            let why = format!("there is no room left on the disk for {shown}; nothing was kept");
            Failure::new(Exit::Store, "disk_full", why)
        }
        _ => Failure::io(format!("{shown} cannot be written"), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_new_and_whole_or_not_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let mut half = NewFile::create(&path).expect("it was not there");
        half.write_all(b"half").expect("it can be written");
        assert!(path.exists(), "made before it is filled");
        drop(half);
        assert!(!path.exists());
        NewFile::create(&path).and_then(|file| file.fill(b"whole")).expect("it can be written");
        let again = NewFile::create(&path).expect_err("it is there");
        assert_eq!(unwritten(&path, &again).code, "file_exists");
        assert_eq!(fs::read(&path).expect("it is there"), b"whole");
        let nowhere = NewFile::create(&folder.path().join("no/a")).expect_err("there is no folder");
        assert_eq!(unwritten(&path, &nowhere).code, "io");
    }
}
