//! Offline: people write to others who are away; then these come, all at once, and fetch.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::Span;
use crate::cli::Failed;
use crate::member::Stock;
use crate::person::{self, Couple, Kind, Login};
use crate::pump::{Tally, echo, spawn};
use crate::relay::Relay;
use crate::report::{Measured, Reporter, now, rounded};
use crate::socket::{In, Socket, Target};

/// Requests that a sender has open; the protocol allows 64.
const OPEN: usize = 48;

#[derive(Args)]
pub struct Options {
    /// Sockets that send.
    #[arg(long, default_value_t = 20)]
    senders: usize,
    /// People who are away.
    #[arg(long, default_value_t = 100)]
    receivers: usize,
    /// Messages in all.
    #[arg(long, default_value_t = 20_000)]
    count: usize,
    #[command(flatten)]
    kind: Kind,
}

pub async fn run(options: &Options, relay: &Relay, report: &mut Reporter) -> Result<(), Failed> {
    let rng = &mut StdRng::from_os_rng();
    let target = relay.target();
    let tally = Tally::new(rng.random(), options.receivers);
    let mut stocks: Vec<Vec<Rc<Stock>>> = vec![Vec::new(); options.senders];
    let mut logins = Vec::new();
    for receiver in 0..options.receivers {
        if receiver % 20 == 0 {
            report.progress(&format!("{receiver} of {} conversations ready", options.receivers));
        }
        let Couple { sender, receiver: away, stock, login } =
            person::couple(&target, &options.kind, rng).await?;
        drop(away);
        spawn(&tally, echo(sender));
        stocks[receiver % options.senders].push(Rc::new(stock));
        logins.push(login);
    }
    let sealed_bytes = stocks[0][0].messages[0].len();

    let span = Span::begin(relay, &tally)?;
    for (sender, stocks) in stocks.into_iter().enumerate() {
        let share = options.count / options.senders + usize::from(sender < options.count % options.senders);
        let socket = Socket::open(&target).await?;
        spawn(&tally, store(socket, stocks, share, tally.clone()));
    }
    while tally.accepted.get() < options.count as u64 {
        tally.check()?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut measured = span.end_with(relay, tally.accepted.get(), &tally)?;
    measured.workload = "store";
    print(measured, options, sealed_bytes, &tally, report);

    let span = Span::begin(relay, &tally)?;
    let waiting = Rc::new(());
    for (receiver, login) in logins.into_iter().enumerate() {
        spawn(&tally, drain(target.clone(), login, receiver, tally.clone(), waiting.clone()));
    }
    while Rc::strong_count(&waiting) > 1 {
        tally.check()?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut measured = span.end(relay, &tally)?;
    // What was acknowledged is deleted a little later: that belongs to it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cpu = span.cpu(relay)?;
    measured.server_cpu_s = Some(rounded(cpu, 2));
    measured.server_cpu_s_per_1k_msgs = Some(rounded(cpu * 1000.0 / options.count.max(1) as f64, 5));
    // How long the messages waited is the absence of their receivers, and no latency.
    (measured.p50_ms, measured.p99_ms) = (None, None);
    measured.workload = "drain";
    measured.lost = Some(tally.missing(1));
    measured.dups = Some(tally.twice.get());
    print(measured, options, sealed_bytes, &tally, report);
    Ok(())
}

fn print(mut measured: Measured, options: &Options, bytes: usize, tally: &Tally, report: &mut Reporter) {
    measured.mode = format!("{} senders, {} receivers", options.senders, options.receivers);
    measured.sealed = Some(options.kind.name());
    measured.sealed_bytes = Some(bytes);
    measured.conns = Some(tally.receivers() as u64);
    report.print(&measured);
}

/// Sends a share of the messages into conversations in turn; the latency is that of the durable answer.
async fn store(mut socket: Socket, stocks: Vec<Rc<Stock>>, share: usize, tally: Rc<Tally>) -> io::Result<()> {
    let mut open = std::collections::HashMap::new();
    let mut sent = 0;
    while sent < share || !open.is_empty() {
        while sent < share && open.len() < OPEN {
            let time = now();
            let (number, dedupe) = tally.sent(time);
            open.insert(socket.queue(stocks[sent % stocks.len()].send(number, dedupe)), time);
            sent += 1;
        }
        socket.flush().await?;
        socket.fill().await?;
        while let Some(came) = socket.next()? {
            if let In::Response(response) = came {
                tally.answered(&response)?;
                if let Some(time) = open.remove(&response.id) {
                    tally.latencies.borrow_mut().record(time.elapsed().as_micros() as u64);
                }
            }
        }
    }
    Ok(())
}

/// Logs in, and fetches and acknowledges until the mailbox is empty.
async fn drain(
    target: Target,
    login: Login,
    receiver: usize,
    tally: Rc<Tally>,
    waiting: Rc<()>,
) -> io::Result<()> {
    let mut socket = login.open(&target).await.map_err(|error| io::Error::other(error.to_string()))?;
    let mut caught_up = false;
    while !caught_up {
        let mut last = None;
        while let Some(came) = socket.next()? {
            match came {
                In::Push(push) => {
                    for entry in &push.entries {
                        last = Some(entry.position);
                        tally.arrived(receiver, &entry.item)?;
                    }
                }
                In::CaughtUp => caught_up = true,
                In::Response(_) => {}
            }
        }
        if let Some(position) = last {
            socket.queue_ack(position);
        }
        socket.flush().await?;
        if !caught_up {
            socket.fill().await?;
        }
    }
    drop(waiting);
    // The socket stays open, as a device's would, until the run ends.
    echo(socket).await
}
