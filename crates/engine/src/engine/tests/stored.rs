//! What an older version has stored still loads: a store and a sealed message kept as files, made once with
//! OpenMLS 0.9.2. When a stored type changes on purpose, the old file stays, and a new one is added beside it.

use std::collections::BTreeMap;

use lacre_proto::wire;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::api::Input;
use crate::harness::MapStore;
use crate::harness::world::World;
use crate::records::{Records, key};
use crate::{Effect, Engine, Event, Intent};

const VERSION_1: &[u8] = include_bytes!("../../../fixtures/store-1.bin");

/// A store, the time, and a mailbox entry that it has not taken in.
type Kept = (BTreeMap<Vec<u8>, Vec<u8>>, u64, u64, Vec<u8>);

#[test]
fn a_store_of_version_1_opens_reads_what_comes_and_seals() {
    opens_reads_and_seals(VERSION_1);
}

/// `LACRE_WRITE_FIXTURES=1` keeps it as `fixtures/store-new.bin`, to be named after a new version.
#[test]
fn a_store_as_it_is_written_today_does_too() {
    let bytes = write_a_store();
    if std::env::var_os("LACRE_WRITE_FIXTURES").is_some() {
        std::fs::write("fixtures/store-new.bin", &bytes).unwrap();
    }
    opens_reads_and_seals(&bytes);
}

fn opens_reads_and_seals(kept: &[u8]) {
    let (store, now, position, item): Kept = postcard::from_bytes(kept).unwrap();
    let mut store = MapStore(store);
    let mut engine = Engine::open(&store).unwrap().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let before = Records(&store).conversations().unwrap();
    assert_eq!(before.len(), 1);
    let conversation = before[0].id;
    let texts = |store: &MapStore| {
        let rows = Records(store).messages_after(conversation, None, 10).unwrap();
        rows.into_iter().map(|row| format!("{:?} {}", row.state, row.author_handle)).collect::<Vec<_>>()
    };
    assert_eq!(texts(&store), ["Received ana", "Delivered bruno"]);
    let entry = wire::Entry { position, item: item.into() };
    let mut take = |engine: &mut Engine, store: &mut MapStore, input| {
        let step = engine.handle(store, input, now, &mut rng).unwrap();
        store.commit(step.changes);
        (step.effects, step.events)
    };
    let (_, events) = take(&mut engine, &mut store, Input::Delivered(vec![entry]));
    assert!(!events.iter().any(|event| matches!(event, Event::Alert(..))), "{events:?}");
    assert_eq!(texts(&store), ["Received ana", "Delivered bruno", "Received ana"]);
    let logged_in = wire::LoggedIn { head: position, key_packages_left: 50, ..Default::default() };
    take(&mut engine, &mut store, Input::Connected(logged_in));
    take(&mut engine, &mut store, Input::CaughtUp);
    let send = Intent::Send(conversation, crate::harness::world::text("from now"));
    let (effects, _) = take(&mut engine, &mut store, Input::Intent(1, send));
    let sends = |effect: &Effect| matches!(effect, Effect::AnonymousRequest(_, wire::request::Op::Send(send)) if send.epoch == 2);
    assert!(effects.iter().any(sends));
}

fn write_a_store() -> Vec<u8> {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "hi");
    world.run();
    world.say("bruno", "ana", "hello");
    world.run();
    let id = world.conversation("ana", "bruno").id;
    world.intent("ana", Intent::UpdateLeaf(id));
    world.run();
    world.person("bruno").held = true;
    world.say("ana", "bruno", "from the past");
    world.run();
    let device = world.device("bruno");
    let entry = world.relay.mailboxes[&device].entries.last().unwrap().clone();
    let mut store = world.people["bruno"].store.0.clone();
    // key packages are many and tell nothing new
    store.retain(|at, _| at[0] != key::KEY_PACKAGE && at[0] != key::MLS + 15);
    let kept: Kept = (store, world.now, entry.position, entry.item.to_vec());
    postcard::to_allocvec(&kept).unwrap()
}
