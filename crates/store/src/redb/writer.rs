//! The thread that writes: group commit, and what happens when the disk is full or fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use redb::{Database, StorageError, WriteTransaction};
use tokio::sync::oneshot;

use super::layout::{Memory, Tables};
use super::medium::{Medium, is_full};
use crate::data::{Batch, Unavailable, WriteError, Written};

/// Batches in one transaction at most.
const GATHERED: usize = 2048;
/// This many waiting batches are committed at once, without lingering for more.
const ENOUGH: usize = 64;
/// After this long without work the store is made fast to open even after a crash.
const IDLE: Duration = Duration::from_secs(2);

type Answer = Result<Written, WriteError>;

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    closed: bool,
}

/// What the handles and the writer share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// `None` when it could not be opened again, and after the end.
    database: RwLock<Option<Database>>,
    /// Something else than the writer wrote: what it remembers is not true.
    pub(super) forget: AtomicBool,
}

impl Shared {
    pub(super) fn new(database: Database) -> Self {
        Self {
            queue: Mutex::default(),
            wake: Condvar::new(),
            database: RwLock::new(Some(database)),
            forget: AtomicBool::new(false),
        }
    }

    pub(super) fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hand_over(&self, batch: Batch) -> oneshot::Receiver<Answer> {
        let (answer, receiver) = oneshot::channel();
        let mut queue = self.queue();
        if queue.closed {
            return receiver;
        }
        queue.jobs.push(Job { batch, answer });
        // The writer sleeps only before the first, and while it lingers for enough.
        let wake = queue.jobs.len() == 1 || queue.jobs.len() == ENOUGH;
        drop(queue);
        if wake {
            self.wake.notify_one();
        }
        receiver
    }

    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.wake.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batches; `None` at the end; empty when nothing has come for a while.
    fn gather(&self, linger: Duration) -> Option<Vec<Job>> {
        let nothing = |queue: &mut Queue| queue.jobs.is_empty() && !queue.closed;
        let (queue, _) =
            self.wake.wait_timeout_while(self.queue(), IDLE, nothing).unwrap_or_else(PoisonError::into_inner);
        if queue.jobs.is_empty() {
            return if queue.closed { None } else { Some(Vec::new()) };
        }
        let few = |queue: &mut Queue| queue.jobs.len() < ENOUGH && !queue.closed;
        let (mut queue, _) =
            self.wake.wait_timeout_while(queue, linger, few).unwrap_or_else(PoisonError::into_inner);
        if queue.jobs.len() <= GATHERED {
            return Some(std::mem::take(&mut queue.jobs));
        }
        let later = queue.jobs.split_off(GATHERED);
        Some(std::mem::replace(&mut queue.jobs, later))
    }
}

/// Whether the writer can write.
enum Health {
    Well,
    /// No room; tried again when there is some.
    Full,
    /// Writing failed in another way, so what is on the disk is not known: only a restart helps.
    Broken(String),
}

/// The writer's thread, until the store is closed and all that was handed over is done.
pub(super) fn run(shared: &Shared, mut medium: Box<dyn Medium>, linger: Duration) {
    let _end = End(shared);
    let mut memory = Memory::default();
    let mut health = Health::Well;
    let mut settled = true;
    while let Some(jobs) = shared.gather(linger) {
        if matches!(health, Health::Full) && !jobs.is_empty() && medium.has_room() {
            health = Health::Well;
        }
        let (batches, answers): (Vec<Batch>, Vec<_>) =
            jobs.into_iter().map(|job| (job.batch, job.answer)).unzip();
        let refused = match &health {
            Health::Well => None,
            Health::Full => Some(WriteError::Full),
            Health::Broken(reason) => Some(Unavailable(reason.clone()).into()),
        };
        if let Some(refused) = refused {
            answers.into_iter().for_each(|answer| drop(answer.send(Err(refused.clone()))));
            continue;
        }
        if batches.is_empty() && settled {
            continue;
        }
        settled = batches.is_empty();
        match commit(shared, &mut memory, batches) {
            // A caller that no longer waits has lost only the answer.
            Ok(written) => written.into_iter().zip(answers).for_each(|(written, to)| drop(to.send(written))),
            Err(error) => {
                memory.forget();
                health = diagnose(&error);
                let refused = match &health {
                    Health::Full => WriteError::Full,
                    _ => Unavailable(error.to_string()).into(),
                };
                reopen(shared, &mut *medium);
                answers.into_iter().for_each(|answer| drop(answer.send(Err(refused.clone()))));
            }
        }
    }
}

/// However the writer ends, nobody waits for it any longer and the file is free.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.closed = true;
        queue.jobs.clear();
        drop(queue);
        *self.0.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Stores all batches in one transaction; without any, makes the next opening fast.
fn commit(shared: &Shared, memory: &mut Memory, batches: Vec<Batch>) -> Result<Vec<Answer>, redb::Error> {
    let database = shared.database();
    let mut transaction = database.as_ref().ok_or(redb::Error::DatabaseClosed)?.begin_write()?;
    transaction.set_quick_repair(batches.is_empty());
    if shared.forget.swap(false, Ordering::AcqRel) {
        memory.forget();
    }
    let answers = apply(&transaction, memory, batches)?;
    transaction.commit()?;
    Ok(answers)
}

fn apply(
    transaction: &WriteTransaction,
    memory: &mut Memory,
    batches: Vec<Batch>,
) -> Result<Vec<Answer>, redb::Error> {
    let mut tables = Tables::open(transaction, memory)?;
    let answers = batches.into_iter().map(|batch| tables.apply(batch));
    let answers = answers.collect::<Result<Vec<Answer>, StorageError>>()?;
    tables.finish()?;
    Ok(answers)
}

fn diagnose(error: &redb::Error) -> Health {
    match error {
        redb::Error::Io(error) if is_full(error) => Health::Full,
        error => Health::Broken(error.to_string()),
    }
}

/// redb serves nothing after an error of its file until it is opened anew.
fn reopen(shared: &Shared, medium: &mut dyn Medium) {
    let mut database = shared.database.write().unwrap_or_else(PoisonError::into_inner);
    *database = None;
    *database = medium.open().ok();
}
