//! How the client stands with its relay, for people to see.

use lacre_proto::error::{Retry, WireError};
use lacre_proto::{ErrorCode, Millis};

use crate::store::StoreError;
use crate::transport::ConnectError;

/// How the client stands with its relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Opening sockets and logging in.
    Connecting,
    /// Logged in; what waited in the mailbox is coming.
    CatchingUp,
    /// Logged in, and everything that waited is here.
    Online,
    /// Not connected.
    Offline {
        /// Since when.
        since: Millis,
        /// Why.
        why: Trouble,
        /// When the next attempt is made; `None` when somebody must do something first.
        again: Option<Millis>,
    },
    /// The client was closed.
    Closed,
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// No socket, or no longer one.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The relay said no, or goodbye.
    #[error("{}", .0.code.sentence())]
    Refused(WireError),
    /// What answers does not greet as a relay does.
    #[error("what answers at the relay's address does not greet as a relay does")]
    BadGreeting,
    /// The relay is not the one of the sign-up.
    #[error("this is not the relay that this profile signed up at; nothing was sent")]
    OtherRelay,
    /// The relay sent something that is no frame.
    #[error("the relay sent something that this app cannot read")]
    BadFrame,
    /// An answer did not come.
    #[error("the relay did not answer in time")]
    NoAnswer,
    /// The local store could not be written.
    #[error(transparent)]
    Store(StoreError),
    /// The engine failed; the sentence is for a report of the fault.
    #[error("the app has a fault: {0}")]
    Engine(String),
}

impl Trouble {
    /// Whether the same attempt may pass later without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect(error) => error.may_pass(),
            Self::Refused(error) => error.code.retry() == Retry::Later,
            Self::OtherRelay => false,
            Self::BadGreeting | Self::BadFrame | Self::NoAnswer | Self::Store(_) | Self::Engine(_) => true,
        }
    }

    /// Whether it may be worth trying now and then, though something must be done first: the relay is updated,
    /// the other program that took this device's place is closed.
    pub(crate) fn heals_by_itself(&self) -> bool {
        matches!(
            self,
            Self::Refused(error)
                if matches!(error.code, ErrorCode::Replaced | ErrorCode::VersionUnsupported)
        )
    }
}
