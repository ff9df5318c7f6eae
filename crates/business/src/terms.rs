//! What the business tells its customers before they write (R19), and who may act for it (R24).
//!
//! For how long is kept what is said is no promise to be made here: it is what [`retention`](crate::retention) is set to.
//!
//! A provider is somebody outside the business: an agency, a chatbot's maker, a support centre. Its tokens open what its
//! delegation says, until that ends or is taken back, and not before customers can know of it: the delegation stands in
//! the terms that the device signs and the directory gives to each customer. Every call of a provider is in the audit
//! log.
//!
//! Keys of the table: `t` → the notice; `p` and a provider's number → [`Provider`].

use futures_util::future::BoxFuture;
use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};

use crate::chat::SendError;
use crate::retention::{DAY, Kind, Periods};
use crate::store::{Store, StoreError, bytes_of, table};
use crate::tokens::Scope;

/// Longest notice, in characters.
pub const NOTICE_MAX: usize = 2_000;
/// Longest name and purpose of a provider, in characters.
pub const LINE_MAX: usize = 100;
/// Providers at once, at most.
pub const PROVIDERS_MAX: usize = lacre_proto::terms::PROVIDERS;

/// What is said to customers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// What is done with what they write, in the business's words.
    pub notice: String,
    /// For how many days it is kept; 0 when it is not said.
    pub keeps_days: u32,
    /// Who acts for the business: those whose delegation stands.
    pub providers: Vec<Provider>,
}

/// What the device has told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub terms: Terms,
    /// The document: an encoded `Signed` over a `BusinessTerms` (docs/protocol).
    pub document: Vec<u8>,
    /// Whether the relay has it, so that customers can know.
    pub known: bool,
}

/// The sealed side, where it tells customers what the business keeps and who acts for it.
pub trait Telling: Send + Sync + 'static {
    /// What was told last; `None` when nothing was.
    fn told(&self) -> Result<Option<Told>, SendError>;
    /// Tells it in place of what was told before. Whether the relay has it is asked by [`told`](Self::told).
    fn tell(&self, terms: Terms) -> BoxFuture<'_, Result<(), SendError>>;
}

/// Somebody who may act for the business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its number.
    pub id: u64,
    /// As customers are told.
    pub name: String,
    /// What for.
    pub purpose: String,
    /// What its tokens may be used for.
    pub scopes: Vec<Scope>,
    /// Since when.
    pub from: Millis,
    /// Until when.
    pub until: Millis,
    /// The Ed25519 key that its requests are signed by; a token is enough where there is none.
    pub key: Option<[u8; 32]>,
    /// Whether customers can know of it.
    pub told: bool,
    /// Since when it may not any more.
    pub revoked: Option<Millis>,
}

impl Provider {
    /// Whether its delegation stands.
    pub fn stands(&self, now: Millis) -> bool {
        self.revoked.is_none() && self.from <= now && now < self.until
    }
}

/// The terms of a node.
#[derive(Clone)]
pub struct TermsOf<D> {
    store: Store<D>,
}

impl<D: Data> TermsOf<D> {
    /// The terms in a store.
    pub fn new(store: Store<D>) -> Self {
        Self { store }
    }

    /// What is to be told now.
    pub async fn terms(&self, now: Millis) -> Result<Terms, StoreError> {
        let notice = self.store.read("the notice", &said()).await?.unwrap_or_default();
        let kept = Periods::of(&self.store).await?.period(Kind::Messages, None);
        let keeps_days = kept.map_or(0, |it| u32::try_from(it.div_ceil(DAY)).unwrap_or(u32::MAX));
        let providers = self.providers().await?.into_iter().filter(|it| it.stands(now)).collect();
        Ok(Terms { notice, keeps_days, providers })
    }

    /// Another notice.
    pub async fn say(&self, notice: &str) -> Result<(), StoreError> {
        self.store.write(Batch::new().put(said(), bytes_of(&notice))).await
    }

    /// All providers, those that are over too, in the order in which they came.
    pub async fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        let all = self.store.list("a provider", &Key::new(table::TERMS, &[b"p"]), None, usize::MAX).await?;
        let mut all: Vec<Provider> = all.into_iter().map(|(_, it)| it).collect();
        all.sort_by_key(|it| it.from);
        Ok(all)
    }

    /// A provider.
    pub async fn provider(&self, id: u64) -> Result<Option<Provider>, StoreError> {
        self.store.read("a provider", &at(id)).await
    }

    /// Lets one in.
    pub async fn add(&self, provider: &Provider) -> Result<(), StoreError> {
        self.store.write(Batch::new().put(at(provider.id), bytes_of(provider))).await
    }

    /// Puts one out: the next request of theirs is refused. Whether there was one.
    pub async fn revoke(&self, id: u64, now: Millis) -> Result<bool, StoreError> {
        self.change(id, |it| it.revoked = it.revoked.or(Some(now))).await
    }

    /// Customers can know of one from now on.
    pub async fn is_told(&self, id: u64) -> Result<bool, StoreError> {
        self.change(id, |it| it.told = true).await
    }

    async fn change(&self, id: u64, with: impl Fn(&mut Provider)) -> Result<bool, StoreError> {
        self.store
            .change("a provider", &at(id), |it: &mut Option<Provider>| it.as_mut().map(&with).is_some())
            .await
    }
}

fn said() -> Key {
    Key::new(table::TERMS, &[b"t"])
}

fn at(id: u64) -> Key {
    Key::new(table::TERMS, &[b"p", &id.to_be_bytes()])
}
