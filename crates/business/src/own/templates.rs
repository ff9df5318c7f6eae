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
    let may = |now| now != Status::Rejected;
    decided(own, ask, Decision::Approve, may).await
}

/// `POST templates/{template}/reject`: with a reason, of which programs are told too.
pub(super) async fn reject<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let reason = ask.said.need_text("reason", 200)?.to_owned();
    let may = |now| matches!(now, Status::Pending | Status::Rejected);
    decided(own, ask, Decision::Reject(reason), may).await
}

/// `POST templates/{template}/pause`: nothing is made of it until it is resumed, and programs are told.
pub(super) async fn pause<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let may = |now| matches!(now, Status::Approved | Status::Paused);
    decided(own, ask, Decision::Pause, may).await
}

/// `POST templates/{template}/resume`: one that was paused may be sent again, and programs are told.
pub(super) async fn resume<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let may = |now| matches!(now, Status::Paused | Status::Approved);
    decided(own, ask, Decision::Approve, may).await
}

async fn decided<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
    decision: Decision,
    may: impl Fn(Status) -> bool,
) -> Result<Done, OwnError> {
    let id = ask.id(1, "template")?;
    let unknown = OwnError::Unknown("template");
    let now = own.templates.get(id).await?.ok_or(unknown.clone())?;
    // The table of the templates' module: what was rejected is edited, and waits again.
    if !may(now.status) {
        return Err(OwnError::TemplateState(now.status.name()));
    }
    let template: Template = decide(&own.templates, &own.hooks, id, decision).await?.ok_or(unknown)?;
    Ok(Done::new(told(&template), format!("template {id}")))
}
