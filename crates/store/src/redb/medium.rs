//! What the database lies on: a file, plain or sealed.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use lacre_sealed::{FileRaw, Found, MasterKey, Protection, SealedError, create, look, open_database};
use rand_core::CryptoRng;
use redb::{Database, DatabaseError, ReadableDatabase, StorageError, TableError};

use super::RedbOptions;
use super::layout::{ENTRIES, FORMAT, JOURNAL, KEYS, META, REFERENCES, VALUES};

/// Why a store does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error("the store is in use by another process")]
    InUse,
    /// The store is sealed and no key was given.
    #[error("the store is sealed; its data key is needed")]
    KeyNeeded,
    /// The key is not this store's.
    #[error("the data key is not the one of this store")]
    WrongKey,
    /// A key was given for a store that is not sealed, or the file is something else.
    #[error("the file is not a store sealed by a data key")]
    NotSealed,
    /// The store was written by a newer version, whose format number is given.
    #[error("the store has format {0}, which is newer than this version can read")]
    NewerVersion(u32),
    /// The disk has no room.
    #[error("no room left on the disk")]
    Full,
    /// The file is damaged, or something else.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The operating system refused.
    #[error("the store cannot be read or written: {0}")]
    Io(String),
}

/// Opens the database, again after it failed.
pub(super) trait Medium: Send {
    fn open(&mut self) -> Result<Database, OpenError>;

    /// Whether there is room to write again.
    fn has_room(&self) -> bool;
}

pub(super) struct File {
    options: RedbOptions,
    rng: Box<dyn CryptoRng + Send>,
}

impl File {
    pub(super) fn new(options: RedbOptions, rng: impl CryptoRng + Send + 'static) -> Self {
        Self { options, rng: Box::new(rng) }
    }

    fn open_plain(&self) -> Result<Database, OpenError> {
        let path = &self.options.path;
        let opened = redb::Builder::new().set_cache_size(self.options.cache_bytes).create(path);
        opened.map_err(|error| match error {
            DatabaseError::Storage(StorageError::Io(error)) if error.kind() == ErrorKind::InvalidData => {
                unreadable(path)
            }
            error => error.into(),
        })
    }

    fn open_sealed(&mut self, key: MasterKey) -> Result<Database, OpenError> {
        let file = FileRaw::open(&self.options.path)?;
        match look(&file)? {
            Found::Nothing => create(&file, &key, Protection::Key, &mut *self.rng)?,
            Found::Key => {}
            Found::Passphrase => return Err(OpenError::NotSealed),
        }
        Ok(open_database(Arc::new(file), &key, self.options.cache_bytes, &mut *self.rng)?)
    }
}

/// What a file is that is no plain database.
fn unreadable(path: &Path) -> OpenError {
    match FileRaw::open(path).and_then(|file| look(&file)) {
        Ok(Found::Key | Found::Passphrase) => OpenError::KeyNeeded,
        _ => OpenError::Damaged("it is not a store".into()),
    }
}

impl Medium for File {
    fn open(&mut self) -> Result<Database, OpenError> {
        let database = match self.options.data_key {
            Some(key) => self.open_sealed(MasterKey::from_bytes(key))?,
            None => self.open_plain()?,
        };
        prepare(&database)?;
        Ok(database)
    }

    fn has_room(&self) -> bool {
        // What a commit of the largest batches may need, tried beside the store.
        let probe = self.options.path.with_extension("probe");
        let written = fs::File::create(&probe).and_then(|mut file| {
            file.write_all(&[1; 1024 * 1024])?;
            file.sync_all()
        });
        let removed = fs::remove_file(&probe);
        written.is_ok() && removed.is_ok()
    }
}

/// Makes the tables of a new store; refuses one of a newer format.
pub(super) fn prepare(database: &Database) -> Result<(), OpenError> {
    let reading = database.begin_read().map_err(redb::Error::from)?;
    let format = match reading.open_table(META) {
        Ok(meta) => meta.get("format").map_err(redb::Error::from)?.map(|format| format.value()),
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(redb::Error::from(error).into()),
    };
    match format {
        Some(FORMAT) => Ok(()),
        Some(newer) if newer > FORMAT => Err(OpenError::NewerVersion(newer)),
        Some(_) => Err(OpenError::Damaged("there is no such format".into())),
        None => Ok(make_tables(database)?),
    }
}

fn make_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert("format", FORMAT)?;
    transaction.open_table(JOURNAL)?;
    transaction.open_table(KEYS)?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(VALUES)?;
    transaction.open_table(REFERENCES)?;
    Ok(transaction.commit()?)
}

impl From<redb::Error> for OpenError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::Io(error) if is_full(&error) => Self::Full,
            redb::Error::Io(error) => Self::Io(error.to_string()),
            redb::Error::UpgradeRequired(format) => Self::NewerVersion(format.into()),
            error => Self::Damaged(error.to_string()),
        }
    }
}

impl From<DatabaseError> for OpenError {
    fn from(error: DatabaseError) -> Self {
        redb::Error::from(error).into()
    }
}

impl From<SealedError> for OpenError {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::InUse => Self::InUse,
            SealedError::WrongKey => Self::WrongKey,
            SealedError::NotSealed => Self::NotSealed,
            SealedError::NewerVersion(format) => Self::NewerVersion(format.into()),
            SealedError::Full => Self::Full,
            SealedError::Io(error) => Self::Io(error.to_string()),
            error => Self::Damaged(error.to_string()),
        }
    }
}

pub(super) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
