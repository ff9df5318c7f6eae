//! Commits of this device: made for a purpose, by the policy that everybody else judges them by, and made again
//! for the same purpose when another one was first.

use std::collections::BTreeSet;

use lacre_proto::wire::{self, request};
use lacre_proto::{AccountId, ConversationId, DeviceId, Ticket};
use openmls::group::MlsGroup;
use openmls::prelude::{LeafNodeIndex, Sender};
use prost::Message;
use sha2::{Digest, Sha256};

use super::epochs::claimed_account;
use super::opening::additions_of;
use super::outbox::Lane;
use super::state::{Built, Job, JobState, Member, Purpose, Seal, What};
use super::{Asked, Cx, Engine};
use crate::api::EngineError;
use crate::mls::extension::LacreConversation;
use crate::mls::group::{self, Plan};
use crate::mls::key_package;
use crate::mls::policy::{self, Approved, Denied, Members, Who};
use crate::records::{Change, Refused};

/// What a commit is to do, at the relay too.
pub(super) struct Planned {
    pub(super) plan: Plan,
    pub(super) tickets: Vec<Ticket>,
    pub(super) removals: Vec<DeviceId>,
}

impl Planned {
    fn of(plan: Plan) -> Self {
        Self { plan, tickets: Vec::new(), removals: Vec::new() }
    }

    /// Also removes who has left: who comes in has not heard them say it, and would not let others do it later.
    fn and_drop(mut self, members: &[Member], context: &LacreConversation, leaving: &[AccountId]) -> Self {
        if let Some(dropped) = plan_removal(members, context, leaving) {
            let there = |leaf: &LeafNodeIndex| !self.plan.remove.contains(leaf);
            let more: Vec<LeafNodeIndex> = dropped.plan.remove.into_iter().filter(there).collect();
            self.plan.remove.extend(more);
            self.plan.context = dropped.plan.context;
            let named = |device: &DeviceId| !self.removals.contains(device);
            let more: Vec<DeviceId> = dropped.removals.into_iter().filter(named).collect();
            self.removals.extend(more);
        }
        self
    }
}

impl Engine {
    pub(super) fn dispatch_commit(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
    ) -> Result<Lane, EngineError> {
        let Some((mut group, seal)) = self.sealable(cx, id)? else { return Ok(Lane::Waits) };
        if let What::Commit(Purpose::Devices, built) = &job.what
            && built.as_ref().is_none_or(|built| built.epoch != group.epoch().as_u64())
            && let Err(lane) = self.devices_ready(cx, id, &at, &job)?
        {
            self.keep(id, group);
            return Ok(lane);
        }
        let What::Commit(purpose, built) = &mut job.what else { unreachable!("only commits are committed") };
        let usable = built
            .take()
            .filter(|built| built.epoch == group.epoch().as_u64() && group.pending_commit().is_some());
        let made = match usable {
            Some(made) => made,
            None => {
                group.clear_pending_commit(&cx.provider.storage).map_err(group::sealing)?;
                let Some(made) = self.build_commit(cx, id, &mut group, &seal, purpose, job.dedupe)? else {
                    self.keep(id, group);
                    cx.store.delete(at);
                    return Ok(Lane::GoesOn);
                };
                made
            }
        };
        self.keep(id, group);
        let commit = wire::Commit::decode(made.request.as_slice())
            .map_err(|_| EngineError::Corrupt("a commit of the outbox"))?;
        *built = Some(made);
        job.state = JobState::InFlight;
        job.await_epoch = 0;
        cx.put(at.clone(), &job);
        self.ask_anonymously(cx, Asked::Job(at), request::Op::Commit(commit));
        Ok(Lane::Waits)
    }

    /// The commit for a purpose; `None` when there is nothing (left) to do, or when it must not be done.
    fn build_commit(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        group: &mut MlsGroup,
        seal: &Seal,
        purpose: &Purpose,
        dedupe: u64,
    ) -> Result<Option<Built>, EngineError> {
        let members = cx.members(id)?;
        let Some(Planned { plan, tickets, removals }) = self.plan(cx, id, group, seal, &members, purpose)?
        else {
            return Ok(None);
        };
        let epoch = group.epoch().as_u64();
        let capability = group::capability(cx.provider, group, id)?;
        group.set_aad(self.enclosed(cx, &plan, &members, purpose)?);
        let made = match group::commit(cx.provider, group, &self.myself(), plan) {
            Ok(made) => made,
            // A key package that MLS does not let in, whatever its signatures: it comes to nothing.
            Err(_) if matches!(purpose, Purpose::Again(..) | Purpose::Add(_) | Purpose::Devices) => {
                group.set_aad(Vec::new());
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if let Err(denied) = self.judge_own(cx, id, group, seal)? {
            // What everybody would refuse is not sent.
            group.clear_pending_commit(&cx.provider.storage).map_err(group::sealing)?;
            if denied == Denied::Right {
                self.tell(cx, id, self.me.account, Change::Refused(Refused::Right), cx.now)?;
            }
            return Ok(None);
        }
        let hash = Sha256::digest(&made.commit).into();
        let request = wire::Commit {
            conversation: id.to_wire(),
            epoch,
            capability: capability.into(),
            commit: made.commit.into(),
            capability_hash: made.capability_hash.to_vec().into(),
            additions: additions_of(tickets, made.welcomes.each).collect(),
            removals: removals.iter().map(|device| device.to_wire()).collect(),
            dedupe,
            group_info: made.welcomes.group_info.into(),
        };
        Ok(Some(Built { request: request.encode_to_vec(), hash, epoch }))
    }

    fn plan(
        &mut self,
        cx: &Cx<'_>,
        id: ConversationId,
        group: &MlsGroup,
        seal: &Seal,
        members: &[Member],
        purpose: &Purpose,
    ) -> Result<Option<Planned>, EngineError> {
        let Some(context) = LacreConversation::of(group.extensions()) else { return Ok(None) };
        Ok(match purpose {
            Purpose::Update | Purpose::Renew => Some(Planned::of(Plan { path: true, ..Plan::default() })),
            Purpose::Devices => {
                let leaving = self.leaving(cx, id)?;
                self.plan_for_lists(cx, members)?.map(|it| it.and_drop(members, &context, &leaving))
            }
            Purpose::Again(device, request) => {
                let leaving = self.leaving(cx, id)?;
                if members.iter().any(|it| it.device == *device && leaving.contains(&it.account)) {
                    return Ok(None);
                }
                let again = self.plan_again(cx, group, seal, members, *device, request);
                again.map(|(plan, ticket)| {
                    let removals = vec![*device];
                    Planned { plan, tickets: vec![ticket], removals }.and_drop(members, &context, &leaving)
                })
            }
            Purpose::Add(invited) => {
                let (mut add, mut tickets) = (Vec::new(), Vec::new());
                for one in invited {
                    let package = group::key_package_in(cx.provider, &one.package);
                    let Some(package) = package.filter(|it| key_package::is_current(it, cx.now)) else {
                        continue;
                    };
                    if !members.iter().any(|member| member.device == one.device) {
                        add.push(package);
                        tickets.push(Ticket(one.ticket));
                    }
                }
                // Without a path: it costs the same in a group of any size.
                let planned = Planned { tickets, ..Planned::of(Plan { add, ..Plan::default() }) };
                let leaving = self.leaving(cx, id)?;
                (!planned.tickets.is_empty()).then(|| planned.and_drop(members, &context, &leaving))
            }
            Purpose::Remove(accounts) => plan_removal(members, &context, accounts),
            Purpose::Drop(account) => {
                if self.leaving(cx, id)?.contains(account) {
                    plan_removal(members, &context, &[*account])
                } else {
                    None
                }
            }
            Purpose::Role(account, admin) => {
                let mut after = context.clone();
                after.admins.retain(|other| other != account);
                if *admin && members.iter().any(|member| member.account == *account) {
                    after.admins.push(*account);
                    after.admins.sort_unstable();
                }
                plan_context(context, after)
            }
            Purpose::Rules(rules) => {
                plan_context(context.clone(), LacreConversation { rules: *rules, ..context })
            }
        })
    }

    /// What a commit tells along: the newest device lists of those whom it adds, and of those of whom it removes a
    /// device that their list names no more; the request by which it lets a device in again.
    fn enclosed(
        &self,
        cx: &Cx<'_>,
        plan: &Plan,
        members: &[Member],
        purpose: &Purpose,
    ) -> Result<Vec<u8>, EngineError> {
        let added = plan.add.iter().filter_map(|package| claimed_account(package.leaf_node().credential()));
        let mut accounts: BTreeSet<AccountId> = added.collect();
        if *purpose == Purpose::Devices {
            let removed = |member: &&Member| plan.remove.iter().any(|leaf| leaf.u32() == member.leaf);
            accounts.extend(members.iter().filter(removed).map(|member| member.account));
        }
        let mut told = wire::Enclosed::default();
        if let Purpose::Again(_, request) = purpose {
            told.request = wire::Signed::decode(request.as_slice()).ok();
        }
        for account in accounts {
            if account == self.me.account {
                told.lists.push(self.list.to_wire());
            } else if let Some(contact) = cx.records().contact(account)?
                && let Ok(list) = wire::Signed::decode(contact.device_list.as_slice())
                && contact.list_version > 0
            {
                told.lists.push(list);
            }
        }
        Ok(told.encode_to_vec())
    }

    /// Who has said that they leave, and is in the tree still.
    fn leaving(&self, cx: &Cx<'_>, id: ConversationId) -> Result<Vec<AccountId>, EngineError> {
        Ok(cx.records().group(id)?.map(|group| group.leaving).unwrap_or_default())
    }

    /// The members of a conversation, as the policy wants them.
    pub(super) fn members_for(&self, cx: &Cx<'_>, id: ConversationId) -> Result<Members, EngineError> {
        let who = |member: Member| (member.leaf, Who { account: member.account, device: member.device });
        Ok(Members { leaves: cx.members(id)?.into_iter().map(who).collect(), leaving: self.leaving(cx, id)? })
    }

    /// What the policy says of this device's own pending commit.
    pub(super) fn judge_own(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        group: &MlsGroup,
        seal: &Seal,
    ) -> Result<Result<Approved, Denied>, EngineError> {
        let Some(staged) = group.pending_commit() else { return Ok(Err(Denied::Empty)) };
        let sender = Sender::Member(group.own_leaf_index());
        let members = self.members_for(cx, id)?;
        Ok(policy::check(&self.knowing(cx, Some(seal)), group, &members, staged, &sender))
    }
}

fn plan_removal(members: &[Member], context: &LacreConversation, accounts: &[AccountId]) -> Option<Planned> {
    let (gone, stay): (Vec<&Member>, Vec<&Member>) =
        members.iter().partition(|member| accounts.contains(&member.account));
    let left: BTreeSet<AccountId> = stay.iter().map(|member| member.account).collect();
    let after = policy::without(context, &left, stay.first().map(|member| member.account))?;
    let plan = Plan {
        remove: gone.iter().map(|member| LeafNodeIndex::new(member.leaf)).collect(),
        context: (after != *context).then_some(after),
        path: true,
        ..Plan::default()
    };
    let removals: Vec<DeviceId> = gone.iter().map(|member| member.device).collect();
    (!removals.is_empty()).then_some(Planned { plan, tickets: Vec::new(), removals })
}

fn plan_context(before: LacreConversation, after: LacreConversation) -> Option<Planned> {
    let plan = Plan { context: Some(after.clone()), path: true, ..Plan::default() };
    (before != after && after.holds()).then_some(Planned::of(plan))
}
