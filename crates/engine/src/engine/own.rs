//! The conversation of an account's own devices: made when there are two, or when its person writes to themselves;
//! every device of the account is in it and nobody else can be. In it they tell each other what they hold alike.
//!
//! Each matter is a register: the highest stamp counts, so that all devices settle on the same, in whatever order the
//! words come. What was settled here waits in `OWN_DUE` until it is told; while one message is under way the next
//! gathers. A device that has come in is told everything, by the one that has let it in.

use lacre_proto::{AccountId, ConversationId, Millis};

use super::outbox::NewJob;
use super::state::{JobState, Opening, Sealing, What};
use super::{Cx, Engine};
use crate::api::{Alert, EngineError, Event, Refusal};
use crate::content::{Content, Matter, MessageId, MimiId, Settled, Stamp, kinds};
use crate::defence::Defence;
use crate::mls::SUITE;
use crate::records::key::{self, DIRECT, OWN_DUE, OWN_MATTER, READ_AHEAD};
use crate::records::{ConversationKind, ConversationRecord, ConversationState, MessageRecord};

/// A draft is told when nothing more was written for so long.
const DRAFT_WAIT: Millis = 3_000;
/// About how many bytes of matters one message tells of; one matter alone may be larger.
const TOLD_AT_ONCE: usize = 48 * 1024;
/// Of so many messages that are not here yet it is kept that another device has read them, in each conversation.
const KNOWN_AHEAD: usize = 1_000;

impl Engine {
    /// The conversation of this account's own devices, if there is one.
    pub(super) fn own_conversation(&self, cx: &Cx<'_>) -> Result<Option<ConversationRecord>, EngineError> {
        match self.direct_with(cx, self.me.account)? {
            Some(id) => cx.records().conversation(id),
            None => Ok(None),
        }
    }

    /// Where this account writes to itself; begun when there is no such conversation yet.
    pub(super) fn notes(&mut self, cx: &mut Cx<'_>) -> Result<ConversationId, EngineError> {
        self.begin_own(cx, 0)
    }

    /// Two devices need a conversation. Who has made a change begins it at once, others wait for that.
    pub(super) fn ensure_own(&mut self, cx: &mut Cx<'_>, wait: Millis) -> Result<(), EngineError> {
        match self.list.devices().len() {
            0 | 1 => Ok(()),
            _ => self.begin_own(cx, wait).map(drop),
        }
    }

    /// The own conversation: the one that is there, or one that is begun after a time.
    fn begin_own(&mut self, cx: &mut Cx<'_>, wait: Millis) -> Result<ConversationId, EngineError> {
        let not_before = if wait == 0 { 0 } else { cx.now + wait };
        let record = match self.own_conversation(cx)? {
            Some(record) if record.state != ConversationState::Left => record,
            _ => {
                let id = self.lower_id(cx, Some(self.me.account))?;
                let record = ConversationRecord::new(id, ConversationKind::Own, cx.now);
                cx.put_conversation(&record)?;
                self.note_with(cx, self.me.account, id);
                cx.put(key::handle(DIRECT, &self.me.handle), &id);
                record
            }
        };
        if record.state != ConversationState::Opening {
            return Ok(record.id);
        }
        match self.lane(cx, record.id, 1)?.pop() {
            Some((at, mut job)) if job.what == What::Open(Opening::Begin) => {
                if job.state == JobState::Waiting && job.not_before > not_before {
                    job.not_before = not_before;
                    cx.put(at, &job);
                }
            }
            Some((_, job)) if matches!(job.what, What::Open(_)) => {}
            _ => {
                let begin = NewJob::new(What::Open(Opening::Begin)).not_before(not_before);
                self.enqueue(cx, record.id, begin)?;
            }
        }
        Ok(record.id)
    }

    /// This device was let into the conversation of its account's devices.
    pub(super) fn enter_own(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        self.note_with(cx, self.me.account, id);
        let known = cx.records().conversation(id)?;
        let record = known.unwrap_or_else(|| ConversationRecord::new(id, ConversationKind::Own, cx.now));
        if !matches!(record.state, ConversationState::MergedInto(_)) {
            let state = ConversationState::Open;
            cx.put_conversation(&ConversationRecord { state, suite: SUITE.into(), ..record })?;
        }
        self.ask_parts_again(cx)?;
        self.tell_parts_again(cx, None)?;
        self.tell_all(cx)
    }

    /// Settles a matter here, and has the other devices told.
    pub(super) fn settle_matter(&self, cx: &mut Cx<'_>, matter: Matter) -> Result<Stamp, EngineError> {
        let subject = matter.subject();
        let at = key::key(OWN_MATTER, &[&subject]);
        let before: Option<Settled> = cx.records().read("matter", &at)?;
        let least = before.map_or(0, |before| before.stamp.revision.saturating_add(1));
        let stamp = Stamp { revision: cx.relay_now()?.max(least), id: cx.new_message_id() };
        let wait = if matches!(matter, Matter::Draft { .. }) { DRAFT_WAIT } else { 0 };
        cx.put(at, &Settled { stamp, matter });
        if self.list.devices().len() > 1 {
            cx.put(key::key(OWN_DUE, &[&subject]), &(cx.now + wait));
        }
        Ok(stamp)
    }

    /// Holds something for a program on this account's devices, on all of them.
    pub(super) fn share(
        &self,
        cx: &mut Cx<'_>,
        name: String,
        bytes: Vec<u8>,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if name.is_empty() || name.len() > kinds::SHARE_NAME || bytes.len() > kinds::SHARE {
            return Ok(Err(Refusal::BadContent));
        }
        if cx.records().shared(&name)?.as_ref() != Some(&bytes) {
            self.settle_matter(cx, Matter::Share { name: name.clone(), bytes })?;
            cx.event(Event::Shared(name));
        }
        Ok(Ok(()))
    }

    /// Everything is told, to devices that may know nothing of it.
    pub(super) fn tell_all(&self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for (at, _) in cx.records().all::<Settled>("matter", &[OWN_MATTER])? {
            cx.put(key::key(OWN_DUE, &[&at[1..]]), &cx.now);
        }
        Ok(())
    }

    /// Makes a job of what is due to be told, unless one is under way: the next takes it all along.
    pub(super) fn plan_sync(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let due = cx.records().all::<Millis>("what is due", &[OWN_DUE])?;
        if due.is_empty() {
            return Ok(());
        }
        let Some(own) = self.own_conversation(cx)?.filter(|own| own.state == ConversationState::Open) else {
            return Ok(());
        };
        let tells = |what: &What| matches!(what, What::Aside { content: Content::Sync(_), .. });
        if self.lane(cx, own.id, usize::MAX)?.iter().any(|(_, job)| tells(&job.what)) {
            return Ok(());
        }
        let (mut all, mut size) = (Vec::new(), 0);
        for (at, not_before) in due {
            if not_before > cx.now {
                cx.wake_at(not_before);
                continue;
            }
            let settled: Option<Settled> = cx.records().read("matter", &key::key(OWN_MATTER, &[&at[1..]]))?;
            if let Some(settled) = settled {
                let more = settled.matter.size();
                if all.len() == kinds::MATTERS || (size > 0 && size + more > TOLD_AT_ONCE) {
                    break;
                }
                size += more;
                all.push(settled);
            }
            cx.store.delete(at);
        }
        if !all.is_empty() {
            self.tell_kin(cx, own.id, Content::Sync(all))?;
        }
        Ok(())
    }

    /// Says something to the other devices that is no row.
    pub(super) fn tell_kin(
        &self,
        cx: &mut Cx<'_>,
        own: ConversationId,
        content: Content,
    ) -> Result<(), EngineError> {
        let id = cx.new_message_id();
        let what = What::Aside { shown_in: own, id, content, sealing: Sealing::default() };
        self.enqueue(cx, own, NewJob::new(what)).map(drop)
    }

    /// Something that only the account's own devices say, and only in the conversation of their own.
    pub(super) fn kin_said(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        author: AccountId,
        content: Content<MimiId>,
    ) -> Result<(), EngineError> {
        let kin = author == self.me.account && record.kind == ConversationKind::Own;
        if !kin && cx.defends(Defence::Kin) {
            cx.alert(Some(record.id), Alert::NotYourDevice);
            return Ok(());
        }
        match content {
            Content::Sync(all) => self.synced(cx, all),
            Content::History(history) => self.history_said(cx, history),
            _ => Ok(()),
        }
    }

    /// Another device of this account tells what it has settled.
    fn synced(&mut self, cx: &mut Cx<'_>, all: Vec<Settled>) -> Result<(), EngineError> {
        for Settled { stamp, mut matter } in all {
            if let Some(conversation) = matter.conversation_mut()
                && let Some(shown) = cx.shown(*conversation)?
            {
                *conversation = shown.id;
            }
            let at = key::key(OWN_MATTER, &[&matter.subject()]);
            let before: Option<Settled> = cx.records().read("matter", &at)?;
            let mut wins = before.as_ref().is_none_or(|before| before.stamp < stamp);
            if let Matter::Seen { conversation, message } = matter {
                // What was seen stays so: whoever has seen more is right, whenever it was told.
                self.seen_elsewhere(cx, conversation, message)?;
                if let Some(Matter::Seen { message: here, .. }) = before.map(|before| before.matter) {
                    wins = self.is_after(cx, conversation, message, here)?.unwrap_or(wins);
                }
            }
            if wins {
                cx.put(at, &Settled { stamp, matter: matter.clone() });
                // What this device was about to tell is out of date.
                cx.store.delete(key::key(OWN_DUE, &[&matter.subject()]));
                self.follow(cx, stamp, matter)?;
            }
        }
        Ok(())
    }

    /// Does here what another device has settled.
    fn follow(&mut self, cx: &mut Cx<'_>, stamp: Stamp, matter: Matter) -> Result<(), EngineError> {
        match matter {
            Matter::Block { account, handle, since_ms, accepted, blocked } => {
                let block = crate::records::BlockRecord { account, handle, since_ms, accepted };
                if blocked { self.block_here(cx, block) } else { self.unblock_here(cx, account, accepted) }
            }
            Matter::Consent { conversation, accepted } => self.follow_consent(cx, conversation, accepted),
            Matter::Star { conversation, message, at_ms } => {
                match cx.records().message(conversation, message)? {
                    Some(row) => self.put_star(cx, row, at_ms),
                    None => Ok(()),
                }
            }
            Matter::Name(name) => {
                self.own_name_is(cx, stamp, name)?;
                cx.event(Event::DevicesChanged(self.me.account));
                Ok(())
            }
            Matter::Receipts { conversation, on } => self.put_receipts(cx, conversation, on),
            Matter::DeviceName { device, name } => {
                self.put_device_name(cx, device, &name);
                Ok(())
            }
            Matter::Draft { conversation, .. } => {
                cx.event(Event::ConversationChanged(conversation));
                Ok(())
            }
            Matter::Seen { conversation, message } => self.seen_elsewhere(cx, conversation, message),
            Matter::Grant { receipt, .. } => self.follow_grant(cx, &receipt),
            Matter::Share { name, .. } => {
                cx.event(Event::Shared(name));
                Ok(())
            }
            Matter::Looked { conversation, message } => match cx.records().message(conversation, message)? {
                Some(row) => self.read_elsewhere(cx, row),
                None => Ok(()),
            },
        }
    }

    fn follow_consent(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        accepted: bool,
    ) -> Result<(), EngineError> {
        let Some(record) = cx.records().conversation(conversation)?.filter(Self::is_request) else {
            return Ok(());
        };
        match accepted {
            true => self.accept_here(cx, record),
            false => {
                self.leave_quietly(cx, conversation, record.peer)?;
                self.forget_conversation(cx, conversation)
            }
        }
    }

    /// Everything up to a message was seen on another device.
    fn seen_elsewhere(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<(), EngineError> {
        let Some(up_to) = cx.records().message(conversation, message)? else { return Ok(()) };
        for place in cx.records().unseen(conversation, up_to.position)? {
            if let Some(row) = cx.records().message_at(conversation, place)? {
                self.forgive_receipt(cx, conversation, row.id, true)?;
                self.read_elsewhere(cx, row)?;
            }
        }
        Ok(())
    }

    /// Whether one message stands after another; `None` when one of them is not here.
    fn is_after(
        &self,
        cx: &Cx<'_>,
        conversation: ConversationId,
        one: MessageId,
        other: MessageId,
    ) -> Result<Option<bool>, EngineError> {
        let one = cx.records().message(conversation, one)?;
        let other = cx.records().message(conversation, other)?;
        Ok(one.zip(other).map(|(one, other)| one.position > other.position))
    }

    /// Whether the receipts of a conversation tell the other devices what was read.
    pub(super) fn receipts_tell(
        &self,
        cx: &Cx<'_>,
        record: &ConversationRecord,
    ) -> Result<bool, EngineError> {
        let large = cx.records().group(record.id)?.is_some_and(|it| !super::audience::owes_receipts(&it));
        Ok(!large && cx.records().sends_receipts(record.id)? && self.may_speak(cx, record))
    }

    /// A message has come that may have got its star before, on another device.
    pub(super) fn star_awaited(&self, cx: &mut Cx<'_>, row: &MessageRecord) -> Result<(), EngineError> {
        let (conversation, message) = (row.conversation, row.id);
        let subject = Matter::Star { conversation, message, at_ms: None }.subject();
        let settled: Option<Settled> = cx.records().read("matter", &key::key(OWN_MATTER, &[&subject]))?;
        let Some(Settled { matter: Matter::Star { at_ms: at_ms @ Some(_), .. }, .. }) = settled else {
            return Ok(());
        };
        match cx.records().message(conversation, message)? {
            Some(row) => self.put_star(cx, row, at_ms),
            None => Ok(()),
        }
    }

    /// A message has come up to which another device of the account has seen everything.
    pub(super) fn seen_awaited(&mut self, cx: &mut Cx<'_>, row: &MessageRecord) -> Result<(), EngineError> {
        match self.seen_up_to(cx, row.conversation, row.id)? {
            Some(message) if message == row.id => self.seen_elsewhere(cx, row.conversation, message),
            _ => Ok(()),
        }
    }

    /// Another device of the account has read a message that is not here yet: one of the past, that is told later.
    pub(super) fn read_ahead(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        message: &MimiId,
    ) -> Result<(), EngineError> {
        let mut known =
            cx.records().all::<Millis>("read ahead", &key::conversation(READ_AHEAD, conversation))?;
        if known.len() >= KNOWN_AHEAD {
            known.sort_by_key(|(_, heard)| *heard);
            cx.store.delete(known.swap_remove(0).0);
        }
        cx.put(key::key(READ_AHEAD, &[conversation.as_ref(), &message.0]), &cx.now);
        Ok(())
    }

    /// A message has come that another device of the account may have read before.
    pub(super) fn read_awaited(&mut self, cx: &mut Cx<'_>, row: &MessageRecord) -> Result<(), EngineError> {
        let Some(mimi) = &row.mimi else { return Ok(()) };
        let at = key::key(READ_AHEAD, &[row.conversation.as_ref(), mimi]);
        if cx.records().read::<Millis>("read ahead", &at)?.is_none() {
            return Ok(());
        }
        cx.store.delete(at);
        match cx.records().message(row.conversation, row.id)? {
            Some(row) if !row.mine => {
                self.forgive_receipt(cx, row.conversation, row.id, true)?;
                self.read_elsewhere(cx, row)
            }
            _ => Ok(()),
        }
    }

    /// Whether another device of the account has seen a row of the past.
    pub(super) fn was_seen(&self, cx: &Cx<'_>, row: &MessageRecord) -> Result<bool, EngineError> {
        let Some(message) = self.seen_up_to(cx, row.conversation, row.id)? else { return Ok(false) };
        let seen = cx.records().message(row.conversation, message)?;
        Ok(message == row.id || seen.is_some_and(|seen| seen.position > row.position))
    }

    /// The last message of a conversation that was settled to have been seen.
    fn seen_up_to(
        &self,
        cx: &Cx<'_>,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<MessageId>, EngineError> {
        let subject = Matter::Seen { conversation, message }.subject();
        let settled: Option<Settled> = cx.records().read("matter", &key::key(OWN_MATTER, &[&subject]))?;
        Ok(match settled.map(|settled| settled.matter) {
            Some(Matter::Seen { message, .. }) => Some(message),
            _ => None,
        })
    }

    /// What was settled about a conversation is about the one that it has become.
    pub(super) fn move_matters(
        &self,
        cx: &Cx<'_>,
        loser: ConversationId,
        winner: ConversationId,
    ) -> Result<(), EngineError> {
        for (at, mut settled) in cx.records().all::<Settled>("matter", &[OWN_MATTER])? {
            let Some(conversation) = settled.matter.conversation_mut().filter(|id| **id == loser) else {
                continue;
            };
            *conversation = winner;
            cx.store.delete(at.clone());
            let due: Option<Millis> = cx.records().read("what is due", &key::key(OWN_DUE, &[&at[1..]]))?;
            cx.store.delete(key::key(OWN_DUE, &[&at[1..]]));
            let subject = settled.matter.subject();
            let to = key::key(OWN_MATTER, &[&subject]);
            let there: Option<Settled> = cx.records().read("matter", &to)?;
            if there.is_none_or(|there| there.stamp < settled.stamp) {
                cx.put(to, &settled);
                due.inspect(|due| cx.put(key::key(OWN_DUE, &[&subject]), due));
            }
        }
        Ok(())
    }

    /// Keeps what was written for a conversation and not sent.
    pub(super) fn keep_draft(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        text: String,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if text.len() > lacre_proto::limits::TEXT {
            return Ok(Err(Refusal::BadContent));
        }
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        if cx.records().draft(record.id)?.unwrap_or_default() != text {
            self.settle_matter(cx, Matter::Draft { conversation: record.id, text })?;
            cx.event(Event::ConversationChanged(record.id));
        }
        Ok(Ok(()))
    }
}
