//! Content on its way: encoded under the id, the sender and the room that it names; read, and proved to belong
//! where it was opened.
//!
//! Every message names its sender and its room; they must be the ones that the seal proves.

use std::fmt;

use lacre_proto::{AccountId, ConversationId};
use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError};
use super::forms;
use super::mimi::{ExtensionName, Message, MimiId, ROOM_URI, SENDER_URI};
use super::{Content, Manner, MessageId};

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
        Self { room: room.to_string(), ..Self::of(sender) }
    }

    /// What `sender` says, in no room yet.
    pub(crate) fn of(sender: AccountId) -> Self {
        Self { sender: format!("lacre:account/{sender}"), room: String::new() }
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
    /// A reaction that is not one emoji.
    #[error("a reaction is one emoji")]
    NotAnEmoji,
    /// A poll with too few or too many answers or the same one twice, or a vote for none of them.
    #[error("a poll has 2 to 12 different answers, and a vote names some of them")]
    Choices,
    /// A voice note whose waveform has not just so many values.
    #[error("a waveform has {} values", super::kinds::WAVEFORM)]
    Waveform,
    /// A sticker of several files, or with words.
    #[error("a sticker is one file, and nothing is said with it")]
    Sticker,
    /// A place that is not on earth.
    #[error("there is no such place")]
    NoSuchPlace,
}

/// Content that is not accepted. The peer's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It does not decode, or holds what it must not.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Text over its limit, empty or not UTF-8, a receipt for nothing, a reaction that is no emoji, and the like.
    #[error("the content of a known kind does not hold what it should")]
    BadContent,
    /// It names another sender than the seal proves, or none.
    #[error("the content names another sender than the seal proves")]
    FalseSender,
    /// It names another room than the one that it was sealed in, or none.
    #[error("the content names another room than it was sealed in")]
    FalseRoom,
    /// It is of a kind that its author signs, and no signature of the author's device is under it.
    #[error("the author's signature under it is missing, or does not hold")]
    Unsigned,
}

/// What may not be sent may not come either.
impl From<BadContent> for OpenError {
    fn from(_: BadContent) -> Self {
        Self::BadContent
    }
}

/// Encodes content under the id that its sender made for it; gives its MIMI id too.
pub fn encode(
    id: MessageId,
    address: &Address,
    content: Content<MimiId>,
    manner: Manner<MimiId>,
) -> Result<(Vec<u8>, MimiId), BadContent> {
    let mut message = forms::to_mimi(id, content, manner)?;
    let uri = |name: i64, uri: &String| (ExtensionName::Number(name.into()), uri.clone().into());
    message.extensions.insert(0, uri(SENDER_URI, &address.sender));
    message.extensions.insert(1, uri(ROOM_URI, &address.room));
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
    /// How it is said.
    pub manner: Manner<MimiId>,
    /// The content as it came.
    pub bytes: Vec<u8>,
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

    /// The room that it names, wherever it was said.
    pub fn claimed_room(&self) -> Option<&str> {
        self.message.text_extension(ROOM_URI)
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
        let (content, manner) = forms::from_mimi(message)?;
        Ok(Opened { id, mimi_id, content, manner, bytes })
    }
}
