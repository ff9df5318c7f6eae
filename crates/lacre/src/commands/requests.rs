//! `lacre requests`: people to whom this account never wrote, and what is done about them.

use std::time::Duration;

use lacre_client::records::ConversationKind;
use lacre_client::strangers::{Person, Request};
use lacre_client::view::Views;
use lacre_client::{Client, Intent};
use lacre_proto::Handle;
use serde_json::{Value, json};

use super::Context;
use super::blocks::{LATER, tell};
use crate::cli::{RequestArgs, RequestsCommand};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;
use crate::wait::Reach;

pub(super) async fn run(context: &Context, command: Option<RequestsCommand>) -> Result<(), Failure> {
    match command {
        None | Some(RequestsCommand::List) => list(context).await,
        Some(RequestsCommand::Accept(args)) => decide(context, args, Decision::Accept).await,
        Some(RequestsCommand::Delete(args)) => decide(context, args, Decision::Delete).await,
        Some(RequestsCommand::Block(args)) => decide(context, args, Decision::Block).await,
        Some(RequestsCommand::Report { request, to }) => {
            super::report::request(context, &request.name, &to).await
        }
    }
}

/// One line of what can be done about a request; the name may be a stranger's own words.
pub(super) fn advice(name: &str) -> String {
    let name = safe_line(name);
    let word = word(&name);
    format!(
        "You never wrote to {name}, and nothing is sent back before you decide: `lacre requests accept {word}`, or delete, block, report."
    )
}

/// A name as one word of a shell, in which nothing of it is a command.
fn word(name: &str) -> String {
    match name.parse::<Handle>() {
        Ok(handle) if handle.as_str() == name => name.to_owned(),
        _ => format!("'{}'", name.replace('\'', r"'\''")),
    }
}

/// How long the relay is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
enum Decision {
    Accept,
    Delete,
    Block,
}

async fn list(context: &Context) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    // Some may still lie at the relay; when it cannot be reached, those that are here are shown.
    Reach::new(&client).caught_up(PATIENCE).await;
    // The directory is being asked who they are.
    client.flush().await;
    let requests = client.read(|views| views.requests());
    client.close().await;
    let requests = requests?;
    if requests.is_empty() && !context.json {
        return output::line("Nobody is waiting to be accepted.");
    }
    for request in requests {
        match context.json {
            true => output::object(&to_json(&request))?,
            false => output::line(&to_lines(&request))?,
        }
    }
    Ok(())
}

fn to_json(request: &Request) -> Value {
    json!({
        "conversation": request.conversation.to_string(),
        "kind": if request.kind == ConversationKind::Group { "group" } else { "direct" },
        "name": request.name,
        "from": request.from.as_ref().map(|person| person.handle.as_str()),
        "goes_by": request.goes_by,
        "looks_like": request.looks_like,
        "trust": request.from.as_ref().map(|person| person.trust.name()),
        "place_of": request.from.as_ref().and_then(|person| person.place_of.as_ref()).map(Handle::as_str),
        "confirmed": request.from.as_ref().is_some_and(|person| person.confirmed),
        "common_groups": request.common_groups,
        "messages": request.messages,
        "since": output::rfc3339(request.since),
    })
}

fn to_lines(request: &Request) -> String {
    let who = match &request.from {
        Some(Person { place_of: Some(handle), .. }) => format!(
            "somebody who has the handle {handle} now, and another identity key than the {handle} you know; \
             `lacre safety {handle}` shows both"
        ),
        Some(person) if person.confirmed => format!("{}, as the relay's directory says", person.handle),
        Some(person) => format!("says they are {}; the relay's directory has not said so", person.handle),
        None => "somebody".to_owned(),
    };
    let who = match &request.goes_by {
        Some(name) => format!("{who}; goes by \"{}\"", safe_line(name)),
        None => who,
    };
    let since = output::local(request.since, "%Y-%m-%d %H:%M");
    let first = match request.kind {
        ConversationKind::Group => format!("{}: a group; added by {who}", safe_line(&request.name)),
        _ => who,
    };
    let groups = match request.common_groups.is_empty() {
        true => "no group in common".to_owned(),
        false => {
            let names: Vec<String> = request.common_groups.iter().map(|name| safe_line(name)).collect();
            format!("both in: {}", names.join(", "))
        }
    };
    let careful = match &request.looks_like {
        Some(name) => format!("\n    Careful: {}", not_the_business(name)),
        None => String::new(),
    };
    format!("{first}\n    since {since}, {} message(s), {groups}{careful}", request.messages)
}

/// What is said of a name that looks like a verified business's.
pub fn not_the_business(name: &str) -> String {
    format!(
        "the name looks like that of {}, a verified business that you know, and is not it.",
        safe_line(name)
    )
}

async fn decide(context: &Context, args: RequestArgs, decision: Decision) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    if client.read(|views| named(&views, &args.name))?.is_err() {
        // It may still lie at the relay.
        Reach::new(&client).caught_up(Duration::from_secs(args.timeout)).await;
    }
    let outcome = intend(&client, &args.name, decision).await;
    let told = match &outcome {
        Ok(()) => tell(&client, args.timeout).await,
        Err(_) => false,
    };
    client.close().await;
    outcome?;
    let (word, sentence) = match decision {
        Decision::Accept => {
            ("accepted", "is accepted: they see from now on what arrived and what you have read.")
        }
        Decision::Delete => ("deleted", "is deleted. They are not told."),
        Decision::Block => ("blocked", "is blocked: nothing of them reaches you, and they are not told."),
    };
    if context.json {
        return output::object(&json!({"name": args.name, "decision": word, "relay_told": told}));
    }
    output::line(&format!("{} {sentence}", safe_line(&args.name)))?;
    if told { Ok(()) } else { output::line(LATER) }
}

async fn intend(client: &Client, name: &str, decision: Decision) -> Result<(), Failure> {
    let request = client.read(|views| named(&views, name))??;
    let intent = match (decision, &request.from) {
        (Decision::Accept, _) => Intent::Accept(request.conversation),
        (Decision::Delete, _) => Intent::Decline(request.conversation),
        (Decision::Block, Some(person)) => Intent::Block(person.account),
        (Decision::Block, None) => {
            return Err(Failure::new(
                Exit::Refused,
                "unknown_person",
                "it is not known who added you to this group; delete the request instead",
            ));
        }
    };
    client.intend(intent).await?;
    if matches!(decision, Decision::Block) && request.kind == ConversationKind::Group {
        client.intend(Intent::Decline(request.conversation)).await?;
    }
    Ok(())
}

/// The request of this name.
pub(super) fn named(
    views: &Views<'_>,
    name: &str,
) -> Result<Result<Request, Failure>, lacre_client::EngineError> {
    let mut found: Vec<Request> = views.requests()?.into_iter().filter(|it| it.name == name).collect();
    Ok(match (found.pop(), found.is_empty()) {
        (Some(request), true) => Ok(request),
        (Some(_), false) => Err(Failure::new(
            Exit::Refused,
            "ambiguous",
            format!("several requests are called {}; nothing was done", safe_line(name)),
        )),
        (None, _) => Err(Failure::new(
            Exit::Refused,
            "no_such_request",
            format!("there is no request of {}; `lacre requests` lists them", safe_line(name)),
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w02_a_name_that_is_copied_into_a_shell_is_one_word() {
        assert_eq!(word("bruno"), "bruno");
        assert_eq!(word("Weekend trip"), "'Weekend trip'");
        assert_eq!(word("$(rm ~) 'x'"), r"'$(rm ~) '\''x'\'''");
        assert!(advice("a`b`").contains("lacre requests accept 'a`b`'"));
    }
}
