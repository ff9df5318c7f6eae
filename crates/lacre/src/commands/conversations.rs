//! `lacre conversations`: what there is to read and to write in, as this device knows it.

use lacre_client::OpenError;
use lacre_client::records::{ConversationKind, ConversationState, Standing};
use lacre_client::store::Store;
use lacre_client::view::{Conversation, Views};
use serde_json::{Value, json};

use super::Context;
use crate::exit::Failure;
use crate::output;
use crate::safe_text::safe_line;

/// Characters of the newest message that people get.
const EXCERPT: usize = 60;

pub(super) async fn run(context: &Context, unread: bool) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let views = Views(reader.as_ref());
    views.me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
    let mut none = true;
    for conversation in views.conversations()? {
        if unread && conversation.unread == 0 {
            continue;
        }
        none = false;
        match context.json {
            true => output::object(&as_json(&views, &conversation)?)?,
            false => output::line(&as_line(&conversation))?,
        }
    }
    match (none && !context.json, unread) {
        (true, true) => output::line("Nothing is unread."),
        (true, false) => output::line("There is no conversation yet. `lacre send HANDLE TEXT` begins one."),
        (false, _) => Ok(()),
    }
}

fn as_json(views: &Views<'_>, conversation: &Conversation) -> Result<Value, Failure> {
    Ok(json!({
        "conversation": conversation.id.to_string(),
        "kind": kind(conversation.kind),
        "name": conversation.name,
        "with": conversation.with.as_ref().map(|handle| handle.as_str()),
        "unread": conversation.unread,
        "state": state(conversation.state),
        "request": conversation.standing == Standing::Asked,
        "blocked": conversation.standing == Standing::Blocked,
        "active_at": output::rfc3339(conversation.active),
        "timer": views.timer(conversation.id)?,
        "receipts": views.sends_receipts(conversation.id)?,
        "post_quantum": conversation.safety.post_quantum(),
        "identity_pinned_at": conversation.safety.pinned.map(output::rfc3339),
        "last": conversation.last.as_ref().map(|last| output::message_json(last, &conversation.name)),
    }))
}

fn as_line(conversation: &Conversation) -> String {
    let name = match conversation.kind {
        ConversationKind::Own if conversation.name.is_empty() => "(your own)".to_owned(),
        _ => safe_line(&conversation.name),
    };
    let unread =
        if conversation.unread == 0 { String::new() } else { format!("  {} new", conversation.unread) };
    let how = match (conversation.standing, conversation.state) {
        (Standing::Asked, _) => "  (a request: see `lacre requests`)",
        (Standing::Blocked, _) => "  (blocked)",
        (_, ConversationState::Opening) => "  (being opened)",
        (_, ConversationState::OutOfStep) => "  (this device asks to be let in again)",
        (_, ConversationState::Left) => "  (you are not in it any more)",
        _ => "",
    };
    let last = conversation.last.as_ref().map_or_else(String::new, |last| {
        let who = if last.mine { "you".to_owned() } else { last.from.to_string() };
        let line = safe_line(&output::words(last));
        let short: String = line.chars().take(EXCERPT).collect();
        let more = if short.len() < line.len() { "…" } else { "" };
        format!("  {who}: {short}{more}")
    });
    format!("{}  {name}{unread}{how}{last}", output::local(conversation.active, "%Y-%m-%d %H:%M"))
}

fn kind(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Direct => "direct",
        ConversationKind::Group => "group",
        ConversationKind::Own => "own",
    }
}

fn state(state: ConversationState) -> &'static str {
    match state {
        ConversationState::Opening => "opening",
        ConversationState::Open => "open",
        ConversationState::OutOfStep => "out_of_step",
        ConversationState::Left => "left",
        ConversationState::MergedInto(_) => "merged",
    }
}
