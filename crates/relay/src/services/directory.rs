//! The directory: handle or account id in, account out.

use lacre_proto::wire::{self, Lookup, lookup};
use lacre_proto::{AccountId, ErrorCode, Handle, Millis};
use lacre_store::data::Data;

use super::blocks::NOBODY;
use super::rows::{AccountRow, HandleRow};
use super::{Answered, Authenticated, Services, bad, keys, rows, unavailable};
use crate::limits::Action;

impl<D: Data> Services<D> {
    /// Finds an account. One that is not there and one that may not be reached get the same answer.
    pub(crate) async fn lookup(
        &self,
        op: Lookup,
        caller: Authenticated,
        now: Millis,
    ) -> Answered<wire::Account> {
        let by = op.by.ok_or(ErrorCode::BadRequest)?;
        let action = match &by {
            // One's own account: at each login, to see the newest device list.
            lookup::By::Account(account) if *account == caller.account.to_wire() => None,
            lookup::By::Account(_) => Some(Action::LookupById),
            lookup::By::Handle(_) => Some(Action::Lookup),
        };
        if let Some(action) = action {
            self.limiter().take(action, &[caller.account.as_ref()], now)?;
        }
        let named = match by {
            lookup::By::Account(account) => AccountId::try_from(&account).map_err(bad)?,
            lookup::By::Handle(handle) => {
                let row = match handle.parse::<Handle>() {
                    Ok(handle) => self.0.data.get(&keys::handle(&handle)).await.map_err(unavailable)?,
                    Err(_) => None,
                };
                match row {
                    Some(row) => AccountId::try_from(&rows::decode::<HandleRow>(&row)?.account)
                        .map_err(|_| rows::broken("handle"))?,
                    None => NOBODY,
                }
            }
        };
        let (account, AccountRow { handle, identity_key, device_list }) =
            self.reachable(named, caller).await?.ok_or(ErrorCode::NoSuchAccount)?;
        let (known, business) = self.certificate(account, now).await?;
        let is_business = known.is_some();
        let (standing, terms, profile) = match &known {
            Some(row) => self.told_of_business(account, row, account == caller.account, now).await?,
            None => Default::default(),
        };
        let (consent, window_until_ms) = self.agreed(caller.account, account).await?;
        Ok(wire::Account {
            account: account.to_wire(),
            handle,
            identity_key,
            device_list,
            business,
            is_business,
            standing: standing.map(Box::new),
            terms: terms.map(Box::new),
            consent: consent.map(Box::new),
            window_until_ms,
            profile: profile.map(Box::new),
        })
    }

    pub(super) async fn account(&self, account: AccountId) -> Answered<Option<AccountRow>> {
        let row = self.0.data.get(&keys::account(account)).await.map_err(unavailable)?;
        row.map(|row| rows::decode(&row)).transpose()
    }
}
