//! Sealed files in a folder.

use std::io::Cursor;

use lacre_engine::files::{CHUNK, SEALED_CHUNK, Shape};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn sealed(folder: &Folder, bytes: &[u8]) -> lacre_engine::content::FileRef {
    let mut rng = ChaCha20Rng::seed_from_u64(bytes.len() as u64);
    folder.seal(&mut Cursor::new(bytes), bytes.len() as u64, &mut rng, &mut |_| ()).unwrap()
}

fn files_in(path: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_in(&path) } else { 1 }).sum()
}

#[test]
fn what_is_sealed_is_saved_as_it_was_and_read_in_ranges() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path().join("files")).unwrap();
    let bytes = pattern(5 * CHUNK + 1234);
    let file = sealed(&folder, &bytes);
    assert!(folder.has(&file.hash));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let to = place.path().join("saved");
    folder.save(&file, &to, &mut rng, &mut |_| ()).unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), bytes);
    assert_eq!(folder.save(&file, &to, &mut rng, &mut |_| ()), Err(FilesError::Exists));
    for (from, to) in
        [(0, 1), (CHUNK - 1, CHUNK + 1), (CHUNK, 3 * CHUNK), (bytes.len() - 5, bytes.len() + 99)]
    {
        let read = folder.read(&file, from as u64..to as u64).unwrap();
        assert_eq!(read, bytes[from..to.min(bytes.len())], "{from}..{to}");
    }
    assert!(folder.read(&file, 1 << 40..1 << 41).unwrap().is_empty());
}

#[test]
fn w08_an_altered_chunk_leaves_nothing_under_the_name_and_other_ranges_can_still_be_read() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path().join("files")).unwrap();
    let bytes = pattern(3 * CHUNK);
    let file = sealed(&folder, &bytes);
    let mut sealed = std::fs::read(folder.place(&file.hash)).unwrap();
    sealed[2 * SEALED_CHUNK + 7] ^= 1;
    std::fs::write(folder.place(&file.hash), &sealed).unwrap();
    let to = place.path().join("saved");
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let refused = folder.save(&file, &to, &mut rng, &mut |_| ());
    assert_eq!(refused, Err(FilesError::File(FileError::Altered)));
    assert_eq!(files_in(place.path()), 1, "nothing but the sealed file");
    assert_eq!(folder.read(&file, 0..2 * CHUNK as u64).unwrap(), bytes[..2 * CHUNK]);
    assert!(folder.read(&file, 2 * CHUNK as u64..2 * CHUNK as u64 + 1).is_err());
    std::fs::write(folder.place(&file.hash), &sealed[..100]).unwrap();
    assert_eq!(folder.read(&file, 0..1), Err(FilesError::File(FileError::Length)));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_not_sent() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for size in [99, 101] {
        let sealed = folder.seal(&mut Cursor::new(pattern(100)), size, &mut rng, &mut |_| ());
        assert_eq!(sealed.unwrap_err(), FilesError::Changed);
    }
    let large = folder.seal(&mut Cursor::new(Vec::new()), (2 << 30) + 1, &mut rng, &mut |_| ());
    assert_eq!(large.unwrap_err(), FilesError::File(FileError::TooLarge));
    assert_eq!(files_in(place.path()), 0);
}

#[test]
fn what_no_message_has_is_swept_away_and_what_was_being_made_too() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    let (kept, gone) = (sealed(&folder, b"kept"), sealed(&folder, b"gone"));
    std::fs::write(folder.coming(&gone.hash), b"half").unwrap();
    std::fs::write(place.path().join("making/7"), b"torn").unwrap();
    let folder = Folder::open(place.path()).unwrap();
    folder.sweep(&mut |hash| *hash == kept.hash).unwrap();
    assert_eq!(folder.stored().unwrap().len(), 1);
    assert_eq!(files_in(place.path()), 1);
    assert!(folder.has(&kept.hash) && !folder.has(&gone.hash));
}

#[test]
fn the_same_file_is_never_sealed_alike() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::open(place.path()).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut seal = || folder.seal(&mut Cursor::new(b"wax"), 3, &mut rng, &mut |_| ()).unwrap();
    let (one, other) = (seal(), seal());
    assert!(one.key != other.key && one.hash != other.hash && one.capability != other.capability);
    assert_eq!(Shape::of(one.size).unwrap().sealed(), 3 + 16);
}
