//! What customers are told before they write, and who acts for the bakery.

use lacre_business::chat::SendError;
use lacre_business::terms::Telling;
use serde_json::{Value, json};

use crate::world::*;

const DAY: u64 = 24 * 60 * MINUTE;

fn acme() -> Value {
    json!({ "name": "Acme Support", "purpose": "answers at night", "scopes": ["messaging"], "days": 30 })
}

async fn lets_in(world: &World, provider: Value) -> u64 {
    let told = world.done("POST providers", provider).await;
    told["provider"]["id"].as_u64().expect("a number")
}

async fn state(world: &World) -> Vec<String> {
    let told = world.done("GET providers", Value::Null).await;
    told["data"].as_array().expect("rows").iter().map(|it| text(&it["state"])).collect()
}

/// What a program of theirs gets when it looks at the profile.
async fn looks(world: &World, token: &str) -> (u16, Value) {
    let number = world.node.identity.number;
    world.program(token, &format!("GET {number}/whatsapp_business_profile"), Value::Null).await
}

#[tokio::test]
async fn r19_why_and_how_long_is_kept_is_told_by_the_device_as_retention_is_set() {
    let world = World::new().await;
    assert_eq!(world.done("GET terms", Value::Null).await["document"], Value::Null);
    let told = world.done("POST terms", json!({ "notice": "To bake what you ordered." })).await;
    assert_eq!((&told["keeps_days"], &told["customers_can_know"]), (&Value::Null, &json!(true)));
    world.done("POST retention", json!({ "kind": "messages", "days": 7 })).await;
    let told = world.chat.told().expect("read").expect("told").terms;
    assert_eq!((told.notice.as_str(), told.keeps_days), ("To bake what you ordered.", 7));
    assert_eq!(code_of(&world.alone("GET terms").await.1), "", "it is looked at without a node");
    for bad in [
        json!({ "notice": "x".repeat(2_001) }),
        json!({ "notice": 1 }),
        json!({}),
        json!({ "notice": "a\r\nb" }),
    ] {
        let (status, told) = world.console("POST terms", bad).await;
        assert_eq!((status, code_of(&told)), (400, "invalid"), "{told}");
    }
}

#[tokio::test]
async fn r24_a_providers_token_opens_what_its_delegation_says_and_each_call_is_in_the_log() {
    let world = World::new().await;
    let id = lets_in(&world, acme()).await;
    assert_eq!(state(&world).await, ["acts"]);
    let told = world.chat.told().expect("read").expect("told").terms.providers;
    assert_eq!(told.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["Acme Support"]);

    let too_much = json!({ "name": "theirs", "scopes": ["messaging", "management"], "provider": id });
    let (status, refused) = world.console("POST tokens", too_much).await;
    assert_eq!((status, code_of(&refused)), (400, "invalid"), "{refused}");
    let (_, token) = world.token(json!({ "name": "theirs", "scopes": ["messaging"], "provider": id })).await;
    assert_eq!(looks(&world, &token).await.0, 200);
    let account = world.node.identity.account;
    let templates = format!("GET {account}/message_templates");
    assert_eq!(
        world.program(&token, &templates, Value::Null).await.1["error"]["code"],
        10,
        "out of its scope"
    );
    let calls = world.log().await.into_iter().filter(|(_, what, _)| what == "provider.call").count();
    assert_eq!(calls, 1, "what it was refused was not done");
}

#[tokio::test]
async fn b13_no_provider_says_who_is_told_what_customers_write() {
    let world = World::new().await;
    let mut acme = acme();
    acme["scopes"] = json!(["management"]);
    let id = lets_in(&world, acme).await;
    let (_, theirs) =
        world.token(json!({ "name": "theirs", "scopes": ["management"], "provider": id })).await;
    let (_, ours) = world.token(json!({ "name": "ours", "scopes": ["management"] })).await;
    let (app, account, number) =
        (world.node.identity.app, world.node.identity.account, world.node.identity.number);
    let to = "https://acme.example/hears";
    let hook = json!({ "override_callback_uri": to, "verify_token": "v" });
    let app_hook = json!({ "object": "whatsapp_business_account", "callback_url": to, "verify_token": "v" });
    let both = json!({ "pin": "123456", "webhook_configuration": hook });
    let calls = [
        (format!("POST {app}/subscriptions"), app_hook),
        (format!("POST {account}/subscribed_apps"), hook.clone()),
        (format!("POST {number}"), both),
        (format!("DELETE {account}/subscribed_apps"), Value::Null),
        (format!("DELETE {app}/subscriptions"), Value::Null),
    ];
    for (line, body) in &calls {
        let (status, refused) = world.program(&theirs, line, body.clone()).await;
        assert_eq!((status, &refused["error"]["code"]), (403, &json!(10)), "{line}: {refused}");
    }
    let said = format!("POST {number}?webhook_configuration=%7B%22override_callback_uri%22%3A%22%22%7D");
    assert_eq!(world.program(&theirs, &said, Value::Null).await.0, 403);
    let changes = ["webhook.set", "webhook.remove", "number.set"];
    assert!(world.log().await.iter().all(|(_, what, _)| !changes.contains(&what.as_str())));
    assert_eq!(world.program(&theirs, &format!("POST {number}"), json!({ "pin": "123456" })).await.0, 200);
    for (line, body) in &calls {
        assert_eq!(world.program(&ours, line, body.clone()).await.0, 200, "{line}: the business does");
    }
}

#[tokio::test]
async fn what_is_done_is_done_and_in_the_log_though_the_device_tells_it_later() {
    let world = World::new().await;
    let fails = || world.chat.refuses_next(SendError::Unavailable("its store is busy".to_owned()));
    fails();
    let id = lets_in(&world, acme()).await;
    fails();
    assert_eq!(state(&world).await, ["not_told_yet"]);
    assert_eq!(state(&world).await, ["acts"], "as soon as it goes");
    fails();
    world.done("POST terms", json!({ "notice": "To bake what you ordered." })).await;
    fails();
    world.done(&format!("DELETE providers/{id}"), Value::Null).await;
    let log = world.log().await;
    for what in ["provider.add", "terms.set", "provider.remove"] {
        assert!(log.iter().any(|it| it.1 == what), "{what}");
    }
    assert_eq!(state(&world).await, ["revoked"]);
    let told = world.chat.told().expect("read").expect("told").terms;
    assert_eq!((told.notice.as_str(), told.providers.len()), ("To bake what you ordered.", 0));
}

#[tokio::test]
async fn b13_who_is_put_out_or_whose_time_is_over_is_refused_with_the_next_request() {
    let world = World::new().await;
    let (gone, over) = (lets_in(&world, acme()).await, lets_in(&world, acme()).await);
    let of = |id: u64| json!({ "name": "theirs", "scopes": ["messaging"], "provider": id });
    let ((_, gone_token), (_, over_token)) = (world.token(of(gone)).await, world.token(of(over)).await);
    assert_eq!([looks(&world, &gone_token).await.0, looks(&world, &over_token).await.0], [200, 200]);
    world.done(&format!("DELETE providers/{gone}"), Value::Null).await;
    let (status, refused) = looks(&world, &gone_token).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!(190)), "{refused}");
    assert_eq!(looks(&world, &over_token).await.0, 200, "of the other nothing has changed");
    let named: Vec<_> = world.chat.told().expect("read").expect("told").terms.providers;
    assert_eq!(named.iter().map(|it| it.id).collect::<Vec<_>>(), [over], "customers are told");

    world.clock.advance(30 * DAY);
    assert_eq!(looks(&world, &over_token).await.0, 401);
    let mut states = state(&world).await;
    states.sort();
    assert_eq!(states, ["expired", "revoked"]);
    assert_eq!(world.chat.told().expect("read").expect("told").terms.providers, []);
    let (status, unknown) = world.console("POST tokens", of(gone)).await;
    assert_eq!((status, code_of(&unknown)), (404, "not_found"));
    assert_eq!(world.console("DELETE providers/1", Value::Null).await.0, 404);
}

#[tokio::test]
async fn nobody_acts_of_whom_customers_cannot_know() {
    let world = World::new().await;
    world.chat.reaches(false);
    let id = lets_in(&world, acme()).await;
    assert_eq!(state(&world).await, ["not_told_yet"]);
    let (_, token) = world.token(json!({ "name": "theirs", "scopes": ["messaging"], "provider": id })).await;
    let (status, refused) = looks(&world, &token).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!(190)), "{refused}");
    world.chat.reaches(true);
    assert_eq!(state(&world).await, ["acts"]);
    assert_eq!(looks(&world, &token).await.0, 200);
    // Who acts only where a device serves is let in nowhere else.
    let (status, told) = world.console("POST providers", json!({ "name": "", "days": 1 })).await;
    assert_eq!((status, code_of(&told)), (400, "invalid"));
    for bad in [
        json!({ "name": "x", "days": 0 }),
        json!({ "name": "x", "days": 367 }),
        json!({ "name": "x", "scopes": ["business"] }),
        json!({ "name": "x\u{7}" }),
        json!({ "name": "x", "purpose": "a\nb" }),
    ] {
        let (status, told) = world.console("POST providers", bad).await;
        assert_eq!((status, code_of(&told)), (400, "invalid"), "{told}");
    }
}

#[tokio::test]
async fn a_provider_with_a_key_signs_what_it_asks() {
    let world = World::new().await;
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
    let mut acme = acme();
    acme["public_key"] = hex::encode(key.as_bytes()).into();
    let id = lets_in(&world, acme).await;
    let (_, token) = world.token(json!({ "name": "theirs", "scopes": ["messaging"], "provider": id })).await;
    let (status, refused) = looks(&world, &token).await;
    assert_ne!(status, 200, "the token alone does not do: {refused}");
}
