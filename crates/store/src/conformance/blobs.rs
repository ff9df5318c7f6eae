//! The stories that every backend of `Blobs` has to live.

use bytes::Bytes;

use crate::blobs::{BlobError, BlobId, Blobs, PART};

/// The blob of the stories.
pub const PHOTO: BlobId = BlobId([0xab; 16]);

/// Bytes that differ from place to place.
pub fn pattern(length: u64) -> Bytes {
    (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>().into()
}

/// A blob in one piece.
pub async fn whole(blobs: &impl Blobs) {
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

/// A blob in parts; between two parts the sender dies, and another opens the store.
pub async fn in_parts<B: Blobs>(blobs: B, reopen: impl AsyncFn(B) -> B) {
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
    let blobs = reopen(blobs).await;
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
    let blobs = reopen(blobs).await;
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
