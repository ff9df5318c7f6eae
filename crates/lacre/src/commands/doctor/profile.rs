//! What is looked at in a profile.

use std::time::Duration;

use lacre_client::clock::{Clock, SystemClock};
use lacre_client::store::Store;
use lacre_client::transport::{Endpoint, TlsConnect, Trust};
use lacre_client::view::Views;
use lacre_client::{probe, profile};

use super::{Check, Context, machine};

/// A clock that differs from the relay's by more than this is worth saying.
const CLOCKS_MS: u64 = 2 * 60 * 1000;

pub(super) async fn checks(context: &Context) -> Vec<Check> {
    let dir = &context.profile;
    let mut checks = vec![machine::version(), machine::private("folder", dir.path())];
    if !dir.exists() {
        checks.push(Check::bad("profile", "there is none here", "run `lacre sign-up` first"));
        return checks;
    }
    checks.push(machine::disk(dir.path()));
    checks.push(machine::clock(dir.path()));
    checks.push(match dir.without_passphrase() {
        true => Check::notice(
            "at rest",
            "the profile has no passphrase: whoever reads this disk reads the messages",
            "sign up with a passphrase in a new profile",
        ),
        false => Check::ok("at rest", "sealed under a passphrase"),
    });
    let endpoint = match look_inside(context, &mut checks).await {
        Some(endpoint) => endpoint,
        None => return checks,
    };
    checks.extend(relay(&endpoint).await);
    checks
}

async fn look_inside(context: &Context, checks: &mut Vec<Check>) -> Option<Endpoint> {
    let store = match context.profile.open(context.passphrase_fd).await {
        Ok(store) => store,
        Err(failure) => {
            checks.push(Check::bad("store", failure.message, "see `lacre help exit-codes`"));
            return None;
        }
    };
    let found = store.snapshot().map_err(|error| error.to_string()).and_then(|reader| {
        let me = Views(reader.as_ref()).me().map_err(|error| error.to_string())?;
        let endpoint = profile::endpoint(reader.as_ref()).map_err(|error| error.to_string())?;
        Ok((me, endpoint))
    });
    match found {
        Ok((Some(me), Some(endpoint))) if me.registered => {
            checks.push(Check::ok("store", format!("opens; it belongs to {}", me.handle)));
            Some(endpoint)
        }
        Ok(_) => {
            checks.push(Check::bad(
                "store",
                "opens; the sign-up was not finished",
                "run `lacre sign-up` again",
            ));
            None
        }
        Err(why) => {
            checks.push(Check::bad("store", why, "keep a copy of the folder, and report this"));
            None
        }
    }
}

async fn relay(endpoint: &Endpoint) -> Vec<Check> {
    let address = &endpoint.address;
    let asked = tokio::time::timeout(Duration::from_secs(20), probe(&TlsConnect::default(), endpoint)).await;
    let probe = match asked {
        Ok(Ok(probe)) => probe,
        Ok(Err(trouble)) => {
            return vec![Check::bad(
                "relay",
                trouble.to_string(),
                "look whether the relay runs, and its address",
            )];
        }
        Err(_) => return vec![Check::bad("relay", format!("{address} does not answer"), "try again later")],
    };
    let certificate = match &endpoint.trust {
        Trust::Pinned(pin) => format!("its certificate is the pinned one ({pin})"),
        Trust::System | Trust::Roots(_) if address.tls() => "its certificate is trusted".to_owned(),
        _ => "not encrypted, on this machine only".to_owned(),
    };
    let apart = SystemClock.now().abs_diff(probe.time);
    let clocks = match apart > CLOCKS_MS {
        true => Check::notice(
            "clocks",
            format!("this machine and the relay differ by {} s", apart / 1000),
            "set the wrong one: times of messages are off until then",
        ),
        false => Check::ok("clocks", "this machine and the relay agree"),
    };
    vec![Check::ok("relay", format!("{address} answers; {certificate}")), clocks]
}
