//! A node that runs: the sealed side, the API and the webhooks, put together and served until it is stopped.

mod crowd;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use lacre_client::Client;
use lacre_store::data::Data;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use self::crowd::Crowd;
use crate::api::bridge::Webhooks;
use crate::api::{self, Shown};
use crate::clock::Clock;
use crate::erasing::EraseError;
use crate::ground::{Face, Ground, WayOut};
use crate::media::MediaError;
use crate::node::{Node, Opened, Ports, Settings};
use crate::nodes::Lead;
use crate::outward::{Outward, OutwardError};
use crate::own::{self, Door, Own};
use crate::sealed::{Kin, Sealed};
use crate::store::{Store, StoreError};
use crate::webhooks::Runner;

/// Connections at one time; the rest waits.
const CONNECTIONS: usize = 256;
/// A head must be there in this time.
const HEAD: Duration = Duration::from_secs(10);
/// How often what is kept no longer is looked for.
const SWEEP: Duration = Duration::from_secs(600);
/// When that is done for the second time after a start, and what was kept long enough goes for the first time.
const BEGIN: Duration = Duration::from_secs(60);
/// After a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(50);
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
    /// Who was erased could not be erased again.
    #[error(transparent)]
    Erase(#[from] EraseError),
    /// Its files could not be put in order.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// A folder cannot be made.
    #[error("the node's folder: {0}")]
    Folder(std::io::Error),
    /// The socket for commands cannot be made.
    #[error("the node's socket cannot be made (a folder with a shorter path may help): {0}")]
    Socket(std::io::Error),
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
    /// Its ways out.
    pub out: WayOut,
    /// Who may be at the listener.
    pub door: Doorway,
}

/// Who may be at the listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doorway {
    /// Connections of one address at most, but for this machine itself; 0 for as many as there are.
    pub per_address: usize,
    /// Whether what speaks to the node from this machine is a proxy, which says in `X-Forwarded-For` (last) who asks.
    pub is_behind_proxy: bool,
}

impl Default for Doorway {
    fn default() -> Self {
        Self { per_address: 64, is_behind_proxy: false }
    }
}

struct Of<D, K>(std::marker::PhantomData<(D, K)>);

impl<D: Data, K: Clock + Clone> Ports for Of<D, K> {
    type Chat = Sealed<D>;
    type Data = D;
    type Fetch = Outward;
    type Hooks = Webhooks<D, K>;
    type Clock = K;
}

/// Serves a node until it is stopped; over TLS where that is configured.
pub async fn serve<D: Data, K: Clock + Clone>(
    parts: Parts<D, K>,
    settings: Settings,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let Parts { client, data, folder, clock, handle, out, door } = parts;
    let (media, passing) = (folder.join("media"), folder.join("passing"));
    for path in [&media, &passing] {
        private(path).map_err(ServeError::Folder)?;
    }
    let face = Face { handle, out };
    face.keep(&Store(data.clone())).await?;
    let ground = Ground::of(data.clone(), clock.clone(), media.clone(), settings.country, face).await?;
    let lead = Lead::asked();
    let ground = ground.led_by(lead.clone());
    let kin = Kin::new(client.clone(), lead.clone());
    let sealed = Sealed::new(client, ground.store.clone(), passing.clone());
    let (fetch, hooks) = (ground.links.clone(), ground.hooks());
    let ports = Opened { chat: sealed.clone(), data, fetch, hooks, clock: clock.clone() };
    let node: Node<Of<D, K>> = Node::open(ports, media, settings, Box::new(StdRng::from_os_rng())).await?;
    let node = Arc::new(node);
    let own = ground.own().beside(Arc::new(sealed.clone()), folder.clone());
    let own = Arc::new(own.speaking(node.clone()).among(Arc::new(kin.clone()), lead));
    node.media.tidy_up(node.now()).await?;
    clear(&passing).map_err(ServeError::Folder)?;
    own.resume_erasing().await?;
    if let Err(error) = own.agree().await {
        tracing::warn!(%error, "what other nodes have restricted or erased is looked at later");
    }
    let Ground { outbox, renderer, store, identity, .. } = ground;
    let asks = (outbox.clone(), clock.clone());
    let runner = Runner { chat: Arc::new(sealed.clone()), outbox, renderer, clock: Arc::new(clock) };
    let (mut told, mut taken) = (stop.clone(), StdRng::from_os_rng());
    let tell = async move {
        runner.run(stopped(&mut told), &mut taken).await;
        Ok(())
    };
    let hear = async { sealed.run(stop.clone()).await.map_err(ServeError::from) };
    let lead = async {
        kin.keep(&store, &identity, &asks.0, &asks.1, &mut stop.clone()).await;
        Ok::<_, ServeError>(())
    };
    let follow = async {
        let agree = || {
            let own = own.clone();
            async move {
                if let Err(error) = own.agree().await {
                    tracing::warn!(%error, "what is held alike of customers is looked at later");
                }
            }
        };
        kin.follow_shared(agree, &mut stop.clone()).await;
        Ok::<_, ServeError>(())
    };
    let clean = async {
        keep_clean(&*node, &own, &mut stop.clone()).await;
        Ok::<_, ServeError>(())
    };
    let answer = async {
        let (router, tls) = (faces(node.clone(), own.clone()), tls.map(TlsAcceptor::from));
        accept(router, listener, tls, (Crowd::new(door.per_address), door.is_behind_proxy), stop.clone())
            .await;
        Ok::<_, ServeError>(())
    };
    let console = async { attend(own.clone(), &folder, &passing, stop.clone()).await };
    tokio::try_join!(tell, hear, answer, clean, console, lead, follow).map(drop)
}

/// What is heard on the listener: the own API under its root, the Cloud API everywhere else.
fn faces<P: Ports, D: Data, K: Clock>(node: Arc<Node<P>>, own: Arc<Own<D, K>>) -> Router {
    let (api, own) = (api::router(node), own::router(own, Door::Listener));
    Router::new().fallback(move |request: Request| {
        let mut face = if request.uri().path().starts_with(own::ROOT) { own.clone() } else { api.clone() };
        async move { face.call(request).await }
    })
}

/// Answers commands of the machine's owner, until the node is stopped.
#[cfg(unix)]
async fn attend<D: Data, K: Clock>(
    own: Arc<Own<D, K>>,
    folder: &Path,
    private: &Path,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let socket = own::socket::Socket::bind(folder, private).map_err(ServeError::Socket)?;
    let router = own::router(own, Door::Console);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            accepted = socket.accept() => accepted,
        };
        let Ok(stream) = accepted else {
            // It broke off before it was taken, or there are too many files open; that passes.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        connections.spawn(connection(router.clone(), stream, From::default(), stop.clone()));
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// Commands reach a node that serves on Unix alone.
#[cfg(not(unix))]
async fn attend<D: Data, K: Clock>(
    _: Arc<Own<D, K>>,
    _: &Path,
    _: &Path,
    _: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    Ok(())
}

/// Deletes what is kept no longer, until the node is stopped.
async fn keep_clean<P: Ports, D: Data, K: Clock>(
    node: &Node<P>,
    own: &Own<D, K>,
    stop: &mut watch::Receiver<bool>,
) {
    let mut is_first = true;
    loop {
        if let Err(error) = node.media.sweep(node.now()).await {
            tracing::warn!(%error, "files that are kept no longer stay for a while");
        }
        if let Err(error) = node.learn_rating().await {
            tracing::warn!(%error, "how the business stands is told later");
        }
        if let Err(error) = node.learn_review().await {
            tracing::warn!(%error, "what the operator made of the business is told later");
        }
        if let Err(error) = node.present().await {
            tracing::warn!(%error, "customers see later what the business says of itself");
        }
        if let Err(error) = api::uploads::rest(node).await {
            tracing::warn!(%error, "parts of uploads lie plain for a while");
        }
        if let Err(error) = node.note_failures().await {
            tracing::warn!(%error, "tokens that were wrong are written down later");
        }
        if let Err(error) = node.sweep_answers().await {
            tracing::warn!(%error, "old answers stay for a while");
        }
        if let Err(error) = node.signatures.prune(node.now()).await {
            tracing::warn!(%error, "signatures that are no longer good stay for a while");
        }
        if let Err(error) = own.resume_erasing().await {
            tracing::error!(%error, "a customer is not erased to the end");
        }
        // What came while the node was away is told first.
        let begins = std::mem::take(&mut is_first);
        if !begins && let Err(error) = own.sweep_kept().await {
            tracing::warn!(%error, "what was kept long enough stays for a while");
        }
        if let Err(error) = own.sweep().await {
            tracing::warn!(%error, "sessions that are over stay for a while");
        }
        if let Err(error) = own.keep_told().await {
            tracing::warn!(%error, "customers are told later who acts for the business");
        }
        tokio::select! {
            () = stopped(stop) => return,
            () = tokio::time::sleep(if begins { BEGIN } else { SWEEP }) => {}
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Removes what was on its way in or out when the node died.
fn clear(passing: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(passing)? {
        let path = entry?.path();
        if path.is_file() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
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

async fn accept(
    router: Router,
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    (crowd, is_behind_proxy): (Arc<Crowd>, bool),
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
        let Some(((stream, peer), place)) = accepted else {
            // The machine has no more sockets, say: it is not asked at once again.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (router, acceptor, stop) = (router.clone(), acceptor.clone(), stop.clone());
        let peer = peer.ip().to_canonical();
        // Who has enough connections gets no other: it is closed.
        let Some(inside) = crowd.enter(peer) else { continue };
        let from = From { peer: Some(peer), forwarded: is_behind_proxy && peer.is_loopback() };
        connections.spawn(async move {
            match acceptor {
                Some(acceptor) => {
                    let handshake = tokio::time::timeout(HEAD, acceptor.accept(stream)).await;
                    if let Ok(Ok(stream)) = handshake {
                        connection(router, stream, from, stop).await;
                    }
                }
                None => connection(router, stream, from, stop).await,
            }
            drop((place, inside));
        });
        while connections.try_join_next().is_some() {}
    }
    while connections.join_next().await.is_some() {}
}

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, Default)]
struct From {
    /// The address at the other end; `None` for the socket of the machine's owner.
    peer: Option<IpAddr>,
    /// Whether that is a proxy, which says who asks.
    forwarded: bool,
}

impl From {
    fn shown(self, headers: &HeaderMap) -> Shown {
        let said = headers.get_all("x-forwarded-for").iter().next_back().filter(|_| self.forwarded);
        let peer = match said {
            None => self.peer,
            // Where it cannot be read, nobody knows: it is not this machine.
            Some(said) => said.to_str().ok().and_then(|it| it.rsplit(',').next()).and_then(address_in),
        };
        Shown { peer, signed_by: None }
    }
}

/// The address in what a proxy writes: bare or with a port, one of IPv6 in brackets too.
fn address_in(said: &str) -> Option<IpAddr> {
    let said = said.trim();
    let inner = said.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(said);
    let with_port = || said.parse::<SocketAddr>().map(|it| it.ip());
    inner.parse().or_else(|_| with_port()).ok().map(|it: IpAddr| it.to_canonical())
}

/// One connection: requests one after another, until the other side or the node has enough.
async fn connection(
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    from: From,
    mut stop: watch::Receiver<bool>,
) {
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        let shown = from.shown(request.headers());
        request.extensions_mut().insert(shown);
        let mut router = router.clone();
        async move {
            let answer = Service::call(&mut router, request);
            match from.peer {
                Some(_) => {
                    tokio::time::timeout(REQUEST, answer).await.unwrap_or_else(|_| Ok(api::too_late()))
                }
                // The owner of the machine waits as long as it takes.
                None => answer.await,
            }
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

#[cfg(test)]
mod tests;
