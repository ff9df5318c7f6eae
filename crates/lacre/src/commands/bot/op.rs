//! What a bot asks for: one JSON object a line.

use lacre_client::content::{Content, MessageId};
use lacre_client::view::Views;
use lacre_client::{Intent, once};
use lacre_proto::{ConversationId, Handle, limits};
use serde::Deserialize;
use serde_json::Value;

use crate::exit::{Exit, Failure};

/// A line that was understood.
#[derive(Debug)]
pub struct Asked {
    /// The caller's id for it.
    pub id: Option<String>,
    /// Everything else of the line, in one way of writing it: the same id stands for the same.
    pub what: Vec<u8>,
    pub op: Op,
}

/// What can be asked for.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Sends a text.
    Send {
        /// A handle, or the name of a group.
        to: Option<String>,
        conversation: Option<String>,
        text: String,
        reply_to: Option<String>,
    },
    /// Marks everything up to a message as read.
    Read { conversation: String, message: String },
}

/// Reads a line.
pub fn parse(line: &[u8]) -> Result<Asked, (Option<String>, Failure)> {
    let wrong = |id: &Option<String>, why: &dyn std::fmt::Display| {
        (id.clone(), Failure::new(Exit::Usage, "bad_line", format!("{why}; nothing was done")))
    };
    let value: Value = serde_json::from_slice(line).map_err(|error| wrong(&None, &error))?;
    let Value::Object(mut fields) = value else { return Err(wrong(&None, &"the line is no JSON object")) };
    let id = match fields.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) if (1..=once::ID).contains(&id.len()) => Some(id),
        Some(_) => return Err(wrong(&None, &format!("an id is a string of 1 to {} bytes", once::ID))),
    };
    let what = Value::Object(fields);
    let written = what.to_string().into_bytes();
    let op = serde_json::from_value(what).map_err(|error| wrong(&id, &error))?;
    Ok(Asked { id, what: written, op })
}

impl Op {
    /// The intent that does it, in the conversations as they are now.
    pub fn intent(self, views: &Views<'_>) -> Result<Intent, Failure> {
        match self {
            Self::Send { to, conversation, text, reply_to } => {
                if text.is_empty() || text.len() > limits::TEXT {
                    return Err(usage(&format!("a text has 1 to {} bytes", limits::TEXT)));
                }
                let place = Place::of(views, to.as_deref(), conversation.as_deref())?;
                let in_reply_to = reply_to.as_deref().map(message_id).transpose()?;
                if let Some(answered) = in_reply_to {
                    place.has(views, answered)?;
                }
                let content = Content::Text { text, in_reply_to };
                Ok(match place {
                    Place::Conversation(conversation) => Intent::Send(conversation, content),
                    Place::Person(handle) => Intent::SendTo(handle, content),
                })
            }
            Self::Read { conversation, message } => {
                let place = Place::of(views, None, Some(&conversation))?;
                let message = message_id(&message)?;
                place.has(views, message)?;
                match place {
                    Place::Conversation(conversation) => Ok(Intent::MarkRead(conversation, message)),
                    Place::Person(_) => Err(usage("nothing was said there yet")),
                }
            }
        }
    }
}

/// Where something is said.
enum Place {
    Conversation(ConversationId),
    Person(Handle),
}

impl Place {
    fn of(views: &Views<'_>, to: Option<&str>, conversation: Option<&str>) -> Result<Self, Failure> {
        match (to, conversation) {
            (Some(name), None) => Self::named(views, name),
            (None, Some(id)) => {
                let id =
                    bytes(id).map(ConversationId).ok_or_else(|| usage("a conversation is 32 hex digits"))?;
                match views.conversation(id)? {
                    Some(found) => Ok(Self::Conversation(found.id)),
                    None => {
                        Err(refused("no_such_conversation", "there is no such conversation on this device"))
                    }
                }
            }
            _ => Err(usage("say either `to` or `conversation`")),
        }
    }

    fn named(views: &Views<'_>, name: &str) -> Result<Self, Failure> {
        let mut named = views.conversations()?.into_iter().filter(|conversation| conversation.name == name);
        match (named.next(), named.next()) {
            (Some(one), None) => Ok(Self::Conversation(one.id)),
            (Some(_), Some(_)) => {
                Err(refused("ambiguous_name", "several conversations have this name; say `conversation`"))
            }
            (None, _) => name.parse().map(Self::Person).map_err(|why| usage(&format!("not a handle: {why}"))),
        }
    }

    fn has(&self, views: &Views<'_>, id: MessageId) -> Result<(), Failure> {
        let found = match self {
            Self::Conversation(conversation) => views.message(*conversation, id)?,
            Self::Person(_) => None,
        };
        let missing = || refused("no_such_message", "there is no such message in this conversation");
        found.map(drop).ok_or_else(missing)
    }
}

fn message_id(hex: &str) -> Result<MessageId, Failure> {
    bytes(hex).map(MessageId).ok_or_else(|| usage("a message is 32 hex digits"))
}

fn bytes(hex: &str) -> Option<[u8; 16]> {
    hex::decode(hex).ok().and_then(|bytes| bytes.try_into().ok())
}

fn usage(why: &str) -> Failure {
    Failure::new(Exit::Usage, "bad_line", format!("{why}; nothing was done"))
}

fn refused(code: &'static str, why: &str) -> Failure {
    Failure::new(Exit::Refused, code, format!("{why}; nothing was done"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_understood_whole_or_not_at_all() {
        let asked = parse(br#"{"op":"send","id":"a","to":"bruno","text":"hi"}"#).unwrap();
        assert_eq!(asked.id.as_deref(), Some("a"));
        let again = parse(br#" { "text":"hi", "to": "bruno","op":"send", "id":"b"}"#).unwrap();
        assert_eq!(asked.what, again.what, "order and spaces do not matter");
        for wrong in [
            "",
            "hello",
            "[]",
            r#"{"id":"a"}"#,
            r#"{"op":"fly"}"#,
            r#"{"op":"send","to":"bruno"}"#,
            r#"{"op":"send","to":"bruno","text":"hi","texd":"ho"}"#,
            r#"{"op":"send","to":"bruno","text":7}"#,
            r#"{"op":"send","id":7,"to":"bruno","text":"hi"}"#,
            r#"{"op":"send","id":"","to":"bruno","text":"hi"}"#,
        ] {
            let (_, failure) = parse(wrong.as_bytes()).expect_err(wrong);
            assert_eq!(failure.code, "bad_line", "{wrong}");
        }
        let (id, _) = parse(br#"{"op":"fly","id":"a"}"#).unwrap_err();
        assert_eq!(id.as_deref(), Some("a"), "the error names what it is the answer to");
    }
}
