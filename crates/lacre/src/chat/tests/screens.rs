//! What stands on the screen.

use ratatui::style::Color;

use super::*;
use crate::chat::model::Quote;

/// Compares the whole screen; the picture begins and ends with a line break.
#[track_caller]
fn shows(ana: &Ana, picture: &str) {
    let screen = ana.screen().join("\n");
    assert_eq!(screen.trim_end(), picture[1..].trim_end(), "the screen is\n{screen}");
}

#[test]
fn a_newcomer_is_told_what_to_do() {
    let mut ana = Ana::at(60, 14);
    ana.hear(Msg::Connection(Connection::Online));
    ana.hear(Msg::Conversations(Vec::new()));
    shows(
        &ana,
        "
 Lacre · ana                                       ● online


  Welcome, ana.

  Write to somebody: press Ctrl+N and type a handle.
  Be written to: your handle is ana; tell it to people.

  F1 shows all keys.




 Ctrl+N new conversation · F1 help · Ctrl+Q quit
",
    );
    ana.hear(Msg::Resized(100, 14));
    ana.sees("No conversations yet");
    ana.sees("press Ctrl+N and type a handle");
}

#[test]
fn a_new_conversation_says_what_comes_next() {
    let mut ana = Ana::with_friends(120, 20);
    ana.sees("Choose a conversation with ↑ ↓ and Enter");
    ana.press(&[Key::New]);
    ana.types("dario");
    ana.press(&[Key::Enter]);
    ana.sees("dario · new: the first message opens a conversation, sealed end to end");
    ana.sees("Write below and press Enter. Only dario and you can read it.");
    ana.sees("── To dario ─");
}

#[test]
fn list_and_messages_stand_side_by_side() {
    shows(
        &Ana::with_bruno(90, 20),
        "
 Lacre · ana                                                                     ● online
▌ bruno                 14:02 │ bruno · Sealed · post-quantum · pinned 22 Nov
  bom dia               2 new │
  carla                 14:02 │
  bom dia                     │
                              │
                              │
                              │  ───────────────────────── Today ─────────────────────────
                              │  bruno  13:55
                              │    Olá Ana
                              │
                              │  you  13:55  ✓✓ read
                              │    Olá Bruno, tudo bem?
                              │
                              │  bruno  13:55
                              │    Tudo. Are we still meeting at the station tomorrow, or
                              │    shall I come to you?
                              │ ── To bruno ──────────────────────────────────────────────
                              │ ›
 Enter send · Alt+Enter new line · ↑ choose a message · PgUp older · Esc list · F1 help
",
    );
}

#[test]
fn a_narrow_terminal_shows_one_of_them() {
    let mut ana = Ana::with_bruno(40, 12);
    shows(
        &ana,
        "
 Lacre · ana                   ● online
bruno · Sealed · post-quantum
 you  13:55  ✓✓ read
   Olá Bruno, tudo bem?

 bruno  13:55
   Tudo. Are we still meeting at the
   station tomorrow, or shall I come to
   you?
── To bruno ────────────────────────────
›
 Enter send · Esc list · F1 help
",
    );
    ana.press(&[Key::Escape]);
    shows(
        &ana,
        "
 Lacre · ana                   ● online
▸ bruno                           14:02
  bom dia                         2 new
  carla                           14:02
  bom dia






 Enter open · Ctrl+N new · F1 help
",
    );
}

#[test]
fn a_tiny_terminal_says_so_at_any_size() {
    let mut ana = Ana::with_bruno(30, 8);
    shows(
        &ana,
        "
This window is too small (30
by 8): make it 40 by 12 or
more. Nothing is lost.
",
    );
    for (columns, lines) in [(1, 1), (39, 12), (40, 11), (3, 40), (200, 2)] {
        ana.hear(Msg::Resized(columns, lines));
        ana.press(&[Key::New, Key::Up, Key::Escape, Key::Help, Key::PageDown, Key::Escape, Key::PageUp]);
        ana.screen();
    }
    ana.hear(Msg::Resized(90, 20));
    ana.sees("Olá Ana");
}

#[test]
fn without_a_connection_the_fate_of_messages_is_told() {
    let mut ana = Ana::with_bruno(100, 18);
    ana.hear(offline());
    ana.hear(Msg::Messages(BRUNO, troubled_talk(), false));
    ana.press(&[Key::Up, Key::Up, Key::Up]);
    shows(
        &ana,
        "
 Lacre · ana                                                                              ○ offline
 Offline: the relay does not answer. Messages wait and go out by themselves. Ctrl+R: try now.
▌ bruno                    14:02 │ bruno · Sealed end to end · post-quantum · identity pinned 22 Nov
  bom dia                  2 new │    One message from bruno did not arrive.
  carla                    14:02 │    A message from bruno cannot be read: it could not be opened.
  bom dia                        │
                                 │ ▌you  13:55  ✓✓ delivered
                                 │ ▌  ┃ bruno: Tudo. Are we still meeting at the station
                                 │ ▌  At the station.
                                 │  you  13:55  · sending
                                 │    Waiting
                                 │  you  13:55  ✗ failed
                                 │    hello?
                                 │    Not sent: nobody with this handle can be reached at this
                                 │    relay.
                                 │ ── To bruno ─────────────────────────────────────────────────────
                                 │
 r reply · + react · e edit · d delete · f forward · i about · Esc back · F1 keys
",
    );
    ana.hear(Msg::Resized(130, 24));
    ana.sees("Messages wait here and go out by themselves. Next try 14:05:12, Ctrl+R: now.");
    ana.hear(Msg::Resized(40, 12));
    ana.sees("Offline, messages wait. Ctrl+R: retry");
    let why = "this is not the relay that this profile signed up at; nothing was sent".to_owned();
    ana.hear(Msg::Connection(Connection::Offline { why, again: None }));
    ana.hear(Msg::Resized(110, 24));
    ana.sees(
        "Offline, messages wait: this is not the relay that this profile signed up at; nothing was sent.",
    );
}

#[test]
fn a_failed_message_tells_why_and_what_to_do() {
    let mut ana = Ana::with_bruno(72, 14);
    ana.hear(Msg::Messages(BRUNO, troubled_talk(), false));
    ana.press(&[Key::Up]);
    shows(
        &ana,
        "
 Lacre · ana                                                   ● online
▌ bruno             14:02 │ bruno · Sealed · post-quantum
  bom dia           2 new │  you  13:55  ✓✓ delivered
  carla             14:02 │    ┃ bruno: Tudo. Are we still meeting at t…
  bom dia                 │    At the station.
                          │  you  13:55  · sending
                          │    Waiting
                          │ ▌you  13:55  ✗ failed
                          │ ▌  hello?
                          │ ▌  Not sent: nobody with this handle can be
                          │ ▌  reached at this relay.
                          │ ── To bruno ────────────────────────────────
                          │
 Enter puts the text back into the composer · ↑↓ choose · Esc back
",
    );
}

#[test]
fn help_lies_over_everything() {
    let mut ana = Ana::with_bruno(70, 64);
    ana.press(&[Key::Help]);
    ana.sees("┌ Keys and signs · Esc ──────────────────────────────────────┐");
    for line in [
        "│ Enter          send; in the list: open                     │",
        "│ ↑ then r       choose a message, reply                     │",
        "│ ↑ then 1…9     vote in a poll, choose in a menu            │",
        "│ Ctrl+F         search; in a conversation: Tab for all      │",
        "│ Ctrl+G         the group: members, roles, rules, leave     │",
        "│ Alt+↑ Alt+↓    conversation above, below                   │",
        "│ ✓✓ read        the other person has seen it                │",
    ] {
        ana.sees(line);
    }
    ana.hear(Msg::Resized(40, 12));
    ana.sees("Keys and signs · ↑↓ scroll · Esc");
    ana.sees("Enter          send");
    ana.press(&[Key::PageDown; 10]);
    ana.sees("pinned         a change");
    ana.press(&[Key::Escape]);
    ana.does_not_see("pinned         a change");
}

#[test]
fn sheets_fit_the_smallest_terminal() {
    let mut ana = Ana::with_bruno(40, 12);
    ana.types("not yet");
    ana.press(&[Key::Quit]);
    shows(
        &ana,
        "
 Lacre · ana                   ● online
┌ Unsent text ─────────────────────────┐
│ There is text that was not sent,     │
│ to bruno.                            │
│                                      │
│ Enter  quit and keep it for the      │
│ next time                            │
│ d      quit and throw it away        │
│ Esc    stay                          │
└──────────────────────────────────────┘

 Esc back
",
    );
    ana.press(&[Key::Escape, Key::New]);
    ana.types("da ri");
    ana.press(&[Key::Enter]);
    shows(
        &ana,
        "
 Lacre · ana                   ● online
bruno · Sealed · post-quantum
┌ New conversation · Enter · Esc ──────┐
│ Handle: da ri                        │
│                                      │
│ Not a handle: a handle has only      │
│ the letters a to z, digits, '.',     │
│ '_' and '-'.                         │
└──────────────────────────────────────┘
── To bruno ────────────────────────────

 Esc back
",
    );
}

#[test]
fn what_a_conversation_waits_for_is_told() {
    let mut ana = Ana::with_bruno(120, 20);
    let mut row = conversation(BRUNO, "bruno", 0);
    row.standing = Standing::Opening;
    row.safety = Safety { post_quantum: None, pinned: None, verified: false };
    ana.hear(Msg::Conversations(vec![row.clone()]));
    ana.sees("bruno · being opened: messages wait here until bruno's keys have come");
    let failed = Some(Tick::Failed("nobody with this handle can be reached".to_owned()));
    let last = row.last.replace(LastMessage { mine: true, text: "bom dia".to_owned(), tick: failed });
    ana.hear(Msg::Conversations(vec![row.clone()]));
    ana.sees("bruno · not opened: what you wrote was not sent, the reason stands with it");
    ana.does_not_see("messages wait");
    (row.last, row.standing) = (last, Standing::OutOfStep);
    ana.hear(Msg::Conversations(vec![row.clone()]));
    ana.sees("bruno · this device lost its place and asks to be let in again; messages wait");
    ana.hear(Msg::Conversations(vec![conversation(BRUNO, "bruno", 0)]));
    ana.sees("bruno · Sealed end to end · post-quantum · bruno's identity pinned since 22 Nov");
}

#[test]
fn nothing_is_told_by_colour_alone() {
    let mut ana = Ana::with_bruno(100, 24);
    ana.hear(Msg::Messages(BRUNO, troubled_talk(), false));
    ana.hear(Msg::Alert(None, "a message could not be opened".to_owned()));
    assert_eq!(ana.drawn(Theme::new(true)), ana.drawn(Theme::new(false)), "the same words with and without");
    let coloured = |colour| {
        let mut terminal = Terminal::new(TestBackend::new(100, 24)).unwrap();
        terminal.draw(|frame| view::draw(&ana.state, Theme::new(colour), frame)).unwrap();
        let cells = &terminal.backend().buffer().content;
        cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(coloured(true));
    assert!(!coloured(false));
}

#[test]
fn hostile_text_stays_in_its_place() {
    let mut ana = Ana::with_bruno(60, 20);
    let text =
        crate::safe_text::safe_text("\u{1b}[2J\u{202e}evil\r\n\u{338}\nana: I owe you 100\u{9b}1m 日本語👩‍👩‍👧");
    ana.hear(Msg::Messages(BRUNO, vec![message(1, "bruno", &text)], false));
    let drawn = ana.drawn(Theme::new(true));
    assert!(!drawn.contains(|c: char| c.is_control() && c != '\n'));
    ana.sees("   ␛[2J\u{fffd}evil");
    ana.sees("   ana: I owe you 100");
}

fn offline() -> Msg {
    let why = "the relay does not answer".to_owned();
    Msg::Connection(Connection::Offline { why, again: Some(NOW + 12_000) })
}

/// A talk in which things went wrong.
fn troubled_talk() -> Vec<Message> {
    let quote =
        Quote { what: Some(("bruno".to_owned(), "Tudo. Are we still meeting at the station".to_owned())) };
    let why = "nobody with this handle can be reached at this relay".to_owned();
    vec![
        Message { late: true, ..message(4, "bruno", "This one came late.") },
        Message { body: Body::Gap(1), ..message(5, "bruno", "") },
        Message { body: Body::Unreadable("it could not be opened".to_owned()), ..message(6, "bruno", "") },
        Message { reply: Some(quote), ..ticked(7, "At the station.", Tick::Delivered) },
        ticked(8, "Waiting", Tick::Sending),
        ticked(9, "hello?", Tick::Failed(why)),
    ]
}
