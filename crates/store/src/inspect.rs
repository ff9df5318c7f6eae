//! Looking into a store: what lies in it, and whether it holds together.

use std::future::Future;

use crate::data::{Data, Unavailable};

/// What lies in a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Keys.
    pub keys: u64,
    /// Entries of all logs.
    pub entries: u64,
    /// Values stored for those entries; fewer when logs share them.
    pub values: u64,
}

/// A store that can be looked into.
pub trait Inspect: Data {
    /// Goes through the whole store: counts, and checks that every entry has its value, that logs are contiguous
    /// and that no value is kept that no entry needs. What does not hold together is an error that names it.
    fn check(&self) -> impl Future<Output = Result<Stats, Unavailable>> + Send;
}
