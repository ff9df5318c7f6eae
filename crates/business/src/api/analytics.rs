//! How many messages went out and arrived, by day.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::fields::Field;
use super::reader::At;
use crate::node::{Node, Ports};
use crate::store::{Store, StoreError, bytes_of, record, table};

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
    let add = |it: &mut Option<Counted>| it.get_or_insert_default().delivered += 1;
    store.change("a count", &key(now / DAY), add).await
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

    /// Both counts or neither: what is written again after an error is counted once.
    async fn write<D: Data>(
        store: &Store<D>,
        day: u64,
        template: Option<u64>,
        more: u64,
    ) -> Result<(), StoreError> {
        loop {
            let sent = |it: &mut Counted| it.sent += more;
            let mut batch = changed(store, Batch::new(), key(day), sent).await?;
            if let Some(template) = template {
                let sent = |it: &mut OfTemplate| it.sent += more;
                batch = changed(store, batch, template_key(template, day), sent).await?;
            }
            match store.write(batch).await {
                // What arrived was counted meanwhile.
                Err(StoreError::Write(WriteError::Conflict(_))) => {}
                other => return other,
            }
        }
    }

    fn next(&self) -> Option<((u64, Option<u64>), u64)> {
        self.waiting().pop_first()
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<(u64, Option<u64>), u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch that also changes a count.
async fn changed<D: Data, T: Default + Serialize + DeserializeOwned>(
    store: &Store<D>,
    batch: Batch,
    key: Key,
    change: impl FnOnce(&mut T),
) -> Result<Batch, StoreError> {
    let before = store.0.get(&key).await?;
    let mut count = before.as_ref().map(|bytes| record("a count", bytes)).transpose()?.unwrap_or_default();
    change(&mut count);
    let batch = batch.assert(key.clone(), before.map_or(Expected::Absent, Expected::Value));
    Ok(batch.put(key, bytes_of(&count)))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use bytes::Bytes;
    use lacre_store::data::{LogEntry, LogId, LogState, Unavailable, Written};
    use lacre_store::memory::MemoryData;

    use super::*;

    /// A store that fails once, at the write of this number.
    #[derive(Clone)]
    struct Failing(MemoryData, Arc<AtomicI64>);

    impl Data for Failing {
        async fn get(&self, key: &Key) -> Result<Option<Bytes>, Unavailable> {
            self.0.get(key).await
        }

        async fn scan(&self, from: &Key, to: &Key, limit: usize) -> Result<Vec<(Key, Bytes)>, Unavailable> {
            self.0.scan(from, to, limit).await
        }

        async fn read_log(
            &self,
            log: LogId,
            after: u64,
            limit: usize,
            bytes: usize,
        ) -> Result<Vec<LogEntry>, Unavailable> {
            self.0.read_log(log, after, limit, bytes).await
        }

        async fn log_state(&self, log: LogId) -> Result<LogState, Unavailable> {
            self.0.log_state(log).await
        }

        fn write(&self, batch: Batch) -> impl Future<Output = Result<Written, WriteError>> + Send + 'static {
            let fails = self.1.fetch_sub(1, Ordering::SeqCst) == 0;
            let made = (!fails).then(|| self.0.write(batch));
            async move {
                match made {
                    Some(made) => made.await,
                    None => Err(Unavailable("there is no room".to_owned()).into()),
                }
            }
        }
    }

    #[tokio::test]
    async fn a_send_whose_count_failed_is_counted_once_by_day_and_by_template() {
        const NOW: Millis = 3 * DAY;
        for at in 0..3 {
            let store = Store(Failing(MemoryData::default(), Arc::new(AtomicI64::new(at))));
            let (sends, mut failed) = (Sends::default(), 0);
            for template in [Some(7), None, Some(7)] {
                failed += u8::from(sends.count(&store, NOW, template).await.is_err());
            }
            assert_eq!(failed, 1, "there is a write for each");
            sends.count(&store, NOW, Some(8)).await.expect("counted, with what was left");
            let day: Counted = store.read("a count", &key(3)).await.expect("read").expect("counted");
            let of: OfTemplate = store.read("", &template_key(7, 3)).await.expect("read").expect("counted");
            assert_eq!((day.sent, of.sent), (4, 2), "failed at {at}");
        }
    }
}
