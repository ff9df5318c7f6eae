//! Tokens, webhooks and templates: what programs live on.

use lacre_business::store::{end_of, table};
use lacre_business::tokens::appsecret_proof;
use lacre_store::data::{Data, Key};
use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn a_token_is_made_used_rotated_and_revoked() {
    let world = World::new().await;
    let number = world.node.identity.number;
    let get = format!("GET {number}");
    let new = json!({ "name": "till", "scopes": ["management"], "numbers": [number.to_string()],
                      "expires_ms": NOW + 600 * MINUTE });
    let (id, first) = world.token(new).await;
    assert_eq!(world.program(&first, &get, Value::Null).await.0, 200);
    let told = world.done("GET tokens", Value::Null).await;
    let row = &told["data"][0];
    assert_eq!((&row["name"], &row["state"]), (&json!("till"), &json!("live")), "{told}");
    assert_eq!(
        (&row["scopes"], &row["numbers"]),
        (&json!(["whatsapp_business_management"]), &json!([number.to_string()]))
    );
    assert_eq!(row["last_used_ms"], json!(NOW));
    assert!(!told.to_string().contains(&first));

    let told = world.done(&format!("POST tokens/{id}/rotate"), json!({ "overlap_s": 600 })).await;
    let second = text(&told["access_token"]);
    assert_eq!(world.program(&first, &get, Value::Null).await.0, 200, "both, for ten minutes");
    assert_eq!(world.program(&second, &get, Value::Null).await.0, 200);
    world.clock.advance(10 * MINUTE);
    let (status, refused) = world.program(&first, &get, Value::Null).await;
    assert_eq!((status, &refused["error"]["error_subcode"]), (401, &json!(463)), "{refused}");
    world.done(&format!("POST tokens/{id}/revoke"), Value::Null).await;
    let (status, refused) = world.program(&second, &get, Value::Null).await;
    assert_eq!((status, &refused["error"]["error_subcode"]), (401, &json!(460)), "at once: {refused}");
    let (status, told) = world.console(&format!("POST tokens/{id}/rotate"), Value::Null).await;
    assert_eq!((status, code_of(&told)), (409, "token_revoked"));
    assert_eq!(world.done("GET tokens", Value::Null).await["data"][0]["state"], "revoked");
    assert_eq!(world.console("POST tokens/99/revoke", Value::Null).await.0, 404);
    for bad in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x", "scopes": ["everything"] }),
        json!({ "name": "x", "expires_ms": 5 }),
        json!({ "name": "x", "bound": { "networks": ["10.0.0.0/99"] } }),
        json!({ "name": "x", "bound": { "public_key": "00" } }),
        json!({ "name": "x", "bound": { "public_key": "01".to_owned() + &"0".repeat(62) } }),
    ] {
        let (status, told) = world.console("POST tokens", bad.clone()).await;
        assert_eq!((status, code_of(&told)), (400, "invalid"), "{bad}: {told}");
    }
}

#[tokio::test]
async fn nobody_makes_a_token_that_may_do_what_they_may_not() {
    let world = World::new().await;
    let dev = world.with("dora", "developer", Value::Null).await;
    for (scopes, status) in [
        (json!(["messaging", "management"]), 200),
        (json!(["business"]), 403),
        (json!(["management", "audit"]), 403),
    ] {
        let new = json!({ "name": "x", "scopes": scopes });
        let (got, told) = world.as_person(&dev.session, "POST tokens", new).await;
        assert_eq!(got, status, "{scopes}: {told}");
    }
    let all = json!({ "name": "x", "scopes": ["business", "audit"] });
    let owner = world.with("ana", "owner", Value::Null).await;
    assert_eq!(world.as_person(&owner.session, "POST tokens", all).await.0, 200);
}

#[tokio::test]
async fn while_the_apps_secret_is_changed_both_are_taken() {
    let world = World::new().await;
    let identity = &world.node.identity;
    let first = identity.app_secret.clone();
    let new = json!({ "name": "x", "bound": { "appsecret_proof": true } });
    let (_, token) = world.token(new).await;
    let told = world.done("POST webhooks/rotate-secret", json!({ "overlap_s": 600 })).await;
    let second = text(&told["app_secret"]);
    let shown = async |secret: &str| {
        let proof = appsecret_proof(&token, secret);
        world
            .program(&token, &format!("GET {}?appsecret_proof={proof}", identity.number), Value::Null)
            .await
            .0
    };
    let granted = async |secret: &str| {
        let query =
            format!("grant_type=client_credentials&client_id={}&client_secret={secret}", identity.app);
        world.program("", &format!("GET oauth/access_token?{query}"), Value::Null).await.0
    };
    assert_eq!((shown(&first).await, shown(&second).await), (200, 200));
    assert_eq!((granted(&first).await, granted(&second).await), (200, 200));
    assert_eq!((shown("other").await, granted("other").await), (401, 401));
    let until = &world.done("GET webhooks", Value::Null).await["secret_before_until_ms"];
    assert_eq!(until, &told["before_until_ms"]);
    world.clock.advance(10 * MINUTE);
    assert_eq!((shown(&first).await, shown(&second).await), (401, 200));
    assert_eq!((granted(&first).await, granted(&second).await), (401, 200));
}

#[tokio::test]
async fn a_receiver_is_set_by_the_handshake_told_of_a_decision_and_told_again() {
    let world = World::new().await;
    let (_, token) = world.token(json!({ "name": "a program" })).await;
    let program = Hears::start();
    let (status, told) =
        world.console("POST webhooks", json!({ "url": "https://10.0.0.1/", "verify_token": "v" })).await;
    assert_eq!((status, code_of(&told)), (400, "callback_refused"), "{told}");
    let told = world.done("POST webhooks", json!({ "url": program.url, "verify_token": "bread" })).await;
    assert_eq!((&told["level"], &told["called"]), (&json!("app"), &json!(true)), "{told}");
    assert!(program.heard.lock().expect("no panic")[0].contains("hub.verify_token=bread"));
    // What the Graph call shows is the same.
    let (_, shown) =
        world.program(&token, &format!("GET {}/subscriptions", world.node.identity.app), Value::Null).await;
    assert_eq!(shown["data"], json!([]), "the Cloud API's face of this world has ports of its own");

    let id = world.template(&token, "order_ready").await;
    let waiting = world.done("GET templates?status=pending", Value::Null).await;
    assert_eq!(waiting["data"][0]["id"], json!(id));
    let told = world.done(&format!("POST templates/{id}/approve"), Value::Null).await;
    assert_eq!(told["status"], "APPROVED");
    assert_eq!(world.done("GET templates?status=PENDING", Value::Null).await["data"], json!([]));
    let waiting = Key::new(table::DELIVERY, &[b"d"]);
    let waiting = world.data.scan(&waiting, &end_of(&waiting), 10).await.expect("read");
    assert_eq!(waiting.len(), 1, "the receiver will be told");
    assert!(String::from_utf8_lossy(&waiting[0].1).contains("\"event\":\"APPROVED\""));
    let (status, told) =
        world.console(&format!("POST templates/{id}/reject"), json!({ "reason": "no" })).await;
    assert_eq!((status, code_of(&told)), (409, "template_state"), "{told}");
    // It rests for a while.
    for (step, status) in [("pause", "PAUSED"), ("resume", "APPROVED")] {
        let told = world.done(&format!("POST templates/{id}/{step}"), Value::Null).await;
        assert_eq!(told["status"], status);
        let waiting = Key::new(table::DELIVERY, &[b"d"]);
        let waiting = world.data.scan(&waiting, &end_of(&waiting), 10).await.expect("read");
        let event = format!("\"event\":\"{status}\"");
        let last = waiting.last().expect("the receiver will be told");
        assert!(String::from_utf8_lossy(&last.1).contains(&event));
    }
    let other = world.template(&token, "order_late").await;
    for step in ["pause", "resume"] {
        let (status, told) = world.console(&format!("POST templates/{other}/{step}"), Value::Null).await;
        assert_eq!((status, code_of(&told)), (409, "template_state"), "it was never approved: {told}");
    }
    let (status, told) = world.console(&format!("POST templates/{other}/reject"), Value::Null).await;
    assert_eq!((status, code_of(&told)), (400, "invalid"), "why? {told}");
    let told = world
        .done(&format!("POST templates/{other}/reject"), json!({ "reason": "TAG_CONTENT_MISMATCH" }))
        .await;
    assert_eq!(
        (&told["status"], &told["rejected_reason"]),
        (&json!("REJECTED"), &json!("TAG_CONTENT_MISMATCH"))
    );
    assert_eq!(world.console(&format!("POST templates/{other}/approve"), Value::Null).await.0, 409);
    assert_eq!(world.console("POST templates/7/approve", Value::Null).await.0, 404);

    assert_eq!(world.done("GET webhooks/dead", Value::Null).await["data"], json!([]));
    assert_eq!(world.done("GET webhooks/deliveries", Value::Null).await["data"], json!([]));
    assert_eq!(world.done("POST webhooks/replay", json!({ "dead": true })).await["replayed"], 0);
    for bad in [json!({}), json!({ "id": 1, "dead": true }), json!({ "dead": true, "from_ms": 1 })] {
        assert_eq!(world.console("POST webhooks/replay", bad).await.0, 400);
    }
    assert_eq!(world.console("POST webhooks/replay", json!({ "id": 77 })).await.0, 404);
    world.done("DELETE webhooks/app", Value::Null).await;
    assert_eq!(world.console("DELETE webhooks/app", Value::Null).await.0, 404);
    let told = world
        .done("POST webhooks", json!({ "url": program.url, "verify_token": "v", "level": "also-3" }))
        .await;
    assert_eq!(told["level"], "also-3");
}
