//! Words in bytes.

/// Whether a word is anywhere in the bytes.
pub fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window[0] == word[0] && window == word)
}

/// Looks for words in bytes that come in pieces.
#[derive(Debug)]
pub struct Search {
    words: &'static [&'static [u8]],
    text: bool,
    held: Vec<u8>,
    found: bool,
}

impl Search {
    /// For these words as they are.
    pub fn new(words: &'static [&'static [u8]]) -> Self {
        Self { words, text: false, held: Vec::new(), found: false }
    }

    /// For these words, in small letters, in a text of any case in UTF-8 or UTF-16.
    pub fn in_text(words: &'static [&'static [u8]]) -> Self {
        Self { text: true, ..Self::new(words) }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        if self.found {
            return;
        }
        if self.text {
            self.held.extend(piece.iter().filter(|byte| **byte != 0).map(u8::to_ascii_lowercase));
        } else {
            self.held.extend_from_slice(piece);
        }
        self.found = self.words.iter().any(|word| holds(&self.held, word));
        // What may be the beginning of a word stays.
        let longest = self.words.iter().map(|word| word.len()).max().unwrap_or(1);
        let gone = self.held.len().saturating_sub(longest - 1);
        self.held.drain(..gone);
    }

    /// Whether one of them came.
    pub fn found(&self) -> bool {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_however_it_is_cut() {
        let text = "<x W:Author='a'>".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for cut in 0..text.len() {
            let mut search = Search::in_text(&[b"author=", b"creator"]);
            let mut exact = Search::new(&[b"author="]);
            for piece in [&text[..cut], &text[cut..]] {
                search.push(piece);
                exact.push(piece);
            }
            assert!(search.found() && !exact.found(), "{cut}");
        }
    }
}
