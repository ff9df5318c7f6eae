//! Two people talk.

use crate::api::{Event, Intent, Refusal, To, Wish};
use crate::content::{Content, MessageId};
use crate::harness::world::{World, text};
use crate::records::{ConversationState, MessageState, Records};

#[test]
fn ana_writes_to_bruno_and_sees_that_he_read_it() {
    let mut world = World::of(&["ana", "bruno"]);
    let id = world.say("ana", "bruno", "olá");
    assert_eq!(world.seen("ana", "bruno"), ["olá"], "at once, before anything was sent");
    assert_eq!(world.state("ana", "bruno", id), MessageState::Queued);
    assert_eq!(world.conversation("ana", "bruno").state, ConversationState::Opening);
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["olá"]);
    assert_eq!(world.conversation("bruno", "ana").unread, 1);
    assert_eq!(world.state("ana", "bruno", id), MessageState::Delivered);
    let conversation = world.conversation("bruno", "ana").id;
    world.intent("bruno", Intent::MarkRead(conversation, id));
    world.run();
    assert_eq!(world.state("ana", "bruno", id), MessageState::Read);
    assert_eq!(world.conversation("bruno", "ana").unread, 0);
    assert_eq!(world.conversation("ana", "bruno").state, ConversationState::Open);
    assert_eq!(world.conversation("ana", "bruno").suite, 0x004F);
    assert_eq!(world.alerts("ana"), []);
    assert_eq!(world.alerts("bruno"), []);
}

#[test]
fn they_answer_each_other_and_both_see_one_order() {
    let mut world = World::of(&["ana", "bruno"]);
    let question = world.say("ana", "bruno", "café?");
    world.run();
    let reply = world.reply("bruno", "ana", question, text("sim"));
    // both write before either has heard the other
    for number in 0..5 {
        world.say("ana", "bruno", &format!("a{number}"));
        world.say("bruno", "ana", &format!("b{number}"));
    }
    world.run();
    assert_eq!(world.seen("ana", "bruno"), world.seen("bruno", "ana"));
    assert_eq!(world.seen("ana", "bruno").len(), 12);
    let row = world.rows("ana", "bruno").into_iter().find(|row| row.id == reply).unwrap();
    assert_eq!(row.in_reply_to(), Some(question));
    for name in ["ana", "bruno"] {
        assert_eq!(world.alerts(name), []);
        let jobs = world.people[name].store.0.keys().filter(|key| key[0] == crate::records::key::OUTBOX);
        assert_eq!(jobs.count(), 0, "nothing is left in the outbox of {name}");
    }
}

#[test]
fn what_was_written_offline_arrives_when_both_have_been_online() {
    let mut world = World::of(&["ana", "bruno"]);
    world.disconnect("ana");
    world.disconnect("bruno");
    for number in 0..40 {
        world.say("ana", "bruno", &number.to_string());
    }
    world.connect("ana");
    world.run();
    world.disconnect("ana");
    world.kill("bruno");
    world.connect("bruno");
    world.run();
    let expected: Vec<String> = (0..40).map(|number| number.to_string()).collect();
    assert_eq!(world.seen("bruno", "ana"), expected);
    world.kill("ana");
    world.connect("ana");
    world.run();
    assert!(world.rows("ana", "bruno").iter().all(|row| row.state == MessageState::Delivered));
}

#[test]
fn nobody_writes_to_a_stranger_to_oneself_or_nothing() {
    let mut world = World::of(&["ana"]);
    let id = world.say("ana", "nobody", "hello?");
    world.run();
    let state = world.state("ana", "nobody", id);
    assert_eq!(state, MessageState::Failed(crate::records::Failure::NoSuchAccount));
    world.intent("ana", Intent::SendTo("bruno".parse().unwrap(), text("")));
    world.intent("ana", Intent::SendTo("bruno".parse().unwrap(), Content::Read(vec![id])));
    let refused = world.person("ana").events.iter().filter_map(|event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    });
    let refused = refused.collect::<Vec<_>>();
    assert_eq!(refused, [Refusal::BadContent, Refusal::BadContent]);
    // once there is such a person, the next message opens the conversation
    world.sign_up("nobody", 7);
    world.connect("nobody");
    world.say("ana", "nobody", "hello!");
    world.run();
    assert_eq!(world.seen("nobody", "ana"), ["hello!"]);
}

#[test]
fn a_message_that_was_not_sent_yet_is_given_up_and_one_that_was_is_not() {
    let mut world = World::of(&["ana", "bruno"]);
    let sent = world.say("ana", "bruno", "sent");
    world.run();
    world.disconnect("ana");
    let waits = world.say("ana", "bruno", "waits");
    world.intent("ana", Intent::Cancel(sent));
    world.intent("ana", Intent::Cancel(waits));
    let refused = |event: &Event| matches!(event, Event::Refused(_, Refusal::NoSuchMessage));
    assert_eq!(world.person("ana").events.iter().filter(|event| refused(event)).count(), 1);
    world.connect("ana");
    world.run();
    assert_eq!(world.seen("bruno", "ana"), ["sent"]);
    assert_eq!(Records(&world.people["bruno"].store).unread_total().unwrap(), 1);
}

/// Whatever kind answers: both sides know what it answers, and what nobody has said is answered by nothing.
#[test]
fn every_kind_that_is_said_can_be_an_answer() {
    let mut world = World::of(&["ana", "bruno"]);
    let question = world.say("ana", "bruno", "where are you?");
    world.run();
    for kind in crate::content::KINDS {
        let sample = (kind.sample)(&mut |_| "x".to_owned()).map_ids(|_| None);
        let Some(content) = sample.filter(|it| world.people["bruno"].engine.can_be_said(it)) else {
            continue;
        };
        if matches!(content, Content::Timer { .. } | Content::Fact(_)) || !content.files().is_empty() {
            continue;
        }
        let reply = world.reply("bruno", "ana", question, content);
        world.run();
        for (name, with) in [("bruno", "ana"), ("ana", "bruno")] {
            let row = world.rows(name, with).into_iter().find(|row| row.id == reply);
            assert_eq!(row.expect("it came").in_reply_to(), Some(question), "{} with {name}", kind.name);
        }
    }
    world.person("bruno").events.clear();
    let nothing = Wish { in_reply_to: Some(MessageId([9; 16])), ..Wish::default() };
    world.intent("bruno", Intent::Say(To::Person("ana".parse().unwrap()), text("what?"), nothing));
    let refused = |event: &Event| matches!(event, Event::Refused(_, Refusal::NoSuchMessage));
    assert!(world.person("bruno").events.iter().any(refused));
}

/// Each is told at the relay's time of what told it: not at the message's own.
#[test]
fn each_step_of_a_message_has_a_time_of_its_own() {
    const MINUTE: u64 = 60_000;
    let mut world = World::of(&["ana", "bruno"]);
    let id = world.say("ana", "bruno", "olá");
    world.run();
    let with = world.conversation("bruno", "ana").id;
    world.wait(MINUTE);
    world.intent("bruno", Intent::MarkRead(with, id));
    world.run();
    world.wait(MINUTE);
    world.intent("bruno", Intent::React(with, id, Some("👍".to_owned())));
    world.run();
    let reaction = |world: &World| {
        let records = Records(&world.people["ana"].store);
        let bruno = world.people["bruno"].engine.me().account;
        records.reaction_of(world.conversation("ana", "bruno").id, id, bruno).unwrap().unwrap()
    };
    let first = reaction(&world);
    world.wait(MINUTE);
    world.intent("bruno", Intent::React(with, id, None));
    world.run();
    let second = reaction(&world);
    assert_eq!((first.emoji.as_deref(), second.emoji.as_deref()), (Some("👍"), None));
    world.wait(MINUTE);
    let mine = world.conversation("ana", "bruno").id;
    world.intent("ana", Intent::DeleteForAll(mine, id));
    world.run();
    for (name, with) in [("ana", "bruno"), ("bruno", "ana")] {
        let row = world.rows(name, with).into_iter().find(|row| row.id == id).unwrap();
        let ended = row.marks.ended_ms.expect("it was taken back");
        assert!(ended >= row.sent_ms + 4 * MINUTE, "{name}");
        if name == "ana" {
            let (delivered, read) = (row.marks.delivered_ms.unwrap(), row.marks.read_ms.unwrap());
            assert!(row.sent_ms <= delivered && delivered < row.sent_ms + MINUTE, "{delivered}");
            let times = [delivered, read, first.time_ms, second.time_ms, ended];
            assert!(times.windows(2).all(|two| two[0] + MINUTE <= two[1]), "{times:?}");
        }
    }
}

/// What is said later answers too, and what is passed on answers nothing.
#[test]
fn an_answer_that_waits_is_one_and_one_that_is_passed_on_is_none() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    let question = world.say("ana", "bruno", "lunch?");
    world.run();
    let not_before = Some(world.now + 3_600_000);
    let later = Wish { not_before, in_reply_to: Some(question), ..Wish::default() };
    world.intent("bruno", Intent::Say(To::Person("ana".parse().unwrap()), text("yes"), later));
    world.wait(3_700_000);
    let row = world.rows("ana", "bruno").pop().unwrap();
    assert_eq!((row.content, row.marks.manner.in_reply_to), (text("yes"), Some(question)));
    let to = vec![To::Person("carla".parse().unwrap())];
    world.intent("ana", Intent::Forward { from: row.conversation, message: row.id, to });
    world.run();
    let passed = world.rows("carla", "ana").pop().unwrap();
    assert_eq!((passed.content, passed.marks.manner.in_reply_to), (text("yes"), None));
}
