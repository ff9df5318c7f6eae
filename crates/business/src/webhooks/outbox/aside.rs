//! What a node that does not lead keeps of what the leader tells: it tells it itself when it leads before the leader has.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use serde::{Deserialize, Serialize};

use super::{Outbox, Queueing, StoreError};
use crate::nodes::Mark;
use crate::restriction;
use crate::store::{bytes_of, end_of, table};
use crate::webhooks::event::Rendered;

const PAGE: usize = 256;
/// Rows that come into their lanes in one batch.
const AT_ONCE: usize = 64;

/// An event that is kept aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Aside {
    pub(super) customer: Option<AccountId>,
    pub(super) field: String,
    /// When it was taken.
    pub(super) created: Millis,
    pub(super) body: Vec<u8>,
}

impl Aside {
    /// Where it is kept: in the order in which they came.
    pub(super) fn key(id: u64) -> Key {
        Key::new(table::DELIVERY, &[b"a", &id.to_be_bytes()])
    }

    fn all() -> Key {
        Key::new(table::DELIVERY, &[b"a"])
    }

    fn id_of(key: &Key) -> Option<u64> {
        Some(u64::from_be_bytes(key.as_bytes().get(2..)?.try_into().ok()?))
    }
}

/// What of that which is aside the leader has told, or would not tell any more.
struct Elsewhere {
    /// What was taken before.
    before: Millis,
    /// But not of these customers: what is of them is told when nothing restricts it.
    restricted: BTreeSet<AccountId>,
}

impl Elsewhere {
    fn has(&self, it: &Aside) -> bool {
        it.created < self.before && it.customer.is_none_or(|customer| !self.restricted.contains(&customer))
    }
}

impl<D: Data> Outbox<D> {
    /// Has what was kept aside wait in its lanes, where the leader before has not told it: this node leads now. `false`
    /// when nothing is aside any more.
    pub(in crate::webhooks) async fn bring(&self, now: Millis) -> Result<bool, StoreError> {
        let _held = self.hold().await;
        let rows = self.store.list::<Aside>("what is aside", &Aside::all(), None, AT_ONCE).await?;
        if rows.is_empty() || !self.lead.leads() {
            return Ok(false);
        }
        let told = self.told_elsewhere(now).await?;
        let gone = rows.iter().fold(Batch::new(), |batch, (key, _)| batch.delete(key.clone()));
        let left = rows.into_iter().map(|(_, it)| it).filter(|it| !told.has(it)).map(|it| Queueing {
            created: it.created,
            event: Rendered { customer: it.customer, field: it.field.into(), body: it.body, is_led: true },
        });
        self.queue(gone, left.collect(), now, true).await?;
        Ok(true)
    }

    /// Drops of what is aside what the leader has told for sure, and what is so old that nobody would tell it any more.
    pub async fn drop_told(&self, now: Millis) -> Result<(), StoreError> {
        let told = self.told_elsewhere(now).await?;
        let mut after = None;
        loop {
            let rows = self.store.list::<Aside>("what is aside", &Aside::all(), after.as_ref(), PAGE).await?;
            let Some((last, newest)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let old = rows.iter().filter(|(_, it)| told.has(it));
            let batch = old.fold(Batch::new(), |batch, (key, _)| batch.delete(key.clone()));
            self.store.write(batch).await?;
            // The oldest come first.
            if newest.created >= told.before {
                return Ok(());
            }
        }
    }

    async fn told_elsewhere(&self, now: Millis) -> Result<Elsewhere, StoreError> {
        let too_old = now.saturating_add(1).saturating_sub(self.settings.life);
        let before = self.lead.told_before(now).unwrap_or(0).max(too_old);
        Ok(Elsewhere { before, restricted: restriction::all(&self.store).await? })
    }

    /// When that was taken which this node told last, of what only the leader tells; 0 when that was before it started.
    pub fn latest(&self) -> Millis {
        self.latest.load(Ordering::Relaxed)
    }

    /// Up to when everything was told that only the leader tells, but for customers whose data is restricted.
    pub async fn told(&self, now: Millis) -> Result<Mark, StoreError> {
        let aside = self.store.list::<Aside>("what is aside", &Aside::all(), None, 1).await?;
        let mut oldest = aside.first().map_or(now, |(_, it)| it.created);
        for lane in self.lanes().await? {
            let is_held = match lane.customer {
                Some(customer) => restriction::since(&self.store, customer).await?.is_some(),
                None => false,
            };
            if let Some(due) = self.head(lane).await?.filter(|_| !is_held) {
                oldest = oldest.min(due.waiting.created);
            }
        }
        Ok(Mark(oldest.min(now)))
    }

    /// How many events are aside, counted up to a limit.
    pub async fn aside(&self, limit: usize) -> Result<usize, StoreError> {
        let all = Aside::all();
        Ok(self.store.0.scan(&all, &end_of(&all), limit).await?.len())
    }

    /// What is aside of a customer, with its ids.
    pub(super) async fn aside_of(&self, customer: AccountId) -> Result<Vec<(u64, Aside)>, StoreError> {
        let (mut after, mut theirs) = (None, Vec::new());
        loop {
            let rows = self.store.list::<Aside>("what is aside", &Aside::all(), after.as_ref(), PAGE).await?;
            let Some((last, _)) = rows.last() else { return Ok(theirs) };
            after = Some(last.clone());
            let of = rows.into_iter().filter(|(_, it)| it.customer == Some(customer));
            theirs.extend(of.filter_map(|(key, it)| Some((Aside::id_of(&key)?, it))));
        }
    }

    /// What is aside of a customer is as if it had come now: whoever leads begins to tell it only now.
    pub(super) async fn begin_aside_anew(&self, customer: AccountId, now: Millis) -> Result<(), StoreError> {
        // Brought into its lanes meanwhile, it has its days from then on.
        let _held = self.hold().await;
        loop {
            let theirs = self.aside_of(customer).await?;
            let again = |batch: Batch, (id, it): (u64, Aside)| {
                let before = Expected::Value(bytes_of(&it).into());
                let now = bytes_of(&Aside { created: now, ..it });
                batch.assert(Aside::key(id), before).put(Aside::key(id), now)
            };
            match self.store.write(theirs.into_iter().fold(Batch::new(), again)).await {
                // Some of it was erased meanwhile.
                Err(StoreError::Write(WriteError::Conflict(_))) => {}
                done => return done,
            }
        }
    }

    /// Erases what is aside of a customer, up to this id; gives how many.
    pub(super) async fn forget_aside(&self, customer: AccountId, up_to: u64) -> Result<u64, StoreError> {
        let theirs = self.aside_of(customer).await?;
        let old: Vec<_> = theirs.into_iter().map(|(id, _)| id).filter(|id| *id <= up_to).collect();
        let batch = old.iter().fold(Batch::new(), |batch, id| batch.delete(Aside::key(*id)));
        self.store.write(batch).await?;
        Ok(old.len() as u64)
    }
}
