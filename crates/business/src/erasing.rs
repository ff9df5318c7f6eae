//! A customer is erased: what the device and the node hold of them goes, and it stays gone when a copy of the folder
//! from before comes back.
//!
//! | step | what | after a crash here |
//! |---|---|---|
//! | 1 | a line in the file [`FILE`]: the customer's pseudonym, and up to when | all of it is done at the next start |
//! | 2 | a mark in the store that it has begun: nothing said up to then is told any more | the same |
//! | 3 | media of theirs, then what the device has of the conversation, then what waits and what is noted | the same |
//! | 4 | who they are to programs, and the mark that it is done | – |
//!
//! A store whose marks are behind the file was brought back from a copy, or its process died: whoever serves it
//! erases again before anything is told. The file names nobody without the node's secret; keep a copy of it where the
//! copies of the folder are.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};

use crate::api::messages::{forget_answers, forget_kept};
use crate::audit::{Pseudonym, pseudonym};
use crate::chat::SendError;
use crate::customers::Customers;
use crate::held::{Held, Holdings};
use crate::inbox;
use crate::media::{Media, MediaError};
use crate::node::Identity;
use crate::store::{Store, StoreError, bytes_of, end_of, table};
use crate::webhooks::outbox::Outbox;

/// The file in the node's folder that says who was erased.
pub const FILE: &str = "erased";
/// What was being told when it began is in the queues by then, and goes with them.
const SETTLE: Duration = Duration::from_millis(300);
const PAGE: usize = 500;

/// Why it was not done to the end; it is done at the next start, or the next time that is looked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EraseError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be removed.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The device did not do it.
    #[error("the device: {0}")]
    Device(#[from] SendError),
    /// The file of who was erased could not be written or read.
    #[error("who was erased: {0}")]
    File(#[from] std::io::Error),
}

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Messages on the device.
    pub messages: u64,
    /// Files of theirs that the node had noted, with their bytes where they lay in the folder.
    pub media: u64,
    /// Webhooks that waited or were given up.
    pub webhooks: u64,
    /// What was noted of messages that programs sent.
    pub sent: u64,
    /// Answers to requests with an idempotency key.
    pub answers: u64,
    /// Notes that people of the business had made for each other.
    pub notes: u64,
}

/// How far a customer's erasing has come in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    before: Millis,
    done: bool,
}

/// Whether what a customer said or heard at a time was erased.
pub async fn is_erased<D: Data>(
    store: &Store<D>,
    customer: AccountId,
    at: Millis,
) -> Result<bool, StoreError> {
    let Some(identity) = Identity::known(store).await? else { return Ok(false) };
    let who = pseudonym(&identity.secret, customer);
    let mark: Option<Mark> = store.read("who was erased", &key(who)).await?;
    Ok(mark.is_some_and(|it| at <= it.before))
}

/// What erases.
pub struct Eraser<D> {
    pub(crate) store: Store<D>,
    pub(crate) secret: [u8; 32],
    pub(crate) customers: Customers<D>,
    pub(crate) media: Media<D>,
    pub(crate) outbox: Outbox<D>,
    pub(crate) device: Arc<dyn Holdings>,
    pub(crate) folder: PathBuf,
}

impl<D: Data> Eraser<D> {
    /// Erases what a customer has said, and was told, up to a time.
    pub async fn erase(&self, customer: AccountId, before: Millis) -> Result<Erased, EraseError> {
        let line = format!("\n{} {before}\n", hex::encode(pseudonym(&self.secret, customer).0));
        // On a line of its own, though the one before was cut off by a crash.
        let mut options = std::fs::OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.append(true).create(true).open(self.folder.join(FILE))?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        #[cfg(unix)]
        std::fs::File::open(&self.folder)?.sync_all()?;
        self.apply(customer, before).await
    }

    /// Does what the file says and this store has not done, or not to its end; gives which customers.
    pub async fn resume(&self) -> Result<Vec<AccountId>, EraseError> {
        let text = match std::fs::read_to_string(self.folder.join(FILE)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut owed = BTreeMap::new();
        for (who, before) in text.lines().filter_map(tombstone) {
            let mark: Option<Mark> = self.store.read("who was erased", &key(who)).await?;
            if mark.is_none_or(|it| !it.done || it.before < before) {
                owed.insert(who, before);
            }
        }
        let mut done = Vec::new();
        if owed.is_empty() {
            return Ok(done);
        }
        for customer in self.all().await? {
            if let Some(before) = owed.remove(&pseudonym(&self.secret, customer)) {
                self.apply(customer, before).await?;
                done.push(customer);
            }
        }
        // Of those who are left nothing is here.
        for (who, before) in owed {
            self.mark(who, Mark { before, done: true }).await?;
        }
        Ok(done)
    }

    /// Everybody of whom something is here.
    async fn all(&self) -> Result<Vec<AccountId>, EraseError> {
        let mut all = self.customers.all().await?;
        let mut after = None;
        loop {
            let some = self.device.agreed(after, PAGE)?;
            let Some(last) = some.last() else { return Ok(all) };
            after = Some(last.customer);
            all.extend(some.iter().map(|it| it.customer));
        }
    }

    async fn apply(&self, customer: AccountId, before: Millis) -> Result<Erased, EraseError> {
        let who = pseudonym(&self.secret, customer);
        self.mark(who, Mark { before, done: false }).await?;
        tokio::time::sleep(SETTLE).await;
        let number = self.customers.known(customer).await?;
        // At once: what they write while the rest is erased is to be told.
        let webhooks = self.outbox.of(customer).await?.len() as u64;
        self.outbox.forget(customer).await?;
        let mut erased = Erased { webhooks, ..Erased::default() };
        // As long as the device knows which messages they were of.
        let mut after = None;
        loop {
            let held = self.device.held(customer, after, PAGE)?;
            let Some(last) = held.last() else { break };
            after = Some(last.place);
            let old = |it: &&Held| it.told["at_ms"].as_u64().is_none_or(|at| at <= before);
            for (index, id) in held.iter().filter(old).flat_map(|it| (0..).zip(&it.files)) {
                if let Some((medium, _)) = self.media.of(*id, index).await? {
                    self.media.delete(&medium).await?;
                    erased.media += 1;
                }
            }
        }
        erased.messages = self.device.erase(customer, before).await?;
        erased.sent = forget_kept(&self.store, customer).await?;
        if let Some(number) = number {
            erased.answers = forget_answers(&self.store, &number.to_string()).await?;
        }
        erased.notes = inbox::forget(&self.store, customer, before).await?;
        let told = Key::new(table::TAKEN, &[b"consent", customer.as_ref()]);
        let batch =
            Batch::new().delete_range(told.clone(), end_of(&told)).delete(crate::api::blocks::key(customer));
        // One that was set since stands.
        let since = crate::restriction::since(&self.store, customer).await?;
        let batch = match since.is_some_and(|since| since > before) {
            true => batch,
            false => batch.delete(crate::restriction::key(customer)),
        };
        self.store.write(batch).await?;
        self.customers.forget(customer).await?;
        self.mark(who, Mark { before, done: true }).await?;
        Ok(erased)
    }

    async fn mark(&self, who: Pseudonym, mark: Mark) -> Result<(), StoreError> {
        self.store.write(Batch::new().put(key(who), bytes_of(&mark))).await
    }
}

fn key(who: Pseudonym) -> Key {
    Key::new(table::NODE, &[b"erased", &who.0])
}

/// A line of the file; one that was cut off by a crash is none, and nothing had been done for it.
fn tombstone(line: &str) -> Option<(Pseudonym, Millis)> {
    let (who, before) = line.split_once(' ')?;
    let mut bytes = [0; 16];
    hex::decode_to_slice(who, &mut bytes).ok()?;
    Some((Pseudonym(bytes), before.parse().ok()?))
}
