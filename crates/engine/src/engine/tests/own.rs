//! An account's own devices among themselves: notes to oneself, and what they hold alike.

use lacre_proto::{AccountId, ConversationId};
use proptest::prelude::*;

use crate::api::{Event, Intent, Lead, Refusal, To, Wanted, Wish};
use crate::content::{Content, MessageId, kinds};
use crate::harness::world::{World, text};
use crate::records::{ConversationKind, ConversationState, MessageState, Records, Standing};

const MINUTE: u64 = 60_000;

/// What is under way is done, time passes, and what that brought is done.
fn pass(world: &mut World, time: u64) {
    world.run();
    world.wait(time);
    world.run();
}

fn records<'a>(world: &'a World, name: &str) -> Records<'a> {
    Records(&world.people[name].store)
}

/// Ana and Bruno talk; Ana has a phone too.
fn with_phone() -> World {
    let mut world = World::of(&["ana", "bruno"]);
    world.say("ana", "bruno", "from the laptop");
    world.run();
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    world
}

fn own(world: &World, name: &str) -> ConversationId {
    let all = records(world, name).conversations().unwrap().into_iter();
    let own: Vec<_> = all.filter(|it| it.kind == ConversationKind::Own).collect();
    assert_eq!(own.len(), 1, "{name} has one conversation of its own");
    assert_eq!(own[0].state, ConversationState::Open);
    own[0].id
}

fn notes(world: &World, name: &str) -> Vec<(String, MessageState, bool)> {
    let rows = records(world, name).messages_after(own(world, name), None, 100).unwrap();
    let text = |content| match content {
        Content::Text { text, .. } => text,
        other => format!("{other:?}"),
    };
    rows.into_iter().map(|row| (text(row.content), row.state, row.mine)).collect()
}

fn account(world: &World, name: &str) -> AccountId {
    world.people[name].engine.me().account
}

fn with(world: &World, name: &str, other: &str) -> ConversationId {
    world.conversation(name, other).id
}

/// Why the last intent of a device came to nothing.
fn refused(world: &World, name: &str) -> Option<Refusal> {
    world.people[name].events.iter().rev().find_map(|event| match event {
        Event::Refused(_, refusal) => Some(*refusal),
        _ => None,
    })
}

fn no_alerts(world: &World, names: &[&str]) {
    for name in names {
        assert_eq!(world.alerts(name), [], "{name}");
    }
}

#[test]
fn ana_writes_to_herself_with_one_device_and_later_with_two() {
    let mut world = World::of(&["ana", "bruno"]);
    let id = world.say("ana", "ana", "buy milk");
    world.run();
    assert_eq!(notes(&world, "ana"), [("buy milk".to_owned(), MessageState::Sent, true)]);
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    world.intent(
        "ana/phone",
        Intent::Say(To::Person("ana".parse().unwrap()), text("and bread"), Wish::default()),
    );
    pass(&mut world, MINUTE);
    let shown = |name: &str| notes(&world, name).into_iter().map(|(text, ..)| text).collect::<Vec<_>>();
    assert_eq!(shown("ana"), ["buy milk", "and bread"]);
    assert_eq!(shown("ana/phone"), ["and bread"], "one's own, though another device wrote it");
    assert_eq!(own(&world, "ana"), own(&world, "ana/phone"));
    let unread = |name: &str| records(&world, name).unread_total().unwrap();
    assert_eq!((unread("ana"), unread("ana/phone")), (0, 0));
    world.intent("ana", Intent::React(own(&world, "ana"), id, Some("👍".to_owned())));
    pass(&mut world, MINUTE);
    no_alerts(&world, &["ana", "ana/phone", "bruno"]);
}

#[test]
fn a_note_that_was_written_offline_waits_and_goes_out() {
    let mut world = World::of(&["ana"]);
    world.disconnect("ana");
    world.say("ana", "ana", "buy milk");
    world.say("ana", "ana", "and bread");
    world.kill("ana");
    world.connect("ana");
    world.run();
    let states: Vec<_> = notes(&world, "ana").into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, [MessageState::Sent, MessageState::Sent]);
}

#[test]
fn both_devices_have_begun_a_conversation_of_their_own_and_settle_on_one() {
    let mut world = World::of(&["ana"]);
    // What comes for the laptop lies at the relay: it does not hear that its own is made.
    world.person("ana").held = true;
    world.say("ana", "ana", "on the laptop");
    world.link("ana", "ana/phone", 77);
    world.intent("ana/phone", Intent::SendTo("ana".parse().unwrap(), text("on the phone")));
    pass(&mut world, MINUTE);
    assert_eq!(world.relay.groups.len(), 2);
    world.person("ana").held = false;
    pass(&mut world, 2 * MINUTE);
    assert_eq!(own(&world, "ana"), own(&world, "ana/phone"));
    world.say("ana", "ana", "once more");
    pass(&mut world, MINUTE);
    for name in ["ana", "ana/phone"] {
        let shown: Vec<_> = notes(&world, name).into_iter().map(|(text, ..)| text).collect();
        assert!(shown.contains(&"once more".to_owned()), "{name}: {shown:?}");
    }
    no_alerts(&world, &["ana", "ana/phone"]);
}

#[test]
fn a_star_a_name_a_draft_and_a_switch_are_the_same_on_all_devices() {
    let mut world = with_phone();
    let id = world.say("bruno", "ana", "the address is Rua Nova 5");
    pass(&mut world, MINUTE);
    let conversation = with(&world, "ana", "bruno");
    let phone = world.device("ana/phone");
    world.intent("ana", Intent::Star(conversation, id, true));
    world.intent("ana", Intent::SetName("Ana Souza".to_owned()));
    world.intent("ana", Intent::SetReceipts(conversation, false));
    world.intent("ana", Intent::NameDevice(phone, "old phone".to_owned()));
    world.intent("ana", Intent::KeepDraft(conversation, "I will be".to_owned()));
    pass(&mut world, MINUTE);
    let at_phone = records(&world, "ana/phone");
    assert!(at_phone.is_starred(conversation, id).unwrap());
    assert_eq!(at_phone.name_of(account(&world, "ana")).unwrap().as_deref(), Some("Ana Souza"));
    assert!(!at_phone.sends_receipts(conversation).unwrap());
    assert_eq!(at_phone.draft(conversation).unwrap().as_deref(), Some("I will be"));
    let named = |name: &str| {
        let devices = records(&world, name).own_devices().unwrap();
        devices.into_iter().find(|it| it.device == phone).unwrap().name
    };
    assert_eq!((named("ana"), named("ana/phone")), ("old phone".to_owned(), "old phone".to_owned()));
    world.intent("ana/phone", Intent::Star(conversation, id, false));
    world.intent("ana/phone", Intent::KeepDraft(conversation, String::new()));
    pass(&mut world, MINUTE);
    assert!(!records(&world, "ana").is_starred(conversation, id).unwrap());
    assert_eq!(records(&world, "ana").draft(conversation).unwrap(), None);
    no_alerts(&world, &["ana", "ana/phone", "bruno"]);
}

#[test]
fn of_two_drafts_the_newest_stays_though_it_was_told_first() {
    let mut world = with_phone();
    let conversation = with(&world, "ana", "bruno");
    world.disconnect("ana");
    world.intent("ana", Intent::KeepDraft(conversation, "from the laptop, earlier".to_owned()));
    pass(&mut world, MINUTE);
    world.intent("ana/phone", Intent::KeepDraft(conversation, "from the phone, later".to_owned()));
    pass(&mut world, MINUTE);
    world.connect("ana");
    pass(&mut world, MINUTE);
    for name in ["ana", "ana/phone"] {
        let draft = records(&world, name).draft(conversation).unwrap();
        assert_eq!(draft.as_deref(), Some("from the phone, later"), "{name}");
    }
}

#[test]
fn a_block_on_one_device_is_one_on_all_and_so_is_its_end() {
    let mut world = with_phone();
    let bruno = account(&world, "bruno");
    world.intent("ana", Intent::Block(bruno));
    pass(&mut world, MINUTE);
    assert!(records(&world, "ana/phone").is_blocked(bruno).unwrap());
    assert_eq!(world.conversation("ana/phone", "bruno").standing, Standing::Blocked);
    let phone = world.device("ana/phone");
    let conversation = with(&world, "ana", "bruno");
    assert!(!world.relay.groups[&conversation].roster.contains(&phone), "the phone's mailbox has left too");
    world.intent("ana/phone", Intent::Unblock(bruno));
    pass(&mut world, 2 * MINUTE);
    assert!(!records(&world, "ana").is_blocked(bruno).unwrap());
    world.say("ana", "bruno", "are we good?");
    pass(&mut world, MINUTE);
    world.say("bruno", "ana", "we are");
    pass(&mut world, MINUTE);
    for name in ["ana", "ana/phone"] {
        let seen = world.seen(name, "bruno");
        assert_eq!(seen[seen.len() - 2..], ["are we good?", "we are"], "{name}");
    }
    no_alerts(&world, &["ana", "ana/phone"]);
}

#[test]
fn a_request_is_accepted_on_all_devices_or_deleted_on_all() {
    let mut world = World::of(&["ana", "bruno", "carla"]);
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    world.person("ana").wary = true;
    world.person("ana/phone").wary = true;
    world.say("bruno", "ana", "hello");
    let asked = world.say("carla", "ana", "hello");
    pass(&mut world, MINUTE);
    let standing = |world: &World, name: &str, who: &str| world.conversation(name, who).standing;
    assert_eq!(standing(&world, "ana/phone", "bruno"), Standing::Asked);
    let (bruno, carla) = (with(&world, "ana", "bruno"), with(&world, "ana", "carla"));
    // Nothing tells Carla that it was read, but the other device hears of it.
    world.intent("ana/phone", Intent::MarkRead(carla, asked));
    pass(&mut world, MINUTE);
    assert_eq!(world.conversation("ana", "carla").unread, 0);
    assert_eq!(world.state("carla", "ana", asked), MessageState::Sent);
    world.intent("ana", Intent::Accept(bruno));
    world.intent("ana", Intent::Decline(carla));
    pass(&mut world, MINUTE);
    assert_eq!(standing(&world, "ana/phone", "bruno"), Standing::Accepted);
    assert_eq!(records(&world, "ana/phone").conversation(carla).unwrap(), None, "gone there too");
    no_alerts(&world, &["ana", "ana/phone"]);
}

#[test]
fn what_was_read_is_read_everywhere_where_no_receipt_tells_of_it() {
    let mut world = with_phone();
    let conversation = with(&world, "ana", "bruno");
    world.intent("ana", Intent::SetReceipts(conversation, false));
    pass(&mut world, MINUTE);
    world.say("bruno", "ana", "one");
    let two = world.say("bruno", "ana", "two");
    world.say("bruno", "ana", "three");
    pass(&mut world, MINUTE);
    assert_eq!(world.conversation("ana/phone", "bruno").unread, 3);
    world.intent("ana", Intent::MarkRead(conversation, two));
    pass(&mut world, MINUTE);
    assert_eq!(world.conversation("ana/phone", "bruno").unread, 1);
    assert_eq!(world.state("bruno", "ana", two), MessageState::Sent, "Bruno is told nothing");
    // What may be looked at once is looked at on one device only.
    let to = To::Person("ana".parse().unwrap());
    let once = Wish { once: true, ..Wish::default() };
    world.intent("bruno", Intent::Say(to, text("the code is 1234"), once));
    pass(&mut world, MINUTE);
    let secret = world.rows("ana", "bruno").last().unwrap().id;
    world.intent("ana/phone", Intent::Look(conversation, secret));
    pass(&mut world, MINUTE);
    let row = records(&world, "ana").message(conversation, secret).unwrap().unwrap();
    assert!(row.marks.looked && row.content == Content::Unknown);
    no_alerts(&world, &["ana", "ana/phone", "bruno"]);
}

#[test]
fn a_device_that_comes_later_is_told_once_of_everything() {
    let mut world = World::of(&["ana", "bruno", "mallory"]);
    world.say("ana", "bruno", "hi");
    world.say("mallory", "ana", "buy coins");
    world.run();
    let conversation = with(&world, "ana", "bruno");
    let mallory = account(&world, "mallory");
    world.intent("ana", Intent::SetName("Ana Souza".to_owned()));
    world.intent("ana", Intent::SetReceipts(conversation, false));
    world.intent("ana", Intent::Block(mallory));
    world.intent("ana", Intent::KeepDraft(conversation, "half a".to_owned()));
    world.run();
    world.link("ana", "ana/phone", 77);
    pass(&mut world, MINUTE);
    let at_phone = records(&world, "ana/phone");
    assert_eq!(at_phone.name_of(account(&world, "ana")).unwrap().as_deref(), Some("Ana Souza"));
    assert!(!at_phone.sends_receipts(conversation).unwrap());
    assert!(at_phone.is_blocked(mallory).unwrap());
    assert_eq!(at_phone.draft(conversation).unwrap().as_deref(), Some("half a"));
    let sealed = |world: &World| world.items("ana/phone").len();
    let before = sealed(&world);
    pass(&mut world, 10 * MINUTE);
    assert_eq!(sealed(&world), before, "nothing is told again");
    // Somebody who is blocked reaches the new device as little as the old one.
    world.say("mallory", "ana", "please");
    pass(&mut world, MINUTE);
    let all = records(&world, "ana/phone").conversations().unwrap();
    assert!(all.iter().all(|it| it.handle.as_ref().is_none_or(|handle| handle.as_str() != "mallory")));
    no_alerts(&world, &["ana", "ana/phone"]);
}

#[test]
fn a_revoked_device_is_out_of_the_conversation_of_its_own_too() {
    let mut world = with_phone();
    let phone = world.device("ana/phone");
    world.intent("ana", Intent::RevokeDevice(phone));
    pass(&mut world, MINUTE);
    let own = own(&world, "ana");
    assert!(!world.relay.groups[&own].roster.contains(&phone));
    world.say("ana", "ana", "the phone was stolen");
    pass(&mut world, MINUTE);
    let seen = records(&world, "ana/phone").messages(own, None, 10).unwrap();
    assert!(seen.iter().all(|row| row.change.is_some()), "that it was removed, and nothing else: {seen:?}");
}

#[test]
fn two_devices_that_have_both_lost_their_place_begin_anew() {
    let mut world = with_phone();
    world.say("ana", "ana", "before");
    pass(&mut world, MINUTE);
    let old = own(&world, "ana");
    for name in ["ana", "ana/phone"] {
        world.disconnect(name);
        let person = world.person(name);
        let mls =
            |key: &[u8]| (0x20..0x40).contains(&key[0]) && key.windows(16).any(|part| part == old.as_ref());
        person.store.0.retain(|key, _| !mls(key));
        world.kill(name);
    }
    for name in ["ana", "ana/phone"] {
        world.connect(name);
        world.intent(name, Intent::UpdateLeaf(old));
    }
    pass(&mut world, 3 * MINUTE);
    assert_eq!(own(&world, "ana"), own(&world, "ana/phone"));
    assert_ne!(own(&world, "ana"), old);
    world.say("ana/phone", "ana", "after");
    pass(&mut world, MINUTE);
    for name in ["ana", "ana/phone"] {
        let shown: Vec<_> = notes(&world, name).into_iter().map(|(text, ..)| text).collect();
        assert_eq!(shown, ["before", "after"], "{name}");
    }
}

/// What two devices say to each other about three messages and a draft, in any order and partly offline.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Star(bool, usize, bool),
    Draft(bool, u8),
    Away(bool),
    Back(bool),
    Wait,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (any::<bool>(), 0usize..3, any::<bool>()).prop_map(|(who, at, on)| Deed::Star(who, at, on)),
        (any::<bool>(), any::<u8>()).prop_map(|(who, text)| Deed::Draft(who, text)),
        any::<bool>().prop_map(Deed::Away),
        any::<bool>().prop_map(Deed::Back),
        Just(Deed::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn whatever_the_order_both_devices_end_alike(deeds in proptest::collection::vec(deed(), 1..24)) {
        let mut world = with_phone();
        let ids: Vec<MessageId> = (0..3).map(|n| world.say("bruno", "ana", &n.to_string())).collect();
        pass(&mut world, MINUTE);
        let conversation = with(&world, "ana", "bruno");
        let name = |phone: bool| if phone { "ana/phone" } else { "ana" };
        for deed in deeds {
            match deed {
                Deed::Star(who, at, on) => world.intent(name(who), Intent::Star(conversation, ids[at], on)),
                Deed::Draft(who, text) => {
                    world.intent(name(who), Intent::KeepDraft(conversation, text.to_string()));
                }
                Deed::Away(who) if world.person(name(who)).online => world.disconnect(name(who)),
                Deed::Back(who) if !world.person(name(who)).online => world.connect(name(who)),
                Deed::Away(_) | Deed::Back(_) => {}
                Deed::Wait => pass(&mut world, MINUTE),
            }
        }
        for name in ["ana", "ana/phone"] {
            if !world.person(name).online {
                world.connect(name);
            }
        }
        pass(&mut world, 2 * MINUTE);
        let state = |name: &str| {
            let records = records(&world, name);
            let stars: Vec<_> = ids.iter().map(|id| records.is_starred(conversation, *id).unwrap()).collect();
            (stars, records.draft(conversation).unwrap())
        };
        prop_assert_eq!(state("ana"), state("ana/phone"));
    }
}

#[test]
fn who_speaks_to_oneself_is_told_of_no_refusal() {
    let mut world = World::of(&["ana"]);
    world.say("ana", "ana", "a note");
    let refused = world.person("ana").events.iter().any(|event| matches!(event, Event::Refused(..)));
    assert!(!refused);
}

#[test]
fn what_was_seen_stays_seen_whichever_device_tells_last() {
    let mut world = with_phone();
    let conversation = with(&world, "ana", "bruno");
    let phone = world.device("ana/phone");
    world.intent("ana", Intent::ApproveDevice(phone));
    world.link("ana", "ana/tablet", 78);
    pass(&mut world, MINUTE);
    world.intent("ana", Intent::SetReceipts(conversation, false));
    pass(&mut world, MINUTE);
    let ids: Vec<_> = (0..4).map(|n| world.say("bruno", "ana", &n.to_string())).collect();
    pass(&mut world, MINUTE);
    world.disconnect("ana/phone");
    world.intent("ana/phone", Intent::MarkRead(conversation, ids[3]));
    world.wait(MINUTE);
    world.intent("ana", Intent::MarkRead(conversation, ids[0]));
    pass(&mut world, MINUTE);
    world.connect("ana/phone");
    pass(&mut world, MINUTE);
    for name in ["ana", "ana/phone", "ana/tablet"] {
        assert_eq!(world.conversation(name, "bruno").unread, 0, "{name}");
    }
}

#[test]
fn what_a_program_holds_is_alike_on_all_devices_and_on_those_that_come_later() {
    let mut world = with_phone();
    let shared = |world: &World, name: &str| records(world, name).shared("node").unwrap();
    world.intent("ana", Intent::Share("node".to_owned(), vec![1]));
    pass(&mut world, MINUTE);
    assert_eq!(shared(&world, "ana/phone"), Some(vec![1]));
    world.intent("ana/phone", Intent::Share("node".to_owned(), vec![2; kinds::SHARE]));
    world.intent("ana", Intent::Share("another".to_owned(), vec![3]));
    pass(&mut world, MINUTE);
    assert_eq!(shared(&world, "ana"), Some(vec![2; kinds::SHARE]), "in place of what it was");
    world.link("ana", "ana/tablet", 78);
    pass(&mut world, MINUTE);
    assert_eq!(shared(&world, "ana/tablet"), Some(vec![2; kinds::SHARE]));
    assert_eq!(shared(&world, "bruno"), None);
    let all = |prefix: &str| records(&world, "ana/tablet").all_shared(prefix).unwrap();
    assert_eq!(all("no"), [("node".to_owned(), vec![2; kinds::SHARE])]);
    assert_eq!((all("").len(), all("nodes").len()), (2, 0));
    // What is over a limit is refused, and changes nothing.
    for (name, bytes) in
        [("", vec![]), (&*"x".repeat(kinds::SHARE_NAME + 1), vec![]), ("node", vec![0; kinds::SHARE + 1])]
    {
        world.intent("ana", Intent::Share(name.to_owned(), bytes));
        assert_eq!(refused(&world, "ana"), Some(Refusal::BadContent), "{name}");
    }
    assert_eq!(shared(&world, "ana"), Some(vec![2; kinds::SHARE]));
    no_alerts(&world, &["ana", "ana/tablet", "bruno"]);
}

#[test]
fn who_leads_is_asked_of_the_relay_and_not_while_there_is_none() {
    let mut world = World::of(&["ana", "bruno"]);
    world.intent("ana", Intent::Lead(Wanted::Lead));
    world.run();
    let device = world.people["ana"].engine.me().device;
    let led = Event::Lead(Ok(Lead { device: Some(device), for_ms: 90_000 }));
    assert!(world.people["ana"].events.contains(&led));
    world.disconnect("ana");
    world.intent("ana", Intent::Lead(Wanted::Look));
    assert_eq!(refused(&world, "ana"), Some(Refusal::Offline));
}
