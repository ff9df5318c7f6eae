//! A message that was opened: whose it is, where it stands, what it does.

use lacre_proto::{AccountId, ConversationId, Millis};

use super::placing::Stand;
use super::reporting::proof;
use super::state::{Seal, Turn, waiting_place};
use super::{Cx, Engine};
use crate::api::{Alert, EngineError, Event};
use crate::content::envelope::{self, Envelope};
use crate::content::{self, Address, Content, Manner, MessageId, MimiId, OpenError, Opened};
use crate::defence::Defence;
use crate::mls::policy::Denied;
use crate::records::key::{self, UNSEEN};
use crate::records::{
    ConversationKind, ConversationRecord, Marks, MessageRecord, MessageState, Position, Shared, Unreadable,
};

/// Set in the counters of messages that this device sent: those of the account's other devices count otherwise.
const HERE: u32 = 1 << 31;

impl Engine {
    /// The echo of one's own message: it stands where the relay has put it.
    pub(super) fn echoed(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(mut row) = cx.records().message(conversation, id)? else { return Ok(()) };
        (row.position, row.late) = self.place_own(cx, conversation, row.position)?;
        row.sent_ms = time;
        if row.state == MessageState::Queued {
            row.state = MessageState::Sent;
        }
        self.start_vanishing(cx, &mut row, time, true);
        cx.put_message(&row)?;
        if let Some(record) = cx.shown(conversation)? {
            self.window_opens(cx, &record, self.me.account, &row.content, time)?;
        }
        self.note_audience(cx, conversation, id)?;
        if let Content::Fact(fact) = &row.content {
            self.take_fact(cx, conversation, self.me.account, fact)?;
        }
        self.settle_timer(cx, &row)?;
        self.awaited(cx, &row)?;
        if row.marks.manner.once {
            self.look(cx, row)?;
        }
        self.touch(cx, conversation, time, None)
    }

    /// Where one's own message stands whose echo has come, and whether a later one was before it: the relay may
    /// have taken it after that (the earlier one was refused for a moment, or waited in a conversation that was
    /// merged). One's own are ordered by the number of their job.
    fn place_own(
        &self,
        cx: &Cx<'_>,
        conversation: ConversationId,
        queued: Position,
    ) -> Result<(Position, bool), EngineError> {
        const LOOK: usize = 64;
        let first = waiting_place(0);
        let Some(job) = queued.anchor.checked_sub(first.anchor) else { return Ok((queued, false)) };
        let counter = HERE | u32::try_from(job).unwrap_or(u32::MAX);
        let placed = cx.records().messages(conversation, Some(first), LOOK)?;
        let later = placed.iter().filter(|row| row.mine && row.position.counter > counter);
        match later.map(|row| row.position.anchor).min() {
            Some(anchor) => Ok((Position { anchor, counter }, true)),
            None => Ok((Position { anchor: cx.next_anchor()?, counter }, false)),
        }
    }

    /// What a member sealed. The author is the member, whatever the content says.
    pub(super) fn opened(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        seal: Seal,
        leaf: u32,
        plaintext: &[u8],
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(record) = cx.shown(id)? else { return Ok(()) };
        let room = seal.room;
        let Some(mut member) = cx.member(id, leaf)? else {
            return self.unreadable(cx, id, &seal, time, Unreadable::Undecryptable);
        };
        let author = member.account;
        if envelope::is_passing(plaintext) {
            // The relay keeps what was said in passing, and delivers it as if it were a message.
            cx.alert(Some(record.id), Alert::Misdelivered);
            return Ok(());
        }
        let Ok(envelope) = envelope::decode(plaintext) else {
            cx.alert(Some(record.id), Alert::BadContent);
            return self.unread(cx, record, author, time);
        };
        let counter = envelope.counter;
        let turn = if cx.defends(Defence::Counter) { member.heard.turn(counter) } else { Turn::Next };
        let address = Address::new(author, room);
        let opened = match prove(cx, &envelope, &address) {
            Ok(opened) => opened,
            Err(error) => {
                // It took its turn, whatever was in it.
                let place = self.place(cx, &record, &mut member, counter, &turn, time)?;
                cx.put_member(id, &member);
                let alert = match error {
                    OpenError::FalseSender | OpenError::FalseRoom => Alert::FalseAuthor,
                    OpenError::Unsigned => Alert::Unsigned,
                    OpenError::Codec(_) | OpenError::BadContent => Alert::BadContent,
                };
                let unread = place.is_some() && alert == Alert::BadContent;
                cx.alert(Some(record.id), alert);
                return if unread { self.unread(cx, record, author, time) } else { Ok(()) };
            }
        };
        let known = cx.records().message(record.id, opened.id)?.is_some()
            || cx.exists(&key::message_in(key::GONE, record.id, opened.id))?;
        if cx.defends(Defence::Dedupe) && known {
            // Sealed twice because an answer was lost, or a replay: shown once.
            if turn != Turn::Again {
                self.place(cx, &record, &mut member, counter, &turn, time)?;
                cx.put_member(id, &member);
            }
            cx.alert(Some(record.id), Alert::Replayed);
            return Ok(());
        }
        let Some((position, late)) = self.place(cx, &record, &mut member, counter, &turn, time)? else {
            cx.alert(Some(record.id), Alert::Replayed);
            return Ok(());
        };
        cx.put_member(id, &member);
        self.said(cx, record, author, opened, Stand { position, late, time })
    }

    fn unread(
        &mut self,
        cx: &mut Cx<'_>,
        record: ConversationRecord,
        author: AccountId,
        time: Millis,
    ) -> Result<(), EngineError> {
        let row = cx.new_message_id();
        self.put_unreadable(cx, record, row, author, time, Unreadable::BadContent)
    }

    fn said(
        &mut self,
        cx: &mut Cx<'_>,
        record: ConversationRecord,
        author: AccountId,
        opened: Opened,
        stand: Stand,
    ) -> Result<(), EngineError> {
        if matches!(opened.content, Content::Sync(_) | Content::History(_)) {
            return self.kin_said(cx, &record, author, opened.content);
        }
        if !self.is_allowed(cx, record.id, author, &opened.content)? && cx.defends(Defence::Policy) {
            cx.alert(Some(record.id), Alert::PolicyRefused(Denied::Right.reason()));
            return Ok(());
        }
        if !self.lets_in(cx, &record, author, &opened.content, stand.time)? {
            return Ok(());
        }
        self.window_opens(cx, &record, author, &opened.content, stand.time)?;
        let fleeting = matches!(
            opened.content,
            Content::Delivered(_) | Content::Read(_) | Content::Typing(_) | Content::Reaction { .. }
        );
        if fleeting && self.is_blocked(cx, author)? {
            return Ok(());
        }
        match &opened.content {
            Content::Briefing(briefing) => self.briefed(cx, record.id, author, briefing.clone()),
            Content::AskToJoin(_) if record.kind != ConversationKind::Direct => {
                cx.alert(Some(record.id), Alert::BadContent);
                Ok(())
            }
            Content::Given(given) => self.given(cx, record.id, author, given.clone(), stand.time),
            Content::Leave => self.leaves(cx, record.id, author, stand.time),
            Content::Fact(fact) if record.kind == ConversationKind::Group => {
                if self.take_fact(cx, record.id, author, fact)? {
                    let record = cx.records().conversation(record.id)?.unwrap_or(record);
                    self.shown(cx, record, author, opened, stand)?;
                }
                Ok(())
            }
            Content::Consent(receipt) => {
                if self.consent_came(cx, &record, author, receipt)? {
                    self.shown(cx, record, author, opened, stand)?;
                }
                Ok(())
            }
            Content::Delivered(_) | Content::Read(_) => {
                self.receipts(cx, &record, author, opened.content, stand.time)
            }
            Content::Name(name) => self.goes_by(cx, author, opened.id, name.clone(), stand.time),
            content if content.about().is_some() => self.acted(cx, &record, author, opened, stand.time),
            // It is told while it happens, or not at all.
            Content::Typing(_) => Ok(()),
            _ => self.shown(cx, record, author, opened, stand),
        }
    }

    fn shown(
        &mut self,
        cx: &mut Cx<'_>,
        record: ConversationRecord,
        author: AccountId,
        Opened { id, mimi_id, content, manner, bytes }: Opened,
        Stand { position, late, time }: Stand,
    ) -> Result<(), EngineError> {
        // A date that lies years away is nonsense, and what was meant is not known.
        let nonsense = manner.expires.is_some_and(|expires| !expires.is_plausible(time));
        let allowed = match content {
            Content::Timer { .. } => self.rights(cx, &record, author)?.edit,
            _ => true,
        };
        if nonsense || !allowed {
            cx.alert(Some(record.id), if nonsense { Alert::BadContent } else { Alert::FalseAuthor });
            return Ok(());
        }
        if content == Content::Unknown {
            cx.put(key::message_in(key::RAW, record.id, id), &bytes);
        }
        let (content, manner) = local(cx, record.id, content, manner)?;
        let row = self.blank(cx, &record, author, time)?;
        let mine = row.mine;
        let state = if mine { MessageState::Sent } else { MessageState::Received };
        let marks = Marks { manner, ..Marks::default() };
        let mimi = Some(mimi_id.0.to_vec());
        let mut row = MessageRecord { id, position, content, state, late, seen: mine, mimi, marks, ..row };
        self.start_vanishing(cx, &mut row, time, mine);
        cx.put_message(&row)?;
        self.keep_evidence(cx, record.id, id)?;
        if self.is_blocked(cx, author)? {
            // In a group: kept as one plain line, and nobody is told of it, nor is it news.
            return Ok(());
        }
        if !mine {
            cx.store.put(key::position(UNSEEN, record.id, position), Vec::new());
            let record = ConversationRecord { unread: record.unread.saturating_add(1), ..record.clone() };
            cx.put_conversation(&record)?;
            self.owe_receipt(cx, record.id, id, false)?;
        }
        self.touch(cx, record.id, time, (!late).then_some(id))?;
        if let Content::AskToJoin(ask) = row.content {
            self.asked_to_join(cx, &record, &row, ask)?;
        }
        self.settle_timer(cx, &row)?;
        self.awaited(cx, &row)?;
        // What another device of one's own said to be looked at once is not shown here.
        match cx.records().message(record.id, id)? {
            Some(row) if mine && manner.once => self.look(cx, row),
            _ => Ok(()),
        }
    }

    /// A row that sets the disappearing timer does so in the relay's order.
    fn settle_timer(&self, cx: &mut Cx<'_>, row: &MessageRecord) -> Result<(), EngineError> {
        let Content::Timer { seconds } = row.content else { return Ok(()) };
        let mut settings = cx.records().settings(row.conversation)?;
        settings.timer.settle(row.sent_ms, row.id, row.author, seconds);
        cx.put(key::conversation(key::SETTINGS, row.conversation), &settings);
        cx.event(Event::ConversationChanged(row.conversation));
        Ok(())
    }

    /// Somebody told the name that they go by.
    fn goes_by(
        &self,
        cx: &mut Cx<'_>,
        author: AccountId,
        id: MessageId,
        name: String,
        time: Millis,
    ) -> Result<(), EngineError> {
        if author == self.me.account {
            // What the account goes by its devices tell each other elsewhere; here it is known now.
            return Ok(());
        }
        let at = key::account(key::NAME, author);
        let mut told: Shared<String> = cx.records().read("name", &at)?.unwrap_or_default();
        told.settle(time, id, author, name);
        cx.put(at, &told);
        Ok(())
    }

    /// What an older version kept because it did not know it.
    pub(super) fn read_anew(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let knows = format!("{} {}", env!("CARGO_PKG_VERSION"), content::KINDS.len());
        if cx.records().read::<String>("version", &[key::KNOWS])?.as_ref() == Some(&knows) {
            return Ok(());
        }
        cx.put(vec![key::KNOWS], &knows);
        for (at, bytes) in cx.records().all::<Vec<u8>>("raw content", &[key::RAW])? {
            let Some(conversation) = key::conversation_in(&at) else { continue };
            let Some(id) = at.last_chunk().map(|id| MessageId(*id)) else { continue };
            let Some(row) = cx.records().message(conversation, id)? else { continue };
            let Some(seal) = cx.seal(conversation)? else { continue };
            let address = Address::new(row.author, seal.room);
            let Ok(opened) = content::read(&bytes).and_then(|unproven| unproven.prove(&address)) else {
                continue;
            };
            let unsigned = opened.content.kind().signed && cx.records().evidence(conversation, id)?.is_none();
            if opened.content == Content::Unknown || unsigned {
                continue;
            }
            cx.store.delete(at);
            if opened.content.kind().row {
                let (content, manner) = local(cx, conversation, opened.content, opened.manner)?;
                let marks = Marks { manner, ..row.marks };
                cx.put_message(&MessageRecord { content, marks, ..row })?;
                continue;
            }
            let Some(record) = cx.records().conversation(conversation)? else { continue };
            let stand = Stand { position: row.position, late: row.late, time: row.sent_ms };
            let author = row.author;
            self.forget(cx, row)?;
            self.said(cx, record, author, opened, stand)?;
        }
        Ok(())
    }

    pub(super) fn touch(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        time: Millis,
        last: Option<MessageId>,
    ) -> Result<(), EngineError> {
        let Some(mut record) = cx.records().conversation(id)? else { return Ok(()) };
        record.active_ms = record.active_ms.max(time);
        record.last = last.or(record.last);
        cx.put_conversation(&record)
    }
}

/// What is said and how, with its messages named as they are on this device.
pub(super) fn local(
    cx: &Cx<'_>,
    conversation: ConversationId,
    content: Content<MimiId>,
    manner: Manner<MimiId>,
) -> Result<(Content, Manner), EngineError> {
    let mut failed = None;
    let mut name = |mimi: MimiId| {
        cx.records().message_by_mimi(conversation, &mimi.0).unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    };
    let manner = manner.map_ids(&mut name);
    let content = content.map_ids(name);
    match failed {
        Some(error) => Err(error),
        None => Ok((content.unwrap_or(Content::Unknown), manner)),
    }
}

fn prove(cx: &mut Cx<'_>, envelope: &Envelope<'_>, address: &Address) -> Result<Opened, OpenError> {
    let opened = open(cx, envelope.content, address)?;
    cx.evidence = proof(cx, envelope, &opened)?;
    Ok(opened)
}

fn open(cx: &Cx<'_>, bytes: &[u8], address: &Address) -> Result<Opened, OpenError> {
    let unproven = content::read(bytes)?;
    #[cfg(feature = "evil")]
    if !cx.defends(Defence::Author)
        && let Some(claimed) = unproven.claimed()
    {
        return unproven.prove(&claimed);
    }
    let _ = cx;
    unproven.prove(address)
}
