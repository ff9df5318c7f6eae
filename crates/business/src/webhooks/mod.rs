//! Events out: what happens on the sealed side and in the node, told to the business's programs.
//!
//! | module | what it does |
//! |---|---|
//! | `ascii` | JSON in ASCII alone |
//! | [`event`] | what happens, in the shapes of the Cloud API |
//! | `notice` | what the node itself tells |
//! | [`sign`] | signatures, and how a receiver checks them |
//! | [`subscription`] | who is told, after a handshake |
//! | [`outbox`] | what waits, durably and in order; replay, the dead, the log |
//! | `runner` | takes and tells until it is stopped |
//!
//! What a receiver can rely on: an event is told at least once for seven days, with the same bytes each time; events of
//! one customer come in their order and are counted; the signature is over the exact bytes.

mod ascii;
pub mod event;
mod notice;
pub mod outbox;
mod runner;
pub mod sign;
pub mod subscription;

pub use ascii::ascii_json;
pub use notice::{Notice, TemplateName};
pub use runner::Runner;
