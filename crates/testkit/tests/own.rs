//! An account's own devices over the real relay: what they hold alike, and history for one that came later, in bad
//! networks and whatever dies when.

mod common;

use common::texts;
use lacre_engine::Intent;
use lacre_engine::content::MessageId;
use lacre_engine::records::TransferState;
use lacre_proto::ConversationId;
use lacre_testkit::{CrashPoint, Faults, World};

const MINUTE: u64 = 60_000;

/// Ana and Bruno have talked, and Ana has linked a phone.
fn linked(seed: u64, lines: usize) -> World {
    let mut world = World::new(seed);
    world.people(&["ana", "bruno"]);
    for n in 0..lines {
        world.say("ana", "bruno", &format!("{n} from ana"));
        world.say("bruno", "ana", &format!("{n} from bruno"));
    }
    world.settle();
    world.link("ana", "ana/phone");
    world
}

fn approve(world: &mut World) {
    world.pass(2 * MINUTE);
    let phone = world.device("ana/phone").device();
    world.intend("ana", Intent::ApproveDevice(phone));
    world.pass(MINUTE);
}

fn between(world: &World) -> ConversationId {
    world.device("ana").direct_with("bruno").expect("they have talked")
}

fn give(world: &mut World) {
    let to = world.device("ana/phone").device();
    world.intend("ana", Intent::GiveHistory { to, since_ms: 0 });
}

/// What a conversation shows, without what each device has for itself.
fn shown(world: &World, name: &str) -> Vec<(MessageId, String, u64, bool)> {
    let rows = world.device(name).rows(between(world)).into_iter();
    rows.map(|row| (row.id, row.author_handle.to_string(), row.sent_ms, row.mine)).collect()
}

fn state(world: &World, name: &str) -> Option<TransferState> {
    let transfers = world.device(name).records().transfers().expect("readable");
    transfers.first().map(|transfer| transfer.state)
}

#[test]
fn a_bad_network_loses_nothing_of_what_was_said_before_and_doubles_nothing() {
    for seed in 2301..2305 {
        let mut world = linked(seed, 60);
        approve(&mut world);
        let expected = shown(&world, "ana");
        world.faults(Faults::BAD);
        give(&mut world);
        for round in 0..6 {
            world.pass(MINUTE);
            let name = if round % 2 == 0 { "ana" } else { "ana/phone" };
            world.kill(name);
        }
        world.faults(Faults::default());
        world.online("ana");
        world.online("ana/phone");
        world.pass(10 * MINUTE);
        assert_eq!(shown(&world, "ana/phone"), expected, "seed {seed}");
        assert_eq!(state(&world, "ana"), Some(TransferState::Done), "seed {seed}");
        for name in ["ana", "ana/phone"] {
            assert_eq!(world.device(name).alerts(), [], "{name}, seed {seed}");
        }
    }
}

/// A name, a star, a draft, and the past for the phone.
fn scenario(crash: Option<(&str, CrashPoint)>) -> World {
    let mut world = linked(2310, 8);
    if let Some((name, point)) = crash {
        world.crash_at(name, point);
    }
    approve(&mut world);
    let conversation = between(&world);
    let starred = world.device("ana").rows(conversation)[0].id;
    world.intend("ana", Intent::SetName("Ana Souza".to_owned()));
    world.intend("ana/phone", Intent::KeepDraft(conversation, "half a".to_owned()));
    give(&mut world);
    world.intend("ana", Intent::Star(conversation, starred, true));
    world.pass(5 * MINUTE);
    world
}

/// Everything must be alike at the end; what was wanted of a device that died before it was stored is wanted again.
fn check(mut world: World) {
    let conversation = between(&world);
    let starred = world.device("ana").rows(conversation)[0].id;
    for name in ["ana", "ana/phone"] {
        world.online(name);
    }
    world.intend("ana", Intent::SetName("Ana Souza".to_owned()));
    world.intend("ana", Intent::Star(conversation, starred, true));
    world.intend("ana/phone", Intent::KeepDraft(conversation, "half a".to_owned()));
    let phone = world.device("ana/phone").device();
    world.intend("ana", Intent::ApproveDevice(phone));
    world.pass(MINUTE);
    if state(&world, "ana") != Some(TransferState::Done) {
        give(&mut world);
    }
    world.pass(10 * MINUTE);
    assert_eq!(shown(&world, "ana/phone"), shown(&world, "ana"));
    assert_eq!(shown(&world, "ana").len(), 16, "nothing is there twice");
    for name in ["ana", "ana/phone"] {
        let device = world.device(name);
        let records = device.records();
        assert_eq!(
            records.name_of(device.account()).expect("readable").as_deref(),
            Some("Ana Souza"),
            "{name}"
        );
        assert!(records.is_starred(conversation, starred).expect("readable"), "{name}");
        assert_eq!(records.draft(conversation).expect("readable").as_deref(), Some("half a"), "{name}");
        assert_eq!(state(&world, name), Some(TransferState::Done), "{name}");
    }
}

#[test]
fn either_device_may_die_at_every_commit_of_it() {
    let (start, whole) = (linked(2310, 8), scenario(None));
    let mut died = 0;
    for name in ["ana", "ana/phone"] {
        let commits = |world: &World| world.device(name).store().commits();
        let (first, last) = (commits(&start) + 1, commits(&whole));
        assert!(last - first > 10, "{name} commits only from {first} to {last}");
        for at in first..=last {
            for point in
                [CrashPoint::BeforeCommit(at), CrashPoint::AfterCommit(at), CrashPoint::AmidEffects(at)]
            {
                let world = scenario(Some((name, point)));
                died += u64::from(world.device(name).deaths());
                println!("{name} at {point:?}");
                check(world);
            }
        }
    }
    assert!(died > 60, "only {died} deaths");
    check(whole);
}

#[test]
fn a_phone_in_quarantine_has_nothing_of_before_and_the_relay_sees_no_word_of_it() {
    let mut world = World::new(2320);
    world.people(&["ana", "bruno"]);
    world.say("ana", "bruno", "the-secret-of-before");
    world.settle();
    world.link("ana", "ana/phone");
    give(&mut world);
    world.pass(60 * MINUTE);
    assert!(texts(&world, "ana/phone", "bruno").is_empty());
    world.pass(24 * 60 * MINUTE);
    assert_eq!(texts(&world, "ana/phone", "bruno"), ["the-secret-of-before"]);
    let secret = b"the-secret-of-before";
    assert!(!world.capture().windows(secret.len()).any(|part| part == secret));
}
