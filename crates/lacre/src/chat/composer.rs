//! The text that is being written: a cursor between graphemes, several lines, nothing lost.

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::text::{width, wrap};
use crate::safe_text::{safe_char, safe_text};

/// A text and a cursor in it. What is in it is safe to show and is sent as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Composer {
    text: String,
    cursor: usize,
}

/// A step of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// One grapheme back.
    Left,
    /// One grapheme on.
    Right,
    /// To the beginning of the word.
    WordLeft,
    /// Behind the word.
    WordRight,
    /// To the beginning of the line.
    LineStart,
    /// To the end of the line.
    LineEnd,
}

impl Composer {
    /// With a text, the cursor behind it.
    pub fn with(text: &str) -> Self {
        let text = safe_text(text);
        Self { cursor: text.len(), text }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is nothing worth sending or keeping.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Takes the text out.
    pub fn take(&mut self) -> String {
        self.cursor = 0;
        std::mem::take(&mut self.text)
    }

    /// Puts a text, typed or pasted, where the cursor is. Controls in it become visible.
    pub fn insert(&mut self, text: &str) {
        let mut chars = text.chars();
        let safe = match (chars.next(), chars.next()) {
            // A typed mark or joiner belongs to what stands before it.
            (Some(c), None) if c != '\t' => safe_char(c).map(String::from).unwrap_or_default(),
            _ => safe_text(text),
        };
        self.text.insert_str(self.cursor, &safe);
        self.cursor += safe.len();
    }

    /// Puts a text that could not be sent before what was written since.
    pub fn put_back(&mut self, text: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let before = format!("{text}{gap}");
        self.text.insert_str(0, &before);
        self.cursor += before.len();
    }

    /// Removes the grapheme before the cursor.
    pub fn backspace(&mut self) {
        self.remove_back(self.before());
    }

    /// Removes back to the beginning of the word.
    pub fn backspace_word(&mut self) {
        self.remove_back(self.word_before());
    }

    /// Removes the grapheme behind the cursor.
    pub fn delete(&mut self) {
        let end = self.behind();
        self.text.replace_range(self.cursor..end, "");
    }

    /// Moves the cursor.
    pub fn step(&mut self, step: Move) {
        self.cursor = match step {
            Move::Left => self.before(),
            Move::Right => self.behind(),
            Move::WordLeft => self.word_before(),
            Move::WordRight => self.word_behind(),
            Move::LineStart => self.text[..self.cursor].rfind('\n').map_or(0, |at| at + 1),
            Move::LineEnd => {
                self.text[self.cursor..].find('\n').map_or(self.text.len(), |at| self.cursor + at)
            }
        };
    }

    /// Moves the cursor a shown line up (-1) or down (1); `false` when there is none.
    pub fn step_line(&mut self, by: isize, columns: usize) -> bool {
        let lines = wrap(&self.text, columns);
        let (column, row) = self.place(columns);
        let Some(line) = row.checked_add_signed(by).and_then(|row| lines.get(row)) else { return false };
        let mut at = line.start;
        for grapheme in self.text[line.clone()].graphemes(true) {
            if width(&self.text[line.start..at]) + width(grapheme) > column {
                break;
            }
            at += grapheme.len();
        }
        // The end of a wrapped line is the beginning of the next one.
        self.cursor = at;
        true
    }

    /// Column and row of the cursor when the text is shown in so many columns.
    pub fn place(&self, columns: usize) -> (usize, usize) {
        let lines = wrap(&self.text, columns);
        let row = lines.iter().rposition(|line| line.start <= self.cursor).unwrap_or(0);
        (width(&self.text[lines[row].start..self.cursor]), row)
    }

    fn remove_back(&mut self, begin: usize) {
        self.text.replace_range(begin..self.cursor, "");
        self.cursor = begin;
    }

    fn before(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        cursor.prev_boundary(&self.text, 0).ok().flatten().unwrap_or(0)
    }

    fn behind(&self) -> usize {
        let mut cursor = GraphemeCursor::new(self.cursor, self.text.len(), true);
        cursor.next_boundary(&self.text, 0).ok().flatten().unwrap_or(self.text.len())
    }

    fn word_before(&self) -> usize {
        let trimmed = self.text[..self.cursor].trim_end();
        trimmed
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + trimmed[at..].chars().next().map_or(0, char::len_utf8))
    }

    fn word_behind(&self) -> usize {
        let rest = &self.text[self.cursor..];
        let word = rest.len() - rest.trim_start().len();
        rest[word..].find(char::is_whitespace).map_or(self.text.len(), |at| self.cursor + word + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ana_writes_and_corrects() {
        let mut composer = Composer::default();
        composer.insert("Olá");
        composer.insert(" mundo 👩‍👩‍👧");
        composer.backspace();
        assert_eq!(composer.text(), "Olá mundo ", "a family is one key");
        composer.backspace_word();
        composer.insert("Bruno");
        composer.step(Move::WordLeft);
        composer.insert("caro ");
        composer.step(Move::LineEnd);
        composer.insert("\nde nada");
        composer.step(Move::LineStart);
        composer.delete();
        composer.insert("D");
        assert_eq!(composer.text(), "Olá caro Bruno\nDe nada");
    }

    #[test]
    fn a_paste_cannot_smuggle_controls() {
        let mut composer = Composer::default();
        composer.insert("a\r\nb\x1b[2Jc\u{202e}d");
        assert_eq!(composer.text(), "a\nb␛[2Jc\u{fffd}d");
        composer.insert("\u{1b}");
        composer.insert("\u{202e}");
        assert!(!composer.text().contains(['\u{1b}', '\u{202e}']));
    }

    #[test]
    fn the_cursor_follows_the_shown_lines() {
        let mut composer = Composer::with("the quick brown fox");
        assert_eq!(composer.place(10), (9, 1));
        assert!(composer.step_line(-1, 10));
        assert_eq!(composer.place(10), (9, 0));
        assert!(!composer.step_line(-1, 10), "above is nothing");
        assert!(composer.step_line(1, 10));
        assert!(!composer.step_line(1, 10));
        composer.insert("\n");
        assert_eq!(composer.place(10), (0, 2), "a new line shows its cursor");
    }

    #[test]
    fn what_could_not_be_sent_comes_back_before_what_was_written_since() {
        let mut composer = Composer::with("second");
        composer.put_back("first");
        assert_eq!(composer.text(), "first\nsecond");
        composer.insert("!");
        assert_eq!(composer.text(), "first\nsecond!");
    }
}
