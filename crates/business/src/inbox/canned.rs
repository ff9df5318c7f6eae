//! Replies that are kept ready.

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};

use super::ChangeError;
use crate::audit::Who;
use crate::store::{Store, StoreError, table};

/// Replies at most.
pub const CANNED_MAX: usize = 1_000;
/// What stands for the customer's name.
const NAME: &str = "{{name}}";

/// A reply that is kept ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canned {
    /// What it says; `{{name}}` stands for the customer's name.
    pub body: String,
    /// Who wrote it.
    pub by: Who,
    /// When.
    pub at: Millis,
}

impl Canned {
    /// Whether nothing but the name is to be filled in.
    pub fn is_whole(body: &str) -> bool {
        !body.replace(NAME, "").contains("{{")
    }

    /// What it says to a customer. Where the name is not known it is left out, with the space before it.
    pub fn to(&self, name: &str) -> String {
        match name {
            "" => self.body.replace(&format!(" {NAME}"), "").replace(NAME, ""),
            name => self.body.replace(NAME, name),
        }
    }
}

/// The replies of a node that are kept ready.
#[derive(Clone)]
pub struct CannedReplies<D> {
    store: Store<D>,
}

impl<D: Data> CannedReplies<D> {
    /// The replies in a store.
    pub fn new(store: Store<D>) -> Self {
        Self { store }
    }

    /// All of them by their names, in order.
    pub async fn list(&self) -> Result<Vec<(String, Canned)>, StoreError> {
        let prefix = Key::new(table::INBOX, &[b"r"]);
        let rows = self.store.list("a reply", &prefix, None, CANNED_MAX).await?;
        let named = rows.into_iter().map(|(key, reply)| {
            let name = key.as_bytes().get(2..).map(<[u8]>::to_vec).and_then(|it| String::from_utf8(it).ok());
            Ok((name.ok_or(StoreError::Corrupt("the key of a reply"))?, reply))
        });
        named.collect()
    }

    /// The reply of a name.
    pub async fn get(&self, name: &str) -> Result<Option<Canned>, StoreError> {
        self.store.read("a reply", &key(name)).await
    }

    /// Keeps a reply, in place of one of the same name.
    pub async fn set(&self, name: &str, reply: Canned) -> Result<(), ChangeError> {
        if self.get(name).await?.is_none() && self.list().await?.len() >= CANNED_MAX {
            return Err(ChangeError::TooMany("replies"));
        }
        let keep = |it: &mut Option<Canned>| *it = Some(reply.clone());
        Ok(self.store.change("a reply", &key(name), keep).await?)
    }

    /// Takes one away; `false` when there is none.
    pub async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        let there = self.get(name).await?.is_some();
        self.store.write(Batch::new().delete(key(name))).await?;
        Ok(there)
    }
}

fn key(name: &str) -> Key {
    Key::new(table::INBOX, &[b"r", name.as_bytes()])
}
