//! A relay of a few lines, after the comments of `lacre.proto`: mailboxes, epochs, capabilities, tickets.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lacre_proto::error::WireError;
use lacre_proto::wire::{self, item::Kind, request::Op, response::Result as Answer};
use lacre_proto::{ConversationId, DeviceId, ErrorCode, Millis, frame, label};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::identity::SignatureSecret;

#[derive(Default)]
pub(crate) struct Mailbox {
    pub(crate) entries: Vec<wire::Entry>,
    pub(crate) acknowledged: u64,
    pub(crate) full: bool,
}

pub(crate) struct Group {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    pub(crate) capability_hash: Bytes,
    pub(crate) roster: BTreeSet<DeviceId>,
    /// Devices that left, and are still named.
    left: BTreeSet<DeviceId>,
    dedupes: BTreeMap<u64, u64>,
}

#[derive(Default)]
pub(crate) struct Relay {
    pub(crate) now: Millis,
    pub(crate) accounts: Vec<wire::Account>,
    pub(crate) packages: BTreeMap<DeviceId, (Vec<Bytes>, Option<Bytes>)>,
    pub(crate) mailboxes: BTreeMap<DeviceId, Mailbox>,
    pub(crate) groups: BTreeMap<ConversationId, Group>,
    tickets: BTreeMap<Vec<u8>, DeviceId>,
    owners: BTreeMap<DeviceId, Bytes>,
    /// Who has blocked whom.
    pub(crate) blocks: BTreeSet<(Bytes, Bytes)>,
    /// SHA-256 of the capabilities that read a blob, and why no further one is granted.
    pub(crate) blobs: BTreeSet<Bytes>,
    pub(crate) no_blobs: Option<ErrorCode>,
    /// What was said in passing and is not told yet.
    pub(crate) passing: Vec<(DeviceId, Bytes)>,
    /// The categories of what was sent by name, and the grants that came.
    pub(crate) named: Vec<i32>,
    /// As what it passes on all that is sent by name, whatever was said.
    pub(crate) named_as: Option<i32>,
    pub(crate) consents: Vec<wire::Signed>,
    /// Why no grant is taken.
    pub(crate) no_consent: Option<ErrorCode>,
    /// The operator's key.
    pub(crate) platform: Option<SignatureSecret>,
    made: u16,
    links: BTreeMap<(Vec<u8>, u32), Bytes>,
}

impl Relay {
    /// `device` is who the socket is logged in as; `None` on the anonymous one.
    pub(crate) fn request(&mut self, device: Option<DeviceId>, op: Op) -> Result<Answer, WireError> {
        match (device, op) {
            (Some(device), Op::Lookup(lookup)) => {
                let found = self.lookup(lookup).cloned()?;
                self.not_blocked(&found.account, device).map(|()| Answer::Account(found))
            }
            (Some(device), Op::PublishKeyPackages(publish)) => Ok(self.publish(device, publish)),
            (Some(device), Op::ClaimKeyPackages(claim)) => {
                self.not_blocked(&claim.account, device)?;
                self.claim(&claim)
            }
            (Some(device), Op::UpdateDeviceList(update)) => {
                self.update_list(device, update.device_list.unwrap())
            }
            (None, Op::PutLink(put)) => {
                self.links.insert((put.link.to_vec(), put.step), put.body);
                Ok(Answer::Done(wire::Done {}))
            }
            (None, Op::TakeLink(take)) => {
                let body = self.links.remove(&(take.link.to_vec(), take.step)).unwrap_or_default();
                Ok(Answer::LinkBody(wire::LinkBody { body }))
            }
            (Some(device), Op::Block(wire::Block { account })) => {
                self.blocks.insert((self.owners[&device].clone(), account));
                self.tickets.retain(|_, of| self.owners[of] != self.owners[&device]);
                Ok(Answer::Done(wire::Done {}))
            }
            (Some(device), Op::Unblock(wire::Unblock { account })) => {
                self.blocks.remove(&(self.owners[&device].clone(), account));
                Ok(Answer::Done(wire::Done {}))
            }
            (Some(_), Op::GrantBlob(grant)) => self.grant(grant),
            (None, Op::ReferBlob(refer)) => {
                let known = Bytes::copy_from_slice(&Sha256::digest(&refer.capability));
                if !self.blobs.contains(&known) {
                    return Err(ErrorCode::NoSuchBlob.into());
                }
                self.blobs.insert(refer.read_hash);
                Ok(Answer::Done(wire::Done {}))
            }
            (Some(device), Op::MintTicket(_)) => {
                Ok(Answer::Ticket(wire::Ticket { ticket: self.ticket(device) }))
            }
            (Some(device), Op::RequestResync(ask)) => {
                let id = ConversationId::try_from(&ask.conversation).unwrap();
                let roster = self.groups.get(&id).map(|group| group.roster.clone()).unwrap_or_default();
                if !roster.contains(&device) {
                    return Err(ErrorCode::NoSuchConversation.into());
                }
                let wire::RequestResync { conversation, request, trail } = ask;
                let item = wire::ResyncAsked { conversation, request, trail };
                self.append(roster.into_iter().filter(|other| *other != device), Kind::ResyncAsked(item));
                Ok(Answer::Done(wire::Done {}))
            }
            (Some(device), Op::LeaveConversation(leave)) => {
                let id = ConversationId::try_from(&leave.conversation).unwrap();
                let group = self.groups.get_mut(&id).ok_or(ErrorCode::NoSuchConversation)?;
                if !group.roster.remove(&device) {
                    return Err(ErrorCode::NoSuchConversation.into());
                }
                group.left.insert(device);
                Ok(Answer::Done(wire::Done {}))
            }
            (None, Op::CreateConversation(create)) => self.create(create),
            (None, Op::Commit(commit)) => self.commit(commit),
            (None, Op::Send(send)) => {
                let id = ConversationId::try_from(&send.conversation).unwrap();
                if self.is_dealing(id) {
                    return Err(ErrorCode::NameNeeded.into());
                }
                self.send(send, 0)
            }
            // Whether there is consent it does not look: what comes of that the devices must see to.
            (Some(_), Op::NamedSend(named)) => {
                self.named.push(named.category);
                self.send(named.send.unwrap(), self.named_as.unwrap_or(named.category))
            }
            (Some(_), Op::PutConsent(put)) => {
                if let Some(refusal) = self.no_consent {
                    return Err(refusal.into());
                }
                self.consents.push(put.grant.unwrap());
                Ok(Answer::Done(wire::Done {}))
            }
            (Some(device), Op::PutTerms(put)) => Ok(self.put_terms(device, put)),
            (Some(device), Op::PutProfile(put)) => self.put_profile(device, put),
            (Some(device), Op::Lead(_)) => Ok(leads(device)),
            (None, Op::ReadRoster(read)) => {
                let id = ConversationId::try_from(&read.conversation).unwrap();
                let group = self.groups.get(&id).ok_or(ErrorCode::NoSuchConversation)?;
                if Sha256::digest(&read.capability).as_slice() != group.capability_hash {
                    return Err(ErrorCode::NoSuchConversation.into());
                }
                let devices = group.roster.union(&group.left).map(|device| device.to_wire()).collect();
                Ok(Answer::Roster(wire::Roster { epoch: group.epoch, devices }))
            }
            (device, op) => panic!("{op:?} does not belong on this socket ({device:?})"),
        }
    }

    fn put_terms(&mut self, device: DeviceId, put: wire::PutTerms) -> Answer {
        let owner = self.owners[&device].clone();
        let account = self.accounts.iter_mut().find(|it| it.account == owner).unwrap();
        account.terms = put.terms.map(Box::new);
        Answer::Done(wire::Done {})
    }

    fn put_profile(&mut self, device: DeviceId, put: wire::PutProfile) -> Result<Answer, WireError> {
        if let Some(refusal) = self.no_consent {
            return Err(refusal.into());
        }
        let owner = self.owners[&device].clone();
        let account = self.accounts.iter_mut().find(|it| it.account == owner).unwrap();
        account.profile = put.profile.map(Box::new);
        Ok(Answer::Done(wire::Done {}))
    }

    fn grant(&mut self, grant: wire::GrantBlob) -> Result<Answer, WireError> {
        if let Some(refusal) = self.no_blobs {
            return Err(refusal.into());
        }
        self.blobs.insert(grant.read_hash);
        Ok(Answer::BlobGranted(wire::BlobGranted { expires_ms: self.now + 1000 }))
    }

    fn publish(&mut self, device: DeviceId, publish: wire::PublishKeyPackages) -> Answer {
        let (kept, last_resort) = self.packages.entry(device).or_default();
        if publish.replace {
            kept.clear();
        }
        kept.extend(publish.key_packages);
        if !publish.last_resort.is_empty() {
            *last_resort = Some(publish.last_resort);
        }
        Answer::KeyPackagesLeft(wire::KeyPackagesLeft { left: kept.len() as u32 })
    }

    pub(crate) fn sign_up(&mut self, sign_up: wire::SignUp) {
        let device = DeviceId::try_from(&sign_up.device).unwrap();
        self.owners.insert(device, sign_up.account.clone());
        self.mailboxes.entry(device).or_default();
        let account = wire::Account {
            account: sign_up.account,
            handle: sign_up.handle,
            identity_key: sign_up.identity_key,
            device_list: sign_up.device_list,
            business: None,
            is_business: false,
            ..Default::default()
        };
        if !self.accounts.contains(&account) {
            self.accounts.push(account);
        }
    }

    pub(crate) fn logged_in(&self, device: DeviceId) -> wire::LoggedIn {
        let mailbox = &self.mailboxes[&device];
        wire::LoggedIn {
            time_ms: self.now,
            head: mailbox.entries.last().map_or(0, |entry| entry.position),
            acknowledged: mailbox.acknowledged,
            key_packages_left: self.packages.get(&device).map_or(0, |(kept, _)| kept.len() as u32),
            platform_key: self
                .platform
                .as_ref()
                .map(|key| Bytes::copy_from_slice(key.public().as_bytes()))
                .unwrap_or_default(),
        }
    }

    /// Makes an account a business, with what the operator says of it, signed by a key.
    pub(crate) fn make_business(&mut self, handle: &str, by: Option<&SignatureSecret>) {
        let now = self.now;
        let account = self.accounts.iter_mut().find(|it| it.handle == handle).unwrap();
        account.is_business = true;
        account.business = by.map(|key| {
            let certificate = wire::BusinessCertificate {
                account: account.account.clone(),
                legal_name: format!("{handle} Ltda."),
                display_name: handle.to_owned(),
                domain: format!("{handle}.example"),
                trade: "bakery".to_owned(),
                issued_ms: now,
                valid_until_ms: now + 7 * 24 * 3600 * 1000,
            };
            let body = Bytes::from(certificate.encode_to_vec());
            let signature = key.sign(&label::labelled(label::BUSINESS_CERTIFICATE, &body));
            wire::Signed { body, signature: Bytes::copy_from_slice(&signature) }
        });
    }

    /// Says how a business stands.
    pub(crate) fn rate(&mut self, handle: &str, standing: wire::BusinessStanding) {
        let account = self.accounts.iter_mut().find(|it| it.handle == handle).unwrap();
        account.standing = Some(Box::new(standing));
    }

    /// Whether a conversation has a device of a business in it.
    fn is_dealing(&self, id: ConversationId) -> bool {
        let roster = self.groups.get(&id).map(|group| group.roster.clone()).unwrap_or_default();
        roster
            .iter()
            .filter_map(|device| self.owners.get(device))
            .any(|owner| self.accounts.iter().any(|account| account.account == *owner && account.is_business))
    }

    fn not_blocked(&self, owner: &Bytes, caller: DeviceId) -> Result<(), WireError> {
        match self.blocks.contains(&(owner.clone(), self.owners[&caller].clone())) {
            true => Err(ErrorCode::NoSuchAccount.into()),
            false => Ok(()),
        }
    }

    fn lookup(&self, lookup: wire::Lookup) -> Result<&wire::Account, WireError> {
        let by = lookup.by.unwrap();
        let found = self.accounts.iter().find(|account| match &by {
            wire::lookup::By::Handle(handle) => account.handle == *handle,
            wire::lookup::By::Account(id) => account.account == *id,
        });
        found.ok_or(ErrorCode::NoSuchAccount.into())
    }

    /// The real relay's checks are told by its own stories; here a list only follows the one before.
    fn update_list(&mut self, device: DeviceId, signed: wire::Signed) -> Result<Answer, WireError> {
        let owner = self.owners[&device].clone();
        let account = self.accounts.iter_mut().find(|account| account.account == owner).unwrap();
        let read = |signed: &wire::Signed| wire::DeviceList::decode(signed.body.clone()).unwrap();
        let (before, list) = (read(account.device_list.as_ref().unwrap()), read(&signed));
        if list.version != before.version + 1 {
            return Err(ErrorCode::StaleDeviceList.into());
        }
        account.device_list = Some(signed);
        self.owners.retain(|_, of| *of != owner);
        for entry in &list.devices {
            let device = DeviceId::try_from(&entry.device).unwrap();
            self.owners.insert(device, owner.clone());
            self.mailboxes.entry(device).or_default();
        }
        Ok(Answer::Done(wire::Done {}))
    }

    fn claim(&mut self, claim: &wire::ClaimKeyPackages) -> Result<Answer, WireError> {
        let account = &claim.account;
        let by = Some(wire::lookup::By::Account(account.clone()));
        let device_list = self.lookup(wire::Lookup { by })?.device_list.clone();
        let devices: Vec<DeviceId> =
            self.owners.iter().filter(|(_, owner)| *owner == account).map(|(device, _)| *device).collect();
        let mut claims = Vec::new();
        let own = !claim.devices.is_empty();
        let times = if own { claim.count as usize } else { 1 };
        let asked = |device: &DeviceId| !own || claim.devices.contains(&device.to_wire());
        let wanted = devices.into_iter().filter(asked).flat_map(|device| vec![device; times]);
        for device in wanted {
            let (kept, last_resort) = self.packages.entry(device).or_default();
            let (key_package, last_resort) = match (kept.pop(), last_resort.clone()) {
                (Some(package), _) => (package, false),
                (None, Some(package)) => (package, true),
                (None, None) => continue,
            };
            let ticket = self.ticket(device);
            claims.push(wire::Claim { device: device.to_wire(), key_package, ticket, last_resort });
        }
        if claims.is_empty() && !own {
            return Err(ErrorCode::NoKeyPackages.into());
        }
        Ok(Answer::Claimed(wire::Claimed { device_list, claims }))
    }

    fn ticket(&mut self, device: DeviceId) -> Bytes {
        self.made += 1;
        let ticket = Bytes::from(self.made.to_be_bytes().repeat(16));
        self.tickets.insert(ticket.to_vec(), device);
        ticket
    }

    /// Forgets all tickets, as after an hour.
    pub(crate) fn expire_tickets(&mut self) {
        self.tickets.clear();
    }

    fn create(&mut self, create: wire::CreateConversation) -> Result<Answer, WireError> {
        let id = ConversationId::try_from(&create.conversation).unwrap();
        if let Some(group) = self.groups.get(&id) {
            let sequence = *group.dedupes.get(&create.dedupe).ok_or(ErrorCode::ConversationExists)?;
            return Ok(Answer::Accepted(wire::Accepted { sequence }));
        }
        let added = self.redeem(&create.additions)?;
        let group = Group {
            epoch: 1,
            sequence: 1,
            capability_hash: create.capability_hash.clone(),
            roster: added.iter().map(|(device, _)| *device).collect(),
            left: BTreeSet::new(),
            dedupes: BTreeMap::from([(create.dedupe, 1)]),
        };
        self.groups.insert(id, group);
        let group_info = self.introduce(&create.conversation, 1, &added, create.group_info);
        for (device, welcome) in added {
            let kind = if welcome.is_empty() {
                Kind::Committed(wire::Committed {
                    conversation: create.conversation.clone(),
                    sequence: 1,
                    epoch: 0,
                    capability_hash: create.capability_hash.clone(),
                    dedupe: create.dedupe,
                    ..Default::default()
                })
            } else {
                self.welcomed(&create.conversation, 1, (welcome, &group_info), &create.capability_hash)
            };
            self.append([device], kind);
        }
        Ok(Answer::Accepted(wire::Accepted { sequence: 1 }))
    }

    /// What is the same for several newcomers goes before their Welcomes; what is left for the Welcome is given.
    fn introduce(
        &mut self,
        conversation: &Bytes,
        sequence: u64,
        added: &[(DeviceId, Bytes)],
        group_info: Bytes,
    ) -> Bytes {
        let newcomers: Vec<DeviceId> =
            added.iter().filter(|(_, welcome)| !welcome.is_empty()).map(|(device, _)| *device).collect();
        if newcomers.len() < 2 {
            return group_info;
        }
        let item = wire::GroupInfo { conversation: conversation.clone(), sequence, group_info };
        self.append(newcomers, Kind::GroupInfo(item));
        Bytes::new()
    }

    fn welcomed(
        &self,
        conversation: &Bytes,
        sequence: u64,
        (welcome, group_info): (Bytes, &Bytes),
        hash: &Bytes,
    ) -> Kind {
        Kind::Welcomed(wire::Welcomed {
            conversation: conversation.clone(),
            sequence,
            welcome,
            capability_hash: hash.clone(),
            group_info: group_info.clone(),
        })
    }

    fn redeem(&mut self, additions: &[wire::Addition]) -> Result<Vec<(DeviceId, Bytes)>, WireError> {
        additions
            .iter()
            .map(|addition| {
                let device = self.tickets.remove(addition.ticket.as_ref()).ok_or(ErrorCode::BadTicket)?;
                Ok((device, addition.welcome.clone()))
            })
            .collect()
    }

    fn current(
        &mut self,
        id: &Bytes,
        epoch: u64,
        capability: &[u8],
        dedupe: u64,
    ) -> Result<Result<&mut Group, Answer>, WireError> {
        let id = ConversationId::try_from(id).unwrap();
        let group = self.groups.get_mut(&id).ok_or(ErrorCode::NoSuchConversation)?;
        if let Some(&sequence) = group.dedupes.get(&dedupe) {
            return Ok(Err(Answer::Accepted(wire::Accepted { sequence })));
        }
        if epoch != group.epoch {
            return Err(WireError { code: ErrorCode::StaleEpoch, epoch: group.epoch, retry_after_ms: 0 });
        }
        if Sha256::digest(capability).as_slice() != group.capability_hash {
            return Err(ErrorCode::NoSuchConversation.into());
        }
        if group.roster.iter().any(|device| self.mailboxes[device].full) {
            return Err(ErrorCode::MailboxFull.into());
        }
        group.sequence += 1;
        group.dedupes.insert(dedupe, group.sequence);
        Ok(Ok(group))
    }

    fn commit(&mut self, commit: wire::Commit) -> Result<Answer, WireError> {
        let known = |ticket: &Bytes| self.tickets.contains_key(ticket.as_ref());
        if !commit.additions.iter().all(|addition| known(&addition.ticket)) {
            return Err(ErrorCode::BadTicket.into());
        }
        let (id, dedupe) = (commit.conversation.clone(), commit.dedupe);
        let group = match self.current(&id, commit.epoch, &commit.capability, dedupe)? {
            Ok(group) => group,
            Err(answer) => return Ok(answer),
        };
        group.epoch += 1;
        group.capability_hash = commit.capability_hash.clone();
        let sequence = group.sequence;
        let removed: Vec<DeviceId> =
            commit.removals.iter().map(|device| DeviceId::try_from(device).unwrap()).collect();
        let told: Vec<DeviceId> = group.roster.iter().copied().collect();
        group.roster.retain(|device| !removed.contains(device));
        group.left.retain(|device| !removed.contains(device));
        let added = self.redeem(&commit.additions)?;
        self.groups
            .get_mut(&ConversationId::try_from(&id).unwrap())
            .unwrap()
            .roster
            .extend(added.iter().map(|it| it.0));
        let item = wire::Committed {
            conversation: id.clone(),
            sequence,
            epoch: commit.epoch,
            commit: commit.commit,
            capability_hash: commit.capability_hash.clone(),
            added: added.iter().map(|(device, _)| device.to_wire()).collect(),
            removed: commit.removals,
            dedupe,
        };
        let is_added = |device: &DeviceId| added.iter().any(|(added, _)| added == device);
        self.append(told.into_iter().filter(|device| !is_added(device)), Kind::Committed(item));
        let group_info = self.introduce(&id, sequence, &added, commit.group_info);
        for (device, welcome) in added {
            let kind = self.welcomed(&id, sequence, (welcome, &group_info), &commit.capability_hash);
            self.append([device], kind);
        }
        Ok(Answer::Accepted(wire::Accepted { sequence }))
    }

    fn send(&mut self, send: wire::Send, category: i32) -> Result<Answer, WireError> {
        let id = send.conversation.clone();
        if send.passing {
            let group = self.groups.get(&ConversationId::try_from(&id).unwrap());
            let group = group.ok_or(ErrorCode::NoSuchConversation)?;
            let sealed = wire::Sealed {
                conversation: id,
                sequence: 0,
                epoch: send.epoch,
                message: send.message,
                dedupe: send.dedupe,
                category,
            };
            let item = wire::Item { time_ms: self.now, kind: Some(Kind::Sealed(sealed)) };
            let item = frame::encode_item(&item);
            self.passing.extend(group.roster.iter().map(|device| (*device, item.clone())));
            return Ok(Answer::Accepted(wire::Accepted { sequence: 0 }));
        }
        let group = match self.current(&id, send.epoch, &send.capability, send.dedupe)? {
            Ok(group) => group,
            Err(answer) => return Ok(answer),
        };
        let (sequence, roster) = (group.sequence, group.roster.clone());
        let item = wire::Sealed {
            conversation: id,
            sequence,
            epoch: send.epoch,
            message: send.message,
            dedupe: send.dedupe,
            category,
        };
        self.append(roster, Kind::Sealed(item));
        Ok(Answer::Accepted(wire::Accepted { sequence }))
    }

    pub(crate) fn append(&mut self, to: impl IntoIterator<Item = DeviceId>, kind: Kind) {
        let item = frame::encode_item(&wire::Item { time_ms: self.now, kind: Some(kind) });
        for device in to {
            let mailbox = self.mailboxes.entry(device).or_default();
            let position = mailbox.entries.last().map_or(0, |entry| entry.position) + 1;
            mailbox.entries.push(wire::Entry { position, item: item.clone() });
        }
    }
}

/// Whoever asks leads.
fn leads(device: DeviceId) -> Answer {
    Answer::Led(wire::Led { device: device.to_wire(), for_ms: 90_000 })
}
