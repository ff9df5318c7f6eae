//! Somebody sees some inboxes: what lies in others is as if it were not there.

use lacre_business::held::Holdings;
use lacre_business::own::routes::{Need, OWN_ROUTES, Route};
use lacre_business::people::Role;
use serde_json::{Value, json};

use crate::consents::{ANA, BRUNO, number};
use crate::inbox::{asks, two_wait, who};
use crate::world::*;

/// What makes sense to each call about a conversation.
fn body(route: &Route, now: u64) -> Value {
    match route.method {
        "POST" => json!({
            "body": "at five", "version": 1, "add": ["rye"], "until_ms": now + MINUTE, "inbox": "returns",
        }),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_call_about_a_foreign_conversation_answers_as_about_one_that_there_is_not() {
    let world = World::new().await;
    let (_, bruno) = two_wait(&world).await;
    world.done("POST inboxes", json!({ "name": "returns" })).await;
    world.done(&format!("POST {bruno}/move"), json!({ "inbox": "returns", "version": 1 })).await;
    world.done(&format!("POST {bruno}/notes"), json!({ "body": "old rye" })).await;
    let (own, foreign, unknown) =
        (number(&world, BRUNO).await, number(&world, ANA).await, "100000000000001".to_owned());
    world.done(&format!("POST conversations/{foreign}/notes"), json!({ "body": "allergic to nuts" })).await;
    let calls = || OWN_ROUTES.iter().filter(|it| it.shape.starts_with("conversations/{customer}"));
    let before = world.alone(&format!("GET conversations/{foreign}")).await;
    let mut cells = 0;
    for role in [Role::Owner, Role::Admin, Role::Supervisor, Role::Agent] {
        let somebody = world.with(role.name(), role.name(), json!(["returns"])).await;
        for route in calls() {
            let Need::In(action) = route.need else { panic!("{} is done in an inbox", route.shape) };
            let ask = async |whom: &str| {
                let path = route.shape.replace("{customer}", whom).replace("{note}", "1");
                let (method, now) = (route.method, world.node.now());
                world
                    .as_person(&somebody.session, &format!("{method} {path}?version=1"), body(route, now))
                    .await
            };
            let (own, foreign, unknown) = (ask(&own).await, ask(&foreign).await, ask(&unknown).await);
            let line = format!("{role:?} {} {}", route.method, route.shape);
            assert_eq!(foreign, unknown, "{line}");
            let gone = (unknown.0, code_of(&unknown.1));
            match role.may(action) {
                true => {
                    assert_eq!(gone, (404, "not_found"), "{line}");
                    // It was changed by somebody before, or goes well: it is there.
                    assert!(own.1["error"]["message"] != unknown.1["error"]["message"], "{line}: {own:?}");
                }
                false => assert_eq!((gone, own.0), ((403, "not_allowed"), 403), "{line}"),
            }
            cells += 3;
        }
    }
    assert_eq!(cells, calls().count() * 4 * 3);
    let after = world.alone(&format!("GET conversations/{foreign}")).await;
    assert_eq!(before, after, "nothing was done to it");
}

#[tokio::test]
async fn who_is_limited_to_inboxes_does_nothing_to_customers_of_others_and_sees_nobody_who_sees_more() {
    let world = World::new().await;
    two_wait(&world).await;
    let foreign = number(&world, ANA).await;
    let admin = world.with("davi", "admin", json!(["returns"])).await;
    world.takes_in("bia", "agent", json!(["returns"])).await;
    world.takes_in("carla", "agent", json!(["main", "returns"])).await;
    world.takes_in("elsa", "agent", json!("all")).await;
    for line in [
        "GET consents".to_owned(),
        "GET consents/export".to_owned(),
        format!("GET customers/{foreign}/export"),
        format!("POST customers/{foreign}/erase"),
        "POST tokens".to_owned(),
        "POST webhooks".to_owned(),
    ] {
        let (status, told) = world.as_person(&admin.session, &line, json!({ "name": "mine" })).await;
        assert_eq!((status, code_of(&told)), (403, "not_allowed"), "{line}");
    }
    assert!(world.chat.tally(ANA).expect("read").count > 0, "she is still there");
    let told = asks(&world, &admin, "GET people", Value::Null).await;
    let logins: Vec<_> = told["data"].as_array().expect("rows").iter().map(|it| text(&it["login"])).collect();
    assert_eq!(logins, ["davi", "bia"]);
}

#[tokio::test]
async fn lists_and_counts_tell_nothing_of_other_inboxes() {
    let world = World::new().await;
    let (ana, bruno) = two_wait(&world).await;
    world.done("POST inboxes", json!({ "name": "returns" })).await;
    let bia = world.with("bia", "agent", json!(["returns"])).await;
    let empty = asks(&world, &bia, "GET conversations", Value::Null).await;
    assert_eq!((who(&empty).len(), &empty["counts"]["team"]), (0, &json!(0)));
    world.done(&format!("POST {bruno}/move"), json!({ "inbox": "returns", "version": 1 })).await;
    let told = asks(&world, &bia, "GET conversations", Value::Null).await;
    assert_eq!((who(&told), &told["counts"]["waiting"]), (vec![number(&world, BRUNO).await], &json!(1)));
    let inboxes = asks(&world, &bia, "GET inboxes", Value::Null).await;
    assert_eq!(inboxes["data"], json!([{ "name": "returns", "conversations": 1, "waiting": 1 }]));
    let foreign = world.as_person(&bia.session, "GET conversations?inbox=main", Value::Null).await;
    let unknown = world.as_person(&bia.session, "GET conversations?inbox=nothing", Value::Null).await;
    assert_eq!((foreign.0, &foreign), (404, &unknown));
    // It goes out of her sight by being moved, and comes into it.
    world.done(&format!("POST {ana}/move"), json!({ "inbox": "returns", "version": 1 })).await;
    world.done(&format!("POST {bruno}/move"), json!({ "inbox": "main", "version": 2 })).await;
    let told = asks(&world, &bia, "GET conversations", Value::Null).await;
    assert_eq!(who(&told), [number(&world, ANA).await]);
}

#[tokio::test]
async fn an_inbox_is_made_filled_and_taken_away_when_it_is_empty() {
    let world = World::new().await;
    let (ana, _) = two_wait(&world).await;
    let limited = world.with("limited", "admin", json!(["returns"])).await;
    for name in ["", "Main", "two words", "x/y", &"x".repeat(41)] {
        assert_eq!(world.console("POST inboxes", json!({ "name": name })).await.0, 400, "{name}");
    }
    let (status, told) = world.as_person(&limited.session, "POST inboxes", json!({ "name": "sales" })).await;
    assert_eq!((status, code_of(&told)), (403, "not_allowed"), "nobody makes what they do not see");
    asks(&world, &limited, "POST inboxes", json!({ "name": "returns" })).await;
    asks(&world, &limited, "POST inboxes", json!({ "name": "returns" })).await;
    let names = |told: &Value| -> Vec<String> {
        told["data"].as_array().expect("rows").iter().map(|it| text(&it["name"])).collect()
    };
    assert_eq!(names(&world.done("GET inboxes", Value::Null).await), ["main", "returns"]);
    let (status, told) =
        world.console(&format!("POST {ana}/move"), json!({ "inbox": "sales", "version": 1 })).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"));
    let supervisor = world.with("davi", "supervisor", json!(["main"])).await;
    let to = json!({ "inbox": "returns", "version": 1 });
    assert_eq!(world.as_person(&supervisor.session, &format!("POST {ana}/move"), to.clone()).await.0, 404);
    world.done(&format!("POST {ana}/move"), to).await;
    let (status, told) = world.console("DELETE inboxes/returns", Value::Null).await;
    assert_eq!((status, code_of(&told)), (409, "inbox_in_use"));
    assert_eq!(world.console("DELETE inboxes/main", Value::Null).await.0, 400);
    assert_eq!(world.as_person(&limited.session, "DELETE inboxes/main", Value::Null).await.0, 404);
    world.done(&format!("POST {ana}/move"), json!({ "inbox": "main", "version": 2 })).await;
    asks(&world, &limited, "DELETE inboxes/returns", Value::Null).await;
    assert_eq!(names(&world.done("GET inboxes", Value::Null).await), ["main"]);
}
