//! What a business says that it does with what customers tell it. They see it before they consent, and what they sign
//! names it by its hash.

use bytes::Bytes;
use lacre_proto::wire::{self, BusinessNotice, PutNotice};
use lacre_proto::{AccountId, ErrorCode, Millis};
use lacre_store::data::{Batch, Data};
use prost::Message;

use super::super::rows::BusinessRow;
use super::super::{Answered, Authenticated, Services, bad, keys, not_written, refuse, unavailable};
use crate::limits::Action;

/// Characters of its text.
const TEXT: usize = 2_000;
/// Years that it may say, in days.
const KEPT_DAYS: u32 = 100 * 366;

impl<D: Data> Services<D> {
    /// Takes a business's notice in place of the one before.
    pub(crate) async fn put_notice(&self, op: PutNotice, caller: Authenticated, now: Millis) -> Answered<()> {
        self.limiter().take(Action::Consent, &[caller.account.as_ref()], now)?;
        if self.business(caller.account).await?.is_none() {
            return refuse(ErrorCode::NoSuchAccount);
        }
        let key = keys::notice(caller.account);
        let batch = if op.notice.is_empty() {
            Batch::new().delete(key)
        } else {
            let notice = BusinessNotice::decode(op.notice.clone()).map_err(bad)?;
            // Nothing beside it: what is hashed is what is shown.
            let whole = notice.encode_to_vec() == op.notice;
            let BusinessNotice { text, kept_days } = notice;
            let fits = whole
                && (1..=TEXT).contains(&text.chars().count())
                && !text.trim().is_empty()
                && !text.contains(|it: char| it.is_control() && it != '\n')
                && kept_days <= KEPT_DAYS;
            if !fits {
                return refuse(ErrorCode::BadRequest);
            }
            Batch::new().put(key, op.notice)
        };
        self.0.data.write(batch).await.map(drop).map_err(not_written)
    }

    /// What the directory tells of a business beside its certificate: to itself how it stands, to all its notice.
    pub(in super::super) async fn told_of_business(
        &self,
        account: AccountId,
        row: &BusinessRow,
        to_itself: bool,
        now: Millis,
    ) -> Answered<(Option<wire::BusinessStanding>, Bytes)> {
        let standing = match to_itself {
            true => Some(self.standing(account, row, now).await.map_err(|_| ErrorCode::StorageUnavailable)?),
            false => None,
        };
        let notice = self.0.data.get(&keys::notice(account)).await.map_err(unavailable)?;
        Ok((standing.map(Into::into), notice.unwrap_or_default()))
    }
}
