//! Blobs at a server that speaks S3: one that runs in this process, over a socket and with signed requests.

use bytes::Bytes;
use lacre_store::blobs::{BlobError, BlobId, Blobs, PART, S3Blobs, S3Options};
use lacre_store::conformance::blobs::{PHOTO, in_parts, pattern, whole};

use crate::server::Server;

#[tokio::test]
async fn s3_keeps_blobs_whole_and_in_parts_over_the_death_of_their_sender() {
    let server = Server::start().await;
    whole(&server.open().await).await;
    in_parts(server.open().await, async |_| server.open().await).await;
}

#[tokio::test]
async fn a_crash_between_parts_loses_none_and_one_between_the_steps_of_a_deletion_leaves_nothing_to_read() {
    let server = Server::start().await;
    let blobs = server.open().await;
    for number in 0..2 {
        blobs.put_part(PHOTO, number, pattern(PART)).await.unwrap();
    }
    drop(blobs);
    let blobs = server.open().await;
    assert_eq!(blobs.parts(PHOTO).await, Ok(vec![(0, PART), (1, PART)]));
    blobs.finish(PHOTO, 2 * PART).await.unwrap();
    // Another relay finishes what was finished: the same; and something else beside: nothing of the other.
    assert_eq!(server.open().await.finish(PHOTO, 2 * PART).await, Ok(()));
    blobs.put(BlobId([1; 16]), Bytes::from_static(b"other")).await.unwrap();
    server.open().await.delete(PHOTO).await.unwrap();
    let later = server.open().await;
    assert_eq!(later.read(PHOTO, 0..9).await, Ok(None));
    assert_eq!(later.parts(PHOTO).await, Ok(vec![]));
    assert_eq!(later.read(BlobId([1; 16]), 0..9).await, Ok(Some(Bytes::from_static(b"other"))));
}

#[tokio::test]
async fn what_cannot_be_reached_or_is_not_allowed_is_known_at_the_start() {
    let server = Server::start().await;
    let refused = async |options: S3Options| match S3Blobs::open(&options).await {
        Err(BlobError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    };
    let wrong = Some(("access".to_owned(), "other".to_owned()));
    refused(S3Options { credentials: wrong, ..server.options.clone() }).await;
    let elsewhere = Some("http://files.example:9000".to_owned());
    let why = refused(S3Options { endpoint: elsewhere, ..server.options.clone() }).await;
    assert!(why.contains("https"), "{why}");
}
