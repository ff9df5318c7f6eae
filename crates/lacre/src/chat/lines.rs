//! Rows of a conversation as lines that fit: who, when, where it stands, what it says.

use super::model::{Body, Message, MessageId, Tick};
use super::open::Area;
use super::text::{clip, wrapped};
use super::time;

/// Messages of one author so far apart begin a new paragraph.
const PAUSE: u64 = 10 * 60 * 1000;

/// A line of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The row that it belongs to.
    pub row: usize,
    /// What it is.
    pub kind: Kind,
    /// What it says; fits.
    pub text: String,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Empty, between messages.
    Blank,
    /// A new day, or where the new messages begin.
    Rule,
    /// Author and time.
    Head,
    /// What the message answers.
    Quote,
    /// What it says.
    Text,
    /// What the program says in its place.
    Note,
    /// That it was not sent, and why.
    Failed,
}

/// All lines of these rows.
pub fn lines(rows: &[Message], new_from: Option<MessageId>, area: &Area) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| &rows[before]);
        let mut push = |kind, text: String| lines.push(Line { row: at, kind, text });
        separators(row, before, new_from, area, &mut push);
        match &row.body {
            Body::Text(text) => {
                push(Kind::Head, clip(&head(row, area), area.columns));
                if let Some(quote) = &row.reply {
                    let quoted = match &quote.what {
                        Some((from, text)) => format!("  ┃ {from}: {text}"),
                        None => "  ┃ a message that is not on this device".to_owned(),
                    };
                    push(Kind::Quote, clip(&quoted, area.columns));
                }
                paragraph(text, Kind::Text, area, &mut push);
                if !row.marks.told.is_empty() {
                    paragraph(&row.marks.told, Kind::Quote, area, &mut push);
                }
                if let Some(Tick::Failed(why)) = &row.tick {
                    paragraph(&format!("Not sent: {why}."), Kind::Failed, area, &mut push);
                }
            }
            body => paragraph(&note(&row.from, body), Kind::Note, area, &mut push),
        }
    }
    lines
}

/// The tick and its word.
pub fn tick(tick: &Tick) -> (&'static str, &'static str) {
    match tick {
        Tick::Sending => ("·", "sending"),
        Tick::Sent => ("✓", "sent"),
        Tick::Delivered => ("✓✓", "delivered"),
        Tick::Read => ("✓✓", "read"),
        Tick::Failed(_) => ("✗", "failed"),
    }
}

/// A sentence for what cannot be shown.
pub fn note(from: &str, body: &Body) -> String {
    match body {
        Body::Text(text) => text.clone(),
        Body::Told(sentence) => sentence.clone(),
        Body::Unknown => format!("{from} sent something that this version cannot show; update to read it."),
        Body::Unreadable(why) => format!("A message from {from} cannot be read: {why}."),
        Body::Gap(1) => format!("One message from {from} did not arrive."),
        Body::Gap(missing) => format!("{missing} messages from {from} did not arrive."),
    }
}

fn separators(
    row: &Message,
    before: Option<&Message>,
    new_from: Option<MessageId>,
    area: &Area,
    push: &mut impl FnMut(Kind, String),
) {
    let day = |row: &Message| time::date(row.sent, &area.zone);
    let new_day = before.is_none_or(|before| day(before) != day(row));
    let new = new_from == Some(row.id);
    if let Some(before) = before
        && !new_day
        && !new
        && (before.mine != row.mine || row.sent.abs_diff(before.sent) > PAUSE)
    {
        push(Kind::Blank, String::new());
    }
    if new_day {
        push(Kind::Rule, rule(&time::day_name(row.sent, area.now, &area.zone), area.columns));
    }
    if new {
        push(Kind::Rule, rule("New", area.columns));
    }
}

/// A name between two strokes.
fn rule(name: &str, columns: usize) -> String {
    let name = format!(" {} ", clip(name, columns.saturating_sub(4)));
    let left = columns.saturating_sub(super::text::width(&name)) / 2;
    let right = columns.saturating_sub(super::text::width(&name) + left);
    format!("{}{name}{}", "─".repeat(left), "─".repeat(right))
}

fn head(row: &Message, area: &Area) -> String {
    let who = if row.mine { "you" } else { &row.from };
    let mut head = format!("{who}  {}", time::clock(row.sent, &area.zone));
    if let Some(state) = &row.tick {
        let (mark, word) = tick(state);
        head.push_str(&format!("  {mark} {word}"));
    }
    if row.late {
        head.push_str("  came late");
    }
    match (row.marks.vanishes, row.marks.timer) {
        (Some(at), _) => {
            let left = at.saturating_sub(area.now) / 1000;
            head.push_str(&format!("  vanishes in {}", time::about(left)));
        }
        (None, Some(seconds)) => {
            head.push_str(&format!("  vanishes {} after it was read", crate::output::duration(seconds)));
        }
        (None, None) => {}
    }
    head
}

fn paragraph(text: &str, kind: Kind, area: &Area, push: &mut impl FnMut(Kind, String)) {
    for line in wrapped(text, area.columns.saturating_sub(2)) {
        push(kind, format!("  {line}"));
    }
}
