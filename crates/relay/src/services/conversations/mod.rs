//! Conversations: one total order for each, and a roster of mailboxes that it is delivered to.
//!
//! | state of a conversation in memory | what is known | left by |
//! | --- | --- | --- |
//! | unknown | nothing | the first request: read from the store |
//! | live | head and roster, with all that was handed to the store though perhaps not yet durable | a write that failed: unknown again |
//!
//! A write is built on the live state, asserts the rows that it was built on, and is handed to the store before
//! the conversation's lock is let go: so the store sees the writes of a conversation in their order, and one that
//! fails fails all that were built on it. Nothing is answered before it is durable.

mod commit;
mod create;
mod head;
mod membership;
mod roster;
mod send;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lacre_proto::error::WireError;
use lacre_proto::wire::{Accepted, Item, item};
use lacre_proto::{ConversationId, ErrorCode, Millis, frame};
use lacre_store::bus::Bus;
use lacre_store::data::{Batch, Data, Expected, LogId, WriteError, Written};

use super::business::Dealing;
use super::mailboxes::Mailbox;
use super::memory::Shards;
use super::{Answered, Durable, Services, keys, not_written, rows, sha256, unavailable};
use head::Head;
use roster::Roster;

/// The conversations that are known in memory. Those with writes under way are in use: their answers hold them.
pub(crate) type Cache = Shards<ConversationId, Conversation>;

/// One conversation.
#[derive(Debug)]
pub(crate) struct Conversation {
    id: ConversationId,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    live: Option<Live>,
    /// Counts the readings from the store: a failed write spoils only what was built on the same reading.
    generation: u64,
}

/// Head and roster with the rows that they were written as.
#[derive(Debug, Clone)]
struct Live {
    head: Head,
    head_row: Bytes,
    roster: Arc<Roster>,
    /// Between whom it is, when one of them is a business.
    dealing: Option<Dealing>,
}

/// An item for some mailboxes.
struct Delivery {
    mailboxes: Arc<[Arc<Mailbox>]>,
    logs: Arc<[LogId]>,
    item: Bytes,
}

impl Delivery {
    fn new(mailboxes: Vec<Arc<Mailbox>>, item: Bytes) -> Self {
        let logs = mailboxes.iter().map(|mailbox| keys::log(mailbox.device)).collect();
        Self { mailboxes: mailboxes.into(), logs, item }
    }

    /// The same item for everybody on a roster.
    fn to_all(roster: &Roster, item: Bytes) -> Self {
        Self { mailboxes: roster.mailboxes.clone(), logs: roster.logs.clone(), item }
    }
}

impl Conversation {
    fn new(id: ConversationId) -> Self {
        Self { id, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment, so what a poisoned lock guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write that was built on a reading failed: what was built on it is not what the store has.
    fn spoiled(&self, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation {
            state.live = None;
        }
    }
}

/// How a capability stands to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is that of the epoch.
    Current,
    /// It was that of an epoch shortly before.
    Past,
}

impl Live {
    fn standing(&self, capability: &[u8]) -> Option<Standing> {
        let hash = sha256(capability);
        if head::same(&self.head.capability, &hash) {
            return Some(Standing::Current);
        }
        self.roster.past.iter().any(|past| head::same(past, &hash)).then_some(Standing::Past)
    }
}

impl<D: Data> Services<D> {
    fn cell(&self, id: ConversationId) -> Arc<Conversation> {
        self.0.conversations.of(id, id.0[0], || Conversation::new(id))
    }

    /// A conversation with its state known; `None` when the store has none of this id.
    async fn conversation(&self, id: ConversationId) -> Answered<Option<Arc<Conversation>>> {
        let conversation = self.cell(id);
        if conversation.lock().live.is_some() {
            return Ok(Some(conversation));
        }
        let Some(head_row) = self.0.data.get(&keys::conversation(id)).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let roster_row = self.0.data.get(&keys::roster(id)).await.map_err(unavailable)?;
        let dealing = self.dealing(id).await?;
        let head = Head::decode(&head_row)?;
        let roster = self.roster(roster_row.ok_or_else(|| rows::broken("roster"))?).await?;
        let mut state = conversation.lock();
        // Should it have been read and changed meanwhile, the other reading is as good or newer; should this one
        // be too old, its first write fails on its assertion.
        if state.live.is_none() {
            state.generation += 1;
            state.live = Some(Live { head, head_row, roster, dealing });
        }
        drop(state);
        Ok(Some(conversation))
    }

    /// Reserves room in the mailboxes of all deliveries, or in none.
    fn charge(&self, deliveries: &[Delivery]) -> Result<(), WireError> {
        let all =
            deliveries.iter().flat_map(|to| to.mailboxes.iter().map(|mailbox| (mailbox, to.item.len())));
        for (index, (mailbox, bytes)) in all.clone().enumerate() {
            if let Err(code) = mailbox.charge(bytes, &self.0.settings.quotas) {
                all.take(index).for_each(|(mailbox, bytes)| mailbox.refund(bytes));
                return Err(code.into());
            }
        }
        Ok(())
    }

    /// Hands a batch with deliveries to the store, at the call; when it is durable, the future wakes the mailboxes
    /// and answers.
    fn deliver<T: 'static>(
        &self,
        conversation: Arc<Conversation>,
        generation: u64,
        mut batch: Batch,
        deliveries: Vec<Delivery>,
        answer: impl FnOnce(Result<(), WriteError>) -> Answered<T> + Send + 'static,
    ) -> Durable<T> {
        for delivery in &deliveries {
            batch = batch.append(delivery.logs.clone(), delivery.item.clone());
            for mailbox in delivery.mailboxes.iter() {
                if let Some(row) = mailbox.row_due() {
                    batch = batch.put(keys::mailbox(mailbox.device), row);
                }
            }
        }
        let write = self.0.data.write(batch);
        let services = self.clone();
        Box::pin(async move {
            match write.await {
                Ok(written) => {
                    services.wake(&deliveries, &written);
                    answer(Ok(()))
                }
                Err(error) => {
                    conversation.spoiled(generation);
                    for delivery in &deliveries {
                        delivery.mailboxes.iter().for_each(|mailbox| mailbox.refund(delivery.item.len()));
                    }
                    answer(Err(error))
                }
            }
        })
    }

    fn wake(&self, deliveries: &[Delivery], written: &Written) {
        for (delivery, positions) in deliveries.iter().zip(&written.appended) {
            for (log, position) in delivery.logs.iter().zip(positions) {
                self.bus().wake(*log, *position, delivery.item.clone());
            }
            self.metrics().delivered(positions.len());
        }
    }

    /// Answers a repeated request as the first time, as soon as that is durable: a write that changes nothing
    /// passes only after all that it was built on.
    fn repeated(&self, conversation: Arc<Conversation>, state: &State, sequence: u64) -> Durable<Accepted> {
        let Some(live) = &state.live else { return failed(ErrorCode::StorageUnavailable) };
        let key = keys::conversation(conversation.id);
        let batch = Batch::new()
            .assert(key.clone(), Expected::Value(live.head_row.clone()))
            .put(key, live.head_row.clone());
        let (write, generation) = (self.0.data.write(batch), state.generation);
        Box::pin(async move {
            let done = write.await;
            if done.is_err() {
                conversation.spoiled(generation);
            }
            done.map(|_| Accepted { sequence }).map_err(not_written)
        })
    }
}

/// An item's bytes, as stored and as pushed.
fn encode_item(now: Millis, kind: item::Kind) -> Bytes {
    frame::encode_item(&Item { time_ms: now, kind: Some(kind) })
}

/// A refusal, as the future that an operation gives.
fn failed<T: Send + 'static>(error: impl Into<WireError>) -> Durable<T> {
    Box::pin(std::future::ready(Err(error.into())))
}

fn stale(epoch: u64) -> WireError {
    WireError { code: ErrorCode::StaleEpoch, epoch, retry_after_ms: 0 }
}
