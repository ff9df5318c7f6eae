//! `conversations`: the queues, one of them, and what was said in it.

use std::cmp::Reverse;

use lacre_proto::{AccountId, Millis};
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::customers::{place, place_text, whole};
use super::desk::{self, Seen, Staff};
use super::{Ask, Done, Own, OwnError};
use crate::api::reader::At;
use crate::clock::Clock;
use crate::inbox::{Conversation, View};

/// Conversations of an answer at most, and when nothing is said.
const LIMIT_MAX: usize = 200;
const LIMIT: usize = 50;
/// Messages of an answer at most, and when nothing is said.
const MESSAGES_MAX: usize = 500;
const MESSAGES: usize = 50;

/// Where a conversation stands in a queue: who waits longest is first, then where something was said last.
type Rank = (Millis, Reverse<Millis>, AccountId);

fn rank(account: AccountId, conversation: &Conversation) -> Rank {
    (conversation.waiting.unwrap_or(Millis::MAX), Reverse(conversation.last), account)
}

/// `GET conversations?view=&inbox=&label=&after=&limit=`: a queue, with how many stand in each. `next` is where to go on;
/// there is none after the last.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let view = ask.said.maybe("view")?.map(|it| view(&it)).transpose()?.unwrap_or(View::Team);
    let inbox = desk::inbox(own, ask).await?;
    let label = ask.said.maybe("label")?.map(|it| desk::line(&it, 50)).transpose()?;
    let limit = desk::limit(&ask.said, LIMIT, LIMIT_MAX)?;
    let after = match ask.said.maybe("after")? {
        Some(at) => Some(spot(own, &at).await?),
        None => None,
    };
    let (staff, now, me) = (Staff::of(own).await?, own.now(), ask.caller.person());
    let mut all = own.conversations.all().await?;
    all.retain(|(_, it)| {
        ask.caller.sees(&it.inbox)
            && inbox.as_ref().is_none_or(|inbox| it.inbox == *inbox)
            && label.as_ref().is_none_or(|label| it.labels.contains(label))
    });
    let takes = |view: View, it: &Conversation| view.takes(it, staff.whose(it).map(|it| it.id), me, now);
    let count = |view: View| all.iter().filter(|(_, it)| takes(view, it)).count();
    let counts = View::ALL.map(|view| (view.name().to_owned(), json!(count(view))));
    all.retain(|(_, it)| takes(view, it));
    all.sort_unstable_by_key(|(account, it)| rank(*account, it));
    let from = after.map_or(0, |after| all.partition_point(|(account, it)| rank(*account, it) <= after));
    let page = &all[from..all.len().min(from + limit)];
    let mut rows = Vec::with_capacity(page.len());
    for (account, conversation) in page {
        rows.push(desk::told(own, &staff, *account, conversation).await?);
    }
    let next = match (page.last(), from + page.len() < all.len()) {
        (Some((_, last)), true) => {
            let wa_id = rows.last().and_then(|it| it["wa_id"].as_str()).unwrap_or_default();
            Some(format!("{}.{}.{wa_id}", last.waiting.unwrap_or(Millis::MAX), last.last))
        }
        _ => None,
    };
    let on = format!("{} conversations", rows.len());
    let counts = Value::Object(counts.into_iter().collect());
    Ok(Done::new(json!({ "data": rows, "counts": counts, "next": next }), on))
}

/// `GET conversations/{customer}`.
pub(super) async fn one<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let Seen { account, conversation } = Seen::of(own, ask).await?;
    let told = desk::told(own, &Staff::of(own).await?, account, &conversation).await?;
    Ok(Done::new(told, "").about(account))
}

/// `GET conversations/{customer}/messages?before=&limit=`: what was said in both directions, the newest first, each with
/// how far it got. `next` is what to give as `before` for the page before; there is none when these were the first.
pub(super) async fn messages<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let seen = Seen::of(own, ask).await?;
    let device = seen.device(own).await?;
    let before = ask.said.maybe("before")?.map(|it| place(&it)).transpose()?;
    let limit = desk::limit(&ask.said, MESSAGES, MESSAGES_MAX)?;
    let held = device.held_before(seen.account, before, limit)?;
    let next = held.last().filter(|_| held.len() == limit).map(|it| place_text(it.place));
    let (staff, mut rows) = (Staff::of(own).await?, Vec::with_capacity(held.len()));
    for it in held {
        let sayer = own.conversations.sayer(seen.account, it.id).await?;
        let mut row = whole(own, it).await?;
        row["said_by"] = sayer.map_or(Value::Null, |it| staff.told(it));
        rows.push(row);
    }
    let on = format!("{} messages", rows.len());
    Ok(Done::new(json!({ "data": rows, "next": next }), on).about(seen.account))
}

fn view(at: &At<'_>) -> Result<View, OwnError> {
    let names = || View::ALL.map(View::name).join(", ");
    View::named(at.text(1, 20)?).ok_or_else(|| at.bad(format_args!("must be one of {}", names())).into())
}

/// The place of a `next`.
async fn spot<D: Data, K: Clock>(own: &Own<D, K>, at: &At<'_>) -> Result<Rank, OwnError> {
    let bad = || OwnError::from(at.bad("must be the next of the page before"));
    let parts: Vec<&str> = at.text(1, 60)?.split('.').collect();
    let [waiting, last, wa_id] = parts[..] else { return Err(bad()) };
    let number = |it: &str| it.parse::<Millis>().map_err(|_| bad());
    let account = own.hooks.renderer.names.customers.account_of(wa_id).await?.ok_or_else(bad)?;
    Ok((number(waiting)?, Reverse(number(last)?), account))
}
