//! Customers with whose data nothing is done for a while but to keep it: nothing is told of them to programs and nothing
//! is sent to them. What comes from them waits, and is told once that is lifted.
//!
//! Who tells looks here before each delivery, and who sends before each message.

use std::collections::BTreeSet;

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Key};

use crate::store::{Store, StoreError, bytes_of, table};
use crate::webhooks::outbox::Outbox;

/// Since when a customer is restricted; `None` when they are not.
pub async fn since<D: Data>(store: &Store<D>, customer: AccountId) -> Result<Option<Millis>, StoreError> {
    store.read("a restriction", &key(customer)).await
}

/// Every customer who is restricted.
pub async fn all<D: Data>(store: &Store<D>) -> Result<BTreeSet<AccountId>, StoreError> {
    let prefix = Key::new(table::CUSTOMER, &[b"r"]);
    let rows = store.list::<Millis>("a restriction", &prefix, None, usize::MAX).await?;
    let whom = rows.into_iter().map(|(key, _)| {
        let account = key.as_bytes().get(2..).and_then(|it| it.try_into().ok()).map(AccountId);
        account.ok_or(StoreError::Corrupt("the key of a restriction"))
    });
    whom.collect()
}

/// Restricts a customer, from the next delivery and the next message on; gives since when.
pub async fn set<D: Data>(store: &Store<D>, customer: AccountId, now: Millis) -> Result<Millis, StoreError> {
    let keep = |it: &mut Option<Millis>| *it.get_or_insert(now);
    store.change("a restriction", &key(customer), keep).await
}

/// Lifts it; gives whether there was one. What waited is told, each with its days before it; nothing happens when the
/// customer was not restricted.
pub async fn lift<D: Data>(
    store: &Store<D>,
    outbox: &Outbox<D>,
    customer: AccountId,
    now: Millis,
) -> Result<bool, StoreError> {
    if since(store, customer).await?.is_none() {
        // Whoever lifted it may have been stopped before this.
        outbox.look_at(customer);
        return Ok(false);
    }
    // First its days: whatever happens between, it is not given up for having waited here.
    outbox.begin_anew(customer, now).await?;
    store.write(Batch::new().delete(key(customer))).await?;
    outbox.look_at(customer);
    Ok(true)
}

/// The row of a customer who is restricted since then.
pub(crate) fn row(since: Millis) -> Vec<u8> {
    bytes_of(&since)
}

pub(crate) fn key(customer: AccountId) -> Key {
    Key::new(table::CUSTOMER, &[b"r", customer.as_ref()])
}
