//! `lacre secure`: new keys for this device in every conversation and at the relay, after somebody may have had its
//! store in their hands.

use std::time::Duration;

use lacre_client::records::Secured;
use lacre_client::{Client, Event, Intent};
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Context;
use crate::cli::SecureArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::wait::{Reach, Reached};

pub(super) async fn run(context: &Context, args: SecureArgs) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let outcome = secure(context, &client, &args).await;
    client.close().await;
    outcome
}

async fn secure(context: &Context, client: &Client, args: &SecureArgs) -> Result<(), Failure> {
    let mut events = client.events();
    if !args.status {
        client.intend(Intent::Secure).await?;
    }
    let Some(secured) = client.read(|views| views.records().secured())? else {
        return never_asked(context);
    };
    tell(context, secured)?;
    if args.status || args.no_wait || secured.is_done() {
        return Ok(());
    }
    let mut reach = Reach::new(client);
    let look = || client.read(|views| views.records().secured()).map_err(Failure::from);
    tokio::select! {
        done = follow(&mut events, secured, look, |now| tell(context, now)) => done,
        given_up = reach.given_up() => Err(kept(given_up)),
        () = tokio::time::sleep(Duration::from_secs(args.timeout)) => Err(kept(Reached::Yes)),
    }
}

/// Tells each step until all is done. An event says no more than that something happened: how far it is stands in the
/// records, also when more has happened than was heard.
async fn follow(
    events: &mut Receiver<Event>,
    mut told: Secured,
    look: impl Fn() -> Result<Option<Secured>, Failure>,
    tell: impl Fn(Secured) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        match events.recv().await {
            Ok(Event::Securing(..)) | Err(RecvError::Lagged(_)) => {}
            Ok(_) => continue,
            Err(RecvError::Closed) => {
                return Err(Failure::new(Exit::Failure, "fault", "the client stopped"));
            }
        }
        let Some(now) = look()? else { continue };
        if now != told {
            tell(now)?;
            told = now;
        }
        if now.is_done() {
            return Ok(());
        }
    }
}

fn never_asked(context: &Context) -> Result<(), Failure> {
    if context.json {
        return output::object(&json!({"asked": false}));
    }
    output::line("This device was never asked to be made secure again.")
}

fn tell(context: &Context, secured: Secured) -> Result<(), Failure> {
    let Secured { since_ms, left, packages } = secured;
    if context.json {
        return output::object(&json!({
            "asked": true,
            "since": output::rfc3339(since_ms),
            "conversations_left": left,
            "key_packages": packages,
            "done": secured.is_done(),
        }));
    }
    if secured.is_done() {
        return output::line(
            "Done: whoever has a copy of this device's store opens nothing that is said from now on. The copy still \
             holds this device's signature key: if somebody may use it, remove this device from another one \
             (`lacre device revoke`) and link it anew.",
        );
    }
    let more = if packages { "" } else { "; the key packages at the relay are being replaced" };
    output::line(&format!("{left} conversation(s) left{more}"))
}

fn kept(reached: Reached) -> Failure {
    const WAITS: &str = "What is left is kept in the profile and done the next time it connects; `lacre secure \
                         --status` tells how far it is.";
    match reached {
        Reached::No(trouble) => {
            let mut failure = Failure::from(trouble);
            failure.message = format!("{}. {WAITS}", failure.message.trim_end_matches('.'));
            failure
        }
        Reached::Yes => Failure::new(Exit::Unreachable, "not_all_done", format!("It takes longer. {WAITS}")),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::sync::broadcast;

    use super::*;

    #[tokio::test]
    async fn the_end_is_told_of_also_when_more_happened_than_was_heard() {
        let (events, mut heard) = broadcast::channel(1);
        for left in [2, 1, 0] {
            events.send(Event::Securing(left, true)).expect("somebody hears");
        }
        let begun = Secured { since_ms: 1, left: 3, packages: true };
        let done = Secured { left: 0, ..begun };
        let told = RefCell::new(Vec::new());
        let tell = |now| {
            told.borrow_mut().push(now);
            Ok(())
        };
        follow(&mut heard, begun, || Ok(Some(done)), tell).await.expect("it is done");
        assert_eq!(told.into_inner(), [done]);
    }
}
