//! What customers have agreed to, listed and exported.

use lacre_business::agreed::{Agreed, Devices, Grant};
use lacre_business::chat::Category;
use lacre_proto::AccountId;
use serde_json::{Value, json};

use crate::world::*;

pub const ANA: AccountId = AccountId([0xa; 16]);
pub const BRUNO: AccountId = AccountId([0xb; 16]);
const CARLA: AccountId = AccountId([0xc; 16]);

fn grant(categories: &[Category], expires: u64) -> Option<Grant> {
    let receipt = b"as it was signed".to_vec();
    Some(Grant { categories: categories.to_vec(), granted: NOW - MINUTE, expires, revision: 3, receipt })
}

/// Ana has agreed to two categories for ten minutes, Bruno has stopped, Carla has only written.
pub fn customers(world: &World) {
    let devices = || Some(Devices { identity_key: [7; 32], list: b"a list".to_vec() });
    let both = [Category::Service, Category::Marketing];
    let ana = grant(&both, NOW + 10 * MINUTE);
    world.chat.agrees(Agreed { customer: ANA, window_until: NOW + MINUTE, grant: ana, devices: devices() });
    let stop = grant(&[], NOW + 10 * MINUTE);
    world.chat.agrees(Agreed { customer: BRUNO, window_until: 0, grant: stop, devices: devices() });
    world.chat.agrees(Agreed { customer: CARLA, window_until: NOW + MINUTE, grant: None, devices: None });
}

pub async fn number(world: &World, of: AccountId) -> String {
    world.node.customers.number_of(of).await.expect("stored").to_string()
}

#[tokio::test]
async fn every_customer_is_listed_with_how_they_stand_and_by_no_name_that_others_know() {
    let world = World::new().await;
    customers(&world);
    let told = world.done("GET consents", Value::Null).await;
    let [ana, bruno, carla] = told["data"].as_array().expect("rows").as_slice() else { panic!("{told}") };
    assert_eq!(
        *ana,
        json!({
            "wa_id": number(&world, ANA).await, "user_id": format!("ZZ.{}", number(&world, ANA).await),
            "categories": ["service", "marketing"], "since_ms": NOW - MINUTE, "until_ms": NOW + 10 * MINUTE,
            "stands": true, "stopped": false, "window_open": true, "window_until_ms": NOW + MINUTE,
        })
    );
    assert_eq!(
        (&bruno["stands"], &bruno["stopped"], &bruno["window_open"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert_eq!((&bruno["categories"], &bruno["window_until_ms"]), (&json!([]), &Value::Null));
    assert_eq!(
        (&carla["since_ms"], &carla["stands"], &carla["window_open"]),
        (&Value::Null, &json!(false), &json!(true))
    );
    assert!(!told.to_string().contains(&ANA.to_string()) && told["next"].is_null(), "{told}");

    world.clock.advance(10 * MINUTE);
    let told = world.done("GET consents", Value::Null).await;
    assert_eq!((&told["data"][0]["stands"], &told["data"][0]["window_open"]), (&json!(false), &json!(false)));
    let log = world.log().await;
    let row = ("operator".to_owned(), "consent.list".to_owned(), "3 customers".to_owned());
    assert_eq!(log.iter().filter(|it| **it == row).count(), 2, "{log:?}");
}

#[tokio::test]
async fn what_was_signed_is_exported_as_it_was_signed() {
    let world = World::new().await;
    customers(&world);
    let told = world.done("GET consents/export", Value::Null).await;
    let rows = told["data"].as_array().expect("rows");
    assert_eq!(rows.len(), 2, "Carla has signed nothing: {told}");
    // base64 of what the device gave.
    assert_eq!(rows[0]["receipt"], "YXMgaXQgd2FzIHNpZ25lZA==");
    assert_eq!((&rows[0]["device_list"], &rows[0]["revision"]), (&json!("YSBsaXN0"), &json!(3)));
    assert_eq!(rows[0]["identity_key"].as_str().map(str::len), Some(44));
    assert_eq!(rows[1]["stopped"], true, "a stop is signed too");
    let log = world.log().await;
    assert_eq!(
        log.iter().filter(|it| it.1 == "consent.export" && it.2 == "2 customers").count(),
        1,
        "{log:?}"
    );
}

#[tokio::test]
async fn many_customers_are_told_page_by_page_and_each_once() {
    let world = World::new().await;
    customers(&world);
    let (mut after, mut seen) = (String::new(), Vec::new());
    loop {
        let told = world.done(&format!("GET consents?limit=2&after={after}"), Value::Null).await;
        seen.extend(told["data"].as_array().expect("rows").iter().map(|it| text(&it["wa_id"])));
        match told["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    let all = [number(&world, ANA).await, number(&world, BRUNO).await, number(&world, CARLA).await];
    assert_eq!(seen, all);
    let (status, told) = world.console("GET consents?after=5", Value::Null).await;
    assert_eq!((status, code_of(&told)), (404, "not_found"), "nobody has that number");
}

#[tokio::test]
async fn while_no_node_serves_it_is_said_so() {
    let world = World::new().await;
    let ana = number(&world, ANA).await;
    let [export, messages] =
        ["GET export", "GET messages"].map(|it| it.replace(' ', &format!(" customers/{ana}/")));
    let erase = format!("POST customers/{ana}/erase");
    for line in ["GET consents", "GET consents/export", &export, &messages, &erase] {
        let (status, told) = world.alone(line).await;
        assert_eq!((status, code_of(&told)), (409, "node_not_serving"), "{line}: {told}");
    }
    assert_eq!(world.alone("GET tokens").await.0, 200, "the rest is told");
}

#[tokio::test]
async fn s04_who_stands_how_goes_by_the_relays_time() {
    let world = World::new().await;
    customers(&world);
    let told = world.done("GET consents", Value::Null).await;
    world.clock.advance(26 * 60 * MINUTE);
    world.chat.is_behind(26 * 60 * MINUTE);
    assert_eq!(
        world.done("GET consents", Value::Null).await,
        told,
        "the node's clock is wrong, and nothing else"
    );
}
