//! `GET /{account}`.

use serde_json::{Value, json};

use super::analytics::analytics;
use super::call::Call;
use super::error::ApiError;
use super::fields::select;
use super::reviewed;
use crate::node::{Node, Ports};

const USUAL: [&str; 4] = ["name", "timezone_id", "message_template_namespace", "id"];

/// The business account; counts only when they are asked for.
pub async fn get<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let id = node.identity.account.to_string();
    let standing = reviewed::standing(node)?;
    let can_send = match (standing.suspended, standing.is_known) {
        (true, _) => "BLOCKED",
        (false, false) => "LIMITED",
        (false, true) => "AVAILABLE",
    };
    let mut told = json!({
        "id": id,
        "name": standing.name,
        "currency": "USD",
        "timezone_id": "1",
        "country": node.customers.country().to_string(),
        "message_template_namespace": id,
        "account_review_status": standing.words.review,
        "business_verification_status": standing.words.verification,
        "ownership_type": "SELF",
        "health_status": {
            "can_send_message": can_send,
            "entities": [{ "entity_type": "WABA", "id": id, "can_send_message": can_send }],
        },
    });
    for field in call.fields.iter().flatten() {
        told[&field.name] = match field.name.as_str() {
            "analytics" => analytics(node, field).await?,
            // Nothing is billed, so that there is nothing to count by price or by conversation.
            "conversation_analytics" | "pricing_analytics" => json!({ "data": [{ "data_points": [] }] }),
            _ => continue,
        };
    }
    Ok(select(told, call.fields.as_deref(), &USUAL))
}
