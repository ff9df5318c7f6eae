//! What a bot asks for: one JSON object a line.

use lacre_client::content::{Content, MessageId, Place, Poll};
use lacre_client::groups::{BadName, Whom};
use lacre_client::view::Views;
use lacre_client::{Intent, To, Wish, once};
use lacre_proto::{ConversationId, limits};
use serde::Deserialize;
use serde_json::Value;

use crate::commands::names;
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

/// What can be asked for. `to` is a handle or the name of a group; ids are 32 hex digits.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Sends a text.
    Send {
        to: Option<String>,
        conversation: Option<String>,
        text: String,
        reply_to: Option<String>,
        /// It may be looked at once only.
        #[serde(default)]
        once: bool,
        /// Not before this time.
        at: Option<String>,
    },
    /// Sends files, cleaned of what they tell about their maker.
    SendFiles {
        to: Option<String>,
        conversation: Option<String>,
        files: Vec<String>,
        #[serde(default)]
        caption: String,
        /// Pictures in their full size, and what cannot be cleaned as it is.
        #[serde(default)]
        original: bool,
        reply_to: Option<String>,
    },
    /// Sends a WAV file, or one that was recorded, as a voice note.
    SendVoice { to: Option<String>, conversation: Option<String>, file: String, reply_to: Option<String> },
    /// Saves the files of a message, or the one of this number.
    Save { conversation: String, message: String, file: Option<u8>, to: String },
    /// Asks a question with answers.
    Poll {
        to: Option<String>,
        conversation: Option<String>,
        question: String,
        options: Vec<String>,
        #[serde(default)]
        multiple: bool,
        reply_to: Option<String>,
    },
    /// Sends a place on earth.
    Location {
        to: Option<String>,
        conversation: Option<String>,
        latitude: f64,
        longitude: f64,
        #[serde(default)]
        label: String,
        reply_to: Option<String>,
    },
    /// Marks everything up to a message as read.
    Read { conversation: String, message: String },
    /// Reacts with an emoji; without one it takes the reaction back.
    React { conversation: String, message: String, emoji: Option<String> },
    /// Puts another text in place of one's own.
    Edit { conversation: String, message: String, text: String },
    /// Deletes here, or for everyone.
    Delete {
        conversation: String,
        message: String,
        #[serde(default)]
        for_everyone: bool,
    },
    /// Passes a message on.
    Forward { conversation: String, message: String, to: Vec<String> },
    /// Pins a message for everybody, or takes the pin away.
    Pin {
        conversation: String,
        message: String,
        #[serde(default = "yes")]
        pinned: bool,
    },
    /// Votes for answers, counted from 1; none takes the vote back.
    Vote { conversation: String, message: String, choices: Vec<u8> },
    /// Closes one's own poll.
    ClosePoll { conversation: String, message: String },
}

fn yes() -> bool {
    true
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
        let say = |to: Option<String>, conversation: Option<String>, reply_to: Option<String>, content| {
            let to = place(views, to.as_deref(), conversation.as_deref())?;
            let wish = Wish { in_reply_to: answered(views, &to, reply_to.as_deref())?, ..Wish::default() };
            Ok::<_, Failure>(Intent::Say(to, content, wish))
        };
        Ok(match self {
            Self::Send { to, conversation, text, reply_to, once, at } => {
                let to = place(views, to.as_deref(), conversation.as_deref())?;
                check_text(&text)?;
                let in_reply_to = answered(views, &to, reply_to.as_deref())?;
                let at = at.as_deref().map(crate::output::time).transpose();
                let not_before = at.map_err(|failure| usage(&failure.message))?;
                Intent::Say(to, Content::Text { text }, Wish { once, not_before, in_reply_to })
            }
            Self::SendFiles { .. } | Self::SendVoice { .. } | Self::Save { .. } => {
                unreachable!("what takes its time is taken before")
            }
            Self::Poll { to, conversation, question, options, multiple, reply_to } => {
                say(to, conversation, reply_to, Content::Poll(Poll { question, options, multiple }))?
            }
            Self::Location { to, conversation, latitude, longitude, label, reply_to } => {
                let place =
                    Place { latitude_e7: e7(latitude, 90.0)?, longitude_e7: e7(longitude, 180.0)?, label };
                say(to, conversation, reply_to, Content::Place(place))?
            }
            Self::Read { conversation, message } => {
                let (conversation, id) = here(views, &conversation, &message)?;
                Intent::MarkRead(conversation, id)
            }
            Self::React { conversation, message, emoji } => {
                let (conversation, id) = here(views, &conversation, &message)?;
                Intent::React(conversation, id, emoji)
            }
            Self::Edit { conversation, message, text } => {
                let (conversation, id) = here(views, &conversation, &message)?;
                check_text(&text)?;
                Intent::Edit(conversation, id, text)
            }
            Self::Delete { conversation, message, for_everyone } => {
                let (conversation, id) = here(views, &conversation, &message)?;
                if for_everyone {
                    Intent::DeleteForAll(conversation, id)
                } else {
                    Intent::DeleteHere(conversation, id)
                }
            }
            Self::Forward { conversation, message, to } => {
                let (from, message) = here(views, &conversation, &message)?;
                let to = to.iter().map(|name| named(views, name)).collect::<Result<_, _>>()?;
                Intent::Forward { from, message, to }
            }
            Self::Pin { conversation, message, pinned } => {
                let (conversation, id) = here(views, &conversation, &message)?;
                Intent::Pin(conversation, id, pinned)
            }
            Self::Vote { conversation, message, choices } => {
                let (conversation, id) = here(views, &conversation, &message)?;
                let from_0 = choices.into_iter().map(|choice| choice.checked_sub(1)).collect::<Option<_>>();
                Intent::Vote(conversation, id, from_0.ok_or_else(|| usage("answers are counted from 1"))?)
            }
            Self::ClosePoll { conversation, message } => {
                let (conversation, id) = here(views, &conversation, &message)?;
                Intent::ClosePoll(conversation, id)
            }
        })
    }
}

/// Where something is said.
pub fn place(views: &Views<'_>, to: Option<&str>, conversation: Option<&str>) -> Result<To, Failure> {
    match (to, conversation) {
        (Some(name), None) => named(views, name),
        (None, Some(id)) => conversation_of(views, id).map(To::Conversation),
        _ => Err(usage("say either `to` or `conversation`")),
    }
}

/// The message that is answered, which is there where it is answered.
pub fn answered(views: &Views<'_>, to: &To, reply_to: Option<&str>) -> Result<Option<MessageId>, Failure> {
    let Some(id) = reply_to.map(message_id).transpose()? else { return Ok(None) };
    let conversation = match to {
        To::Conversation(conversation) => Some(*conversation),
        To::Person(handle) => views.direct_with(handle)?,
    };
    let known = conversation.map_or(Ok(None), |conversation| views.message(conversation, id))?;
    known.map(|_| Some(id)).ok_or_else(no_such_message)
}

/// Whom a name means: a person, or a group that no person could be meant by.
fn named(views: &Views<'_>, name: &str) -> Result<To, Failure> {
    if let Some(own) = names::own(views, name)? {
        return Ok(To::Conversation(own));
    }
    match views.whom(name)? {
        Ok(Whom::Person(handle)) => Ok(To::Person(handle)),
        Ok(Whom::Group(group)) => Ok(To::Conversation(group)),
        Err(BadName::NoSuchGroup) => Err(usage("this is no handle, and no group has this name")),
        Err(BadName::SeveralGroups) => {
            Err(refused("ambiguous_name", "several groups have this name; say `conversation`"))
        }
        Err(BadName::GroupOrPerson(name)) => {
            let why = format!("this may be the group or the person; say `conversation`, #{name} or @{name}");
            Err(refused("ambiguous_name", &why))
        }
    }
}

fn conversation_of(views: &Views<'_>, id: &str) -> Result<ConversationId, Failure> {
    let id = bytes(id).map(ConversationId).ok_or_else(|| usage("a conversation is 32 hex digits"))?;
    let missing = || refused("no_such_conversation", "there is no such conversation on this device");
    Ok(views.conversation(id)?.ok_or_else(missing)?.id)
}

/// A message that is on this device.
pub fn here(
    views: &Views<'_>,
    conversation: &str,
    message: &str,
) -> Result<(ConversationId, MessageId), Failure> {
    let conversation = conversation_of(views, conversation)?;
    let id = message_id(message)?;
    views.message(conversation, id)?.ok_or_else(no_such_message)?;
    Ok((conversation, id))
}

fn check_text(text: &str) -> Result<(), Failure> {
    match text.len() {
        1..=limits::TEXT => Ok(()),
        _ => Err(usage(&format!("a text has 1 to {} bytes", limits::TEXT))),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "180 degrees are 1.8e9 of its steps, within i32")]
fn e7(degrees: f64, most: f64) -> Result<i32, Failure> {
    let whole = degrees.is_finite() && degrees.abs() <= most;
    whole.then(|| (degrees * 1e7).round() as i32).ok_or_else(|| usage("there is no such place on earth"))
}

fn no_such_message() -> Failure {
    refused("no_such_message", "there is no such message in this conversation")
}

fn message_id(hex: &str) -> Result<MessageId, Failure> {
    bytes(hex).map(MessageId).ok_or_else(|| usage("a message is 32 hex digits"))
}

fn bytes(hex: &str) -> Option<[u8; 16]> {
    hex::decode(hex).ok().and_then(|bytes| bytes.try_into().ok())
}

pub fn usage(why: &str) -> Failure {
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
