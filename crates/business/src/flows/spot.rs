//! A place in a flow's JSON: what stands there, the way to it, and where that is in the text.

use serde_json::Value;

/// A step on the way to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// To a member of an object.
    Member(String),
    /// To an element of an array.
    Item(usize),
}

/// A place.
#[derive(Clone)]
pub(super) struct Spot<'a> {
    /// What stands there.
    pub value: &'a Value,
    /// The way to it.
    pub way: Vec<Step>,
}

impl<'a> Spot<'a> {
    /// The whole.
    pub fn root(value: &'a Value) -> Self {
        Self { value, way: Vec::new() }
    }

    /// A member; `null` is absent.
    pub fn member(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name).filter(|it| !it.is_null())?;
        Some(self.on(Step::Member(name.to_owned()), value))
    }

    /// All members, in the order of their names.
    pub fn members(&self) -> Vec<(&'a str, Self)> {
        let all = self.value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        all.map(|(name, value)| (name.as_str(), self.on(Step::Member(name.clone()), value))).collect()
    }

    /// The elements of an array; none of anything else.
    pub fn items(&self) -> Vec<Self> {
        let all = self.value.as_array().into_iter().flatten().enumerate();
        all.map(|(index, value)| self.on(Step::Item(index), value)).collect()
    }

    /// The last name on the way, as messages have it.
    pub fn name(&self) -> &str {
        let mut names = self.way.iter().rev().filter_map(|step| match step {
            Step::Member(name) => Some(name.as_str()),
            Step::Item(_) => None,
        });
        names.next().unwrap_or("flow")
    }

    fn on(&self, step: Step, value: &'a Value) -> Self {
        let mut way = self.way.clone();
        way.push(step);
        Self { value, way }
    }
}

/// A way as the API writes it: `screens[0].layout.children[1].label`.
pub(super) fn written(way: &[Step]) -> String {
    let mut text = String::new();
    for step in way {
        match step {
            Step::Member(name) if text.is_empty() => text.push_str(name),
            Step::Member(name) => text.extend([".", name.as_str()]),
            Step::Item(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// From where to where something stands in a text; lines and columns count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub line_start: u32,
    pub line_end: u32,
    pub column_start: u32,
    pub column_end: u32,
}

impl Span {
    /// Where the bytes of a text are.
    pub fn of(text: &str, from: usize, to: usize) -> Self {
        let ((line_start, column_start), (line_end, column_end)) = (place(text, from), place(text, to));
        Self { line_start, line_end, column_start, column_end }
    }

    /// Where a way leads in the text that was read; as far as it leads.
    pub fn found(text: &str, way: &[Step]) -> Self {
        let mut at = skip_blank(text, 0);
        for step in way {
            let Some(next) = follow(text, at, step) else { break };
            at = next;
        }
        Self::of(text, at, end_of(text, at))
    }
}

fn place(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|it| *it == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Where the value behind a step begins. The text is JSON: it was read before.
fn follow(text: &str, at: usize, step: &Step) -> Option<usize> {
    let opens = match step {
        Step::Member(_) => b'{',
        Step::Item(_) => b'[',
    };
    let byte = |at: usize| text.as_bytes().get(at).copied();
    if byte(at)? != opens {
        return None;
    }
    let (mut at, mut index, mut found) = (skip_blank(text, at + 1), 0, None);
    while !matches!(byte(at)?, b'}' | b']') {
        let mut is_it = false;
        if let Step::Member(name) = step {
            let end = end_of(text, at);
            is_it = serde_json::from_str::<String>(text.get(at..end)?).ok()? == *name;
            at = skip_blank(text, skip_blank(text, end) + 1);
        }
        match step {
            Step::Item(wanted) if *wanted == index => return Some(at),
            // Of two of a name the last one counts.
            Step::Member(_) if is_it => found = Some(at),
            _ => {}
        }
        at = skip_blank(text, end_of(text, at));
        if byte(at)? == b',' {
            at = skip_blank(text, at + 1);
        }
        index += 1;
    }
    found
}

fn skip_blank(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|it| it.is_ascii_whitespace()).count()
}

/// Where the value that begins here ends.
fn end_of(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut quoted) = (from, 0_usize, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            b',' | b':' if depth == 0 => return at,
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
        if depth == 0 && !quoted && matches!(byte, b'"' | b'}' | b']') {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Step {
        Step::Member(name.to_owned())
    }

    #[test]
    fn a_way_is_found_in_the_text_whatever_stands_in_strings() {
        let text =
            "{\n  \"a\\u0062\": [1, {\"x\": \"}],\\\"\"},\n   {\"y\": true}], \"é\": {\"z\": -1.5 }\n}";
        let span = |way: &[Step]| {
            let it = Span::found(text, way);
            ((it.line_start, it.column_start), (it.line_end, it.column_end))
        };
        assert_eq!(span(&[]), ((1, 1), (4, 2)));
        assert_eq!(span(&[member("ab"), Step::Item(1), member("x")]), ((2, 24), (2, 31)));
        assert_eq!(span(&[member("ab"), Step::Item(2), member("y")]), ((3, 10), (3, 14)));
        assert_eq!(span(&[member("é"), member("z")]), ((3, 29), (3, 33)));
        assert_eq!(span(&[member("é"), member("none")]), ((3, 23), (3, 35)), "as far as it leads");
        assert_eq!(span(&[Step::Item(0)]), ((1, 1), (4, 2)));
        assert_eq!(written(&[member("ab"), Step::Item(2), member("y")]), "ab[2].y");
    }

    #[test]
    fn of_two_members_of_a_name_the_last_counts_as_when_it_is_read() {
        let span = Span::found("{\"a\":1,\"a\":22}", &[member("a")]);
        assert_eq!((span.column_start, span.column_end), (12, 14));
    }
}
