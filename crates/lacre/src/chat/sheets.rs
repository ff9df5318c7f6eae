//! Sheets over the screen: help, a new conversation, unsent text. A larger one has a file of its own.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Block, Clear, Widget};

use super::actions;
use super::acts;
use super::composer::Composer;
use super::filling;
use super::group;
use super::linking;
use super::palette;
use super::panel;
use super::questions;
use super::search;
use super::state::{Seen, Sheet, State};
use super::text::{clip, width, wrapped};
use super::theme::Theme;
use super::view::{put, put_cells, row};

/// Columns of the keys in the help sheet.
const KEYS: usize = 15;
/// Columns of the widest sheet.
pub(super) const WIDEST: u16 = 62;

/// Draws a sheet; where the cursor stands in it.
pub fn draw(state: &State, sheet: &Sheet, theme: Theme, all: Rect, buffer: &mut Buffer) -> Option<Position> {
    match sheet {
        Sheet::Help(line) => {
            help(*line, theme, all, buffer);
            None
        }
        Sheet::Ask(ask) => acts::draw(ask, theme, all, buffer),
        Sheet::Once(text) => {
            acts::draw_once(text, theme, all, buffer);
            None
        }
        Sheet::Seen(seen) => {
            draw_seen(seen, theme, all, buffer);
            None
        }
        Sheet::Group(sheet) => group::draw(state, sheet, theme, all, buffer),
        Sheet::NameGroup(people, name) => Some(name_group(people, name, theme, all, buffer)),
        Sheet::Palette(shown) => Some(palette::draw(shown, theme, all, buffer)),
        Sheet::Panel(shown) => {
            panel::draw(state, shown, theme, all, buffer);
            None
        }
        Sheet::Question(question) => {
            if let Some(under) = &question.back {
                panel::draw(state, under, theme, all, buffer);
            }
            questions::draw(question, theme, all, buffer)
        }
        Sheet::Linking(shown) => {
            linking::draw(shown, theme, all, buffer);
            None
        }
        Sheet::Filling(shown) => filling::draw(shown, theme, all, buffer),
        Sheet::Search(found) => Some(search::draw(state, found, theme, all, buffer)),
        Sheet::New(input, problem) => Some(new(input, problem.as_deref(), theme, all, buffer)),
        Sheet::Unsent(people) => {
            unsent(state, people, theme, all, buffer);
            None
        }
    }
}

/// Draws a picture, in the middle.
fn draw_seen(seen: &Seen, theme: Theme, all: Rect, buffer: &mut Buffer) {
    let title = format!(" {} · Esc ", seen.title);
    let inside =
        frame(&clip(&title, usize::from(all.width.min(WIDEST)) - 2), seen.cells.len(), theme, all, buffer);
    let wide = u16::try_from(seen.cells.iter().map(Vec::len).max().unwrap_or(0)).unwrap_or(u16::MAX);
    let left = inside.width.saturating_sub(wide) / 2;
    for (at, cells) in seen.cells.iter().enumerate() {
        let place = row(inside, at);
        let place = Rect { x: place.x + left, width: place.width.saturating_sub(left), ..place };
        put_cells(buffer, place, cells);
    }
}

/// Lines by which the help sheet can be scrolled in a terminal of this size.
pub fn help_overflow((_, lines): (u16, u16)) -> usize {
    actions::help().len().saturating_sub(usize::from(lines.saturating_sub(4)))
}

fn help(line: usize, theme: Theme, all: Rect, buffer: &mut Buffer) {
    let more = help_overflow((all.width, all.height));
    let title = if more > 0 { " Keys and signs · ↑↓ scroll · Esc " } else { " Keys and signs · Esc " };
    let lines = actions::help();
    let inside = frame(title, lines.len(), theme, all, buffer);
    for (at, (key, meaning)) in lines.into_iter().skip(line.min(more)).enumerate() {
        let gap = " ".repeat(KEYS.saturating_sub(width(key)));
        put(buffer, row(inside, at), &format!("{key}{gap}{meaning}"), theme.plain());
        put(buffer, row(inside, at), key, theme.strong());
    }
}

fn new(input: &Composer, problem: Option<&str>, theme: Theme, all: Rect, buffer: &mut Buffer) -> Position {
    let says = problem
        .unwrap_or("Handles have a to z, digits, '.', '_' and '-'. Several, between commas, make a group; your own is for notes to yourself.");
    let columns = usize::from(all.width.min(WIDEST).saturating_sub(6));
    let says = wrapped(says, columns);
    let inside = frame(" New conversation · Enter · Esc ", 2 + says.len(), theme, all, buffer);
    let cursor = field("Handle: ", input, theme, inside, buffer);
    let style = if problem.is_some() { theme.bad() } else { theme.quiet() };
    for (line, text) in says.into_iter().enumerate() {
        put(buffer, row(inside, 2 + line), text, style);
    }
    cursor
}

fn name_group(people: &[String], name: &Composer, theme: Theme, all: Rect, buffer: &mut Buffer) -> Position {
    let columns = usize::from(all.width.min(WIDEST).saturating_sub(6));
    let says = format!(
        "With {}. Only its members can read what is said in it, and see its name.",
        people.join(", ")
    );
    let says = wrapped(&says, columns);
    let inside = frame(" New group · Enter · Esc ", 2 + says.len(), theme, all, buffer);
    for (line, text) in says.into_iter().enumerate() {
        put(buffer, row(inside, 2 + line), text, theme.quiet());
    }
    field("Name: ", name, theme, inside, buffer)
}

/// A prompt and what is typed behind it, on the first line; where the cursor stands.
pub(super) fn field(
    prompt: &str,
    input: &Composer,
    theme: Theme,
    inside: Rect,
    buffer: &mut Buffer,
) -> Position {
    put(buffer, inside, prompt, theme.strong());
    let at = u16::try_from(width(prompt)).unwrap_or(0);
    let field = Rect { x: inside.x + at, width: inside.width.saturating_sub(at + 1), height: 1, ..inside };
    // What is longer than the field is shown from its end.
    let (shown, column) = tail(input, usize::from(field.width));
    put(buffer, field, &shown, theme.plain());
    Position { x: field.x + u16::try_from(column).unwrap_or(0), y: field.y }
}

/// The part of a text around its cursor that fits, and the cursor's column in it.
pub(super) fn tail(input: &Composer, columns: usize) -> (String, usize) {
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
pub(super) fn frame(title: &str, lines: usize, theme: Theme, all: Rect, buffer: &mut Buffer) -> Rect {
    let columns = all.width.min(WIDEST);
    let lines = u16::try_from(lines).unwrap_or(u16::MAX).saturating_add(2).min(all.height.saturating_sub(2));
    let area = Rect::new((all.width - columns) / 2, (all.height - lines) / 2, columns, lines);
    Clear.render(area, buffer);
    let block = Block::bordered().title(title).title_style(theme.strong());
    let inside = block.inner(area);
    block.render(area, buffer);
    Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside }
}
