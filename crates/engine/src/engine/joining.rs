//! Joining a conversation by a Welcome: for the first time, or again after a request.

use std::collections::BTreeSet;

use lacre_proto::{AccountId, ConversationId, Handle, Millis};
use openmls::group::StagedWelcome;
use openmls::prelude::Welcome;

use super::devices::kin_wait;
use super::epochs::claimed_account;
use super::forks::CAME_IN;
use super::state::{Seal, What};
use super::updates::first_update;
use super::{Cx, Engine};
use crate::api::Reader;
use crate::api::{Alert, EngineError};
use crate::content::Room;
use crate::defence::Defence;
use crate::mls::extension::LacreConversation;
use crate::mls::key_package::{self, Kept};
use crate::mls::policy::{self, Admission, Denied, Who};
use crate::mls::{SUITE, group, welcome};
use crate::records::key::{self, DIRECT, GROUP_INFO};
use crate::records::{Contact, ConversationKind, ConversationRecord, ConversationState};
use lacre_proto::wire;

/// Why a Welcome was not followed.
enum Unjoined {
    /// It does not hold, or the policy does not allow it.
    Refused(&'static str),
    /// It comes from somebody who is blocked.
    Unwanted(AccountId),
}

impl From<&'static str> for Unjoined {
    fn from(reason: &'static str) -> Self {
        Self::Refused(reason)
    }
}

impl Engine {
    /// Keeps what the Welcome that stands next in the mailbox needs. It replaces what waited before: a relay that
    /// sends many fills nothing.
    pub(super) fn introduced(&mut self, cx: &mut Cx<'_>, item: &wire::GroupInfo) {
        cx.store.put(vec![GROUP_INFO], waiting(&item.conversation, item.sequence, &item.group_info));
    }

    /// The Welcome of an item, put together with its group info: that which came with it, or just before it.
    fn welcome_of(
        &self,
        cx: &mut Cx<'_>,
        item: &wire::Welcomed,
    ) -> Result<Result<Welcome, &'static str>, EngineError> {
        let kept = cx.store.get(&[GROUP_INFO])?;
        cx.store.delete(vec![GROUP_INFO]);
        let head = waiting(&item.conversation, item.sequence, &[]);
        let before = kept.as_deref().and_then(|kept| kept.strip_prefix(head.as_slice()));
        let group_info = if item.group_info.is_empty() { before } else { Some(item.group_info.as_ref()) };
        let Some(group_info) = group_info else { return Ok(Err("it came without what belongs to it")) };
        Ok(welcome::put_together(&item.welcome, group_info).ok_or("it is not one"))
    }

    pub(super) fn welcomed(
        &mut self,
        cx: &mut Cx<'_>,
        item: wire::Welcomed,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Ok(id) = ConversationId::try_from(&item.conversation) else {
            cx.alert(None, Alert::Misdelivered);
            return Ok(());
        };
        let known = cx.seal(id)?;
        let mark = cx.store.mark();
        match self.join(cx, id, known, &item, time)? {
            Ok(peer) => {
                self.stays(cx, id)?;
                self.check_roster(id);
                if let Some(peer) = peer {
                    self.settle(cx, peer)?;
                }
                let wait = kin_wait(cx);
                self.reconcile(cx, id, wait)?;
                self.top_up(cx)
            }
            Err(unjoined) => {
                cx.store.back_to(mark);
                cx.store.delete(vec![GROUP_INFO]);
                self.groups.remove(&id);
                match unjoined {
                    Unjoined::Refused(reason) => cx.alert(Some(id), Alert::WelcomeRefused(reason)),
                    Unjoined::Unwanted(by) => self.turn_away(cx, id, by)?,
                }
                Ok(())
            }
        }
    }

    fn join(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        known: Option<Seal>,
        item: &wire::Welcomed,
        time: Millis,
    ) -> Result<Result<Option<AccountId>, Unjoined>, EngineError> {
        let welcome = match self.welcome_for(cx, known.as_ref(), item)? {
            Ok(welcome) => welcome,
            Err(reason) => return Ok(Err(reason.into())),
        };
        let used = self.package_of(cx, &welcome)?;
        let staged = match group::stage_welcome(cx.provider, welcome, known.is_some()) {
            Ok(staged) => staged,
            Err(reason) => return Ok(Err(reason.into())),
        };
        let Ok(conversation) = policy::claimed(&staged, self.me.account) else {
            return Ok(Err(Denied::Context.reason().into()));
        };
        let again = known.is_some();
        if let Some(known) = &known
            && known.room != conversation.room(id)
        {
            return Ok(Err(Denied::Context.reason().into()));
        }
        let inviter = staged.welcome_sender().ok().and_then(|leaf| claimed_account(leaf.credential()));
        let by = conversation.room(id).peer(self.me.account).or(inviter);
        if let Some(by) = by
            // One's own other device may know already that they are blocked no more.
            && inviter != Some(self.me.account)
            && self.is_blocked(cx, by)?
        {
            return Ok(Err(Unjoined::Unwanted(by)));
        }
        if let Some(known) = &known
            && !self.may_let_in(cx, id, known, &conversation, &staged, inviter)?
        {
            return Ok(Err(Denied::Right.reason().into()));
        }
        let replaces = self.replaced_by(cx, &conversation, inviter)?;
        let (contact, admission) = match self.admit_welcome(cx, id, &conversation, &staged, again)? {
            Ok(admitted) => admitted,
            Err(denied) => {
                if let Some(by) = by.filter(|_| denied == Denied::Identity) {
                    // Perhaps the directory knows of another identity of theirs.
                    self.confirm(cx, by);
                }
                return Ok(Err(denied.reason().into()));
            }
        };
        let Ok(joined) = group::join(cx.provider, staged, admission) else {
            return Ok(Err("it does not hold together".into()));
        };
        let wrong = group::capability_hash(cx.provider, &joined, id)? != item.capability_hash.as_ref();
        self.account_for(cx, used.as_ref())?;
        let mut seal = known.unwrap_or_else(|| Seal::new(conversation.room(id), cx.now));
        let first_epoch = joined.epoch().as_u64() == 1;
        for member in cx.members(id)? {
            cx.store.delete(key::member(id, member.leaf));
        }
        self.refresh_members(cx, id, &joined, &[], first_epoch.then_some(0))?;
        (seal.lost, seal.refused, seal.asked, seal.counter, seal.sent) = (false, None, None, 0, 0);
        // Who came in by the last resort, or by what somebody may know, has a leaf key that others may have: soon anew.
        let made = used.as_ref().map_or(0, Kept::made_ms);
        let stale = made < self.secured_since(cx)?;
        let by_last_resort = used.is_some_and(|used| used.last_resort) || stale;
        seal.update_ms = if by_last_resort { 0 } else { first_update(cx, &joined) };
        self.link.chores_at = self.link.chores_at.min(seal.update_ms);
        seal.take_sequence(item.sequence);
        if let Some(inviter) = inviter.filter(|_| wrong) {
            self.doubt_capability(cx, id, &mut seal, inviter);
        }
        cx.put_seal(id, &seal);
        if again && !stale {
            self.renewed(cx, id)?;
        }
        match &contact {
            Some(contact) => self.enter(cx, id, contact, inviter)?,
            None if matches!(seal.room, Room::Own(_)) => self.enter_own(cx, id)?,
            None => {
                let by = inviter.unwrap_or(self.me.account);
                self.enter_group(cx, id, &conversation, by, again, time)?;
                if let Some(old) = replaces {
                    self.replace(cx, old, id)?;
                }
            }
        }
        // Who the heir is depends on the admins, who are known now.
        self.note_epoch(cx, id, &joined, CAME_IN)?;
        self.keep(id, joined);
        if again {
            self.back_in(cx, id)?;
        }
        if by_last_resort {
            self.plan_update(cx, id)?;
        }
        let own = matches!(seal.room, Room::Own(_)).then_some(self.me.account);
        Ok(Ok(contact.map(|contact| contact.account).or(own)))
    }

    /// The Welcome in an item, when this device can go by it.
    fn welcome_for(
        &mut self,
        cx: &mut Cx<'_>,
        known: Option<&Seal>,
        item: &wire::Welcomed,
    ) -> Result<Result<Welcome, &'static str>, EngineError> {
        let welcome = self.welcome_of(cx, item)?;
        if known.is_some_and(|seal| !seal.lost) {
            return Ok(Err("this device is a member already"));
        }
        let suite = |welcome: &Welcome| welcome.ciphersuite() == SUITE || !cx.defends(Defence::Suite);
        Ok(welcome
            .and_then(|welcome| if suite(&welcome) { Ok(welcome) } else { Err(Denied::Suite.reason()) }))
    }

    /// What waited is done from here on; what this device asked for, or committed, to find its place is not.
    fn back_in(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        self.requeue(cx, id, true)?;
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            if matches!(job.what, What::AskResync | What::Commit(..)) {
                cx.store.delete(at);
            }
        }
        Ok(())
    }

    /// Whether this member may let this device into a group again: an admin whom it knew, its own account, or
    /// anybody when nothing is otherwise than it knew it. Who has broken the rules lets nobody in. Who has shut the
    /// others out, and was followed by some because they saw nothing of it, lets nobody in either; those do who would
    /// have begun the group anew.
    fn may_let_in(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        known: &Seal,
        conversation: &LacreConversation,
        staged: &StagedWelcome,
        inviter: Option<AccountId>,
    ) -> Result<bool, EngineError> {
        let Some(group) = cx.records().group(id)? else { return Ok(true) };
        let Some(inviter) = inviter else { return Ok(false) };
        let trusted = inviter == self.me.account || group.admins.contains(&inviter);
        if let Some(offender) = known.refused {
            let first = self.successor(cx, id, &cx.members(id)?, Some(offender))?;
            let trusted = trusted || first.is_some_and(|first| first.account == inviter);
            return Ok(known.asked.is_some() && inviter != offender && trusted);
        }
        if known.heir.is_some() {
            return Ok(false);
        }
        if trusted {
            return Ok(true);
        }
        let before: BTreeSet<AccountId> = cx.members(id)?.into_iter().map(|member| member.account).collect();
        let same = conversation.admins == group.admins && conversation.rules == group.rules;
        let nobody_new = staged.members().all(|member| {
            claimed_account(&member.credential).is_some_and(|account| before.contains(&account))
        });
        Ok(same && nobody_new)
    }

    fn admit_welcome(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        conversation: &LacreConversation,
        staged: &StagedWelcome,
        again: bool,
    ) -> Result<Result<(Option<Contact>, Admission), Denied>, EngineError> {
        let peer = conversation.room(id).peer(self.me.account);
        let mut contact = None;
        for member in staged.members().filter(|member| member.index != staged.own_leaf_index()) {
            match (peer, claimed_account(&member.credential)) {
                (Some(_), _) if contact.is_some() => {}
                (Some(peer), _) => contact = self.meet(cx, peer, &member.credential)?,
                (None, Some(account)) if account != self.me.account => {
                    self.meet(cx, account, &member.credential)?;
                }
                (None, _) => {}
            }
        }
        if peer.is_some() && contact.is_none() {
            return Ok(Err(Denied::Identity));
        }
        let me = Who { account: self.me.account, device: self.me.device };
        let admission = policy::check_welcome(&self.knowing(cx, None), me, id, staged, again);
        #[cfg(feature = "evil")]
        let admission = if cx.defends(Defence::Policy) { admission } else { Ok(Admission::unchecked()) };
        Ok(admission.map(|admission| (contact, admission)))
    }

    /// The key package of this device that a Welcome was made for.
    fn package_of(&self, cx: &Cx<'_>, welcome: &Welcome) -> Result<Option<Kept>, EngineError> {
        for secret in welcome.secrets() {
            if let Some(kept) = key_package::kept(cx.store, &secret.new_member())? {
                return Ok(Some(kept));
            }
        }
        Ok(None)
    }

    /// One key package fewer at the relay.
    fn account_for(&self, cx: &mut Cx<'_>, used: Option<&Kept>) -> Result<(), EngineError> {
        let Some(used) = used else { return Ok(()) };
        let mut clockwork = cx.clockwork()?;
        if used.last_resort {
            clockwork.last_resort_used = true;
        } else {
            clockwork.packages_left = clockwork.packages_left.saturating_sub(1);
            key_package::forget_used(cx.store, &used.reference);
        }
        cx.put_clockwork(&clockwork);
        Ok(())
    }

    /// The conversation's record: made, or open again.
    fn enter(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        contact: &Contact,
        inviter: Option<AccountId>,
    ) -> Result<(), EngineError> {
        // An own device adds another to nothing that was not accepted.
        let by = inviter.filter(|by| *by == self.me.account).unwrap_or(contact.account);
        let standing = self.standing_by(cx, by)?;
        self.note_with(cx, contact.account, id);
        let record = match cx.records().conversation(id)? {
            Some(record) if matches!(record.state, ConversationState::MergedInto(_)) => return Ok(()),
            Some(record) => {
                ConversationRecord { state: ConversationState::Open, suite: SUITE.into(), ..record }
            }
            None => ConversationRecord {
                peer: Some(contact.account),
                handle: Some(contact.handle.clone()),
                state: ConversationState::Open,
                standing,
                suite: SUITE.into(),
                ..ConversationRecord::new(id, ConversationKind::Direct, cx.now)
            },
        };
        cx.put_conversation(&record)?;
        // What a certificate says of its handle is not enough to send to the handle.
        if contact.confirmed {
            self.name(cx, &contact.handle, id)?;
        }
        Ok(())
    }

    fn name(&self, cx: &mut Cx<'_>, handle: &Handle, id: ConversationId) -> Result<(), EngineError> {
        let at = key::handle(DIRECT, handle);
        if !cx.exists(&at)? {
            cx.put(at, &id);
        }
        Ok(())
    }
}

/// A group info as it waits: what it is for, then its bytes.
fn waiting(conversation: &[u8], sequence: u64, group_info: &[u8]) -> Vec<u8> {
    [conversation, &sequence.to_be_bytes(), group_info].concat()
}
