//! What comes is read: rows and pages, warnings, what is searched for.

use super::*;
use crate::chat::search::Found;
use crate::chat::state::{Focus, Sheet};

#[test]
fn only_what_was_shown_is_marked_read_and_once() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::Enter]);
    let rows = vec![message(1, "bruno", "a"), unseen(2, "b"), unseen(3, "c")];
    let asked = ana.hear(Msg::Messages(BRUNO, rows.clone(), false));
    assert_eq!(asked, [Command::MarkRead(BRUNO, MessageId([3; 16]))]);
    assert_eq!(ana.hear(Msg::Messages(BRUNO, rows.clone(), false)), [], "once");

    ana.hear(Msg::Looked(false));
    let mut rows = rows;
    rows.push(unseen(4, "d"));
    assert_eq!(ana.hear(Msg::Messages(BRUNO, rows, false)), [], "nobody looks");
    assert_eq!(ana.hear(Msg::Looked(true)), [Command::MarkRead(BRUNO, MessageId([4; 16]))]);
}

#[test]
fn nothing_is_read_under_a_sheet_or_in_a_hidden_pane() {
    let mut ana = Ana::with_bruno(50, 20);
    ana.press(&[Key::Escape]);
    assert_eq!(ana.hear(Msg::Messages(BRUNO, vec![unseen(5, "e")], false)), [], "the list is shown");
    ana.press(&[Key::Help]);
    assert_eq!(ana.press(&[Key::Up]), []);
    let asked = ana.press(&[Key::Escape, Key::Enter]);
    assert_eq!(asked, [Command::MarkRead(BRUNO, MessageId([5; 16]))]);
}

#[test]
fn many_new_messages_are_read_from_the_first_one_on() {
    let mut ana = Ana::with_friends(100, 20);
    ana.press(&[Key::Enter]);
    let mut rows = talk();
    rows.extend((10..40).map(|number| unseen(number, &format!("number {number}."))));
    let asked = ana.hear(Msg::Messages(BRUNO, rows, false));
    ana.sees("─ New ─");
    ana.sees("number 10.");
    ana.does_not_see("number 39.");
    let Some(Command::MarkRead(_, MessageId([last, ..]))) = asked.first() else { panic!("{asked:?}") };
    assert!((11..20).contains(last), "read as far as it is shown: {last}");
    ana.sees("more lines, PgDn");
    ana.press(&[Key::PageDown; 8]);
    ana.sees("number 39.");
    assert_eq!(ana.asked.last(), Some(&Command::MarkRead(BRUNO, MessageId([39; 16]))));
}

#[test]
fn paging_up_asks_for_older_messages_and_stays_where_it_was() {
    let mut ana = Ana::with_friends(100, 20);
    ana.press(&[Key::Enter]);
    let rows =
        |from: u8| (from..100).map(|n| message(n, "bruno", &format!("number {n}."))).collect::<Vec<_>>();
    ana.hear(Msg::Messages(BRUNO, rows(50), true));
    ana.sees("number 99.");
    let asked = ana.press(&[Key::PageUp; 20]);
    assert!(asked.contains(&Command::LoadMessages(BRUNO, 100)), "{asked:?}");
    let before = ana.screen();
    ana.hear(Msg::Messages(BRUNO, rows(1), false));
    assert!(ana.screen().iter().any(|line| line.contains("number 50.")), "{before:?}");
    ana.press(&[Key::PageUp]);
    ana.sees("number 49.");
    let here = ana.screen();
    let mut more = rows(1);
    more.push(message(100, "bruno", "new"));
    ana.hear(Msg::Messages(BRUNO, more, false));
    assert_eq!(ana.screen()[3..10], here[3..10], "what comes below does not move what is read");
}

#[test]
fn arrows_choose_back_to_what_is_older() {
    let mut ana = Ana::with_friends(100, 12);
    ana.press(&[Key::Enter]);
    let rows: Vec<_> = (50..100).map(|n| message(n, "bruno", &format!("number {n}."))).collect();
    ana.hear(Msg::Messages(BRUNO, rows, true));
    let asked = ana.press(&[Key::Up; 50]);
    assert_eq!(asked, [Command::LoadMessages(BRUNO, 100)]);
    ana.sees("number 50.");
    ana.press(&[Key::Down; 50]);
    assert_eq!(ana.state.focus, Focus::Composer);
    ana.sees("number 99.");
}

#[test]
fn a_change_reloads_what_is_open_and_nothing_else() {
    let mut ana = Ana::with_bruno(100, 30);
    assert_eq!(ana.hear(Msg::Changed(vec![CARLA])), [Command::LoadConversations]);
    let both = [Command::LoadConversations, Command::LoadMessages(BRUNO, 50)];
    assert_eq!(ana.hear(Msg::Changed(vec![CARLA, BRUNO])), both);
    assert_eq!(ana.hear(Msg::Stale), both);
}

#[test]
fn alerts_stay_until_they_are_dismissed() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.hear(Msg::Alert(Some(BRUNO), "a message could not be opened".to_owned()));
    ana.hear(Msg::Alert(Some(BRUNO), "a message could not be opened".to_owned()));
    ana.hear(Msg::Alert(None, "the relay left out part of the mailbox".to_owned()));
    ana.types("typing on");
    ana.sees("! bruno: a message could not be opened (Esc, 1 more)");
    ana.press(&[Key::Escape]);
    ana.sees("! the relay left out part of the mailbox (Esc)");
    ana.press(&[Key::Escape]);
    ana.does_not_see("!");
    assert_eq!(ana.written(), "typing on");
}

#[test]
fn tab_goes_round_and_escape_goes_back() {
    let mut ana = Ana::with_bruno(100, 30);
    let mut seen = Vec::new();
    for _ in 0..3 {
        ana.press(&[Key::Tab]);
        seen.push(ana.state.focus);
    }
    assert_eq!(seen, [Focus::Messages, Focus::List, Focus::Composer]);
    ana.press(&[Key::BackTab]);
    assert_eq!(ana.state.focus, Focus::List);
    ana.press(&[Key::Help]);
    assert!(matches!(ana.state.sheet, Some(Sheet::Help(0))));
}

#[test]
fn ctrl_r_connects_now() {
    assert_eq!(Ana::with_bruno(100, 30).press(&[Key::Reconnect]), [Command::Reconnect]);
}

#[test]
fn ana_searches_while_she_types_and_goes_to_what_she_found() {
    let mut ana = Ana::with_bruno(100, 30);
    ana.press(&[Key::Search]);
    ana.sees("In bruno:");
    ana.types("ol");
    assert_eq!(ana.asked.last(), Some(&Command::Search("ol".to_owned(), Some(BRUNO))));
    assert_eq!(ana.press(&[Key::Tab]), [Command::Search("ol".to_owned(), None)]);
    ana.hear(Msg::Found("o".to_owned(), None, Found::default()));
    ana.sees("Nothing found.");
    let found = Found { hits: vec![found_hit(2)], more: false, complete: true };
    ana.hear(Msg::Found("ol".to_owned(), None, found));
    ana.sees("▸ you in bruno  13:55");
    ana.sees("Olá Bruno, tudo bem?");
    let goal = MessageId([2; 16]);
    assert_eq!(ana.press(&[Key::Enter]), [Command::LoadAround(BRUNO, goal)]);
    ana.hear(Msg::Around(BRUNO, talk(), [false, false]));
    assert_eq!(ana.state.open.as_ref().unwrap().chosen, Some(goal));
    assert_eq!(ana.state.focus, Focus::Messages);
    ana.press(&[Key::Search, Key::Escape]);
    assert_eq!(ana.state.sheet, None);
}

#[test]
fn only_unread_conversations_are_listed_on_wish() {
    let mut ana = Ana::with_friends(100, 30);
    ana.press(&[Key::Down, Key::Unread]);
    ana.does_not_see("carla");
    ana.sees("▸ bruno");
    ana.hear(Msg::Conversations(vec![conversation(CARLA, "carla", 0)]));
    ana.sees("Nothing unread");
    ana.press(&[Key::Unread]);
    ana.sees("carla");
}
