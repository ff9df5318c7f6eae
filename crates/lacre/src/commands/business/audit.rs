//! `lacre business audit`: what was done by whom.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::ask::{get, post, rows, text, when, with_query};
use crate::cli::AuditCommand;
use crate::exit::Failure;
use crate::output;

pub(super) async fn run(command: AuditCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        AuditCommand::List { after, who, what, since, until, limit, node } => {
            let time = |given: Option<String>| given.as_deref().map(output::time).transpose();
            let query = [
                ("after", Some(after.to_string())),
                ("who", who),
                ("what", what),
                ("from_ms", time(since)?.map(|it| it.to_string())),
                ("to_ms", time(until)?.map(|it| it.to_string())),
                ("limit", Some(limit.to_string())),
            ];
            let told = get(&node.data, &with_query("audit", &query)).await?;
            rows(&told, as_json, "No such rows.", |row| {
                let [who, what, on] = ["who", "what", "on"].map(|name| text(&row[name]));
                format!("{}  {}  {who}  {what}  {on}", row["number"], when(&row["at_ms"]))
            })
        }
        AuditCommand::Head(node) => {
            let told = get(&node.data, "audit/head").await?;
            if as_json { output::object(&told) } else { output::line(&text(&told["head"])) }
        }
        AuditCommand::Verify { heads, node } => {
            let heads = heads.as_deref().map(heads_of).transpose()?.unwrap_or_default();
            let told = post(&node.data, "audit/verify", &json!({ "heads": heads })).await?;
            if as_json {
                return output::object(&told);
            }
            let held = match heads.len() {
                0 => "It was held against no head from outside: `lacre business audit head` gives one."
                    .to_owned(),
                count => format!("It is the log of the {count} head(s) that were given."),
            };
            output::line(&format!("The log is whole: {} rows. {held}", told["head"]["count"]))
        }
        AuditCommand::Proof { row, count, node } => {
            let query = [("count", count.map(|it| it.to_string()))];
            let told = get(&node.data, &with_query(&format!("audit/{row}/proof"), &query)).await?;
            if as_json { output::object(&told) } else { proof(&told) }
        }
    }
}

fn heads_of(path: &Path) -> Result<Vec<String>, Failure> {
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| Failure::io(format!("{} cannot be read", path.display()), &error))?;
    Ok(text.lines().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect())
}

fn proof(told: &Value) -> Result<(), Failure> {
    let row = &told["row"];
    let [who, what, on] = ["who", "what", "on"].map(|name| text(&row[name]));
    output::line(&format!("row    {}  {}  {who}  {what}  {on}", row["number"], when(&row["at_ms"])))?;
    output::line(&format!("leaf   {}  ({} of {})", text(&told["leaf"]), told["index"], told["size"]))?;
    for hash in told["path"].as_array().into_iter().flatten() {
        output::line(&format!("path   {}", text(hash)))?;
    }
    Ok(())
}
