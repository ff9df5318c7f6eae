//! Who is who: pinned identity keys, device lists, and what a leaf must be.

use std::sync::Arc;

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, DeviceId, ErrorCode, Handle};
use openmls::prelude::{BasicCredential, Credential, KeyPackage};
use prost::Message;
use sha2::{Digest, Sha256};

use super::lists::Lists;
use super::state::Seal;
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError, Event};
use crate::defence::Defence;
use crate::identity::{DeviceList, IdentityKey, Succession, UnverifiedCertificate, UnverifiedDeviceList};
use crate::mls::group::key_package_bytes;
use crate::mls::key_package;
use crate::mls::policy::{Denied, Knows, Who};
use crate::records::key::{self, CONTACT, DIRECT, HANDLE};
use crate::records::{Contact, ConversationKind, Failure, Me};

/// Questions about accounts that are under way at once: a newcomer of a large group has met many.
const CONFIRMED_AT_ONCE: usize = 16;

/// Why an account that the relay tells of is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disbelief {
    /// Its identity key is not the pinned one.
    OtherIdentity(AccountId),
    /// What it holds does not hold together.
    False,
}

/// What is known when a leaf is looked at.
pub(super) struct Knowing<'a, 'c> {
    pub(super) cx: &'a Cx<'c>,
    pub(super) me: &'a Me,
    pub(super) list: &'a DeviceList,
    pub(super) lists: &'a Lists,
    pub(super) seal: Option<&'a Seal>,
}

impl Knows for Knowing<'_, '_> {
    fn admit(&self, credential: &Credential, signature_key: &[u8]) -> Result<Who, Denied> {
        let who = self.recognise(credential, signature_key)?;
        if !self.cx.defends(Defence::Certificate) {
            return Ok(who);
        }
        let holds = |list: &DeviceList| {
            list.entry(who.device).is_some_and(|entry| entry.signature_key.as_bytes() == signature_key)
        };
        // A person who wrote first, and whose list the relay has yet to tell, has none: the confirmation that
        // is under way looks at the conversation's members again.
        let listed = match who.account == self.me.account {
            true => holds(self.list),
            false => self.list_of(who.account).is_none_or(|list| holds(&list)),
        };
        if listed || !self.cx.defends(Defence::DeviceList) { Ok(who) } else { Err(Denied::Device) }
    }

    fn recognise(&self, credential: &Credential, signature_key: &[u8]) -> Result<Who, Denied> {
        let basic = BasicCredential::try_from(credential.clone()).map_err(|_| Denied::Credential)?;
        let certificate =
            UnverifiedCertificate::from_credential(basic.identity()).map_err(|_| Denied::Credential)?;
        #[cfg(feature = "evil")]
        if !self.cx.defends(Defence::Certificate) {
            return claimed(basic.identity());
        }
        let account = certificate.claimed_account();
        let contact = if account == self.me.account {
            None
        } else {
            let contact = self.cx.records().contact(account).ok().flatten();
            Some(contact.ok_or(Denied::Account)?)
        };
        let pinned = contact.as_ref().map_or(self.me.identity_key, |contact| contact.identity_key);
        let pinned = IdentityKey::from_wire(&pinned).map_err(|_| Denied::Identity)?;
        let pinned = if self.cx.defends(Defence::PinnedIdentity) {
            pinned
        } else {
            certificate.claimed_identity_key()
        };
        let certificate = certificate.verify(account, &pinned).map_err(|_| Denied::Identity)?;
        let who = Who { account, device: certificate.device() };
        if certificate.signature_key().as_bytes() != signature_key {
            return Err(Denied::Credential);
        }
        Ok(who)
    }

    fn asked(&self, device: DeviceId, package: &KeyPackage) -> bool {
        let hash: [u8; 32] = Sha256::digest(key_package_bytes(package)).into();
        let Some(seal) = self.seal else { return false };
        if device == self.me.device {
            return seal.asked == Some(hash);
        }
        let open = |made: u64| made != super::resync::SPENT;
        seal.requests.iter().any(|(asked, made, package)| *asked == device && open(*made) && *package == hash)
    }

    fn is_unlisted(&self, who: Who) -> bool {
        if who.account == self.me.account {
            return self.list.entry(who.device).is_none();
        }
        self.list_of(who.account).is_some_and(|list| list.entry(who.device).is_none())
    }

    fn is_current(&self, package: &KeyPackage) -> bool {
        key_package::is_current(package, self.cx.now)
    }
}

impl Knowing<'_, '_> {
    pub(super) fn list_of(&self, account: AccountId) -> Option<Arc<DeviceList>> {
        if account == self.me.account {
            return Some(Arc::new(self.list.clone()));
        }
        let contact = self.cx.records().contact(account).ok().flatten()?;
        self.lists.of(&contact)
    }
}

/// Who a leaf says that it is, unchecked.
#[cfg(feature = "evil")]
fn claimed(identity: &[u8]) -> Result<Who, Denied> {
    let signed = wire::Signed::decode(identity).map_err(|_| Denied::Credential)?;
    let body = wire::DeviceCertificate::decode(signed.body).map_err(|_| Denied::Credential)?;
    Ok(Who {
        account: AccountId::try_from(&body.account).map_err(|_| Denied::Credential)?,
        device: DeviceId::try_from(&body.device).map_err(|_| Denied::Credential)?,
    })
}

fn with_list(contact: Contact, list: &DeviceList) -> Contact {
    Contact {
        list_version: list.version(),
        list_hash: list.hash(),
        devices: list.devices().iter().map(|entry| entry.device).collect(),
        device_list: list.to_wire().encode_to_vec(),
        ..contact
    }
}

impl Engine {
    pub(super) fn knowing<'a, 'c>(&'a self, cx: &'a Cx<'c>, seal: Option<&'a Seal>) -> Knowing<'a, 'c> {
        Knowing { cx, me: &self.me, list: &self.list, lists: &self.lists, seal }
    }

    /// Takes in what the directory says of an account: pins its identity key at first sight, and holds it to
    /// that ever after. `named` when it was asked who has the handle.
    pub(super) fn learn(
        &mut self,
        cx: &mut Cx<'_>,
        told: wire::Account,
        named: bool,
    ) -> Result<Contact, Learned> {
        let unbelieved = |_| Learned::Not(Disbelief::False);
        let account = AccountId::try_from(&told.account).map_err(|_| Learned::Not(Disbelief::False))?;
        let handle: Handle = told.handle.parse().map_err(|_| Learned::Not(Disbelief::False))?;
        let key = IdentityKey::from_wire(&told.identity_key).map_err(unbelieved)?;
        let signed = told.device_list.clone().ok_or(Learned::Not(Disbelief::False))?;
        let list = UnverifiedDeviceList::from_wire(signed)
            .and_then(|list| list.verify(account, &key))
            .map_err(unbelieved)?;
        let mut known = cx.records().contact(account)?;
        if let Some(claimed) =
            known.take_if(|known| !known.confirmed && known.identity_key != *key.as_bytes())
        {
            self.disown(cx, &claimed)?;
        }
        if cx.defends(Defence::PinnedIdentity)
            && let Some(pinned) = self.other_identity(cx, known.as_ref(), &handle, account, &key, named)?
        {
            self.identity_changed(cx, &pinned, &told, account, &key)?;
            return Err(Learned::Not(Disbelief::OtherIdentity(pinned.account)));
        }
        let past = known.as_ref().filter(|known| known.succeeded_by.is_some());
        let contact = Contact {
            account,
            handle: past.map_or(handle.clone(), |past| past.handle.clone()),
            identity_key: *key.as_bytes(),
            pinned_ms: known.as_ref().map_or(cx.now, |known| known.pinned_ms),
            list_version: 0,
            list_hash: [0; 32],
            devices: Vec::new(),
            device_list: Vec::new(),
            confirmed: true,
            succeeded_by: past.and_then(|past| past.succeeded_by),
        };
        let list = self.newest(cx, known.as_ref(), list)?;
        let contact = with_list(contact, &list);
        self.lists.keep(&contact, list);
        cx.put(key::contact(account), &contact);
        self.learn_business(cx, &told)?;
        self.learn_agreed(cx, &told)?;
        if contact.succeeded_by.is_none() {
            cx.put(key::handle(HANDLE, &handle), &account);
        }
        Ok(contact)
    }

    /// The pinned person whose place the directory gives to another identity, if it does.
    fn other_identity(
        &self,
        cx: &Cx<'_>,
        known: Option<&Contact>,
        handle: &Handle,
        account: AccountId,
        key: &IdentityKey,
        named: bool,
    ) -> Result<Option<Contact>, EngineError> {
        if let Some(known) = known {
            if known.identity_key != *key.as_bytes() {
                return Ok(Some(known.clone()));
            }
            // Its account may go on to say that the handle is its own.
            if known.succeeded_by.is_some() && !named {
                return Ok(None);
            }
        }
        let holder = cx.records().contact_by_handle(handle)?;
        Ok(holder.filter(|holder| holder.account != account))
    }

    /// A newer device list of a contact.
    pub(super) fn learn_list(
        &self,
        cx: &mut Cx<'_>,
        contact: Contact,
        signed: wire::Signed,
    ) -> Result<Contact, Learned> {
        let unbelieved = |_| Learned::Not(Disbelief::False);
        let key = IdentityKey::from_wire(&contact.identity_key).map_err(unbelieved)?;
        let list = UnverifiedDeviceList::from_wire(signed)
            .and_then(|list| list.verify(contact.account, &key))
            .map_err(unbelieved)?;
        let list = self.newest(cx, Some(&contact), list)?;
        let contact = with_list(contact, &list);
        self.lists.keep(&contact, list);
        cx.put(key::contact(contact.account), &contact);
        Ok(contact)
    }

    /// The newer of the list that is known and one that verifies; one that continues another is not believed, one
    /// that is older is passed over.
    fn newest(
        &self,
        cx: &Cx<'_>,
        known: Option<&Contact>,
        told: DeviceList,
    ) -> Result<Arc<DeviceList>, Learned> {
        let Some(known) = known.and_then(|known| self.lists.of(known)) else { return Ok(Arc::new(told)) };
        match known.succeeded_by(&told) {
            Ok(Succession::Same) => Ok(known),
            Ok(Succession::Next | Succession::Later) => Ok(Arc::new(told)),
            Err(_) if !cx.defends(Defence::DeviceList) => Ok(Arc::new(told)),
            Err(_) => Err(Learned::Not(Disbelief::False)),
        }
    }

    /// Pins a person who wrote first, by what their certificate says, and asks the directory whether it is so.
    pub(super) fn meet(
        &mut self,
        cx: &mut Cx<'_>,
        account: AccountId,
        credential: &Credential,
    ) -> Result<Option<Contact>, EngineError> {
        if let Some(known) = cx.records().contact(account)? {
            if !known.confirmed {
                self.confirm(cx, account);
            }
            return Ok(Some(known));
        }
        let Ok(basic) = BasicCredential::try_from(credential.clone()) else { return Ok(None) };
        let Ok(certificate) = UnverifiedCertificate::from_credential(basic.identity()) else {
            return Ok(None);
        };
        let key = certificate.claimed_identity_key();
        let Ok(certificate) = certificate.verify(account, &key) else { return Ok(None) };
        // Nobody goes by the handle of somebody who is pinned, whatever their own certificate says.
        let taken = cx.records().contact_by_handle(certificate.handle())?.is_some();
        let taken = taken && cx.defends(Defence::PinnedIdentity);
        let contact = Contact {
            account,
            handle: if taken { Handle::nobody() } else { certificate.handle().clone() },
            identity_key: *key.as_bytes(),
            pinned_ms: cx.now,
            list_version: 0,
            list_hash: [0; 32],
            devices: Vec::new(),
            device_list: Vec::new(),
            confirmed: false,
            succeeded_by: None,
        };
        cx.put(key::contact(account), &contact);
        self.confirm(cx, account);
        Ok(Some(contact))
    }

    /// Asks the directory about everybody who was met and never confirmed: after a reconnect.
    pub(super) fn confirm_all(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for (_, contact) in cx.records().all::<Contact>("contact", &[CONTACT])? {
            if !contact.confirmed {
                self.confirm(cx, contact.account);
            }
        }
        Ok(())
    }

    /// Has the directory asked about an account; not all at once, where there are many.
    pub(super) fn confirm(&mut self, cx: &mut Cx<'_>, account: AccountId) {
        let same = |asked: &Asked| matches!(asked, Asked::Confirm(other) if *other == account);
        let waits = self.link.unconfirmed.contains(&account);
        if self.link.online && !waits && !self.link.asked.values().any(same) {
            self.link.unconfirmed.push_back(account);
            self.dispatch_confirmations(cx);
        }
    }

    pub(super) fn dispatch_confirmations(&mut self, cx: &mut Cx<'_>) {
        if self.link.confirm_not_before > cx.now {
            cx.wake_at(self.link.confirm_not_before);
            return;
        }
        let asked = |asked: &&Asked| matches!(asked, Asked::Confirm(_));
        let mut under_way = self.link.asked.values().filter(asked).count();
        while under_way < CONFIRMED_AT_ONCE {
            let Some(account) = self.link.unconfirmed.pop_front() else { break };
            let by = wire::lookup::By::Account(account.to_wire());
            self.ask(cx, Asked::Confirm(account), request::Op::Lookup(wire::Lookup { by: Some(by) }));
            under_way += 1;
        }
    }

    pub(super) fn confirm_answered(
        &mut self,
        cx: &mut Cx<'_>,
        account: AccountId,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let Some(met) = cx.records().contact(account)? else { return Ok(()) };
        let conversation = self.direct_with(cx, account)?;
        let told = match result {
            Ok(response::Result::Account(told)) if told.account == account.to_wire() => told,
            Err(error) if error.code == ErrorCode::SlowDown => {
                self.link.unconfirmed.push_front(account);
                self.link.confirm_not_before = cx.now + error.retry_after_ms.max(1_000);
                cx.wake_at(self.link.confirm_not_before);
                return Ok(());
            }
            // Not now, or not any more: the person stays who they were, unconfirmed.
            Err(_) => return Ok(()),
            Ok(_) => {
                cx.alert(conversation, Alert::FalseIdentity);
                return Ok(());
            }
        };
        let contact = match self.learn(cx, told, false) {
            Ok(contact) => contact,
            Err(Learned::Failed(error)) => return Err(error),
            Err(Learned::Not(Disbelief::OtherIdentity(_))) => return Ok(()),
            Err(Learned::Not(disbelief)) => {
                cx.alert(conversation, disbelief.alert());
                return Ok(());
            }
        };
        if contact.handle != met.handle && met.identity_key == contact.identity_key {
            // The certificate named a handle that is not this account's.
            cx.alert(conversation, Alert::FalseIdentity);
        }
        if contact.handle != met.handle {
            self.rename_in_groups(cx, &contact)?;
        }
        self.rename(cx, &contact)?;
        self.recheck_members(cx, account)?;
        self.plan_for_other(cx, account)
    }

    /// Puts the handle that the directory says on everything of an account.
    pub(super) fn rename(&mut self, cx: &mut Cx<'_>, contact: &Contact) -> Result<(), EngineError> {
        for id in self.conversations_with(cx, contact.account)? {
            let Some(mut record) = cx.records().conversation(id)? else { continue };
            if record.handle.as_ref() != Some(&contact.handle) {
                record.handle = Some(contact.handle.clone());
                cx.put_conversation(&record)?;
            }
            for mut row in cx.records().messages(id, None, usize::MAX)? {
                if row.author == contact.account && row.author_handle != contact.handle {
                    row.author_handle = contact.handle.clone();
                    cx.put_message(&row)?;
                }
            }
        }
        if let Some(direct) = self.direct_with(cx, contact.account)?
            && contact.handle != Handle::nobody()
        {
            match cx.records().direct_with(&contact.handle)? {
                Some(other) if other != direct => self.settle(cx, contact.account)?,
                _ => cx.put(key::handle(DIRECT, &contact.handle), &direct),
            }
        }
        Ok(())
    }

    /// The same in groups, where it is a long way.
    pub(super) fn rename_in_groups(&self, cx: &mut Cx<'_>, contact: &Contact) -> Result<(), EngineError> {
        for record in cx.records().conversations()? {
            if record.kind != ConversationKind::Group {
                continue;
            }
            for mut row in cx.records().messages(record.id, None, usize::MAX)? {
                if row.author == contact.account && row.author_handle != contact.handle {
                    row.author_handle = contact.handle.clone();
                    cx.put_message(&row)?;
                }
            }
        }
        Ok(())
    }

    /// Looks at the members of every conversation with an account again: its device list is now known.
    fn recheck_members(&mut self, cx: &mut Cx<'_>, account: AccountId) -> Result<(), EngineError> {
        for id in self.conversations_with(cx, account)? {
            let Some(group) = self.group(cx, id)? else { continue };
            let denied = group.members().find_map(|member| {
                let admitted = self.knowing(cx, None).recognise(&member.credential, &member.signature_key);
                admitted.err()
            });
            self.keep(id, group);
            if denied.is_some() {
                cx.alert(Some(id), Alert::FalseIdentity);
            }
        }
        Ok(())
    }

    /// All direct conversations with an account, merged ones too.
    pub(super) fn conversations_with(
        &self,
        cx: &Cx<'_>,
        account: AccountId,
    ) -> Result<Vec<ConversationId>, EngineError> {
        let prefix = key::key(key::WITH, &[account.as_ref()]);
        let found = cx.records().all::<()>("with", &prefix)?;
        Ok(found.iter().filter_map(|(key, ())| Some(ConversationId(*key.last_chunk::<16>()?))).collect())
    }

    /// The direct conversation with an account in which messages are shown.
    pub(super) fn direct_with(
        &self,
        cx: &Cx<'_>,
        account: AccountId,
    ) -> Result<Option<ConversationId>, EngineError> {
        match self.conversations_with(cx, account)?.first() {
            Some(&first) => Ok(cx.shown(first)?.map(|record| record.id)),
            None => Ok(None),
        }
    }

    /// Notes that a conversation is with an account.
    pub(super) fn note_with(&self, cx: &mut Cx<'_>, account: AccountId, id: ConversationId) {
        cx.put(key::key(key::WITH, &[account.as_ref(), id.as_ref()]), &());
    }

    /// Tells that an account is not believed; that its identity has changed was told where it was seen.
    pub(super) fn disbelieve(&self, cx: &mut Cx<'_>, id: ConversationId, disbelief: Disbelief) {
        let event = Event::Alert(Some(id), disbelief.alert());
        let told = |event: &Event| matches!(event, Event::Alert(_, alert) if *alert == disbelief.alert());
        if !cx.events.iter().any(told) {
            cx.events.push(event);
        }
    }
}

impl Disbelief {
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::OtherIdentity(_) => Failure::IdentityChanged,
            Self::False => Failure::FalseIdentity,
        }
    }

    pub(super) fn alert(self) -> Alert {
        match self {
            Self::OtherIdentity(account) => Alert::IdentityChanged(account),
            Self::False => Alert::FalseIdentity,
        }
    }
}

/// What came of learning about an account, when it was not learned.
#[derive(Debug)]
pub(super) enum Learned {
    /// It is not believed.
    Not(Disbelief),
    /// The store failed.
    Failed(EngineError),
}

impl From<EngineError> for Learned {
    fn from(error: EngineError) -> Self {
        Self::Failed(error)
    }
}
