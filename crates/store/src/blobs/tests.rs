//! The same stories on both backends.

use super::*;

const PHOTO: BlobId = BlobId([0xab; 16]);

fn pattern(length: u64) -> Bytes {
    (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>().into()
}

async fn whole(blobs: &impl Blobs) {
    assert_eq!(blobs.read(PHOTO, 0..9).await, Ok(None));
    blobs.put(PHOTO, pattern(1000)).await.unwrap();
    assert_eq!(blobs.put(PHOTO, pattern(1)).await, Err(BlobError::Exists));
    assert_eq!(blobs.put_part(PHOTO, 0, pattern(1)).await, Err(BlobError::Exists));
    assert_eq!(blobs.length(PHOTO).await, Ok(Some(1000)));
    assert_eq!(blobs.read(PHOTO, 10..20).await, Ok(Some(pattern(1000).slice(10..20))));
    assert_eq!(blobs.read(PHOTO, 990..5000).await, Ok(Some(pattern(1000).slice(990..))));
    assert_eq!(blobs.read(PHOTO, 2000..u64::MAX).await, Ok(Some(Bytes::new())));
    blobs.delete(PHOTO).await.unwrap();
    blobs.delete(PHOTO).await.unwrap();
    assert_eq!(blobs.length(PHOTO).await, Ok(None));
}

async fn in_parts<B: Blobs>(blobs: B, reopen: impl Fn(B) -> B) {
    let length = 2 * PART + 77;
    let video = pattern(length);
    let part =
        |number: u64| video.slice((number * PART) as usize..(length.min((number + 1) * PART)) as usize);
    assert_eq!(blobs.finish(PHOTO, length).await, Err(BlobError::Incomplete(0)));
    blobs.put_part(PHOTO, 2, part(2)).await.unwrap();
    blobs.put_part(PHOTO, 0, pattern(5)).await.unwrap();
    assert_eq!(blobs.put_part(PHOTO, 1, Bytes::new()).await, Err(BlobError::BadPart));
    assert_eq!(blobs.put_part(PHOTO, 1, pattern(PART + 1)).await, Err(BlobError::BadPart));
    // The sender starts anew, asks what is there, and sends the rest.
    let blobs = reopen(blobs);
    assert_eq!(blobs.parts(PHOTO).await, Ok(vec![(0, 5), (2, 77)]));
    assert_eq!(blobs.finish(PHOTO, length).await, Err(BlobError::Incomplete(0)));
    blobs.put_part(PHOTO, 0, part(0)).await.unwrap();
    assert_eq!(blobs.finish(PHOTO, length).await, Err(BlobError::Incomplete(1)));
    blobs.put_part(PHOTO, 1, part(1)).await.unwrap();
    assert_eq!(blobs.finish(PHOTO, length + 1).await, Err(BlobError::Incomplete(2)));
    assert_eq!(blobs.finish(PHOTO, PART).await, Err(BlobError::Incomplete(1)));
    assert_eq!(blobs.length(PHOTO).await, Ok(None));
    blobs.finish(PHOTO, length).await.unwrap();
    blobs.finish(PHOTO, length).await.unwrap();
    assert_eq!(blobs.finish(PHOTO, length - 1).await, Err(BlobError::Exists));
    let blobs = reopen(blobs);
    assert_eq!(blobs.parts(PHOTO).await, Ok(vec![]));
    assert_eq!(blobs.length(PHOTO).await, Ok(Some(length)));
    for (from, to) in
        [(0, 10), (PART - 5, PART + 5), (PART, 2 * PART), (1, length), (2 * PART + 70, length + 9)]
    {
        let expected = video.slice(from as usize..to.min(length) as usize);
        assert_eq!(blobs.read(PHOTO, from..to).await, Ok(Some(expected)));
    }
    blobs.delete(PHOTO).await.unwrap();
    assert_eq!(blobs.read(PHOTO, 0..1).await, Ok(None));
    blobs.put_part(PHOTO, 0, part(2)).await.unwrap();
    blobs.delete(PHOTO).await.unwrap();
    assert_eq!(blobs.parts(PHOTO).await, Ok(vec![]));
    blobs.finish(PHOTO, 0).await.unwrap();
    assert_eq!(blobs.read(PHOTO, 0..1).await, Ok(Some(Bytes::new())));
}

#[tokio::test]
async fn memory_keeps_blobs() {
    whole(&MemoryBlobs::new()).await;
    in_parts(MemoryBlobs::new(), |blobs| blobs).await;
}

#[tokio::test]
async fn a_folder_keeps_blobs_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let open = || FolderBlobs::open(folder.path()).unwrap();
    whole(&open()).await;
    in_parts(open(), |_| open()).await;
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
