//! Businesses: who is one, what customers have consented to, and which conversations are with one (ADR 0044).
//!
//! A business reaches a customer only by their consent: its claims of their key packages, and everything that it sends
//! to them, is held against the grant that they have signed, or against the window of 24 hours that their own message
//! has opened. So that this can be done, what is said in a conversation with a business is sent by name, by both.
//! A write that consent is needed for asserts the consent that it was looked up by: after a stop was acknowledged,
//! nothing more is stored.

use bytes::Bytes;
use ed25519_dalek::Signer;
use lacre_proto::wire::{BusinessCertificate, Category, ConsentGrant, PutConsent, Signed};
use lacre_proto::{AccountId, ConversationId, ErrorCode, Handle, Millis, label};
use lacre_store::data::{Batch, Data, Expected, Key, Unavailable, WriteError};
use prost::Message;

use super::accounts::{signed, verify};
use super::rows::{BusinessRow, ConsentRow, DealingRow, HandleRow, OffersRow, UntilRow};
use super::{Answered, Authenticated, Services, bad, keys, not_written, refuse, rows, unavailable};
use crate::limits::Action;

const DAY: Millis = 24 * 3600 * 1000;
/// How long the window is open after a customer's message.
const WINDOW: Millis = DAY;
/// How long a certificate is good; each look-up gives a fresh one.
const CERTIFIED: Millis = 7 * DAY;
/// How long a grant may stand.
const GRANTED: Millis = 2 * 366 * DAY;
/// How far a device's clock may be off when it grants.
const SKEW: Millis = DAY;
/// Offers that one business sends to one customer in a day.
const OFFERS: usize = 2;
const NONCE: usize = 16;

/// A business and a customer of it: between them a conversation is, or is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dealing {
    business: AccountId,
    customer: AccountId,
}

impl Dealing {
    pub(super) fn is_party(self, account: AccountId) -> bool {
        account == self.business || account == self.customer
    }

    pub(super) fn row(self) -> DealingRow {
        DealingRow { business: self.business.to_wire(), customer: self.customer.to_wire() }
    }

    pub(super) fn of(row: &DealingRow) -> Answered<Self> {
        let account = |id: &Bytes| AccountId::try_from(id).map_err(|_| rows::broken("dealing"));
        Ok(Self { business: account(&row.business)?, customer: account(&row.customer)? })
    }
}

/// What a business says of itself, to be verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// As it stands in the register.
    pub legal_name: String,
    /// As people know it.
    pub display_name: String,
    /// Its domain.
    pub domain: String,
    /// What it does.
    pub trade: String,
}

/// A business, as its operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    /// Its account's handle.
    pub handle: Handle,
    /// What it says of itself.
    pub claim: Claim,
    /// What it is to show at `https://DOMAIN/.well-known/lacre-business`.
    pub token: String,
    /// When it was added.
    pub added_ms: Millis,
    /// When it was verified.
    pub verified_ms: Option<Millis>,
    /// Since when it is suspended.
    pub suspended_ms: Option<Millis>,
}

/// Why the operator's wish was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusinessError {
    /// Nobody has the handle.
    #[error("nobody has this handle at this relay")]
    NoSuchAccount,
    /// The account is no business.
    #[error("this account is no business; add it first")]
    NoBusiness,
    /// It is one already.
    #[error("this account is a business already")]
    BusinessAlready,
    /// A name or a domain is empty, too long, or not one.
    #[error("the {0} is empty, too long, or not one")]
    BadField(&'static str),
    /// The store does not answer.
    #[error("the store cannot be read or written just now")]
    Store,
}

impl From<Unavailable> for BusinessError {
    fn from(_: Unavailable) -> Self {
        Self::Store
    }
}

impl From<WriteError> for BusinessError {
    fn from(_: WriteError) -> Self {
        Self::Store
    }
}

impl<D: Data> Services<D> {
    /// The public key by which business certificates are signed.
    pub(crate) fn platform_key(&self) -> Bytes {
        Bytes::copy_from_slice(self.0.platform.verifying_key().as_bytes())
    }

    /// Makes an account a business: from now on it writes by consent only. It has no badge until it is verified.
    pub async fn add_business(
        &self,
        handle: &Handle,
        claim: Claim,
        now: Millis,
    ) -> Result<Business, BusinessError> {
        check(&claim)?;
        let account = self.account_of(handle).await?;
        let row = BusinessRow {
            legal_name: claim.legal_name,
            display_name: claim.display_name,
            domain: claim.domain,
            trade: claim.trade,
            added_ms: now,
            token: hex::encode(self.random::<16>()),
            verified_ms: 0,
            suspended_ms: 0,
        };
        let key = keys::business(account);
        let batch = Batch::new().assert(key.clone(), Expected::Absent).put(key, rows::encode(&row));
        match self.0.data.write(batch).await {
            Ok(_) => Ok(shown(handle.clone(), row)),
            Err(WriteError::Conflict(_)) => Err(BusinessError::BusinessAlready),
            Err(error) => Err(error.into()),
        }
    }

    /// The operator has seen that it controls its domain and is who it says.
    pub async fn verify_business(&self, handle: &Handle, now: Millis) -> Result<Business, BusinessError> {
        self.change_business(handle, |row| (row.verified_ms, row.suspended_ms) = (now, 0)).await
    }

    /// Suspends a business, or lets it go on: it sends nothing, and its badge is gone as soon as clients look it up
    /// again, which they do daily, and in any case when its certificate is over.
    pub async fn suspend_business(
        &self,
        handle: &Handle,
        suspended: bool,
        now: Millis,
    ) -> Result<Business, BusinessError> {
        self.change_business(handle, |row| row.suspended_ms = if suspended { now } else { 0 }).await
    }

    /// All businesses, by their accounts.
    pub async fn businesses(&self) -> Result<Vec<Business>, BusinessError> {
        let (mut from, to) = keys::businesses();
        let mut all = Vec::new();
        loop {
            let some = self.0.data.scan(&from, &to, 256).await?;
            let Some((last, _)) = some.last() else { return Ok(all) };
            from = Key::from(Bytes::from([last.as_bytes(), &[0]].concat()));
            for (key, row) in some {
                let account = key.as_bytes().get(1..).and_then(|id| AccountId::try_from(id).ok());
                let account = account.ok_or(BusinessError::Store)?;
                let row: BusinessRow = rows::decode(&row).map_err(|_| BusinessError::Store)?;
                let known = self.account(account).await.map_err(|_| BusinessError::Store)?;
                let handle = known.and_then(|row| row.handle.parse().ok());
                all.extend(handle.map(|handle| shown(handle, row)));
            }
        }
    }

    async fn account_of(&self, handle: &Handle) -> Result<AccountId, BusinessError> {
        let row = self.0.data.get(&keys::handle(handle)).await?.ok_or(BusinessError::NoSuchAccount)?;
        let row: HandleRow = rows::decode(&row).map_err(|_| BusinessError::Store)?;
        AccountId::try_from(&row.account).map_err(|_| BusinessError::Store)
    }

    async fn change_business(
        &self,
        handle: &Handle,
        change: impl Fn(&mut BusinessRow),
    ) -> Result<Business, BusinessError> {
        let key = keys::business(self.account_of(handle).await?);
        loop {
            let before = self.0.data.get(&key).await?.ok_or(BusinessError::NoBusiness)?;
            let mut row: BusinessRow = rows::decode(&before).map_err(|_| BusinessError::Store)?;
            change(&mut row);
            let batch = Batch::new()
                .assert(key.clone(), Expected::Value(before))
                .put(key.clone(), rows::encode(&row));
            match self.0.data.write(batch).await {
                Ok(_) => return Ok(shown(handle.clone(), row)),
                Err(WriteError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn business(&self, account: AccountId) -> Answered<Option<BusinessRow>> {
        let row = self.0.data.get(&keys::business(account)).await.map_err(unavailable)?;
        row.map(|row| rows::decode(&row)).transpose()
    }

    /// Whether an account is a business, and a fresh certificate if it is a verified one.
    pub(super) async fn certificate(
        &self,
        account: AccountId,
        now: Millis,
    ) -> Answered<(bool, Option<Signed>)> {
        let Some(row) = self.business(account).await? else { return Ok((false, None)) };
        if row.verified_ms == 0 || row.suspended_ms != 0 {
            return Ok((true, None));
        }
        let body: Bytes = BusinessCertificate {
            account: account.to_wire(),
            legal_name: row.legal_name,
            display_name: row.display_name,
            domain: row.domain,
            trade: row.trade,
            issued_ms: now,
            valid_until_ms: now + CERTIFIED,
        }
        .encode_to_vec()
        .into();
        let signature = self.0.platform.sign(&label::labelled(label::BUSINESS_CERTIFICATE, &body));
        let signature = Bytes::copy_from_slice(&signature.to_bytes());
        Ok((true, Some(Signed { body, signature })))
    }

    /// Between whom a conversation would be that the caller begins with an account: refused when the caller is a
    /// business to which the other has not consented.
    pub(super) async fn may_deal(
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
    pub(super) async fn dealing(&self, conversation: ConversationId) -> Answered<Option<Dealing>> {
        let row = self.0.data.get(&keys::dealing(conversation)).await.map_err(unavailable)?;
        row.map(|row| Dealing::of(&rows::decode(&row)?)).transpose()
    }

    /// Takes a customer's grant in place of the one before; one without categories is a stop.
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
        if before.is_some_and(|before| before.revision >= grant.revision) {
            return refuse(ErrorCode::StaleConsent);
        }
        let key = keys::consent(business, caller.account);
        let row = rows::encode(&ConsentRow { grant: Some(signed) });
        let mut batch = Batch::new().assert(key.clone(), expected).put(key, row);
        if grant.categories.is_empty() {
            batch = batch.delete(keys::window(business, caller.account));
        }
        self.0.data.write(batch).await.map(drop).map_err(not_written)
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
    pub(super) async fn leave_to_send(
        &self,
        dealing: Dealing,
        sender: AccountId,
        category: Category,
        now: Millis,
    ) -> Answered<Batch> {
        if sender == dealing.customer {
            let row = rows::encode(&UntilRow { until_ms: now + WINDOW });
            let key = keys::window(dealing.business, dealing.customer);
            return match category {
                Category::None => Ok(Batch::new()),
                Category::Service => Ok(Batch::new().put(key, row)),
                Category::Marketing | Category::Authentication => refuse(ErrorCode::BadRequest),
            };
        }
        if sender != dealing.business {
            return refuse(ErrorCode::NoSuchConversation);
        }
        let business = self.business(sender).await?;
        if business.is_none_or(|business| business.suspended_ms != 0) {
            return refuse(ErrorCode::BusinessSuspended);
        }
        let (grant, consent) = self.consent(dealing).await?;
        let granted = grant
            .is_some_and(|grant| grant.expires_ms > now && grant.categories.contains(&i32::from(category)));
        let by_consent = Batch::new().assert(keys::consent(dealing.business, dealing.customer), consent);
        match category {
            Category::None => refuse(ErrorCode::BadRequest),
            Category::Marketing if granted => self.count_offer(by_consent, dealing, now).await,
            _ if granted => Ok(by_consent),
            Category::Service => {
                let (until, window) = self.window(dealing).await?;
                match until > now {
                    true => Ok(by_consent.assert(keys::window(dealing.business, dealing.customer), window)),
                    false => refuse(ErrorCode::ConsentNeeded),
                }
            }
            Category::Marketing | Category::Authentication => refuse(ErrorCode::ConsentNeeded),
        }
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

fn shown(handle: Handle, row: BusinessRow) -> Business {
    let some = |time: Millis| (time != 0).then_some(time);
    Business {
        handle,
        claim: Claim {
            legal_name: row.legal_name,
            display_name: row.display_name,
            domain: row.domain,
            trade: row.trade,
        },
        token: row.token,
        added_ms: row.added_ms,
        verified_ms: some(row.verified_ms),
        suspended_ms: some(row.suspended_ms),
    }
}

fn check(claim: &Claim) -> Result<(), BusinessError> {
    let named =
        |name: &str, most| !name.trim().is_empty() && name.len() <= most && !name.contains(char::is_control);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let domain =
        claim.domain.len() <= 253 && claim.domain.contains('.') && claim.domain.split('.').all(label);
    match () {
        () if !named(&claim.legal_name, 256) => Err(BusinessError::BadField("legal name")),
        () if !named(&claim.display_name, 64) => Err(BusinessError::BadField("display name")),
        () if !named(&claim.trade, 64) => Err(BusinessError::BadField("trade")),
        () if !domain => Err(BusinessError::BadField("domain")),
        () => Ok(()),
    }
}
