//! Businesses, and what customers have consented to.

use lacre_proto::{AccountId, Millis};
use serde::{Deserialize, Serialize};

use super::{Records, key};
use crate::EngineError;
use crate::content::Category;

/// That an account is a business, as the directory says, and what the operator has verified of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessRecord {
    /// The account.
    pub account: AccountId,
    /// The badge: only what a certificate of the operator's says, and only while it is good.
    pub verified: Option<Verified>,
    /// The operator has suspended it, so that it sends nothing: told to the business itself alone.
    pub suspended: bool,
    /// When the directory was last asked.
    pub looked_ms: Millis,
}

/// How this account stands with its relay, when it is a business (ADR 0045).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// How customers take what it sends.
    pub quality: Quality,
    /// Customers that it may reach outside their windows in 24 hours; `None` when there is no limit.
    pub daily_limit: Option<u64>,
}

/// How customers take what a business sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quality {
    /// Well.
    Green,
    /// Some complained.
    Yellow,
    /// Many complained: it sends no offers.
    Red,
}

/// What the operator has verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// As it stands in the register.
    pub legal_name: String,
    /// As people know it.
    pub display_name: String,
    /// Whose control it has shown.
    pub domain: String,
    /// What it does.
    pub trade: String,
    /// Until when this is good, by the relay's time.
    pub valid_until_ms: Millis,
}

/// What a customer has consented to: on the customer's devices what was granted, on the business's what was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRecord {
    /// The business.
    pub business: AccountId,
    /// The customer.
    pub customer: AccountId,
    /// What it is for; nothing is a stop.
    pub categories: Vec<Category>,
    /// When it was signed, by the relay's time.
    pub granted_ms: Millis,
    /// Until when it stands.
    pub expires_ms: Millis,
    /// Grows with each.
    pub revision: u64,
    /// The receipt: an encoded `Signed` over a `ConsentGrant`.
    pub receipt: Vec<u8>,
    /// Whether the relay has it. A stop counts here at once.
    pub acknowledged: bool,
    /// What stood, and was left out by what was signed since.
    pub stopped: Vec<Category>,
}

impl ConsentRecord {
    /// Whether it is a stop.
    pub fn is_stop(&self) -> bool {
        self.categories.is_empty()
    }

    /// What is stopped by it: what the one before had stopped already or covered when this one was signed, unless it is
    /// granted here.
    pub(crate) fn stops(&self, before: Option<&Self>) -> Vec<Category> {
        let Some(before) = before else { return Vec::new() };
        let stood = before.categories.iter().filter(|it| before.covers(**it, self.granted_ms));
        let mut stopped: Vec<_> = before.stopped.iter().chain(stood).copied().collect();
        stopped.sort_unstable();
        stopped.dedup();
        stopped.retain(|it| !self.categories.contains(it));
        stopped
    }

    /// Whether it covers a category at a time.
    pub fn covers(&self, category: Category, at: Millis) -> bool {
        self.expires_ms > at && self.categories.contains(&category)
    }
}

/// By what a business may write to a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leave {
    /// Until when the window is open that the customer's last message has opened.
    pub window_until_ms: Millis,
    /// What was consented to last.
    pub consent: Option<ConsentRecord>,
}

impl Leave {
    /// Whether a message of a category may be written at a time; `template` whether it is one, which outside the
    /// window it must be.
    pub fn allows(&self, category: Category, template: bool, at: Millis) -> bool {
        let open = self.window_until_ms > at;
        let granted = self.consent.as_ref().is_some_and(|consent| consent.covers(category, at));
        match category {
            Category::Service => open || (granted && template),
            Category::Marketing | Category::Authentication => granted && template,
        }
    }
}

impl Records<'_> {
    /// What is known of an account as a business; `None` for people.
    pub fn business(&self, account: AccountId) -> Result<Option<BusinessRecord>, EngineError> {
        self.read("business", &key::account(key::BUSINESS, account))
    }

    /// How this account stands with its relay, as it was told last; `None` for people.
    pub fn rating(&self) -> Result<Option<Rating>, EngineError> {
        self.read("rating", &[key::RATING])
    }

    /// All businesses that are known.
    pub fn businesses(&self) -> Result<Vec<BusinessRecord>, EngineError> {
        Ok(self.all("business", &[key::BUSINESS])?.into_iter().map(|(_, record)| record).collect())
    }

    /// What a customer has consented to last.
    pub fn consent(
        &self,
        business: AccountId,
        customer: AccountId,
    ) -> Result<Option<ConsentRecord>, EngineError> {
        self.read("consent", &key::consent(business, customer))
    }

    /// All consents: of a customer those that were given, of a business those that were got.
    pub fn consents(&self) -> Result<Vec<ConsentRecord>, EngineError> {
        Ok(self.all("consent", &[key::CONSENT])?.into_iter().map(|(_, record)| record).collect())
    }

    /// By what a business may write to a customer.
    pub fn leave(&self, business: AccountId, customer: AccountId) -> Result<Leave, EngineError> {
        let window: Option<Millis> = self.read("window", &key::window(business, customer))?;
        Ok(Leave { window_until_ms: window.unwrap_or_default(), consent: self.consent(business, customer)? })
    }
}
