//! What programs set of the business is said to customers, by the device, and only when it has changed.

use lacre_business::about::{Command, Presented, Profile};
use lacre_business::chat::SendError;
use lacre_media::picture::{Format, Pixels, decode_small, thumbnail};
use serde_json::{Value, json};

use crate::uploads::handle;
use crate::world::*;

async fn set(world: &World, mut it: Value) -> Answer {
    it["messaging_product"] = "whatsapp".into();
    world.call("POST", &world.number("/whatsapp_business_profile"), it).await
}

async fn offer(world: &World, it: Value) {
    world.call("POST", &world.number("/conversational_automation"), it).await.ok();
}

fn said(world: &World) -> Vec<Presented> {
    world.chat.has_presented()
}

/// A picture of one colour.
fn rye() -> Vec<u8> {
    thumbnail(&Pixels::new(64, 64, 3, [180, 120, 60].repeat(64 * 64)).expect("as many as needed"))
}

#[tokio::test]
async fn what_is_set_is_said_once_and_nothing_when_nothing_changes() {
    let world = World::new().await;
    world.node.present().await.expect("nothing to say");
    assert!(said(&world).is_empty());
    set(&world, json!({ "about": "Bread", "email": "pao@bakery.example" })).await.ok();
    offer(&world, json!({ "prompts": ["Have you rye?"] })).await;
    let command = json!([{ "command_name": "order", "command_description": "orders bread" }]);
    offer(&world, json!({ "commands": command })).await;
    let wanted = Profile {
        about: "Bread".to_owned(),
        email: "pao@bakery.example".to_owned(),
        prompts: vec!["Have you rye?".to_owned()],
        commands: vec![Command { name: "order".to_owned(), description: "orders bread".to_owned() }],
        ..Profile::default()
    };
    assert_eq!(said(&world).last().map(|it| &it.profile), Some(&wanted));
    assert_eq!(said(&world).len(), 3, "one for each change");
    set(&world, json!({ "about": "Bread" })).await.ok();
    offer(&world, json!({ "prompts": ["Have you rye?"] })).await;
    world.node.present().await.expect("nothing to say");
    assert_eq!(said(&world).len(), 3);
    let welcome = json!({ "enable_welcome_message": true });
    let refused = world.call("POST", &world.number("/conversational_automation"), welcome).await;
    assert_eq!(refused.code(), 131009);
}

#[tokio::test]
async fn the_picture_is_made_small_and_what_cannot_be_is_none() {
    let world = World::new().await;
    let shown = async |bytes: &[u8]| {
        let handle = handle(&world, bytes, "image/jpeg").await;
        set(&world, json!({ "profile_picture_handle": handle })).await.ok();
        said(&world).last().map(|it| it.picture.clone()).unwrap_or_default()
    };
    let small = shown(&rye()).await;
    assert!(lacre_proto::profile::is_picture(&small) && decode_small(&small).is_ok());
    assert_eq!(Format::of(&small), Some(Format::Jpeg));
    assert!(shown(b"\xff\xd8\xff\xe0 no picture").await.is_empty());
    assert!(!shown(&rye()).await.is_empty());
    set(&world, json!({ "profile_picture_handle": "" })).await.ok();
    assert!(said(&world).last().is_some_and(|it| it.picture.is_empty()));
}

#[tokio::test]
async fn what_could_not_be_said_is_said_later_and_another_nodes_words_stay() {
    let world = World::new().await;
    world.chat.refuses_next(SendError::Unavailable("offline".to_owned()));
    set(&world, json!({ "about": "Bread" })).await.ok();
    assert!(said(&world).is_empty());
    world.node.present().await.expect("said");
    assert_eq!(said(&world).len(), 1);
    let other = Profile { about: "Cake".to_owned(), ..Profile::default() };
    world.chat.is_presented_by_another(Presented { profile: other, picture: Vec::new() });
    world.node.present().await.expect("nothing to say");
    assert_eq!(said(&world).len(), 2, "this node has nothing new to say");
    set(&world, json!({ "about": "Bread" })).await.ok();
    assert_eq!(said(&world).last().map(|it| it.profile.about.as_str()), Some("Bread"), "it was set here");
    set(&world, json!({ "about": "Bread and cake" })).await.ok();
    assert_eq!(said(&world).last().map(|it| it.profile.about.as_str()), Some("Bread and cake"));
}

#[tokio::test]
async fn before_the_operator_has_made_it_a_business_nothing_is_said() {
    let world = World::unreviewed().await;
    set(&world, json!({ "about": "Bread" })).await.ok();
    assert!(said(&world).is_empty());
}
