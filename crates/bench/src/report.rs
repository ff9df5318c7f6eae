//! What was measured, as a line of JSON or of text.

use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Serialize;

/// One measurement. What a workload does not measure is absent.
#[derive(Debug, Default, Serialize)]
pub struct Measured {
    /// The workload and, where it has several, its part.
    pub workload: &'static str,
    /// How it was driven.
    pub mode: String,
    /// Messages that reached the people they were for; echoes to their senders are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgs: Option<u64>,
    /// Seconds measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secs: Option<f64>,
    /// The first through the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgs_per_s: Option<f64>,
    /// Processor time of the relay's process, user and system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_s: Option<f64>,
    /// The same for 1,000 messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_cpu_s_per_1k_msgs: Option<f64>,
    /// Processor time of the generator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generator_cpu_s: Option<f64>,
    /// Half of the messages took at most this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 99 of 100 took at most this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Acknowledged by the relay and never delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Delivered more than once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dups: Option<u64>,
    /// Connections held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conns: Option<u64>,
    /// Memory of the relay for each of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kib_per_conn: Option<f64>,
    /// Processor time of the relay for each connection, handshakes and login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_cpu_ms: Option<f64>,
    /// From the start of the process to its open port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<f64>,
    /// Memory of the relay's process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pss_mib: Option<f64>,
    /// Bytes of one sealed message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed_bytes: Option<usize>,
    /// How the messages came to be: `engine` when real engines sealed them in real conversations (a stock for
    /// each conversation, sent in turn), `framed` when only the outside is MLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<&'static str>,
}

#[derive(Serialize)]
struct Line<'a, M> {
    #[serde(flatten)]
    measured: &'a M,
    #[serde(flatten)]
    relay: Option<Told>,
    build: &'static str,
    machine: &'a str,
    load_1m: f64,
    commit: &'a str,
    date: &'a str,
}

/// What a relay says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Whether its sockets are encrypted.
    pub tls: bool,
    /// Whether what it acknowledges is on a disk.
    pub durable: bool,
}

/// Prints measurements.
pub struct Reporter {
    /// What the relay that is measured has told; nothing of one that was started elsewhere.
    pub relay: Option<Told>,
    json: bool,
    machine: String,
    commit: String,
    date: String,
}

impl Reporter {
    /// A reporter that prints JSON or text.
    pub fn new(json: bool) -> Self {
        let said = |program: &str, args: &[&str]| {
            let out = std::process::Command::new(program).args(args).output().ok()?;
            out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
        };
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|x| x.1));
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        Self {
            relay: None,
            json,
            machine: format!("{cores} cores of {}", model.unwrap_or("an unknown processor")),
            commit: said("git", &["describe", "--always", "--dirty"]).unwrap_or_default(),
            date: said("date", &["-u", "+%Y-%m-%dT%H:%MZ"]).unwrap_or_default(),
        }
    }

    /// Prints one measurement.
    pub fn print(&mut self, measured: &impl Serialize) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let line = Line {
            measured,
            relay: self.relay,
            build: if cfg!(debug_assertions) { "dev" } else { "release" },
            machine: &self.machine,
            load_1m: load.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0),
            commit: &self.commit,
            date: &self.date,
        };
        if self.json {
            println!("{}", serde_json::to_string(&line).expect("numbers and texts are JSON"));
        } else {
            self.print_text(&serde_json::to_value(measured).expect("numbers and texts are JSON"));
        }
    }

    fn print_text(&self, measured: &serde_json::Value) {
        if let (Some(workload), Some(mode)) = (measured["workload"].as_str(), measured["mode"].as_str()) {
            println!("{workload} ({mode})");
        }
        for (name, value) in measured.as_object().into_iter().flatten() {
            if !matches!(name.as_str(), "workload" | "mode") {
                println!("  {name:<26} {value}");
            }
        }
    }

    /// Tells how the preparation goes, on the error stream.
    pub fn progress(&self, text: &str) {
        eprintln!("  {text}");
    }
}

/// Latencies in microseconds.
pub struct Latencies(Histogram<u64>);

impl Latencies {
    /// None yet.
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are in order"))
    }

    /// One more.
    pub fn record(&mut self, micros: u64) {
        self.0.saturating_record(micros.max(1));
    }

    /// A quantile in milliseconds; `None` when there are no values.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        (!self.0.is_empty()).then(|| rounded(self.0.value_at_quantile(quantile) as f64 / 1000.0, 3))
    }
}

/// Rounded to some decimals, for reading.
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

/// The time, to measure with.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
pub fn now() -> Instant {
    Instant::now()
}
