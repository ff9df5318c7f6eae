//! Pieces of schemas.

use serde_json::{Value, json};

/// A text of so many characters.
pub fn text(least: usize, most: usize) -> Value {
    json!({ "type": "string", "minLength": least, "maxLength": most })
}

/// An id: digits, which a JavaScript number would hold.
pub fn digits() -> Value {
    json!({ "type": "string", "pattern": "^[0-9]{1,15}$" })
}

/// True or false.
pub fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// A whole number from here on, which JavaScript's numbers hold.
pub fn whole(least: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": 9_007_199_254_740_991_u64 })
}

/// One of these words.
pub fn enumerated(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// So many of something.
pub fn list(of: Value, least: usize, most: usize) -> Value {
    json!({ "type": "array", "items": of, "minItems": least, "maxItems": most })
}

/// An object with these members, of which some must be there.
pub fn object(members: &[(&str, Value)], needed: &[&str]) -> Value {
    let members: serde_json::Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    let mut object = json!({ "type": "object", "properties": members });
    if !needed.is_empty() {
        object["required"] = json!(needed);
    }
    object
}

/// A schema that has a name.
pub fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A list as the API gives it.
pub fn of(name: &str) -> Value {
    let rows = json!({ "type": "array", "items": named(name) });
    object(&[("data", rows), ("paging", named("Paging"))], &["data"])
}
