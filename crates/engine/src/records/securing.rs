//! How far a device is that is made secure again.

use lacre_proto::Millis;

use super::{Records, key};
use crate::EngineError;
use crate::engine::state::Securing;

/// How far this device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secured {
    /// When it was asked for.
    pub since_ms: Millis,
    /// In how many conversations it has no new keys yet.
    pub left: usize,
    /// Whether the key packages at the relay are new.
    pub packages: bool,
}

impl Secured {
    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.left == 0 && self.packages
    }
}

impl Records<'_> {
    /// How far this device is with new keys; `None` when it was never asked to have them.
    pub fn secured(&self) -> Result<Option<Secured>, EngineError> {
        let securing: Option<Securing> = self.read("securing", &[key::SECURING])?;
        let secured =
            |Securing { since_ms, packages, left }| Secured { since_ms, left: left.len(), packages };
        Ok(securing.map(secured))
    }
}
