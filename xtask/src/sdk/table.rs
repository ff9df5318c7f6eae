//! What each client could do: one row for each call.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::run::Outcome;

/// The rows so far.
#[derive(Default)]
pub struct Table {
    counts: BTreeMap<String, (usize, usize)>,
    wrong: Vec<String>,
}

impl Table {
    /// Takes a line of a script: a row in JSON, and nothing else.
    pub fn row(&mut self, line: &str) {
        let row: Value = serde_json::from_str(line).unwrap_or_default();
        let (Some(sdk), Some(call)) = (row["sdk"].as_str(), row["call"].as_str()) else {
            println!("      {line}");
            return;
        };
        let count = self.counts.entry(sdk.to_owned()).or_default();
        count.0 += 1;
        match row["why"].as_str() {
            None => println!("  ok  {sdk:<26} {call}"),
            Some(why) => {
                count.1 += 1;
                println!("  NO  {sdk:<26} {call}: {why}");
                self.wrong.push(format!("{sdk}: {call}"));
            }
        }
    }

    /// A script has ended; one that broke off is wrong whatever its rows say.
    pub fn ended(&mut self, script: &str, well: bool, took: Duration) {
        println!("      {script} took {:.1} s", took.as_secs_f64());
        if !well {
            self.wrong.push(format!("{script} broke off"));
        }
    }

    /// The closing lines. `log` is what the node logged, which is shown when something is wrong.
    pub fn close(self, log: &str) -> Outcome {
        for (sdk, (all, wrong)) in &self.counts {
            println!("{sdk:<28} {:>3} of {all} calls", all - wrong);
        }
        if self.wrong.is_empty() {
            return if self.counts.is_empty() { Err("no script said anything".to_owned()) } else { Ok(()) };
        }
        if !log.trim().is_empty() {
            println!("the node's log:\n{}", log.trim());
        }
        Err(format!("what should work does not:\n  {}", self.wrong.join("\n  ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_with_a_reason_is_a_failure_and_so_is_silence() {
        let good = r#"{"sdk":"pywa","call":"send_message","why":null}"#;
        let bad = r#"{"sdk":"pywa","call":"send_image","why":"nothing came"}"#;
        let of = |lines: &[&str]| {
            let mut table = Table::default();
            lines.iter().for_each(|line| table.row(line));
            table
        };
        assert_eq!(of(&[good, good]).close(""), Ok(()));
        let told = of(&[good, bad]).close("").expect_err("a reason");
        assert!(told.contains("pywa: send_image"), "{told}");
        assert!(of(&[]).close("").is_err());
        let mut broken = of(&[good]);
        broken.ended("pywa_suite.py", false, Duration::ZERO);
        assert!(broken.close("").is_err());
    }
}
