//! `lacre business serve`: the node runs.

use std::path::PathBuf;

use lacre_business::ground::WayOut;
use lacre_business::node::{Approve, Identity, Settings};
use lacre_business::nodes::{self, Pass};
use lacre_business::outward::Allowed;
use lacre_business::serve::{Doorway, Parts, ServeError, serve};
use lacre_business::store::Store;
use lacre_client::Client;
use lacre_relay::{Protection, protection};
use lacre_store::redb::RedbData;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

use super::{SystemClock, broken, node_store};
use crate::cli::{ClientArg, LimitsArg, ServeArgs, TlsArg};
use crate::exit::{Exit, Failure};
use crate::profile::ProfileDir;
use crate::{output, stop};

pub(super) async fn run(args: ServeArgs, passphrase_fd: Option<u32>, json: bool) -> Result<(), Failure> {
    let tls = protected(&args)?;
    let stop = stop::signal()?;
    let device = ProfileDir::new(Some(&args.data.join("device")), false)?;
    if !device.exists() {
        let why = format!("there is no node in {}; `lacre business init` makes one", args.data.display());
        return Err(Failure::new(Exit::NotSignedUp, "not_signed_up", why));
    }
    let store = device.open(passphrase_fd).await?;
    let client = device.client(store)?;
    let me = client.me()?;
    let node = node_store(&args.data, args.key_file.as_deref())?;
    let identity = who(&client, &node).await?;
    let data = node.0;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| Failure::io(format!("cannot listen on {}", args.listen), &error))?;
    let address = listener.local_addr().map_err(|error| Failure::io("the listener", &error))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let public = args.public.unwrap_or_else(|| format!("{scheme}://{address}/"));
    let public: Url = public.parse().map_err(|_| Failure::usage("--public is no address"))?;
    // The relay's page of the business: it says who it is and how a chat with it begins.
    let chat_link = Url::parse(&format!("{}/b/{}", client.relay(), me.handle))
        .map_err(|_| Failure::new(Exit::Failure, "fault", "the relay's address makes no link"))?;
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
        out: way_out(args.allowed, args.allowed_links, args.webhook_ca, args.webhook_client)?,
        door: Doorway { per_address: args.per_address, is_behind_proxy: args.behind_proxy },
    };
    match json {
        true => output::object(&json!({
            "address": address.to_string(),
            "public": public.as_str(),
            "fingerprint": tls.as_ref().map(|it| hex::encode(it.fingerprint)),
            "app_id": identity.app.to_string(),
            "waba_id": identity.account.to_string(),
            "phone_number_id": identity.number.to_string(),
        }))?,
        false => {
            output::line(&format!("{} answers at {public}. Ctrl+C ends it.", me.handle))?;
            output::line(&format!("phone number id   {}", identity.number))?;
            output::line(&format!("account (WABA) id {}", identity.account))?;
            if let Some(tls) = &tls {
                output::line(&format!("certificate       SHA-256 {}", hex::encode(tls.fingerprint)))?;
            }
        }
    }
    let serving = serve(parts, settings, listener, tls.map(|it| it.config), stopping);
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

/// Who the node is. One that has joined others and did not come to its end is who they are.
async fn who(client: &Client, node: &Store<RedbData>) -> Result<Identity, Failure> {
    if Identity::known(node).await.map_err(broken)?.is_none() {
        let (shared, devices) = client
            .read(|views| Ok((views.records().shared(nodes::NAME)?, views.records().own_devices()?)))?;
        match shared.as_deref().and_then(Pass::from_bytes) {
            Some(pass) => return pass.enter(node).await.map_err(broken),
            None if devices.len() > 1 => {
                let why = "this node has not been told what it is known by: say `lacre business join` again";
                return Err(Failure::new(Exit::NotSignedUp, "not_told", why));
            }
            None => {}
        }
    }
    Identity::of(node, &mut StdRng::from_os_rng()).await.map_err(broken)
}

/// The node's ways out; paths as commands find them that run elsewhere.
fn way_out(
    hooks: Vec<Allowed>,
    links: Vec<Allowed>,
    roots: Option<PathBuf>,
    identity: Option<ClientArg>,
) -> Result<WayOut, Failure> {
    let whole = |path: PathBuf| {
        std::path::absolute(&path).map_err(|error| Failure::io(path.display().to_string(), &error))
    };
    let identity = match identity {
        Some(ClientArg { certificate, key }) => Some((whole(certificate)?, whole(key)?)),
        None => None,
    };
    let text = |all: Vec<Allowed>| all.iter().map(ToString::to_string).collect();
    Ok(WayOut { hooks: text(hooks), links: text(links), roots: roots.map(whole).transpose()?, identity })
}

/// What the listener is protected with. What the node is told is plain, so nobody else's machine is told it without.
fn protected(args: &ServeArgs) -> Result<Option<Protection>, Failure> {
    if args.tls == TlsArg::Off && args.tls_client_ca.is_some() {
        return Err(Failure::usage("without TLS nobody is asked for a certificate: say --tls too"));
    }
    let here = args.listen.ip().is_loopback();
    match args.tls {
        TlsArg::Off if !here => Err(Failure::usage(
            "what the node is told is plain: give it a certificate (--tls CERTIFICATE,KEY), or let it listen on \
             this machine itself and put what speaks TLS before it",
        )),
        TlsArg::SelfSigned if !here => Err(Failure::usage(
            "with a self-signed certificate a node listens on this machine itself only; give it a certificate",
        )),
        _ => {
            let made = protection(
                &super::super::relay::tls(&args.tls),
                Some(&args.data),
                args.tls_client_ca.as_deref(),
            );
            made.map_err(|error| Failure::new(Exit::Failure, "bad_certificate", error))
        }
    }
}
