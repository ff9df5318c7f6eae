//! Reads JSON that came from outside: every member with its path, so that an error says where and what.

use serde_json::{Map, Value};

use super::error::ApiError;

/// A place in a request.
#[derive(Clone)]
pub struct At<'a> {
    value: &'a Value,
    path: String,
}

type Read<T> = Result<T, ApiError>;

impl<'a> At<'a> {
    /// The whole of something, which is called `path`; it may be the empty string.
    pub fn new(value: &'a Value, path: impl Into<String>) -> Self {
        Self { value, path: path.into() }
    }

    /// The JSON there.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// That it cannot be so: `what` follows the path.
    pub fn bad(&self, what: impl std::fmt::Display) -> ApiError {
        ApiError::BadValue(format!(
            "{} {what}",
            if self.path.is_empty() { "The request" } else { &self.path }
        ))
    }

    /// A member that may be absent; `null` is absent.
    pub fn maybe(&self, name: &str) -> Read<Option<At<'a>>> {
        let value = self.object()?.get(name).filter(|it| !it.is_null());
        Ok(value.map(|value| At { value, path: self.path_of(name) }))
    }

    /// A member that must be there.
    pub fn need(&self, name: &str) -> Read<At<'a>> {
        self.maybe(name)?.ok_or_else(|| ApiError::Missing(format!("{} is required", self.path_of(name))))
    }

    /// The object here.
    pub fn object(&self) -> Read<&'a Map<String, Value>> {
        self.value.as_object().ok_or_else(|| self.bad("must be an object"))
    }

    /// A text here of so many characters.
    pub fn text(&self, least: usize, most: usize) -> Read<&'a str> {
        let text = self.value.as_str().ok_or_else(|| self.bad("must be a string"))?;
        let count = text.chars().count();
        if count < least || count > most {
            return Err(self.bad(format_args!("must have {least} to {most} characters, and has {count}")));
        }
        Ok(text)
    }

    /// A member that is a text of 1 to `most` characters, and must be there.
    pub fn need_text(&self, name: &str, most: usize) -> Read<&'a str> {
        self.need(name)?.text(1, most)
    }

    /// A member that is a text of at most `most` characters; empty when it is absent.
    pub fn maybe_text(&self, name: &str, most: usize) -> Read<&'a str> {
        self.maybe(name)?.map_or(Ok(""), |it| it.text(0, most))
    }

    /// A member that is true or false, also as text; false when it is absent.
    pub fn flag(&self, name: &str) -> Read<bool> {
        let Some(it) = self.maybe(name)? else { return Ok(false) };
        match it.value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" || text == "1" => Ok(true),
            Value::String(text) if text == "false" || text == "0" => Ok(false),
            _ => Err(it.bad("must be true or false")),
        }
    }

    /// A whole number here, also as text.
    pub fn whole(&self) -> Read<u64> {
        let number = match self.value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) if text.len() <= 20 => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.bad("must be a whole number"))
    }

    /// A number here between two others, also as text.
    pub fn number(&self, least: f64, most: f64) -> Read<f64> {
        let number = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) if text.len() <= 40 => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|it| (least..=most).contains(it))
            .ok_or_else(|| self.bad(format_args!("must be a number from {least} to {most}")))
    }

    /// Digits here, as text or as a number.
    pub fn digits(&self) -> Read<String> {
        match self.value {
            Value::Number(number) if number.is_u64() => Ok(number.to_string()),
            Value::String(text) if (1..=20).contains(&text.len()) && is_digits(text) => Ok(text.clone()),
            _ => Err(self.bad("must be a string of digits")),
        }
    }

    /// The elements of an array here, of which there are so many.
    pub fn items(&self, least: usize, most: usize) -> Read<Vec<At<'a>>> {
        let items = self.value.as_array().ok_or_else(|| self.bad("must be an array"))?;
        if items.len() < least || items.len() > most {
            let count = items.len();
            return Err(self.bad(format_args!("must have {least} to {most} elements, and has {count}")));
        }
        let place = |(index, value)| At { value, path: format!("{}[{index}]", self.path) };
        Ok(items.iter().enumerate().map(place).collect())
    }

    /// The elements of a member that may be absent.
    pub fn maybe_items(&self, name: &str, most: usize) -> Read<Vec<At<'a>>> {
        self.maybe(name)?.map_or(Ok(Vec::new()), |it| it.items(0, most))
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// Whether a text is nothing but digits.
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_says_where_and_what() {
        let value = json!({"text": {"body": "", "n": null}, "list": [{"id": 7}], "flag": "maybe"});
        let root = At::new(&value, "");
        let details = |it: Result<String, ApiError>| it.expect_err("refused").to_string();
        let body =
            root.need("text").and_then(|it| it.need("body")).and_then(|it| Ok(it.text(1, 5)?.to_owned()));
        assert_eq!(details(body), "text.body must have 1 to 5 characters, and has 0");
        let missing = root.need("text").and_then(|it| it.need("n").map(|_| String::new()));
        assert_eq!(missing, Err(ApiError::Missing("text.n is required".to_owned())));
        let items = root.need("list").and_then(|it| it.items(1, 3)).expect("an array");
        let id = items[0].need("id").and_then(|it| Ok(it.text(1, 9)?.to_owned()));
        assert_eq!(details(id), "list[0].id must be a string");
        assert_eq!(details(root.flag("flag").map(|_| String::new())), "flag must be true or false");
    }

    #[test]
    fn numbers_may_be_texts() {
        let value = json!({"a": "12.5", "b": 7, "c": "7", "d": "x", "e": "NaN", "f": 91});
        let root = At::new(&value, "");
        let at = |name: &str| root.need(name).expect("there");
        assert_eq!(at("a").number(0.0, 90.0), Ok(12.5));
        assert_eq!((at("b").whole(), at("c").whole()), (Ok(7), Ok(7)));
        assert_eq!((at("b").digits(), at("c").digits()), (Ok("7".into()), Ok("7".into())));
        for name in ["d", "e", "f"] {
            assert!(at(name).number(-90.0, 90.0).is_err(), "{name}");
        }
    }
}
