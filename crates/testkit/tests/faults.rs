//! Nothing that was accepted is lost, nothing is there twice, and each sender's order holds, whatever befalls
//! network and devices (K-07, K-10).

use lacre_testkit::{CrashPoint, Faults, World};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

const NAMES: [&str; 3] = ["ana", "bruno", "carla"];

/// Seeds of a run: a few with each change, as many as one likes by `LACRE_SEEDS`.
fn seeds(few: u64) -> std::ops::Range<u64> {
    let many = std::env::var("LACRE_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..many.unwrap_or(few)
}

/// Lets the network be good again, and everybody be on and online.
fn heal(world: &mut World) {
    world.faults(Faults::default());
    world.heal();
    NAMES.iter().for_each(|name| world.online(name));
    world.until_all_is_out(6 * 60);
    world.pass(10 * 60_000);
    world.until_all_is_out(6 * 60);
}

#[test]
fn a_bad_network_loses_nothing_doubles_nothing_and_keeps_the_order() {
    for seed in seeds(40) {
        let mut world = World::new(seed);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        world.people(&NAMES);
        world.faults(Faults::BAD);
        for n in 0..40 {
            let from = NAMES[rng.random_range(0..3)];
            let to = NAMES[rng.random_range(0..3)];
            if from != to {
                world.say(from, to, &format!("{n} from {from} to {to}"));
            }
            match rng.random_range(0..12) {
                0 => world.offline(from),
                1 => world.online(from),
                2 => world.partition(&[to]),
                3 => world.heal(),
                4 => world.kill(to),
                5 => world.pass(rng.random_range(0..100_000)),
                6 => world.read_all(to, from),
                _ => world.settle(),
            }
        }
        heal(&mut world);
        world.check();
    }
}

/// A short talk with everything in it: sign-up, both-first, an offline time, receipts, an update of each leaf.
fn scenario(world: &mut World) {
    world.people(&["ana", "bruno"]);
    world.say("ana", "bruno", "a1");
    world.say("bruno", "ana", "b1");
    world.settle();
    world.say("ana", "bruno", "a2");
    world.offline("bruno");
    world.say("ana", "bruno", "a3");
    world.settle();
    world.say("bruno", "ana", "b2");
    world.online("bruno");
    world.settle();
    world.read_all("ana", "bruno");
    world.read_all("bruno", "ana");
    if let Some(conversation) = world.device("ana").direct_with("bruno") {
        world.intend("ana", lacre_engine::Intent::UpdateLeaf(conversation));
        world.say("bruno", "ana", "b3");
        world.settle();
    }
    world.say("ana", "bruno", "a4");
    world.until_all_is_out(6 * 60);
    world.pass(10 * 60_000);
    world.until_all_is_out(6 * 60);
}

#[test]
fn a_device_may_die_at_every_commit() {
    let mut whole = World::new(77);
    scenario(&mut whole);
    whole.check();
    let mut died = 0;
    for name in ["ana", "bruno"] {
        let commits = whole.device(name).store().commits();
        assert!(commits > 20, "{name} commits only {commits} times");
        for at in 1..=commits {
            for point in [
                CrashPoint::BeforeCommit(at),
                CrashPoint::AfterCommit(at),
                CrashPoint::AmidEffects(at),
                CrashPoint::CommitFails(at),
            ] {
                let mut world = World::new(77);
                world.person("ana");
                world.person("bruno");
                world.crash_at(name, point);
                scenario(&mut world);
                println!("{name} at {point:?}");
                world.check();
                died += u64::from(world.device(name).deaths());
            }
        }
        println!("{name}: {commits} commits, each with four ends");
    }
    assert!(died > 100, "only {died} deaths");
}

#[test]
fn a_store_that_tears_its_commits_is_found_out() {
    let commits = {
        let mut whole = World::new(77);
        scenario(&mut whole);
        whole.device("bruno").store().commits()
    };
    let survives = |at| {
        let mut world = World::new(77);
        world.person("ana");
        world.person("bruno").store_mut().tear();
        world.crash_at("bruno", CrashPoint::BeforeCommit(at));
        scenario(&mut world);
        world.check();
    };
    let torn = (1..=commits).step_by(3).filter(|at| std::panic::catch_unwind(|| survives(*at)).is_err());
    let found = torn.count();
    println!("{found} of the crashes were seen");
    assert!(found > 0);
}

#[test]
fn a_device_may_die_at_every_read() {
    let mut whole = World::new(78);
    scenario(&mut whole);
    for name in ["ana", "bruno"] {
        let reads = whole.device(name).store().reads();
        // A death at a read is one before the commit of its step; each step is met many times over.
        let step = if std::env::var("LACRE_SEEDS").is_ok() { 1 } else { 17 };
        let mut died = 0;
        for at in (1..=reads).step_by(step) {
            let mut world = World::new(78);
            world.person("ana");
            world.person("bruno");
            world.crash_at(name, CrashPoint::Read(at));
            scenario(&mut world);
            println!("{name} at read {at}");
            world.check();
            died += world.device(name).deaths();
        }
        println!("{name}: {reads} reads, {died} deaths");
        assert!(died > 0);
    }
}

#[test]
fn devices_may_die_again_and_again_in_a_bad_network() {
    for seed in seeds(25) {
        let mut world = World::new(1000 + seed);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        world.people(&NAMES);
        world.faults(Faults { cut: 5, ..Faults::BAD });
        for n in 0..30 {
            let name = NAMES[rng.random_range(0..3)];
            let to = NAMES[(NAMES.iter().position(|other| *other == name).unwrap() + 1) % 3];
            let commit = world.person(name).store().commits() + rng.random_range(1..6);
            let point = match rng.random_range(0..4) {
                0 => CrashPoint::BeforeCommit(commit),
                1 => CrashPoint::AfterCommit(commit),
                2 => CrashPoint::AmidEffects(commit),
                _ => CrashPoint::CommitFails(commit),
            };
            world.crash_at(name, point);
            world.say(name, to, &format!("{n} from {name} to {to}"));
            if rng.random_bool(0.6) {
                world.settle();
            } else {
                world.pass(rng.random_range(0..20_000));
            }
        }
        heal(&mut world);
        world.check();
    }
}

#[test]
#[should_panic(expected = "what ana said to bruno, on bruno's device")]
fn the_checker_sees_a_lost_message() {
    let mut world = World::new(5);
    world.people(&["ana", "bruno"]);
    world.evil.on_item(|to, item| {
        let sealed = lacre_testkit::evil::sealed(&item).is_some();
        if sealed && to == "bruno" { vec![] } else { vec![item] }
    });
    world.say("ana", "bruno", "never arrives");
    world.settle();
    world.check();
}
