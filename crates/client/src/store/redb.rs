//! The store on disk: redb over a sealed file, `store.redb` in the profile's folder, opened by a passphrase.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | `format` | the format's number, u32 |
//! | `rows` | the row's key; its first byte is the engine's or the client's table | the row's value |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use lacre_engine::{Changes, ReadError, Reader};
use lacre_sealed::passphrase::{self, Cost};
use lacre_sealed::{FileRaw, Found, MasterKey, Protection, SealedError, create, look, open_database};
use rand_core::CryptoRng;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::{Store, StoreError};

const FORMAT: u32 = 1;
const META: TableDefinition<'static, &str, u32> = TableDefinition::new("meta");
const ROWS: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("rows");
const FILE: &str = "store.redb";
/// Pages kept in memory.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// A sealed store in a profile's folder.
pub struct RedbStore {
    path: PathBuf,
    key: MasterKey,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    open: RwLock<Option<Open>>,
}

struct Open {
    database: Database,
    file: Arc<FileRaw>,
}

/// What one table holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableSize {
    /// Its rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl RedbStore {
    /// Opens the store of a profile by its passphrase; makes one, with this passphrase, in a folder that has none.
    /// Takes as long as trying a passphrase is meant to.
    pub fn open(
        folder: &Path,
        passphrase: &[u8],
        rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, StoreError> {
        let mut rng: Box<dyn CryptoRng + Send> = Box::new(rng);
        let path = folder.join(FILE);
        let file = Arc::new(FileRaw::open(&path)?);
        let key = match look(&*file)? {
            Found::Passphrase => passphrase::unwrap(&*file, passphrase)?,
            Found::Key => return Err(StoreError::Damaged("it has no passphrase".into())),
            Found::Nothing => {
                let key = MasterKey::generate(&mut *rng);
                let protection = Protection::Passphrase(passphrase, Cost::default());
                create(&*file, &key, protection, &mut *rng)?;
                key
            }
        };
        let open = Open::new(file, &key, &mut *rng)?;
        Ok(Self { path, key, rng: Mutex::new(rng), open: RwLock::new(Some(open)) })
    }

    /// Puts the store under another passphrase. After a crash meanwhile either the old one or the new one opens it.
    pub fn change_passphrase(&self, passphrase: &[u8]) -> Result<(), StoreError> {
        let open = self.opened();
        let file = &open.as_ref().ok_or_else(closed)?.file;
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(passphrase::wrap(&**file, &self.key, passphrase, Cost::default(), &mut **rng)?)
    }

    /// Reads everything, checking every seal and sum, and says how large each table (a key's first byte) is.
    pub fn check(&self) -> Result<BTreeMap<u8, TableSize>, StoreError> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let whole = open.as_mut().ok_or_else(closed)?.database.check_integrity();
        if !whole.map_err(redb::Error::from)? {
            return Err(StoreError::Damaged("its pages had to be repaired".into()));
        }
        drop(open);
        self.sizes()
    }

    /// How large each table (a key's first byte) is.
    pub fn sizes(&self) -> Result<BTreeMap<u8, TableSize>, StoreError> {
        let mut sizes: BTreeMap<u8, TableSize> = BTreeMap::new();
        for row in self.rows()?.iter().map_err(redb::Error::from)? {
            let (key, value) = row.map_err(redb::Error::from)?;
            let (key, value) = (key.value(), value.value());
            let size = sizes.entry(key.first().copied().unwrap_or_default()).or_default();
            size.rows += 1;
            size.bytes += (key.len() + value.len()) as u64;
        }
        Ok(sizes)
    }

    fn opened(&self) -> RwLockReadGuard<'_, Option<Open>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, redb::Error> {
        match &*self.opened() {
            Some(open) => Ok(open.database.begin_read()?.open_table(ROWS)?),
            None => Err(redb::Error::DatabaseClosed),
        }
    }

    fn write(&self, changes: Option<&Changes>) -> Result<(), redb::Error> {
        let open = self.opened();
        let database = &open.as_ref().ok_or(redb::Error::DatabaseClosed)?.database;
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(changes.is_none());
        let mut rows = transaction.open_table(ROWS)?;
        for (key, value) in changes.into_iter().flatten() {
            match value {
                Some(value) => rows.insert(key.as_slice(), value.as_slice())?,
                None => rows.remove(key.as_slice())?,
            };
        }
        drop(rows);
        Ok(transaction.commit()?)
    }

    /// redb serves nothing after an error of its file until it is opened anew.
    fn reopen(&self) {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        *open = None;
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let file = FileRaw::open(&self.path).map_err(StoreError::from);
        *open = file.and_then(|file| Open::new(Arc::new(file), &self.key, &mut **rng)).ok();
    }

    fn commit_or_reopen(&self, changes: Option<&Changes>) -> Result<(), StoreError> {
        self.write(changes).map_err(|error| {
            self.reopen();
            error.into()
        })
    }
}

impl Open {
    fn new(file: Arc<FileRaw>, key: &MasterKey, rng: &mut dyn CryptoRng) -> Result<Self, StoreError> {
        let database = open_database(file.clone(), key, CACHE_BYTES, rng)?;
        prepare(&database)?;
        Ok(Self { database, file })
    }
}

/// Makes the tables of a new store; refuses one of a newer format.
fn prepare(database: &Database) -> Result<(), StoreError> {
    let format = || -> Result<Option<u32>, redb::Error> {
        match database.begin_read()?.open_table(META) {
            Ok(meta) => Ok(meta.get("format")?.map(|format| format.value())),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    };
    let make = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction.open_table(META)?.insert("format", FORMAT)?;
        transaction.open_table(ROWS)?;
        Ok(transaction.commit()?)
    };
    match format()? {
        Some(FORMAT) => Ok(()),
        Some(newer) if newer > FORMAT => Err(StoreError::Newer(newer)),
        Some(_) => Err(StoreError::Damaged("there is no such format".into())),
        None => Ok(make()?),
    }
}

impl Store for RedbStore {
    fn snapshot(&self) -> Result<Box<dyn Reader + '_>, ReadError> {
        Ok(Box::new(Snapshot(self.rows().map_err(unread)?)))
    }

    fn commit(&self, changes: &Changes) -> Result<(), StoreError> {
        self.commit_or_reopen(Some(changes))
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.commit_or_reopen(None)
    }
}

impl std::fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedbStore(..)")
    }
}

struct Snapshot(ReadOnlyTable<&'static [u8], &'static [u8]>);

impl Reader for Snapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.0.get(key).map_err(unread)?.map(|value| value.value().to_vec()))
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        if from >= to {
            return Ok(());
        }
        let mut range = self.0.range(from..to).map_err(unread)?;
        while let Some(row) = if backwards { range.next_back() } else { range.next() } {
            let (key, value) = row.map_err(unread)?;
            if !visit(key.value(), value.value()) {
                break;
            }
        }
        Ok(())
    }
}

fn unread(error: impl std::fmt::Display) -> ReadError {
    ReadError(error.to_string())
}

fn closed() -> StoreError {
    StoreError::Io("it could not be opened again after an error".into())
}

impl From<SealedError> for StoreError {
    fn from(error: SealedError) -> Self {
        match error {
            SealedError::InUse => Self::InUse,
            SealedError::WrongPassphrase => Self::WrongPassphrase,
            SealedError::NewerVersion(format) => Self::Newer(format.into()),
            SealedError::Full => Self::Full,
            SealedError::Io(error) => Self::Io(error.to_string()),
            error => Self::Damaged(error.to_string()),
        }
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => SealedError::from(error).into(),
            redb::Error::DatabaseClosed | redb::Error::PreviousIo => closed(),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            error => Self::Damaged(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;

    fn open(folder: &Path, passphrase: &[u8]) -> Result<RedbStore, StoreError> {
        RedbStore::open(folder, passphrase, ChaCha20Rng::from_os_rng())
    }

    fn put(store: &dyn Store, key: &[u8], value: &[u8]) {
        store.commit(&[(key.to_vec(), Some(value.to_vec()))].into()).unwrap();
    }

    fn get(store: &dyn Store, key: &[u8]) -> Option<Vec<u8>> {
        store.snapshot().unwrap().get(key).unwrap()
    }

    #[test]
    fn ana_closes_her_profile_and_finds_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), b"correct horse").unwrap();
        put(&store, &[1, 2], b"hello");
        put(&store, &[0x80], b"relay");
        store.settle().unwrap();
        assert_eq!(open(folder.path(), b"correct horse").err(), Some(StoreError::InUse));
        drop(store);
        let before = std::fs::read(folder.path().join(FILE)).unwrap();
        assert_eq!(open(folder.path(), b"wrong horse").err(), Some(StoreError::WrongPassphrase));
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), before);
        let store = open(folder.path(), b"correct horse").unwrap();
        assert_eq!(get(&store, &[1, 2]).as_deref(), Some(b"hello".as_slice()));
        let sizes = store.check().unwrap();
        assert_eq!(sizes, store.sizes().unwrap());
        assert_eq!(sizes[&1], TableSize { rows: 1, bytes: 7 });
        assert_eq!(sizes.into_keys().collect::<Vec<_>>(), [1, 0x80]);
    }

    #[test]
    fn the_new_passphrase_opens_and_the_old_one_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), b"first").unwrap();
        put(&store, &[1], b"hello");
        store.change_passphrase(b"second").unwrap();
        put(&store, &[2], b"world");
        drop(store);
        assert_eq!(open(folder.path(), b"first").err(), Some(StoreError::WrongPassphrase));
        let store = open(folder.path(), b"second").unwrap();
        assert!(get(&store, &[1]).is_some() && get(&store, &[2]).is_some());
    }

    #[test]
    fn both_stores_read_and_write_alike() {
        let folder = tempfile::tempdir().unwrap();
        let stores: [Box<dyn Store>; 2] =
            [Box::new(super::super::MemoryStore::default()), Box::new(open(folder.path(), b"x").unwrap())];
        for store in stores {
            let rows: Changes = (0..10).map(|row| (vec![3, row], Some(vec![row; 3]))).collect();
            store.commit(&rows).unwrap();
            let before = store.snapshot().unwrap();
            assert_eq!(before.get(&[3, 4]).unwrap(), Some(vec![4; 3]));
            drop(before);
            store.commit(&[(vec![3, 4], None), (vec![3, 5], Some(vec![]))].into()).unwrap();
            let after = store.snapshot().unwrap();
            assert_eq!((after.get(&[3, 4]).unwrap(), after.get(&[3, 5]).unwrap()), (None, Some(vec![])));
            let scan = |from: &[u8], to: &[u8], backwards, most: usize| {
                let mut found = Vec::new();
                let visit = &mut |key: &[u8], _: &[u8]| {
                    found.push(key[1]);
                    found.len() < most
                };
                after.scan(from, to, backwards, visit).unwrap();
                found
            };
            assert_eq!(scan(&[3, 2], &[3, 7], false, 99), [2, 3, 5, 6]);
            assert_eq!(scan(&[3], &[4], true, 3), [9, 8, 7]);
            assert!(scan(&[4], &[3], true, 3).is_empty());
            drop(after);
            store.settle().unwrap();
        }
    }

    #[test]
    fn a_snapshot_does_not_see_what_is_committed_later() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), b"x").unwrap();
        put(&store, &[1], b"old");
        let snapshot = store.snapshot().unwrap();
        put(&store, &[1], b"new");
        assert_eq!(snapshot.get(&[1]).unwrap().as_deref(), Some(b"old".as_slice()));
        assert_eq!(get(&store, &[1]).as_deref(), Some(b"new".as_slice()));
    }

    #[test]
    fn another_file_in_its_place_is_refused_and_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, vec![b'x'; 50_000]).unwrap();
        assert!(matches!(open(folder.path(), b"x"), Err(StoreError::Damaged(_))));
        assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 50_000]);
        assert!(matches!(open(&folder.path().join("nowhere"), b"x"), Err(StoreError::Io(_))));
    }

    #[test]
    fn a_newer_store_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), b"x").unwrap();
        let open_now = store.opened();
        let transaction = open_now.as_ref().unwrap().database.begin_write().unwrap();
        transaction.open_table(META).unwrap().insert("format", 9).unwrap();
        transaction.commit().unwrap();
        drop(open_now);
        drop(store);
        assert_eq!(open(folder.path(), b"x").err(), Some(StoreError::Newer(9)));
    }

    #[test]
    fn after_an_error_of_the_file_it_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path(), b"x").unwrap();
        put(&store, &[1], b"kept");
        store.reopen();
        assert_eq!(get(&store, &[1]).as_deref(), Some(b"kept".as_slice()));
        put(&store, &[2], b"goes on");
        assert_eq!(open(folder.path(), b"x").err(), Some(StoreError::InUse));
    }
}
