//! The account's own devices: the signed list of them, and that each conversation has just those that it names.
//!
//! A change of the list waits in the store until the relay has taken it; when another device was first, the
//! change is made again on that device's list. Then every conversation is brought in line by commits: devices
//! that the list names are added, those that it names no more are removed. Such a commit encloses the lists that
//! it follows, so that every member learns them at the same place and nobody depends on the relay for it.
//!
//! The device that made a change acts at once; others wait, and find nothing left to do.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, DeviceId, ErrorCode, Millis, Ticket, limits, mls_framing};
use openmls::prelude::{KeyPackage, LeafNodeIndex};
use prost::Message;
use serde::{Deserialize, Serialize};

use super::commits::Planned;
use super::outbox::{Lane, NewJob};
use super::state::{Job, JobState, Member, Purpose, Seal, SecretRecord, What};
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError, Event, Refusal};
use crate::content::Matter;
use crate::defence::Defence;
use crate::identity::{
    DEVICE_NAME, DeviceEntry, DeviceList, IdentityKey, IdentitySecret, Succession, UnverifiedDeviceList,
};
use crate::mls::group::{self, Plan};
use crate::mls::policy::{Knows, Who};
use crate::mls::{SUITE, key_package};
use crate::records::key::{self, OWN_CHANGES, SECRET};
use crate::records::{ConversationState, encode};

/// A device of the account that did not make a change waits for the one that did.
const KIN_WAIT: Millis = 20_000;
/// Members of other accounts wait for the account's own devices.
const OTHERS_WAIT: Millis = 60_000;
/// A device that has no key packages yet is asked for again after this time, and then ever more rarely.
const AGAIN: Millis = 2_000;
const AGAIN_AT_MOST: Millis = 300_000;
/// Lists of one commit that are looked at.
const TOLD: usize = 2048;

/// Key packages of one's own devices that were claimed and not used yet, and what is known of the relay's answers.
#[derive(Clone, Default)]
pub(super) struct Spares {
    packages: Vec<(DeviceId, Ticket, KeyPackage)>,
    /// Devices that had no packages, and until when they are not asked again.
    dry: Vec<(DeviceId, Millis)>,
    /// A change of the list is not tried before.
    list_not_before: Millis,
}

/// A change of the account's device list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ListChange {
    Add(DeviceEntry),
    Remove(DeviceId),
    Approve(DeviceId),
}

/// Changes that the relay has not taken yet.
#[derive(Default, Serialize, Deserialize)]
struct OwnChanges {
    changes: Vec<ListChange>,
    /// The encoded list that was made of the first so many of them; empty when none was.
    list: Vec<u8>,
    made_of: usize,
}

/// What brings a conversation in line with the device lists.
#[derive(Default)]
struct Needed {
    add: Vec<DeviceId>,
    remove: Vec<Member>,
}

impl Engine {
    /// The account's devices, as the newest list known here names them.
    pub fn devices(&self) -> &DeviceList {
        &self.list
    }

    pub(super) fn in_quarantine(&self, now: Millis) -> bool {
        self.list.entry(self.me.device).is_none_or(|me| me.quarantine_until > now)
    }

    pub(super) fn revoke(
        &mut self,
        cx: &mut Cx<'_>,
        device: DeviceId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if self.list.entry(device).is_none() || device == self.me.device {
            return Ok(Err(Refusal::NoSuchDevice));
        }
        if self.in_quarantine(cx.now) {
            return Ok(Err(Refusal::InQuarantine));
        }
        self.change_list(cx, ListChange::Remove(device)).map(Ok)
    }

    pub(super) fn approve(
        &mut self,
        cx: &mut Cx<'_>,
        device: DeviceId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let Some(entry) = self.list.entry(device) else { return Ok(Err(Refusal::NoSuchDevice)) };
        let me = self.me.device;
        let trusted = |other: &&DeviceEntry| other.quarantine_until <= cx.now && other.device != device;
        let others = self.list.devices().iter().filter(trusted).any(|other| other.device != me);
        if device == me || (entry.added_by == Some(me) && others) {
            return Ok(Err(Refusal::NotByThisDevice));
        }
        if self.in_quarantine(cx.now) {
            return Ok(Err(Refusal::InQuarantine));
        }
        self.change_list(cx, ListChange::Approve(device)).map(Ok)
    }

    pub(super) fn name_device(
        &mut self,
        cx: &mut Cx<'_>,
        device: DeviceId,
        name: &str,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if self.list.entry(device).is_none() {
            return Ok(Err(Refusal::NoSuchDevice));
        }
        let name: String = name.trim().chars().take(DEVICE_NAME).collect();
        self.settle_matter(cx, Matter::DeviceName { device, name: name.clone() })?;
        self.put_device_name(cx, device, &name);
        Ok(Ok(()))
    }

    pub(super) fn put_device_name(&self, cx: &mut Cx<'_>, device: DeviceId, name: &str) {
        match name.is_empty() {
            true => cx.store.delete(key::device_name(device)),
            false => cx.put(key::device_name(device), &name),
        }
        cx.event(Event::DevicesChanged(self.me.account));
    }

    /// Notes a change; it is made when the relay can be asked.
    pub(super) fn change_list(&mut self, cx: &mut Cx<'_>, change: ListChange) -> Result<(), EngineError> {
        let mut own = self.own_changes(cx)?;
        own.changes.push(change);
        cx.put(vec![OWN_CHANGES], &own);
        self.link.devices.list_not_before = 0;
        Ok(())
    }

    fn own_changes(&self, cx: &Cx<'_>) -> Result<OwnChanges, EngineError> {
        Ok(cx.records().read("changes of the device list", &[OWN_CHANGES])?.unwrap_or_default())
    }

    /// Asks the relay to take the next list, if there is one to be made.
    pub(super) fn dispatch_list(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        let busy = |asked: &Asked| matches!(asked, Asked::NewList | Asked::OwnAccount);
        if self.link.asked.values().any(busy) {
            return Ok(());
        }
        let mut own = self.own_changes(cx)?;
        if own.changes.is_empty() {
            return Ok(());
        }
        if self.link.devices.list_not_before > cx.now {
            cx.wake_at(self.link.devices.list_not_before);
            return Ok(());
        }
        if own.list.is_empty() {
            let devices = changed(self.list.devices().to_vec(), &own.changes);
            if devices == self.list.devices() {
                cx.store.delete(vec![OWN_CHANGES]);
                return Ok(());
            }
            let Ok(list) = self.list.next(&self.identity_secret(cx)?, devices) else {
                cx.store.delete(vec![OWN_CHANGES]);
                cx.alert(None, Alert::DeviceListRefused(ErrorCode::LimitReached));
                return Ok(());
            };
            own.list = list.to_wire().encode_to_vec();
            own.made_of = own.changes.len();
            cx.put(vec![OWN_CHANGES], &own);
        }
        let device_list = wire::Signed::decode(own.list.as_slice()).ok();
        self.ask(cx, Asked::NewList, request::Op::UpdateDeviceList(wire::UpdateDeviceList { device_list }));
        Ok(())
    }

    pub(super) fn identity_secret(&self, cx: &Cx<'_>) -> Result<IdentitySecret, EngineError> {
        let secrets: SecretRecord =
            cx.records().read("secrets", &[SECRET])?.ok_or(EngineError::Corrupt("secrets"))?;
        Ok(IdentitySecret::from_bytes(&secrets.identity))
    }

    pub(super) fn new_list_answered(
        &mut self,
        cx: &mut Cx<'_>,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let mut own = self.own_changes(cx)?;
        match result {
            Ok(response::Result::Done(_)) => {
                let list = self.own_list(&own.list);
                own.changes.drain(..own.made_of.min(own.changes.len()));
                (own.list, own.made_of) = (Vec::new(), 0);
                match own.changes.is_empty() {
                    true => cx.store.delete(vec![OWN_CHANGES]),
                    false => cx.put(vec![OWN_CHANGES], &own),
                }
                match list {
                    Some(list) => self.adopt(cx, list, true)?,
                    None => return Err(EngineError::Corrupt("changes of the device list")),
                }
                self.list_taken(cx)
            }
            Err(error) if error.code == ErrorCode::StaleDeviceList => {
                (own.list, own.made_of) = (Vec::new(), 0);
                cx.put(vec![OWN_CHANGES], &own);
                self.link.devices.list_not_before = cx.now + 1_000;
                cx.wake_at(self.link.devices.list_not_before);
                self.ask_own_account(cx);
                Ok(())
            }
            Err(error) if error.code.retry() == Retry::Never => {
                cx.store.delete(vec![OWN_CHANGES]);
                cx.alert(None, Alert::DeviceListRefused(error.code));
                self.list_refused(cx);
                Ok(())
            }
            Ok(_) | Err(_) => {
                let wait = result.err().map_or(0, |error| error.retry_after_ms).max(5_000);
                self.link.devices.list_not_before = cx.now + wait;
                cx.wake_at(self.link.devices.list_not_before);
                Ok(())
            }
        }
    }

    fn own_list(&self, signed: &[u8]) -> Option<DeviceList> {
        let key = IdentityKey::from_wire(&self.me.identity_key).ok()?;
        let signed = wire::Signed::decode(signed).ok()?;
        UnverifiedDeviceList::from_wire(signed).ok()?.verify(self.me.account, &key).ok()
    }

    /// Asks what the directory says of this account.
    pub(super) fn ask_own_account(&mut self, cx: &mut Cx<'_>) {
        let asked = |asked: &Asked| matches!(asked, Asked::OwnAccount);
        if self.link.online && !self.link.asked.values().any(asked) {
            let by = wire::lookup::By::Account(self.me.account.to_wire());
            self.ask(cx, Asked::OwnAccount, request::Op::Lookup(wire::Lookup { by: Some(by) }));
        }
    }

    pub(super) fn own_account_answered(
        &mut self,
        cx: &mut Cx<'_>,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        // After an error the next connection asks again.
        let Ok(response::Result::Account(told)) = result else { return Ok(()) };
        // The devices first: one of them has signed what it tells as a business.
        if let Some(signed) = &told.device_list {
            self.learn_own(cx, signed, true)?;
        }
        if told.account == self.me.account.as_ref() {
            self.learn_business(cx, &told)?;
        }
        Ok(())
    }

    /// Takes in a device list of this account; `told` when the relay gives it as the newest.
    fn learn_own(&mut self, cx: &mut Cx<'_>, signed: &wire::Signed, told: bool) -> Result<(), EngineError> {
        let list = self.own_list(&signed.encode_to_vec());
        match list.map(|list| (self.list.succeeded_by(&list), list)) {
            Some((Ok(Succession::Next | Succession::Later), list)) => self.adopt(cx, list, false),
            Some((Err(_), list)) if !cx.defends(Defence::DeviceList) => self.adopt(cx, list, false),
            Some((Ok(Succession::Same), _)) => {
                let wait = kin_wait(cx);
                self.ensure_own(cx, wait)?;
                self.plan_for(cx, self.me.account, KIN_WAIT)
            }
            _ if told => {
                cx.alert(None, Alert::FalseDeviceList);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// From now on this is the account's device list; `mine` when this device has made it.
    fn adopt(&mut self, cx: &mut Cx<'_>, list: DeviceList, mine: bool) -> Result<(), EngineError> {
        let mut secrets: SecretRecord =
            cx.records().read("secrets", &[SECRET])?.ok_or(EngineError::Corrupt("secrets"))?;
        secrets.list = list.to_wire().encode_to_vec();
        cx.store.put(vec![SECRET], encode(&secrets));
        let before = std::mem::replace(&mut self.list, list);
        let fresh = |entry: &&DeviceEntry| before.entry(entry.device).is_none();
        let added: Vec<DeviceId> =
            self.list.devices().iter().filter(fresh).map(|entry| entry.device).collect();
        for device in added {
            if device != self.me.device && !mine {
                cx.alert(None, Alert::DeviceAdded(device));
            }
            self.link.devices.dry.retain(|(dry, _)| *dry != device);
        }
        cx.event(Event::DevicesChanged(self.me.account));
        let wait = if mine { 0 } else { kin_wait(cx) };
        self.ensure_own(cx, wait)?;
        self.plan_for(cx, self.me.account, wait)
    }

    /// Learns the device lists that a commit tells along, in its authenticated data. They are signed by their
    /// accounts; what does not hold or goes back is passed over.
    pub(super) fn learn_told(&mut self, cx: &mut Cx<'_>, commit: &[u8]) -> Result<(), EngineError> {
        let enclosed = mls_framing::authenticated_data(commit);
        let Ok(wire::Enclosed { lists, .. }) = wire::Enclosed::decode(enclosed) else { return Ok(()) };
        for signed in lists.into_iter().take(TOLD) {
            let Ok(list) = UnverifiedDeviceList::from_wire(signed.clone()) else { continue };
            let account = list.claimed_account();
            if account == self.me.account {
                self.learn_own(cx, &signed, false)?;
            } else if let Some(contact) = cx.records().contact(account)? {
                let before = contact.list_hash;
                if self.learn_list(cx, contact, signed).is_ok_and(|contact| contact.list_hash != before) {
                    cx.event(Event::DevicesChanged(account));
                }
            }
        }
        Ok(())
    }

    /// What a conversation's members should be by the lists known, when they are others.
    fn needed(&self, cx: &Cx<'_>, members: &[Member]) -> Result<Needed, EngineError> {
        let mut needed = Needed::default();
        let mut lists: BTreeMap<AccountId, Option<Arc<DeviceList>>> = BTreeMap::new();
        for member in members {
            let listed = if member.account == self.me.account {
                self.list.entry(member.device).is_some()
            } else {
                let list = match lists.entry(member.account) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => {
                        let contact = cx.records().contact(member.account)?;
                        place.insert(contact.and_then(|contact| self.lists.of(&contact)))
                    }
                };
                list.as_ref().is_none_or(|list| list.entry(member.device).is_some())
            };
            if !listed {
                needed.remove.push(member.clone());
            }
        }
        let here = |device: DeviceId| members.iter().any(|member| member.device == device);
        if here(self.me.device) {
            let devices = self.list.devices().iter().map(|entry| entry.device);
            needed.add = devices.filter(|device| !here(*device)).collect();
        }
        Ok(needed)
    }

    /// Looks at a conversation's members: what this account's list asks for is planned; of a device that is in no
    /// list known here, the directory is asked before anything is done.
    pub(super) fn reconcile(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        wait: Millis,
    ) -> Result<(), EngineError> {
        if !self.is_tended(cx, id)? {
            return Ok(());
        }
        let needed = self.needed(cx, &cx.members(id)?)?;
        for member in &needed.remove {
            match member.account == self.me.account {
                true => self.ask_own_account(cx),
                false => self.confirm(cx, member.account),
            }
        }
        if needed.add.is_empty() { Ok(()) } else { self.plan_devices(cx, id, wait) }
    }

    /// Whether the members of a conversation are looked after here.
    fn is_tended(&self, cx: &Cx<'_>, id: ConversationId) -> Result<bool, EngineError> {
        let open = cx.records().conversation(id)?.is_some_and(|it| it.state == ConversationState::Open);
        Ok(open && cx.seal(id)?.is_some_and(|seal| !seal.lost))
    }

    /// An account's newest list is known: every conversation that it is in is brought in line.
    pub(super) fn plan_for(
        &mut self,
        cx: &mut Cx<'_>,
        account: AccountId,
        wait: Millis,
    ) -> Result<(), EngineError> {
        for (at, _) in cx.records().all::<Seal>("seal", &[key::SEAL])? {
            let Some(id) = key::conversation_in(&at) else { continue };
            let mut members = cx.members(id)?;
            members.retain(|member| member.account == account);
            if members.is_empty() || !self.is_tended(cx, id)? {
                continue;
            }
            let Needed { add, remove } = self.needed(cx, &members)?;
            let own = account == self.me.account;
            if (own && !add.is_empty()) || remove.iter().any(|member| member.account == account) {
                self.plan_devices(cx, id, wait)?;
            }
        }
        Ok(())
    }

    /// The same, when the list of another account was asked for and is known now.
    pub(super) fn plan_for_other(&mut self, cx: &mut Cx<'_>, account: AccountId) -> Result<(), EngineError> {
        let wait = OTHERS_WAIT + cx.jitter(OTHERS_WAIT);
        self.plan_for(cx, account, wait)
    }

    fn plan_devices(&mut self, cx: &mut Cx<'_>, id: ConversationId, wait: Millis) -> Result<(), EngineError> {
        let not_before = if wait == 0 { 0 } else { cx.now + wait };
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            if !matches!(job.what, What::Commit(Purpose::Devices, _)) {
                continue;
            }
            if job.state == JobState::Waiting && job.not_before > not_before {
                cx.put(at, &Job { not_before, ..job });
            }
            return Ok(());
        }
        let what = What::Commit(Purpose::Devices, None);
        self.enqueue(cx, id, NewJob::new(what).not_before(not_before))?;
        Ok(())
    }

    /// Looks whether the commit of a job can be made now: `Ok` when it can, else what becomes of its lane.
    pub(super) fn devices_ready(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: &[u8],
        job: &Job,
    ) -> Result<Result<(), Lane>, EngineError> {
        let needed = self.needed(cx, &cx.members(id)?)?;
        if needed.add.is_empty() && needed.remove.is_empty() {
            cx.store.delete(at.to_vec());
            return Ok(Err(Lane::GoesOn));
        }
        let now = cx.now;
        self.link.devices.dry.retain(|(_, until)| *until > now);
        let has = |device: &DeviceId| self.link.devices.packages.iter().any(|(of, ..)| of == device);
        let is_dry = |device: &DeviceId| self.link.devices.dry.iter().any(|(of, _)| of == device);
        let lacking: Vec<DeviceId> =
            needed.add.iter().copied().filter(|device| !has(device) && !is_dry(device)).collect();
        if !lacking.is_empty() {
            let asked = |asked: &Asked| matches!(asked, Asked::OwnPackages(_));
            if !self.link.asked.values().any(asked) {
                let is_one = |job: &Job| matches!(job.what, What::Commit(Purpose::Devices, _));
                let jobs = self.jobs(cx)?.iter().filter(|(_, job)| is_one(job)).count();
                let count = jobs.clamp(1, limits::CLAIMED_OWN) as u32;
                let devices = lacking.iter().map(|device| device.to_wire()).collect();
                let account = self.me.account.to_wire();
                let claim = wire::ClaimKeyPackages { account, devices, count };
                self.ask(cx, Asked::OwnPackages(lacking), request::Op::ClaimKeyPackages(claim));
            }
            return Ok(Err(Lane::Waits));
        }
        if needed.remove.is_empty() && !needed.add.iter().any(has) {
            let wait = (AGAIN << job.attempts.min(8)).min(AGAIN_AT_MOST);
            let job = Job { not_before: now + wait, attempts: job.attempts + 1, ..job.clone() };
            cx.wake_at(job.not_before);
            cx.put(at.to_vec(), &job);
            return Ok(Err(Lane::GoesOn));
        }
        Ok(Ok(()))
    }

    /// What a commit of this kind does; takes the key packages that it needs.
    pub(super) fn plan_for_lists(
        &mut self,
        cx: &Cx<'_>,
        members: &[Member],
    ) -> Result<Option<Planned>, EngineError> {
        let needed = self.needed(cx, members)?;
        let (mut add, mut tickets) = (Vec::new(), Vec::new());
        for device in &needed.add {
            let spares = &mut self.link.devices.packages;
            if let Some(at) = spares.iter().position(|(of, ..)| of == device) {
                let (_, ticket, package) = spares.remove(at);
                tickets.push(ticket);
                add.push(package);
            }
        }
        if add.is_empty() && needed.remove.is_empty() {
            return Ok(None);
        }
        let remove = needed.remove.iter().map(|member| LeafNodeIndex::new(member.leaf)).collect();
        let removals = needed.remove.iter().map(|member| member.device).collect();
        let plan = Plan { add, remove, path: true, ..Plan::default() };
        Ok(Some(Planned { plan, tickets, removals }))
    }

    pub(super) fn own_packages_answered(
        &mut self,
        cx: &mut Cx<'_>,
        devices: &[DeviceId],
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let claims = match result {
            Ok(response::Result::Claimed(claimed)) => claimed.claims,
            Ok(_) | Err(_) => Vec::new(),
        };
        for wire::Claim { device, key_package, ticket, last_resort: _ } in claims {
            let (Ok(device), Ok(ticket)) = (DeviceId::try_from(&device), Ticket::try_from(&ticket)) else {
                continue;
            };
            let Some(package) = group::key_package_in(cx.provider, &key_package) else { continue };
            let leaf = package.leaf_node();
            let who = self.knowing(cx, None).admit(leaf.credential(), leaf.signature_key().as_slice());
            if who != Ok(Who { account: self.me.account, device }) || package.ciphersuite() != SUITE {
                cx.alert(None, Alert::FalseIdentity);
                continue;
            }
            if key_package::is_current(&package, cx.now) {
                self.link.devices.packages.push((device, ticket, package));
            }
        }
        let spares = &mut self.link.devices;
        for device in devices {
            if !spares.packages.iter().any(|(of, ..)| of == device) {
                spares.dry.push((*device, cx.now + AGAIN / 2));
            }
        }
        Ok(())
    }
}

/// How long this device waits for another one of its account to act, which may know more.
pub(super) fn kin_wait(cx: &Cx<'_>) -> Millis {
    KIN_WAIT + cx.jitter(KIN_WAIT)
}

/// The devices of a list after changes.
fn changed(mut devices: Vec<DeviceEntry>, changes: &[ListChange]) -> Vec<DeviceEntry> {
    for change in changes {
        match change {
            ListChange::Add(entry) if devices.iter().any(|other| other.device == entry.device) => {}
            ListChange::Add(entry) => devices.push(*entry),
            ListChange::Remove(device) => devices.retain(|entry| entry.device != *device),
            ListChange::Approve(device) => {
                devices
                    .iter_mut()
                    .filter(|entry| entry.device == *device)
                    .for_each(|it| it.quarantine_until = 0);
            }
        }
    }
    devices
}
