//! Businesses: who is one, what customers have consented to, and which conversations are with one (ADR 0044).
//!
//! A business reaches a customer only by their consent: its claims of their key packages, and everything that it sends
//! to them, is held against the grant that they have signed, or against the window of 24 hours that their own message
//! has opened. So that this can be done, what is said in a conversation with a business is sent by name, by both.
//! A write that consent is needed for asserts the consent that it was looked up by: after a stop was acknowledged,
//! nothing more is stored.

mod agreed;
mod consent;
mod domain;
mod ledger;
mod profile;
mod rules;
mod terms;

use bytes::Bytes;
use ed25519_dalek::Signer;
use lacre_proto::wire::{BusinessCertificate, Signed};
use lacre_proto::{AccountId, Handle, Millis, label};
use lacre_store::data::{Batch, Data, Expected, Unavailable, WriteError};
use prost::Message;

use super::rows::{BusinessRow, DealingRow, HandleRow};
use super::{Answered, Services, keys, rows, unavailable};

pub(super) use consent::Leave;
pub use domain::{ReportParty, SEEN_FOR, Seen, VerifyBy};
pub(super) use ledger::{Ledgers, Reach, watched};
pub(super) use rules::is_forgotten;
pub use rules::{Quality, Standing};

const DAY: Millis = 24 * 3600 * 1000;
/// How long a certificate is good; each look-up gives a fresh one.
const CERTIFIED: Millis = 7 * DAY;

/// A business and a customer of it: between them a conversation is, or is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dealing {
    business: AccountId,
    customer: AccountId,
}

impl Dealing {
    pub(super) fn new(business: AccountId, customer: AccountId) -> Self {
        Self { business, customer }
    }

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
    /// What it is to show at its domain: at `/.well-known/lacre-business`, or in a TXT record of
    /// `_lacre-business.DOMAIN`.
    pub token: String,
    /// When it was added.
    pub added_ms: Millis,
    /// When it was verified.
    pub verified_ms: Option<Millis>,
    /// Since when it is suspended.
    pub suspended_ms: Option<Millis>,
    /// When its token was last seen at its domain.
    pub seen_ms: Option<Millis>,
    /// Why it was verified though the token was not seen.
    pub by_hand: Option<String>,
    /// How far it may go.
    pub standing: Standing,
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
    /// Its token was not seen at its domain within a day.
    #[error("its token was not seen at its domain within the last day: look with `check` first")]
    NotSeen,
    /// What is reported was written by somebody else.
    #[error("what is reported was not written by this business")]
    NotTheAuthor,
    /// The report's maker is not known here.
    #[error("the reporter is no account of this relay, or has another identity key")]
    NoSuchReporter,
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
            seen_ms: 0,
            by_hand: String::new(),
        };
        let key = keys::business(account);
        let batch = Batch::new().assert(key.clone(), Expected::Absent).put(key, rows::encode(&row));
        match self.0.data.write(batch).await {
            Ok(_) => self.shown(handle.clone(), account, row, now).await,
            Err(WriteError::Conflict(_)) => Err(BusinessError::BusinessAlready),
            Err(error) => Err(error.into()),
        }
    }

    /// Suspends a business, or lets it go on: it sends nothing, and its badge is gone as soon as clients look it up
    /// again, which they do daily, and in any case when its certificate is over.
    pub async fn suspend_business(
        &self,
        handle: &Handle,
        suspended: bool,
        now: Millis,
    ) -> Result<Business, BusinessError> {
        self.change_business(handle, now, |row| {
            row.suspended_ms = if suspended { now } else { 0 };
            Ok(())
        })
        .await
    }

    /// All businesses, by their accounts.
    pub async fn businesses(&self, now: Millis) -> Result<Vec<Business>, BusinessError> {
        let (mut from, to) = keys::businesses();
        let mut all = Vec::new();
        loop {
            let some = self.0.data.scan(&from, &to, 256).await?;
            let Some((last, _)) = some.last() else { return Ok(all) };
            from = keys::after(last);
            for (key, row) in some {
                let account = key.as_bytes().get(1..).and_then(|id| AccountId::try_from(id).ok());
                let account = account.ok_or(BusinessError::Store)?;
                let row: BusinessRow = rows::decode(&row).map_err(|_| BusinessError::Store)?;
                let known = self.account(account).await.map_err(|_| BusinessError::Store)?;
                if let Some(handle) = known.and_then(|row| row.handle.parse().ok()) {
                    all.push(self.shown(handle, account, row, now).await?);
                }
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
        now: Millis,
        change: impl Fn(&mut BusinessRow) -> Result<(), BusinessError>,
    ) -> Result<Business, BusinessError> {
        let account = self.account_of(handle).await?;
        let key = keys::business(account);
        loop {
            let before = self.0.data.get(&key).await?.ok_or(BusinessError::NoBusiness)?;
            let mut row: BusinessRow = rows::decode(&before).map_err(|_| BusinessError::Store)?;
            change(&mut row)?;
            let batch = Batch::new()
                .assert(key.clone(), Expected::Value(before))
                .put(key.clone(), rows::encode(&row));
            match self.0.data.write(batch).await {
                Ok(_) => return self.shown(handle.clone(), account, row, now).await,
                Err(WriteError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn shown(
        &self,
        handle: Handle,
        account: AccountId,
        row: BusinessRow,
        now: Millis,
    ) -> Result<Business, BusinessError> {
        let standing = self.standing(account, &row, now).await?;
        let some = |time: Millis| (time != 0).then_some(time);
        let BusinessRow { legal_name, display_name, domain, trade, .. } = row;
        Ok(Business {
            handle,
            claim: Claim { legal_name, display_name, domain, trade },
            token: row.token,
            added_ms: row.added_ms,
            verified_ms: some(row.verified_ms),
            suspended_ms: some(row.suspended_ms),
            seen_ms: some(row.seen_ms),
            by_hand: (!row.by_hand.is_empty()).then_some(row.by_hand),
            standing,
        })
    }

    async fn business(&self, account: AccountId) -> Answered<Option<BusinessRow>> {
        let row = self.0.data.get(&keys::business(account)).await.map_err(unavailable)?;
        row.map(|row| rows::decode(&row)).transpose()
    }

    /// Whether an account is a business.
    pub(super) async fn is_business(&self, account: AccountId) -> Answered<bool> {
        Ok(self.business(account).await?.is_some())
    }

    /// Whether an account is a business, and a fresh certificate if it is a verified one.
    pub(super) async fn certificate(
        &self,
        account: AccountId,
        now: Millis,
    ) -> Answered<(Option<BusinessRow>, Option<Signed>)> {
        let Some(row) = self.business(account).await? else { return Ok((None, None)) };
        if row.verified_ms == 0 || row.suspended_ms != 0 {
            return Ok((Some(row), None));
        }
        let known = row.clone();
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
        Ok((Some(known), Some(Signed { body, signature })))
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
