//! What the engine's steps cost a device, between two members: each is the whole step, from the input to the
//! changes and effects, on a store in memory. Groups of 32 and 256 members come with groups.

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use lacre_engine::content::Content;
use lacre_engine::{Input, Intent};
use lacre_proto::wire::Entry;
use lacre_proto::{ConversationId, Handle};
use lacre_store::data::{Data, LogId};
use lacre_testkit::World;
use lacre_testkit::world::at_once;

/// A message of 100 bytes.
fn text() -> Content {
    Content::Text { text: "a".repeat(100), in_reply_to: None }
}

/// Ana and Bruno, who have spoken.
fn couple(seed: u64) -> (World, ConversationId) {
    let mut world = World::new(seed);
    world.people(&["ana", "bruno"]);
    world.settle();
    world.say("ana", "bruno", "olá");
    world.settle();
    world.say("bruno", "ana", "olá");
    world.settle();
    let conversation = world.device("ana").direct_with("bruno").expect("they have spoken");
    (world, conversation)
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

/// Bruno's step for what comes for him while he is away, timed.
fn arrival(world: &mut World, send: impl FnOnce(&mut World)) -> Duration {
    world.offline("bruno");
    world.settle();
    send(world);
    world.settle();
    let entries = mailbox(world, "bruno");
    assert!(!entries.is_empty(), "something came for Bruno");
    let took = step(world, "bruno", Input::Delivered(entries));
    world.online("bruno");
    world.settle();
    took
}

fn sealing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two members");
    group.sample_size(20);

    group.bench_function("seal 100 bytes", |bencher| {
        let (mut world, conversation) = couple(1);
        let mut intents = 1 << 32;
        bencher.iter_custom(|times| {
            (0..times)
                .map(|_| {
                    intents += 1;
                    let intent = Input::Intent(intents, Intent::Send(conversation, text()));
                    let took = step(&mut world, "ana", intent);
                    world.settle();
                    took
                })
                .sum()
        });
    });
    group.bench_function("open 100 bytes", |bencher| {
        let (mut world, conversation) = couple(2);
        bencher.iter_custom(|times| {
            let one = |world: &mut World| {
                arrival(world, |world| {
                    world.intend("ana", Intent::Send(conversation, text()));
                })
            };
            (0..times).map(|_| one(&mut world)).sum()
        });
    });
    group.bench_function("commit an update", |bencher| {
        let (mut world, conversation) = couple(3);
        let mut intents = 1 << 32;
        bencher.iter_custom(|times| {
            (0..times)
                .map(|_| {
                    intents += 1;
                    let intent = Input::Intent(intents, Intent::UpdateLeaf(conversation));
                    let took = step(&mut world, "ana", intent);
                    world.settle();
                    took
                })
                .sum()
        });
    });
    group.bench_function("take in a commit", |bencher| {
        let (mut world, conversation) = couple(4);
        bencher.iter_custom(|times| {
            let one = |world: &mut World| {
                arrival(world, |world| {
                    world.intend("ana", Intent::UpdateLeaf(conversation));
                })
            };
            (0..times).map(|_| one(&mut world)).sum()
        });
    });
    group.finish();
}

fn joining(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two members");
    group.sample_size(10);
    group.bench_function("join", |bencher| {
        let mut seed = 1000;
        bencher.iter_custom(|times| {
            (0..times)
                .map(|_| {
                    seed += 1;
                    let mut world = World::new(seed);
                    world.people(&["ana", "bruno"]);
                    world.settle();
                    let bruno: Handle = "bruno".parse().expect("a handle");
                    arrival(&mut world, |world| {
                        world.intend("ana", Intent::SendTo(bruno, text()));
                    })
                })
                .sum()
        });
    });
    group.finish();
}

criterion_group!(benches, sealing, joining);
criterion_main!(benches);
