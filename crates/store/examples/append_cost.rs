//! What a stored message costs: CPU-seconds of this process, with all its threads, per 100,000 messages.
//!
//! `cargo run --release -p lacre-store --example append_cost [messages] [logs of each] [bytes]`
//!
//! Each line: messages of so many bytes, each appended to so many of 10,000 mailboxes, handed over 256 at a time;
//! "acked" also truncates each mailbox up to what was appended to it a round before. Linux only (reads `/proc`).

use std::time::Instant;

use lacre_store::data::{Batch, Data, LogId};
use lacre_store::memory::MemoryData;
use lacre_store::redb::{RedbData, RedbOptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const MAILBOXES: u64 = 10_000;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().expect("a number"));
    let messages = arguments.next().unwrap_or(100_000);
    let logs = arguments.next().unwrap_or(2);
    let bytes = arguments.next().unwrap_or(300);
    println!("{messages} messages of {bytes} bytes in {logs} logs each");
    let load = |acked, in_flight| Load { messages, logs, bytes, acked, in_flight };
    for acked in [false, true] {
        // What the measuring itself costs.
        let cost = run(&MemoryData::new(), load(acked, 256));
        println!("memory {}      256 a commit: {cost}", if acked { "acked" } else { "kept " });
    }
    for (name, data_key) in [("plain ", None), ("sealed", Some([7; 32]))] {
        for acked in [false, true] {
            for in_flight in [256, 1024] {
                let folder = tempfile::tempdir().expect("a folder");
                let options = RedbOptions { data_key, ..RedbOptions::new(folder.path().join("store")) };
                let store = RedbData::open(options, ChaCha8Rng::seed_from_u64(1)).expect("a new store");
                let cost = run(&store, load(acked, in_flight));
                println!("{name} {} {in_flight:8} a commit: {cost}", if acked { "acked" } else { "kept " });
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Load {
    messages: usize,
    logs: usize,
    bytes: usize,
    acked: bool,
    in_flight: usize,
}

fn run(store: &impl Data, load: Load) -> String {
    let Load { messages, logs, bytes, acked, in_flight } = load;
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let body = bytes::Bytes::from(vec![7; bytes]);
    let mut last_round: Vec<(LogId, u64)> = Vec::new();
    let ((user, system), start) = (cpu_seconds(), now());
    let written_before = written_bytes();
    for _ in 0..messages / in_flight {
        let chosen: Vec<Vec<LogId>> =
            (0..in_flight).map(|_| (0..logs).map(|_| mailbox(&mut rng)).collect()).collect();
        let mut acks = std::mem::take(&mut last_round).into_iter();
        let answers: Vec<_> = chosen
            .iter()
            .map(|logs| {
                let mut batch = Batch::new().append(logs.as_slice(), body.clone());
                for (log, position) in acks.by_ref().take(logs.len()) {
                    batch = batch.truncate(log, position);
                }
                store.write(batch)
            })
            .collect();
        for (answer, logs) in answers.into_iter().zip(chosen) {
            let positions = runtime.block_on(answer).expect("it is stored").appended.remove(0);
            if acked {
                last_round.extend(logs.into_iter().zip(positions));
            }
        }
    }
    let (user, system) = (cpu_seconds().0 - user, cpu_seconds().1 - system);
    let wall = start.elapsed().as_secs_f64();
    let each = 1e6 / messages as f64;
    let amplification = (written_bytes() - written_before) as f64 / (messages * bytes) as f64;
    format!(
        "{:5.2} us CPU a message ({:.2} user, {:.2} system), {:6.0}/s, {amplification:.1} bytes written a byte",
        (user + system) * each,
        user * each,
        system * each,
        messages as f64 / wall
    )
}

fn mailbox(rng: &mut ChaCha8Rng) -> LogId {
    // Spread like random ids, the same ones every time.
    let number = rng.random_range(0..MAILBOXES).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    LogId(id)
}

#[expect(clippy::disallowed_methods, reason = "a measurement")]
fn now() -> Instant {
    Instant::now()
}

/// User and system time of this process; a tick is 10 ms.
fn cpu_seconds() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("it has one").split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(11) / 100.0, ticks(12) / 100.0)
}

fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").expect("Linux");
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).expect("a line");
    line.parse().expect("a number")
}
