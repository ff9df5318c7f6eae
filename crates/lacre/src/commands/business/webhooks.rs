//! `lacre business webhook`: who is told, and what became of it.

use serde_json::{Value, json};

use super::ask::{ask, get, overlap, piece, post, rows, text, when, with_query};
use crate::cli::WebhookCommand;
use crate::exit::Failure;
use crate::output;

pub(super) async fn run(command: WebhookCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        WebhookCommand::Set { url, verify_token, level, fields, node } => {
            let body = json!({ "url": url, "verify_token": verify_token, "level": level, "fields": fields });
            let told = post(&node.data, "webhooks", &body).await?;
            if as_json {
                return output::object(&told);
            }
            output::line(match told["called"] == true {
                true => "The receiver answered the handshake: it is told from now on.",
                false => {
                    "The receiver answered the handshake, and is not called: one that is set for the number or \
                     the account goes over it. See `lacre business webhook show`."
                }
            })
        }
        WebhookCommand::Remove { level, node } => {
            let told =
                ask(&node.data, "DELETE", &format!("webhooks/{}", piece(&level)), &Value::Null).await?;
            match as_json {
                true => output::object(&told),
                false => output::line("It is not told any more."),
            }
        }
        WebhookCommand::Show(node) => show(&get(&node.data, "webhooks").await?, as_json),
        WebhookCommand::Deliveries { since, limit, node } => {
            let since = since.as_deref().map(output::time).transpose()?.map(|it| it.to_string());
            let query = [("from_ms", since), ("limit", Some(limit.to_string()))];
            let told = get(&node.data, &with_query("webhooks/deliveries", &query)).await?;
            rows(&told, as_json, "Nothing was told in this time.", attempt)
        }
        WebhookCommand::Dead(node) => {
            let told = get(&node.data, "webhooks/dead?limit=1000").await?;
            rows(&told, as_json, "Nothing was given up.", dead)
        }
        WebhookCommand::Replay { id, dead, since, until, node } => {
            let since = since.as_deref().map(output::time).transpose()?;
            let until = until.as_deref().map(output::time).transpose()?;
            let body = json!({ "id": id, "dead": dead, "from_ms": since, "to_ms": until });
            let told = post(&node.data, "webhooks/replay", &body).await?;
            match as_json {
                true => output::object(&told),
                false => output::line(&format!(
                    "{} to be told again, with the same bytes, as soon as the node serves.",
                    told["replayed"]
                )),
            }
        }
        WebhookCommand::RotateSecret { overlap: given, node } => {
            let body = json!({ "overlap_s": overlap(&given)? });
            let told = post(&node.data, "webhooks/rotate-secret", &body).await?;
            if as_json {
                return output::object(&told);
            }
            output::line(told["app_secret"].as_str().unwrap_or_default())?;
            eprintln!(
                "Webhooks are signed with this app secret now, shown once. The one before is taken until {}.",
                when(&told["before_until_ms"])
            );
            Ok(())
        }
    }
}

fn show(told: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::object(told);
    }
    rows(told, false, "Nobody is told. `lacre business webhook set URL` sets a receiver.", |row| {
        let called = if row["called"] == true { "called" } else { "not called" };
        let fields = row["fields"].as_array().is_some_and(|it| !it.is_empty());
        let fields = if fields { text(&row["fields"]) } else { "all fields".to_owned() };
        format!(
            "{}  {}  {called}  {fields}  since {}",
            text(&row["level"]),
            text(&row["url"]),
            when(&row["since_ms"])
        )
    })?;
    if told["listens"] == false {
        output::line("The account is not listened to: a program has unsubscribed it.")?;
    }
    if !told["secret_before_until_ms"].is_null() {
        let until = when(&told["secret_before_until_ms"]);
        output::line(&format!("The app secret before this one is taken until {until}."))?;
    }
    Ok(())
}

fn attempt(row: &Value) -> String {
    format!(
        "{}  {}  {}  attempt {}  {}  {} ms  {}",
        when(&row["at_ms"]),
        row["id"],
        text(&row["outcome"]),
        row["attempt"],
        text(&row["field"]),
        row["took_ms"],
        text(&row["receiver"])
    )
}

fn dead(row: &Value) -> String {
    format!(
        "{}  {}  {}  {} attempts  {}  {}",
        when(&row["died_ms"]),
        row["id"],
        text(&row["outcome"]),
        row["attempts"],
        text(&row["field"]),
        text(&row["receiver"])
    )
}
