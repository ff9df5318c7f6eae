//! Updates, lost state, leaked state.

use lacre_proto::wire::item::Kind;

use crate::Alert;
use crate::api::Intent;
use crate::harness::world::World;
use crate::records::{ConversationState, MessageState, key};

const DAY: u64 = 24 * 3600 * 1000;

fn talking() -> World {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "hi");
    world.run();
    world.say("bruno", "ana", "hello");
    world.run();
    world
}

fn talks_on(world: &mut World) {
    let before = world.seen("ana", "bruno").len();
    world.say("ana", "bruno", "on");
    world.run();
    world.say("bruno", "ana", "and on");
    world.run();
    assert_eq!(world.seen("ana", "bruno")[before..], ["on", "and on"]);
    assert_eq!(world.seen("bruno", "ana").last().map(String::as_str), Some("and on"));
    assert_eq!(world.conversation("ana", "bruno").state, ConversationState::Open);
    assert_eq!(world.conversation("bruno", "ana").state, ConversationState::Open);
}

#[test]
fn leaves_are_updated_every_day_and_after_a_hundred_messages() {
    let mut world = talking();
    let id = world.conversation("ana", "bruno").id;
    assert_eq!(world.group_epoch(id), 1);
    world.wait(DAY + 2 * 3_600_000);
    assert_eq!(world.group_epoch(id), 3, "each of the two once");
    for number in 0..100 {
        world.say("ana", "bruno", &number.to_string());
        world.run();
    }
    assert_eq!(world.group_epoch(id), 3);
    world.say("ana", "bruno", "101");
    world.run();
    assert_eq!(world.group_epoch(id), 4);
    talks_on(&mut world);
    assert_eq!(world.alerts("ana"), []);
    assert_eq!(world.alerts("bruno"), []);
}

#[test]
fn a_message_of_an_epoch_that_is_over_is_sealed_again() {
    let mut world = talking();
    let id = world.conversation("ana", "bruno").id;
    world.person("ana").held = true;
    world.intent("bruno", Intent::UpdateLeaf(id));
    world.run();
    for number in 0..20 {
        world.say("ana", "bruno", &number.to_string());
    }
    world.run();
    assert_eq!(world.group_epoch(id), 2);
    assert_eq!(world.seen("bruno", "ana").len(), 2, "the relay took none of the old epoch");
    world.person("ana").held = false;
    world.run();
    assert_eq!(world.seen("bruno", "ana").len(), 22);
    assert_eq!(world.seen("bruno", "ana"), world.seen("ana", "bruno"));
    assert_eq!(world.alerts("bruno"), []);
}

#[test]
fn two_updates_at_once_both_happen_one_after_the_other() {
    let mut world = talking();
    let id = world.conversation("ana", "bruno").id;
    world.intent("ana", Intent::UpdateLeaf(id));
    world.intent("bruno", Intent::UpdateLeaf(id));
    world.say("ana", "bruno", "a");
    world.say("bruno", "ana", "b");
    world.run();
    assert_eq!(world.group_epoch(id), 3);
    talks_on(&mut world);
}

#[test]
fn an_update_whose_answer_was_lost_in_a_crash_happens_once() {
    for lost in [false, true] {
        let mut world = talking();
        let id = world.conversation("ana", "bruno").id;
        world.intent("ana", Intent::UpdateLeaf(id));
        if lost {
            world.person("ana").lose_answers = 1;
            world.ask_one("ana");
        }
        world.kill("ana");
        world.connect("ana");
        world.run();
        assert_eq!(world.group_epoch(id), 2);
        talks_on(&mut world);
    }
}

fn forget_group(world: &mut World, name: &str) {
    let person = world.person(name);
    person.store.0.retain(|at, _| !(key::MLS..key::MLS + 15).contains(&at[0]));
    person.engine.rolled_back();
}

#[test]
fn a_device_that_lost_a_groups_state_is_let_in_again() {
    let mut world = talking();
    forget_group(&mut world, "bruno");
    world.say("ana", "bruno", "lost on him");
    world.run();
    assert!(world.alerts("bruno").contains(&Alert::OutOfStep));
    assert!(world.seen("bruno", "ana")[2].starts_with("[it belongs to a time"), "visible, not silent");
    world.say("bruno", "ana", "and back");
    world.run();
    assert_eq!(world.conversation("bruno", "ana").state, ConversationState::Open);
    assert_eq!(world.seen("ana", "bruno"), ["hi", "hello", "lost on him", "and back"]);
    talks_on(&mut world);
    assert!(!world.alerts("ana").iter().any(|alert| matches!(alert, Alert::Missing(_))));
}

#[test]
fn a_device_that_lost_a_groups_state_while_it_was_to_send_is_let_in_and_sends() {
    let mut world = talking();
    forget_group(&mut world, "bruno");
    let id = world.say("bruno", "ana", "wait for me");
    world.run();
    assert_eq!(world.seen("ana", "bruno"), ["hi", "hello", "wait for me"]);
    assert_eq!(world.state("bruno", "ana", id), MessageState::Delivered);
    talks_on(&mut world);
}

#[test]
fn a_commit_that_the_relay_keeps_back_is_noticed_and_healed() {
    let mut world = talking();
    let id = world.conversation("ana", "bruno").id;
    world.person("bruno").held = true;
    world.intent("ana", Intent::UpdateLeaf(id));
    world.run();
    world.say("ana", "bruno", "from the new epoch");
    world.run();
    world.tamper("bruno", |items| items.retain(|item| !matches!(item.kind, Some(Kind::Committed(_)))));
    world.person("bruno").held = false;
    world.run();
    assert!(world.alerts("bruno").contains(&Alert::OutOfStep));
    talks_on(&mut world);
}

#[test]
fn when_both_have_lost_their_place_the_conversation_is_begun_anew_and_nothing_is_lost() {
    let mut world = talking();
    let old = world.conversation("ana", "bruno").id;
    forget_group(&mut world, "ana");
    forget_group(&mut world, "bruno");
    world.say("ana", "bruno", "a");
    world.say("bruno", "ana", "b");
    world.run();
    let (ana, bruno) = (world.conversation("ana", "bruno"), world.conversation("bruno", "ana"));
    assert_eq!(ana.id, bruno.id);
    assert_ne!(ana.id, old);
    for seen in [world.seen("ana", "bruno"), world.seen("bruno", "ana")] {
        assert_eq!(seen[..2], ["hi", "hello"]);
        assert!(seen[2..].contains(&"a".to_owned()) && seen[2..].contains(&"b".to_owned()));
    }
    talks_on(&mut world);
}

#[test]
fn a_request_whose_ticket_is_too_old_is_made_again() {
    let mut world = talking();
    world.disconnect("ana");
    forget_group(&mut world, "bruno");
    world.say("bruno", "ana", "hello?");
    world.run();
    world.relay.expire_tickets();
    world.connect("ana");
    world.run();
    assert_eq!(world.conversation("bruno", "ana").state, ConversationState::OutOfStep);
    world.wait(3_600_000);
    assert_eq!(world.conversation("bruno", "ana").state, ConversationState::Open);
    talks_on(&mut world);
}

#[test]
fn a_request_in_another_devices_name_is_refused() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    world.say("ana", "bruno", "hi");
    world.say("carla", "bruno", "hi");
    world.run();
    let (id, bruno) = (world.conversation("ana", "bruno").id, world.device("bruno"));
    // Bruno's own request for his conversation with Carla, put into the one with Ana
    forget_group(&mut world, "bruno");
    world.person("carla").held = true;
    world.person("ana").held = true;
    let with_carla = world.conversation("bruno", "carla").id;
    world.intent("bruno", Intent::UpdateLeaf(with_carla));
    world.run();
    let ana = world.device("ana");
    let asked = world.items("carla").into_iter().rev().find_map(|item| match item.kind {
        Some(Kind::ResyncAsked(asked)) => Some(asked),
        _ => None,
    });
    let mut asked = asked.unwrap();
    asked.conversation = id.to_wire();
    world.relay.append([ana], Kind::ResyncAsked(asked));
    let before = world.group_epoch(id);
    world.person("ana").held = false;
    world.run();
    assert!(world.alerts("ana").contains(&Alert::FalseResync));
    assert_eq!(world.group_epoch(id), before);
    assert!(world.relay.groups[&id].roster.contains(&bruno));
}

#[test]
fn a_ghost_on_the_roster_is_told_of_once() {
    let mut world = World::of(&["ana", "bruno", "mallory"]);
    world.say("ana", "bruno", "hi");
    world.run();
    let (id, ghost) = (world.conversation("ana", "bruno").id, world.device("mallory"));
    world.relay.groups.get_mut(&id).unwrap().roster.insert(ghost);
    for _ in 0..3 {
        world.disconnect("ana");
        world.connect("ana");
        world.run();
    }
    assert_eq!(world.alerts("ana"), [Alert::RosterMismatch]);
    world.say("ana", "bruno", "not for ghosts");
    world.run();
    assert!(crate::Records(&world.people["mallory"].store).conversations().unwrap().is_empty());
    assert!(world.alerts("mallory").iter().all(|alert| *alert == Alert::Misdelivered));
}
