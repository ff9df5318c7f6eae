//! What the devices of one account tell each other, in the conversation of their own (kind `sync`): a list of matters,
//! each a CBOR array of its number, its stamp and its fields. Matters of numbers that this version does not know are
//! passed over.
//!
//! | number | matter | fields |
//! | --- | --- | --- |
//! | 0 | block | account, handle, since when, whether it was accepted, whether it is blocked |
//! | 1 | consent | conversation, whether it is accepted |
//! | 2 | star | conversation, message, since when or null |
//! | 3 | own name | text |
//! | 4 | receipts | conversation, whether they are sent |
//! | 5 | device name | device, text |
//! | 6 | draft | conversation, text |
//! | 7 | seen | conversation, the last message that was seen |
//! | 8 | looked at | conversation, message |
//! | 9 | grant | business, the signed grant |
//! | 10 | share | name, bytes |

use ciborium::Value;
use lacre_proto::{AccountId, ConversationId, DeviceId, Handle, Millis, limits};
use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError, Fields};
use super::said::{BadContent, OpenError};
use super::{MessageId, dealing, kinds};

/// Orders what the devices of an account settle: the highest counts, in whatever order they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// The relay's time, as far as the device knew it, and always more than that of what it takes the place of.
    pub revision: u64,
    /// Random: decides between two of one revision.
    pub id: MessageId,
}

/// A matter, and when it was settled so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// When.
    pub stamp: Stamp,
    /// What.
    pub matter: Matter,
}

/// Something that all devices of one account hold alike. Messages are named by the ids that their senders made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Matter {
    /// Whether somebody is blocked.
    Block {
        /// Who.
        account: AccountId,
        /// Their handle then.
        handle: Handle,
        /// Since when.
        since_ms: Millis,
        /// Whether they had been accepted before.
        accepted: bool,
        /// Whether they are.
        blocked: bool,
    },
    /// A request was accepted, or deleted.
    Consent {
        /// The conversation that it began.
        conversation: ConversationId,
        /// Whether it was accepted.
        accepted: bool,
    },
    /// A message has a star, or has none any more.
    Star {
        /// Where the message is.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
        /// Since when; `None` for no star.
        at_ms: Option<Millis>,
    },
    /// The name that the account goes by; empty for none.
    Name(String),
    /// Whether receipts go out in a conversation.
    Receipts {
        /// The conversation.
        conversation: ConversationId,
        /// Whether they do.
        on: bool,
    },
    /// What a device of the account is called; empty for nothing.
    DeviceName {
        /// The device.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// What was written for a conversation and not sent; may be empty.
    Draft {
        /// The conversation.
        conversation: ConversationId,
        /// The text.
        text: String,
    },
    /// Everything up to a message was seen, where no receipt tells of it.
    Seen {
        /// Where the message is.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
    },
    /// What may be looked at once was, where no receipt tells of it.
    Looked {
        /// Where the message is.
        conversation: ConversationId,
        /// The message.
        message: MessageId,
    },
    /// What a business may write for.
    Grant {
        /// The business.
        business: AccountId,
        /// A signed [`ConsentGrant`](lacre_proto::wire::ConsentGrant).
        receipt: Vec<u8>,
    },
    /// What a program on the devices of the account holds alike; sealed bytes to everybody else.
    Share {
        /// What it is known by.
        name: String,
        /// What it is.
        bytes: Vec<u8>,
    },
}

impl Matter {
    /// What it is about: of two about the same the later counts. Those of a conversation have its id after the first
    /// byte.
    pub(crate) fn subject(&self) -> Vec<u8> {
        let (number, ids): (u8, [&[u8]; 2]) = match self {
            Self::Block { account, .. } => (0, [account.as_ref(), &[]]),
            Self::Consent { conversation, .. } => (1, [conversation.as_ref(), &[]]),
            Self::Star { conversation, message, .. } => (2, [conversation.as_ref(), &message.0]),
            Self::Name(_) => (3, [&[], &[]]),
            Self::Receipts { conversation, .. } => (4, [conversation.as_ref(), &[]]),
            Self::DeviceName { device, .. } => (5, [device.as_ref(), &[]]),
            Self::Draft { conversation, .. } => (6, [conversation.as_ref(), &[]]),
            Self::Seen { conversation, .. } => (7, [conversation.as_ref(), &[]]),
            Self::Looked { conversation, message } => (8, [conversation.as_ref(), &message.0]),
            Self::Grant { business, .. } => (9, [business.as_ref(), &[]]),
            Self::Share { name, .. } => (10, [name.as_bytes(), &[]]),
        };
        [&[number], ids[0], ids[1]].concat()
    }

    /// The conversation that it is about, to be named anew when that has become another.
    pub(crate) fn conversation_mut(&mut self) -> Option<&mut ConversationId> {
        match self {
            Self::Consent { conversation, .. }
            | Self::Star { conversation, .. }
            | Self::Receipts { conversation, .. }
            | Self::Draft { conversation, .. }
            | Self::Seen { conversation, .. }
            | Self::Looked { conversation, .. } => Some(conversation),
            Self::Block { .. }
            | Self::Name(_)
            | Self::DeviceName { .. }
            | Self::Grant { .. }
            | Self::Share { .. } => None,
        }
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let text = match self {
            Self::Name(text) | Self::DeviceName { name: text, .. } | Self::Draft { text, .. } => text.len(),
            Self::Grant { receipt, .. } => receipt.len(),
            Self::Share { name, bytes } => name.len() + bytes.len(),
            _ => 0,
        };
        text + 128
    }

    fn check(&self) -> Result<(), BadContent> {
        let (text, most) = match self {
            Self::Name(text) | Self::DeviceName { name: text, .. } => (text, kinds::NAME),
            Self::Draft { text, .. } => (text, limits::TEXT),
            Self::Grant { receipt, .. } if receipt.len() > dealing::GRANT => return Err(BadContent::TooLong),
            Self::Share { bytes, .. } if bytes.len() > kinds::SHARE => return Err(BadContent::TooLong),
            Self::Share { name, .. } => (name, kinds::SHARE_NAME),
            _ => return Ok(()),
        };
        if text.len() > most { Err(BadContent::TooLong) } else { Ok(()) }
    }
}

pub(super) fn to_value(all: Vec<Settled>) -> Result<Value, BadContent> {
    if all.is_empty() {
        return Err(BadContent::Empty);
    }
    if all.len() > kinds::MATTERS {
        return Err(BadContent::TooLong);
    }
    all.into_iter().map(one_to_value).collect::<Result<_, _>>().map(Value::Array)
}

fn one_to_value(Settled { stamp, matter }: Settled) -> Result<Value, BadContent> {
    matter.check()?;
    let number = matter.subject()[0];
    let id = |id: &[u8]| Value::Bytes(id.to_vec());
    let mut fields = vec![Value::from(number), Value::from(stamp.revision), id(&stamp.id.0)];
    match matter {
        Matter::Block { account, handle, since_ms, accepted, blocked } => {
            fields.extend([id(account.as_ref()), Value::Text(handle.to_string()), Value::from(since_ms)]);
            fields.extend([Value::Bool(accepted), Value::Bool(blocked)]);
        }
        Matter::Consent { conversation, accepted: flag } | Matter::Receipts { conversation, on: flag } => {
            fields.extend([id(conversation.as_ref()), Value::Bool(flag)]);
        }
        Matter::Star { conversation, message, at_ms } => {
            fields.extend([
                id(conversation.as_ref()),
                id(&message.0),
                at_ms.map_or(Value::Null, Value::from),
            ]);
        }
        Matter::Name(name) => fields.push(Value::Text(name)),
        Matter::DeviceName { device, name } => fields.extend([id(device.as_ref()), Value::Text(name)]),
        Matter::Draft { conversation, text } => {
            fields.extend([id(conversation.as_ref()), Value::Text(text)]);
        }
        Matter::Seen { conversation, message } | Matter::Looked { conversation, message } => {
            fields.extend([id(conversation.as_ref()), id(&message.0)]);
        }
        Matter::Grant { business, receipt } => {
            fields.extend([id(business.as_ref()), Value::Bytes(receipt)]);
        }
        Matter::Share { name, bytes } => fields.extend([Value::Text(name), Value::Bytes(bytes)]),
    }
    Ok(Value::Array(fields))
}

pub(super) fn from_bytes(bytes: &[u8]) -> Result<Vec<Settled>, OpenError> {
    let all = codec::value(bytes)?.into_array().map_err(|_| CodecError::Malformed("sync"))?;
    if all.is_empty() || all.len() > kinds::MATTERS {
        return Err(OpenError::BadContent);
    }
    let mut known = Vec::with_capacity(all.len());
    for one in all {
        known.extend(one_from_value(one)?);
    }
    Ok(known)
}

fn one_from_value(value: Value) -> Result<Option<Settled>, OpenError> {
    let mut fields = Fields::of(value, "matter")?;
    let number: u64 = fields.integer("matter")?;
    let stamp = Stamp { revision: fields.integer("revision")?, id: MessageId(fields.array("id")?) };
    let matter = match number {
        0 => Matter::Block {
            account: AccountId(fields.array("account")?),
            handle: fields.text("handle")?.parse().map_err(|_| OpenError::BadContent)?,
            since_ms: fields.integer("since")?,
            accepted: fields.flag("accepted")?,
            blocked: fields.flag("blocked")?,
        },
        1 => Matter::Consent {
            conversation: ConversationId(fields.array("conversation")?),
            accepted: fields.flag("accepted")?,
        },
        2 => Matter::Star {
            conversation: ConversationId(fields.array("conversation")?),
            message: MessageId(fields.array("message")?),
            at_ms: fields.optional_integer("since")?,
        },
        3 => Matter::Name(fields.text("name")?),
        4 => Matter::Receipts {
            conversation: ConversationId(fields.array("conversation")?),
            on: fields.flag("receipts")?,
        },
        5 => Matter::DeviceName { device: DeviceId(fields.array("device")?), name: fields.text("name")? },
        6 => Matter::Draft {
            conversation: ConversationId(fields.array("conversation")?),
            text: fields.text("draft")?,
        },
        7 => Matter::Seen {
            conversation: ConversationId(fields.array("conversation")?),
            message: MessageId(fields.array("message")?),
        },
        8 => Matter::Looked {
            conversation: ConversationId(fields.array("conversation")?),
            message: MessageId(fields.array("message")?),
        },
        9 => Matter::Grant {
            business: AccountId(fields.array("business")?),
            receipt: fields.bytes("receipt")?,
        },
        10 => Matter::Share { name: fields.text("name")?, bytes: fields.bytes("share")? },
        _ => return Ok(None),
    };
    fields.end("matter")?;
    matter.check()?;
    Ok(Some(Settled { stamp, matter }))
}
