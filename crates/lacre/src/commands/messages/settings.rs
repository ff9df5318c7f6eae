//! What is set for a conversation, and what waits for its time.

use lacre_client::Intent;
use serde_json::json;

use super::{Doing, message_id};
use crate::cli::Switch;
use crate::exit::Failure;
use crate::output;
use crate::safe_text::safe_line;

impl Doing<'_> {
    pub(super) async fn pins(&self, with: &str) -> Result<(), Failure> {
        self.catch_up().await;
        let conversation = self.conversation(with)?;
        self.print_all(self.client.read(|views| views.pinned(conversation))?)
    }

    pub(super) fn stars(&self) -> Result<(), Failure> {
        self.print_all(self.client.read(|views| views.starred())?)
    }

    pub(super) async fn timer(&self, with: &str, time: Option<&str>) -> Result<(), Failure> {
        let reached = self.catch_up().await;
        let conversation = self.conversation(with)?;
        if let Some(time) = time {
            let seconds = output::seconds(time).ok_or_else(|| {
                Failure::usage("write a time as 30s, 5m, 1h, 1d or 1w (a year at most), or off")
            })?;
            self.intend(Intent::SetTimer(conversation, seconds), reached).await?;
        }
        let seconds = self.client.read(|views| views.timer(conversation))?;
        match (self.context.json, seconds) {
            (true, _) => output::object(&json!({ "with": with, "timer": seconds })),
            (false, 0) => output::line(&format!("Messages with {} stay.", safe_line(with))),
            (false, _) => output::line(&format!(
                "Messages with {} vanish {} after they were read.",
                safe_line(with),
                output::duration(seconds)
            )),
        }
    }

    pub(super) async fn receipts(&self, with: &str, tell: Option<Switch>) -> Result<(), Failure> {
        let conversation = self.conversation(with)?;
        if let Some(tell) = tell {
            self.client.intend(Intent::SetReceipts(conversation, tell == Switch::On)).await?;
        }
        let told = self.client.read(|views| views.sends_receipts(conversation))?;
        match (self.context.json, told) {
            (true, _) => output::object(&json!({ "with": with, "receipts": told })),
            (false, true) => output::line("They are told what you received and read."),
            (false, false) => output::line("They are not told what you received and read."),
        }
    }

    pub(super) async fn scheduled(&self, cancel: Option<&str>) -> Result<(), Failure> {
        if let Some(id) = cancel {
            self.client.intend(Intent::Cancel(message_id(id)?)).await?;
        }
        let all = self.client.read(|views| views.scheduled())?;
        if all.is_empty() && !self.context.json {
            return output::line("Nothing waits to be sent later.");
        }
        for later in all {
            match self.context.json {
                true => output::object(&json!({
                    "id": later.id.to_string(),
                    "conversation": later.conversation.to_string(),
                    "with": later.name,
                    "at": output::rfc3339(later.at),
                    "text": later.text,
                }))?,
                false => output::line(&format!(
                    "{}  {}  to {}: {}",
                    later.id,
                    output::local(later.at, "%Y-%m-%d %H:%M"),
                    safe_line(&later.name),
                    safe_line(later.text.as_deref().unwrap_or("(not a text)")),
                ))?,
            }
        }
        Ok(())
    }

    pub(super) async fn name(&self, name: Option<String>) -> Result<(), Failure> {
        if let Some(name) = name {
            self.client.intend(Intent::SetName(name)).await?;
        }
        let name = self.client.read(|views| views.own_name())?;
        match (self.context.json, name) {
            (true, name) => output::object(&json!({ "name": name })),
            (false, Some(name)) => output::line(&safe_line(&name)),
            (false, None) => output::line("You go by your handle only."),
        }
    }
}
