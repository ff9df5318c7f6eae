//! Time as an argument: what the driver knows of clocks.

use std::time::Duration;

use futures_util::future::BoxFuture;
use lacre_proto::Millis;

/// Tells the time and waits. A test's clock stands still until it is moved.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Millis;

    /// Is ready after this time.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}

/// The machine's clock; needs a tokio runtime with time.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the client's clock")]
    fn now(&self) -> Millis {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |time| time.as_millis() as Millis)
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}
