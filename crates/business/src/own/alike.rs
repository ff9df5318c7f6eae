//! What all nodes of an account hold alike of customers: whose data nothing is done with, and who was erased. Each node
//! does it for what it has itself; that it is to be done goes sealed among the account's devices, which remember it: under
//! pseudonyms, for who was erased is to be named nowhere.
//!
//! | name | value |
//! |---|---|
//! | `restrict/` pseudonym | version, since when; `None` when it was lifted |
//! | `erased/` pseudonym | version, up to when by the relay's time |

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Key};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Own, OwnError};
use crate::audit::{Act, Pseudonym, Who};
use crate::clock::Clock;
use crate::nodes::Nodes;
use crate::restriction;
use crate::store::{StoreError, table};

const RESTRICTED: &str = "restrict/";
const ERASED: &str = "erased/";
const VERSION: u8 = 1;

impl<D: Data, K: Clock> Own<D, K> {
    /// Brings this node and the others together: does here what was asked for there, tells them what was asked for here.
    pub async fn agree(&self) -> Result<(), OwnError> {
        let Some(nodes) = &self.nodes else { return Ok(()) };
        let _alone = self.agreeing.lock().await;
        self.agree_on_restricted(&**nodes).await?;
        self.agree_on_erased(&**nodes).await
    }

    /// The same, for who has just asked for something: where it fails the others hear of it with the next round.
    pub(super) async fn agree_now(&self) {
        if let Err(error) = self.agree().await {
            tracing::warn!(%error, "the other nodes of the account hear of it later");
        }
    }

    async fn agree_on_restricted(&self, nodes: &dyn Nodes) -> Result<(), OwnError> {
        let Some(eraser) = self.eraser() else { return Ok(()) };
        let store = &self.hooks.renderer.names.store;
        let restricted = restriction::all(store).await?;
        let of = of(nodes, RESTRICTED)?.into_iter().map(|(who, since)| (Pseudonym(who), since));
        let shared: BTreeMap<Pseudonym, Vec<u8>> = of.collect();
        let (mut agreed_on, mut news) = (BTreeMap::new(), Vec::new());
        for (who, theirs) in &shared {
            match store.0.get(&agreed(*who)).await.map_err(StoreError::from)? {
                Some(before) if before == theirs[..] => drop(agreed_on.insert(*who, None)),
                before => news.extend(value(theirs).map(|since| (*who, since, before))),
            }
        }
        if !news.is_empty() {
            let all = eraser.all().await?.into_iter().chain(restricted);
            let all: BTreeMap<_, _> = all.map(|it| (self.audit.pseudonym(it), it)).collect();
            for (who, since, before) in news {
                match all.get(&who) {
                    Some(customer) => self.follow_restricted(*customer, since, before.as_deref()).await?,
                    // Nobody is to be known here yet.
                    None if since.is_some() => continue,
                    None => {}
                }
                store.write(Batch::new().put(agreed(who), bytes(&since))).await?;
                agreed_on.insert(who, None);
            }
        }
        for customer in restriction::all(store).await? {
            let who = self.audit.pseudonym(customer);
            if agreed_on.contains_key(&who) || !shared.contains_key(&who) {
                agreed_on.insert(who, restriction::since(store, customer).await?);
            }
        }
        for (who, since) in agreed_on {
            let mine = bytes(&since);
            if shared.get(&who) != Some(&mine) {
                nodes.share(name(RESTRICTED, who), mine.clone()).await?;
                store.write(Batch::new().put(agreed(who), mine)).await?;
            }
        }
        Ok(())
    }

    /// Does here what another node has set; unless something was set here too since they agreed, and restricts.
    async fn follow_restricted(
        &self,
        customer: AccountId,
        since: Option<Millis>,
        before: Option<&[u8]>,
    ) -> Result<(), OwnError> {
        let store = &self.hooks.renderer.names.store;
        let mine = restriction::since(store, customer).await?;
        let is_set_here = mine.is_some() && before != Some(&*bytes(&mine));
        if mine == since || is_set_here {
            return Ok(());
        }
        let detail = match since {
            Some(since) => {
                let row = restriction::row(since);
                store.write(Batch::new().put(restriction::key(customer), row)).await?;
                "restricted, at another node"
            }
            None => {
                restriction::lift(store, &self.hooks.outbox, customer, self.now()).await?;
                "lifted, at another node"
            }
        };
        let (what, subject) = ("customer.restrict".to_owned(), Some(self.audit.pseudonym(customer)));
        let act = Act { who: Who::Node, what, subject, detail: detail.to_owned() };
        self.audit.append(act, self.now()).await?;
        Ok(())
    }

    async fn agree_on_erased(&self, nodes: &dyn Nodes) -> Result<(), OwnError> {
        let Some(eraser) = self.eraser() else { return Ok(()) };
        let all = of(nodes, ERASED)?.into_iter();
        let all = all.filter_map(|(who, before)| Some((Pseudonym(who), value(&before)?)));
        let shared: BTreeMap<Pseudonym, Millis> = all.collect();
        if eraser.take_note(&shared).await? {
            self.erase_owed("as at another node").await?;
        }
        for (who, before) in eraser.erased().await? {
            if shared.get(&who).is_none_or(|it| *it < before) {
                nodes.share(name(ERASED, who), bytes(&before)).await?;
            }
        }
        Ok(())
    }
}

/// What the nodes hold alike under a prefix, by the id that ends the name.
fn of(nodes: &dyn Nodes, prefix: &str) -> Result<BTreeMap<[u8; 16], Vec<u8>>, OwnError> {
    let id = |name: &str| URL_SAFE_NO_PAD.decode(name.strip_prefix(prefix)?).ok()?.try_into().ok();
    let known = nodes.shared(prefix)?.into_iter();
    Ok(known.filter_map(|(name, value)| Some((id(&name)?, value))).collect())
}

fn name(prefix: &str, who: Pseudonym) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(who.0))
}

fn bytes<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("it serializes into memory")
}

/// `None` for what a later version wrote.
fn value<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes.strip_prefix(&[VERSION])?).ok()
}

/// What was agreed on last of a customer's restriction.
fn agreed(who: Pseudonym) -> Key {
    Key::new(table::NODE, &[b"restricted", &who.0])
}
