//! A customer is erased: what the device and the node hold of them goes, and it stays gone when a copy of the folder
//! from before comes back.
//!
//! | step | what | after a crash here |
//! |---|---|---|
//! | 1 | a line in the file [`FILE`]: the customer's pseudonym, and up to when | all of it is done at the next start |
//! | 2 | a mark in the store that it has begun: nothing said up to then is told any more; then, up to which delivery, and up to when by the node's clock, the node's own rows go | the same |
//! | 3 | media of theirs, then what the device has of the conversation, then what waits and what is noted | the same |
//! | 4 | who they are to programs, and the mark that it is done | – |
//!
//! Up to when is the relay's time, by which the device knows what was said. What comes while it is done, or before it is
//! tried again, is no part of it and stays.
//!
//! A store whose marks are behind the file was brought back from a copy, or its process died; so did that of a store
//! whose marks are not done: whoever serves it erases again before anything is told. The file names nobody without the
//! node's secret; keep a copy of it where the copies of the folder are. Nodes of one account tell each other what is to
//! be in the file, sealed, and each erases what it has.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// Up to when, by the relay's time.
    pub up_to: Millis,
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

/// Where the node stood when an erasing began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Began {
    /// By the node's clock.
    at: Millis,
    /// The last delivery that had been queued.
    delivery: u64,
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
    /// Erases what a customer has said, and was told, up to now.
    pub async fn erase(&self, customer: AccountId, now: Millis) -> Result<Erased, EraseError> {
        let before = self.device.relay_now(now)?;
        let who = pseudonym(&self.secret, customer);
        self.write_down(&[(who, before)])?;
        self.mark(who, before, false).await?;
        let began = self.begin(who, now).await?;
        self.apply(customer, before, began).await
    }

    /// Notes whom other nodes have erased, and up to when; whether there is something to be done.
    pub(crate) async fn take_note(
        &self,
        elsewhere: &BTreeMap<Pseudonym, Millis>,
    ) -> Result<bool, EraseError> {
        let marks = self.marks().await?;
        let news = elsewhere.iter().map(|(who, before)| (*who, *before));
        let news: Vec<_> =
            news.filter(|(who, before)| marks.get(who).is_none_or(|it| it.before < *before)).collect();
        if !news.is_empty() {
            self.write_down(&news)?;
        }
        Ok(!news.is_empty())
    }

    /// Who was erased, or is being erased, and up to when.
    pub(crate) async fn erased(&self) -> Result<BTreeMap<Pseudonym, Millis>, StoreError> {
        Ok(self.marks().await?.into_iter().map(|(who, mark)| (who, mark.before)).collect())
    }

    fn write_down(&self, tombstones: &[(Pseudonym, Millis)]) -> std::io::Result<()> {
        let line = |(who, before): &(Pseudonym, Millis)| format!("\n{} {before}\n", hex::encode(who.0));
        let lines: String = tombstones.iter().map(line).collect();
        // On a line of its own, though the one before was cut off by a crash.
        let mut options = std::fs::OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.append(true).create(true).open(self.folder.join(FILE))?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        #[cfg(unix)]
        std::fs::File::open(&self.folder)?.sync_all()?;
        Ok(())
    }

    /// Does what the file says and this store has not done, or has begun and not ended; gives which customers.
    pub async fn resume(&self, now: Millis) -> Result<Vec<AccountId>, EraseError> {
        let text = match std::fs::read_to_string(self.folder.join(FILE)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other?,
        };
        let marks = self.marks().await?;
        let mut owed: BTreeMap<Pseudonym, Millis> =
            marks.iter().filter(|(_, it)| !it.done).map(|(who, it)| (*who, it.before)).collect();
        for (who, before) in text.lines().filter_map(tombstone) {
            if marks.get(&who).is_none_or(|it| it.before < before) {
                let most = owed.entry(who).or_default();
                *most = before.max(*most);
            }
        }
        let mut done = Vec::new();
        if owed.is_empty() {
            return Ok(done);
        }
        for customer in self.all().await? {
            let who = pseudonym(&self.secret, customer);
            let Some(before) = owed.remove(&who) else { continue };
            self.mark(who, before, false).await?;
            let began = match self.store.read("when an erasing began", &began_key(who)).await? {
                Some(began) => began,
                None => self.begin(who, now).await?,
            };
            self.apply(customer, before, began).await?;
            done.push(customer);
        }
        // Of those who are left nothing is here.
        for (who, before) in owed {
            self.mark(who, before, true).await?;
        }
        Ok(done)
    }

    async fn marks(&self) -> Result<BTreeMap<Pseudonym, Mark>, StoreError> {
        let (prefix, mut after, mut all) = (Key::new(table::NODE, &[b"erased"]), None, BTreeMap::new());
        loop {
            let rows: Vec<(Key, Mark)> =
                self.store.list("who was erased", &prefix, after.as_ref(), PAGE).await?;
            let Some((last, _)) = rows.last() else { return Ok(all) };
            after = Some(last.clone());
            let who = |key: &Key| key.as_bytes().last_chunk().copied().map(Pseudonym);
            all.extend(rows.iter().filter_map(|(key, mark)| Some((who(key)?, *mark))));
        }
    }

    /// Everybody of whom something is here.
    pub(crate) async fn all(&self) -> Result<BTreeSet<AccountId>, EraseError> {
        let mut all: BTreeSet<_> = self.customers.all().await?.into_iter().collect();
        let mut after = None;
        loop {
            let some = self.device.agreed(after, PAGE)?;
            let Some(last) = some.last() else { return Ok(all) };
            after = Some(last.customer);
            all.extend(some.iter().map(|it| it.customer));
        }
    }

    /// Notes where the node stands. What was being told when the mark was set is in the queues by then.
    async fn begin(&self, who: Pseudonym, now: Millis) -> Result<Began, StoreError> {
        let _held = self.outbox.hold().await;
        let began = Began { at: now, delivery: self.outbox.last().await? };
        self.store.write(Batch::new().put(began_key(who), bytes_of(&began))).await?;
        Ok(began)
    }

    async fn apply(&self, customer: AccountId, before: Millis, began: Began) -> Result<Erased, EraseError> {
        let number = self.customers.known(customer).await?;
        // At once: what they write while the rest is erased is to be told.
        let webhooks = self.outbox.forget(customer, began.delivery).await?;
        let (media, messages) = self.take_off_the_device(customer, before).await?;
        let sent = forget_kept(&self.store, customer, began.at).await?;
        let answers = match number {
            Some(number) => forget_answers(&self.store, &number.to_string(), began.at).await?,
            None => 0,
        };
        let notes = inbox::forget(&self.store, customer, before, began.at).await?;
        let told = Key::new(table::TAKEN, &[b"consent", customer.as_ref()]);
        let batch =
            Batch::new().delete_range(told.clone(), end_of(&told)).delete(crate::api::blocks::key(customer));
        // What was set since stands.
        let since = crate::restriction::since(&self.store, customer).await?;
        let batch = match since.is_some_and(|since| since > began.at) {
            true => batch,
            false => batch.delete(crate::restriction::key(customer)),
        };
        self.store.write(crate::retention::forget(batch, customer)).await?;
        self.customers.forget(customer).await?;
        self.mark(pseudonym(&self.secret, customer), before, true).await?;
        Ok(Erased { up_to: before, messages, media, webhooks, sent, answers, notes })
    }

    /// Takes what was said with a customer up to a time off the device, and the files of it out of the node; says how
    /// many files and how many messages.
    pub(crate) async fn take_off_the_device(
        &self,
        customer: AccountId,
        before: Millis,
    ) -> Result<(u64, u64), EraseError> {
        let (mut after, mut media) = (None, 0);
        // The files first, as long as the device knows which messages they were of.
        loop {
            let held = self.device.held(customer, after, PAGE)?;
            let Some(last) = held.last() else { break };
            after = Some(last.place);
            let old = |it: &&Held| it.told["at_ms"].as_u64().is_none_or(|at| at <= before);
            for (index, id) in held.iter().filter(old).flat_map(|it| (0..).zip(&it.files)) {
                if let Some((medium, _)) = self.media.of(*id, index).await? {
                    self.media.delete(&medium).await?;
                    media += 1;
                }
            }
        }
        Ok((media, self.device.erase(customer, before).await?))
    }

    /// Says how far it has come; a later erasing than this one is what counts.
    async fn mark(&self, who: Pseudonym, before: Millis, done: bool) -> Result<(), StoreError> {
        let ended = self
            .store
            .change("who was erased", &key(who), |mark: &mut Option<Mark>| {
                let counts = mark.is_none_or(|it| it.before <= before);
                if counts {
                    *mark = Some(Mark { before, done });
                }
                counts && done
            })
            .await?;
        if ended { self.store.write(Batch::new().delete(began_key(who))).await } else { Ok(()) }
    }
}

fn began_key(who: Pseudonym) -> Key {
    Key::new(table::NODE, &[b"erasing", &who.0])
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
