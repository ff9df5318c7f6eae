//! Key packages: kept, topped up, the last resort, expired.

use crate::harness::world::World;
use crate::records::key;

const DAY: u64 = 24 * 3600 * 1000;

fn private_parts(world: &World, name: &str) -> usize {
    // MLS table 15: key packages with their private parts
    world.people[name].store.0.keys().filter(|at| at[0] == key::MLS + 15).count()
}

#[test]
fn fifty_and_a_last_resort_are_at_the_relay_and_more_come_when_few_are_left() {
    let names = ["a0", "a1", "a2", "a3", "a4", "bruno"];
    let mut world = World::of(&names);
    let device = world.device("bruno");
    let left = |world: &World| world.relay.packages[&device].0.len();
    assert_eq!(left(&world), 50);
    assert!(world.relay.packages[&device].1.is_some());
    assert_eq!(private_parts(&world, "bruno"), 51);
    world.relay.packages.get_mut(&device).unwrap().0.truncate(11);
    world.kill("bruno");
    world.connect("bruno");
    world.run();
    assert_eq!(left(&world), 11, "eleven are enough");
    for name in &names[..2] {
        world.say(name, "bruno", "hi");
        world.run();
    }
    assert_eq!(left(&world), 50, "topped up once nine were left");
}

#[test]
fn the_last_resort_opens_a_conversation_and_is_replaced() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    let device = world.device("bruno");
    world.disconnect("bruno");
    let kept = world.relay.packages.get_mut(&device).unwrap();
    kept.0.clear();
    let last_resort = kept.1.clone();
    world.say("ana", "bruno", "one");
    world.say("carla", "bruno", "two");
    world.run();
    world.connect("bruno");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["one"]);
    assert_eq!(world.seen("bruno", "carla"), ["two"]);
    assert!(world.relay.packages[&device].1 != last_resort, "a used last resort is replaced");
    let id = world.conversation("bruno", "ana").id;
    assert!(world.group_epoch(id) >= 2, "and the leaf that came of it is updated at once");
}

#[test]
fn with_no_package_at_all_the_message_waits() {
    let mut world = World::of(&["ana", "bruno"]);
    let device = world.device("bruno");
    world.disconnect("bruno");
    *world.relay.packages.get_mut(&device).unwrap() = Default::default();
    world.say("ana", "bruno", "patience");
    world.run();
    world.connect("bruno");
    world.run();
    world.wait(3_600_000);
    assert_eq!(world.seen("bruno", "ana"), ["patience"]);
}

#[test]
fn old_packages_are_replaced_and_their_private_parts_removed() {
    let mut world = World::of(&["bruno"]);
    world.wait(24 * DAY);
    world.connect("bruno");
    world.run();
    assert_eq!(private_parts(&world, "bruno"), 102, "new ones beside the old");
    world.wait(14 * DAY);
    assert_eq!(private_parts(&world, "bruno"), 51, "the old ones are gone");
}
