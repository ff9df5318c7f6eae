//! Where everything stands on the screen.

use ratatui::layout::Rect;

use super::model::Connection;
use super::state::{Focus, State};
use super::text::wrap;

/// Narrowest terminal that is drawn.
pub const LEAST_COLUMNS: u16 = 40;
/// Lowest terminal that is drawn.
pub const LEAST_LINES: u16 = 12;
/// From here on list and conversation stand side by side.
const SIDE_BY_SIDE: u16 = 72;
/// Most lines that the composer takes.
const COMPOSER: u16 = 6;

/// The parts of the screen; a part that is not shown has no area.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Panes {
    /// Who this is, and the connection.
    pub top: Rect,
    /// That there is no connection, and what becomes of messages.
    pub banner: Rect,
    /// The list of conversations.
    pub list: Rect,
    /// Between list and conversation.
    pub divider: Rect,
    /// How the conversation is sealed.
    pub safety: Rect,
    /// Its messages; the first column marks the chosen one.
    pub messages: Rect,
    /// The commands of a business that begin like what one writes.
    pub hints: Rect,
    /// To whom one writes, and what one answers.
    pub to: Rect,
    /// What one writes; the last column is for the cursor.
    pub composer: Rect,
    /// Keys, answers and alerts.
    pub bottom: Rect,
}

impl Panes {
    /// The parts for this state.
    pub fn of(state: &State) -> Self {
        let (columns, lines) = state.size;
        let mut panes = Self::default();
        if columns < LEAST_COLUMNS || lines < LEAST_LINES {
            return panes;
        }
        let banner = u16::from(matches!(state.connection, Connection::Offline { .. } | Connection::Closed));
        panes.top = Rect::new(0, 0, columns, 1);
        panes.banner = Rect::new(0, 1, columns, banner);
        panes.bottom = Rect::new(0, lines - 1, columns, 1);
        let body = Rect::new(0, 1 + banner, columns, lines - 2 - banner);
        if columns >= SIDE_BY_SIDE {
            let list = (columns / 3).clamp(26, 38);
            panes.list = Rect { width: list, ..body };
            panes.divider = Rect { x: list, width: 1, ..body };
            panes.conversation(Rect { x: list + 2, width: columns - list - 2, ..body }, state);
        } else if state.focus == Focus::List || state.open.is_none() {
            panes.list = body;
        } else {
            panes.conversation(body, state);
        }
        panes
    }

    /// Whether list and conversation are both shown.
    pub fn both(&self) -> bool {
        self.list.width > 0 && self.messages.width > 0
    }

    fn conversation(&mut self, body: Rect, state: &State) {
        let written = state.draft().map_or("", |draft| draft.composer.text());
        let width = body.width.saturating_sub(3);
        let wanted = wrap(written, usize::from(width)).len();
        let room = COMPOSER.min(body.height / 3).max(1);
        let composer = u16::try_from(wanted).unwrap_or(room).clamp(1, room);
        let hints = Self::hints(state, body.height);
        let messages = body.height - 2 - composer - hints;
        self.safety = Rect { height: 1, ..body };
        self.messages = Rect { y: body.y + 1, height: messages, ..body };
        self.hints = Rect { y: body.y + 1 + messages, height: hints, ..body };
        self.to = Rect { y: self.hints.y + hints, height: 1, ..body };
        self.composer = Rect { x: body.x + 2, y: self.to.y + 1, width, height: composer };
    }
}
