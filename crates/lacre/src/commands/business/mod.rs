//! `lacre business`: a node of the business's own.

mod ask;
mod audit;
mod consents;
mod customers;
mod inbox;
mod inbox_text;
mod nodes;
mod people;
mod records;
mod retention;
mod serve;
mod templates;
mod terms;
mod tokens;
mod webhooks;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lacre_business::clock::Clock;
use lacre_business::ground::{Face, Ground, WayOut};
use lacre_business::own;
use lacre_business::store::Store;
use lacre_client::{Client, SignUp};
use lacre_proto::Millis;
use lacre_store::redb::{RedbData, RedbOptions};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use zeroize::Zeroizing;

use super::relay::data_key;
use super::sign_up::endpoint;
use crate::cli::BusinessCommand;
use crate::exit::{Exit, Failure};
use crate::new_file::NewFile;
use crate::profile::ProfileDir;
use crate::{output, passphrase};

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
        BusinessCommand::Init { data, relay, handle, invite, ca, no_passphrase, key_file } => {
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
            make_key(&data, key_file.as_deref())?;
            made(&data, key_file.as_deref(), me.handle.as_str(), json).await
        }
        BusinessCommand::Join(args) => nodes::join(args, passphrase_fd, json).await,
        BusinessCommand::Nodes { command } => nodes::run(command, json).await,
        BusinessCommand::Openapi { own: true } => output::line(own::inventory::markdown().trim_end()),
        BusinessCommand::Openapi { own: false } => {
            output::line(&format!("{:#}", lacre_business::api::spec::document()))
        }
        BusinessCommand::Serve(args) => serve::run(args, passphrase_fd, json).await,
        BusinessCommand::Token { command } => tokens::run(command, json).await,
        BusinessCommand::Webhook { command } => webhooks::run(command, json).await,
        BusinessCommand::Template { command } => templates::run(command, json).await,
        BusinessCommand::People { command } => people::run(command, json).await,
        BusinessCommand::Consent { command } => consents::run(command, json).await,
        BusinessCommand::Inbox { command } => inbox::run(command, json).await,
        BusinessCommand::Customer { command } => customers::run(command, json).await,
        BusinessCommand::Records(node) => records::run(&node.data, json).await,
        BusinessCommand::Terms { command } => terms::run(command, json).await,
        BusinessCommand::Provider { command } => terms::providers(command, json).await,
        BusinessCommand::Retention { command } => retention::run(command, json).await,
        BusinessCommand::Audit { command } => audit::run(command, json).await,
    }
}

/// Makes the node of an account that was made, and tells what its programs need.
async fn made(data: &Path, key_file: Option<&Path>, handle: &str, json: bool) -> Result<(), Failure> {
    let store = node_store(data, key_file)?;
    let face = Face { handle: handle.to_owned(), out: WayOut::default() };
    face.keep(&store).await.map_err(broken)?;
    let ground = Ground::alone(store.0, SystemClock).await.map_err(broken)?;
    let first = json!({ "name": "first", "scopes": ["messaging", "management", "business"] });
    let (status, told) = own::ask(Arc::new(ground.own()), "POST", "tokens", &first).await;
    let token = ask::outcome(status, told)?["access_token"].as_str().unwrap_or_default().to_owned();
    let identity = ground.identity;
    if json {
        return output::object(&json!({
            "handle": handle,
            "app_id": identity.app.to_string(),
            "waba_id": identity.account.to_string(),
            "phone_number_id": identity.number.to_string(),
            "app_secret": identity.app_secret,
            "access_token": token,
        }));
    }
    output::line(&format!("{handle} has a node in {}.", data.display()))?;
    output::line(&format!("phone number id   {}", identity.number))?;
    output::line(&format!("account (WABA) id {}", identity.account))?;
    output::line(&format!("app id            {}", identity.app))?;
    output::line(&format!("app secret        {}   (webhooks are signed with it)", identity.app_secret))?;
    output::line(&format!("access token      {token}   (shown once)"))?;
    output::line(&format!(
        "Next: have the relay's operator say `lacre admin business add {handle} …`, then `lacre business serve --data {}`.",
        data.display()
    ))
}

/// The file with the key of the node's store, for whoever is told no other: not beside the store, so that who has a copy
/// of the folder has no key to it.
const KEY_FILE: &str = "LACRE_NODE_KEY_FILE";

/// The node's own store, sealed under a key in a file: one that is named, or `node.key` beside the store.
fn node_store(data: &Path, key_file: Option<&Path>) -> Result<Store<RedbData>, Failure> {
    let named = key_file.map(Path::to_owned).or_else(|| std::env::var_os(KEY_FILE).map(PathBuf::from));
    let named = named.filter(|it| !it.as_os_str().is_empty());
    let path = named.unwrap_or_else(|| data.join("node.key"));
    let key = Zeroizing::new(data_key(&path)?);
    // What one request writes comes one after the other: waiting for more to write with it would be felt each time.
    let linger = Duration::ZERO;
    let options = RedbOptions { data_key: Some(*key), linger, ..RedbOptions::new(data.join("node.redb")) };
    Ok(Store(RedbData::open(options, StdRng::from_os_rng())?))
}

/// Makes a key, where there is none and no store either that one would have to open.
fn make_key(data: &Path, key_file: Option<&Path>) -> Result<(), Failure> {
    let path = key_file.map_or_else(|| data.join("node.key"), Path::to_owned);
    if path.exists() || data.join("node.redb").exists() {
        return Ok(());
    }
    let unwritten =
        |error: std::io::Error| Failure::io(format!("{} cannot be written", path.display()), &error);
    let mut key = Zeroizing::new([0; 32]);
    rand::RngCore::fill_bytes(&mut StdRng::from_os_rng(), key.as_mut());
    let text = Zeroizing::new(format!("{}\n", hex::encode(key.as_ref())));
    NewFile::create(&path).map_err(unwritten)?.fill(text.as_bytes()).map_err(unwritten)
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Store, "damaged_store", error)
}
