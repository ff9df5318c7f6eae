//! One step: what it reads and writes, and what it gives out.

use lacre_proto::{ConversationId, Millis};
use serde::Serialize;

use super::reporting::Arrived;
use super::state::{Clockwork, Member, Seal};
use crate::api::{Alert, Effect, EngineError, Event, Reader};
use crate::content::{MessageId, MimiId};
use crate::defence::{Defence, Defences};
use crate::mls::provider::Provider;
use crate::records::key::{self, CLOCKWORK, CONVERSATION, SEAL};
use crate::records::{
    ConversationRecord, ConversationState, Evidence, MessageRecord, Overlay, Records, encode,
};

/// The step under way.
pub(crate) struct Cx<'a> {
    pub(crate) store: &'a Overlay<'a>,
    pub(crate) provider: &'a Provider<'a>,
    pub(crate) now: Millis,
    pub(crate) effects: Vec<Effect>,
    pub(crate) events: Vec<Event>,
    pub(crate) wake: Option<Millis>,
    /// How the message came that is being taken in, and what proves who said it.
    pub(crate) arrived: Option<Arrived>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) defences: Defences,
}

impl Cx<'_> {
    pub(crate) fn records(&self) -> Records<'_> {
        Records(self.store)
    }

    pub(crate) fn put(&self, key: Vec<u8>, value: &impl Serialize) {
        self.store.put(key, encode(value));
    }

    pub(crate) fn exists(&self, key: &[u8]) -> Result<bool, EngineError> {
        Ok(self.store.get(key)?.is_some())
    }

    pub(crate) fn defends(&self, defence: Defence) -> bool {
        self.defences.on(defence)
    }

    pub(crate) fn event(&mut self, event: Event) {
        if !self.events.contains(&event) {
            self.events.push(event);
        }
    }

    pub(crate) fn alert(&mut self, conversation: Option<ConversationId>, alert: Alert) {
        self.events.push(Event::Alert(conversation, alert));
    }

    pub(crate) fn wake_at(&mut self, at: Millis) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    pub(crate) fn new_message_id(&self) -> MessageId {
        MessageId(self.provider.rand.bytes())
    }

    /// A number from 0 up to `below`, for jitter.
    pub(crate) fn jitter(&self, below: Millis) -> Millis {
        self.provider.rand.number() % below.max(1)
    }

    pub(crate) fn clockwork(&self) -> Result<Clockwork, EngineError> {
        Ok(self.records().read("clockwork", &[CLOCKWORK])?.unwrap_or_default())
    }

    pub(crate) fn put_clockwork(&self, clockwork: &Clockwork) {
        self.put(vec![CLOCKWORK], clockwork);
    }

    pub(crate) fn next_anchor(&self) -> Result<u64, EngineError> {
        let mut clockwork = self.clockwork()?;
        clockwork.anchor += 1;
        self.put_clockwork(&clockwork);
        Ok(clockwork.anchor)
    }

    pub(crate) fn next_job(&self) -> Result<u64, EngineError> {
        let mut clockwork = self.clockwork()?;
        clockwork.job += 1;
        self.put_clockwork(&clockwork);
        Ok(clockwork.job)
    }

    pub(crate) fn seal(&self, id: ConversationId) -> Result<Option<Seal>, EngineError> {
        self.records().read("seal", &key::conversation(SEAL, id))
    }

    pub(crate) fn put_seal(&self, id: ConversationId, seal: &Seal) {
        self.put(key::conversation(SEAL, id), seal);
    }

    /// The leaves of a conversation's group, by their index.
    pub(crate) fn members(&self, id: ConversationId) -> Result<Vec<Member>, EngineError> {
        let all = self.records().all("member", &key::conversation(key::MEMBER, id))?;
        Ok(all.into_iter().map(|(_, member)| member).collect())
    }

    pub(crate) fn member(&self, id: ConversationId, leaf: u32) -> Result<Option<Member>, EngineError> {
        self.records().read("member", &key::member(id, leaf))
    }

    pub(crate) fn put_member(&self, id: ConversationId, member: &Member) {
        self.put(key::member(id, member.leaf), member);
    }

    /// The conversation in which the messages of this one are shown: itself, or the one it was merged into.
    pub(crate) fn shown(&self, id: ConversationId) -> Result<Option<ConversationRecord>, EngineError> {
        let mut next = id;
        // One step is enough since merging leaves no more; older stores have chains.
        for _ in 0..8 {
            match self.records().conversation(next)? {
                Some(ConversationRecord { state: ConversationState::MergedInto(winner), .. }) => {
                    next = winner
                }
                found => return Ok(found),
            }
        }
        Err(EngineError::Corrupt("conversations merged in a circle"))
    }

    pub(crate) fn put_conversation(&mut self, record: &ConversationRecord) -> Result<(), EngineError> {
        if let Some(before) = self.records().conversation(record.id)? {
            self.store.delete(key::activity(before.active_ms, before.id));
        }
        self.put(key::conversation(CONVERSATION, record.id), record);
        if !matches!(record.state, ConversationState::MergedInto(_)) {
            self.store.put(key::activity(record.active_ms, record.id), Vec::new());
        }
        self.event(Event::ConversationChanged(record.id));
        Ok(())
    }

    /// Writes a row where its position says; one that has the same id and stood elsewhere moves.
    pub(crate) fn put_message(&mut self, row: &MessageRecord) -> Result<(), EngineError> {
        let by_id = key::message_id(row.conversation, row.id);
        if let Some(before) = self.records().read("message id", &by_id)?
            && before != row.position
        {
            self.store.delete(key::position(key::MESSAGE, row.conversation, before));
        }
        self.put(by_id, &row.position);
        self.put(key::position(key::MESSAGE, row.conversation, row.position), row);
        if let Some(mimi) = &row.mimi {
            self.put(key::mimi(row.conversation, mimi), &row.id);
        }
        // A sealed file stays on this device as long as a message has it.
        for file in row.content.files() {
            self.put(key::key(key::FILE, &[&file.hash, &row.id.0]), &());
        }
        self.event(Event::MessageChanged(row.conversation, row.id));
        Ok(())
    }

    /// The MIMI id of a message that is here, or was.
    pub(crate) fn mimi_of(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<MimiId>, EngineError> {
        let mimi = match self.records().message(conversation, id)? {
            Some(row) => row.mimi,
            None => self.records().read("gone", &key::message_in(key::GONE, conversation, id))?.flatten(),
        };
        Ok(mimi.and_then(|mimi: Vec<u8>| Some(MimiId(mimi.try_into().ok()?))))
    }

    /// Something about a message is shown in another way from now on.
    pub(crate) fn changed(&mut self, conversation: ConversationId, id: MessageId) {
        self.event(Event::MessageChanged(conversation, id));
    }

    /// Deletes every row of a table under a key.
    pub(crate) fn delete_all(&self, under: &[u8]) -> Result<(), EngineError> {
        let mut found = Vec::new();
        self.store.scan(under, &key::end(under), false, &mut |key, _| {
            found.push(key.to_vec());
            true
        })?;
        found.into_iter().for_each(|key| self.store.delete(key));
        Ok(())
    }

    pub(crate) fn delete_message(&mut self, row: &MessageRecord) {
        self.store.delete(key::message_id(row.conversation, row.id));
        self.store.delete(key::position(key::MESSAGE, row.conversation, row.position));
        if let Some(mimi) = &row.mimi {
            self.store.delete(key::mimi(row.conversation, mimi));
        }
        self.event(Event::MessageChanged(row.conversation, row.id));
    }
}
