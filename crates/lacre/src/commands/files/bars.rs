//! Progress: bars on a terminal, JSON lines for scripts, nothing in between.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::exit::Failure;
use crate::output;

/// Shows how far one thing is.
pub(in crate::commands) struct Bar {
    what: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    json: bool,
    /// In hundredths: told when it is another.
    told: Option<u64>,
}

impl Bar {
    /// A bar for something of so many bytes.
    pub(in crate::commands) fn new(json: bool, what: &'static str, total: u64) -> Self {
        let shown = !json && std::io::stderr().is_terminal();
        let bar = shown.then(|| {
            let bar = ProgressBar::new(total);
            let style = "{prefix:9} {wide_bar} {bytes:>11} of {total_bytes}  {bytes_per_sec:>13}  {eta:>4}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.set_prefix(what);
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { what, total, bar, json, told: None }
    }

    /// It is so far.
    pub(in crate::commands) fn at(&mut self, done: u64) -> Result<(), Failure> {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
        let hundredths = done.saturating_mul(100).checked_div(self.total).unwrap_or(100);
        if !self.json || self.told == Some(hundredths) {
            return Ok(());
        }
        self.told = Some(hundredths);
        output::object(&json!({ "progress": self.what, "done": done, "total": self.total }))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
