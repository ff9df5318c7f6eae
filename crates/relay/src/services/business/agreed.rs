//! What a business is told of a customer with the directory's answer: what they have agreed to, just as their device has
//! signed it, and until when the window is open. A device of the business that came later knows it by this.

use lacre_proto::wire::Signed;
use lacre_proto::{AccountId, Millis};
use lacre_store::data::Data;

use super::super::rows::{ConsentRow, UntilRow};
use super::super::{Answered, Services, keys, rows, unavailable};

impl<D: Data> Services<D> {
    /// What stands between a business and a customer; nothing where whoever asks is no business.
    pub(in super::super) async fn agreed(
        &self,
        asks: AccountId,
        of: AccountId,
    ) -> Answered<(Option<Signed>, Millis)> {
        if asks == of || self.business(asks).await?.is_none() {
            return Ok((None, 0));
        }
        let grant = self.0.data.get(&keys::consent(asks, of)).await.map_err(unavailable)?;
        let grant = grant.as_ref().map(rows::decode::<ConsentRow>).transpose()?.and_then(|row| row.grant);
        let window = self.0.data.get(&keys::window(asks, of)).await.map_err(unavailable)?;
        let window = window.as_ref().map(rows::decode::<UntilRow>).transpose()?;
        Ok((grant, window.map_or(0, |row| row.until_ms)))
    }
}
