//! When a device updates its leaf: daily, and once soon after it came into a large group, whose tree is cold.
//!
//! Whoever adds many gives the tree no path (see [`crate::mls::group`]), so that the first updates are large, and each
//! makes the next one smaller. In a large group what all its devices do is spread over a time that grows with it:
//! nobody's update meets many others', and no relay has a thousand of them at once.

use lacre_proto::Millis;
use openmls::group::MlsGroup;

use super::state::Seal;
use super::{Cx, Engine};
use crate::api::EngineError;
use crate::defence::Defence;
use crate::mls::group;
use crate::records::ConversationState;
use crate::records::key;

const DAY: Millis = 24 * 3600 * 1000;
/// A group of up to so many leaves is not large.
const FEW: usize = 16;
/// The time for each leaf over which a large group spreads the updates of all.
const EACH: Millis = 4_000;

fn spread(group: &MlsGroup) -> Millis {
    match group::leaves(group) {
        0..=FEW => 0,
        leaves => (leaves as Millis * EACH).min(DAY / 2),
    }
}

/// When the leaf is due again, after it was updated now.
pub(super) fn next_update(cx: &Cx<'_>, group: &MlsGroup) -> Millis {
    cx.now + DAY - cx.jitter(spread(group))
}

/// When the leaf of a device is due that has just come in.
pub(super) fn first_update(cx: &Cx<'_>, group: &MlsGroup) -> Millis {
    match spread(group) {
        0 => next_update(cx, group),
        spread => cx.now + cx.jitter(spread),
    }
}

impl Engine {
    /// Conversations whose leaf is to be updated now, and when the next one is due.
    pub(super) fn plan_updates(&mut self, cx: &mut Cx<'_>) -> Result<Millis, EngineError> {
        let mut next = cx.now + DAY;
        for (at, seal) in cx.records().all::<Seal>("seal", &[key::SEAL])? {
            let Some(id) = key::conversation_in(&at) else { continue };
            let open = cx.records().conversation(id)?.is_some_and(|it| it.state == ConversationState::Open);
            if seal.lost || !open || !cx.defends(Defence::Update) {
                continue;
            }
            if seal.update_ms <= cx.now {
                self.plan_update(cx, id)?;
            } else {
                next = next.min(seal.update_ms);
            }
        }
        Ok(next)
    }
}
