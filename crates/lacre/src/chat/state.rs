//! What the chat knows and how it changes: pure. Messages come in, commands come out; neither clock, terminal
//! nor client is called from here.

use std::collections::{HashMap, VecDeque};

use jiff::tz::TimeZone;
use lacre_media::picture::Cell;
use lacre_proto::{ConversationId, Millis};

use super::acts::Ask;
use super::composer::Composer;
use super::drafts::{Attempt, Draft, Outgoing};
use super::filling::Filling;
use super::group::GroupSheet;
use super::linking::Linking;
use super::model::{Business, Connection, Conversation, Me, Message, NOTES, Stance};
pub use super::msg::{Command, Msg};
use super::open::{Area, Open, Target};
use super::palette::Palette;
use super::panel::Panel;
use super::panes::Panes;
use super::questions::{Question, Wanted};
use super::search::Search;
use super::typing::Typing;

/// Where keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// The list of conversations.
    List,
    /// The composer.
    Composer,
    /// The messages, one of which is chosen.
    Messages,
}

/// What lies over everything and takes all keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sheet {
    /// Help, scrolled by so many lines.
    Help(usize),
    /// A handle is asked for; and what was wrong with it.
    New(Composer, Option<String>),
    /// Something is asked.
    Ask(Ask),
    /// What may be looked at once is looked at.
    Once(String),
    /// A picture is looked at.
    Seen(Seen),
    /// Who is in a group.
    Group(GroupSheet),
    /// A group of these people needs a name.
    NameGroup(Vec<String>, Composer),
    /// Something is searched for.
    Search(Search),
    /// Everything that can be done.
    Palette(Palette),
    /// Something was read, and is shown.
    Panel(Panel),
    /// Something must be sure, or needs a line.
    Question(Question),
    /// A business's form is filled in.
    Filling(Filling),
    /// A new device is let in.
    Linking(Linking),
    /// There is unsent text, for these people.
    Unsent(Vec<String>),
}

/// A picture, made of the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it is called, and what is to be said of it.
    pub title: String,
    /// Its rows.
    pub cells: Vec<Vec<Cell>>,
}

/// Least columns and lines of the messages in which pictures are shown.
const PICTURE_COLUMNS: u16 = 40;
const PICTURE_LINES: u16 = 14;

/// What the chat knows.
#[derive(Debug, Clone)]
pub struct State {
    /// Who this is.
    pub me: Me,
    /// Now.
    pub now: Millis,
    /// Where.
    pub zone: TimeZone,
    /// Columns and lines of the terminal.
    pub size: (u16, u16),
    /// All conversations.
    pub conversations: Vec<Conversation>,
    /// Whether they were read.
    pub loaded: bool,
    /// The row of the list that the arrows have chosen.
    pub cursor: Option<ConversationId>,
    /// Whether pictures are shown among the messages.
    pub pictures: bool,
    /// Whether only conversations with unread messages are listed.
    pub only_unread: bool,
    /// Where keys go.
    pub focus: Focus,
    /// The conversation that is open.
    pub open: Option<Open>,
    /// What lies over it.
    pub sheet: Option<Sheet>,
    /// What is being written, to whom.
    pub drafts: HashMap<Target, Draft>,
    /// Businesses to which nothing was said yet, by their handles.
    pub(super) met: HashMap<String, Business>,
    /// How the client stands with the relay.
    pub connection: Connection,
    /// What was refused, until it was dismissed.
    pub alerts: VecDeque<String>,
    /// The answer to the last key, until the next one.
    pub notice: Option<String>,
    /// The form that was filled in last, whether it was sent or not.
    pub(super) filled: Option<Filling>,
    /// Who is writing.
    pub typing: Typing,
    /// Texts between the composer and the disk, and what takes long.
    pub(super) outgoing: Vec<Outgoing>,
    /// How many there were.
    pub(super) attempts: Attempt,
    looked_at: bool,
    /// Whether it ends when they are there.
    pub(super) leaving: bool,
    /// Whether there is nobody at the terminal any more.
    pub(super) gone: bool,
}

impl State {
    /// The chat at its start, and what it wants first.
    pub fn new(me: Me, now: Millis, zone: TimeZone, size: (u16, u16)) -> (Self, Vec<Command>) {
        let state = Self {
            me,
            now,
            zone,
            size,
            conversations: Vec::new(),
            loaded: false,
            cursor: None,
            pictures: true,
            only_unread: false,
            focus: Focus::List,
            open: None,
            sheet: None,
            drafts: HashMap::new(),
            met: HashMap::new(),
            connection: Connection::Connecting,
            alerts: VecDeque::new(),
            notice: None,
            filled: None,
            typing: Typing::default(),
            outgoing: Vec::new(),
            attempts: 0,
            looked_at: true,
            leaving: false,
            gone: false,
        };
        (state, vec![Command::LoadConversations])
    }

    /// Takes in what happened; gives what is to be done about it.
    pub fn update(&mut self, msg: Msg) -> Vec<Command> {
        let mut commands = Vec::new();
        match msg {
            Msg::Key(key) => self.key(key, &mut commands),
            Msg::Paste(text) => self.paste(&text, &mut commands),
            Msg::Resized(columns, lines) => self.size = (columns, lines),
            Msg::Looked(looked_at) => self.looked_at = looked_at,
            Msg::Now(now) => self.passes(now, &mut commands),
            Msg::Changed(conversations) => {
                commands.push(Command::LoadConversations);
                self.forget_writers(&conversations);
                self.reload_group(&conversations, &mut commands);
                self.reload_panel(&mut commands);
                if self.open_conversation().is_some_and(|open| conversations.contains(&open)) {
                    self.reload(&mut commands);
                }
            }
            Msg::Stale => {
                commands.push(Command::LoadConversations);
                if let Some(Sheet::Group(sheet)) = &self.sheet {
                    commands.push(Command::LoadGroup(sheet.id));
                }
                self.reload_panel(&mut commands);
                self.reload(&mut commands);
            }
            Msg::Elsewhere => {
                commands.push(Command::LoadConversations);
                self.reload_panel(&mut commands);
            }
            Msg::Merged(gone, stays) => self.merged(gone, stays, &mut commands),
            Msg::Conversations(conversations) => self.set_conversations(conversations, &mut commands),
            Msg::Messages(conversation, rows, older) => self.set_rows(conversation, rows, [older, false]),
            Msg::Around(conversation, rows, more) => self.set_rows(conversation, rows, more),
            Msg::Lost(conversation) => self.lost(conversation, &mut commands),
            Msg::Name(name) => {
                self.sheet = Some(Sheet::Question(Question::new(Wanted::Name(name), None)));
            }
            Msg::Panel(what, shown) => self.set_panel(what, shown),
            Msg::Writes(conversation, who, writes) => self.somebody_writes(conversation, who, writes),
            Msg::LinkNumber(number, name) => self.link_number(number, name),
            Msg::LinkEnded(outcome) => self.link_ended(outcome, &mut commands),
            Msg::Found(text, within, found) => self.set_found(&text, within, found),
            Msg::Group(id, group) => self.set_group(id, group),
            Msg::Seen(seen) => {
                // Who has gone on to something else is not disturbed.
                if self.sheet.is_none() {
                    (self.sheet, self.notice) = (Some(Sheet::Seen(seen)), None);
                }
                // Its row shows the picture itself from now on.
                self.reload(&mut commands);
            }
            Msg::Moved => {
                if self.open.as_ref().is_some_and(|open| open.rows.iter().any(|row| row.moves)) {
                    self.reload(&mut commands);
                }
            }
            Msg::SeenOnce(text) => self.sheet = Some(Sheet::Once(text)),
            Msg::NotDone(id, text, why) => self.put_back(id, &text, &why),
            Msg::Made(id) => self.open(Target::Existing(id), &mut commands),
            Msg::Begin(handle, words) => self.begin_with(&handle, &words, &mut commands),
            Msg::Met(handle, business) => self.met(handle, *business),
            Msg::Draft(conversation, text) => self.kept_draft(conversation, &text),
            Msg::Queued(attempt, conversation) => self.queued(attempt, conversation, &mut commands),
            Msg::Ended(attempt, outcome) => self.ended(attempt, outcome, &mut commands),
            Msg::NotQueued(attempt, why) => self.not_queued(attempt, &why, &mut commands),
            Msg::Connection(connection) => self.connection = connection,
            Msg::Alert(conversation, text) => self.alert(conversation, &text),
            Msg::Trouble(text) | Msg::Done(text) => self.notice = Some(text),
            Msg::HungUp => {
                // However often it is told, that the window was closed is no second word to leave at once.
                (self.gone, self.leaving) = (true, false);
                self.leave(&mut commands);
            }
        }
        self.mark_read(&mut commands);
        commands
    }

    /// The conversation that is open, as the list knows it.
    pub fn open_row(&self) -> Option<&Conversation> {
        let open = self.open_conversation()?;
        self.conversations.iter().find(|row| row.id == open)
    }

    /// A group on the sheet has changed.
    fn reload_group(&self, changed: &[ConversationId], commands: &mut Vec<Command>) {
        if let Some(Sheet::Group(sheet)) = &self.sheet
            && changed.contains(&sheet.id)
        {
            commands.push(Command::LoadGroup(sheet.id));
        }
    }

    /// The conversations that are listed: all but requests and empty notes, or those with unread messages; and the
    /// one that is open.
    pub fn listed(&self) -> Vec<&Conversation> {
        let open = self.open_conversation();
        let wanted = |row: &Conversation| {
            row.stance != Stance::Asked && (!self.only_unread || row.unread > 0) && !is_blank(row)
        };
        self.conversations.iter().filter(|row| open == Some(row.id) || wanted(row)).collect()
    }

    /// Whether there is no conversation at all, beside notes that are empty.
    pub fn is_new_here(&self) -> bool {
        let open = self.open_conversation();
        self.conversations.iter().all(|row| is_blank(row) && open != Some(row.id))
    }

    /// Where one writes to oneself: the conversation, or the handle that makes it.
    pub(super) fn notes(&self) -> Target {
        let own = self.conversations.iter().find(|row| row.own);
        own.map_or_else(|| Target::New(self.me.handle.clone()), |row| Target::Existing(row.id))
    }

    /// How many requests wait to be decided on: of strangers, and of people who want to be let into a group.
    pub fn requests(&self) -> usize {
        let strangers = self.conversations.iter().filter(|row| row.stance == Stance::Asked).count();
        strangers + self.conversations.iter().map(|row| row.askers).sum::<usize>()
    }

    /// The open conversation, when nothing is written in it before it is decided on.
    pub fn undecided(&self) -> Option<(ConversationId, Stance)> {
        self.open_row().filter(|row| row.stance != Stance::Accepted).map(|row| (row.id, row.stance))
    }

    /// Who has come with another identity key in the open conversation, so that nothing is sent there.
    pub fn held(&self) -> Option<&str> {
        self.open_row()?.held.as_deref()
    }

    /// The handle of the person of a target.
    pub fn handle_of<'a>(&'a self, target: &'a Target) -> &'a str {
        match target {
            Target::New(handle) if *handle == self.me.handle => NOTES,
            Target::New(handle) => handle,
            Target::Existing(id) => {
                self.conversations.iter().find(|row| row.id == *id).map_or("", |row| row.with.as_str())
            }
        }
    }

    /// What the message area measures.
    pub fn area(&self) -> Area {
        let panes = Panes::of(self);
        let (columns, height) = (panes.messages.width, panes.messages.height);
        Area {
            // The first column is for the mark of the chosen row.
            columns: usize::from(columns).saturating_sub(1),
            height: usize::from(height),
            pictures: self.pictures && columns >= PICTURE_COLUMNS && height >= PICTURE_LINES,
            now: self.now,
            zone: self.zone.clone(),
        }
    }

    /// Opens a conversation, or one that is not there yet.
    pub(super) fn open(&mut self, target: Target, commands: &mut Vec<Command>) {
        self.focus = Focus::Composer;
        if self.open.as_ref().is_some_and(|open| open.target == target) {
            return;
        }
        self.keep_draft(commands);
        self.stop_writing(commands);
        let mut unread = 0;
        if let Target::Existing(id) = target {
            self.cursor = Some(id);
            unread = self.open_row_of(id).map_or(0, |row| row.unread);
        }
        if let Target::New(handle) = &target
            && *handle != self.me.handle
        {
            commands.push(Command::Meet(handle.clone()));
        }
        let open = Open::new(target.clone(), unread);
        self.drafts.entry(target).or_default();
        self.open = Some(open);
        self.reload(commands);
    }

    /// Closes the conversation that is open.
    pub(super) fn close(&mut self, commands: &mut Vec<Command>) {
        self.keep_draft(commands);
        self.stop_writing(commands);
        self.open = None;
        self.focus = Focus::List;
    }

    /// Reads the rows of the open conversation again.
    pub(super) fn reload(&self, commands: &mut Vec<Command>) {
        match self.open {
            Some(Open { target: Target::Existing(id), around: Some(row), .. }) => {
                commands.push(Command::LoadAround(id, row));
            }
            Some(Open { target: Target::Existing(id), window, .. }) => {
                commands.push(Command::LoadMessages(id, window));
            }
            _ => {}
        }
    }

    pub(super) fn open_conversation(&self) -> Option<ConversationId> {
        self.open.as_ref().and_then(Open::conversation)
    }

    fn open_row_of(&self, id: ConversationId) -> Option<&Conversation> {
        self.conversations.iter().find(|row| row.id == id)
    }

    fn passes(&mut self, now: Millis, commands: &mut Vec<Command>) {
        self.now = now;
        self.forget_writers(&[]);
        self.keep_paused(commands);
    }

    /// What was looked at is gone: back to the newest.
    fn lost(&mut self, conversation: ConversationId, commands: &mut Vec<Command>) {
        if let Some(open) = self.open.as_mut().filter(|open| open.conversation() == Some(conversation)) {
            if open.goal.take().is_some() {
                self.notice = Some("This message is not here any more.".to_owned());
            }
            open.stick_to_bottom();
            self.reload(commands);
        }
    }

    fn set_rows(&mut self, conversation: ConversationId, rows: Vec<Message>, more: [bool; 2]) {
        let area = self.area();
        if let Some(open) = self.open.as_mut().filter(|open| open.conversation() == Some(conversation))
            && open.set_rows(rows, more, &area)
        {
            self.focus = Focus::Messages;
        }
    }

    fn set_conversations(&mut self, conversations: Vec<Conversation>, commands: &mut Vec<Command>) {
        self.conversations = conversations;
        self.loaded = true;
        let listed: Vec<_> = self.listed().iter().map(|row| row.id).collect();
        if self.cursor.is_none_or(|id| !listed.contains(&id)) {
            self.cursor = listed.first().copied();
        }
        if self.open_conversation().is_some_and(|id| self.open_row_of(id).is_none()) {
            // A request that was deleted, here or on another device.
            self.close(commands);
        }
        for at in 0..self.conversations.len() {
            let row = &self.conversations[at];
            let (id, with) = (row.id, if row.own { self.me.handle.clone() } else { row.with.clone() });
            if let std::collections::hash_map::Entry::Vacant(entry) = self.drafts.entry(Target::Existing(id))
            {
                entry.insert(Draft::default());
                commands.push(Command::LoadDraft(id));
            }
            if !self.conversations[at].group {
                self.settle(Target::New(with), id, commands);
            }
        }
    }

    fn merged(&mut self, gone: ConversationId, stays: ConversationId, commands: &mut Vec<Command>) {
        self.settle(Target::Existing(gone), stays, commands);
        commands.push(Command::LoadConversations);
        if self.open_conversation() == Some(stays) {
            self.reload(commands);
        }
    }

    pub(super) fn alert(&mut self, conversation: Option<ConversationId>, text: &str) {
        let with = conversation.and_then(|id| self.open_row_of(id)).map(|row| row.with.as_str());
        let alert = match with {
            Some(with) => format!("{with}: {text}"),
            None => text.to_owned(),
        };
        // A relay that repeats itself does not fill the list.
        if !self.alerts.contains(&alert) && self.alerts.len() < 100 {
            self.alerts.push_back(alert);
        }
    }

    /// Tells what is in sight now and was not before.
    fn mark_read(&mut self, commands: &mut Vec<Command>) {
        let in_sight = self.looked_at && self.sheet.is_none() && Panes::of(self).messages.height > 0;
        let area = self.area();
        let Some(open) = self.open.as_mut().filter(|_| in_sight) else { return };
        let Some(conversation) = open.conversation() else { return };
        if let Some(message) = open.newly_seen(&area) {
            commands.push(Command::MarkRead(conversation, message));
        }
    }
}

/// Notes in which nothing stands.
fn is_blank(row: &Conversation) -> bool {
    row.own && row.last.is_none()
}
