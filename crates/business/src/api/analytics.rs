//! How many messages went out and arrived, by day.

use lacre_proto::Millis;
use lacre_store::data::{Data, Key};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ApiError;
use super::fields::Field;
use crate::node::{Node, Ports};
use crate::store::{Store, StoreError, table};

const DAY: Millis = 24 * 60 * 60 * 1000;
const DAYS_MAX: usize = 400;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Counted {
    sent: u64,
    delivered: u64,
}

pub(super) async fn sent<D: Data>(store: &Store<D>, now: Millis) -> Result<(), StoreError> {
    count(store, now, |it| it.sent += 1).await
}

pub(super) async fn delivered<D: Data>(store: &Store<D>, now: Millis) -> Result<(), StoreError> {
    count(store, now, |it| it.delivered += 1).await
}

async fn count<D: Data>(store: &Store<D>, now: Millis, one: fn(&mut Counted)) -> Result<(), StoreError> {
    let add = |it: &mut Option<Counted>| one(it.get_or_insert_default());
    store.change("a count", &key(now / DAY), add).await
}

/// `analytics.start(T).end(T).granularity(DAY)`: seconds in, a point for each day (or one for a month) out.
pub async fn analytics<P: Ports>(node: &Node<P>, field: &Field) -> Result<Value, ApiError> {
    let argument =
        |name: &str| field.arguments.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str());
    let time = |name: &str| -> Result<u64, ApiError> {
        let value = argument(name).and_then(|it| it.parse().ok());
        value.ok_or_else(|| ApiError::Invalid(format!("analytics: {name} must be a time in seconds")))
    };
    let (start, end) = (time("start")?, time("end")?);
    let granularity = argument("granularity").unwrap_or("DAY").to_ascii_uppercase();
    let days = match granularity.as_str() {
        "DAY" => 1,
        "MONTH" | "MONTHLY" => 30,
        _ => return Err(ApiError::Invalid("analytics: granularity must be DAY or MONTH".to_owned())),
    };
    let (from, to) = (start / 86_400, end.div_ceil(86_400));
    if start >= end || (to - from) as usize > DAYS_MAX {
        return Err(ApiError::Invalid(format!(
            "analytics: end must be after start, by at most {DAYS_MAX} days"
        )));
    }
    let mut points = Vec::new();
    for first in (from..to).step_by(days) {
        let last = (first + days as u64).min(to);
        let mut sum = Counted::default();
        for day in first..last {
            let counted: Counted = node.store.read("a count", &key(day)).await?.unwrap_or_default();
            (sum.sent, sum.delivered) = (sum.sent + counted.sent, sum.delivered + counted.delivered);
        }
        if sum.sent + sum.delivered > 0 {
            points.push(json!({
                "start": first * 86_400,
                "end": last * 86_400,
                "sent": sum.sent,
                "delivered": sum.delivered,
            }));
        }
    }
    Ok(json!({
        "phone_numbers": [node.identity.number.to_string()],
        "granularity": granularity,
        "data_points": points,
    }))
}

fn key(day: u64) -> Key {
    Key::new(table::COUNT, &[b"d", &day.to_be_bytes()])
}
