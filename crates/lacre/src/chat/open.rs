//! The conversation that is open: its rows, where they are scrolled to, and which one is chosen.

use jiff::tz::TimeZone;
use lacre_proto::{ConversationId, Millis};

use super::lines::{Kind, Line, lines};
use super::model::{Message, MessageId};

/// Rows that a conversation opens with, and by which it grows.
pub const PAGE: usize = 50;
/// Most rows that are here at once.
const MOST: usize = 500;
/// Rows before and after the one around which they are asked for.
pub const SPAN: usize = 200;

/// To whom one writes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// In a conversation that there is.
    Existing(ConversationId),
    /// To a handle without one: the first message makes it.
    New(String),
}

/// What the message area measures, and what time it is there.
#[derive(Debug, Clone)]
pub struct Area {
    /// Columns.
    pub columns: usize,
    /// Lines.
    pub height: usize,
    /// Whether pictures are shown.
    pub pictures: bool,
    /// Now.
    pub now: Millis,
    /// Where.
    pub zone: TimeZone,
}

/// Which rows are wanted beside those that are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// None.
    Nothing,
    /// Older ones.
    Older,
    /// Newer ones.
    Newer,
}

/// The conversation that is open.
#[derive(Debug, Clone)]
pub struct Open {
    /// Which one.
    pub target: Target,
    /// Its newest rows, the oldest first.
    pub rows: Vec<Message>,
    /// Whether the rows were read from the store.
    pub loaded: bool,
    /// Whether there are older rows than these.
    pub older: bool,
    /// Whether there are newer rows than these.
    pub newer: bool,
    /// Rows that are asked for, the newest ones.
    pub window: usize,
    /// The row around which rows are asked for instead.
    pub around: Option<MessageId>,
    /// The row that the arrows have chosen.
    pub chosen: Option<MessageId>,
    /// The row that a search leads to, until it is here.
    pub goal: Option<MessageId>,
    /// The first row that was new when the conversation was opened.
    pub new_from: Option<MessageId>,
    /// The last row that was marked read from here.
    marked: Option<MessageId>,
    /// The row and its line at the top; `None` sticks to the bottom.
    top: Option<(MessageId, usize)>,
}

impl Open {
    /// Opens it; `unread` rows of it are new.
    pub fn new(target: Target, unread: u32) -> Self {
        let unread = usize::try_from(unread).unwrap_or(MOST);
        let loaded = matches!(target, Target::New(_));
        let window = (unread + PAGE / 2).clamp(PAGE, MOST);
        Self {
            target,
            rows: Vec::new(),
            loaded,
            older: false,
            newer: false,
            window,
            around: None,
            chosen: None,
            goal: None,
            new_from: None,
            marked: None,
            top: None,
        }
    }

    /// The conversation, where there is one.
    pub fn conversation(&self) -> Option<ConversationId> {
        match self.target {
            Target::Existing(conversation) => Some(conversation),
            Target::New(_) => None,
        }
    }

    /// Takes rows that were read from the store; whether the goal of a search is among them, and chosen.
    pub fn set_rows(&mut self, rows: Vec<Message>, [older, newer]: [bool; 2], area: &Area) -> bool {
        let first = !self.loaded;
        (self.rows, self.older, self.newer, self.loaded) = (rows, older, newer, true);
        if self.chosen.is_some_and(|id| self.index(id).is_none()) {
            self.chosen = None;
        }
        let reached = self.goal.take_if(|goal| self.rows.iter().any(|row| row.id == *goal));
        if let Some(goal) = reached {
            self.chosen = Some(goal);
            self.show(goal, area);
        } else if first {
            self.new_from = self.rows.iter().find(|row| !row.mine && !row.seen).map(|row| row.id);
            if let Some(id) = self.new_from {
                self.scroll_to_line(self.first_line_of(id, area), area);
            }
        }
        if self.top.is_some() && self.around.is_none() {
            // What is looked at must not fall out of the window when newer rows come.
            self.window = self.window.max(self.rows.len() + PAGE / 2);
        }
        reached.is_some()
    }

    /// Back to the newest row.
    pub fn stick_to_bottom(&mut self) {
        self.top = None;
        self.chosen = None;
        self.window = PAGE;
        self.around = None;
    }

    /// Widens what is asked for, or moves it: never so much that drawing it is felt.
    pub fn want(&mut self, want: Want, area: &Area) {
        let (lines, start) = self.layout(area);
        let seen = match want {
            Want::Nothing => return,
            Want::Older if self.around.is_none() && self.rows.len() + PAGE <= MOST => {
                self.window = self.rows.len() + PAGE;
                return;
            }
            Want::Older => lines.get(start),
            Want::Newer => lines.last(),
        };
        self.around = seen.map(|line| self.rows[line.row].id);
    }

    /// All lines, and the index of the first one in sight.
    pub fn layout(&self, area: &Area) -> (Vec<Line>, usize) {
        let lines = lines(&self.rows, self.new_from, area);
        let last = lines.len().saturating_sub(area.height);
        let start = match self.top {
            Some((id, offset)) => lines
                .iter()
                .position(|line| self.rows[line.row].id == id)
                .map_or(last, |at| (at + offset).min(last)),
            None => last,
        };
        (lines, start)
    }

    /// Scrolls by lines; which rows are wanted then.
    pub fn scroll(&mut self, by: isize, area: &Area) -> Want {
        let (lines, start) = self.layout(area);
        let to = start.saturating_add_signed(by);
        self.scroll_to_line(to, area);
        if by < 0 && to == 0 && self.older {
            Want::Older
        } else if by > 0 && to + area.height >= lines.len() && self.newer {
            Want::Newer
        } else {
            Want::Nothing
        }
    }

    /// Chooses the row above (-1) or below (1), and shows it; which rows are wanted then. Below the last row
    /// nothing is chosen.
    pub fn choose(&mut self, by: isize, area: &Area) -> Want {
        let at = match self.chosen.and_then(|id| self.index(id)) {
            Some(at) => at.checked_add_signed(by),
            None if by < 0 => self.rows.len().checked_sub(1),
            None => None,
        };
        match at.and_then(|at| self.rows.get(at)) {
            Some(row) => {
                self.chosen = Some(row.id);
                self.show(row.id, area);
                if at == Some(0) && self.older { Want::Older } else { Want::Nothing }
            }
            None if by > 0 && self.newer => Want::Newer,
            None if by > 0 => {
                self.stick_to_bottom();
                Want::Nothing
            }
            None if self.older => Want::Older,
            None => Want::Nothing,
        }
    }

    /// The row that is chosen.
    pub fn chosen_row(&self) -> Option<&Message> {
        self.chosen.and_then(|id| self.rows.iter().find(|row| row.id == id))
    }

    /// The newest row of another that is in sight and was not marked read before.
    pub fn newly_seen(&mut self, area: &Area) -> Option<MessageId> {
        let (lines, start) = self.layout(area);
        // A name alone is not the message.
        let says = |line: &&Line| matches!(line.kind, Kind::Text | Kind::Note);
        let shown: Vec<_> =
            lines.iter().skip(start).take(area.height).filter(says).map(|line| line.row).collect();
        let newest = shown.into_iter().rev().find(|row| !self.rows[*row].mine && !self.rows[*row].seen)?;
        if self.marked.and_then(|id| self.index(id)).is_some_and(|marked| marked >= newest) {
            return None;
        }
        self.marked = Some(self.rows[newest].id);
        self.marked
    }

    fn index(&self, id: MessageId) -> Option<usize> {
        self.rows.iter().position(|row| row.id == id)
    }

    fn first_line_of(&self, id: MessageId, area: &Area) -> usize {
        let (lines, _) = self.layout(area);
        lines.iter().position(|line| self.rows[line.row].id == id).unwrap_or(0)
    }

    fn scroll_to_line(&mut self, start: usize, area: &Area) {
        let (lines, _) = self.layout(area);
        // Where there is more below, the last line here is not the bottom.
        let start = if self.newer { start.min(lines.len().saturating_sub(area.height)) } else { start };
        self.top = match lines.get(start) {
            Some(line) if self.newer || start + area.height < lines.len() => {
                let first = lines.iter().position(|other| other.row == line.row).unwrap_or(start);
                Some((self.rows[line.row].id, start - first))
            }
            _ => None,
        };
    }

    /// Scrolls as little as needed so that a row is in sight; its beginning when it does not fit.
    fn show(&mut self, id: MessageId, area: &Area) {
        let (lines, start) = self.layout(area);
        let of_row = |line: &Line| self.rows[line.row].id == id;
        let (Some(first), Some(last)) = (lines.iter().position(of_row), lines.iter().rposition(of_row))
        else {
            return;
        };
        if first < start || last - first >= area.height {
            self.scroll_to_line(first, area);
        } else if last >= start + area.height {
            self.scroll_to_line(last + 1 - area.height, area);
        }
    }
}
