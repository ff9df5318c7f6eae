//! The relay's stories: over sessions without sockets, and over real sockets on loopback.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accounts;
mod blob_attacks;
mod blob_quota;
mod blobs;
mod blocks;
mod business;
mod conversations;
mod devices;
mod edge;
mod frames;
mod lead;
mod operator;
mod page;
mod quality;
mod resync;
mod sockets;
mod storage;
mod world;
