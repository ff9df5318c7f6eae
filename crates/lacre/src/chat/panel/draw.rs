//! Draws a panel: a title, what stands above, rows of which one is chosen, and the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::{Panel, Row, Shown, Text, What};
use crate::chat::sheets::{WIDEST, frame};
use crate::chat::state::State;
use crate::chat::text::{clip, width, wrapped};
use crate::chat::theme::Theme;
use crate::chat::time;
use crate::chat::view::{put, row};
use crate::qr;

/// A line of a panel, and the row to which it belongs.
struct Line {
    text: String,
    style: Style,
    row: Option<usize>,
    when: Option<String>,
}

/// Draws it.
pub fn draw(state: &State, panel: &Panel, theme: Theme, all: Rect, buffer: &mut Buffer) {
    let Some(shown) = &panel.shown else {
        let inside = frame(&title(panel.what), 1, theme, all, buffer);
        return put(buffer, inside, "Reading …", theme.quiet());
    };
    if let (true, Some(code)) = (panel.code, &shown.code) {
        return draw_code(code, theme, all, buffer);
    }
    let columns = columns(all);
    let lines = lines(state, panel, shown, theme, columns);
    let keys = keys(panel.what, shown);
    let foot: Vec<&str> = if keys.is_empty() { Vec::new() } else { wrapped(&keys, columns) };
    let gap = usize::from(!foot.is_empty());
    let inside = frame(&title(panel.what), lines.len() + foot.len() + gap, theme, all, buffer);
    let room = usize::from(inside.height).saturating_sub(foot.len() + gap).max(1);
    let first = first(panel, &lines, room);
    for (at, line) in lines.iter().skip(first).take(room).enumerate() {
        draw_line(line, theme, row(inside, at), buffer);
    }
    let below = lines.len().saturating_sub(first + room);
    if below > 0 {
        let text =
            if below == 1 { " ↓ 1 more line ".to_owned() } else { format!(" ↓ {below} more lines ") };
        // Where there are keys, the line above them is empty.
        put_right(buffer, row(inside, if gap == 1 { room } else { room - 1 }), &text, theme.chosen());
    }
    let top = usize::from(inside.height).saturating_sub(foot.len());
    for (at, line) in foot.into_iter().enumerate() {
        put(buffer, row(inside, top + at), line, theme.quiet());
    }
}

/// Lines by which a panel without rows can be scrolled in a terminal of this size.
pub fn overflow(state: &State, panel: &Panel) -> usize {
    let Some(shown) = &panel.shown else { return 0 };
    let all = Rect::new(0, 0, state.size.0, state.size.1);
    let lines = lines(state, panel, shown, Theme::new(false), columns(all)).len();
    let keys = keys(panel.what, shown);
    let foot = if keys.is_empty() { 0 } else { wrapped(&keys, columns(all)).len() + 1 };
    lines.saturating_sub(usize::from(all.height.saturating_sub(4)).saturating_sub(foot).max(1))
}

fn columns(all: Rect) -> usize {
    usize::from(all.width.min(WIDEST).saturating_sub(4))
}

fn title(what: What) -> String {
    format!(" {} · Esc ", what.title())
}

/// The keys in one line.
fn keys(what: What, shown: &Shown) -> String {
    let keys = what.keys(shown).map(|binding| match binding.key {
        Some(key) => format!("{key} {}", binding.word),
        None => format!("Enter {}", binding.word),
    });
    keys.collect::<Vec<_>>().join(" · ")
}

/// The first line in sight: the chosen row is.
fn first(panel: &Panel, lines: &[Line], room: usize) -> usize {
    let most = lines.len().saturating_sub(room);
    let of_row = |line: &Line| line.row == Some(panel.at);
    match (lines.iter().position(of_row), lines.iter().rposition(of_row)) {
        (Some(_), Some(last)) if last < room => 0,
        (Some(begin), Some(last)) => (last + 1 - room).min(begin).min(most),
        _ => panel.at.min(most),
    }
}

fn lines(state: &State, panel: &Panel, shown: &Shown, theme: Theme, columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut plain = |text: &str, style| {
        let text = text.to_owned();
        lines.push(Line { text, style, row: None, when: None });
    };
    for text in &shown.above {
        let (text, style) = match text {
            Text::Plain(text) => (text, theme.plain()),
            Text::Strong(text) => (text, theme.strong()),
            Text::Quiet(text) => (text, theme.quiet()),
        };
        wrapped(text, columns).into_iter().for_each(|line| plain(line, style));
    }
    if shown.rows.is_empty() {
        let nothing = panel.what.nothing();
        if !nothing.is_empty() {
            wrapped(nothing, columns).into_iter().for_each(|line| plain(line, theme.quiet()));
        }
        return lines;
    }
    if !shown.above.is_empty() {
        plain("", theme.plain());
    }
    for (at, row) in shown.rows.iter().enumerate() {
        lines_of_row(state, at, row, at == panel.at, theme, columns, &mut lines);
    }
    lines
}

fn lines_of_row(
    state: &State,
    at: usize,
    row: &Row,
    chosen: bool,
    theme: Theme,
    columns: usize,
    lines: &mut Vec<Line>,
) {
    let when = row.when.map(|when| time::clock_or_day(when, state.now, &state.zone));
    let mark = if chosen { "▸" } else { " " };
    let room = columns.saturating_sub(when.as_deref().map_or(0, |when| width(when) + 2));
    let style = if chosen { theme.chosen() } else { theme.strong() };
    let text = clip(&format!("{mark} {}", row.head), room);
    lines.push(Line { text, style, row: Some(at), when });
    for says in &row.says {
        for line in wrapped(says, columns.saturating_sub(2)) {
            lines.push(Line { text: format!("  {line}"), style: theme.plain(), row: Some(at), when: None });
        }
    }
}

fn draw_line(line: &Line, theme: Theme, place: Rect, buffer: &mut Buffer) {
    put(buffer, place, &line.text, line.style);
    if let Some(when) = &line.when {
        put_right(buffer, place, when, theme.quiet());
    }
}

fn put_right(buffer: &mut Buffer, place: Rect, text: &str, style: Style) {
    let wide = u16::try_from(width(text)).unwrap_or(0).min(place.width);
    put(buffer, Rect { x: place.right() - wide, width: wide, ..place }, text, style);
}

/// The code in the middle of the screen, dark on light as a camera wants it.
fn draw_code(code: &str, theme: Theme, all: Rect, buffer: &mut Buffer) {
    let drawn = qr::terminal(code).unwrap_or_default();
    let lines: Vec<&str> = drawn.lines().collect();
    let wide = lines.iter().map(|line| width(line)).max().unwrap_or(0);
    let fits = wide + 4 <= usize::from(all.width.min(WIDEST)) && lines.len() + 4 <= usize::from(all.height);
    if !fits {
        let needs = format!("The QR code needs a window of {} by {}.", wide + 4, lines.len() + 4);
        let says = wrapped(&needs, columns(all));
        let inside = frame(" QR code · q back · Esc ", says.len(), theme, all, buffer);
        for (at, line) in says.into_iter().enumerate() {
            put(buffer, row(inside, at), line, theme.plain());
        }
        return;
    }
    let inside = frame(" QR code · q back · Esc ", lines.len(), theme, all, buffer);
    let left = (inside.width.saturating_sub(u16::try_from(wide).unwrap_or(0))) / 2;
    for (at, line) in lines.into_iter().enumerate() {
        let place = row(inside, at);
        let place = Rect { x: place.x + left, width: place.width.saturating_sub(left), ..place };
        // In this terminal's own colours a light theme would turn it inside out.
        put(buffer, place, line, Style::new().fg(Color::Black).bg(Color::White));
    }
}
