//! What the API remembers of a message that went out: whose it is, what comes back with its statuses, how far it got.

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};

use super::super::analytics::{self, Step};
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
    /// The template that it was made of.
    pub template: Option<u64>,
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
            Some((before, kept.template))
        }
        _ => None,
    };
    let Some((before, template)) = store.change("a message", &key(id), step).await? else { return Ok(false) };
    let steps = [(Reach::Delivered, Step::Delivered), (Reach::Read, Step::Read)];
    for (_, step) in steps.into_iter().filter(|(it, _)| before < Some(*it) && reach >= *it) {
        if step == Step::Delivered {
            analytics::delivered(store, now).await?;
        }
        if let Some(template) = template {
            analytics::of_template(store, now, template, step).await?;
        }
    }
    Ok(true)
}

/// Keeps it, counts it, and writes down in the conversation that something was said: with offers and codes nobody is answered.
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
    if is_reaction {
        return Ok(node.store.write(batch).await?);
    }
    let counted = node.sends.count(&node.store, kept.at, kept.template);
    tokio::try_join!(counted, inbox::said(&node.store, kept.customer, kept.at, answers, batch))?;
    Ok(())
}

/// Forgets the messages that went out to a customer up to a time; says how many.
pub(crate) async fn forget_kept<D: Data>(
    store: &Store<D>,
    customer: AccountId,
    up_to: Millis,
) -> Result<u64, StoreError> {
    let (mut after, mut gone) = (None, 0);
    loop {
        let theirs = |it: &Kept| it.customer == customer && it.at <= up_to;
        let (next, some) = drop_kept(store, after.as_ref(), theirs).await?;
        gone += some;
        match next {
            Some(next) => after = Some(next),
            None => return Ok(gone),
        }
    }
}

/// Forgets those of the next messages that went out which are to be forgotten; says where to go on, and how many.
pub(crate) async fn drop_kept<D: Data>(
    store: &Store<D>,
    after: Option<&Key>,
    which: impl Fn(&Kept) -> bool,
) -> Result<(Option<Key>, u64), StoreError> {
    let all = Key::new(table::MESSAGE, &[]);
    let rows: Vec<(Key, Kept)> = store.list("messages", &all, after, AT_ONCE).await?;
    let next = rows.last().map(|(key, _)| key.clone());
    let gone = rows.into_iter().filter(|(_, it)| which(it));
    let batch = gone.fold(Batch::new(), |batch, (key, _)| batch.delete(key));
    let count = batch.ops.len() as u64;
    store.write(batch).await?;
    Ok((next, count))
}

/// How many messages that went out are noted, and when the oldest was taken.
pub(crate) async fn notes_held<D: Data>(store: &Store<D>) -> Result<(u64, Option<Millis>), StoreError> {
    let (all, mut after, mut count, mut oldest) = (Key::new(table::MESSAGE, &[]), None, 0, None);
    loop {
        let rows: Vec<(Key, Kept)> = store.list("messages", &all, after.as_ref(), AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok((count, oldest)) };
        after = Some(last.clone());
        count += rows.len() as u64;
        oldest = oldest.into_iter().chain(rows.iter().map(|(_, it)| it.at)).min();
    }
}

fn key(id: MessageId) -> Key {
    Key::new(table::MESSAGE, &[&id.0])
}
