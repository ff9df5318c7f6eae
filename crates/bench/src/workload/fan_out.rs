//! Fan-out: one conversation with many members online, some of whom write.
//!
//! The conversation is framed by hand, since a thousand engines would be what is measured. For the relay it is the
//! same: a roster of mailboxes, and messages of the right size.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{Span, at_rate, run_for};
use crate::cli::Failed;
use crate::member::{Member, framed};
use crate::person::now_ms;
use crate::pump::{Credit, Tally, receive, send, spawn};
use crate::relay::Relay;
use crate::report::Reporter;
use crate::socket::Socket;

#[derive(Args)]
pub struct Options {
    /// Members, all online.
    #[arg(long, default_value_t = 100)]
    members: usize,
    /// Those of them who write.
    #[arg(long, default_value_t = 10)]
    senders: usize,
    /// Messages a second over all senders; full speed when not given.
    #[arg(long)]
    rate: Option<f64>,
    /// At full speed: messages of a sender that may be on their way to somebody.
    #[arg(long, default_value_t = 8)]
    window: usize,
    /// Seconds measured.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds before that.
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Bytes of a sealed message.
    #[arg(long, default_value_t = 420)]
    sealed_bytes: usize,
}

pub async fn run(options: &Options, relay: &Relay, report: &mut Reporter) -> Result<(), Failed> {
    let rng = &mut StdRng::from_os_rng();
    let target = relay.target();
    let mut sockets = Vec::new();
    for number in 0..options.members {
        let member = Member::new(&format!("m{number}-{:08x}", rng.random::<u32>()), now_ms(), rng)?;
        sockets.push(member.sign_up(&target).await?);
    }
    report.progress(&format!("{} members signed up", options.members));
    let stock = Rc::new(framed(&target, &mut sockets, options.sealed_bytes, rng).await?);

    // Every member receives every message; a writer's own is its echo, and is not counted as delivered.
    let tally = Tally::new(rng.random(), options.members);
    let credits: Vec<_> = (0..options.senders).map(|_| Rc::new(Credit::default())).collect();
    let round = Rc::new(RefCell::new(Round { arrived: 0, everybody: options.members, next: 0 }));
    for (number, socket) in sockets.into_iter().enumerate() {
        let (round, credits, closed_loop) = (round.clone(), credits.clone(), options.rate.is_none());
        spawn(
            &tally,
            receive(socket, number, tally.clone(), move |came| {
                if closed_loop {
                    round.borrow_mut().arrived(came, &credits);
                }
            }),
        );
    }
    for credit in &credits {
        let anonymous = Socket::open(&target).await?;
        spawn(&tally, send(anonymous, stock.clone(), credit.clone(), tally.clone()));
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
    tally.settle(options.members as u64, Duration::from_secs(20)).await?;
    without_echoes(&mut measured, options.members);
    measured.workload = "fan-out";
    measured.mode = match options.rate {
        Some(rate) => format!("{} members, {rate} msg/s", options.members),
        None => format!("{} members, full speed, {} on their way", options.members, options.window),
    };
    measured.lost = Some(tally.missing(tally.receivers() as u64));
    measured.dups = Some(tally.twice.get());
    measured.sealed_bytes = Some(stock.messages[0].len());
    measured.sealed = Some("framed");
    report.print(&measured);
    Ok(())
}

/// Gives a sender its next message when as many arrivals have been counted as one message makes.
struct Round {
    arrived: usize,
    everybody: usize,
    next: usize,
}

impl Round {
    fn arrived(&mut self, came: usize, credits: &[Rc<Credit>]) {
        self.arrived += came;
        while self.arrived >= self.everybody {
            self.arrived -= self.everybody;
            credits[self.next % credits.len()].grant(1);
            self.next += 1;
        }
    }
}

/// Of the arrivals of a message, one is its writer's echo.
fn without_echoes(measured: &mut crate::report::Measured, members: usize) {
    let all = measured.msgs.unwrap_or(0);
    let others = all - all / members as u64;
    let share = others as f64 / all.max(1) as f64;
    measured.msgs = Some(others);
    measured.msgs_per_s = measured.msgs_per_s.map(|rate| crate::report::rounded(rate * share, 1));
    measured.server_cpu_s_per_1k_msgs =
        measured.server_cpu_s_per_1k_msgs.map(|cpu| crate::report::rounded(cpu / share.max(1e-9), 5));
}
