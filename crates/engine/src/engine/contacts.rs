//! Who is who: pinned identity keys, device lists, and what a leaf must be.

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, DeviceId, Handle};
use openmls::prelude::{BasicCredential, Credential, KeyPackage};
use prost::Message;
use sha2::{Digest, Sha256};

use super::state::Seal;
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError, Event};
use crate::defence::Defence;
use crate::identity::{DeviceList, IdentityKey, Succession, UnverifiedCertificate, UnverifiedDeviceList};
use crate::mls::group::key_package_bytes;
use crate::mls::key_package;
use crate::mls::policy::{Denied, Knows, Who};
use crate::records::key::{self, CONTACT, DIRECT, HANDLE};
use crate::records::{Contact, Failure, Me};

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
    pub(super) seal: Option<&'a Seal>,
}

impl Knows for Knowing<'_, '_> {
    fn admit(&self, credential: &Credential, signature_key: &[u8]) -> Result<Who, Denied> {
        let who = self.recognise(credential, signature_key)?;
        if !self.cx.defends(Defence::Certificate) {
            return Ok(who);
        }
        let listed = self.list_of(who.account).is_none_or(|list| {
            // A person who wrote first, and whose list the relay has yet to tell, has none: the confirmation that
            // is under way looks at the conversation's members again.
            list.entry(who.device).is_some_and(|entry| entry.signature_key.as_bytes() == signature_key)
        });
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
        seal.requests.iter().any(|(asked, _, package)| *asked == device && *package == hash)
    }

    fn is_unlisted(&self, who: Who) -> bool {
        if who.account == self.me.account {
            return self.list.entry(who.device).is_none();
        }
        let contact = self.cx.records().contact(who.account).ok().flatten();
        contact.and_then(|contact| list_of(&contact)).is_some_and(|list| list.entry(who.device).is_none())
    }

    fn is_current(&self, package: &KeyPackage) -> bool {
        key_package::is_current(package, self.cx.now)
    }
}

impl Knowing<'_, '_> {
    pub(super) fn list_of(&self, account: AccountId) -> Option<DeviceList> {
        if account == self.me.account {
            return Some(self.list.clone());
        }
        self.cx.records().contact(account).ok().flatten().as_ref().and_then(list_of)
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

/// The newest device list known of a contact; `None` when none is.
pub(super) fn list_of(contact: &Contact) -> Option<DeviceList> {
    if contact.list_version == 0 {
        return None;
    }
    let pinned = IdentityKey::from_wire(&contact.identity_key).ok()?;
    let signed = wire::Signed::decode(contact.device_list.as_slice()).ok()?;
    UnverifiedDeviceList::from_wire(signed).ok()?.verify(contact.account, &pinned).ok()
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
        Knowing { cx, me: &self.me, list: &self.list, seal }
    }

    /// Takes in what the directory says of an account: pins its identity key at first sight, and holds it to
    /// that ever after.
    pub(super) fn learn(&self, cx: &mut Cx<'_>, account: wire::Account) -> Result<Contact, Learned> {
        let wire::Account { account, handle, identity_key, device_list } = account;
        let unbelieved = |_| Learned::Not(Disbelief::False);
        let account = AccountId::try_from(&account).map_err(|_| Learned::Not(Disbelief::False))?;
        let handle: Handle = handle.parse().map_err(|_| Learned::Not(Disbelief::False))?;
        let key = IdentityKey::from_wire(&identity_key).map_err(unbelieved)?;
        let signed = device_list.ok_or(Learned::Not(Disbelief::False))?;
        let known = cx.records().contact(account)?;
        if let Some(known) = &known
            && known.identity_key != *key.as_bytes()
            && cx.defends(Defence::PinnedIdentity)
        {
            return Err(Learned::Not(Disbelief::OtherIdentity(account)));
        }
        let list = UnverifiedDeviceList::from_wire(signed)
            .and_then(|list| list.verify(account, &key))
            .map_err(unbelieved)?;
        let contact = Contact {
            account,
            handle: handle.clone(),
            identity_key: *key.as_bytes(),
            pinned_ms: known.as_ref().map_or(cx.now, |known| known.pinned_ms),
            list_version: 0,
            list_hash: [0; 32],
            devices: Vec::new(),
            device_list: Vec::new(),
            confirmed: true,
        };
        let list = newest(known.as_ref(), list)?;
        let contact = with_list(contact, &list);
        cx.put(key::contact(account), &contact);
        cx.put(key::handle(HANDLE, &handle), &account);
        Ok(contact)
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
        let list = newest(Some(&contact), list)?;
        let contact = with_list(contact, &list);
        cx.put(key::contact(contact.account), &contact);
        Ok(contact)
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
        let contact = Contact {
            account,
            handle: certificate.handle().clone(),
            identity_key: *key.as_bytes(),
            pinned_ms: cx.now,
            list_version: 0,
            list_hash: [0; 32],
            devices: Vec::new(),
            device_list: Vec::new(),
            confirmed: false,
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

    pub(super) fn confirm(&mut self, cx: &mut Cx<'_>, account: AccountId) {
        let same = |asked: &Asked| matches!(asked, Asked::Confirm(other) if *other == account);
        if self.link.online && !self.link.asked.values().any(same) {
            let by = wire::lookup::By::Account(account.to_wire());
            self.ask(cx, Asked::Confirm(account), request::Op::Lookup(wire::Lookup { by: Some(by) }));
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
            // Not now, or not any more: the person stays who they were, unconfirmed.
            Err(_) => return Ok(()),
            Ok(_) => {
                cx.alert(conversation, Alert::FalseIdentity);
                return Ok(());
            }
        };
        let contact = match self.learn(cx, told) {
            Ok(contact) => contact,
            Err(Learned::Failed(error)) => return Err(error),
            Err(Learned::Not(disbelief)) => {
                cx.alert(conversation, disbelief.alert());
                return Ok(());
            }
        };
        if contact.handle != met.handle {
            // The certificate named a handle that is not this account's.
            cx.alert(conversation, Alert::FalseIdentity);
        }
        self.rename(cx, &contact)?;
        self.recheck_members(cx, account)?;
        self.plan_for_other(cx, account)
    }

    /// Puts the handle that the directory says on everything of an account.
    fn rename(&mut self, cx: &mut Cx<'_>, contact: &Contact) -> Result<(), EngineError> {
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
        if let Some(direct) = self.direct_with(cx, contact.account)? {
            match cx.records().direct_with(&contact.handle)? {
                Some(other) if other != direct => self.settle(cx, contact.account)?,
                _ => cx.put(key::handle(DIRECT, &contact.handle), &direct),
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

    pub(super) fn disbelieve(&self, cx: &mut Cx<'_>, id: ConversationId, disbelief: Disbelief) {
        cx.events.push(Event::Alert(Some(id), disbelief.alert()));
    }
}

impl Disbelief {
    pub(super) fn failure(self) -> Failure {
        match self {
            Self::OtherIdentity(_) => Failure::IdentityChanged,
            Self::False => Failure::FalseIdentity,
        }
    }

    fn alert(self) -> Alert {
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

/// The newer of the list that is known and one that verifies; one that continues another is not believed, one
/// that is older is passed over.
fn newest(known: Option<&Contact>, told: DeviceList) -> Result<DeviceList, Learned> {
    let Some(known) = known.and_then(list_of) else { return Ok(told) };
    match known.succeeded_by(&told) {
        Ok(Succession::Same) => Ok(known),
        Ok(Succession::Next | Succession::Later) => Ok(told),
        Err(_) => Err(Learned::Not(Disbelief::False)),
    }
}
