//! `consents`: what customers have agreed to, and the receipts that show it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lacre_proto::{AccountId, Millis};
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::{Ask, Done, Own, OwnError};
use crate::agreed::Agreed;
use crate::clock::Clock;

/// Customers of an answer at most, and when nothing is said.
const LIMIT_MAX: usize = 5_000;
const LIMIT: usize = 1_000;

/// `GET consents?after=&limit=`: customers after one of them (`next` of the page before, or a `wa_id`), each with how they stand.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    page(own, ask, |agreed, now| Some(told(agreed, now))).await
}

/// `GET consents/export?after=&limit=`: the same customers where they have signed something, with what they signed and
/// what shows that it was they. `next` is whom to go on after; there is none when these were the last.
pub(super) async fn export<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    page(own, ask, |agreed, now| agreed.grant.is_some().then(|| signed(agreed, now))).await
}

/// How a customer stands, with what they signed and what shows that it was they.
pub(super) fn signed(agreed: &Agreed, now: Millis) -> Value {
    let (mut row, grant, devices) = (told(agreed, now), &agreed.grant, &agreed.devices);
    row["revision"] = grant.as_ref().map(|it| it.revision).into();
    row["receipt"] = grant.as_ref().map(|it| STANDARD.encode(&it.receipt)).into();
    row["device_list"] = devices.as_ref().map(|it| STANDARD.encode(&it.list)).into();
    row["identity_key"] = devices.as_ref().map(|it| STANDARD.encode(it.identity_key)).into();
    row
}

async fn page<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
    row: impl Fn(&Agreed, Millis) -> Option<Value>,
) -> Result<Done, OwnError> {
    let device = own.device.as_ref().ok_or(OwnError::NotServing)?;
    let customers = &own.hooks.renderer.names.customers;
    let after = match ask.said.maybe_text("after", 32)? {
        "" => None,
        text => Some(match hex::decode(text).ok().and_then(|it| <[u8; 16]>::try_from(it).ok()) {
            Some(account) => AccountId(account),
            None => customers.account_of(text).await?.ok_or(OwnError::Unknown("customer"))?,
        }),
    };
    let limit = ask.said.maybe("limit")?.map(|it| it.whole()).transpose()?;
    let limit = limit.and_then(|it| usize::try_from(it).ok()).unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let some = device.agreed(after, limit)?;
    let now = device.relay_now(own.now())?;
    let (mut rows, mut next) = (Vec::with_capacity(some.len()), None);
    for agreed in &some {
        // Nothing is written down: who was erased stays so.
        let number = customers.number_for(agreed.customer).await?;
        if let Some(mut row) = row(agreed, now) {
            row["wa_id"] = number.to_string().into();
            row["user_id"] = customers.user_id(number).into();
            rows.push(row);
        }
        next = Some(hex::encode(agreed.customer));
    }
    let next = next.filter(|_| some.len() == limit);
    let on = format!("{} customers", rows.len());
    Ok(Done::new(json!({ "data": rows, "next": next }), on))
}

fn told(agreed: &Agreed, now: Millis) -> Value {
    let Agreed { customer: _, window_until, grant, devices: _ } = agreed;
    let categories = grant.iter().flat_map(|it| &it.categories).map(|it| it.name()).collect::<Vec<_>>();
    json!({
        "categories": categories,
        "since_ms": grant.as_ref().map(|it| it.granted),
        "until_ms": grant.as_ref().map(|it| it.expires),
        "stands": !agreed.has_stopped() && grant.as_ref().is_some_and(|it| it.expires > now),
        "stopped": agreed.has_stopped(),
        "window_open": *window_until > now,
        "window_until_ms": (*window_until > 0).then_some(*window_until),
    })
}
