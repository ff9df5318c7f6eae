//! Rows of a conversation as lines that fit: who, when, where it stands, what it says.

use lacre_media::voice::{BUCKETS, LOUDEST};

use super::model::{Body, Message, MessageId, Picture, Tick};
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
    /// A row of its picture.
    Picture(usize),
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
                if let Some(picture) = row.picture.as_ref().filter(|_| area.pictures) {
                    (0..picture.cells.len()).for_each(|at| push(Kind::Picture(at), String::new()));
                    push(Kind::Quote, clip(&format!("  {}", made_by(row, picture)), area.columns));
                }
                if let Some(waveform) = &row.waveform {
                    push(Kind::Text, format!("  {}", loudness(waveform, area.columns.saturating_sub(2))));
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

/// Whose picture it is: what a sender shows may be another one than the file.
fn made_by(row: &Message, picture: &Picture) -> String {
    match (picture.real, row.mine) {
        (true, _) => "the picture itself".to_owned(),
        (false, true) => "preview; ↑ then v: the picture itself".to_owned(),
        (false, false) => format!("preview by {}; ↑ then v: the picture itself", row.from),
    }
}

/// A waveform in one line that fits.
fn loudness(waveform: &[u8], columns: usize) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: u8| BARS[usize::from(value.min(LOUDEST)) * BARS.len() / (usize::from(LOUDEST) + 1)];
    // Where there is less room, one bar stands for several.
    let wide = waveform.len().div_ceil(columns.max(1)).max(1);
    let bars = waveform.chunks(wide).map(|chunk| bar(chunk.iter().copied().max().unwrap_or(0)));
    // Whoever sends more than there are in a note is not followed.
    bars.take(BUCKETS).collect()
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
