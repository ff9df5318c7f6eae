//! `lacre business`: a node of the business's own.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use lacre_business::clock::Clock;
use lacre_business::node::{Approve, Identity, Settings};
use lacre_business::serve::{Parts, ServeError, serve};
use lacre_business::store::Store;
use lacre_business::tokens::{Bound, New, Scope, Secret, Tokens};
use lacre_client::{Client, SignUp};
use lacre_proto::Millis;
use lacre_store::redb::{RedbData, RedbOptions};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

use super::sign_up::endpoint;
use crate::cli::{BusinessCommand, LimitsArg, ServeArgs};
use crate::exit::{Exit, Failure};
use crate::new_file::NewFile;
use crate::profile::ProfileDir;
use crate::{output, passphrase, stop};

const DAY: Millis = 24 * 3600 * 1000;

/// What time it is on this machine.
#[derive(Clone)]
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        output::now()
    }
}

pub(super) async fn run(
    command: BusinessCommand,
    passphrase_fd: Option<u32>,
    json: bool,
) -> Result<(), Failure> {
    match command {
        BusinessCommand::Init { data, relay, handle, invite, ca, no_passphrase } => {
            let endpoint = endpoint(&relay, ca.as_deref())?;
            let device = ProfileDir::new(Some(&data.join("device")), false)?;
            // One that did not end is taken up again with the passphrase that it began with.
            let passphrase = match device.exists() {
                true => passphrase::to_open(&device, passphrase_fd)?,
                false => passphrase::to_make(passphrase_fd, no_passphrase)?,
            };
            device.make(no_passphrase)?;
            let store = device.open_with(passphrase).await?;
            let client = Client::sign_up(device.setting(store), SignUp { endpoint, handle, invite }).await?;
            client.flush().await;
            let me = client.me()?;
            client.close().await;
            made(&data, me.handle.as_str(), json).await
        }
        BusinessCommand::Openapi => output::line(&format!("{:#}", lacre_business::api::spec::document())),
        BusinessCommand::Serve(args) => run_node(args, passphrase_fd, json).await,
        BusinessCommand::Token { data, name, days } => token(&data, name, days, json).await,
    }
}

/// Makes the node of an account that was made, and tells what its programs need.
async fn made(data: &Path, handle: &str, json: bool) -> Result<(), Failure> {
    let store = node_store(data)?;
    let mut rng = StdRng::from_os_rng();
    let identity = Identity::of(&store, &mut rng).await.map_err(broken)?;
    let secret = new_token(&store, "first".to_owned(), None).await?;
    if json {
        return output::object(&json!({
            "handle": handle,
            "app_id": identity.app.to_string(),
            "waba_id": identity.account.to_string(),
            "phone_number_id": identity.number.to_string(),
            "app_secret": identity.app_secret,
            "access_token": secret.expose(),
        }));
    }
    output::line(&format!("{handle} has a node in {}.", data.display()))?;
    output::line(&format!("phone number id   {}", identity.number))?;
    output::line(&format!("account (WABA) id {}", identity.account))?;
    output::line(&format!("app id            {}", identity.app))?;
    output::line(&format!("app secret        {}   (webhooks are signed with it)", identity.app_secret))?;
    output::line(&format!("access token      {}   (shown once)", secret.expose()))?;
    output::line(&format!(
        "Next: have the relay's operator say `lacre admin business add {handle} …`, then `lacre business serve --data {}`.",
        data.display()
    ))
}

async fn token(data: &Path, name: String, days: Option<u64>, json: bool) -> Result<(), Failure> {
    let store = node_store(data)?;
    let secret = new_token(&store, name, days.map(|days| output::now() + days * DAY)).await?;
    match json {
        true => output::object(&json!({ "access_token": secret.expose() })),
        false => output::line(secret.expose()),
    }
}

async fn new_token(
    store: &Store<RedbData>,
    name: String,
    expires: Option<Millis>,
) -> Result<Secret, Failure> {
    let scopes = BTreeSet::from([Scope::Messaging, Scope::Management, Scope::Business]);
    let new = New { name, scopes, numbers: None, expires, bound: Bound::default() };
    let made = Tokens::new(store.clone()).create(new, output::now(), &mut StdRng::from_os_rng()).await;
    made.map(|(secret, _)| secret).map_err(|error| Failure::new(Exit::Refused, "no_token", error))
}

/// The node's own store, sealed under the key that lies beside it; both are made at the first time.
fn node_store(data: &Path) -> Result<Store<RedbData>, Failure> {
    let path = data.join("node.key");
    let unread = |error: std::io::Error| Failure::io(format!("{} cannot be read", path.display()), &error);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut key = [0; 32];
            rand::RngCore::fill_bytes(&mut StdRng::from_os_rng(), &mut key);
            let text = hex::encode(key);
            NewFile::create(&path).map_err(unread)?.fill(format!("{text}\n").as_bytes()).map_err(unread)?;
            text
        }
        Err(error) => return Err(unread(error)),
    };
    let key = hex::decode(text.trim()).ok().and_then(|key| key.try_into().ok());
    let Some(key) = key else {
        return Err(Failure::new(Exit::Store, "data_key", format!("{} holds no key", path.display())));
    };
    let options = RedbOptions { data_key: Some(key), ..RedbOptions::new(data.join("node.redb")) };
    Ok(Store(RedbData::open(options, StdRng::from_os_rng())?))
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Store, "damaged_store", error)
}

async fn run_node(args: ServeArgs, passphrase_fd: Option<u32>, json: bool) -> Result<(), Failure> {
    if !args.listen.ip().is_loopback() {
        return Err(Failure::usage(
            "the node speaks no TLS, and what it is told is plain: let it listen on this machine itself, and put \
             what speaks TLS before it",
        ));
    }
    let stop = stop::signal()?;
    let device = ProfileDir::new(Some(&args.data.join("device")), false)?;
    if !device.exists() {
        let why = format!("there is no node in {}; `lacre business init` makes one", args.data.display());
        return Err(Failure::new(Exit::NotSignedUp, "not_signed_up", why));
    }
    let store = device.open(passphrase_fd).await?;
    let client = device.client(store)?;
    let me = client.me()?;
    let node = node_store(&args.data)?;
    let identity = Identity::of(&node, &mut StdRng::from_os_rng()).await.map_err(broken)?;
    let data = node.0;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| Failure::io(format!("cannot listen on {}", args.listen), &error))?;
    let address = listener.local_addr().map_err(|error| Failure::io("the listener", &error))?;
    let public = args.public.unwrap_or_else(|| format!("http://{address}/"));
    let public: Url = public.parse().map_err(|_| Failure::usage("--public is no address"))?;
    let chat_link =
        public.join(&format!("b/{}", me.handle)).map_err(|_| Failure::usage("--public is no base"))?;
    let mut settings = Settings::new(public.clone(), chat_link, me.handle.to_string());
    settings.approve = if args.approve { Approve::Automatically } else { Approve::ByOperator };
    if args.limits == LimitsArg::Lifted {
        settings.lift_limits();
    }
    let (told, stopping) = watch::channel(false);
    let parts = Parts {
        client: client.clone(),
        data,
        folder: args.data.clone(),
        clock: SystemClock,
        handle: me.handle.to_string(),
        allowed: args.allowed,
    };
    match json {
        true => output::object(&json!({
            "address": address.to_string(),
            "public": public.as_str(),
            "app_id": identity.app.to_string(),
            "waba_id": identity.account.to_string(),
            "phone_number_id": identity.number.to_string(),
        }))?,
        false => {
            output::line(&format!("{} answers at {public}. Ctrl+C ends it.", me.handle))?;
            output::line(&format!("phone number id   {}", identity.number))?;
            output::line(&format!("account (WABA) id {}", identity.account))?;
        }
    }
    let serving = serve(parts, settings, listener, None, stopping);
    let mut serving = std::pin::pin!(serving);
    let outcome = tokio::select! {
        outcome = &mut serving => outcome,
        stopped = stop => {
            stopped?;
            let _ = told.send(true);
            serving.await
        }
    };
    client.close().await;
    outcome.map_err(|error| match error {
        ServeError::Folder(error) => Failure::io("the node's folder", &error),
        other => Failure::new(Exit::Store, "node", other),
    })
}
