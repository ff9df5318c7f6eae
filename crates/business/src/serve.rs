//! A node that runs: the sealed side, the API and the webhooks, put together and served until it is stopped.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use lacre_client::Client;
use lacre_store::data::Data;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::api::bridge::{NodeNames, Webhooks};
use crate::api::{self, Shown};
use crate::clock::Clock;
use crate::customers::Customers;
use crate::media::Media;
use crate::node::{Identity, Node, Opened, Ports, Settings};
use crate::outward::{Deadlines, Outward, OutwardError, SystemResolver, Trust};
use crate::sealed::Sealed;
use crate::store::{Store, StoreError};
use crate::webhooks::Runner;
use crate::webhooks::event::{Number, Renderer};
use crate::webhooks::outbox::{self, Outbox};
use crate::webhooks::subscription::Subscriptions;

/// Connections at one time; the rest waits.
const CONNECTIONS: usize = 256;
/// A head must be there in this time.
const HEAD: Duration = Duration::from_secs(10);
/// How often what is kept no longer is looked for.
const SWEEP: Duration = Duration::from_secs(600);
/// A request and its answer, with a file of the largest size.
const REQUEST: Duration = Duration::from_secs(600);

/// Why a node does not start, or stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Its store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Its way out cannot be set up.
    #[error(transparent)]
    Outward(#[from] OutwardError),
    /// A folder cannot be made.
    #[error("the node's folder: {0}")]
    Folder(std::io::Error),
}

/// What a node is made of, beside its settings.
pub struct Parts<D, K> {
    /// The device.
    pub client: Client,
    /// Where the node keeps what is its own.
    pub data: D,
    /// Where files lie.
    pub folder: PathBuf,
    /// What time it is.
    pub clock: K,
    /// The handle, as people read it.
    pub handle: String,
    /// Hosts that webhooks and links may have at any address, and without TLS.
    pub allowed: Vec<String>,
}

struct Of<D, K>(std::marker::PhantomData<(D, K)>);

impl<D: Data, K: Clock + Clone> Ports for Of<D, K> {
    type Chat = Sealed<D>;
    type Data = D;
    type Fetch = Outward;
    type Hooks = Webhooks<D, K>;
    type Clock = K;
}

/// Serves a node until it is stopped; `acceptor` speaks TLS where it is there.
pub async fn serve<D: Data, K: Clock + Clone>(
    parts: Parts<D, K>,
    settings: Settings,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let Parts { client, data, folder, clock, handle: _, allowed } = parts;
    let (media, passing) = (folder.join("media"), folder.join("passing"));
    for path in [&media, &passing] {
        private(path).map_err(ServeError::Folder)?;
    }
    let store = Store(data.clone());
    let identity = Identity::of(&store, &mut StdRng::from_os_rng()).await?;
    let sealed = Sealed::new(client, store.clone(), passing);
    let out = Outward::new(SystemResolver, allowed, Trust::default(), Deadlines::default())?;
    let subscriptions = Subscriptions::new(store.clone(), out.clone(), identity.app_secret.clone());
    let outbox = Outbox::new(store.clone(), subscriptions.clone(), outbox::Settings::default());
    let names = NodeNames {
        customers: Customers::new(store.clone(), identity.secret, settings.country),
        media: Media::new(store.clone(), media.clone()),
        store: store.clone(),
        clock: clock.clone(),
    };
    // Digits, as `GET /{number}` tells them: programs find by them whose number an event is about.
    let display = identity.number.to_string();
    let number = Number { account: identity.account, id: identity.number, display };
    let renderer = Renderer { names, number };
    let hooks = Webhooks {
        subscriptions,
        outbox: outbox.clone(),
        renderer: renderer.clone(),
        rng: Mutex::new(Box::new(StdRng::from_os_rng())),
    };
    let ports = Opened { chat: sealed.clone(), data, fetch: out, hooks, clock: clock.clone() };
    let node: Node<Of<D, K>> = Node::open(ports, media, settings, Box::new(StdRng::from_os_rng())).await?;
    let runner = Runner { chat: Arc::new(sealed.clone()), outbox, renderer, clock: Arc::new(clock) };
    let (mut told, mut taken) = (stop.clone(), StdRng::from_os_rng());
    let tell = async move {
        runner.run(stopped(&mut told), &mut taken).await;
        Ok(())
    };
    let hear = async { sealed.run(stop.clone()).await.map_err(ServeError::from) };
    let node = Arc::new(node);
    let clean = async {
        keep_clean(&*node, &mut stop.clone()).await;
        Ok::<_, ServeError>(())
    };
    let answer = async {
        accept(node.clone(), listener, acceptor, stop.clone()).await;
        Ok::<_, ServeError>(())
    };
    tokio::try_join!(tell, hear, answer, clean).map(drop)
}

/// Deletes what is kept no longer, until the node is stopped.
async fn keep_clean<P: Ports>(node: &Node<P>, stop: &mut watch::Receiver<bool>) {
    loop {
        if let Err(error) = node.media.sweep(node.now()).await {
            tracing::warn!(%error, "files that are kept no longer stay for a while");
        }
        if let Err(error) = node.sweep_answers().await {
            tracing::warn!(%error, "old answers stay for a while");
        }
        tokio::select! {
            () = stopped(stop) => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A folder that is its owner's alone.
fn private(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

async fn accept<P: Ports>(
    node: Arc<Node<P>>,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = async {
                let place = places.clone().acquire_owned().await.ok()?;
                Some((listener.accept().await.ok()?, place))
            } => accepted,
        };
        let Some(((stream, peer), place)) = accepted else { continue };
        let (node, acceptor, stop) = (node.clone(), acceptor.clone(), stop.clone());
        connections.spawn(async move {
            match acceptor {
                Some(acceptor) => {
                    let handshake = tokio::time::timeout(HEAD, acceptor.accept(stream)).await;
                    if let Ok(Ok(stream)) = handshake {
                        connection(node, stream, peer, stop).await;
                    }
                }
                None => connection(node, stream, peer, stop).await,
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
}

/// One connection: requests one after another, until the other side or the node has enough.
async fn connection<P: Ports>(
    node: Arc<Node<P>>,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    peer: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let router = api::router(node);
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Shown { peer: Some(peer.ip().to_canonical()), signed_by: None });
        let mut router = router.clone();
        async move {
            let answer = tower_service::Service::call(&mut router, request);
            tokio::time::timeout(REQUEST, answer)
                .await
                .unwrap_or_else(|_| Ok(axum::response::Response::default()))
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        _ = &mut serving => return,
        () = stopped(&mut stop) => serving.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(HEAD, serving).await;
}
