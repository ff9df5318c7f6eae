//! What is said about a message: reactions, edits, deletions, pins, stars, votes; and looking at it once.

use lacre_client::Intent;
use lacre_client::records::Heard;
use serde_json::json;

use super::{Doing, message_id};
use crate::cli::MessageCommand;
use crate::commands::send;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::{safe_line, safe_text};

impl Doing<'_> {
    pub(super) async fn about(&self, command: MessageCommand) -> Result<(), Failure> {
        let id = message_id(about(&command))?;
        let command = match command {
            MessageCommand::Edit { id, text } => MessageCommand::Edit { id, text: send::text(&text)? },
            other => other,
        };
        let reached = self.catch_up().await;
        let (conversation, _) = self.find(id)?;
        let intent = match command {
            MessageCommand::React { emoji, .. } => Intent::React(conversation, id, emoji),
            MessageCommand::Edit { text, .. } => Intent::Edit(conversation, id, text),
            MessageCommand::Delete { for_everyone: true, .. } => Intent::DeleteForAll(conversation, id),
            MessageCommand::Delete { .. } => Intent::DeleteHere(conversation, id),
            MessageCommand::Pin { remove, .. } => Intent::Pin(conversation, id, !remove),
            MessageCommand::Star { remove, .. } => {
                // Nobody is told, so nobody has to be reached.
                self.client.intend(Intent::Star(conversation, id, !remove)).await?;
                return self.show(conversation, id);
            }
            MessageCommand::Vote { choices, .. } => {
                Intent::Vote(conversation, id, choices.into_iter().map(|number| number - 1).collect())
            }
            MessageCommand::ClosePoll { .. } => Intent::ClosePoll(conversation, id),
            MessageCommand::Look { .. } => {
                let text = self.client.look(conversation, id).await?;
                self.client.flush().await;
                return self.looked(id, text);
            }
            _ => unreachable!("the other commands are taken before"),
        };
        self.intend(intent, reached).await?;
        self.show(conversation, id)
    }

    fn looked(&self, id: lacre_client::content::MessageId, text: Option<String>) -> Result<(), Failure> {
        let Some(text) = text else {
            return Err(Failure::new(
                Exit::Refused,
                "not_to_be_looked_at",
                "this message was looked at before, or is not one that may be looked at once",
            ));
        };
        match self.context.json {
            true => output::object(&json!({ "id": id.to_string(), "kind": "view-once", "text": text })),
            false => output::line(&safe_text(&text)),
        }
    }

    pub(super) async fn history(&self, id: &str) -> Result<(), Failure> {
        let id = message_id(id)?;
        self.catch_up().await;
        let (conversation, message) = self.find(id)?;
        let versions = self.client.read(|views| views.history(conversation, id))?;
        if versions.is_empty() {
            return self.show(message.conversation, id);
        }
        for version in versions {
            let time = output::rfc3339(version.time);
            match self.context.json {
                true => output::object(
                    &json!({ "id": id.to_string(), "written_at": time, "text": version.text }),
                )?,
                false => {
                    let time = output::local(version.time, "%Y-%m-%d %H:%M");
                    output::line(&format!("{time}  {}", safe_text(&version.text)))?;
                }
            }
        }
        Ok(())
    }
}

impl Doing<'_> {
    /// Everything that is known of a message.
    pub(super) async fn info(&self, id: &str) -> Result<(), Failure> {
        self.catch_up().await;
        let id = message_id(id)?;
        let (conversation, message) = self.find(id)?;
        let (name, heard, versions) = self.client.read(|views| {
            let name = views.conversation(conversation)?.map(|it| it.name).unwrap_or_default();
            Ok((name, views.heard_by(conversation, id)?, views.history(conversation, id)?))
        })?;
        let word = |heard: Heard| if heard == Heard::Read { "read" } else { "delivered" };
        if self.context.json {
            let mut object = output::message_json(&message, &name);
            object["heard_by"] = heard
                .iter()
                .map(|(who, heard)| json!({"handle": who.as_str(), "state": word(*heard)}))
                .collect();
            object["history"] = versions
                .iter()
                .map(|it| json!({"written_at": output::rfc3339(it.time), "text": it.text}))
                .collect();
            return output::object(&object);
        }
        output::line(&output::message_lines(&message, &safe_line(&name)))?;
        for (who, heard) in heard {
            output::line(&format!("  {}  {who}", word(heard)))?;
        }
        for reaction in &message.marks.reactions {
            let who: Vec<&str> = reaction.who.iter().map(lacre_proto::Handle::as_str).collect();
            output::line(&format!("  {}  {}", safe_line(&reaction.emoji), who.join(", ")))?;
        }
        for version in versions {
            let time = output::local(version.time, "%Y-%m-%d %H:%M");
            output::line(&format!("  written {time}  {}", safe_text(&version.text).replace('\n', "\n    ")))?;
        }
        match message.marks.vanishes {
            Some(at) => output::line(&format!("  vanishes {}", output::local(at, "%Y-%m-%d %H:%M"))),
            None => Ok(()),
        }
    }
}

/// The message that a command is about.
fn about(command: &MessageCommand) -> &str {
    match command {
        MessageCommand::React { id, .. }
        | MessageCommand::Edit { id, .. }
        | MessageCommand::Delete { id, .. }
        | MessageCommand::Pin { id, .. }
        | MessageCommand::Star { id, .. }
        | MessageCommand::Vote { id, .. }
        | MessageCommand::ClosePoll { id }
        | MessageCommand::Look { id } => id,
        _ => unreachable!("the other commands are taken before"),
    }
}
