//! What others wrote, made safe for a terminal: it can neither steer it nor pretend to be something else.
//!
//! Escapes and other controls become visible pictures of themselves; controls of writing direction, which make
//! a text look like another (Unicode UTS #55), become U+FFFD or go; marks without end are cut; the rest stays
//! as it was written. What is made safe stays safe when it is cut or put together again.

use unicode_width::UnicodeWidthChar;

/// Marks without width that may follow one another; more are dropped. Living scripts need four.
const MARKS: usize = 6;
/// Stands under a mark that would otherwise sit on what the program wrote before it.
const DOTTED_CIRCLE: char = '\u{25cc}';
const TAB: &str = "    ";

/// The text with its line breaks, tabs as spaces, and nothing that steers a terminal.
pub fn safe_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let (mut marks, mut line_begins) = (0, true);
    for c in text.chars() {
        match safe_char(c) {
            None => {}
            Some('\t') => {
                safe.push_str(TAB);
                (marks, line_begins) = (0, false);
            }
            Some('\n') => {
                safe.push('\n');
                (marks, line_begins) = (0, true);
            }
            Some(c) if c.width() == Some(0) => {
                marks += 1;
                // Nothing to join at the beginning of a line, and a mark there has no letter to sit on.
                let joiner = matches!(c, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}');
                if marks > MARKS || line_begins && joiner {
                    continue;
                }
                if line_begins {
                    safe.push(DOTTED_CIRCLE);
                }
                safe.push(c);
                line_begins = false;
            }
            Some(c) => {
                safe.push(c);
                (marks, line_begins) = (0, false);
            }
        }
    }
    safe
}

/// The same on one line: line breaks become spaces.
pub fn safe_line(text: &str) -> String {
    let safe = safe_text(text);
    safe.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What stands for one character, without looking at its neighbours; `None` when nothing does.
pub fn safe_char(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => Some(c),
        '\r' => None,
        '\u{2028}' | '\u{2029}' | '\u{85}' => Some('\n'),
        // Control pictures: ESC is shown as ␛.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)),
        '\x7f' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' => Some(char::REPLACEMENT_CHARACTER),
        // Marks of direction, which only help neighbours: gone. Embeddings, overrides and isolates: shown.
        '\u{61c}' | '\u{200e}' | '\u{200f}' => None,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => Some(char::REPLACEMENT_CHARACTER),
        // Invisible: zero-width space, word joiner and its kin, byte order mark, annotations, tags.
        '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' => None,
        '\u{e0000}'..='\u{e007f}' | '\u{ad}' | '\u{180e}' => None,
        // Fillers: letters that are not there.
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => None,
        _ => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steers(c: char) -> bool {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
    }

    #[test]
    fn escapes_are_shown_and_not_obeyed() {
        assert_eq!(safe_text("\x1b[2J\x1b]0;title\x07gone"), "␛[2J␛]0;title␇gone");
        assert_eq!(safe_text("\u{9b}31mred"), "\u{fffd}31mred", "the one-byte form of the same");
        assert_eq!(safe_text("over\rwritten"), "overwritten");
    }

    #[test]
    fn a_text_cannot_pretend_to_be_another() {
        assert_eq!(safe_text("file\u{202e}gpj.exe"), "file\u{fffd}gpj.exe");
        assert_eq!(safe_text("pay\u{200b}pal"), "paypal");
        assert_eq!(safe_line("hi\nana: I agree"), "hi ana: I agree");
        assert_eq!(safe_line("hi\u{2028}ana: I agree"), "hi ana: I agree");
        assert_eq!(safe_line("\u{3164}"), "", "a line that looks empty is empty");
    }

    #[test]
    fn people_write_as_they_do() {
        for text in
            ["Olá, tudo bem? 🙂", "שלום", "مرحبا", "می‌خواهم", "👩‍👩‍👧", "❤️", "a\nb", "e\u{301}", "क्षत्रिय"]
        {
            assert_eq!(safe_text(text), text);
        }
        assert_eq!(safe_text("a\tb"), "a    b");
    }

    #[test]
    fn piled_up_marks_are_cut_and_stay_on_their_line() {
        let piled = format!("a{}b", "\u{300}".repeat(500));
        assert_eq!(safe_text(&piled).chars().count(), 2 + MARKS);
        assert_eq!(
            safe_text("\u{338}\n\u{338}x"),
            "◌\u{338}\n◌\u{338}x",
            "no mark strikes out what stands before"
        );
        assert_eq!(safe_text("\u{200d}x"), "x");
    }

    #[test]
    fn what_is_safe_stays_as_it_is() {
        for text in ["\x1b[2J", "a\u{202e}b", "\u{338}x", "a\tb\r\n"] {
            let safe = safe_text(text);
            assert_eq!(safe_text(&safe), safe);
        }
    }

    #[test]
    fn no_awkward_string_steers_a_terminal() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/vectors/strings/blns.json");
        let strings: Vec<String> = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).expect("the list of strings is JSON"),
            Err(_) => {
                eprintln!("skipped: the list of awkward strings is not here");
                Vec::new()
            }
        };
        let every = (0..=0x10ffff).filter_map(char::from_u32).collect::<String>();
        for text in strings.iter().chain([&every]) {
            assert!(!safe_text(text).chars().any(steers));
            assert!(!safe_line(text).contains('\n'));
        }
    }
}
