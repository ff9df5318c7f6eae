//! One's own: notes to oneself, and devices.

use lacre_proto::DeviceId;

use super::panels::ordered;
use super::*;
use crate::chat::open::Target;
use crate::chat::panel::{Of, Row, Shown, What};
use crate::chat::questions::Order;

fn notes(last: Option<LastMessage>) -> Conversation {
    Conversation { own: true, last, ..conversation(NOTES, "Note to self", 0) }
}

#[test]
fn ones_own_handle_opens_the_notes_to_oneself() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::New]);
    ana.types("ana");
    assert_eq!(ana.press(&[Key::Enter]), []);
    ana.sees("Note to self · sealed, for your own devices only");
    ana.sees("Only your own devices can read");
    ana.types("buy milk");
    let sent = Command::Send(1, Target::New("ana".to_owned()), "buy milk".to_owned(), None);
    assert_eq!(ana.press(&[Key::Enter]), [sent]);
    ana.types("and bread");
    assert!(ana.hear(Msg::Queued(1, NOTES)).contains(&Command::LoadMessages(NOTES, 50)));
    assert_eq!(ana.written(), "and bread");
    let last = LastMessage { mine: true, text: "buy milk".to_owned(), tick: Some(Tick::Sent) };
    ana.hear(Msg::Conversations(vec![notes(Some(last)), conversation(BRUNO, "bruno", 0)]));
    ana.sees("▌ Note to self");
    ana.press(&[Key::Next, Key::Palette]);
    ana.types("note to");
    assert!(ana.press(&[Key::Enter]).contains(&Command::LoadMessages(NOTES, 50)));
}

#[test]
fn nobody_is_told_that_ana_writes_to_herself() {
    let mut ana = Ana::with_friends(100, 30);
    ana.hear(Msg::Conversations(vec![notes(None), conversation(BRUNO, "bruno", 0)]));
    ana.press(&[Key::New]);
    ana.types("ana");
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadMessages(NOTES, 50)]);
    assert_eq!(ana.press(&[Key::Char('h')]), []);
}

#[test]
fn notes_that_are_empty_are_not_in_the_way() {
    let mut ana = Ana::at(100, 30);
    ana.hear(Msg::Conversations(vec![notes(None)]));
    ana.sees("Welcome, ana.");
    ana.does_not_see("Note to self");
}

#[test]
fn a_new_device_is_told_what_was_said_and_this_one_gets_new_keys() {
    let mut ana = Ana::with_bruno(100, 30);
    let (laptop, phone) = (DeviceId([1; 16]), DeviceId([2; 16]));
    let device = |id, name: &str, this| Row {
        of: Of::Device(id, name.to_owned(), this),
        head: name.to_owned(),
        when: None,
        says: vec!["It is told what was said before: 40 of 90 messages.".to_owned()],
    };
    let shown = |telling| Shown {
        rows: vec![device(laptop, "laptop", true), device(phone, "phone", false)],
        telling,
        ..Shown::default()
    };
    ana.press(&[Key::Devices]);
    ana.hear(Msg::Panel(What::Devices, shown(false)));
    ana.does_not_see("halt that");
    assert_eq!(ordered(&mut ana, &[Key::Char('t')]), None);
    ana.sees("Choose the other device");
    ana.press(&[Key::Down, Key::Char('t')]);
    ana.sees("phone is told what was said before it came");
    ana.types("0");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), None);
    ana.sees("Write a number of days, or nothing.");
    ana.press(&[Key::Backspace]);
    ana.types("30");
    assert_eq!(ordered(&mut ana, &[Key::Enter]), Some(Order::Tell(phone, 30)));
    ana.hear(Msg::Panel(What::Devices, shown(true)));
    ana.sees("40 of 90 messages");
    assert_eq!(ordered(&mut ana, &[Key::Char('h')]), Some(Order::StopTelling(phone)));
    assert_eq!(ordered(&mut ana, &[Key::Char('k'), Key::Enter]), None, "only y says yes");
    assert_eq!(ordered(&mut ana, &[Key::Char('y')]), Some(Order::Secure));
}

#[test]
fn what_was_missed_of_a_group_is_read_again() {
    let mut ana = Ana::with_trip(100, 30);
    ana.press(&[Key::Group]);
    ana.hear(Msg::Group(TRIP, trip()));
    assert!(ana.hear(Msg::Stale).contains(&Command::LoadGroup(TRIP)));
}

#[test]
fn who_follows_a_link_has_its_words_before_them_and_sends_them_or_not() {
    let mut ana = Ana::at(100, 30);
    ana.hear(Msg::Begin("bakery".to_owned(), "Have you rye?\u{202e}\u{1b}[2J".to_owned()));
    assert!(ana.written().starts_with("Have you rye?"), "{}", ana.written());
    assert!(!ana.written().contains(['\u{202e}', '\u{1b}']));
    assert_eq!(ana.press(&[Key::Escape]), [], "nothing is sent by itself");
    // What was being written stays.
    let mut ana = Ana::with_friends(100, 30);
    ana.hear(Msg::Begin("bruno".to_owned(), String::new()));
    ana.types("so far");
    ana.hear(Msg::Begin("bruno".to_owned(), "other words".to_owned()));
    assert_eq!(ana.written(), "so far");
}
