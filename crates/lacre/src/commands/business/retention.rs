//! `lacre business retention`: what is kept for how long.

use serde_json::{Value, json};

use super::ask::{get, post, rows, text, when};
use crate::cli::RetentionCommand;
use crate::exit::Failure;
use crate::new_file::{NewFile, unwritten};
use crate::output;

pub(super) async fn run(command: RetentionCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        RetentionCommand::Set { kind, days, forever, unset, customer, node } => {
            let body = json!({ "kind": kind, "days": days, "forever": forever, "unset": unset, "customer": customer });
            let told = post(&node.data, "retention", &body).await?;
            if as_json {
                return output::object(&told);
            }
            let whose = customer.map_or(String::new(), |it| format!(" of {it}"));
            output::line(&match (days, forever) {
                (Some(days), _) => {
                    format!("The {kind}{whose} are kept for {days} days, from the next sweep on.")
                }
                (None, true) => format!("The {kind}{whose} are kept until something else ends them."),
                (None, false) => format!("Nothing is set for the {kind}{whose} any more."),
            })
        }
        RetentionCommand::List(node) => {
            rows(&get(&node.data, "retention").await?, as_json, "Nothing is kept.", line)
        }
        RetentionCommand::Report { output: file, node } => {
            let new =
                file.as_deref().map(|path| NewFile::create(path).map_err(|error| unwritten(path, &error)));
            let new = new.transpose()?;
            let told = get(&node.data, "retention/report").await?;
            let (Some(path), Some(new)) = (file, new) else { return output::object(&told) };
            new.fill(format!("{told:#}\n").as_bytes()).map_err(|error| unwritten(&path, &error))?;
            let shown = path.display().to_string();
            match as_json {
                true => output::object(&json!({ "file": shown })),
                false => output::line(&format!(
                    "What is kept, for how long, and what stays and why is in {shown}."
                )),
            }
        }
        RetentionCommand::Sweep(node) => {
            let told = post(&node.data, "retention/sweep", &Value::Null).await?;
            if as_json {
                return output::object(&told);
            }
            let gone: Vec<_> = told["erased"].as_object().into_iter().flatten().collect();
            let gone: Vec<_> = gone.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            output::line(&match gone.is_empty() {
                true => "Nothing was kept longer than is set.".to_owned(),
                false => format!("Taken away: {}.", gone.join(", ")),
            })
        }
    }
}

fn line(row: &Value) -> String {
    let kept = row["kept_days"].as_u64();
    let kept = kept.map_or("until something else ends it".to_owned(), |it| format!("{it} days"));
    let set = match row["since_ms"].is_null() {
        true => "nothing set".to_owned(),
        false => format!("set {}", when(&row["since_ms"])),
    };
    let whose = match row["customer"].is_null() {
        true => "all".to_owned(),
        false => format!("of {}", text(&row["customer"])),
    };
    format!("{}  {whose}  {kept}  {set}", text(&row["kind"]))
}
