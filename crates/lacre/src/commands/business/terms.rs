//! `lacre business terms` and `provider`: what customers are told before they write, and who acts for the business.

use std::fs;

use serde_json::{Value, json};

use super::ask::{ask, get, post, rows, text, when};
use crate::cli::{AddProvider, ProviderCommand, TermsCommand};
use crate::exit::Failure;
use crate::output;

pub(super) async fn run(command: TermsCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        TermsCommand::Show(node) => show(&get(&node.data, "terms").await?, as_json),
        TermsCommand::Set { notice, notice_file, node } => {
            let read = notice_file.map(|path| {
                let unread =
                    |error: std::io::Error| Failure::io(format!("{} cannot be read", path.display()), &error);
                fs::read_to_string(&path)
                    .map(|it| it.trim().replace("\r\n", "\n").replace('\t', " "))
                    .map_err(unread)
            });
            let notice = read.transpose()?.or(notice);
            let told = post(&node.data, "terms", &json!({ "notice": notice })).await?;
            show(&told, as_json)
        }
    }
}

fn show(told: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::object(told);
    }
    let notice = told["notice"].as_str().unwrap_or_default();
    match told["keeps_days"].as_u64() {
        Some(1) => output::line("kept for a day")?,
        Some(days) => output::line(&format!("kept for {days} days"))?,
        None => output::line(
            "customers are not told how long it is kept: `lacre business retention set --kind messages`",
        )?,
    }
    match notice.is_empty() {
        true => output::line("no notice")?,
        false => output::line(&format!("notice: {}", crate::safe_text::safe_line(notice)))?,
    }
    for provider in told["providers"].as_array().into_iter().flatten() {
        output::line(&format!("acts for it: {}", provider_line(provider)))?;
    }
    output::line(match told["customers_can_know"].as_bool() {
        Some(true) => "The relay has it: a customer's device hears of it when it writes, and within a day.",
        Some(false) => "The relay has not got it yet; it is told as soon as it can be reached.",
        None => "Nothing was told yet: a node that serves tells it.",
    })
}

pub(super) async fn providers(command: ProviderCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        ProviderCommand::Add(AddProvider { name, purpose, scopes, days, public_key, node }) => {
            let body = json!({
                "name": name, "purpose": purpose, "scopes": scopes, "days": days, "public_key": public_key,
            });
            let told = post(&node.data, "providers", &body).await?;
            if as_json {
                return output::object(&told);
            }
            let provider = &told["provider"];
            output::line(&provider_line(provider))?;
            let id = &provider["id"];
            eprintln!("Its tokens: `lacre business token create --provider {id} --scope messaging …`.");
            if provider["state"] != "acts" {
                eprintln!("They work as soon as the relay has what customers are told.");
            }
            Ok(())
        }
        ProviderCommand::List(node) => {
            let none = "Nobody acts for the business. `lacre business provider add NAME` lets somebody.";
            rows(&get(&node.data, "providers").await?, as_json, none, provider_line)
        }
        ProviderCommand::Remove { id, node } => {
            let told = ask(&node.data, "DELETE", &format!("providers/{id}"), &Value::Null).await?;
            match as_json {
                true => output::object(&told),
                false => output::line(&format!(
                    "Provider {id} is out: the next request with a token of theirs is refused."
                )),
            }
        }
    }
}

fn provider_line(it: &Value) -> String {
    let scopes = text(&it["scopes"]).replace("whatsapp_business_", "");
    let purpose = it["purpose"].as_str().unwrap_or_default();
    let purpose = if purpose.is_empty() { String::new() } else { format!("  {}", text(&it["purpose"])) };
    let state = text(&it["state"]).replace('_', " ");
    let (id, name, until) = (&it["id"], text(&it["name"]), when(&it["until_ms"]));
    format!("{id}  {name}  {state}  until {until}  {scopes}{purpose}")
}
