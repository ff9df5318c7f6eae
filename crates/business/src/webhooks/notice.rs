//! What the node itself tells programs: of templates, of its number, of its account.

use crate::templates::rejected_for;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Something that happened to what the business has, not to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Notice {
    /// A template was approved, rejected, paused, …
    TemplateStatus {
        /// Which.
        template: TemplateName,
        /// `APPROVED`, `REJECTED`, `PAUSED`, …
        event: String,
        /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
        category: String,
        /// Why, in the API's words; `NONE` when nothing was refused.
        reason: Option<String>,
    },
    /// A template is of another category than it was.
    TemplateCategory {
        /// Which.
        template: TemplateName,
        /// What it was.
        previous: String,
        /// What it is.
        new: String,
    },
    /// The number's quality or its limit changed.
    PhoneQuality {
        /// `UPGRADE`, `DOWNGRADE`, `FLAGGED`, …
        event: String,
        /// `TIER_250`, …
        current_limit: String,
    },
    /// A name was verified.
    PhoneName {
        /// Which.
        name: String,
    },
    /// The business was suspended, or may go on.
    Account {
        /// Whether it is suspended now.
        suspended: bool,
    },
    /// The account was looked at.
    AccountReview {
        /// `APPROVED` or `PENDING`.
        decision: String,
    },
    /// How much the business may do.
    Capability {
        /// Customers that it may write to in a day; -1 is without a limit.
        daily_customers: i64,
        /// Numbers that it may have.
        numbers: u32,
    },
    /// The number's PIN was changed, or somebody asked that it be reset.
    Security {
        /// `PIN_CHANGED`, `PIN_RESET_REQUEST`, `PIN_RESET_SUCCESS`.
        event: String,
    },
    /// A flow was published or deprecated.
    FlowStatus {
        /// Its id.
        id: u64,
        /// Its name.
        name: String,
        /// `DRAFT` or `PUBLISHED`.
        old: String,
        /// `PUBLISHED` or `DEPRECATED`.
        new: String,
    },
}

/// A template as notices name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateName {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Its language, as `pt_BR`.
    pub language: String,
}

impl TemplateName {
    fn with(&self, more: Value) -> Value {
        let Self { id, name, language } = self;
        let mut value = json!({
            "message_template_id": id,
            "message_template_name": name,
            "message_template_language": language,
        });
        if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
            value.extend(more);
        }
        value
    }
}

impl Notice {
    /// Whether it is about the account at the relay, so that each node of it comes to know; not about what this node has.
    pub fn is_of_account(&self) -> bool {
        match self {
            Self::PhoneQuality { .. }
            | Self::PhoneName { .. }
            | Self::Account { .. }
            | Self::AccountReview { .. }
            | Self::Capability { .. } => true,
            Self::TemplateStatus { .. }
            | Self::TemplateCategory { .. }
            | Self::Security { .. }
            | Self::FlowStatus { .. } => false,
        }
    }

    /// The field that it comes under.
    pub fn field(&self) -> &'static str {
        match self {
            Self::TemplateStatus { .. } => "message_template_status_update",
            Self::TemplateCategory { .. } => "template_category_update",
            Self::PhoneQuality { .. } => "phone_number_quality_update",
            Self::PhoneName { .. } => "phone_number_name_update",
            Self::Account { .. } => "account_update",
            Self::AccountReview { .. } => "account_review_update",
            Self::Capability { .. } => "business_capability_update",
            Self::Security { .. } => "security",
            Self::FlowStatus { .. } => "flows",
        }
    }

    /// What it says, for a number as people read it.
    pub(super) fn value(&self, display: &str) -> Value {
        match self {
            Self::TemplateStatus { template, event, category, reason } => {
                let mut value = json!({
                    "event": event,
                    "message_template_category": category,
                    "reason": rejected_for(reason.as_deref()),
                });
                if let Some(words) = reason {
                    value["rejection_info"] = json!({ "reason": words });
                }
                template.with(value)
            }
            Self::TemplateCategory { template, previous, new } => {
                template.with(json!({ "previous_category": previous, "new_category": new }))
            }
            Self::PhoneQuality { event, current_limit } => {
                json!({ "display_phone_number": display, "event": event, "current_limit": current_limit })
            }
            Self::PhoneName { name } => json!({
                "display_phone_number": display,
                "decision": "APPROVED",
                "requested_verified_name": name,
                "rejection_reason": "NONE",
            }),
            Self::Account { suspended } => json!({
                "phone_number": display,
                "event": "DISABLED_UPDATE",
                "ban_info": { "waba_ban_state": if *suspended { "DISABLE" } else { "REINSTATE" } },
            }),
            Self::AccountReview { decision } => json!({ "decision": decision }),
            Self::Capability { daily_customers, numbers } => json!({
                "max_daily_conversation_per_phone": daily_customers,
                "max_phone_numbers_per_business": numbers,
            }),
            Self::FlowStatus { id, name, old, new } => json!({
                "event": "FLOW_STATUS_CHANGE",
                "message": format!("Flow {name} changed status from {old} to {new}"),
                "flow_id": id.to_string(),
                "old_status": old,
                "new_status": new,
            }),
            Self::Security { event } => json!({ "display_phone_number": display, "event": event }),
        }
    }
}
