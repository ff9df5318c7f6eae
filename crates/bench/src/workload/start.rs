//! Start: from the start of the process to its open port, and its memory when nothing happens.

use std::time::Duration;

use clap::Args;

use crate::cli::Failed;
use crate::relay::{Relay, Wanted};
use crate::report::{Measured, Reporter, rounded};

#[derive(Args)]
pub struct Options {
    /// How many times; the median is told.
    #[arg(long, default_value_t = 11)]
    times: usize,
}

pub async fn run(options: &Options, wanted: &Wanted, report: &mut Reporter) -> Result<(), Failed> {
    let mut relay = Relay::start(wanted).await?;
    let first = relay.started_in;
    report.relay = relay.told;
    let mut again = Vec::new();
    for _ in 1..options.times.max(2) {
        relay.restart().await?;
        again.push(relay.started_in);
    }
    again.sort_unstable();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let pss = relay.pss()?;
    relay.stop().await;
    let ms = |time: Duration| rounded(time.as_secs_f64() * 1000.0, 1);
    report.print(&Measured {
        workload: "start",
        mode: "the first, which makes its certificate and its data".to_owned(),
        start_ms: Some(ms(first)),
        ..Measured::default()
    });
    report.print(&Measured {
        workload: "start",
        mode: format!("on data that is there, median of {}", again.len()),
        start_ms: Some(ms(again[again.len() / 2])),
        pss_mib: Some(rounded(pss as f64 / 1024.0, 1)),
        ..Measured::default()
    });
    Ok(())
}
