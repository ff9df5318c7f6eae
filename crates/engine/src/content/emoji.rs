//! What counts as an emoji: what a reaction may be.

use unicode_segmentation::UnicodeSegmentation;

use super::kinds;

/// Whether this is exactly one emoji, whatever it is put together from.
pub fn is_emoji(text: &str) -> bool {
    if text.len() > kinds::EMOJI || text.graphemes(true).count() != 1 {
        return false;
    }
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    let rest: Vec<char> = chars.collect();
    match first {
        // 1️⃣: a digit under a keycap
        '0'..='9' | '#' | '*' => matches!(rest[..], ['\u{20e3}'] | ['\u{fe0f}', '\u{20e3}']),
        // a flag is two letters
        '\u{1f1e6}'..='\u{1f1ff}' => matches!(rest[..], ['\u{1f1e6}'..='\u{1f1ff}']),
        _ => is_pictograph(first) && rest.iter().all(|&c| is_pictograph(c) || modifies(c)),
    }
}

/// Joiners, presentation, skin tones, the tags of regional flags.
fn modifies(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

/// The blocks in which pictographs lie; a few symbols that are none lie among them, and do no harm.
fn is_pictograph(c: char) -> bool {
    matches!(c,
        '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | 'Ⓜ' | '〰' | '〽' | '㊗' | '㊙'
        | '\u{2194}'..='\u{21aa}' | '\u{231a}'..='\u{23ff}' | '\u{25aa}'..='\u{25fe}'
        | '\u{2600}'..='\u{27bf}' | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}'
        | '\u{1f000}'..='\u{1f1e5}' | '\u{1f200}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_is_one_whatever_it_is_made_of() {
        for emoji in ["👍", "❤️", "❤", "👩‍👩‍👧", "👍🏽", "🇧🇷", "1️⃣", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "🏳️‍🌈", "™️"]
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "a",
            "1",
            "👍👍",
            "👍 ",
            "no",
            "\u{200d}",
            "🇧",
            "👍\u{301}\u{301}",
            "\u{1b}[2J",
            "\u{202e}👍",
        ] {
            assert!(!is_emoji(text), "{text:?}");
        }
        assert!(!is_emoji(&"👩‍".repeat(40)), "over the limit");
    }
}
