//! To whom one's own messages went in a group, and who of them has told of having them.

use std::collections::BTreeSet;

use lacre_proto::{AccountId, ConversationId};

use super::{Cx, Engine};
use crate::api::EngineError;
use crate::content::MessageId;
use crate::records::key::{self, AUDIENCE};
use crate::records::{GroupRecord, Heard, MessageState};

/// Receipts are sent in groups of at most so many people.
const RECEIPTED: u32 = 64;

impl Engine {
    /// Notes to whom one's own message went, so that it counts as delivered when all of them have it.
    pub(super) fn note_audience(
        &self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        message: MessageId,
    ) -> Result<(), EngineError> {
        if cx.records().group(id)?.is_none_or(|group| !owes_receipts(&group)) {
            return Ok(());
        }
        let others: BTreeSet<AccountId> = cx.members(id)?.into_iter().map(|member| member.account).collect();
        let others: Vec<AccountId> =
            others.into_iter().filter(|account| *account != self.me.account).collect();
        cx.put(key::message_in(AUDIENCE, id, message), &others);
        Ok(())
    }

    /// Notes that a member has a message, or has seen it; whether everybody to whom it went and who is still
    /// there has told as much.
    pub(super) fn all_heard(
        &self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        message: MessageId,
        by: AccountId,
        state: MessageState,
    ) -> Result<bool, EngineError> {
        let heard = if state == MessageState::Read { Heard::Read } else { Heard::Delivered };
        let at = key::heard_by(id, message, by);
        if cx.records().read::<Heard>("heard by", &at)?.is_some_and(|before| before >= heard) {
            return Ok(false);
        }
        cx.put(at, &heard);
        let audience: Option<Vec<AccountId>> =
            cx.records().read("audience", &key::message_in(AUDIENCE, id, message))?;
        let Some(mut audience) = audience else { return Ok(false) };
        let told = cx.records().heard_by(id, message)?;
        audience.retain(|account| !told.iter().any(|(by, is)| by == account && *is >= heard));
        if audience.is_empty() {
            return Ok(true);
        }
        let there: BTreeSet<AccountId> = cx.members(id)?.into_iter().map(|member| member.account).collect();
        Ok(audience.iter().all(|account| !there.contains(account)))
    }
}

/// In a large group nobody sends receipts: each would go to everybody.
pub(super) fn owes_receipts(group: &GroupRecord) -> bool {
    group.members <= RECEIPTED
}
