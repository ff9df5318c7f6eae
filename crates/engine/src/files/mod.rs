//! Sealed files: what leaves a device of a photo, a video or a document. `docs/protocol/sealed-file.md`.
//!
//! A file is cut into chunks of 64 KiB, each sealed on its own by STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015) with
//! AES-256-GCM under a key that is used for no other file. A chunk opens only in its place, in a file of its length,
//! and the last one only as the last: so a range can be read without the rest, and nothing can be cut off, moved,
//! swapped or added.
//!
//! Nothing here reads or writes a file: the caller hands over one chunk at a time.

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use aead_stream::{Key, NewStream, Nonce, StreamBE32, StreamPrimitive};
use aes_gcm::Aes256Gcm;
use lacre_proto::limits;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::content::envelope::padme;

/// Bytes of a file in one chunk.
pub const CHUNK: usize = 64 * 1024;
/// Bytes that the seal adds to a chunk.
pub const TAG: usize = 16;
/// Bytes of a whole chunk as it is sealed.
pub const SEALED_CHUNK: usize = CHUNK + TAG;

/// What the associated data of every chunk begins with; the length of the file follows.
const LABEL: &[u8] = b"lacre file v1";

/// Why a sealed file is not opened. The peer's doing, or the relay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Larger than files may be.
    #[error("the file is larger than {} bytes, which is the most that can be sent", limits::FILE)]
    TooLarge,
    /// The sealed file has another length than a file of its size has: cut off, or something was added.
    #[error("the file that came is not as long as the one that was sent")]
    Length,
    /// There is no such chunk.
    #[error("the file has no such part")]
    NoSuchChunk,
    /// A chunk does not open: altered, of another file or place, or the key is wrong.
    #[error("the file that came is not the one that was sent")]
    Altered,
}

/// A sealed file on its way in: its length and hash, as it comes.
#[derive(Debug)]
pub struct Arriving {
    hash: Sha256,
    length: u64,
    shape: Shape,
}

/// A sealed file that came whole and has the hash that the sender told: made by [`Arriving::check`], demanded by who
/// puts it under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(());

impl Arriving {
    /// Nothing has come yet.
    pub fn new(shape: Shape) -> Self {
        Self { hash: Sha256::new(), length: 0, shape }
    }

    /// The next bytes of the sealed file.
    pub fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.hash.update(bytes);
    }

    /// Whether that was the file which was sent.
    pub fn check(self, expected: &[u8; 32]) -> Result<Whole, FileError> {
        if self.length != self.shape.sealed() {
            return Err(FileError::Length);
        }
        let found: [u8; 32] = self.hash.finalize().into();
        if found == *expected { Ok(Whole(())) } else { Err(FileError::Altered) }
    }

    /// Takes whatever came: to show what [`check`](Self::check) is for.
    #[cfg(feature = "evil")]
    pub fn unchecked(self) -> Whole {
        Whole(())
    }
}

/// What opens a file: a key that no other file has, and the nonce's free bytes. Goes into sealed content only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct FileKey {
    /// AES-256-GCM.
    pub key: [u8; 32],
    /// The first 7 bytes of each chunk's nonce; chunk number and last flag follow (STREAM).
    pub nonce: [u8; 7],
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(..)")
    }
}

impl FileKey {
    /// A new key.
    pub fn random(rng: &mut dyn CryptoRng) -> Self {
        let mut key = Self { key: [0; 32], nonce: [0; 7] };
        rng.fill_bytes(&mut key.key);
        rng.fill_bytes(&mut key.nonce);
        key
    }
}

/// The shape of a sealed file, by the size of what is in it.
///
/// What is sealed is padded with zeros to the next PADMÉ size, so that the relay sees about how large a file is and
/// not just how large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    size: u64,
    padded: u64,
}

impl Shape {
    /// The shape of a file of so many bytes.
    pub fn of(size: u64) -> Result<Self, FileError> {
        if size > limits::FILE {
            return Err(FileError::TooLarge);
        }
        let padded = usize::try_from(size).map_err(|_| FileError::TooLarge)?;
        Ok(Self { size, padded: padme(padded) as u64 })
    }

    /// Bytes of the file itself.
    pub fn size(self) -> u64 {
        self.size
    }

    /// Chunks; an empty file has one.
    pub fn chunks(self) -> u32 {
        let chunks = self.padded.div_ceil(CHUNK as u64).max(1);
        u32::try_from(chunks).expect("a file of the largest size has far fewer chunks")
    }

    /// Bytes of the sealed file.
    pub fn sealed(self) -> u64 {
        self.padded + u64::from(self.chunks()) * TAG as u64
    }

    /// Where a chunk's bytes of the file are; empty where there is only padding.
    pub fn plain(self, chunk: u32) -> Range<u64> {
        let from = u64::from(chunk) * CHUNK as u64;
        from.min(self.size)..(from + CHUNK as u64).min(self.size)
    }

    /// Where a sealed chunk is in the sealed file.
    pub fn place(self, chunk: u32) -> Range<u64> {
        let from = u64::from(chunk) * SEALED_CHUNK as u64;
        from.min(self.sealed())..(from + SEALED_CHUNK as u64).min(self.sealed())
    }

    /// The chunks that a range of the file lies in.
    pub fn chunks_of(self, range: Range<u64>) -> Range<u32> {
        let end = range.end.min(self.size);
        if range.start >= end {
            return 0..0;
        }
        let number = |at: u64| u32::try_from(at / CHUNK as u64).unwrap_or(u32::MAX);
        number(range.start)..number(end - 1) + 1
    }

    /// What is sealed of a chunk, padding included.
    fn padded(self, chunk: u32) -> usize {
        let place = self.place(chunk);
        ((place.end - place.start) as usize).saturating_sub(TAG)
    }

    /// The associated data of every chunk.
    pub fn associated(self) -> Vec<u8> {
        [LABEL, &self.size.to_be_bytes()].concat()
    }
}

/// Seals and opens the chunks of one file, in any order.
pub struct FileSeal {
    stream: StreamBE32<Aes256Gcm>,
    shape: Shape,
    associated: Vec<u8>,
}

impl fmt::Debug for FileSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSeal").field("shape", &self.shape).finish_non_exhaustive()
    }
}

impl FileSeal {
    /// For a file of this shape under its key.
    pub fn new(key: &FileKey, shape: Shape) -> Self {
        let (secret, nonce): (Key<Aes256Gcm>, Nonce<Aes256Gcm, StreamBE32<Aes256Gcm>>) =
            (key.key.into(), key.nonce.into());
        Self { stream: StreamBE32::new(&secret, &nonce), shape, associated: shape.associated() }
    }

    /// The file's shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Seals a chunk in place: the buffer holds the chunk's bytes of the file, all of them.
    pub fn seal(&self, chunk: u32, buffer: &mut Vec<u8>) -> Result<(), FileError> {
        let plain = self.plain_length(chunk)?;
        if buffer.len() != plain {
            return Err(FileError::Length);
        }
        buffer.resize(self.shape.padded(chunk), 0);
        self.stream
            .encrypt_in_place(chunk, self.is_last(chunk), &self.associated, buffer)
            .map_err(|_| FileError::TooLarge)
    }

    /// Opens a chunk in place: the buffer holds the sealed chunk, and then the chunk's bytes of the file. After a
    /// refusal there is nothing in it.
    pub fn open(&self, chunk: u32, buffer: &mut Vec<u8>) -> Result<(), FileError> {
        let opened = self.open_padded(chunk, buffer);
        if opened.is_err() {
            buffer.zeroize();
        }
        opened
    }

    fn open_padded(&self, chunk: u32, buffer: &mut Vec<u8>) -> Result<(), FileError> {
        let plain = self.plain_length(chunk)?;
        let place = self.shape.place(chunk);
        if buffer.len() as u64 != place.end - place.start {
            return Err(FileError::Length);
        }
        self.stream
            .decrypt_in_place(chunk, self.is_last(chunk), &self.associated, buffer)
            .map_err(|_| FileError::Altered)?;
        if buffer[plain..].iter().any(|&byte| byte != 0) {
            return Err(FileError::Altered);
        }
        buffer.truncate(plain);
        Ok(())
    }

    fn plain_length(&self, chunk: u32) -> Result<usize, FileError> {
        if chunk >= self.shape.chunks() {
            return Err(FileError::NoSuchChunk);
        }
        let plain = self.shape.plain(chunk);
        Ok((plain.end - plain.start) as usize)
    }

    fn is_last(&self, chunk: u32) -> bool {
        chunk + 1 == self.shape.chunks()
    }
}
