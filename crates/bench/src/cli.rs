//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::crash;
use crate::relay::{Relay, Wanted};
use crate::report::Reporter;
use crate::workload::{business, deliver, fan_out, groups, idle, media, search, start, store_drain};

/// What goes wrong, as a sentence for the person at the terminal.
pub type Failed = Box<dyn std::error::Error>;

/// Measures a relay from outside. It starts one of its own, the `lacre` binary beside itself, unless it is told
/// of another.
#[derive(Parser)]
#[command(version, name = "lacre-bench")]
pub struct Cli {
    #[command(subcommand)]
    workload: Workload,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// One JSON object a line instead of text.
    #[arg(long, global = true)]
    json: bool,
    /// The `lacre` binary to start.
    #[arg(long, global = true, value_name = "PATH")]
    lacre: Option<PathBuf>,
    /// Where the relay's data lies; a new folder beside this program when not given, removed at the end.
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// A relay that runs already, as HOST:PORT; its rate limits must be lifted.
    #[arg(long, global = true, value_name = "ADDRESS", requires = "relay_pid")]
    relay: Option<String>,
    /// Its process.
    #[arg(long, global = true, value_name = "PID")]
    relay_pid: Option<u32>,
}

#[derive(Subcommand)]
enum Workload {
    /// Pairs of people who are both online.
    Deliver(deliver::Options),
    /// Messages for people who are away, who then come and fetch them.
    StoreDrain(store_drain::Options),
    /// One conversation with many members online.
    FanOut(fan_out::Options),
    /// What a group costs its members' devices, by its size: real engines over a real relay.
    Groups(groups::Options),
    /// Connections that are logged in and do nothing.
    Idle(idle::Options),
    /// One large file: sealed, uploaded, downloaded, opened.
    Media(media::Options),
    /// From the start of the process to its open port, and its memory when idle.
    Start(start::Options),
    /// Search over the messages of one device; no relay takes part.
    Search(search::Options),
    /// A business node: messages through its API to their acknowledgement, and webhooks out of it.
    Business(business::Options),
    /// The relay killed with -9 again and again while people write: nothing acknowledged is lost.
    Crash(crash::Options),
}

impl Cli {
    /// Runs the workload.
    pub fn run(self) -> Result<(), Failed> {
        if let Workload::Idle(options) = &self.workload
            && let Some(done) = idle::raise_descriptors(options)?
        {
            return done;
        }
        // One thread: the generator takes one core at most, and leaves the other to the relay.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        tokio::task::LocalSet::new().block_on(&runtime, self.workload())
    }

    async fn workload(self) -> Result<(), Failed> {
        let Common { json, lacre, data, relay, relay_pid } = self.common;
        let mut report = Reporter::new(json);
        let admin = matches!(self.workload, Workload::Business(_));
        let wanted = Wanted { lacre, data, admin };
        if let Workload::Search(options) = &self.workload {
            return search::run(options, &mut report);
        }
        if let Workload::Start(options) = &self.workload {
            return start::run(options, &wanted, &mut report).await;
        }
        let mut relay = match (relay, relay_pid) {
            (Some(address), Some(pid)) => Relay::running(&address, pid)?,
            _ => Relay::start(&wanted).await?,
        };
        report.relay = relay.told;
        let done = match self.workload {
            Workload::Deliver(options) => deliver::run(&options, &relay, &mut report).await,
            Workload::StoreDrain(options) => store_drain::run(&options, &relay, &mut report).await,
            Workload::FanOut(options) => fan_out::run(&options, &relay, &mut report).await,
            Workload::Groups(options) => groups::run(&options, &relay, &mut report).await,
            Workload::Idle(options) => idle::run(&options, &mut relay, &mut report).await,
            Workload::Media(options) => media::run(&options, &relay, &mut report).await,
            Workload::Business(options) => business::run(&options, &relay, &mut report).await,
            Workload::Crash(options) => crash::run(&options, &mut relay, &mut report).await,
            Workload::Start(_) | Workload::Search(_) => unreachable!("they have run above"),
        };
        relay.stop().await;
        done
    }
}
