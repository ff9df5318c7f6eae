//! A business to which nothing was said yet: what it says of itself, what one can begin with, and its commands.

use super::*;
use crate::chat::model::Business;
use crate::chat::open::Target;

const BAKERY: ConversationId = ConversationId([8; 16]);

fn bakery() -> Business {
    let lines = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    Business {
        badge: Some(("The Bakery".to_owned(), "bakery.example".to_owned())),
        may: "may answer within a day".to_owned(),
        looks_like: None,
        says: lines(&[
            "It says of itself, and nobody has checked it:",
            "Bread, and nothing else",
            "address: Rua do Forno 3",
        ]),
        prompts: lines(&["Have you rye?", "When do you open?"]),
        commands: lines(&["/order  orders bread", "/Opening  when we open", "/stop"]),
    }
}

/// Ana has typed the handle of the bakery, and the directory has answered.
fn at_the_bakery(columns: u16, lines: u16) -> Ana {
    let mut ana = Ana::with_friends(columns, lines);
    ana.press(&[Key::New]);
    ana.types("bakery");
    let asked = ana.press(&[Key::Enter]);
    assert!(asked.contains(&Command::Meet("bakery".to_owned())), "{asked:?}");
    ana.hear(Msg::Met("bakery".to_owned(), Box::new(bakery())));
    ana
}

/// The same when they have talked.
fn after_a_talk(columns: u16, lines: u16) -> Ana {
    let mut ana = Ana::with_friends(columns, lines);
    ana.hear(Msg::Conversations(vec![Conversation {
        business: Some(bakery()),
        ..conversation(BAKERY, "bakery", 0)
    }]));
    ana.press(&[Key::Enter]);
    ana.hear(Msg::Messages(BAKERY, talk(), false));
    ana
}

#[test]
fn before_she_writes_ana_sees_what_the_bakery_says_of_itself_and_what_she_can_begin_with() {
    let ana = at_the_bakery(90, 20);
    let screen = ana.screen().join("\n");
    assert_eq!(
        screen.trim_end(),
        "
 Lacre · ana                                                                     ● online
  bruno                 14:02 │ The Bakery ✓ · business · may answer within a day
  bom dia               2 new │
  carla                 14:02 │   Nothing here yet.
  bom dia                     │
                              │   Write below and press Enter. Only bakery and you can
                              │   read it.
                              │   ↑ ↓ put one of these there:
                              │     · Have you rye?
                              │     · When do you open?
                              │
                              │   It says of itself, and nobody has checked it:
                              │   Bread, and nothing else
                              │   address: Rua do Forno 3
                              │
                              │
                              │
                              │ ── To bakery ─────────────────────────────────────────────
                              │ ›
 Enter send · Alt+Enter new line · ↑ choose a message · PgUp older · Esc list · F1 help"[1..]
            .trim_end(),
        "the screen is\n{screen}"
    );
}

#[test]
fn an_arrow_puts_a_line_to_begin_with_into_the_composer_and_sends_nothing() {
    let mut ana = at_the_bakery(90, 20);
    for (key, written) in [
        (Key::Down, "Have you rye?"),
        (Key::Down, "When do you open?"),
        (Key::Down, ""),
        (Key::Up, "When do you open?"),
        (Key::Up, "Have you rye?"),
        (Key::Up, ""),
        (Key::Down, "Have you rye?"),
    ] {
        assert_eq!(ana.press(&[key]), [], "nothing goes out");
        assert_eq!(ana.written(), written);
    }
    ana.types(" For two");
    ana.press(&[Key::Down, Key::Up]);
    assert_eq!(ana.written(), "Have you rye? For two", "what she wrote herself stays");
    let sent = ana.press(&[Key::Enter]);
    let to = Target::New("bakery".to_owned());
    assert!(sent.contains(&Command::Send(1, to, "Have you rye? For two".to_owned(), None)), "{sent:?}");
}

#[test]
fn where_something_was_said_arrows_choose_messages_as_ever() {
    let mut ana = after_a_talk(90, 20);
    ana.does_not_see("Have you rye?");
    ana.press(&[Key::Up]);
    assert_eq!(ana.written(), "");
    assert!(ana.state.open.as_ref().is_some_and(|open| open.chosen.is_some()));
}

#[test]
fn a_stroke_shows_the_commands_that_fit_and_takes_no_message_away() {
    let mut ana = after_a_talk(90, 20);
    ana.types("/");
    for line in ["/order  orders bread", "/Opening  when we open", "/stop"] {
        ana.sees(line);
    }
    ana.sees("shall I come to you?");
    ana.types("o");
    ana.sees("/Opening  when we open");
    ana.does_not_see("/stop");
    ana.types("rder");
    ana.sees("│   /order  orders bread");
    ana.does_not_see("/Opening");
    ana.types(" two rye");
    ana.does_not_see("orders bread");
    assert_eq!(ana.written(), "/order two rye");
    let mut bruno = Ana::with_bruno(90, 20);
    bruno.types("/");
    bruno.does_not_see("/order");
}

#[test]
fn in_the_smallest_terminal_the_commands_leave_room_for_what_was_said() {
    let mut ana = after_a_talk(40, 12);
    ana.types("/");
    ana.sees("/order  orders bread");
    ana.sees("you?");
    ana.sees("› /");
    ana.hear(Msg::Resized(40, 11));
    ana.screen();
}

#[test]
fn a_handle_that_is_no_business_is_as_it_was() {
    let mut ana = Ana::with_friends(120, 20);
    ana.press(&[Key::New]);
    ana.types("dario");
    ana.press(&[Key::Enter, Key::Down, Key::Up]);
    assert_eq!(ana.written(), "");
    ana.sees("dario · new: the first message opens a conversation, sealed end to end");
}
