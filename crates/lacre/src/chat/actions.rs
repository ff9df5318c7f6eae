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
    /// Lists everything that can be done, to choose from.
    Palette,
    /// Shows the group that is open.
    Group,
    /// Shows the people who asked to write.
    Requests,
    /// Shows how the conversation is sealed, and its safety number.
    Safety,
    /// Shows the devices of this account.
    Devices,
    /// Shows what is pinned in the conversation.
    Pinned,
    /// Shows what the business of the conversation may write.
    Business,
    /// Shows all businesses.
    Businesses,
    /// Shows the files of the conversation.
    Files,
    /// Shows what has a star.
    Starred,
    /// Shows what is to be sent later.
    Later,
    /// Shows who is blocked.
    Blocked,
    /// Asks for the name that one goes by.
    Name,
    /// Asks for the link of a group, to be let into it.
    Join,
    /// Opens the conversation with oneself.
    Notes,
    /// Gives this device new keys everywhere.
    Secure,
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
    /// Shows pictures among the messages, or none.
    Pictures,
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
    /// Shows what is known of it.
    About,
    /// Saves its files.
    Save,
    /// Looks at it, or listens to it.
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
pub const ANYWHERE: &[Binding<Option<Key>, Action>] = &[
    bind(Some(Key::New), "Ctrl+N", Action::New, "new conversation, or group: ana, bruno"),
    bind(Some(Key::Search), "Ctrl+F", Action::Search, "search; in a conversation: Tab for all"),
    bind(Some(Key::Palette), "Ctrl+P", Action::Palette, "all that can be done, to choose from"),
    bind(Some(Key::Requests), "Ctrl+T", Action::Requests, "requests: accept, delete, block, report"),
    bind(Some(Key::Safety), "Ctrl+S", Action::Safety, "safety: how it is sealed, 60 digits, QR"),
    bind(Some(Key::Group), "Ctrl+G", Action::Group, "the group: members, roles, rules, leave"),
    bind(Some(Key::Devices), "Ctrl+D", Action::Devices, "your devices: link, approve, remove"),
    bind(Some(Key::More), "Ctrl+O", Action::More, "file, poll, place, card, timer, later, once"),
    bind(None, "Ctrl+P pinned", Action::Pinned, "what is pinned in this conversation"),
    bind(None, "Ctrl+P may", Action::Business, "what this business may write to you"),
    bind(None, "Ctrl+P all", Action::Businesses, "all businesses, and what they may"),
    bind(None, "Ctrl+P files", Action::Files, "the files of this conversation"),
    bind(None, "Ctrl+P starred", Action::Starred, "messages with a star"),
    bind(None, "Ctrl+P later", Action::Later, "what is sent later: edit, give up"),
    bind(None, "Ctrl+P blocked", Action::Blocked, "whom you have blocked: unblock, block"),
    bind(None, "Ctrl+P join", Action::Join, "ask to be let into a group by its link"),
    bind(None, "Ctrl+P note", Action::Notes, "note to yourself, on all your devices"),
    bind(None, "Ctrl+P keys", Action::Secure, "new keys here, if the old were in danger"),
    bind(None, "Ctrl+P name", Action::Name, "the name that you go by"),
    bind(Some(Key::Unread), "Ctrl+U", Action::Unread, "only unread conversations, or all"),
    bind(Some(Key::Tab), "Tab", Action::Pane, "list, composer, messages"),
    bind(Some(Key::BackTab), "", Action::PaneBack, ""),
    bind(Some(Key::Previous), "Alt+↑ Alt+↓", Action::Previous, "conversation above, below"),
    bind(Some(Key::Next), "", Action::Next, ""),
    bind(Some(Key::PageUp), "PgUp PgDn", Action::Older, "older, newer messages"),
    bind(Some(Key::PageDown), "", Action::Newer, ""),
    bind(Some(Key::Reconnect), "Ctrl+R", Action::Reconnect, "connect now"),
    bind(Some(Key::Pictures), "F2", Action::Pictures, "pictures among the messages, or none"),
    bind(Some(Key::Help), "F1", Action::Help, "this sheet"),
    bind(Some(Key::Quit), "Ctrl+Q", Action::Quit, "quit (also Ctrl+C)"),
];

/// Letters on a chosen message.
pub const CHOSEN: &[Binding<char, OnMessage>] = &[
    bind('r', "↑ then r", OnMessage::Reply, "choose a message, reply"),
    bind('+', "↑ then +", OnMessage::React, "react"),
    bind('e', "↑ then e", OnMessage::Edit, "edit your own"),
    bind('d', "↑ then d", OnMessage::Delete, "delete here, or for everyone"),
    bind('f', "↑ then f", OnMessage::Forward, "forward"),
    bind('p', "↑ then p", OnMessage::Pin, "pin for everybody, or unpin"),
    bind('s', "↑ then s", OnMessage::Star, "star, on all your devices, or not"),
    bind('i', "↑ then i", OnMessage::About, "who has it, reactions, its edits"),
    bind('o', "↑ then o", OnMessage::Save, "save its files"),
    bind('v', "↑ then v", OnMessage::Look, "look at a picture, play a voice note, once"),
    bind('1', "↑ then 1…9", OnMessage::Vote(1), "vote in a poll, choose in a menu"),
    bind('2', "", OnMessage::Vote(2), ""),
    bind('3', "", OnMessage::Vote(3), ""),
    bind('4', "", OnMessage::Vote(4), ""),
    bind('5', "", OnMessage::Vote(5), ""),
    bind('6', "", OnMessage::Vote(6), ""),
    bind('7', "", OnMessage::Vote(7), ""),
    bind('8', "", OnMessage::Vote(8), ""),
    bind('9', "", OnMessage::Vote(9), ""),
    bind('0', "", OnMessage::Vote(10), ""),
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
    ("verified", "and you have compared the safety number"),
    ("ANOTHER KEY", "nothing is sent before you accept it"),
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
    ANYWHERE.iter().find(|binding| binding.key == Some(key)).map(|binding| binding.action)
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
            let again = |other: &Binding<_, _>| binding.key.is_some() && other.key == binding.key;
            assert!(!ANYWHERE[..at].iter().any(again), "{:?}", binding.key);
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
