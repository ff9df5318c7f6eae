//! Pictures, videos, documents and voice notes: cleaned of what they tell about their maker, measured, coded.
//!
//! It knows formats: what is in them, how much of it is too much, and which of it must not leave a device. It must not
//! know a socket, a clock, a file's name, or what a message is. It builds for the browser too.
//!
//! Who sends a file needs one call, [`outgoing()`]. The modules do the rest, and [`voice`] what is spoken.
//!
//! Everything here takes foreign bytes: sizes are believed only within limits and before anything is allocated for
//! them, and what decodes forbids unsafe code (`docs/adr/0051-media-in-safe-rust.md`).

mod checksum;
pub mod document;
mod edits;
mod outgoing;
pub mod picture;
pub mod video;
pub mod voice;

pub use edits::{Edit, Edited, Fill};
pub use outgoing::{Body, Outgoing, outgoing};
