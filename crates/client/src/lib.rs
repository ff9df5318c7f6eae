//! Drives the engine: network, local store, timers and view models, for a terminal, a bot or a bench to hold.
//!
//! It knows the engine, the wire and the sealed local store. It must not know the relay's inside, nor any user
//! interface; keys stay in the engine and the store.

mod client;
pub mod clock;
mod connection;
mod driver;
mod fetch;
pub mod files;
pub mod groups;
mod joining;
pub mod journal;
mod lookup;
pub mod markup;
pub mod once;
pub mod profile;
pub mod report;
pub mod search;
pub mod store;
pub mod strangers;
pub mod told;
pub mod transport;
pub mod view;

pub use client::{Client, NotSent, OpenError, Probe, Setting, SignUp, probe};
pub use connection::{Connection, Trouble};
pub use driver::{IntentError, Queued};
pub use fetch::FetchError;
pub use joining::{JoinError, Joining};
pub use lacre_engine::identity::{
    BadGroupLink, BadLinkCode, BadLinkNumber, BadSafetyNumber, GroupLink, LinkCode, LinkError, LinkNumber,
    SafetyNumber,
};
pub use lacre_engine::{
    Agreement, Alert, EngineError, Event, Intent, Lead, Refusal, To, Wanted, Wish, content, records,
};
pub use lacre_guard::is_known_virus;
