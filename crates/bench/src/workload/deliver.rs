//! Online delivery: pairs of people, both online, one of each writes.

use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Span, at_rate, run_for};
use crate::cli::Failed;
use crate::person::{self, Kind};
use crate::pump::{Credit, Tally, echo, receive, send, spawn};
use crate::relay::Relay;
use crate::report::Reporter;
use crate::socket::Socket;

#[derive(Args)]
pub struct Options {
    /// Pairs of people.
    #[arg(long, default_value_t = 100)]
    pairs: usize,
    /// Messages a second over all pairs; full speed when not given.
    #[arg(long)]
    rate: Option<f64>,
    /// At full speed: messages of a pair that may be on their way.
    #[arg(long, default_value_t = 16)]
    window: usize,
    /// Seconds measured.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before that.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    #[command(flatten)]
    kind: Kind,
}

pub async fn run(options: &Options, relay: &Relay, report: &mut Reporter) -> Result<(), Failed> {
    let rng = &mut StdRng::from_os_rng();
    let target = relay.target();
    let tally = Tally::new(rng.random(), options.pairs);
    let mut credits = Vec::new();
    let mut sealed_bytes = 0;
    for pair in 0..options.pairs {
        if pair % 20 == 0 {
            report.progress(&format!("{pair} of {} pairs ready", options.pairs));
        }
        let couple = person::couple(&target, &options.kind, rng).await?;
        sealed_bytes = couple.stock.messages[0].len();
        let credit = Rc::new(Credit::default());
        let more = credit.clone();
        let closed_loop = options.rate.is_none();
        spawn(&tally, echo(couple.sender));
        spawn(
            &tally,
            receive(couple.receiver, pair, tally.clone(), move |came| {
                if closed_loop {
                    more.grant(came);
                }
            }),
        );
        let anonymous = Socket::open(&target).await?;
        spawn(&tally, send(anonymous, Rc::new(couple.stock), credit.clone(), tally.clone()));
        credits.push(credit);
    }

    let pacer = match options.rate {
        None => {
            credits.iter().for_each(|credit| credit.grant(options.window));
            None
        }
        Some(rate) => Some(tokio::task::spawn_local(at_rate(tally.clone(), rate, move |number, due| {
            credits[number % credits.len()].schedule(due);
        }))),
    };
    run_for(&tally, options.warm_up).await?;
    let span = Span::begin(relay, &tally)?;
    run_for(&tally, options.seconds).await?;
    let mut measured = span.end(relay, &tally)?;
    tally.stopped.set(true);
    if let Some(pacer) = pacer {
        pacer.await?;
    }
    tally.settle(1, Duration::from_secs(20)).await?;

    measured.workload = "deliver";
    measured.mode = match options.rate {
        Some(rate) => format!("{} pairs, {rate} msg/s", options.pairs),
        None => format!("{} pairs, full speed, {} on their way", options.pairs, options.window),
    };
    measured.lost = Some(tally.missing(1));
    measured.dups = Some(tally.twice.get());
    measured.sealed_bytes = Some(sealed_bytes);
    measured.sealed = Some(options.kind.name());
    report.print(&measured);
    Ok(())
}
