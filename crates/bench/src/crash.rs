//! The relay killed with -9 at random moments while people write to each other; then everything is compared with
//! a ledger of what was acknowledged.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lacre_client::clock::SystemClock;
use lacre_client::content::Content;
use lacre_client::store::MemoryStore;
use lacre_client::transport::{Endpoint, TlsConnect, Trust};
use lacre_client::view::Body;
use lacre_client::{Client, Setting, SignUp};
use lacre_proto::Handle;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use tokio::sync::Notify;

use crate::cli::Failed;
use crate::relay::Relay;
use crate::report::{Latencies, Reporter, now, rounded};

/// How long anything may take that must happen in the end.
const PATIENCE: Duration = Duration::from_secs(120);
/// Messages of a person that wait for their acknowledgement at once.
const OPEN: usize = 8;

#[derive(Args)]
pub struct Options {
    /// How often the relay is killed.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// People who write, each to the next.
    #[arg(long, default_value_t = 20)]
    clients: usize,
    /// The longest time that the relay lives, in milliseconds.
    #[arg(long, default_value_t = 1500)]
    life_ms: u64,
    /// Where the ledger is written; a temporary file when not given.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// The control: the relay's disk forgets what was written since the first kill, and the run passes only when
    /// that is seen.
    #[arg(long)]
    forgetful: bool,
}

#[derive(Debug, Default, Serialize)]
struct Figures {
    workload: &'static str,
    mode: String,
    kills: u32,
    acked: u64,
    shown: u64,
    /// Acknowledged, and shown to nobody.
    lost: u64,
    /// Shown more than once.
    twice: u64,
    /// Shown before an earlier one of the same sender.
    out_of_order: u64,
    /// Rows that say that something cannot be read or is missing.
    unreadable: u64,
    /// From the kill to the next acknowledgement of anybody, the clients' own waiting included.
    recovery_p50_ms: Option<f64>,
    recovery_p99_ms: Option<f64>,
    /// From the kill to the open port.
    restart_p50_ms: Option<f64>,
    secs: f64,
}

/// How the control may end as well.
#[derive(Debug, Serialize)]
struct Stuck {
    workload: &'static str,
    seen: &'static str,
}

/// What was acknowledged, in a file that no crash of a relay touches.
struct Ledger {
    file: RefCell<File>,
    acked: RefCell<Vec<(usize, u64)>>,
    last: Cell<Instant>,
    came: Notify,
}

impl Ledger {
    fn acknowledged(&self, writer: usize, number: u64) -> std::io::Result<()> {
        writeln!(self.file.borrow_mut(), "{writer} {number}")?;
        self.acked.borrow_mut().push((writer, number));
        self.last.set(now());
        self.came.notify_waiters();
        Ok(())
    }
}

pub async fn run(options: &Options, relay: &mut Relay, report: &mut Reporter) -> Result<(), Failed> {
    let start = now();
    let rng = &mut StdRng::from_os_rng();
    let (_temporary, path) = match &options.ledger {
        Some(path) => (None, path.clone()),
        None => {
            let file = tempfile::NamedTempFile::new()?;
            let path = file.path().to_owned();
            (Some(file), path)
        }
    };
    let ledger = Rc::new(Ledger {
        file: RefCell::new(File::create(path)?),
        acked: RefCell::default(),
        last: Cell::new(now()),
        came: Notify::new(),
    });
    let clients = people(options.clients, relay, rng).await?;
    report.progress(&format!("{} people signed up; they write, and the relay is killed", clients.len()));

    let stop = Rc::new(Cell::new(false));
    let writers: Vec<_> = (0..clients.len())
        .map(|writer| {
            let to = handle((writer + 1) % clients.len());
            let work = write(clients[writer].clone(), to, writer, ledger.clone(), stop.clone());
            tokio::task::spawn_local(work)
        })
        .collect();
    if options.forgetful {
        // By then every conversation is in what the relay will go back to.
        tokio::time::timeout(PATIENCE, everybody_acknowledged(&ledger, clients.len()))
            .await
            .map_err(|_| "not everybody was acknowledged once")?;
    }
    let (mut recovery, mut restart) = (Latencies::new(), Latencies::new());
    for kill in 1..=options.kills {
        tokio::time::sleep(Duration::from_millis(rng.random_range(50..=options.life_ms.max(51)))).await;
        let killed = now();
        match options.forgetful {
            true => relay.kill_and_forget().await?,
            false => relay.kill_and_start().await?,
        }
        restart.record(killed.elapsed().as_micros() as u64);
        let patience = if options.forgetful { Duration::from_secs(5) } else { PATIENCE };
        if tokio::time::timeout(patience, acknowledged_after(&ledger, now())).await.is_err() {
            let seen = "nothing was acknowledged any more after a restart";
            // The relay has forgotten what everybody builds on: as good as a message that is lost.
            if options.forgetful {
                report.print(&Stuck { workload: "crash", seen });
                return Ok(());
            }
            return Err(seen.into());
        }
        recovery.record(ledger.last.get().saturating_duration_since(killed).as_micros() as u64);
        if kill % 10 == 0 || kill == options.kills {
            let acked = ledger.acked.borrow().len();
            report.progress(&format!("{kill} of {} kills, {acked} acknowledged", options.kills));
        }
    }
    stop.set(true);
    let mut refused = false;
    for writer in writers {
        match tokio::time::timeout(PATIENCE, writer)
            .await
            .map_err(|_| "a writer did not come to its end")??
        {
            Err(_) if options.forgetful => refused = true,
            ended => ended?,
        }
    }
    if refused {
        // The relay says that it does not know what it has acknowledged.
        report.print(&Stuck { workload: "crash", seen: "what was acknowledged is unknown after a restart" });
        return Ok(());
    }

    let acked = ledger.acked.take();
    let patience = if options.forgetful { Duration::from_secs(3) } else { PATIENCE };
    let mut figures = judge_when_all_is_there(&clients, &acked, patience).await?;
    figures.workload = "crash";
    figures.mode = format!("{} people, kill -9 of the relay", options.clients);
    figures.kills = options.kills;
    figures.recovery_p50_ms = recovery.quantile_ms(0.5);
    figures.recovery_p99_ms = recovery.quantile_ms(0.99);
    figures.restart_p50_ms = restart.quantile_ms(0.5);
    figures.secs = rounded(start.elapsed().as_secs_f64(), 1);
    report.print(&figures);
    for client in clients {
        client.close().await;
    }
    let Figures { lost, twice, out_of_order, unreadable, .. } = figures;
    match lost + twice + out_of_order + unreadable {
        0 if options.forgetful => Err("the relay forgot, and nothing shows it".into()),
        _ if options.forgetful && lost > 0 => Ok(()),
        0 => Ok(()),
        _ => Err(format!("{lost} lost, {twice} twice, {out_of_order} out of order, {unreadable} unreadable")
            .into()),
    }
}

fn handle(number: usize) -> Handle {
    format!("c{number}").parse().expect("a letter and digits are a handle")
}

/// Signs everybody up, each with a store in memory.
async fn people(count: usize, relay: &Relay, rng: &mut StdRng) -> Result<Vec<Client>, Failed> {
    let endpoint = Endpoint { address: relay.url().parse()?, trust: Trust::FirstUse };
    let connect = Arc::new(TlsConnect::default());
    let mut clients = Vec::new();
    for number in 0..count {
        let setting = Setting {
            store: Arc::new(MemoryStore::default()),
            connect: connect.clone(),
            clock: Arc::new(SystemClock),
            rng: Box::new(StdRng::from_rng(rng)),
            files: None,
            pace: Default::default(),
        };
        let wanted = SignUp { endpoint: endpoint.clone(), handle: handle(number), invite: None };
        let client = Client::sign_up(setting, wanted).await?;
        // Its key packages are at the relay when it has nothing more to say.
        client.flush().await;
        clients.push(client);
    }
    Ok(clients)
}

/// Writes numbers to somebody until it is stopped, then waits for what is open.
async fn write(
    client: Client,
    to: Handle,
    writer: usize,
    ledger: Rc<Ledger>,
    stop: Rc<Cell<bool>>,
) -> Result<(), String> {
    let mut open = FuturesUnordered::new();
    let mut number = 0;
    loop {
        while !stop.get() && open.len() < OPEN {
            number += 1;
            let content = Content::Text { text: format!("{writer} {number}") };
            let (conversation, id) = client.send_to(&to, content).await.map_err(|error| error.to_string())?;
            let client = client.clone();
            open.push(async move { client.wait_sent(conversation, id).await.map(|()| number) });
        }
        match open.next().await {
            None => return Ok(()),
            Some(sent) => {
                let number = sent.map_err(|error| error.to_string())?;
                ledger.acknowledged(writer, number).map_err(|error| error.to_string())?;
            }
        }
    }
}

async fn acknowledged_after(ledger: &Ledger, time: Instant) {
    loop {
        let came = ledger.came.notified();
        if ledger.last.get() > time {
            return;
        }
        came.await;
    }
}

async fn everybody_acknowledged(ledger: &Ledger, writers: usize) {
    loop {
        let came = ledger.came.notified();
        let acked: HashSet<usize> = ledger.acked.borrow().iter().map(|(writer, _)| *writer).collect();
        if acked.len() == writers {
            return;
        }
        came.await;
    }
}

/// Compares what is shown with the ledger, as soon as nothing is missing or patience is at its end.
async fn judge_when_all_is_there(
    clients: &[Client],
    acked: &[(usize, u64)],
    patience: Duration,
) -> Result<Figures, Failed> {
    let deadline = now() + patience;
    loop {
        let figures = judge(clients, acked)?;
        if figures.lost == 0 || now() > deadline {
            return Ok(figures);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn judge(clients: &[Client], acked: &[(usize, u64)]) -> Result<Figures, Failed> {
    let mut figures = Figures { acked: acked.len() as u64, ..Figures::default() };
    let mut shown: HashMap<(usize, u64), u64> = HashMap::new();
    for client in clients {
        for conversation in client.conversations()? {
            let mut newest: HashMap<usize, u64> = HashMap::new();
            for message in client.messages(conversation.id, None, usize::MAX)? {
                match message.body {
                    Body::Text(_) if message.mine => {}
                    Body::Text(text) => {
                        let said = parse(&text).ok_or("a message that nobody wrote")?;
                        *shown.entry(said).or_default() += 1;
                        let before = newest.insert(said.0, said.1);
                        figures.out_of_order += u64::from(before.is_some_and(|before| before >= said.1));
                    }
                    _ => figures.unreadable += 1,
                }
            }
        }
    }
    figures.shown = shown.values().sum();
    figures.twice = shown.values().map(|times| times - 1).sum();
    figures.lost = acked.iter().filter(|said| !shown.contains_key(said)).count() as u64;
    Ok(figures)
}

fn parse(text: &str) -> Option<(usize, u64)> {
    let (writer, number) = text.split_once(' ')?;
    Some((writer.parse().ok()?, number.parse().ok()?))
}
