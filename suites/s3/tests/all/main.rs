//! Blobs, and a whole relay, on a server that speaks S3.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod relay;
mod s3;
mod server;
