//! What businesses tell their customers before they write: what is kept, and who acts for the business. The relay keeps
//! the newest, which a device of the business has signed, and gives it with the directory's answer.

use lacre_proto::wire::{BusinessStanding, BusinessTerms, PutTerms, Signed};
use lacre_proto::{AccountId, ErrorCode, Millis, label};
use lacre_store::data::{Batch, Data, Expected};
use prost::Message;

use super::super::accounts::{signed, verify};
use super::super::rows::{BusinessRow, TermsRow};
use super::super::{Answered, Authenticated, Services, bad, keys, not_written, refuse, rows, unavailable};
use crate::limits::Action;

/// How far a device's clock may be off when it signs.
pub(super) const SKEW: Millis = 24 * 3600 * 1000;

impl<D: Data> Services<D> {
    /// Takes what a business tells in place of what it told before.
    pub(crate) async fn put_terms(&self, op: PutTerms, caller: Authenticated, now: Millis) -> Answered<()> {
        let signed = signed(op.terms)?;
        let terms = BusinessTerms::decode(signed.body.clone()).map_err(bad)?;
        // Nothing beside it: what is signed is what is shown.
        let whole = terms.encode_to_vec() == signed.body;
        let named = terms.business == caller.account.as_ref() && terms.device == caller.device.as_ref();
        let timely = terms.issued_ms.abs_diff(now) <= SKEW && terms.revision <= now + SKEW;
        if !whole || !named || !timely || !lacre_proto::terms::are_well_formed(&terms) {
            return refuse(ErrorCode::BadRequest);
        }
        let (_, key) = self.device(caller.device).await?.ok_or(ErrorCode::LoginRefused)?;
        verify(&key, &label::labelled(label::TERMS, &signed.body), &signed.signature)
            .map_err(|_| ErrorCode::BadRequest)?;
        self.limiter().take(Action::Consent, &[caller.account.as_ref()], now)?;
        if self.business(caller.account).await?.is_none() {
            return refuse(ErrorCode::BadRequest);
        }
        let key = keys::terms(caller.account);
        let before = self.0.data.get(&key).await.map_err(unavailable)?;
        let known = before.as_ref().map(rows::decode::<TermsRow>).transpose()?.and_then(|row| row.terms);
        if let Some(known) = known {
            let known = BusinessTerms::decode(known.body).map_err(|_| rows::broken("terms"))?;
            if known.revision >= terms.revision {
                return refuse(ErrorCode::StaleConsent);
            }
        }
        let row = rows::encode(&TermsRow { terms: Some(signed) });
        let expected = before.map_or(Expected::Absent, Expected::Value);
        let batch = Batch::new().assert(key.clone(), expected).put(key, row);
        self.0.data.write(batch).await.map(drop).map_err(not_written)
    }

    /// What the directory tells of a business beside its certificate: to itself how it stands, to all what it tells, and
    /// what it says of itself.
    pub(in super::super) async fn told_of_business(
        &self,
        account: AccountId,
        row: &BusinessRow,
        to_itself: bool,
        now: Millis,
    ) -> Answered<(Option<BusinessStanding>, Option<Signed>, Option<Signed>)> {
        let standing = match to_itself {
            true => Some(self.standing(account, row, now).await.map_err(|_| ErrorCode::StorageUnavailable)?),
            false => None,
        };
        let standing = standing
            .map(|it| BusinessStanding { suspended: row.suspended_ms != 0, ..BusinessStanding::from(it) });
        Ok((standing, self.terms(account).await?, self.profile(account).await?))
    }

    /// What a business tells, as it signed it.
    pub(super) async fn terms(&self, business: AccountId) -> Answered<Option<Signed>> {
        let row = self.0.data.get(&keys::terms(business)).await.map_err(unavailable)?;
        Ok(row.map(|row| rows::decode::<TermsRow>(&row)).transpose()?.and_then(|row| row.terms))
    }
}
