//! Two people talk: what the product is for, over the real engine and the real relay.

use lacre_engine::content::Content;
use lacre_engine::records::{ConversationState, Failure, MessageState};
use lacre_engine::{Event, Intent};
use lacre_testkit::World;

const HOUR: u64 = 3_600_000;

fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.people(&["ana", "bruno"]);
    world
}

fn texts(world: &World, of: &str, with: &str) -> Vec<String> {
    let rows = world.device(of).rows_with(with);
    let text = |row: lacre_engine::records::MessageRecord| match row.content {
        Content::Text { text, .. } => text,
        other => panic!("{other:?} in the conversation of {of} with {with}: {:?}", row.state),
    };
    rows.into_iter().map(text).collect()
}

#[test]
fn ana_writes_to_bruno_and_he_answers() {
    let mut world = world(1);
    world.say("ana", "bruno", "olá");
    world.settle();
    world.say("bruno", "ana", "oi");
    world.until_all_is_out(10);
    world.check();
    assert_eq!(texts(&world, "ana", "bruno"), ["olá", "oi"]);
    assert_eq!(texts(&world, "bruno", "ana"), ["olá", "oi"]);
    assert_eq!(world.device("ana").alerts(), []);
    assert_eq!(world.device("bruno").alerts(), []);
}

#[test]
fn what_is_written_offline_is_shown_at_once_and_goes_out_later() {
    let mut world = world(2);
    world.offline("ana");
    world.say("ana", "bruno", "from the tunnel");
    assert_eq!(texts(&world, "ana", "bruno"), ["from the tunnel"]);
    assert_eq!(world.device("ana").rows_with("bruno")[0].state, MessageState::Queued);
    world.settle();
    assert_eq!(texts(&world, "bruno", "ana"), [""; 0], "nothing has left Ana's phone");
    world.online("ana");
    world.until_all_is_out(10);
    world.check();
}

#[test]
fn bruno_finds_what_came_while_he_was_away() {
    let mut world = world(3);
    world.say("ana", "bruno", "are you there?");
    world.settle();
    world.offline("bruno");
    for n in 0..40 {
        world.say("ana", "bruno", &format!("message {n}"));
        world.settle();
    }
    let waiting = world.device("ana").rows_with("bruno");
    assert_eq!(waiting.iter().filter(|row| row.state == MessageState::Sent).count(), 40);
    world.online("bruno");
    world.until_all_is_out(10);
    world.check();
}

#[test]
fn a_message_is_queued_then_sent_then_delivered_then_read() {
    let mut world = world(4);
    world.say("ana", "bruno", "first");
    world.settle();
    world.offline("bruno");
    world.say("ana", "bruno", "second");
    let state = |world: &World| world.device("ana").rows_with("bruno").last().unwrap().state;
    assert_eq!(state(&world), MessageState::Queued);
    world.settle();
    assert_eq!(state(&world), MessageState::Sent);
    world.online("bruno");
    world.pass(10_000);
    assert_eq!(state(&world), MessageState::Delivered);
    world.read_all("bruno", "ana");
    world.pass(10_000);
    assert_eq!(state(&world), MessageState::Read);
    let bruno = world.device("bruno");
    assert_eq!(bruno.records().unread_total().unwrap(), 0);
}

#[test]
fn an_answer_names_what_it_answers_on_both_sides() {
    let mut world = world(5);
    world.say("ana", "bruno", "pizza or pasta?");
    world.settle();
    let asked = world.device("bruno").rows_with("ana")[0].id;
    world.reply("bruno", "ana", asked, "pizza");
    world.settle();
    for (of, with) in [("ana", "bruno"), ("bruno", "ana")] {
        let rows = world.device(of).rows_with(with);
        assert_eq!(rows[1].in_reply_to(), Some(asked), "{of}");
        assert_eq!(rows[0].id, asked, "{of}");
    }
}

#[test]
fn both_write_first_and_find_themselves_in_one_conversation() {
    for seed in 10..40 {
        let mut world = world(seed);
        world.offline("ana");
        world.offline("bruno");
        for n in 0..3 {
            world.say("ana", "bruno", &format!("ana {n}"));
            world.say("bruno", "ana", &format!("bruno {n}"));
        }
        world.online("ana");
        world.online("bruno");
        world.until_all_is_out(60);
        world.say("ana", "bruno", "ana after");
        world.say("bruno", "ana", "bruno after");
        world.until_all_is_out(60);
        world.pass(60_000);
        world.check();
        let ana = world.device("ana").records().conversations().unwrap();
        let bruno = world.device("bruno").records().conversations().unwrap();
        assert_eq!((ana.len(), bruno.len()), (1, 1), "seed {seed}");
        assert_eq!(ana[0].id, bruno[0].id, "seed {seed}");
        assert_eq!(texts(&world, "ana", "bruno").len(), 8);
    }
}

#[test]
fn three_people_have_three_conversations_and_nobody_hears_the_others() {
    let mut world = World::new(6);
    world.people(&["ana", "bruno", "carla"]);
    world.say("ana", "bruno", "for bruno");
    world.say("ana", "carla", "for carla");
    world.say("bruno", "carla", "from bruno");
    world.until_all_is_out(10);
    world.check();
    assert_eq!(texts(&world, "carla", "ana"), ["for carla"]);
    assert_eq!(texts(&world, "carla", "bruno"), ["from bruno"]);
}

#[test]
fn nobody_of_that_name_is_refused_and_oneself_is_a_note() {
    let mut world = world(7);
    world.say("ana", "nobody", "is anyone there?");
    let text = || Content::Text { text: "note to self".to_owned() };
    world.intend("ana", Intent::SendTo("ana".parse().unwrap(), text()));
    world.settle();
    assert_eq!(world.device("ana").refusals(), []);
    let notes = world.device("ana").rows_with("ana");
    assert_eq!(notes.iter().map(|row| row.state).collect::<Vec<_>>(), [MessageState::Sent]);
    let failed = world.device("ana").rows_with("nobody")[0].state;
    assert_eq!(failed, MessageState::Failed(Failure::NoSuchAccount));
}

#[test]
fn restarts_at_any_rest_change_nothing() {
    let mut world = world(8);
    for n in 0..6 {
        world.say("ana", "bruno", &format!("ana {n}"));
        world.kill("ana");
        world.settle();
        world.kill("bruno");
        world.say("bruno", "ana", &format!("never typed {n}"));
        world.settle();
        world.say("bruno", "ana", &format!("bruno {n}"));
        world.settle();
        world.kill("ana");
        world.kill("bruno");
        world.settle();
    }
    world.until_all_is_out(10);
    world.check();
    assert_eq!((world.device("ana").deaths(), world.device("bruno").deaths()), (12, 12));
}

#[test]
fn leaves_are_updated_daily_and_talk_goes_on() {
    let mut world = world(9);
    world.say("ana", "bruno", "day 0");
    world.until_all_is_out(10);
    let epochs = |world: &World| {
        let commits =
            |op: &lacre_proto::wire::request::Op| matches!(op, lacre_proto::wire::request::Op::Commit(_));
        world.evil.requests().iter().filter(|(_, op)| commits(op)).count()
    };
    let before = epochs(&world);
    for day in 1..5 {
        world.pass(25 * HOUR);
        world.say("ana", "bruno", &format!("day {day}"));
        world.until_all_is_out(60);
        world.say("bruno", "ana", &format!("back, day {day}"));
        world.until_all_is_out(60);
    }
    world.pass(HOUR);
    world.check();
    let updates = epochs(&world) - before;
    assert!((8..=40).contains(&updates), "each of the two updates daily, and not all the time: {updates}");
}

#[test]
fn both_update_at_once_and_only_one_commit_wins_each_epoch() {
    let mut world = world(10);
    world.say("ana", "bruno", "hello");
    world.until_all_is_out(10);
    let conversation = world.device("ana").direct_with("bruno").unwrap();
    for n in 0..5 {
        world.intend("ana", Intent::UpdateLeaf(conversation));
        world.intend("bruno", Intent::UpdateLeaf(conversation));
        world.say("ana", "bruno", &format!("ana {n}"));
        world.say("bruno", "ana", &format!("bruno {n}"));
        world.settle();
    }
    world.until_all_is_out(10);
    world.pass(60_000);
    world.check();
}

#[test]
fn a_device_that_lost_its_group_is_let_in_again_and_nothing_queued_is_lost() {
    let mut world = world(11);
    world.say("ana", "bruno", "before");
    world.until_all_is_out(10);
    // Bruno's phone is set back to before its last day: a store that lost its newest transactions.
    let old = world.device("bruno").store().copy();
    let conversation = world.device("bruno").direct_with("ana").unwrap();
    world.intend("bruno", Intent::UpdateLeaf(conversation));
    world.until_all_is_out(10);
    world.pass(10_000);
    world.stop("bruno");
    *world.person("bruno").store_mut() = old;
    world.start("bruno");
    world.say("bruno", "ana", "after, from bruno");
    world.say("ana", "bruno", "after, from ana");
    world.until_all_is_out(120);
    world.pass(HOUR);
    let state = world.device("bruno").records().conversation(conversation).unwrap().unwrap().state;
    assert_eq!(state, ConversationState::Open);
    world.say("bruno", "ana", "again from bruno");
    world.say("ana", "bruno", "again from ana");
    world.until_all_is_out(120);
    for text in ["before", "after, from bruno", "again from bruno", "again from ana"] {
        assert!(texts_of(&world, "ana", "bruno").contains(&text.to_owned()), "{text}");
    }
    for text in ["before", "again from bruno", "again from ana"] {
        assert!(texts_of(&world, "bruno", "ana").contains(&text.to_owned()), "{text}");
    }
}

/// The texts in a conversation where some rows may be unreadable.
fn texts_of(world: &World, of: &str, with: &str) -> Vec<String> {
    let rows = world.device(of).rows_with(with).into_iter();
    let text = |row: lacre_engine::records::MessageRecord| match row.content {
        Content::Text { text, .. } => Some(text),
        _ => None,
    };
    rows.filter_map(text).collect()
}

#[test]
fn events_tell_of_a_message_by_its_id() {
    let mut world = world(12);
    world.say("ana", "bruno", "hello");
    let queued = world.device("ana").events().iter().find_map(|event| match event {
        Event::Queued(_, conversation, message) => Some((*conversation, *message)),
        _ => None,
    });
    let (conversation, message) = queued.expect("a message is queued at once");
    let record = world.device("ana").records().message(conversation, message).unwrap().unwrap();
    assert!(record.mine);
}
