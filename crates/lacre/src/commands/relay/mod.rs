//! `lacre relay`: running a relay, and looking after its data.

mod blobs;
mod data;
mod key;

use std::time::Duration;

use lacre_relay::{Config, Place, Registration, Relay, RunningRelay, StartError, Tls};
use serde_json::json;

use crate::cli::{LimitsArg, RegistrationArg, RelayArgs, RunArgs, TlsArg};
use crate::exit::{Exit, Failure};
use crate::{output, stop};
pub(super) use data::existing;
pub(super) use key::{DATABASE, data_key};

pub(super) async fn run(args: RelayArgs, json: bool) -> Result<(), Failure> {
    match args.command {
        Some(command) => data::run(command, json).await,
        None => serve(args.run, json).await,
    }
}

async fn serve(args: RunArgs, json: bool) -> Result<(), Failure> {
    let mut config = config(&args)?;
    config.blobs = blobs::chosen(&args.files, "The relay was not started").await?;
    let sealed = config.data_key.is_some();
    // Asked for before anything is printed: whoever reads the address may send the signal at once.
    let stop = stop::signal()?;
    let relay = Relay::start(config).await?;
    if json {
        output::object(&json!({
            "address": relay.address.to_string(),
            "url": url(&args, &relay),
            "admin": relay.admin_address.map(|address| address.to_string()),
            "fingerprint": relay.fingerprint.map(hex::encode),
            "data": args.data.as_ref().map(|data| data.display().to_string()),
            "registration": registration_name(args.registration),
            "sealed_at_rest": sealed,
            "durable": relay.durable,
        }))?;
    } else {
        tell(&args, &relay, sealed)?;
    }
    let stopped = stop.await;
    tracing::info!("the relay stops");
    relay.stop().await;
    stopped
}

fn config(args: &RunArgs) -> Result<Config, Failure> {
    let data = args.data.clone().ok_or_else(|| Failure::usage("--data is needed"))?;
    let mut config = Config::new(Place::Folder(data), args.listen);
    config.admin = args.admin;
    config.tls = tls(&args.tls);
    config.registration = match args.registration {
        RegistrationArg::Open => Registration::Open,
        RegistrationArg::Invite => Registration::Invite,
        RegistrationArg::Closed => Registration::Closed,
    };
    config.linger = Duration::from_millis(args.linger);
    config.quotas.blobs = args.blobs_quota << 30;
    if args.limits == LimitsArg::Lifted {
        if !args.listen.ip().is_loopback() {
            return Err(Failure::usage("limits are lifted on loopback only"));
        }
        config.lift_limits();
    }
    config.data_key = args.data_key_file.as_deref().map(data_key).transpose()?;
    Ok(config)
}

/// How sockets are protected, as it was said.
pub(super) fn tls(said: &TlsArg) -> Tls {
    match said {
        TlsArg::SelfSigned => Tls::SelfSigned,
        TlsArg::Off => Tls::Off,
        TlsArg::Files(certificate, key) => Tls::Files { certificate: certificate.clone(), key: key.clone() },
    }
}

fn url(args: &RunArgs, relay: &RunningRelay) -> String {
    let scheme = if args.tls == TlsArg::Off { "http" } else { "https" };
    format!("{scheme}://{}", relay.address)
}

fn registration_name(registration: RegistrationArg) -> &'static str {
    match registration {
        RegistrationArg::Open => "open",
        RegistrationArg::Invite => "invite",
        RegistrationArg::Closed => "closed",
    }
}

fn tell(args: &RunArgs, relay: &RunningRelay, sealed: bool) -> Result<(), Failure> {
    let url = url(args, relay);
    let data = args.data.as_deref().unwrap_or(std::path::Path::new("")).display();
    output::line(&format!("relay         {url}"))?;
    if let Some(fingerprint) = relay.fingerprint {
        output::line(&format!("certificate   SHA-256 {}", hex::encode(fingerprint)))?;
    } else {
        output::line("certificate   none: connections are not encrypted, and only this machine can connect")?;
    }
    if let Some(admin) = relay.admin_address {
        output::line(&format!("admin         http://{admin}/health, /ready and /metrics"))?;
    }
    output::line(&format!("data          {data}"))?;
    output::line(&format!("files         {}", args.files.blobs.as_deref().unwrap_or("beside the data")))?;
    output::line(match sealed {
        true => "at rest       sealed with the data key",
        false => "at rest       not sealed (messages are; routing data is not): see --data-key-file",
    })?;
    output::line(match args.registration {
        RegistrationArg::Open => "sign-up       open to anybody who can connect",
        RegistrationArg::Invite => "sign-up       by invitation: lacre relay invite --data DIR",
        RegistrationArg::Closed => "sign-up       closed",
    })?;
    output::line(&format!("join          lacre sign-up --relay {url} HANDLE"))
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::TlsNeeded | StartError::CertificateNeeded | StartError::AdminNotLoopback => {
                Exit::Usage
            }
            StartError::FolderInUse => Exit::InUse,
            StartError::DataKey(_) => Exit::WrongPassphrase,
            StartError::NewerVersion(_)
            | StartError::Data(_)
            | StartError::Folder(_)
            | StartError::Blobs(_) => Exit::Store,
            _ => Exit::Failure,
        };
        Self::new(exit, error.code(), format!("{error}. The relay was not started"))
    }
}
