//! M-16: this device's keys may be known to somebody; it gets new ones in all its conversations.

use lacre_proto::wire::item::Kind;
use lacre_proto::wire::request::Op;
use lacre_proto::{ConversationId, ErrorCode};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::Engine;
use crate::api::{Event, Intent};
use crate::harness::MapStore;
use crate::harness::world::{World, text};
use crate::records::{ConversationState, Records, Secured, key};

const FRIENDS: [&str; 3] = ["bruno", "carla", "dora"];

/// Ana talks with three people, and has two groups with them.
fn busy() -> (World, Vec<ConversationId>) {
    let mut world = World::of(&["ana", "bruno", "carla", "dora"]);
    for friend in FRIENDS {
        world.say("ana", friend, "olá");
    }
    for name in ["Família", "Trabalho"] {
        let people = FRIENDS.iter().map(|name| name.parse().unwrap()).collect();
        world.intent("ana", Intent::CreateGroup(name.to_owned(), people));
    }
    world.run();
    let all = Records(&world.people["ana"].store).conversations().unwrap();
    assert!(all.iter().all(|record| record.state == ConversationState::Open));
    (world, all.iter().map(|record| record.id).collect())
}

fn secured(world: &World) -> Secured {
    Records(&world.people["ana"].store).secured().unwrap().expect("it was asked for")
}

/// What of the newest messages to Bruno the thief opens with what he has stolen, conversation by conversation.
fn opened(world: &mut World, stolen: &MapStore, ids: &[ConversationId]) -> usize {
    let mut opens = 0;
    for id in ids {
        let friend = FRIENDS
            .into_iter()
            .find(|friend| Records(&world.people[friend].store).conversation(*id).unwrap().is_some());
        let friend = friend.expect("somebody is in it");
        // No receipt of hers comes after it.
        world.person("ana").held = true;
        world.intent(friend, Intent::Send(*id, text("between us")));
        world.run();
        world.person("ana").held = false;
        let sealed = world.items("ana").into_iter().rev().find_map(|item| match item.kind {
            Some(Kind::Sealed(sealed)) if sealed.conversation == id.to_wire() => Some(sealed),
            _ => None,
        });
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let sealed = sealed.unwrap();
        opens += usize::from(Engine::try_open(stolen, *id, &sealed.message, &mut rng).is_some());
        world.run();
    }
    opens
}

#[test]
fn m16_one_action_heals_every_conversation_and_counts_those_that_are_left() {
    let (mut world, ids) = busy();
    let stolen = world.people["ana"].store.clone();
    let stolen_packages = world.relay.packages[&world.device("ana")].clone();
    assert_eq!(opened(&mut world, &stolen, &ids), ids.len(), "the thief reads everything");
    world.person("ana").events.clear();
    world.intent("ana", Intent::Secure);
    assert_eq!((secured(&world).left, secured(&world).packages), (ids.len(), false));
    // The process dies in the middle; what was begun is done.
    while secured(&world).left > 3 {
        assert!(world.ask_one("ana") | world.push("ana"));
    }
    world.kill("ana");
    assert!(!secured(&world).is_done());
    world.connect("ana");
    world.run();
    assert!(secured(&world).is_done(), "{:?}", secured(&world));
    let told: Vec<usize> = world.people["ana"]
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Securing(left, _) => Some(*left),
            _ => None,
        })
        .collect();
    assert!(told.windows(2).all(|pair| pair[0] >= pair[1]) && told.last() == Some(&0), "{told:?}");
    assert_eq!(opened(&mut world, &stolen, &ids), 0, "and nothing any more");
    // Nor does he come into what is begun from now on: no key package is left whose private part he has.
    let (now, last_resort) = world.relay.packages[&world.device("ana")].clone();
    assert!(
        now.iter().all(|package| !stolen_packages.0.contains(package)) && last_resort != stolen_packages.1
    );
    assert_eq!(now.len(), lacre_proto::limits::KEY_PACKAGES_KEPT);
}

#[test]
fn m16_the_daily_update_of_one_conversation_heals_that_one_alone() {
    // The twin: without the action each conversation heals when its own turn comes, and not before.
    let (mut world, ids) = busy();
    let stolen = world.people["ana"].store.clone();
    world.intent("ana", Intent::UpdateLeaf(ids[0]));
    world.run();
    assert_eq!(opened(&mut world, &stolen, &ids), ids.len() - 1);
}

#[test]
fn an_update_that_was_made_before_does_not_count() {
    let (mut world, ids) = busy();
    // Made, and on its way: its keys are in the store that the thief copies.
    world.intent("ana", Intent::UpdateLeaf(ids[0]));
    world.person("ana").held = true;
    world.run();
    let stolen = world.people["ana"].store.clone();
    world.intent("ana", Intent::Secure);
    world.person("ana").held = false;
    world.run();
    assert!(secured(&world).is_done());
    assert_eq!(opened(&mut world, &stolen, &ids), 0);
}

#[test]
fn a_conversation_that_is_being_opened_is_counted_and_gets_new_keys() {
    let mut world = World::of(&["ana", "bruno", "carla", "dora"]);
    world.say("ana", "bruno", "olá");
    let id = world.conversation("ana", "bruno").id;
    let made = |world: &World| world.people["ana"].store.0.contains_key(&key::conversation(key::SEAL, id));
    while !made(&world) {
        assert!(world.ask_one("ana"));
    }
    world.intent("ana", Intent::Secure);
    assert_eq!(secured(&world).left, 1, "its keys are made, and in the copy");
    world.run();
    assert!(secured(&world).is_done());
    assert!(world.group_epoch(id) > 1, "it has had an update since it was opened");
}

#[test]
fn one_whose_opening_comes_to_nothing_is_not_waited_for() {
    let mut world = World::of(&["ana", "bruno", "carla", "dora"]);
    world.say("ana", "bruno", "olá");
    let id = world.conversation("ana", "bruno").id;
    while !world.people["ana"].store.0.contains_key(&key::conversation(key::SEAL, id)) {
        assert!(world.ask_one("ana"));
    }
    world.intent("ana", Intent::Secure);
    assert_eq!(secured(&world).left, 1);
    // The relay refuses it for good.
    let out = &mut world.person("ana").out;
    let at = out.iter().position(|(_, _, op)| matches!(op, Op::CreateConversation(_))).unwrap();
    let (request, ..) = out.remove(at).unwrap();
    world.answer("ana", request, Err(ErrorCode::BadRequest.into()));
    world.run();
    world.wait(2 * 3_600_000);
    assert!(secured(&world).is_done(), "{:?}", secured(&world));
}

#[test]
fn a_request_gets_new_keys_when_it_is_accepted() {
    let mut world = World::of(&["ana", "bruno", "carla", "dora"]);
    world.person("ana").wary = true;
    world.say("bruno", "ana", "olá");
    world.run();
    let id = world.conversation("ana", "bruno").id;
    let stolen = world.people["ana"].store.clone();
    world.intent("ana", Intent::Secure);
    world.run();
    assert!(secured(&world).is_done(), "nothing is sent there yet");
    assert_eq!(opened(&mut world, &stolen, &[id]), 1);
    world.intent("ana", Intent::Accept(id));
    world.run();
    assert_eq!(opened(&mut world, &stolen, &[id]), 0);
}
