//! JSON in ASCII alone: clients verify signatures over bytes that they escape again.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The JSON text of a value. Everything beyond printable ASCII is written as `\uxxxx`, in lower case, beyond the
/// basic plane as a surrogate pair.
pub fn ascii_json(value: &serde_json::Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, Ascii))
        .expect("a JSON value is written to memory");
    bytes
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: io::Write + ?Sized>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(|it: char| it >= '\u{7f}') {
            writer.write_all(&rest.as_bytes()[..at])?;
            let strange = rest[at..].chars().next().into_iter();
            for unit in strange.clone().flat_map(|it| it.encode_utf16(&mut [0; 2]).to_vec()) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + strange.map(char::len_utf8).sum::<usize>()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_ascii_is_escaped_and_beyond_the_basic_plane_by_a_pair() {
        let text = ascii_json(&json!({ "é": "olá\n\u{7f}\u{2028}😀/\"" }));
        let known = r#"{"\u00e9":"ol\u00e1\n\u007f\u2028\ud83d\ude00/\""}"#;
        assert_eq!(String::from_utf8(text).expect("text"), known);
    }

    proptest! {
        #[test]
        fn every_text_comes_back_from_printable_ascii(text: String) {
            let bytes = ascii_json(&json!([text]));
            prop_assert!(bytes.iter().all(|it| (0x20..0x7f).contains(it)));
            prop_assert_eq!(serde_json::from_slice::<Vec<String>>(&bytes).expect("JSON"), [text]);
        }
    }
}
