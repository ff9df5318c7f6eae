//! Content: what is inside a sealed message.
//!
//! Three layers, each a module:
//! - [`envelope`]: version, counter, length, content, padding; the plaintext of an MLS application message.
//! - [`mimi`]: the MIMI content format (draft-ietf-mimi-content, commit 961ea5a of its repository), whole.
//! - this one: the kinds of content that people and devices exchange, and how they stand in MIMI.

pub mod codec;
pub mod envelope;
pub mod mimi;
mod said;
pub mod status;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use mimi::MimiId;
pub use said::{Address, BadContent, OpenError, Opened, Room, Unproven, encode, read};

/// A message's id: 16 random bytes, made by its sender; MIMI's salt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub [u8; 16]);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

/// What a person or a device says to the members of a conversation. On the device messages are named by their
/// [`MessageId`], on the wire by their [`MimiId`]; [`map_ids`](Self::map_ids) goes between.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content<Id = MessageId> {
    /// Text, possibly a reply.
    Text {
        /// CommonMark, as the sender wrote it.
        text: String,
        /// The message that it answers.
        in_reply_to: Option<Id>,
    },
    /// These messages are stored on the sender's device.
    Delivered(Vec<Id>),
    /// These messages have been seen by the sender.
    Read(Vec<Id>),
    /// A kind that this version does not know: shown as "update to read this".
    Unknown,
}

impl<Id> Content<Id> {
    /// The same content with every message named in another way. A name that has none is left out: a reply to
    /// an unknown message (sent before this device joined, say) is shown without what it answers.
    pub fn map_ids<Other>(self, mut name: impl FnMut(Id) -> Option<Other>) -> Content<Other> {
        match self {
            Self::Text { text, in_reply_to } => {
                Content::Text { text, in_reply_to: in_reply_to.and_then(name) }
            }
            Self::Delivered(ids) => Content::Delivered(ids.into_iter().filter_map(&mut name).collect()),
            Self::Read(ids) => Content::Read(ids.into_iter().filter_map(&mut name).collect()),
            Self::Unknown => Content::Unknown,
        }
    }
}

impl<Id> fmt::Debug for Content<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text { .. } => "Text(..)",
            Self::Delivered(_) => "Delivered(..)",
            Self::Read(_) => "Read(..)",
            Self::Unknown => "Unknown",
        })
    }
}
