//! Consent: what customers have agreed to, and what a business's send needs of it.

use lacre_proto::wire::{Category, ConsentGrant, PutConsent};
use lacre_proto::{AccountId, ConversationId, ErrorCode, Millis, label};
use lacre_store::data::{Batch, Data, Expected};
use prost::Message;

use super::super::accounts::{signed, verify};
use super::super::rows::{ConsentRow, OffersRow, UntilRow};
use super::super::{Answered, Authenticated, Services, bad, keys, not_written, refuse, rows, unavailable};
use super::ledger::Reach;
use super::{DAY, Dealing};
use crate::limits::Action;

/// How long the window is open after a customer's message.
const WINDOW: Millis = DAY;
/// How long a grant may stand.
const GRANTED: Millis = 2 * 366 * DAY;
/// How far a device's clock may be off when it grants.
const SKEW: Millis = DAY;
/// Offers that one business sends to one customer in a day.
const OFFERS: usize = 2;
const NONCE: usize = 16;

/// Leave to send: what is written along and asserted, and whom the send reaches, when it counts.
pub(crate) struct Leave {
    pub(crate) batch: Batch,
    pub(crate) reach: Option<Reach>,
}

impl From<Batch> for Leave {
    fn from(batch: Batch) -> Self {
        Self { batch, reach: None }
    }
}

impl<D: Data> Services<D> {
    /// Between whom a conversation would be that the caller begins with an account: refused when the caller is a
    /// business to which the other has not consented.
    pub(in super::super) async fn may_deal(
        &self,
        caller: AccountId,
        other: AccountId,
        now: Millis,
    ) -> Answered<Option<Dealing>> {
        if caller == other {
            return Ok(None);
        }
        if let Some(business) = self.business(caller).await? {
            let dealing = Dealing { business: caller, customer: other };
            return match () {
                () if business.suspended_ms != 0 => refuse(ErrorCode::BusinessSuspended),
                () if self.stands(dealing, now).await? => Ok(Some(dealing)),
                () => refuse(ErrorCode::ConsentNeeded),
            };
        }
        let business = self.business(other).await?;
        Ok(business.map(|_| Dealing { business: other, customer: caller }))
    }

    /// Between whom a conversation is, when one of them is a business.
    pub(in super::super) async fn dealing(&self, conversation: ConversationId) -> Answered<Option<Dealing>> {
        let row = self.0.data.get(&keys::dealing(conversation)).await.map_err(unavailable)?;
        row.map(|row| Dealing::of(&rows::decode(&row)?)).transpose()
    }

    /// Takes a customer's grant in place of the one before; one without categories is a stop. What takes
    /// service back closes the window, until the customer writes again.
    pub(crate) async fn put_consent(
        &self,
        op: PutConsent,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<()> {
        let signed = signed(op.grant)?;
        let grant = ConsentGrant::decode(signed.body.clone()).map_err(bad)?;
        let business = AccountId::try_from(&grant.business).map_err(bad)?;
        let named = grant.customer == caller.account.as_ref() && grant.device == caller.device.as_ref();
        let timely = grant.granted_ms.abs_diff(now) <= SKEW
            && grant.expires_ms <= now + GRANTED
            // One from far ahead would let no stop come after it.
            && grant.revision <= now + SKEW
            && grant.nonce.len() == NONCE
            && matches!(grant.notice_hash.len(), 0 | 32);
        let known = grant.categories.iter().all(
            |category| matches!(Category::try_from(*category), Ok(category) if category != Category::None),
        );
        if !named || !timely || !known || grant.categories.len() > 3 {
            return refuse(ErrorCode::BadRequest);
        }
        let (_, key) = self.device(caller.device).await?.ok_or(ErrorCode::LoginRefused)?;
        verify(&key, &label::labelled(label::CONSENT, &signed.body), &signed.signature)
            .map_err(|_| ErrorCode::BadRequest)?;
        self.limiter().take(Action::Consent, &[caller.account.as_ref()], now)?;
        if self.business(business).await?.is_none() {
            return refuse(ErrorCode::NoSuchAccount);
        }
        let dealing = Dealing { business, customer: caller.account };
        let (before, expected) = self.consent(dealing).await?;
        if before.as_ref().is_some_and(|before| before.revision >= grant.revision) {
            return refuse(ErrorCode::StaleConsent);
        }
        // What stood until now: what has run out is not taken back.
        let stood = before.filter(|before| before.expires_ms > now);
        let stood = stood.map(|before| before.categories).unwrap_or_default();
        let key = keys::consent(business, caller.account);
        let row = rows::encode(&ConsentRow { grant: Some(signed) });
        let mut batch = Batch::new().assert(key.clone(), expected).put(key, row);
        let gone = |category: &i32| stood.contains(category) && !grant.categories.contains(category);
        if grant.categories.is_empty() || gone(&Category::Service.into()) {
            // The window would let through what was just taken back.
            batch = batch.delete(keys::window(business, caller.account));
        }
        let narrowed = stood.iter().any(gone);
        let done = match narrowed || grant.categories.is_empty() {
            true => self.write_complaining(dealing, batch, now).await?,
            false => self.0.data.write(batch).await.map(drop),
        };
        done.map_err(not_written)
    }

    /// What a customer has consented to last, and what a write that goes by it asserts.
    async fn consent(&self, of: Dealing) -> Answered<(Option<ConsentGrant>, Expected)> {
        let key = keys::consent(of.business, of.customer);
        let Some(bytes) = self.0.data.get(&key).await.map_err(unavailable)? else {
            return Ok((None, Expected::Absent));
        };
        let row: ConsentRow = rows::decode(&bytes)?;
        let grant = row.grant.and_then(|signed| ConsentGrant::decode(signed.body).ok());
        Ok((Some(grant.ok_or_else(|| rows::broken("consent"))?), Expected::Value(bytes)))
    }

    async fn window(&self, of: Dealing) -> Answered<(Millis, Expected)> {
        let row = self.0.data.get(&keys::window(of.business, of.customer)).await.map_err(unavailable)?;
        match row {
            Some(bytes) => Ok((rows::decode::<UntilRow>(&bytes)?.until_ms, Expected::Value(bytes))),
            None => Ok((0, Expected::Absent)),
        }
    }

    /// Whether anything stands by which the business may write.
    async fn stands(&self, of: Dealing, now: Millis) -> Answered<bool> {
        let (grant, _) = self.consent(of).await?;
        let granted = grant.is_some_and(|grant| !grant.categories.is_empty() && grant.expires_ms > now);
        Ok(granted || self.window(of).await?.0 > now)
    }

    /// What a send in a conversation with a business writes along, and asserts: refused when the sender is not one of
    /// the two, or has no consent for what they send.
    pub(in super::super) async fn leave_to_send(
        &self,
        dealing: Dealing,
        sender: AccountId,
        category: Category,
        now: Millis,
    ) -> Answered<Leave> {
        if sender == dealing.customer {
            let row = rows::encode(&UntilRow { until_ms: now + WINDOW });
            let key = keys::window(dealing.business, dealing.customer);
            return match category {
                Category::None => Ok(Batch::new().into()),
                Category::Service => Ok(Batch::new().put(key, row).into()),
                Category::Marketing | Category::Authentication => refuse(ErrorCode::BadRequest),
            };
        }
        if sender != dealing.business {
            return refuse(ErrorCode::NoSuchConversation);
        }
        let Some(business) = self.business(sender).await?.filter(|it| it.suspended_ms == 0) else {
            return refuse(ErrorCode::BusinessSuspended);
        };
        let (grant, consent) = self.consent(dealing).await?;
        let granted = grant
            .is_some_and(|grant| grant.expires_ms > now && grant.categories.contains(&i32::from(category)));
        let by_consent = Batch::new().assert(keys::consent(dealing.business, dealing.customer), consent);
        let (until, window) = self.window(dealing).await?;
        let open = until > now;
        let batch = match category {
            Category::None => return refuse(ErrorCode::BadRequest),
            Category::Marketing if granted => self.count_offer(by_consent, dealing, now).await?,
            _ if granted => by_consent,
            Category::Service if open => {
                by_consent.assert(keys::window(dealing.business, dealing.customer), window)
            }
            _ => return refuse(ErrorCode::ConsentNeeded),
        };
        let reach = self.reach(dealing, &business, category, !open, now).await?;
        Ok(Leave { batch, reach })
    }

    /// One more offer to a customer, if they may get one more today.
    async fn count_offer(&self, batch: Batch, of: Dealing, now: Millis) -> Answered<Batch> {
        let key = keys::offers(of.business, of.customer);
        let before = self.0.data.get(&key).await.map_err(unavailable)?;
        let mut row = before.as_ref().map(rows::decode::<OffersRow>).transpose()?.unwrap_or_default();
        row.sent_ms.retain(|sent| sent.saturating_add(DAY) > now);
        if row.sent_ms.len() >= OFFERS {
            let first = row.sent_ms.iter().min().copied().unwrap_or(now);
            let retry_after_ms = (first + DAY).saturating_sub(now);
            let code = ErrorCode::MarketingCap;
            return Err(lacre_proto::error::WireError { code, epoch: 0, retry_after_ms });
        }
        row.sent_ms.push(now);
        let expected = before.map_or(Expected::Absent, Expected::Value);
        Ok(batch.assert(key.clone(), expected).put(key, rows::encode(&row)))
    }
}
