//! Secure again: somebody may have had this device's store in their hands. In every conversation its leaf gets keys
//! that are not in any copy, and the key packages at the relay are replaced, so that whoever has the copy opens
//! nothing that is said from then on.
//!
//! What a copy holds for good is the device's signature key and the account's identity key: MLS knows no change of a
//! member's signature key that others could tell from an impersonation, and the policy allows none (M-04). Against a
//! thief who uses them the device is removed and linked anew, or the account begun anew; see the user's guide.

use lacre_proto::{ConversationId, Millis};

use super::outbox::NewJob;
use super::state::{Purpose, Securing, What};
use super::{Cx, Engine};
use crate::api::{EngineError, Event};
use crate::records::key::SECURING;
use crate::records::{ConversationRecord, ConversationState, Standing};

impl Engine {
    pub(super) fn secure(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let mut securing = Securing { since_ms: cx.now, packages: false, left: Vec::new() };
        for record in cx.records().conversations()? {
            if self.is_to_be_secured(cx, &record)? {
                securing.left.push(record.id);
                self.enqueue(cx, record.id, NewJob::new(What::Commit(Purpose::Renew, None)))?;
            }
        }
        cx.put(vec![SECURING], &securing);
        self.tell_secured(cx, &securing);
        self.top_up(cx)
    }

    fn securing(&self, cx: &Cx<'_>) -> Result<Option<Securing>, EngineError> {
        cx.records().read("securing", &[SECURING])
    }

    /// Since when key packages and leaf keys are good.
    pub(super) fn secured_since(&self, cx: &Cx<'_>) -> Result<Millis, EngineError> {
        Ok(self.securing(cx)?.map_or(0, |securing| securing.since_ms))
    }

    /// Whether the key packages at the relay are to be replaced.
    pub(super) fn replaces_packages(&self, cx: &Cx<'_>) -> Result<bool, EngineError> {
        Ok(self.securing(cx)?.is_some_and(|securing| !securing.packages))
    }

    /// The relay has taken key packages in place of all that it had.
    pub(super) fn packages_replaced(&mut self, cx: &mut Cx<'_>, made_ms: Millis) -> Result<(), EngineError> {
        let waits = |securing: &Securing| !securing.packages && securing.since_ms <= made_ms;
        if let Some(securing) = self.securing(cx)?.filter(waits) {
            let securing = Securing { packages: true, ..securing };
            cx.put(vec![SECURING], &securing);
            self.tell_secured(cx, &securing);
        }
        Ok(())
    }

    /// This device has new keys in a conversation.
    pub(super) fn renewed(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        let Some(mut securing) = self.securing(cx)? else { return Ok(()) };
        let before = securing.left.len();
        securing.left.retain(|other| *other != id);
        if securing.left.len() < before {
            cx.put(vec![SECURING], &securing);
            self.tell_secured(cx, &securing);
        }
        Ok(())
    }

    /// Conversations whose turn has not come yet, though nothing of them waits: they were lost and found again, or
    /// are there no more.
    pub(super) fn secure_the_rest(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let Some(securing) = self.securing(cx)? else { return Ok(()) };
        for id in securing.left {
            match cx.records().conversation(id)? {
                Some(record) if self.is_to_be_secured(cx, &record)? => {
                    let renews = |what: &What| matches!(what, What::Commit(Purpose::Renew, _));
                    let waits = self.lane(cx, id, usize::MAX)?.iter().any(|(_, job)| renews(&job.what));
                    match record.state {
                        ConversationState::Open if !waits => {
                            self.enqueue(cx, id, NewJob::new(What::Commit(Purpose::Renew, None)))?;
                        }
                        // Its opening was given up: the next one has keys of its own.
                        ConversationState::Opening if !waits => self.renewed(cx, id)?,
                        _ => {}
                    }
                }
                _ => self.renewed(cx, id)?,
            }
        }
        Ok(())
    }

    /// Where a request was accepted that had come before: until then nothing was sent there, no new keys either.
    pub(super) fn secure_accepted(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
    ) -> Result<(), EngineError> {
        if self.is_to_be_secured(cx, record)? && record.created_ms <= self.secured_since(cx)? {
            self.plan_update(cx, record.id)?;
        }
        Ok(())
    }

    /// Nothing is sent where somebody only asks, and there are no keys where this account is not any more, or not yet.
    fn is_to_be_secured(&self, cx: &Cx<'_>, record: &ConversationRecord) -> Result<bool, EngineError> {
        let there = match record.state {
            ConversationState::Open | ConversationState::OutOfStep => true,
            // The keys with which it will open are made already.
            ConversationState::Opening => cx.seal(record.id)?.is_some(),
            ConversationState::Left | ConversationState::MergedInto(_) => false,
        };
        Ok(there && record.standing == Standing::Accepted)
    }

    fn tell_secured(&self, cx: &mut Cx<'_>, securing: &Securing) {
        cx.events.retain(|event| !matches!(event, Event::Securing(..)));
        cx.event(Event::Securing(securing.left.len(), securing.packages));
    }
}
