//! Text in columns of a terminal: widths, lines that fit, and what is cut.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns that a text takes, drawn as [`drawable`] says.
pub fn width(text: &str) -> usize {
    if is_plain(text) { text.len() } else { drawable(text).width() }
}

/// Whether every byte is a column: most lines of most people are so, and cost nothing.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The text as every terminal draws it in the same columns: emoji that are joined stand side by side, without
/// their tones and styles, of which terminals know more or less. Only drawn so; what is kept and sent is whole.
pub fn drawable(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{200d}', '\u{fe0e}', '\u{fe0f}']) && !text.contains(is_tone) {
        return Cow::Borrowed(text);
    }
    let mut drawn = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut after_emoji = false;
    while let Some(c) = chars.next() {
        let joins = c == '\u{200d}' && (after_emoji || chars.peek().is_some_and(|next| is_emoji(*next)));
        let style = matches!(c, '\u{fe0e}' | '\u{fe0f}');
        // A tone that stands alone is a square, and is drawn.
        if joins || style || is_tone(c) && after_emoji {
            continue;
        }
        after_emoji = is_emoji(c);
        drawn.push(c);
    }
    Cow::Owned(drawn)
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}') && !is_tone(c)
}

fn is_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// The text, cut with an ellipsis where it takes more than `columns`.
pub fn clip(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    for grapheme in text.graphemes(true) {
        if width(&cut) + width(grapheme) + 1 > columns {
            break;
        }
        cut.push_str(grapheme);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// The first of these texts that fits; the last one, cut, when none does.
pub fn fitting<'a>(texts: impl IntoIterator<Item = &'a str>, columns: usize) -> String {
    let mut last = "";
    for text in texts {
        if width(text) <= columns {
            return text.to_owned();
        }
        last = text;
    }
    clip(last, columns)
}

/// Byte ranges of the lines of a text in `columns`: broken at spaces where there are some, else anywhere. Every
/// byte but the line breaks is in one of them; spaces at a break hang over the right edge. Never empty.
pub fn wrap(text: &str, columns: usize) -> Vec<Range<usize>> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    let mut begin = 0;
    for line in text.split('\n') {
        wrap_line(line, begin, columns, &mut lines);
        begin += line.len() + 1;
    }
    lines
}

fn wrap_line(line: &str, offset: usize, columns: usize, lines: &mut Vec<Range<usize>>) {
    if line.len() <= columns && is_plain(line) {
        lines.push(offset..offset + line.len());
        return;
    }
    let (mut begin, mut used) = (0, 0);
    // Where the line can be broken, and the columns up to there.
    let mut space: Option<(usize, usize)> = None;
    for (at, grapheme) in line.grapheme_indices(true) {
        let wide = width(grapheme);
        if grapheme == " " {
            used += 1;
            space = Some((at + 1, used));
            continue;
        }
        if used + wide > columns && at > begin {
            let (end, counted) = space.take().unwrap_or((at, used));
            lines.push(offset + begin..offset + end);
            begin = end;
            used -= counted;
            // A word that is itself too long after the break.
            if used + wide > columns && at > begin {
                lines.push(offset + begin..offset + at);
                begin = at;
                used = 0;
            }
        }
        used += wide;
    }
    lines.push(offset + begin..offset + line.len());
}

/// The lines of a text as texts, without the spaces that hang over.
pub fn wrapped(text: &str, columns: usize) -> Vec<&str> {
    wrap(text, columns).into_iter().map(|line| text[line].trim_end_matches(' ')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("a bcdefghij", 4), ["a", "bcde", "fghi", "j"]);
        assert_eq!(wrapped("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(wrapped("", 4), [""]);
    }

    #[test]
    fn wide_characters_count_twice_and_are_never_split() {
        assert_eq!(wrapped("日本語テスト", 5), ["日本", "語テ", "スト"]);
        assert_eq!(wrapped("日本", 1), ["日", "本"], "too narrow for any: one a line");
        assert_eq!(wrapped("👩‍👩‍👧👩‍👩‍👧", 6), ["👩‍👩‍👧", "👩‍👩‍👧"]);
    }

    #[test]
    fn no_byte_is_lost_by_wrapping() {
        let text = "um dois  três   quatro cincocincocinco\n seis 日本語";
        for columns in 1..30 {
            let joined: String = wrap(text, columns).into_iter().map(|line| &text[line]).collect();
            assert_eq!(joined, text.replace('\n', ""), "{columns} columns");
            assert!(wrapped(text, columns).iter().all(|line| width(line) <= columns.max(2)));
        }
    }

    #[test]
    fn emoji_take_the_columns_that_every_terminal_gives_them() {
        assert_eq!((drawable("👩‍👩‍👧").as_ref(), width("👩‍👩‍👧")), ("👩👩👧", 6));
        assert_eq!((drawable("❤️ 👍🏽").as_ref(), width("❤️ 👍🏽")), ("❤ 👍", 4));
        assert_eq!((drawable("🏽").as_ref(), width("🏽")), ("🏽", 2));
        for text in ["می‌خواهم", "ශ්‍රී", "Olá", "日本"] {
            assert_eq!(drawable(text), text, "joiners of letters are the letters' own");
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(clip("hello", 5), "hello");
        assert_eq!(clip("hello", 4), "hel…");
        assert_eq!(clip("日本語", 4), "日…");
        assert_eq!(clip("hello", 0), "");
        assert_eq!(fitting(["a long one", "short"], 6), "short");
        assert_eq!(fitting(["a long one", "shorter"], 6), "short…");
    }
}
