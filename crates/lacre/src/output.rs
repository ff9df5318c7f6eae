//! What commands print: lines for people, one JSON object a line for scripts.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lacre_client::told::sentence;
use lacre_client::view::{Body, Message, Sending};
use lacre_proto::Millis;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::safe_text::{safe_line, safe_text};

/// Prints a line; a reader that went away ends the program quietly.
pub fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::io("the output cannot be written", &error)),
        Ok(()) => Ok(()),
    }
}

/// Prints one JSON object.
pub fn object(value: &Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// A time as RFC 3339 in UTC, with milliseconds.
pub fn rfc3339(time: Millis) -> String {
    timestamp(time).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A time as people here read it.
pub fn local(time: Millis, format: &str) -> String {
    timestamp(time).to_zoned(TimeZone::system()).strftime(format).to_string()
}

fn timestamp(time: Millis) -> Timestamp {
    Timestamp::from_millisecond(i64::try_from(time).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
}

/// A message as `read --json` and `send --json` print it.
pub fn message_json(message: &Message, with: &str) -> Value {
    let (kind, text) = match &message.body {
        Body::Text(text) => ("text", Some(text.as_str())),
        Body::Told(_) => ("change", None),
        Body::Unknown => ("unknown", None),
        Body::Unreadable(_) => ("unreadable", None),
        Body::Gap(_) => ("gap", None),
    };
    json!({
        "id": message.id.to_string(),
        "conversation": message.conversation.to_string(),
        "with": with,
        "from": message.from.as_str(),
        "mine": message.mine,
        "sent_at": rfc3339(message.sent),
        "kind": kind,
        "text": text,
        "state": message.state.map_or("received", |state| state.name()),
        "reason": reason(message),
        "reply_to": message.reply.as_ref().map(|quote| quote.id.to_string()),
        "late": message.late,
        "seen": message.mine || message.seen,
    })
}

/// Why a message failed or says nothing.
fn reason(message: &Message) -> Option<String> {
    match (&message.body, message.state) {
        (_, Some(Sending::Failed(failure))) => Some(failure.to_string()),
        (Body::Unreadable(why), _) => Some(why.to_string()),
        (Body::Told(change), _) => Some(sentence(change, message.from.as_str())),
        (Body::Gap(missing), _) => Some(format!("{missing} message(s) did not arrive")),
        _ => None,
    }
}

/// A message for people, on one or more lines.
pub fn message_lines(message: &Message, with: &str) -> String {
    let time = local(message.sent, "%Y-%m-%d %H:%M");
    let who = if message.mine { format!("you to {with}") } else { message.from.to_string() };
    let mark = match message.state {
        None | Some(Sending::Sent) => String::new(),
        Some(Sending::Failed(failure)) => format!(" [not sent: {failure}]"),
        Some(state) => format!(" [{}]", state.name()),
    };
    let late = if message.late { " [late]" } else { "" };
    let quote = match &message.reply {
        Some(quote) => format!("{}\n", quoted(quote)),
        None => String::new(),
    };
    let text = indent(&format!("{quote}{}", words(message)));
    format!("{time}  {who}: {text}{mark}{late}")
}

/// What a message says, safe for a terminal.
pub fn words(message: &Message) -> String {
    match &message.body {
        Body::Text(text) => safe_text(text),
        Body::Told(change) => format!("({})", safe_line(&sentence(change, message.from.as_str()))),
        Body::Unknown => "(this version cannot show this kind of message; update to read it)".to_owned(),
        Body::Unreadable(why) => format!("(a message could not be read: {why})"),
        Body::Gap(missing) => format!("({missing} message(s) of this person did not arrive)"),
    }
}

/// The answered message on one line.
pub fn quoted(quote: &lacre_client::view::Quote) -> String {
    match &quote.what {
        Some((author, text)) => {
            let text = safe_line(text);
            let short: String = text.chars().take(60).collect();
            let more = if short.len() < text.len() { "…" } else { "" };
            format!("> {author}: {short}{more}")
        }
        None => "> (a message that is not on this device)".to_owned(),
    }
}

fn indent(text: &str) -> String {
    text.replace('\n', "\n    ")
}
