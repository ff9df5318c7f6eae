//! `lacre business customer`: what is held of one of them, and what is done with it.

use std::path::Path;

use serde_json::{Value, json};

use super::ask::{get, piece, post, text, when, with_query};
use crate::cli::CustomerCommand;
use crate::exit::Failure;
use crate::new_file::{NewFile, unwritten};
use crate::output;

pub(super) async fn run(command: CustomerCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        CustomerCommand::Export { customer, output: file, node } => {
            export(&node.data, &piece(&customer), file.as_deref(), as_json).await
        }
        CustomerCommand::Erase { customer, output: file, node } => {
            let new =
                file.as_deref().map(|path| NewFile::create(path).map_err(|error| unwritten(path, &error)));
            let new = new.transpose()?;
            let told =
                post(&node.data, &format!("customers/{}/erase", piece(&customer)), &Value::Null).await?;
            let (Some(path), Some(new)) = (file, new) else { return output::object(&told) };
            new.fill(format!("{told:#}\n").as_bytes()).map_err(|error| unwritten(&path, &error))?;
            let shown = path.display().to_string();
            match as_json {
                true => output::object(&json!({ "file": shown, "erased": told["erased"] })),
                false => output::line(&format!(
                    "{} is erased; what remains and why is in {shown}.",
                    text(&told["wa_id"])
                )),
            }
        }
        CustomerCommand::Restrict { customer, lift, node } => {
            let path = format!("customers/{}/restrict", piece(&customer));
            let told = post(&node.data, &path, &json!({ "lift": lift })).await?;
            if as_json {
                return output::object(&told);
            }
            let (who, waiting) = (text(&told["wa_id"]), &told["waiting"]);
            output::line(&match lift {
                true => format!("{who} is restricted no more; {waiting} webhooks are to be told."),
                false => format!(
                    "{who} is restricted since {}: nothing is told of them and nothing is sent to them. {waiting} \
                     webhooks wait.",
                    when(&told["restricted_since_ms"])
                ),
            })
        }
    }
}

async fn export(data: &Path, customer: &str, file: Option<&Path>, as_json: bool) -> Result<(), Failure> {
    // Before anything is asked, which stands in the log: whether there is a place for the answer.
    let new = file.map(|path| NewFile::create(path).map_err(|error| unwritten(path, &error)));
    let new = new.transpose()?;
    let mut told = get(data, &format!("customers/{customer}/export")).await?;
    let (mut messages, mut after) = (Vec::new(), None);
    loop {
        let path = with_query(&format!("customers/{customer}/messages"), &[("after", after)]);
        let mut page = get(data, &path).await?;
        if let Some(rows) = page["data"].as_array_mut() {
            messages.append(rows);
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
        eprintln!("{} messages …", messages.len());
    }
    let count = messages.len();
    told["messages"] = Value::Array(messages);
    let (Some(path), Some(new)) = (file, new) else { return output::object(&told) };
    new.fill(format!("{told:#}\n").as_bytes()).map_err(|error| unwritten(path, &error))?;
    let shown = path.display().to_string();
    match as_json {
        true => output::object(&json!({ "file": shown, "messages": count })),
        false => output::line(&format!("{count} messages, and all else that is held, are in {shown}.")),
    }
}
