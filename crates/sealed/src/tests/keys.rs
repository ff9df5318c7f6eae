//! Right keys and wrong ones.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{CACHE, ROWS, key, rows};
use crate::passphrase::{self, Cost};
use crate::preamble::{Found, Protection, create, look};
use crate::{FileRaw, MasterKey, MemoryRaw, RawFile, SealedError, open_database};

const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

fn write_a_row(file: &MemoryRaw) {
    let database = open_database(Arc::new(file.clone()), &key(), CACHE, &mut rng()).unwrap();
    let writing = database.begin_write().unwrap();
    writing.open_table(ROWS).unwrap().insert(1, b"the canary sings".as_slice()).unwrap();
    writing.commit().unwrap();
}

#[test]
fn ana_opens_her_store_again_and_nothing_of_it_is_readable_in_the_file() {
    let file = MemoryRaw::default();
    create(&file, &key(), Protection::Key, &mut rng()).unwrap();
    assert_eq!(look(&file).unwrap(), Found::Key);
    write_a_row(&file);
    let database = open_database(Arc::new(file.clone()), &key(), CACHE, &mut rng()).unwrap();
    assert_eq!(rows(&database).unwrap()[&1], b"the canary sings");
    let bytes = file.bytes();
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(!holds(b"canary") && !holds(b"redb") && !holds(b"rows"));
    assert!(holds(b"lacre"), "the scan itself works");
}

#[test]
fn mallory_with_another_key_gets_nothing_and_changes_nothing() {
    let file = MemoryRaw::default();
    create(&file, &key(), Protection::Key, &mut rng()).unwrap();
    write_a_row(&file);
    let before = file.bytes();
    let other = MasterKey::from_bytes([8; 32]);
    let opened = open_database(Arc::new(file.clone()), &other, CACHE, &mut rng());
    assert!(matches!(opened, Err(SealedError::WrongKey)));
    assert!(matches!(passphrase::unwrap(&file, b"x"), Err(SealedError::NoPassphrase)));
    assert!(matches!(passphrase::wrap(&file, &other, b"x", CHEAP, &mut rng()), Err(SealedError::WrongKey)));
    assert!(matches!(create(&file, &other, Protection::Key, &mut rng()), Err(SealedError::Exists)));
    assert_eq!(file.bytes(), before);
}

#[test]
fn a_passphrase_opens_until_it_is_changed() {
    let file = MemoryRaw::default();
    create(&file, &key(), Protection::Passphrase(b"correct horse", CHEAP), &mut rng()).unwrap();
    assert_eq!(look(&file).unwrap(), Found::Passphrase);
    write_a_row(&file);
    let before = file.bytes();
    assert!(matches!(passphrase::unwrap(&file, b"wrong horse"), Err(SealedError::WrongPassphrase)));
    assert_eq!(file.bytes(), before);
    let found = passphrase::unwrap(&file, b"correct horse").unwrap();
    assert_eq!(found.as_bytes(), key().as_bytes());
    let database = open_database(Arc::new(file.clone()), &found, CACHE, &mut rng()).unwrap();
    passphrase::wrap(&file, &found, b"battery", CHEAP, &mut rng()).unwrap();
    assert!(matches!(passphrase::unwrap(&file, b"correct horse"), Err(SealedError::WrongPassphrase)));
    assert_eq!(passphrase::unwrap(&file, b"battery").unwrap().as_bytes(), key().as_bytes());
    assert_eq!(rows(&database).unwrap().len(), 1);
}

#[test]
fn a_cost_out_of_bounds_is_refused() {
    for cost in [
        Cost { memory_kib: 1024 * 1024 + 1, ..CHEAP },
        Cost { memory_kib: 7, ..CHEAP },
        Cost { passes: 0, ..CHEAP },
        Cost { lanes: 17, ..CHEAP },
    ] {
        let file = MemoryRaw::default();
        let made = create(&file, &key(), Protection::Passphrase(b"x", cost), &mut rng());
        assert!(matches!(made, Err(SealedError::BadCost)));
        assert_eq!(file.bytes().len(), 0);
    }
}

#[test]
fn a_file_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let file = Arc::new(FileRaw::open(&path).unwrap());
    create(&*file, &key(), Protection::Key, &mut rng()).unwrap();
    assert!(matches!(FileRaw::open(&path), Err(SealedError::InUse)));
    let database = open_database(file, &key(), CACHE, &mut rng()).unwrap();
    assert!(matches!(FileRaw::open(&path), Err(SealedError::InUse)));
    drop(database);
    let file = FileRaw::open(&path).unwrap();
    assert_eq!(look(&file).unwrap(), Found::Key);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "others may not read it");
    }
}

#[test]
fn something_else_is_never_overwritten() {
    let long = vec![b'x'; 100_000];
    for bytes in [b"my diary".to_vec(), long, b"lacre\x1asb".to_vec()] {
        let file = MemoryRaw::new(bytes.clone());
        assert!(matches!(look(&file), Err(SealedError::NotSealed)));
        assert!(matches!(create(&file, &key(), Protection::Key, &mut rng()), Err(SealedError::NotSealed)));
        assert_eq!(file.bytes(), bytes);
    }
    assert_eq!(look(&MemoryRaw::default()).unwrap(), Found::Nothing);
    assert_eq!(MemoryRaw::default().len().unwrap(), 0);
}
