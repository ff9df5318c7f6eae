//! What a customer has agreed to, as the directory tells the business: a device of it that came later, or lost what it
//! knew, learns it so. The customer's own device has signed it; the window is the relay's word, by which it judges
//! itself what the business sends.

use lacre_proto::{AccountId, Millis, wire};
use prost::Message;

use super::{Cx, Engine};
use crate::api::{Alert, EngineError, Event};
use crate::records::key;

/// No window is open longer.
const WINDOW: Millis = 24 * 3600 * 1000;

impl Engine {
    /// Takes in what the directory tells this account, a business, of what a customer has agreed to.
    pub(super) fn learn_agreed(&self, cx: &mut Cx<'_>, told: &wire::Account) -> Result<(), EngineError> {
        let Ok(customer) = AccountId::try_from(&told.account) else { return Ok(()) };
        let business = self.me.account;
        if let Some(signed) = &told.consent {
            let read = self.read_consent(cx, &signed.encode_to_vec())?;
            let Some(consent) = read.filter(|it| it.business == business && it.customer == customer) else {
                cx.alert(None, Alert::FalseConsent);
                return Ok(());
            };
            let known = cx.records().consent(business, customer)?;
            if known.is_none_or(|known| known.revision < consent.revision) {
                self.hold_consent(cx, &consent)?;
                cx.event(Event::Consent(customer));
            }
        }
        let until = told.window_until_ms.min(cx.relay_now()?.saturating_add(WINDOW));
        let at = key::window(business, customer);
        let before: Option<Millis> = cx.records().read("window", &at)?;
        if until > before.unwrap_or_default() {
            cx.put(at, &until);
        }
        Ok(())
    }
}
