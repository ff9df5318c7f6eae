//! What one can do, and by which key: the keys and the help sheet are both made of these tables.

use super::keys::Key;

/// What a key does wherever one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Shows the help sheet.
    Help,
    /// Begins a conversation.
    New,
    /// Searches.
    Search,
    /// Asks in what other way something is to be said.
    More,
    /// Shows only what has unread messages, or everything again.
    Unread,
    /// Shows the group that is open.
    Group,
    /// Goes to the conversation above.
    Previous,
    /// Goes to the conversation below.
    Next,
    /// Goes to the next pane.
    Pane,
    /// Goes to the pane before.
    PaneBack,
    /// Shows older messages.
    Older,
    /// Shows newer messages.
    Newer,
    /// Connects now.
    Reconnect,
    /// Leaves.
    Quit,
}

/// What a letter does to the chosen message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMessage {
    /// Answers it.
    Reply,
    /// Reacts to it.
    React,
    /// Edits it.
    Edit,
    /// Deletes it.
    Delete,
    /// Passes it on.
    Forward,
    /// Pins it, or takes the pin away.
    Pin,
    /// Gives it a star, or takes it away.
    Star,
    /// Looks at it once.
    Look,
    /// Votes for this answer, or takes the vote back.
    Vote(u8),
    /// Closes the poll.
    ClosePoll,
    /// Gives it up while it waits.
    GiveUp,
    /// Shows the help sheet.
    Help,
}

/// A line of the table: the key, as it is written for people, what it does, and its line of help.
pub struct Binding<K, A> {
    /// The key.
    pub key: K,
    /// As people call it; nothing when another line tells of it.
    pub shown: &'static str,
    /// What it does.
    pub action: A,
    /// Its line of help.
    pub help: &'static str,
}

const fn bind<K: Copy, A: Copy>(key: K, shown: &'static str, action: A, help: &'static str) -> Binding<K, A> {
    Binding { key, shown, action, help }
}

/// Keys that do the same everywhere.
pub const ANYWHERE: &[Binding<Key, Action>] = &[
    bind(Key::New, "Ctrl+N", Action::New, "new conversation, or group: ana, bruno"),
    bind(Key::Search, "Ctrl+F", Action::Search, "search; in a conversation: Tab for all"),
    bind(Key::Group, "Ctrl+G", Action::Group, "the group: members, roles, rules, leave"),
    bind(Key::More, "Ctrl+O", Action::More, "poll, timer, later, once, receipts"),
    bind(Key::Unread, "Ctrl+U", Action::Unread, "only unread conversations, or all"),
    bind(Key::Tab, "Tab", Action::Pane, "list, composer, messages"),
    bind(Key::BackTab, "", Action::PaneBack, ""),
    bind(Key::Previous, "Alt+↑ Alt+↓", Action::Previous, "conversation above, below"),
    bind(Key::Next, "", Action::Next, ""),
    bind(Key::PageUp, "PgUp PgDn", Action::Older, "older, newer messages"),
    bind(Key::PageDown, "", Action::Newer, ""),
    bind(Key::Reconnect, "Ctrl+R", Action::Reconnect, "connect now"),
    bind(Key::Help, "F1", Action::Help, "this sheet"),
    bind(Key::Quit, "Ctrl+Q", Action::Quit, "quit (also Ctrl+C)"),
];

/// Letters on a chosen message.
pub const CHOSEN: &[Binding<char, OnMessage>] = &[
    bind('r', "↑ then r", OnMessage::Reply, "choose a message, reply"),
    bind('+', "↑ then +", OnMessage::React, "react"),
    bind('e', "↑ then e", OnMessage::Edit, "edit your own"),
    bind('d', "↑ then d", OnMessage::Delete, "delete here, or for everyone"),
    bind('f', "↑ then f", OnMessage::Forward, "forward"),
    bind('p', "↑ then p", OnMessage::Pin, "pin for everybody, or unpin"),
    bind('s', "↑ then s", OnMessage::Star, "star on this device, or not"),
    bind('v', "↑ then v", OnMessage::Look, "look at what may be seen once"),
    bind('1', "↑ then 1…9", OnMessage::Vote(1), "vote in a poll; again: take it back"),
    bind('2', "", OnMessage::Vote(2), ""),
    bind('3', "", OnMessage::Vote(3), ""),
    bind('4', "", OnMessage::Vote(4), ""),
    bind('5', "", OnMessage::Vote(5), ""),
    bind('6', "", OnMessage::Vote(6), ""),
    bind('7', "", OnMessage::Vote(7), ""),
    bind('8', "", OnMessage::Vote(8), ""),
    bind('9', "", OnMessage::Vote(9), ""),
    bind('c', "↑ then c", OnMessage::ClosePoll, "close your own poll"),
    bind('x', "↑ then x", OnMessage::GiveUp, "give up one that still waits"),
    bind('?', "", OnMessage::Help, ""),
];

/// Keys whose meaning is where they are pressed.
const TYPING: &[(&str, &str)] = &[
    ("Enter", "send; in the list: open"),
    ("Alt+Enter", "new line (also Ctrl+J)"),
    ("Esc", "back; dismiss a warning"),
    ("↑ then Enter", "take back the text of a failed one"),
];

/// What the signs mean.
const SIGNS: &[(&str, &str)] = &[
    ("· sending", "on this device, waits for the relay"),
    ("✓ sent", "the relay has stored it, sealed"),
    ("✓✓ delivered", "on a device of the other person"),
    ("✓✓ read", "the other person has seen it"),
    ("✗ failed", "not sent; the reason stands below"),
    ("", ""),
    ("Sealed", "only its members can read it, not the relay"),
    ("post-quantum", "nor a quantum computer, later"),
    ("pinned", "a change of identity would be told"),
];

/// All lines of the help sheet.
pub fn help() -> Vec<(&'static str, &'static str)> {
    let anywhere = ANYWHERE.iter().map(|binding| (binding.shown, binding.help));
    let chosen = CHOSEN.iter().map(|binding| (binding.shown, binding.help));
    let keys = TYPING.iter().copied().chain(chosen).chain(anywhere).filter(|(shown, _)| !shown.is_empty());
    keys.chain([("", "")]).chain(SIGNS.iter().copied()).collect()
}

/// What a key does everywhere, if it does.
pub fn anywhere(key: Key) -> Option<Action> {
    ANYWHERE.iter().find(|binding| binding.key == key).map(|binding| binding.action)
}

/// What a letter does to the chosen message, if it does.
pub fn on_message(letter: char) -> Option<OnMessage> {
    CHOSEN.iter().find(|binding| binding.key == letter).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_and_every_line_of_help_fits() {
        for (at, binding) in ANYWHERE.iter().enumerate() {
            assert!(ANYWHERE[..at].iter().all(|other| other.key != binding.key), "{:?}", binding.key);
        }
        for (at, binding) in CHOSEN.iter().enumerate() {
            assert!(CHOSEN[..at].iter().all(|other| other.key != binding.key), "{:?}", binding.key);
        }
        for (keys, meaning) in help() {
            assert!(super::super::text::width(keys) < 15, "{keys}");
            assert!(super::super::text::width(meaning) <= 43, "{meaning}");
        }
    }
}
