//! `templates`: those that wait for somebody, and what is decided.

use lacre_store::data::Data;
use serde_json::json;

use super::{Ask, Done, Own, OwnError};
use crate::api::templates::told;
use crate::clock::Clock;
use crate::templates::{Decision, Status, Template, decide};

/// `GET templates?status=PENDING`: all of them, or those with a status.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let status = ask.said.maybe_text("status", 20)?;
    let all = own.templates.all().await?;
    let taken = all.iter().filter(|it| status.is_empty() || it.status.name().eq_ignore_ascii_case(status));
    Ok(Done::new(json!({ "data": taken.map(told).collect::<Vec<_>>() }), ""))
}

/// `POST templates/{template}/approve`: it may be sent from now on, and programs are told.
pub(super) async fn approve<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    decided(own, ask, Decision::Approve).await
}

/// `POST templates/{template}/reject`: with a reason, of which programs are told too.
pub(super) async fn reject<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let reason = ask.said.need_text("reason", 200)?.to_owned();
    decided(own, ask, Decision::Reject(reason)).await
}

async fn decided<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
    decision: Decision,
) -> Result<Done, OwnError> {
    let id = ask.id(1, "template")?;
    let unknown = OwnError::Unknown("template");
    let now = own.templates.get(id).await?.ok_or(unknown.clone())?;
    // The table of the templates' module: what was rejected is edited, and waits again.
    let fine = match decision {
        Decision::Approve => now.status != Status::Rejected,
        _ => matches!(now.status, Status::Pending | Status::Rejected),
    };
    if !fine {
        return Err(OwnError::TemplateState(now.status.name()));
    }
    let template: Template = decide(&own.templates, &own.hooks, id, decision).await?.ok_or(unknown)?;
    Ok(Done::new(told(&template), format!("template {id}")))
}
