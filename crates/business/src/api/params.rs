//! What a request says: JSON, a form and the query, put together into one object.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};
use url::form_urlencoded::parse;

use super::address::Address;
use super::error::ApiError;

/// Most bytes of a body that is not a file.
const BODY_MAX: usize = 1024 * 1024;
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is for the node's door, and not for the call.
const DOOR: [&str; 4] = ["access_token", "appsecret_proof", "expires", "signature"];
/// How deep a form may write its lists and objects into each other.
const DEPTH: usize = 8;
/// Members that are JSON in JSON's text when they come in a query or a form.
const NESTED: [&str; 26] = [
    "text",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "template",
    "context",
    "typing_indicator",
    "components",
    "block_users",
    "webhook_configuration",
    "commands",
    "prompts",
    "websites",
    "calling",
    "user_identity_change",
    "storage_configuration",
    "payload_encryption",
    "hsm_ids",
    "example",
    "categories",
];

/// Reads everything that a request says. What the body says goes before what the query says.
pub async fn read(
    address: &Address,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Value, ApiError> {
    let mut all = Map::new();
    let query = address.query.iter().filter(|(key, _)| !DOOR.contains(&key.as_str()));
    query.for_each(|(key, value)| put_pair(&mut all, key, value));
    if method != Method::GET {
        let body = whole(body).await?;
        let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            parse(&body).for_each(|(key, value)| put_pair(&mut all, &key, &value));
        } else if !body.iter().all(u8::is_ascii_whitespace) {
            let said: Value = serde_json::from_slice(&body)
                .map_err(|_| ApiError::Invalid("The body is not valid JSON".to_owned()))?;
            let Value::Object(said) = said else {
                return Err(ApiError::Invalid("The body must be a JSON object".to_owned()));
            };
            // One client puts the JSON of a member into a text of the JSON.
            said.into_iter().for_each(|(key, value)| match value {
                Value::String(text) => put(&mut all, &key, &text),
                value => drop(all.insert(key, value)),
            });
        }
        DOOR.iter().for_each(|it| drop(all.remove(*it)));
    }
    let mut all = Value::Object(all);
    drop_nulls(&mut all);
    Ok(all)
}

async fn whole(body: Body) -> Result<Bytes, ApiError> {
    let all = tokio::time::timeout(PATIENCE, Limited::new(body, BODY_MAX).collect()).await;
    match all {
        Ok(Ok(all)) => Ok(all.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge(BODY_MAX as u64)),
        Ok(Err(_)) => Err(ApiError::Invalid("The body ended before it was whole".to_owned())),
        Err(_) => Err(ApiError::Invalid("The body took too long".to_owned())),
    }
}

/// A pair of a form or a query, whose name may say where in a list or an object it belongs.
fn put_pair(all: &mut Map<String, Value>, key: &str, value: &str) {
    if let Some((name, rest)) = key.split_once('[')
        && !name.is_empty()
        && rest.ends_with(']')
        && rest.matches('[').count() < DEPTH
    {
        return put_into(all.entry(name).or_insert(Value::Null), rest, value);
    }
    put(all, key, value);
}

fn put(all: &mut Map<String, Value>, key: &str, value: &str) {
    let nested = NESTED.contains(&key) && value.trim_start().starts_with(['{', '[']);
    let nested = nested.then(|| serde_json::from_str(value).ok()).flatten();
    all.insert(key.to_owned(), nested.unwrap_or_else(|| Value::String(value.to_owned())));
}

/// Puts a value into a list (`name[]`, `name[0]`) or an object (`name[member]`), as forms write them; what is left of the
/// name stands in `rest`, from behind its first bracket.
fn put_into(at: &mut Value, rest: &str, value: &str) {
    let Some((piece, rest)) = rest.split_once(']') else { return };
    let next = rest.strip_prefix('[');
    let set = |at: &mut Value| match next {
        Some(rest) => put_into(at, rest, value),
        None => *at = Value::String(value.to_owned()),
    };
    let is_place = piece.is_empty() || piece.bytes().all(|it| it.is_ascii_digit());
    if at.is_null() {
        *at = if is_place { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    }
    match at {
        Value::Array(items) => {
            let place = piece.parse::<usize>().ok().filter(|place| *place < items.len());
            let place = place.unwrap_or_else(|| {
                items.push(Value::Null);
                items.len() - 1
            });
            set(&mut items[place]);
        }
        Value::Object(members) => set(members.entry(piece).or_insert(Value::Null)),
        _ => {}
    }
}

/// A member that is `null` is absent, however deep.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, it| !it.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    async fn said(uri: &str, kind: &str, body: &str) -> Result<Value, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().expect("a header"));
        let address = Address::of(&uri.parse().expect("a URI"));
        read(&address, &Method::POST, &headers, Body::from(body.to_owned())).await
    }

    #[tokio::test]
    async fn json_a_form_and_the_query_say_the_same() {
        let json =
            said("/1", "application/json", r#"{"type":"text","text":{"body":"oi"},"context":null}"#).await;
        let form =
            said("/1", "application/x-www-form-urlencoded", "type=text&text=%7B%22body%22%3A%22oi%22%7D")
                .await;
        let query =
            said("/1?type=text&text=%7B%22body%22%3A%22oi%22%7D&access_token=s", "application/json", "")
                .await;
        let wanted = json!({"type": "text", "text": {"body": "oi"}});
        assert_eq!((json, form, query), (Ok(wanted.clone()), Ok(wanted.clone()), Ok(wanted)));
    }

    #[tokio::test]
    async fn lists_and_objects_come_in_forms_too() {
        let form = "websites%5B%5D=a&websites[]=b&c[0][user]=1&c[0][x]=2&c[1][user]=3&d[e][f]=g&h[=i&[]=j";
        let wanted = json!({
            "websites": ["a", "b"], "c": [{ "user": "1", "x": "2" }, { "user": "3" }], "d": { "e": { "f": "g" } },
            "h[": "i", "[]": "j",
        });
        assert_eq!(said("/1", "application/x-www-form-urlencoded", form).await, Ok(wanted));
        let deep = format!("a{}", "[x]".repeat(100_000));
        let said = said("/1", "application/x-www-form-urlencoded", &format!("{deep}=1")).await;
        assert_eq!(said, Ok(json!({ deep: "1" })), "nobody means that");
    }

    #[tokio::test]
    async fn a_member_may_be_json_in_a_text_of_the_json() {
        let body = r#"{"contacts":"[{\"name\":{}}]","to":"[1]","type":"contacts"}"#;
        let said = said("/1", "application/json", body).await;
        assert_eq!(said, Ok(json!({"contacts": [{"name": {}}], "to": "[1]", "type": "contacts"})));
    }

    #[tokio::test]
    async fn what_looks_like_json_and_need_not_be_stays_text() {
        let said = said("/1?prefilled_message=%5B1%5D&text=%7B", "application/json", "").await;
        assert_eq!(said, Ok(json!({"prefilled_message": "[1]", "text": "{"})));
    }

    #[tokio::test]
    async fn nonsense_and_floods_are_refused() {
        let kind = "application/json";
        let not_whole = "[".repeat(100_000);
        for body in ["{", "[]", "7", "{\"a\":1}x", not_whole.as_str()] {
            assert!(matches!(said("/1", kind, body).await, Err(ApiError::Invalid(_))));
        }
        let flood = format!("{{\"a\":\"{}\"}}", "x".repeat(BODY_MAX));
        assert_eq!(said("/1", kind, &flood).await, Err(ApiError::TooLarge(BODY_MAX as u64)));
    }
}
