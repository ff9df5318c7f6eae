//! A new device that asks to be let in: its number is shown until that has ended, one way or the other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::keys::Key;
use super::panel::What;
use super::questions::{Question, Wanted};
use super::sheets::{WIDEST, frame};
use super::state::{Command, Sheet, State};
use super::text::wrapped;
use super::theme::Theme;
use super::view::{put, row};

/// A linking under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Linking {
    /// The number that is to be typed on the new device, and what that one calls itself; not there before it has
    /// answered.
    pub number: Option<(String, String)>,
}

impl State {
    /// A code was taken: the new device is waited for.
    pub(super) fn linking(&mut self) {
        self.sheet = Some(Sheet::Linking(Linking::default()));
    }

    /// The new device has answered.
    pub(super) fn link_number(&mut self, number: String, name: String) {
        self.sheet = Some(Sheet::Linking(Linking { number: Some((number, name)) }));
    }

    /// It has ended: well, or not and why.
    pub(super) fn link_ended(&mut self, outcome: Result<(), String>, commands: &mut Vec<Command>) {
        let under = |wanted: &Wanted| *wanted == Wanted::StopLinking;
        let shown = match &self.sheet {
            Some(Sheet::Linking(_)) => true,
            Some(Sheet::Question(question)) => under(&question.wanted),
            _ => false,
        };
        if shown {
            self.panel(What::Devices, commands);
        }
        match outcome {
            Ok(()) => {
                let told = "The new device is yours now; choose it and press a to approve it.";
                self.notice = Some(told.to_owned());
            }
            Err(why) => self.alert(None, &format!("No device was added: {why}")),
        }
    }

    /// A key while it is under way.
    pub(super) fn key_in_linking(&mut self, linking: Linking, key: Key, commands: &mut Vec<Command>) {
        match key {
            Key::Escape => {
                self.sheet = Some(Sheet::Question(Question::new(Wanted::StopLinking, None)));
            }
            Key::Quit => self.quit(commands),
            _ => self.sheet = Some(Sheet::Linking(linking)),
        }
    }
}

/// Draws it.
pub fn draw(linking: &Linking, theme: Theme, all: Rect, buffer: &mut Buffer) {
    let columns = usize::from(all.width.min(WIDEST).saturating_sub(4));
    let Some((number, name)) = &linking.number else {
        let says = wrapped("Waiting for the new device to answer …", columns);
        let inside = frame(" Link a new device · Esc stop ", says.len(), theme, all, buffer);
        for (at, line) in says.into_iter().enumerate() {
            put(buffer, row(inside, at), line, theme.plain());
        }
        return;
    };
    let before = format!(
        "A device that calls itself “{name}” wants to read and write as you, from now on. If it is yours and in front of \
         you, type this number on it:"
    );
    let after = "Tell it to nobody who asks you for it.";
    let (before, after) = (wrapped(&before, columns), wrapped(after, columns));
    let lines = before.len() + after.len() + 3;
    let inside = frame(" Link a new device · Esc stop ", lines, theme, all, buffer);
    // The number is what matters: in a low window the words around it give way.
    let gap = usize::from(usize::from(inside.height) >= lines);
    let before = &before[..before.len().min(usize::from(inside.height).saturating_sub(1 + 2 * gap))];
    for (at, line) in before.iter().enumerate() {
        put(buffer, row(inside, at), line, theme.plain());
    }
    let at = before.len() + gap;
    put(buffer, row(inside, at), &format!("  {number}"), theme.strong());
    for (line, text) in after.into_iter().enumerate() {
        put(buffer, row(inside, at + 1 + gap + line), text, theme.bad());
    }
}
