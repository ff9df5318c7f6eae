//! What was said before a device came, told by an older one.

use lacre_proto::{ConversationId, DeviceId};

use crate::api::{Event, Intent, Refusal, To, Wish};
use crate::content::{Content, MessageId, Poll};
use crate::harness::world::{World, text};
use crate::records::{
    ConversationKind, ConversationState, HistoryTransfer, MessageRecord, MessageState, Records,
    TransferState, key,
};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 3600 * 1000;

fn pass(world: &mut World, time: u64) {
    world.run();
    world.wait(time);
    world.run();
}

fn records<'a>(world: &'a World, name: &str) -> Records<'a> {
    Records(&world.people[name].store)
}

/// Ana and Bruno have said `count` things each; then Ana gets a phone, which is approved.
fn talked(count: usize) -> World {
    let mut world = World::of(&["ana", "bruno"]);
    for n in 0..count {
        world.say("ana", "bruno", &format!("{n} from ana"));
        world.say("bruno", "ana", &format!("{n} from bruno"));
        pass(&mut world, 1_000);
    }
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    world
}

fn approve(world: &mut World) -> DeviceId {
    let phone = world.device("ana/phone");
    world.intent("ana", Intent::ApproveDevice(phone));
    pass(world, MINUTE);
    phone
}

fn give(world: &mut World) {
    let to = world.device("ana/phone");
    world.intent("ana", Intent::GiveHistory { to, since_ms: 0 });
}

fn transfer(world: &World, name: &str) -> Option<HistoryTransfer> {
    records(world, name).transfers().unwrap().pop()
}

/// A row without what each device has for itself.
fn alike(row: MessageRecord) -> (MessageId, String, u64, Content, MessageState, bool) {
    (row.id, row.author_handle.to_string(), row.sent_ms, row.content, row.state, row.mine)
}

fn rows(
    world: &World,
    name: &str,
    id: ConversationId,
) -> Vec<(MessageId, String, u64, Content, MessageState, bool)> {
    records(world, name).messages_after(id, None, 10_000).unwrap().into_iter().map(alike).collect()
}

#[test]
fn a_phone_is_told_all_that_was_said_before_in_its_order_and_with_its_authors() {
    let mut world = talked(30);
    approve(&mut world);
    world.say("bruno", "ana", "now with the phone");
    pass(&mut world, MINUTE);
    let conversation = world.conversation("ana", "bruno").id;
    assert_eq!(rows(&world, "ana/phone", conversation).len(), 1);
    give(&mut world);
    pass(&mut world, MINUTE);
    assert_eq!(rows(&world, "ana/phone", conversation), rows(&world, "ana", conversation));
    let (gave, took) = (transfer(&world, "ana").unwrap(), transfer(&world, "ana/phone").unwrap());
    assert_eq!((gave.state, took.state), (TransferState::Done, TransferState::Done));
    assert_eq!((gave.done, gave.total, took.done, took.total), (61, 61, 61, 61));
    let first = records(&world, "ana/phone").messages_after(conversation, None, 1).unwrap().remove(0);
    let told = |id| records(&world, "ana/phone").told_by(conversation, id).unwrap();
    assert_eq!(told(first.id), Some(world.device("ana")), "it says who has told of it");
    let heard = records(&world, "ana/phone").messages(conversation, None, 1).unwrap().remove(0);
    assert_eq!(told(heard.id), None, "it heard this itself");
    // Once more brings nothing twice.
    give(&mut world);
    pass(&mut world, MINUTE);
    assert_eq!(rows(&world, "ana/phone", conversation), rows(&world, "ana", conversation));
    for name in ["ana", "ana/phone", "bruno"] {
        assert_eq!(world.alerts(name), [], "{name}");
    }
}

#[test]
fn reactions_edits_polls_stars_and_notes_come_along_and_what_is_said_later_about_them_holds() {
    let mut world = talked(1);
    approve(&mut world);
    let conversation = world.conversation("ana", "bruno").id;
    let all = rows(&world, "ana", conversation);
    let (hers, his) = (all[0].0, all[1].0);
    let question =
        Poll { question: "when?".to_owned(), options: vec!["1".into(), "2".into()], multiple: false };
    world.disconnect("ana/phone");
    let poll = world.say_content("ana", "bruno", Content::Poll(question));
    world.say("ana", "ana", "a note from before");
    world.run();
    world.intent("bruno", Intent::Vote(conversation, poll, vec![1]));
    world.intent("bruno", Intent::React(conversation, hers, Some("👍".to_owned())));
    world.intent("ana", Intent::Edit(conversation, hers, "0 from ana, corrected".to_owned()));
    world.intent("ana", Intent::Star(conversation, his, true));
    pass(&mut world, MINUTE);
    // The phone hears this of a message that it is told of only later.
    world.connect("ana/phone");
    pass(&mut world, MINUTE);
    world.intent("bruno", Intent::Pin(conversation, hers, true));
    world.intent("bruno", Intent::Edit(conversation, his, "0 from bruno, corrected".to_owned()));
    pass(&mut world, MINUTE);
    give(&mut world);
    pass(&mut world, MINUTE);
    assert_eq!(rows(&world, "ana/phone", conversation), rows(&world, "ana", conversation));
    for name in ["ana", "ana/phone"] {
        let records = records(&world, name);
        assert_eq!(records.reactions(conversation, hers).unwrap().len(), 1, "{name}");
        assert_eq!(records.versions(conversation, hers).unwrap().len(), 2, "{name}");
        assert_eq!(records.versions(conversation, his).unwrap().len(), 2, "{name}");
        assert_eq!(records.tally(conversation, poll).unwrap().votes.len(), 1, "{name}");
        assert!(records.is_starred(conversation, his).unwrap(), "{name}");
        assert_eq!(records.pins(conversation).unwrap(), [hers], "{name}");
    }
    let notes = records(&world, "ana/phone").direct_with(&"ana".parse().unwrap()).unwrap().unwrap();
    assert_eq!(rows(&world, "ana/phone", notes), rows(&world, "ana", notes));
}

#[test]
fn a_device_in_quarantine_is_told_nothing_until_it_is_approved_or_a_day_old() {
    for approved in [true, false] {
        let mut world = talked(3);
        let conversation = world.conversation("ana", "bruno").id;
        give(&mut world);
        pass(&mut world, 10 * MINUTE);
        assert_eq!(rows(&world, "ana/phone", conversation), [], "it is new");
        assert_eq!(transfer(&world, "ana").unwrap().state, TransferState::Waits);
        if approved {
            approve(&mut world);
        } else {
            pass(&mut world, DAY);
        }
        pass(&mut world, MINUTE);
        assert_eq!(rows(&world, "ana/phone", conversation).len(), 6, "approved: {approved}");
        let to = world.device("ana");
        let refused = |world: &World| {
            world.people["ana/phone"].events.iter().rev().find_map(|event| match event {
                Event::Refused(_, refusal) => Some(*refusal),
                _ => None,
            })
        };
        world.intent("ana/phone", Intent::GiveHistory { to: DeviceId([9; 16]), since_ms: 0 });
        assert_eq!(refused(&world), Some(Refusal::NoSuchDevice));
        world.intent("ana/phone", Intent::StopHistory(to));
        assert_eq!(refused(&world), Some(Refusal::NoTransfer));
    }
}

#[test]
fn it_goes_on_wherever_either_device_dies_or_loses_its_connection() {
    let mut whole = talked(300);
    approve(&mut whole);
    let conversation = whole.conversation("ana", "bruno").id;
    let expected = rows(&whole, "ana", conversation);
    give(&mut whole);
    // After each step of the network one of them is killed.
    let mut deaths = 0;
    for turn in 0..400 {
        let busy =
            whole.ask_one("ana") | whole.push("ana/phone") | whole.ask_one("ana/phone") | whole.push("ana");
        if turn % 3 == 0 {
            let name = if turn % 2 == 0 { "ana" } else { "ana/phone" };
            whole.kill(name);
            whole.connect(name);
            deaths += 1;
        }
        if !busy && transfer(&whole, "ana").unwrap().state == TransferState::Done {
            break;
        }
    }
    pass(&mut whole, 5 * MINUTE);
    assert!(deaths > 5, "{deaths} deaths");
    assert_eq!(rows(&whole, "ana/phone", conversation), expected);
    assert_eq!(transfer(&whole, "ana/phone").unwrap().state, TransferState::Done);
}

#[test]
fn only_a_few_parts_are_on_the_way_to_a_device_that_is_away() {
    let mut world = talked(400);
    approve(&mut world);
    world.disconnect("ana/phone");
    let before = world.items("ana/phone").len();
    give(&mut world);
    pass(&mut world, 10 * MINUTE);
    assert!(world.items("ana/phone").len() - before <= 4, "its mailbox is not flooded");
    assert_eq!(transfer(&world, "ana").unwrap().state, TransferState::Runs);
    world.connect("ana/phone");
    pass(&mut world, 5 * MINUTE);
    let conversation = world.conversation("ana", "bruno").id;
    assert_eq!(rows(&world, "ana/phone", conversation).len(), 800);
}

#[test]
fn what_vanishes_has_vanished_and_what_is_looked_at_once_stays_where_it_is() {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "stays");
    world.run();
    let conversation = world.conversation("ana", "bruno").id;
    let once = Wish { once: true, ..Wish::default() };
    world.intent("bruno", Intent::Say(To::Conversation(conversation), text("the code is 1234"), once));
    pass(&mut world, 1_000);
    world.intent("ana", Intent::SetTimer(conversation, 3600));
    pass(&mut world, 1_000);
    let short = world.say("bruno", "ana", "for an hour");
    pass(&mut world, 1_000);
    world.intent("ana", Intent::MarkRead(conversation, short));
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    approve(&mut world);
    give(&mut world);
    pass(&mut world, MINUTE);
    let texts = |world: &World| {
        let all = rows(world, "ana/phone", conversation).into_iter();
        let texts = all.filter_map(|row| match row.3 {
            Content::Text { text, .. } => Some(text),
            _ => None,
        });
        texts.collect::<Vec<_>>()
    };
    assert_eq!(texts(&world), ["stays", "for an hour"]);
    let bytes = world.people["ana/phone"].store.0.values();
    assert!(!bytes.into_iter().any(|value| value.windows(8).any(|part| part == b"code is ")));
    pass(&mut world, 3600 * 1000);
    assert_eq!(texts(&world), ["stays"], "its time runs on the phone too");
    assert_eq!(world.seen("ana", "bruno").iter().filter(|it| *it == "for an hour").count(), 0);
}

#[test]
fn of_some_days_only_and_given_up_when_one_says_so() {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "long ago");
    pass(&mut world, 3 * DAY);
    world.say("ana", "bruno", "yesterday");
    pass(&mut world, MINUTE);
    let since_ms = world.now - DAY;
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    let to = approve(&mut world);
    world.intent("ana", Intent::GiveHistory { to, since_ms });
    pass(&mut world, MINUTE);
    assert_eq!(world.seen("ana/phone", "bruno"), ["yesterday"]);
    // The rest, later: it comes before what is there.
    give(&mut world);
    pass(&mut world, MINUTE);
    assert_eq!(world.seen("ana/phone", "bruno"), ["long ago", "yesterday"]);
    world.disconnect("ana/phone");
    give(&mut world);
    world.run();
    world.intent("ana", Intent::StopHistory(to));
    pass(&mut world, MINUTE);
    assert_eq!(transfer(&world, "ana").unwrap().state, TransferState::Ended);
    world.connect("ana/phone");
    pass(&mut world, MINUTE);
    // The one part that there was lay in its mailbox already.
    assert!(transfer(&world, "ana/phone").unwrap().state.is_over());
    assert_eq!(transfer(&world, "ana").unwrap().state, TransferState::Ended);
}

#[test]
fn a_group_that_was_left_comes_as_one_that_is_over_and_unread_stays_unread() {
    let mut world = World::of(&["ana", "bruno"]);
    world.intent("bruno", Intent::CreateGroup("Choir".to_owned(), vec!["ana".parse().unwrap()]));
    pass(&mut world, MINUTE);
    let group = world.conversation("bruno", "Choir").id;
    world.intent("bruno", Intent::Send(group, text("la la la")));
    pass(&mut world, MINUTE);
    world.intent("ana", Intent::LeaveGroup(group));
    pass(&mut world, 5 * MINUTE);
    world.say("bruno", "ana", "you left?");
    pass(&mut world, MINUTE);
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    approve(&mut world);
    give(&mut world);
    pass(&mut world, MINUTE);
    let record = records(&world, "ana/phone").conversation(group).unwrap().unwrap();
    assert_eq!((record.state, record.title.as_str()), (ConversationState::Left, "Choir"));
    let lines = |name: &str| {
        rows(&world, name, group).into_iter().map(|row| (row.0, row.2, row.3)).collect::<Vec<_>>()
    };
    assert_eq!(lines("ana/phone"), lines("ana"));
    assert_eq!(world.conversation("ana/phone", "bruno").unread, 1);
    let unread = world.rows("ana/phone", "bruno").pop().unwrap().id;
    let direct = world.conversation("ana/phone", "bruno").id;
    world.intent("ana/phone", Intent::MarkRead(direct, unread));
    pass(&mut world, MINUTE);
    assert_eq!(world.conversation("ana", "bruno").unread, 0, "read on the phone");
    assert_eq!(world.state("bruno", "ana", unread), MessageState::Read);
}

#[test]
fn a_third_device_takes_no_notice_and_may_tell_the_rest() {
    let mut world = talked(5);
    approve(&mut world);
    world.link("ana", "ana/tablet", 78);
    pass(&mut world, MINUTE);
    give(&mut world);
    pass(&mut world, MINUTE);
    let conversation = world.conversation("ana", "bruno").id;
    assert_eq!(rows(&world, "ana/tablet", conversation), []);
    let tablet = world.device("ana/tablet");
    world.intent("ana/phone", Intent::ApproveDevice(tablet));
    pass(&mut world, MINUTE);
    world.intent("ana/phone", Intent::GiveHistory { to: tablet, since_ms: 0 });
    pass(&mut world, MINUTE);
    assert_eq!(rows(&world, "ana/tablet", conversation), rows(&world, "ana", conversation));
    let at = [key::TAKING];
    assert!(!world.people["ana"].store.0.keys().any(|key| key[..1] == at), "nobody told the laptop anything");
}

/// The rows that the phone has of those that the laptop has, once the transfer is over.
fn told(world: &World) -> (TransferState, usize, usize) {
    let state = transfer(world, "ana").expect("it was begun").state;
    (state, world.rows("ana/phone", "bruno").len(), world.rows("ana", "bruno").len())
}

#[test]
fn a_conversation_that_is_begun_anew_meanwhile_is_told_whole() {
    let mut world = talked(300);
    let bruno = world.people["bruno"].engine.me().account;
    approve(&mut world);
    world.disconnect("ana/phone");
    give(&mut world);
    pass(&mut world, MINUTE);
    world.intent("ana", Intent::Block(bruno));
    pass(&mut world, MINUTE);
    world.intent("ana", Intent::Unblock(bruno));
    pass(&mut world, MINUTE);
    world.connect("ana/phone");
    pass(&mut world, 10 * MINUTE);
    assert_eq!(told(&world), (TransferState::Done, 600, 600));
}

#[test]
fn a_conversation_that_is_not_open_yet_is_told_whole() {
    let mut world = talked(30);
    let bruno = world.people["bruno"].engine.me().account;
    approve(&mut world);
    world.disconnect("ana/phone");
    world.disconnect("ana");
    world.intent("ana", Intent::Block(bruno));
    world.intent("ana", Intent::Unblock(bruno));
    give(&mut world);
    world.connect("ana");
    pass(&mut world, MINUTE);
    world.connect("ana/phone");
    pass(&mut world, 10 * MINUTE);
    assert_eq!(told(&world), (TransferState::Done, 60, 60));
}

#[test]
fn a_conversation_that_stays_out_of_step_holds_up_neither_the_transfer_nor_who_waits_for_an_echo() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    world.say("ana", "bruno", "hi");
    world.say("ana", "carla", "hi");
    world.run();
    world.disconnect("carla");
    let id = world.conversation("ana", "carla").id;
    world.disconnect("ana");
    // Ana's device loses the group's secrets, and nobody is there who could let it in again.
    let secret =
        |at: &[u8]| (key::MLS..key::GROUP).contains(&at[0]) && at.windows(16).any(|part| part == id.as_ref());
    world.person("ana").store.0.retain(|at, _| !secret(at));
    world.kill("ana");
    world.connect("ana");
    world.intent("ana", Intent::UpdateLeaf(id));
    pass(&mut world, MINUTE);
    let record = records(&world, "ana").conversation(id).unwrap().unwrap();
    assert_eq!(record.state, ConversationState::OutOfStep);
    assert!(!records(&world, "ana").echo_is_owed().unwrap(), "to ask to be let in has no echo");
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    approve(&mut world);
    give(&mut world);
    pass(&mut world, 10 * MINUTE);
    assert_eq!(transfer(&world, "ana").unwrap().state, TransferState::Done);
    assert_eq!(world.seen("ana/phone", "carla"), ["hi"]);
}

fn own(world: &World, name: &str) -> ConversationId {
    let all = records(world, name).conversations().unwrap();
    all.into_iter().find(|it| it.kind == ConversationKind::Own).unwrap().id
}

/// What MLS knows of the conversation of one's own devices is gone on this one.
fn lose_own(world: &mut World, name: &str) {
    let own = own(world, name);
    world.disconnect(name);
    let mls = |at: &[u8]| (0x20..0x40).contains(&at[0]) && at.windows(16).any(|part| part == own.as_ref());
    world.person(name).store.0.retain(|at, _| !mls(at));
    world.kill(name);
}

#[test]
fn a_transfer_goes_on_when_both_devices_began_their_own_conversation_anew() {
    for first in ["ana", "ana/phone"] {
        let mut world = talked(300);
        approve(&mut world);
        world.person("ana/phone").held = true;
        give(&mut world);
        world.run();
        assert_eq!(transfer(&world, "ana").unwrap().state, TransferState::Runs);
        world.person("ana/phone").held = false;
        let own = own(&world, "ana");
        for name in ["ana", "ana/phone"] {
            lose_own(&mut world, name);
        }
        let other = if first == "ana" { "ana/phone" } else { "ana" };
        for name in [first, other] {
            world.connect(name);
            world.intent(name, Intent::UpdateLeaf(own));
        }
        pass(&mut world, 10 * MINUTE);
        assert_ne!(self::own(&world, "ana"), own);
        assert_eq!(told(&world), (TransferState::Done, 600, 600), "{first} was there first");
    }
}

#[test]
fn what_another_device_has_seen_counts_as_seen_when_it_is_told_later() {
    // Where receipts go out they tell the other devices; elsewhere the own conversation does.
    seen_before_it_is_told(true);
    seen_before_it_is_told(false);
}

fn seen_before_it_is_told(receipts: bool) {
    let mut world = talked(5);
    approve(&mut world);
    let conversation = world.conversation("ana", "bruno").id;
    world.intent("ana", Intent::SetReceipts(conversation, receipts));
    pass(&mut world, MINUTE);
    world.person("ana/phone").held = true;
    give(&mut world);
    world.run();
    // The parts are made; then Ana reads all of it, and the phone hears of that first.
    let unread = |world: &World, name: &str| world.conversation(name, "bruno").unread;
    assert_eq!(unread(&world, "ana"), 5);
    let last = world.rows("ana", "bruno").pop().unwrap();
    let place = Intent::MarkRead(last.conversation, last.id);
    world.intent("ana", place);
    world.run();
    let swap = |items: &mut Vec<lacre_proto::wire::Item>| items.reverse();
    world.tamper("ana/phone", swap);
    world.person("ana/phone").held = false;
    pass(&mut world, 10 * MINUTE);
    assert_eq!((unread(&world, "ana"), unread(&world, "ana/phone")), (0, 0), "receipts {receipts}");
    assert_eq!(world.rows("ana/phone", "bruno").len(), 10);
}
