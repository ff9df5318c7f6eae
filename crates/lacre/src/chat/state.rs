//! What the chat knows and how it changes: pure. Messages come in, commands come out; neither clock, terminal
//! nor client is called from here.

use std::collections::{HashMap, VecDeque};

use jiff::tz::TimeZone;
use lacre_proto::{ConversationId, Millis, limits};

use super::acts::{Act, Ask};
use super::composer::Composer;
use super::group::{Change, Group, GroupSheet};
use super::keys::Key;
use super::linking::Linking;
use super::model::{Connection, Conversation, Me, Message, MessageId, Stance};
use super::open::{Area, Open, Target};
use super::palette::Palette;
use super::panel::{Panel, Shown, What};
use super::panes::Panes;
use super::questions::{Order, Question, Wanted};
use super::search::{Found, Search};
use super::typing::Typing;

/// What happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted.
    Paste(String),
    /// The terminal has this size.
    Resized(u16, u16),
    /// The terminal's window is, or is no longer, the one that is looked at.
    Looked(bool),
    /// It is so late.
    Now(Millis),
    /// These conversations changed.
    Changed(Vec<ConversationId>),
    /// Anything may have changed.
    Stale,
    /// Two conversations became one: the second stays.
    Merged(ConversationId, ConversationId),
    /// The list of conversations, as it was read.
    Conversations(Vec<Conversation>),
    /// The newest rows of a conversation, as they were read, and whether there are older ones.
    Messages(ConversationId, Vec<Message>, bool),
    /// Rows before and after a message, as they were read, and whether there are older and newer ones.
    Around(ConversationId, Vec<Message>, [bool; 2]),
    /// The row around which rows were asked for is not here any more.
    Lost(ConversationId),
    /// What was read for a panel.
    Panel(What, Shown),
    /// The name that one goes by; empty for none.
    Name(String),
    /// Something that a panel shows may have changed.
    Elsewhere,
    /// Somebody is writing, or stopped.
    Writes(ConversationId, String, bool),
    /// The number that is to be typed on a new device, and what it calls itself.
    LinkNumber(String, String),
    /// A linking has ended; why, when no device was added.
    LinkEnded(Result<(), String>),
    /// Something that was asked for is done, in a sentence.
    Done(String),
    /// What was found of a text, in one conversation or in all.
    Found(String, Option<ConversationId>, Found),
    /// What is known of a group.
    Group(ConversationId, Group),
    /// What could be looked at once.
    SeenOnce(String),
    /// What was said in another way came to nothing, and why: its text.
    NotDone(ConversationId, String, String),
    /// A group was made here.
    Made(ConversationId),
    /// The draft that was kept for a conversation.
    Draft(ConversationId, String),
    /// What was sent is on the disk.
    Queued(Attempt, ConversationId),
    /// What was sent is not on the disk, and why.
    NotQueued(Attempt, String),
    /// How the client stands with the relay.
    Connection(Connection),
    /// Something was refused, in the conversation or in general.
    Alert(Option<ConversationId>, String),
    /// Something that was asked for did not work.
    Trouble(String),
    /// The terminal is gone.
    HungUp,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Read the list of conversations.
    LoadConversations,
    /// Read so many of the newest rows.
    LoadMessages(ConversationId, usize),
    /// Read rows before and after a message.
    LoadAround(ConversationId, MessageId),
    /// Read the name that one goes by.
    LoadName,
    /// Read what a panel shows.
    LoadPanel(What),
    /// Do something for the whole account, or about somebody.
    Do(Order),
    /// Tell the others that one is writing, or stopped.
    Typing(ConversationId, bool),
    /// Search for a text, in one conversation or in all.
    Search(String, Option<ConversationId>),
    /// Read what is known of a group.
    LoadGroup(ConversationId),
    /// Do something to a message, or say something beside text.
    Act(ConversationId, Act),
    /// Make or change a group.
    Group(Change),
    /// Read the draft that was kept.
    LoadDraft(ConversationId),
    /// Send a text.
    Send(Attempt, Target, String, Option<MessageId>),
    /// Everything up to this row has been shown.
    MarkRead(ConversationId, MessageId),
    /// Keep a draft; none when it is empty.
    KeepDraft(ConversationId, String),
    /// Give up a message that is not sent yet.
    GiveUp(MessageId),
    /// Connect now.
    Reconnect,
    /// Leave.
    Quit,
}

/// How long nothing is typed before a draft is kept.
const SETTLED: Millis = 5_000;

/// Names a text from [`Command::Send`] to its answer.
pub type Attempt = u64;

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
    /// A new device is let in.
    Linking(Linking),
    /// There is unsent text, for these people.
    Unsent(Vec<String>),
}

/// What is being written to somebody.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// The text.
    pub composer: Composer,
    /// The message that it answers: its id and what is shown of it.
    pub reply: Option<(MessageId, String)>,
    /// One's own message whose text it is, and which it takes the place of.
    pub edit: Option<MessageId>,
    /// The text as the profile keeps it.
    pub kept: String,
    /// Whether it is the person's doing in this run.
    pub touched: bool,
    /// When it was last written in.
    pub at: Millis,
}

/// A text between the composer and the disk.
#[derive(Debug, Clone)]
struct Outgoing {
    attempt: Attempt,
    target: Target,
    text: String,
    reply: Option<(MessageId, String)>,
}

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
    /// How the client stands with the relay.
    pub connection: Connection,
    /// What was refused, until it was dismissed.
    pub alerts: VecDeque<String>,
    /// The answer to the last key, until the next one.
    pub notice: Option<String>,
    /// Who is writing.
    pub typing: Typing,
    outgoing: Vec<Outgoing>,
    attempts: Attempt,
    looked_at: bool,
    leaving: bool,
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
            only_unread: false,
            focus: Focus::List,
            open: None,
            sheet: None,
            drafts: HashMap::new(),
            connection: Connection::Connecting,
            alerts: VecDeque::new(),
            notice: None,
            typing: Typing::default(),
            outgoing: Vec::new(),
            attempts: 0,
            looked_at: true,
            leaving: false,
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
            Msg::SeenOnce(text) => self.sheet = Some(Sheet::Once(text)),
            Msg::NotDone(id, text, why) => self.put_back(id, &text, &why),
            Msg::Made(id) => self.open(Target::Existing(id), &mut commands),
            Msg::Draft(conversation, text) => self.kept_draft(conversation, &text),
            Msg::Queued(attempt, conversation) => self.queued(attempt, conversation, &mut commands),
            Msg::NotQueued(attempt, why) => self.not_queued(attempt, &why, &mut commands),
            Msg::Connection(connection) => self.connection = connection,
            Msg::Alert(conversation, text) => self.alert(conversation, &text),
            Msg::Trouble(text) | Msg::Done(text) => self.notice = Some(text),
            Msg::HungUp => self.leave(&mut commands),
        }
        self.mark_read(&mut commands);
        commands
    }

    /// The draft for who is written to.
    pub fn draft(&self) -> Option<&Draft> {
        self.open.as_ref().and_then(|open| self.drafts.get(&open.target))
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

    /// The conversations that are listed: all but requests, or those with unread messages; and the one that is open.
    pub fn listed(&self) -> Vec<&Conversation> {
        let open = self.open_conversation();
        let wanted =
            |row: &Conversation| row.stance != Stance::Asked && (!self.only_unread || row.unread > 0);
        self.conversations.iter().filter(|row| open == Some(row.id) || wanted(row)).collect()
    }

    /// How many requests wait to be decided on.
    pub fn requests(&self) -> usize {
        self.conversations.iter().filter(|row| row.stance == Stance::Asked).count()
    }

    /// The open conversation, when nothing is written in it before it is decided on.
    pub fn undecided(&self) -> Option<(ConversationId, Stance)> {
        self.open_row().filter(|row| row.stance != Stance::Accepted).map(|row| (row.id, row.stance))
    }

    /// The handle of the person of a target.
    pub fn handle_of<'a>(&'a self, target: &'a Target) -> &'a str {
        match target {
            Target::New(handle) => handle,
            Target::Existing(id) => {
                self.conversations.iter().find(|row| row.id == *id).map_or("", |row| row.with.as_str())
            }
        }
    }

    /// What the message area measures.
    pub fn area(&self) -> Area {
        let panes = Panes::of(self);
        Area {
            // The first column is for the mark of the chosen row.
            columns: usize::from(panes.messages.width).saturating_sub(1),
            height: usize::from(panes.messages.height),
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

    /// Sends what stands in the composer.
    pub(super) fn send(&mut self, commands: &mut Vec<Command>) {
        let Some(target) = self.open.as_ref().map(|open| open.target.clone()) else { return };
        let Some(draft) = self.drafts.get_mut(&target) else { return };
        if draft.composer.is_blank() {
            return;
        }
        let bytes = draft.composer.text().len();
        if bytes > limits::TEXT {
            let over = bytes - limits::TEXT;
            self.notice =
                Some(format!("Too long by {over} bytes to be one message: shorten it, or send it in parts."));
            return;
        }
        if let (Some(edited), Target::Existing(id)) = (draft.edit.take(), &target) {
            commands.push(Command::Act(*id, Act::Edit(edited, draft.composer.take())));
            return;
        }
        let (text, reply) = (draft.composer.take(), draft.reply.take());
        self.attempts += 1;
        let attempt = self.attempts;
        let answered = reply.as_ref().map(|(id, _)| *id);
        commands.push(Command::Send(attempt, target.clone(), text.clone(), answered));
        self.outgoing.push(Outgoing { attempt, target, text, reply });
        self.wrote();
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

    /// Leaves, or asks first when there is unsent text.
    pub(super) fn quit(&mut self, commands: &mut Vec<Command>) {
        let mut unsent: Vec<String> = self
            .drafts
            .iter()
            .filter(|(_, draft)| draft.touched && !draft.composer.is_blank())
            .map(|(target, _)| self.handle_of(target).to_owned())
            .collect();
        if unsent.is_empty() {
            return self.leave(commands);
        }
        unsent.sort();
        self.sheet = Some(Sheet::Unsent(unsent));
    }

    /// Leaves and keeps every draft that can be kept; first waits for texts that are on their way to the disk,
    /// unless it is told so twice.
    pub(super) fn leave(&mut self, commands: &mut Vec<Command>) {
        if !self.outgoing.is_empty() && !std::mem::replace(&mut self.leaving, true) {
            self.notice =
                Some("Leaving once what you sent is on the disk; Ctrl+Q again: leave now.".to_owned());
            return;
        }
        for (target, draft) in &mut self.drafts {
            if let Target::Existing(id) = target {
                keep(*id, draft, commands);
            }
        }
        commands.push(Command::Quit);
    }

    /// Leaves and throws the unsent text of this run away.
    pub(super) fn leave_without(&mut self, commands: &mut Vec<Command>) {
        for draft in self.drafts.values_mut().filter(|draft| draft.touched) {
            draft.composer.take();
        }
        self.leave(commands);
    }

    /// People to whom there is unsent text and no conversation that could keep it.
    pub fn cannot_be_kept(&self) -> Vec<&str> {
        let lost = |(target, draft): (&'_ Target, &Draft)| {
            matches!(target, Target::New(_)) && !draft.composer.is_blank()
        };
        let mut people: Vec<_> = self
            .drafts
            .iter()
            .filter(|entry| lost(*entry))
            .map(|(target, _)| self.handle_of(target))
            .collect();
        people.sort_unstable();
        people
    }

    fn open_conversation(&self) -> Option<ConversationId> {
        self.open.as_ref().and_then(Open::conversation)
    }

    fn open_row_of(&self, id: ConversationId) -> Option<&Conversation> {
        self.conversations.iter().find(|row| row.id == id)
    }

    /// Time passes: what is being written is kept, also for the case that the machine stops; who wrote is forgotten.
    fn passes(&mut self, now: Millis, commands: &mut Vec<Command>) {
        self.now = now;
        self.forget_writers(&[]);
        for (target, draft) in &mut self.drafts {
            if let (Target::Existing(id), true) = (target, draft.touched && draft.at + SETTLED <= now) {
                keep(*id, draft, commands);
            }
        }
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

    /// Keeps the draft of the conversation that is left.
    fn keep_draft(&mut self, commands: &mut Vec<Command>) {
        let Some(id) = self.open_conversation() else { return };
        if let Some(draft) = self.drafts.get_mut(&Target::Existing(id)) {
            keep(id, draft, commands);
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
            let (id, with) = (self.conversations[at].id, self.conversations[at].with.clone());
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

    /// What was aimed at one target goes to a conversation from now on.
    fn settle(&mut self, from: Target, to: ConversationId, commands: &mut Vec<Command>) {
        let there = Target::Existing(to);
        if let Some(mut draft) = self.drafts.remove(&from) {
            let draft_there = self.drafts.entry(there.clone()).or_default();
            draft_there.touched |= draft.touched;
            if !draft.composer.is_blank() {
                draft_there.composer.put_back(&draft.composer.take());
            }
            draft_there.reply = draft_there.reply.take().or(draft.reply);
        }
        for outgoing in self.outgoing.iter_mut().filter(|outgoing| outgoing.target == from) {
            outgoing.target = there.clone();
        }
        if self.open.as_ref().is_some_and(|open| open.target == from) {
            self.open = Some(Open::new(there, 0));
            self.cursor = Some(to);
            self.reload(commands);
        }
    }

    fn merged(&mut self, gone: ConversationId, stays: ConversationId, commands: &mut Vec<Command>) {
        self.settle(Target::Existing(gone), stays, commands);
        commands.push(Command::LoadConversations);
        if self.open_conversation() == Some(stays) {
            self.reload(commands);
        }
    }

    fn kept_draft(&mut self, conversation: ConversationId, text: &str) {
        let draft = self.drafts.entry(Target::Existing(conversation)).or_default();
        draft.kept = text.to_owned();
        if draft.composer.text().is_empty() {
            draft.composer = Composer::with(text);
        } else if !text.trim().is_empty() && draft.composer.text() != text {
            // Something was typed before the store answered: neither is lost.
            draft.composer.put_back(text);
        }
    }

    fn queued(&mut self, attempt: Attempt, conversation: ConversationId, commands: &mut Vec<Command>) {
        let Some(at) = self.outgoing.iter().position(|outgoing| outgoing.attempt == attempt) else { return };
        let sent = self.outgoing.remove(at);
        if sent.target != Target::Existing(conversation) {
            self.settle(sent.target, conversation, commands);
        }
        if let Some(draft) = self.drafts.get_mut(&Target::Existing(conversation)) {
            keep(conversation, draft, commands);
        }
        if let Some(open) = self.open.as_mut().filter(|open| open.conversation() == Some(conversation)) {
            open.new_from = None;
            if self.focus != Focus::Messages {
                open.stick_to_bottom();
            }
            self.reload(commands);
        }
        commands.push(Command::LoadConversations);
        self.leave_when_done(commands);
    }

    fn not_queued(&mut self, attempt: Attempt, why: &str, commands: &mut Vec<Command>) {
        let Some(at) = self.outgoing.iter().position(|outgoing| outgoing.attempt == attempt) else { return };
        let back = self.outgoing.remove(at);
        let draft = self.drafts.entry(back.target).or_default();
        draft.composer.put_back(&back.text);
        draft.reply = draft.reply.take().or(back.reply);
        draft.touched = true;
        self.notice = Some(format!("Not sent: {why}. The text is back in the composer."));
        self.leave_when_done(commands);
    }

    fn leave_when_done(&mut self, commands: &mut Vec<Command>) {
        if self.leaving && self.outgoing.is_empty() {
            self.leave(commands);
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

fn keep(id: ConversationId, draft: &mut Draft, commands: &mut Vec<Command>) {
    // What is edited is kept where it stands.
    let text = if draft.composer.is_blank() || draft.edit.is_some() { "" } else { draft.composer.text() };
    if text != draft.kept {
        draft.kept = text.to_owned();
        commands.push(Command::KeepDraft(id, text.to_owned()));
    }
}
