//! Words of a text as they are searched for: without case, without accents, one writing for each letter.
//!
//! A character is decomposed (NFKD) and put into lower case, and what is left of it is a letter, a digit or
//! nothing. Accents of Latin, Greek and Cyrillic letters, Hebrew points and Arabic vowels are nothing; the marks of
//! scripts that cannot be read without them stay. Scripts that are written without spaces, and emoji, give one word
//! a character: what is searched for in them is a run of such words.

use std::ops::Range;

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Words of one message that are searched; what a longer message says behind them is not found.
pub(super) const MOST: usize = 4096;
/// Letters of a word that are looked at.
const LONGEST: usize = 48;

/// A word and where it stands in its text, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) folded: String,
    pub(super) at: Range<usize>,
}

/// The words of a text, in their order.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut letters = 0;
    let mut going = false;
    for (at, c) in text.char_indices() {
        let at = at..at + c.len_utf8();
        let mut folded = fold(c);
        let Some(first) = folded.next() else { continue };
        let alone = stands_alone(c) || stands_alone(first);
        if !alone && !belongs(first) {
            going = false;
            continue;
        }
        if !going || alone {
            if words.len() == MOST {
                break;
            }
            words.push(Word { folded: String::new(), at: at.clone() });
            letters = 0;
        }
        going = !alone;
        let word = words.last_mut().expect("one was just begun, or goes on");
        word.at.end = at.end;
        for letter in std::iter::once(first).chain(folded).filter(|letter| alone || belongs(*letter)) {
            if letters < LONGEST {
                word.folded.push(letter);
            }
            letters += 1;
        }
    }
    words
}

/// What is left of a character: nothing of an accent, a space for what separates.
fn fold(c: char) -> impl Iterator<Item = char> {
    static NFKD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();
    let (ascii, other) = match c.is_ascii() {
        true => (Some(c.to_ascii_lowercase()), None),
        false => (None, Some(c)),
    };
    let folded = other.map(|c| {
        NFKD.normalize_iter(std::iter::once(c))
            .flat_map(char::to_lowercase)
            .filter(|c| !is_accent(*c))
            .flat_map(|c| spelled(c).chars().chain(spelled(c).is_empty().then_some(c)))
    });
    ascii.into_iter().chain(folded.into_iter().flatten())
}

/// Letters that have no decomposition and that people type in other ways.
fn spelled(c: char) -> &'static str {
    match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ł' => "l",
        'ŧ' => "t",
        'þ' => "th",
        'ς' => "σ",
        _ => "",
    }
}

fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}'
        // Hebrew points, Arabic vowels and the stroke that makes Arabic letters longer.
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{640}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        // Invisible: soft hyphen, joiners, marks of direction.
        | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn belongs(c: char) -> bool {
    // In the scripts of India a mark that joins letters is no letter, and does not end a word either.
    c.is_alphanumeric()
        || matches!(c, '\u{900}'..='\u{d7f}') && !matches!(c, '\u{964}' | '\u{965}' | '\u{970}')
}

/// Whether a character is a word of its own.
fn stands_alone(c: char) -> bool {
    matches!(c,
        // Thai, Lao, Burmese, Khmer; kana; Han; signs and emoji.
        '\u{e01}'..='\u{e4e}' | '\u{e81}'..='\u{edf}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17d3}'
        | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn case_and_accents_do_not_matter() {
        for (written, searched) in [
            ("Olá, MÃE! Café?", "ola mae cafe"),
            ("cafe\u{301}", "cafe"),
            ("Straße ẞ", "strasse ss"),
            ("Łódź øre Ærø", "lodz ore aero"),
            ("İstanbul ısı", "istanbul isi"),
            ("ΟΔΟΣ ὁδός", "οδοσ οδοσ"),
            ("ﬁne ２０２６ ①", "fine 2026 1"),
            ("ёлка Ёлка", "елка елка"),
            ("שָׁלוֹם مُحَمَّد", "שלום محمد"),
            ("it's e-mail", "it s e mail"),
        ] {
            assert_eq!(folded(written).join(" "), searched, "{written}");
        }
    }

    #[test]
    fn scripts_without_spaces_and_emoji_give_a_word_a_character() {
        assert_eq!(folded("東京タワー"), ["東", "京", "タ", "ワ", "ー"]);
        assert_eq!(folded("party🎉🎉 now"), ["party", "🎉", "🎉", "now"]);
        assert_eq!(folded("한국"), folded("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"));
        assert_eq!(folded("नमस्ते दुनिया").len(), 2, "marks that belong to a word do not cut it");
    }

    #[test]
    fn every_word_says_where_it_stands() {
        let text = "«Olá», São Paulo 東京";
        let found: Vec<_> = words(text).into_iter().map(|word| &text[word.at]).collect();
        assert_eq!(found, ["Olá", "São", "Paulo", "東", "京"]);
    }

    #[test]
    fn what_is_endless_is_cut() {
        assert_eq!(folded(&"a ".repeat(20_000)).len(), MOST);
        assert_eq!(folded(&"x".repeat(60_000)), ["x".repeat(LONGEST)]);
        assert_eq!(folded(&format!("a{}b", "\u{301}".repeat(9))), ["ab"]);
        assert!(folded(" .,;!\u{0}\u{202e}").is_empty());
    }
}
