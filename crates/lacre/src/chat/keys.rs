//! Keys of the terminal to keys of the chat.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::composer::Move;

/// A key as the chat knows it; what it does depends on where one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Sends, opens, agrees.
    Enter,
    /// A line break in the composer.
    NewLine,
    /// Back.
    Escape,
    /// The next pane.
    Tab,
    /// The pane before.
    BackTab,
    /// Removes before the cursor.
    Backspace,
    /// Removes the word before the cursor.
    BackspaceWord,
    /// Removes behind the cursor.
    Delete,
    /// Moves the cursor in a line.
    Step(Move),
    /// Up a line or row.
    Up,
    /// Down a line or row.
    Down,
    /// Up a page.
    PageUp,
    /// Down a page.
    PageDown,
    /// The conversation above.
    Previous,
    /// The conversation below.
    Next,
    /// A new conversation.
    New,
    /// Search.
    Search,
    /// Only unread conversations.
    Unread,
    /// The group.
    Group,
    /// Other ways to say something.
    More,
    /// Everything that can be done.
    Palette,
    /// Requests.
    Requests,
    /// The safety of the conversation.
    Safety,
    /// The devices.
    Devices,
    /// Pictures, or none.
    Pictures,
    /// Connect now.
    Reconnect,
    /// The help sheet.
    Help,
    /// Leave.
    Quit,
}

/// The chat's key for a key of the terminal, if it has one.
pub fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let alt = event.modifiers.contains(KeyModifiers::ALT);
    let shift = event.modifiers.contains(KeyModifiers::SHIFT);
    // AltGr arrives as both, and types characters.
    if event.modifiers.contains(KeyModifiers::CONTROL) && !alt {
        return control(event.code);
    }
    Some(match event.code {
        KeyCode::Enter if alt || shift => Key::NewLine,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace if alt => Key::BackspaceWord,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up if alt => Key::Previous,
        KeyCode::Down if alt => Key::Next,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left if alt => Key::Step(Move::WordLeft),
        KeyCode::Right if alt => Key::Step(Move::WordRight),
        KeyCode::Left => Key::Step(Move::Left),
        KeyCode::Right => Key::Step(Move::Right),
        KeyCode::Home => Key::Step(Move::LineStart),
        KeyCode::End => Key::Step(Move::LineEnd),
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::F(1) => Key::Help,
        KeyCode::F(2) => Key::Pictures,
        KeyCode::Char(c) if !alt || event.modifiers.contains(KeyModifiers::CONTROL) => Key::Char(c),
        _ => return None,
    })
}

fn control(code: KeyCode) -> Option<Key> {
    Some(match code {
        KeyCode::Char('n') => Key::New,
        KeyCode::Char('q' | 'c') => Key::Quit,
        KeyCode::Char('f') => Key::Search,
        KeyCode::Char('u') => Key::Unread,
        KeyCode::Char('g') => Key::Group,
        KeyCode::Char('o') => Key::More,
        KeyCode::Char('p') => Key::Palette,
        KeyCode::Char('t') => Key::Requests,
        KeyCode::Char('s') => Key::Safety,
        KeyCode::Char('d') => Key::Devices,
        KeyCode::Char('r') => Key::Reconnect,
        // What Ctrl+Enter and Alt+Enter are in terminals that know no better.
        KeyCode::Char('j') | KeyCode::Enter => Key::NewLine,
        KeyCode::Char('w' | 'h') | KeyCode::Backspace => Key::BackspaceWord,
        KeyCode::Char('a') => Key::Step(Move::LineStart),
        KeyCode::Char('e') => Key::Step(Move::LineEnd),
        KeyCode::Left => Key::Step(Move::WordLeft),
        KeyCode::Right => Key::Step(Move::WordRight),
        KeyCode::Up => Key::Previous,
        KeyCode::Down => Key::Next,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_sends_and_with_a_modifier_breaks_the_line() {
        let press = |code, modifiers| key(KeyEvent::new(code, modifiers));
        assert_eq!(press(KeyCode::Enter, KeyModifiers::NONE), Some(Key::Enter));
        for modifier in [KeyModifiers::ALT, KeyModifiers::SHIFT, KeyModifiers::CONTROL] {
            assert_eq!(press(KeyCode::Enter, modifier), Some(Key::NewLine));
        }
        let alt_gr = KeyModifiers::CONTROL | KeyModifiers::ALT;
        assert_eq!(press(KeyCode::Char('@'), alt_gr), Some(Key::Char('@')));
        assert_eq!(
            press(KeyCode::Char('z'), KeyModifiers::CONTROL),
            None,
            "an unknown shortcut types nothing"
        );
    }

    #[test]
    fn a_key_that_is_let_go_types_nothing() {
        let event = KeyEvent::new_with_kind(KeyCode::Char('a'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(key(event), None);
    }
}
