//! `customers`: what the node and its device hold of one of them.

use std::sync::Arc;

use lacre_proto::AccountId;
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::desk::{self, Staff};
use super::webhooks::receiver;
use super::{Ask, Done, Own, OwnError, consents, notes};
use crate::api::messages::kept;
use crate::api::reader::At;
use crate::clock::Clock;
use crate::erasing::{Erased, is_erased};
use crate::held::{Held, Holdings, Place};
use crate::restriction;
use crate::webhooks::outbox::Queued;

/// Messages of an answer at most, and when nothing is said.
const LIMIT_MAX: usize = 2_000;
const LIMIT: usize = 500;

/// `GET customers/{customer}/export`: who they are to the business, what they agreed to, and the webhooks about them
/// that wait or were given up. What was said is told by [`messages`].
pub(super) async fn export<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let (device, account) = whom(own, ask).await?;
    let names = &own.hooks.renderer.names;
    let number = names.customers.number_for(account).await?;
    let now = device.relay_now(own.now())?;
    let person = device.person(account)?.map(|it| {
        json!({
            "handle": it.handle,
            "name": it.name,
            "blocked": it.blocked,
            "consent": consents::signed(&it.agreed, now),
        })
    });
    let queued = own.hooks.outbox.of(account).await?;
    let staff = Staff::of(own).await?;
    let conversation = match own.conversations.get(account).await? {
        Some(conversation) => Some(desk::told(own, &staff, account, &conversation).await?),
        None => None,
    };
    let noted = own.conversations.notes(account).await?;
    let told = json!({
        "made_ms": own.now(),
        "wa_id": number.to_string(),
        "user_id": names.customers.user_id(number),
        "account": account.to_string(),
        "restricted_since_ms": restriction::since(&names.store, account).await?,
        "person": person,
        "webhooks": queued.iter().map(waits).collect::<Vec<_>>(),
        "conversation": conversation,
        "notes": noted.iter().map(|it| notes::told(&staff, it)).collect::<Vec<_>>(),
    });
    Ok(Done::new(told, "").about(account))
}

/// `GET customers/{customer}/messages?after=&limit=`: what was said in both directions, the oldest first, with what the
/// node keeps of each. `next` is where to go on; there is none after the last.
pub(super) async fn messages<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let (device, account) = whom(own, ask).await?;
    let after = ask.said.maybe("after")?.map(|it| place(&it)).transpose()?;
    let limit = ask.said.maybe("limit")?.map(|it| it.whole()).transpose()?;
    let limit = limit.and_then(|it| usize::try_from(it).ok()).unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let held = device.held(account, after, limit)?;
    let next = held.last().filter(|_| held.len() == limit).map(|it| it.place);
    let next = next.map(place_text);
    let mut rows = Vec::with_capacity(held.len());
    for it in held {
        rows.push(whole(own, it).await?);
    }
    let on = format!("{} messages", rows.len());
    Ok(Done::new(json!({ "data": rows, "next": next }), on).about(account))
}

/// `POST customers/{customer}/erase`: takes all of it off the device and out of the node; tells what was erased, what
/// remains, and why.
pub(super) async fn erase<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let account = customer(own, ask).await?;
    let eraser = own.eraser().ok_or(OwnError::NotServing)?;
    let customers = &own.hooks.renderer.names.customers;
    let number = customers.number_for(account).await?;
    let user_id = customers.user_id(number);
    let alone = own.erasing.lock().await;
    let erased = eraser.erase(account, own.now()).await?;
    drop(alone);
    own.agree_now().await;
    let Erased { up_to, messages, media, webhooks, sent, answers, notes } = erased;
    let told = json!({
        "wa_id": number.to_string(),
        "user_id": user_id,
        "pseudonym": hex::encode(own.audit.pseudonym(account).0),
        "up_to_ms": up_to,
        "erased": {
            "messages": messages,
            "media": media,
            "webhooks": webhooks,
            "noted_of_messages_sent": sent,
            "answers": answers,
            "notes": notes,
            "conversation": true,
            "number": true,
        },
        "remains": REMAINS.map(|(what, why)| json!({ "what": what, "why": why })),
    });
    Ok(Done::new(told, format!("{messages} messages")).about(account))
}

/// What an erasing leaves, and why.
const REMAINS: [(&str, &str); 7] = [
    (
        "the audit log's rows, under a pseudonym",
        "what was done has to stay provable; only the node's secret makes the pseudonym",
    ),
    (
        "the device's contact: handle, pinned key, device list, whether it is blocked",
        "a key that changes unseen could be somebody else's; it is sealed on the device",
    ),
    ("the receipt of the last consent", "it shows that what was sent was agreed to; a stop has to hold"),
    (
        "the conversation's keys and the ids of its messages",
        "the customer may write again, and nothing that was erased may come again",
    ),
    (
        "sealed copies at the relay",
        "they are gone when the customer's devices have them, or when they expire; the relay reads none",
    ),
    (
        "files that programs uploaded, and those of messages that had vanished before",
        "nothing says any more whose they were; each is gone 30 days after it came",
    ),
    (
        "what programs and receivers of webhooks were told, devices of the business that are no nodes, copies of the folder",
        "they are outside of its nodes; other nodes erase what they have as soon as they hear of it, and a copy that is brought back at its start, when the file `erased` is with it",
    ),
];

/// `POST customers/{customer}/restrict`: nothing is told of them and nothing is sent to them; with `lift`, again.
pub(super) async fn restrict<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let account = customer(own, ask).await?;
    let (names, outbox, now) = (&own.hooks.renderer.names, &own.hooks.outbox, own.now());
    let lift = ask.said.flag("lift")?;
    let since = match lift {
        true => {
            restriction::lift(&names.store, outbox, account, now).await?;
            None
        }
        false => Some(restriction::set(&names.store, account, now).await?),
    };
    own.agree_now().await;
    let waiting = outbox.count(account).await?;
    let number = names.customers.number_for(account).await?;
    let told = json!({ "wa_id": number.to_string(), "restricted_since_ms": since, "waiting": waiting });
    Ok(Done::new(told, if lift { "lifted" } else { "restricted" }).about(account))
}

/// A message with what the node keeps of it beside the device: how a program sent it, and its files.
pub(super) async fn whole<D: Data, K: Clock>(own: &Own<D, K>, held: Held) -> Result<Value, OwnError> {
    let Held { place: _, id, files: ids, told: mut row } = held;
    let names = &own.hooks.renderer.names;
    if let Some(kept) = kept(&names.store, id).await? {
        row["sent_by_api"] = json!({
            "category": kept.category.name(),
            "biz_opaque_callback_data": kept.opaque,
            "taken_ms": kept.at,
        });
    }
    let files = row["files"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
    for ((index, id), file) in (0..).zip(ids).zip(files) {
        if let Some((medium, here)) = names.media.of(id, index).await? {
            file["media_id"] = medium.id.to_string().into();
            file["lies_here"] = here.into();
            file["kept_until_ms"] = medium.expires.into();
        }
    }
    Ok(row)
}

/// The device, and the customer of the path.
async fn whom<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
) -> Result<(Arc<dyn Holdings>, AccountId), OwnError> {
    let account = customer(own, ask).await?;
    Ok((own.device.clone().ok_or(OwnError::NotServing)?, account))
}

/// The customer of the path, as programs know them.
pub(super) async fn customer<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
) -> Result<AccountId, OwnError> {
    named(own, ask.path.get(1).map_or("", String::as_str)).await
}

/// A customer as programs know them: digits, or with the country before them.
pub(super) async fn named<D: Data, K: Clock>(own: &Own<D, K>, text: &str) -> Result<AccountId, OwnError> {
    let digits = text.split_once('.').map_or(text, |(_, digits)| digits);
    let names = &own.hooks.renderer.names;
    if let Some(account) = names.customers.account_of(digits).await? {
        return Ok(account);
    }
    // Who has agreed to something and never written has a number all the same; who was erased has none.
    let Some(device) = &own.device else { return Err(OwnError::Unknown("customer")) };
    let mut after = None;
    loop {
        let some = device.agreed(after, LIMIT)?;
        let Some(last) = some.last() else { return Err(OwnError::Unknown("customer")) };
        after = Some(last.customer);
        for agreed in &some {
            let number = names.customers.number_for(agreed.customer).await?;
            let since = agreed.grant.as_ref().map_or(0, |it| it.granted);
            if number.to_string() == digits && !is_erased(&names.store, agreed.customer, since).await? {
                return Ok(agreed.customer);
            }
        }
    }
}

/// Where a page ends, to be given with the next request.
pub(super) fn place_text(Place { conversation, anchor, counter }: Place) -> String {
    format!("{conversation}.{anchor}.{counter}")
}

/// The place of [`place_text`].
pub(super) fn place(at: &At<'_>) -> Result<Place, OwnError> {
    let bad = || at.bad("must be the next of the page before");
    let parts: Vec<u64> =
        at.text(1, 60)?.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
    let [conversation, anchor, counter] = parts[..] else { return Err(bad().into()) };
    let small = |it: u64| u32::try_from(it).map_err(|_| bad());
    Ok(Place { conversation: small(conversation)?, anchor, counter: small(counter)? })
}

fn waits(it: &Queued) -> Value {
    let Queued { id, slot, field, created, died, bytes } = it;
    json!({
        "id": id,
        "receiver": receiver(*slot),
        "field": field,
        "created_ms": created,
        "given_up_ms": died,
        "bytes": bytes,
    })
}
