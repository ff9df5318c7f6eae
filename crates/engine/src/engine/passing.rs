//! What is said in passing: that somebody is writing. Sealed like everything else, never stored by anybody, and
//! lost without harm: the relay hands it to the devices that are connected now.
//!
//! Each takes a key of the sender's ratchet, and who misses it skips that key; so only few are said between two
//! messages, far below what a ratchet may skip.

use lacre_proto::wire::{self, item::Kind};
use lacre_proto::{ConversationId, Millis, frame, limits, mls_framing::ContentType};
use openmls::prelude::{ProcessedMessageContent, Sender};

use super::{Asked, Cx, Engine};
use crate::api::{EngineError, Event, Refusal};
use crate::content::{self, Address, Content, Manner, MessageId, envelope};
use crate::mls::group;
use crate::records::{ConversationKind, ConversationState};

/// Between two of one conversation.
const PAUSE: Millis = 3_000;
/// Between two messages of one conversation. MLS keeps the keys of so many that come out of order, and more.
const BETWEEN: u32 = 20;

/// What was said in passing in a conversation since the last message.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    last: Millis,
    count: u32,
    typing: bool,
}

impl Engine {
    /// Tells the others that the user is writing, or stopped; when it can be told now, and seldom enough.
    pub(super) fn typing(
        &mut self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        typing: bool,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let Some(record) = cx.shown(conversation)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        let id = record.id;
        let before = self.link.passing.get(&id).copied().unwrap_or_default();
        let soon = before.last + PAUSE > cx.now && before.count > 0;
        let idle = if typing { soon && before.typing } else { !before.typing };
        let busy = self.link.asked.len() + 8 > limits::REQUESTS_IN_FLIGHT;
        let silent = !cx.records().sends_receipts(id)? || record.kind == ConversationKind::Own;
        let consented = self.unconsented(cx, &record, &Content::<MessageId>::Typing(typing))?.is_none();
        let ready = self.link.online
            && consented
            && self.link.caught_up
            && record.state == ConversationState::Open
            && self.may_speak(cx, &record)
            && !self.is_held(cx, &record)?;
        if idle || busy || silent || !ready || before.count >= BETWEEN {
            return Ok(Ok(()));
        }
        let (Some(seal), Some(mut group)) = (cx.seal(id)?, self.group(cx, id)?) else { return Ok(Ok(())) };
        if seal.lost || !group.is_active() || group.pending_commit().is_some() {
            self.keep(id, group);
            return Ok(Ok(()));
        }
        let address = Address::new(self.me.account, seal.room);
        let content = Content::Typing(typing);
        let category = self.category(cx, &record, &content)?;
        let encoded = content::encode(cx.new_message_id(), &address, content, Manner::default());
        let (bytes, _) = encoded.map_err(group::sealing)?;
        let plaintext = envelope::encode_passing(&bytes).map_err(group::sealing)?;
        let message = group::seal(cx.provider, &mut group, &self.myself(), &plaintext)?;
        let send = wire::Send {
            conversation: id.to_wire(),
            epoch: group.epoch().as_u64(),
            capability: group::capability(cx.provider, &group, id)?.into(),
            message: message.into(),
            dedupe: cx.provider.rand.number(),
            passing: true,
        };
        self.keep(id, group);
        self.link.passing.insert(id, Said { last: cx.now, count: before.count + 1, typing });
        self.send_to_relay(cx, Asked::Passing, send, category);
        Ok(Ok(()))
    }

    /// A message was said: so many may be said in passing again before the next.
    pub(super) fn spoke(&mut self, id: ConversationId) {
        self.link.passing.remove(&id);
    }

    /// What others say in passing. What does not open, or says anything else, is nothing.
    pub(super) fn passed(&mut self, cx: &mut Cx<'_>, items: Vec<bytes::Bytes>) -> Result<(), EngineError> {
        for item in items {
            if let Ok(wire::Item { kind: Some(Kind::Sealed(item)), .. }) = frame::decode_item(&item) {
                self.passes(cx, &item)?;
            }
        }
        Ok(())
    }

    fn passes(&mut self, cx: &mut Cx<'_>, item: &wire::Sealed) -> Result<(), EngineError> {
        let addressed =
            self.addressed(cx, &item.conversation, &item.message, item.epoch, ContentType::Application)?;
        let Some((id, seal)) = addressed else { return Ok(()) };
        let Some(mut group) = self.group(cx, id)? else { return Ok(()) };
        if seal.lost || group.epoch().as_u64() != item.epoch {
            self.keep(id, group);
            return Ok(());
        }
        let opened = group::open(cx.provider, &mut group, &item.message);
        self.keep(id, group);
        let Ok(message) = opened else { return Ok(()) };
        let (Sender::Member(leaf), ProcessedMessageContent::ApplicationMessage(plaintext)) =
            (message.sender().clone(), message.into_content())
        else {
            return Ok(());
        };
        let Some(member) = cx.member(id, leaf.u32())? else { return Ok(()) };
        let Ok(bytes) = envelope::decode_passing(&plaintext.into_bytes()) else { return Ok(()) };
        let address = Address::new(member.account, seal.room);
        let proved = content::read(&bytes).and_then(|unproven| unproven.prove(&address));
        if let Ok(content::Opened { content: Content::Typing(typing), .. }) = proved
            && member.account != self.me.account
            && !self.is_blocked(cx, member.account)?
            && let Some(record) = cx.shown(id)?
            && self.lets_in(
                cx,
                &record,
                member.account,
                &Content::<MessageId>::Typing(typing),
                cx.relay_now()?,
            )?
        {
            cx.event(Event::Typing(record.id, member.account, typing));
        }
        Ok(())
    }
}
