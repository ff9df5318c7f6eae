//! Stories and screens: Ana writes to Bruno and Carla.

mod acts;
mod business;
mod files;
mod filling;
mod groups;
mod own;
mod panels;
mod reading;
mod screens;
mod talks;
mod trust;
mod writing;

use jiff::tz::TimeZone;
use lacre_proto::{ConversationId, Millis};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::group::{Group, Member};
use super::keys::Key;
use super::model::{
    Body, Connection, Conversation, LastMessage, Marks, Me, Message, MessageId, Safety, Stance, Standing,
    Tick,
};
use super::search::Hit;
use super::state::{Command, Msg, State};
use super::theme::Theme;
use super::view;

/// Sunday, 22 November 2026, 14:05 UTC.
const NOW: Millis = 1_795_356_300_000;
const MINUTE: Millis = 60_000;
const BRUNO: ConversationId = ConversationId([1; 16]);
const CARLA: ConversationId = ConversationId([2; 16]);
const TRIP: ConversationId = ConversationId([3; 16]);
const NOTES: ConversationId = ConversationId([6; 16]);
const MALLORY: ConversationId = ConversationId([5; 16]);

/// Ana at her terminal, and what the chat has asked for so far.
struct Ana {
    state: State,
    asked: Vec<Command>,
}

impl Ana {
    fn at(columns: u16, lines: u16) -> Self {
        let me = Me { handle: "ana".to_owned() };
        let (state, asked) = State::new(me, NOW, TimeZone::UTC, (columns, lines));
        Self { state, asked }
    }

    /// With Bruno and Carla in her list, online.
    fn with_friends(columns: u16, lines: u16) -> Self {
        let mut ana = Self::at(columns, lines);
        ana.hear(Msg::Connection(Connection::Online));
        ana.hear(Msg::Conversations(vec![conversation(BRUNO, "bruno", 2), conversation(CARLA, "carla", 0)]));
        ana
    }

    /// The same with the conversation with Bruno open and read.
    fn with_bruno(columns: u16, lines: u16) -> Self {
        let mut ana = Self::with_friends(columns, lines);
        ana.press(&[Key::Enter]);
        ana.hear(Msg::Messages(BRUNO, talk(), false));
        ana
    }

    /// With a request of Mallory beside her friends.
    fn with_a_request(columns: u16, lines: u16) -> Self {
        let mut ana = Self::with_friends(columns, lines);
        let mallory = Conversation { stance: Stance::Asked, ..conversation(MALLORY, "mallory", 1) };
        ana.hear(Msg::Conversations(vec![mallory, conversation(BRUNO, "bruno", 0)]));
        ana
    }

    /// The same with a group open.
    fn with_trip(columns: u16, lines: u16) -> Self {
        let mut ana = Self::at(columns, lines);
        ana.hear(Msg::Connection(Connection::Online));
        ana.hear(Msg::Conversations(vec![Conversation { group: true, ..conversation(TRIP, "Trip", 0) }]));
        ana.press(&[Key::Enter]);
        ana.hear(Msg::Messages(TRIP, talk(), false));
        ana
    }

    fn hear(&mut self, msg: Msg) -> Vec<Command> {
        let commands = self.state.update(msg);
        self.asked.extend(commands.clone());
        commands
    }

    fn press(&mut self, keys: &[Key]) -> Vec<Command> {
        keys.iter().flat_map(|key| self.hear(Msg::Key(*key))).collect()
    }

    fn types(&mut self, text: &str) {
        for c in text.chars() {
            self.hear(Msg::Key(Key::Char(c)));
        }
    }

    fn written(&self) -> &str {
        self.state.draft().map_or("", |draft| draft.composer.text())
    }

    /// The screen as lines, without what stands empty at their ends.
    fn screen(&self) -> Vec<String> {
        self.drawn(Theme::new(false)).lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn buffer(&self, theme: Theme) -> Buffer {
        let (columns, lines) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        terminal.draw(|frame| view::draw(&self.state, theme, frame)).unwrap();
        terminal.backend().buffer().clone()
    }

    fn drawn(&self, theme: Theme) -> String {
        let (columns, lines) = self.state.size;
        let buffer = self.buffer(theme);
        (0..lines)
            .map(|y| {
                let mut line = String::new();
                let mut x = 0;
                while x < columns {
                    let symbol = buffer[(x, y)].symbol();
                    line.push_str(symbol);
                    x += u16::try_from(super::text::width(symbol)).unwrap().max(1);
                }
                line + "\n"
            })
            .collect()
    }

    #[track_caller]
    fn sees(&self, text: &str) {
        let screen = self.screen().join("\n");
        assert!(screen.contains(text), "{text:?} is not on the screen:\n{screen}");
    }

    #[track_caller]
    fn does_not_see(&self, text: &str) {
        let screen = self.screen().join("\n");
        assert!(!screen.contains(text), "{text:?} is on the screen:\n{screen}");
    }
}

fn conversation(id: ConversationId, with: &str, unread: u32) -> Conversation {
    Conversation {
        id,
        with: with.to_owned(),
        group: false,
        own: false,
        last: Some(LastMessage { mine: false, text: "bom dia".to_owned(), tick: None }),
        active: NOW - 3 * MINUTE,
        unread,
        standing: Standing::Open,
        stance: Stance::Accepted,
        safety: Safety { post_quantum: Some(true), pinned: Some(NOW - 60 * MINUTE), verified: false },
        timer: 0,
        receipts: true,
        askers: 0,
        held: None,
        business: None,
    }
}

fn message(number: u8, from: &str, text: &str) -> Message {
    Message {
        id: MessageId([number; 16]),
        from: from.to_owned(),
        mine: from == "ana",
        sent: NOW - 10 * MINUTE + Millis::from(number) * 1000,
        body: Body::Text(text.to_owned()),
        tick: (from == "ana").then_some(Tick::Sent),
        reply: None,
        late: false,
        seen: true,
        picture: None,
        waveform: None,
        moves: false,
        marks: Marks::default(),
    }
}

fn ticked(number: u8, text: &str, tick: Tick) -> Message {
    Message { tick: Some(tick), ..message(number, "ana", text) }
}

fn unseen(number: u8, text: &str) -> Message {
    Message { seen: false, ..message(number, "bruno", text) }
}

/// Who is in the group.
fn trip() -> Group {
    let member = |handle: &str, label: &str, me| Member {
        handle: handle.to_owned(),
        label: label.to_owned(),
        admin: me,
        me,
    };
    Group {
        description: "To the sea and back".to_owned(),
        members: vec![member("ana", "", true), member("bruno", "the driver", false)],
        only_admins: [false, true, false],
    }
}

/// Ana's own second message, found by its first word.
fn found_hit(number: u8) -> Hit {
    Hit {
        conversation: BRUNO,
        name: "bruno".to_owned(),
        id: MessageId([number; 16]),
        from: None,
        sent: NOW - 10 * MINUTE,
        excerpt: vec![("Olá".to_owned(), true), (" Bruno, tudo bem?".to_owned(), false)],
    }
}

/// Three messages of a morning.
fn talk() -> Vec<Message> {
    vec![
        message(1, "bruno", "Olá Ana"),
        ticked(2, "Olá Bruno, tudo bem?", Tick::Read),
        message(3, "bruno", "Tudo. Are we still meeting at the station tomorrow, or shall I come to you?"),
    ]
}
