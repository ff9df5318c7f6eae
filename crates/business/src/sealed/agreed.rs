//! What customers have agreed to, from the device's records.

use std::collections::BTreeSet;
use std::ops::Bound;

use lacre_client::EngineError;
use lacre_client::records::{ConversationKind, Records};
use lacre_proto::AccountId;
use lacre_store::data::Data;

use super::{Sealed, category};
use crate::agreed::{Agreed, Agreements, Devices, Grant};
use crate::chat::SendError;

impl<D: Data> Agreements for Sealed<D> {
    fn agreed(&self, after: Option<AccountId>, limit: usize) -> Result<Vec<Agreed>, SendError> {
        self.read(|records| {
            let Some(me) = records.me()? else { return Ok(Vec::new()) };
            let talks = records.conversations()?.into_iter().filter(|it| it.kind == ConversationKind::Direct);
            let mut customers: BTreeSet<AccountId> = talks.filter_map(|it| it.peer).collect();
            let signed = records.consents()?.into_iter().filter(|it| it.business == me.account);
            customers.extend(signed.map(|it| it.customer));
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let some = customers.range((from, Bound::Unbounded)).take(limit);
            some.map(|customer| of(&records, me.account, *customer)).collect()
        })
    }
}

impl<D: Data> Sealed<D> {
    /// How a customer stands; `None` when the device knows nothing of them.
    pub(super) fn agreed_by(&self, customer: AccountId) -> Result<Option<Agreed>, SendError> {
        self.read(|records| {
            let Some(me) = records.me()? else { return Ok(None) };
            let agreed = of(&records, me.account, customer)?;
            let talks =
                || Ok::<_, EngineError>(records.conversations()?.iter().any(|it| it.peer == Some(customer)));
            Ok((agreed.grant.is_some() || agreed.devices.is_some() || talks()?).then_some(agreed))
        })
    }
}

fn of(records: &Records<'_>, business: AccountId, customer: AccountId) -> Result<Agreed, EngineError> {
    let leave = records.leave(business, customer)?;
    let grant = leave.consent.map(|it| Grant {
        categories: it.categories.iter().map(|it| category(*it)).collect(),
        granted: it.granted_ms,
        expires: it.expires_ms,
        revision: it.revision,
        receipt: it.receipt,
    });
    let contact = records.contact(customer)?;
    let devices = contact.map(|it| Devices { identity_key: it.identity_key, list: it.device_list });
    Ok(Agreed { customer, window_until: leave.window_until_ms, grant, devices })
}
