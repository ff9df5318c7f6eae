//! What all nodes of one account hold alike, sealed among their devices: what programs know the business and its
//! customers by, and what webhooks are signed with.

use lacre_store::data::{Batch, Data, Expected, Key};
use serde::{Deserialize, Serialize};

use crate::node::{Identity, Object, claim};
use crate::store::{Store, StoreError, bytes_of, table};
use crate::webhooks::sign::Secrets;
use crate::webhooks::subscription;

/// Under what the devices of the account hold it.
pub const NAME: &str = "node";
const VERSION: u8 = 1;

/// What all nodes of one account hold alike.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    identity: Identity,
    secrets: Secrets,
}

impl Pass {
    /// That of the node over a store.
    pub async fn of<D: Data>(store: &Store<D>, identity: &Identity) -> Result<Self, StoreError> {
        let secrets = subscription::secrets(store, &identity.app_secret).await?;
        Ok(Self { identity: identity.clone(), secrets })
    }

    /// As the devices hold it.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![VERSION]).expect("it serializes into memory")
    }

    /// From what the devices hold; `None` when it is none, or one of a later version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes.strip_prefix(&[VERSION])?).ok()
    }

    /// Makes the node over a new store one with this pass; one over a store that is somebody stays who it is.
    pub async fn enter<D: Data>(&self, store: &Store<D>) -> Result<Identity, StoreError> {
        if let Some(known) = Identity::known(store).await? {
            return Ok(known);
        }
        let Identity { app, account, number, .. } = self.identity;
        let key = Identity::key();
        let batch = Batch::new()
            .assert(key.clone(), Expected::Absent)
            .put(key, bytes_of(&self.identity))
            .put(subscription::secrets_key(), bytes_of(&self.secrets))
            .put(agreed_key(), self.to_bytes());
        let all = [(app, Object::App), (account, Object::Account), (number, Object::Number)];
        store.write(all.into_iter().fold(batch, |batch, (id, object)| claim(batch, id, object))).await?;
        Ok(self.identity.clone())
    }

    /// Brings this node and the others together: gives what is to be told to them, where this one has changed something;
    /// follows what another has changed.
    pub async fn agree<D: Data>(
        store: &Store<D>,
        identity: &Identity,
        shared: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mine = Self::of(store, identity).await?;
        let agreed = store.0.get(&agreed_key()).await?;
        let shared = shared.filter(|it| agreed.as_deref() != Some(*it));
        match shared.and_then(|bytes| Some((bytes, Self::from_bytes(bytes)?))) {
            // Another node has a new secret.
            Some((bytes, theirs)) if theirs.identity == mine.identity => {
                let batch = Batch::new().put(agreed_key(), bytes.to_vec());
                store.write(batch.put(subscription::secrets_key(), bytes_of(&theirs.secrets))).await?;
                Ok(None)
            }
            Some(_) => {
                tracing::error!(
                    "a device of this account has a node that other programs know: it is no node of this one"
                );
                Ok(None)
            }
            None if agreed.as_deref() == Some(&mine.to_bytes()) => Ok(None),
            None => {
                store.write(Batch::new().put(agreed_key(), mine.to_bytes())).await?;
                Ok(Some(mine.to_bytes()))
            }
        }
    }
}

/// What was agreed on last.
fn agreed_key() -> Key {
    Key::new(table::NODE, &[b"pass"])
}

#[cfg(test)]
mod tests {
    use lacre_store::memory::MemoryData;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    async fn rotate(store: &Store<MemoryData>, to: &str) {
        let secrets = Secrets { current: to.to_owned(), previous: None };
        store
            .write(Batch::new().put(subscription::secrets_key(), bytes_of(&secrets)))
            .await
            .expect("written");
    }

    #[tokio::test]
    async fn two_nodes_are_known_by_the_same_and_follow_each_others_secrets() {
        let (one, two) = (Store(MemoryData::default()), Store(MemoryData::default()));
        let identity = Identity::of(&one, &mut StdRng::seed_from_u64(1)).await.expect("somebody");
        let told = Pass::agree(&one, &identity, None).await.expect("read").expect("told to the others");
        assert_eq!(Pass::agree(&one, &identity, Some(&told)).await, Ok(None), "once");
        let pass = Pass::from_bytes(&told).expect("a pass");
        assert!(pass.enter(&two).await.expect("entered") == identity);
        assert_eq!(Pass::agree(&two, &identity, Some(&told)).await, Ok(None));
        // A new secret on the second one.
        rotate(&two, "another").await;
        let told = Pass::agree(&two, &identity, Some(&told)).await.expect("read").expect("told");
        assert_eq!(Pass::agree(&one, &identity, Some(&told)).await, Ok(None));
        let secrets = subscription::secrets(&one, &identity.app_secret).await.expect("read");
        assert_eq!(secrets.current, "another");
        assert_eq!(Pass::agree(&one, &identity, Some(&told)).await, Ok(None));
        // A node that somebody else is: nothing is taken of it.
        let other = Store(MemoryData::default());
        let stranger = Identity::of(&other, &mut StdRng::seed_from_u64(2)).await.expect("somebody");
        assert_eq!(Pass::agree(&other, &stranger, Some(&told)).await, Ok(None));
        assert!(Pass::of(&other, &stranger).await.expect("read").secrets.current == stranger.app_secret);
        assert!(Pass::from_bytes(b"\x02later").is_none());
    }
}
