//! The screen for a state: pure.

use lacre_media::picture::{Cell, Colour, HALF_BLOCK};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Style};
use ratatui::widgets::{Clear, Widget};

use super::lines::{Kind, Line};
use super::model::{Connection, Conversation, Message, Stance, Tick};
use super::open::Open;
use super::panes::{LEAST_COLUMNS, LEAST_LINES, Panes};
use super::state::{Focus, State};
use super::text::{clip, drawable, fitting, width, wrap, wrapped};
use super::theme::Theme;
use super::{sheets, time, words};

/// Most lines of an answer or an alert.
const SAID: u16 = 4;

/// Draws the state.
pub fn draw(state: &State, theme: Theme, frame: &mut Frame<'_>) {
    let panes = Panes::of(state);
    let all = frame.area();
    let buffer = frame.buffer_mut();
    if panes == Panes::default() {
        return too_small(state, all, buffer);
    }
    top(state, theme, panes.top, buffer);
    banner(state, theme, panes.banner, buffer);
    list(state, theme, panes.list, buffer);
    for y in panes.divider.rows().map(|row| row.y) {
        buffer.set_string(panes.divider.x, y, "│", theme.quiet());
    }
    conversation(state, theme, &panes, buffer);
    let cursor = match &state.sheet {
        Some(sheet) => sheets::draw(state, sheet, theme, all, buffer),
        None => composer(state, theme, panes.composer, buffer),
    };
    bottom(state, theme, panes.bottom, buffer);
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Writes a text into one line; what does not fit is cut.
pub(super) fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    if area.height > 0 && area.width > 0 {
        let text = clip(text, area.width.into());
        buffer.set_stringn(area.x, area.y, drawable(&text), area.width.into(), style);
    }
}

/// Draws a row of a picture into one line; what does not fit is cut.
pub(super) fn put_cells(buffer: &mut Buffer, area: Rect, cells: &[Cell]) {
    let colour = |colour| match colour {
        Colour::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
        Colour::Indexed(index) => Color::Indexed(index),
    };
    if area.height == 0 {
        return;
    }
    for (x, cell) in (area.x..area.right()).zip(cells) {
        let style = Style::new().fg(colour(cell.top)).bg(colour(cell.bottom));
        buffer[(x, area.y)].set_char(HALF_BLOCK).set_style(style);
    }
}

/// The line of an area, or nothing below its end.
pub(super) fn row(area: Rect, at: usize) -> Rect {
    match u16::try_from(at) {
        Ok(at) if at < area.height => Rect { y: area.y + at, height: 1, ..area },
        _ => Rect::ZERO,
    }
}

fn too_small(state: &State, all: Rect, buffer: &mut Buffer) {
    let (columns, lines) = state.size;
    let text = format!(
        "This window is too small ({columns} by {lines}): make it {LEAST_COLUMNS} by {LEAST_LINES} or more. Nothing is lost."
    );
    for (at, line) in wrapped(&text, all.width.into()).into_iter().enumerate() {
        put(buffer, row(all, at), line, Style::new());
    }
}

fn top(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let connection = words::connection(&state.connection);
    let style = match state.connection {
        Connection::Online => theme.good(),
        Connection::Connecting | Connection::CatchingUp => theme.waits(),
        Connection::Offline { .. } | Connection::Closed => theme.bad(),
    };
    let right = u16::try_from(width(connection)).unwrap_or(0) + 1;
    let left = Rect { width: area.width.saturating_sub(right + 1), ..area };
    put(buffer, left, &format!(" Lacre · {}", state.me.handle), theme.strong());
    put(buffer, Rect { x: area.width.saturating_sub(right), width: right, ..area }, connection, style);
}

fn banner(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let texts = words::offline(state);
    let text = fitting(texts.iter().map(String::as_str), usize::from(area.width).saturating_sub(2));
    put(buffer, area, &format!(" {text}"), theme.bad());
}

/// Keys, answers and alerts. What is said is said in full, over what stands above.
fn bottom(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let room = usize::from(area.width).saturating_sub(2);
    let waits = state.waits_for();
    let (said, style) = match (waits.as_ref().or(state.notice.as_ref()), state.alerts.front()) {
        (Some(notice), _) => (notice.clone(), theme.waits()),
        (None, Some(alert)) => {
            let more = match state.alerts.len() - 1 {
                0 => "(Esc)".to_owned(),
                more => format!("(Esc, {more} more)"),
            };
            (format!("! {alert} {more}"), theme.bad())
        }
        (None, None) => {
            let keys = fitting(words::keys(state).iter().copied(), room);
            return put(buffer, area, &format!(" {keys}"), theme.quiet());
        }
    };
    let lines = wrapped(&said, room);
    let above = u16::try_from(lines.len() - 1).unwrap_or(0).min(SAID - 1).min(area.y);
    let area = Rect { y: area.y - above, height: area.height + above, ..area };
    Clear.render(area, buffer);
    for (at, line) in lines.into_iter().enumerate() {
        put(buffer, row(area, at), &format!(" {line}"), style);
    }
}

fn list(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.width == 0 {
        return;
    }
    if state.is_new_here() {
        if state.open.is_none() && !Panes::of(state).both() {
            return nothing(state, theme, area, buffer);
        }
        let text = if state.loaded { " No conversations yet" } else { " …" };
        return put(buffer, area, text, theme.quiet());
    }
    let area = requests(state, theme, area, buffer);
    let listed = state.listed();
    if listed.is_empty() {
        let text = if state.only_unread { " Nothing unread; Ctrl+U: all" } else { " No conversations yet" };
        return put(buffer, area, text, theme.quiet());
    }
    let cursor = state.cursor.and_then(|id| listed.iter().position(|row| row.id == id)).unwrap_or(0);
    let fit = usize::from(area.height / 2).max(1);
    let first = (cursor + 1).saturating_sub(fit);
    for (at, entry) in listed.into_iter().enumerate().skip(first).take(fit) {
        let lines = (row(area, (at - first) * 2), row(area, (at - first) * 2 + 1));
        entry_of_list(state, theme, entry, at == cursor, lines, buffer);
    }
}

/// That somebody asks, on the first line; what is left of the area.
fn requests(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
    let text = match state.requests() {
        0 => return area,
        1 => " 1 request · Ctrl+T".to_owned(),
        many => format!(" {many} requests · Ctrl+T"),
    };
    put(buffer, area, &text, theme.waits());
    Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }
}

fn entry_of_list(
    state: &State,
    theme: Theme,
    entry: &Conversation,
    at_cursor: bool,
    lines: (Rect, Rect),
    buffer: &mut Buffer,
) {
    let is_open = state.open.as_ref().is_some_and(|open| open.conversation() == Some(entry.id));
    let here = at_cursor && state.focus == Focus::List;
    let mark = if at_cursor && here {
        "▸"
    } else if is_open {
        "▌"
    } else {
        " "
    };
    let columns = usize::from(lines.0.width);
    let name_style = match (here, entry.unread > 0 || is_open) {
        (true, _) => theme.chosen(),
        (false, true) => theme.strong(),
        (false, false) => theme.plain(),
    };
    let time = time::clock_or_day(entry.active, state.now, &state.zone);
    let name = clip(&entry.with, columns.saturating_sub(width(&time) + 4));
    let gap = columns.saturating_sub(width(&name) + width(&time) + 3);
    put(buffer, lines.0, &format!("{mark} {name}{}{time}", " ".repeat(gap)), name_style);
    let unread = match entry.unread {
        0 => String::new(),
        unread => format!(" {unread} new"),
    };
    let preview = clip(&words::preview(state, entry), columns.saturating_sub(width(&unread) + 3));
    let unread_at = u16::try_from(columns.saturating_sub(width(&unread) + 1)).unwrap_or(0);
    let style = if entry.unread > 0 { theme.plain() } else { theme.quiet() };
    put(buffer, lines.1, &format!("  {preview}"), style);
    put(
        buffer,
        Rect { x: lines.1.x + unread_at, width: lines.1.width - unread_at, ..lines.1 },
        &unread,
        theme.good().patch(theme.strong()),
    );
}

fn conversation(state: &State, theme: Theme, panes: &Panes, buffer: &mut Buffer) {
    if panes.messages.width == 0 {
        return;
    }
    let texts = words::safety(state);
    let text = fitting(texts.iter().map(String::as_str), panes.safety.width.into());
    let held = state.held().is_some();
    put(buffer, panes.safety, &text, if held { theme.bad() } else { theme.good() });
    match &state.open {
        Some(open) if open.loaded && !open.rows.is_empty() => {
            messages(state, open, theme, panes.messages, buffer)
        }
        _ => nothing(state, theme, panes.messages, buffer),
    }
    for (at, command) in state.commands().into_iter().enumerate() {
        put(buffer, row(panes.hints, at), &format!("  {command}"), theme.quiet());
    }
    if state.open.is_some() {
        let texts = words::to(state);
        let to = fitting(texts.iter().map(String::as_str), usize::from(panes.to.width).saturating_sub(6));
        let rest = usize::from(panes.to.width).saturating_sub(width(&to) + 4);
        let style = if held { theme.bad() } else { theme.quiet() };
        put(buffer, panes.to, &format!("── {to} {}", "─".repeat(rest)), style);
    }
}

fn nothing(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width).saturating_sub(3);
    let texts = words::nothing_here(state);
    let lines: Vec<&str> = texts.iter().flat_map(|text| wrapped(text, columns)).collect();
    let above = usize::from(area.height).saturating_sub(lines.len()) / 3;
    for (at, line) in lines.into_iter().enumerate() {
        put(buffer, row(area, above + at), &format!("  {line}"), theme.plain());
    }
}

fn messages(state: &State, open: &Open, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (lines, start) = open.layout(&state.area());
    let in_sight = &lines[start..lines.len().min(start + usize::from(area.height))];
    // Few messages stand at the bottom, near the composer.
    let above = usize::from(area.height) - in_sight.len();
    for (at, line) in in_sight.iter().enumerate() {
        let place = row(area, above + at);
        let message = &open.rows[line.row];
        let chosen = open.chosen == Some(message.id) && !matches!(line.kind, Kind::Rule | Kind::Blank);
        if chosen {
            put(buffer, place, "▌", theme.mine());
        }
        let place = Rect { x: place.x + 1, width: place.width.saturating_sub(1), ..place };
        line_of_message(line, message, chosen, theme, place, buffer);
    }
    let below = lines.len() - start - in_sight.len();
    if below > 0 {
        let text = format!(" ↓ {below} more lines, PgDn ");
        let text = if below == 1 { " ↓ 1 more line, PgDn ".to_owned() } else { text };
        let place = row(area, usize::from(area.height) - 1);
        let wide = u16::try_from(width(&text)).unwrap_or(0).min(place.width);
        put(buffer, Rect { x: place.right() - wide, width: wide, ..place }, &text, theme.chosen());
    }
}

fn line_of_message(
    line: &Line,
    message: &Message,
    chosen: bool,
    theme: Theme,
    place: Rect,
    buffer: &mut Buffer,
) {
    if let Kind::Picture(at) = line.kind {
        let place = Rect { x: place.x + 2, width: place.width.saturating_sub(2), ..place };
        let cells = message.picture.as_ref().and_then(|picture| picture.cells.get(at));
        return put_cells(buffer, place, cells.map_or(&[], Vec::as_slice));
    }
    let style = match line.kind {
        Kind::Blank | Kind::Text | Kind::Picture(_) => theme.plain(),
        Kind::Rule | Kind::Quote => theme.quiet(),
        Kind::Note => theme.waits(),
        Kind::Failed => theme.bad(),
        Kind::Head => theme.quiet(),
    };
    put(buffer, place, &line.text, style);
    if line.kind != Kind::Head {
        return;
    }
    let who = if message.mine { "you" } else { &message.from };
    let style = if message.mine { theme.mine() } else { theme.theirs() };
    put(
        buffer,
        place,
        &clip(who, place.width.into()),
        if chosen { style.patch(theme.chosen()) } else { style },
    );
    let Some(tick) = &message.tick else { return };
    let (mark, word) = super::lines::tick(tick);
    let style = match tick {
        Tick::Sending => theme.waits(),
        Tick::Sent => theme.plain(),
        Tick::Delivered => theme.good(),
        Tick::Read => theme.read(),
        Tick::Failed(_) => theme.bad(),
    };
    let told = format!("{mark} {word}");
    if let Some(at) = line.text.find(&told) {
        let x = u16::try_from(width(&line.text[..at])).unwrap_or(0);
        put(buffer, Rect { x: place.x + x, width: place.width.saturating_sub(x), ..place }, &told, style);
    }
}

/// Draws the composer; where the cursor stands in it.
fn composer(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if let Some((_, stance)) = state.undecided() {
        decision(stance, theme, area, buffer);
        return None;
    }
    let composer = &state.draft()?.composer;
    if area.width == 0 {
        return None;
    }
    let focused = state.focus == Focus::Composer;
    let lines = wrap(composer.text(), area.width.into());
    let (column, line) = composer.place(area.width.into());
    let first = (line + 1).saturating_sub(area.height.into());
    put(
        buffer,
        Rect { x: area.x - 2, width: 1, height: 1, ..area },
        if focused { "›" } else { " " },
        theme.strong(),
    );
    for (at, range) in lines.into_iter().skip(first).enumerate() {
        put(buffer, row(area, at), composer.text()[range].trim_end_matches(' '), theme.plain());
    }
    let column = u16::try_from(column).unwrap_or(u16::MAX).min(area.width);
    let line = u16::try_from(line - first).unwrap_or(0);
    focused.then_some(Position { x: area.x + column, y: area.y + line })
}

/// What stands in the composer's place while nothing is written.
fn decision(stance: Stance, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let texts: &[&str] = match stance {
        Stance::Blocked => &["u  unblock"],
        _ => &["a  accept · d  delete · b  block · r  report", "a accept d delete b block r report"],
    };
    put(buffer, area, &fitting(texts.iter().copied(), area.width.into()), theme.strong());
}
