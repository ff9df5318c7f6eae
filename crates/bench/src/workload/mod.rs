//! The workloads of the design's table of figures.

pub mod business;
pub mod deliver;
pub mod fan_out;
pub mod groups;
pub mod idle;
pub mod media;
pub mod search;
pub mod start;
pub mod store_drain;

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::cli::Failed;
use crate::pump::Tally;
use crate::relay::{Relay, own_cpu};
use crate::report::{Latencies, Measured, now, rounded};

/// A stretch of time that is measured.
pub struct Span {
    start: Instant,
    relay_cpu: f64,
    own_cpu: f64,
    delivered: u64,
}

impl Span {
    /// Begins now; what was counted of latencies before is forgotten.
    pub fn begin(relay: &Relay, tally: &Tally) -> Result<Self, Failed> {
        *tally.latencies.borrow_mut() = Latencies::new();
        let (relay_cpu, own_cpu) = (relay.cpu()?, own_cpu()?);
        Ok(Self { start: now(), relay_cpu, own_cpu, delivered: tally.delivered.get() })
    }

    /// Processor time of the relay since it began, in seconds.
    pub fn cpu(&self, relay: &Relay) -> Result<f64, Failed> {
        Ok(relay.cpu()? - self.relay_cpu)
    }

    /// Ends now, with what was delivered since it began.
    pub fn end(&self, relay: &Relay, tally: &Tally) -> Result<Measured, Failed> {
        self.end_with(relay, tally.delivered.get(), tally)
    }

    /// Ends now, with a count of one's own; `self.delivered` of it lay before the beginning.
    pub fn end_with(&self, relay: &Relay, count: u64, tally: &Tally) -> Result<Measured, Failed> {
        let secs = self.start.elapsed().as_secs_f64();
        let cpu = self.cpu(relay)?;
        let msgs = count - self.delivered;
        let latencies = tally.latencies.borrow();
        Ok(Measured {
            msgs: Some(msgs),
            secs: Some(rounded(secs, 3)),
            msgs_per_s: Some(rounded(msgs as f64 / secs, 1)),
            server_cpu_s: Some(rounded(cpu, 2)),
            server_cpu_s_per_1k_msgs: Some(rounded(cpu * 1000.0 / msgs.max(1) as f64, 5)),
            generator_cpu_s: Some(rounded(own_cpu()? - self.own_cpu, 2)),
            p50_ms: latencies.quantile_ms(0.5),
            p99_ms: latencies.quantile_ms(0.99),
            ..Measured::default()
        })
    }
}

/// Lets the load run for a time; a task that failed ends it.
pub async fn run_for(tally: &Rc<Tally>, seconds: f64) -> Result<(), Failed> {
    let end = now() + Duration::from_secs_f64(seconds);
    while now() < end {
        tally.check()?;
        tokio::time::sleep(Duration::from_millis(20).min(end.saturating_duration_since(now()))).await;
    }
    Ok(tally.check()?)
}

/// Makes messages due at a steady rate, given to the senders in turn, until the run is stopped.
pub async fn at_rate(tally: Rc<Tally>, rate: f64, mut due: impl FnMut(usize, Instant)) {
    let start = now();
    for number in 0usize.. {
        let time = start + Duration::from_secs_f64(number as f64 / rate);
        tokio::time::sleep_until(time.into()).await;
        if tally.stopped.get() {
            return;
        }
        due(number, time);
    }
}
