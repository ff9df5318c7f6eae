//! What is to be said later: kept on this device, said when it is due, and shown as failed when it may not be said any
//! more.

use lacre_proto::{ConversationId, Millis};

use super::vanishing::due;
use super::{Cx, Engine};
use crate::api::{EngineError, Refusal, Wish};
use crate::content::{Content, Manner, MessageId};
use crate::records::key::{self, SCHEDULED};
use crate::records::{ConversationRecord, Failure, Marks, MessageRecord, MessageState, Position, Scheduled};

/// What was to be said where nothing may be said now is tried again after this time.
const HELD: Millis = 3_600_000;

impl Engine {
    pub(super) fn send_scheduled(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for (at, scheduled) in due::<Scheduled>(cx, SCHEDULED, cx.now)? {
            cx.store.delete(at);
            if let Some(record) = cx.shown(scheduled.conversation)?
                && self.is_held(cx, &record)?
            {
                self.put_scheduled(cx, &Scheduled { at_ms: cx.now + HELD, ..scheduled });
                continue;
            }
            let Scheduled { id, conversation, content, once, in_reply_to, .. } = scheduled;
            let wish = Wish { once, not_before: None, in_reply_to };
            if let Err(refusal) = self.say_as(cx, conversation, id, content.clone(), wish)? {
                // A conversation that is gone takes with it what was to be said there; elsewhere it is shown.
                let manner = Manner { once, in_reply_to, ..Manner::default() };
                self.not_said(cx, conversation, id, content, manner, refusal)?;
            }
            cx.changed(conversation, id);
        }
        Ok(())
    }

    /// What was to be sent later may not be said any more: it stands there as failed.
    fn not_said(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: Content,
        manner: Manner,
        refusal: Refusal,
    ) -> Result<(), EngineError> {
        let Some(record) = cx.shown(conversation)? else { return Ok(()) };
        let row = self.own_row(cx, record.id, id, content, manner);
        let place = Position { anchor: cx.next_anchor()?, counter: 0 };
        let state = MessageState::Failed(match refusal {
            Refusal::NotAMember => Failure::NotAMember,
            Refusal::NotAllowed => Failure::NotAllowed,
            Refusal::Blocked => Failure::Blocked,
            Refusal::IdentityChanged => Failure::IdentityChanged,
            _ => Failure::Cancelled,
        });
        let marks = Marks { ended_ms: Some(cx.relay_now()?), ..row.marks };
        cx.put_message(&MessageRecord { position: place, state, marks, ..row })?;
        cx.put_conversation(&ConversationRecord { active_ms: cx.now, last: Some(id), ..record })
    }

    pub(super) fn put_scheduled(&self, cx: &mut Cx<'_>, scheduled: &Scheduled) {
        cx.put(key::due(SCHEDULED, scheduled.at_ms, &[&scheduled.id.0]), scheduled);
        cx.changed(scheduled.conversation, scheduled.id);
    }

    pub(super) fn find_scheduled(
        &self,
        cx: &Cx<'_>,
        id: MessageId,
    ) -> Result<Option<Scheduled>, EngineError> {
        Ok(cx.records().scheduled()?.into_iter().find(|scheduled| scheduled.id == id))
    }

    /// Gives up a message that was to be sent later; whether there was one.
    pub(super) fn unschedule(&self, cx: &mut Cx<'_>, id: MessageId) -> Result<bool, EngineError> {
        let Some(scheduled) = self.find_scheduled(cx, id)? else { return Ok(false) };
        cx.store.delete(key::due(SCHEDULED, scheduled.at_ms, &[&id.0]));
        cx.changed(scheduled.conversation, id);
        Ok(true)
    }
}
