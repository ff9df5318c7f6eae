//! Text with variables: `Hello {{1}}`.

use std::collections::BTreeMap;

use super::Format;

/// Text with variables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Variable(String),
}

impl Text {
    /// Reads a text; `None` when braces do not pair or a variable has no proper name.
    pub fn read(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((plain, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}")?;
            let name = name.trim();
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
            if !(1..=50).contains(&name.len()) || !name.bytes().all(fits) {
                return None;
            }
            if !plain.is_empty() {
                pieces.push(Piece::Plain(plain.to_owned()));
            }
            pieces.push(Piece::Variable(name.to_owned()));
            rest = after;
        }
        if rest.contains("}}") {
            return None;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Plain(rest.to_owned()));
        }
        Some(Self(pieces))
    }

    /// Its variables, each once, in the order in which they come.
    pub fn variables(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Variable(name) if !names.contains(&name.as_str()) => names.push(name),
                _ => {}
            }
        }
        names
    }

    /// Whether it begins or ends with a variable.
    pub fn has_bare_end(&self) -> bool {
        let bare = |it: Option<&Piece>| matches!(it, Some(Piece::Variable(_)));
        let blank = |it: &&Piece| !matches!(it, Piece::Plain(text) if text.trim().is_empty());
        bare(self.0.iter().find(blank)) || bare(self.0.iter().rev().find(blank))
    }

    /// The text before its only variable, which ends it; `None` when it is not so.
    pub fn before_last_variable(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Plain(text), Piece::Variable(_)] => Some(text),
            _ => None,
        }
    }

    /// The text with its variables filled in. Values are put in as they are: braces in them mean nothing.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> String {
        let of = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Variable(name) => values.get(name).cloned().unwrap_or_default(),
        };
        self.0.iter().map(of).collect()
    }
}

/// Whether variables are called as a format wants it: 1 to n without a gap, or by names.
pub fn variables_are(format: Format, names: &[&str]) -> bool {
    match format {
        Format::Positional => {
            let mut numbers: Vec<usize> = names.iter().filter_map(|it| it.parse().ok()).collect();
            numbers.sort_unstable();
            numbers.len() == names.len() && numbers.iter().enumerate().all(|(index, it)| *it == index + 1)
        }
        Format::Named => names.iter().all(|it| it.starts_with(|it: char| it.is_ascii_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_and_filled_and_what_is_filled_in_is_only_text() {
        let text = Text::read("Hi {{name}}, your {{ code }} is here, {{name}}.").expect("a text");
        assert_eq!(text.variables(), ["name", "code"]);
        let values = [("name", "{{code}}"), ("code", "A-17")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(text.fill(&values), "Hi {{code}}, your A-17 is here, {{code}}.");
    }

    #[test]
    fn what_does_not_pair_is_no_text() {
        for text in ["{{1", "1}}", "{{}}", "{{a b}}", "{{Name}}", "a {{1}} }}"] {
            assert_eq!(Text::read(text), None, "{text}");
        }
        assert!(Text::read("{a} } {").is_some(), "single braces are text");
    }

    #[test]
    fn ends_and_names_are_held_to_the_rules() {
        let bare = |text: &str| Text::read(text).expect("a text").has_bare_end();
        assert!(bare("{{1}} a") && bare("a {{1}}") && bare(" {{1}} a") && !bare("a {{1}}."));
        assert!(variables_are(Format::Positional, &["2", "1"]));
        assert!(
            !variables_are(Format::Positional, &["1", "3"]) && !variables_are(Format::Positional, &["a"])
        );
        assert!(variables_are(Format::Named, &["a1"]) && !variables_are(Format::Named, &["1"]));
    }
}
