//! The relay: edge, sessions and services. It carries what it cannot read.
//!
//! It must not know the engine, OpenMLS, or a key that opens anything.

mod admin;
mod budget;
pub mod clock;
pub mod config;
mod edge;
pub mod files;
pub mod invites;
pub mod limits;
mod log;
pub mod metrics;
mod relay;
pub mod services;
pub mod session;
mod tls;

pub use config::{Config, EdgeLimits, Place, Quotas, Registration, Tls};
pub use relay::{Relay, RunningRelay, StartError};
pub use tls::{CertificateError, Protection, protection};
