//! What an old device of an account tells a new one of before it came (kind `history`), and the answers: a CBOR array
//! of a number, the transfer, the device that it is for, and the fields.
//!
//! | number | what | fields |
//! | --- | --- | --- |
//! | 0 | part | its number, messages so far, messages in all, whether it is the last, rows |
//! | 1 | taken | number of the last part that was taken in |
//! | 2 | again | number of the part to go on from |
//! | 3 | ended | – |

use ciborium::Value;
use lacre_proto::DeviceId;
use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError, Fields};
use super::kinds;
use super::said::{BadContent, OpenError};

/// Names a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TransferId(pub [u8; 16]);

/// A word of a transfer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Which.
    pub transfer: TransferId,
    /// For whom; all others pass it over.
    pub to: DeviceId,
    /// What is said.
    pub step: HistoryStep,
}

/// What is said in a transfer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum HistoryStep {
    /// Rows, from the old device.
    Part {
        /// From 1, without gaps.
        number: u32,
        /// Messages told of with this part.
        done: u64,
        /// Messages in all, as they were counted when the transfer began.
        total: u64,
        /// Whether it is the last.
        last: bool,
        /// See `engine::rows`; at most [`kinds::ROWS`] bytes.
        rows: Vec<u8>,
    },
    /// Everything up to this part is stored, from the new device.
    Taken(u32),
    /// This part did not come; from the new device.
    Again(u32),
    /// Either has given it up.
    Ended,
}

pub(super) fn to_value(History { transfer, to, step }: History) -> Result<Value, BadContent> {
    let number: u8 = match step {
        HistoryStep::Part { .. } => 0,
        HistoryStep::Taken(_) => 1,
        HistoryStep::Again(_) => 2,
        HistoryStep::Ended => 3,
    };
    let mut fields =
        vec![Value::from(number), Value::Bytes(transfer.0.to_vec()), Value::Bytes(to.as_ref().to_vec())];
    match step {
        HistoryStep::Part { rows, .. } if rows.len() > kinds::ROWS => return Err(BadContent::TooLong),
        HistoryStep::Part { number, done, total, last, rows } => fields.extend([
            Value::from(number),
            Value::from(done),
            Value::from(total),
            Value::Bool(last),
            Value::Bytes(rows),
        ]),
        HistoryStep::Taken(part) | HistoryStep::Again(part) => fields.push(Value::from(part)),
        HistoryStep::Ended => {}
    }
    Ok(Value::Array(fields))
}

pub(super) fn from_bytes(bytes: &[u8]) -> Result<History, OpenError> {
    let mut fields = Fields::of(codec::value(bytes)?, "history")?;
    let number: u8 = fields.integer("history")?;
    let (transfer, to) = (TransferId(fields.array("transfer")?), DeviceId(fields.array("device")?));
    let step = match number {
        0 => HistoryStep::Part {
            number: fields.integer("part")?,
            done: fields.integer("done")?,
            total: fields.integer("total")?,
            last: fields.flag("last")?,
            rows: fields.bytes("rows")?,
        },
        1 => HistoryStep::Taken(fields.integer("part")?),
        2 => HistoryStep::Again(fields.integer("part")?),
        3 => HistoryStep::Ended,
        _ => return Err(CodecError::Malformed("history").into()),
    };
    fields.end("history")?;
    match &step {
        HistoryStep::Part { rows, .. } if rows.len() > kinds::ROWS => Err(OpenError::BadContent),
        _ => Ok(History { transfer, to, step }),
    }
}
