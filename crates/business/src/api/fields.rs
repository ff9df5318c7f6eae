//! `fields=a,b{c},d.limit(2)`: which members of an object a client wants.

use serde_json::{Map, Value};

use super::error::ApiError;

/// Most characters of a selection.
const LENGTH_MAX: usize = 2_000;
/// How deep it may go.
const DEPTH_MAX: usize = 5;

/// One member that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What stands behind it in dots: `start(T).end(T)`.
    pub arguments: Vec<(String, String)>,
    /// What is wanted of it; everything when empty.
    pub fields: Vec<Field>,
}

/// Reads a selection.
pub fn parse(text: &str) -> Result<Vec<Field>, ApiError> {
    let bad = || ApiError::Invalid("fields: not a list of fields".to_owned());
    if text.len() > LENGTH_MAX {
        return Err(ApiError::Invalid(format!("fields: more than {LENGTH_MAX} characters")));
    }
    let text: String = text.chars().filter(|it| !it.is_whitespace()).collect();
    let mut reader = Reader { rest: &text };
    let fields = reader.list(0).ok_or_else(bad)?;
    if reader.rest.is_empty() { Ok(fields) } else { Err(bad()) }
}

/// Of an object with all its members, those that are wanted and `id`; those of `usual` when nothing is asked.
/// Fields that there are not are left out, as the vendor's older versions do.
pub fn select(whole: Value, wanted: Option<&[Field]>, usual: &[&str]) -> Value {
    let Value::Object(mut whole) = whole else { return whole };
    let mut chosen = Map::new();
    let mut take = |name: &str, fields: &[Field]| {
        if let Some(value) = whole.remove(name) {
            chosen.insert(name.to_owned(), narrow(value, fields));
        }
    };
    match wanted {
        Some(wanted) => wanted.iter().for_each(|it| take(&it.name, &it.fields)),
        None => usual.iter().for_each(|it| take(it, &[])),
    }
    take("id", &[]);
    Value::Object(chosen)
}

fn narrow(value: Value, fields: &[Field]) -> Value {
    match value {
        _ if fields.is_empty() => value,
        Value::Array(items) => items.into_iter().map(|it| narrow(it, fields)).collect(),
        _ => select(value, Some(fields), &[]),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn list(&mut self, depth: usize) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        if depth == DEPTH_MAX {
            return None;
        }
        loop {
            // An empty piece ("a,,b", "a,") asks for nothing.
            if !self.rest.is_empty() && !self.rest.starts_with([',', '}']) {
                fields.push(self.field(depth)?);
            }
            match self.rest.strip_prefix(',') {
                Some(rest) => self.rest = rest,
                None => return Some(fields),
            }
        }
    }

    fn field(&mut self, depth: usize) -> Option<Field> {
        let mut field = Field { name: self.word()?.to_owned(), arguments: Vec::new(), fields: Vec::new() };
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                let name = self.word()?.to_owned();
                let (value, rest) = self.rest.strip_prefix('(')?.split_once(')')?;
                self.rest = rest;
                field.arguments.push((name, value.to_owned()));
            } else if let Some(rest) = self.rest.strip_prefix('{') {
                self.rest = rest;
                field.fields = self.list(depth + 1)?;
                self.rest = self.rest.strip_prefix('}')?;
            } else {
                return Some(field);
            }
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        let end =
            self.rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selection_takes_what_it_names_and_the_id() {
        let whole = || json!({"id": "7", "name": "a", "throughput": {"level": "HIGH", "x": 1}, "other": 2});
        let of = |text: &str| select(whole(), Some(&parse(text).expect("a selection")), &["name"]);
        assert_eq!(of("throughput{level},nothing"), json!({"id": "7", "throughput": {"level": "HIGH"}}));
        assert_eq!(of("other, name,"), json!({"id": "7", "name": "a", "other": 2}));
        assert_eq!(select(whole(), None, &["name"]), json!({"id": "7", "name": "a"}));
        let lists = json!({"data": [{"id": "1", "a": 1, "b": 2}]});
        assert_eq!(
            select(lists, Some(&parse("data{a}").expect("one")), &[]),
            json!({"data": [{"id": "1", "a": 1}]})
        );
    }

    #[test]
    fn arguments_are_read() {
        let fields = parse("analytics.start(1).end(2).granularity(DAY){x}").expect("a selection");
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(fields[0].arguments, [of("start", "1"), of("end", "2"), of("granularity", "DAY")]);
        assert_eq!(fields[0].fields[0].name, "x");
    }

    #[test]
    fn what_is_not_a_selection_is_refused() {
        let deep = "a{".repeat(DEPTH_MAX) + "a" + &"}".repeat(DEPTH_MAX);
        for text in ["a{b", "a}", "a.b", "a.b(", "a b{c}}", ".", deep.as_str(), &"a,".repeat(LENGTH_MAX)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
