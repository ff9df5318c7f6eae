//! The MLS groups that are loaded: those used last, as many as hold so many leaves together.

use std::collections::HashMap;

use lacre_proto::ConversationId;
use openmls::group::MlsGroup;

use crate::mls::group;

/// Leaves of all groups together; a leaf with its share of the tree is about 5 KB in memory.
const LEAVES: usize = 8192;

/// The loaded groups. One that is used is taken out and put back.
#[derive(Default)]
pub(super) struct Groups {
    loaded: HashMap<ConversationId, Loaded>,
    leaves: usize,
    turn: u64,
}

struct Loaded {
    group: MlsGroup,
    leaves: usize,
    /// When it was put back last.
    turn: u64,
}

impl Groups {
    /// Takes a group out.
    pub(super) fn remove(&mut self, id: &ConversationId) -> Option<MlsGroup> {
        let loaded = self.loaded.remove(id)?;
        self.leaves -= loaded.leaves;
        Some(loaded.group)
    }

    /// Puts a group back; those that were used longest ago make room for it. The last one stays, however large.
    pub(super) fn insert(&mut self, id: ConversationId, group: MlsGroup) {
        self.remove(&id);
        let leaves = group::leaves(&group);
        self.turn += 1;
        self.leaves += leaves;
        self.loaded.insert(id, Loaded { group, leaves, turn: self.turn });
        while self.leaves > LEAVES && self.loaded.len() > 1 {
            let oldest = self.loaded.iter().min_by_key(|(_, loaded)| loaded.turn).map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            self.remove(&oldest);
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
