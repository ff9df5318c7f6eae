//! P-02 and S-06: a stranger who probes, and a blocked person who comes back, with the defence on and off.

use lacre_proto::AccountId;

use crate::api::Intent;
use crate::content::{Choice, Content, MessageId, MimiId};
use crate::defence::{Defence, Defences};
use crate::evil::Crime;
use crate::harness::world::World;
use crate::records::{Records, Standing};

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

/// Everything that Mallory can say about nothing.
fn probes() -> Vec<Content<MimiId>> {
    let nothing = MimiId([7; 32]);
    vec![
        Content::Text { text: "?".to_owned() },
        Content::Chosen {
            of: nothing,
            choice: Choice { id: "?".to_owned(), title: "?".to_owned(), description: String::new() },
        },
        Content::Delivered(vec![nothing]),
        Content::Read(vec![nothing]),
        Content::Reaction { to: nothing, emoji: Some("👍".to_owned()), revision: 1 },
        Content::Edit { of: nothing, text: "!".to_owned(), revision: 1 },
        Content::Delete { of: nothing },
        Content::Vote { poll: nothing, choices: vec![0], revision: 1 },
        Content::ClosePoll { poll: nothing },
        Content::Pin { message: nothing, pinned: true },
        Content::Timer { seconds: 60 },
        Content::Typing(true),
        Content::Name("Your Bank".to_owned()),
    ]
}

#[test]
fn p02_a_stranger_learns_nothing_by_probing() {
    for armed in [true, false] {
        let mut world = World::of(&["bruno", "mallory"]);
        world.person("bruno").wary = true;
        if !armed {
            world.person("bruno").engine.disarm(Defences::without([Defence::Strangers]));
        }
        world.say("mallory", "bruno", "hello");
        world.run();
        let (mallory, bruno) = (account(&world, "mallory"), account(&world, "bruno"));
        let mut sent = 2;
        for (number, content) in (1u8..).zip(probes()) {
            let (id, counter) = (MessageId([number; 16]), number.into());
            let room = [mallory, bruno];
            world.crime("mallory", "bruno", Crime::Say { sender: mallory, room, id, content, counter });
            sent += 1;
        }
        // Last she throws him out of step, for his device to ask to be let in again.
        let victim = world.device("bruno");
        world.crime("mallory", "bruno", Crime::GarbagePath(victim));
        sent += 1;
        world.disconnect("mallory");
        world.wait(3 * 24 * 3600 * 1000);
        let heard = world.items("mallory").len() - sent;
        if armed {
            assert_eq!(heard, 0, "not a single item of his");
        } else {
            assert!(heard > 0, "without the defence his device tells that it is there");
        }
    }
}

#[test]
fn s06_a_blocked_person_whom_an_evil_relay_lets_through_is_turned_away() {
    for armed in [true, false] {
        let mut world = World::of(&["ana", "bruno", "mallory"]);
        world.say("ana", "bruno", "hi");
        world.say("ana", "mallory", "hi");
        world.run();
        // Bruno knows Mallory from Ana's group only.
        let people = ["bruno", "mallory"].map(|name| name.parse().unwrap()).to_vec();
        world.intent("ana", Intent::CreateGroup("Coins".to_owned(), people));
        world.run();
        let mallory = account(&world, "mallory");
        world.intent("bruno", Intent::Block(mallory));
        world.run();
        // The relay, or a friend who claims for her, gives her his key package after all.
        world.relay.blocks.clear();
        if !armed {
            world.person("bruno").engine.disarm(Defences::without([Defence::Blocks]));
        }
        world.say("mallory", "bruno", "you cannot get rid of me");
        world.run();
        let with_her = Records(&world.people["bruno"].store).conversations().unwrap();
        let with_her = with_her.iter().filter(|record| record.peer == Some(mallory)).count();
        let id = world.conversation("mallory", "bruno").id;
        let on_roster = world.relay.groups[&id].roster.contains(&world.device("bruno"));
        if armed {
            assert_eq!((with_her, on_roster), (0, false), "he has left it, and nothing is shown");
            assert_eq!(world.alerts("bruno"), []);
            assert_eq!(world.alerts("mallory"), []);
        } else {
            assert_eq!((with_her, on_roster), (1, true), "without the defence she is back");
        }
    }
}

#[test]
fn s06_a_commit_of_the_blocked_does_not_bring_bruno_back() {
    let mut world = World::of(&["bruno", "mallory"]);
    world.say("bruno", "mallory", "hi");
    world.run();
    world.say("mallory", "bruno", "hello");
    world.run();
    let id = world.conversation("mallory", "bruno").id;
    let mallory = account(&world, "mallory");
    world.intent("bruno", Intent::Block(mallory));
    world.run();
    assert_eq!(world.conversation("bruno", "mallory").standing, Standing::Blocked);
    // Whatever she commits goes to whom the roster has: herself.
    world.intent("mallory", Intent::UpdateLeaf(id));
    world.say("mallory", "bruno", "still here");
    world.run();
    assert!(!world.relay.groups[&id].roster.contains(&world.device("bruno")));
    assert_eq!(world.seen("bruno", "mallory"), ["hi", "hello"]);
}
