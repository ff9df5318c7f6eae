//! `lacre business`: a node of the business's own.

mod ask;
mod audit;
mod consents;
mod customers;
mod people;
mod records;
mod retention;
mod serve;
mod templates;
mod tokens;
mod webhooks;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use lacre_business::clock::Clock;
use lacre_business::ground::{Face, Ground};
use lacre_business::own;
use lacre_business::store::Store;
use lacre_client::{Client, SignUp};
use lacre_proto::Millis;
use lacre_store::redb::{RedbData, RedbOptions};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;

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
        BusinessCommand::Serve(args) => serve::run(args, passphrase_fd, json).await,
        BusinessCommand::Token { command } => tokens::run(command, json).await,
        BusinessCommand::Webhook { command } => webhooks::run(command, json).await,
        BusinessCommand::Template { command } => templates::run(command, json).await,
        BusinessCommand::People { command } => people::run(command, json).await,
        BusinessCommand::Consent { command } => consents::run(command, json).await,
        BusinessCommand::Customer { command } => customers::run(command, json).await,
        BusinessCommand::Records(node) => records::run(&node.data, json).await,
        BusinessCommand::Retention { command } => retention::run(command, json).await,
        BusinessCommand::Audit { command } => audit::run(command, json).await,
    }
}

/// Makes the node of an account that was made, and tells what its programs need.
async fn made(data: &Path, handle: &str, json: bool) -> Result<(), Failure> {
    let store = node_store(data)?;
    let face = Face { handle: handle.to_owned(), allowed: Vec::new() };
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
