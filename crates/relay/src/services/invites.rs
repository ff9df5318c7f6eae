//! Invite codes: each lets one account in at a relay that takes accounts by invitation. The store holds only
//! their hashes.

use std::fmt;

use lacre_proto::{ErrorCode, Millis};
use lacre_store::data::{Batch, Data, Expected, WriteError};

use super::rows::InviteRow;
use super::{Answered, Services, keys, rows, sha256, unavailable};

/// Letters that are not mistaken for one another when a code is read aloud or typed.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
const LETTERS: usize = 20;

/// An invite code: 20 letters, 5 in a group, about 99 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteCode(String);

impl InviteCode {
    /// The code as it is given to a person.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(random: [u8; LETTERS]) -> Self {
        let letters: Vec<String> = random
            .chunks(5)
            .map(|group| {
                group.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
            })
            .collect();
        Self(letters.join("-"))
    }
}

impl fmt::Debug for InviteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InviteCode(..)")
    }
}

impl<D: Data> Services<D> {
    /// Makes an invite code that is good once.
    pub async fn create_invite(&self, now: Millis) -> Result<InviteCode, WriteError> {
        let code = InviteCode::new(self.random());
        let row = rows::encode(&InviteRow { made_ms: now });
        self.0.data.write(Batch::new().put(keys::invite(&hash(&code.0)), row)).await?;
        Ok(code)
    }

    /// Adds the spending of a code to a batch; a code that is not there refuses.
    pub(super) async fn spend_invite(&self, batch: Batch, code: &str) -> Answered<Batch> {
        let key = keys::invite(&hash(code));
        let row = self.0.data.get(&key).await.map_err(unavailable)?.ok_or(ErrorCode::InviteNeeded)?;
        Ok(batch.assert(key.clone(), Expected::Value(row)).delete(key))
    }
}

/// People type codes with other dashes, spaces and capitals.
fn hash(code: &str) -> [u8; 32] {
    let letters: String =
        code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    sha256(letters.as_bytes())
}
