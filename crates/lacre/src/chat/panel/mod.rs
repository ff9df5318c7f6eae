//! Panels: what is read at once and shown over the chat, with letters that do something about it. Requests, devices,
//! the safety number, lists of messages and what is known of one message are all of this form.

mod draw;
mod keys;

use lacre_client::content::Category;
use lacre_proto::{AccountId, ConversationId, DeviceId, Millis};

use super::model::MessageId;
pub use draw::{draw, overflow};

/// A panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// What it shows.
    pub what: What,
    /// What was read, once it was.
    pub shown: Option<Shown>,
    /// The row that the arrows have chosen; where there are none, the first line in sight.
    pub at: usize,
    /// Whether the QR code is shown in place of the rest.
    pub code: bool,
}

impl Panel {
    /// A panel that was not read yet.
    pub fn new(what: What) -> Self {
        Self { what, shown: None, at: 0, code: false }
    }

    /// The chosen row.
    pub fn row(&self) -> Option<&Row> {
        self.shown.as_ref().and_then(|shown| shown.rows.get(self.at))
    }
}

/// What a panel shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// People to whom one never wrote, and who have written.
    Requests,
    /// The devices of this account.
    Devices,
    /// How a conversation is sealed, and the safety number with the other person.
    Safety(ConversationId),
    /// The safety number with a member of a group.
    Number(AccountId, ConversationId),
    /// The link by which one can ask to be let into a group.
    GroupLink(ConversationId),
    /// What is pinned in a conversation.
    Pinned(ConversationId),
    /// A business, and what this account lets it write.
    Business(ConversationId),
    /// All businesses that this account talks with.
    Businesses,
    /// The files of a conversation.
    Files(ConversationId),
    /// What has a star.
    Starred,
    /// What is to be sent later.
    Later,
    /// Whom this account has blocked.
    Blocked,
    /// What is known of a message.
    About(ConversationId, MessageId),
}

/// What was read for a panel; all texts are safe for a terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// What stands above the rows.
    pub above: Vec<Text>,
    /// Rows of which one is chosen.
    pub rows: Vec<Row>,
    /// The text of a QR code, where there is one.
    pub code: Option<String>,
    /// Of devices: whether one is being told what was said before it came.
    pub telling: bool,
    /// Of a safety number: how well the other person is known.
    pub known: Option<Known>,
}

/// How well somebody is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who.
    pub who: AccountId,
    /// The handle.
    pub name: String,
    /// The number that counts, as it stands in its QR code.
    pub number: String,
    /// Whether it was compared, and was the same.
    pub verified: bool,
    /// The key of another identity, which waits to be accepted.
    pub other: Option<[u8; 32]>,
}

/// A paragraph above the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// As such.
    Plain(String),
    /// A title, or what one looks for.
    Strong(String),
    /// What matters less.
    Quiet(String),
}

/// A row of a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it stands for.
    pub of: Of,
    /// Its first line.
    pub head: String,
    /// A time that belongs to it.
    pub when: Option<Millis>,
    /// What else is to be said.
    pub says: Vec<String>,
}

/// What a row stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// A request: its conversation, and what it is called.
    Request(ConversationId, String),
    /// Somebody who asks to be let into a group: the group, who, and their handle.
    Asker(ConversationId, AccountId, String),
    /// A device: what it is called, and whether it is this one.
    Device(DeviceId, String, bool),
    /// A message in its place.
    Message(ConversationId, MessageId),
    /// A message with so many files.
    Files(ConversationId, MessageId, usize),
    /// What a business may write for, whether it may, and the hash of what it tells, which stands above.
    Purpose(ConversationId, Category, bool, Option<[u8; 32]>),
    /// A business.
    Business(ConversationId),
    /// A message that is to be sent later, and its text.
    Later(ConversationId, MessageId, String),
    /// Somebody.
    Person(AccountId, String),
}

/// What a letter does in a panel, to the chosen row or to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Goes there, or shows more of it.
    Open,
    /// Accepts a request.
    Accept,
    /// Deletes a request.
    Decline,
    /// Blocks who asks.
    Block,
    /// Writes a report into a file.
    Report,
    /// Ends the quarantine of a device.
    Approve,
    /// Gives a device a name.
    Rename,
    /// Takes a device out.
    Revoke,
    /// Lets a new device in.
    Link,
    /// Tells a device what was said before it came.
    Tell,
    /// Stops that.
    StopTelling,
    /// Gives this device new keys everywhere.
    Secure,
    /// Takes the pin or the star away, gives up what is to be sent later, takes a block back.
    Remove,
    /// Lets a business write for something, or not any more.
    Allow,
    /// Lets a business write nothing.
    Stop,
    /// Saves the files of a message.
    Save,
    /// Changes the text of what is to be sent later.
    Edit,
    /// Blocks somebody by handle.
    BlockPerson,
    /// Compares the number with a file.
    Compare,
    /// Shows the QR code, or not any more.
    Code,
    /// Marks the number as compared.
    Verify,
    /// Takes that back.
    Unverify,
    /// Accepts another identity key.
    AcceptKey,
    /// Makes a link, or another one.
    NewLink,
    /// Turns the link off.
    LinkOff,
}

/// A key of a panel.
pub struct Binding {
    /// The letter; Enter when there is none.
    pub key: Option<char>,
    /// What it does.
    pub deed: Deed,
    /// The same in a word.
    pub word: &'static str,
}

const fn bind(key: char, deed: Deed, word: &'static str) -> Binding {
    Binding { key: Some(key), deed, word }
}

const fn enter(word: &'static str) -> Binding {
    Binding { key: None, deed: Deed::Open, word }
}

const REQUESTS: &[Binding] = &[
    enter("read it"),
    bind('a', Deed::Accept, "accept"),
    bind('d', Deed::Decline, "delete"),
    bind('b', Deed::Block, "block"),
    bind('r', Deed::Report, "report"),
];
const DEVICES: &[Binding] = &[
    bind('l', Deed::Link, "link a new one"),
    bind('n', Deed::Rename, "name"),
    bind('a', Deed::Approve, "approve"),
    bind('x', Deed::Revoke, "remove"),
    bind('t', Deed::Tell, "tell it what was said before"),
    bind('h', Deed::StopTelling, "halt that"),
    bind('k', Deed::Secure, "new keys for this one"),
    bind('q', Deed::Code, "QR of your own number"),
];
const SAFETY: &[Binding] = &[
    bind('a', Deed::AcceptKey, "accept the new key"),
    bind('q', Deed::Code, "QR code"),
    bind('c', Deed::Compare, "compare with a file"),
    bind('v', Deed::Verify, "I have compared it"),
    bind('u', Deed::Unverify, "take that back"),
];
const SAFETY_OF_GROUP: &[Binding] = &[enter("number with this person")];
const GROUP_LINK: &[Binding] = &[
    bind('n', Deed::NewLink, "make a new one"),
    bind('x', Deed::LinkOff, "turn it off"),
    bind('q', Deed::Code, "QR code"),
];
const PINNED: &[Binding] = &[enter("go there"), bind('x', Deed::Remove, "unpin")];
const BUSINESS: &[Binding] =
    &[bind('a', Deed::Allow, "allow for a year, or not any more"), bind('x', Deed::Stop, "stop everything")];
const BUSINESSES: &[Binding] = &[enter("what it may write"), bind('x', Deed::Stop, "stop everything")];
const FILES: &[Binding] = &[enter("go there"), bind('o', Deed::Save, "save")];
const STARRED: &[Binding] = &[enter("go there"), bind('x', Deed::Remove, "take the star away")];
const LATER: &[Binding] =
    &[enter("go there"), bind('e', Deed::Edit, "edit"), bind('x', Deed::Remove, "do not send")];
const BLOCKED: &[Binding] =
    &[bind('x', Deed::Remove, "unblock"), bind('b', Deed::BlockPerson, "block somebody")];

impl What {
    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Requests => "Requests",
            Self::Devices => "Your devices",
            Self::Safety(_) | Self::Number(..) => "Safety",
            Self::GroupLink(_) => "Link of the group",
            Self::Pinned(_) => "Pinned here",
            Self::Business(_) => "What this business may write",
            Self::Businesses => "Businesses",
            Self::Files(_) => "Files here",
            Self::Starred => "Starred",
            Self::Later => "To be sent later",
            Self::Blocked => "Blocked",
            Self::About(..) => "About this message",
        }
    }

    /// What is said where there are no rows, though there could be.
    pub fn nothing(self) -> &'static str {
        match self {
            Self::Requests => "Nobody is waiting to be accepted.",
            Self::Devices => "The list of devices has not come yet.",
            Self::Pinned(_) => "Nothing is pinned here. Choose a message with ↑, then p.",
            Self::Business(_) => "This is no business.",
            Self::Businesses => "You talk with no business.",
            Self::Files(_) => "No file was sent here yet. Ctrl+O and f sends one.",
            Self::Starred => "No message has a star. Choose one with ↑, then s.",
            Self::Later => "Nothing waits for its time. Write something, then Ctrl+O and l.",
            Self::Blocked => "You have blocked nobody.",
            Self::Safety(_) | Self::Number(..) | Self::GroupLink(_) | Self::About(..) => "",
        }
    }

    /// Its keys, when it shows this.
    pub fn keys(self, shown: &Shown) -> impl Iterator<Item = &'static Binding> {
        let keys = match self {
            Self::Requests => REQUESTS,
            Self::Devices => DEVICES,
            Self::Safety(_) if !shown.rows.is_empty() => SAFETY_OF_GROUP,
            Self::Safety(_) | Self::Number(..) => SAFETY,
            Self::GroupLink(_) => GROUP_LINK,
            Self::Pinned(_) => PINNED,
            Self::Business(_) => BUSINESS,
            Self::Businesses => BUSINESSES,
            Self::Files(_) => FILES,
            Self::Starred => STARRED,
            Self::Later => LATER,
            Self::Blocked => BLOCKED,
            Self::About(..) => &[],
        };
        let of_a_row = |deed: Deed| {
            !matches!(deed, Deed::Link | Deed::Secure | Deed::BlockPerson | Deed::NewLink | Deed::LinkOff)
        };
        let (rows, code) = (!shown.rows.is_empty(), shown.code.is_some());
        let known = shown.known.as_ref();
        let (verified, other) = (known.map(|it| it.verified), known.is_some_and(|it| it.other.is_some()));
        keys.iter().filter(move |binding| match binding.deed {
            Deed::Verify => verified == Some(false) && !other,
            Deed::Unverify => verified == Some(true) && !other,
            Deed::AcceptKey => other,
            Deed::Code | Deed::Compare => code,
            Deed::StopTelling => shown.telling,
            deed => rows || !of_a_row(deed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_letter_of_a_panel_has_two_meanings() {
        for keys in [
            REQUESTS,
            DEVICES,
            GROUP_LINK,
            SAFETY,
            SAFETY_OF_GROUP,
            PINNED,
            BUSINESS,
            BUSINESSES,
            FILES,
            STARRED,
            LATER,
            BLOCKED,
        ] {
            for (at, binding) in keys.iter().enumerate() {
                assert!(keys[..at].iter().all(|other| other.key != binding.key), "{}", binding.word);
            }
        }
    }
}
