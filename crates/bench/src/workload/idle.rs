//! Idle: connections that are logged in and do nothing. Memory of the relay for each, and what a login costs.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use lacre_proto::wire::request::Op;
use lacre_proto::{limits, wire};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Semaphore;

use crate::cli::Failed;
use crate::member::{Member, framed, take};
use crate::person::now_ms;
use crate::pump::{Tally, echo, spawn};
use crate::relay::{Relay, own_cpu};
use crate::report::{Measured, Reporter, now, rounded};
use crate::socket::{Socket, Target};

#[derive(Args)]
pub struct Options {
    /// How many connections; several numbers are reached one after the other, the lowest first.
    #[arg(long, value_delimiter = ',', default_values_t = [1000, 5000, 10_000])]
    connections: Vec<usize>,
    /// Each connection also sends a frame of 128 KiB, which is refused, and is pushed a commit of 1 MiB, before it
    /// rests.
    #[arg(long)]
    large_frames: bool,
}

/// Marks the process that has raised its limit.
const RAISED: &str = "LACRE_BENCH_DESCRIPTORS";

/// A process may open few files by default: where that is too few, this program runs itself anew with the limit
/// raised. Gives the error when that is not possible, and nothing when there is nothing to do.
pub fn raise_descriptors(options: &Options) -> Result<Option<Result<(), Failed>>, Failed> {
    let needed = options.connections.iter().max().copied().unwrap_or(0) + 100;
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let soft: usize = line.split_whitespace().nth(3).and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    if soft >= needed {
        return Ok(None);
    }
    if std::env::var_os(RAISED).is_some() {
        return Err(format!("{needed} connections need as many open files, and {soft} are allowed").into());
    }
    let error = Command::new("sh")
        .args(["-c", "ulimit -n \"$(ulimit -H -n)\" && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(RAISED, "1")
        .exec();
    Ok(Some(Err(error.into())))
}

pub async fn run(options: &Options, relay: &mut Relay, report: &mut Reporter) -> Result<(), Failed> {
    let rng = &mut StdRng::from_os_rng();
    let mut wanted = options.connections.clone();
    wanted.sort_unstable();
    let most = wanted.last().copied().unwrap_or(0);
    let members = signed_up(most, &relay.target(), rng, report).await?;

    // Anew on the same data, so that the growth is of connections and not of sign-ups.
    relay.restart().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let target = relay.target();
    let base = relay.pss()?;
    let tally = Tally::new(0, 0);
    let mut open = 0;
    for connections in wanted {
        let (cpu, own, start) = (relay.cpu()?, own_cpu()?, now());
        let mut sockets = logged_in(&members[open..connections], &target).await?;
        let added = connections - open;
        open = connections;
        let (secs, cpu) = (start.elapsed().as_secs_f64(), relay.cpu()? - cpu);
        if options.large_frames {
            large_frames(&target, &mut sockets, rng).await?;
        }
        for socket in sockets {
            spawn(&tally, echo(socket));
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        tally.check()?;
        report.print(&Measured {
            workload: "idle",
            mode: if options.large_frames {
                "after 128 KiB from each and 1 MiB to each"
            } else {
                "logged in"
            }
            .to_owned(),
            conns: Some(open as u64),
            kib_per_conn: Some(rounded(relay.pss()?.saturating_sub(base) as f64 / open as f64, 2)),
            login_cpu_ms: Some(rounded(cpu * 1000.0 / added as f64, 3)),
            secs: Some(rounded(secs, 2)),
            server_cpu_s: Some(rounded(cpu, 2)),
            generator_cpu_s: Some(rounded(own_cpu()? - own, 2)),
            pss_mib: Some(rounded(relay.pss()? as f64 / 1024.0, 1)),
            ..Measured::default()
        });
    }
    Ok(())
}

async fn signed_up(
    count: usize,
    target: &Target,
    rng: &mut StdRng,
    report: &Reporter,
) -> Result<Vec<Member>, Failed> {
    let mut members = Vec::with_capacity(count);
    for number in 0..count {
        let member = Member::new(&format!("i{number}-{:08x}", rng.random::<u32>()), now_ms(), rng)?;
        members.push(member);
    }
    let done = together(&members, |member| async move { member.sign_up(target).await.map(drop) }).await;
    done?;
    report.progress(&format!("{count} accounts made"));
    Ok(members)
}

async fn logged_in(members: &[Member], target: &Target) -> Result<Vec<Socket>, Failed> {
    together(members, |member| member.login(target)).await
}

/// Does something for each member, 64 at a time.
async fn together<'a, T, F>(members: &'a [Member], what: impl Fn(&'a Member) -> F) -> Result<Vec<T>, Failed>
where
    F: Future<Output = Result<T, Failed>> + 'a,
{
    let turns = Rc::new(Semaphore::new(64));
    let all = members.iter().map(|member| {
        let (turns, work) = (turns.clone(), what(member));
        async move {
            let _turn = turns.acquire().await?;
            work.await
        }
    });
    futures_util::future::try_join_all(all).await
}

/// Has each socket send and receive something large: in conversations of as many as a roster takes.
async fn large_frames(target: &Target, sockets: &mut [Socket], rng: &mut StdRng) -> Result<(), Failed> {
    const LARGE: usize = 1024 * 1024;
    for sockets in sockets.chunks_mut(limits::ROSTER) {
        for socket in sockets.iter_mut() {
            socket.ask(large_request()).await?;
        }
        let stock = framed(target, sockets, 420, rng).await?;
        let mut anonymous = Socket::open(target).await?;
        let commit = anonymous.queue(stock.commit(LARGE, rng)?);
        anonymous.flush().await?;
        // Taken while it is answered: of what is large only so much is on its way at once.
        futures_util::future::try_join_all(sockets.iter_mut().map(|socket| take(socket, 1))).await?;
        anonymous.answered(commit).await?;
    }
    Ok(())
}

/// A request as large as a frame may be, of which nothing is kept.
fn large_request() -> Op {
    let key_packages = vec![Bytes::from(vec![0; 128 * 1024])];
    Op::PublishKeyPackages(wire::PublishKeyPackages { key_packages, ..Default::default() })
}
