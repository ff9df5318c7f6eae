//! Typed ids: every kind of id is a type of its own, made only from bytes of the right length.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Bytes that came from outside and are not the id they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} must be {expected} bytes, got {got}")]
pub struct WrongLength {
    /// What the bytes should have been.
    pub kind: &'static str,
    /// Its length in bytes.
    pub expected: usize,
    /// The length that came.
    pub got: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The bytes, shared, as a wire field wants them.
            pub fn to_wire(self) -> Bytes {
                Bytes::copy_from_slice(&self.0)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = WrongLength;
            fn try_from(bytes: &[u8]) -> Result<Self, WrongLength> {
                bytes.try_into().map(Self).map_err(|_| WrongLength {
                    kind: stringify!($name),
                    expected: $len,
                    got: bytes.len(),
                })
            }
        }

        impl TryFrom<&Bytes> for $name {
            type Error = WrongLength;
            fn try_from(bytes: &Bytes) -> Result<Self, WrongLength> {
                Self::try_from(bytes.as_ref())
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl FromStr for $name {
            type Err = WrongLength;
            fn from_str(text: &str) -> Result<Self, WrongLength> {
                let wrong = WrongLength { kind: stringify!($name), expected: $len, got: text.len() / 2 };
                let digits = text.as_bytes();
                if digits.len() != 2 * $len {
                    return Err(wrong);
                }
                let mut bytes = [0; $len];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    let nibble = |digit: u8| (digit as char).to_digit(16).ok_or(wrong);
                    *byte = (nibble(pair[0])? << 4 | nibble(pair[1])?) as u8;
                }
                Ok(Self(bytes))
            }
        }
    };
}

macro_rules! debug_hex {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}

id!(
    /// A person or a business: 16 random bytes, made by its first device.
    AccountId, 16
);
id!(
    /// One installation with its own keys, and the name of its mailbox: 16 random bytes.
    DeviceId, 16
);
id!(
    /// A conversation, and the group id of its MLS group: 16 random bytes.
    ConversationId, 16
);
id!(
    /// A relay, made at its first start: 16 random bytes.
    RelayId, 16
);
id!(
    /// A one-time permission to put one mailbox into one roster: 32 random bytes. A secret.
    Ticket, 32
);
debug_hex!(AccountId, DeviceId, ConversationId, RelayId);

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(..)")
    }
}

/// What people type to find an account: 1 to 32 of `a-z`, `0-9`, `.`, `_` and `-`, beginning with a letter
/// or a digit. Upper case is folded; nothing else is changed, so that two handles never look alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Handle(String);

/// Begins as no handle of somebody does.
const NOBODY: &str = "-";

/// A text that cannot be a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHandle {
    /// Nothing, or more than 32 characters.
    #[error("a handle has 1 to 32 characters")]
    Length,
    /// A character that handles do not have.
    #[error("a handle has only the letters a to z, digits, '.', '_' and '-'")]
    Character,
    /// It begins with a mark.
    #[error("a handle begins with a letter or a digit")]
    Start,
}

impl Handle {
    /// Most characters a handle may have.
    pub const MAX: usize = 32;

    /// What stands where it is not known who somebody is; nobody can have it.
    pub fn nobody() -> Self {
        Self(NOBODY.to_owned())
    }

    /// The handle as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Handle {
    type Err = BadHandle;
    fn from_str(text: &str) -> Result<Self, BadHandle> {
        let text = text.strip_prefix('@').unwrap_or(text).to_ascii_lowercase();
        if text.is_empty() || text.len() > Self::MAX {
            return Err(BadHandle::Length);
        }
        if !text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')) {
            return Err(BadHandle::Character);
        }
        if !text.as_bytes()[0].is_ascii_alphanumeric() {
            return Err(BadHandle::Start);
        }
        Ok(Self(text))
    }
}

impl TryFrom<String> for Handle {
    type Error = BadHandle;
    fn try_from(text: String) -> Result<Self, BadHandle> {
        if text == NOBODY {
            return Ok(Self(text));
        }
        text.parse()
    }
}

impl From<Handle> for String {
    fn from(handle: Handle) -> String {
        handle.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_text_and_its_bytes() {
        let id = AccountId([0xa5; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(AccountId::try_from(&id.to_wire()), Ok(id));
    }

    #[test]
    fn an_id_of_another_length_is_refused() {
        assert_eq!(
            DeviceId::try_from(&[0u8; 15][..]),
            Err(WrongLength { kind: "DeviceId", expected: 16, got: 15 })
        );
        assert!("00".parse::<DeviceId>().is_err());
        assert!("é0000000000000000000000000000000".parse::<DeviceId>().is_err());
    }

    #[test]
    fn handles_are_folded_and_checked() {
        assert_eq!("Ana".parse::<Handle>().map(String::from), Ok("ana".to_owned()));
        assert_eq!("@ana".parse::<Handle>().map(String::from), Ok("ana".to_owned()));
        assert_eq!("".parse::<Handle>(), Err(BadHandle::Length));
        assert_eq!("a".repeat(33).parse::<Handle>(), Err(BadHandle::Length));
        assert_eq!("an a".parse::<Handle>(), Err(BadHandle::Character));
        assert_eq!("аna".parse::<Handle>(), Err(BadHandle::Character), "a Cyrillic letter");
        assert_eq!(".ana".parse::<Handle>(), Err(BadHandle::Start));
    }

    #[test]
    fn tickets_and_handles_do_not_show_themselves_in_logs() {
        assert_eq!(format!("{:?}", Ticket([7; 32])), "Ticket(..)");
        assert_eq!(format!("{:?}", "ana".parse::<Handle>()), "Ok(Handle(..))");
    }
}
