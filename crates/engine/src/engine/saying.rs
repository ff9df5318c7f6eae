//! What the user says beside plain messages: about a message, later, elsewhere again, or to be looked at once.

use lacre_proto::{ConversationId, Handle};

use super::asides::was_here;
use super::outbox::NewJob;
use super::state::{Opening, Sealing, What, waiting_place};
use super::{Cx, Engine};
use crate::api::{EngineError, Event, Intent, IntentId, Refusal, To, Wish};
use crate::content::{self, Address, Content, Expiration, Manner, Matter, MessageId, Stamp, kinds};
use crate::records::key::{self, NAME, NAMED, SETTINGS};
use crate::records::{
    ConversationKind, ConversationRecord, ConversationState, Marks, MessageRecord, MessageState, Scheduled,
    Shared,
};

/// What was passed on this often goes to one conversation at a time.
pub const OFTEN: u8 = 5;
/// Conversations that a message is passed on to at once.
pub const TARGETS: usize = 5;

type Done = Result<Result<(), Refusal>, EngineError>;

impl Engine {
    /// The intents of this file.
    pub(super) fn kind_intent(&mut self, cx: &mut Cx<'_>, id: IntentId, intent: Intent) -> Done {
        match intent {
            Intent::Say(to, content, wish) => self.wish(cx, id, to, content, wish),
            Intent::React(conversation, message, emoji) => self.react(cx, conversation, message, emoji),
            Intent::Edit(conversation, message, text) => self.edit_own(cx, conversation, message, text),
            Intent::DeleteHere(conversation, message) => self.on_row(cx, conversation, message, Self::forget),
            Intent::DeleteForAll(conversation, message) => self.delete_for_all(cx, conversation, message),
            Intent::Forward { from, message, to } => self.forward(cx, id, from, message, to),
            Intent::Pin(conversation, message, pinned) => self.pin(cx, conversation, message, pinned),
            Intent::Star(conversation, message, starred) => {
                self.on_row(cx, conversation, message, |engine, cx, row| engine.star(cx, row, starred))
            }
            Intent::Vote(conversation, poll, choices) => self.vote(cx, conversation, poll, choices),
            Intent::ClosePoll(conversation, poll) => self.act(cx, conversation, Content::ClosePoll { poll }),
            Intent::SetTimer(conversation, seconds) => self.set_timer(cx, id, conversation, seconds),
            Intent::SetReceipts(conversation, on) => self.set_receipts(cx, conversation, on),
            Intent::Look(conversation, message) => self.on_row(cx, conversation, message, Self::look_here),
            Intent::SetName(name) => self.set_name(cx, name),
            Intent::Typing(conversation, typing) => self.typing(cx, conversation, typing),
            _ => unreachable!("the other intents are taken before"),
        }
    }

    /// Does something with a message that is here.
    pub(super) fn on_row(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
        with: impl FnOnce(&mut Self, &mut Cx<'_>, MessageRecord) -> Result<(), EngineError>,
    ) -> Done {
        match self.row(cx, conversation, message)? {
            Ok((_, row)) => with(self, cx, row).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    pub(super) fn row(
        &self,
        cx: &Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Result<(ConversationRecord, MessageRecord), Refusal>, EngineError> {
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        let row = cx.records().message(record.id, message)?;
        Ok(row.map(|row| (record, row)).ok_or(Refusal::NoSuchMessage))
    }

    /// The conversation that is meant; one with a person is begun when there is none.
    pub(super) fn conversation_to(
        &mut self,
        cx: &mut Cx<'_>,
        to: To,
    ) -> Result<Result<ConversationId, Refusal>, EngineError> {
        match to {
            To::Conversation(conversation) => Ok(Ok(conversation)),
            To::Person(handle) if handle == self.me.handle => self.notes(cx).map(Ok),
            To::Person(handle) => match cx.records().direct_with(&handle)? {
                Some(conversation) => Ok(Ok(conversation)),
                None if self.blocks(cx, &handle)? => Ok(Err(Refusal::Blocked)),
                None => self.begin(cx, handle).map(Ok),
            },
        }
    }

    fn wish(&mut self, cx: &mut Cx<'_>, intent: IntentId, to: To, content: Content, wish: Wish) -> Done {
        if !self.can_be_said(&content) || wish.once && !matches!(content, Content::Text { .. }) {
            return Ok(Err(Refusal::BadContent));
        }
        let conversation = match self.conversation_to(cx, to)? {
            Ok(conversation) => conversation,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        let Wish { once, not_before, in_reply_to } = wish;
        if let Some(answered) = in_reply_to
            && !was_here(cx, record.id, answered)?
        {
            return Ok(Err(Refusal::NoSuchMessage));
        }
        let id = cx.new_message_id();
        if let Some(at_ms) = not_before.filter(|at| *at > cx.now) {
            if record.state == ConversationState::Left {
                return Ok(Err(Refusal::NotAMember));
            }
            self.put_scheduled(
                cx,
                &Scheduled { id, conversation: record.id, at_ms, content, once, in_reply_to },
            );
        } else if let Err(refusal) = self.say_as(cx, record.id, id, content, wish)? {
            return Ok(Err(refusal));
        }
        cx.event(Event::Queued(intent, record.id, id));
        Ok(Ok(()))
    }

    /// Puts a message into the records and the outbox, under an id.
    pub(super) fn say(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: Content,
    ) -> Done {
        self.say_as(cx, conversation, id, content, Wish::default())
    }

    /// The same now, in a certain way.
    pub(super) fn say_as(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: Content,
        wish: Wish,
    ) -> Done {
        let timer = match &content {
            Content::Timer { .. } | Content::Fact(_) => 0,
            _ => cx.shown(conversation)?.map_or(Ok(0), |record| cx.records().timer(record.id))?,
        };
        let expires = (timer > 0).then_some(Expiration { relative: true, time: timer });
        let Wish { once, not_before: _, in_reply_to } = wish;
        self.say_so(cx, conversation, id, content, Manner { expires, once, forwarded: 0, in_reply_to })
    }

    fn say_so(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: Content,
        manner: Manner,
    ) -> Done {
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        if record.kind == ConversationKind::Group && record.state == ConversationState::Left {
            return Ok(Err(Refusal::NotAMember));
        }
        if !self.is_allowed(cx, record.id, self.me.account, &content)? {
            return Ok(Err(Refusal::NotAllowed));
        }
        if let Some(refusal) = self.unconsented(cx, &record, &content)? {
            return Ok(Err(refusal));
        }
        let mut record = match self.speak_up(cx, record)? {
            Ok(record) => record,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if record.kind == ConversationKind::Direct
            && record.state == ConversationState::Opening
            && !self.is_opening(cx, record.id)?
        {
            self.enqueue(cx, record.id, NewJob::new(What::Open(Opening::Lookup)))?;
        }
        match record.kind {
            ConversationKind::Own => drop(self.notes(cx)?),
            _ => self.tell_name(cx, record.id)?,
        }
        self.spoke(record.id);
        let what = What::Message { shown_in: record.id, id, sealing: Sealing::default() };
        let number = match content.files().is_empty() {
            true => self.enqueue(cx, record.id, NewJob::new(what))?,
            false => self.hold_for_files(cx, record.id, id, &content, what)?,
        };
        let place = waiting_place(number);
        let row = self.own_row(cx, record.id, id, content, manner);
        cx.put_message(&MessageRecord { position: place, ..row })?;
        record.active_ms = cx.now;
        record.last = Some(id);
        cx.put_conversation(&record)?;
        Ok(Ok(()))
    }

    pub(super) fn own_row(
        &self,
        cx: &Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        content: Content,
        manner: Manner,
    ) -> MessageRecord {
        MessageRecord {
            id,
            conversation,
            position: waiting_place(0),
            author: self.me.account,
            author_handle: self.me.handle.clone(),
            mine: true,
            sent_ms: cx.now,
            content,
            change: None,
            state: MessageState::Queued,
            late: false,
            seen: true,
            mimi: None,
            marks: Marks { manner, ..Marks::default() },
        }
    }

    /// Whether this is something that people say; receipts and acts are made in other ways.
    pub(super) fn can_be_said(&self, content: &Content) -> bool {
        let said = matches!(
            content,
            Content::Text { .. }
                | Content::Poll(_)
                | Content::Place(_)
                | Content::Card(_)
                | Content::Timer { .. }
                | Content::Fact(_)
                | Content::Media(_)
                | Content::Voice(_)
                | Content::Menu(_)
        );
        let Some(content) = content.clone().map_ids(|_| None) else { return false };
        let address = Address::direct(self.me.account, [self.me.account; 2]);
        said && content::encode(MessageId([0; 16]), &address, content, Manner::default()).is_ok()
    }

    fn forward(
        &mut self,
        cx: &mut Cx<'_>,
        intent: IntentId,
        from: ConversationId,
        message: MessageId,
        to: Vec<To>,
    ) -> Done {
        let row = match self.row(cx, from, message)? {
            Ok((_, row)) => row,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let content = match row.content {
            content @ (Content::Text { .. }
            | Content::Place(_)
            | Content::Card(_)
            | Content::Media(_)
            | Content::Voice(_)) => content,
            _ => return Ok(Err(Refusal::NotOfThisKind)),
        };
        if row.marks.manner.once || row.marks.deleted_by.is_some() {
            return Ok(Err(Refusal::NotOfThisKind));
        }
        let forwarded = row.marks.manner.forwarded.saturating_add(1);
        let most = if forwarded > OFTEN { 1 } else { TARGETS };
        if to.is_empty() || to.len() > most {
            return Ok(Err(Refusal::TooManyTargets(most)));
        }
        for to in to {
            let conversation = match self.conversation_to(cx, to)? {
                Ok(conversation) => conversation,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let timer = cx.shown(conversation)?.map_or(Ok(0), |record| cx.records().timer(record.id))?;
            let expires = (timer > 0).then_some(Expiration { relative: true, time: timer });
            let id = cx.new_message_id();
            // What it answered was said elsewhere.
            let manner = Manner { expires, forwarded, ..Manner::default() };
            let (content, before) = self.pass_on(cx, content.clone());
            if let Err(refusal) = self.say_so(cx, conversation, id, content, manner)? {
                return Ok(Err(refusal));
            }
            let shown = cx.shown(conversation)?.map_or(conversation, |record| record.id);
            self.refer_to(cx, shown, id, &before)?;
            cx.event(Event::Queued(intent, conversation, id));
        }
        Ok(Ok(()))
    }

    fn set_timer(
        &mut self,
        cx: &mut Cx<'_>,
        intent: IntentId,
        conversation: ConversationId,
        seconds: u32,
    ) -> Done {
        if seconds > kinds::TIMER {
            return Ok(Err(Refusal::BadContent));
        }
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        if !self.rights(cx, &record, self.me.account)?.edit {
            return Ok(Err(Refusal::NotYours));
        }
        let id = cx.new_message_id();
        if let Err(refusal) = self.say(cx, record.id, id, Content::Timer { seconds })? {
            return Ok(Err(refusal));
        }
        let mut settings = cx.records().settings(record.id)?;
        settings.timer.wait(id, self.me.account, seconds);
        cx.put(key::conversation(SETTINGS, record.id), &settings);
        cx.event(Event::Queued(intent, record.id, id));
        Ok(Ok(()))
    }

    fn set_receipts(&mut self, cx: &mut Cx<'_>, conversation: ConversationId, on: bool) -> Done {
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        self.settle_matter(cx, Matter::Receipts { conversation: record.id, on })?;
        self.put_receipts(cx, record.id, on).map(Ok)
    }

    pub(super) fn put_receipts(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        on: bool,
    ) -> Result<(), EngineError> {
        let mut settings = cx.records().settings(conversation)?;
        settings.silent = !on;
        cx.put(key::conversation(SETTINGS, conversation), &settings);
        if !on {
            cx.store.delete(key::conversation(key::RECEIPTS, conversation));
        }
        cx.event(Event::ConversationChanged(conversation));
        Ok(())
    }

    /// What may be looked at once is looked at on this device; where no receipt tells the others, they are told.
    fn look_here(&mut self, cx: &mut Cx<'_>, row: MessageRecord) -> Result<(), EngineError> {
        let (conversation, message) = (row.conversation, row.id);
        let news = row.marks.manner.once && !row.marks.looked && !row.mine;
        self.look(cx, row)?;
        match cx.records().conversation(conversation)? {
            Some(record) if news && !self.receipts_tell(cx, &record)? => {
                self.settle_matter(cx, Matter::Looked { conversation, message }).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// What may be looked at once was: nothing of it stays.
    pub(super) fn look(&mut self, cx: &mut Cx<'_>, mut row: MessageRecord) -> Result<(), EngineError> {
        if !row.marks.manner.once || row.marks.looked {
            return Ok(());
        }
        row.marks.looked = true;
        self.release_files(cx, &row)?;
        row.content = Content::Unknown;
        self.forget_about(cx, row.conversation, row.id)?;
        if !row.mine && !row.seen {
            self.count_as_seen(cx, &mut row)?;
            self.owe_receipt(cx, row.conversation, row.id, true)?;
        }
        let now = cx.relay_now()?;
        self.start_vanishing(cx, &mut row, now, true);
        cx.put_message(&row)
    }

    fn set_name(&mut self, cx: &mut Cx<'_>, name: String) -> Done {
        if name.len() > kinds::NAME {
            return Ok(Err(Refusal::BadContent));
        }
        let stamp = self.settle_matter(cx, Matter::Name(name.clone()))?;
        self.own_name_is(cx, stamp, name).map(Ok)
    }

    pub(super) fn own_name_is(&self, cx: &mut Cx<'_>, stamp: Stamp, name: String) -> Result<(), EngineError> {
        let at = key::account(NAME, self.me.account);
        let mut own: Shared<String> = cx.records().read("name", &at)?.unwrap_or_default();
        own.settle(stamp.revision, stamp.id, self.me.account, name);
        cx.put(at, &own);
        Ok(())
    }

    /// Tells the own name with the first message after it was chosen.
    fn tell_name(&mut self, cx: &mut Cx<'_>, conversation: ConversationId) -> Result<(), EngineError> {
        let own: Option<Shared<String>> = cx.records().read("name", &key::account(NAME, self.me.account))?;
        let Some(name) = own.and_then(|own| own.value().map(|(_, name)| name.clone())) else {
            return Ok(());
        };
        let at = key::conversation(NAMED, conversation);
        if cx.records().read::<String>("name", &at)?.unwrap_or_default() != name {
            cx.put(at, &name);
            let id = cx.new_message_id();
            self.put_aside(cx, conversation, id, Content::Name(name))?;
        }
        Ok(())
    }
}

impl To {
    /// A person, by handle.
    pub fn person(handle: &Handle) -> Self {
        Self::Person(handle.clone())
    }
}
