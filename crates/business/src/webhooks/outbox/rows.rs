//! The records of the queues and their keys.

use lacre_proto::{AccountId, Millis};
use lacre_store::data::Key;
use serde::{Deserialize, Serialize};

use crate::store::table;
use crate::webhooks::subscription::Slot;

/// A customer's events to one receiver, in their order; or those about no customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// Which queue.
    pub slot: Slot,
    /// Whose conversation; `None` for what is about no customer.
    pub customer: Option<AccountId>,
}

impl Lane {
    const LEN: usize = 19;

    fn bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        if let Slot::Also(n) = self.slot {
            bytes[..2].copy_from_slice(&[1, n]);
        }
        if let Some(customer) = self.customer {
            bytes[2] = 1;
            bytes[3..].copy_from_slice(customer.as_ref());
        }
        bytes
    }

    fn of_bytes(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let slot = match bytes[..2] {
            [0, 0] => Slot::Main,
            [1, n] => Slot::Also(n),
            _ => return None,
        };
        let customer = match bytes[2] {
            0 => None,
            1 => Some(AccountId::try_from(&bytes[3..]).ok()?),
            _ => return None,
        };
        Some(Self { slot, customer })
    }

    pub(super) fn of_key(key: &Key) -> Option<Self> {
        Self::of_bytes(key.as_bytes().get(2..2 + Self::LEN)?.try_into().ok()?)
    }

    pub(super) fn sequence_of(key: &Key) -> Option<u64> {
        Some(u64::from_be_bytes(key.as_bytes().get(2 + Self::LEN..)?.try_into().ok()?))
    }

    pub(super) fn prefix(self) -> Key {
        Key::new(table::DELIVERY, &[b"d", &self.bytes()])
    }

    pub(super) fn waiting_key(self, sequence: u64) -> Key {
        Key::new(table::DELIVERY, &[b"d", &self.bytes(), &sequence.to_be_bytes()])
    }

    pub(super) fn count_key(self) -> Key {
        Key::new(table::DELIVERY, &[b"c", &self.bytes()])
    }

    pub(super) fn tried_key(self, sequence: u64) -> Key {
        Key::new(table::DELIVERY, &[b"h", &self.bytes(), &sequence.to_be_bytes()])
    }
}

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::webhooks) struct Waiting {
    pub(in crate::webhooks) id: u64,
    pub(super) field: String,
    /// When it was taken.
    pub(super) created: Millis,
    /// Since when it waits: later than `created` when it was replayed.
    pub(super) queued: Millis,
    pub(in crate::webhooks) body: Vec<u8>,
}

/// How a delivery that was tried fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Fares {
    pub(super) attempts: u32,
    pub(super) not_before: Millis,
    /// How often in a row the receiver has answered that it does not take it.
    pub(super) refused: u32,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The receiver answered with this status; 200 to 299 are success.
    Status(u16),
    /// It answered too late, or not to the end.
    Late,
    /// No connection, or it broke off.
    Unreachable,
    /// It did not prove who it is.
    Tls,
    /// Its URL or its address may not be called.
    Refused,
    /// Its answer was no HTTP, or its head too large.
    BadAnswer,
    /// There is no receiver any more.
    NoReceiver,
}

impl Outcome {
    /// Whether the receiver has taken it.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }

    /// Whether the receiver has looked at it and does not take it. Who is too busy, or is not there behind what
    /// answers for it, has not looked.
    pub(super) fn is_refusal(self) -> bool {
        !self.is_success()
            && !matches!(self, Self::Status(408 | 425 | 429 | 502..=504))
            && matches!(self, Self::Status(_))
    }
}

impl std::fmt::Display for Outcome {
    /// As it is told: the status, or a word.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "{status}"),
            Self::Late => f.write_str("late"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Tls => f.write_str("tls"),
            Self::Refused => f.write_str("refused"),
            Self::BadAnswer => f.write_str("bad_answer"),
            Self::NoReceiver => f.write_str("no_receiver"),
        }
    }
}

/// A delivery that was given up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dead {
    /// The delivery.
    pub id: u64,
    /// The lane that it waited in.
    pub lane: Lane,
    /// Its place there.
    pub sequence: u64,
    /// The field that it came under.
    pub field: String,
    /// When the event was taken.
    pub created: Millis,
    /// When it was given up.
    pub died: Millis,
    /// How often it was tried since it was queued.
    pub attempts: u32,
    /// What came of the last attempt.
    pub last: Outcome,
    pub(super) body: Vec<u8>,
}

impl std::fmt::Debug for Dead {
    /// Without the bytes: they are a customer's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, sequence, field, attempts, last, .. } = self;
        write!(f, "Dead({id}, {sequence}, {field}, {attempts} attempts, {last:?})")
    }
}

impl Dead {
    pub(super) fn key(id: u64) -> Key {
        Key::new(table::DEAD, &[&id.to_be_bytes()])
    }
}

/// An attempt as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Logged {
    pub(super) lane: Lane,
    pub(super) sequence: u64,
    pub(super) id: u64,
    pub(super) attempt: u32,
    pub(super) outcome: Outcome,
    pub(super) took: Millis,
    pub(super) field: String,
    pub(super) created: Millis,
    /// Only of the attempt that succeeded, for a replay.
    pub(super) body: Option<Vec<u8>>,
}
