//! Content: what is inside a sealed message.
//!
//! Layers, each a module:
//! - [`envelope`]: version, counter, length, content, padding; the plaintext of an MLS application message.
//! - [`mimi`], [`codec`]: the MIMI content format (draft-ietf-mimi-content, commit 961ea5a of its repository).
//! - `said`, `forms`, [`given`]: how the kinds stand in MIMI, and the proof that content belongs where it was opened.
//! - this one: the kinds of content that people and devices exchange; [`kinds`] lists them all.

pub mod codec;
pub mod dealing;
mod emoji;
pub mod envelope;
pub mod filling;
mod forms;
pub mod given;
mod history;
pub mod kinds;
mod media;
pub mod mimi;
mod said;
pub mod status;
mod sync;

use std::fmt;

use lacre_proto::{AccountId, ConversationId, Handle, Millis};
use serde::{Deserialize, Serialize};

use crate::identity::LinkSecret;
pub use dealing::{Button, Category, Choice, Menu, Offer, Section, Template};
pub use emoji::is_emoji;
pub use filling::{Answer, Field, Filled, Form, Input, LineKind, Misfilled, Page, Part};
pub use history::{History, HistoryStep, TransferId};
pub use kinds::{KINDS, Kind};
pub use media::{FileRef, Media, Preview, STREAM_AES_256_GCM, Voice};
pub use mimi::{Expiration, MimiId};
pub use said::{Address, BadContent, OpenError, Opened, Room, Unproven, encode, read};
pub use sync::{Matter, Settled, Stamp};

/// A message's id: 16 random bytes, made by its sender; MIMI's salt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub [u8; 16]);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

/// What a person or a device says to the members of a conversation. On the device messages are named by their
/// [`MessageId`], on the wire by their [`MimiId`]; [`map_ids`](Self::map_ids) goes between.
///
/// A revision orders what one account says again about one thing (an edit of the edit, another reaction): the
/// highest counts, whatever order they arrive in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content<Id = MessageId> {
    /// Text.
    Text {
        /// CommonMark, as the sender wrote it.
        text: String,
    },
    /// These messages are stored on the sender's device.
    Delivered(Vec<Id>),
    /// These messages have been seen by the sender.
    Read(Vec<Id>),
    /// A reaction; each account has at most one to a message.
    Reaction {
        /// The message reacted to.
        to: Id,
        /// One emoji; `None` takes the reaction back.
        emoji: Option<String>,
        /// Orders the account's reactions to this message.
        revision: u32,
    },
    /// Another text in place of a message's.
    Edit {
        /// The message, always the first form of it.
        of: Id,
        /// The new text.
        text: String,
        /// Orders the edits of this message.
        revision: u32,
    },
    /// Takes a message back for everyone.
    Delete {
        /// The message.
        of: Id,
    },
    /// A question with answers to choose from.
    Poll(Poll),
    /// A vote; each account's highest revision counts.
    Vote {
        /// The poll.
        poll: Id,
        /// Indices of the chosen answers, rising; none takes the vote back.
        choices: Vec<u8>,
        /// Orders the account's votes in this poll.
        revision: u32,
    },
    /// Closes a poll: later votes do not count.
    ClosePoll {
        /// The poll.
        poll: Id,
    },
    /// A place on earth.
    Place(Place),
    /// Somebody's card.
    Card(Card),
    /// Pins a message for everybody in the conversation, or takes the pin away.
    Pin {
        /// The message.
        message: Id,
        /// Whether it is pinned.
        pinned: bool,
    },
    /// From now on messages of this conversation vanish so many seconds after they were read; 0: never.
    Timer {
        /// Seconds, at most [`kinds::TIMER`].
        seconds: u32,
    },
    /// Something that the members of a group are told about it.
    Fact(Fact),
    /// The sender began to write, or stopped. Never stored.
    Typing(bool),
    /// The name that the sender goes by; empty for none.
    Name(String),
    /// The sender leaves the group, with all devices.
    Leave,
    /// What a device that has just come into a group has to know of it, from who let it in. All others pass it over.
    Briefing(Briefing),
    /// Messages of before, for who has just come into a group. All others pass them over.
    Given(given::Given),
    /// The sender asks an admin to be let into a group, by the link that they were given.
    AskToJoin(Ask),
    /// What became of that, when it came to nothing.
    JoinAnswer {
        /// The message that asked.
        to: Id,
        /// Why not.
        no: NoEntry,
    },
    /// One file or several that belong together.
    Media(Media),
    /// Something spoken.
    Voice(Voice),
    /// What the devices of one account hold alike. Taken from one's own devices only, in the conversation of their own.
    Sync(Vec<Settled>),
    /// What was said before a device came, from another device of its account to that one alone.
    History(History),
    /// A kind that this version does not know: shown as "update to read this".
    Unknown,
    /// A card of a business, with something to choose.
    Menu(Menu),
    /// What was chosen in a menu.
    Chosen {
        /// The menu.
        of: Id,
        /// The choice.
        choice: Choice,
    },
    /// What a customer has consented to: a signed [`ConsentGrant`](lacre_proto::wire::ConsentGrant), as both keep it.
    Consent(Vec<u8>),
    /// What was filled into the form of a menu.
    Filled {
        /// The menu.
        of: Id,
        /// The answers.
        filled: Filled,
    },
}

/// A question with answers to choose from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// The question.
    pub question: String,
    /// Two or more answers.
    pub options: Vec<String>,
    /// Whether several may be chosen.
    pub multiple: bool,
}

/// A place on earth (WGS 84).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Latitude in 10⁻⁷ degrees, north positive.
    pub latitude_e7: i32,
    /// Longitude in 10⁻⁷ degrees, east positive.
    pub longitude_e7: i32,
    /// What the sender calls it; may be empty.
    pub label: String,
}

/// Somebody's card: how to write to them. It proves nothing: the directory is asked when somebody does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The account.
    pub account: AccountId,
    /// Its handle, as the sender knows it.
    pub handle: Handle,
    /// What the sender calls them; may be empty.
    pub name: String,
}

/// Something that the members of a group are told about it. Empty takes it away.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// The group's name.
    Name(String),
    /// What it is for.
    Description(String),
    /// Its picture: an encoded image.
    Picture(Vec<u8>),
    /// What the sender goes by in it.
    Label(String),
    /// The link by which one can ask to be let in; `None` turns it off. For admins.
    Link(Option<LinkFact>),
}

/// Somebody asks to be let into a group.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The group.
    pub group: ConversationId,
    /// What shows that they were given its link.
    pub secret: LinkSecret,
}

/// Why somebody who asked is not let into a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoEntry {
    /// The link is not good, or not any more.
    Void,
    /// An admin has declined it.
    Declined,
}

/// The link of a group, as its members know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFact {
    /// [`LinkSecret::hash`].
    pub hash: [u8; 32],
    /// Until when one can ask by it, by the relay's time; 0 for as long as it stands.
    pub until_ms: Millis,
}

/// What a group is called and what it is for, as whoever says it knows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Briefing {
    /// The name.
    pub name: String,
    /// The description; may be empty.
    pub description: String,
    /// The picture, an encoded image; may be empty.
    pub picture: Vec<u8>,
    /// What members go by in it; of very many not all.
    pub labels: Vec<(AccountId, String)>,
    /// Its link.
    pub link: Option<LinkFact>,
}

/// How something is said. Messages are named as in [`Content`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manner<Id = MessageId> {
    /// When it vanishes.
    pub expires: Option<Expiration>,
    /// Whether it may be looked at once only.
    pub once: bool,
    /// How often it was passed on before it came here.
    pub forwarded: u8,
    /// The message that it answers.
    pub in_reply_to: Option<Id>,
}

impl<Id> Default for Manner<Id> {
    fn default() -> Self {
        Self { expires: None, once: false, forwarded: 0, in_reply_to: None }
    }
}

impl<Id> Manner<Id> {
    /// The same manner with what it answers named in another way. What has no other name is left out: a reply to
    /// what was sent before this device joined, say, is shown without what it answers.
    pub fn map_ids<Other>(self, name: impl FnOnce(Id) -> Option<Other>) -> Manner<Other> {
        let Self { expires, once, forwarded, in_reply_to } = self;
        Manner { expires, once, forwarded, in_reply_to: in_reply_to.and_then(name) }
    }
}

impl<Id: Copy> Content<Id> {
    /// The one message that it changes, or says something about.
    pub fn about(&self) -> Option<Id> {
        match self {
            Self::Reaction { to: id, .. }
            | Self::Edit { of: id, .. }
            | Self::Delete { of: id }
            | Self::Vote { poll: id, .. }
            | Self::ClosePoll { poll: id }
            | Self::JoinAnswer { to: id, .. }
            | Self::Pin { message: id, .. } => Some(*id),
            _ => None,
        }
    }
}

impl<Id> Content<Id> {
    /// The same content with every message named in another way; `None` when what it is about has no other
    /// name. In a receipt a message without one is left out.
    pub fn map_ids<Other>(self, mut name: impl FnMut(Id) -> Option<Other>) -> Option<Content<Other>> {
        Some(match self {
            Self::Text { text } => Content::Text { text },
            Self::Delivered(ids) => Content::Delivered(ids.into_iter().filter_map(&mut name).collect()),
            Self::Read(ids) => Content::Read(ids.into_iter().filter_map(&mut name).collect()),
            Self::Reaction { to, emoji, revision } => Content::Reaction { to: name(to)?, emoji, revision },
            Self::Edit { of, text, revision } => Content::Edit { of: name(of)?, text, revision },
            Self::Delete { of } => Content::Delete { of: name(of)? },
            Self::Poll(poll) => Content::Poll(poll),
            Self::Vote { poll, choices, revision } => Content::Vote { poll: name(poll)?, choices, revision },
            Self::ClosePoll { poll } => Content::ClosePoll { poll: name(poll)? },
            Self::Place(place) => Content::Place(place),
            Self::Card(card) => Content::Card(card),
            Self::Pin { message, pinned } => Content::Pin { message: name(message)?, pinned },
            Self::Timer { seconds } => Content::Timer { seconds },
            Self::Fact(fact) => Content::Fact(fact),
            Self::Typing(typing) => Content::Typing(typing),
            Self::Name(name) => Content::Name(name),
            Self::Leave => Content::Leave,
            Self::Briefing(briefing) => Content::Briefing(briefing),
            Self::Given(given) => Content::Given(given),
            Self::AskToJoin(ask) => Content::AskToJoin(ask),
            Self::JoinAnswer { to, no } => Content::JoinAnswer { to: name(to)?, no },
            Self::Media(media) => Content::Media(media),
            Self::Voice(voice) => Content::Voice(voice),
            Self::Sync(all) => Content::Sync(all),
            Self::History(history) => Content::History(history),
            Self::Menu(menu) => Content::Menu(menu),
            Self::Chosen { of, choice } => Content::Chosen { of: name(of)?, choice },
            Self::Consent(grant) => Content::Consent(grant),
            Self::Filled { of, filled } => Content::Filled { of: name(of)?, filled },
            Self::Unknown => Content::Unknown,
        })
    }
}

impl<Id> Content<Id> {
    /// The files that it brings, in their order.
    pub fn files(&self) -> Vec<&FileRef> {
        match self {
            Self::Media(media) => media.files.iter().map(|(file, _)| file).collect(),
            Self::Voice(voice) => vec![&voice.file],
            Self::Menu(Menu { above: Some(above), .. }) => vec![&above.0],
            _ => Vec::new(),
        }
    }

    /// The same, to be changed.
    pub(crate) fn files_mut(&mut self) -> Vec<&mut FileRef> {
        match self {
            Self::Media(media) => media.files.iter_mut().map(|(file, _)| file).collect(),
            Self::Voice(voice) => vec![&mut voice.file],
            Self::Menu(Menu { above: Some(above), .. }) => vec![&mut above.0],
            _ => Vec::new(),
        }
    }
}

/// Only the kind: what people write goes into no log.
impl<Id> fmt::Debug for Content<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({})", self.kind().name)
    }
}

macro_rules! says_nothing {
    ($($name:ident),*) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        })*
    };
}
says_nothing!(Poll, Place, Card, Fact, Ask, Media, FileRef, Preview, Voice, Matter, History, HistoryStep);
says_nothing!(Menu, Offer, Button, Section, Choice, Template);
says_nothing!(Form, Page, Part, Field, Input, Answer, Filled);
