//! The relay's stories: over sessions without sockets, and over real sockets on loopback.

mod accounts;
mod conversations;
mod sockets;
mod world;
