//! Both write first.

use crate::api::{Event, Intent};
use crate::harness::world::World;
use crate::records::{ConversationState, MessageState};

fn settled(world: &World) {
    let (ana, bruno) = (world.conversation("ana", "bruno"), world.conversation("bruno", "ana"));
    assert_eq!(ana.id, bruno.id, "both have settled on the same one");
    assert_eq!(ana.state, ConversationState::Open);
    assert_eq!(bruno.state, ConversationState::Open);
    for (name, with) in [("ana", "bruno"), ("bruno", "ana")] {
        let rows = world.rows(name, with);
        assert!(rows.iter().all(|row| row.state != MessageState::Queued), "{name} has sent everything");
        assert!(rows.iter().all(|row| row.conversation == ana.id));
        assert_eq!(world.alerts(name), []);
    }
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn both_write_first_at_once_and_have_one_conversation() {
    let mut world = World::of(&["ana", "bruno"]);
    let a = world.say("ana", "bruno", "a1");
    world.say("bruno", "ana", "b1");
    world.say("ana", "bruno", "a2");
    world.run();
    settled(&world);
    assert_eq!(sorted(world.seen("ana", "bruno")), ["a1", "a2", "b1"]);
    assert_eq!(sorted(world.seen("bruno", "ana")), ["a1", "a2", "b1"]);
    assert_eq!(world.state("ana", "bruno", a), MessageState::Delivered);
    let merged = |event: &Event| matches!(event, Event::ConversationMerged(..));
    assert!(world.people["ana"].events.iter().any(merged) || world.people["bruno"].events.iter().any(merged));
    // and go on in it
    world.say("bruno", "ana", "b2");
    world.run();
    world.say("ana", "bruno", "a3");
    world.run();
    assert_eq!(world.seen("ana", "bruno")[3..], ["b2", "a3"]);
    assert_eq!(world.seen("bruno", "ana")[3..], ["b2", "a3"]);
    settled(&world);
}

#[test]
fn however_their_requests_interleave_they_settle() {
    for schedule in 0..64u32 {
        let mut world = World::of(&["ana", "bruno"]);
        for number in 0..2 {
            world.say("ana", "bruno", &format!("a{number}"));
            world.say("bruno", "ana", &format!("b{number}"));
        }
        for bit in 0..6 {
            let name = if schedule >> bit & 1 == 0 { "ana" } else { "bruno" };
            world.ask_one(name);
            world.ask_one(name);
            if bit % 2 == 1 {
                world.push(name);
            }
        }
        world.run();
        settled(&world);
        assert_eq!(sorted(world.seen("ana", "bruno")), ["a0", "a1", "b0", "b1"], "schedule {schedule}");
        assert_eq!(sorted(world.seen("bruno", "ana")), ["a0", "a1", "b0", "b1"], "schedule {schedule}");
    }
}

#[test]
fn killed_while_it_happens_they_still_settle() {
    // Whose conversation wins is chance: with some draws Ana's does, with others Bruno's.
    for (draws, kill_at) in (0..8).flat_map(|draws| (0..20).map(move |kill_at| (draws, kill_at))) {
        let mut world = World::of(&["ana", "bruno"]);
        world.draw("ana", draws);
        world.say("ana", "bruno", "a");
        world.say("bruno", "ana", "b");
        for round in 0..kill_at {
            let name = if round % 2 == 0 { "ana" } else { "bruno" };
            world.ask_one(name);
            if round % 3 == 0 {
                world.push(name);
            }
        }
        world.kill("ana");
        world.run();
        world.connect("ana");
        world.run();
        settled(&world);
        assert_eq!(sorted(world.seen("ana", "bruno")), ["a", "b"], "{draws} draws, killed at {kill_at}");
        assert_eq!(sorted(world.seen("bruno", "ana")), ["a", "b"], "{draws} draws, killed at {kill_at}");
    }
}

#[test]
fn one_that_was_never_made_yields() {
    let mut world = World::of(&["ana", "bruno"]);
    world.disconnect("ana");
    world.say("ana", "bruno", "written offline");
    world.say("bruno", "ana", "are you there?");
    world.run();
    world.connect("ana");
    world.run();
    settled(&world);
    assert_eq!(world.seen("bruno", "ana"), ["are you there?", "written offline"]);
    assert_eq!(world.relay.groups.len(), 1);
}

#[test]
fn begun_anew_again_and_again_it_is_one_conversation() {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "first");
    world.run();
    let first = world.conversation("ana", "bruno").id;
    world.intent("ana", Intent::SetTimer(first, 3600));
    world.run();
    let brief = world.say("bruno", "ana", "not for long");
    world.run();
    world.intent("ana", Intent::MarkRead(first, brief));
    world.run();
    let bruno = world.people["bruno"].engine.me().account;
    for _ in 0..10 {
        world.intent("ana", Intent::Block(bruno));
        world.run();
        world.intent("ana", Intent::Unblock(bruno));
        world.run();
    }
    world.say("bruno", "ana", "still friends");
    world.run();
    assert_eq!(world.seen("ana", "bruno").last().map(String::as_str), Some("still friends"));
    assert_eq!(world.conversation("ana", "bruno").id, world.conversation("bruno", "ana").id);
    assert!(world.seen("ana", "bruno").contains(&"not for long".to_owned()));
    world.wait(3_700_000);
    assert!(!world.seen("ana", "bruno").contains(&"not for long".to_owned()), "what is to vanish does");
}
