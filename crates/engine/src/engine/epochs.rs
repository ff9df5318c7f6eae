//! Commits: one's own merged at their echo, others' merged once the policy has passed them. A commit that
//! cannot be applied, or that must not be, leaves this device out of step, and it asks to be let in again.

use std::collections::{BTreeMap, BTreeSet};

use lacre_proto::wire;
use lacre_proto::{AccountId, ConversationId, DeviceId, Millis, mls_framing::ContentType};
use openmls::group::{MlsGroup, StagedCommit};
use openmls::prelude::{BasicCredential, Credential, ProcessedMessageContent, Sender};
use prost::Message;
use sha2::{Digest, Sha256};

use super::devices::kin_wait;
use super::outbox::NewJob;
use super::resync::spend_requests;
use super::state::{Heard, Member, Purpose, Seal, What};
use super::updates::next_update;
use super::{Cx, Engine};
use crate::api::{Alert, EngineError};
use crate::content::Room;
use crate::defence::Defence;
use crate::identity::UnverifiedCertificate;
use crate::mls::group;
use crate::mls::policy::{self, Approved};
use crate::records::key;
use crate::records::{Change, ConversationState};

impl Engine {
    pub(super) fn committed(
        &mut self,
        cx: &mut Cx<'_>,
        item: wire::Committed,
        time: Millis,
    ) -> Result<(), EngineError> {
        if item.commit.is_empty() {
            return match ConversationId::try_from(&item.conversation) {
                Ok(id) => self.created(cx, id, &item),
                Err(_) => {
                    cx.alert(None, Alert::Misdelivered);
                    Ok(())
                }
            };
        }
        let addressed =
            self.addressed(cx, &item.conversation, &item.commit, item.epoch, ContentType::Commit)?;
        let Some((id, mut seal)) = addressed else { return Ok(()) };
        let unseen = seal.take_sequence(item.sequence);
        cx.put_seal(id, &seal);
        if seal.lost {
            return Ok(());
        }
        let Some(mut group) = self.group(cx, id)? else { return self.lose(cx, id) };
        let epoch = group.epoch().as_u64();
        if let Some((at, job)) = self.echo_of(cx, id, item.dedupe, &item.commit)?
            && epoch == item.epoch
            && group.pending_commit().is_some()
        {
            let approved = self.judge_own(cx, id, &group, &seal)?.unwrap_or_else(|_| Approved::own());
            // One that only adds leaves this device's leaf as it was.
            let updates = group.pending_commit().is_some_and(|it| it.update_path_leaf_node().is_some());
            group.merge_pending_commit(cx.provider).map_err(group::sealing)?;
            cx.store.delete(at);
            if matches!(job.what, What::Commit(Purpose::Renew, _)) {
                self.renewed(cx, id)?;
            }
            if updates {
                (seal.update_ms, seal.sent) = (next_update(cx, &group), 0);
            }
            self.advanced(cx, id, group, seal, &approved, &item, time)?;
            return match job.what {
                What::Commit(Purpose::Add(invited), _) => self.give(cx, id, &invited, &approved.came),
                _ => Ok(()),
            };
        }
        if item.epoch < epoch || (item.epoch == epoch && !unseen) {
            self.keep(id, group);
            if unseen && self.is_another(cx, id, item.epoch, digest(&item.commit))? {
                return self.tell_trail(cx, id);
            }
            cx.alert(Some(id), Alert::Replayed);
            return Ok(());
        }
        if item.epoch > epoch {
            return self.lose(cx, id);
        }
        self.apply(cx, id, group, seal, &item, time)
    }

    fn apply(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        mut group: MlsGroup,
        mut seal: Seal,
        item: &wire::Committed,
        time: Millis,
    ) -> Result<(), EngineError> {
        self.learn_told(cx, &item.commit)?;
        self.learn_request(cx, id, &group, &mut seal, &item.commit)?;
        let mark = cx.store.mark();
        let Ok(message) = group::open(cx.provider, &mut group, &item.commit) else {
            cx.store.back_to(mark);
            return if cx.defends(Defence::Resync) { self.lose(cx, id) } else { Ok(()) };
        };
        let sender = message.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = message.into_content() else {
            cx.store.back_to(mark);
            return self.lose(cx, id);
        };
        self.meet_added(cx, &staged)?;
        let members = self.members_for(cx, id)?;
        let approved = policy::check(&self.knowing(cx, Some(&seal)), &group, &members, &staged, &sender);
        #[cfg(feature = "evil")]
        let approved = if cx.defends(Defence::Policy) { approved } else { Ok(Approved::unchecked()) };
        match approved {
            Ok(approved) => {
                group::merge(cx.provider, &mut group, *staged, &approved)?;
                self.advanced(cx, id, group, seal, &approved, item, time)
            }
            Err(denied) => {
                cx.store.back_to(mark);
                let offender = match sender {
                    Sender::Member(leaf) => {
                        cx.member(id, leaf.u32())?.filter(|it| it.account != self.me.account)
                    }
                    _ => None,
                };
                match offender {
                    Some(offender) if matches!(seal.room, Room::Group(_)) => {
                        self.broken(cx, id, offender.account, denied, time)
                    }
                    _ => {
                        cx.alert(Some(id), Alert::PolicyRefused(denied.reason()));
                        self.lose(cx, id)
                    }
                }
            }
        }
    }

    /// A new epoch: everything that hangs on it is done again.
    #[expect(clippy::too_many_arguments, reason = "all of them are one commit's whereabouts")]
    fn advanced(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        group: MlsGroup,
        mut seal: Seal,
        approved: &Approved,
        item: &wire::Committed,
        time: Millis,
    ) -> Result<(), EngineError> {
        let again: Vec<DeviceId> = approved.again.iter().map(|who| who.device).collect();
        if !group.is_active() {
            return self.removed(cx, id, approved, time);
        }
        self.refresh_members(cx, id, &group, &again, Some(0))?;
        spend_requests(&mut seal, &again);
        seal.doubt = None;
        if group::capability_hash(cx.provider, &group, id)? != item.capability_hash.as_ref() {
            self.doubt_capability(cx, id, &mut seal, approved.by.unwrap_or(self.me.account));
        }
        cx.put_seal(id, &seal);
        self.group_changed(cx, id, &group, approved, time)?;
        self.note_epoch(cx, id, &group, digest(&item.commit))?;
        self.keep(id, group);
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            if let What::Commit(Purpose::Again(device, _), _) = &job.what
                && again.contains(device)
            {
                cx.store.delete(at);
            }
        }
        self.requeue(cx, id, false)?;
        self.check_roster(id);
        let wait = kin_wait(cx);
        self.reconcile(cx, id, wait)
    }

    /// Reads the members off the tree. What was heard of a device stays, unless it was added again; of a new
    /// one the next counter is `first`.
    pub(super) fn refresh_members(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        group: &MlsGroup,
        again: &[DeviceId],
        first: Option<u32>,
    ) -> Result<(), EngineError> {
        let mut before: BTreeMap<DeviceId, Member> =
            cx.members(id)?.into_iter().map(|member| (member.device, member)).collect();
        let mut taken = BTreeSet::new();
        for leaf in group.members() {
            let Ok(basic) = BasicCredential::try_from(leaf.credential) else { continue };
            let Some((account, device)) = who(basic.identity()) else { continue };
            let index = leaf.index.u32();
            taken.insert(index);
            let kept = before.remove(&device).filter(|_| !again.contains(&device));
            if kept.as_ref().is_some_and(|member| member.leaf == index) {
                continue;
            }
            let fresh = || Heard { next: first, missing: Vec::new() };
            let heard = kept.map_or_else(fresh, |member| member.heard);
            cx.put_member(id, &Member { leaf: index, account, device, heard });
        }
        for gone in before.into_values().filter(|member| !taken.contains(&member.leaf)) {
            cx.store.delete(key::member(id, gone.leaf));
        }
        Ok(())
    }

    /// This device was removed by somebody: by another one of its account, when that stays.
    fn removed(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        approved: &Approved,
        time: Millis,
    ) -> Result<(), EngineError> {
        let by = approved.by.unwrap_or(self.me.account);
        let me = self.named(cx, self.me.account)?;
        self.go(cx, id, by, Change::Removed(vec![me]), time, false)
    }

    /// Those whom a commit adds, and whom this device may not know, by what their certificates say.
    fn meet_added(&mut self, cx: &mut Cx<'_>, staged: &StagedCommit) -> Result<(), EngineError> {
        for added in staged.add_proposals() {
            let credential = added.add_proposal().key_package().leaf_node().credential();
            let Some(account) = claimed_account(credential) else { continue };
            if account != self.me.account {
                self.meet(cx, account, credential)?;
            }
        }
        Ok(())
    }

    /// This device lost its place: nothing is sealed or opened until it is let in again. Perhaps it missed
    /// something; perhaps the relay has led it elsewhere than the others, who see that by its trail.
    pub(super) fn lose(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        let Some(mut seal) = cx.seal(id)? else { return Ok(()) };
        self.groups.remove(&id);
        if seal.lost {
            return Ok(());
        }
        self.tell_trail(cx, id)?;
        seal.lost = true;
        cx.put_seal(id, &seal);
        cx.alert(Some(id), Alert::OutOfStep);
        self.requeue(cx, id, false)?;
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            if matches!(job.what, What::Commit(..)) {
                cx.store.delete(at);
            }
        }
        if self.is_merged(cx, id)? {
            // Nothing more will be said in it.
            return Ok(());
        }
        if let Some(mut record) = cx.records().conversation(id)? {
            record.state = ConversationState::OutOfStep;
            cx.put_conversation(&record)?;
        }
        self.enqueue(cx, id, NewJob::new(What::AskResync))?;
        Ok(())
    }
}

/// Whose a leaf says that it is.
pub(super) fn claimed_account(credential: &Credential) -> Option<AccountId> {
    let basic = BasicCredential::try_from(credential.clone()).ok()?;
    Some(UnverifiedCertificate::from_credential(basic.identity()).ok()?.claimed_account())
}

/// Whose leaf it is; that it is so was checked when it came in.
fn who(identity: &[u8]) -> Option<(AccountId, DeviceId)> {
    let signed = wire::Signed::decode(identity).ok()?;
    let body = wire::DeviceCertificate::decode(signed.body.clone()).ok()?;
    let account = UnverifiedCertificate::from_wire(signed).ok()?.claimed_account();
    Some((account, DeviceId::try_from(&body.device).ok()?))
}

/// SHA-256, by which sealed forms and key packages are known again.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
