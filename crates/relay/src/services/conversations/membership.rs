//! What a device does about its own place on a roster, and reading a roster.

use std::sync::Arc;

use lacre_proto::wire;
use lacre_proto::wire::{
    LeaveConversation, ReadRoster, RequestResync, ResyncAsked, ResyncRequest, Signed, Trail, item,
};
use lacre_proto::{ConversationId, DeviceId, ErrorCode, Millis, Ticket, label, limits, mls_framing};
use lacre_store::data::{Batch, Data, Expected};
use prost::Message;

use super::super::accounts::{signed, verify};
use super::super::{Answered, Authenticated, Services, bad, keys, not_written, refuse};
use super::roster::Roster;
use super::{Conversation, Delivery, Live, Standing, encode_item};
use crate::limits::Action;

impl<D: Data> Services<D> {
    /// Delivers no more to the device, whatever the others say, and tells nobody. The last one to leave ends the
    /// conversation.
    pub(crate) async fn leave_conversation(
        &self,
        op: LeaveConversation,
        caller: Authenticated,
    ) -> Answered<()> {
        let id = ConversationId::try_from(&op.conversation).map_err(bad)?;
        let conversation = self.on_roster(id, caller.device).await?;
        let (write, generation) = {
            let mut state = conversation.lock();
            let generation = state.generation;
            let Some(live) = &mut state.live else { return refuse(ErrorCode::StorageUnavailable) };
            let rest = live.roster.mailboxes.iter().filter(|mailbox| mailbox.device != caller.device);
            let left = live.roster.left.iter().copied().chain([caller.device]).collect();
            let roster = Roster::new(live.roster.past.clone(), left, rest.cloned().collect());
            let mut batch = Batch::new()
                .assert(keys::conversation(id), Expected::Value(live.head_row.clone()))
                .assert(keys::roster(id), Expected::Value(live.roster.row.clone()));
            if roster.mailboxes.is_empty() {
                batch =
                    batch.delete(keys::conversation(id)).delete(keys::roster(id)).delete(keys::dealing(id));
                state.live = None;
            } else {
                batch = batch.put(keys::roster(id), roster.row.clone());
                live.roster = Arc::new(roster);
            }
            (self.0.data.write(batch), generation)
        };
        write.await.inspect_err(|_| conversation.spoiled(generation)).map_err(not_written)?;
        Ok(())
    }

    /// Asks the others of a roster to remove and add the device, whose state is lost; or tells them where it has been.
    pub(crate) async fn request_resync(
        &self,
        op: RequestResync,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<()> {
        let id = ConversationId::try_from(&op.conversation).map_err(bad)?;
        let asked = match op.trail {
            None => {
                let request = signed(op.request)?;
                self.check_resync(&request, id, caller).await?;
                ResyncAsked { conversation: id.to_wire(), request: Some(request), trail: None }
            }
            Some(trail) => {
                let trail = signed(Some(trail))?;
                self.check_trail(&trail, id, caller).await?;
                ResyncAsked { conversation: id.to_wire(), request: None, trail: Some(trail) }
            }
        };
        let conversation = self.on_roster(id, caller.device).await?;
        self.limiter().take(Action::Resync, &[caller.device.as_ref(), id.as_ref()], now)?;
        let durable = {
            let state = conversation.lock();
            let Some(live) = &state.live else { return refuse(ErrorCode::StorageUnavailable) };
            let others = live.roster.mailboxes.iter().filter(|mailbox| mailbox.device != caller.device);
            let item = encode_item(now, item::Kind::ResyncAsked(asked));
            let deliveries = vec![Delivery::new(others.cloned().collect(), item)];
            self.charge(&deliveries)?;
            let batch = Batch::new().assert(keys::roster(id), Expected::Value(live.roster.row.clone()));
            let held = conversation.clone();
            self.deliver(held, state.generation, batch, deliveries, |done| done.map_err(not_written))
        };
        durable.await
    }

    /// Who is on a roster.
    pub(crate) async fn read_roster(&self, op: ReadRoster) -> Answered<wire::Roster> {
        let no = ErrorCode::NoSuchConversation;
        let id = ConversationId::try_from(&op.conversation).map_err(|_| no)?;
        let conversation = self.conversation(id).await?.ok_or(no)?;
        let state = conversation.lock();
        let live = state.live.as_ref().ok_or(ErrorCode::StorageUnavailable)?;
        if live.standing(&op.capability) != Some(Standing::Current) {
            return refuse(no);
        }
        let devices = live.roster.named().map(DeviceId::to_wire).collect();
        Ok(wire::Roster { epoch: live.head.epoch, devices })
    }

    /// The conversation, if the device is on its roster; else it is as if there were none.
    async fn on_roster(&self, id: ConversationId, device: DeviceId) -> Answered<Arc<Conversation>> {
        let no = ErrorCode::NoSuchConversation;
        let conversation = self.conversation(id).await?.ok_or(no)?;
        let on = |live: &Live| live.roster.has(device);
        if conversation.lock().live.as_ref().is_some_and(on) { Ok(conversation) } else { refuse(no) }
    }

    async fn check_resync(
        &self,
        request: &Signed,
        id: ConversationId,
        caller: Authenticated,
    ) -> Answered<()> {
        let body = ResyncRequest::decode(request.body.clone()).map_err(bad)?;
        let ResyncRequest { conversation, device, key_package, ticket, made_ms: _ } = body;
        Ticket::try_from(&ticket).map_err(bad)?;
        if conversation != id.as_ref() || device != caller.device.as_ref() {
            return refuse(ErrorCode::BadRequest);
        }
        if key_package.len() > limits::KEY_PACKAGE {
            return refuse(ErrorCode::TooLarge);
        }
        mls_framing::key_package(&key_package).map_err(ErrorCode::from)?;
        let (_, key) = self.device(caller.device).await?.ok_or(ErrorCode::LoginRefused)?;
        verify(&key, &label::labelled(label::RESYNC, &request.body), &request.signature)
    }

    async fn check_trail(&self, trail: &Signed, id: ConversationId, caller: Authenticated) -> Answered<()> {
        let Trail { conversation, device, made_ms: _, marks } =
            Trail::decode(trail.body.clone()).map_err(bad)?;
        if conversation != id.as_ref() || device != caller.device.as_ref() || marks.len() > limits::MARKS {
            return refuse(ErrorCode::BadRequest);
        }
        let (_, key) = self.device(caller.device).await?.ok_or(ErrorCode::LoginRefused)?;
        verify(&key, &label::labelled(label::TRAIL, &trail.body), &trail.signature)
    }
}
