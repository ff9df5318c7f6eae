//! What the node keeps of its own: tables over `lacre-store`, sealed on disk like everything that a device keeps.
//! Every value is postcard; every table owns one byte of the key space.

use bytes::Bytes;
use lacre_store::data::{Batch, Data, Expected, Key, Unavailable, WriteError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The tables.
pub mod table {
    /// What the node is: ids, secrets, settings; one key each.
    pub const NODE: u8 = 0x01;
    /// Customers: account → pairwise id, and back; account → since when they are restricted.
    pub const CUSTOMER: u8 = 0x02;
    /// Numbers of the API (ids of media, templates, …) → what they are.
    pub const OBJECT: u8 = 0x03;
    /// Messages that went out or came in: id → what the API has to know of them.
    pub const MESSAGE: u8 = 0x04;
    /// Answers to requests with an idempotency key.
    pub const ANSWERED: u8 = 0x05;
    /// Templates.
    pub const TEMPLATE: u8 = 0x10;
    /// Media.
    pub const MEDIA: u8 = 0x11;
    /// The profile and settings of a number.
    pub const PROFILE: u8 = 0x12;
    /// Counts for limits and analytics.
    pub const COUNT: u8 = 0x13;
    /// Flows.
    pub const FLOW: u8 = 0x14;
    /// Access tokens, hashed.
    pub const TOKEN: u8 = 0x20;
    /// People with their roles.
    pub const PERSON: u8 = 0x21;
    /// The audit log.
    pub const AUDIT: u8 = 0x22;
    /// What customers are told, and who acts for the business.
    pub const TERMS: u8 = 0x23;
    /// Subscriptions to webhooks.
    pub const SUBSCRIPTION: u8 = 0x30;
    /// Deliveries that wait, by subscription.
    pub const DELIVERY: u8 = 0x31;
    /// Deliveries that were given up.
    pub const DEAD: u8 = 0x32;
    /// What became of deliveries.
    pub const DELIVERED: u8 = 0x33;
    /// Up to where the events of the sealed side were taken.
    pub const TAKEN: u8 = 0x34;
    /// Conversations as people work on them, inboxes, replies that are kept ready.
    pub const INBOX: u8 = 0x40;
}

/// Why the node's store did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot serve.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A write was refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A value is not what it should be.
    #[error("{0} in the node's store cannot be read")]
    Corrupt(&'static str),
}

/// The typed side of a store.
#[derive(Clone)]
pub struct Store<D>(pub D);

impl<D: Data> Store<D> {
    /// The record under a key; `what` names it when it cannot be read.
    pub async fn read<T: DeserializeOwned>(
        &self,
        what: &'static str,
        key: &Key,
    ) -> Result<Option<T>, StoreError> {
        match self.0.get(key).await? {
            Some(bytes) => record(what, &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// The records whose keys begin with a prefix, in order, from after a key of them; at most `limit`.
    pub async fn list<T: DeserializeOwned>(
        &self,
        what: &'static str,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, T)>, StoreError> {
        let from = match after {
            Some(after) => Key::from(Bytes::from([after.as_bytes(), &[0]].concat())),
            None => prefix.clone(),
        };
        let rows = self.0.scan(&from, &end_of(prefix), limit).await?;
        rows.into_iter().map(|(key, bytes)| Ok((key, record(what, &bytes)?))).collect()
    }

    /// Writes a batch.
    pub async fn write(&self, batch: Batch) -> Result<(), StoreError> {
        self.0.write(batch).await?;
        Ok(())
    }

    /// Reads a record, changes it and writes it back, as often as another writer was faster.
    pub async fn change<T: Serialize + DeserializeOwned, R>(
        &self,
        what: &'static str,
        key: &Key,
        mut change: impl FnMut(&mut Option<T>) -> R,
    ) -> Result<R, StoreError> {
        loop {
            let before = self.0.get(key).await?;
            let mut value = before.as_ref().map(|bytes| record(what, bytes)).transpose()?;
            let result = change(&mut value);
            let expected = before.map_or(Expected::Absent, Expected::Value);
            let batch = Batch::new().assert(key.clone(), expected);
            let batch = match &value {
                Some(value) => batch.put(key.clone(), bytes_of(value)),
                None => batch.delete(key.clone()),
            };
            match self.0.write(batch).await {
                Ok(_) => return Ok(result),
                Err(WriteError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A record's bytes.
pub fn bytes_of<T: Serialize>(record: &T) -> Vec<u8> {
    postcard::to_allocvec(record).expect("records of the node are plain data")
}

/// What a record's bytes are; `what` names it when they cannot be read.
pub(crate) fn record<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(|_| StoreError::Corrupt(what))
}

/// The first key after all those that begin with a prefix.
pub fn end_of(prefix: &Key) -> Key {
    let mut bytes = prefix.as_bytes().to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            break;
        }
    }
    Key::from(Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use lacre_store::memory::MemoryData;

    use super::*;

    #[tokio::test]
    async fn a_record_is_changed_whole_and_listed_in_order() {
        let store = Store(MemoryData::default());
        let at = |n: u8| Key::new(table::COUNT, &[&[n]]);
        for n in [3, 1, 2] {
            store.write(Batch::new().put(at(n), bytes_of(&u64::from(n)))).await.expect("written");
        }
        store
            .change("a count", &at(2), |it: &mut Option<u64>| *it = it.map(|it| it + 40))
            .await
            .expect("done");
        let all = store.list::<u64>("counts", &Key::new(table::COUNT, &[]), None, 10).await.expect("read");
        assert_eq!(all.iter().map(|(_, it)| *it).collect::<Vec<_>>(), [1, 42, 3]);
        let rest = store.list::<u64>("counts", &Key::new(table::COUNT, &[]), Some(&at(1)), 1).await;
        assert_eq!(rest.expect("read")[0].1, 42);
        store.change("a count", &at(1), |it: &mut Option<u64>| *it = None).await.expect("done");
        assert_eq!(store.read::<u64>("a count", &at(1)).await.expect("read"), None);
    }
}
