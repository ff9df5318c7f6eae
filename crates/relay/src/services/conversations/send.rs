//! Sending: the hot path. When the conversation is known, all up to the write is done without waiting.

use std::sync::Arc;

use bytes::Bytes;
use lacre_proto::mls_framing::{self, ContentType};
use lacre_proto::wire::{Accepted, Category, NamedSend, Sealed, Send, item};
use lacre_proto::{ConversationId, ErrorCode, Millis, limits};
use lacre_store::bus::{Bus, PASSING};
use lacre_store::data::{Batch, Data, Expected, LogId};

use super::super::business::{Dealing, Leave, Reach, watched};
use super::super::{Answered, Authenticated, Durable, Services, bad, keys, not_written, refuse, rows};
use super::roster::Roster;
use super::{Delivery, Standing, encode_item, failed, stale};

impl<D: Data> Services<D> {
    /// Takes a sealed message from somebody who is not named.
    pub(crate) async fn send(&self, op: Send, now: Millis) -> Answered<Durable<Accepted>> {
        self.send_by(op, None, now).await
    }

    /// Takes a sealed message in a conversation with a business, from one of the two.
    pub(crate) async fn named_send(
        &self,
        op: NamedSend,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<Durable<Accepted>> {
        let category = Category::try_from(op.category).map_err(bad)?;
        let send = op.send.ok_or(ErrorCode::BadRequest)?;
        self.send_by(send, Some((caller, category)), now).await
    }

    /// It has its place when this is ready, and the inner future says when it is durable.
    async fn send_by(
        &self,
        op: Send,
        by: Option<(Authenticated, Category)>,
        now: Millis,
    ) -> Answered<Durable<Accepted>> {
        let Send { conversation: id, epoch, capability, message, dedupe, passing } = op;
        if message.len() > limits::SEALED_MESSAGE {
            return refuse(ErrorCode::TooLarge);
        }
        let sealed = mls_framing::private_message(&message).map_err(ErrorCode::from)?;
        let id = ConversationId::try_from(&id).map_err(|_| ErrorCode::NoSuchConversation)?;
        if sealed.conversation != id || sealed.epoch != epoch || sealed.content != ContentType::Application {
            return refuse(ErrorCode::NotMls);
        }
        let conversation = self.conversation(id).await?.ok_or(ErrorCode::NoSuchConversation)?;
        let (known, roster) = match &conversation.lock().live {
            Some(live) => (live.dealing, live.roster.clone()),
            None => return refuse(ErrorCode::StorageUnavailable),
        };
        let dealing = match (known, by) {
            (None, Some((caller, _))) if !passing => self.between(&roster, caller).await?,
            (known, _) => known,
        };
        let Leave { batch: leave, reach } = match (dealing, by) {
            (None, None) => Batch::new().into(),
            // Who sends is known where a business is, and nowhere else.
            (None, Some(_)) => return refuse(ErrorCode::AnonymousOnly),
            (Some(_), None) => return refuse(ErrorCode::NameNeeded),
            (Some(dealing), Some((caller, category))) => {
                // What is there already was let through before: to be said again it needs no leave.
                if !passing && dealing.is_party(caller.account) {
                    let state = conversation.lock();
                    let known = state.live.as_ref().filter(|live| live.standing(&capability).is_some());
                    if let Some(sequence) = known.and_then(|live| live.head.sequence_of(dedupe)) {
                        return Ok(self.repeated(conversation.clone(), &state, sequence));
                    }
                }
                self.leave_to_send(dealing, caller.account, category, now).await?
            }
        };
        let category = by.map_or(Category::None, |(_, category)| category).into();

        let held = conversation.clone();
        let mut state = held.lock();
        let generation = state.generation;
        let Some(live) = &mut state.live else { return refuse(ErrorCode::StorageUnavailable) };
        let becomes = dealing.filter(|_| live.dealing.is_none());
        let is_another = live.dealing.is_some() && live.dealing != dealing;
        if is_another || becomes.is_some() && !Arc::ptr_eq(&roster, &live.roster) {
            // It became one with a business meanwhile, or somebody has come or gone.
            return refuse(ErrorCode::StorageUnavailable);
        }
        let standing = live.standing(&capability).ok_or(ErrorCode::NoSuchConversation)?;
        if !passing && let Some(sequence) = live.head.sequence_of(dedupe) {
            return Ok(self.repeated(conversation, &state, sequence));
        }
        if standing == Standing::Past || epoch != live.head.epoch {
            return Err(stale(live.head.epoch));
        }
        if passing {
            let sealed = Sealed { conversation: id.to_wire(), sequence: 0, epoch, message, dedupe, category };
            self.pass_on(&live.roster.logs, encode_item(now, item::Kind::Sealed(sealed)));
            return Ok(Box::pin(std::future::ready(Ok(Accepted { sequence: 0 }))));
        }
        let mut head = live.head.clone();
        let sequence = head.take_sequence(dedupe);
        let sealed = Sealed { conversation: id.to_wire(), sequence, epoch, message, dedupe, category };
        let deliveries = vec![Delivery::to_all(&live.roster, encode_item(now, item::Kind::Sealed(sealed)))];
        let mut counting = reach.as_ref().map(Reach::count).transpose()?;
        if let Err(full) = self.charge(&deliveries) {
            return Ok(failed(full));
        }
        let (key, row) = (keys::conversation(id), head.encode());
        let old = std::mem::replace(&mut live.head_row, row.clone());
        live.head = head;
        let mut batch = leave.assert(key.clone(), Expected::Value(old)).put(key, row);
        if let Some(dealing) = becomes {
            live.dealing = becomes;
            batch = batch.put(keys::dealing(id), rows::encode(&dealing.row()));
        }
        let (batch, counted) = match &mut counting {
            Some(counting) => counting.add(batch),
            None => (batch, None),
        };
        let durable = self.deliver(conversation, generation, batch, deliveries, move |done| {
            done.map(|()| Accepted { sequence }).map_err(not_written)
        });
        drop(counting);
        Ok(watched(durable, reach, counted))
    }

    /// Between whom a conversation is that was begun before one of them became a business, and is with one
    /// from now on: when somebody says something by name in it whose devices are on its roster with those of
    /// one business, and with nobody's else. What the business itself says makes it none: a window that was
    /// open would be closed by it.
    async fn between(&self, roster: &Roster, by: Authenticated) -> Answered<Option<Dealing>> {
        if !roster.has(by.device) || self.is_business(by.account).await? {
            return Ok(None);
        }
        let mut other = None;
        for device in roster.named() {
            match self.device(device).await? {
                Some((account, _)) if account == by.account => {}
                Some((account, _)) if other.is_none_or(|other| other == account) => other = Some(account),
                _ => return Ok(None),
            }
        }
        match other {
            Some(other) if self.is_business(other).await? => Ok(Some(Dealing::new(other, by.account))),
            _ => Ok(None),
        }
    }

    /// Tells the devices of a roster that are connected now, and stores nothing.
    fn pass_on(&self, logs: &[LogId], item: Bytes) {
        for log in logs {
            self.bus().wake(*log, PASSING, item.clone());
        }
    }
}
