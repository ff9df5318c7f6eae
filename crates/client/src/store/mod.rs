//! The local store: one table of bytes, written in whole transactions, read from any thread.

mod memory;
mod redb;

use lacre_engine::{Changes, ReadError, Reader};

pub use self::redb::{RedbStore, TableSize};
pub use memory::MemoryStore;

/// Where a client keeps everything. One writer; readers see the last commit that was done when they asked.
pub trait Store: Send + Sync + 'static {
    /// Reads as of the last commit.
    fn snapshot(&self) -> Result<Box<dyn Reader + '_>, ReadError>;

    /// Writes all changes in one transaction; durable when it returns. On an error nothing of it is stored.
    fn commit(&self, changes: &Changes) -> Result<(), StoreError>;

    /// Makes the next opening fast, even after a crash. Called when nothing has happened for a while.
    fn settle(&self) -> Result<(), StoreError>;
}

/// Why the store does not open, or does not write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the profile open.
    #[error("this profile is open in another program; close it there first")]
    InUse,
    /// The passphrase does not open it.
    #[error("the passphrase is wrong; nothing was changed")]
    WrongPassphrase,
    /// A newer version of the app wrote it.
    #[error("this profile was written by a newer version of this app (format {0}); update the app")]
    Newer(u32),
    /// It is no store, or it is damaged.
    #[error("the profile's store is damaged: {0}")]
    Damaged(String),
    /// The disk has no room.
    #[error("the disk is full; nothing was stored")]
    Full,
    /// The operating system refused.
    #[error("the profile's store cannot be used: {0}")]
    Io(String),
}
