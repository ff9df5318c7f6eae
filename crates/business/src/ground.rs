//! What the faces of a node stand on: its store, its identity, its webhooks. A node that serves has one; so has a
//! command at the machine while none serves.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use lacre_store::data::{Batch, Data, Key};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};

use crate::api::bridge::{NodeNames, Webhooks};
use crate::clock::Clock;
use crate::customers::{Country, Customers};
use crate::media::Media;
use crate::node::Identity;
use crate::nodes::Lead;
use crate::outward::{Deadlines, Outward, OutwardError, SystemResolver, Trust};
use crate::own::Own;
use crate::serve::ServeError;
use crate::store::{Store, StoreError, bytes_of, table};
use crate::webhooks::event::{Number, Renderer};
use crate::webhooks::outbox::{self, Outbox};
use crate::webhooks::subscription::Subscriptions;

/// What a command has to know of a node that does not serve.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Face {
    /// The handle, as people read it.
    pub handle: String,
    /// Its ways out, as the node last served.
    pub out: WayOut,
}

/// What the operator set for calls out of the node. Hosts are `HOST:PORT`, or `HOST` for any port.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WayOut {
    /// Hosts that webhooks may have at any address, and without TLS.
    pub hooks: Vec<String>,
    /// Hosts that links of media may have so. They are others: who sends messages gives these links, and what lies there
    /// goes to a customer.
    pub links: Vec<String>,
    /// A PEM file with authorities whose certificates receivers of webhooks may show, beside those of this machine.
    pub roots: Option<PathBuf>,
    /// PEM files with a certificate chain and its key, which receivers of webhooks are shown.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl WayOut {
    /// The ways out for webhooks and for links.
    fn open(&self) -> Result<(Outward, Outward), OutwardError> {
        let roots = match &self.roots {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        let identity = match &self.identity {
            Some((chain, key)) => {
                let read = PrivateKeyDer::from_pem_slice(&pem(key)?).map_err(|_| no_pem(key))?;
                Some((certificates(chain)?, read))
            }
            None => None,
        };
        let open = |allowed: &[String], trust| {
            Outward::new(SystemResolver, allowed.iter().cloned(), trust, Deadlines::default())
        };
        let hooks = open(&self.hooks, Trust { roots, identity })?;
        // Who sends messages chooses where links lead: there the node shows no certificate.
        Ok((hooks, open(&self.links, Trust::default())?))
    }
}

fn pem(path: &Path) -> Result<Vec<u8>, OutwardError> {
    std::fs::read(path)
        .map_err(|error| OutwardError::Settings(format!("{}: {}", path.display(), error.kind())))
}

fn no_pem(path: &Path) -> OutwardError {
    OutwardError::Settings(format!("{}: there is no PEM of this kind in it", path.display()))
}

/// The certificates of a PEM file: at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, OutwardError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem(path)?).collect();
    all.ok().filter(|it| !it.is_empty()).ok_or_else(|| no_pem(path))
}

impl Face {
    /// The face that was kept last; an empty one when none was.
    pub async fn of<D: Data>(store: &Store<D>) -> Result<Self, StoreError> {
        Ok(store.read("the node's face", &face_key()).await?.unwrap_or_default())
    }

    /// Keeps it.
    pub async fn keep<D: Data>(&self, store: &Store<D>) -> Result<(), StoreError> {
        store.write(Batch::new().put(face_key(), bytes_of(self))).await
    }
}

fn face_key() -> Key {
    Key::new(table::NODE, &[b"face"])
}

/// What the faces of a node stand on.
pub struct Ground<D, K> {
    /// What the node keeps.
    pub store: Store<D>,
    /// What it is.
    pub identity: Identity,
    /// The way out to receivers of webhooks.
    pub out: Outward,
    /// The way out to where links of media lead.
    pub links: Outward,
    /// Who is told by webhooks.
    pub subscriptions: Subscriptions<D>,
    /// What waits to be told.
    pub outbox: Outbox<D>,
    /// How it is said.
    pub renderer: Renderer<NodeNames<D, K>>,
    handle: String,
}

impl<D: Data, K: Clock + Clone> Ground<D, K> {
    /// The ground of the node over a store. Files lie in `media`.
    pub async fn of(
        data: D,
        clock: K,
        media: PathBuf,
        country: Country,
        face: Face,
    ) -> Result<Self, ServeError> {
        let Face { handle, out } = face;
        let store = Store(data);
        let identity = Identity::of(&store, &mut StdRng::from_os_rng()).await?;
        let (out, links) = out.open()?;
        let subscriptions = Subscriptions::new(store.clone(), out.clone(), identity.app_secret.clone());
        let outbox = Outbox::new(store.clone(), subscriptions.clone(), outbox::Settings::default());
        let names = NodeNames {
            customers: Customers::new(store.clone(), identity.secret, country),
            media: Media::new(store.clone(), media),
            store: store.clone(),
            clock,
        };
        // Digits, as `GET /{number}` tells them: programs find by them whose number an event is about.
        let display = identity.number.to_string();
        let number = Number { account: identity.account, id: identity.number, display };
        let renderer = Renderer { names, number };
        Ok(Self { store, identity, out, links, subscriptions, outbox, renderer, handle })
    }

    /// The ground of a node that does not serve, with the face that it had when it last did.
    pub async fn alone(data: D, clock: K) -> Result<Self, ServeError> {
        let face = Face::of(&Store(data.clone())).await?;
        Self::of(data, clock, PathBuf::new(), Country::default(), face).await
    }

    /// Of a node that has to lead before it tells what all nodes of its account know of.
    pub fn led_by(self, lead: Lead) -> Self {
        Self { outbox: self.outbox.led_by(lead), ..self }
    }

    /// Its webhooks; all of them are the same queues.
    pub fn hooks(&self) -> Webhooks<D, K> {
        Webhooks {
            subscriptions: self.subscriptions.clone(),
            outbox: self.outbox.clone(),
            renderer: self.renderer.clone(),
            rng: Mutex::new(Box::new(StdRng::from_os_rng())),
        }
    }

    /// Its own API.
    pub fn own(&self) -> Own<D, K> {
        let rng = Box::new(StdRng::from_os_rng());
        Own::new(self.store.clone(), &self.identity, self.hooks(), self.handle.clone(), rng)
    }
}
