//! Rows of conversations as they lie in the store: for what follows the changes of steps, such as an index.

use lacre_proto::ConversationId;

use super::{MessageRecord, Position, decode, encode, key};
use crate::EngineError;
use crate::api::{ReadError, Reader};

/// The key of a row.
pub fn row_key(conversation: ConversationId, position: Position) -> Vec<u8> {
    key::position(key::MESSAGE, conversation, position)
}

/// Whose row a key is and where it stands; `None` for the key of anything else.
pub fn row_of(key: &[u8]) -> Option<(ConversationId, Position)> {
    let (table, rest) = key.split_first_chunk::<1>()?;
    let (conversation, rest) = rest.split_first_chunk::<16>()?;
    let (anchor, counter) = rest.split_first_chunk::<8>()?;
    let counter = u32::from_be_bytes(counter.try_into().ok()?);
    let position = Position { anchor: u64::from_be_bytes(*anchor), counter };
    (*table == [key::MESSAGE]).then_some((ConversationId(*conversation), position))
}

/// The row as bytes.
pub fn row_to_bytes(row: &MessageRecord) -> Vec<u8> {
    encode(row)
}

/// The row that the bytes hold.
pub fn row_from_bytes(bytes: &[u8]) -> Result<MessageRecord, EngineError> {
    decode("message", bytes)
}

/// Visits all rows of all conversations after a key (or from the first one), in the order of their keys.
pub fn visit_rows(
    reader: &dyn Reader,
    after: &[u8],
    visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), ReadError> {
    let from = if after.is_empty() { vec![key::MESSAGE] } else { [after, &[0]].concat() };
    reader.scan(&from, &[key::MESSAGE + 1], false, visit)
}
