//! How many messages went out and arrived, by day.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lacre_proto::Millis;
use lacre_store::data::{Data, Key};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::fields::Field;
use super::reader::At;
use crate::node::{Node, Ports};
use crate::store::{Store, StoreError, table};

const DAY: Millis = 24 * 60 * 60 * 1000;
const DAYS_MAX: usize = 400;
/// Days and templates of one question about templates.
const TEMPLATE_DAYS_MAX: u64 = 90;
const TEMPLATES_MAX: usize = 10;

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Counted {
    sent: u64,
    delivered: u64,
}

pub(super) async fn delivered<D: Data>(store: &Store<D>, now: Millis) -> Result<(), StoreError> {
    count(store, now / DAY, |it| it.delivered += 1).await
}

async fn count<D: Data>(store: &Store<D>, day: u64, change: impl Fn(&mut Counted)) -> Result<(), StoreError> {
    let add = |it: &mut Option<Counted>| change(it.get_or_insert_default());
    store.change("a count", &key(day), add).await
}

/// Sends that are to be counted: by day, and by template where there is one. All that come while one is written down are
/// written down together: one count for each would make them wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Sends {
    waiting: Mutex<BTreeMap<(u64, Option<u64>), u64>>,
    turn: tokio::sync::Mutex<()>,
}

impl Sends {
    /// Counts a send; it is written down when this is done.
    pub(super) async fn count<D: Data>(
        &self,
        store: &Store<D>,
        now: Millis,
        template: Option<u64>,
    ) -> Result<(), StoreError> {
        *self.waiting().entry((now / DAY, template)).or_default() += 1;
        let _turn = self.turn.lock().await;
        // Nothing is left where whoever had the turn before has written this down too.
        while let Some(((day, template), count)) = self.next() {
            if let Err(error) = Self::write(store, day, template, count).await {
                *self.waiting().entry((day, template)).or_default() += count;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn write<D: Data>(
        store: &Store<D>,
        day: u64,
        template: Option<u64>,
        more: u64,
    ) -> Result<(), StoreError> {
        if let Some(template) = template {
            let add = |it: &mut Option<OfTemplate>| it.get_or_insert_default().sent += more;
            store.change("a count", &template_key(template, day), add).await?;
        }
        count(store, day, |it| it.sent += more).await
    }

    fn next(&self) -> Option<((u64, Option<u64>), u64)> {
        self.waiting().pop_first()
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<(u64, Option<u64>), u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of the sends of one template on one day.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct OfTemplate {
    sent: u64,
    delivered: u64,
    read: u64,
}

/// A step of a message that was made of a template; each is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Delivered,
    Read,
}

pub(super) async fn of_template<D: Data>(
    store: &Store<D>,
    now: Millis,
    template: u64,
    step: Step,
) -> Result<(), StoreError> {
    let add = |it: &mut Option<OfTemplate>| {
        let count = it.get_or_insert_default();
        match step {
            Step::Delivered => count.delivered += 1,
            Step::Read => count.read += 1,
        }
    };
    store.change("a count", &template_key(template, now / DAY), add).await
}

/// `GET /{account}/template_analytics`: a point for each template and day with something in it. Clicks and costs are not
/// counted.
pub(super) async fn of_templates<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    let (start, end) = (params.need("start")?.whole()?, params.need("end")?.whole()?);
    let granularity = params.maybe_text("granularity", 20)?.to_ascii_uppercase();
    if !matches!(granularity.as_str(), "" | "DAY" | "DAILY") {
        return Err(ApiError::Invalid("granularity must be DAILY".to_owned()));
    }
    let (from, to) = (start / 86_400, end.div_ceil(86_400));
    if start >= end || to - from > TEMPLATE_DAYS_MAX {
        let why = format!("end must be after start, by at most {TEMPLATE_DAYS_MAX} days");
        return Err(ApiError::Invalid(why));
    }
    let mut points = Vec::new();
    for id in template_ids(&params)? {
        for day in from..to {
            let counted: Option<OfTemplate> = node.store.read("a count", &template_key(id, day)).await?;
            let Some(OfTemplate { sent, delivered, read }) = counted else { continue };
            points.push(json!({
                "template_id": id.to_string(),
                "start": day * 86_400,
                "end": (day + 1) * 86_400,
                "sent": sent,
                "delivered": delivered,
                "read": read,
            }));
        }
    }
    let row = json!({ "granularity": "DAILY", "product_type": "cloud_api", "data_points": points });
    Ok(json!({ "data": [row] }))
}

/// `template_ids`: a list, in a text too, and with commas.
fn template_ids(params: &At<'_>) -> Result<Vec<u64>, ApiError> {
    let given = params.need("template_ids")?;
    let texts: Vec<String> = match given.value() {
        Value::Array(_) => given.items(1, TEMPLATES_MAX)?.iter().map(At::digits).collect::<Result<_, _>>()?,
        _ => {
            let bare = |it: &str| it.trim_matches([' ', '[', ']', '"', '\'']).to_owned();
            given.text(1, 400)?.split(',').map(bare).collect()
        }
    };
    let ids: Option<Vec<u64>> = texts.iter().map(|it| it.parse().ok()).collect();
    ids.filter(|it| it.len() <= TEMPLATES_MAX)
        .ok_or_else(|| given.bad(format_args!("must be up to {TEMPLATES_MAX} ids of templates")))
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

fn template_key(template: u64, day: u64) -> Key {
    Key::new(table::COUNT, &[b"t", &template.to_be_bytes(), &day.to_be_bytes()])
}
