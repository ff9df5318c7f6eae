//! The node: what it is (ids and secrets, made once), what it is set to, and the ports that it works with.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Expected, Key};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use url::Url;

use crate::api::analytics::Sends;
use crate::api::apps::Hooks;
use crate::api::link::Fetch;
use crate::api::signed::LARGE_AT_ONCE;
use crate::api::strangers;
use crate::audit::Audit;
use crate::chat::{Chat, SendError};
use crate::clock::{Clock, RelayClock};
use crate::customers::{Country, Customers};
use crate::flows::Flows;
use crate::limits::{Limiter, Pace};
use crate::media::Media;
use crate::media::upload::UploadId;
use crate::own::failures::Failures;
use crate::signature::Signatures;
use crate::store::{Store, StoreError, bytes_of, table};
use crate::templates::Templates;
use crate::tokens::Tokens;
use crate::webhooks::sign::Secrets;
use crate::webhooks::subscription;

/// What a node works with: one type for each port.
pub trait Ports: Send + Sync + 'static {
    /// The sealed side.
    type Chat: Chat;
    /// Where the node keeps what is its own.
    type Data: Data;
    /// How links of media are fetched.
    type Fetch: Fetch;
    /// Who is told by webhooks.
    type Hooks: Hooks;
    /// The clock of this machine; windows and grants go by the relay's, which the device knows.
    type Clock: Clock;
}

/// Whether templates wait for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approve {
    /// A template that is well formed is approved when it is made.
    Automatically,
    /// It waits for the operator.
    ByOperator,
}

/// What the operator sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How programs reach the node; links in answers begin with it. Ends with `/`.
    pub public: Url,
    /// Where a customer's device begins a chat with the business: `https://HOST/b/NAME`.
    pub chat_link: Url,
    /// The handle: what it goes by until the relay's operator has verified its name.
    pub name: String,
    /// The country of customers' user ids.
    pub country: Country,
    /// Whether templates wait for somebody.
    pub approve: Approve,
    /// How often one customer may be written to.
    pub pair: Pace,
    /// How often anybody may be.
    pub throughput: Pace,
}

impl Settings {
    /// What the documentation of the API says, for a node at this address.
    pub fn new(public: Url, chat_link: Url, name: String) -> Self {
        Self {
            public,
            chat_link,
            name,
            country: Country::default(),
            approve: Approve::ByOperator,
            pair: Pace { count: 1, per: 6_000, burst: 45 },
            throughput: Pace { count: 80, per: 1_000, burst: 80 },
        }
    }

    /// Lets anybody be written to as often as the machine can: for measuring.
    pub fn lift_limits(&mut self) {
        let any = Pace { count: u32::MAX, per: 0, burst: 1 };
        (self.pair, self.throughput) = (any, any);
    }
}

/// The ids and secrets of a node, made at its first start and never changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What pairwise ids and signed links are made with.
    pub secret: [u8; 32],
    /// What webhooks are signed with, as text.
    pub app_secret: String,
    /// The id of the app.
    pub app: u64,
    /// The id of the business account.
    pub account: u64,
    /// The id of its number, which stands for its handle.
    pub number: u64,
}

impl Identity {
    pub(crate) fn key() -> Key {
        Key::new(table::NODE, &[b"identity"])
    }

    /// Who the node over a store is; `None` over a new store.
    pub async fn known<D: Data>(store: &Store<D>) -> Result<Option<Self>, StoreError> {
        store.read("the node's identity", &Self::key()).await
    }

    /// Who the node over a store is; over a new store it becomes somebody.
    pub async fn of<D: Data>(store: &Store<D>, rng: &mut (dyn CryptoRng + Send)) -> Result<Self, StoreError> {
        let key = Self::key();
        if let Some(identity) = Self::known(store).await? {
            return Ok(identity);
        }
        let (mut secret, mut app_secret) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut secret);
        rng.fill_bytes(&mut app_secret);
        let mut id = || {
            let mut bytes = [0; 8];
            rng.fill_bytes(&mut bytes);
            id_of(bytes)
        };
        let app_secret = hex::encode(app_secret);
        let identity = Self { secret, app_secret, app: id(), account: id(), number: id() };
        let batch = Batch::new().assert(key.clone(), Expected::Absent).put(key, bytes_of(&identity));
        let batch = claim(batch, identity.app, Object::App);
        let batch = claim(batch, identity.account, Object::Account);
        store.write(claim(batch, identity.number, Object::Number)).await?;
        Ok(identity)
    }
}

/// What an id in an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Object {
    /// The app: who is told by webhooks.
    App,
    /// The business account.
    Account,
    /// Its number.
    Number,
    /// A file.
    Media,
    /// A template.
    Template,
    /// A flow.
    Flow,
}

/// The node.
pub struct Node<P: Ports> {
    /// The sealed side.
    pub chat: P::Chat,
    /// Who is told by webhooks.
    pub hooks: P::Hooks,
    /// How links of media are fetched.
    pub fetch: P::Fetch,
    /// What time it is.
    pub clock: P::Clock,
    /// What the node keeps.
    pub store: Store<P::Data>,
    /// Who may ask.
    pub tokens: Tokens<P::Data>,
    /// Who customers are to programs.
    pub customers: Customers<P::Data>,
    /// Files.
    pub media: Media<P::Data>,
    /// Templates.
    pub templates: Templates<P::Data>,
    /// Flows.
    pub flows: Flows<P::Data>,
    /// What was done.
    pub audit: Audit<P::Data>,
    /// Which signatures were used.
    pub signatures: Signatures<P::Data>,
    /// What the node is.
    pub identity: Identity,
    /// What it is set to.
    pub settings: Settings,
    pub(crate) pairs: Limiter<AccountId>,
    pub(crate) throughput: Limiter<()>,
    /// Templates and flows that are made.
    pub(crate) creations: Limiter<()>,
    /// Sends that are to be counted.
    pub(crate) sends: Sends,
    /// Requests with the same idempotency key wait for each other here.
    pub(crate) turns: [tokio::sync::Mutex<()>; 16],
    /// Requests that nobody is known to make, by where they come from.
    pub(crate) strangers: Limiter<IpAddr>,
    /// Runs of tokens that were wrong.
    pub(crate) failures: Mutex<Failures>,
    /// What the business says of itself is looked at and said by one at a time.
    pub(crate) presenting: tokio::sync::Mutex<()>,
    /// Uploads to which somebody brings bytes just now.
    pub(crate) uploading: Mutex<BTreeSet<UploadId>>,
    /// Large bodies that are signed.
    pub(crate) bodies: Arc<Semaphore>,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
}

/// The ports of a node, to open it with.
pub struct Opened<P: Ports> {
    /// The sealed side.
    pub chat: P::Chat,
    /// Where the node keeps what is its own.
    pub data: P::Data,
    /// How links of media are fetched.
    pub fetch: P::Fetch,
    /// Who is told by webhooks.
    pub hooks: P::Hooks,
    /// What time it is.
    pub clock: P::Clock,
}

impl<P: Ports> Node<P> {
    /// Opens a node: over a new store it becomes somebody, over an old one it is who it was. Files lie in `folder`.
    pub async fn open(
        ports: Opened<P>,
        folder: PathBuf,
        settings: Settings,
        mut rng: Box<dyn CryptoRng + Send>,
    ) -> Result<Self, StoreError> {
        let Opened { chat, data, fetch, hooks, clock } = ports;
        let store = Store(data);
        let identity = Identity::of(&store, rng.as_mut()).await?;
        Ok(Self {
            tokens: Tokens::new(store.clone()),
            customers: Customers::new(store.clone(), identity.secret, settings.country),
            media: Media::new(store.clone(), folder),
            templates: Templates::new(store.clone()),
            flows: Flows::new(store.clone()),
            audit: Audit::new(store.clone(), identity.secret),
            signatures: Signatures::new(store.clone()),
            bodies: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            pairs: Limiter::new(settings.pair),
            throughput: Limiter::new(settings.throughput),
            creations: Limiter::new(Pace { count: 100, per: 60 * 60 * 1000, burst: 100 }),
            sends: Sends::default(),
            turns: Default::default(),
            strangers: Limiter::new(strangers::PACE),
            failures: Mutex::default(),
            presenting: tokio::sync::Mutex::default(),
            uploading: Mutex::default(),
            rng: Mutex::new(rng),
            chat,
            hooks,
            fetch,
            clock,
            store,
            identity,
            settings,
        })
    }

    /// What time it is on this machine.
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// What time it is at the relay, by which windows and grants go.
    pub fn relay_now(&self) -> Result<Millis, SendError> {
        self.chat.relay_now(self.now())
    }

    /// Random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// An id that nothing has yet. Whoever gives it to something asserts that this is still so ([`claim`]).
    pub async fn free_id(&self) -> Result<u64, StoreError> {
        loop {
            let id = id_of(self.random());
            if self.object(id).await?.is_none() {
                return Ok(id);
            }
        }
    }

    /// What an id is; `None` when it is nothing.
    pub async fn object(&self, id: u64) -> Result<Option<Object>, StoreError> {
        self.store.read("an object", &object_key(id)).await
    }

    /// The app secrets: that which signs webhooks, and the one before while it is still taken.
    pub async fn app_secrets(&self) -> Result<Secrets, StoreError> {
        subscription::secrets(&self.store, &self.identity.app_secret).await
    }

    /// Sixteen bytes that only this node can make of some others.
    pub(crate) fn keyed(&self, what: &[u8], parts: &[&[u8]]) -> [u8; 16] {
        let mut hash = Sha256::new().chain_update(self.identity.secret);
        for part in [&[what], parts].concat() {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let (head, _) = hash.split_first_chunk().expect("a SHA-256 has 32 bytes");
        *head
    }
}

/// Gives an id to an object: the batch fails if it is something already.
pub fn claim(batch: Batch, id: u64, object: Object) -> Batch {
    batch.assert(object_key(id), Expected::Absent).put(object_key(id), bytes_of(&object))
}

/// Where it is kept what an id is.
pub fn object_key(id: u64) -> Key {
    Key::new(table::OBJECT, &[&id.to_be_bytes()])
}

/// 15 digits, the first not 0: what JavaScript's numbers hold for sure.
pub(crate) fn id_of(random: [u8; 8]) -> u64 {
    const LEAST: u64 = 100_000_000_000_000;
    LEAST + u64::from_be_bytes(random) % (9 * LEAST)
}
