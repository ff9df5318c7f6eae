//! A member who tells the relay another send capability than the members have: nobody else could send any more.

use lacre_proto::ConversationId;
use lacre_proto::wire::{self, item::Kind, request::Op};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::api::{Alert, Intent};
use crate::defence::{Defence, Defences};
use crate::evil::Crime;
use crate::harness::world::{World, text};
use crate::records::{Change, ConversationKind, ConversationState, MessageState, Records};

const GROUP: &str = "Família";

fn family() -> (World, ConversationId) {
    let mut world = World::of(&["ana", "bruno", "mallory"]);
    let people = vec!["bruno".parse().unwrap(), "mallory".parse().unwrap()];
    world.intent("ana", Intent::CreateGroup(GROUP.to_owned(), people));
    world.run();
    let id = world.conversation("ana", GROUP).id;
    world.intent("bruno", Intent::Send(id, text("olá")));
    world.run();
    (world, id)
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(1)
}

fn changes(world: &World, name: &str, id: ConversationId) -> Vec<Change> {
    let rows = Records(&world.people[name].store).messages_after(id, None, 1_000).unwrap();
    rows.into_iter().filter_map(|row| row.change).collect()
}

fn living(world: &World, name: &str) -> ConversationId {
    let all = Records(&world.people[name].store).conversations().unwrap();
    let open = |it: &&crate::records::ConversationRecord| {
        it.kind == ConversationKind::Group && it.state == ConversationState::Open
    };
    let open: Vec<_> = all.iter().filter(open).collect();
    assert_eq!(open.len(), 1, "{name}: {all:?}");
    open[0].id
}

#[test]
fn a_group_from_whose_sending_mallory_shuts_everybody_out_goes_on_without_her() {
    for armed in [true, false] {
        let (mut world, id) = family();
        if !armed {
            for name in ["ana", "bruno"] {
                world.person(name).engine.disarm(Defences::without([Defence::Capability]));
            }
        }
        world.crime("mallory", GROUP, Crime::Usurp);
        world.intent("bruno", Intent::Send(id, text("ouvem-me?")));
        world.run();
        world.wait(120_000);
        world.run();
        if !armed {
            let rows = Records(&world.people["bruno"].store).messages_after(id, None, 100).unwrap();
            let said = rows.iter().find(|row| row.content == text("ouvem-me?")).unwrap();
            assert!(matches!(said.state, MessageState::Queued | MessageState::Failed(_)), "{:?}", said.state);
            continue;
        }
        let new = living(&world, "ana");
        assert_ne!(new, id);
        for name in ["ana", "bruno"] {
            assert_eq!(living(&world, name), new);
            let told = changes(&world, name, new).into_iter().filter(|it| *it == Change::ShutOut(true));
            assert_eq!(told.count(), 1, "{name}");
            let rows = Records(&world.people[name].store).messages_after(new, None, 100).unwrap();
            for what in ["olá", "ouvem-me?"] {
                assert_eq!(rows.iter().filter(|row| row.content == text(what)).count(), 1, "{name}: {what}");
            }
            let members = Records(&world.people[name].store).group_members(new).unwrap();
            let members: Vec<String> = members.iter().map(|it| it.handle.to_string()).collect();
            assert_eq!(members, ["ana", "bruno"], "she cannot do it again");
        }
    }
}

#[test]
fn when_mallory_puts_it_right_before_the_admin_has_seen_it_nobody_is_left_behind() {
    let (mut world, id) = family();
    world.person("ana").held = true;
    world.crime("mallory", GROUP, Crime::Usurp);
    assert_eq!(changes(&world, "bruno", id).last(), Some(&Change::ShutOut(true)), "Bruno was there");
    world.crime("mallory", GROUP, Crime::Restore);
    world.person("ana").held = false;
    world.run();
    world.wait(120_000);
    assert_eq!(living(&world, "ana"), id, "Ana has seen two commits, and the group in order");
    assert_eq!(living(&world, "bruno"), id);
    world.intent("bruno", Intent::Send(id, text("de volta")));
    world.run();
    let last = Records(&world.people["ana"].store).messages(id, None, 1).unwrap().pop().unwrap();
    assert_eq!(last.content, text("de volta"));
    assert_eq!(changes(&world, "bruno", id).last(), Some(&Change::Back));
}

#[test]
fn who_was_shut_out_is_not_let_in_again_by_who_has_done_it() {
    let (mut world, id) = family();
    world.person("ana").held = true;
    world.crime("mallory", GROUP, Crime::Usurp);
    world.crime("mallory", GROUP, Crime::Restore);
    // Bruno asks, and Mallory alone answers.
    world.wait(120_000);
    let let_in = |change: &Change| matches!(change, Change::LetIn(_));
    assert!(changes(&world, "mallory", id).iter().any(let_in), "she would");
    assert!(world.alerts("bruno").iter().any(|alert| matches!(alert, Alert::WelcomeRefused(_))));
    assert!(!changes(&world, "bruno", id).contains(&Change::Back));
    // In an hour he asks again, and Ana is there.
    world.person("ana").held = false;
    world.run();
    world.wait(3_600_000);
    assert_eq!(living(&world, "bruno"), id);
    assert_eq!(changes(&world, "bruno", id).last(), Some(&Change::Back));
}

#[test]
fn between_two_a_new_conversation_begins_and_nothing_is_lost() {
    for armed in [true, false] {
        let mut world = World::of(&["ana", "mallory"]);
        world.say("ana", "mallory", "hi");
        world.run();
        let before = world.conversation("ana", "mallory").id;
        if !armed {
            world.person("ana").engine.disarm(Defences::without([Defence::Capability]));
        }
        world.crime("mallory", "ana", Crime::Usurp);
        let sent = world.say("ana", "mallory", "can you hear me?");
        world.run();
        world.wait(120_000);
        world.run();
        let state = world.state("ana", "mallory", sent);
        if armed {
            assert_eq!(state, MessageState::Delivered);
            assert_ne!(world.conversation("ana", "mallory").id, before);
            assert_eq!(world.seen("mallory", "ana").last().map(String::as_str), Some("can you hear me?"));
            let told = changes(&world, "ana", world.conversation("ana", "mallory").id);
            assert_eq!(told, [Change::ShutOut(false)]);
        } else {
            assert!(matches!(state, MessageState::Queued | MessageState::Failed(_)), "{state:?}");
        }
    }
}

#[test]
fn a_relay_that_only_says_that_it_keeps_another_capability_changes_nothing() {
    let (mut world, id) = family();
    world.person("ana").held = true;
    world.intent("bruno", Intent::UpdateLeaf(id));
    world.run();
    world.tamper("ana", |items| {
        for item in items {
            if let Some(Kind::Committed(commit)) = &mut item.kind {
                commit.capability_hash = vec![7; 32].into();
            }
        }
    });
    world.person("ana").held = false;
    world.run();
    assert!(world.alerts("ana").iter().any(|alert| matches!(alert, Alert::PolicyRefused(_))));
    assert_eq!(living(&world, "ana"), id, "it takes the right one: Bruno is not to be blamed");
    world.intent("ana", Intent::Send(id, text("seguimos")));
    world.run();
    let last = Records(&world.people["bruno"].store).messages(id, None, 1).unwrap().pop().unwrap();
    assert_eq!(last.content, text("seguimos"));
}

#[test]
fn however_often_mallory_does_it_to_ana_alone_nothing_that_was_said_is_out_of_reach() {
    let mut world = World::of(&["ana", "mallory"]);
    world.say("ana", "mallory", "hi");
    world.run();
    let first = world.conversation("ana", "mallory").id;
    world.intent("ana", Intent::SetTimer(first, 3600));
    world.run();
    let brief = world.say("mallory", "ana", "not for long");
    world.run();
    world.intent("ana", Intent::MarkRead(first, brief));
    world.run();
    for round in 0..10 {
        world.crime("mallory", "ana", Crime::Usurp);
        let sent = world.say("ana", "mallory", "again?");
        world.run();
        world.wait(120_000);
        world.run();
        assert_eq!(world.state("ana", "mallory", sent), MessageState::Delivered, "round {round}");
    }
    // What still comes in the first of them is shown in the last.
    let (now, ana) = (world.now, world.device("ana"));
    let mallory = world.person("mallory");
    let late = mallory.engine.craft(&mallory.store, first, Crime::Babble(vec![1]), now, &mut rng()).unwrap();
    let Op::Send(late) = late.op else { panic!("it is sent") };
    let rows = world.rows("ana", "mallory").len();
    let late = wire::Sealed {
        conversation: late.conversation,
        sequence: 1_000,
        epoch: late.epoch,
        message: late.message,
        dedupe: late.dedupe,
        category: 0,
    };
    world.relay.append([ana], Kind::Sealed(late));
    world.push("ana");
    assert_eq!(world.rows("ana", "mallory").len(), rows + 1);
    assert!(world.seen("ana", "mallory").contains(&"not for long".to_owned()));
    world.wait(3_600_000);
    assert!(!world.seen("ana", "mallory").contains(&"not for long".to_owned()), "what is to vanish does");
}
