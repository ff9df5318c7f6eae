//! Lives any number of simulations: `cargo xtask simulate --seeds N [--first SEED]`.

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use lacre_testkit::simulation::{Report, Size, simulate};

const USAGE: &str = "simulate --seeds N [--first SEED] [--days N] [--acts N] [--threads N]";

struct Options {
    seeds: u64,
    first: u64,
    size: Size,
    threads: usize,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    let (next, all) = (AtomicU64::new(0), Mutex::new(Total::default()));
    thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= options.seeds {
                        break;
                    }
                    let seed = options.first + number;
                    let lived = catch_unwind(|| simulate(seed, options.size));
                    all.lock().unwrap_or_else(PoisonError::into_inner).take(seed, lived.ok());
                }
            });
        }
    });
    all.into_inner().unwrap_or_else(PoisonError::into_inner).tell()
}

fn options() -> Option<Options> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get());
    let mut options = Options { seeds: 10, first: 1, size: Size::WEEKS, threads };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value: u64 = args.next()?.parse().ok()?;
        match name.as_str() {
            "--seeds" => options.seeds = value,
            "--first" => options.first = value,
            "--days" => options.size.days = value,
            "--acts" => options.size.acts = value,
            "--threads" => options.threads = usize::try_from(value).ok()?.max(1),
            _ => return None,
        }
    }
    Some(options)
}

#[derive(Default)]
struct Total {
    lived: u64,
    failed: Vec<u64>,
    sum: Report,
}

impl Total {
    fn take(&mut self, seed: u64, lived: Option<Report>) {
        let Some(report) = lived else {
            self.failed.push(seed);
            eprintln!("seed {seed} failed. Once more: cargo xtask simulate --seeds 1 --first {seed}");
            return;
        };
        self.lived += 1;
        println!(
            "seed {seed}: {} commits, {} rows on {} devices agree",
            report.commits, report.rows, report.devices
        );
        self.sum.add(&report);
    }

    fn tell(self) -> ExitCode {
        let Report { acts, commits, rows, devices } = &self.sum;
        println!("\n{} seeds in agreement, {} failed {:?}", self.lived, self.failed.len(), self.failed);
        println!("{commits} commits, {rows} rows compared on {devices} devices");
        for (act, times) in acts {
            println!("  {times:>7}  {act}");
        }
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
