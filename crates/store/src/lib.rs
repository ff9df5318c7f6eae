//! Server storage: three small, domain-free ports (`Data`, `Blobs`, `Bus`) and their backends.
//!
//! It knows keys, values, logs and bytes. It must not know services, HTTP, OpenMLS or what a value means.

pub mod blobs;
pub mod bus;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod data;
pub mod inspect;
pub mod memory;
pub mod redb;
pub mod transfer;
