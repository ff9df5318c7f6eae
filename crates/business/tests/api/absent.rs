//! Calls that a handle answers otherwise than a phone number, or a node not at all: each says what is so.

use lacre_business::api::messages::reached;
use lacre_business::api::wamid;
use lacre_business::chat::{Category, Reach};
use serde_json::{Value, json};

use crate::world::*;

#[tokio::test]
async fn what_the_node_has_not_is_refused_by_its_name() {
    let world = World::new().await;
    for (path, code, what) in [
        (world.number("/request_code"), 100, "no code is sent"),
        (world.number("/verify_code"), 100, "no code is sent"),
        (world.account("/phone_numbers"), 100, "one handle"),
        (world.number("/username"), 100, "stays"),
        (world.number("/whatsapp_business_encryption"), 100, "No key is needed"),
        (world.number("/groups"), 100, "Groups are not there"),
        (world.number("/calls"), 138_000, "Calls are not there"),
    ] {
        let refused = world.call("POST", &path, json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, code), "{path}");
        assert_eq!(refused.json()["error"]["error_subcode"], Value::Null, "{path}: it is no unknown object");
        assert!(refused.details().contains(what), "{path}: {}", refused.details());
    }
    for path in [world.number("/whatsapp_business_encryption"), world.number("/groups")] {
        assert_eq!(world.get(&path).await.ok(), json!({ "data": [] }), "{path}");
    }
    assert_eq!(
        world.get(&world.number("/username")).await.ok(),
        json!({ "username": "bakery", "status": "approved" })
    );
    let asked = world.get(&world.number("/call_permissions?user_wa_id=1")).await.ok();
    assert_eq!(asked["permission"]["status"], "no_permission");
    assert_eq!(asked["actions"][0]["can_perform_action"], false);
    assert_eq!(world.get(&world.number("/call_permissions")).await.code(), 131008);
}

#[tokio::test]
async fn sends_by_templates_are_counted_each_step_once() {
    let world = World::new().await;
    let template = world.template(order_ready()).await;
    world.grants(ANA, Category::Service);
    let digits = world.digits(ANA).await;
    let mut ids = Vec::new();
    for order in ["A-17", "A-18", "A-19"] {
        let sent = world.send(&digits, order_ready_for("Ana", order)).await.ok();
        let id = sent["messages"][0]["id"].as_str().and_then(wamid::parse);
        ids.push(id.expect("an id"));
    }
    world.to_ana(json!({ "text": { "body": "no template" } })).await.ok();
    for (id, how_far) in
        [(ids[0], Reach::Delivered), (ids[0], Reach::Read), (ids[0], Reach::Read), (ids[1], Reach::Read)]
    {
        reached(&world.node.store, NOW, id, how_far).await.expect("counted");
    }
    let today = NOW / 1_000;
    let asks = async |ids: &str| {
        let query = format!("start={today}&end={}&granularity=DAILY&template_ids={ids}", today + 86_400);
        world.get(&world.account(&format!("/template_analytics?{query}"))).await
    };
    let point = json!({ "template_id": template.to_string(), "start": today, "end": today + 86_400,
                        "sent": 3, "delivered": 2, "read": 2 });
    for ids in [template.to_string(), format!("[{template}]"), format!("7,{template}")] {
        assert_eq!(asks(&ids).await.ok()["data"][0]["data_points"], json!([point]), "{ids}");
    }
    for (ids, code) in [("x", 131009), ("", 131009), ("1,2,3,4,5,6,7,8,9,10,11", 131009)] {
        assert_eq!(asks(ids).await.code(), code, "{ids}");
    }
    let week = format!("/template_analytics?start={today}&end={today}&template_ids=1");
    assert_eq!(world.get(&world.account(&week)).await.code(), 100);
}
