//! Asking a node: the one that serves, over the socket in its folder; or, while none does, the same API over its store
//! in this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lacre_business::ground::Ground;
use lacre_business::own;
use lacre_proto::error::Retry;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::{SystemClock, broken, node_store};
use crate::exit::{Exit, Failure};
use crate::output;

/// A node that is about to begin or to end has its store open and no socket: it is asked again so often.
const TRIES: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(100);

/// How often it is said that the node is still at work.
const WAITING: Duration = Duration::from_secs(10);

/// Asks for something that needs no body.
pub(super) async fn get(data: &Path, path: &str) -> Result<Value, Failure> {
    ask(data, "GET", path, &Value::Null).await
}

/// Asks for something to be done.
pub(super) async fn post(data: &Path, path: &str, body: &Value) -> Result<Value, Failure> {
    ask(data, "POST", path, body).await
}

/// Asks the node in a folder.
pub(super) async fn ask(data: &Path, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
    if !data.join("node.redb").exists() {
        let why = format!("there is no node in {}; `lacre business init` makes one", data.display());
        return Err(Failure::new(Exit::NotSignedUp, "not_signed_up", why));
    }
    let mut tries = 0;
    let store = loop {
        if let Some((status, told)) = over_socket(data, method, path, body).await? {
            return outcome(status, told);
        }
        match node_store(data, None) {
            Err(failure) if failure.exit == Exit::InUse && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(BETWEEN).await;
            }
            Err(failure) if failure.exit == Exit::InUse => {
                let why = "another program has the node's store open, and answers no commands";
                return Err(Failure { retry: Retry::Later, ..Failure::new(Exit::InUse, "node_in_use", why) });
            }
            opened => break opened?,
        }
    };
    let ground = Ground::alone(store.0, SystemClock).await.map_err(broken)?;
    let (status, told) = own::ask(Arc::new(ground.own()), method, path, body).await;
    outcome(status, told)
}

#[cfg(unix)]
async fn over_socket(
    data: &Path,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<Option<(u16, Value)>, Failure> {
    let mut asked = std::pin::pin!(own::socket::ask(data, method, path, body));
    let asked = loop {
        match tokio::time::timeout(WAITING, &mut asked).await {
            Ok(asked) => break asked,
            Err(_) => eprintln!("the node is at work …"),
        }
    };
    asked.map_err(|error| Failure::io("the node that serves cannot be asked", &error))
}

#[cfg(not(unix))]
async fn over_socket(_: &Path, _: &str, _: &str, _: &Value) -> Result<Option<(u16, Value)>, Failure> {
    Ok(None)
}

/// What a node answered, or why it refused.
pub(super) fn outcome(status: u16, told: Value) -> Result<Value, Failure> {
    if status == 200 {
        return Ok(told);
    }
    let said = told["error"]["code"].as_str().unwrap_or_default();
    let code = own::CODES.into_iter().find(|it| *it == said).unwrap_or("node");
    let exit = match code {
        "invalid" | "too_large" => Exit::Usage,
        "audit_broken" => Exit::Unhealthy,
        "unavailable" | "internal" | "node" => Exit::Store,
        _ => Exit::Refused,
    };
    let sentence = told["error"]["message"].as_str().unwrap_or("the node gave no answer that makes sense");
    let failure = Failure::new(exit, code, sentence);
    Err(if code == "unavailable" { Failure { retry: Retry::Later, ..failure } } else { failure })
}

/// A path with a query of those that are there.
pub(super) fn with_query(path: &str, pairs: &[(&str, Option<String>)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("{path}?{}", query.finish())
}

/// A piece of a path: what is no letter or digit is escaped.
pub(super) fn piece(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-._@".contains(&it);
    text.bytes().map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
}

/// Prints rows, one an object or a line; a sentence for people where there are none.
pub(super) fn rows(
    told: &Value,
    json: bool,
    none: &str,
    line: impl Fn(&Value) -> String,
) -> Result<(), Failure> {
    let rows = told["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() && !json {
        return output::line(none);
    }
    rows.iter().try_for_each(|row| if json { output::object(row) } else { output::line(&line(row)) })
}

/// A time of an answer as people here read it; a dash where there is none.
pub(super) fn when(time: &Value) -> String {
    time.as_u64().map_or("-".to_owned(), |it| output::local(it, "%Y-%m-%d %H:%M"))
}

/// A text of an answer, harmless for a terminal.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => crate::safe_text::safe_line(text),
        Value::Null => "-".to_owned(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Seconds of an overlap: 0, or a time like 10m, 1h, 1d.
pub(super) fn overlap(given: &str) -> Result<u32, Failure> {
    let wrong = || Failure::usage("write an overlap as 0, or as 10m, 1h, 1d");
    if given == "0" { Ok(0) } else { output::seconds(given).ok_or_else(wrong) }
}
