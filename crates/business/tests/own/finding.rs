//! Somebody searches: what was said, noted and labelled, where they see it.

use serde_json::{Value, json};

use crate::consents::{ANA, BRUNO, number};
use crate::inbox::{asks, path, two_wait};
use crate::world::*;

#[tokio::test]
async fn what_was_said_is_found_in_the_inboxes_that_they_see_and_nowhere_else() {
    let world = World::new().await;
    let (ana, bruno) = two_wait(&world).await;
    world.hears(BRUNO, 5, "and do you have rye?").await;
    world.hears(BRUNO, 6, "the rye that I had was old").await;
    world.done("POST inboxes", json!({ "name": "returns" })).await;
    world.done(&format!("POST {bruno}/move"), json!({ "inbox": "returns", "version": 1 })).await;
    for line in [&ana, &bruno] {
        world.done(&format!("POST {line}/notes"), json!({ "body": "Likes RYÉ" })).await;
    }
    world.done(&format!("POST {bruno}/labels"), json!({ "add": ["old rye"], "version": 2 })).await;
    let (bia, carla) = (
        world.with("bia", "agent", json!(["returns"])).await,
        world.with("carla", "agent", json!("all")).await,
    );
    let whose = |told: &Value, of: &str| -> Vec<String> {
        told[of].as_array().expect("rows").iter().map(|it| text(&it["wa_id"])).collect()
    };
    let (of_ana, of_bruno) = (number(&world, ANA).await, number(&world, BRUNO).await);
    let told = asks(&world, &carla, "GET search?q=rye", Value::Null).await;
    assert_eq!(whose(&told, "data"), [of_bruno.as_str(), &of_bruno, &of_ana]);
    assert_eq!(
        (whose(&told, "notes"), whose(&told, "labelled")),
        (vec![of_ana.clone(), of_bruno.clone()], vec![of_bruno.clone()])
    );
    let hit = &told["data"][2];
    assert_eq!(
        hit["excerpt"],
        json!([
            { "text": "do you have ", "found": false }, { "text": "rye", "found": true }, { "text": "?", "found": false },
        ])
    );
    assert_eq!(
        (&hit["inbox"], &hit["from"], &hit["name"]),
        (&json!("main"), &json!("customer"), &json!("Ana"))
    );

    let told = asks(&world, &bia, "GET search?q=rye", Value::Null).await;
    assert_eq!(whose(&told, "data"), [of_bruno.as_str(), &of_bruno]);
    assert_eq!(
        (whose(&told, "notes"), whose(&told, "labelled")),
        (vec![of_bruno.clone()], vec![of_bruno.clone()])
    );
    assert!(!told.to_string().contains(&of_ana) && told["next"].is_null(), "{told}");
    assert_eq!(whose(&asks(&world, &bia, "GET search?q=open", Value::Null).await, "data").len(), 1);
    let page = asks(&world, &bia, "GET search?q=rye&limit=1", Value::Null).await;
    let next = text(&page["next"]);
    let page = asks(&world, &bia, &format!("GET search?q=rye&limit=1&after={next}"), Value::Null).await;
    assert_eq!((whose(&page, "data").len(), &page["notes"], &page["next"]), (1, &json!([]), &Value::Null));

    let inside = asks(&world, &carla, "GET search?q=rye&inbox=main", Value::Null).await;
    assert_eq!((whose(&inside, "data"), whose(&inside, "notes")), (vec![of_ana.clone()], vec![of_ana]));
    let foreign = world.as_person(&bia.session, "GET search?q=rye&inbox=main", Value::Null).await;
    let unknown = world.as_person(&bia.session, "GET search?q=rye&inbox=nothing", Value::Null).await;
    assert_eq!((foreign.0, &foreign), (404, &unknown));
    for wrong in ["", "?q=", "?q=%20", "?q=...", "?q=rye&after=x"] {
        let (status, told) = world.as_person(&bia.session, &format!("GET search{wrong}"), Value::Null).await;
        assert_eq!((status, code_of(&told)), (400, "invalid"), "{wrong}: {told}");
    }
    let log = format!("{:?}", world.log().await);
    assert!(log.contains("conversation.search") && !log.contains("rye"), "{log}");
    assert_eq!(path(&world, ANA).await, ana);
}
