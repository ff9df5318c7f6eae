//! The files in a stream: from one store of blobs into another, a part at a time.

use std::io::{Read, Write};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Items, MAGIC, Portable, Summed, TransferError, VERSION, WITH_FILES, write_item};
use crate::blobs::{BlobError, BlobId, Blobs, PART};

const FILE: u8 = 6;
const FILES_END: u8 = 7;

/// An export under way: first its files, then the data that names them.
pub struct Exporter<W> {
    stream: Summed<W>,
    items: u64,
}

impl<W: Write> Exporter<W> {
    /// Begins a stream.
    pub fn begin(stream: W) -> Result<Self, TransferError> {
        let mut stream = Summed { stream, sum: Sha256::new() };
        stream.write_all(&MAGIC)?;
        stream.write_all(&VERSION.to_be_bytes())?;
        Ok(Self { stream, items: 0 })
    }

    /// Writes one file; `false` when it is not there in its whole size, so that one that is damaged does not stop the
    /// others. `progress` gets the bytes that went.
    pub async fn file(
        &mut self,
        blobs: &impl Blobs,
        id: BlobId,
        size: u64,
        progress: &mut dyn FnMut(u64),
    ) -> Result<bool, TransferError> {
        let length = blobs.length(id).await?.filter(|length| *length == size);
        let Some(length) = length else { return Ok(false) };
        self.stream.write_all(&[FILE])?;
        self.stream.write_all(&id.0)?;
        self.stream.write_all(&length.to_be_bytes())?;
        let (mut sum, mut at) = (Sha256::new(), 0);
        while at < length {
            let piece = blobs.read(id, at..length.min(at + PART)).await?.filter(|piece| !piece.is_empty());
            let piece = piece.ok_or_else(|| TransferError::Io("a file went while it was read".to_owned()))?;
            self.stream.write_all(&piece)?;
            sum.update(&piece);
            at += piece.len() as u64;
            progress(piece.len() as u64);
        }
        self.stream.write_all(&sum.finalize())?;
        self.items += 1;
        Ok(true)
    }

    /// Writes the data, which names so many files that were left out, and ends the stream; returns how many items it
    /// has.
    pub fn finish(mut self, left_out: u64, source: &impl Portable) -> Result<u64, TransferError> {
        self.stream.write_all(&[FILES_END])?;
        self.stream.write_all(&left_out.to_be_bytes())?;
        let (stream, items) = (&mut self.stream, &mut self.items);
        source.give_out(&mut |item| {
            *items += 1;
            Ok(write_item(stream, &item)?)
        })?;
        self.stream.write_all(&[255])?;
        self.stream.write_all(&self.items.to_be_bytes())?;
        let Summed { mut stream, sum } = self.stream;
        stream.write_all(&sum.finalize())?;
        stream.flush()?;
        Ok(self.items)
    }
}

/// An import under way: first its files, then the data.
pub struct Importer<R> {
    items: Items<R>,
    files_due: bool,
    carried: Carried,
}

/// Which files a stream has had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// Files that it carried.
    pub files: u64,
    /// Of these, those that were in their place already.
    pub there: u64,
    /// Files that its data names and that it does not carry; unknown (and 0) in a stream of format 1.
    pub left_out: u64,
}

impl<R: Read> Importer<R> {
    /// Begins with a stream.
    pub fn begin(stream: R) -> Result<Self, TransferError> {
        let stream = Summed { stream, sum: Sha256::new() };
        let mut items = Items { stream, read: 0, due: 0, done: false };
        let files_due = items.read_head()? >= WITH_FILES;
        Ok(Self { items, files_due, carried: Carried::default() })
    }

    /// Puts all files into their place; those that lie there already are passed over. `progress` gets the bytes that
    /// came.
    pub async fn files(
        &mut self,
        blobs: &impl Blobs,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Carried, TransferError> {
        while let Some((id, length)) = self.next_file()? {
            let there = match blobs.length(id).await? {
                Some(found) if found != length => return Err(BlobError::Exists.into()),
                found => found.is_some(),
            };
            let put = self.file(id, length, (!there).then_some(blobs), progress).await;
            if put.is_err() && !there {
                // Of a file that is not what it was nothing stays; what cannot be deleted is written over the next time.
                let _ = blobs.delete(id).await;
            }
            put?;
            self.carried.there += u64::from(there);
        }
        Ok(self.carried)
    }

    /// Which files there were so far.
    pub fn carried(&self) -> Carried {
        self.carried
    }

    /// Passes over all files.
    pub async fn pass_over(&mut self, progress: &mut dyn FnMut(u64)) -> Result<Carried, TransferError> {
        while let Some((id, length)) = self.next_file()? {
            self.file(id, length, None::<&crate::blobs::MemoryBlobs>, progress).await?;
        }
        Ok(self.carried)
    }

    /// Reads one file, and writes it where it is to lie. It is one only when its sum is right.
    async fn file(
        &mut self,
        id: BlobId,
        length: u64,
        into: Option<&impl Blobs>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), TransferError> {
        let (mut sum, mut left) = (Sha256::new(), length);
        for number in 0.. {
            if left == 0 {
                break;
            }
            let piece = self.piece(left.min(PART))?;
            sum.update(&piece);
            left -= piece.len() as u64;
            progress(piece.len() as u64);
            if let Some(blobs) = into {
                blobs.put_part(id, number, piece).await?;
            }
        }
        if self.items.field::<32>()?[..] != sum.finalize()[..] {
            return Err(TransferError::Damaged("a file's sum differs"));
        }
        if let Some(blobs) = into {
            blobs.finish(id, length).await?;
        }
        self.carried.files += 1;
        self.items.read += 1;
        Ok(())
    }

    /// The next file's id and length; `None` when there are no more.
    pub(super) fn next_file(&mut self) -> Result<Option<(BlobId, u64)>, TransferError> {
        if !self.files_due {
            return Ok(None);
        }
        match self.items.field::<1>()? {
            [FILE] => Ok(Some((BlobId(self.items.field()?), self.items.number()?))),
            [FILES_END] => {
                self.files_due = false;
                self.carried.left_out = self.items.number()?;
                Ok(None)
            }
            _ => Err(TransferError::Damaged("the files have no end")),
        }
    }

    fn piece(&mut self, length: u64) -> Result<Bytes, TransferError> {
        let mut piece = Vec::new();
        let read = (&mut self.items.stream).take(length).read_to_end(&mut piece)? as u64;
        if read < length { Err(TransferError::CutShort) } else { Ok(piece.into()) }
    }

    /// Fills an empty store with the data; returns how many items the stream had.
    pub fn finish(mut self, target: &impl Portable) -> Result<u64, TransferError> {
        if self.files_due {
            return Err(TransferError::Damaged("the files were not read"));
        }
        target.take_in(&mut self.items)?;
        Ok(self.items.read)
    }
}

impl From<BlobError> for TransferError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full => Self::Full,
            BlobError::Exists => Self::Damaged("another file lies under a file's name"),
            BlobError::BadPart | BlobError::Incomplete(_) => Self::Damaged("a file has parts that are none"),
            BlobError::Unavailable(reason) => Self::Io(format!("of files: {reason}")),
        }
    }
}
