//! What businesses tell before anybody writes to them (R19, R24): what is kept and for how long, and who acts for the
//! business. A device of the business signs it, the directory gives it, and what a customer agrees to names its hash.

use std::collections::BTreeSet;

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, response};
use lacre_proto::{AccountId, DeviceId, ErrorCode, Millis, label, limits};
use prost::Message;

use super::state::Chore;
use super::{Cx, Engine};
use crate::api::{Alert, EngineError, Event, Refusal};
use crate::defence::Defence;
use crate::records::key::{self, TERMS};
use crate::records::{Change, ConversationKind, Standing, Terms, TermsRecord};

/// How far ahead of the relay's time a revision may be.
pub(super) const AHEAD: Millis = 24 * 3600 * 1000;

impl Engine {
    /// Tells customers what this account keeps as a business, and who acts for it, in place of what was told before.
    pub(super) fn set_terms(
        &mut self,
        cx: &mut Cx<'_>,
        terms: Terms,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if cx.records().business(self.me.account)?.is_none() {
            return Ok(Err(Refusal::NoBusiness));
        }
        let business = self.me.account;
        let issued_ms = cx.relay_now()?;
        let before = cx.records().terms(business)?;
        let revision = before.map_or(0, |before| before.revision.saturating_add(1)).max(issued_ms);
        let told = wire::BusinessTerms {
            business: business.to_wire(),
            device: self.me.device.to_wire(),
            notice: terms.notice.clone(),
            keeps_days: terms.keeps_days,
            providers: terms.providers.iter().cloned().map(Into::into).collect(),
            issued_ms,
            revision,
        };
        let body = told.encode_to_vec();
        if !lacre_proto::terms::are_well_formed(&told) || body.len() > limits::SIGNED {
            return Ok(Err(Refusal::BadContent));
        }
        let signature = self.secret.sign(&label::labelled(label::TERMS, &body)).to_vec();
        let document = wire::Signed { body: body.into(), signature: signature.into() }.encode_to_vec();
        let acknowledged = false;
        let record =
            TermsRecord { business, terms, issued_ms, revision, document: document.clone(), acknowledged };
        cx.put(key::account(TERMS, business), &record);
        self.tell_relay(cx, Chore::Terms(document))?;
        cx.event(Event::Terms(business));
        Ok(Ok(()))
    }

    /// The relay has the terms, or refuses them.
    pub(super) fn terms_answered(
        &mut self,
        cx: &mut Cx<'_>,
        document: &[u8],
        result: &Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let business = self.me.account;
        let Some(record) = cx.records().terms(business)?.filter(|it| it.document == document) else {
            return Ok(());
        };
        match result {
            Ok(_) => {
                cx.put(key::account(TERMS, business), &TermsRecord { acknowledged: true, ..record });
                cx.event(Event::Terms(business));
            }
            // Another device of the business has told something newer: the directory says what.
            Err(error) if error.code == ErrorCode::StaleConsent => self.ask_own_account(cx),
            Err(error) => cx.alert(None, Alert::TermsRefused(error.code.number())),
        }
        Ok(())
    }

    /// Takes in what the directory says that a business tells.
    pub(super) fn learn_terms(
        &mut self,
        cx: &mut Cx<'_>,
        business: AccountId,
        signed: &wire::Signed,
    ) -> Result<(), EngineError> {
        let known = cx.records().terms(business)?;
        let signer = wire::BusinessTerms::decode(signed.body.clone()).ok().map(|told| told.device);
        if business == self.me.account && signer.is_some_and(|signer| self.is_gone(&signer)) {
            // Whoever looks now takes them from nobody: a device that is still there says the same.
            let is_here = self.list.entry(self.me.device).is_some();
            return match known.filter(|_| is_here) {
                Some(known) => self.set_terms(cx, known.terms).map(drop),
                None => Ok(()),
            };
        }
        if known.as_ref().is_some_and(|known| known.document == signed.encode_to_vec()) {
            return Ok(());
        }
        let Some(record) = self.read_terms(cx, business, signed)? else {
            cx.alert(None, Alert::FalseTerms);
            return Ok(());
        };
        if known.as_ref().is_some_and(|known| known.revision >= record.revision) {
            return Ok(());
        }
        cx.put(key::account(TERMS, business), &record);
        cx.event(Event::Terms(business));
        if business == self.me.account {
            return Ok(());
        }
        let known = known.map(|known| known.terms).unwrap_or_default();
        let now = cx.relay_now()?;
        let (came, went) = changed(&known, &record.terms, now);
        let kept = known.keeps_days != record.terms.keeps_days || known.notice != record.terms.notice;
        let changes = [
            (!came.is_empty()).then_some(Change::ActsFor(came, true)),
            (!went.is_empty()).then_some(Change::ActsFor(went, false)),
            kept.then_some(Change::Keeps(record.terms.keeps_days)),
        ];
        for conversation in cx.records().conversations()? {
            let here = conversation.kind == ConversationKind::Direct && conversation.peer == Some(business);
            if here && conversation.standing == Standing::Accepted {
                for change in changes.iter().flatten() {
                    self.tell(cx, conversation.id, business, change.clone(), cx.now)?;
                }
                cx.event(Event::ConversationChanged(conversation.id));
            }
        }
        Ok(())
    }

    /// Whether a device that has signed something for this account is none of its devices any more.
    pub(super) fn is_gone(&self, signer: &[u8]) -> bool {
        DeviceId::try_from(signer).is_ok_and(|device| self.list.entry(device).is_none())
    }

    /// Whether a device of a business has signed something, under a label.
    pub(super) fn is_signed(
        &self,
        cx: &Cx<'_>,
        (business, signer): (AccountId, &[u8]),
        label: &[u8],
        signed: &wire::Signed,
    ) -> bool {
        let Ok(device) = DeviceId::try_from(signer) else { return false };
        let key = match business == self.me.account {
            true => self.list.entry(device).map(|entry| entry.signature_key),
            false => {
                let list = self.knowing(cx, None).list_of(business);
                list.and_then(|list| list.entry(device).map(|entry| entry.signature_key))
            }
        };
        let labelled = label::labelled(label, &signed.body);
        key.is_some_and(|key| key.verify(&labelled, &signed.signature).is_ok())
    }

    /// What terms say, when a device of the business has signed them.
    fn read_terms(
        &self,
        cx: &Cx<'_>,
        business: AccountId,
        signed: &wire::Signed,
    ) -> Result<Option<TermsRecord>, EngineError> {
        let Ok(told) = wire::BusinessTerms::decode(signed.body.clone()) else { return Ok(None) };
        // Nothing beside it: what is signed, and hashed, is what is shown.
        let whole = told.encode_to_vec() == signed.body && told.business == business.as_ref();
        // One from far ahead would let no other come after it.
        let timely = told.revision <= cx.relay_now()?.saturating_add(AHEAD);
        let good = whole && timely && lacre_proto::terms::are_well_formed(&told);
        let holds = self.is_signed(cx, (business, &told.device), label::TERMS, signed);
        let providers = told.providers.into_iter().map(Into::into).collect();
        let terms = Terms { notice: told.notice, keeps_days: told.keeps_days, providers };
        Ok((good && (holds || !cx.defends(Defence::Terms))).then(|| TermsRecord {
            business,
            terms,
            issued_ms: told.issued_ms,
            revision: told.revision,
            document: signed.encode_to_vec(),
            acknowledged: true,
        }))
    }
}

/// Who acts now that did not so before (for another time, or with other scopes, is so too), and who does not any more.
fn changed(before: &Terms, after: &Terms, now: Millis) -> (Vec<String>, Vec<String>) {
    let acting = |terms: &Terms| -> BTreeSet<Acting> {
        let here = terms.providers.iter().filter(|it| it.until_ms > now);
        here.map(|it| (it.name.clone(), it.purpose.clone(), it.scopes.clone(), it.until_ms)).collect()
    };
    let names = |all: &BTreeSet<Acting>| all.iter().map(|it| it.0.clone()).collect::<BTreeSet<_>>();
    let (was, is) = (acting(before), acting(after));
    let came = is.difference(&was).map(|it| it.0.clone()).collect::<BTreeSet<_>>();
    let went = names(&was).difference(&names(&is)).cloned().collect();
    (came.into_iter().collect(), went)
}

/// A provider as customers are told of it.
type Acting = (String, String, Vec<String>, Millis);
