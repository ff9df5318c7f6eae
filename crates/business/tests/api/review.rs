//! What the relay's operator has made of the business: told as it is, and by webhook when it changes.

use lacre_business::api::apps::Notice;
use lacre_business::chat::Rated;
use serde_json::{Value, json};

use crate::world::*;

const OF_ACCOUNT: &str = "?fields=name,account_review_status,business_verification_status";
const OF_NUMBER: &str = "?fields=verified_name,name_status,code_verification_status,status";

async fn shown(world: &World) -> (Value, Value) {
    let mut account = world.get(&world.account(OF_ACCOUNT)).await.ok();
    let mut number = world.get(&world.number(OF_NUMBER)).await.ok();
    for told in [&mut account, &mut number] {
        told.as_object_mut().expect("an object").remove("id");
    }
    (account, number)
}

fn account(name: &str, review: &str, verification: &str) -> Value {
    json!({ "name": name, "account_review_status": review, "business_verification_status": verification })
}

fn number(name: &str, name_status: &str, code: &str, status: &str) -> Value {
    json!({ "verified_name": name, "name_status": name_status, "code_verification_status": code,
            "status": status })
}

#[tokio::test]
async fn the_api_says_verified_of_who_is_and_of_nobody_else() {
    let world = World::new().await;
    let verified = (
        account("The Bakery", "APPROVED", "verified"),
        number("The Bakery", "APPROVED", "VERIFIED", "CONNECTED"),
    );
    assert_eq!(shown(&world).await, verified);
    world.chat.is_reviewed(None, false);
    let pending = (
        account("bakery", "PENDING", "pending"),
        number("bakery", "PENDING_REVIEW", "NOT_VERIFIED", "CONNECTED"),
    );
    assert_eq!(shown(&world).await, pending);
    world.chat.is_reviewed(None, true);
    let suspended =
        (account("bakery", "REJECTED", "revoked"), number("bakery", "NONE", "NOT_VERIFIED", "RESTRICTED"));
    assert_eq!(shown(&world).await, suspended);
    let health = world.get(&world.account("?fields=health_status")).await.ok();
    assert_eq!(health["health_status"]["can_send_message"], "BLOCKED");

    let unknown = World::unreviewed().await;
    let nobody =
        (account("bakery", "PENDING", "not_verified"), number("bakery", "NONE", "NOT_VERIFIED", "PENDING"));
    assert_eq!(shown(&unknown).await, nobody);
}

#[tokio::test]
async fn a_suspended_business_sends_nothing_and_hears_so_at_once() {
    let world = World::new().await;
    let text = || json!({ "text": { "body": "oi" } });
    world.to_ana(text()).await.ok();
    world.chat.is_reviewed(None, true);
    let refused = world.to_ana(text()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, 131031));
    assert_eq!(world.chat.sent().len(), 1);
    world.chat.is_reviewed(Some("The Bakery"), false);
    world.to_ana(text()).await.ok();
}

#[tokio::test]
async fn programs_hear_of_a_review_a_suspension_and_another_step_each_once() {
    let world = World::unreviewed().await;
    let learn = async || {
        world.node.learn_review().await.expect("learned");
        world.node.learn_review().await.expect("learned");
    };
    learn().await;
    world.chat.is_reviewed(None, false);
    learn().await;
    assert_eq!(world.hooks.told(), [], "who is not verified yet knows it");
    world.chat.is_reviewed(Some("Padaria Sol"), false);
    learn().await;
    world.chat.is_reviewed(None, true);
    learn().await;
    world.chat.is_reviewed(Some("Padaria Sol"), false);
    learn().await;
    world.chat.is_reviewed(None, false);
    learn().await;
    let named = Notice::Named("Padaria Sol".to_owned());
    let told = [
        Notice::Verified(true),
        named,
        Notice::Suspended(true),
        Notice::Suspended(false),
        Notice::Verified(false),
    ];
    assert_eq!(world.hooks.told(), told);

    for limit in [Some(250), Some(2_000), Some(2_000), None] {
        world.chat.is_rated(Rated::Green, limit);
        world.node.learn_rating().await.expect("learned");
    }
    let steps = world.hooks.told().into_iter().skip(told.len());
    let capable = steps.filter(|it| matches!(it, Notice::Capability(_)));
    assert_eq!(capable.collect::<Vec<_>>(), [Notice::Capability(2_000), Notice::Capability(-1)]);
}
