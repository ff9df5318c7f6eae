//! Conversations, messages and notes as people at a terminal read them.

use serde_json::Value;

use super::ask::{text, when};

/// A conversation in one line.
pub(super) fn line(row: &Value) -> String {
    let status = match (row["snoozed_until_ms"].is_null(), row["waiting_since_ms"].is_null()) {
        (false, _) => format!("snoozed until {}", when(&row["snoozed_until_ms"])),
        (true, false) => format!("waiting since {}", when(&row["waiting_since_ms"])),
        (true, true) => text(&row["status"]),
    };
    let whose =
        row["assigned"]["name"].as_str().map_or("nobody's".to_owned(), |_| text(&row["assigned"]["name"]));
    let [customer, name, inbox] = ["wa_id", "name", "inbox"].map(|it| text(&row[it]));
    let labels = match row["labels"].as_array() {
        Some(all) if !all.is_empty() => format!("  [{}]", text(&row["labels"])),
        _ => String::new(),
    };
    format!("{customer}  {name}  {status}  {inbox}  {whose}{labels}")
}

/// A conversation in full.
pub(super) fn conversation(row: &Value) -> String {
    let mut lines = vec![line(row)];
    let mut say = |name: &str, what: String| lines.push(format!("  {name:<14}{what}"));
    say("version", text(&row["version"]));
    say("wrote last", when(&row["customer_wrote_ms"]));
    say("last message", when(&row["last_message_ms"]));
    if !row["answered_by"].is_null() {
        say("answered by", who(&row["answered_by"]));
    }
    if !row["window_until_ms"].is_null() {
        say("window until", when(&row["window_until_ms"]));
    }
    if let Some(sends) = row["sends"].as_object() {
        let may = |it: &Value| match it["allowed"] == true {
            true => "may be sent".to_owned(),
            false => text(&it["why"]),
        };
        say("text", sends.get("text").map(may).unwrap_or_default());
        for (category, it) in sends.get("templates").and_then(Value::as_object).into_iter().flatten() {
            say(category, may(it));
        }
    }
    if !row["restricted_since_ms"].is_null() {
        say("restricted", format!("since {}", when(&row["restricted_since_ms"])));
    }
    for it in row["replying"].as_array().into_iter().flatten() {
        say("is answering", who(it));
    }
    lines.join("\n")
}

/// A message.
pub(super) fn message(row: &Value) -> String {
    let by = match (row["from"] == "business", row["said_by"].is_null()) {
        (true, false) => who(&row["said_by"]),
        _ => text(&row["from"]),
    };
    let content = &row["content"];
    let words = ["text", "caption", "body", "label", "question", "name"];
    let words = words.iter().map(|it| &content[*it]).find(|it| it.is_string()).map(text).unwrap_or_default();
    let files = row["files"].as_array().into_iter().flatten().map(|it| format!("<{}>", text(&it["name"])));
    let what: Vec<_> = std::iter::once(words).filter(|it| !it.is_empty()).chain(files).collect();
    let what = if what.is_empty() { format!("({})", text(&row["kind"])) } else { what.join(" ") };
    let far = match row["from"] == "business" {
        true if row["why"].is_string() => format!("  {}: {}", text(&row["state"]), text(&row["why"])),
        true => format!("  {}", text(&row["state"])),
        false => String::new(),
    };
    format!("{}  {by}: {what}{far}  {}", when(&row["at_ms"]), text(&row["id"]))
}

/// A note.
pub(super) fn note(row: &Value) -> String {
    let edited = match row["edited_ms"].is_null() {
        true => String::new(),
        false => format!(" (edited by {})", who(&row["edited_by"])),
    };
    format!(
        "note {}  {}  {}: {}{edited}",
        row["id"],
        when(&row["at_ms"]),
        who(&row["by"]),
        text(&row["body"])
    )
}

/// A message that was found.
pub(super) fn hit(row: &Value) -> String {
    let pieces = row["excerpt"].as_array().into_iter().flatten();
    let pieces = pieces.filter_map(|it| Some((it["text"].as_str()?, it["found"] == true)));
    let excerpt: String =
        pieces.map(|(text, found)| if found { format!("*{text}*") } else { text.to_owned() }).collect();
    let excerpt = text(&excerpt.into());
    let [customer, name, from] = ["wa_id", "name", "from"].map(|it| text(&row[it]));
    format!("{customer}  {name}  {}  {from}: {excerpt}", when(&row["at_ms"]))
}

/// Somebody's name, or what they are.
fn who(told: &Value) -> String {
    if told["name"].is_null() { text(&told["who"]) } else { text(&told["name"]) }
}
