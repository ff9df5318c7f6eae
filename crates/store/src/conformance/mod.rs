//! The tests that every backend of `Data` has to pass: `conformance_suite!(name, Harness)` makes them.
#![expect(clippy::unwrap_used, reason = "a suite of tests")]

pub mod blobs;
mod kill;
mod logs;
mod model;
mod races;

use std::future::Future;
use std::path::Path;

use bytes::Bytes;

use crate::data::{Batch, Data, Key, LogId, WriteError, Written};
use crate::inspect::Inspect;

pub use kill::{acknowledged_survives_kill, write_until_killed};
pub use logs::{
    bursts_keep_their_order, positions_survive, shared_values_go_with_their_last_entry, truncation,
};
pub use model::random_operations;
pub use races::{claims, compare_and_set, cursors};

/// Opens one kind of store.
pub trait Harness {
    /// The store.
    type Store: Inspect;
    /// Whether what is written survives the process.
    const DURABLE: bool;

    /// The store in a folder that belongs to it alone; the same one every time.
    fn open(folder: &Path) -> Self::Store;
    /// Closes the store and opens it again.
    fn reopen(store: Self::Store, folder: &Path) -> Self::Store;
}

/// Makes a module of tests for a [`Harness`](crate::conformance::Harness).
#[macro_export]
macro_rules! conformance_suite {
    ($name:ident, $harness:ty) => {
        mod $name {
            use super::*;

            #[test]
            fn random_operations_match_the_model() {
                $crate::conformance::random_operations::<$harness>();
            }
            #[test]
            fn each_key_is_claimed_once() {
                $crate::conformance::claims::<$harness>();
            }
            #[test]
            fn compare_and_set_counts_what_it_accepted() {
                $crate::conformance::compare_and_set::<$harness>();
            }
            #[test]
            fn a_cumulative_acknowledgement_deletes_nothing_unread() {
                $crate::conformance::cursors::<$harness>();
            }
            #[test]
            fn truncation_is_idempotent_and_stops_at_the_head() {
                $crate::conformance::truncation::<$harness>();
            }
            #[test]
            fn shared_values_go_with_their_last_entry() {
                $crate::conformance::shared_values_go_with_their_last_entry::<$harness>();
            }
            #[test]
            fn positions_are_never_given_twice() {
                $crate::conformance::positions_survive::<$harness>();
            }
            #[test]
            fn batches_of_one_caller_keep_their_order() {
                $crate::conformance::bursts_keep_their_order::<$harness>();
            }
            #[test]
            fn what_was_acknowledged_survives_kill_9() {
                let child = concat!(module_path!(), "::the_process_that_is_killed");
                $crate::conformance::acknowledged_survives_kill::<$harness>(child);
            }
            /// Does something only when the test above starts it.
            #[test]
            fn the_process_that_is_killed() {
                $crate::conformance::write_until_killed::<$harness>();
            }
        }
    };
}

/// Runs a future to its end on this thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn write(store: &impl Data, batch: Batch) -> Result<Written, WriteError> {
    wait(store.write(batch))
}

fn key(name: impl AsRef<[u8]>) -> Key {
    Key::new(1, &[name.as_ref()])
}

fn mailbox(number: u8) -> LogId {
    LogId([number; 16])
}

fn number(value: u64) -> Bytes {
    Bytes::copy_from_slice(&value.to_be_bytes())
}

fn to_number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().unwrap())
}
