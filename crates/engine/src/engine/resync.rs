//! A device that lost its place in a conversation asks, with a signed request, to be let in again; another
//! member removes it and adds it anew in one commit. Everybody sees both.

use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::{self, request, response};
use lacre_proto::{ConversationId, DeviceId, ErrorCode, Millis, Ticket, mls_framing};
use openmls::group::MlsGroup;
use openmls::prelude::LeafNodeIndex;
use prost::Message;

use super::epochs::digest;
use super::outbox::{Lane, NewJob};
use super::state::{Job, JobState, Member, Purpose, Seal, What};
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError};
use crate::content::Room;
use crate::identity::{Resync, SignatureKey, UnverifiedResync};
use crate::mls::SUITE;
use crate::mls::group::{self, Plan, key_package_bytes};
use crate::mls::key_package;
use crate::mls::policy::{Knows, Who};

/// A request holds a ticket, and is made anew before that is too old.
const ASK_AGAIN: Millis = 55 * 60 * 1000;
const ASK_TOMORROW: Millis = 24 * 3600 * 1000;
/// The time of a request that was answered.
pub(super) const SPENT: Millis = 0;
/// Requests of a device that are remembered.
const REQUESTS: usize = 8;
/// A member of the same account answers at once, another waits a little when there is one.
const OTHERS_WAIT: Millis = 3_000;

impl Engine {
    pub(super) fn dispatch_ask(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        mut job: Job,
    ) -> Result<Lane, EngineError> {
        job.state = JobState::InFlight;
        cx.put(at.clone(), &job);
        self.ask(cx, Asked::Ticket(at), request::Op::MintTicket(wire::MintTicket {}));
        Ok(Lane::Waits)
    }

    pub(super) fn ask_with(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        job: Job,
        ticket: Ticket,
    ) -> Result<(), EngineError> {
        let Some(mut seal) = cx.seal(id)?.filter(|seal| seal.lost) else {
            cx.store.delete(at);
            return Ok(());
        };
        let package = key_package::make(cx.provider, cx.store, &self.myself(), false, cx.now)?;
        let inner = group::key_package_in(cx.provider, &package)
            .ok_or_else(|| EngineError::Sealing("a key package of this device is not one".to_owned()))?;
        seal.asked = Some(digest(&key_package_bytes(&inner)));
        cx.put_seal(id, &seal);
        let resync = Resync {
            conversation: id,
            device: self.me.device,
            key_package: package.into(),
            ticket,
            made: cx.now,
        };
        let request = Some(resync.sign(&self.secret));
        let op = wire::RequestResync { conversation: id.to_wire(), request, trail: None };
        cx.put(at.clone(), &job);
        self.ask(cx, Asked::Job(at), request::Op::RequestResync(op));
        Ok(())
    }

    pub(super) fn ask_answered(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        mut job: Job,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let wait = match result {
            Ok(response::Result::Done(_)) => ASK_AGAIN,
            Ok(_) => return self.try_later(cx, at, job, ErrorCode::Internal.into()),
            Err(error) if error.code.retry() == Retry::Never => ASK_TOMORROW,
            Err(error) => return self.try_later(cx, at, job, error),
        };
        job.state = JobState::Accepted;
        job.attempts = 0;
        job.not_before = cx.now + wait;
        cx.wake_at(job.not_before);
        cx.put(at, &job);
        Ok(())
    }

    /// Another device asks to be let in again.
    pub(super) fn resync_asked(
        &mut self,
        cx: &mut Cx<'_>,
        item: wire::ResyncAsked,
    ) -> Result<(), EngineError> {
        let id = ConversationId::try_from(&item.conversation).ok();
        let seal = match id {
            Some(id) => cx.seal(id)?,
            None => None,
        };
        let (Some(id), Some(mut seal)) = (id, seal) else {
            cx.alert(id, Alert::Misdelivered);
            return Ok(());
        };
        if let Some(trail) = item.trail {
            return self.trail_told(cx, id, trail);
        }
        let Some(signed) = item.request else {
            cx.alert(Some(id), Alert::FalseResync);
            return Ok(());
        };
        let group = self.group(cx, id)?;
        if seal.lost {
            return self.both_lost(cx, id, &seal, signed);
        }
        let Some(group) = group else { return self.lose(cx, id) };
        let members = cx.members(id)?;
        let request = self.verified_request(cx, id, &group, &seal, &members, signed.clone());
        self.keep(id, group);
        let Some((who, request, hash)) = request else {
            cx.alert(Some(id), Alert::FalseResync);
            return Ok(());
        };
        if !note_request(&mut seal, who.device, request.made, hash) {
            return Ok(());
        }
        cx.put_seal(id, &seal);
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            let waits = job.state == JobState::Waiting;
            if waits
                && matches!(&job.what, What::Commit(Purpose::Again(device, _), _) if *device == who.device)
            {
                cx.store.delete(at);
            }
        }
        let wait = self.wait_to_help(cx, id, who)?;
        let what = What::Commit(Purpose::Again(who.device, signed.encode_to_vec()), None);
        self.enqueue(cx, id, NewJob::new(what).not_before(cx.now + wait))?;
        Ok(())
    }

    /// How long this device waits before it lets another one in: the account's own devices are first, then
    /// admins, then everybody; when nobody comes before, at once.
    fn wait_to_help(&self, cx: &Cx<'_>, id: ConversationId, who: Who) -> Result<Millis, EngineError> {
        let members = cx.members(id)?;
        let kin = members.iter().any(|it| it.account == who.account && it.device != who.device);
        let group = cx.records().group(id)?;
        if who.account == self.me.account || (!kin && group.is_none()) {
            return Ok(0);
        }
        let admin = group.is_none_or(|group| group.admins.contains(&self.me.account));
        Ok(if admin {
            OTHERS_WAIT + cx.jitter(OTHERS_WAIT)
        } else {
            3 * OTHERS_WAIT + cx.jitter(9 * OTHERS_WAIT)
        })
    }

    /// Another device asks while this one has lost its place as well. When nobody else is there who could let
    /// them in, the conversation is begun anew, by the lower of the two accounts.
    fn both_lost(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        seal: &Seal,
        signed: wire::Signed,
    ) -> Result<(), EngineError> {
        let others = cx.members(id)?.iter().filter(|member| member.device != self.me.device).count();
        // Who is left in a group without anybody who could let them in has lost it.
        if matches!(seal.room, Room::Own(_)) {
            return self.kin_lost(cx, id, others, signed);
        }
        let Some(peer) = seal.room.peer(self.me.account) else { return Ok(()) };
        let list = cx.records().contact(peer)?.and_then(|contact| self.lists.of(&contact));
        let (Some(list), Ok(unverified)) = (list, UnverifiedResync::from_wire(signed)) else { return Ok(()) };
        let Some(entry) = list.entry(unverified.claimed_device()) else { return Ok(()) };
        if unverified.verify(id, &entry.signature_key).is_err() {
            cx.alert(Some(id), Alert::FalseResync);
            return Ok(());
        }
        if others == 1 && self.me.account < peer && !self.is_merged(cx, id)? {
            self.begin_anew(cx, id, peer)?;
        }
        Ok(())
    }

    /// The only other device of this account has lost its place too: the lower of the two begins anew.
    fn kin_lost(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        others: usize,
        signed: wire::Signed,
    ) -> Result<(), EngineError> {
        let Ok(unverified) = UnverifiedResync::from_wire(signed) else { return Ok(()) };
        let device = unverified.claimed_device();
        let Some(entry) = self.list.entry(device) else { return Ok(()) };
        if unverified.verify(id, &entry.signature_key).is_err() {
            cx.alert(Some(id), Alert::FalseResync);
            return Ok(());
        }
        if others == 1 && self.me.device < device && !self.is_merged(cx, id)? {
            self.begin_anew(cx, id, self.me.account)?;
        }
        Ok(())
    }

    /// Takes in the request that a commit goes by: who came in after it was made has not seen it, and who has seen a
    /// newer one is told of this one so.
    pub(super) fn learn_request(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        group: &MlsGroup,
        seal: &mut Seal,
        commit: &[u8],
    ) -> Result<(), EngineError> {
        let enclosed = wire::Enclosed::decode(mls_framing::authenticated_data(commit)).unwrap_or_default();
        let Some(signed) = enclosed.request else { return Ok(()) };
        let members = cx.members(id)?;
        if let Some((who, request, hash)) = self.verified_request(cx, id, group, seal, &members, signed) {
            note_request(seal, who.device, request.made, hash);
        }
        Ok(())
    }

    /// The request, if it is signed by a member's device and asks for that device alone.
    fn verified_request(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        group: &MlsGroup,
        seal: &Seal,
        members: &[Member],
        signed: wire::Signed,
    ) -> Option<(Who, Resync, [u8; 32])> {
        let unverified = UnverifiedResync::from_wire(signed).ok()?;
        let claimed = unverified.claimed_device();
        let member = members.iter().find(|member| member.device == claimed)?;
        let leaf = group.member_at(LeafNodeIndex::new(member.leaf))?;
        let key = SignatureKey::from_wire(&leaf.signature_key).ok()?;
        let request = unverified.verify(id, &key).ok()?;
        let package = group::key_package_in(cx.provider, &request.key_package)?;
        let node = package.leaf_node();
        let who = Who { account: member.account, device: member.device };
        let knowing = self.knowing(cx, Some(seal));
        let holds = knowing.admit(node.credential(), node.signature_key().as_slice()) == Ok(who)
            && node.signature_key().as_slice() == leaf.signature_key
            && package.ciphersuite() == SUITE
            && knowing.is_current(&package);
        let hash = digest(&key_package_bytes(&package));
        holds.then_some((who, request, hash))
    }

    /// What a commit must do that lets a device in again; `None` when it is not to be done any more.
    pub(super) fn plan_again(
        &self,
        cx: &Cx<'_>,
        group: &MlsGroup,
        seal: &Seal,
        members: &[Member],
        device: DeviceId,
        request: &[u8],
    ) -> Option<(Plan, Ticket)> {
        let signed = wire::Signed::decode(request).ok()?;
        let (who, request, hash) =
            self.verified_request(cx, conversation(group)?, group, seal, members, signed)?;
        let asked = seal.requests.iter().filter(|(asked, made, _)| *asked == device && *made != SPENT);
        let newest = asked.max_by_key(|(_, made, _)| *made).is_some_and(|(.., newest)| *newest == hash);
        let member = members.iter().find(|member| member.device == who.device)?;
        let package = group::key_package_in(cx.provider, &request.key_package)?;
        let plan = Plan {
            add: vec![package],
            remove: vec![LeafNodeIndex::new(member.leaf)],
            path: true,
            ..Plan::default()
        };
        newest.then_some((plan, request.ticket))
    }
}

/// Notes a device's request; whether it is its newest. One by which it was let in before is none.
fn note_request(seal: &mut Seal, device: DeviceId, made: Millis, hash: [u8; 32]) -> bool {
    let of_it = |known: &&(DeviceId, Millis, [u8; 32])| known.0 == device;
    if made == SPENT || seal.requests.iter().filter(of_it).any(|(.., known)| *known == hash) {
        return false;
    }
    let newest = seal.requests.iter().filter(of_it).all(|(_, before, _)| *before < made);
    if seal.requests.iter().filter(of_it).count() >= REQUESTS
        && let Some(oldest) = seal.requests.iter().position(|(other, ..)| *other == device)
    {
        seal.requests.remove(oldest);
    }
    seal.requests.push((device, made, hash));
    newest
}

/// Devices were let in again: what they asked until then is answered, and nobody may use it once more.
pub(super) fn spend_requests(seal: &mut Seal, devices: &[DeviceId]) {
    for (device, made, _) in &mut seal.requests {
        if devices.contains(device) {
            *made = SPENT;
        }
    }
}

fn conversation(group: &MlsGroup) -> Option<ConversationId> {
    ConversationId::try_from(group.group_id().as_slice()).ok()
}
