//! Whether a business controls its domain: seen by looking, or said by the operator.

use std::net::IpAddr;

use lacre_proto::wire::BusinessTerms;
use lacre_proto::{AccountId, ErrorCode, Handle, Millis};
use lacre_store::data::{Batch, Data};
use prost::Message;
use subtle::ConstantTimeEq;

use super::super::accounts::network;
use super::super::{Answered, Services, refuse};
use super::{Business, BusinessError, DAY, Dealing};
use crate::limits::Action;

/// How long it counts that the token was seen.
pub const SEEN_FOR: Millis = DAY;

/// What was found at a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// The business's token.
    Token,
    /// Something else.
    Other,
}

/// Somebody a report names: the report proves the key, and the directory whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportParty {
    /// The account.
    pub account: AccountId,
    /// Its identity key.
    pub identity_key: Vec<u8>,
}

/// By what a business is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyBy {
    /// Its token was seen within a day.
    Domain,
    /// The operator says so, and why.
    Hand(String),
}

impl<D: Data> Services<D> {
    /// The operator has looked that it is who it says, and it controls its domain.
    pub async fn verify_business(
        &self,
        handle: &Handle,
        by: VerifyBy,
        now: Millis,
    ) -> Result<Business, BusinessError> {
        let by_hand = match by {
            VerifyBy::Domain => String::new(),
            VerifyBy::Hand(reason) => {
                let fits = !reason.trim().is_empty() && reason.len() <= 256;
                if !fits || reason.contains(char::is_control) {
                    return Err(BusinessError::BadField("reason"));
                }
                reason
            }
        };
        self.change_business(handle, now, |row| {
            if by_hand.is_empty() && (row.seen_ms == 0 || row.seen_ms + SEEN_FOR < now) {
                return Err(BusinessError::NotSeen);
            }
            (row.verified_ms, row.suspended_ms) = (now, 0);
            row.by_hand.clone_from(&by_hand);
            Ok(())
        })
        .await
    }

    /// One business, as its operator sees it.
    pub async fn find_business(&self, handle: &Handle, now: Millis) -> Result<Business, BusinessError> {
        let account = self.account_of(handle).await?;
        let row = self.business(account).await.map_err(|_| BusinessError::Store)?;
        self.shown(handle.clone(), account, row.ok_or(BusinessError::NoBusiness)?, now).await
    }

    /// A business as anybody may see it, and what it tells its customers; `None` for people and for nobody alike.
    pub(crate) async fn public_business(
        &self,
        name: &str,
        peer: IpAddr,
        now: Millis,
    ) -> Answered<Option<(Business, Option<BusinessTerms>)>> {
        self.limiter().take(Action::Page, &[&network(peer)], now)?;
        let Ok(handle) = name.parse::<Handle>() else { return Ok(None) };
        let business = match self.find_business(&handle, now).await {
            Ok(business) => business,
            Err(BusinessError::Store) => return refuse(ErrorCode::StorageUnavailable),
            Err(_) => return Ok(None),
        };
        let account = self.account_of(&handle).await.map_err(|_| ErrorCode::StorageUnavailable)?;
        let terms = self.terms(account).await?.and_then(|it| BusinessTerms::decode(it.body).ok());
        Ok(Some((business, terms)))
    }

    /// Holds what was found at a business's domain against its token, and keeps when it was seen.
    pub async fn look_at_domain(
        &self,
        handle: &Handle,
        found: &[u8],
        now: Millis,
    ) -> Result<(Business, Seen), BusinessError> {
        let business = self.find_business(handle, now).await?;
        let is_it = business.token.as_bytes().ct_eq(found.trim_ascii());
        if !bool::from(is_it) {
            return Ok((business, Seen::Other));
        }
        let business = self.change_business(handle, now, |row| {
            row.seen_ms = now;
            Ok(())
        });
        Ok((business.await?, Seen::Token))
    }

    /// A customer has reported a business, and the operator has read and proved it: it counts like a stop. Gives how
    /// it stands.
    pub async fn count_report(
        &self,
        handle: &Handle,
        author: &ReportParty,
        reporter: &ReportParty,
        now: Millis,
    ) -> Result<Business, BusinessError> {
        let account = self.account_of(handle).await?;
        if author.account != account || !self.is_known(author).await? {
            return Err(BusinessError::NotTheAuthor);
        }
        if !self.is_known(reporter).await? {
            return Err(BusinessError::NoSuchReporter);
        }
        let dealing = Dealing::new(account, reporter.account);
        let done = self.write_complaining(dealing, Batch::new(), now).await;
        done.map_err(|_| BusinessError::Store)??;
        let row = self.business(account).await.map_err(|_| BusinessError::Store)?;
        self.shown(handle.clone(), account, row.ok_or(BusinessError::NoBusiness)?, now).await
    }

    async fn is_known(&self, party: &ReportParty) -> Result<bool, BusinessError> {
        let row = self.account(party.account).await.map_err(|_| BusinessError::Store)?;
        Ok(row.is_some_and(|row| row.identity_key == party.identity_key))
    }
}
