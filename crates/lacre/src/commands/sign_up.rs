//! `lacre sign-up`.

use lacre_client::transport::{Endpoint, RelayAddress, TlsConnect, Trust};
use lacre_client::{Client, SignUp};
use serde_json::json;

use super::Context;
use crate::cli::SignUpArgs;
use crate::exit::Failure;
use crate::{output, passphrase};

pub(super) async fn run(context: &Context, args: SignUpArgs) -> Result<(), Failure> {
    let SignUpArgs { relay, handle, invite, ca, no_passphrase } = args;
    let endpoint = endpoint(&relay, ca.as_deref())?;
    let dir = &context.profile;
    // A sign-up that did not end is taken up again with the passphrase that it began with.
    let passphrase = match dir.exists() {
        true => passphrase::to_open(dir, context.passphrase_fd)?,
        false => passphrase::to_make(context.passphrase_fd, no_passphrase)?,
    };
    dir.make(no_passphrase)?;
    let store = dir.open_with(passphrase).await?;
    let setting = context.profile.setting(store);
    let client = Client::sign_up(setting, SignUp { endpoint, handle, invite }).await?;
    client.flush().await;
    let me = client.me()?;
    client.close().await;
    if context.json {
        return output::object(&json!({
            "handle": me.handle.as_str(),
            "account": me.account.to_string(),
            "device": me.device.to_string(),
            "relay": relay,
            "profile": dir.path(),
        }));
    }
    output::line(&format!("You are {} at {relay}. People there find you by this handle.", me.handle))?;
    if no_passphrase {
        output::line("This profile has no passphrase: whoever reads this disk reads your messages.")?;
    }
    output::line("Next: `lacre send HANDLE \"hello\"`, or `lacre chat`.")
}

pub(super) fn endpoint(relay: &str, ca: Option<&std::path::Path>) -> Result<Endpoint, Failure> {
    let address: RelayAddress = relay.parse()?;
    let trust = match ca {
        Some(file) => {
            let pem = std::fs::read(file)
                .map_err(|error| Failure::io(format!("{} cannot be read", file.display()), &error))?;
            TlsConnect::roots_from_pem(&pem).map_err(Failure::usage)?
        }
        None if address.is_loopback() => Trust::FirstUse,
        None => Trust::System,
    };
    Ok(Endpoint { address, trust })
}
