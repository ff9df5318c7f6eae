//! Sheets over the screen: help, a new conversation, unsent text.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Block, Clear, Widget};

use super::composer::Composer;
use super::state::{Sheet, State};
use super::text::{width, wrapped};
use super::theme::Theme;
use super::view::{put, row};

const HELP: &[(&str, &str)] = &[
    ("Enter", "send; in the list: open"),
    ("Alt+Enter", "new line (also Ctrl+J)"),
    ("Ctrl+N", "new conversation"),
    ("Esc", "back; dismiss a warning"),
    ("Tab", "list, composer, messages"),
    ("Alt+↑ Alt+↓", "conversation above, below"),
    ("PgUp PgDn", "older, newer messages"),
    ("↑ then r", "choose a message, reply"),
    ("↑ then Enter", "take back the text of a failed one"),
    ("↑ then x", "give up one that still waits"),
    ("Ctrl+R", "connect now"),
    ("Ctrl+Q", "quit (also Ctrl+C)"),
    ("", ""),
    ("· sending", "on this device, waits for the relay"),
    ("✓ sent", "the relay has stored it, sealed"),
    ("✓✓ delivered", "on a device of the other person"),
    ("✓✓ read", "the other person has seen it"),
    ("✗ failed", "not sent; the reason stands below"),
    ("", ""),
    ("Sealed", "only you two can read it, not the relay"),
    ("post-quantum", "nor a quantum computer, later"),
    ("pinned", "a change of identity would be told"),
];
/// Columns of the keys in the help sheet.
const KEYS: usize = 15;
const WIDEST: u16 = 62;

/// Draws a sheet; where the cursor stands in it.
pub fn draw(state: &State, sheet: &Sheet, theme: Theme, all: Rect, buffer: &mut Buffer) -> Option<Position> {
    match sheet {
        Sheet::Help(line) => {
            help(*line, theme, all, buffer);
            None
        }
        Sheet::New(input, problem) => Some(new(input, problem.as_deref(), theme, all, buffer)),
        Sheet::Unsent(people) => {
            unsent(state, people, theme, all, buffer);
            None
        }
    }
}

/// Lines by which the help sheet can be scrolled in a terminal of this size.
pub fn help_overflow((_, lines): (u16, u16)) -> usize {
    HELP.len().saturating_sub(usize::from(lines.saturating_sub(4)))
}

fn help(line: usize, theme: Theme, all: Rect, buffer: &mut Buffer) {
    let more = help_overflow((all.width, all.height));
    let title = if more > 0 { " Keys and signs · ↑↓ scroll · Esc " } else { " Keys and signs · Esc " };
    let inside = frame(title, HELP.len(), theme, all, buffer);
    for (at, (key, meaning)) in HELP.iter().skip(line.min(more)).enumerate() {
        let gap = " ".repeat(KEYS.saturating_sub(width(key)));
        put(buffer, row(inside, at), &format!("{key}{gap}{meaning}"), theme.plain());
        put(buffer, row(inside, at), key, theme.strong());
    }
}

fn new(input: &Composer, problem: Option<&str>, theme: Theme, all: Rect, buffer: &mut Buffer) -> Position {
    let says = problem.unwrap_or("Handles have a to z, digits, '.', '_' and '-'.");
    let columns = usize::from(all.width.min(WIDEST).saturating_sub(6));
    let says = wrapped(says, columns);
    let inside = frame(" New conversation · Enter · Esc ", 2 + says.len(), theme, all, buffer);
    let prompt = "Handle: ";
    put(buffer, inside, prompt, theme.strong());
    let at = u16::try_from(width(prompt)).unwrap_or(0);
    let field = Rect { x: inside.x + at, width: inside.width.saturating_sub(at + 1), height: 1, ..inside };
    // A handle is short: what is longer than the field is shown from its end.
    let (shown, column) = tail(input, usize::from(field.width));
    put(buffer, field, &shown, theme.plain());
    let style = if problem.is_some() { theme.bad() } else { theme.quiet() };
    for (line, text) in says.into_iter().enumerate() {
        put(buffer, row(inside, 2 + line), text, style);
    }
    Position { x: field.x + u16::try_from(column).unwrap_or(0), y: field.y }
}

/// The part of a text around its cursor that fits, and the cursor's column in it.
fn tail(input: &Composer, columns: usize) -> (String, usize) {
    let text = crate::safe_text::safe_line(input.text());
    let (column, _) = input.place(usize::MAX);
    let skip = column.saturating_sub(columns);
    let mut hidden = 0;
    let mut shown = text.as_str();
    while hidden < skip {
        let Some(c) = shown.chars().next() else { break };
        shown = &shown[c.len_utf8()..];
        hidden += width(c.encode_utf8(&mut [0; 4]));
    }
    (shown.to_owned(), column - hidden.min(column))
}

fn unsent(state: &State, people: &[String], theme: Theme, all: Rect, buffer: &mut Buffer) {
    let columns = usize::from(all.width.min(WIDEST).saturating_sub(6));
    let lost = state.cannot_be_kept();
    let mut texts = vec![format!("There is text that was not sent, to {}.", people.join(", "))];
    if !lost.is_empty() {
        let lost = lost.join(", ");
        texts.push(format!(
            "What you wrote to {lost} cannot be kept: no conversation is there yet. Send it or lose it."
        ));
    }
    texts.extend(
        ["", "Enter  quit and keep it for the next time", "d      quit and throw it away", "Esc    stay"]
            .map(str::to_owned),
    );
    let lines: Vec<&str> = texts.iter().flat_map(|text| wrapped(text, columns)).collect();
    let inside = frame(" Unsent text ", lines.len(), theme, all, buffer);
    for (at, line) in lines.into_iter().enumerate() {
        put(buffer, row(inside, at), line, theme.plain());
    }
}

/// An empty sheet in the middle for so many lines; its inside.
fn frame(title: &str, lines: usize, theme: Theme, all: Rect, buffer: &mut Buffer) -> Rect {
    let columns = all.width.min(WIDEST);
    let lines = u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2).min(all.height.saturating_sub(2));
    let area = Rect::new((all.width - columns) / 2, (all.height - lines) / 2, columns, lines);
    Clear.render(area, buffer);
    let block = Block::bordered().title(title).title_style(theme.strong());
    let inside = block.inner(area);
    block.render(area, buffer);
    Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside }
}
