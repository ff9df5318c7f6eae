//! What can go wrong, sorted by who has to act.

use std::io::{self, ErrorKind};

/// Why a sealed file was not made, opened or rewritten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedError {
    /// Another process, or this one, has the file open.
    #[error("the store is in use by another process")]
    InUse,
    /// The passphrase does not open the store. The file is as it was.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The key is not this store's. The file is as it was.
    #[error("the key is not the one of this store")]
    WrongKey,
    /// The store has no passphrase: it is opened by a key that is kept elsewhere.
    #[error("the store has no passphrase; it is opened by a key")]
    NoPassphrase,
    /// The passphrase's cost is out of the bounds of the format.
    #[error("the cost of a passphrase is out of bounds")]
    BadCost,
    /// There is a store in the file already.
    #[error("there is a store in this file already")]
    Exists,
    /// There is something else in the file; it is as it was.
    #[error("the file is not a sealed store")]
    NotSealed,
    /// The store was written by a newer version, whose format number is given.
    #[error("the store has format {0}, which is newer than this version can read")]
    NewerVersion(u16),
    /// The disk has no room.
    #[error("no room left on the disk")]
    Full,
    /// Reading or writing failed.
    #[error("input or output failed: {0}")]
    Io(io::Error),
    /// The file is damaged, or was altered by somebody without the key.
    #[error("the store is damaged: {0}")]
    Damaged(&'static str),
}

impl From<io::Error> for SealedError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::InvalidData => Self::Damaged("a block does not open"),
            _ => Self::Io(error),
        }
    }
}

impl From<redb::DatabaseError> for SealedError {
    fn from(error: redb::DatabaseError) -> Self {
        match error {
            redb::DatabaseError::Storage(redb::StorageError::Io(error)) => error.into(),
            redb::DatabaseError::Storage(redb::StorageError::Corrupted(_)) => {
                Self::Damaged("the database does not hold together")
            }
            redb::DatabaseError::DatabaseAlreadyOpen => Self::InUse,
            error => Self::Io(io::Error::other(error)),
        }
    }
}
