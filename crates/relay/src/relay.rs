//! A running relay: everything opened in its order, and closed in the other.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lacre_store::blobs::{BlobStore, FolderBlobs};
use lacre_store::data::Data;
use lacre_store::memory::MemoryData;
use lacre_store::redb::{self, RedbData, RedbOptions};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::admin;
use crate::clock::Clock;
use crate::config::{Config, Place, Tls};
use crate::edge::{Edge, stopped};
use crate::services::{OpenError, Services, Settings};
use crate::tls::{self, CertificateError};

/// Acknowledgements are written after this time.
const FLUSH: Duration = Duration::from_millis(50);
/// Mailboxes and tickets looked at by one sweep.
const SWEEP_BUDGET: usize = 500;

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// TLS off, off loopback.
    #[error("without TLS a relay listens on loopback only; give it a certificate")]
    TlsNeeded,
    /// A self-signed certificate, off loopback.
    #[error("with a self-signed certificate a relay listens on loopback only; give it a certificate")]
    CertificateNeeded,
    /// The operator's listener off loopback.
    #[error("the admin listener carries no TLS and is for loopback only")]
    AdminNotLoopback,
    /// Another process listens there.
    #[error("{0} is in use by another program")]
    PortInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// Another process has the data folder.
    #[error("the data folder is in use by another process")]
    FolderInUse,
    /// The data folder cannot be made or written.
    #[error("the data folder: {0}")]
    Folder(io::Error),
    /// The store was written by a newer relay.
    #[error("the data was written by a newer version of Lacre (its format is {0}); update this one")]
    NewerVersion(u32),
    /// The clock is wrong.
    #[error("this computer's clock stands {0} s behind the newest time in the data; set it right")]
    ClockBehind(u64),
    /// The certificate cannot serve.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The data key is missing, wrong, or for data that is not sealed.
    #[error("the data key: {0}")]
    DataKey(String),
    /// The data cannot be read.
    #[error("the data cannot be used: {0}")]
    Data(String),
    /// The place for blobs cannot be used.
    #[error("the place for files cannot be used: {0}")]
    Blobs(String),
}

impl StartError {
    /// A stable name, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TlsNeeded => "tls_needed",
            Self::CertificateNeeded => "certificate_needed",
            Self::AdminNotLoopback => "admin_not_loopback",
            Self::PortInUse(_) => "port_in_use",
            Self::Listen(..) => "cannot_listen",
            Self::FolderInUse => "folder_in_use",
            Self::Folder(_) => "folder",
            Self::NewerVersion(_) => "newer_version",
            Self::ClockBehind(_) => "clock_behind",
            Self::Certificate(_) => "bad_certificate",
            Self::DataKey(_) => "data_key",
            Self::Data(_) => "data",
            Self::Blobs(_) => "blobs",
        }
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NewerVersion(version) => Self::NewerVersion(version),
            OpenError::ClockBehind(seconds) => Self::ClockBehind(seconds),
            other => Self::Data(other.to_string()),
        }
    }
}

impl From<redb::OpenError> for StartError {
    fn from(error: redb::OpenError) -> Self {
        use redb::OpenError as E;
        match error {
            E::InUse => Self::FolderInUse,
            E::NewerVersion(version) => Self::NewerVersion(version),
            E::KeyNeeded | E::WrongKey | E::NotSealed => Self::DataKey(error.to_string()),
            other => Self::Data(other.to_string()),
        }
    }
}

/// Starts relays.
#[derive(Debug)]
pub struct Relay;

/// A relay that runs until it is stopped. Dropped without a stop, it goes on until its runtime ends.
#[derive(Debug)]
pub struct RunningRelay {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where its operator's listener is.
    pub admin_address: Option<SocketAddr>,
    /// SHA-256 of its certificate (DER), unless TLS is off.
    pub fingerprint: Option<[u8; 32]>,
    /// Whether what it acknowledges is on a disk; not so for one that keeps its data in memory.
    pub durable: bool,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Relay {
    /// Starts a relay, on the runtime that this is awaited on.
    pub async fn start(config: Config) -> Result<RunningRelay, StartError> {
        allowed(&config)?;
        match config.data.clone() {
            Place::Memory => run(config, MemoryData::new(), None).await,
            Place::Folder(folder) => {
                tls::private_folder(&folder).map_err(StartError::Folder)?;
                let options = RedbOptions {
                    linger: config.linger,
                    data_key: config.data_key,
                    cache_bytes: config.cache_bytes,
                    ..options(&folder)
                };
                let data = RedbData::open(options, StdRng::from_os_rng())?;
                run(config, data, Some(&folder)).await
            }
        }
    }
}

impl RunningRelay {
    /// Stops: no new connections, a farewell to those that are there, what is under way is finished, everything
    /// is committed and closed.
    pub async fn stop(self) {
        // Nobody listens any more only when all tasks are gone already.
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Where the database lies in a data folder.
pub(crate) fn options(folder: &Path) -> RedbOptions {
    RedbOptions::new(folder.join("relay.redb"))
}

/// Whether a configuration is safe to run.
fn allowed(config: &Config) -> Result<(), StartError> {
    let loopback = config.listen.ip().is_loopback();
    match config.tls {
        Tls::Off if !loopback => Err(StartError::TlsNeeded),
        Tls::SelfSigned if !loopback => Err(StartError::CertificateNeeded),
        _ if config.admin.is_some_and(|admin| !admin.ip().is_loopback()) => Err(StartError::AdminNotLoopback),
        _ => Ok(()),
    }
}

async fn run<D: Data>(config: Config, data: D, folder: Option<&Path>) -> Result<RunningRelay, StartError> {
    let Config { listen, registration, quotas, rates, edge, clock, blobs, sweep, .. } = config;
    let protection = tls::protection(&config.tls, folder, None)?;
    let blobs = blobs.map_or_else(|| beside(folder), Ok)?;
    let settings = Settings { registration, quotas, rates, blobs };
    let rng = Box::new(StdRng::from_os_rng());
    let services = Services::open(data, settings, rng, clock.now()).await?;
    let listener = bind(listen).await?;
    let address = listener.local_addr().map_err(|error| StartError::Listen(listen, error))?;

    let (stop, stopping) = watch::channel(false);
    let (alive, gone) = mpsc::channel(1);
    let admin = admin_listener(config.admin, folder, &services).await?;
    let admin_address = admin.as_ref().and_then(|admin| admin.0.local_addr().ok());
    let fingerprint = protection.as_ref().map(|protection| protection.fingerprint);
    let acceptor = protection.map(|protection| TlsAcceptor::from(protection.config));
    let patience = edge.stop;
    let edge = Edge::new(services.clone(), edge, clock.clone(), acceptor, stopping.clone(), alive);
    let mut tasks = vec![tokio::spawn(edge.run(listener))];
    if let Some((listener, token)) = admin {
        let admin = admin::run(listener, services.clone(), clock.clone(), token, stopping.clone());
        tasks.push(tokio::spawn(admin));
    }
    tasks.push(tokio::spawn(keep_clean(services.clone(), clock.clone(), stopping.clone(), sweep)));
    tasks.push(tokio::spawn(keep_house(services, clock, stopping, gone, patience)));
    tracing::info!(tls = fingerprint.is_some(), "the relay listens");
    let durable = folder.is_some();
    Ok(RunningRelay { address, admin_address, fingerprint, durable, stop, tasks })
}

/// The store of blobs that lies beside the data.
fn beside(folder: Option<&Path>) -> Result<BlobStore, StartError> {
    let Some(folder) = folder else { return Ok(BlobStore::default()) };
    let folder = FolderBlobs::open(folder.join("blobs"));
    folder.map(BlobStore::Folder).map_err(|error| StartError::Blobs(error.to_string()))
}

/// The operator's listener and its token, if there is to be one.
async fn admin_listener<D: Data>(
    address: Option<SocketAddr>,
    folder: Option<&Path>,
    services: &Services<D>,
) -> Result<Option<(TcpListener, Option<admin::Token>)>, StartError> {
    let Some(address) = address else { return Ok(None) };
    let listener = bind(address).await?;
    let token = folder.map(|folder| admin::token(folder, || services.random()));
    Ok(Some((listener, token.transpose().map_err(StartError::Folder)?)))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse(address),
        _ => StartError::Listen(address, error),
    })
}

/// Stores the time and sweeps a part of what is old, every so often, until the relay stops. Apart from the
/// acknowledgements: where blobs lie may take its time, or not answer, and what is half swept goes the next time.
async fn keep_clean<D: Data>(
    services: Services<D>,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<bool>,
    every: Duration,
) {
    let rows = async {
        loop {
            tokio::time::sleep(every).await;
            house(&services, clock.now()).await;
        }
    };
    // Beside it and not in it: a place for files that does not answer holds up files alone.
    let files = async {
        loop {
            tokio::time::sleep(every).await;
            if let Err(error) = services.sweep_blobs(clock.now(), SWEEP_BUDGET).await {
                tracing::warn!(reason = %error, "files that are too old were not swept");
            }
        }
    };
    tokio::select! {
        () = stopped(&mut stopping) => {}
        () = rows => {}
        () = files => {}
    }
}

/// Writes acknowledgements, and ends when the relay stops and all connections are gone.
async fn keep_house<D: Data>(
    services: Services<D>,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<bool>,
    mut gone: mpsc::Receiver<()>,
    patience: Duration,
) {
    let mut flushes = tokio::time::interval(FLUSH);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut stopping) => break,
            _ = flushes.tick() => {}
        }
        if let Err(error) = services.flush_acknowledgements().await {
            tracing::warn!(reason = %error, "acknowledgements were not written");
        }
    }
    // Closed when the last connection is: each holds a sender.
    let _ = tokio::time::timeout(2 * patience, gone.recv()).await;
    if let Err(error) = services.flush_acknowledgements().await {
        tracing::warn!(reason = %error, "acknowledgements were not written");
    }
    if let Err(error) = services.store_time(clock.now()).await {
        tracing::warn!(reason = %error, "the time was not stored");
    }
}

async fn house<D: Data>(services: &Services<D>, now: u64) {
    let swept = services.sweep(now, SWEEP_BUDGET).await;
    match swept {
        Ok(gone) => drop(services.metrics().expired.inc_by(gone as u64)),
        Err(error) => tracing::warn!(reason = %error, "what is old was not swept"),
    }
    if let Err(error) = services.store_time(now).await {
        tracing::warn!(reason = %error, "the time was not stored");
    }
}
