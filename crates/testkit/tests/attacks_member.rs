//! What an evil member tries with valid keys, over the real relay, which carries it like anything else; each
//! attack again with its defence off. The forbidden commits one by one are in the engine's own tests.

mod common;

use common::{texts, view, withheld, world};
use lacre_engine::content::{Content, MessageId};
use lacre_engine::defence::{Defence, Defences};
use lacre_engine::evil::{Crafted, Crime, Forbidden};
use lacre_engine::records::ConversationState;
use lacre_engine::{Alert, Effect, Engine, Intent, Step};
use lacre_proto::ConversationId;
use lacre_proto::wire::Item;
use lacre_testkit::World;
use lacre_testkit::evil::sealed;
use lacre_testkit::store::Rows;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const CRIMINAL: u64 = u64::MAX / 2;

/// Bruno commits a crime in his conversation with Ana; the relay carries it.
fn crime(world: &mut World, crime: Crime) {
    let conversation = with_ana(world);
    world.step("bruno", |engine, reader, now, rng| {
        let Crafted { changes, op } = engine.craft(reader, conversation, crime, now, rng)?;
        Ok(Step { changes, effects: vec![Effect::AnonymousRequest(CRIMINAL, op)], ..Step::default() })
    });
    world.settle();
}

fn with_ana(world: &World) -> ConversationId {
    world.device("bruno").direct_with("ana").expect("they have talked")
}

fn disarm(world: &mut World, defence: Defence) {
    world.engine("ana").disarm(Defences::without([defence]));
}

fn epoch(world: &mut World, name: &str) -> Option<u64> {
    let conversation = with_ana(world);
    let rows = world.device(name).store().copy();
    world.engine(name).epoch(&rows, conversation, &mut ChaCha20Rng::seed_from_u64(1))
}

#[test]
fn m03_words_put_into_anas_mouth_are_not_shown() {
    for armed in [true, false] {
        let mut world = world(301);
        if !armed {
            disarm(&mut world, Defence::Author);
        }
        let pair = [world.device("ana").account(), world.device("bruno").account()];
        let content = Content::Text { text: "I owe Bruno 100".to_owned() };
        let before = view(&world, "ana").1;
        let id = MessageId([3; 16]);
        crime(&mut world, Crime::Say { sender: pair[0], room: pair, id, content, counter: 50 });
        let shown = texts(&world, "ana", "bruno").contains(&"I owe Bruno 100".to_owned());
        assert_eq!(shown, !armed);
        assert_eq!(world.device("ana").alerts().contains(&Alert::FalseAuthor), armed);
        if armed {
            let texts_before =
                before.iter().flatten().filter(|row| matches!(row.content, Content::Text { .. })).count();
            let after = view(&world, "ana").1;
            let texts_after =
                after.iter().flatten().filter(|row| matches!(row.content, Content::Text { .. })).count();
            assert_eq!(texts_after, texts_before);
        }
    }
}

#[test]
fn m11_junk_in_an_accepted_commit_costs_the_victim_one_resync_and_no_words() {
    let mut world = world(1111);
    let ana = world.device("ana").device();
    crime(&mut world, Crime::GarbagePath(ana));
    world.say("bruno", "ana", "after the junk");
    world.say("ana", "bruno", "and from me");
    world.until_all_is_out(120);
    world.pass(60_000);
    assert!(world.device("ana").alerts().contains(&Alert::OutOfStep), "in view of the victim");
    let conversation = with_ana(&world);
    let state = world.device("ana").records().conversation(conversation).unwrap().unwrap().state;
    assert_eq!(state, ConversationState::Open);
    assert!(texts(&world, "ana", "bruno").contains(&"after the junk".to_owned()));
    assert!(texts(&world, "bruno", "ana").contains(&"and from me".to_owned()));
    assert_eq!(epoch(&mut world, "ana"), epoch(&mut world, "bruno"));
}

#[test]
fn m12_a_forbidden_commit_that_the_relay_accepted_is_refused_whole() {
    for armed in [true, false] {
        let mut world = world(1201);
        if !armed {
            disarm(&mut world, Defence::Policy);
        }
        let before = epoch(&mut world, "ana").unwrap();
        world.offline("bruno");
        world.online("bruno");
        world.settle();
        crime(&mut world, Crime::Commit(Forbidden::GroupContext));
        let refused =
            world.device("ana").alerts().iter().any(|alert| matches!(alert, Alert::PolicyRefused(_)));
        assert_eq!(refused, armed, "{:?}", world.device("ana").alerts());
        if !armed {
            assert_eq!(epoch(&mut world, "ana"), Some(before + 1), "merged without the defence");
        }
    }
}

#[test]
fn m17_a_jump_over_the_limit_is_refused() {
    for armed in [true, false] {
        let mut world = world(1701);
        if !armed {
            disarm(&mut world, Defence::Forward);
        }
        let far = Content::Text { text: "far ahead".to_owned() };
        crime(&mut world, Crime::Skip(2100, far));
        assert_eq!(texts(&world, "ana", "bruno").contains(&"far ahead".to_owned()), !armed);
        assert_eq!(world.device("ana").alerts().contains(&Alert::Unreadable), armed);
    }
}

/// What a thief with a copy of Ana's store can do with a message of Bruno's.
fn opens(world: &World, store: &Rows, item: &Item) -> bool {
    let message = &sealed(item).expect("a sealed message").message;
    Engine::try_open(store, with_ana(world), message, &mut ChaCha20Rng::seed_from_u64(4)).is_some()
}

#[test]
fn m18_a_stolen_store_opens_nothing_that_was_read() {
    for armed in [true, false] {
        let mut world = world(1801);
        if !armed {
            disarm(&mut world, Defence::Ratchet);
        }
        let held = withheld(&mut world, "bruno", "ana", &["read by Ana"]);
        assert!(opens(&world, world.device("ana").store().rows(), &held[0]), "before she reads it, it does");
        world.inject("ana", &held[0]);
        assert_eq!(texts(&world, "ana", "bruno").last().map(String::as_str), Some("read by Ana"));
        assert_eq!(opens(&world, world.device("ana").store().rows(), &held[0]), !armed);
    }
}

#[test]
fn r7_a_stolen_store_opens_nothing_after_one_update() {
    let mut world = world(1802);
    let conversation = with_ana(&world);
    let stolen = world.device("ana").store().rows().clone();
    // The thief follows what comes next, until Ana updates once.
    let held = withheld(&mut world, "bruno", "ana", &["the thief reads this"]);
    assert!(opens(&world, &stolen, &held[0]));
    world.inject("ana", &held[0]);
    world.intend("ana", Intent::UpdateLeaf(conversation));
    world.settle();
    let held = withheld(&mut world, "bruno", "ana", &["not this"]);
    assert!(!opens(&world, &stolen, &held[0]), "locked out by one update");
    world.inject("ana", &held[0]);
    assert_eq!(texts(&world, "ana", "bruno").last().map(String::as_str), Some("not this"));
}
