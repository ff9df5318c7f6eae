//! The outside of an MLS message (RFC 9420 §6): enough for a relay to carry it, and nothing that opens it.
//!
//! The relay learns group id, epoch and content type of a `PrivateMessage`, which the framing shows to
//! everybody; it checks that every length adds up to the last byte.

use crate::{ConversationId, ErrorCode};

const MLS_10: u16 = 1;
const PRIVATE_MESSAGE: u16 = 2;
const WELCOME: u16 = 3;
const KEY_PACKAGE: u16 = 5;

/// What a `PrivateMessage` carries (RFC 9420 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// Sealed content.
    Application,
    /// A proposal on its own; conversations have none.
    Proposal,
    /// A commit.
    Commit,
}

/// The outside of a `PrivateMessage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrivateMessage {
    /// The group id, which is the conversation's id.
    pub conversation: ConversationId,
    /// The epoch that it was sealed in.
    pub epoch: u64,
    /// What it carries.
    pub content: ContentType,
}

/// Bytes that are not the MLS message that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the MLS message that belongs here")]
pub struct NotMls;

impl From<NotMls> for ErrorCode {
    fn from(_: NotMls) -> Self {
        Self::NotMls
    }
}

/// Reads the outside of a whole `MLSMessage` that must be a `PrivateMessage`.
pub fn private_message(bytes: &[u8]) -> Result<PrivateMessage, NotMls> {
    let mut rest = header(bytes, PRIVATE_MESSAGE)?;
    let conversation = ConversationId::try_from(vector(&mut rest)?).map_err(|_| NotMls)?;
    let epoch = u64::from_be_bytes(take(&mut rest)?);
    let content = match take::<1>(&mut rest)?[0] {
        1 => ContentType::Application,
        2 => ContentType::Proposal,
        3 => ContentType::Commit,
        _ => return Err(NotMls),
    };
    let _authenticated_data = vector(&mut rest)?;
    let sender_data = vector(&mut rest)?;
    let ciphertext = vector(&mut rest)?;
    // Sender data is 12 bytes under an AEAD with a 16-byte tag; a ciphertext is never shorter than its tag.
    if !rest.is_empty() || sender_data.len() != 28 || ciphertext.len() < 16 {
        return Err(NotMls);
    }
    Ok(PrivateMessage { conversation, epoch, content })
}

/// The authenticated data of a private message, which is not sealed; empty when it is none.
pub fn authenticated_data(bytes: &[u8]) -> &[u8] {
    fn read(bytes: &[u8]) -> Result<&[u8], NotMls> {
        let mut rest = header(bytes, PRIVATE_MESSAGE)?;
        let _group = vector(&mut rest)?;
        let _epoch: [u8; 8] = take(&mut rest)?;
        let _content: [u8; 1] = take(&mut rest)?;
        vector(&mut rest)
    }
    read(bytes).unwrap_or_default()
}

/// Checks that bytes are a whole `MLSMessage` with a Welcome for one device (RFC 9420 §12.4.3.1): one entry of
/// secrets, and no group info, which travels beside it.
pub fn welcome(bytes: &[u8]) -> Result<(), NotMls> {
    let mut rest = header(bytes, WELCOME)?;
    let _suite: [u8; 2] = take(&mut rest)?;
    let mut secrets = vector(&mut rest)?;
    let group_info = vector(&mut rest)?;
    let _new_member = vector(&mut secrets)?;
    let _encapsulated_key = vector(&mut secrets)?;
    let ciphertext = vector(&mut secrets)?;
    let one = secrets.is_empty() && ciphertext.len() >= 16;
    if rest.is_empty() && one && group_info.is_empty() { Ok(()) } else { Err(NotMls) }
}

/// Checks that bytes may be the encrypted group info of a Welcome: an AEAD's ciphertext, never shorter than its
/// tag.
pub fn group_info(bytes: &[u8]) -> Result<(), NotMls> {
    if bytes.len() >= 16 { Ok(()) } else { Err(NotMls) }
}

/// Checks that bytes begin as an `MLSMessage` with a key package of a known shape; its contents are for clients
/// to check.
pub fn key_package(bytes: &[u8]) -> Result<(), NotMls> {
    let mut rest = header(bytes, KEY_PACKAGE)?;
    let version = u16::from_be_bytes(take(&mut rest)?);
    let _suite: [u8; 2] = take(&mut rest)?;
    let init_key = vector(&mut rest)?;
    let leaf_key = vector(&mut rest)?;
    if version == MLS_10 && !init_key.is_empty() && !leaf_key.is_empty() && !rest.is_empty() {
        Ok(())
    } else {
        Err(NotMls)
    }
}

fn header(bytes: &[u8], wire_format: u16) -> Result<&[u8], NotMls> {
    let mut rest = bytes;
    let version = u16::from_be_bytes(take(&mut rest)?);
    let format = u16::from_be_bytes(take(&mut rest)?);
    if (version, format) == (MLS_10, wire_format) { Ok(rest) } else { Err(NotMls) }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], NotMls> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(NotMls)?;
    *rest = tail;
    Ok(*head)
}

/// A vector with a length of variable size (RFC 9420 §2.1.2), which must be the shortest that fits.
fn vector<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], NotMls> {
    let first = *rest.first().ok_or(NotMls)?;
    let length = match first >> 6 {
        0 => u32::from(take::<1>(rest)?[0]),
        1 => u32::from(u16::from_be_bytes(take(rest)?) & 0x3fff),
        2 => u32::from_be_bytes(take(rest)?) & 0x3fff_ffff,
        _ => return Err(NotMls),
    };
    let shortest = match first >> 6 {
        0 => true,
        1 => length >= 64,
        _ => length >= 16384,
    };
    let length = length as usize;
    if !shortest || length > rest.len() {
        return Err(NotMls);
    }
    let (head, tail) = rest.split_at(length);
    *rest = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 2, 16];
        bytes.extend_from_slice(&[0xaa; 16]);
        bytes.extend_from_slice(&7u64.to_be_bytes());
        bytes.push(1);
        bytes.push(0);
        bytes.push(28);
        bytes.extend_from_slice(&[0xbb; 28]);
        bytes.extend_from_slice(&[0x40, 100]);
        bytes.extend_from_slice(&[0xcc; 100]);
        bytes
    }

    #[test]
    fn the_outside_of_a_private_message_is_read() {
        assert_eq!(
            private_message(&sample()),
            Ok(PrivateMessage {
                conversation: ConversationId([0xaa; 16]),
                epoch: 7,
                content: ContentType::Application
            })
        );
    }

    #[test]
    fn a_byte_more_or_less_is_no_message() {
        let good = sample();
        for cut in 0..good.len() {
            assert_eq!(private_message(&good[..cut]), Err(NotMls), "cut at {cut}");
        }
        assert_eq!(private_message(&[good.clone(), vec![0]].concat()), Err(NotMls));
    }

    #[test]
    fn plain_text_and_other_wire_formats_are_no_message() {
        assert_eq!(private_message(b"hello, this is not sealed"), Err(NotMls));
        let mut public = sample();
        public[3] = 1;
        assert_eq!(private_message(&public), Err(NotMls));
        let mut long_length = sample();
        long_length.splice(4..5, [0x40, 16]);
        assert_eq!(private_message(&long_length), Err(NotMls), "a length that could be shorter");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = private_message(&bytes);
            let _ = welcome(&bytes);
            let _ = key_package(&bytes);
        }
    }
}
