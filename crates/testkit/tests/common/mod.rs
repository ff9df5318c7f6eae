//! What the attacks have in common.

#![allow(dead_code, reason = "no test uses all of it")]

use std::cell::RefCell;
use std::rc::Rc;

use lacre_engine::content::Content;
use lacre_engine::records::{ConversationRecord, MessageRecord};
use lacre_proto::wire::Item;
use lacre_testkit::World;
use lacre_testkit::evil::sealed;

/// Ana, Bruno and Carla, with a conversation between any two.
pub fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.people(&["ana", "bruno", "carla"]);
    for (from, to) in [("ana", "bruno"), ("ana", "carla"), ("bruno", "carla")] {
        world.say(from, to, &format!("hello {to}, this is {from}"));
    }
    world.until_all_is_out(10);
    world.pass(10_000);
    for name in ["ana", "bruno", "carla"] {
        world.person(name).clear_events();
    }
    world
}

/// All that a device shows.
pub fn view(world: &World, name: &str) -> (Vec<ConversationRecord>, Vec<Vec<MessageRecord>>) {
    let device = world.device(name);
    let conversations = device.records().conversations().expect("readable");
    let rows = conversations.iter().map(|conversation| device.rows(conversation.id)).collect();
    (conversations, rows)
}

pub fn texts(world: &World, of: &str, with: &str) -> Vec<String> {
    let rows = world.device(of).rows_with(with).into_iter();
    let text = |row: MessageRecord| match row.content {
        Content::Text { text, .. } => Some(text),
        _ => None,
    };
    rows.filter_map(text).collect()
}

/// How many messages of a conversation a person has not seen.
pub fn unread(world: &World, of: &str, with: &str) -> u32 {
    let conversation = world.device(of).direct_with(with).expect("they have talked");
    world.device(of).records().conversation(conversation).expect("readable").expect("it is there").unread
}

/// Seeds of a run: a few with each change, as many as one likes by `LACRE_SEEDS`.
pub fn seeds(few: u64) -> std::ops::Range<u64> {
    let many = std::env::var("LACRE_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..many.unwrap_or(few)
}

/// The sealed items that were on their way to a device, taken out of it by the relay.
pub fn withheld(world: &mut World, from: &str, to: &str, texts: &[&str]) -> Vec<Item> {
    let held = Rc::new(RefCell::new(Vec::new()));
    let (hand, victim) = (held.clone(), to.to_owned());
    world.evil.on_item(move |name, item| {
        if name == victim && sealed(&item).is_some() {
            hand.borrow_mut().push(item);
            return vec![];
        }
        vec![item]
    });
    for text in texts {
        world.say(from, to, text);
        world.settle();
    }
    world.evil.honest();
    let held = held.borrow().clone();
    assert_eq!(held.len(), texts.len());
    held
}
