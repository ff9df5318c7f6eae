//! Opening a direct conversation: the handle is looked up, the person's key packages are claimed, the group is
//! made with everybody in it, and the relay is told. It is open at its echo.

use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, DeviceId, ErrorCode, Ticket};
use openmls::group::MlsGroup;
use openmls::prelude::KeyPackage;
use prost::Message;

use super::contacts::{Disbelief, Learned};
use super::forks::CAME_IN;
use super::outbox::Lane;
use super::state::{Job, JobState, Opening, Seal, What};
use super::updates::next_update;
use super::{Asked, Claims, Cx, Engine};
use crate::api::{Alert, EngineError};
use crate::content::Room;
use crate::mls::extension::LacreConversation;
use crate::mls::group::{self, Plan};
use crate::mls::policy::{Denied, Knows, Who};
use crate::mls::{SUITE, key_package, storage};
use crate::records::{Contact, ConversationKind, ConversationState, Failure};

/// Devices that were claimed, each with its ticket and key package.
pub(super) type Invitations = Vec<(DeviceId, Ticket, KeyPackage)>;

impl Engine {
    pub(super) fn dispatch_opening(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
    ) -> Result<Lane, EngineError> {
        let What::Open(opening) = &job.what else { unreachable!("only openings are opened") };
        match opening {
            Opening::Lookup => {
                let Some(record) = cx.records().conversation(id)? else {
                    cx.store.delete(at);
                    return Ok(Lane::GoesOn);
                };
                let by = wire::lookup::By::Handle(record.name().to_owned());
                self.ask(cx, Asked::Job(at.clone()), request::Op::Lookup(wire::Lookup { by: Some(by) }));
            }
            Opening::Claim(account) => {
                self.link.openings.insert(id, Claims::default());
                let claim = wire::ClaimKeyPackages { account: account.to_wire(), ..Default::default() };
                self.ask(cx, Asked::Claim(at.clone()), request::Op::ClaimKeyPackages(claim));
                self.ask(cx, Asked::Ticket(at.clone()), request::Op::MintTicket(wire::MintTicket {}));
            }
            Opening::Begin => {
                self.ask(cx, Asked::Ticket(at.clone()), request::Op::MintTicket(wire::MintTicket {}));
            }
            Opening::Create(_, create, _) => {
                let create = wire::CreateConversation::decode(create.as_slice())
                    .map_err(|_| EngineError::Corrupt("a creation of the outbox"))?;
                let op = request::Op::CreateConversation(create);
                self.ask_anonymously(cx, Asked::Job(at.clone()), op);
            }
        }
        job.state = JobState::InFlight;
        cx.put(at, &job);
        Ok(Lane::Waits)
    }

    pub(super) fn opening_answered(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let What::Open(opening) = &job.what else { return Ok(()) };
        match (opening, result) {
            (Opening::Lookup, Ok(response::Result::Account(told))) => self.looked_up(cx, id, at, job, told),
            (Opening::Create(..), Ok(response::Result::Accepted(_))) => {
                job.state = JobState::Accepted;
                cx.put(at, &job);
                Ok(())
            }
            (Opening::Create(account, ..), Err(error)) if error.code == ErrorCode::BadTicket => {
                let claim = What::Open(account.map_or(Opening::Begin, Opening::Claim));
                self.try_later(cx, at, Job { what: claim, ..job }, error)
            }
            // Perhaps it is there since an answer that was lost: then its echo will come.
            (Opening::Create(..), Err(error))
                if error.code == ErrorCode::ConversationExists && job.attempts < 3 =>
            {
                job.state = JobState::Accepted;
                job.attempts += 1;
                cx.put(at, &job);
                Ok(())
            }
            (_, Err(error)) => self.not_opened(cx, id, at, job, error),
            (_, Ok(_)) => self.not_opened(cx, id, at, job, ErrorCode::Internal.into()),
        }
    }

    fn not_opened(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        job: Job,
        error: WireError,
    ) -> Result<(), EngineError> {
        self.link.openings.remove(&id);
        match error.code.retry() {
            Retry::Never if error.code == ErrorCode::NoSuchAccount => {
                self.abandon(cx, id, at, Failure::NoSuchAccount)
            }
            Retry::Never => self.abandon(cx, id, at, Failure::Relay(error.code.number())),
            Retry::Later | Retry::AfterRepair => self.try_later(cx, at, job, error),
        }
    }

    /// The conversation will not be opened now: what waits in it has failed. The next message tries again.
    fn abandon(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        failure: Failure,
    ) -> Result<(), EngineError> {
        cx.store.delete(at);
        self.link.openings.remove(&id);
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            cx.store.delete(at);
            if let What::Message { shown_in, id, .. } = job.what {
                self.fail_message(cx, shown_in, id, failure)?;
            }
        }
        // Also when it was merged, or its creation was refused after all: nobody else will ever see it.
        if let Some(account) = cx.records().conversation(id)?.and_then(|record| record.peer) {
            self.settle(cx, account)?;
        }
        Ok(())
    }

    fn looked_up(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        job: Job,
        told: wire::Account,
    ) -> Result<(), EngineError> {
        let Some(mut record) = cx.records().conversation(id)? else { return Ok(()) };
        if told.account == self.me.account.to_wire() {
            return self.abandon(cx, id, at, Failure::Yourself);
        }
        let Some(handle) = record.handle.clone() else { return Ok(()) };
        if told.handle != handle.as_str() {
            self.disbelieve(cx, id, Disbelief::False);
            return self.abandon(cx, id, at, Failure::FalseIdentity);
        }
        let contact = match self.learn(cx, told, true) {
            Ok(contact) => contact,
            Err(Learned::Failed(error)) => return Err(error),
            Err(Learned::Not(disbelief)) => {
                self.disbelieve(cx, id, disbelief);
                return self.abandon(cx, id, at, disbelief.failure());
            }
        };
        if self.is_blocked(cx, contact.account)? {
            return self.abandon(cx, id, at, Failure::Blocked);
        }
        record.peer = Some(contact.account);
        cx.put_conversation(&record)?;
        self.note_with(cx, contact.account, id);
        if self.has_left(cx, contact.account, id)? {
            cx.store.delete(at);
            return self.begin_anew(cx, id, contact.account);
        }
        let what = What::Open(Opening::Claim(contact.account));
        cx.put(at, &Job { what, state: JobState::Waiting, attempts: 0, ..job });
        self.settle(cx, contact.account)
    }

    pub(super) fn claim_answered(
        &mut self,
        cx: &mut Cx<'_>,
        at: &[u8],
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let Some((id, job)) = self.waiting_for(cx, at)? else { return Ok(()) };
        match result {
            Ok(response::Result::Claimed(claimed)) => {
                if let Some(claims) = self.link.openings.get_mut(&id) {
                    claims.claimed = Some(claimed);
                }
                self.create_when_ready(cx, id, at, job)
            }
            Ok(_) => self.not_opened(cx, id, at.to_vec(), job, ErrorCode::Internal.into()),
            Err(error) => self.not_opened(cx, id, at.to_vec(), job, error),
        }
    }

    pub(super) fn ticket_answered(
        &mut self,
        cx: &mut Cx<'_>,
        at: &[u8],
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let Some((id, job)) = self.waiting_for(cx, at)? else { return Ok(()) };
        let ticket = match result {
            Ok(response::Result::Ticket(wire::Ticket { ticket })) => {
                Ticket::try_from(&ticket).map_err(|_| ErrorCode::Internal.into())
            }
            Ok(_) => Err(ErrorCode::Internal.into()),
            Err(error) => Err(error),
        };
        match (ticket, &job.what) {
            (Ok(ticket), What::AskResync) => self.ask_with(cx, id, at.to_vec(), job, ticket),
            (Ok(ticket), What::Open(Opening::Begin)) => self.begin_group(cx, id, at.to_vec(), ticket, job),
            (Ok(ticket), _) => {
                if let Some(claims) = self.link.openings.get_mut(&id) {
                    claims.ticket = Some(ticket);
                }
                self.create_when_ready(cx, id, at, job)
            }
            (Err(error), What::AskResync) => self.try_later(cx, at.to_vec(), job, error),
            (Err(error), _) => self.not_opened(cx, id, at.to_vec(), job, error),
        }
    }

    /// The job that an answer is for, if it still waits for it.
    fn waiting_for(&self, cx: &Cx<'_>, at: &[u8]) -> Result<Option<(ConversationId, Job)>, EngineError> {
        let job = cx.records().read::<Job>("job", at)?.filter(|job| job.state == JobState::InFlight);
        Ok(job.and_then(|job| Some((crate::records::key::conversation_in(at)?, job))))
    }

    fn create_when_ready(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: &[u8],
        job: Job,
    ) -> Result<(), EngineError> {
        let ready = |claims: &Claims| claims.claimed.is_some() && claims.ticket.is_some();
        if !self.link.openings.get(&id).is_some_and(ready) {
            return Ok(());
        }
        let (
            Some(Claims { claimed: Some(claimed), ticket: Some(ticket) }),
            What::Open(Opening::Claim(account)),
        ) = (self.link.openings.remove(&id), &job.what)
        else {
            return Ok(());
        };
        let account = *account;
        let invited = match self.invited(cx, account, claimed)? {
            Ok(invited) if invited.is_empty() => {
                return self.not_opened(cx, id, at.to_vec(), job, ErrorCode::NoKeyPackages.into());
            }
            Ok(invited) => invited,
            Err(disbelief) => {
                self.disbelieve(cx, id, disbelief);
                return self.abandon(cx, id, at.to_vec(), Failure::FalseIdentity);
            }
        };
        match self.create_direct(cx, id, account, ticket, invited, job)? {
            Some(job) => self.dispatch_opening(cx, id, at.to_vec(), job).map(|_| ()),
            None => {
                self.disbelieve(cx, id, Disbelief::False);
                self.abandon(cx, id, at.to_vec(), Failure::FalseIdentity)
            }
        }
    }

    /// The devices that were claimed, once all that the relay gave is seen to belong to the person.
    pub(super) fn invited(
        &self,
        cx: &mut Cx<'_>,
        account: AccountId,
        claimed: wire::Claimed,
    ) -> Result<Result<Invitations, Disbelief>, EngineError> {
        let false_identity = Ok(Err(Disbelief::False));
        // One's own list comes from one's own devices.
        if account != self.me.account {
            let Some(contact) = cx.records().contact(account)? else { return false_identity };
            if let Err(disbelief) = self.learn_claimed_list(cx, contact, claimed.device_list)? {
                return Ok(Err(disbelief));
            }
        }
        let mut invited = Vec::new();
        for wire::Claim { device, key_package, ticket, last_resort: _ } in claimed.claims {
            let (Ok(device), Ok(ticket)) = (DeviceId::try_from(&device), Ticket::try_from(&ticket)) else {
                return false_identity;
            };
            let Some(package) = group::key_package_in(cx.provider, &key_package) else {
                return false_identity;
            };
            let leaf = package.leaf_node();
            let who = self.knowing(cx, None).admit(leaf.credential(), leaf.signature_key().as_slice());
            if who != Ok(Who { account, device }) || package.ciphersuite() != SUITE {
                return false_identity;
            }
            if key_package::is_current(&package, cx.now) {
                invited.push((device, ticket, package));
            }
        }
        Ok(Ok(invited))
    }

    fn learn_claimed_list(
        &self,
        cx: &mut Cx<'_>,
        contact: Contact,
        list: Option<wire::Signed>,
    ) -> Result<Result<(), Disbelief>, EngineError> {
        let Some(signed) = list else { return Ok(Err(Disbelief::False)) };
        match self.learn_list(cx, contact, signed) {
            Ok(_) => Ok(Ok(())),
            Err(Learned::Not(disbelief)) => Ok(Err(disbelief)),
            Err(Learned::Failed(error)) => Err(error),
        }
    }

    /// Makes the group and the request for it; `None` when MLS does not let a key package in, whatever its
    /// signatures.
    fn create_direct(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        account: AccountId,
        own: Ticket,
        invited: Invitations,
        job: Job,
    ) -> Result<Option<Job>, EngineError> {
        let conversation = LacreConversation::direct(self.me.account, account);
        let mut group = self.new_group(cx, id, &conversation)?;
        let (tickets, add): (Vec<Ticket>, Vec<KeyPackage>) =
            invited.into_iter().map(|(_, ticket, package)| (ticket, package)).unzip();
        let plan = Plan { add, ..Plan::default() };
        let Ok(made) = group::commit(cx.provider, &mut group, &self.myself(), plan) else {
            storage::forget_group(cx.store, id)?;
            return Ok(None);
        };
        self.keep(id, group);
        let mut additions = vec![wire::Addition { ticket: own.to_wire(), welcome: Default::default() }];
        additions.extend(additions_of(tickets, made.welcomes.each));
        let dedupe = cx.provider.rand.number();
        let create = wire::CreateConversation {
            conversation: id.to_wire(),
            additions,
            capability_hash: made.capability_hash.to_vec().into(),
            dedupe,
            group_info: made.welcomes.group_info.into(),
        };
        cx.put_seal(id, &Seal::new(conversation.room(id), cx.now));
        let opening = Opening::Create(Some(account), create.encode_to_vec(), made.capability_hash);
        Ok(Some(Job { what: What::Open(opening), dedupe, state: JobState::Waiting, ..job }))
    }

    fn new_group(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        conversation: &LacreConversation,
    ) -> Result<MlsGroup, EngineError> {
        // What an earlier try has left: it never was at the relay.
        storage::forget_group(cx.store, id)?;
        self.groups.remove(&id);
        group::create(cx.provider, &self.myself(), id, conversation, cx.now)
    }

    /// Makes a group with this device alone in it; people are added when it is open.
    pub(super) fn begin_group(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        ticket: Ticket,
        job: Job,
    ) -> Result<(), EngineError> {
        let instead_of = cx.records().group(id)?.and_then(|group| group.instead_of);
        let own = cx.records().conversation(id)?.is_some_and(|it| it.kind == ConversationKind::Own);
        let conversation = match own {
            true => LacreConversation::own(self.me.account),
            false => LacreConversation::group(self.me.account, instead_of),
        };
        let mut group = self.new_group(cx, id, &conversation)?;
        let plan = Plan { path: true, ..Plan::default() };
        let made = group::commit(cx.provider, &mut group, &self.myself(), plan)?;
        self.keep(id, group);
        let dedupe = cx.provider.rand.number();
        let create = wire::CreateConversation {
            conversation: id.to_wire(),
            additions: vec![wire::Addition { ticket: ticket.to_wire(), welcome: Default::default() }],
            capability_hash: made.capability_hash.to_vec().into(),
            dedupe,
            group_info: Default::default(),
        };
        cx.put_seal(id, &Seal::new(conversation.room(id), cx.now));
        let opening = Opening::Create(None, create.encode_to_vec(), made.capability_hash);
        let job = Job { what: What::Open(opening), dedupe, state: JobState::Waiting, ..job };
        self.dispatch_opening(cx, id, at, job).map(|_| ())
    }

    /// The echo of a conversation that this device made: it is open.
    pub(super) fn created(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        item: &wire::Committed,
    ) -> Result<(), EngineError> {
        let lane = self.lane(cx, id, usize::MAX)?;
        let mine = lane.into_iter().find(|(_, job)| {
            job.dedupe == item.dedupe && matches!(job.what, What::Open(Opening::Create(..)))
        });
        let (Some((at, job)), Some(mut seal)) = (mine, cx.seal(id)?) else {
            cx.alert(Some(id), Alert::Replayed);
            return Ok(());
        };
        let What::Open(Opening::Create(account, _, hash)) = job.what else { return Ok(()) };
        if item.capability_hash.as_ref() != hash {
            cx.alert(Some(id), Alert::PolicyRefused(Denied::Context.reason()));
        }
        let Some(mut group) = self.group(cx, id)? else { return self.lose(cx, id) };
        group.merge_pending_commit(cx.provider).map_err(group::sealing)?;
        cx.store.delete(at);
        seal.take_sequence(item.sequence);
        seal.update_ms = next_update(cx, &group);
        self.refresh_members(cx, id, &group, &[], Some(0))?;
        cx.put_seal(id, &seal);
        self.note_epoch(cx, id, &group, CAME_IN)?;
        self.keep(id, group);
        if let Some(mut record) = cx.records().conversation(id)?
            && record.state == ConversationState::Opening
        {
            record.state = ConversationState::Open;
            record.suite = SUITE.into();
            cx.put_conversation(&record)?;
        }
        self.check_roster(id);
        let own = matches!(seal.room, Room::Own(_)).then_some(self.me.account);
        if let Some(account) = account.or(own) {
            self.settle(cx, account)?;
        }
        self.reconcile(cx, id, 0)
    }
}

/// Each newcomer's ticket with its Welcome.
pub(super) fn additions_of(
    tickets: Vec<Ticket>,
    welcomes: Vec<Vec<u8>>,
) -> impl Iterator<Item = wire::Addition> {
    let addition = |(ticket, welcome): (Ticket, Vec<u8>)| wire::Addition {
        ticket: ticket.to_wire(),
        welcome: welcome.into(),
    };
    tickets.into_iter().zip(welcomes).map(addition)
}
