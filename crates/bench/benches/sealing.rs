//! What the engine's steps cost a member's device, in a pair and in groups of 32 and 256: each is the whole step, from
//! the input to the changes and effects, on a store in memory. `lacre-bench groups` measures more of groups, over a
//! real relay.

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use lacre_engine::content::Content;
use lacre_engine::{Input, Intent};
use lacre_proto::wire::Entry;
use lacre_proto::{ConversationId, Handle};
use lacre_store::data::{Data, LogId};
use lacre_testkit::World;
use lacre_testkit::world::at_once;

/// Members of the conversations that are measured.
const SIZES: [usize; 3] = [2, 32, 256];

/// A message of 100 bytes.
fn text() -> Content {
    Content::Text { text: "a".repeat(100) }
}

fn handle(name: &str) -> Handle {
    name.parse().expect("a handle")
}

/// A conversation of so many: Ana and Bruno, who have spoken, and others who are away.
fn conversation(members: usize) -> (World, ConversationId) {
    let mut world = World::new(members as u64);
    world.people(&["ana", "bruno"]);
    if members == 2 {
        world.say("ana", "bruno", "are you there?");
        world.settle();
        world.say("bruno", "ana", "I am");
        world.settle();
        let id = world.device("ana").direct_with("bruno").expect("they have spoken");
        return (world, id);
    }
    let mut handles = vec![handle("bruno")];
    for number in 2..members {
        let name = format!("member{number}");
        world.people(&[&name]);
        world.offline(&name);
        handles.push(handle(&name));
    }
    world.intend("ana", Intent::CreateGroup("the bench".to_owned(), handles));
    world.settle();
    let record = world.device("ana").records().conversations().expect("memory can be read").remove(0);
    (world, record.id)
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// A person's step for an input, timed; committed and run like any other.
fn step(world: &mut World, name: &str, input: Input) -> Duration {
    let mut took = Duration::ZERO;
    world.step(name, |engine, reader, now, rng| {
        let (step, time) = timed(|| engine.handle(reader, input, now, rng));
        took = time;
        step
    });
    took
}

/// What lies in a person's mailbox at the relay and was not acknowledged.
fn mailbox(world: &World, name: &str) -> Vec<Entry> {
    let log = LogId(world.device(name).device().0);
    let state = at_once(world.data().log_state(log)).expect("memory can be read");
    let entries = at_once(world.data().read_log(log, state.truncated, usize::MAX, usize::MAX));
    let entries = entries.expect("memory can be read").into_iter();
    entries.map(|entry| Entry { position: entry.position, item: entry.value }).collect()
}

/// Somebody's step for what comes while they are away, timed.
fn arrival(world: &mut World, name: &str, send: impl FnOnce(&mut World)) -> Duration {
    world.offline(name);
    world.settle();
    send(world);
    world.settle();
    let entries = mailbox(world, name);
    assert!(!entries.is_empty(), "something came for {name}");
    let took = step(world, name, Input::Delivered(entries));
    world.online(name);
    world.settle();
    took
}

fn sealing(criterion: &mut Criterion) {
    for members in SIZES {
        let mut group = criterion.benchmark_group(format!("{members} members"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        mine(&mut group, "seal 100 bytes", members, says);
        others(&mut group, "open 100 bytes", members, says);
        mine(&mut group, "commit an update", members, Intent::UpdateLeaf);
        others(&mut group, "take in a commit", members, Intent::UpdateLeaf);
        match members {
            2 => join_a_pair(&mut group),
            _ => join_a_group(&mut group, members),
        }
        group.finish();
    }
}

/// What is measured, in a conversation. Each has one of its own: the mailboxes of those who are away fill.
type Does = fn(ConversationId) -> Intent;

fn says(id: ConversationId) -> Intent {
    Intent::Send(id, text())
}

/// A step of Ana's.
fn mine(group: &mut BenchmarkGroup<WallTime>, what: &str, members: usize, does: Does) {
    let (mut world, id) = conversation(members);
    let mut intents = 1 << 32;
    group.bench_function(what, |bencher| {
        bencher.iter_custom(|times| {
            let one = |_| {
                intents += 1;
                let took = step(&mut world, "ana", Input::Intent(intents, does(id)));
                world.settle();
                took
            };
            (0..times).map(one).sum()
        });
    });
}

/// Bruno's step for what Ana has done.
fn others(group: &mut BenchmarkGroup<WallTime>, what: &str, members: usize, does: Does) {
    let (mut world, id) = conversation(members);
    group.bench_function(what, |bencher| {
        bencher.iter_custom(|times| {
            let one = |_| {
                arrival(&mut world, "bruno", |world| {
                    world.intend("ana", does(id));
                })
            };
            (0..times).map(one).sum()
        });
    });
}

fn join_a_pair(group: &mut BenchmarkGroup<WallTime>) {
    let mut seed = 1000;
    group.bench_function("join", |bencher| {
        bencher.iter_custom(|times| {
            let one = |_| {
                seed += 1;
                let mut world = World::new(seed);
                world.people(&["ana", "bruno"]);
                arrival(&mut world, "bruno", |world| {
                    world.intend("ana", Intent::SendTo(handle("bruno"), text()));
                })
            };
            (0..times).map(one).sum()
        });
    });
}

/// Newcomers, each of whom is removed again, so that the group keeps its size.
fn join_a_group(group: &mut BenchmarkGroup<WallTime>, members: usize) {
    let (mut world, id) = conversation(members);
    let mut newcomers = 0;
    group.bench_function("join", |bencher| {
        bencher.iter_custom(|times| {
            let one = |_| {
                newcomers += 1;
                let name = format!("newcomer{newcomers}");
                world.people(&[&name]);
                let took = arrival(&mut world, &name, |world| {
                    world.intend("ana", Intent::AddToGroup(id, vec![handle(&name)]));
                });
                world.intend("ana", Intent::RemoveFromGroup(id, vec![handle(&name)]));
                world.settle();
                took
            };
            (0..times).map(one).sum()
        });
    });
}

/// Few enough steps that no mailbox is full: it holds 10,000 entries, and a message with its receipts is two.
fn quick() -> Criterion {
    let (warm_up, measure) = (Duration::from_millis(50), Duration::from_millis(200));
    Criterion::default().warm_up_time(warm_up).measurement_time(measure)
}

criterion_group! { name = benches; config = quick(); targets = sealing }
criterion_main!(benches);
