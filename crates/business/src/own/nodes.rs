//! `nodes`: the devices of the business's account, which of them leads, who is let in and put out.

use lacre_proto::DeviceId;
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::{Ask, Done, Own, OwnError, success};
use crate::clock::Clock;
use crate::nodes::{Linking, Member, Nodes};

/// Bytes of a code at most.
const CODE_MAX: usize = 200;
/// Events aside are counted up to this.
const COUNTED: usize = 10_000;

/// `GET nodes`: the devices of the account, and what came of the linking that was begun last.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    let nodes = nodes(own)?;
    let led = own.lead.as_ref().and_then(|it| it.led());
    let leads = own.lead.as_ref().is_some_and(|it| it.leads());
    let mark = own.lead.as_ref().and_then(|it| it.mark()).filter(|it| !it.is_ahead(own.now()));
    let row = |it: &Member| {
        let is_led = if it.is_this { leads } else { led.is_some_and(|led| led.device == Some(it.device)) };
        json!({
            "device": it.device.to_string(),
            "name": it.name,
            "this": it.is_this,
            "leads": is_led,
            "added_ms": it.added,
            "quarantine_until_ms": (it.quarantine_until > own.now()).then_some(it.quarantine_until),
        })
    };
    Ok(Done::new(
        json!({
            "data": nodes.members()?.iter().map(row).collect::<Vec<_>>(),
            "told_seconds_ago": mark.map(|it| own.now().saturating_sub(it.0) / 1_000),
            "aside": own.hooks.outbox.aside(COUNTED).await?,
            "linking": nodes.linking().as_ref().map(linking),
        }),
        "",
    ))
}

/// `POST nodes`: lets the device in that shows `code`; gives the number that is to be typed there.
pub(super) async fn add<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let code = ask.said.need_text("code", CODE_MAX)?;
    let begun = nodes(own)?.link(code).await?;
    match &begun {
        Linking::Failed(why) => Err(OwnError::Refused(why.clone())),
        _ => Ok(Done::new(json!({ "linking": linking(&begun) }), "")),
    }
}

/// `DELETE nodes/{device}`: takes a device out of the account and of every conversation.
pub(super) async fn remove<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let nodes = nodes(own)?;
    let named = ask.path.get(1).and_then(|it| it.parse::<DeviceId>().ok());
    let known = nodes.members()?.into_iter().find(|it| Some(it.device) == named);
    let member = known.ok_or(OwnError::Unknown("device"))?;
    if member.is_this {
        return Err(OwnError::Refused(
            "this is this node's own device: remove it from another one".to_owned(),
        ));
    }
    nodes.remove(member.device).await?;
    Ok(Done::new(success(), format!("device {}", member.device)))
}

/// `POST nodes/lead`: has this node lead from now on.
pub(super) async fn lead<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    nodes(own)?.take_over().await?;
    Ok(Done::new(success(), ""))
}

fn nodes<D: Data, K: Clock>(own: &Own<D, K>) -> Result<&dyn Nodes, OwnError> {
    own.nodes.as_deref().ok_or(OwnError::NotServing)
}

fn linking(it: &Linking) -> Value {
    match it {
        Linking::Number { number, name } => json!({ "state": "number", "number": number, "name": name }),
        Linking::Linked(device) => json!({ "state": "linked", "device": device.to_string() }),
        Linking::Failed(why) => json!({ "state": "failed", "why": why }),
    }
}
