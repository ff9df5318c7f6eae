//! `retention`: what is kept for how long, what is held, and taking away at once what was kept long enough.

use std::collections::BTreeMap;

use lacre_proto::AccountId;
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::customers::named;
use super::{Ask, Done, Own, OwnError, success};
use crate::audit::{Act, Filter, Who};
use crate::clock::Clock;
use crate::erasing::EraseError;
use crate::restriction;
use crate::retention::{self, DAY, Kind, Period, Periods};

/// `GET retention`: what is set, for everybody and for one customer each.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    let rows = set_rows(own).await?;
    let on = format!("{} periods", rows.len());
    Ok(Done::new(json!({ "data": rows }), on))
}

/// `POST retention`: sets for how long a kind is kept (`days`, or `forever`), or that nothing is set (`unset`); with
/// `customer`, for one of them.
pub(super) async fn set<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let said = &ask.said;
    let at = said.need("kind")?;
    let names = || Kind::ALL.map(Kind::name).join(", ");
    let kind = Kind::named(at.text(1, 20)?)
        .ok_or_else(|| OwnError::from(at.bad(format_args!("must be one of {}", names()))))?;
    let Some(most) = kind.most_days() else {
        return Err(at.bad("is never taken away: what was done has to stay provable").into());
    };
    let customer = match said.maybe_text("customer", 40)? {
        "" => None,
        _ if !kind.is_of_customers() => return Err(at.bad("is kept for everybody alike").into()),
        text => Some(named(own, text).await?),
    };
    let days = said.maybe("days")?.map(|it| it.whole()).transpose()?;
    let period = match (days, said.flag("forever")?, said.flag("unset")?) {
        (Some(days), false, false) if (1..=most).contains(&days) => Some(Some(days)),
        (Some(_), false, false) => {
            return Err(OwnError::Invalid(format!("{} are kept from 1 to {most} days", kind.name())));
        }
        (None, true, false) => Some(None),
        (None, false, true) => None,
        _ => return Err(OwnError::Invalid("say one of days, forever and unset".to_owned())),
    };
    let store = &own.hooks.renderer.names.store;
    let since = own.now();
    retention::set(store, kind, customer, period.map(|days| Period { days, since })).await?;
    let term = match period {
        Some(Some(days)) => format!("{days} days"),
        Some(None) => "forever".to_owned(),
        None => "unset".to_owned(),
    };
    // Customers are told what is kept for how long; one who is told later is told by the next sweep.
    own.tell_soon(0).await;
    let done = Done::new(success(), format!("{} {term}", kind.name()));
    Ok(match customer {
        Some(customer) => done.about(customer),
        None => done,
    })
}

/// `GET retention/report`: what is kept for how long, how many of each are held and the oldest of them, what the last
/// sweep took away and when, what stays and why.
pub(super) async fn report<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    let sweeper = own.sweeper().ok_or(OwnError::NotServing)?;
    let store = &own.hooks.renderer.names.store;
    let periods = Periods::of(store).await?;
    let mut kinds = Vec::with_capacity(Kind::ALL.len());
    for kind in Kind::ALL {
        let (count, oldest) = match kind {
            Kind::Audit => {
                let first = own.audit.list(&Filter::default(), 1).await?;
                (own.audit.head().await?.count, first.first().map(|it| it.at))
            }
            _ => {
                let held = sweeper.held(kind).await?;
                (held.count, held.oldest)
            }
        };
        let last = retention::pass(store, kind).await?.last;
        kinds.push(json!({
            "kind": kind.name(),
            "what": kind.what(),
            "kept_for_ms": periods.period(kind, None),
            "set_ms": periods.general.get(&kind).map(|it| it.since),
            "held": count,
            "oldest_ms": oldest,
            "last_sweep_ms": last.map(|it| it.0),
            "last_sweep_erased": last.map(|it| it.1),
        }));
    }
    let told = json!({
        "made_ms": own.now(),
        "controller": own.handle,
        "kinds": kinds,
        "set": set_rows(own).await?,
        "restricted_customers": restriction::all(store).await?.len(),
        "stays": STAYS.map(|(what, why)| json!({ "what": what, "why": why })),
    });
    Ok(Done::new(told, ""))
}

/// What no sweep takes away, and why.
const STAYS: [(&str, &str); 6] = [
    ("the audit log's rows, under a pseudonym", "what was done has to stay provable"),
    (
        "everything of customers who are restricted, but the node's copies of files and answers to idempotency keys",
        "it is neither used nor erased while they are; it goes with the first sweep after that",
    ),
    (
        "webhooks that wait",
        "they are still to be told: that is tried for seven days; of restricted customers, until that is lifted",
    ),
    (
        "the device's contacts with pinned keys, receipts of consent, the ids of messages that are gone",
        "keys that change have to be seen, a stop has to hold, and nothing that is gone may come again",
    ),
    (
        "the node's copies of files that customers sent, also once their message has vanished",
        "they are gone 30 days after they were noted",
    ),
    (
        "what programs and receivers of webhooks were told, other devices of the business, copies of the folder",
        "they are outside of this node",
    ),
];

/// `POST retention/sweep`: takes away at once what was kept long enough.
pub(super) async fn sweep<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    let sweeper = own.sweeper().ok_or(OwnError::NotServing)?;
    let _alone = own.erasing.lock().await;
    let gone = sweeper.whole(own.now()).await?;
    let told: BTreeMap<_, _> = gone.iter().map(|(kind, count)| (kind.name(), count)).collect();
    Ok(Done::new(json!({ "erased": told }), line(&gone)))
}

/// One round of the node's own: bounded, and written down when something went.
pub(super) async fn round<D: Data, K: Clock>(own: &Own<D, K>) -> Result<(), EraseError> {
    let Some(sweeper) = own.sweeper() else { return Ok(()) };
    let _alone = own.erasing.lock().await;
    let now = own.now();
    let (gone, outcome) = sweeper.round(now).await;
    if !gone.is_empty() {
        let what = "retention.sweep".to_owned();
        let act = Act { who: Who::Node, what, subject: None, detail: line(&gone) };
        own.audit.append(act, now).await?;
    }
    outcome
}

fn line(gone: &BTreeMap<Kind, u64>) -> String {
    let all: Vec<_> = gone.iter().map(|(kind, count)| format!("{} {count}", kind.name())).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// Every period: first those for everybody, set or not, then those for one customer.
pub(super) async fn set_rows<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Vec<Value>, OwnError> {
    let names = &own.hooks.renderer.names;
    let periods = Periods::of(&names.store).await?;
    let row = |kind: Kind, of: Option<(AccountId, &str)>, set: Option<&Period>| {
        json!({
            "kind": kind.name(),
            "customer": of.map(|it| it.1),
            "days": set.and_then(|it| it.days),
            "forever": set.is_some_and(|it| it.days.is_none()),
            "since_ms": set.map(|it| it.since),
            "kept_for_ms": periods.period(kind, of.map(|it| it.0)),
            "kept_days": periods.period(kind, of.map(|it| it.0)).map(|it| it / DAY),
        })
    };
    let mut rows: Vec<_> =
        Kind::ALL.into_iter().map(|kind| row(kind, None, periods.general.get(&kind))).collect();
    for ((account, kind), set) in &periods.customers {
        let number = names.customers.number_for(*account).await?.to_string();
        rows.push(row(*kind, Some((*account, &number)), Some(set)));
    }
    Ok(rows)
}
