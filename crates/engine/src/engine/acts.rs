//! What is said about another message: reactions, edits, deletions, votes, pins. Who may, what it does, and
//! how it waits when the message is not here yet.
//!
//! The same acts lead to the same state in whatever order they come; [`Marks`](crate::records::Marks) and its
//! tables are registers.

use lacre_proto::{AccountId, ConversationId, Millis};
use serde::{Deserialize, Serialize};

use super::{Cx, Engine};
use crate::api::{Alert, EngineError, Reader, Refusal};
use crate::content::{Content, Matter, MessageId, MimiId, Opened};
use crate::defence::Defence;
use crate::records::key::{self, AWAITING, CLOSED, GONE, NO_ENTRY, PIN, STAR, UNSEEN, VERSION, VOTE};
use crate::records::{
    Allowed, ConversationRecord, Evidence, MessageRecord, MessageState, Reaction, Shared, Version, Vote,
};

/// How long after it was sent a message may be edited.
pub const EDITABLE: Millis = 24 * 3600 * 1000;
/// Acts of one author in one conversation that wait for their message; the oldest go first.
const AWAITED: usize = 64;

/// Something that is said about a message.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Act<Id = MessageId> {
    pub(super) author: AccountId,
    /// Of the message that says it.
    pub(super) id: MessageId,
    pub(super) time: Millis,
    /// What the author's place in the conversation let them do then.
    pub(super) rights: Rights,
    pub(super) content: Content<Id>,
    /// What proves who said it, where its author signs it.
    pub(super) proof: Option<Evidence>,
}

impl Act {
    /// An edit that is proven to be its author's.
    pub(super) fn of_edit(
        author: AccountId,
        id: MessageId,
        time: Millis,
        content: Content,
        proof: Evidence,
    ) -> Self {
        let rights = Rights { moderate: false, edit: false };
        Self { author, id, time, rights, content, proof: Some(proof) }
    }
}

/// What somebody's place in a conversation lets them do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Rights {
    /// Take back what others said.
    pub(super) moderate: bool,
    /// Change what the conversation is: pins, the timer.
    pub(super) edit: bool,
}

/// Why an act does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Idle {
    /// It is another's to do.
    NotTheirs,
    /// The time for it is over.
    TooLate,
    /// The message is not of a kind with which this is done.
    NotOfThisKind,
    /// The message was taken back.
    Gone,
}

impl From<Idle> for Refusal {
    fn from(idle: Idle) -> Self {
        match idle {
            Idle::NotTheirs => Self::NotYours,
            Idle::TooLate => Self::TooLate,
            Idle::NotOfThisKind => Self::NotOfThisKind,
            Idle::Gone => Self::NoSuchMessage,
        }
    }
}

impl Engine {
    /// Somebody said something about a message.
    pub(super) fn acted(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        author: AccountId,
        opened: Opened,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(about) = opened.content.about() else { return Ok(()) };
        let rights = self.rights(cx, record, author)?;
        self.keep_certificate(cx)?;
        let proof = cx.evidence.take();
        let act = Act { author, id: opened.id, time, rights, content: opened.content, proof };
        match cx.records().message_by_mimi(record.id, &about.0)? {
            Some(target) => self.do_act(cx, record.id, target, act),
            None => self.await_target(cx, record.id, about, &act),
        }
    }

    fn do_act(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        target: MessageId,
        act: Act<MimiId>,
    ) -> Result<(), EngineError> {
        let Act { author, id, time, rights, content, proof } = act;
        let Some(content) = content.map_ids(|_| Some(target)) else { return Ok(()) };
        self.apply_act(cx, conversation, &Act { author, id, time, rights, content, proof })
    }

    /// Keeps an act until its message comes: so many of each author, the newest.
    fn await_target(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        target: MimiId,
        act: &Act<MimiId>,
    ) -> Result<(), EngineError> {
        let awaited = cx.records().all::<Act<MimiId>>("act", &key::conversation(AWAITING, conversation))?;
        let mut same: Vec<_> = awaited.into_iter().filter(|(_, other)| other.author == act.author).collect();
        if same.len() >= AWAITED {
            same.sort_by_key(|(_, other)| (other.time, other.id));
            cx.store.delete(same.swap_remove(0).0);
        }
        cx.put(key::key(AWAITING, &[conversation.as_ref(), &target.0, &act.id.0]), act);
        Ok(())
    }

    /// A message has come: what was said about it before is done.
    pub(super) fn awaited(&mut self, cx: &mut Cx<'_>, row: &MessageRecord) -> Result<(), EngineError> {
        let Some(mimi) = &row.mimi else { return Ok(()) };
        let prefix = key::key(AWAITING, &[row.conversation.as_ref(), mimi]);
        for (at, act) in cx.records().all::<Act<MimiId>>("act", &prefix)? {
            cx.store.delete(at);
            self.do_act(cx, row.conversation, row.id, act)?;
        }
        self.star_awaited(cx, row)?;
        self.read_awaited(cx, row)?;
        self.seen_awaited(cx, row)
    }

    /// Does what somebody said about a message that is here; tells when it was not theirs to say.
    pub(super) fn apply_act(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        act: &Act,
    ) -> Result<(), EngineError> {
        let Some(target) = act.content.about() else { return Ok(()) };
        let Some(row) = cx.records().message(conversation, target)? else { return Ok(()) };
        match judge(cx, &row, act) {
            Ok(()) => self.change(cx, row, act),
            Err(Idle::NotTheirs) => {
                cx.alert(Some(conversation), Alert::FalseAuthor);
                Ok(())
            }
            Err(Idle::TooLate | Idle::NotOfThisKind | Idle::Gone) => Ok(()),
        }
    }

    fn change(&mut self, cx: &mut Cx<'_>, mut row: MessageRecord, act: &Act) -> Result<(), EngineError> {
        let (conversation, target) = (row.conversation, row.id);
        touch(cx, &mut row)?;
        match act.content.clone() {
            Content::Reaction { emoji, revision, .. } => {
                let before = cx.records().reaction_of(conversation, target, act.author)?;
                if before.is_none_or(|before| (before.revision, before.id) <= (revision, act.id)) {
                    let Act { author: account, id, time: time_ms, .. } = *act;
                    let reaction = Reaction { account, emoji, revision, id, time_ms };
                    cx.put(key::reaction(conversation, target, account), &reaction);
                }
            }
            Content::Edit { text, revision, .. } => return self.edit(cx, row, act, text, revision),
            Content::Delete { .. } => return self.take_back(cx, row, act.author, act.time),
            Content::Vote { choices, revision, .. } => {
                let parts: [&[u8]; 5] = [
                    conversation.as_ref(),
                    &target.0,
                    act.author.as_ref(),
                    &revision.to_be_bytes(),
                    &act.id.0,
                ];
                let vote = Vote { account: act.author, choices, time_ms: act.time, revision };
                cx.put(key::key(VOTE, &parts), &vote);
            }
            Content::ClosePoll { .. } => {
                let at = key::message_in(CLOSED, conversation, target);
                let before: Option<Millis> = cx.records().read("closing", &at)?;
                cx.put(at, &before.map_or(act.time, |before| before.min(act.time)));
            }
            Content::JoinAnswer { no, .. } => {
                cx.put(key::message_in(NO_ENTRY, conversation, target), &no);
                if let Content::AskToJoin(ask) = &row.content {
                    // On all devices of the account nobody waits any more.
                    cx.store.delete(key::asked(ask.group, row.author));
                    cx.event(crate::Event::ConversationChanged(ask.group));
                }
            }
            Content::Pin { pinned, .. } => {
                let at = key::message_in(PIN, conversation, target);
                let mut pin: Shared<bool> = cx.records().read("pin", &at)?.unwrap_or_default();
                pin.settle(act.time, act.id, act.author, pinned);
                cx.put(at, &pin);
            }
            _ => return Ok(()),
        }
        cx.changed(conversation, target);
        Ok(())
    }

    /// Keeps a version of a text, and shows the newest.
    pub(super) fn edit(
        &mut self,
        cx: &mut Cx<'_>,
        mut row: MessageRecord,
        act: &Act,
        text: String,
        revision: u32,
    ) -> Result<(), EngineError> {
        let Content::Text { text: shown } = &row.content else { return Ok(()) };
        let version = |at: &[&[u8]]| {
            let message: [&[u8]; 2] = [row.conversation.as_ref(), &row.id.0];
            key::key(VERSION, &[&message, at].concat())
        };
        let first = version(&[&[0]]);
        if !cx.exists(&first)? {
            cx.put(first, &Version { text: shown.clone(), time_ms: row.sent_ms, revision: 0 });
        }
        let at = version(&[&[1], &revision.to_be_bytes(), &act.id.0]);
        cx.put(at, &Version { text, time_ms: act.time, revision });
        if let Some(proof) = &act.proof {
            cx.put(key::evidence_of_edit(row.conversation, row.id, act.id), proof);
        }
        let versions = cx.records().versions(row.conversation, row.id)?;
        let Some(newest) = versions.last() else { return Ok(()) };
        row.content = Content::Text { text: newest.text.clone() };
        row.marks.edited_ms = Some(newest.time_ms);
        cx.put_message(&row)
    }

    /// A message was taken back for everyone: its row stays, and says so.
    fn take_back(
        &mut self,
        cx: &mut Cx<'_>,
        mut row: MessageRecord,
        by: AccountId,
        time: Millis,
    ) -> Result<(), EngineError> {
        self.release_files(cx, &row)?;
        row.content = Content::Unknown;
        row.marks.deleted_by = Some(by);
        row.marks.ended_ms = Some(time);
        row.marks.edited_ms = None;
        self.forget_about(cx, row.conversation, row.id)?;
        self.count_as_seen(cx, &mut row)?;
        cx.put_message(&row)
    }

    /// What was said about a message goes with it.
    pub(super) fn forget_about(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<(), EngineError> {
        for table in key::ABOUT {
            let prefix = key::message_in(table, conversation, id);
            let mut keys = Vec::new();
            cx.store.scan(&prefix, &key::end(&prefix), false, &mut |key, _| {
                keys.push(key.to_vec());
                true
            })?;
            keys.into_iter().for_each(|key| cx.store.delete(key));
        }
        Ok(())
    }

    /// A message that nobody can read any more does not count as unread.
    pub(super) fn count_as_seen(&self, cx: &mut Cx<'_>, row: &mut MessageRecord) -> Result<(), EngineError> {
        row.seen = true;
        let unseen = key::position(UNSEEN, row.conversation, row.position);
        if cx.exists(&unseen)? {
            cx.store.delete(unseen);
            if let Some(mut record) = cx.records().conversation(row.conversation)? {
                record.unread = record.unread.saturating_sub(1);
                cx.put_conversation(&record)?;
            }
        }
        Ok(())
    }

    /// Takes a message off this device. That it was here stays known: it does not come again, and what is said
    /// about it later waits for nothing.
    pub(super) fn forget(&mut self, cx: &mut Cx<'_>, mut row: MessageRecord) -> Result<(), EngineError> {
        let (conversation, id) = (row.conversation, row.id);
        self.release_files(cx, &row)?;
        self.forget_about(cx, conversation, id)?;
        self.count_as_seen(cx, &mut row)?;
        cx.delete_message(&row);
        cx.put(key::message_in(GONE, conversation, id), &row.mimi);
        if let Some(mimi) = &row.mimi {
            cx.put(key::mimi(conversation, mimi), &id);
        }
        let Some(mut record) = cx.records().conversation(conversation)? else { return Ok(()) };
        if record.last == Some(id) {
            record.last = cx.records().messages(conversation, None, 1)?.first().map(|row| row.id);
            cx.put_conversation(&record)?;
        }
        Ok(())
    }

    pub(super) fn star(&self, cx: &mut Cx<'_>, row: MessageRecord, starred: bool) -> Result<(), EngineError> {
        let at_ms = starred.then_some(cx.now);
        let (conversation, message) = (row.conversation, row.id);
        self.settle_matter(cx, Matter::Star { conversation, message, at_ms })?;
        self.put_star(cx, row, at_ms)
    }

    pub(super) fn put_star(
        &self,
        cx: &mut Cx<'_>,
        mut row: MessageRecord,
        at_ms: Option<Millis>,
    ) -> Result<(), EngineError> {
        let at = key::message_in(STAR, row.conversation, row.id);
        match at_ms {
            Some(at_ms) => cx.put(at, &at_ms),
            None => cx.store.delete(at),
        }
        cx.changed(row.conversation, row.id);
        touch(cx, &mut row)
    }

    /// What somebody may do in a conversation. Between two people, and between one's own devices, everybody may
    /// change what it is, and nobody takes back another's words.
    pub(super) fn rights(
        &self,
        cx: &Cx<'_>,
        record: &ConversationRecord,
        account: AccountId,
    ) -> Result<Rights, EngineError> {
        Ok(match cx.records().group(record.id)? {
            Some(group) => {
                let moderate = group.admins.contains(&account);
                Rights { moderate, edit: moderate || group.rules.edit == Allowed::All }
            }
            None => Rights { moderate: false, edit: true },
        })
    }
}

/// There is more to read about a message from now on.
pub(super) fn touch(cx: &mut Cx<'_>, row: &mut MessageRecord) -> Result<(), EngineError> {
    if row.marks.touched {
        return Ok(());
    }
    row.marks.touched = true;
    cx.put_message(row)
}

/// Whether an act may be done to a message. Only a message's author edits it or closes it; it is taken back by
/// its author or an admin.
pub(super) fn judge(cx: &Cx<'_>, row: &MessageRecord, act: &Act) -> Result<(), Idle> {
    if row.change.is_some() || matches!(row.state, MessageState::Gap(_) | MessageState::Unreadable(_)) {
        return Err(Idle::NotOfThisKind);
    }
    let theirs = row.author == act.author || !cx.defends(Defence::Target);
    let deleted = row.marks.deleted_by.is_some();
    match (&act.content, &row.content) {
        (Content::Delete { .. }, _) if theirs || act.rights.moderate => Ok(()),
        (Content::Pin { .. }, _) if !act.rights.edit => Err(Idle::NotTheirs),
        (Content::Edit { .. } | Content::ClosePoll { .. } | Content::Delete { .. }, _) if !theirs => {
            Err(Idle::NotTheirs)
        }
        _ if deleted => Err(Idle::Gone),
        (Content::Edit { .. }, Content::Text { .. }) if row.marks.manner.once => Err(Idle::NotOfThisKind),
        (Content::Edit { .. }, Content::Text { .. }) => {
            let in_time = act.time <= row.sent_ms.saturating_add(EDITABLE);
            if in_time || !cx.defends(Defence::Late) { Ok(()) } else { Err(Idle::TooLate) }
        }
        (Content::ClosePoll { .. }, Content::Poll(_)) => Ok(()),
        // Who was asked answers, and nobody else.
        (Content::JoinAnswer { .. }, Content::AskToJoin(_)) if row.author != act.author => Ok(()),
        (Content::Vote { choices, .. }, Content::Poll(poll)) => {
            let most = if poll.multiple { poll.options.len() } else { 1 };
            let there = choices.iter().all(|&choice| usize::from(choice) < poll.options.len());
            if there && choices.len() <= most { Ok(()) } else { Err(Idle::NotOfThisKind) }
        }
        (Content::Reaction { .. } | Content::Pin { .. }, Content::Timer { .. } | Content::Fact(_)) => {
            Err(Idle::NotOfThisKind)
        }
        (Content::Reaction { .. } | Content::Pin { .. }, _) => Ok(()),
        _ => Err(Idle::NotOfThisKind),
    }
}
