//! The `Data` port: an ordered key-value store with logs, written in atomic, durable batches.
//!
//! `Ok` from [`Data::write`] means durable, always. A batch is applied whole or not at all: its assertions are
//! looked at first, against the state that all earlier batches left; one that fails refuses the batch.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

/// A key: one byte of subspace, then what the service that owns the subspace puts there.
/// Order is that of the bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Bytes);

impl Key {
    /// A key from its subspace and its parts, put one after the other.
    pub fn new(subspace: u8, parts: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
        bytes.push(subspace);
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Self(bytes.into())
    }

    /// The key's bytes, the subspace first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Key {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

/// A log: 16 bytes, chosen by the service (a mailbox's log is named by its device).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId(pub [u8; 16]);

/// What an assertion expects of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// There is no such key.
    Absent,
    /// The key has just this value.
    Value(Bytes),
}

/// One step of a batch; the steps are applied in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Sets a key.
    Put(Key, Bytes),
    /// Removes a key; nothing happens when it is absent.
    Delete(Key),
    /// Removes every key from the first (included) to the second (excluded).
    DeleteRange(Key, Key),
    /// Appends one value to each of the logs. The value is stored once however many logs there are, and is gone
    /// when every log has been truncated past it. Positions begin at 1, are contiguous in a log and in the order
    /// of commits, and are never given twice, not even after a truncation and a restart.
    Append(Arc<[LogId]>, Bytes),
    /// Removes the entries of a log up to and with a position; higher than the head is the head.
    Truncate(LogId, u64),
    /// Removes the first key in the range (first included, second excluded) and gives it to the writer: of
    /// many writers, each key goes to one.
    TakeFirst(Key, Key),
}

/// A batch: assertions, then steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// All must hold.
    pub asserts: Vec<(Key, Expected)>,
    /// Then all are applied.
    pub ops: Vec<Op>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds an assertion.
    pub fn assert(mut self, key: Key, expected: Expected) -> Self {
        self.asserts.push((key, expected));
        self
    }
    /// Adds [`Op::Put`].
    pub fn put(mut self, key: Key, value: impl Into<Bytes>) -> Self {
        self.ops.push(Op::Put(key, value.into()));
        self
    }
    /// Adds [`Op::Delete`].
    pub fn delete(mut self, key: Key) -> Self {
        self.ops.push(Op::Delete(key));
        self
    }
    /// Adds [`Op::DeleteRange`].
    pub fn delete_range(mut self, from: Key, to: Key) -> Self {
        self.ops.push(Op::DeleteRange(from, to));
        self
    }
    /// Adds [`Op::Append`].
    pub fn append(mut self, logs: impl Into<Arc<[LogId]>>, value: impl Into<Bytes>) -> Self {
        self.ops.push(Op::Append(logs.into(), value.into()));
        self
    }
    /// Adds [`Op::Truncate`].
    pub fn truncate(mut self, log: LogId, up_to: u64) -> Self {
        self.ops.push(Op::Truncate(log, up_to));
        self
    }
    /// Adds [`Op::TakeFirst`].
    pub fn take_first(mut self, from: Key, to: Key) -> Self {
        self.ops.push(Op::TakeFirst(from, to));
        self
    }
}

/// What a batch gave back: one entry for each [`Op::Append`] and [`Op::TakeFirst`], in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// For each `Append`, the positions, in the order of its logs.
    pub appended: Vec<Vec<u64>>,
    /// For each `TakeFirst`, what was taken.
    pub taken: Vec<Option<(Key, Bytes)>>,
}

/// Why a write did nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// An assertion did not hold: the index of the first. Read again and try again.
    #[error("assertion {0} does not hold")]
    Conflict(usize),
    /// The disk has no room. Nothing of the batch is stored; reads go on.
    #[error("no room left on the disk")]
    Full,
    /// The backend cannot serve.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The backend cannot serve now: an input or output error, or it was closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("storage is unavailable: {0}")]
pub struct Unavailable(pub String);

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its position.
    pub position: u64,
    /// Its value.
    pub value: Bytes,
}

/// Where a log stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogState {
    /// Highest position ever given; 0 when none was.
    pub head: u64,
    /// Everything up to this position is gone; `head - truncated` entries are stored.
    pub truncated: u64,
}

/// An ordered key-value store with logs. Cheap to clone; all clones are the same store.
pub trait Data: Clone + Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Bytes>, Unavailable>> + Send;

    /// Up to `limit` keys from the first (included) to the second (excluded), in order.
    fn scan(
        &self,
        from: &Key,
        to: &Key,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Key, Bytes)>, Unavailable>> + Send;

    /// Entries of a log after a position, in order: at most `limit`, and none that would take the values over
    /// `max_bytes` together (the first always comes).
    fn read_log(
        &self,
        log: LogId,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<LogEntry>, Unavailable>> + Send;

    /// Where a log stands.
    fn log_state(&self, log: LogId) -> impl Future<Output = Result<LogState, Unavailable>> + Send;

    /// Writes a batch: atomic, and durable when the future is ready with `Ok`. Batches of one caller take effect
    /// in the order in which `write` was called, even when their futures are awaited later or in another order;
    /// the call itself (not the first poll) hands the batch over.
    fn write(&self, batch: Batch) -> impl Future<Output = Result<Written, WriteError>> + Send + 'static;
}
