//! How the kinds of content stand in MIMI, and the proof that content belongs where it was opened.
//!
//! | kind | MIMI |
//! | --- | --- |
//! | text | one part, disposition render, `text/markdown;variant=GFM-MIMI`; a reply names its message in in-reply-to |
//! | delivered, read | one part, disposition unspecified, [`status::MEDIA_TYPE`], every line with one status |
//!
//! Every message names its sender and its room; they must be the ones that the seal proves.

use std::fmt;

use lacre_proto::{AccountId, ConversationId, limits};
use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError};
use super::mimi::{
    Body, Disposition, ExtensionName, Message, MimiId, Part, ROOM_URI, SENDER_URI, Semantics, Single,
};
use super::status::{self, Status};
use super::{Content, MessageId};

/// The media type of text.
pub const TEXT: &str = "text/markdown;variant=GFM-MIMI";
/// The media type of text of other apps that is shown as it is.
pub const PLAIN_TEXT: &str = "text/plain;charset=utf-8";

/// Where something is said: what the room's URI names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Room {
    /// The direct conversation of two accounts, the lower first: the same in whichever of two conversations
    /// that a pair began at once. `lacre:direct/<hex>/<hex>`.
    Direct(AccountId, AccountId),
    /// A group. `lacre:group/<hex>`.
    Group(ConversationId),
    /// The conversation of an account's own devices. `lacre:own/<hex>`.
    Own(AccountId),
}

impl Room {
    /// The direct conversation of two accounts.
    pub fn direct(one: AccountId, other: AccountId) -> Self {
        Self::Direct(one.min(other), one.max(other))
    }

    /// The other account of a direct conversation.
    pub fn peer(self, me: AccountId) -> Option<AccountId> {
        match self {
            Self::Direct(low, high) => Some(if me == low { high } else { low }),
            Self::Group(_) | Self::Own(_) => None,
        }
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(low, high) => write!(f, "lacre:direct/{low}/{high}"),
            Self::Group(id) => write!(f, "lacre:group/{id}"),
            Self::Own(account) => write!(f, "lacre:own/{account}"),
        }
    }
}

/// Sender and room of a message, as the URIs that stand in it and in its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `lacre:account/<hex>`.
    pub sender: String,
    /// The room's URI; see [`Room`].
    pub room: String,
}

impl Address {
    /// What `sender` says in a room.
    pub fn new(sender: AccountId, room: Room) -> Self {
        Self { sender: format!("lacre:account/{sender}"), room: room.to_string() }
    }

    /// What `sender` says in the direct conversation of two accounts.
    pub fn direct(sender: AccountId, pair: [AccountId; 2]) -> Self {
        Self::new(sender, Room::direct(pair[0], pair[1]))
    }
}

/// Content that cannot be sent. The caller's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadContent {
    /// No text, or a receipt for nothing.
    #[error("there is nothing in it")]
    Empty,
    /// Longer than a message may be.
    #[error("it is too long")]
    TooLong,
    /// Content that this version does not know cannot be made by it.
    #[error("content of an unknown kind cannot be sent")]
    Unknown,
}

/// Content that is not accepted. The peer's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It does not decode, or holds what it must not.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Text over its limit, empty or not UTF-8, or a receipt for nothing.
    #[error("the content of a known kind does not hold what it should")]
    BadContent,
    /// It names another sender than the seal proves, or none.
    #[error("the content names another sender than the seal proves")]
    FalseSender,
    /// It names another room than the one that it was sealed in, or none.
    #[error("the content names another room than it was sealed in")]
    FalseRoom,
}

/// Encodes content under the id that its sender made for it; gives its MIMI id too.
pub fn encode(
    id: MessageId,
    address: &Address,
    content: Content<MimiId>,
) -> Result<(Vec<u8>, MimiId), BadContent> {
    let (disposition, single, in_reply_to) = match content {
        Content::Text { text, in_reply_to } => {
            check_text(&text)?;
            let single = Single { content_type: TEXT.to_owned(), content: text.into_bytes() };
            (Disposition::RENDER, single, in_reply_to)
        }
        Content::Delivered(ids) => (Disposition::UNSPECIFIED, report(ids, Status::DELIVERED)?, None),
        Content::Read(ids) => (Disposition::UNSPECIFIED, report(ids, Status::READ)?, None),
        Content::Unknown => return Err(BadContent::Unknown),
    };
    let uri = |name: i64, uri: &String| (ExtensionName::Number(name.into()), uri.clone().into());
    let message = Message {
        salt: id,
        replaces: None,
        topic: Vec::new(),
        expires: None,
        in_reply_to,
        extensions: vec![uri(SENDER_URI, &address.sender), uri(ROOM_URI, &address.room)],
        body: Part { disposition, language: String::new(), body: Body::Single(single) },
    };
    let bytes = codec::encode(&message).map_err(|_| BadContent::TooLong)?;
    let mimi_id = MimiId::derive(&bytes, id, &address.sender, &address.room).ok_or(BadContent::TooLong)?;
    Ok((bytes, mimi_id))
}

/// Content that belongs where it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The id that its sender made.
    pub id: MessageId,
    /// The id by which other messages name it.
    pub mimi_id: MimiId,
    /// What it says.
    pub content: Content<MimiId>,
}

/// Content that was read, and that may still name another sender or room than the seal proves.
#[derive(Debug)]
pub struct Unproven {
    message: Message,
    bytes: Vec<u8>,
}

/// Reads content; [`Unproven::prove`] gives it out.
pub fn read(bytes: &[u8]) -> Result<Unproven, OpenError> {
    Ok(Unproven { message: codec::decode(bytes)?, bytes: bytes.to_vec() })
}

impl Unproven {
    /// Checks that it names the sender and the room that the seal proves.
    pub fn prove(self, address: &Address) -> Result<Opened, OpenError> {
        if self.message.text_extension(SENDER_URI) != Some(&address.sender) {
            return Err(OpenError::FalseSender);
        }
        if self.message.text_extension(ROOM_URI) != Some(&address.room) {
            return Err(OpenError::FalseRoom);
        }
        self.open(address)
    }

    /// The sender and the room that it names, whoever sealed it: to show what [`prove`](Self::prove) is for.
    #[cfg(feature = "evil")]
    pub fn claimed(&self) -> Option<Address> {
        let uri = |name| self.message.text_extension(name).map(str::to_owned);
        Some(Address { sender: uri(SENDER_URI)?, room: uri(ROOM_URI)? })
    }

    fn open(self, address: &Address) -> Result<Opened, OpenError> {
        let Self { message, bytes } = self;
        let id = message.salt;
        let mimi_id = MimiId::derive(&bytes, id, &address.sender, &address.room)
            .expect("the URIs of an address are far shorter than 64 KiB");
        Ok(Opened { id, mimi_id, content: content(message)? })
    }
}

fn content(message: Message) -> Result<Content<MimiId>, OpenError> {
    let Message { salt: _, replaces, topic, expires, in_reply_to, extensions: _, body } = message;
    // What would have to vanish, or to take another's place, is not shown by a version that cannot do it.
    if replaces.is_some() || expires.is_some() || !topic.is_empty() {
        return Ok(Content::Unknown);
    }
    let Some((disposition, single)) = chosen(body) else { return Ok(Content::Unknown) };
    match single.content_type.as_str() {
        TEXT | PLAIN_TEXT if disposition.is_shown() => {
            let text = String::from_utf8(single.content).map_err(|_| OpenError::BadContent)?;
            check_text(&text).map_err(|_| OpenError::BadContent)?;
            Ok(Content::Text { text, in_reply_to })
        }
        status::MEDIA_TYPE => receipt(&single.content),
        _ => Ok(Content::Unknown),
    }
}

/// The single part of a message: itself, or the first known one of those that it offers for choice.
fn chosen(part: Part) -> Option<(Disposition, Single)> {
    let Part { disposition, language: _, body } = part;
    match body {
        Body::Single(single) => Some((disposition, single)),
        Body::Multi { semantics: Semantics::ChooseOne, parts } => {
            let known = |single: &Single| matches!(single.content_type.as_str(), TEXT | PLAIN_TEXT);
            parts.into_iter().filter_map(chosen).find(|(_, single)| known(single))
        }
        Body::Null | Body::External(_) | Body::Multi { .. } => None,
    }
}

fn receipt(bytes: &[u8]) -> Result<Content<MimiId>, OpenError> {
    let lines = status::decode(bytes)?;
    let Some(&(_, first)) = lines.first() else { return Err(OpenError::BadContent) };
    let same = lines.iter().all(|&(_, status)| status == first);
    let ids = lines.into_iter().map(|(id, _)| id).collect();
    Ok(match first {
        Status::DELIVERED if same => Content::Delivered(ids),
        Status::READ if same => Content::Read(ids),
        _ => Content::Unknown,
    })
}

fn report(ids: Vec<MimiId>, status: Status) -> Result<Single, BadContent> {
    if ids.is_empty() {
        return Err(BadContent::Empty);
    }
    let lines: Vec<_> = ids.into_iter().map(|id| (id, status)).collect();
    let content = status::encode(&lines).map_err(|_| BadContent::TooLong)?;
    Ok(Single { content_type: status::MEDIA_TYPE.to_owned(), content })
}

/// Whether text can be sent: not empty, at most [`limits::TEXT`] bytes.
fn check_text(text: &str) -> Result<(), BadContent> {
    match text.len() {
        0 => Err(BadContent::Empty),
        1..=limits::TEXT => Ok(()),
        _ => Err(BadContent::TooLong),
    }
}
