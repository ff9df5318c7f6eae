//! `lacre business consent`: what customers have agreed to.

use std::path::Path;

use serde_json::Value;

use super::ask::{get, text, when, with_query};
use crate::cli::ConsentsCommand;
use crate::exit::Failure;
use crate::output;

pub(super) async fn run(command: ConsentsCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        ConsentsCommand::List(node) => {
            let count = each(&node.data, "consents", |row| match as_json {
                true => output::object(row),
                false => output::line(&line(row)),
            });
            match count.await? {
                0 if !as_json => output::line("There are no customers."),
                _ => Ok(()),
            }
        }
        ConsentsCommand::Export(node) => each(&node.data, "consents/export", output::object).await.map(drop),
    }
}

/// Asks for page after page; how many rows there were.
async fn each(
    data: &Path,
    path: &str,
    show: impl Fn(&Value) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let (mut after, mut count) = (None, 0);
    loop {
        let told = get(data, &with_query(path, &[("after", after)])).await?;
        let rows = told["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        rows.iter().try_for_each(&show)?;
        count += rows.len();
        match told["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return Ok(count),
        }
    }
}

fn line(row: &Value) -> String {
    let agreed = match (row["stopped"] == true, row["since_ms"].is_null()) {
        (true, _) => format!("stopped {}", when(&row["since_ms"])),
        (false, true) => "nothing signed".to_owned(),
        (false, false) => {
            let over = if row["stands"] == true { "" } else { "  over" };
            let [since, until] = ["since_ms", "until_ms"].map(|name| when(&row[name]));
            format!("{}  {since} to {until}{over}", text(&row["categories"]))
        }
    };
    let window = match row["window_open"] == true {
        true => format!("window open until {}", when(&row["window_until_ms"])),
        false => "window closed".to_owned(),
    };
    format!("{}  {agreed}  {window}", text(&row["wa_id"]))
}
