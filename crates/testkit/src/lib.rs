//! Worlds, a faulty network, a manual clock, the evil relay and crash points, for tests.
//!
//! It knows the engine and the relay's services, and drives both in one thread from one seed. Nothing here may be
//! linked by anything that is released.

pub mod canary;
pub mod device;
pub mod evil;
pub mod history;
mod linking;
pub mod network;
pub mod simulation;
pub mod store;
pub mod world;

pub use device::{Device, Taken};
pub use network::Faults;
pub use store::CrashPoint;
pub use world::World;
