//! What is another's looks as what is not there.

use lacre_business::api::routes::ROUTES;
use lacre_business::tokens::{Bound, Scope};
use serde_json::{Value, json};

use crate::door::path_of;
use crate::world::*;

/// Ids that nothing has: of the length of those that something has.
const NOTHING: &str = "999999999999999";
const NO_CODE: &str = "AAAAAAAAAAAAAA";

async fn answer(world: &World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if method == "GET" { Value::Null } else { body.clone() };
    let answer = world.call(method, path, body).await;
    let mut told = answer.json();
    assert!(told["error"]["fbtrace_id"].is_string(), "{method} {path} is refused: {told}");
    told["error"]["fbtrace_id"] = Value::Null;
    (answer.status.as_u16(), told)
}

/// The path with what is nothing in place of every object.
fn unknown(shape: &str) -> String {
    let pieces = shape.split('/').map(|piece| match piece {
        "{code}" => NO_CODE,
        object if object.starts_with('{') => NOTHING,
        word => word,
    });
    format!("/v23.0/{}", pieces.collect::<Vec<_>>().join("/"))
}

#[tokio::test]
async fn b01_an_object_of_another_node_is_told_as_one_that_is_not_there() {
    let (bakery, mut florist) = (World::new().await, World::seeded(8, |_| ()).await);
    florist.token = florist.token_for(&Scope::ALL, None, Bound::default()).await;
    let body = json!({ "messaging_product": "whatsapp" });
    let mut pairs = 0;
    for route in ROUTES {
        let foreign = path_of(&florist, route.shape).await;
        let there = answer(&bakery, route.method, &unknown(route.shape), &body).await;
        let foreign = answer(&bakery, route.method, &foreign, &body).await;
        assert_eq!(foreign, there, "{} {}", route.method, route.shape);
        assert_eq!(
            (there.0, &there.1["error"]["code"], &there.1["error"]["error_subcode"]),
            (400, &json!(100), &json!(33))
        );
        pairs += 1;
        // One object of one's own, and the other of another: the same.
        if let Some((first @ ("{number}" | "{account}"), rest)) = route.shape.split_once('/')
            && rest.contains('{')
        {
            let own = if first == "{number}" { bakery.number("/") } else { bakery.account("/") };
            let tail = |path: &str| format!("{own}{}", path.splitn(4, '/').nth(3).unwrap_or_default());
            let there = answer(&bakery, route.method, &tail(&unknown(route.shape)), &body).await;
            let foreign =
                answer(&bakery, route.method, &tail(&path_of(&florist, route.shape).await), &body).await;
            assert_eq!(foreign, there, "{} {} of one's own {first}", route.method, route.shape);
            pairs += 1;
        }
    }
    assert!(pairs > ROUTES.len(), "some have two objects");
}

#[tokio::test]
async fn b01_a_token_of_another_number_is_told_the_same_whether_something_is_there_or_not() {
    let mut world = World::new().await;
    let (good, other) =
        (world.token.clone(), world.token_for(&Scope::ALL, Some(&[123]), Bound::default()).await);
    let body = json!({ "messaging_product": "whatsapp" });
    for route in ROUTES {
        world.token.clone_from(&good);
        let path = path_of(&world, route.shape).await;
        world.token.clone_from(&other);
        let there = answer(&world, route.method, &path, &body).await;
        let nothing = answer(&world, route.method, &unknown(route.shape), &body).await;
        assert_eq!(there, nothing, "{} {}", route.method, route.shape);
    }
}
