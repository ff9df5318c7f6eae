//! What the user wants: into records and the outbox at once, so that it is seen and survives everything.

use lacre_proto::{ConversationId, Handle};

use super::outbox::NewJob;
use super::state::{JobState, Purpose, What};
use super::{Cx, Engine};
use crate::api::{EngineError, Event, Intent, IntentId, Refusal};
use crate::content::{Content, Matter, MessageId};
use crate::identity::LinkError;
use crate::records::key::{self, DIRECT, UNSEEN};
use crate::records::{ConversationKind, ConversationRecord, ConversationState, Failure, MessageState};

impl Engine {
    pub(super) fn intent(
        &mut self,
        cx: &mut Cx<'_>,
        id: IntentId,
        intent: Intent,
    ) -> Result<(), EngineError> {
        if let Intent::AddToGroup(group, _)
        | Intent::AddToGroupWith(group, ..)
        | Intent::RemoveFromGroup(group, _)
        | Intent::SetRole(group, ..)
        | Intent::SetRules(group, _) = &intent
        {
            // Who does something in a group has accepted it.
            self.accept(cx, *group)?.ok();
        }
        let refused = match intent {
            Intent::SendTo(handle, content) => self.send_to(cx, id, handle, content)?,
            Intent::Send(conversation, content) => self.send(cx, id, conversation, content)?,
            Intent::MarkRead(conversation, message) => self.mark_read(cx, conversation, message)?,
            Intent::Cancel(message) => self.cancel(cx, message)?,
            Intent::Accept(conversation) => self.accept(cx, conversation)?,
            Intent::Decline(conversation) => self.decline(cx, conversation)?,
            Intent::Block(account) => self.block(cx, account)?,
            Intent::Unblock(account) => self.unblock(cx, account)?,
            Intent::UpdateLeaf(conversation) => self.update_leaf(cx, conversation)?,
            Intent::CreateGroup(name, people) => self.create_group(cx, id, name, people)?,
            Intent::AddToGroup(group, people) => self.add_to_group(cx, group, people, 0)?,
            Intent::AddToGroupWith(group, people, history) => {
                self.add_to_group(cx, group, people, history)?
            }
            Intent::SetGroupLink(group, until) => self.set_link(cx, id, group, until)?,
            Intent::AskToJoin(link) => self.ask_to_join(cx, id, &link)?,
            Intent::AdmitAsker(group, account, history) => self.admit_asker(cx, group, account, history)?,
            Intent::DeclineAsker(group, account) => self.decline_asker(cx, group, account)?,
            Intent::RemoveFromGroup(group, people) => self.remove_from_group(cx, group, people)?,
            Intent::LeaveGroup(group) => self.leave_group(cx, group)?,
            Intent::SetRole(group, person, admin) => self.set_role(cx, group, person, admin)?,
            Intent::SetRules(group, rules) => self.set_rules(cx, group, rules)?,
            Intent::Link(code) => self.begin_linking(cx, code),
            Intent::StopLinking => {
                self.end_linking(cx, LinkError::Lost);
                Ok(())
            }
            Intent::RevokeDevice(device) => self.revoke(cx, device)?,
            Intent::ApproveDevice(device) => self.approve(cx, device)?,
            Intent::NameDevice(device, name) => self.name_device(cx, device, &name)?,
            intent @ (Intent::Fetch(_) | Intent::StopFetching(_)) => self.file_intent(cx, intent)?,
            Intent::AcceptIdentity(from, key) => self.accept_identity(cx, from, key)?,
            Intent::MarkVerified(account, number) => self.mark_verified(cx, account, Some(&number))?,
            Intent::Secure => self.secure(cx).map(Ok)?,
            Intent::UnmarkVerified(account) => self.mark_verified(cx, account, None)?,
            Intent::GiveHistory { to, since_ms } => self.give_history(cx, to, since_ms)?,
            Intent::StopHistory(with) => self.stop_history(cx, with)?,
            Intent::SetConsent(conversation, agreement) => self.grant(cx, conversation, agreement)?,
            Intent::SetTerms(terms) => self.set_terms(cx, terms)?,
            Intent::SetProfile(said, picture) => self.set_profile(cx, *said, picture)?,
            Intent::LookUp(handle) => self.look_up(cx, handle),
            Intent::Share(name, bytes) => self.share(cx, name, bytes)?,
            Intent::Lead(wanted) => self.ask_lead(cx, wanted),
            Intent::Choose(conversation, menu, choice) => {
                self.answer_menu(cx, conversation, menu, &choice)?.map(|(conversation, message)| {
                    cx.event(Event::Queued(id, conversation, message));
                })
            }
            Intent::Fill(conversation, menu, answers) => {
                self.fill_in(cx, conversation, menu, answers)?.map(|(conversation, message)| {
                    cx.event(Event::Queued(id, conversation, message));
                })
            }
            Intent::KeepDraft(conversation, text) => self.keep_draft(cx, conversation, text)?,
            other => self.kind_intent(cx, id, other)?,
        };
        if let Err(refusal) = refused {
            cx.event(Event::Refused(id, refusal));
        }
        Ok(())
    }

    fn send_to(
        &mut self,
        cx: &mut Cx<'_>,
        id: IntentId,
        handle: Handle,
        content: Content,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if !self.can_be_said(&content) {
            return Ok(Err(Refusal::BadContent));
        }
        if self.blocks(cx, &handle)? {
            return Ok(Err(Refusal::Blocked));
        }
        let conversation = match cx.records().direct_with(&handle)? {
            _ if handle == self.me.handle => self.notes(cx)?,
            Some(conversation) => conversation,
            None => self.begin(cx, handle)?,
        };
        self.send(cx, id, conversation, content)
    }

    /// A conversation with somebody of whom nothing but the handle is known yet.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>, handle: Handle) -> Result<ConversationId, EngineError> {
        let known = cx.records().contact_by_handle(&handle)?.map(|contact| contact.account);
        let id = self.lower_id(cx, known)?;
        cx.put(key::handle(DIRECT, &handle), &id);
        let record = ConversationRecord::new(id, ConversationKind::Direct, cx.now);
        cx.put_conversation(&ConversationRecord { handle: Some(handle), ..record })?;
        Ok(id)
    }

    fn send(
        &mut self,
        cx: &mut Cx<'_>,
        intent: IntentId,
        conversation: ConversationId,
        content: Content,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        if !self.can_be_said(&content) {
            return Ok(Err(Refusal::BadContent));
        }
        if matches!(content, Content::Fact(_)) && record.kind != ConversationKind::Group {
            return Ok(Err(Refusal::NotAGroup));
        }
        let id = cx.new_message_id();
        if let Err(refusal) = self.say(cx, record.id, id, content)? {
            return Ok(Err(refusal));
        }
        // It may have been begun anew.
        let shown = cx.shown(record.id)?.map_or(record.id, |shown| shown.id);
        cx.event(Event::Queued(intent, shown, id));
        Ok(Ok(()))
    }

    fn mark_read(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let Some(mut record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        let Some(up_to) = cx.records().message(record.id, message)? else {
            return Ok(Err(Refusal::NoSuchMessage));
        };
        let unseen = cx.records().unseen(record.id, up_to.position)?;
        let read_ms = cx.relay_now()?;
        for place in &unseen {
            cx.store.delete(key::position(UNSEEN, record.id, *place));
            if let Some(mut row) = cx.records().message_at(record.id, *place)? {
                row.seen = true;
                self.owe_receipt(cx, record.id, row.id, true)?;
                self.start_vanishing(cx, &mut row, read_ms, true);
                cx.put_message(&row)?;
            }
        }
        if !unseen.is_empty() {
            record.unread = record.unread.saturating_sub(unseen.len() as u32);
            cx.put_conversation(&record)?;
            if !self.receipts_tell(cx, &record)? {
                self.settle_matter(cx, Matter::Seen { conversation: record.id, message })?;
            }
        }
        Ok(Ok(()))
    }

    pub(super) fn cancel(
        &mut self,
        cx: &mut Cx<'_>,
        message: MessageId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if self.unschedule(cx, message)? {
            return Ok(Ok(()));
        }
        for (at, job) in self.jobs(cx)? {
            let What::Message { shown_in, id, sealing } = &job.what else { continue };
            if *id != message {
                continue;
            }
            if job.state != JobState::Waiting || !sealing.sealed.is_empty() {
                return Ok(Err(Refusal::NoSuchMessage));
            }
            self.fail_message(cx, *shown_in, message, Failure::Cancelled)?;
            cx.store.delete(at);
            return Ok(Ok(()));
        }
        Ok(Err(Refusal::NoSuchMessage))
    }

    fn update_leaf(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        match cx.shown(conversation)? {
            Some(record) if record.state == ConversationState::Open => {
                self.plan_update(cx, record.id)?;
                Ok(Ok(()))
            }
            _ => Ok(Err(Refusal::NoSuchConversation)),
        }
    }

    /// Puts a leaf update into the outbox, unless one waits there.
    pub(super) fn plan_update(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        let waits = self
            .lane(cx, id, usize::MAX)?
            .iter()
            .any(|(_, job)| matches!(job.what, What::Commit(Purpose::Update, _)));
        if !waits {
            self.enqueue(cx, id, NewJob::new(What::Commit(Purpose::Update, None)))?;
        }
        Ok(())
    }

    /// A message of one's own will not be sent.
    pub(super) fn fail_message(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        failure: Failure,
    ) -> Result<(), EngineError> {
        let Some(mut row) = cx.records().message(conversation, id)? else { return Ok(()) };
        self.stop_uploads(cx, conversation, id)?;
        if matches!(row.content, Content::Timer { .. }) {
            let mut settings = cx.records().settings(conversation)?;
            settings.timer.give_up(id);
            cx.put(key::conversation(key::SETTINGS, conversation), &settings);
            cx.event(Event::ConversationChanged(conversation));
        }
        row.state = MessageState::Failed(failure);
        row.marks.ended_ms = Some(cx.relay_now()?);
        row.position.anchor = cx.next_anchor()?;
        cx.put_message(&row)
    }
}
