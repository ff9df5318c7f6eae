//! The client core, sans-IO: everything that happens is one [`Input`]; one input gives one [`Step`], whose
//! changes are committed in one transaction before its effects are run.
//!
//! It knows MLS, content, identity and the outbox. It must not know sockets, files, clocks, a global source of
//! randomness or a user interface: `now` and `rng` are arguments.

pub mod api;
pub mod content;
pub mod defence;
mod engine;
#[cfg(feature = "evil")]
pub mod evil;
pub mod files;
#[cfg(test)]
mod harness;
pub mod identity;
mod mls;
pub mod records;

pub use api::{
    Agreement, Alert, Changes, Effect, EngineError, Event, FileToFetch, FileToSend, Input, Intent, IntentId,
    Lead, NotUp, ReadError, Reader, Refusal, RequestId, Step, To, Wake, Wanted, Wish,
};
pub use engine::{EDITABLE, Engine, GIVEN_AGE, GreetError};
pub use records::Records;
