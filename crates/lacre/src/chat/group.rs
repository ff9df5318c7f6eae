//! The group sheet: who is in it, what they may do, and what one can change.

use lacre_proto::{ConversationId, Handle};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::composer::Composer;
use super::input::edit;
use super::keys::Key;
use super::open::Target;
use super::panel::What;
use super::sheets::{frame, tail};
use super::state::{Command, Sheet, State};
use super::text::{clip, width, wrapped};
use super::theme::Theme;
use super::view::{put, row};

/// A group as its members see it; texts are safe for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What it is for; may be empty.
    pub description: String,
    /// Everybody in it.
    pub members: Vec<Member>,
    /// For adding, editing and sending: whether only admins may.
    pub only_admins: [bool; 3],
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The handle.
    pub handle: String,
    /// What this member goes by in the group; may be empty.
    pub label: String,
    /// Whether it is an admin.
    pub admin: bool,
    /// Whether it is this account.
    pub me: bool,
}

/// What is to become of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is made, with this name and these people.
    Make(String, Vec<String>),
    /// People come into it.
    Add(ConversationId, Vec<String>),
    /// Somebody is removed.
    Remove(ConversationId, String),
    /// Somebody becomes an admin, or is none any more.
    Role(ConversationId, String, bool),
    /// Only admins may add, edit, send, or everybody may.
    Rules(ConversationId, [bool; 3]),
    /// It has another name.
    Name(ConversationId, String),
    /// It is for something else.
    Describe(ConversationId, String),
    /// This account goes by this in it.
    Label(ConversationId, String),
    /// This account leaves.
    Leave(ConversationId),
}

/// The sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSheet {
    /// The group.
    pub id: ConversationId,
    /// What is known of it, once it was read.
    pub group: Option<Group>,
    /// The member that the arrows have chosen.
    pub chosen: usize,
    /// What is asked, and what is typed; or what one must be sure of.
    pub asks: Option<Ask>,
}

/// What the sheet asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Whom to add.
    Add(Composer),
    /// The new name.
    Name(Composer),
    /// What it is for.
    Describe(Composer),
    /// What one goes by in it.
    Label(Composer),
    /// Whether to remove the chosen member.
    Remove(String),
    /// Whether to leave.
    Leave,
}

/// What a letter does in the sheet.
const KEYS: &[(char, &str)] = &[
    ('a', "add"),
    ('x', "remove"),
    ('m', "admin"),
    ('n', "name"),
    ('d', "describe"),
    ('g', "your label"),
    ('k', "link"),
    ('l', "leave"),
];

impl State {
    /// Opens the sheet of the group that is open.
    pub(super) fn group(&mut self, commands: &mut Vec<Command>) {
        match self.open_row() {
            Some(row) if row.group => {
                let id = row.id;
                self.sheet = Some(Sheet::Group(GroupSheet { id, group: None, chosen: 0, asks: None }));
                commands.push(Command::LoadGroup(id));
            }
            _ => {
                let told = "This is no group. Ctrl+N with several handles, between commas, makes one.";
                self.notice = Some(told.to_owned());
            }
        }
    }

    /// Takes what is known of a group.
    pub(super) fn set_group(&mut self, id: ConversationId, group: Group) {
        if let Some(Sheet::Group(sheet)) = &mut self.sheet
            && sheet.id == id
        {
            sheet.chosen = sheet.chosen.min(group.members.len().saturating_sub(1));
            sheet.group = Some(group);
        }
    }

    /// A key in the sheet.
    pub(super) fn key_in_group(&mut self, mut sheet: GroupSheet, key: Key, commands: &mut Vec<Command>) {
        if key == Key::Quit {
            return self.quit(commands);
        }
        match sheet.asks.take() {
            Some(ask) => self.answer(&mut sheet, ask, key, commands),
            None if key == Key::Escape => return,
            None if key == Key::Char('k') => return self.panel(What::GroupLink(sheet.id), commands),
            None => sheet.key(key, commands),
        }
        self.sheet = Some(Sheet::Group(sheet));
    }

    fn answer(&mut self, sheet: &mut GroupSheet, mut ask: Ask, key: Key, commands: &mut Vec<Command>) {
        if key == Key::Escape {
            return;
        }
        let id = sheet.id;
        let change = match (&mut ask, key) {
            (Ask::Remove(who), Key::Char('y')) => Some(Change::Remove(id, who.clone())),
            (Ask::Leave, Key::Char('y')) => Some(Change::Leave(id)),
            (Ask::Remove(_) | Ask::Leave, Key::Char('n')) => return,
            (Ask::Add(input), Key::Enter) => match handles(input.text()) {
                Ok(people) => Some(Change::Add(id, people)),
                Err(why) => {
                    self.notice = Some(why);
                    None
                }
            },
            (Ask::Name(input), Key::Enter) if input.is_blank() => {
                self.notice = Some("A group needs a name.".to_owned());
                None
            }
            (Ask::Name(input), Key::Enter) => Some(Change::Name(id, input.text().trim().to_owned())),
            (Ask::Describe(input), Key::Enter) => Some(Change::Describe(id, input.text().trim().to_owned())),
            (Ask::Label(input), Key::Enter) => Some(Change::Label(id, input.text().trim().to_owned())),
            (_, Key::NewLine) => None,
            (Ask::Add(input) | Ask::Name(input) | Ask::Describe(input) | Ask::Label(input), key) => {
                edit(input, key);
                None
            }
            _ => None,
        };
        match change {
            Some(change) => commands.push(Command::Group(change)),
            None => sheet.asks = Some(ask),
        }
    }
}

impl GroupSheet {
    fn key(&mut self, key: Key, commands: &mut Vec<Command>) {
        let Some(group) = &self.group else { return };
        let member = group.members.get(self.chosen);
        match key {
            Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::Down => self.chosen = (self.chosen + 1).min(group.members.len().saturating_sub(1)),
            Key::PageUp => self.chosen = self.chosen.saturating_sub(8),
            Key::PageDown => self.chosen = (self.chosen + 8).min(group.members.len().saturating_sub(1)),
            Key::Char('a') => self.asks = Some(Ask::Add(Composer::default())),
            Key::Char('n') => self.asks = Some(Ask::Name(Composer::default())),
            Key::Char('d') => self.asks = Some(Ask::Describe(Composer::with(&group.description))),
            Key::Char('g') => {
                let mine = group.members.iter().find(|member| member.me);
                let label = mine.map_or("", |member| member.label.as_str());
                self.asks = Some(Ask::Label(Composer::with(label)));
            }
            Key::Char('x') => match member {
                Some(member) if member.me => self.asks = Some(Ask::Leave),
                member => self.asks = member.map(|member| Ask::Remove(member.handle.clone())),
            },
            Key::Char('l') => self.asks = Some(Ask::Leave),
            Key::Char('m') => {
                commands.extend(member.map(|member| {
                    Command::Group(Change::Role(self.id, member.handle.clone(), !member.admin))
                }))
            }
            Key::Char(rule @ '1'..='3') => {
                let mut rules = group.only_admins;
                let at = rule as usize - '1' as usize;
                rules[at] = !rules[at];
                commands.push(Command::Group(Change::Rules(self.id, rules)));
            }
            _ => {}
        }
    }
}

/// The handles in a text, between commas; or what is wrong with it.
pub fn handles(text: &str) -> Result<Vec<String>, String> {
    let mut people = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let handle: Handle = name.parse().map_err(|why| format!("Not a handle: {why}."))?;
        if !people.contains(&handle.to_string()) {
            people.push(handle.to_string());
        }
    }
    if people.is_empty() { Err("Type the handle of a person first.".to_owned()) } else { Ok(people) }
}

/// Draws the sheet; where the cursor stands in it.
pub fn draw(
    state: &State,
    sheet: &GroupSheet,
    theme: Theme,
    all: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    let inside = frame(" Group · Esc ", usize::MAX, theme, all, buffer);
    let columns = usize::from(inside.width);
    let target = Target::Existing(sheet.id);
    let name = state.handle_of(&target);
    let Some(group) = &sheet.group else {
        put(buffer, inside, "Reading the group …", theme.quiet());
        return None;
    };
    let count = format!("{} of {}", sheet.chosen + 1, group.members.len());
    put(buffer, inside, &clip(name, columns.saturating_sub(width(&count) + 2)), theme.strong());
    let right = u16::try_from(width(&count)).unwrap_or(0).min(inside.width);
    put(buffer, Rect { x: inside.right() - right, width: right, height: 1, ..inside }, &count, theme.quiet());
    put(buffer, row(inside, 1), &clip(&group.description, columns), theme.quiet());
    let foot = foot(sheet, group);
    let foot: Vec<&str> = foot.iter().flat_map(|text| wrapped(text, columns)).collect();
    let room = usize::from(inside.height).saturating_sub(3 + foot.len()).max(1);
    let first = (sheet.chosen + 1).saturating_sub(room);
    for (at, member) in group.members.iter().enumerate().skip(first).take(room) {
        let (mark, style) = if at == sheet.chosen { ("▸", theme.chosen()) } else { (" ", theme.plain()) };
        put(buffer, row(inside, 2 + at - first), &clip(&format!("{mark} {}", of(member)), columns), style);
    }
    let top = usize::from(inside.height).saturating_sub(foot.len());
    for (at, line) in foot.into_iter().enumerate() {
        put(buffer, row(inside, top + at), line, theme.quiet());
    }
    sheet.asks.as_ref().and_then(|ask| asked(ask, theme, inside, buffer))
}

fn of(member: &Member) -> String {
    let mut line = member.handle.clone();
    if !member.label.is_empty() {
        line.push_str(&format!(", “{}”", member.label));
    }
    if member.me {
        line.push_str(" (you)");
    }
    if member.admin {
        line.push_str(" · admin");
    }
    line
}

/// The rules and the keys.
fn foot(sheet: &GroupSheet, group: &Group) -> Vec<String> {
    if sheet.asks.is_some() {
        return vec![String::new(), String::new()];
    }
    let who = |only_admins| if only_admins { "admins" } else { "all" };
    let [add, edit, send] = group.only_admins.map(who);
    let keys: Vec<_> = KEYS.iter().map(|(key, does)| format!("{key} {does}")).collect();
    vec![format!("1 add people: {add} · 2 edit: {edit} · 3 send: {send}"), keys.join(" · ")]
}

fn asked(ask: &Ask, theme: Theme, inside: Rect, buffer: &mut Buffer) -> Option<Position> {
    let last = row(inside, usize::from(inside.height).saturating_sub(1));
    let (prompt, input) = match ask {
        Ask::Add(input) => ("Add (handles, between commas): ".to_owned(), Some(input)),
        Ask::Name(input) => ("New name: ".to_owned(), Some(input)),
        Ask::Describe(input) => ("It is for: ".to_owned(), Some(input)),
        Ask::Label(input) => ("You go by: ".to_owned(), Some(input)),
        Ask::Remove(who) => (format!("Remove {who}? y yes · n no"), None),
        Ask::Leave => ("Leave this group? y yes · n no".to_owned(), None),
    };
    put(buffer, last, &prompt, theme.strong());
    let input = input?;
    let at = u16::try_from(width(&prompt)).unwrap_or(0).min(last.width);
    let field = Rect { x: last.x + at, width: last.width.saturating_sub(at + 1), ..last };
    let (shown, column) = tail(input, usize::from(field.width));
    put(buffer, field, &shown, theme.plain());
    Some(Position { x: field.x + u16::try_from(column).unwrap_or(0), y: field.y })
}
