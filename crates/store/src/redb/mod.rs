//! `Data` on redb, one file, sealed when there is a key.
//!
//! One thread writes. It gathers the batches that come while it waits or commits, and stores them in one
//! transaction; a batch whose assertions do not hold leaves nothing behind and does not hinder the others. Reads go
//! straight to the last commit, on the thread that asks.
//!
//! A commit writes one row of a journal; what the rows of a while add up to lies in memory too and is put into the
//! tables later, in their order (see `layout`).

mod batch;
mod journal;
mod layer;
mod layout;
mod medium;
mod portable;
mod settle;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use std::future::{Future, ready};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use rand_core::CryptoRng;
use redb::StorageError;
use tokio::sync::oneshot;

use crate::data::{Batch, Data, Key, LogEntry, LogId, LogState, Unavailable, WriteError, Written};
use crate::inspect::{Inspect, Stats};
pub use medium::OpenError;
use medium::{File, Medium};
use view::{LogPage, Stack};
use writer::{Shared, Writer};

/// How to open a store.
#[derive(Clone)]
pub struct RedbOptions {
    /// The file; made when it is not there.
    pub path: PathBuf,
    /// How long the first batch waits for others to be committed with it, when not many are there already: a few
    /// milliseconds save most of the commits of a lightly loaded relay.
    pub linger: Duration,
    /// Seals the file. A store keeps the way it was made.
    pub data_key: Option<[u8; 32]>,
    /// Memory for pages, in bytes.
    pub cache_bytes: usize,
    /// What was written is gathered in memory and in the journal, up to about twice as many bytes as this, before
    /// it is put into the tables: more saves work, less makes it start faster after a crash.
    pub window_bytes: usize,
}

impl RedbOptions {
    /// Options for a file: linger 5 ms, no key, 64 MiB of cache, a window of 16 MiB.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            linger: Duration::from_millis(5),
            data_key: None,
            cache_bytes: 64 * 1024 * 1024,
            window_bytes: 16 * 1024 * 1024,
        }
    }
}

/// A store in a file; clones are the same store. It is closed, with all that was handed over stored, when the last
/// clone is dropped.
#[derive(Clone)]
pub struct RedbData(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl RedbData {
    /// Opens a store, making an empty one where there is none. `rng` is for the sealing.
    pub fn open(options: RedbOptions, rng: impl CryptoRng + Send + 'static) -> Result<Self, OpenError> {
        let RedbOptions { linger, window_bytes, .. } = options;
        Self::on(Box::new(File::new(options, rng)), linger, window_bytes)
    }

    fn on(medium: Box<dyn Medium>, linger: Duration, window_bytes: usize) -> Result<Self, OpenError> {
        let writer = Writer::new(medium, linger, window_bytes)?;
        let shared = writer.shared();
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::Io(error.to_string()))?;
        Ok(Self(Arc::new(Handle { shared, writer: Some(writer) })))
    }

    /// Looks at the last commit.
    fn look<T>(&self, look: impl Fn(&Stack<'_>) -> Result<T, StorageError>) -> Result<T, Unavailable> {
        let view = self.0.shared.view();
        let found = view.stack(None).and_then(|stack| look(&stack));
        found.map_err(|error| Unavailable(error.to_string()))
    }
}

impl Data for RedbData {
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Bytes>, Unavailable>> + Send {
        ready(self.look(|stack| stack.get(key)))
    }

    fn scan(
        &self,
        from: &Key,
        to: &Key,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Key, Bytes)>, Unavailable>> + Send {
        ready(self.look(|stack| stack.range(from, to)?.take(limit).collect()))
    }

    fn read_log(
        &self,
        log: LogId,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> impl Future<Output = Result<Vec<LogEntry>, Unavailable>> + Send {
        let page = self.0.shared.view().log_page(log, after, limit, max_bytes);
        let read = page.and_then(LogPage::read);
        ready(read.map_err(|error| Unavailable(error.to_string())))
    }

    fn log_state(&self, log: LogId) -> impl Future<Output = Result<LogState, Unavailable>> + Send {
        ready(self.look(|stack| stack.log_state(log)))
    }

    fn write(&self, batch: Batch) -> impl Future<Output = Result<Written, WriteError>> + Send + 'static {
        let answer = self.0.shared.hand_over(batch);
        async move { answer.await.unwrap_or_else(|_| Err(Unavailable("the store was closed".into()).into())) }
    }
}

impl Inspect for RedbData {
    fn check(&self) -> impl Future<Output = Result<Stats, Unavailable>> + Send {
        let (answer, settled) = oneshot::channel();
        self.0.shared.settle(Box::new(|tables| drop(answer.send(tables))));
        async move {
            let closed = |_| Unavailable("the store was closed".into());
            let checked = settled.await.map_err(closed)??.check();
            checked.map_err(|error| Unavailable(error.to_string()))?
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has answered nobody, so nobody believes that anything was stored.
            let _ = writer.join();
        }
    }
}
