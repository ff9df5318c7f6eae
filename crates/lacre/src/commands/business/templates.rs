//! `lacre business template`: what waits for somebody.

use serde_json::{Value, json};

use super::ask::{get, post, rows, text};
use crate::cli::TemplateCommand;
use crate::exit::Failure;
use crate::output;
use crate::safe_text::safe_line;

pub(super) async fn run(command: TemplateCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        TemplateCommand::List { pending, node } => {
            let path = if pending { "templates?status=PENDING" } else { "templates" };
            let none = if pending { "No template waits for you." } else { "There are no templates." };
            rows(&get(&node.data, path).await?, as_json, none, lines)
        }
        TemplateCommand::Approve { id, node } => {
            let told = post(&node.data, &format!("templates/{id}/approve"), &Value::Null).await?;
            decided(&told, as_json, "is approved: it may be sent")
        }
        TemplateCommand::Reject { id, reason, node } => {
            let told =
                post(&node.data, &format!("templates/{id}/reject"), &json!({ "reason": reason })).await?;
            decided(&told, as_json, "is rejected: its program is told why")
        }
        TemplateCommand::Pause { id, node } => {
            let told = post(&node.data, &format!("templates/{id}/pause"), &Value::Null).await?;
            decided(&told, as_json, "is paused: it may not be sent until it is resumed")
        }
        TemplateCommand::Resume { id, node } => {
            let told = post(&node.data, &format!("templates/{id}/resume"), &Value::Null).await?;
            decided(&told, as_json, "may be sent again")
        }
    }
}

fn decided(told: &Value, as_json: bool, sentence: &str) -> Result<(), Failure> {
    match as_json {
        true => output::object(told),
        false => output::line(&format!("{} ({}) {sentence}.", text(&told["name"]), text(&told["language"]))),
    }
}

/// What somebody has to see to decide: its names, and every text in it.
fn lines(template: &Value) -> String {
    let mut lines = format!(
        "{}  {}  {}  {}  {}",
        text(&template["id"]),
        text(&template["status"]),
        text(&template["name"]),
        text(&template["language"]),
        text(&template["category"])
    );
    for component in template["components"].as_array().into_iter().flatten() {
        let kind = text(&component["type"]).to_lowercase();
        let said = component["text"].as_str().or(component["format"].as_str());
        if let Some(said) = said {
            said.lines().for_each(|line| lines.push_str(&format!("\n    {kind}: {}", safe_line(line))));
        }
        for button in component["buttons"].as_array().into_iter().flatten() {
            let leads = button["url"].as_str().or(button["phone_number"].as_str()).unwrap_or_default();
            let button = format!("\n    button: {} {}", text(&button["text"]), safe_line(leads));
            lines.push_str(button.trim_end());
        }
    }
    lines
}
