//! What the API remembers of a message that went out: whose it is, what comes back with its statuses, how far it got.

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};

use super::super::analytics;
use super::super::error::ApiError;
use crate::chat::{Category, MessageId, Reach};
use crate::inbox;
use crate::node::{Node, Ports};
use crate::store::{Store, StoreError, bytes_of, table};

/// Rows that are looked through at once.
const AT_ONCE: usize = 1_000;

/// What is kept of a message that went out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// To whom it was said.
    pub customer: AccountId,
    /// What for.
    pub category: Category,
    /// `biz_opaque_callback_data`: comes with each status.
    pub opaque: Option<String>,
    /// When it was taken.
    pub at: Millis,
    /// How far it got, as far as it was told.
    pub reach: Option<Reach>,
}

/// What is kept of a message; `None` when it did not go out through the API.
pub async fn record<P: Ports>(node: &Node<P>, id: MessageId) -> Result<Option<Kept>, StoreError> {
    kept(&node.store, id).await
}

/// As [`record`], from the store alone.
pub(crate) async fn kept<D: Data>(store: &Store<D>, id: MessageId) -> Result<Option<Kept>, StoreError> {
    store.read("a message", &key(id)).await
}

/// A message got so far; `false` when it had been there before, so that it is told and counted once.
pub async fn reached<D: Data>(
    store: &Store<D>,
    now: Millis,
    id: MessageId,
    reach: Reach,
) -> Result<bool, StoreError> {
    let step = |kept: &mut Option<Kept>| match kept {
        Some(kept) if kept.reach < Some(reach) => {
            let before = kept.reach.replace(reach);
            Some(before < Some(Reach::Delivered) && reach >= Reach::Delivered)
        }
        _ => None,
    };
    let step = store.change("a message", &key(id), step).await?;
    if step == Some(true) {
        analytics::delivered(store, now).await?;
    }
    Ok(step.is_some())
}

/// Keeps it, and writes down in the conversation that something was said: with offers and codes nobody is answered.
pub(super) async fn keep<P: Ports>(
    node: &Node<P>,
    id: MessageId,
    kept: Kept,
    is_reaction: bool,
) -> Result<(), ApiError> {
    // A message that was sent again by its idempotency key is known already, and may have got further.
    if record(node, id).await?.is_some() {
        return Ok(());
    }
    let batch = Batch::new().put(key(id), bytes_of(&kept));
    let answers = kept.category == Category::Service;
    match is_reaction {
        true => node.store.write(batch).await?,
        false => inbox::said(&node.store, kept.customer, kept.at, answers, batch).await?,
    }
    Ok(())
}

/// Forgets the messages that went out to a customer; says how many.
pub(crate) async fn forget_kept<D: Data>(store: &Store<D>, customer: AccountId) -> Result<u64, StoreError> {
    let (all, mut after, mut gone) = (Key::new(table::MESSAGE, &[]), None, 0);
    loop {
        let rows: Vec<(Key, Kept)> = store.list("messages", &all, after.as_ref(), AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok(gone) };
        after = Some(last.clone());
        let theirs = rows.into_iter().filter(|(_, it)| it.customer == customer);
        let batch = theirs.fold(Batch::new(), |batch, (key, _)| batch.delete(key));
        gone += batch.ops.len() as u64;
        store.write(batch).await?;
    }
}

fn key(id: MessageId) -> Key {
    Key::new(table::MESSAGE, &[&id.0])
}
