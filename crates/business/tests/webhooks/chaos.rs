//! B-06 of the assurance table: a receiver that does everything wrong, and a node that is killed in between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lacre_business::webhooks::subscription::Level;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::outbox::{Running, Teller};
use crate::receiver::{Reply, Seen};
use crate::subscriptions::willing;

const CUSTOMERS: u8 = 6;
const EACH: u8 = 20;

/// One request: whose it was, its place, its bytes, and whether the answer was a whole 200.
#[derive(Debug, Clone)]
struct Told {
    customer: String,
    sequence: u64,
    id: u64,
    body: Vec<u8>,
    fine: bool,
}

fn told(seen: &Seen, fine: bool) -> Told {
    let header = seen.header("lacre-delivery").expect("our header");
    let part = |name: &str| {
        let value = header.split(',').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        value.expect("the part").parse().expect("a number")
    };
    let body: serde_json::Value = serde_json::from_slice(&seen.body).expect("JSON");
    let customer = body["entry"][0]["changes"][0]["value"]["contacts"][0]["wa_id"].as_str().expect("an id");
    Told {
        customer: customer.to_owned(),
        sequence: part("seq"),
        id: part("id"),
        body: seen.body.clone(),
        fine,
    }
}

fn mood(rng: &mut StdRng) -> (Reply, bool) {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned();
    match rng.random_range(0..16) {
        0 => (Reply::status("500 Broken", "no"), false),
        1 => (Reply::Say("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n".to_owned()), false),
        2 => (Reply::Endless("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".to_owned()), true),
        3 => (Reply::Endless("HTTP/1.1 503 Busy\r\ncontent-length: 1000000000\r\n\r\n".to_owned()), false),
        4 => (Reply::Close, false),
        5 => (Reply::Say("HTTP/1.1 20".to_owned()), false),
        6 => (Reply::Hang(String::new()), false),
        7 => (Reply::Late(Duration::from_millis(rng.random_range(1..20)), ok), true),
        _ => (Reply::Say(ok), true),
    }
}

async fn play(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (log, moods) = (heard.clone(), Mutex::new(StdRng::seed_from_u64(seed ^ 1)));
    let shop = willing(move |seen| {
        let (reply, fine) = mood(&mut moods.lock().unwrap_or_else(PoisonError::into_inner));
        log.lock().unwrap_or_else(PoisonError::into_inner).push(told(seen, fine));
        reply
    })
    .await;
    let node = Teller::new();
    node.tells(Level::App, &shop).await;
    let mut said = BTreeMap::new();
    let mut kills = 0;
    for round in 0.. {
        assert!(round < 2_000, "it never ends");
        let Running { task, stop: _stop } = node.start(seed + round);
        // Customers write while the node runs, and while it is dead.
        for _ in 0..3 {
            let who = 0xa1 + rng.random_range(0..CUSTOMERS);
            let count = said.entry(who).or_insert(0_u8);
            if *count < EACH {
                *count += 1;
                node.story.says(who, *count, &format!("{who} says {count}"));
            }
        }
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..15_000))).await;
        task.abort();
        let _ = task.await;
        kills += 1;
        node.watch.go_on(rng.random_range(0..4_000));
        let all = said.len() == usize::from(CUSTOMERS) && said.values().all(|it| *it == EACH);
        let total = u64::from(CUSTOMERS) * u64::from(EACH);
        if all && node.outbox.position().await == Ok(total) && node.outbox.waiting(1).await == Ok(0) {
            break;
        }
    }
    assert!(kills > 20, "it was killed {kills} times");
    assert_eq!(node.outbox.dead(0, 1).await.expect("the dead"), []);
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut bodies = BTreeMap::new();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for told in &heard {
        let same = bodies.entry(told.id).or_insert_with(|| told.body.clone());
        assert_eq!(*same, told.body, "the same bytes under one id");
        // The next of a customer comes only after the one before was answered with 200.
        let done = last.entry(told.customer.clone()).or_insert(0);
        assert!(told.sequence <= *done + 1, "{} after {done}", told.sequence);
        if told.fine && told.sequence == *done + 1 {
            *done += 1;
            let text = String::from_utf8_lossy(&told.body).into_owned();
            assert!(
                text.contains(&format!("says {}\"", told.sequence)),
                "in the order in which they were said"
            );
        }
    }
    assert_eq!(last.len(), usize::from(CUSTOMERS));
    assert!(last.values().all(|it| *it == u64::from(EACH)), "nothing is lost: {last:?}");
    assert_eq!(bodies.len(), usize::from(CUSTOMERS) * usize::from(EACH), "one id each");
    assert!(heard.len() > bodies.len(), "and something was told again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_order_is_kept_with_an_evil_receiver_and_a_node_that_is_killed() {
    for seed in [11, 12, 13] {
        play(seed).await;
    }
}
