//! Receipts: those that this device owes, and those that come.

use lacre_proto::{AccountId, ConversationId, Millis};

use super::audience::owes_receipts;
use super::outbox::NewJob;
use super::state::{Job, PendingReceipts, Sealing, What};
use super::{Cx, Engine};
use crate::api::{Alert, EngineError};
use crate::content::{self, Content, MessageId, MimiId};
#[cfg(feature = "evil")]
use crate::defence::Defence;
use crate::records::key::{self, OUTBOX, RECEIPTS};
use crate::records::{ConversationKind, ConversationRecord, ConversationState, MessageRecord, MessageState};

/// Where receipts stand in a lane.
pub(super) const RECEIPTS_RANK: u8 = 1;

impl Engine {
    /// Notes that a receipt is owed for a message.
    pub(super) fn owe_receipt(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        read: bool,
    ) -> Result<(), EngineError> {
        let large = cx.records().group(conversation)?.is_some_and(|group| !owes_receipts(&group));
        if large || !cx.records().sends_receipts(conversation)? {
            return Ok(());
        }
        let at = key::conversation(RECEIPTS, conversation);
        let mut owed: PendingReceipts = cx.records().read("receipts", &at)?.unwrap_or_default();
        if read {
            owed.delivered.retain(|other| *other != id);
            owed.read.push(id);
        } else {
            owed.delivered.push(id);
        }
        cx.put(at, &owed);
        Ok(())
    }

    /// Notes that a receipt is owed no more: another device of this account has given it.
    pub(super) fn forgive_receipt(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        read: bool,
    ) -> Result<(), EngineError> {
        let at = key::conversation(RECEIPTS, conversation);
        let Some(mut owed) = cx.records().read::<PendingReceipts>("receipts", &at)? else { return Ok(()) };
        owed.delivered.retain(|other| *other != id);
        owed.read.retain(|other| *other != id || !read);
        match owed.delivered.is_empty() && owed.read.is_empty() {
            true => cx.store.delete(at),
            false => cx.put(at, &owed),
        }
        Ok(())
    }

    /// Makes a job of all the receipts that a conversation owes, unless one is under way: the next takes them
    /// all along.
    pub(super) fn plan_receipts(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for (at, mut owed) in cx.records().all::<PendingReceipts>("receipts", &[RECEIPTS])? {
            let Some(id) = key::conversation_in(&at) else { continue };
            let Some(record) = cx.records().conversation(id)? else { continue };
            let receipts = key::key(OUTBOX, &[id.as_ref(), &[RECEIPTS_RANK]]);
            let under_way = !cx.records().first::<Job>("job", &receipts, 1)?.is_empty();
            if record.state != ConversationState::Open || under_way || !self.may_speak(cx, &record) {
                continue;
            }
            for (ids, read) in [(&mut owed.delivered, false), (&mut owed.read, true)] {
                let now: Vec<_> = ids.drain(..ids.len().min(content::status::REPORTED)).collect();
                if now.is_empty() {
                    continue;
                }
                let content = if read { Content::Read(now) } else { Content::Delivered(now) };
                let what = What::Receipts { shown_in: id, content, sealing: Sealing::default() };
                self.enqueue(cx, id, NewJob::new(what))?;
            }
            if owed.delivered.is_empty() && owed.read.is_empty() {
                cx.store.delete(at);
            } else {
                cx.put(at, &owed);
            }
        }
        Ok(())
    }

    /// Receipts count only from somebody else, and only for one's own messages. What another device of one's own
    /// has read is read here too.
    pub(super) fn receipts(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        author: AccountId,
        content: Content<MimiId>,
        time: Millis,
    ) -> Result<(), EngineError> {
        let (ids, state) = match content {
            Content::Delivered(ids) => (ids, MessageState::Delivered),
            Content::Read(ids) => (ids, MessageState::Read),
            _ => return Ok(()),
        };
        let own = author == self.me.account;
        let mut false_author = false;
        for mimi in ids {
            let conversation = record.id;
            #[cfg(feature = "evil")]
            let conversation = wherever(cx, conversation, &mimi)?;
            let Some(id) = cx.records().message_by_mimi(conversation, &mimi.0)? else {
                if own && state == MessageState::Read {
                    self.read_ahead(cx, conversation, &mimi)?;
                }
                continue;
            };
            let group = record.kind == ConversationKind::Group;
            match cx.records().message(conversation, id)? {
                Some(row) if row.mine && !own => {
                    let heard = !group || self.all_heard(cx, conversation, id, author, state)?;
                    if heard {
                        self.advance_message(cx, conversation, id, state, time)?;
                    }
                }
                Some(row) if own && !row.mine => {
                    // It has told the author already: this one owes nothing more for it.
                    let read = state == MessageState::Read;
                    self.forgive_receipt(cx, row.conversation, row.id, read)?;
                    if read {
                        self.read_elsewhere(cx, row)?;
                    }
                }
                // In a group everybody gets everybody's receipts.
                Some(row) if group && row.author != author => {}
                Some(_) => false_author = true,
                None => {}
            }
        }
        if false_author {
            cx.alert(Some(record.id), Alert::FalseAuthor);
        }
        Ok(())
    }

    pub(super) fn read_elsewhere(
        &mut self,
        cx: &mut Cx<'_>,
        mut row: MessageRecord,
    ) -> Result<(), EngineError> {
        self.count_as_seen(cx, &mut row)?;
        let now = cx.relay_now()?;
        self.start_vanishing(cx, &mut row, now, true);
        cx.put_message(&row)?;
        self.look(cx, row)
    }

    /// Moves the state of one's own message on; it never goes back.
    pub(super) fn advance_message(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        to: MessageState,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(mut row) = cx.records().message(conversation, id)? else { return Ok(()) };
        if row.mine && rank(row.state) < rank(to) {
            match to {
                // Until the echo tells the exact one.
                MessageState::Sent => row.sent_ms = time,
                MessageState::Delivered => row.marks.delivered_ms = Some(time),
                MessageState::Read => row.marks.read_ms = Some(time),
                _ => {}
            }
            row.state = to;
            cx.put_message(&row)?;
        }
        Ok(())
    }
}

fn rank(state: MessageState) -> u8 {
    match state {
        MessageState::Queued => 0,
        MessageState::Sent => 1,
        MessageState::Delivered => 2,
        MessageState::Read => 3,
        MessageState::Failed(_)
        | MessageState::Received
        | MessageState::Unreadable(_)
        | MessageState::Gap(_) => 4,
    }
}

/// Without the defence a receipt counts for a message wherever that is.
#[cfg(feature = "evil")]
fn wherever(cx: &Cx<'_>, here: ConversationId, mimi: &MimiId) -> Result<ConversationId, EngineError> {
    if cx.defends(Defence::Receipts) {
        return Ok(here);
    }
    for record in cx.records().conversations()? {
        if cx.records().message_by_mimi(record.id, &mimi.0)?.is_some() {
            return Ok(record.id);
        }
    }
    Ok(here)
}
