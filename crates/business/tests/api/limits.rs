use std::sync::Arc;

use lacre_business::limits::Pace;
use serde_json::{Value, json};

use crate::world::*;

fn text(body: &str) -> Value {
    json!({ "text": { "body": body } })
}

#[tokio::test]
async fn the_pace_to_one_customer_holds_and_the_answer_says_how_long_to_wait() {
    let world = World::with(|it| it.pair = Pace { count: 1, per: 6_000, burst: 2 }).await;
    world.to_ana(text("1")).await.ok();
    world.to_ana(text("2")).await.ok();
    let answer = world.to_ana(text("3")).await;
    assert_eq!((answer.code(), answer.status.as_u16()), (131056, 400));
    assert_eq!(answer.headers["retry-after"], "6");
    assert_eq!(answer.json()["error"]["is_transient"], true);
    world.chat.opens_window(BRUNO, NOW + HOUR);
    let bruno = world.digits(BRUNO).await;
    world.send(&bruno, text("for Bruno")).await.ok();
    world.clock.advance(6_000);
    world.to_ana(text("3")).await.ok();
    assert_eq!(world.chat.sent().len(), 4);
}

#[tokio::test]
async fn the_throughput_of_the_number_holds() {
    let world = World::with(|it| it.throughput = Pace { count: 2, per: 1_000, burst: 2 }).await;
    world.to_ana(text("1")).await.ok();
    world.to_ana(text("2")).await.ok();
    let answer = world.to_ana(text("3")).await;
    assert_eq!((answer.code(), answer.status.as_u16()), (130429, 429));
    assert_eq!(answer.headers["retry-after"], "1");
}

/// A program floods its number, and one customer: what is over is refused at once, with a time to wait, and
/// neither the sealed side nor other calls hear of it.
#[tokio::test]
async fn b12_who_floods_is_held_back_and_nothing_of_it_is_sent() {
    let world = World::with(|it| {
        it.throughput = Pace { count: 80, per: 1_000, burst: 80 };
        it.pair = Pace { count: 1, per: 6_000, burst: 45 };
    })
    .await;
    let (ana, bruno) = (world.ana_wrote().await, world.digits(BRUNO).await);
    world.chat.opens_window(BRUNO, NOW + HOUR);
    let mut codes = std::collections::BTreeMap::new();
    for n in 0..1_000 {
        let to = if n % 2 == 0 { &ana } else { &bruno };
        let answer = world.send(to, text(&format!("{n}"))).await;
        if answer.status.is_success() {
            *codes.entry(0).or_insert(0) += 1;
            continue;
        }
        let wait: u64 = answer.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
        assert!((1..=60).contains(&wait), "{wait}");
        *codes.entry(answer.code()).or_insert(0) += 1;
    }
    assert_eq!(codes.get(&0), Some(&80), "{codes:?}");
    assert_eq!(codes.values().sum::<i32>(), 1_000);
    assert!(codes.keys().all(|code| [0, 130_429, 131_056].contains(code)), "{codes:?}");
    assert_eq!(world.chat.sent().len(), 80);
    // Who reads is not held back by who writes, and after the time that was told there is room again.
    world.get(&world.number("")).await.ok();
    world.clock.advance(60_000);
    world.send(&ana, text("later")).await.ok();
    world.send(&bruno, text("later")).await.ok();
}

async fn with_key(world: &World, key: &str, body: &str) -> Answer {
    let to = world.ana_wrote().await;
    let body = json!({ "messaging_product": "whatsapp", "to": to, "text": { "body": body } });
    world.call_with("POST", &world.number("/messages"), body, &[("idempotency-key", key)]).await
}

#[tokio::test]
async fn the_same_key_is_the_same_message_and_another_request_is_a_conflict() {
    let mut world = World::new().await;
    let first = with_key(&world, "order-17", "oi").await.ok();
    assert_eq!(with_key(&world, "order-17", "oi").await.ok(), first);
    let conflict = with_key(&world, "order-17", "olá").await;
    assert_eq!((conflict.status.as_u16(), conflict.code()), (409, 100));
    assert_ne!(with_key(&world, "order-18", "oi").await.ok(), first);
    assert_eq!(world.chat.sent().len(), 2);
    world.restart().await;
    assert_eq!(with_key(&world, "order-17", "oi").await.ok(), first, "also after a restart");
    world.clock.advance(DAY);
    world.chat.opens_window(ANA, NOW + 2 * DAY);
    assert_eq!(world.node.sweep_answers().await, Ok(2));
    let to = world.digits(ANA).await;
    let body = json!({ "messaging_product": "whatsapp", "to": to, "text": { "body": "oi" } });
    let path = world.number("/messages");
    let next_day = world.call_with("POST", &path, body, &[("idempotency-key", "order-17")]).await.ok();
    assert_ne!(next_day, first, "a day later the key is new");
    assert_eq!(with_key(&world, &"k".repeat(256), "oi").await.code(), 100);
}

/// The node dies between what was sent and its answer, and the link is gone when the program asks again.
#[tokio::test]
async fn a_file_of_a_link_whose_answer_was_lost_went_out_once_and_is_answered_the_same() {
    let mut world = World::new().await;
    let to = world.ana_wrote().await;
    let link = "https://bakery.example/rye.png";
    world.fetch.lays(link, "image/png", b"\x89PNG\r\n\x1a\n...");
    let image = json!({ "link": link, "caption": "rye" });
    let body = json!({ "messaging_product": "whatsapp", "to": to, "type": "image", "image": image });
    let path = world.number("/messages");
    world.chat.loses_next_answer();
    let headers = [("idempotency-key", "order-17")];
    let lost = world.call_with("POST", &path, body.clone(), &headers).await;
    assert!(lost.status.as_u16() >= 500);
    assert_eq!(world.chat.sent().len(), 1);
    world.restart().await;
    world.fetch.takes_away(link);
    world.chat.opens_window(ANA, NOW - 1);
    let again = world.call_with("POST", &path, body.clone(), &headers).await.ok();
    assert_eq!(again["contacts"][0]["wa_id"], to.as_str());
    assert_eq!(world.call_with("POST", &path, body.clone(), &headers).await.ok(), again);
    assert_eq!(world.chat.sent().len(), 1, "it went out once");
    let other = world.call_with("POST", &path, body, &[("idempotency-key", "order-18")]).await;
    assert_eq!(other.status.as_u16(), 400, "another is another");
}

#[tokio::test]
async fn a_hundred_equal_requests_at_once_are_one_message() {
    let world = Arc::new(World::new().await);
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let world = Arc::clone(&world);
        all.spawn(async move { with_key(&world, "order-17", "oi").await.ok() });
    }
    let answers = all.join_all().await;
    assert!(answers.iter().all(|it| *it == answers[0]));
    assert_eq!(world.chat.sent().len(), 1);
}

#[tokio::test]
async fn after_a_crash_between_sending_and_answering_the_same_key_sends_nothing_more() {
    let world = World::new().await;
    let first = with_key(&world, "order-17", "oi").await.ok();
    // The answer was not written: what is kept is as it was before the send.
    use lacre_store::data::{Batch, Data, Key};
    let rows = world.data.scan(&Key::new(0x05, &[]), &Key::new(0x06, &[]), 10).await.expect("read");
    let [(key, value)] = rows.as_slice() else { panic!("one row") };
    let before =
        [&value[..32 + value[32..].iter().position(|it| *it < 0x80).expect("a varint ends") + 1], &[0]]
            .concat();
    world.data.write(Batch::new().put(key.clone(), before)).await.expect("written");
    assert_eq!(with_key(&world, "order-17", "oi").await.ok(), first);
    assert_eq!(world.chat.sent().len(), 1);
}

#[tokio::test]
async fn a_key_of_one_token_is_nothing_to_another() {
    let mut world = World::new().await;
    let first = with_key(&world, "order-17", "oi").await.ok();
    use lacre_business::tokens::{Bound, Scope};
    world.token = world.token_for(&[Scope::Messaging], None, Bound::default()).await;
    assert_ne!(with_key(&world, "order-17", "olá").await.ok(), first);
    assert_eq!(world.chat.sent().len(), 2);
}

#[tokio::test]
async fn a_refused_request_keeps_its_key_and_may_be_tried_again() {
    let world = World::new().await;
    world.chat.refuses_next(lacre_business::chat::SendError::Unavailable("busy".to_owned()));
    assert_eq!(with_key(&world, "order-17", "oi").await.code(), 131016);
    with_key(&world, "order-17", "oi").await.ok();
    assert_eq!(world.chat.sent().len(), 1);
}
