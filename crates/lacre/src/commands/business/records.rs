//! `lacre business records`: the register of what is done with people's data.

use std::path::Path;

use serde_json::Value;

use super::ask::{get, text};
use crate::exit::Failure;
use crate::output;

const DAY: u64 = 24 * 60 * 60 * 1_000;

pub(super) async fn run(data: &Path, as_json: bool) -> Result<(), Failure> {
    let told = get(data, "records").await?;
    if as_json {
        return output::object(&told);
    }
    output::line(&format!("Of {}:", text(&told["controller"])))?;
    let rows = |name: &str| told[name].as_array().cloned().unwrap_or_default();
    for row in rows("kept") {
        output::line(&kept(&row))?;
    }
    output::line(&format!("on the device: {}", text(&told["on_the_device"])))?;
    for row in rows("recipients") {
        let is_told = if row["told"] == true { "told" } else { "not told now" };
        output::line(&format!("recipient: {}  {}  {is_told}", text(&row["host"]), text(&row["receiver"])))?;
    }
    Ok(())
}

fn kept(row: &Value) -> String {
    let time = row["kept_for_ms"].as_u64();
    let time = time.map_or("until erased".to_owned(), |it| format!("{} days", it.div_ceil(DAY)));
    format!("{}: {}; {}; {time}", row["count"], text(&row["what"]), text(&row["purpose"]))
}
