//! A profile: one account on this device, in one folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::{self, BoxFuture};
use lacre_client::clock::SystemClock;
use lacre_client::files::{Folder, Pace};
use lacre_client::store::{RedbStore, Store};
use lacre_client::transport::{Connect, ConnectError, Endpoint, Socket, TlsConnect};
use lacre_client::{Client, Setting};
use rand::rand_core::UnwrapErr;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use crate::exit::{Exit, Failure};
use crate::passphrase;

/// Says that the profile was made without a passphrase, on its owner's word.
const WITHOUT_PASSPHRASE: &str = "no-passphrase";
const STORE: &str = "store.redb";
/// The folder of sealed files.
const FILES: &str = "files";

/// The folder of a profile.
#[derive(Debug, Clone)]
pub struct ProfileDir {
    path: PathBuf,
    offline: bool,
}

impl ProfileDir {
    /// The folder that was given, or the user's own: `$XDG_DATA_HOME/lacre/default`. With `offline` its clients make
    /// no connection.
    pub fn new(given: Option<&Path>, offline: bool) -> Result<Self, Failure> {
        if let Some(given) = given {
            return Ok(Self { path: given.to_owned(), offline });
        }
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let data = set("XDG_DATA_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| home.join(".local/share")))
            .ok_or_else(|| Failure::usage("no folder for the profile: use --profile or LACRE_PROFILE"))?;
        Ok(Self { path: data.join("lacre").join("default"), offline })
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether no connection is to be made.
    pub fn offline(&self) -> bool {
        self.offline
    }

    /// Whether there is a store in it.
    pub fn exists(&self) -> bool {
        self.path.join(STORE).exists()
    }

    /// Whether it was made without a passphrase.
    pub fn without_passphrase(&self) -> bool {
        self.path.join(WITHOUT_PASSPHRASE).exists()
    }

    /// Makes the folder, for its owner alone.
    pub fn make(&self, without_passphrase: bool) -> Result<(), Failure> {
        let failed =
            |error| Failure::io(format!("the profile {} cannot be made", self.path.display()), &error);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path).map_err(failed)?;
        if without_passphrase {
            std::fs::write(self.path.join(WITHOUT_PASSPHRASE), b"").map_err(failed)?;
        }
        Ok(())
    }

    /// Opens the store of a profile that exists.
    pub async fn open(&self, fd: Option<u32>) -> Result<Arc<RedbStore>, Failure> {
        if !self.exists() {
            return Err(Failure::new(
                Exit::NotSignedUp,
                "not_signed_up",
                format!("there is no profile in {}; run `lacre sign-up` first", self.path.display()),
            ));
        }
        let passphrase = passphrase::to_open(self, fd)?;
        self.open_with(passphrase).await
    }

    /// Opens the store, or makes it.
    pub async fn open_with(&self, passphrase: Zeroizing<String>) -> Result<Arc<RedbStore>, Failure> {
        let dir = self.path.clone();
        let opened = tokio::task::spawn_blocking(move || {
            RedbStore::open(&dir, passphrase.as_bytes(), UnwrapErr(OsRng))
        });
        let store = opened.await.map_err(|error| Failure::new(Exit::Failure, "fault", error))??;
        Ok(Arc::new(store))
    }

    /// A client on an opened store.
    pub fn client(&self, store: Arc<dyn Store>) -> Result<Client, Failure> {
        self.client_at(store, Pace::default())
    }

    /// A client on an opened store, whose files go at this pace.
    pub fn client_at(&self, store: Arc<dyn Store>, pace: Pace) -> Result<Client, Failure> {
        let files = Some(Folder::open(self.path.join(FILES))?);
        Ok(Client::open(Setting { files, pace, ..self.setting(store) })?)
    }

    /// The native client's surroundings.
    pub fn setting(&self, store: Arc<dyn Store>) -> Setting {
        let connect: Arc<dyn Connect> = match self.offline {
            true => Arc::new(NoConnection),
            false => Arc::new(TlsConnect::default()),
        };
        Setting {
            store,
            connect,
            clock: Arc::new(SystemClock),
            rng: Box::new(UnwrapErr(OsRng)),
            files: None,
            pace: Pace::default(),
        }
    }
}

/// No way to a relay, because nobody wants one.
struct NoConnection;

impl Connect for NoConnection {
    fn open(&self, _: Endpoint) -> BoxFuture<'static, Result<Socket, ConnectError>> {
        Box::pin(future::ready(Err(ConnectError::NotWanted)))
    }
}
