//! `lacre send`: returns when the relay has stored the message durably, or leaves it in the outbox.

use std::io::Read;
use std::time::Duration;

use lacre_client::content::{Content, MessageId};
use lacre_client::view::{Later, Message};
use lacre_client::{Client, To, Wish};
use lacre_proto::{ConversationId, limits};
use serde_json::json;

use super::Context;
use super::messages::message_id;
use crate::cli::SendArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;
use crate::wait::{Reach, Reached};

pub(super) async fn run(context: &Context, args: SendArgs) -> Result<(), Failure> {
    // What makes no connection waits for none.
    let mut args = SendArgs { no_wait: args.no_wait || context.profile.offline(), ..args };
    if !args.files.is_empty() || args.voice.is_some() {
        return super::files::send::run(context, args).await;
    }
    // To oneself only a text is given, and it stands first.
    let to_oneself = if args.own { args.to.as_str() } else { "" };
    let text = text(args.text.as_deref().unwrap_or(to_oneself))?;
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    if args.own {
        args.to = format!("@{}", client.me()?.handle);
    }
    let outcome = send(context, &client, &args, Content::Text { text }).await;
    client.close().await;
    outcome
}

async fn send(context: &Context, client: &Client, args: &SendArgs, content: Content) -> Result<(), Failure> {
    let to = client.read(|views| Ok(super::names::to(&views, &args.to)))??;
    let wish = wish(context, client, args, &to).await?;
    let (conversation, id) = client.say(to, content, wish).await?;
    let later = client.read(|views| Ok(views.scheduled()?.into_iter().find(|later| later.id == id)))?;
    if let Some(later) = later {
        return scheduled(context, args, &later, &[]);
    }
    if !no_wait(context, args) {
        wait(client, args, conversation, id).await?;
    }
    let message = client.read(|views| views.message(conversation, id))?;
    report(context, args, message, &[])
}

/// In what way it is said. A message that it answers is here, or nothing is sent.
pub(super) async fn wish(
    context: &Context,
    client: &Client,
    args: &SendArgs,
    to: &To,
) -> Result<Wish, Failure> {
    let in_reply_to = args.reply_to.as_deref().map(message_id).transpose()?;
    if let Some(id) = in_reply_to {
        answered(client, args, to, id, no_wait(context, args)).await?;
    }
    let not_before = args.at.as_deref().map(output::time).transpose()?;
    Ok(Wish { once: args.once, not_before, in_reply_to })
}

fn no_wait(context: &Context, args: &SendArgs) -> bool {
    args.no_wait || context.profile.offline()
}

/// Sees that the answered message is here; it may still lie at the relay.
async fn answered(
    client: &Client,
    args: &SendArgs,
    to: &To,
    id: MessageId,
    no_wait: bool,
) -> Result<(), Failure> {
    let known = || {
        client.read(|views| {
            let conversation = match to {
                To::Person(handle) => views.direct_with(handle)?,
                To::Conversation(id) => Some(*id),
            };
            conversation.map_or(Ok(None), |conversation| views.message(conversation, id))
        })
    };
    if known()?.is_some() {
        return Ok(());
    }
    if !no_wait {
        let reached = Reach::new(client).caught_up(Duration::from_secs(args.timeout)).await;
        // Of somebody who wrote first the directory is being asked who they are.
        client.flush().await;
        if known()?.is_some() {
            return Ok(());
        }
        if let Reached::No(trouble) = reached {
            let mut failure = Failure::from(trouble);
            let what = failure.message.trim_end_matches('.').to_owned();
            failure.message = format!("{what}. Message {id} is not on this device yet; nothing was sent.");
            return Err(failure);
        }
    }
    let with = safe_line(name(args));
    let why = format!("there is no message {id} in the conversation with {with}; nothing was sent");
    Err(Failure::new(Exit::Refused, "no_such_message", why))
}

async fn wait(
    client: &Client,
    args: &SendArgs,
    conversation: ConversationId,
    id: MessageId,
) -> Result<(), Failure> {
    let mut reach = Reach::new(client);
    let sent = tokio::select! {
        sent = client.wait_sent(conversation, id) => Some(sent),
        given_up = reach.given_up() => return Err(kept(args, given_up)),
        () = tokio::time::sleep(Duration::from_secs(args.timeout)) => None,
    };
    match sent {
        Some(sent) => Ok(sent?),
        None => Err(kept(args, reach.now())),
    }
}

/// The message waits for its time. What is to be said of its files stands in the row.
pub(super) fn scheduled(
    context: &Context,
    args: &SendArgs,
    later: &Later,
    warnings: &[String],
) -> Result<(), Failure> {
    if context.json {
        let mut row = json!({
            "id": later.id.to_string(),
            "conversation": later.conversation.to_string(),
            "with": name(args),
            "kind": "scheduled",
            "at": output::rfc3339(later.at),
        });
        if !args.files.is_empty() {
            row["warnings"] = json!(warnings);
        }
        return output::object(&row);
    }
    let at = output::local(later.at, "%Y-%m-%d %H:%M");
    output::line(&format!(
        "Kept for {}, to be sent at {at} or when this profile is next open after it.",
        safe_line(name(args))
    ))
}

/// The message waits in the outbox.
pub(super) fn kept(args: &SendArgs, reached: Reached) -> Failure {
    let waits = format!(
        "The message to {} is kept in the profile, sealed for this disk, and goes out the next time this profile \
         connects.",
        safe_line(&args.to)
    );
    match reached {
        Reached::No(trouble) => {
            let mut failure = Failure::from(trouble);
            failure.message = format!("{}. Nothing was sent. {waits}", failure.message.trim_end_matches('.'));
            failure
        }
        Reached::Yes => Failure::new(
            Exit::Unreachable,
            "not_acknowledged",
            format!("The relay did not acknowledge the message in {} seconds. {waits}", args.timeout),
        ),
    }
}

/// The message as it stands now, with what is to be said of its files.
pub(super) fn report(
    context: &Context,
    args: &SendArgs,
    message: Option<Message>,
    warnings: &[String],
) -> Result<(), Failure> {
    let Some(message) = message else {
        return Err(Failure::new(Exit::Failure, "fault", "the message is not in the profile"));
    };
    if context.json {
        let mut row = output::message_json(&message, name(args));
        if !args.files.is_empty() {
            row["warnings"] = json!(warnings);
        }
        return output::object(&row);
    }
    match args.no_wait {
        true => output::line(&format!("Queued for {}.", safe_line(name(args)))),
        false => output::line(&format!("Sent to {}.", safe_line(name(args)))),
    }
}

/// The name that was typed, without its mark.
fn name(args: &SendArgs) -> &str {
    args.to.strip_prefix(['@', '#']).unwrap_or(&args.to)
}

/// The text that was given, or all of standard input without its last line break.
pub(super) fn text(given: &str) -> Result<String, Failure> {
    let mut text = given.to_owned();
    if given == "-" {
        text.clear();
        std::io::stdin()
            .take(limits::TEXT as u64 + 2)
            .read_to_string(&mut text)
            .map_err(|error| Failure::io("standard input cannot be read", &error))?;
        if text.ends_with('\n') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(Failure::usage("the message is empty; nothing was sent"));
    }
    if text.len() > limits::TEXT {
        let most = limits::TEXT / 1024;
        return Err(Failure::usage(format!("a message has at most {most} KiB; nothing was sent")));
    }
    Ok(text)
}
