//! What a relay under full control of an attacker tries, and what comes of it: each attack with valid objects,
//! the exact refusal, nothing changed. docs/security/attacks.md is the table of them.

mod common;

use common::{seeds, texts, view, withheld, world};
use lacre_engine::content::Content;
use lacre_engine::records::MessageState;
use lacre_engine::{Alert, Event};
use lacre_proto::frame::encode_item;
use lacre_proto::wire::{Item, item, request, response};
use lacre_store::data::{Batch, Data, LogId};
use lacre_testkit::World;
use lacre_testkit::evil::sealed;
use lacre_testkit::world::at_once;
use rand::seq::SliceRandom;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

#[test]
fn m05_a_message_relabelled_for_another_conversation_is_not_shown_there() {
    let mut world = world(501);
    let held = withheld(&mut world, "bruno", "ana", &["only for Ana and me"]);
    let with_carla = world.device("ana").direct_with("carla").unwrap();
    let before = view(&world, "ana");
    let mut moved = held[0].clone();
    let Some(item::Kind::Sealed(sealed)) = &mut moved.kind else { unreachable!() };
    sealed.conversation = with_carla.to_wire();
    world.inject("ana", &moved);
    assert_eq!(world.device("ana").alerts(), [Alert::Misdelivered]);
    assert_eq!(view(&world, "ana"), before);
    // And the true one still opens where it belongs.
    world.inject("ana", &held[0]);
    assert_eq!(texts(&world, "ana", "bruno").last().unwrap(), "only for Ana and me");
}

#[test]
fn m06_every_message_three_times_over_is_shown_once() {
    let mut world = world(601);
    world.say("bruno", "ana", "once");
    world.settle();
    let items = world.evil.items("ana").to_vec();
    let own: Vec<Item> = world.evil.items("bruno").to_vec();
    let before = view(&world, "ana");
    world.person("ana").clear_events();
    for _ in 0..3 {
        items.iter().filter(|item| sealed(item).is_some()).for_each(|item| world.inject("ana", item));
    }
    let alerts = world.device("ana").alerts();
    let sealed_items = items.iter().filter(|item| sealed(item).is_some()).count();
    assert_eq!(alerts, vec![Alert::Replayed; 3 * sealed_items]);
    assert_eq!(view(&world, "ana").1, before.1, "no row more, no counter grown");
    // Reflected to its sender, and after a restart.
    world.kill("bruno");
    world.settle();
    let before = view(&world, "bruno");
    own.iter().filter(|item| sealed(item).is_some()).for_each(|item| world.inject("bruno", item));
    assert_eq!(view(&world, "bruno").1, before.1);
}

#[test]
fn m07_whatever_order_the_relay_chooses_each_sender_reads_in_his_own() {
    let said: Vec<String> = (0..12).map(|n| format!("bruno {n}")).collect();
    for seed in seeds(50) {
        let mut world = world(7_000 + seed);
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let mut held = withheld(&mut world, "bruno", "ana", &said);
        held.shuffle(&mut ChaCha20Rng::seed_from_u64(seed));
        held.iter().for_each(|item| world.inject("ana", item));
        assert_eq!(texts(&world, "ana", "bruno")[1..], said, "seed {seed}");
        let rows = world.device("ana").rows_with("bruno");
        assert!(rows.iter().all(|row| !matches!(row.state, MessageState::Gap(_))), "seed {seed}");
    }
}

#[test]
fn m08_a_message_held_back_over_epochs_is_a_row_that_could_not_be_read() {
    let mut world = world(801);
    let held = withheld(&mut world, "bruno", "ana", &["too late"]);
    let conversation = world.device("ana").direct_with("bruno").unwrap();
    for _ in 0..5 {
        world.intend("ana", lacre_engine::Intent::UpdateLeaf(conversation));
        world.settle();
    }
    world.person("ana").clear_events();
    world.inject("ana", &held[0]);
    let unread = world.device("ana").alerts();
    assert!(unread.contains(&Alert::Unreadable), "{unread:?}");
    let rows = world.device("ana").rows_with("bruno");
    assert!(
        rows.iter().any(|row| matches!(row.state, MessageState::Unreadable(_))),
        "never silent: {rows:?}"
    );
    // The conversation goes on.
    world.say("bruno", "ana", "still here");
    world.until_all_is_out(10);
    assert_eq!(texts(&world, "ana", "bruno").last().unwrap(), "still here");
}

#[test]
fn m09_a_message_left_out_shows_as_a_gap_with_the_next() {
    let mut world = world(901);
    let held = withheld(&mut world, "bruno", "ana", &["1", "2", "3", "4", "5"]);
    for item in [&held[0], &held[1], &held[3]] {
        world.inject("ana", item);
    }
    assert_eq!(world.device("ana").alerts(), [Alert::Missing(1)]);
    let rows = world.device("ana").rows_with("bruno");
    let gap = rows.iter().position(|row| row.state == MessageState::Gap(1)).expect("the gap is a row");
    let four = rows.iter().position(|row| matches!(&row.content, Content::Text { text, .. } if text == "4"));
    assert_eq!(Some(gap + 1), four, "the gap stands before the message that showed it");
    // What was held comes after all: the gap is filled, marked late.
    world.inject("ana", &held[2]);
    world.inject("ana", &held[4]);
    assert_eq!(texts(&world, "ana", "bruno")[1..], ["1", "2", "3", "4", "5"]);
    let rows = world.device("ana").rows_with("bruno");
    assert!(rows.iter().all(|row| !matches!(row.state, MessageState::Gap(_))));
    assert!(rows.iter().any(|row| row.late));
}

#[test]
fn m01_a_ghost_mailbox_on_the_roster_reads_nothing_and_is_reported_once() {
    let mut world = world(101);
    let ghost = world.device("carla").device();
    world.evil.on_answer(move |_, op, result| match (op, result) {
        (request::Op::ReadRoster(_), response::Result::Roster(mut roster)) => {
            if !roster.devices.contains(&ghost.to_wire()) {
                roster.devices.push(ghost.to_wire());
            }
            response::Result::Roster(roster)
        }
        (_, result) => result,
    });
    // Everything between Ana and Bruno lands in Carla's mailbox too.
    let carla = LogId(world.device("carla").device().0);
    let before = texts(&world, "carla", "ana");
    world.kill("ana");
    world.say("bruno", "ana", "not for Carla");
    world.until_all_is_out(10);
    let copies = world.evil.items("ana").to_vec();
    for copy in copies.iter().filter(|item| sealed(item).is_some()) {
        at_once(world.data().write(Batch::new().append(vec![carla], encode_item(copy)))).unwrap();
    }
    world.kill("carla");
    world.pass(60_000);
    let mismatches = |world: &World, name: &str| {
        world.device(name).alerts().iter().filter(|alert| **alert == Alert::RosterMismatch).count()
    };
    assert!(mismatches(&world, "ana") >= 1, "Ana is told");
    assert_eq!(texts(&world, "carla", "ana"), before, "the ghost shows nothing");
    assert!(world.device("carla").alerts().contains(&Alert::Misdelivered));
    let members = world.device("ana").records().conversations().unwrap();
    assert_eq!(members.len(), 2, "nobody was added to anything");
    let told = mismatches(&world, "ana");
    world.pass(3_600_000);
    world.offline("ana");
    world.online("ana");
    world.pass(60_000);
    assert_eq!(mismatches(&world, "ana"), told, "told once a conversation, not at every look");
}

#[test]
fn r5_no_frame_that_crosses_the_network_shows_a_word() {
    use lacre_testkit::canary::{self, Search};
    let seed = 1501;
    let mut world = World::new(seed);
    world.people(&["ana", "bruno"]);
    let canaries = canary::registry(seed);
    for canary in &canaries {
        world.say("ana", "bruno", canary.text());
    }
    world.until_all_is_out(10);
    world.read_all("bruno", "ana");
    world.pass(60_000);
    let search = Search::new(&canaries);
    assert_eq!(search.bytes("frames", world.capture()), []);
    // The control: the same words are found where they may be.
    let shown = world.device("bruno").store().dump();
    let found = search.bytes("bruno's store", &shown);
    assert!(canaries.iter().all(|canary| found.iter().any(|hit| hit.canary == canary.what)), "{found:?}");
}

#[test]
fn r5_a_flipped_bit_anywhere_in_a_sealed_message_is_refused_and_shown() {
    let mut world = world(1502);
    let held = withheld(&mut world, "bruno", "ana", &["whole"]);
    let original = sealed(&held[0]).unwrap().message.to_vec();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    for _ in 0..60 {
        let before = texts(&world, "ana", "bruno");
        world.person("ana").clear_events();
        let mut item = held[0].clone();
        let Some(item::Kind::Sealed(sealed)) = &mut item.kind else { unreachable!() };
        let mut message = original.clone();
        let at = (rng.next_u32() as usize) % message.len();
        message[at] ^= 1 << (rng.next_u32() % 8);
        sealed.message = message.into();
        world.inject("ana", &item);
        let alerts = world.device("ana").alerts();
        assert_eq!(alerts.len(), 1, "byte {at}: {alerts:?}");
        assert!(matches!(alerts[0], Alert::Misdelivered | Alert::Unreadable), "byte {at}: {alerts:?}");
        assert_eq!(texts(&world, "ana", "bruno"), before);
    }
    world.inject("ana", &held[0]);
    assert_eq!(texts(&world, "ana", "bruno").last().unwrap(), "whole", "the true one still opens");
    assert!(world.device("ana").events().iter().any(|event| matches!(event, Event::MessageChanged(..))));
}
