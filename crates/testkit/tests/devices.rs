//! One person with several devices, over the real relay.

mod common;

use common::texts;
use lacre_engine::Intent;
use lacre_proto::ErrorCode;
use lacre_testkit::{Faults, World};

const MINUTE: u64 = 60_000;

/// Ana has a laptop and a phone, Bruno a laptop and a tablet; they talk.
fn four_devices(seed: u64) -> World {
    let mut world = World::new(seed);
    world.people(&["ana", "bruno"]);
    world.say("ana", "bruno", "first");
    world.settle();
    world.link("ana", "ana/phone");
    world.link("bruno", "bruno/tablet");
    world.pass(2 * MINUTE);
    world
}

fn same_everywhere(world: &World, from: usize) -> Vec<String> {
    let shown = texts(world, "ana", "bruno")[from..].to_vec();
    for (name, with) in [("ana/phone", "bruno"), ("bruno", "ana"), ("bruno/tablet", "ana")] {
        let all = texts(world, name, with);
        assert_eq!(all[all.len() - shown.len()..], shown[..], "{name}");
    }
    shown
}

#[test]
fn four_devices_show_the_same_in_the_same_order() {
    let mut world = four_devices(2101);
    for turn in 0..4 {
        for (from, to) in
            [("ana", "bruno"), ("bruno/tablet", "ana"), ("ana/phone", "bruno"), ("bruno", "ana")]
        {
            world.say(from, to, &format!("{turn} from {from}"));
        }
    }
    world.pass(2 * MINUTE);
    assert_eq!(same_everywhere(&world, 1).len(), 16);
    for name in ["ana", "ana/phone", "bruno", "bruno/tablet"] {
        assert_eq!(world.device(name).alerts(), [], "{name}");
    }
}

#[test]
fn a_bad_network_changes_nothing_of_that() {
    for seed in 2102..2108 {
        let mut world = four_devices(seed);
        world.faults(Faults::BAD);
        for turn in 0..3 {
            for (from, to) in [("ana", "bruno"), ("bruno/tablet", "ana"), ("ana/phone", "bruno")] {
                world.say(from, to, &format!("{turn} from {from}"));
            }
            world.pass(MINUTE);
        }
        world.faults(Faults::default());
        world.until_all_is_out(60);
        world.pass(5 * MINUTE);
        assert_eq!(same_everywhere(&world, 1).len(), 9, "seed {seed}");
    }
}

#[test]
fn d09_a_revoked_device_is_logged_out_and_out_of_the_conversation() {
    let mut world = four_devices(2110);
    let phone = world.device("ana/phone").device();
    // The control: before, the phone logs in and reads what is said.
    world.offline("ana/phone");
    world.online("ana/phone");
    world.say("bruno", "ana", "for all of hers");
    world.pass(MINUTE);
    assert_eq!(world.device("ana/phone").refused_login().map(|error| error.code), None);
    assert!(texts(&world, "ana/phone", "bruno").contains(&"for all of hers".to_owned()));
    world.intend("ana", Intent::RevokeDevice(phone));
    world.pass(2 * MINUTE);
    let refused = world.device("ana/phone").refused_login().map(|error| error.code);
    assert_eq!(refused, Some(ErrorCode::DeviceRemoved));
    world.say("bruno", "ana", "only for those who are left");
    world.pass(MINUTE);
    assert_eq!(texts(&world, "ana", "bruno").last().map(String::as_str), Some("only for those who are left"));
    assert!(!texts(&world, "ana/phone", "bruno").contains(&"only for those who are left".to_owned()));
    world.offline("ana");
    world.online("ana");
    world.pass(MINUTE);
    assert_eq!(world.device("ana").alerts(), [], "the roster is the tree's");
}

#[test]
fn a_phone_that_was_away_for_long_has_all_once_it_is_back() {
    let mut world = four_devices(2111);
    world.offline("ana/phone");
    for day in 0..5 {
        world.say("ana", "bruno", &format!("day {day}"));
        world.say("bruno", "ana", &format!("answer {day}"));
        world.pass(24 * 60 * MINUTE);
    }
    world.online("ana/phone");
    world.pass(5 * MINUTE);
    assert_eq!(same_everywhere(&world, 1).len(), 10);
}
