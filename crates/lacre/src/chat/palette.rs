//! The palette: everything that can be done, found by typing a word of it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::actions::{ANYWHERE, Action};
use super::composer::Composer;
use super::input::edit;
use super::keys::Key;
use super::sheets::{field, frame};
use super::state::{Command, Sheet, State};
use super::text::{clip, width};
use super::theme::Theme;
use super::view::{put, row};

/// What is typed, and which line is chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Palette {
    /// Words of what is looked for.
    pub input: Composer,
    /// The line that the arrows have chosen.
    pub chosen: usize,
}

impl Palette {
    /// What is listed: the key, what it does, and in words.
    fn found(&self) -> Vec<(&'static str, Action, &'static str)> {
        let words = self.input.text().to_lowercase();
        let listed = ANYWHERE.iter().filter(|binding| {
            !binding.shown.is_empty() && !matches!(binding.action, Action::Palette | Action::Pane)
        });
        let found = listed.filter(|binding| {
            let line = format!("{} {}", binding.shown, binding.help).to_lowercase();
            words.split_whitespace().all(|word| line.contains(word))
        });
        found.map(|binding| (binding.shown, binding.action, binding.help)).collect()
    }
}

impl State {
    /// A key in the palette.
    pub(super) fn key_in_palette(&mut self, mut palette: Palette, key: Key, commands: &mut Vec<Command>) {
        let last = palette.found().len().saturating_sub(1);
        match key {
            Key::Escape => return,
            Key::Quit => return self.quit(commands),
            Key::Up => palette.chosen = palette.chosen.saturating_sub(1),
            Key::Down => palette.chosen = (palette.chosen + 1).min(last),
            Key::PageUp => palette.chosen = palette.chosen.saturating_sub(8),
            Key::PageDown => palette.chosen = (palette.chosen + 8).min(last),
            Key::Enter => {
                if let Some((_, action, _)) = palette.found().get(palette.chosen) {
                    return self.act(*action, commands);
                }
            }
            Key::NewLine => {}
            key => {
                edit(&mut palette.input, key);
                palette.chosen = 0;
            }
        }
        self.sheet = Some(Sheet::Palette(palette));
    }
}

/// Draws it; where the cursor stands in it.
pub fn draw(palette: &Palette, theme: Theme, all: Rect, buffer: &mut Buffer) -> Position {
    let found = palette.found();
    let inside =
        frame(" What to do · Enter · Esc ", Palette::default().found().len() + 2, theme, all, buffer);
    let cursor = field("› ", &palette.input, theme, inside, buffer);
    let body = Rect { y: inside.y + 2, height: inside.height.saturating_sub(2), ..inside };
    if found.is_empty() {
        put(buffer, body, "Nothing of that name. F1 lists all keys and signs.", theme.quiet());
    }
    let room = usize::from(body.height).max(1);
    let first = (palette.chosen + 1).saturating_sub(room);
    for (at, (shown, _, help)) in found.into_iter().enumerate().skip(first).take(room) {
        let chosen = at == palette.chosen;
        // What has no key of its own is reached from here only.
        let key = if shown.starts_with("Ctrl+P ") { "" } else { shown };
        let columns = usize::from(body.width);
        let mark = if chosen { "▸" } else { " " };
        let line = clip(&format!("{mark} {help}"), columns.saturating_sub(width(key) + 1));
        let gap = " ".repeat(columns.saturating_sub(width(&line) + width(key)));
        let style = if chosen { theme.chosen() } else { theme.plain() };
        put(buffer, row(body, at - first), &format!("{line}{gap}{key}"), style);
    }
    cursor
}
