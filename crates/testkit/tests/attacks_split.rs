//! M-10: the relay gives two halves of a group different commits of one epoch, keeps them apart by that, and joins
//! them again.

use std::cell::Cell;
use std::rc::Rc;

use lacre_engine::content::Content;
use lacre_engine::defence::{Defence, Defences};
use lacre_engine::records::{Change, ConversationKind, ConversationState, MessageRecord};
use lacre_engine::{Alert, Intent};
use lacre_proto::ConversationId;
use lacre_proto::wire::{self, Item, item::Kind, request, response};
use lacre_testkit::World;

const PEOPLE: [&str; 4] = ["ana", "bruno", "carla", "dora"];
const MINUTE: u64 = 60_000;

fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

/// Ana's group with Bruno, Carla and Dora.
fn family(seed: u64) -> (World, ConversationId) {
    let mut world = World::new(seed);
    world.people(&PEOPLE);
    let others = PEOPLE[1..].iter().map(|name| name.parse().expect("a handle")).collect();
    world.intend("ana", Intent::CreateGroup("Família".to_owned(), others));
    world.pass(2 * MINUTE);
    let id = living(&world, "ana");
    for name in PEOPLE {
        assert_eq!(living(&world, name), id, "{name}");
        world.person(name).clear_events();
    }
    (world, id)
}

fn living(world: &World, name: &str) -> ConversationId {
    let all = world.device(name).records().conversations().expect("readable");
    let open: Vec<_> = all
        .iter()
        .filter(|it| it.kind == ConversationKind::Group && it.state == ConversationState::Open)
        .collect();
    assert_eq!(open.len(), 1, "{name}: {all:?}");
    open[0].id
}

fn rows(world: &World, name: &str, id: ConversationId) -> Vec<MessageRecord> {
    world.device(name).rows(id)
}

fn has_read(world: &World, name: &str, id: ConversationId, what: &str) -> bool {
    rows(world, name, id).iter().any(|row| row.content == text(what))
}

/// From now on what the real relay has of the group does not reach `half`, whose requests it answers as if it took
/// them.
fn keep_apart(world: &mut World, id: ConversationId, half: &'static [&'static str]) -> Rc<Cell<u64>> {
    let sequence = Rc::new(Cell::new(1_000));
    let given = sequence.clone();
    world.evil.on_item(move |name, item| {
        let of_group = match &item.kind {
            Some(Kind::Committed(it)) => it.conversation == id.to_wire(),
            Some(Kind::Sealed(it)) => it.conversation == id.to_wire(),
            _ => false,
        };
        if of_group && half.contains(&name) { vec![] } else { vec![item] }
    });
    world.evil.on_answer(move |name, op, result| match (op, &result) {
        (request::Op::Commit(_) | request::Op::Send(_), response::Result::Error(_))
            if half.contains(&name) =>
        {
            given.set(given.get() + 1);
            response::Result::Accepted(wire::Accepted { sequence: given.get() })
        }
        _ => result,
    });
    sequence
}

/// What a device has sent last, as the item that the others of its half get.
fn sent(world: &World, name: &str, sequence: u64) -> Item {
    let last = world.evil.requests().iter().rev().find_map(|(by, op)| match op {
        request::Op::Commit(it) if by == name => Some(Kind::Committed(wire::Committed {
            conversation: it.conversation.clone(),
            sequence,
            epoch: it.epoch,
            commit: it.commit.clone(),
            capability_hash: it.capability_hash.clone(),
            dedupe: it.dedupe,
            ..Default::default()
        })),
        request::Op::Send(it) if by == name && !it.passing => Some(Kind::Sealed(wire::Sealed {
            conversation: it.conversation.clone(),
            sequence,
            epoch: it.epoch,
            message: it.message.clone(),
            dedupe: it.dedupe,
            category: 0,
        })),
        _ => None,
    });
    Item { time_ms: world.now(), kind: Some(last.expect("it has sent something")) }
}

/// Bruno updates in one half, Carla in the other; each half talks. Gives what Carla has said, sealed.
fn split(world: &mut World, id: ConversationId) -> Item {
    let half: &[&str] = &["carla", "dora"];
    let sequence = keep_apart(world, id, &["carla", "dora"]);
    world.intend("bruno", Intent::UpdateLeaf(id));
    world.settle();
    world.intend("carla", Intent::UpdateLeaf(id));
    world.settle();
    let commit = sent(world, "carla", sequence.get());
    assert!(matches!(commit.kind, Some(Kind::Committed(_))));
    half.iter().for_each(|name| world.inject(name, &commit));
    world.settle();
    world.intend("ana", Intent::Send(id, text("one half")));
    world.intend("carla", Intent::Send(id, text("the other half")));
    world.settle();
    let said = sent(world, "carla", sequence.get() + 100);
    half.iter().for_each(|name| world.inject(name, &said));
    world.settle();
    assert!(has_read(world, "bruno", id, "one half") && has_read(world, "dora", id, "the other half"));
    said
}

#[test]
fn m10_a_group_that_was_split_says_so_once_and_goes_on_as_one() {
    for armed in [true, false] {
        let (mut world, id) = family(1001);
        if !armed {
            without_split(&mut world);
        }
        let said = split(&mut world, id);
        // Joined again: what the other half says comes too.
        world.evil.honest();
        for name in ["ana", "bruno"] {
            world.inject(name, &said);
        }
        world.pass(10 * MINUTE);
        for (name, other) in [("ana", "the other half"), ("bruno", "the other half"), ("dora", "one half")] {
            let all = world.device(name).records().conversations().expect("readable");
            assert!(
                !all.iter().any(|it| has_read(&world, name, it.id, other)),
                "no plaintext crosses: {name}"
            );
        }
        let told = |name: &str, id| {
            rows(&world, name, id)
                .iter()
                .filter(|row| matches!(row.change, Some(Change::Split(Some(_)))))
                .count()
        };
        if !armed {
            assert!(PEOPLE.iter().all(|name| told(name, id) == 0 && living(&world, name) == id));
            assert!(!world.device("ana").alerts().contains(&Alert::Split), "nobody knows");
            continue;
        }
        let new = living(&world, "ana");
        assert_ne!(new, id);
        for name in PEOPLE {
            assert_eq!(living(&world, name), new, "{name}");
            assert_eq!(told(name, new), 1, "{name}: one plain line");
        }
        assert!(
            has_read(&world, "bruno", new, "one half") && has_read(&world, "dora", new, "the other half")
        );
        world.intend("dora", Intent::Send(new, text("all of us")));
        world.pass(MINUTE);
        assert!(PEOPLE.iter().all(|name| has_read(&world, name, new, "all of us")));
    }
}

#[test]
fn m10_a_second_commit_for_an_epoch_that_is_over_tells_of_the_split_too() {
    for armed in [true, false] {
        let (mut world, id) = family(1002);
        if !armed {
            without_split(&mut world);
        }
        split(&mut world, id);
        let theirs = world.evil.requests().iter().rev().find_map(|(by, op)| match op {
            request::Op::Commit(it) if by == "carla" => Some(it.clone()),
            _ => None,
        });
        let theirs = theirs.expect("she has committed");
        world.evil.honest();
        let commit = Kind::Committed(wire::Committed {
            conversation: theirs.conversation,
            sequence: 5_000,
            epoch: theirs.epoch,
            commit: theirs.commit,
            capability_hash: theirs.capability_hash,
            dedupe: theirs.dedupe,
            ..Default::default()
        });
        world.inject("ana", &Item { time_ms: world.now(), kind: Some(commit) });
        world.pass(10 * MINUTE);
        let new = living(&world, "ana");
        assert_eq!(new != id, armed);
        assert!(PEOPLE.iter().all(|name| living(&world, name) == new));
        assert_eq!(world.device("ana").alerts().contains(&Alert::Split), armed);
    }
}

fn changed(world: &World, name: &str, id: ConversationId, what: impl Fn(&Change) -> bool) -> usize {
    rows(world, name, id).iter().filter(|row| row.change.as_ref().is_some_and(&what)).count()
}

fn without_split(world: &mut World) {
    for name in PEOPLE {
        world.engine(name).disarm(Defences::without([Defence::Split]));
    }
}

#[test]
fn m10_nobody_is_moved_from_one_half_into_the_other_in_silence() {
    // What comes first from the other half: a commit of the epoch, one of a later epoch, words of a later epoch.
    for joint in 0..3 {
        for armed in [true, false] {
            let (mut world, id) = family(1010 + joint);
            if !armed {
                without_split(&mut world);
            }
            split(&mut world, id);
            if joint > 0 {
                world.intend("bruno", Intent::UpdateLeaf(id));
                world.settle();
            }
            world.evil.honest();
            let first = match joint {
                2 => Intent::Send(id, text("of a later time")),
                _ => Intent::UpdateLeaf(id),
            };
            world.intend("bruno", first);
            world.pass(10 * MINUTE);
            let is_split = |change: &Change| matches!(change, Change::Split(Some(_)));
            if !armed {
                for name in ["carla", "dora"] {
                    assert_eq!(living(&world, name), id, "{name}: moved, {joint}");
                    assert_eq!(changed(&world, name, id, |it| *it == Change::Back), 1, "{name}: {joint}");
                    assert_eq!(changed(&world, name, id, is_split), 0, "{name}: {joint}");
                }
                continue;
            }
            let new = living(&world, "ana");
            assert_ne!(new, id, "{joint}");
            for name in PEOPLE {
                assert_eq!(living(&world, name), new, "{name}: {joint}");
                assert_eq!(changed(&world, name, new, is_split), 1, "{name}: {joint}");
                assert_eq!(changed(&world, name, new, |it| *it == Change::Back), 0, "{name}: {joint}");
            }
        }
    }
}

#[test]
fn who_only_missed_something_is_let_in_again_and_nobody_speaks_of_a_split() {
    let (mut world, id) = family(1020);
    world.evil.on_item(move |name, item| match &item.kind {
        Some(Kind::Committed(it)) if it.conversation == id.to_wire() && name == "carla" => vec![],
        _ => vec![item],
    });
    for name in ["ana", "bruno"] {
        world.intend(name, Intent::UpdateLeaf(id));
        world.settle();
    }
    world.evil.honest();
    world.intend("bruno", Intent::UpdateLeaf(id));
    world.pass(10 * MINUTE);
    assert_eq!(changed(&world, "carla", id, |it| *it == Change::Back), 1);
    world.intend("carla", Intent::Send(id, text("back")));
    world.pass(MINUTE);
    for name in PEOPLE {
        assert_eq!(living(&world, name), id, "{name}");
        assert_eq!(changed(&world, name, id, |it| matches!(it, Change::Split(_))), 0, "{name}");
        assert!(!world.device(name).alerts().contains(&Alert::Split), "{name}");
        assert!(has_read(&world, name, id, "back"), "{name}");
    }
}

#[test]
fn m10_who_was_removed_gains_nothing_by_a_half_of_her_own() {
    // The relay helps Dora: it lets her commit to herself instead of what Ana has committed, and carries her words and
    // her trail to the others. The control: as long as she is a member, the same trail is heard.
    for removed in [true, false] {
        let (mut world, id) = family(1003);
        let sequence = keep_apart(&mut world, id, &["dora"]);
        let change = match removed {
            true => Intent::RemoveFromGroup(id, vec!["dora".parse().expect("a handle")]),
            false => Intent::UpdateLeaf(id),
        };
        world.intend("ana", change);
        world.settle();
        let theirs = sent(&world, "ana", 2_000);
        world.intend("dora", Intent::UpdateLeaf(id));
        world.settle();
        let commit = sent(&world, "dora", sequence.get());
        world.inject("dora", &commit);
        world.settle();
        world.intend("dora", Intent::Send(id, text("I am still here")));
        world.settle();
        let said = sent(&world, "dora", sequence.get() + 100);
        world.inject("dora", &said);
        world.evil.honest();
        world.inject("dora", &theirs);
        world.settle();
        let trail = world.evil.requests().iter().rev().find_map(|(by, op)| match op {
            request::Op::RequestResync(it) if by == "dora" => it.trail.clone(),
            _ => None,
        });
        let trail = wire::ResyncAsked {
            conversation: id.to_wire(),
            trail: Some(trail.expect("she says where she was")),
            ..Default::default()
        };
        let trail = Item { time_ms: world.now(), kind: Some(Kind::ResyncAsked(trail)) };
        for name in ["ana", "bruno", "carla"] {
            world.inject(name, &said);
            world.inject(name, &trail);
        }
        world.pass(10 * MINUTE);
        let new = living(&world, "ana");
        assert_eq!(new == id, removed, "the group goes on as it was");
        for name in ["ana", "bruno", "carla"] {
            assert_eq!(living(&world, name), new, "{name}");
            assert!(!has_read(&world, name, new, "I am still here"));
            let members = world.device(name).records().group_members(new).expect("readable");
            assert_eq!(members.iter().all(|it| it.handle.as_str() != "dora"), removed, "{name}");
            assert_eq!(world.device(name).alerts().contains(&Alert::Split), !removed, "{name}");
            assert_eq!(world.device(name).alerts().contains(&Alert::FalseResync), removed, "{name}");
        }
    }
}
