//! What was kept long enough goes, and what is younger stays.

use lacre_business::chat::{MessageId, SendError};
use lacre_business::customers::Country;
use lacre_business::ground::{Face, Ground, WayOut};
use lacre_business::media::{Medium, Source};
use lacre_business::restriction;
use lacre_business::webhooks::event::Rendered;
use lacre_proto::AccountId;
use serde_json::{Value, json};

use crate::consents::{ANA, BRUNO, number};
use crate::erasing::traces_of;
use crate::world::*;

const DAY: u64 = 24 * 60 * MINUTE;
const OLD: &str = "do you have rye?";
const YOUNG: &str = "and for Sunday?";

/// A customer said something, with a picture, which a program fetched.
async fn says(world: &World, who: AccountId, n: u8, words: &str) {
    let at = world.node.now();
    let said = json!({ "content": { "text": words }, "files": [{ "name": "cake.jpg" }], "at_ms": at });
    world.chat.holds(who, MessageId([n; 16]), said);
    let medium = Medium {
        id: 123_456_789_012_300 + u64::from(n),
        mime: "image/jpeg".to_owned(),
        sha256: [0; 32],
        size: 5,
        name: Some(format!("{words}.jpg")),
        expires: at + 30 * DAY,
        source: Source::Customer(MessageId([n; 16]), 0),
    };
    world.chat.has_file(MessageId([n; 16]), 0, words.as_bytes());
    world.node.media.note(medium.clone()).await.expect("noted");
    world.node.media.file(&medium, &world.chat).await.expect("fetched");
}

/// A program sends something, and brings a file.
async fn sends(world: &World, token: &str, to: &str, words: &str) {
    let line = format!("POST {}/messages", world.node.identity.number);
    let send = json!({ "messaging_product": "whatsapp", "to": to, "type": "text", "text": { "body": "at five" },
                       "biz_opaque_callback_data": words });
    let (status, told) = world.program(token, &line, send).await;
    assert_eq!(status, 200, "{told}");
    let id = world.node.free_id().await.expect("an id");
    let mut taking = world.node.media.begin(id, "text/plain").await.expect("begun");
    taking.write(words.as_bytes()).await.expect("written");
    let now = world.node.now();
    world.node.media.finish(taking, None, now + 30 * DAY, now).await.expect("taken");
}

/// A webhook about a customer is told.
async fn hears(world: &World, who: AccountId, words: &str) {
    let ground = Ground::of(
        world.data.clone(),
        world.clock.clone(),
        world.folder.path().join("media"),
        Country::default(),
        Face {
            handle: String::new(),
            out: WayOut { hooks: vec!["127.0.0.1".to_owned()], ..WayOut::default() },
        },
    );
    let ground = ground.await.expect("a ground");
    let body = format!("{{\"words\":\"{words}\"}}").into_bytes();
    let now = world.node.now();
    ground
        .outbox
        .tell(Rendered { customer: Some(who), field: "messages".into(), body, is_led: true }, now)
        .await
        .expect("stored");
    let (chat, clock) = (std::sync::Arc::new(world.chat.clone()), std::sync::Arc::new(world.clock.clone()));
    let outbox = ground.outbox.clone();
    let runner = lacre_business::webhooks::Runner { chat, outbox, renderer: ground.renderer, clock };
    let told = async {
        while ground.outbox.count(who).await.expect("counted") > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    runner.run(told, &mut rng).await;
}

async fn kind(world: &World, name: &str) -> Value {
    let told = world.done("GET retention/report", Value::Null).await;
    let kinds = told["kinds"].as_array().expect("kinds").clone();
    kinds.into_iter().find(|it| it["kind"] == name).unwrap_or_else(|| panic!("{name} in {told}"))
}

#[tokio::test]
async fn r19_what_is_older_than_is_set_is_gone_from_store_and_folder_and_what_is_younger_stays() {
    let world = World::new().await;
    let (_, token) = world.token(json!({ "name": "till" })).await;
    let program = Hears::start();
    world.done("POST webhooks", json!({ "url": program.url, "verify_token": "x" })).await;
    let ana = number(&world, ANA).await;
    world.chat.opens_window(ANA, NOW + 30 * DAY);
    for (n, words) in [(1, OLD), (2, YOUNG)] {
        says(&world, ANA, n, words).await;
        sends(&world, &token, &ana, words).await;
        hears(&world, ANA, words).await;
        world.clock.advance(3 * DAY);
    }
    let counts = ["messages", "media", "notes", "webhooks"];
    for name in counts {
        let row = kind(&world, name).await;
        assert_eq!((&row["held"], &row["last_sweep_ms"]), (&json!(2), &Value::Null), "{row}");
        assert_eq!(row["oldest_ms"], NOW, "{row}");
        world.done("POST retention", json!({ "kind": name, "days": 5 })).await;
    }
    assert!(traces_of(&world, OLD).await.len() >= 3, "{:?}", traces_of(&world, OLD).await);
    let young = traces_of(&world, YOUNG).await;

    let told = world.done("POST retention/sweep", Value::Null).await;
    let once = json!({ "messages": 1, "media": 1, "notes": 1, "webhooks": 1 });
    assert_eq!(told["erased"], once, "{told}");
    assert_eq!(traces_of(&world, OLD).await, Vec::<String>::new());
    assert_eq!(traces_of(&world, YOUNG).await, young, "what is younger is all there");
    let left = world.done(&format!("GET customers/{ana}/messages"), Value::Null).await;
    assert_eq!(left["data"].as_array().map(Vec::len), Some(1), "{left}");
    assert_eq!(left["data"][0]["content"]["text"], YOUNG);
    for name in counts {
        let row = kind(&world, name).await;
        assert_eq!((&row["held"], &row["last_sweep_erased"]), (&json!(1), &json!(1)), "{row}");
        assert_eq!(
            (&row["oldest_ms"], &row["last_sweep_ms"]),
            (&json!(NOW + 3 * DAY), &json!(NOW + 6 * DAY))
        );
    }
    let log = world.log().await;
    let row = |what: &str, on: &str| ("operator".to_owned(), what.to_owned(), on.to_owned());
    assert!(log.contains(&row("retention.set", "messages 5 days")), "{log:?}");
    let swept = row("retention.sweep", "messages 1, media 1, webhooks 1, notes 1");
    assert!(log.contains(&swept), "{log:?}");
}

#[tokio::test]
async fn anas_own_period_goes_over_the_general_one_and_of_who_is_restricted_nothing_goes() {
    let world = World::new().await;
    const CARLA: AccountId = AccountId([0xc; 16]);
    for (n, who) in [(1, ANA), (2, BRUNO), (3, CARLA)] {
        number(&world, who).await;
        says(&world, who, n, OLD).await;
    }
    world.clock.advance(10 * DAY);
    restriction::set(&world.node.store, CARLA, NOW).await.expect("set");
    let ana = number(&world, ANA).await;
    world.done("POST retention", json!({ "kind": "messages", "days": 5 })).await;
    world.done("POST retention", json!({ "kind": "messages", "days": 20, "customer": ana })).await;
    let rows = world.done("GET retention", Value::Null).await;
    let own = rows["data"].as_array().and_then(|it| it.last()).expect("a row");
    assert_eq!((&own["customer"], &own["kept_days"]), (&json!(ana), &json!(20)), "{rows}");
    let told = world.done("POST retention/sweep", Value::Null).await;
    assert_eq!(told["erased"], json!({ "messages": 1 }), "Bruno's alone");
    world.clock.advance(10 * DAY);
    world.done("POST retention", json!({ "kind": "messages", "forever": true, "customer": ana })).await;
    assert_eq!(world.done("POST retention/sweep", Value::Null).await["erased"], json!({}));
    world.done("POST retention", json!({ "kind": "messages", "unset": true, "customer": ana })).await;
    let told = world.done("POST retention/sweep", Value::Null).await;
    assert_eq!(told["erased"], json!({ "messages": 1 }), "the general one holds for her again");
    let told = world.done("GET retention/report", Value::Null).await;
    assert_eq!((&told["restricted_customers"], &told["kinds"][0]["held"]), (&json!(1), &json!(1)), "{told}");
    assert!(told["stays"].as_array().is_some_and(|it| it.iter().all(|it| it["why"].is_string())));

    // What was set for her goes with her.
    world.done("POST retention", json!({ "kind": "notes", "days": 1, "customer": ana })).await;
    world.done(&format!("POST customers/{ana}/erase"), Value::Null).await;
    let rows = world.done("GET retention", Value::Null).await;
    assert!(rows["data"].as_array().is_some_and(|it| it.iter().all(|it| it["customer"].is_null())), "{rows}");
}

#[tokio::test]
async fn a_clock_of_this_machine_that_is_wrong_takes_no_message_away() {
    let world = World::new().await;
    number(&world, ANA).await;
    says(&world, ANA, 1, OLD).await;
    world.done("POST retention", json!({ "kind": "messages", "days": 5 })).await;
    world.clock.advance(400 * DAY);
    world.chat.is_behind(399 * DAY);
    assert_eq!(world.done("POST retention/sweep", Value::Null).await["erased"], json!({}));
    world.chat.is_behind(390 * DAY);
    assert_eq!(world.done("POST retention/sweep", Value::Null).await["erased"], json!({ "messages": 1 }));
}

#[tokio::test]
async fn a_sweep_goes_on_where_it_was_after_the_node_was_started_again() {
    let world = World::new().await;
    let many: u16 = 520;
    for n in 0..many {
        let mut who = [7; 16];
        who[..2].copy_from_slice(&n.to_be_bytes());
        world.node.customers.number_of(AccountId(who)).await.expect("a number");
        let said = json!({ "content": { "text": OLD }, "files": [], "at_ms": NOW });
        world.chat.holds(AccountId(who), MessageId(who), said);
    }
    world.clock.advance(10 * DAY);
    world.done("POST retention", json!({ "kind": "messages", "days": 5 })).await;
    let left = async || {
        let row = kind(&world, "messages").await;
        (row["held"].as_u64().expect("a number"), row["last_sweep_erased"].clone())
    };
    world.starts_again_and_sweeps().await;
    assert_eq!(left().await, (20, Value::Null), "five hundred are looked at at a time");
    world.starts_again_and_sweeps().await;
    assert_eq!(left().await, (0, json!(many)), "all of them in one pass");
}

#[tokio::test]
async fn what_the_device_does_not_take_away_keeps_nobody_elses_from_going_and_goes_the_next_time() {
    let world = World::new().await;
    for (n, who) in [(1, ANA), (2, BRUNO)] {
        number(&world, who).await;
        says(&world, who, n, OLD).await;
    }
    world.clock.advance(10 * DAY);
    world.done("POST retention", json!({ "kind": "messages", "days": 5 })).await;
    world.chat.refuses_next(SendError::Unavailable("gone".to_owned()));
    let (status, told) = world.console("POST retention/sweep", Value::Null).await;
    assert_eq!((status, code_of(&told)), (503, "unavailable"));
    let held = |who| lacre_business::held::Holdings::tally(&world.chat, who).expect("told").count;
    assert_eq!((held(ANA), held(BRUNO)), (1, 0));
    world.starts_again_and_sweeps().await;
    assert_eq!(held(ANA), 0);
    assert_eq!(traces_of(&world, OLD).await, Vec::<String>::new());
    let log = world.log().await;
    let row = ("node".to_owned(), "retention.sweep".to_owned(), "messages 1".to_owned());
    assert_eq!(log.iter().filter(|it| **it == row).count(), 1, "{log:?}");
}

#[tokio::test]
async fn what_cannot_be_set_is_said_and_only_the_owner_sets_it() {
    let world = World::new().await;
    let ana = number(&world, ANA).await;
    for bad in [
        json!({}),
        json!({ "kind": "messages" }),
        json!({ "kind": "talk", "days": 3 }),
        json!({ "kind": "audit", "days": 3 }),
        json!({ "kind": "messages", "days": 0 }),
        json!({ "kind": "media", "days": 31 }),
        json!({ "kind": "answers", "days": 2 }),
        json!({ "kind": "messages", "days": 3, "forever": true }),
        json!({ "kind": "media", "days": 3, "customer": ana }),
    ] {
        let (status, told) = world.console("POST retention", bad.clone()).await;
        assert_eq!((status, code_of(&told)), (400, "invalid"), "{bad}: {told}");
    }
    let nobody = json!({ "kind": "messages", "days": 3, "customer": "100000000000001" });
    assert_eq!(world.console("POST retention", nobody).await.0, 404);
    let (status, told) = world.alone("GET retention/report").await;
    assert_eq!((status, code_of(&told)), (409, "node_not_serving"));
    let register = world.done("GET records", Value::Null).await;
    assert_eq!(register["messages_kept_for_ms"], Value::Null);
    world.done("POST retention", json!({ "kind": "messages", "days": 30 })).await;
    let register = world.done("GET records", Value::Null).await;
    assert_eq!(register["messages_kept_for_ms"], json!(30 * DAY), "{register}");
}
