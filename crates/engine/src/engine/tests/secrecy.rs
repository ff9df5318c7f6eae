//! What a copy of a device's store gives to a thief.

use lacre_proto::ConversationId;
use lacre_proto::wire::item::Kind;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::Engine;
use crate::api::Intent;
use crate::defence::{Defence, Defences};
use crate::harness::MapStore;
use crate::harness::world::World;

fn talking() -> (World, ConversationId) {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "hi");
    world.run();
    let id = world.conversation("ana", "bruno").id;
    (world, id)
}

fn opens(store: &MapStore, id: ConversationId, message: &[u8]) -> bool {
    Engine::try_open(store, id, message, &mut ChaCha20Rng::seed_from_u64(4)).is_some()
}

/// The sealed message that came last to Bruno.
fn last_sealed(world: &World) -> Vec<u8> {
    let sealed = world.items("bruno").into_iter().rev().find_map(|item| match item.kind {
        Some(Kind::Sealed(sealed)) => Some(sealed.message.to_vec()),
        _ => None,
    });
    sealed.unwrap()
}

#[test]
fn m18_what_was_read_does_not_open_with_the_state_that_is_left() {
    let (mut world, id) = talking();
    let mut read = Vec::new();
    for number in 0..20 {
        world.person("bruno").held = true;
        world.say("ana", "bruno", &format!("secret {number}"));
        world.run();
        let message = last_sealed(&world);
        let before = world.people["bruno"].store.clone();
        assert!(opens(&before, id, &message), "with the state from before it does: the attack is a real one");
        world.person("bruno").held = false;
        world.run();
        read.push(message);
        let dump = world.people["bruno"].store.clone();
        assert!(read.iter().all(|message| !opens(&dump, id, message)), "after message {number}");
        world.kill("bruno");
        let dump = world.people["bruno"].store.clone();
        assert!(read.iter().all(|message| !opens(&dump, id, message)), "after a crash");
        world.connect("bruno");
        world.run();
    }
}

#[test]
fn m18_with_a_ratchet_that_is_not_stored_the_state_that_is_left_opens_what_was_read() {
    // GHSA-qr9h-x63w-vqfm: what the test above would have found.
    let (mut world, id) = talking();
    world.person("bruno").engine.disarm(Defences::without([Defence::Ratchet]));
    world.person("bruno").held = true;
    world.say("ana", "bruno", "secret");
    world.run();
    let read = last_sealed(&world);
    world.person("bruno").held = false;
    world.run();
    assert_eq!(world.seen("bruno", "ana").last().map(String::as_str), Some("secret"));
    assert!(opens(&world.people["bruno"].store, id, &read));
}

#[test]
fn r7_one_update_locks_out_who_has_stolen_the_state() {
    let (mut world, id) = talking();
    let stolen = world.people["bruno"].store.clone();
    world.say("ana", "bruno", "the thief reads this");
    world.run();
    let read = world.items("bruno").into_iter().rev().find_map(|item| match item.kind {
        Some(Kind::Sealed(sealed)) if opens(&stolen, id, &sealed.message) => Some(()),
        _ => None,
    });
    assert_eq!(read, Some(()), "before the update");
    world.intent("bruno", Intent::UpdateLeaf(id));
    world.run();
    assert_eq!(world.group_epoch(id), 2);
    world.person("bruno").held = true;
    world.say("ana", "bruno", "not this");
    world.run();
    let healed = last_sealed(&world);
    assert!(opens(&world.people["bruno"].store, id, &healed), "Bruno reads it");
    assert!(!opens(&stolen, id, &healed));
    // nor after the thief has been given the commit, as the relay could do
    let commit = world.items("bruno").into_iter().find_map(|item| match item.kind {
        Some(Kind::Committed(committed)) => Some(committed.commit.to_vec()),
        _ => None,
    });
    assert!(!opens(&stolen, id, &commit.unwrap()));
}

#[test]
fn r7_the_daily_update_locks_a_thief_out_without_anybody_asking() {
    for armed in [true, false] {
        let (mut world, id) = talking();
        if !armed {
            for name in ["ana", "bruno"] {
                world.person(name).engine.disarm(Defences::without([Defence::Update]));
            }
        }
        let stolen = world.people["bruno"].store.clone();
        world.wait(25 * 3600 * 1000);
        world.say("bruno", "ana", "good morning");
        world.run();
        world.person("bruno").held = true;
        world.say("ana", "bruno", "for Bruno alone");
        world.run();
        assert!(opens(&world.people["bruno"].store, id, &last_sealed(&world)), "Bruno reads it");
        assert_eq!(opens(&stolen, id, &last_sealed(&world)), !armed);
    }
}

#[test]
fn r3_ten_thousand_messages_use_no_key_twice() {
    let (mut world, id) = talking();
    let person = world.person("ana");
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let (used, again) = person.engine.watch_keys(&person.store, id, 10_000, &mut rng).unwrap();
    assert_eq!(again, 0);
    assert_eq!(used, 20_000, "one for the content and one for the sender data of each");
    person.engine.disarm(Defences::without([Defence::Ratchet]));
    let (used, again) = person.engine.watch_keys(&person.store, id, 100, &mut rng).unwrap();
    assert_eq!((used, again), (101, 99), "a ratchet that does not turn is seen");
}
