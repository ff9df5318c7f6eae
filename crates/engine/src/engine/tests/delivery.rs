//! What the network and the relay do to messages, and what is seen of it.

use lacre_proto::wire::{self, item::Kind};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::Alert;
use crate::api::{Effect, Event, Input, Intent};
use crate::harness::world::{World, text};
use crate::records::{MessageState, Records};

fn talking() -> World {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "hi");
    world.run();
    world.say("bruno", "ana", "hello");
    world.run();
    world
}

fn is_sealed(item: &wire::Item) -> bool {
    matches!(item.kind, Some(Kind::Sealed(_)))
}

#[test]
fn a_lost_answer_shows_nothing_twice() {
    let mut world = talking();
    world.person("ana").lose_answers = 1;
    world.say("ana", "bruno", "once");
    assert!(world.ask_one("ana"), "it reaches the relay, the answer does not come back");
    world.disconnect("ana");
    world.run();
    world.connect("ana");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "once"]);
    assert_eq!(world.seen("ana", "bruno"), ["hi", "hello", "once"]);
    assert!(
        world
            .rows("ana", "bruno")
            .iter()
            .filter(|row| row.mine)
            .all(|row| row.state == MessageState::Delivered)
    );
}

#[test]
fn a_message_that_left_before_the_crash_and_arrives_after_the_reconnect_is_shown_once() {
    let mut world = talking();
    world.say("ana", "bruno", "late");
    let (_, _, late) = world.person("ana").out.pop_front().unwrap();
    world.kill("ana");
    world.connect("ana");
    assert!(!world.person("ana").out.is_empty(), "no echo: it goes again, sealed anew");
    // the first one was still on its way
    world.relay.request(None, late).unwrap();
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "late"]);
    assert_eq!(world.alerts("bruno"), []);
    let state = |row: &crate::records::MessageRecord| row.state;
    assert_eq!(world.rows("ana", "bruno").last().map(state), Some(MessageState::Delivered));
}

#[test]
fn killed_between_any_two_requests_nothing_is_lost_and_nothing_shown_twice() {
    for kill_at in 0..24 {
        let mut world = World::of(&["ana", "bruno"]);
        for number in 0..4 {
            world.say("ana", "bruno", &format!("a{number}"));
        }
        for _ in 0..kill_at {
            world.ask_one("ana");
            if kill_at % 2 == 0 {
                world.push("ana");
            }
        }
        world.kill("ana");
        world.connect("ana");
        world.run();
        assert_eq!(world.seen("bruno", "ana"), ["a0", "a1", "a2", "a3"], "killed after {kill_at} requests");
        assert_eq!(world.seen("ana", "bruno"), ["a0", "a1", "a2", "a3"], "killed after {kill_at} requests");
        assert_eq!(world.alerts("bruno"), []);
    }
}

#[test]
fn a_step_whose_commit_failed_never_was() {
    let mut world = talking();
    for name in ["ana", "bruno"] {
        let conversation = world.conversation(name, if name == "ana" { "bruno" } else { "ana" }).id;
        let now = world.now;
        let person = world.person(name);
        let before = person.store.clone();
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let input = || Input::Intent(99, Intent::Send(conversation, text("never")));
        let step = person.engine.handle(&person.store, input(), now, &mut rng).unwrap();
        assert!(!step.changes.is_empty());
        assert!(step.effects.iter().any(|effect| matches!(effect, Effect::AnonymousRequest(..))));
        person.engine.rolled_back();
        assert_eq!(person.store, before);
    }
    world.say("ana", "bruno", "after");
    world.run();
    world.say("bruno", "ana", "too");
    world.run();
    assert_eq!(world.seen("ana", "bruno"), ["hi", "hello", "after", "too"]);
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "after", "too"]);
    assert!(world.alerts("bruno").is_empty() && world.alerts("ana").is_empty());
}

#[test]
fn a_message_that_the_relay_drops_is_seen_to_be_missing() {
    let mut world = talking();
    world.person("bruno").held = true;
    for number in 1..=5 {
        world.say("ana", "bruno", &number.to_string());
    }
    world.run();
    world.tamper("bruno", |items| drop(items.remove(2)));
    world.person("bruno").held = false;
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "1", "2", "[1 missing]", "4", "5"]);
    assert_eq!(world.alerts("bruno"), [Alert::Missing(1)]);
}

#[test]
fn messages_out_of_order_are_shown_in_their_senders_order_and_marked_late() {
    for seed in 0..30 {
        let mut world = talking();
        world.person("bruno").held = true;
        for number in 0..10 {
            world.say("ana", "bruno", &number.to_string());
        }
        world.run();
        let mut in_order = true;
        world.tamper("bruno", |items| {
            items.shuffle(&mut ChaCha20Rng::seed_from_u64(seed));
            let sequence = |item: &wire::Item| match &item.kind {
                Some(Kind::Sealed(sealed)) => sealed.sequence,
                _ => 0,
            };
            in_order = items.is_sorted_by_key(sequence);
        });
        world.person("bruno").held = false;
        world.run();
        let expected: Vec<String> =
            ["hi", "hello"].map(str::to_owned).into_iter().chain((0..10).map(|it| it.to_string())).collect();
        assert_eq!(world.seen("bruno", "ana"), expected, "seed {seed}");
        let late = world.rows("bruno", "ana").iter().filter(|row| row.late).count();
        assert_eq!(late == 0, in_order, "seed {seed}");
    }
}

#[test]
fn a_late_message_stands_before_the_next_of_its_sender_though_others_came_between() {
    let mut world = talking();
    world.person("bruno").held = true;
    world.say("ana", "bruno", "1");
    world.say("ana", "bruno", "2");
    world.run();
    let mut first = None;
    world.tamper("bruno", |items| first = Some(items.remove(0)));
    world.person("bruno").held = false;
    world.run();
    world.say("bruno", "ana", "what?");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "[1 missing]", "2", "what?"]);
    let device = world.device("bruno");
    world.relay.append([device], first.unwrap().kind.unwrap());
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "1", "2", "what?"]);
    let unread = world.conversation("bruno", "ana").unread;
    assert_eq!(unread, 3, "hi, 1 and 2");
}

#[test]
fn everything_delivered_three_times_and_to_its_sender_is_shown_once() {
    let mut world = talking();
    for restart in [false, true] {
        for name in ["ana", "bruno"] {
            let device = world.device(name);
            let other = world.device(if name == "ana" { "bruno" } else { "ana" });
            for item in world.items(name).into_iter().take(12) {
                let kind = item.kind.unwrap();
                world.relay.append([device, device, device, other], kind);
            }
            if restart {
                world.kill(name);
                world.connect(name);
            }
        }
        world.run();
        assert_eq!(world.seen("ana", "bruno"), ["hi", "hello"]);
        assert_eq!(world.seen("bruno", "ana"), ["hi", "hello"]);
        assert_eq!(world.conversation("bruno", "ana").unread, 1);
    }
    assert!(world.alerts("ana").contains(&Alert::Replayed));
    world.say("ana", "bruno", "still here");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "still here"]);
    assert!(!world.alerts("bruno").contains(&Alert::OutOfStep));
}

#[test]
fn a_message_in_another_conversations_wrapper_is_refused() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    world.say("ana", "bruno", "for bruno");
    world.say("carla", "bruno", "carla here");
    world.run();
    let with_carla = world.conversation("bruno", "carla").id;
    world.person("bruno").held = true;
    world.say("ana", "bruno", "secret");
    world.run();
    world.tamper("bruno", |items| {
        for item in items {
            if let Some(Kind::Sealed(sealed)) = &mut item.kind {
                sealed.conversation = with_carla.to_wire();
            }
        }
    });
    world.person("bruno").held = false;
    world.run();
    assert_eq!(world.seen("bruno", "carla"), ["carla here"]);
    assert_eq!(world.alerts("bruno"), [Alert::Misdelivered]);
    world.say("ana", "bruno", "again");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["for bruno", "[1 missing]", "again"]);
}

#[test]
fn an_altered_message_is_a_row_that_says_so() {
    let mut world = talking();
    world.person("bruno").held = true;
    world.say("ana", "bruno", "word");
    world.run();
    world.tamper("bruno", |items| {
        let Some(Kind::Sealed(sealed)) = &mut items[0].kind else { panic!("a message") };
        let mut bytes = sealed.message.to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        sealed.message = bytes.into();
    });
    world.person("bruno").held = false;
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "[it could not be opened]"]);
    assert_eq!(world.alerts("bruno"), [Alert::Unreadable]);
}

#[test]
fn an_item_of_a_newer_kind_and_one_that_is_none_are_kept_and_told_of() {
    let mut world = talking();
    let device = world.device("bruno");
    let mailbox = world.relay.mailboxes.get_mut(&device).unwrap();
    let position = mailbox.entries.last().unwrap().position;
    for (at, item) in [&[1, 0x7a, 1, 0][..], &[9, 9], &[]].into_iter().enumerate() {
        let item = bytes::Bytes::copy_from_slice(item);
        mailbox.entries.push(wire::Entry { position: position + 1 + at as u64, item });
    }
    world.run();
    assert_eq!(world.alerts("bruno"), [Alert::UnknownItem, Alert::UnknownItem, Alert::UnknownItem]);
    let kept = world.people["bruno"].store.0.keys().filter(|key| key[0] == crate::records::key::UNKNOWN);
    assert_eq!(kept.count(), 3);
    world.say("ana", "bruno", "on we go");
    world.run();
    assert_eq!(world.seen("bruno", "ana").last().map(String::as_str), Some("on we go"));
}

#[test]
fn a_part_of_the_mailbox_that_was_left_out_is_told_of() {
    let mut world = talking();
    let device = world.device("bruno");
    for entry in &mut world.relay.mailboxes.get_mut(&device).unwrap().entries {
        if entry.position > 3 {
            entry.position += 5;
        }
    }
    world.kill("bruno");
    world.say("ana", "bruno", "x");
    world.connect("bruno");
    world.run();
    assert!(world.alerts("bruno").contains(&Alert::MailboxGap));
}

#[test]
fn a_full_mailbox_delays_and_loses_nothing() {
    let mut world = talking();
    let device = world.device("bruno");
    world.relay.mailboxes.get_mut(&device).unwrap().full = true;
    for number in 0..20 {
        world.say("ana", "bruno", &number.to_string());
    }
    world.run();
    world.wait(120_000);
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello"]);
    assert!(world.rows("ana", "bruno")[2..].iter().all(|row| row.state == MessageState::Queued));
    world.relay.mailboxes.get_mut(&device).unwrap().full = false;
    world.wait(600_000);
    let seen = world.seen("bruno", "ana");
    let expected: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(seen[2..], expected);
}

#[test]
fn receipts_for_many_messages_are_one_message() {
    let mut world = talking();
    world.disconnect("bruno");
    for number in 0..50 {
        world.say("ana", "bruno", &number.to_string());
    }
    world.run();
    let before = world.items("ana").into_iter().filter(is_sealed).count();
    world.connect("bruno");
    world.run();
    let after = world.items("ana").into_iter().filter(is_sealed).count();
    assert_eq!(after - before, 1);
    let conversation = world.conversation("bruno", "ana").id;
    let last = world.rows("bruno", "ana").last().unwrap().id;
    world.intent("bruno", Intent::MarkRead(conversation, last));
    world.run();
    assert!(
        world.rows("ana", "bruno").iter().filter(|row| row.mine).all(|row| row.state == MessageState::Read)
    );
    assert_eq!(world.items("ana").into_iter().filter(is_sealed).count(), after + 1);
    assert_eq!(Records(&world.people["bruno"].store).unread_total().unwrap(), 0);
    let receipts_of_receipts =
        world.person("ana").events.iter().any(|event| matches!(event, Event::Refused(..)));
    assert!(!receipts_of_receipts);
}

#[test]
fn what_was_refused_keeps_its_turn_and_nothing_seems_to_be_missing() {
    // Bruno commits and says something while Ana's message is on its way: it is refused, and waits with its counter.
    let mut world = talking();
    let id = world.conversation("ana", "bruno").id;
    world.person("ana").held = true;
    world.intent("bruno", Intent::UpdateLeaf(id));
    world.run();
    world.say("bruno", "ana", "news");
    world.run();
    world.say("ana", "bruno", "mine");
    world.run();
    world.person("ana").held = false;
    world.run();
    assert_eq!(world.alerts("bruno"), []);
    assert_eq!(world.seen("bruno", "ana"), ["hi", "hello", "news", "mine"]);
    assert!(world.rows("bruno", "ana").iter().all(|row| !row.late));
}

#[test]
fn what_is_taken_back_before_it_left_leaves_no_gap() {
    for for_all in [true, false] {
        let mut world = talking();
        let id = world.conversation("ana", "bruno").id;
        let taken_back = world.say("ana", "bruno", "oops");
        // It is sealed, and the request is lost with the connection.
        world.disconnect("ana");
        world.intent(
            "ana",
            match for_all {
                true => Intent::DeleteForAll(id, taken_back),
                false => Intent::DeleteHere(id, taken_back),
            },
        );
        world.connect("ana");
        world.run();
        world.say("ana", "bruno", "next");
        world.run();
        assert_eq!(world.alerts("bruno"), [], "for all: {for_all}");
        let seen = world.seen("bruno", "ana");
        assert!(!seen.iter().any(|row| row.contains("oops") || row.contains("missing")), "{seen:?}");
        assert_eq!(seen.last().map(String::as_str), Some("next"));
    }
}

#[test]
fn a_timer_that_was_taken_back_holds_nobody() {
    let mut world = talking();
    let id = world.conversation("ana", "bruno").id;
    world.disconnect("ana");
    world.intent("ana", Intent::SetTimer(id, 3600));
    let queued = world.people["ana"].events.iter().rev().find_map(|event| match event {
        Event::Queued(_, _, message) => Some(*message),
        _ => None,
    });
    world.intent("ana", Intent::Cancel(queued.unwrap()));
    world.connect("ana");
    world.run();
    world.intent("bruno", Intent::SetTimer(id, 7200));
    world.run();
    for name in ["ana", "bruno"] {
        assert_eq!(Records(&world.people[name].store).timer(id).unwrap(), 7200, "{name}");
    }
}

#[test]
fn an_absurd_time_of_the_relay_stops_no_step() {
    let mut world = talking();
    world.disconnect("ana");
    let device = world.device("ana");
    let logged_in = wire::LoggedIn { time_ms: u64::MAX - 1_000, ..world.relay.logged_in(device) };
    world.step("ana", Input::Connected(logged_in));
    world.kill("ana");
    world.wait(100_000);
    world.connect("ana");
    world.say("bruno", "ana", "still there?");
    world.run();
    assert_eq!(world.seen("ana", "bruno"), ["hi", "hello", "still there?"]);
}
