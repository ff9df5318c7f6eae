//! What businesses say of themselves, to whoever looks them up. A device of the business signs it, and the directory
//! gives it. It stands beside the terms and not in them: what a customer has agreed to stays agreed to when an opening
//! time changes.

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, response};
use lacre_proto::{AccountId, ErrorCode, label, profile};
use prost::Message;
use sha2::{Digest, Sha256};

use super::state::Chore;
use super::terms::AHEAD;
use super::{Cx, Engine};
use crate::api::{Alert, EngineError, Event, Refusal};
use crate::defence::Defence;
use crate::records::key::{self, PROFILE, PROFILE_PICTURE};
use crate::records::{Profile, ProfileRecord};

impl Engine {
    /// Tells whoever looks this account up what it says of itself, in place of what it said before.
    pub(super) fn set_profile(
        &mut self,
        cx: &mut Cx<'_>,
        said: Profile,
        picture: Vec<u8>,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let business = self.me.account;
        if cx.records().business(business)?.is_none() {
            return Ok(Err(Refusal::NoBusiness));
        }
        let issued_ms = cx.relay_now()?;
        let before = cx.records().profile(business)?;
        let revision = before.map_or(0, |before| before.revision.saturating_add(1)).max(issued_ms);
        let told = wire::BusinessProfile {
            business: business.to_wire(),
            device: self.me.device.to_wire(),
            picture: picture.into(),
            issued_ms,
            revision,
            ..said.into()
        };
        if !profile::is_well_formed(&told) {
            return Ok(Err(Refusal::BadContent));
        }
        let body = told.encode_to_vec();
        let signature = self.secret.sign(&label::labelled(label::PROFILE, &body)).to_vec();
        let document = wire::Signed { body: body.into(), signature: signature.into() }.encode_to_vec();
        keep(cx, business, told, &document, false);
        self.tell_relay(cx, Chore::Profile(document))?;
        Ok(Ok(()))
    }

    /// The relay has what this account says of itself, or refuses it.
    pub(super) fn profile_answered(
        &mut self,
        cx: &mut Cx<'_>,
        document: &[u8],
        result: &Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let (business, hash) = (self.me.account, hash_of(document));
        let Some(record) = cx.records().profile(business)?.filter(|it| it.hash == hash) else {
            return Ok(());
        };
        match result {
            Ok(_) => {
                cx.put(key::account(PROFILE, business), &ProfileRecord { acknowledged: true, ..record });
                cx.event(Event::Profile(business));
            }
            // Another device of the business has said something newer: the directory says what.
            Err(error) if error.code == ErrorCode::StaleConsent => self.ask_own_account(cx),
            Err(error) => cx.alert(None, Alert::ProfileRefused(error.code.number())),
        }
        Ok(())
    }

    /// Takes in what the directory says that a business says of itself.
    pub(super) fn learn_profile(
        &mut self,
        cx: &mut Cx<'_>,
        business: AccountId,
        signed: &wire::Signed,
    ) -> Result<(), EngineError> {
        let known = cx.records().profile(business)?;
        let signer = wire::BusinessProfile::decode(signed.body.clone()).ok().map(|told| told.device);
        if business == self.me.account && signer.is_some_and(|signer| self.is_gone(&signer)) {
            // Whoever looks now takes it from nobody: a device that is still there says the same.
            let is_here = self.list.entry(self.me.device).is_some();
            let Some(known) = known.filter(|_| is_here) else { return Ok(()) };
            let picture = cx.records().profile_picture(business)?;
            return self.set_profile(cx, known.profile, picture).map(drop);
        }
        let document = signed.encode_to_vec();
        if known.as_ref().is_some_and(|known| known.hash == hash_of(&document)) {
            return Ok(());
        }
        let Some(told) = self.read_profile(cx, business, signed)? else {
            cx.alert(None, Alert::FalseProfile);
            return Ok(());
        };
        let is_older = known.is_some_and(|known| known.revision >= told.revision);
        if is_older && cx.defends(Defence::Revision) {
            return Ok(());
        }
        keep(cx, business, told, &document, true);
        for with in self.conversations_with(cx, business)? {
            cx.event(Event::ConversationChanged(with));
        }
        Ok(())
    }

    /// What a business says of itself, when a device of it has signed it.
    fn read_profile(
        &self,
        cx: &Cx<'_>,
        business: AccountId,
        signed: &wire::Signed,
    ) -> Result<Option<wire::BusinessProfile>, EngineError> {
        if signed.body.len() > profile::BODY {
            return Ok(None);
        }
        let Ok(told) = wire::BusinessProfile::decode(signed.body.clone()) else { return Ok(None) };
        // Nothing beside it: what is signed is what is shown.
        let whole = told.encode_to_vec() == signed.body;
        // One from far ahead would let no other come after it.
        let timely = told.revision <= cx.relay_now()?.saturating_add(AHEAD);
        let good = whole && timely && profile::is_well_formed(&told);
        let is_its_own = told.business == business.as_ref()
            && self.is_signed(cx, (business, &told.device), label::PROFILE, signed);
        Ok(Some(told).filter(|_| good && (is_its_own || !cx.defends(Defence::Profile))))
    }
}

fn keep(
    cx: &mut Cx<'_>,
    business: AccountId,
    told: wire::BusinessProfile,
    document: &[u8],
    acknowledged: bool,
) {
    let at = key::account(PROFILE_PICTURE, business);
    match told.picture.is_empty() {
        true => cx.store.delete(at),
        false => cx.put(at, &told.picture.to_vec()),
    }
    let record = ProfileRecord {
        business,
        issued_ms: told.issued_ms,
        revision: told.revision,
        profile: told.into(),
        hash: hash_of(document),
        acknowledged,
    };
    cx.put(key::account(PROFILE, business), &record);
    cx.event(Event::Profile(business));
}

fn hash_of(document: &[u8]) -> [u8; 32] {
    Sha256::digest(document).into()
}
