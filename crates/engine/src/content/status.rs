//! The message status report, in which receipts travel: media type `application/mimi-message-status`
//! (draft-mahy-mimi-message-status-01).

use ciborium::Value;

use super::codec::{self, CodecError, Fields};
use super::mimi::MimiId;

/// Its media type.
pub const MEDIA_TYPE: &str = "application/mimi-message-status";
/// The most messages that one report tells of.
pub const REPORTED: usize = 1024;

/// The status of a message: 0 to 255, unknown ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u8);

impl Status {
    /// Not read, or no longer.
    pub const UNREAD: Self = Self(0);
    /// A device of the reporter has it.
    pub const DELIVERED: Self = Self(1);
    /// The reporter has read it.
    pub const READ: Self = Self(2);
    /// It vanished.
    pub const EXPIRED: Self = Self(3);
    /// It was taken back.
    pub const DELETED: Self = Self(4);
    /// The reporter hid it.
    pub const HIDDEN: Self = Self(5);
    /// It could not be read.
    pub const ERROR: Self = Self(6);
}

/// Encodes a report of at most [`REPORTED`] messages.
pub fn encode(report: &[(MimiId, Status)]) -> Result<Vec<u8>, CodecError> {
    if report.len() > REPORTED {
        return Err(CodecError::FieldTooLarge("report"));
    }
    let line = |(id, status): &(MimiId, Status)| {
        Value::Array(vec![Value::Bytes(id.0.to_vec()), Value::from(status.0)])
    };
    Ok(codec::to_bytes(&Value::Array(report.iter().map(line).collect())))
}

/// Decodes a report.
pub fn decode(bytes: &[u8]) -> Result<Vec<(MimiId, Status)>, CodecError> {
    let lines = codec::value(bytes)?.into_array().map_err(|_| CodecError::Malformed("report"))?;
    if lines.len() > REPORTED {
        return Err(CodecError::FieldTooLarge("report"));
    }
    let line = |line| {
        let mut fields = Fields::of(line, "report")?;
        let id = MimiId(fields.array("message id")?);
        let status = Status(fields.integer("status")?);
        fields.end("report")?;
        Ok((id, status))
    };
    lines.into_iter().map(line).collect()
}
