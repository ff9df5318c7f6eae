//! `lacre block`, `lacre unblock`, `lacre blocked`.

use std::time::Duration;

use lacre_client::store::Store;
use lacre_client::view::Views;
use lacre_client::{Client, Intent, OpenError};
use lacre_proto::Handle;
use serde_json::json;

use super::Context;
use crate::cli::PersonArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::wait::{Reach, Reached};

pub(super) async fn block(context: &Context, args: PersonArgs, on: bool) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let handle = args.handle.at(client.relay())?;
    let outcome = change(&client, handle, on).await;
    let told = match &outcome {
        Ok(()) => tell(&client, args.timeout).await,
        Err(_) => false,
    };
    client.close().await;
    outcome?;
    if context.json {
        return output::object(&json!({"handle": handle.as_str(), "blocked": on, "relay_told": told}));
    }
    let done = match on {
        true => format!("{handle} is blocked: nothing of them reaches you, and they are not told."),
        false => format!("{handle} is not blocked any more."),
    };
    output::line(&done)?;
    if told { Ok(()) } else { output::line(LATER) }
}

/// What people are told when the relay was not reached.
pub(super) const LATER: &str = "The relay hears of it the next time this profile connects.";

async fn change(client: &Client, handle: &Handle, on: bool) -> Result<(), Failure> {
    let Some(person) = client.read(|views| views.person(handle))? else {
        return Err(Failure::new(
            Exit::Refused,
            "unknown_person",
            format!(
                "nothing is known of {handle} on this device: they never wrote to you and are in no group with you"
            ),
        ));
    };
    let intent = if on { Intent::Block(person.account) } else { Intent::Unblock(person.account) };
    client.intend(intent).await?;
    Ok(())
}

/// Waits until what the relay is to be told is told; whether it is.
pub(super) async fn tell(client: &Client, timeout: u64) -> bool {
    let limit = Duration::from_secs(timeout);
    if matches!(Reach::new(client).caught_up(limit).await, Reached::No(_)) {
        return false;
    }
    tokio::time::timeout(limit, client.flush()).await.is_ok()
}

pub(super) async fn list(context: &Context) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let views = Views(reader.as_ref());
    views.me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
    let blocked = views.blocked()?;
    if blocked.is_empty() && !context.json {
        return output::line("You have blocked nobody.");
    }
    for block in blocked {
        if context.json {
            let since = output::rfc3339(block.since_ms);
            output::object(&json!({"handle": block.handle.as_str(), "since": since}))?;
        } else {
            let since = output::local(block.since_ms, "%Y-%m-%d %H:%M");
            output::line(&format!("{}  since {since}", block.handle))?;
        }
    }
    Ok(())
}
