//! `lacre business inbox`: customers who wait, answered and sorted at the machine.

use std::path::Path;

use serde_json::{Value, json};

use super::ask::{ask, get, piece, post, rows, text, with_query};
use super::inbox_text::{conversation, hit, line, message, note};
use crate::cli::{
    CannedCommand, ChangeConversation, InboxCommand, OneConversation, QueueArgs, ReplyArgs, SeenArgs,
};
use crate::exit::Failure;
use crate::output;

pub(super) async fn run(command: InboxCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        InboxCommand::List(args) => list(args, as_json).await,
        InboxCommand::Show(OneConversation { customer, node }) => {
            let told = get(&node.data, &of(&customer)).await?;
            if as_json { output::object(&told) } else { output::line(&conversation(&told)) }
        }
        InboxCommand::Messages { before, limit, one } => messages(one, before, limit, as_json).await,
        InboxCommand::Reply(args) => reply(args, as_json).await,
        InboxCommand::Read(OneConversation { customer, node }) => {
            let told = post(&node.data, &format!("{}/read", of(&customer)), &json!({})).await?;
            if as_json { output::object(&told) } else { output::line("Read.") }
        }
        InboxCommand::Assign { customer, person, nobody: _, note, seen } => {
            changed(&customer, "assign", &seen, json!({ "person": person, "note": note }), as_json).await
        }
        InboxCommand::Note { customer, text: body, edit, remove, node } => {
            notes(&node.data, &of(&customer), body, (edit, remove), as_json).await
        }
        InboxCommand::Label { customer, add, remove, seen } => {
            changed(&customer, "labels", &seen, json!({ "add": add, "remove": remove }), as_json).await
        }
        InboxCommand::Close(ChangeConversation { customer, seen }) => {
            changed(&customer, "close", &seen, json!({}), as_json).await
        }
        InboxCommand::Reopen(ChangeConversation { customer, seen }) => {
            changed(&customer, "reopen", &seen, json!({}), as_json).await
        }
        InboxCommand::Snooze { customer, time, seen } => {
            let seconds = output::seconds(&time).filter(|it| *it > 0);
            let seconds = seconds.ok_or_else(|| Failure::usage("write a time as 30m, 2h, 1d"))?;
            let until = output::now() + u64::from(seconds) * 1_000;
            changed(&customer, "snooze", &seen, json!({ "until_ms": until }), as_json).await
        }
        InboxCommand::Move { customer, inbox, seen } => {
            changed(&customer, "move", &seen, json!({ "inbox": inbox }), as_json).await
        }
        InboxCommand::Canned { command } => canned(command, as_json).await,
        InboxCommand::Search { words, inbox, limit, node } => {
            search(&node.data, &words.join(" "), inbox, limit, as_json).await
        }
        InboxCommand::Names(node) => {
            rows(&get(&node.data, "inboxes").await?, as_json, "No inboxes.", |row| {
                let [all, waiting] = ["conversations", "waiting"].map(|name| text(&row[name]));
                format!("{}  {all} conversations, {waiting} waiting", text(&row["name"]))
            })
        }
        InboxCommand::Add { name, node } => {
            let told = post(&node.data, "inboxes", &json!({ "name": name })).await?;
            let next = "`lacre business people role LOGIN ROLE --inbox` says who sees it.";
            done(&told, as_json, &format!("There is an inbox {name}. {next}"))
        }
        InboxCommand::Remove { name, node } => {
            let path = format!("inboxes/{}", piece(&name));
            let told = ask(&node.data, "DELETE", &path, &Value::Null).await?;
            done(&told, as_json, &format!("The inbox {name} is gone."))
        }
    }
}

/// The path of a conversation.
fn of(customer: &str) -> String {
    format!("conversations/{}", piece(customer))
}

async fn list(args: QueueArgs, as_json: bool) -> Result<(), Failure> {
    let QueueArgs { view, inbox, label, after, limit, node } = args;
    let query = [
        ("view", Some(view.clone())),
        ("inbox", inbox),
        ("label", label),
        ("after", after),
        ("limit", Some(limit.to_string())),
    ];
    let told = get(&node.data, &with_query("conversations", &query)).await?;
    rows(&told, as_json, &format!("Nothing stands in the queue `{view}`."), line)?;
    if as_json {
        return Ok(());
    }
    let counts = told["counts"].as_object().into_iter().flatten();
    let counts: Vec<_> = counts.map(|(name, count)| format!("{count} {name}")).collect();
    output::line(&counts.join(", "))?;
    match told["next"].as_str() {
        Some(next) => output::line(&format!("There is more: --after {next}")),
        None => Ok(()),
    }
}

async fn messages(
    one: OneConversation,
    before: Option<String>,
    limit: u64,
    as_json: bool,
) -> Result<(), Failure> {
    let OneConversation { customer, node } = one;
    let query = [("before", before), ("limit", Some(limit.to_string()))];
    let mut told = get(&node.data, &with_query(&format!("{}/messages", of(&customer)), &query)).await?;
    if let Some(rows) = told["data"].as_array_mut() {
        // The newest stands above the prompt.
        rows.reverse();
    }
    if let (false, Some(next)) = (as_json, told["next"].as_str()) {
        output::line(&format!("There is more: --before {next}"))?;
    }
    rows(&told, as_json, "Nothing was said yet, or it has vanished.", message)
}

async fn reply(args: ReplyArgs, as_json: bool) -> Result<(), Failure> {
    let ReplyArgs { customer, text: body, canned, template, language, params, reply_to, node } = args;
    let template = template.map(|name| {
        let params: Vec<_> = params.iter().map(|it| json!({ "type": "text", "text": it })).collect();
        let body = json!({ "type": "body", "parameters": params });
        let components = if params.is_empty() { json!([]) } else { json!([body]) };
        json!({ "name": name, "language": { "code": language }, "components": components })
    });
    let body = json!({ "body": body, "canned": canned, "template": template, "reply_to": reply_to });
    let told = post(&node.data, &format!("{}/messages", of(&customer)), &body).await?;
    done(&told, as_json, &format!("Said, as {}.", text(&told["id"])))
}

/// Changes a conversation of the version that was seen; of now, where none is named.
async fn changed(
    customer: &str,
    what: &str,
    seen: &SeenArgs,
    mut body: Value,
    as_json: bool,
) -> Result<(), Failure> {
    let (data, path) = (&seen.node.data, of(customer));
    body["version"] = match seen.version {
        Some(version) => version.into(),
        None => get(data, &path).await?["version"].clone(),
    };
    let told = post(data, &format!("{path}/{what}"), &body).await?;
    done(&told, as_json, &line(&told))
}

async fn notes(
    data: &Path,
    path: &str,
    body: Option<String>,
    (edit, remove): (Option<u64>, Option<u64>),
    as_json: bool,
) -> Result<(), Failure> {
    let Some(number) = edit.or(remove) else {
        let path = format!("{path}/notes");
        return match body {
            Some(body) => {
                let told = post(data, &path, &json!({ "body": body })).await?;
                done(&told, as_json, &format!("Noted, as note {}.", told["id"]))
            }
            None => rows(&get(data, &path).await?, as_json, "Nothing is noted.", note),
        };
    };
    let all = get(data, &format!("{path}/notes")).await?;
    let known = all["data"].as_array().into_iter().flatten().find(|it| it["id"] == number);
    let version = known.map_or(0, |it| it["version"].as_u64().unwrap_or_default());
    let path = format!("{path}/notes/{number}");
    match body {
        Some(body) => {
            let told = post(data, &path, &json!({ "body": body, "version": version })).await?;
            done(&told, as_json, &format!("Note {number} is changed."))
        }
        None => {
            let path = with_query(&path, &[("version", Some(version.to_string()))]);
            let told = ask(data, "DELETE", &path, &Value::Null).await?;
            done(&told, as_json, &format!("Note {number} is gone."))
        }
    }
}

async fn canned(command: CannedCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        CannedCommand::List(node) => {
            let none = "No reply is kept ready. `lacre business inbox canned set NAME TEXT` keeps one.";
            rows(&get(&node.data, "canned").await?, as_json, none, |row| {
                let [name, body] = ["name", "body"].map(|name| text(&row[name]));
                format!("{name}  {body}")
            })
        }
        CannedCommand::Set { name, text: body, node } => {
            let told = post(&node.data, "canned", &json!({ "name": name, "body": body })).await?;
            done(&told, as_json, &format!("{name} is kept ready: `reply CUSTOMER --canned {name}` says it."))
        }
        CannedCommand::Remove { name, node } => {
            let told = ask(&node.data, "DELETE", &format!("canned/{}", piece(&name)), &Value::Null).await?;
            done(&told, as_json, &format!("{name} is gone."))
        }
    }
}

async fn search(
    data: &Path,
    words: &str,
    inbox: Option<String>,
    limit: u64,
    as_json: bool,
) -> Result<(), Failure> {
    let query = [("q", Some(words.to_owned())), ("inbox", inbox), ("limit", Some(limit.to_string()))];
    let told = get(data, &with_query("search", &query)).await?;
    if as_json {
        return output::object(&told);
    }
    let list = |name: &str| told[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let (found, noted, labelled) = (list("data"), list("notes"), list("labelled"));
    if found.is_empty() && noted.is_empty() && labelled.is_empty() {
        return output::line("Nothing found.");
    }
    labelled.iter().try_for_each(|row| output::line(&line(row)))?;
    for row in noted {
        output::line(&format!("{}  {}  {}", text(&row["wa_id"]), text(&row["name"]), note(&row["note"])))?;
    }
    found.iter().try_for_each(|row| output::line(&hit(row)))?;
    if told["next"].is_string() {
        output::line("There is more: --limit shows it.")?;
    }
    if told["complete"] == false {
        output::line("The device still makes its index: some of what was said long ago is not found yet.")?;
    }
    Ok(())
}

fn done(told: &Value, as_json: bool, sentence: &str) -> Result<(), Failure> {
    if as_json { output::object(told) } else { output::line(sentence) }
}
