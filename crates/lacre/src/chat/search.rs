//! The search sheet: results while one types, and the way to where they stand.

use lacre_proto::{ConversationId, Millis};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::composer::Composer;
use super::input::edit;
use super::keys::Key;
use super::model::MessageId;
use super::open::Target;
use super::sheets::{frame, tail};
use super::state::{Command, Sheet, State};
use super::text::{clip, width, wrapped};
use super::theme::Theme;
use super::time;
use super::view::{put, row};

/// Most results that are shown.
pub const MOST: usize = 50;
/// Lines of a result.
const LINES: usize = 2;

/// What is searched for, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// What is typed.
    pub input: Composer,
    /// The conversation that is searched; all when there is none.
    pub within: Option<ConversationId>,
    /// What was found, for which text.
    pub found: Found,
    /// The result that the arrows have chosen.
    pub chosen: usize,
}

/// What a search has found, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The messages.
    pub hits: Vec<Hit>,
    /// Whether there are more.
    pub more: bool,
    /// Whether all messages were looked at.
    pub complete: bool,
}

/// A message that was found, safe for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its conversation.
    pub conversation: ConversationId,
    /// What that one is called.
    pub name: String,
    /// The message.
    pub id: MessageId,
    /// Its author; nobody when it is one's own.
    pub from: Option<String>,
    /// When it was sent.
    pub sent: Millis,
    /// Its text around what was found, in pieces, and whether a piece is what was searched for.
    pub excerpt: Vec<(String, bool)>,
}

impl State {
    /// Opens the sheet: in a conversation it searches there first.
    pub(super) fn search(&mut self) {
        let within = self.open.as_ref().and_then(|open| open.conversation());
        self.sheet = Some(Sheet::Search(Search { within, ..Search::default() }));
    }

    /// A key in the sheet.
    pub(super) fn key_in_search(&mut self, mut search: Search, key: Key, commands: &mut Vec<Command>) {
        let before = (search.input.text().to_owned(), search.within);
        match key {
            Key::Escape => return,
            Key::Quit => return self.quit(commands),
            Key::Up => search.chosen = search.chosen.saturating_sub(1),
            Key::Down => search.chosen += 1,
            Key::PageUp => search.chosen = search.chosen.saturating_sub(5),
            Key::PageDown => search.chosen += 5,
            Key::Tab | Key::BackTab => {
                search.within = match search.within {
                    Some(_) => None,
                    None => self.open.as_ref().and_then(|open| open.conversation()),
                };
            }
            Key::Enter => {
                if let Some(hit) = search.found.hits.get(search.chosen) {
                    return self.jump(hit.conversation, hit.id, commands);
                }
            }
            Key::NewLine => {}
            key => edit(&mut search.input, key),
        }
        search.chosen = search.chosen.min(search.found.hits.len().saturating_sub(1));
        if before != (search.input.text().to_owned(), search.within) {
            search.chosen = 0;
            self.look_for(&mut search, commands);
        }
        self.sheet = Some(Sheet::Search(search));
    }

    /// Asks for what is typed now.
    pub(super) fn look_for(&self, search: &mut Search, commands: &mut Vec<Command>) {
        if search.input.is_blank() {
            search.found = Found::default();
        } else {
            commands.push(Command::Search(search.input.text().to_owned(), search.within));
        }
    }

    /// Takes what was found, when it is still what is searched for.
    pub(super) fn set_found(&mut self, text: &str, within: Option<ConversationId>, found: Found) {
        if let Some(Sheet::Search(search)) = &mut self.sheet
            && search.input.text() == text
            && search.within == within
        {
            search.chosen = search.chosen.min(found.hits.len().saturating_sub(1));
            search.found = found;
        }
    }

    /// Opens a conversation where a message stands.
    pub(super) fn jump(
        &mut self,
        conversation: ConversationId,
        message: MessageId,
        commands: &mut Vec<Command>,
    ) {
        self.open(Target::Existing(conversation), commands);
        if let Some(open) = &mut self.open {
            open.goal = Some(message);
            open.around = Some(message);
        }
        commands.push(Command::LoadAround(conversation, message));
    }
}

/// Draws the sheet; where the cursor stands in it.
pub fn draw(state: &State, search: &Search, theme: Theme, all: Rect, buffer: &mut Buffer) -> Position {
    let inside = frame(" Search · ↑↓ choose · Enter go there · Esc ", usize::MAX, theme, all, buffer);
    let within = search.within.map(|id| state.handle_of(&Target::Existing(id)).to_owned());
    let prompt = match within {
        Some(name) => format!("In {}: ", clip(&name, usize::from(inside.width) / 3)),
        None => "Everywhere: ".to_owned(),
    };
    put(buffer, inside, &prompt, theme.strong());
    let at = u16::try_from(width(&prompt)).unwrap_or(0);
    let field = Rect { x: inside.x + at, width: inside.width.saturating_sub(at + 1), height: 1, ..inside };
    let (shown, column) = tail(&search.input, usize::from(field.width));
    put(buffer, field, &shown, theme.plain());
    let body = Rect { y: inside.y + 2, height: inside.height.saturating_sub(2), ..inside };
    if search.found.hits.is_empty() {
        let hint = hint(state, search);
        for (at, line) in wrapped(&hint, usize::from(body.width)).into_iter().enumerate() {
            put(buffer, row(body, at), line, theme.quiet());
        }
    } else {
        hits(state, search, theme, body, buffer);
    }
    Position { x: field.x + u16::try_from(column).unwrap_or(0), y: field.y }
}

fn hint(state: &State, search: &Search) -> String {
    let other = match (search.within, &state.open) {
        (Some(_), _) => " Tab: in all conversations.",
        (None, Some(open)) if open.conversation().is_some() => " Tab: only in the open conversation.",
        _ => "",
    };
    let all = if search.found.complete || search.input.is_blank() {
        ""
    } else {
        " The index is still being made: older messages are found a little later."
    };
    match search.input.is_blank() {
        true => format!(
            "Type words or beginnings of words; in \"quotes\" as they stand. from:bruno, kind:link, since:2026-11-22 and \
             until:2026-11-30 narrow it.{other}"
        ),
        false => format!("Nothing found.{all}{other}"),
    }
}

fn hits(state: &State, search: &Search, theme: Theme, body: Rect, buffer: &mut Buffer) {
    let fit = (usize::from(body.height) / LINES).max(1);
    let first = (search.chosen + 1).saturating_sub(fit);
    for (at, hit) in search.found.hits.iter().enumerate().skip(first).take(fit) {
        let chosen = at == search.chosen;
        let lines = (row(body, (at - first) * LINES), row(body, (at - first) * LINES + 1));
        let when = time::clock_or_day(hit.sent, state.now, &state.zone);
        let who = match &hit.from {
            None => format!("you in {}", hit.name),
            Some(from) if *from == hit.name => from.clone(),
            Some(from) => format!("{from} in {}", hit.name),
        };
        let mark = if chosen { "▸" } else { " " };
        let head = clip(&format!("{mark} {who}"), usize::from(body.width).saturating_sub(width(&when) + 2));
        put(buffer, lines.0, &format!("{head}  {when}"), if chosen { theme.chosen() } else { theme.quiet() });
        pieces(&hit.excerpt, theme, lines.1, buffer);
    }
    if search.found.more && first + fit >= search.found.hits.len() {
        let place = row(body, usize::from(body.height).saturating_sub(1));
        let text = " more: type more to narrow it ";
        let wide = u16::try_from(width(text)).unwrap_or(0).min(place.width);
        put(buffer, Rect { x: place.right() - wide, width: wide, ..place }, text, theme.quiet());
    }
}

fn pieces(excerpt: &[(String, bool)], theme: Theme, line: Rect, buffer: &mut Buffer) {
    let mut place = Rect { x: line.x + 2, width: line.width.saturating_sub(2), ..line };
    for (piece, found) in excerpt {
        put(buffer, place, piece, if *found { theme.strong() } else { theme.plain() });
        let wide = u16::try_from(width(piece)).unwrap_or(u16::MAX).min(place.width);
        place = Rect { x: place.x + wide, width: place.width - wide, ..place };
    }
}
