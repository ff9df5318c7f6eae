//! What is under way: one task for each file, a shared pace, and how far each is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use lacre_engine::records::{DownloadFailure, FileId};
use lacre_engine::{FileToFetch, FileToSend, NotUp};
use rand::RngCore;
use tokio::sync::{OwnedMutexGuard, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::folder::Folder;
use super::http::{Broken, Http};
use super::{download, upload};
use crate::transport::{Connect, Endpoint};

/// How fast files may go, and how many parts at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Bytes a second over all files and both ways; `None`: as fast as it goes.
    pub bytes_per_second: Option<u64>,
    /// Parts under way at once, over all files; each takes 4 MiB of memory.
    pub parts: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes_per_second: None, parts: 4 }
    }
}

/// How far a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the sealed file that are there.
    pub done: u64,
    /// All of them.
    pub total: u64,
}

/// What has come of a task.
#[derive(Debug)]
pub(crate) enum Ended {
    Upload(FileId, Result<(), NotUp>),
    Download(FileId, Result<(), DownloadFailure>),
}

/// The files under way. Dropped, it stops them all; they go on where they were.
pub(crate) struct Transfers {
    work: Option<Work>,
    running: HashMap<FileId, JoinHandle<()>>,
    ended: mpsc::UnboundedSender<Ended>,
}

/// What every task has.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) folder: Folder,
    connect: Arc<dyn Connect>,
    endpoint: Endpoint,
    /// Parts that may be under way.
    pub(super) places: Arc<Semaphore>,
    pub(super) workers: usize,
    throttle: Arc<Throttle>,
    board: Board,
    turns: Turns,
}

/// Who is fetching what, by its hash.
type Turns = Arc<Mutex<HashMap<[u8; 32], Weak<tokio::sync::Mutex<()>>>>>;

/// How far everything is, for whoever looks.
#[derive(Clone)]
pub(crate) struct Board {
    files: Arc<Mutex<HashMap<FileId, Progress>>>,
    changed: watch::Sender<()>,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self { files: Arc::default(), changed: watch::channel(()).0 }
    }

    pub(crate) fn progress(&self, file: FileId) -> Option<Progress> {
        self.lock().get(&file).copied()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn put(&self, file: FileId, progress: Option<Progress>) {
        match progress {
            Some(progress) => self.lock().insert(file, progress),
            None => self.lock().remove(&file),
        };
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FileId, Progress>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one file's bytes on the board; its line goes with it.
pub(super) struct Counter {
    board: Board,
    file: FileId,
}

impl Counter {
    pub(super) fn set(&self, done: u64, total: u64) {
        self.board.put(self.file, Some(Progress { done, total }));
    }

    /// So many bytes more; or less, when what was sent did not arrive.
    pub(super) fn add(&self, bytes: i64) {
        if let Some(Progress { done, total }) = self.board.progress(self.file) {
            let done = done.saturating_add_signed(bytes).min(total);
            self.board.put(self.file, Some(Progress { done, total }));
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.board.put(self.file, None);
    }
}

impl Work {
    pub(super) fn http(&self) -> Http {
        Http::new(self.connect.clone(), self.endpoint.clone())
    }

    pub(super) fn counter(&self, file: FileId) -> Counter {
        Counter { board: self.board.clone(), file }
    }

    /// Waits until nobody else fetches what has this hash: two messages may have the same file.
    pub(super) async fn turn(&self, hash: &[u8; 32]) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let there = turns.get(hash).and_then(Weak::upgrade);
            there.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(*hash, Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }

    /// Waits until so many bytes may go.
    pub(super) async fn may_go(&self, bytes: u64) {
        self.throttle.take(bytes).await;
    }
}

/// Bytes a second, over all tasks: each takes the next place in time.
struct Throttle {
    rate: Option<u64>,
    free_at: Mutex<Option<Instant>>,
}

impl Throttle {
    async fn take(&self, bytes: u64) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return };
        let until = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = free_at.unwrap_or_else(Instant::now).max(Instant::now());
            *free_at = Some(begin + Duration::from_secs_f64(bytes as f64 / rate as f64));
            begin
        };
        sleep_until(until).await;
    }
}

impl Transfers {
    pub(crate) fn new(
        folder: Option<Folder>,
        pace: Pace,
        connect: Arc<dyn Connect>,
        endpoint: Endpoint,
        board: Board,
    ) -> (Self, mpsc::UnboundedReceiver<Ended>) {
        let (ended, endings) = mpsc::unbounded_channel();
        let throttle = Arc::new(Throttle { rate: pace.bytes_per_second, free_at: Mutex::default() });
        let workers = pace.parts.max(1);
        let places = Arc::new(Semaphore::new(workers));
        let turns = Turns::default();
        let work =
            folder.map(|folder| Work { folder, connect, endpoint, places, workers, throttle, board, turns });
        (Self { work, running: HashMap::new(), ended }, endings)
    }

    pub(crate) fn upload(&mut self, file: FileToSend) {
        let id = file.file;
        let Some(work) = self.begin(id, Ended::Upload(id, Err(NotUp::NotHere))) else { return };
        let ended = self.ended.clone();
        let task = async move {
            let result = upload::run(&work, file).await;
            // Nobody waits for it any more only when the client is closing.
            let _ = ended.send(Ended::Upload(id, result));
        };
        self.running.insert(id, tokio::spawn(task));
    }

    pub(crate) fn fetch(&mut self, file: FileToFetch) {
        let id = file.file;
        let Some(work) = self.begin(id, Ended::Download(id, Err(DownloadFailure::Disk))) else { return };
        let ended = self.ended.clone();
        let task = async move {
            let result = download::run(&work, file).await;
            let _ = ended.send(Ended::Download(id, result));
        };
        self.running.insert(id, tokio::spawn(task));
    }

    /// What a new task works with; nothing when it runs already, or there is no place for files.
    fn begin(&mut self, file: FileId, without: Ended) -> Option<Work> {
        if self.running.get(&file).is_some_and(|task| !task.is_finished()) {
            return None;
        }
        if self.work.is_none() {
            let _ = self.ended.send(without);
        }
        self.work.clone()
    }

    pub(crate) fn stop(&mut self, file: FileId) {
        if let Some(task) = self.running.remove(&file) {
            task.abort();
        }
    }

    /// Gives an upload up at the relay too; whether it hears of it is all the same: what is not finished goes.
    pub(crate) fn give_up(&mut self, file: FileId, capability: [u8; 32]) {
        self.stop(file);
        if let Some(work) = self.work.clone() {
            tokio::spawn(async move { upload::give_up(&work, capability).await });
        }
    }

    pub(crate) fn delete(&self, hash: [u8; 32]) {
        if let Some(work) = &self.work
            && let Err(error) = work.folder.delete(&hash)
        {
            tracing::warn!(reason = %error, "a sealed file was not deleted");
        }
    }

    pub(crate) fn done(&mut self, file: FileId) {
        self.running.remove(&file);
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        self.running.values().for_each(JoinHandle::abort);
    }
}

/// Why an attempt did not get to its end.
pub(super) enum Not<Why> {
    /// Trying again may help, after this time.
    Later(Duration),
    /// It does not.
    Ever(Why),
}

impl<Why> From<Broken> for Not<Why> {
    fn from(broken: Broken) -> Self {
        tracing::debug!(reason = broken.0, "a file was broken off on its way");
        Self::Later(Duration::ZERO)
    }
}

/// The numbers of the parts that are missing: each worker takes the next.
pub(super) struct Missing(Mutex<VecDeque<u32>>);

impl Missing {
    pub(super) fn new(numbers: impl Iterator<Item = u32>) -> Self {
        Self(Mutex::new(numbers.collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn next(&self) -> Option<u32> {
        self.lock().pop_front()
    }

    /// It did not get through.
    pub(super) fn put_back(&self, number: u32) {
        self.lock().push_back(number);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The wait before the next attempt, doubling and spread.
#[expect(clippy::disallowed_methods, reason = "a driver, whose retries are spread")]
pub(super) async fn pause(failed: &mut u32, asked: Duration) {
    const FIRST: Duration = Duration::from_millis(300);
    const MOST: Duration = Duration::from_secs(30);
    let whole = FIRST.saturating_mul(1 << (*failed).min(10)).min(MOST);
    *failed = failed.saturating_add(1);
    let spread = f64::from(rand::rng().next_u32()) / f64::from(u32::MAX);
    sleep(whole.mul_f64(0.5 + spread / 2.0).max(asked)).await;
}
