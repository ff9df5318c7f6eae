//! D-11: what only one's own devices say, said by somebody else: in a direct conversation, in a group, and in a
//! conversation that looks like one's own. With the defences on and off.

use lacre_proto::{AccountId, ConversationId};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::api::{Alert, Input, Intent};
use crate::content::{Content, History, HistoryStep, Matter, MessageId, MimiId, Settled, Stamp, TransferId};
use crate::defence::{Defence, Defences};
use crate::engine::state::{Job, JobState, Sealing, What};
use crate::evil::Crime;
use crate::harness::world::{World, text};
use crate::records::{ConversationKind, MessageRecord, Position, Records, Told, encode, key, part_of};

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn records<'a>(world: &'a World, name: &str) -> Records<'a> {
    Records(&world.people[name].store)
}

/// What Mallory would have Ana's devices believe: that Ana calls herself so, has blocked Bruno, and that a program on
/// another device of hers has done everything.
fn sync(world: &World) -> Content<MimiId> {
    let stamp = Stamp { revision: u64::MAX / 2, id: MessageId([0xff; 16]) };
    let block = Matter::Block {
        account: account(world, "bruno"),
        handle: "bruno".parse().unwrap(),
        since_ms: 1,
        accepted: true,
        blocked: true,
    };
    let name = Matter::Name("Your Bank".to_owned());
    let share = Matter::Share { name: "told".to_owned(), bytes: vec![1, 0xff] };
    Content::Sync([block, name, share].map(|matter| Settled { stamp, matter }).to_vec())
}

fn fooled(world: &World) -> (bool, bool, bool) {
    let ana = account(world, "ana");
    let name = records(world, "ana").name_of(ana).unwrap();
    let blocked = records(world, "ana").is_blocked(account(world, "bruno")).unwrap();
    let told = records(world, "ana").shared("told").unwrap();
    (name.as_deref() == Some("Your Bank"), blocked, told.is_some())
}

/// All that Ana's store holds but how far the mailbox and the seals have come.
fn kept(world: &World) -> Vec<(Vec<u8>, Vec<u8>)> {
    use crate::records::key;
    let moves = |table: u8| {
        [key::CLOCKWORK, key::SEAL, key::MEMBER].contains(&table) || (key::MLS..key::GROUP).contains(&table)
    };
    let all = world.people["ana"].store.0.iter().filter(|(at, _)| !moves(at[0]));
    all.map(|(at, value)| (at.clone(), value.clone())).collect()
}

/// Mallory says it in her own name, and in the right room.
fn say(world: &mut World, with: &str, content: Content<MimiId>) {
    world.crime("mallory", with, Crime::Skip(0, content));
}

#[test]
fn d11_what_only_own_devices_say_is_refused_from_a_contact() {
    for armed in [true, false] {
        let mut world = World::of(&["ana", "bruno", "mallory"]);
        world.say("ana", "bruno", "hi");
        world.say("mallory", "ana", "hello");
        world.run();
        if !armed {
            world.person("ana").engine.disarm(Defences::without([Defence::Kin]));
        }
        let before = kept(&world);
        let content = sync(&world);
        say(&mut world, "ana", content);
        assert_eq!(fooled(&world), (!armed, !armed, !armed), "armed: {armed}");
        assert_eq!(world.alerts("ana").contains(&Alert::NotYourDevice), armed);
        if armed {
            assert!(kept(&world) == before, "nothing was changed");
        }
    }
}

#[test]
fn d11_and_in_a_group() {
    for armed in [true, false] {
        let mut world = World::of(&["ana", "bruno", "mallory"]);
        let people = ["ana", "bruno"].map(|name| name.parse().unwrap()).to_vec();
        world.intent("mallory", Intent::CreateGroup("Coins".to_owned(), people));
        world.run();
        world.wait(60_000);
        world.run();
        if !armed {
            world.person("ana").engine.disarm(Defences::without([Defence::Kin]));
        }
        let content = sync(&world);
        let before = kept(&world);
        say(&mut world, "Coins", content);
        assert_eq!(fooled(&world), (!armed, !armed, !armed), "armed: {armed}");
        assert_eq!(world.alerts("ana").contains(&Alert::NotYourDevice), armed);
        if armed {
            assert!(kept(&world) == before, "nothing was changed");
        }
    }
}

#[test]
fn d11_a_part_of_history_from_a_contact_is_not_taken() {
    let mut world = World::of(&["ana", "mallory"]);
    world.say("mallory", "ana", "hello");
    world.run();
    let step = HistoryStep::Part { number: 1, done: 1, total: 1, last: true, rows: vec![1, 0] };
    let history = History { transfer: TransferId([1; 16]), to: world.device("ana"), step };
    let before = kept(&world);
    say(&mut world, "ana", Content::History(history));
    assert_eq!(world.alerts("ana"), [Alert::NotYourDevice]);
    assert!(kept(&world) == before, "nothing was changed");
}

/// Mallory makes a conversation that says that it is of somebody's own devices, and lets Ana's in.
fn look_alike(world: &mut World, of: AccountId) -> ConversationId {
    let id = ConversationId([2; 16]);
    let ana = world.device("ana");
    let package = world.relay.packages[&ana].0.last().unwrap().clone();
    let (now, content) = (world.now, sync(world));
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mallory = &world.people["mallory"];
    let made = mallory.engine.look_alike(&mallory.store, id, (of, &package), content, now, &mut rng).unwrap();
    made.into_iter().for_each(|kind| world.relay.append([ana], kind));
    world.push("ana");
    id
}

#[test]
fn d11_a_look_alike_of_the_conversation_of_ones_own_is_not_entered() {
    let all: [&[Defence]; 3] = [&[], &[Defence::Policy], &[Defence::Policy, Defence::Kin]];
    for whose in ["ana", "mallory"] {
        for off in all {
            let mut world = World::of(&["ana", "bruno", "mallory"]);
            world.say("ana", "bruno", "hi");
            world.say("ana", "mallory", "hi");
            world.run();
            world.person("ana").engine.disarm(Defences::without(off.iter().copied()));
            let of = account(&world, whose);
            let id = look_alike(&mut world, of);
            let entered = records(&world, "ana").conversation(id).unwrap();
            let alerts = world.alerts("ana");
            let case = format!("of {whose}, without {off:?}: {alerts:?}");
            if off.is_empty() || whose == "mallory" {
                assert_eq!(entered, None, "{case}");
                assert!(matches!(alerts[..], [Alert::WelcomeRefused(_), Alert::Misdelivered]), "{case}");
                assert_eq!(fooled(&world), (false, false, false), "{case}");
                continue;
            }
            assert_eq!(entered.map(|it| it.kind), Some(ConversationKind::Own), "{case}");
            let refuses = off.len() == 1;
            assert_eq!(alerts.contains(&Alert::NotYourDevice), refuses, "{case}");
            assert_eq!(fooled(&world), (!refuses, !refuses, !refuses), "{case}");
        }
    }
}

#[test]
fn a_device_in_quarantine_tells_nobody_the_past() {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "hi");
    world.run();
    world.link("ana", "ana/phone", 77);
    world.run();
    world.wait(60_000);
    world.run();
    let mut row: MessageRecord = world.rows("ana", "bruno").pop().unwrap();
    row.id = MessageId([5; 16]);
    row.mimi = None;
    row.content = text("send the money to mallory");
    row.position = Position { anchor: row.sent_ms, counter: 1 };
    let rows = part_of(&[Told::Row(Box::new(row), Box::default()).to_bytes()]);
    let step = HistoryStep::Part { number: 1, done: 1, total: 1, last: true, rows };
    let content = Content::History(History { transfer: TransferId([3; 16]), to: world.device("ana"), step });
    let all = records(&world, "ana/phone").conversations().unwrap().into_iter();
    let own = all.map(|it| (it.kind, it.id)).find(|it| it.0 == ConversationKind::Own).unwrap().1;
    let what = What::Aside { shown_in: own, id: MessageId([6; 16]), content, sealing: Sealing::default() };
    let job = Job { what, dedupe: 77, state: JobState::Waiting, attempts: 0, not_before: 0, await_epoch: 0 };
    world.person("ana/phone").store.0.insert(key::job(own, 2, 999), encode(&job));
    world.step("ana/phone", Input::Tick);
    world.run();
    world.wait(60_000);
    world.run();
    assert_eq!(world.seen("ana", "bruno"), ["hi"]);
    assert_eq!(world.alerts("ana"), [Alert::NotYourDevice]);
}
