//! Content: what is inside a sealed message (draft-ietf-mimi-content).

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// What a person or a device says to the members of a conversation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Text, possibly a reply.
    Text {
        /// CommonMark, as the sender wrote it.
        text: String,
        /// The message that it answers.
        in_reply_to: Option<MessageId>,
    },
    /// These messages are stored on the sender's device.
    Delivered(Vec<MessageId>),
    /// These messages have been seen by the sender.
    Read(Vec<MessageId>),
    /// A kind that this version does not know: shown as "update to read this".
    Unknown,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text { .. } => "Text(..)",
            Self::Delivered(_) => "Delivered(..)",
            Self::Read(_) => "Read(..)",
            Self::Unknown => "Unknown",
        })
    }
}
