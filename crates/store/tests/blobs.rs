//! The same stories on every backend of blobs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use lacre_store::blobs::{BlobError, Blobs, FolderBlobs, MemoryBlobs};
use lacre_store::conformance::blobs::{PHOTO, in_parts, pattern, whole};

#[tokio::test]
async fn memory_keeps_blobs() {
    whole(&MemoryBlobs::new()).await;
    in_parts(MemoryBlobs::new(), async |blobs| blobs).await;
}

#[tokio::test]
async fn a_folder_keeps_blobs_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FolderBlobs::open(folder.path()).unwrap();
    whole(&open()).await;
    in_parts(open(), async |_| open()).await;
    open().delete(PHOTO).await.unwrap();
    let files = walk(folder.path());
    assert!(files.is_empty(), "left behind: {files:?}");
}

#[tokio::test]
async fn what_a_broken_write_left_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    drop(FolderBlobs::open(folder.path()).unwrap());
    std::fs::write(folder.path().join("temporary/7"), b"half").unwrap();
    let blobs = FolderBlobs::open(folder.path()).unwrap();
    assert!(walk(folder.path()).is_empty());
    blobs.put(PHOTO, pattern(3)).await.unwrap();
    assert_eq!(walk(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_a_typed_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("whole"), b"a file where a folder should be").unwrap();
    assert!(matches!(FolderBlobs::open(folder.path()), Err(BlobError::Unavailable(_))));
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
