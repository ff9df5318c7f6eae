//! The relay: edge, sessions and services. It carries what it cannot read.
//!
//! It must not know the engine, OpenMLS, or a key that opens anything.

pub mod clock;
pub mod config;
pub mod limits;

pub use config::{Config, EdgeLimits, Place, Quotas, Registration, Tls};
