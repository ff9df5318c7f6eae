//! `records`: the register of what is done with people's data, made of what the node is set to and what it keeps.

use lacre_store::data::{Data, Key};
use serde_json::json;
use url::Url;

use super::webhooks::receiver;
use super::{Done, Own, OwnError, retention};
use crate::clock::Clock;
use crate::media;
use crate::retention::{Kind, Periods};
use crate::store::{Store, StoreError, end_of, table};
use crate::webhooks::subscription::{Level, Slot};

const PAGE: usize = 1_000;
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// `GET records`: categories of data with purpose, how long they are kept and how many there are; who is told.
pub(super) async fn register<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    let store = &own.hooks.renderer.names.store;
    let settings = own.hooks.outbox.settings();
    let periods = Periods::of(store).await?;
    let set = |kind| periods.period(kind, None);
    let webhooks = |life: u64| Some(set(Kind::Webhooks).map_or(life, |it| it.min(life)));
    let rows: [(&str, &str, Option<u64>, Key); 11] = [
        (
            "customers: account and number",
            "to be known to programs by a number",
            None,
            all(table::CUSTOMER, b"a"),
        ),
        (
            "files of customers and programs",
            "to be fetched and sent by programs",
            Some(media::LIFE),
            all(table::MEDIA, b"i"),
        ),
        (
            "notes of messages that programs sent",
            "to tell how far each got",
            set(Kind::Notes),
            all(table::MESSAGE, b""),
        ),
        ("answers to idempotency keys", "to send nothing twice", Some(DAY), all(table::ANSWERED, b"")),
        (
            "webhooks that wait",
            "to tell programs what happened",
            Some(settings.life),
            all(table::DELIVERY, b"d"),
        ),
        ("webhooks that were made", "to be told again", webhooks(settings.log), all(table::DELIVERED, b"a")),
        ("webhooks that were given up", "to be told again", webhooks(settings.dead), all(table::DEAD, b"")),
        (
            "conversations: inbox, whose, labels, who waits",
            "to be answered by people of the business",
            None,
            all(table::INBOX, b"c"),
        ),
        ("notes about customers", "to be read by people of the business", None, all(table::INBOX, b"n")),
        ("people of the business", "to sign in", None, all(table::PERSON, b"p")),
        (
            "rows of the audit log, customers by pseudonym",
            "to prove what was done",
            None,
            all(table::AUDIT, b"r"),
        ),
    ];
    let mut kept = Vec::with_capacity(rows.len());
    for (what, purpose, kept_for, prefix) in rows {
        let count = count(store, &prefix).await?;
        kept.push(json!({ "what": what, "purpose": purpose, "kept_for_ms": kept_for, "count": count }));
    }
    let subscriptions = &own.hooks.subscriptions;
    let (listens, called) = (subscriptions.listens().await?, subscriptions.receiver(Slot::Main).await?);
    let recipients: Vec<_> = subscriptions
        .all()
        .await?
        .iter()
        .map(|it| {
            let host = Url::parse(&it.url).ok().and_then(|it| it.host_str().map(str::to_owned));
            let told = match it.level {
                Level::Also(_) => true,
                level => listens && called.as_ref().is_some_and(|it| it.level == level),
            };
            let slot = if let Level::Also(n) = it.level { Slot::Also(n) } else { Slot::Main };
            json!({ "host": host, "receiver": receiver(slot), "fields": it.fields, "told": told })
        })
        .collect();
    let told = json!({
        "made_ms": own.now(),
        "controller": own.handle,
        "kept": kept,
        "on_the_device": DEVICE,
        "messages_kept_for_ms": set(Kind::Messages),
        "retention": retention::set_rows(own).await?,
        "recipients": recipients,
    });
    Ok(Done::new(told, ""))
}

/// What the device keeps, which is not counted here: it is sealed.
const DEVICE: &str = "messages in both directions with their files, contacts with pinned keys, receipts of consent: \
                      sealed, until they vanish by their timer, were kept as long as is set, or are erased";

fn all(table: u8, part: &[u8]) -> Key {
    Key::new(table, &[part])
}

async fn count<D: Data>(store: &Store<D>, prefix: &Key) -> Result<usize, StoreError> {
    let (mut from, end, mut count) = (prefix.clone(), end_of(prefix), 0);
    loop {
        let rows = store.0.scan(&from, &end, PAGE).await?;
        count += rows.len();
        match rows.last() {
            Some((last, _)) if rows.len() == PAGE => {
                from = Key::from(bytes::Bytes::from([last.as_bytes(), &[0]].concat()));
            }
            _ => return Ok(count),
        }
    }
}
