//! What businesses say of themselves to whoever looks them up. The relay keeps the newest, which a device of the business
//! has signed, and gives it with the directory's answer.

use lacre_proto::wire::{BusinessProfile, PutProfile, Signed};
use lacre_proto::{AccountId, ErrorCode, Millis, label, profile};
use lacre_store::data::{Batch, Data, Expected};
use prost::Message;

use super::super::accounts::verify;
use super::super::rows::ProfileRow;
use super::super::{Answered, Authenticated, Services, bad, keys, not_written, refuse, rows, unavailable};
use super::terms::SKEW;
use crate::limits::Action;

impl<D: Data> Services<D> {
    /// Takes what a business says of itself in place of what it said before.
    pub(crate) async fn put_profile(
        &self,
        op: PutProfile,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<()> {
        let signed = op.profile.ok_or(ErrorCode::BadRequest)?;
        if signed.body.len() > profile::BODY {
            return refuse(ErrorCode::TooLarge);
        }
        let said = BusinessProfile::decode(signed.body.clone()).map_err(bad)?;
        // Nothing beside it: what is signed is what is shown.
        let whole = said.encode_to_vec() == signed.body;
        let named = said.business == caller.account.as_ref() && said.device == caller.device.as_ref();
        let timely = said.issued_ms.abs_diff(now) <= SKEW && said.revision <= now + SKEW;
        if !whole || !named || !timely || !profile::is_well_formed(&said) {
            return refuse(ErrorCode::BadRequest);
        }
        let (_, key) = self.device(caller.device).await?.ok_or(ErrorCode::LoginRefused)?;
        verify(&key, &label::labelled(label::PROFILE, &signed.body), &signed.signature)
            .map_err(|_| ErrorCode::BadRequest)?;
        self.limiter().take(Action::Consent, &[caller.account.as_ref()], now)?;
        if self.business(caller.account).await?.is_none() {
            return refuse(ErrorCode::BadRequest);
        }
        let key = keys::profile(caller.account);
        let before = self.0.data.get(&key).await.map_err(unavailable)?;
        let known = before.as_ref().map(rows::decode::<ProfileRow>).transpose()?.and_then(|row| row.profile);
        if let Some(known) = known {
            let known = BusinessProfile::decode(known.body).map_err(|_| rows::broken("profile"))?;
            if known.revision >= said.revision {
                return refuse(ErrorCode::StaleConsent);
            }
        }
        let row = rows::encode(&ProfileRow { profile: Some(signed) });
        let expected = before.map_or(Expected::Absent, Expected::Value);
        let batch = Batch::new().assert(key.clone(), expected).put(key, row);
        self.0.data.write(batch).await.map(drop).map_err(not_written)
    }

    /// What a business says of itself, as it signed it.
    pub(super) async fn profile(&self, business: AccountId) -> Answered<Option<Signed>> {
        let row = self.0.data.get(&keys::profile(business)).await.map_err(unavailable)?;
        Ok(row.map(|row| rows::decode::<ProfileRow>(&row)).transpose()?.and_then(|row| row.profile))
    }
}
