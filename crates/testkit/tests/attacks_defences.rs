//! The same attacks with their defence switched off, when they succeed; and identities forged by an evil core.

mod common;

use common::{texts, unread, view, withheld, world};
use lacre_engine::defence::{Defence, Defences};
use lacre_engine::evil::Forged;
use lacre_engine::{Alert, Intent};
use lacre_proto::wire::{item, request, response};
use lacre_testkit::World;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn disarm(world: &mut World, name: &str, defences: &[Defence]) {
    let defences = Defences::without(defences.iter().copied());
    world.engine(name).disarm(defences);
}

/// The relay answers the claim of Bruno's key packages with a device of its own making, under his real ticket.
fn substitute(world: &mut World) {
    let bruno = world.person("bruno").account();
    let now = world.now();
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    let device = lacre_proto::DeviceId([0xee; 16]);
    let forged = Forged::of(bruno, device, "bruno".parse().expect("a handle"), now, &mut rng);
    let forged = forged.expect("a forger needs nobody");
    world.evil.on_answer(move |_, op, result| match (op, result) {
        (request::Op::ClaimKeyPackages(_), response::Result::Claimed(mut claimed)) => {
            claimed.claims[0].device = device.to_wire();
            claimed.claims[0].key_package = forged.key_package.clone().into();
            response::Result::Claimed(claimed)
        }
        (_, result) => result,
    });
}

#[test]
fn m05_another_conversations_message_in_place_of_ones_own_is_refused_by_the_seal() {
    // A second valid object: a message of Carla's, sealed for Ana, under the label of the conversation with Bruno.
    let mut world = world(502);
    let from_carla = withheld(&mut world, "carla", "ana", &["from Carla"]);
    let with_bruno = world.device("ana").direct_with("bruno").unwrap();
    let before = texts(&world, "ana", "bruno");
    let mut moved = from_carla[0].clone();
    let Some(item::Kind::Sealed(sealed)) = &mut moved.kind else { unreachable!() };
    sealed.conversation = with_bruno.to_wire();
    // With the label check off, the seal itself refuses: it is bound to its group. Two walls, seen one by one.
    disarm(&mut world, "ana", &[Defence::Conversation]);
    world.inject("ana", &moved);
    assert_eq!(world.device("ana").alerts(), [Alert::Unreadable]);
    assert_eq!(texts(&world, "ana", "bruno"), before);
}

#[test]
fn m06_a_replay_has_three_walls_before_it() {
    let walls = [Defence::Ratchet, Defence::Dedupe, Defence::Counter];
    for down in 0..=walls.len() {
        let mut world = world(602);
        let held = withheld(&mut world, "bruno", "ana", &["once"]);
        disarm(&mut world, "ana", &walls[..down]);
        world.inject("ana", &held[0]);
        let (before, unread) = (view(&world, "ana"), unread(&world, "ana", "bruno"));
        assert_eq!(world.device("ana").alerts(), []);
        (0..3).for_each(|_| world.inject("ana", &held[0]));
        if down < walls.len() {
            assert_eq!(world.device("ana").alerts(), vec![Alert::Replayed; 3], "{down} walls are down");
            assert_eq!(view(&world, "ana"), before, "{down} walls are down");
        } else {
            assert_eq!(world.device("ana").alerts(), [], "nobody notices");
            assert_eq!(self::unread(&world, "ana", "bruno"), unread + 3, "it counts as new each time");
        }
    }
}

#[test]
fn m08_without_a_row_for_it_a_message_held_back_is_gone_in_silence() {
    let walls = [Defence::Unread, Defence::Counter];
    for down in 0..=walls.len() {
        let mut world = world(802);
        let held = withheld(&mut world, "bruno", "ana", &["too late"]);
        let conversation = world.device("ana").direct_with("bruno").unwrap();
        for _ in 0..5 {
            world.intend("ana", Intent::UpdateLeaf(conversation));
            world.settle();
        }
        world.person("ana").clear_events();
        disarm(&mut world, "ana", &walls[..down]);
        world.inject("ana", &held[0]);
        world.say("bruno", "ana", "still here");
        world.until_all_is_out(10);
        let alerts = match down {
            0 => vec![Alert::Unreadable, Alert::Missing(1)],
            1 => vec![Alert::Missing(1)],
            _ => vec![],
        };
        assert_eq!(world.device("ana").alerts(), alerts, "{down} walls are down");
        let texts = texts(&world, "ana", "bruno");
        assert_eq!(texts.last().map(String::as_str), Some("still here"));
        assert!(!texts.contains(&"too late".to_owned()), "its key is gone");
    }
}

#[test]
fn m07_without_counters_the_relay_chooses_what_was_said_first() {
    let mut world = world(701);
    let mut held = withheld(&mut world, "bruno", "ana", &["shall I shoot?", "no", "yes"]);
    disarm(&mut world, "ana", &[Defence::Counter]);
    held.swap(1, 2);
    held.iter().for_each(|item| world.inject("ana", item));
    assert_eq!(texts(&world, "ana", "bruno")[1..], ["shall I shoot?", "yes", "no"]);
}

#[test]
fn m09_without_counters_a_message_is_left_out_in_silence() {
    let mut world = world(902);
    let held = withheld(&mut world, "bruno", "ana", &["1", "2", "3", "4"]);
    disarm(&mut world, "ana", &[Defence::Counter]);
    for item in [&held[0], &held[1], &held[3]] {
        world.inject("ana", item);
    }
    assert_eq!(world.device("ana").alerts(), []);
    assert_eq!(texts(&world, "ana", "bruno")[1..], ["1", "2", "4"]);
}

#[test]
fn m01_only_the_comparison_of_roster_and_tree_tells_of_the_ghost() {
    for armed in [true, false] {
        let mut world = world(102);
        let ghost = world.device("carla").device();
        world.evil.on_answer(move |_, op, result| match (op, result) {
            (request::Op::ReadRoster(_), response::Result::Roster(mut roster)) => {
                roster.devices.push(ghost.to_wire());
                response::Result::Roster(roster)
            }
            (_, result) => result,
        });
        if !armed {
            disarm(&mut world, "ana", &[Defence::Roster]);
        }
        world.offline("ana");
        world.online("ana");
        world.pass(60_000);
        assert_eq!(world.device("ana").alerts().contains(&Alert::RosterMismatch), armed);
    }
}

#[test]
fn d01_a_key_package_that_only_says_it_is_brunos_gets_no_message() {
    for armed in [true, false] {
        let mut world = World::new(1101);
        world.people(&["ana", "bruno"]);
        if !armed {
            disarm(&mut world, "ana", &[Defence::Certificate]);
        }
        substitute(&mut world);
        world.say("ana", "bruno", "secret");
        world.pass(60_000);
        let sealed =
            |op: &request::Op| matches!(op, request::Op::CreateConversation(_) | request::Op::Send(_));
        let left = world.evil.requests().iter().any(|(name, op)| name == "ana" && sealed(op));
        assert_eq!(left, !armed, "sealed to the attacker only without the defence");
        assert_eq!(world.device("ana").alerts().contains(&Alert::FalseIdentity), armed);
    }
}
