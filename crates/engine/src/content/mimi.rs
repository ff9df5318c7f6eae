//! The MIMI content format as types (draft-ietf-mimi-content §4, commit 961ea5a of its repository).
//!
//! Everything that the format can say can be held and written again byte for byte, also what nothing here
//! understands: unknown dispositions, part types and extensions are kept.

use std::fmt;

use ciborium::Value;
use lacre_proto::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::MessageId;

/// The most parts of one message, the root included (draft §"General handling").
pub const PARTS: usize = 1024;
/// How deep parts may lie in each other, the root included.
pub const DEPTH: usize = 4;
/// The longest topic, in bytes.
pub const TOPIC: usize = 4096;
/// The longest value of an extension, in encoded bytes.
pub const EXTENSION_VALUE: usize = 4095;
/// The longest name of an extension, in bytes.
pub const EXTENSION_NAME: usize = 255;

/// The id by which messages name each other: a hash identifier and 31 bytes of the hash (draft §"Message ID").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MimiId(pub [u8; 32]);

impl MimiId {
    /// SHA-256 in the registry of named information hash algorithms.
    pub const SHA_256: u8 = 1;

    /// The id of a message: of its encoded content, its sender and its room. URIs longer than 65,535 bytes
    /// have none.
    pub fn derive(content: &[u8], salt: MessageId, sender: &str, room: &str) -> Option<Self> {
        let mut hash = Sha256::new();
        for uri in [sender, room] {
            hash.update(u16::try_from(uri.len()).ok()?.to_be_bytes());
            hash.update(uri);
        }
        hash.update(content);
        hash.update(salt.0);
        let mut id = [Self::SHA_256; 32];
        id[1..].copy_from_slice(&hash.finalize()[..31]);
        Some(Self(id))
    }
}

impl fmt::Display for MimiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MimiId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MimiId({self})")
    }
}

/// A whole message.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// Random, once for each message.
    pub salt: MessageId,
    /// The message that this one edits or takes back.
    pub replaces: Option<MimiId>,
    /// Groups messages of one topic; empty when there is none.
    pub topic: Vec<u8>,
    /// When it should vanish.
    pub expires: Option<Expiration>,
    /// The message that it answers.
    pub in_reply_to: Option<MimiId>,
    /// Further fields, in the order in which they came; each name once.
    pub extensions: Vec<(ExtensionName, Value)>,
    /// What it says.
    pub body: Part,
}

impl Message {
    /// The text of an extension.
    pub fn text_extension(&self, name: i64) -> Option<&str> {
        let value = self.extensions.iter().find(|(other, _)| *other == ExtensionName::Number(name.into()));
        value.and_then(|(_, value)| value.as_text())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Message(..)")
    }
}

/// When a message should vanish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiration {
    /// From when it is read, or from the epoch of 1970.
    pub relative: bool,
    /// Seconds.
    pub time: u32,
}

impl Expiration {
    /// Whether the time lies within a year of `now`: another is nonsense (draft §"General handling").
    pub fn is_plausible(&self, now: Millis) -> bool {
        const YEAR: u64 = 366 * 24 * 3600;
        let time = u64::from(self.time);
        if self.relative { time <= YEAR } else { time.abs_diff(now / 1000) <= YEAR }
    }
}

/// The name of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtensionName {
    /// Registered when positive, private when negative.
    Number(i128),
    /// Private.
    Text(String),
}

/// The extension that names the sender.
pub const SENDER_URI: i64 = 1;
/// The extension that names the room.
pub const ROOM_URI: i64 = 2;

/// A part of a message, possibly with parts in it.
#[derive(Clone, PartialEq)]
pub struct Part {
    /// What the part is for.
    pub disposition: Disposition,
    /// Language tags (RFC 5646), comma-separated; empty when it does not matter.
    pub language: String,
    /// What it holds.
    pub body: Body,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({:?}, ..)", self.disposition)
    }
}

/// What a part is for: 0 to 255; unknown ones are treated as [`RENDER`](Self::RENDER).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disposition(pub u8);

impl Disposition {
    /// No hint.
    pub const UNSPECIFIED: Self = Self(0);
    /// To be shown.
    pub const RENDER: Self = Self(1);
    /// A reaction to the message that it answers.
    pub const REACTION: Self = Self(2);
    /// A profile.
    pub const PROFILE: Self = Self(3);
    /// To be shown inside the chat.
    pub const INLINE: Self = Self(4);
    /// An icon.
    pub const ICON: Self = Self(5);
    /// To be downloaded.
    pub const ATTACHMENT: Self = Self(6);
    /// A session to join.
    pub const SESSION: Self = Self(7);
    /// A preview that the sender made.
    pub const PREVIEW: Self = Self(8);

    /// Whether the part is there to be shown.
    pub fn is_shown(self) -> bool {
        matches!(self, Self::UNSPECIFIED | Self::RENDER | Self::INLINE) || self.0 > Self::PREVIEW.0
    }
}

/// What a part holds.
#[derive(Clone, PartialEq)]
pub enum Body {
    /// Nothing: what it replaces is taken back.
    Null,
    /// Content of a media type.
    Single(Single),
    /// Content that lies elsewhere.
    External(External),
    /// Parts.
    Multi {
        /// How the parts belong together.
        semantics: Semantics,
        /// Two or more.
        parts: Vec<Part>,
    },
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Single(_) => "Single(..)",
            Self::External(_) => "External(..)",
            Self::Multi { .. } => "Multi(..)",
        })
    }
}

/// Content of a media type.
#[derive(Clone, PartialEq, Eq)]
pub struct Single {
    /// The media type with its parameters.
    pub content_type: String,
    /// The content.
    pub content: Vec<u8>,
}

/// Content that lies elsewhere (draft §"External content").
#[derive(Clone, PartialEq, Eq, Default)]
pub struct External {
    /// The media type with its parameters.
    pub content_type: String,
    /// Where it lies.
    pub url: String,
    /// Until when, in seconds since 1970; 0 for ever.
    pub expires: u32,
    /// In bytes; 0 when not told.
    pub size: u64,
    /// AEAD algorithm by its registered number; 0 when it is not sealed.
    pub encryption: u16,
    /// AEAD key.
    pub key: Vec<u8>,
    /// AEAD nonce.
    pub nonce: Vec<u8>,
    /// AEAD additional data.
    pub aad: Vec<u8>,
    /// Hash algorithm by its registered number; 0 when there is no hash.
    pub hash: u8,
    /// Hash of what lies at the address.
    pub content_hash: Vec<u8>,
    /// A description for people.
    pub description: String,
    /// A suggested file name.
    pub filename: String,
}

/// How parts belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Semantics {
    /// The receiver shows one of them.
    ChooseOne,
    /// They are one thing: all or none.
    SingleUnit,
    /// Each for itself.
    ProcessAll,
}
