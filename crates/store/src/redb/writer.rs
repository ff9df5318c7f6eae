//! The thread that writes: group commit, settling, and what happens when the disk is full or fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use redb::{Database, ReadableDatabase, ReadableTable, StorageError, TableError};
use tokio::sync::oneshot;

use super::batch::Pending;
use super::journal::{Row, play};
use super::layer::Layer;
use super::layout::{JOURNAL, Snapshot};
use super::medium::{Medium, is_full};
use super::settle::Settling;
use super::view::View;
use crate::data::{Batch, Op, Unavailable, WriteError, Written};

/// Batches in one transaction at most.
const GATHERED: usize = 2048;
/// Bytes of keys and values in one transaction; a single batch may have more.
const GATHERED_BYTES: usize = 4 * 1024 * 1024;
/// This many waiting batches are committed at once, without lingering for more.
const ENOUGH: usize = 64;
/// After this long without work everything is settled, and the next opening is fast even after a crash.
const IDLE: Duration = Duration::from_secs(2);

type Answer = Result<Written, WriteError>;
/// Called once everything lies in the tables, with the tables.
type WhenSettled = Box<dyn FnOnce(Result<Arc<Snapshot>, Unavailable>) + Send>;

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Answer>,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    settle: Vec<WhenSettled>,
    closed: bool,
}

/// What the handles and the writer share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    /// `None` when it could not be opened again, and after the end.
    database: RwLock<Option<Database>>,
    view: RwLock<View>,
    /// Held by whoever writes: the writer, or an import.
    turn: Mutex<()>,
    /// The tables were written by somebody else than the writer.
    pub(super) changed: AtomicBool,
}

/// What the journal held at the opening, and where it goes on.
struct Played {
    layer: Layer,
    next_row: u64,
    bytes: usize,
    next_value: u64,
}

impl Shared {
    fn new(database: Database, base: Arc<Snapshot>, active: Layer) -> Self {
        Self {
            queue: Mutex::default(),
            wake: Condvar::new(),
            database: RwLock::new(Some(database)),
            view: RwLock::new(View { active, settling: None, base: Some(base) }),
            turn: Mutex::default(),
            changed: AtomicBool::new(false),
        }
    }

    pub(super) fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
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

    /// Puts everything that was handed over before into the tables.
    pub(super) fn settle(&self, then: WhenSettled) {
        let mut queue = self.queue();
        if queue.closed {
            drop(queue);
            return then(Err(Unavailable("the store was closed".into())));
        }
        queue.settle.push(then);
        drop(queue);
        self.wake.notify_one();
    }

    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.wake.notify_one();
    }

    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next batches, and who wants all settled; `None` at the end; nothing when nothing has come for a while.
    fn gather(&self, linger: Duration) -> Option<(Vec<Job>, Vec<WhenSettled>)> {
        let nothing = |queue: &mut Queue| queue.jobs.is_empty() && queue.settle.is_empty() && !queue.closed;
        let (queue, _) =
            self.wake.wait_timeout_while(self.queue(), IDLE, nothing).unwrap_or_else(PoisonError::into_inner);
        if queue.jobs.is_empty() && queue.settle.is_empty() && queue.closed {
            return None;
        }
        let few = |queue: &mut Queue| {
            (1..ENOUGH).contains(&queue.jobs.len()) && queue.settle.is_empty() && !queue.closed
        };
        let (mut queue, _) =
            self.wake.wait_timeout_while(queue, linger, few).unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        let mut fits = |job: &Job| {
            bytes += size(&job.batch);
            bytes <= GATHERED_BYTES
        };
        let now = queue.jobs.iter().take(GATHERED).take_while(|job| fits(job)).count();
        let now = now.max(queue.jobs.len().min(1));
        let later = queue.jobs.split_off(now);
        let jobs = std::mem::replace(&mut queue.jobs, later);
        // Whoever wants all settled waits for what was handed over before.
        let settle = if queue.jobs.is_empty() { std::mem::take(&mut queue.settle) } else { Vec::new() };
        Some((jobs, settle))
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

/// The writer.
pub(super) struct Writer {
    shared: Arc<Shared>,
    medium: Box<dyn Medium>,
    linger: Duration,
    /// Settling begins when the rows of the journal are this long together.
    window_bytes: usize,
    settling: Option<Settling>,
    next_row: u64,
    next_value: u64,
    /// Length of the rows whose layer is not being settled yet.
    journal_bytes: usize,
    /// Whether a crash now would make the next opening slow.
    quick: bool,
    health: Health,
}

impl Writer {
    pub(super) fn new(
        mut medium: Box<dyn Medium>,
        linger: Duration,
        window_bytes: usize,
    ) -> Result<Self, super::OpenError> {
        let database = medium.open()?;
        let base = snapshot(&database)?;
        let Played { layer, next_row, bytes, next_value } = read_journal(&database, &base)?;
        Ok(Self {
            shared: Arc::new(Shared::new(database, base, layer)),
            medium,
            linger,
            window_bytes,
            settling: None,
            next_row,
            next_value,
            journal_bytes: bytes,
            quick: true,
            health: Health::Well,
        })
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Until the store is closed and all that was handed over is done.
    pub(super) fn run(mut self) {
        let shared = self.shared.clone();
        let _end = End(&shared);
        while let Some((jobs, settle)) = shared.gather(self.linger) {
            let idle = jobs.is_empty();
            if !idle {
                self.serve(jobs);
            }
            if !settle.is_empty() {
                let settled = self.settle_all();
                settle.into_iter().for_each(|then| then(settled.clone()));
            } else if idle {
                // An error here hinders nobody yet; whoever writes next will meet it.
                let _ = self.settle_all();
            }
        }
        // What does not settle now is played from the journal at the next opening.
        let _ = self.settle_all();
    }

    fn serve(&mut self, jobs: Vec<Job>) {
        let (batches, answers): (Vec<Batch>, Vec<_>) =
            jobs.into_iter().map(|job| (job.batch, job.answer)).unzip();
        match self.write(batches) {
            // The last one first: who waits for several, in their order, wakes once and finds them all. A caller
            // that no longer waits has lost only the answer.
            Ok(written) => {
                written.into_iter().zip(answers).rev().for_each(|(written, to)| drop(to.send(written)));
            }
            Err(error) => answers.into_iter().for_each(|to| drop(to.send(Err(error.clone())))),
        }
    }

    fn write(&mut self, batches: Vec<Batch>) -> Result<Vec<Answer>, WriteError> {
        if matches!(self.health, Health::Full) && self.medium.has_room() {
            self.health = Health::Well;
        }
        match &self.health {
            Health::Well => self.commit(batches).map_err(|error| self.fail(&error)),
            Health::Full => Err(WriteError::Full),
            Health::Broken(reason) => Err(Unavailable(reason.clone()).into()),
        }
    }

    /// Stores all batches in one transaction, with a part of what is being settled.
    fn commit(&mut self, batches: Vec<Batch>) -> Result<Vec<Answer>, redb::Error> {
        let shared = self.shared.clone();
        let _turn = shared.turn();
        if self.shared.changed.swap(false, Ordering::AcqRel) {
            self.read_again()?;
        }
        let view = shared.view();
        let mut pending = Pending::new(&view, self.next_value);
        let answers = batches.into_iter().map(|batch| pending.apply(batch));
        let answers = answers.collect::<Result<Vec<Answer>, StorageError>>()?;
        let Pending { layer, row, next_value, .. } = pending;
        drop(view);
        if !row.0.is_empty() {
            let pace = self.settling.as_ref().map(|settling| settling.pace(row.0.len(), self.window_bytes));
            self.store(layer, &row, pace.unwrap_or(0), false)?;
            self.next_value = next_value;
        }
        if self.journal_bytes >= self.window_bytes && self.settling.is_none() {
            self.begin_settling();
        }
        Ok(answers)
    }

    /// One transaction: a row of the journal, and a step of settling so many things.
    fn store(&mut self, layer: Layer, row: &Row, things: usize, quick: bool) -> Result<(), redb::Error> {
        let database = self.shared.database();
        let database = database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(quick);
        if !row.0.is_empty() {
            transaction.open_table(JOURNAL)?.insert(self.next_row, row.0.as_slice())?;
        }
        let mut settling = self.settling.clone();
        let settled = match &mut settling {
            Some(settling) => settling.step(&transaction, &self.shared.view().active, things)?,
            None => false,
        };
        transaction.commit()?;
        let base = snapshot(database)?;
        let mut view = self.shared.view_mut();
        view.active.merge(layer);
        view.base = Some(base);
        if settled {
            view.settling = None;
            settling = None;
        }
        drop(view);
        self.settling = settling;
        self.quick = quick;
        if !row.0.is_empty() {
            self.next_row += 1;
            self.journal_bytes += row.0.len();
        }
        Ok(())
    }

    fn begin_settling(&mut self) {
        let mut view = self.shared.view_mut();
        let layer = Arc::new(std::mem::take(&mut view.active));
        view.settling = Some(layer.clone());
        drop(view);
        self.settling = Some(Settling::new(layer, self.next_row.saturating_sub(1)));
        self.journal_bytes = 0;
    }

    /// Puts everything into the tables, and makes the next opening fast.
    fn settle_all(&mut self) -> Result<Arc<Snapshot>, Unavailable> {
        match &self.health {
            Health::Well => {}
            Health::Full => return Err(Unavailable(WriteError::Full.to_string())),
            Health::Broken(reason) => return Err(Unavailable(reason.clone())),
        }
        self.try_settle_all().map_err(|error| match self.fail(&error) {
            WriteError::Unavailable(error) => error,
            other => Unavailable(other.to_string()),
        })
    }

    fn try_settle_all(&mut self) -> Result<Arc<Snapshot>, redb::Error> {
        let shared = self.shared.clone();
        let _turn = shared.turn();
        if self.shared.changed.swap(false, Ordering::AcqRel) {
            self.read_again()?;
        }
        loop {
            if self.settling.is_none() && !self.shared.view().active.is_empty() {
                self.begin_settling();
            }
            if self.settling.is_none() && self.quick {
                let view = self.shared.view();
                return view.base.clone().ok_or(redb::Error::DatabaseClosed);
            }
            let last = self.shared.view().active.is_empty();
            self.store(Layer::default(), &Row::default(), usize::MAX, last)?;
        }
    }

    fn read_again(&mut self) -> Result<(), redb::Error> {
        let database = self.shared.database();
        let base = snapshot(database.as_ref().ok_or(redb::Error::DatabaseClosed)?)?;
        self.next_value = self.next_value.max(next_value(&base)?);
        self.shared.view_mut().base = Some(base);
        Ok(())
    }

    /// redb serves nothing after an error of its file until it is opened anew. What was committed before is still
    /// in the view.
    fn fail(&mut self, error: &redb::Error) -> WriteError {
        let refused = match error {
            redb::Error::Io(error) if is_full(error) => {
                self.health = Health::Full;
                WriteError::Full
            }
            error => {
                self.health = Health::Broken(error.to_string());
                Unavailable(error.to_string()).into()
            }
        };
        let mut database = self.shared.database.write().unwrap_or_else(PoisonError::into_inner);
        let mut view = self.shared.view_mut();
        view.base = None;
        *database = None;
        *database = self.medium.open().ok();
        view.base = database.as_ref().and_then(|database| snapshot(database).ok());
        refused
    }
}

/// However the writer ends, nobody waits for it any longer and the file is free.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.closed = true;
        queue.jobs.clear();
        let settle = std::mem::take(&mut queue.settle);
        drop(queue);
        settle.into_iter().for_each(|then| then(Err(Unavailable("the store was closed".into()))));
        self.0.view_mut().base = None;
        *self.0.database.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn size(batch: &Batch) -> usize {
    let sizes = batch.ops.iter().map(|op| match op {
        Op::Put(key, value) => key.as_bytes().len() + value.len(),
        Op::Append(_, value) => value.len(),
        Op::Delete(_) | Op::DeleteRange(..) | Op::Truncate(..) | Op::TakeFirst(..) => 0,
    });
    sizes.sum()
}

fn snapshot(database: &Database) -> Result<Arc<Snapshot>, redb::Error> {
    Ok(Arc::new(Snapshot::new(&database.begin_read()?)?))
}

fn next_value(base: &Snapshot) -> Result<u64, StorageError> {
    Ok(base.values.last()?.map_or(1, |(last, _)| last.value() + 1))
}

fn read_journal(database: &Database, base: &Snapshot) -> Result<Played, redb::Error> {
    let mut played = Played { layer: Layer::default(), next_row: 1, bytes: 0, next_value: next_value(base)? };
    let table = match database.begin_read()?.open_table(JOURNAL) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(played),
        table => table?,
    };
    for row in table.iter()? {
        let (number, row) = row?;
        let highest = play(row.value(), &mut played.layer, &|log| base.log_state(log))?;
        played.next_value = played.next_value.max(highest + 1);
        played.next_row = number.value() + 1;
        played.bytes += row.value().len();
    }
    Ok(played)
}
