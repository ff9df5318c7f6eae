//! What is held of a customer, exported; and a customer with whose data nothing is done for a while.

use lacre_business::chat::{Category, MessageId};
use lacre_business::media::{Medium, Source};
use lacre_business::webhooks::event::Rendered;
use lacre_proto::AccountId;
use serde_json::{Value, json};

use crate::consents::{ANA, BRUNO, customers, number};
use crate::world::*;

fn message(n: u8, words: &str, files: Value) -> (MessageId, Value) {
    (MessageId([n; 16]), json!({ "content": { "text": words }, "from": "customer", "files": files }))
}

fn says(world: &World, who: AccountId, n: u8, words: &str, files: Value) {
    let (id, told) = message(n, words, files);
    world.chat.holds(who, id, told);
}

#[tokio::test]
async fn what_is_held_of_ana_is_told_whole_and_nothing_of_brunos() {
    let world = World::new().await;
    customers(&world);
    world.chat.has_handle("ana", ANA);
    let photo = json!([{ "name": "cake.jpg", "mime": "image/jpeg", "bytes": 5 }]);
    says(&world, ANA, 1, "do you have rye?", photo);
    says(&world, BRUNO, 2, "and for me?", json!([]));
    let medium = Medium {
        id: 123_456_789_012_345,
        mime: "image/jpeg".to_owned(),
        sha256: [0; 32],
        size: 5,
        name: None,
        expires: NOW + MINUTE,
        source: Source::Customer(MessageId([1; 16]), 0),
    };
    world.node.media.note(medium).await.expect("noted");
    let hears = Hears::start();
    world.done("POST webhooks", json!({ "url": hears.url, "verify_token": "x" })).await;
    for customer in [ANA, BRUNO] {
        let body = b"{}".to_vec();
        world
            .waits(Rendered { customer: Some(customer), field: "messages".into(), body, is_led: true })
            .await;
    }

    let ana = number(&world, ANA).await;
    let told = world.done(&format!("GET customers/{ana}/export"), Value::Null).await;
    assert_eq!((&told["wa_id"], &told["user_id"]), (&json!(ana), &json!(format!("ZZ.{ana}"))));
    assert_eq!((&told["account"], &told["made_ms"]), (&json!(ANA.to_string()), &json!(NOW)));
    let person = &told["person"];
    assert_eq!((&person["handle"], &person["blocked"]), (&json!("ana"), &json!(false)), "{told}");
    assert_eq!(person["consent"]["categories"], json!(["service", "marketing"]));
    assert_eq!(person["consent"]["receipt"], "YXMgaXQgd2FzIHNpZ25lZA==");
    assert_eq!(
        told["webhooks"],
        json!([{
            "id": 1, "receiver": "main", "field": "messages", "created_ms": NOW, "given_up_ms": null, "bytes": 2,
        }])
    );

    let told = world.done(&format!("GET customers/{ana}/messages"), Value::Null).await;
    assert_eq!(told["next"], Value::Null);
    let rows = told["data"].as_array().expect("rows");
    assert_eq!(rows.len(), 1, "{told}");
    assert_eq!(rows[0]["content"]["text"], "do you have rye?");
    let file = json!({ "name": "cake.jpg", "mime": "image/jpeg", "bytes": 5, "media_id": "123456789012345",
                       "lies_here": false, "kept_until_ms": NOW + MINUTE });
    assert_eq!(rows[0]["files"], json!([file]));
    assert!(rows[0]["sent_by_api"].is_null());

    let told = world.done("GET audit?what=customer.", Value::Null).await;
    let rows = told["data"].as_array().expect("rows");
    let named: Vec<_> = rows.iter().map(|it| (text(&it["what"]), text(&it["on"]))).collect();
    let row = |what: &str, on: &str| (what.to_owned(), on.to_owned());
    assert_eq!(named, [row("customer.export", ""), row("customer.export.messages", "1 messages")]);
    let pseudonym = hex::encode(world.node.audit.pseudonym(ANA).0);
    assert!(rows.iter().all(|it| it["customer"] == pseudonym.as_str()), "{rows:?}");
    assert!(!told.to_string().contains(&ana), "the log knows no number of hers");
}

#[tokio::test]
async fn b08_nobody_exports_who_may_not_and_each_export_of_each_customer_is_a_row() {
    let world = World::new().await;
    customers(&world);
    says(&world, ANA, 1, "do you have rye?", json!([]));
    let (ana, bruno) = (number(&world, ANA).await, number(&world, BRUNO).await);
    let (_, token) = world.token(json!({ "name": "till", "scopes": ["messaging", "management"] })).await;
    let lines = |of: &str| [format!("GET customers/{of}/export"), format!("GET customers/{of}/messages")];
    for role in ["supervisor", "agent", "auditor", "developer"] {
        let who = world.with(role, role, json!("all")).await;
        for line in lines(&ana) {
            let (status, told) = world.as_person(&who.session, &line, Value::Null).await;
            assert_eq!((status, code_of(&told)), (403, "not_allowed"), "{role}: {line}");
        }
    }
    let limited = world.with("lia", "admin", json!(["shop"])).await;
    for (bearer, code) in [("", 401), (token.as_str(), 401), ("lacre_bs_00", 401), (&limited.session, 403)] {
        for line in lines(&ana) {
            assert_eq!(world.as_person(bearer, &line, Value::Null).await.0, code, "{line}");
        }
    }
    // Nobody is told by a refusal who is a customer.
    let nobody = lines("100000000000001").map(|line| line.replace("GET ", ""));
    for line in nobody {
        let (status, told) = world.as_person(&limited.session, &format!("GET {line}"), Value::Null).await;
        assert_eq!((status, code_of(&told)), (403, "not_allowed"));
    }
    let bia = world.with("bia", "admin", json!("all")).await;
    for of in [&ana, &ana, &bruno] {
        assert_eq!(world.as_person(&bia.session, &lines(of)[0], Value::Null).await.0, 200);
    }
    let told = world.done("GET audit?what=customer.export&limit=100", Value::Null).await;
    let rows = told["data"].as_array().expect("rows");
    let of = |who: AccountId| {
        let pseudonym = hex::encode(world.node.audit.pseudonym(who).0);
        rows.iter().filter(|it| it["customer"] == pseudonym.as_str()).count()
    };
    assert_eq!((of(ANA), of(BRUNO)), (2, 1), "{rows:?}");
}

#[tokio::test]
async fn what_a_program_sent_is_told_with_what_the_program_noted() {
    let world = World::new().await;
    let (_, token) = world.token(json!({ "name": "till" })).await;
    world.chat.opens_window(ANA, NOW + MINUTE);
    let ana = number(&world, ANA).await;
    let send = json!({ "messaging_product": "whatsapp", "to": ana, "type": "text", "text": { "body": "at five" },
                       "biz_opaque_callback_data": "order 7" });
    let line = format!("POST {}/messages", world.node.identity.number);
    let (status, sent) = world.program(&token, &line, send).await;
    assert_eq!(status, 200, "{sent}");
    let id = lacre_business::api::wamid::parse(&text(&sent["messages"][0]["id"])).expect("an id");
    world.chat.holds(ANA, id, json!({ "files": [] }));
    let told = world.done(&format!("GET customers/{ana}/messages"), Value::Null).await;
    let noted = json!({ "category": Category::Service.name(), "biz_opaque_callback_data": "order 7", "taken_ms": NOW });
    assert_eq!(told["data"][0]["sent_by_api"], noted, "{told}");
}

#[tokio::test]
async fn a_long_conversation_is_told_page_by_page_and_each_message_once() {
    let world = World::new().await;
    for n in 0..7 {
        says(&world, ANA, n, &format!("line {n}"), json!([]));
    }
    let ana = number(&world, ANA).await;
    let (mut after, mut seen, mut pages) = (None::<String>, Vec::new(), 0);
    loop {
        let from = after.map_or(String::new(), |it| format!("&after={it}"));
        let told = world.done(&format!("GET customers/{ana}/messages?limit=3{from}"), Value::Null).await;
        seen.extend(told["data"].as_array().expect("rows").iter().map(|it| text(&it["content"]["text"])));
        pages += 1;
        match told["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!((pages, seen), (3, (0..7).map(|n| format!("line {n}")).collect()));
    for bad in ["x", "1.2", "1.2.3.4", "-1.2.3", "1.2.99999999999"] {
        let (status, told) =
            world.console(&format!("GET customers/{ana}/messages?after={bad}"), Value::Null).await;
        assert_eq!((status, code_of(&told)), (400, "invalid"), "{bad}");
    }
    for nobody in ["100000000000001", "ana", "ZZ.1"] {
        let (status, told) = world.console(&format!("GET customers/{nobody}/export"), Value::Null).await;
        assert_eq!((status, code_of(&told)), (404, "not_found"), "{nobody}");
    }
    // With or without the country before it.
    assert_eq!(world.console(&format!("GET customers/ZZ.{ana}/export"), Value::Null).await.0, 200);
}

#[tokio::test]
async fn nothing_is_sent_to_a_customer_while_they_are_restricted() {
    let world = World::new().await;
    let (_, token) = world.token(json!({ "name": "till" })).await;
    for customer in [ANA, BRUNO] {
        world.chat.opens_window(customer, NOW + 60 * MINUTE);
    }
    let (ana, bruno) = (number(&world, ANA).await, number(&world, BRUNO).await);
    let line = format!("POST {}/messages", world.node.identity.number);
    let send = |to: &str| json!({ "messaging_product": "whatsapp", "to": to, "type": "text", "text": { "body": "hi" } });
    let restrict = format!("POST customers/{ana}/restrict");
    let told = world.done(&restrict, Value::Null).await;
    assert_eq!(told, json!({ "wa_id": ana, "restricted_since_ms": NOW, "waiting": 0 }));
    world.clock.advance(MINUTE);
    let told = world.done(&restrict, Value::Null).await;
    assert_eq!(told["restricted_since_ms"], json!(NOW), "it stays the same one");

    let (status, refused) = world.program(&token, &line, send(&ana)).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(131_026)), "{refused}");
    assert!(refused["error"]["error_data"]["details"].to_string().contains("restricted"), "{refused}");
    assert_eq!(world.program(&token, &line, send(&bruno)).await.0, 200, "others are written to");
    assert_eq!(world.chat.sent().len(), 1);
    customers(&world);
    let told = world.done(&format!("GET customers/{ana}/export"), Value::Null).await;
    assert_eq!(told["restricted_since_ms"], json!(NOW), "they may have it all the same: {told}");

    let told = world.done(&restrict, json!({ "lift": true })).await;
    assert_eq!(told["restricted_since_ms"], Value::Null);
    assert_eq!(world.program(&token, &line, send(&ana)).await.0, 200);
    world.done(&restrict, json!({ "lift": true })).await;
    let told = world.done("GET audit?what=customer.restrict", Value::Null).await;
    let rows: Vec<_> = told["data"].as_array().expect("rows").iter().map(|it| text(&it["on"])).collect();
    assert_eq!(rows, ["restricted", "restricted", "lifted", "lifted"]);
}
