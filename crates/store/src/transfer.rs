//! A whole store as one stream, from any backend into any other.
//!
//! The stream: 8 bytes of magic, the format's number (u16 BE), items, an end. An item is its kind (u8) and fields;
//! byte strings have their length (u32 BE) before them.
//!
//! | kind | item | fields |
//! | --- | --- | --- |
//! | 6 | file | id 16, length u64 BE, bytes, SHA-256 of them |
//! | 7 | end of the files | how many are left out u64 BE |
//! | 1 | key | key, value |
//! | 2 | shared value | number u64 BE, value |
//! | 3 | log | id 16, head u64 BE, truncated u64 BE; its `head - truncated` entries follow |
//! | 4 | entry with its value | value |
//! | 5 | entry with a shared value | number u64 BE |
//! | 255 | end | items before it u64 BE, SHA-256 of everything before the sum |
//!
//! Files come first, so that whatever the data names is there before it. Format 1 had neither them nor their end.
//!
//! An import stores all or nothing of the data: a stream that is cut, altered or newer leaves the target as it was, empty.
//! Files that came whole before stay where they were put; the same import goes on with them.

use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use sha2::{Digest, Sha256};

pub use self::files::{Carried, Exporter, Importer};
use crate::data::{Data, Key, LogId, LogState, Unavailable};

mod files;

const MAGIC: [u8; 8] = *b"lacre\x1aex";
const VERSION: u16 = 2;
/// The first format that has files.
const WITH_FILES: u16 = 2;
/// Longest key or value in a stream.
const LONGEST: u32 = 64 * 1024 * 1024;

/// One part of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A key and its value.
    Key(Key, Bytes),
    /// A value that several entries have; comes before them.
    Value(u64, Bytes),
    /// A log; just its entries follow.
    Log(LogId, LogState),
    /// The next entry of the log, with its value.
    Entry(Bytes),
    /// The next entry of the log, with a shared value.
    SharedEntry(u64),
}

/// Why a store was not exported or imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// There is something in the target already.
    #[error("the store to import into is not empty")]
    NotEmpty,
    /// It is another kind of file.
    #[error("this is not an exported store")]
    NotAnExport,
    /// The stream was written by a newer version, whose format number is given.
    #[error("the export has format {0}, which is newer than this version can read")]
    NewerVersion(u16),
    /// The stream ends too early.
    #[error("the export is cut short")]
    CutShort,
    /// The stream is not what was written.
    #[error("the export is damaged: {0}")]
    Damaged(&'static str),
    /// The target's disk has no room.
    #[error("no room left on the disk")]
    Full,
    /// Reading or writing failed, of the stream or of a store.
    #[error("input or output failed: {0}")]
    Io(String),
}

/// What a backend gives and takes.
pub trait Portable: Data {
    /// Gives every part of the store, as of one moment, in an order that [`Portable::take_in`] takes.
    fn give_out(&self, sink: &mut dyn FnMut(Item) -> Result<(), TransferError>) -> Result<(), TransferError>;

    /// Fills an empty store: all or nothing, durable when it returns. An error among the items ends it.
    fn take_in(
        &self,
        items: &mut dyn Iterator<Item = Result<Item, TransferError>>,
    ) -> Result<(), TransferError>;
}

/// Writes a whole store to a stream, without files; returns how many items it has.
pub fn export(source: &impl Portable, stream: impl Write) -> Result<u64, TransferError> {
    Exporter::begin(stream)?.finish(0, source)
}

/// Fills an empty store from a stream that has no files; returns how many items it had.
pub fn import(stream: impl Read, target: &impl Portable) -> Result<u64, TransferError> {
    let mut import = Importer::begin(stream)?;
    match import.next_file()? {
        None => import.finish(target),
        Some(_) => Err(TransferError::Damaged("files where none were expected")),
    }
}

/// Whether a store holds nothing, so that it can be filled.
pub async fn is_empty(store: &impl Data) -> Result<bool, Unavailable> {
    Ok(store.scan(&Key::new(0, &[]), &Key::new(u8::MAX, &[]), 1).await?.is_empty())
}

fn write_item(stream: &mut impl Write, item: &Item) -> io::Result<()> {
    match item {
        Item::Key(key, value) => {
            stream.write_all(&[1])?;
            write_bytes(stream, key.as_bytes())?;
            write_bytes(stream, value)
        }
        Item::Value(number, value) => {
            stream.write_all(&[2])?;
            stream.write_all(&number.to_be_bytes())?;
            write_bytes(stream, value)
        }
        Item::Log(log, LogState { head, truncated }) => {
            stream.write_all(&[3])?;
            stream.write_all(&log.0)?;
            stream.write_all(&head.to_be_bytes())?;
            stream.write_all(&truncated.to_be_bytes())
        }
        Item::Entry(value) => {
            stream.write_all(&[4])?;
            write_bytes(stream, value)
        }
        Item::SharedEntry(number) => {
            stream.write_all(&[5])?;
            stream.write_all(&number.to_be_bytes())
        }
    }
}

fn write_bytes(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let len = u32::try_from(bytes.len()).ok().filter(|len| *len <= LONGEST);
    let len = len.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a value is too long to export"))?;
    stream.write_all(&len.to_be_bytes())?;
    stream.write_all(bytes)
}

/// The items of a stream; ends without an error only behind a whole and unaltered one.
struct Items<R> {
    stream: Summed<R>,
    read: u64,
    /// Entries that the log still has to have.
    due: u64,
    done: bool,
}

impl<R: Read> Items<R> {
    /// The format that it has.
    fn read_head(&mut self) -> Result<u16, TransferError> {
        let mut magic = [0; 8];
        self.stream.read_exact(&mut magic).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => TransferError::NotAnExport,
            _ => error.into(),
        })?;
        if magic != MAGIC {
            return Err(TransferError::NotAnExport);
        }
        match u16::from_be_bytes(self.field()?) {
            known @ 1..=VERSION => Ok(known),
            newer if newer > VERSION => Err(TransferError::NewerVersion(newer)),
            _ => Err(TransferError::Damaged("there is no such format")),
        }
    }

    fn read_item(&mut self) -> Result<Option<Item>, TransferError> {
        let [kind] = self.field()?;
        if (self.due == 0) == matches!(kind, 4 | 5) {
            return Err(TransferError::Damaged("a log has more or fewer entries than it says"));
        }
        let item = match kind {
            1 => Item::Key(self.bytes()?.into(), self.bytes()?),
            2 => Item::Value(self.number()?, self.bytes()?),
            3 => {
                let (log, head, truncated) = (LogId(self.field()?), self.number()?, self.number()?);
                // Half of all positions are more than a log ever gets, and leave room for what follows.
                let due = head.checked_sub(truncated).filter(|_| head < 1 << 63);
                self.due = due.ok_or(TransferError::Damaged("a log ends before it begins"))?;
                Item::Log(log, LogState { head, truncated })
            }
            4 => Item::Entry(self.bytes()?),
            5 => Item::SharedEntry(self.number()?),
            255 => return self.read_end().map(|()| None),
            _ => return Err(TransferError::Damaged("an item of no known kind")),
        };
        self.due -= u64::from(matches!(kind, 4 | 5));
        self.read += 1;
        Ok(Some(item))
    }

    fn read_end(&mut self) -> Result<(), TransferError> {
        if self.number()? != self.read {
            return Err(TransferError::Damaged("items are missing"));
        }
        let sum = self.stream.sum.clone().finalize();
        if self.field::<32>()?[..] != sum[..] {
            return Err(TransferError::Damaged("the sum differs"));
        }
        match self.stream.stream.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(TransferError::Damaged("something follows the end")),
        }
    }

    fn field<const N: usize>(&mut self) -> Result<[u8; N], TransferError> {
        let mut field = [0; N];
        self.stream.read_exact(&mut field)?;
        Ok(field)
    }

    fn number(&mut self) -> Result<u64, TransferError> {
        self.field().map(u64::from_be_bytes)
    }

    fn bytes(&mut self) -> Result<Bytes, TransferError> {
        let len = u32::from_be_bytes(self.field()?);
        if len > LONGEST {
            return Err(TransferError::Damaged("a value is too long"));
        }
        // Grows with what really comes, so that a false length costs nothing.
        let mut bytes = Vec::new();
        let read = (&mut self.stream).take(len.into()).read_to_end(&mut bytes)?;
        if read < len as usize { Err(TransferError::CutShort) } else { Ok(bytes.into()) }
    }
}

impl<R: Read> Iterator for Items<R> {
    type Item = Result<Item, TransferError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read_item().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

/// A stream, and the sum of what went through it.
struct Summed<S> {
    stream: S,
    sum: Sha256,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(out)?;
        self.sum.update(&out[..read]);
        Ok(read)
    }
}

impl From<io::Error> for TransferError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::CutShort,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error.to_string()),
        }
    }
}
