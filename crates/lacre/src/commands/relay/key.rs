//! The key that seals a relay's data folder: 32 bytes from a file, raw or in hex; never on the command line.

use std::path::Path;

use zeroize::Zeroizing;

use crate::exit::Failure;

/// The relay's database in its data folder.
pub(crate) const DATABASE: &str = "relay.redb";

/// Reads the key.
pub(crate) fn data_key(file: &Path) -> Result<[u8; 32], Failure> {
    let bytes = std::fs::read(file)
        .map(Zeroizing::new)
        .map_err(|error| Failure::io(format!("the data key {} cannot be read", file.display()), &error))?;
    parse(&bytes).ok_or_else(|| {
        Failure::usage(format!(
            "the data key {} is neither 32 bytes nor 64 hex digits; `openssl rand -hex 32` makes one",
            file.display()
        ))
    })
}

fn parse(bytes: &[u8]) -> Option<[u8; 32]> {
    if let Ok(key) = bytes.try_into() {
        return Some(key);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_or_their_hex_digits() {
        assert_eq!(parse(&[7; 32]), Some([7; 32]));
        assert_eq!(parse(format!("{}\n", "07".repeat(32)).as_bytes()), Some([7; 32]));
        assert_eq!(parse(b"too short"), None);
        assert_eq!(parse("zz".repeat(32).as_bytes()), None);
    }
}
