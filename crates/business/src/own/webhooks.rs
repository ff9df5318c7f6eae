//! `webhooks`: who is told, what became of it, telling again, and the secret that signs.

use lacre_store::data::Data;
use rand_core::RngCore;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::tokens::overlap;
use super::{Ask, Done, Own, OwnError, success};
use crate::clock::Clock;
use crate::webhooks::outbox::{Attempt, Dead, Replay};
use crate::webhooks::subscription::{FIELDS, Level, New, Slot, Subscription, VERIFY_TOKEN_MAX};

/// Rows of an answer at most, and when nothing is said.
const LIMIT_MAX: usize = 1_000;
const LIMIT: usize = 100;

/// `GET webhooks`: every receiver, and which one is called.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    let all = &own.hooks.subscriptions;
    let called = all.receiver(Slot::Main).await?.map(|it| it.level);
    let listens = all.listens().await?;
    let receivers: Vec<_> = all.all().await?.iter().map(|it| told(it, called, listens)).collect();
    let previous = all.secrets().await?.previous.map(|(_, until)| until).filter(|it| *it > own.now());
    let told = json!({ "data": receivers, "listens": listens, "secret_before_until_ms": previous });
    Ok(Done::new(told, ""))
}

/// `POST webhooks`: sets a receiver, once it has passed the handshake. `level` is `app` when nothing is said.
pub(super) async fn set<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let level = match ask.said.maybe_text("level", 10)? {
        "" => Level::App,
        name => level_of(name)?,
    };
    let fields = ask.said.maybe_items("fields", FIELDS.len())?;
    let fields = fields.iter().map(|it| Ok(it.text(1, 100)?.to_owned()));
    let new = New {
        url: ask.said.need_text("url", 2_000)?.to_owned(),
        verify_token: ask.said.need_text("verify_token", VERIFY_TOKEN_MAX)?.to_owned(),
        fields: fields.collect::<Result<_, OwnError>>()?,
    };
    let host = Url::parse(&new.url).ok().and_then(|it| it.host_str().map(str::to_owned)).unwrap_or_default();
    let all = &own.hooks.subscriptions;
    let set = all.set(level, new, own.now(), &mut own.rng()).await?;
    // An account that was not listened to is from now on, as by `POST /{account}/subscribed_apps`.
    all.listen(true).await?;
    let called = all.receiver(Slot::Main).await?.map(|it| it.level);
    Ok(Done::new(told(&set, called, true), format!("{} {host}", level.name())))
}

/// `DELETE webhooks/{level}`.
pub(super) async fn remove<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let level = level_of(ask.path.get(1).map_or("", String::as_str))?;
    let all = &own.hooks.subscriptions;
    all.get(level).await?.ok_or(OwnError::Unknown("receiver"))?;
    all.delete(level).await?;
    Ok(Done::new(success(), level.name()))
}

/// `GET webhooks/deliveries?from_ms=&to_ms=&limit=`: the last attempts of a time (the last day), oldest first.
pub(super) async fn deliveries<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let end = own.now() + 1;
    let from = time(ask, "from_ms")?.unwrap_or(end.saturating_sub(24 * 60 * 60 * 1_000));
    let to = time(ask, "to_ms")?.unwrap_or(end);
    let attempts = own.hooks.outbox.last_of_log(from, to, limit(ask)?).await?;
    let rows: Vec<_> = attempts.iter().map(attempt).collect();
    Ok(Done::new(json!({ "data": rows }), ""))
}

/// `GET webhooks/dead?after=&limit=`: what was given up, oldest first.
pub(super) async fn dead<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let after = time(ask, "after")?.unwrap_or(0);
    let rows = own.hooks.outbox.dead(after, limit(ask)?).await?;
    Ok(Done::new(json!({ "data": rows.iter().map(given_up).collect::<Vec<_>>() }), ""))
}

/// `POST webhooks/replay`: one delivery (`id`), all that were given up (`dead`), or those of a time (`from_ms`,
/// `to_ms`).
pub(super) async fn replay<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let (id, from, to) = (time(ask, "id")?, time(ask, "from_ms")?, time(ask, "to_ms")?);
    let (what, on) = match (id, ask.said.flag("dead")?, from) {
        (Some(id), false, None) => (Replay::Id(id), format!("delivery {id}")),
        (None, true, None) => (Replay::Dead, "all dead".to_owned()),
        (None, false, Some(from)) => {
            let to = to.unwrap_or(own.now() + 1);
            (Replay::Taken(from, to), format!("from {from} to {to}"))
        }
        _ => return Err(OwnError::Invalid("say one of id, dead or from_ms with to_ms".to_owned())),
    };
    let count = own.hooks.outbox.replay(what, own.now()).await?;
    if count == 0 && id.is_some() {
        return Err(OwnError::Unknown("delivery to tell again: it waits already, or is kept no longer"));
    }
    Ok(Done::new(json!({ "replayed": count }), on))
}

/// `POST webhooks/rotate-secret`: a new app secret signs from now on; the one before is taken for `overlap_s` more.
pub(super) async fn rotate_secret<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
) -> Result<Done, OwnError> {
    let until = own.now() + overlap(&ask.said)? * 1_000;
    let mut random = Zeroizing::new([0; 32]);
    own.rng().fill_bytes(random.as_mut());
    let new = hex::encode(random.as_ref());
    own.hooks.subscriptions.rotate_secret(new.clone(), until).await?;
    Ok(Done::new(json!({ "app_secret": new, "before_until_ms": until }), format!("until {until}")))
}

fn level_of(name: &str) -> Result<Level, OwnError> {
    let bad = || OwnError::Invalid("a level is app, account, number or also-0 to also-255".to_owned());
    Level::named(name).ok_or_else(bad)
}

fn time(ask: &Ask<'_>, name: &str) -> Result<Option<u64>, OwnError> {
    Ok(ask.said.maybe(name)?.map(|it| it.whole()).transpose()?)
}

fn limit(ask: &Ask<'_>) -> Result<usize, OwnError> {
    let limit = time(ask, "limit")?.and_then(|it| usize::try_from(it).ok());
    Ok(limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX))
}

fn told(it: &Subscription, called: Option<Level>, listens: bool) -> Value {
    let Subscription { level, url, fields, since } = it;
    let called = matches!(level, Level::Also(_)) || listens && called == Some(*level);
    json!({ "level": level.name(), "url": url, "fields": fields, "since_ms": since, "called": called })
}

fn attempt(it: &Attempt) -> Value {
    let Attempt { id, at, attempt, outcome, took, slot, sequence, field, created } = it;
    json!({
        "id": id,
        "at_ms": at,
        "attempt": attempt,
        "outcome": outcome.to_string(),
        "took_ms": took,
        "receiver": receiver(*slot),
        "sequence": sequence,
        "field": field,
        "created_ms": created,
    })
}

/// Without its bytes: they are a customer's.
fn given_up(it: &Dead) -> Value {
    json!({
        "id": it.id,
        "died_ms": it.died,
        "attempts": it.attempts,
        "outcome": it.last.to_string(),
        "receiver": receiver(it.lane.slot),
        "sequence": it.sequence,
        "field": it.field,
        "created_ms": it.created,
    })
}

pub(super) fn receiver(slot: Slot) -> String {
    match slot {
        Slot::Main => "main".to_owned(),
        Slot::Also(n) => Level::Also(n).name(),
    }
}
