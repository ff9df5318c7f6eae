//! Every category in every state of a customer, at the node: what a program is told before anything is sent.

use lacre_business::chat::{Category, Chat};
use serde_json::{Value, json};

use crate::world::*;

/// Free words, then a template of each category.
const KINDS: [&str; 4] = ["words", "order_ready", "offers", "code"];
const DAYS: u64 = 30 * DAY;

fn code_to_sign_in() -> Value {
    json!({
        "name": "code", "language": "pt_BR", "category": "AUTHENTICATION",
        "components": [
            { "type": "BODY" },
            { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE", "text": "Copiar" }] },
        ],
    })
}

fn a_send_of(kind: &str) -> Value {
    let template = |components: Value| {
        json!({
            "type": "template",
            "template": { "name": kind, "language": { "code": "pt_BR" }, "components": components },
        })
    };
    let digits = json!([{ "type": "text", "text": "482107" }]);
    match kind {
        "words" => json!({ "text": { "body": "oi" } }),
        "code" => template(json!([
            { "type": "body", "parameters": digits },
            { "type": "button", "sub_type": "url", "index": "0", "parameters": digits },
        ])),
        _ => {
            let both = ["Ana", "A-17"].map(|it| json!({ "type": "text", "text": it }));
            template(json!([{ "type": "body", "parameters": both }]))
        }
    }
}

/// A bakery that has a template of each category.
async fn bakery() -> World {
    let world = World::new().await;
    let mut offers = order_ready();
    (offers["name"], offers["category"]) = (json!("offers"), json!("MARKETING"));
    for template in [order_ready(), offers, code_to_sign_in()] {
        world.template(template).await;
    }
    world
}

fn grant_all(world: &World) {
    for category in [Category::Service, Category::Marketing, Category::Authentication] {
        world.chat.grants(ANA, category, NOW + DAYS);
    }
}

fn stop_all(world: &World) {
    for category in [Category::Service, Category::Marketing, Category::Authentication] {
        world.chat.stops(ANA, category);
    }
}

fn open(world: &World) {
    world.chat.opens_window(ANA, NOW + DAY);
}

/// The window is closed (131047), not agreed to or not any more (131050), blocked (131026), or 0: it goes.
#[tokio::test]
async fn r20_r21_every_category_in_every_state_at_the_node() {
    type Change = fn(&World);
    let take_service: Change = |world| world.chat.stops(ANA, Category::Service);
    let states: [(&str, Vec<Change>, [i64; 4]); 11] = [
        ("nothing", vec![], [131_047, 131_050, 131_050, 131_050]),
        ("all are granted", vec![grant_all], [131_047, 0, 0, 0]),
        (
            "narrowed to service",
            vec![grant_all, |world| world.chat.stops(ANA, Category::Marketing), |world| {
                world.chat.stops(ANA, Category::Authentication)
            }],
            [131_047, 0, 131_050, 131_050],
        ),
        (
            "expired",
            vec![grant_all, |world| {
                world.clock.advance(DAYS + 1);
            }],
            [131_047, 131_050, 131_050, 131_050],
        ),
        ("revoked", vec![grant_all, open, stop_all], [131_050; 4]),
        ("revoked, and she writes again", vec![grant_all, stop_all, open], [0, 0, 131_050, 131_050]),
        (
            "service taken back within the window",
            vec![grant_all, open, take_service],
            [131_050, 131_050, 0, 0],
        ),
        ("service taken back, and she writes again", vec![grant_all, take_service, open], [0; 4]),
        ("the window is open", vec![open], [0, 0, 131_050, 131_050]),
        ("granted, and the window is open", vec![grant_all, open], [0; 4]),
        // That a customer has blocked the business, the node is not told: relay and her device see to that.
        ("blocked by the business", vec![grant_all, open], [131_026; 4]),
    ];
    for (name, changes, codes) in states {
        for (kind, code) in KINDS.into_iter().zip(codes) {
            let world = bakery().await;
            changes.iter().for_each(|change| change(&world));
            if name.starts_with("blocked") {
                world.chat.block(ANA, true).await.expect("blocked");
            }
            let answer = world.send(&world.digits(ANA).await, a_send_of(kind)).await;
            let told = if answer.status.is_success() { 0 } else { answer.code() };
            assert_eq!(told, code, "{name}: {kind}");
            assert_eq!(world.chat.sent().len(), usize::from(code == 0), "{name}: {kind}");
        }
    }
}
