//! The inboxes that there are.

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};

use super::ChangeError;
use crate::store::{Store, StoreError, table};

/// The inbox that new conversations lie in; it is always there.
pub const MAIN: &str = "main";
/// Inboxes at most.
const MOST: usize = 100;

/// The inboxes of a node.
#[derive(Clone)]
pub struct Inboxes<D> {
    store: Store<D>,
    /// Whoever moves a conversation, and whoever removes an inbox, has a turn: none is left in one that is gone.
    pub(crate) turn: std::sync::Arc<tokio::sync::Mutex<()>>,
}

impl<D: Data> Inboxes<D> {
    /// The inboxes in a store.
    pub fn new(store: Store<D>) -> Self {
        Self { store, turn: std::sync::Arc::default() }
    }

    /// Their names, the main one first.
    pub async fn list(&self) -> Result<Vec<String>, StoreError> {
        let prefix = Key::new(table::INBOX, &[b"i"]);
        let rows = self.store.list::<Millis>("an inbox", &prefix, None, MOST).await?;
        let names = rows.into_iter().map(|(key, _)| {
            let name = key.as_bytes().get(2..).map(<[u8]>::to_vec).and_then(|it| String::from_utf8(it).ok());
            name.ok_or(StoreError::Corrupt("the key of an inbox"))
        });
        std::iter::once(Ok(MAIN.to_owned())).chain(names).collect()
    }

    /// Whether there is one of this name.
    pub async fn has(&self, name: &str) -> Result<bool, StoreError> {
        Ok(name == MAIN || self.store.read::<Millis>("an inbox", &key(name)).await?.is_some())
    }

    /// Makes one; nothing happens when it is there.
    pub async fn add(&self, name: &str, now: Millis) -> Result<(), ChangeError> {
        if name == MAIN {
            return Ok(());
        }
        if self.list().await?.len() > MOST && !self.has(name).await? {
            return Err(ChangeError::TooMany("inboxes"));
        }
        let keep = |it: &mut Option<Millis>| *it.get_or_insert(now);
        self.store.change("an inbox", &key(name), keep).await?;
        Ok(())
    }

    /// Takes one away that is empty; whoever asks has looked, and has the turn.
    pub async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.store.write(Batch::new().delete(key(name))).await
    }
}

fn key(name: &str) -> Key {
    Key::new(table::INBOX, &[b"i", name.as_bytes()])
}
