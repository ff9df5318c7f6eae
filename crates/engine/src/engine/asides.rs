//! What the user says about a message: done here at once, told to the others, and undone when it cannot be sent.

use lacre_proto::{ConversationId, Millis};

use super::acts::{Act, judge, touch};
use super::outbox::NewJob;
use super::state::{JobState, Sealing, What};
use super::{Cx, Engine};
use crate::api::{EngineError, Refusal};
use crate::content::{self, Content, MessageId};
use crate::records::key::{self, PIN};
use crate::records::{ConversationState, Failure, Shared};

type Done = Result<Result<(), Refusal>, EngineError>;

impl Engine {
    /// Says something about a message, and does it here at once.
    pub(super) fn act(&mut self, cx: &mut Cx<'_>, conversation: ConversationId, content: Content) -> Done {
        let Some(target) = content.about() else { return Ok(Err(Refusal::BadContent)) };
        let (record, mut row) = match self.row(cx, conversation, target)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if record.state == ConversationState::Left {
            return Ok(Err(Refusal::NotAMember));
        }
        if !self.is_allowed(cx, record.id, self.me.account, &content)? {
            return Ok(Err(Refusal::NotAllowed));
        }
        if self.is_held(cx, &record)? {
            return Ok(Err(Refusal::IdentityChanged));
        }
        if Self::is_request(&record) {
            // To say something is to accept.
            self.accept(cx, record.id)?.ok();
        }
        let rights = self.rights(cx, &record, self.me.account)?;
        let id = cx.new_message_id();
        let act = Act { author: self.me.account, id, time: cx.relay_now()?, rights, content, proof: None };
        if let Err(idle) = judge(cx, &row, &act) {
            return Ok(Err(idle.into()));
        }
        self.put_aside(cx, record.id, id, act.content.clone())?;
        match &act.content {
            // What belongs to all waits for its place in the relay's order.
            Content::Pin { pinned, .. } => {
                let at = key::message_in(PIN, record.id, target);
                let mut pin: Shared<bool> = cx.records().read("pin", &at)?.unwrap_or_default();
                pin.wait(id, self.me.account, *pinned);
                cx.put(at, &pin);
                cx.changed(record.id, target);
                touch(cx, &mut row).map(Ok)
            }
            _ => self.apply_act(cx, record.id, &act).map(Ok),
        }
    }

    /// Sends something that is no row.
    pub(super) fn put_aside(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: Content,
    ) -> Result<(), EngineError> {
        let what = What::Aside { shown_in: conversation, id, content, sealing: Sealing::default() };
        self.enqueue(cx, conversation, NewJob::new(what)).map(drop)
    }

    /// The relay has put something of one's own into its order.
    pub(super) fn aside_echoed(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: Content,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(record) = cx.shown(conversation)? else { return Ok(()) };
        let rights = self.rights(cx, &record, self.me.account)?;
        let act = Act { author: self.me.account, id, time, rights, content, proof: None };
        self.apply_act(cx, record.id, &act)
    }

    pub(super) fn react(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        to: MessageId,
        emoji: Option<String>,
    ) -> Done {
        if emoji.as_ref().is_some_and(|emoji| !content::is_emoji(emoji)) {
            return Ok(Err(Refusal::NotAnEmoji));
        }
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        let before = cx.records().reaction_of(record.id, to, self.me.account)?;
        let revision = before.map_or(0, |before| before.revision).saturating_add(1);
        self.act(cx, conversation, Content::Reaction { to, emoji, revision })
    }

    pub(super) fn edit_own(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
        text: String,
    ) -> Done {
        let new = Content::Text { text: text.clone() };
        if !self.can_be_said(&new) {
            return Ok(Err(Refusal::BadContent));
        }
        if let Some(mut scheduled) = self.find_scheduled(cx, message)? {
            if !matches!(scheduled.content, Content::Text { .. }) {
                return Ok(Err(Refusal::NotOfThisKind));
            }
            scheduled.content = Content::Text { text };
            self.put_scheduled(cx, &scheduled);
            return Ok(Ok(()));
        }
        let (record, mut row) = match self.row(cx, conversation, message)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        // What has not left this device is simply written anew.
        if self.is_unsealed(cx, message)? && matches!(row.content, Content::Text { .. }) {
            row.content = Content::Text { text };
            return cx.put_message(&row).map(Ok);
        }
        let versions = cx.records().versions(record.id, message)?;
        let revision = versions.iter().map(|version| version.revision).max().unwrap_or(0).saturating_add(1);
        self.act(cx, conversation, Content::Edit { of: message, text, revision })
    }

    pub(super) fn is_unsealed(&self, cx: &Cx<'_>, message: MessageId) -> Result<bool, EngineError> {
        Ok(self.jobs(cx)?.iter().any(|(_, job)| match &job.what {
            What::Message { id, sealing, .. } => {
                *id == message && job.state == JobState::Waiting && sealing.sealed.is_empty()
            }
            _ => false,
        }))
    }

    pub(super) fn delete_for_all(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        of: MessageId,
    ) -> Done {
        if self.is_unsealed(cx, of)? {
            if let Err(refusal) = self.cancel(cx, of)? {
                return Ok(Err(refusal));
            }
            return self.on_row(cx, conversation, of, Self::forget);
        }
        self.act(cx, conversation, Content::Delete { of })
    }

    pub(super) fn pin(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
        pinned: bool,
    ) -> Done {
        self.act(cx, conversation, Content::Pin { message, pinned })
    }

    pub(super) fn vote(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        poll: MessageId,
        mut choices: Vec<u8>,
    ) -> Done {
        choices.sort_unstable();
        choices.dedup();
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        if cx.exists(&key::message_in(key::CLOSED, record.id, poll))? {
            return Ok(Err(Refusal::Closed));
        }
        let mine = key::key(key::VOTE, &[record.id.as_ref(), &poll.0, self.me.account.as_ref()]);
        let before = cx.records().all::<crate::records::Vote>("vote", &mine)?;
        let revision = before.last().map_or(0, |(_, vote)| vote.revision).saturating_add(1);
        self.act(cx, conversation, Content::Vote { poll, choices, revision })
    }

    /// Something that is no row will not be sent: what it did here is undone.
    pub(super) fn fail_aside(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: &Content,
        why: Failure,
    ) -> Result<(), EngineError> {
        let Some(record) = cx.shown(conversation)? else { return Ok(()) };
        cx.alert(Some(record.id), crate::Alert::NotSaid(why));
        let Some(target) = content.about() else { return Ok(()) };
        match content {
            Content::Reaction { .. } => {
                cx.store.delete(key::reaction(record.id, target, self.me.account));
            }
            Content::Vote { revision, .. } => {
                let parts: [&[u8]; 5] =
                    [record.id.as_ref(), &target.0, self.me.account.as_ref(), &revision.to_be_bytes(), &id.0];
                cx.store.delete(key::key(key::VOTE, &parts));
            }
            Content::Pin { .. } => {
                let at = key::message_in(PIN, record.id, target);
                let mut pin: Shared<bool> = cx.records().read("pin", &at)?.unwrap_or_default();
                pin.give_up(id);
                cx.put(at, &pin);
            }
            Content::ClosePoll { .. } => cx.store.delete(key::message_in(key::CLOSED, record.id, target)),
            Content::Edit { revision, .. } => self.undo_edit(cx, record.id, target, *revision, id)?,
            _ => {}
        }
        cx.changed(record.id, target);
        Ok(())
    }

    pub(super) fn undo_edit(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        target: MessageId,
        revision: u32,
        id: MessageId,
    ) -> Result<(), EngineError> {
        let parts: [&[u8]; 5] = [conversation.as_ref(), &target.0, &[1], &revision.to_be_bytes(), &id.0];
        cx.store.delete(key::key(key::VERSION, &parts));
        cx.store.delete(key::evidence_of_edit(conversation, target, id));
        let versions = cx.records().versions(conversation, target)?;
        let (Some(mut row), Some(newest)) = (cx.records().message(conversation, target)?, versions.last())
        else {
            return Ok(());
        };
        if let Content::Text { text, .. } = &mut row.content {
            text.clone_from(&newest.text);
        }
        row.marks.edited_ms = (newest.revision > 0).then_some(newest.time_ms);
        cx.put_message(&row)
    }
}

/// Whether a message is in a conversation, or was and is gone.
pub(super) fn was_here(
    cx: &Cx<'_>,
    conversation: ConversationId,
    id: MessageId,
) -> Result<bool, EngineError> {
    Ok(cx.records().message(conversation, id)?.is_some()
        || cx.exists(&key::message_in(key::GONE, conversation, id))?)
}
