//! What customers have agreed to, from the device's records.

use std::collections::BTreeSet;
use std::ops::Bound;

use lacre_client::records::ConversationKind;
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
            some.map(|customer| {
                let leave = records.leave(me.account, *customer)?;
                let grant = leave.consent.map(|it| Grant {
                    categories: it.categories.iter().map(|it| category(*it)).collect(),
                    granted: it.granted_ms,
                    expires: it.expires_ms,
                    revision: it.revision,
                    receipt: it.receipt,
                });
                let devices = records
                    .contact(*customer)?
                    .map(|it| Devices { identity_key: it.identity_key, list: it.device_list });
                Ok(Agreed { customer: *customer, window_until: leave.window_until_ms, grant, devices })
            })
            .collect()
        })
    }
}
