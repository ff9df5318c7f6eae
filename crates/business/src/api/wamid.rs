//! Ids of messages as programs see them: `wamid.` and the sixteen bytes in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::chat::MessageId;

const PREFIX: &str = "wamid.";

/// The text of an id.
pub fn of(id: MessageId) -> String {
    format!("{PREFIX}{}", STANDARD.encode(id.0))
}

/// The id behind a text; `None` when it is not one.
pub fn parse(text: &str) -> Option<MessageId> {
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    bytes.try_into().ok().map(MessageId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_text_and_nothing_else_does() {
        let id = MessageId(std::array::from_fn(|it| it as u8 * 17));
        assert_eq!(parse(&of(id)), Some(id));
        let mangled =
            [of(id).to_lowercase(), of(id).replace('=', ""), of(id) + "A", "wamid.".into(), "".into()];
        for text in mangled {
            assert_ne!(parse(&text), Some(id), "{text}");
        }
        assert_eq!(parse(of(id).trim_start_matches(PREFIX)), None, "without the prefix");
    }
}
