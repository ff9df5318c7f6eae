//! A person who comes with another identity key than the pinned one, and safety numbers that were compared.
//!
//! An account has one identity key for good; who loses it signs up again, and the relay gives the handle to the new
//! account. So a changed key is seen where the directory names another identity for a handle than the one that is
//! pinned to it. Nothing is believed of it then but that it is so: what is said to the person waits, the new identity
//! goes by no handle, and in a group that it has come into nothing is said either. Once the user has accepted it, the
//! handle is its own, and the old one is nobody any more.
//!
//! | then | direct | groups |
//! | --- | --- | --- |
//! | seen | a row; what is said waits | a row where the old identity is in; where the new one is, what is said waits |
//! | the directory takes it back | a row; all is as it was | a row |
//! | accepted | goes on in a new conversation, with everything that was said and written | an admin's device removes the old identity and adds the new one |

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, Handle};
use prost::Message;

use super::arrivals::NOBODY;
use super::contacts::Learned;
use super::outbox::NewJob;
use super::state::{Opening, Purpose, Wanted, What};
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError, Event, Refusal};
use crate::defence::Defence;
use crate::identity::{DeviceList, IdentityKey, SafetyNumber, UnverifiedDeviceList};
use crate::mls::policy::Denied;
use crate::records::key::{self, COMPARED, HANDLE, KEY_CHANGE, NAME};
use crate::records::{
    Change, Compared, Contact, ConversationKind, ConversationRecord, ConversationState, KeyChange,
    MessageRecord, Named, Standing,
};

type Wish = Result<(), Refusal>;

impl Engine {
    /// The directory gives the place of a pinned person to another identity.
    pub(super) fn identity_changed(
        &mut self,
        cx: &mut Cx<'_>,
        pinned: &Contact,
        told: &wire::Account,
        account: AccountId,
        key: &IdentityKey,
    ) -> Result<(), EngineError> {
        let at = key::account(KEY_CHANGE, pinned.account);
        let before: Option<KeyChange> = cx.records().read("key change", &at)?;
        if before.as_ref().is_some_and(|it| it.account == account && it.identity_key == *key.as_bytes()) {
            return Ok(());
        }
        let verified_ms = match &before {
            Some(before) => before.verified_ms,
            None => cx.records().verified(pinned.account)?,
        };
        let change = KeyChange {
            from: pinned.account,
            handle: pinned.handle.clone(),
            account,
            identity_key: *key.as_bytes(),
            noticed_ms: cx.now,
            verified_ms,
            told: told.encode_to_vec(),
        };
        cx.put(at, &change);
        cx.store.delete(key::account(COMPARED, pinned.account));
        if account != pinned.account
            && let Some(met) = cx.records().contact(account)?.filter(|met| met.handle == pinned.handle)
        {
            // Its certificate named the handle before anybody was pinned to it.
            let nameless = Contact { handle: Handle::nobody(), ..met };
            cx.put(key::contact(account), &nameless);
            self.rename_in_groups(cx, &nameless)?;
            self.rename(cx, &nameless)?;
        }
        let named = Named { account: Some(pinned.account), handle: pinned.handle.clone() };
        let row = Change::KeyChanged(named, verified_ms.is_some());
        self.tell_everywhere(cx, &[pinned.account, account], &row)?;
        let direct = self.direct_with(cx, pinned.account)?;
        cx.alert(direct, Alert::IdentityChanged(pinned.account));
        cx.event(Event::TrustChanged(pinned.account));
        Ok(())
    }

    /// A row in every conversation in which one of some accounts is.
    fn tell_everywhere(
        &mut self,
        cx: &mut Cx<'_>,
        who: &[AccountId],
        change: &Change,
    ) -> Result<(), EngineError> {
        for record in cx.records().conversations()? {
            let here = match record.kind {
                ConversationKind::Direct => record.peer.is_some_and(|peer| who.contains(&peer)),
                ConversationKind::Group => {
                    cx.members(record.id)?.iter().any(|member| who.contains(&member.account))
                }
                ConversationKind::Own => false,
            };
            if here && record.standing != Standing::Blocked {
                self.tell(cx, record.id, self.me.account, change.clone(), cx.now)?;
            }
        }
        Ok(())
    }

    /// An account was met by a certificate under a key that is not its own: what came of it is left, and what was
    /// said under it is nobody's.
    pub(super) fn disown(&mut self, cx: &mut Cx<'_>, claimed: &Contact) -> Result<(), EngineError> {
        for id in self.conversations_with(cx, claimed.account)? {
            self.leave_quietly(cx, id, None)?;
            if let Some(record) = cx.records().conversation(id)?
                && !matches!(record.state, ConversationState::MergedInto(_))
            {
                cx.put_conversation(&ConversationRecord { state: ConversationState::Left, ..record })?;
            }
            cx.alert(Some(id), Alert::FalseIdentity);
        }
        if cx.defends(Defence::PinnedIdentity) {
            for record in cx.records().conversations()? {
                self.unsay(cx, record.id, claimed.account)?;
                if record.kind == ConversationKind::Group {
                    self.expose(cx, record.id, claimed.account)?;
                }
            }
        }
        cx.store.delete(key::account(NAME, claimed.account));
        cx.store.delete(key::contact(claimed.account));
        Ok(())
    }

    /// What was said in the name of an account that has not said it stays, as nobody's.
    fn unsay(&self, cx: &mut Cx<'_>, id: ConversationId, account: AccountId) -> Result<(), EngineError> {
        for row in cx.records().messages(id, None, usize::MAX)? {
            if row.author == account {
                cx.put_message(&MessageRecord { author: NOBODY, author_handle: Handle::nobody(), ..row })?;
            }
        }
        Ok(())
    }

    /// A member of a group is not whose its certificate says: whoever has brought it in has broken the rules, as if
    /// that had been seen when they did it. A directory that lies gains nothing by it that it had not before, by
    /// telling the lie first.
    fn expose(&mut self, cx: &mut Cx<'_>, id: ConversationId, account: AccountId) -> Result<(), EngineError> {
        let leaves: Vec<u32> = (cx.members(id)?.iter())
            .filter(|member| member.account == account)
            .map(|member| member.leaf)
            .collect();
        let Some(seal) = cx.seal(id)?.filter(|_| !leaves.is_empty()) else { return Ok(()) };
        // The account is no member: it is not invited to what follows.
        leaves.into_iter().for_each(|leaf| cx.store.delete(key::member(id, leaf)));
        cx.alert(Some(id), Alert::FalseIdentity);
        if seal.refused.is_some() || seal.heir.is_some() {
            return Ok(());
        }
        let added = |row: &MessageRecord| match &row.change {
            Some(Change::Added(people)) => people.iter().any(|named| named.account == Some(account)),
            _ => false,
        };
        let rows = cx.records().messages(id, None, usize::MAX)?;
        let by = rows.iter().find(|row| added(row)).map(|row| row.author);
        let by = by.filter(|by| *by != self.me.account).unwrap_or(NOBODY);
        self.broken(cx, id, by, Denied::Identity, cx.now)
    }

    /// Asks the directory again about everybody whose identity has changed: perhaps it was a mistake.
    pub(super) fn ask_holders(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        for change in cx.records().key_changes()? {
            let by = wire::lookup::By::Handle(change.handle.as_str().to_owned());
            self.ask(cx, Asked::Holder(change.from), request::Op::Lookup(wire::Lookup { by: Some(by) }));
        }
        Ok(())
    }

    pub(super) fn holder_answered(
        &mut self,
        cx: &mut Cx<'_>,
        from: AccountId,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let (Some(change), Some(pinned)) = (cx.records().key_change(from)?, cx.records().contact(from)?)
        else {
            return Ok(());
        };
        let Ok(response::Result::Account(told)) = result else { return Ok(()) };
        if told.handle != change.handle.as_str() {
            return Ok(());
        }
        if told.account == from.to_wire() && told.identity_key == pinned.identity_key.as_slice() {
            return self.identity_is_back(cx, &change);
        }
        match self.learn(cx, told, true) {
            Err(Learned::Failed(error)) => Err(error),
            Ok(_) | Err(Learned::Not(_)) => Ok(()),
        }
    }

    /// The directory names the pinned identity again.
    fn identity_is_back(&mut self, cx: &mut Cx<'_>, change: &KeyChange) -> Result<(), EngineError> {
        cx.store.delete(key::account(KEY_CHANGE, change.from));
        if let (Some(since_ms), Some(contact)) = (change.verified_ms, cx.records().contact(change.from)?) {
            let compared = Compared { identity_key: contact.identity_key, since_ms };
            cx.put(key::account(COMPARED, change.from), &compared);
        }
        let named = Named { account: Some(change.from), handle: change.handle.clone() };
        self.tell_everywhere(cx, &[change.from, change.account], &Change::KeyBack(named))?;
        cx.event(Event::TrustChanged(change.from));
        Ok(())
    }

    /// Whether what is said in a conversation waits until somebody's new identity was accepted.
    pub(super) fn is_held(&self, cx: &Cx<'_>, record: &ConversationRecord) -> Result<bool, EngineError> {
        Ok(cx.defends(Defence::PinnedIdentity) && cx.records().is_held(record)?)
    }

    /// Accepts the identity that a person has come with, by the key that the user has seen.
    pub(super) fn accept_identity(
        &mut self,
        cx: &mut Cx<'_>,
        from: AccountId,
        seen: [u8; 32],
    ) -> Result<Wish, EngineError> {
        let (Some(change), Some(before)) = (cx.records().key_change(from)?, cx.records().contact(from)?)
        else {
            return Ok(Err(Refusal::NoKeyChange));
        };
        if change.identity_key != seen {
            return Ok(Err(Refusal::OtherSafetyNumber));
        }
        cx.store.delete(key::account(KEY_CHANGE, from));
        let Some(contact) = self.pin_anew(cx, &change, before)? else {
            return Ok(Err(Refusal::NoKeyChange));
        };
        let now_in = self.go_on_with(cx, &change, &contact)?;
        let row =
            Change::KeyAccepted(Named { account: Some(contact.account), handle: contact.handle.clone() });
        for record in cx.records().conversations()? {
            let group = record.kind == ConversationKind::Group;
            let members = if group { cx.members(record.id)? } else { Vec::new() };
            let there = |account: AccountId| members.iter().any(|member| member.account == account);
            if there(from) || there(contact.account) || now_in == Some(record.id) {
                self.tell(cx, record.id, self.me.account, row.clone(), cx.now)?;
            }
            if there(from) {
                self.let_in_instead(cx, record.id, &contact, from, there(contact.account))?;
            }
        }
        cx.event(Event::TrustChanged(contact.account));
        Ok(Ok(()))
    }

    /// Pins the new identity, which has the handle from now on.
    fn pin_anew(
        &mut self,
        cx: &mut Cx<'_>,
        change: &KeyChange,
        before: Contact,
    ) -> Result<Option<Contact>, EngineError> {
        let Some(list) = list_of(change) else { return Ok(None) };
        let contact = Contact {
            account: change.account,
            handle: change.handle.clone(),
            identity_key: change.identity_key,
            pinned_ms: cx.now,
            list_version: list.version(),
            list_hash: list.hash(),
            devices: list.devices().iter().map(|entry| entry.device).collect(),
            device_list: list.to_wire().encode_to_vec(),
            confirmed: true,
            succeeded_by: None,
        };
        if change.account != change.from {
            let (handle, succeeded_by) = (Handle::nobody(), Some(change.account));
            cx.put(key::contact(change.from), &Contact { handle, succeeded_by, ..before });
        }
        cx.put(key::contact(contact.account), &contact);
        cx.put(key::handle(HANDLE, &contact.handle), &contact.account);
        self.rename_in_groups(cx, &contact)?;
        self.rename(cx, &contact)?;
        Ok(Some(contact))
    }

    /// The direct conversation goes on with the new identity; nothing of the old group stays, so that nothing more
    /// is heard from who is in it.
    fn go_on_with(
        &mut self,
        cx: &mut Cx<'_>,
        change: &KeyChange,
        contact: &Contact,
    ) -> Result<Option<ConversationId>, EngineError> {
        let mut old = self.conversations_with(cx, change.from)?;
        let shown = match old.first() {
            Some(first) => cx.shown(*first)?,
            None => None,
        };
        let Some(shown) = shown.filter(|record| record.standing != Standing::Blocked) else {
            return Ok(None);
        };
        let theirs = match self.direct_with(cx, contact.account)? {
            Some(theirs) if change.account != change.from => cx.records().conversation(theirs)?,
            _ => None,
        };
        let new = match theirs.filter(|it| it.id != shown.id && it.state != ConversationState::Left) {
            Some(theirs) => theirs.id,
            None => self.begin_with(cx, &shown, contact)?,
        };
        for id in &old {
            self.requeue(cx, *id, true)?;
            self.unname(cx, *id)?;
        }
        self.merge(cx, shown.id, new)?;
        old.retain(|id| *id != new);
        for id in old {
            self.move_jobs(cx, id, new)?;
            self.leave_quietly(cx, id, Some(change.from))?;
        }
        self.settle(cx, contact.account)?;
        Ok(Some(new))
    }

    fn begin_with(
        &mut self,
        cx: &mut Cx<'_>,
        before: &ConversationRecord,
        contact: &Contact,
    ) -> Result<ConversationId, EngineError> {
        let id = self.lower_id(cx, Some(contact.account))?;
        cx.put_conversation(&ConversationRecord {
            id,
            peer: Some(contact.account),
            handle: Some(contact.handle.clone()),
            unread: 0,
            state: ConversationState::Opening,
            standing: Standing::Accepted,
            suite: 0,
            last: None,
            ..before.clone()
        })?;
        self.note_with(cx, contact.account, id);
        self.enqueue(cx, id, NewJob::new(What::Open(Opening::Claim(contact.account))))?;
        Ok(id)
    }

    /// In a group an admin's device removes the old identity, and adds the new one as an ordinary member. Where it is
    /// the same account, members who have not accepted its key would refuse it: it is only removed.
    fn let_in_instead(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        contact: &Contact,
        from: AccountId,
        there: bool,
    ) -> Result<(), EngineError> {
        if cx.records().group(id)?.is_none_or(|group| !group.admins.contains(&self.me.account)) {
            return Ok(());
        }
        self.enqueue(cx, id, NewJob::new(What::Commit(Purpose::Remove(vec![from]), None)))?;
        if contact.account != from && !there {
            let wanted =
                Wanted { handle: contact.handle.clone(), account: Some(contact.account), history: 0 };
            self.enqueue(cx, id, NewJob::new(What::Gather(vec![wanted])))?;
        }
        Ok(())
    }

    /// Notes that the safety number with a person was compared and is this one, or takes the note away.
    pub(super) fn mark_verified(
        &self,
        cx: &mut Cx<'_>,
        account: AccountId,
        number: Option<&SafetyNumber>,
    ) -> Result<Wish, EngineError> {
        if account == self.me.account {
            return Ok(Err(Refusal::Yourself));
        }
        let Some(contact) = cx.records().contact(account)? else { return Ok(Err(Refusal::UnknownPerson)) };
        let at = key::account(COMPARED, account);
        match number {
            None => {
                cx.store.delete(at);
                // Nor does it come back when the directory takes a change back.
                if let Some(change) = cx.records().key_change(account)? {
                    cx.put(key::account(KEY_CHANGE, account), &KeyChange { verified_ms: None, ..change });
                }
            }
            Some(_) if cx.records().key_change(account)?.is_some() => {
                return Ok(Err(Refusal::IdentityChanged));
            }
            Some(number) if cx.records().safety_number(account)?.as_ref() != Some(number) => {
                return Ok(Err(Refusal::OtherSafetyNumber));
            }
            Some(_) => {
                cx.put(at, &Compared { identity_key: contact.identity_key, since_ms: cx.now });
            }
        }
        cx.event(Event::TrustChanged(account));
        Ok(Ok(()))
    }
}

/// The device list that the directory gave with the new identity.
fn list_of(change: &KeyChange) -> Option<DeviceList> {
    let key = IdentityKey::from_wire(&change.identity_key).ok()?;
    let told = wire::Account::decode(change.told.as_slice()).ok()?;
    UnverifiedDeviceList::from_wire(told.device_list?).ok()?.verify(change.account, &key).ok()
}
