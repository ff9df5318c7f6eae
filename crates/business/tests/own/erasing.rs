//! A customer is erased: nothing of them is left but the pseudonym, and nothing comes back.

use std::path::Path;
use std::sync::Arc;

use lacre_business::chat::{ChatEvent, Customer, Incoming, MessageId, SendError};
use lacre_business::customers::Country;
use lacre_business::ground::{Face, Ground};
use lacre_business::media::{Medium, Source};
use lacre_business::restriction;
use lacre_business::store::bytes_of;
use lacre_business::webhooks::event::Rendered;
use lacre_store::data::{Batch, Data, Key};
use lacre_store::memory::MemoryData;
use serde_json::{Value, json};

use crate::consents::{ANA, BRUNO, number};
use crate::world::*;

const WORDS: &str = "do you have rye?";
/// What her picture shows.
pub const HERS: &str = "a cake with a name on it";
const PICTURE: u64 = 123_456_789_012_345;

/// Ana has written, and somebody noted something of her; she sent a picture, which a program fetched; she was answered; a webhook about her waits; she is
/// blocked and restricted. Bruno has written too.
pub async fn story(world: &World) {
    for (who, n) in [(ANA, 3), (BRUNO, 4)] {
        let from = Customer { account: who, name: "Ana".to_owned() };
        let what = Incoming::Text(WORDS.to_owned());
        let id = MessageId([n; 16]);
        world
            .happens(ChatEvent::Message { from, id, at: NOW, what, in_reply_to: None, forwarded: None })
            .await;
        let line = format!("conversations/{}", number(world, who).await);
        let noted = json!({ "body": "allergic to nuts" });
        world.done(&format!("POST {line}/notes"), noted).await;
        world.done(&format!("POST {line}/labels"), json!({ "add": ["nuts"], "version": 1 })).await;
    }
    let (_, token) = world.token(json!({ "name": "till" })).await;
    let hears = Hears::start();
    world.done("POST webhooks", json!({ "url": hears.url, "verify_token": "x" })).await;
    let line = format!("POST {}/messages", world.node.identity.number);
    for (who, n) in [(ANA, 1), (BRUNO, 2)] {
        let digits = number(world, who).await;
        let said = json!({ "content": { "text": WORDS }, "files": [{ "name": "cake.jpg" }], "at_ms": NOW });
        world.chat.holds(who, MessageId([n; 16]), said);
        let body = format!("{digits} says {WORDS}").into_bytes();
        world.waits(Rendered { customer: Some(who), field: "messages".into(), body, is_led: true }).await;
        world.chat.opens_window(who, NOW + MINUTE);
        let send = json!({ "messaging_product": "whatsapp", "to": digits, "type": "text",
                           "text": { "body": "at five" }, "biz_opaque_callback_data": "order 7" });
        let (status, sent) = world.program_once(&token, &format!("key {n}"), &line, send).await;
        assert_eq!(status, 200, "{sent}");
    }
    let medium = Medium {
        id: PICTURE,
        mime: "image/jpeg".to_owned(),
        sha256: [0; 32],
        size: 5,
        name: Some("cake.jpg".to_owned()),
        expires: NOW + MINUTE,
        source: Source::Customer(MessageId([1; 16]), 0),
    };
    world.node.media.note(medium).await.expect("noted");
    let media = world.folder.path().join("media");
    std::fs::create_dir_all(&media).expect("made");
    std::fs::write(media.join(PICTURE.to_string()), HERS).expect("fetched");
    let block =
        json!({ "messaging_product": "whatsapp", "block_users": [{ "user": number(world, ANA).await }] });
    let line = format!("POST {}/block_users", world.node.identity.number);
    assert_eq!(world.program(&token, &line, block).await.0, 200);
    restriction::set(&world.node.store, ANA, NOW).await.expect("set");
}

pub async fn rows(data: &MemoryData) -> Vec<(Key, bytes::Bytes)> {
    let (from, to) = (Key::from(bytes::Bytes::new()), Key::from(bytes::Bytes::from_static(&[0xff; 4])));
    data.scan(&from, &to, usize::MAX).await.expect("read")
}

/// Where something is found of Ana: in rows of the store and files of the folder.
async fn traces(world: &World, digits: &str) -> Vec<String> {
    found(&world.data, world.folder.path(), &needles(digits)).await
}

/// Where these words are found.
pub async fn traces_of(world: &World, words: &str) -> Vec<String> {
    found(&world.data, world.folder.path(), &[words.as_bytes().to_vec()]).await
}

/// What may be left of Ana, who has this number.
pub fn needles(digits: &str) -> Vec<Vec<u8>> {
    let number: u64 = digits.parse().expect("digits");
    vec![
        digits.as_bytes().to_vec(),
        number.to_be_bytes().to_vec(),
        bytes_of(&number),
        ANA.as_ref().to_vec(),
        ANA.to_string().into_bytes(),
        vec![1; 16],
        HERS.as_bytes().to_vec(),
    ]
}

pub async fn found(data: &MemoryData, folder: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let has = |hay: &[u8]| needles.iter().any(|needle| hay.windows(needle.len()).any(|it| it == *needle));
    let mut found: Vec<_> = rows(data)
        .await
        .iter()
        .filter(|(key, value)| has(key.as_bytes()) || has(value))
        .map(|(key, _)| format!("row {}", hex::encode(key.as_bytes())))
        .collect();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("read").flatten() {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false if has(&std::fs::read(entry.path()).expect("read")) => {
                    found.push(format!("file {}", entry.path().display()));
                }
                false => {}
            }
        }
    }
    found
}

#[tokio::test]
async fn b07_nothing_of_ana_is_left_but_the_pseudonym_and_all_of_brunos_is() {
    let world = World::new().await;
    story(&world).await;
    let (ana, bruno) = (number(&world, ANA).await, number(&world, BRUNO).await);
    let count = async |what: &str| {
        let told = world.alone("GET records").await.1;
        let rows = told["kept"].as_array().expect("rows").clone();
        let row = rows.into_iter().find(|it| it["what"].as_str().is_some_and(|it| it.starts_with(what)));
        row.unwrap_or_else(|| panic!("{what} in {told}"))["count"].as_u64().expect("a number")
    };
    let kept =
        ["customers", "files", "notes of", "answers", "webhooks that wait", "conversations", "notes about"];
    for (what, counted) in kept.iter().zip([2, 1, 2, 2, 2, 2, 2]) {
        assert_eq!(count(what).await, counted, "{what}");
    }
    let register = world.done("GET records", Value::Null).await;
    let recipient = json!({ "host": "127.0.0.1", "receiver": "main", "fields": [], "told": true });
    assert_eq!(register["recipients"], json!([recipient]), "{register}");
    // Her message, its media; two rows of who she is; block, restriction; delivery; what was sent; the answer; a file.
    assert!(traces(&world, &ana).await.len() >= 10, "{:?}", traces(&world, &ana).await);
    let told = world.done(&format!("POST customers/{ana}/erase"), Value::Null).await;
    let erased = json!({ "messages": 1, "media": 1, "webhooks": 1, "noted_of_messages_sent": 1,
                         "answers": 1, "notes": 1, "conversation": true, "number": true });
    assert_eq!(told["erased"], erased, "{told}");
    let pseudonym = hex::encode(world.node.audit.pseudonym(ANA).0);
    assert_eq!((&told["wa_id"], &told["pseudonym"]), (&json!(ana), &json!(pseudonym)));
    assert!(told["remains"].as_array().is_some_and(|it| it.iter().all(|it| it["why"].is_string())));

    assert_eq!(traces(&world, &ana).await, Vec::<String>::new());
    let log = world.done("GET audit?what=customer.erase", Value::Null).await;
    assert_eq!(log["data"][0]["customer"], pseudonym.as_str());
    assert_eq!(world.console(&format!("GET customers/{ana}/export"), Value::Null).await.0, 404);
    let theirs = world.done(&format!("GET customers/{bruno}/messages"), Value::Null).await;
    assert_eq!(theirs["data"][0]["content"]["text"], WORDS);
    let webhooks = world.done(&format!("GET customers/{bruno}/export"), Value::Null).await;
    assert_eq!(webhooks["webhooks"].as_array().map(Vec::len), Some(1));
    assert_eq!(webhooks["conversation"]["labels"], json!(["nuts"]));
    assert_eq!(webhooks["notes"][0]["body"], "allergic to nuts");
    for (what, counted) in kept.iter().zip([1, 0, 1, 1, 1, 1, 1]) {
        assert_eq!(count(what).await, counted, "{what}");
    }
    assert_eq!(world.starts_again().await, 0, "it was done");
}

#[tokio::test]
async fn what_was_broken_off_is_done_at_the_next_start() {
    let world = World::new().await;
    story(&world).await;
    let ana = number(&world, ANA).await;
    // As if it died before the device was done.
    world.chat.refuses_next(SendError::Unavailable("gone".to_owned()));
    let (status, told) = world.console(&format!("POST customers/{ana}/erase"), Value::Null).await;
    assert_eq!((status, code_of(&told)), (503, "unavailable"));
    assert!(!traces(&world, &ana).await.is_empty());
    assert_eq!(world.starts_again().await, 1);
    assert_eq!(traces(&world, &ana).await, Vec::<String>::new());
    assert_eq!(world.starts_again().await, 0);
    let rows = world.log().await;
    let row = ("node".to_owned(), "customer.erase".to_owned(), "again, at the start".to_owned());
    assert_eq!(rows.iter().filter(|it| **it == row).count(), 1, "{rows:?}");
}

#[tokio::test]
async fn a_copy_from_before_that_comes_back_is_erased_again_at_the_start() {
    let world = World::new().await;
    story(&world).await;
    let ana = number(&world, ANA).await;
    let copy = rows(&world.data).await;
    world.done(&format!("POST customers/{ana}/erase"), Value::Null).await;
    let now = rows(&world.data).await.into_iter();
    world.data.write(now.fold(Batch::new(), |it, (key, _)| it.delete(key))).await.expect("written");
    let back = copy.into_iter().fold(Batch::new(), |it, (key, value)| it.put(key, value));
    world.data.write(back).await.expect("written");
    world.chat.holds(ANA, MessageId([1; 16]), json!({ "content": { "text": WORDS }, "files": [{}] }));
    assert!(!traces(&world, &ana).await.is_empty(), "it is all back");
    assert_eq!(world.starts_again().await, 1);
    assert_eq!(traces(&world, &ana).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_erased_is_not_told_any_more_and_what_she_writes_later_is() {
    let world = World::new().await;
    story(&world).await;
    let ana = number(&world, ANA).await;
    world.done(&format!("POST customers/{ana}/erase"), Value::Null).await;
    let media = world.folder.path().join("media");
    let ground =
        Ground::of(world.data.clone(), world.clock.clone(), media, Country::default(), Face::default());
    let renderer = Arc::new(ground.await.expect("a ground").renderer);
    let says = |at: u64| ChatEvent::Message {
        from: Customer { account: ANA, name: "Ana".to_owned() },
        id: MessageId([9; 16]),
        at,
        what: Incoming::Text(WORDS.to_owned()),
        in_reply_to: None,
        forwarded: None,
    };
    assert_eq!(renderer.event(&says(NOW)).await, Ok(None));
    assert_eq!(traces(&world, &ana).await, Vec::<String>::new(), "nor is she given a number for it");
    let told = renderer.event(&says(NOW + 1)).await.expect("rendered").expect("it is told");
    assert!(String::from_utf8_lossy(&told.body).contains(&ana), "under the same number");
}

#[tokio::test]
async fn what_came_after_the_first_try_is_no_part_of_the_second() {
    let world = World::new().await;
    story(&world).await;
    let ana = number(&world, ANA).await;
    world.chat.refuses_next(SendError::Unavailable("gone".to_owned()));
    assert_eq!(world.console(&format!("POST customers/{ana}/erase"), Value::Null).await.0, 503);
    // Meanwhile she writes again, is answered, and is restricted.
    world.clock.advance(MINUTE);
    let since = b"her new words".to_vec();
    world.waits(Rendered { customer: Some(ANA), field: "messages".into(), body: since, is_led: true }).await;
    let said = json!({ "content": { "text": "her new words" }, "files": [], "at_ms": NOW + MINUTE });
    world.chat.holds(ANA, MessageId([9; 16]), said);
    restriction::lift(&world.node.store, &alone(&world).await.outbox, ANA, NOW).await.expect("lifted");
    let (_, token) = world.token(json!({ "name": "another" })).await;
    world.chat.opens_window(ANA, NOW + 10 * MINUTE);
    world.chat.unblocks(ANA);
    let send =
        json!({ "messaging_product": "whatsapp", "to": ana, "type": "text", "text": { "body": "at six" } });
    let line = format!("POST {}/messages", world.node.identity.number);
    let (status, told) = world.program_once(&token, "key 3", &line, send.clone()).await;
    assert_eq!(status, 200, "{told}");
    restriction::set(&world.node.store, ANA, NOW + MINUTE).await.expect("set");

    assert_eq!(world.starts_again().await, 1);
    let ground = alone(&world).await;
    let waits = ground.outbox.of(ANA).await.expect("read");
    assert_eq!(waits.iter().map(|it| it.id).collect::<Vec<_>>(), [3], "the new one is still to be told");
    assert_eq!(restriction::since(&world.node.store, ANA).await, Ok(Some(NOW + MINUTE)));
    let row = Key::new(lacre_business::store::table::DELIVERY, &[b"c"]);
    let counts = world.data.scan(&row, &lacre_business::store::end_of(&row), 9).await.expect("read");
    assert_eq!(counts.len(), 2, "and what comes next comes after it");
    let held = lacre_business::held::Holdings::held(&world.chat, ANA, None, 9).expect("read");
    assert_eq!(held.iter().map(|it| it.id).collect::<Vec<_>>(), [MessageId([9; 16])]);
    restriction::lift(&world.node.store, &ground.outbox, ANA, NOW).await.expect("lifted");
    let again = world.program_once(&token, "key 3", &line, send).await;
    assert_eq!(again, (200, told), "the answer to her new message is still known");
}

async fn alone(world: &World) -> Ground<MemoryData, lacre_business::fake::FakeClock> {
    Ground::alone(world.data.clone(), world.clock.clone()).await.expect("a ground")
}

#[tokio::test]
async fn what_the_store_had_begun_is_ended_though_the_file_is_gone() {
    let world = World::new().await;
    story(&world).await;
    let ana = number(&world, ANA).await;
    world.chat.refuses_next(SendError::Unavailable("gone".to_owned()));
    assert_eq!(world.console(&format!("POST customers/{ana}/erase"), Value::Null).await.0, 503);
    std::fs::remove_file(world.folder.path().join("erased")).expect("removed");
    assert_eq!(world.starts_again().await, 1);
    assert_eq!(traces(&world, &ana).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_said_is_erased_by_the_relays_time_however_wrong_this_clock_is() {
    let world = World::new().await;
    story(&world).await;
    let ana = number(&world, ANA).await;
    // This machine is an hour ahead: what she says next, by the relay's time, is not said yet.
    world.clock.advance(61 * MINUTE);
    world.chat.is_behind(60 * MINUTE);
    let told = world.done(&format!("POST customers/{ana}/erase"), Value::Null).await;
    assert_eq!(told["up_to_ms"], NOW + MINUTE, "{told}");
    let store = &world.node.store;
    let erased = async |at| lacre_business::erasing::is_erased(store, ANA, at).await;
    assert_eq!((erased(NOW + MINUTE).await, erased(NOW + 2 * MINUTE).await), (Ok(true), Ok(false)));
}

#[tokio::test]
async fn a_list_of_consents_writes_nobody_down_again() {
    let world = World::new().await;
    story(&world).await;
    crate::consents::customers(&world);
    let ana = number(&world, ANA).await;
    world.done(&format!("POST customers/{ana}/erase"), Value::Null).await;
    let before = rows(&world.data).await.len();
    let told = world.done("GET consents", Value::Null).await;
    assert_eq!(told["data"][0]["wa_id"], ana, "the receipt is there, under the number that she would have");
    // But for the row of the audit log, and its head.
    assert!(rows(&world.data).await.len() <= before + 1);
    assert_eq!(traces(&world, &ana).await, Vec::<String>::new());
    let first = world.done("GET consents?limit=1", Value::Null).await;
    let second =
        world.done(&format!("GET consents?limit=1&after={}", text(&first["next"])), Value::Null).await;
    assert_ne!(first["data"], second["data"]);
    // Carla has never written: what is held of her can be had all the same.
    let carla = text(&told["data"][2]["wa_id"]);
    assert_eq!(world.console(&format!("GET customers/{carla}/export"), Value::Null).await.0, 200);
    assert_eq!(world.console(&format!("GET customers/{ana}/export"), Value::Null).await.0, 404);
}
