//! What the queues hold of a customer.

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};

use super::rows::{Lane, Waiting};
use super::{Outbox, Settings, StoreError, log};
use crate::store::{bytes_of, end_of};
use crate::webhooks::subscription::Slot;

const PAGE: usize = 256;

/// A delivery about a customer that was not made yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The delivery.
    pub id: u64,
    /// The queue.
    pub slot: Slot,
    /// The field that it comes under.
    pub field: String,
    /// When the event was taken.
    pub created: Millis,
    /// When it was given up; `None` while it waits.
    pub died: Option<Millis>,
    /// How long its body is.
    pub bytes: usize,
}

impl<D: Data> Outbox<D> {
    /// How long what is kept.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// How many deliveries about a customer wait, or are aside.
    pub async fn count(&self, customer: AccountId) -> Result<u64, StoreError> {
        let mut count = self.aside_of(customer).await?.len() as u64;
        for lane in lanes(customer) {
            let prefix = lane.prefix();
            let (mut from, end) = (prefix.clone(), end_of(&prefix));
            // Page by page, and nothing of them is read: their bodies may be many.
            loop {
                let rows = self.store.0.scan(&from, &end, PAGE).await?;
                let Some((last, _)) = rows.last() else { break };
                from = log::after(last);
                count += rows.len() as u64;
            }
        }
        Ok(count)
    }

    /// Deliveries about a customer that wait, are aside, or were given up.
    pub async fn of(&self, customer: AccountId) -> Result<Vec<Queued>, StoreError> {
        // What the node that leads tells goes to the usual receiver, if this one ever tells it.
        let aside = self.aside_of(customer).await?;
        let aside = aside.into_iter().map(|(id, it)| {
            let (slot, field, created) = (Slot::Main, it.field, it.created);
            Queued { id, slot, field, created, died: None, bytes: it.body.len() }
        });
        let mut all: Vec<_> = aside.collect();
        for lane in lanes(customer) {
            let prefix = lane.prefix();
            let (mut from, end) = (prefix.clone(), end_of(&prefix));
            loop {
                let rows = self.rows::<Waiting>(&from, &end, PAGE).await?;
                let Some((last, _)) = rows.last() else { break };
                from = log::after(last);
                all.extend(rows.into_iter().map(|(_, it)| {
                    let Waiting { id, field, created, queued: _, body } = it;
                    Queued { id, slot: lane.slot, field, created, died: None, bytes: body.len() }
                }));
            }
        }
        let mut after = 0;
        loop {
            let dead = self.dead(after, PAGE).await?;
            let Some(last) = dead.last() else { return Ok(all) };
            after = last.id;
            all.extend(dead.into_iter().filter(|it| it.lane.customer == Some(customer)).map(|it| Queued {
                id: it.id,
                slot: it.lane.slot,
                field: it.field,
                created: it.created,
                died: Some(it.died),
                bytes: it.body.len(),
            }));
        }
    }

    /// Gives what waits about a customer its days again, from now on.
    pub(crate) async fn begin_anew(&self, customer: AccountId, now: Millis) -> Result<(), StoreError> {
        self.begin_aside_anew(customer, now).await?;
        for lane in lanes(customer) {
            let prefix = lane.prefix();
            let (mut from, end) = (prefix.clone(), end_of(&prefix));
            loop {
                let rows = self.rows::<Waiting>(&from, &end, PAGE).await?;
                let Some((last, _)) = rows.last() else { break };
                let next = log::after(last);
                let again = |batch: Batch, (key, it): (_, Waiting)| {
                    let batch = batch.assert(Key::clone(&key), Expected::Value(bytes_of(&it).into()));
                    batch.put(key, bytes_of(&Waiting { queued: now, ..it }))
                };
                match self.store.write(rows.into_iter().fold(Batch::new(), again)).await {
                    Ok(()) => from = next,
                    // One of them was delivered meanwhile: look again at those that are left.
                    Err(StoreError::Write(WriteError::Conflict(_))) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Has the lanes of a customer looked at.
    pub(crate) fn look_at(&self, customer: AccountId) {
        self.touch(lanes(customer));
    }
}

/// The lanes that a customer may have.
pub(super) fn lanes(customer: AccountId) -> impl Iterator<Item = Lane> {
    let slots = (0..=u8::MAX).map(Slot::Also).chain([Slot::Main]);
    slots.map(move |slot| Lane { slot, customer: Some(customer) })
}
