//! What time it is: an argument everywhere below the binary.
//!
//! Two clocks count in a node. That of this machine says when tokens, signatures, links, sessions and files end, and when
//! something was done: what is the node's own. That of the relay says whether a window is open and a grant stands, since
//! relay and customer hold messages against it; what the device knows of it is right however wrong the machine's clock is.

use lacre_proto::Millis;

use crate::chat::SendError;

/// The clock of this machine.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Millis;
}

/// The sealed side, where it knows the relay's clock.
pub trait RelayClock: Send + Sync + 'static {
    /// What time it is at the relay, as far as the device knows, when the clock of this machine shows `now`.
    fn relay_now(&self, now: Millis) -> Result<Millis, SendError>;
}
