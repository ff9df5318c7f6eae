//! M-03, the second half: what an evil member says about messages that are another's; each attack again with its
//! defence off.

mod common;

use common::{texts, view, world};
use lacre_engine::content::{Content, MessageId, MimiId, Poll};
use lacre_engine::defence::{Defence, Defences};
use lacre_engine::evil::{Crafted, Crime};
use lacre_engine::{Alert, Effect, Intent, Step};
use lacre_proto::ConversationId;
use lacre_testkit::World;

const CRIMINAL: u64 = u64::MAX / 2;

fn between(world: &World) -> ConversationId {
    world.device("bruno").direct_with("ana").expect("they have talked")
}

/// Bruno says something with his own name and in the right room, but about a message of Ana's.
fn say(world: &mut World, content: Content<MimiId>) {
    let conversation = between(world);
    let pair = [world.device("ana").account(), world.device("bruno").account()];
    let crime = Crime::Say { sender: pair[1], room: pair, id: MessageId([9; 16]), content, counter: 50 };
    world.step("bruno", |engine, reader, now, rng| {
        let Crafted { changes, op } = engine.craft(reader, conversation, crime, now, rng)?;
        Ok(Step { changes, effects: vec![Effect::AnonymousRequest(CRIMINAL, op)], ..Step::default() })
    });
    world.settle();
}

/// The MIMI id of Ana's newest message, and the message.
fn of_ana(world: &World) -> (MimiId, MessageId) {
    let rows = world.device("ana").rows_with("bruno");
    let row = rows.iter().rfind(|row| row.mine).expect("Ana has said something");
    let mimi = row.mimi.clone().and_then(|mimi| mimi.try_into().ok()).expect("it was sent");
    (MimiId(mimi), row.id)
}

/// The crime with and without the defence; `done` tells whether it worked.
fn attack(
    seed: u64,
    prepare: impl Fn(&mut World),
    crime: impl Fn(MimiId) -> Content<MimiId>,
    done: impl Fn(&World, MessageId) -> bool,
) {
    for armed in [true, false] {
        let mut world = world(seed);
        prepare(&mut world);
        let (mimi, id) = of_ana(&world);
        if !armed {
            world.engine("ana").disarm(Defences::without([Defence::Target]));
        }
        let texts_of = |world: &World| {
            let rows = view(world, "ana").1.into_iter().flatten();
            rows.map(|row| (row.id, row.content, row.marks)).collect::<Vec<_>>()
        };
        let before = texts_of(&world);
        say(&mut world, crime(mimi));
        assert_eq!(done(&world, id), !armed, "armed: {armed}");
        assert_eq!(world.device("ana").alerts().contains(&Alert::FalseAuthor), armed);
        if armed {
            // A gap stands for the counters that the criminal passed over; all else is as it was.
            let after: Vec<_> = texts_of(&world).into_iter().filter(|row| before.contains(row)).collect();
            assert_eq!(after, before, "nothing changed");
        }
    }
}

#[test]
fn m03_bruno_does_not_edit_what_ana_wrote() {
    attack(
        311,
        |world| {
            world.say("ana", "bruno", "I owe you nothing");
            world.settle();
        },
        |of| Content::Edit { of, text: "I owe you 100".to_owned(), revision: 9 },
        |world, _| texts(world, "ana", "bruno").contains(&"I owe you 100".to_owned()),
    );
}

#[test]
fn m03_bruno_does_not_take_back_what_ana_wrote() {
    attack(
        312,
        |world| {
            world.say("ana", "bruno", "you owe me 100");
            world.settle();
        },
        |of| Content::Delete { of },
        |world, id| {
            let rows = world.device("ana").rows_with("bruno");
            rows.iter().any(|row| row.id == id && row.marks.deleted_by.is_some())
        },
    );
}

#[test]
fn m03_bruno_does_not_close_the_poll_of_ana() {
    attack(
        313,
        |world| {
            let options = vec!["yes".to_owned(), "no".to_owned()];
            let poll = Poll { question: "pay?".to_owned(), options, multiple: false };
            world.intend("ana", Intent::SendTo("bruno".parse().expect("a handle"), Content::Poll(poll)));
            world.settle();
        },
        |poll| Content::ClosePoll { poll },
        |world, id| {
            let conversation = world.device("ana").direct_with("bruno").expect("they have talked");
            let tally = world.device("ana").records().tally(conversation, id).expect("readable");
            tally.closed_ms.is_some()
        },
    );
}

/// M-08: what was said about a message comes although its time is over.
#[test]
fn m08_an_edit_that_comes_a_day_late_changes_nothing() {
    for armed in [true, false] {
        let mut world = world(801);
        if !armed {
            world.engine("ana").disarm(Defences::without([Defence::Late]));
        }
        world.say("bruno", "ana", "as it was said");
        world.settle();
        let conversation = between(&world);
        let id = world.device("bruno").rows_with("ana").last().expect("a row").id;
        world.offline("bruno");
        world.intend("bruno", Intent::Edit(conversation, id, "as it suits later".to_owned()));
        world.pass(25 * 3600 * 1000);
        world.online("bruno");
        world.pass(60_000);
        let said = texts(&world, "ana", "bruno");
        let shown = if armed { "as it was said" } else { "as it suits later" };
        assert_eq!(said.last().map(String::as_str), Some(shown));
    }
}

/// R15: each kind of the registry, in its own form and with a canary in each of its fields, goes through the relay.
/// A kind that is added to the registry is planted here by itself.
#[test]
fn r15_every_kind_of_content_crosses_the_network_unseen() {
    use lacre_engine::content::KINDS;
    use lacre_testkit::canary::{self, Search};
    let seed = 1503;
    let mut world = world(seed);
    let canaries = canary::registry(seed);
    let (mimi, _) = of_ana(&world);
    let conversation = between(&world);
    let pair = [world.device("ana").account(), world.device("bruno").account()];
    let mut planted = Vec::new();
    for (number, kind) in (0u8..).zip(KINDS.iter().filter(|kind| kind.name != "unknown")) {
        let sample = (kind.sample)(&mut |field| {
            planted.push(field);
            let canary = canaries.iter().find(|canary| canary.what == field);
            canary.expect("every field has a canary").text().to_owned()
        });
        let content = sample.map_ids(|_| Some(mimi)).expect("every message has a name");
        let id = MessageId([number; 16]);
        let crime = Crime::Say { sender: pair[1], room: pair, id, content, counter: 100 + u32::from(number) };
        world.step("bruno", |engine, reader, now, rng| {
            let Crafted { changes, op } = engine.craft(reader, conversation, crime, now, rng)?;
            Ok(Step { changes, effects: vec![Effect::AnonymousRequest(CRIMINAL, op)], ..Step::default() })
        });
        world.settle();
    }
    assert_eq!(planted.len(), canaries.len(), "each canary is planted once");
    let search = Search::new(&canaries);
    assert_eq!(search.bytes("frames", world.capture()), []);
    // The control: Ana has what she was told.
    let found = search.bytes("ana's store", &world.device("ana").store().dump());
    for told in ["text.text", "poll.question", "poll.option", "location.label", "contact.name", "name.name"] {
        assert!(found.iter().any(|hit| hit.canary == told), "{told} did not arrive");
    }
}
