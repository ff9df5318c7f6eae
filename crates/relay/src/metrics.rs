//! Counters for the operator, in Prometheus' text form. Nothing in them is about a person.

use std::fmt;
use std::sync::atomic::AtomicU64;

use lacre_proto::{ErrorCode, Millis};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The relay's counters.
pub struct Metrics {
    registry: Registry,
    pub(crate) connections: Gauge,
    pub(crate) accepted: Counter,
    pub(crate) sign_ups: Counter,
    pub(crate) logins: Counter,
    sends: Counter,
    commits: Counter,
    pub(crate) pushed: Counter,
    pub(crate) expired: Counter,
    pub(crate) commit_seconds: Histogram,
    backlog: Gauge,
    delivered: Counter,
    refusals: Family<Refusal, Counter>,
    pub(crate) blobs: Counter,
    pub(crate) blob_bytes_in: Counter,
    pub(crate) blob_bytes_out: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    code: &'static str,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    pub(crate) fn new(now: Millis) -> Self {
        let mut registry = Registry::with_prefix("lacre_relay");
        let start: Gauge<f64, AtomicU64> = Gauge::default();
        start.set(now as f64 / 1000.0);
        registry.register("start_time_seconds", "When the relay started, since the Unix epoch", start);
        // 0.5 ms to 8 s.
        let buckets = std::iter::successors(Some(0.0005), |bound| Some(bound * 2.0)).take(15);
        let metrics = Self {
            connections: Gauge::default(),
            accepted: Counter::default(),
            sign_ups: Counter::default(),
            logins: Counter::default(),
            sends: Counter::default(),
            commits: Counter::default(),
            pushed: Counter::default(),
            expired: Counter::default(),
            commit_seconds: Histogram::new(buckets),
            backlog: Gauge::default(),
            delivered: Counter::default(),
            refusals: Family::default(),
            blobs: Counter::default(),
            blob_bytes_in: Counter::default(),
            blob_bytes_out: Counter::default(),
            registry,
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let Self {
            registry,
            connections,
            accepted,
            sign_ups,
            logins,
            sends,
            commits,
            pushed,
            expired,
            commit_seconds,
            backlog,
            delivered,
            refusals,
            blobs,
            blob_bytes_in,
            blob_bytes_out,
        } = &mut self;
        registry.register("connections", "Open connections", connections.clone());
        registry.register("connections_accepted", "Connections since the start", accepted.clone());
        registry.register("sign_ups", "Sign-ups answered, repeated ones too", sign_ups.clone());
        registry.register("logins", "Logins", logins.clone());
        registry.register("sends", "Sealed messages accepted", sends.clone());
        registry.register("commits", "Commits and new conversations accepted", commits.clone());
        registry.register("deliveries", "Entries put into mailboxes", delivered.clone());
        registry.register("pushes", "Entries pushed to devices", pushed.clone());
        registry.register("expired", "Entries and tickets removed because of their age", expired.clone());
        registry.register(
            "mailbox_backlog",
            "Entries put into mailboxes since the start, less those acknowledged or expired",
            backlog.clone(),
        );
        registry.register(
            "store_commit_seconds",
            "Time from a message's arrival to its durable storage",
            commit_seconds.clone(),
        );
        registry.register("refusals", "Requests refused", refusals.clone());
        registry.register("blobs", "Files whose upload was finished", blobs.clone());
        registry.register("blob_bytes_in", "Bytes of files that came", blob_bytes_in.clone());
        registry.register("blob_bytes_out", "Bytes of files that went", blob_bytes_out.clone());
        self
    }

    pub(crate) fn sent(&self) {
        self.sends.inc();
    }

    pub(crate) fn committed(&self) {
        self.commits.inc();
    }

    pub(crate) fn delivered(&self, entries: usize) {
        self.delivered.inc_by(entries as u64);
        self.backlog.inc_by(entries as i64);
    }

    pub(crate) fn acknowledged(&self, entries: u64) {
        self.backlog.dec_by(entries as i64);
    }

    pub(crate) fn refused(&self, code: ErrorCode) {
        self.refusals.get_or_create(&Refusal { code: code.name() }).inc();
    }

    /// All of them, as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("a string takes everything");
        out
    }
}
