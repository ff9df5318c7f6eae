//! What time it is: an argument everywhere below the binary.

use lacre_proto::Millis;

/// A clock.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Millis;
}
