//! The port to the sealed side. The node says and hears plain content here and nowhere else; what carries it is an
//! ordinary device, which knows consent and the window before the relay does.

mod opened;
mod review;

use std::future::Future;
use std::path::{Path, PathBuf};

use lacre_proto::{AccountId, Handle, Millis};
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedRwLockReadGuard;

pub use lacre_client::content::{Answer, Field, Filled, Form, Input, LineKind, Page, Part};

pub use self::opened::Opened;
pub use self::review::Review;
use crate::about::Presenting;
use crate::clock::RelayClock;
use crate::store::StoreError;

/// A message's id: 16 bytes, the same on both sides of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub [u8; 16]);

/// What a customer may be written for; each is consented to by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Category {
    /// A customer's own affairs: answers, orders, appointments.
    Service,
    /// Offers.
    Marketing,
    /// Codes to sign in with.
    Authentication,
}

impl Category {
    /// The name that the node's own API and the command line know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Marketing => "marketing",
            Self::Authentication => "authentication",
        }
    }
}

/// What a customer has consented to, as far as this device knows: the relay and the customer's device decide.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Free-form messages may be sent until then: 24 hours after the customer's last message, by the relay's time.
    pub window_until: Millis,
    /// Categories with the time until when they stand.
    pub granted: Vec<(Category, Millis)>,
    /// The customer has stopped these: they had granted them and left them out since, or said stop to everything.
    pub stopped: Vec<Category>,
}

/// A file on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// What it is known by here: the same for the same file, whenever it is said.
    pub path: PathBuf,
    /// The name that people see.
    pub name: Option<String>,
    /// Its MIME type.
    pub mime: String,
    /// Where it lies plain for as long as this is held; under its path when it is not said otherwise.
    #[serde(skip)]
    pub opened: Opened,
}

impl File {
    /// Where it can be read.
    pub fn plain(&self) -> &Path {
        self.opened.path().unwrap_or(&self.path)
    }
}

/// Which kind of media a file is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// Sound that is a file.
    Audio,
    /// A voice note.
    Voice,
    /// Any other file.
    Document,
    /// A sticker.
    Sticker,
}

/// Something to choose from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What the business's program knows it by; comes back when it is chosen.
    pub id: String,
    /// What people read.
    pub title: String,
    /// More about it; may be empty.
    pub description: String,
}

/// Rows of a list under one heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// The heading; may be empty when there is one section.
    pub title: String,
    /// The rows.
    pub rows: Vec<Choice>,
}

/// What a customer can do about a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Offer {
    /// Nothing: it is to be read.
    None,
    /// One of up to ten buttons; each answers, opens a link, or calls a number.
    Buttons(Vec<Button>),
    /// One row of a list, which opens by a button with this title.
    List(String, Vec<Section>),
    /// Tell where they are.
    Place,
    /// Fill in a form.
    Form(Form),
}

/// A button.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Button {
    /// Answers.
    Reply(Choice),
    /// Opens a link, which is shown whole before.
    Link(String, url::Url),
    /// A phone number to be shown.
    Phone(String, String),
    /// A code to be copied.
    Copy(String, String),
}

/// What stands above a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Header {
    /// A line of text.
    Text(String),
    /// A picture, a video or a document.
    Media(MediaKind, File),
    /// A place.
    Place(Place),
}

/// The template that a card was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateRef {
    /// Its name.
    pub name: String,
    /// Its language, as `pt_BR`.
    pub language: String,
}

/// Text with a header, a footer and something to do: interactive messages and templates alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// What stands above.
    pub header: Option<Header>,
    /// The text; variables are filled in.
    pub body: String,
    /// Small print; may be empty.
    pub footer: String,
    /// What can be done about it.
    pub offer: Offer,
    /// The approved template that it was made of.
    pub template: Option<TemplateRef>,
}

/// A place on earth (WGS 84).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Degrees, north positive.
    pub latitude: f64,
    /// Degrees, east positive.
    pub longitude: f64,
    /// What it is called; may be empty.
    pub name: String,
    /// Where it is in words; may be empty.
    pub address: String,
}

impl Eq for Place {}

/// What is said to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outgoing {
    /// Text as people write it.
    Text(String),
    /// A file, with a caption that may be empty.
    Media(MediaKind, File, String),
    /// A place.
    Place(Place),
    /// Cards of people, as one vCard 4.0 text.
    Contacts(String),
    /// Text with something to do.
    Card(Card),
    /// One emoji on a message; empty takes it back.
    Reaction(MessageId, String),
}

/// One thing to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    /// To whom.
    pub to: AccountId,
    /// What for: the relay and the customer's device hold it against what was consented to.
    pub category: Category,
    /// What.
    pub what: Outgoing,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// The same value again is the same message: it is said once.
    pub dedupe: [u8; 16],
}

/// Something that was taken to be sent.
#[derive(Debug)]
pub struct Said {
    /// What it is known by from now on.
    pub id: MessageId,
    /// As long as this is held, nothing is told of how far the message gets: whoever sent it keeps first what it is
    /// to be told with.
    pub hold: Option<OwnedRwLockReadGuard<()>>,
}

/// Why something was not sent. Nothing of it is on its way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Nobody has the account or the handle, or they cannot be reached.
    #[error("nobody can be reached there")]
    NoSuchAccount,
    /// The customer has blocked the business, or the other way round.
    #[error("one has blocked the other")]
    Blocked,
    /// The customer has never consented to this category and has not written within a day.
    #[error("the customer has not consented to this category")]
    NoConsent,
    /// The customer has stopped this category.
    #[error("the customer has stopped this category")]
    Stopped,
    /// Free-form messages need the 24-hour window, and it is closed.
    #[error("the 24-hour window is closed")]
    WindowClosed,
    /// The message that is answered, or reacted to, is not here.
    #[error("there is no such message")]
    NoSuchMessage,
    /// The file could not be read or is too large.
    #[error("the file cannot be sent: {0}")]
    File(String),
    /// The content is over a limit.
    #[error("the content is too long or empty")]
    BadContent,
    /// The identity key of the customer has changed and was not accepted.
    #[error("the identity key of the customer has changed")]
    IdentityChanged,
    /// The device cannot take it now.
    #[error("the device cannot take it now: {0}")]
    Unavailable(String),
    /// What is done with the customer's data is restricted.
    #[error("what is done with the customer's data is restricted")]
    Restricted,
    /// The customer has got as many offers today as they may.
    #[error("the customer has got as many offers today as they may")]
    MarketingCap,
    /// Too many customers complained: the relay takes no offers for now.
    #[error("too many customers complained: no offers are sent for now")]
    MarketingPaused,
    /// The business has reached as many customers today as it may.
    #[error("as many customers were reached today as may be")]
    MessagingLimit,
    /// The relay's operator has suspended the business.
    #[error("the business is suspended")]
    Suspended,
}

/// How the business stands with its relay, as the device was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rating {
    /// How customers take what it sends.
    pub quality: Rated,
    /// Customers that it may reach outside their windows in 24 hours; `None` when there is no limit.
    pub daily_limit: Option<u64>,
}

/// How customers take what a business sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rated {
    /// Well.
    Green,
    /// Some complained.
    Yellow,
    /// Many complained: it sends no offers.
    Red,
}

/// How far a message of the business's has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reach {
    /// Stored durably at the relay.
    Sent,
    /// Stored on the customer's device.
    Delivered,
    /// Seen by the customer.
    Read,
}

/// What a customer has said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Incoming {
    /// Text.
    Text(String),
    /// A file; it is fetched by [`Chat::fetch`].
    Media {
        /// Which kind.
        kind: MediaKind,
        /// Its MIME type, as the sender says.
        mime: String,
        /// SHA-256 of the plain file.
        sha256: [u8; 32],
        /// Bytes.
        size: u64,
        /// The name that the sender gave it.
        name: Option<String>,
        /// What was said with it; may be empty.
        caption: String,
        /// Which file of the message it is.
        index: u32,
    },
    /// A place.
    Place(Place),
    /// A person's card: handle and name.
    Contact(Handle, String),
    /// One emoji on a message; `None` takes it back.
    Reaction(MessageId, Option<String>),
    /// A button or a row of a card was chosen.
    Chosen(MessageId, Choice, ChosenBy),
    /// The form of a card was filled in; with it, as JSON, what the program is told.
    Filled(MessageId, String),
    /// Another text in place of a message's.
    Edit(MessageId, String),
    /// A message was taken back.
    Delete(MessageId),
    /// A kind that has no form in the API.
    Other,
}

/// How a choice was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChosenBy {
    /// By a button of an interactive message.
    Button,
    /// By a row of a list.
    Row,
    /// By a quick-reply button of a template.
    TemplateButton,
}

/// Something that happened. Each is given until it is taken, in order for each customer; `position` orders all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChatEvent {
    /// A customer said something.
    Message {
        /// Who.
        from: Customer,
        /// The message.
        id: MessageId,
        /// When, by the relay's time.
        at: Millis,
        /// What.
        what: Incoming,
        /// The message that it answers.
        in_reply_to: Option<MessageId>,
        /// Whether it was passed on, and whether often.
        forwarded: Option<bool>,
    },
    /// A message of the business's has come further.
    Reached {
        /// To whom it was said.
        to: Customer,
        /// The message.
        id: MessageId,
        /// When.
        at: Millis,
        /// How far.
        reach: Reach,
    },
    /// A message of the business's will not be delivered.
    Failed {
        /// To whom it was said.
        to: Customer,
        /// The message.
        id: MessageId,
        /// When.
        at: Millis,
        /// Why.
        why: SendError,
    },
    /// A customer has granted, narrowed or stopped something.
    Consent {
        /// Who.
        from: Customer,
        /// When.
        at: Millis,
        /// What stands now.
        standing: Standing,
    },
    /// Another device of the business has said something to a customer.
    Elsewhere {
        /// To whom.
        to: Customer,
        /// When.
        at: Millis,
    },
}

impl Serialize for SendError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SendError {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Stored::deserialize(deserializer).map(Self::from)
    }
}

/// [`SendError`] as it is kept.
#[derive(Serialize, Deserialize)]
enum Stored {
    NoSuchAccount,
    Blocked,
    NoConsent,
    Stopped,
    WindowClosed,
    NoSuchMessage,
    File(String),
    BadContent,
    IdentityChanged,
    Unavailable(String),
    Restricted,
    MarketingCap,
    MarketingPaused,
    MessagingLimit,
    Suspended,
}

impl From<&SendError> for Stored {
    fn from(error: &SendError) -> Self {
        match error.clone() {
            SendError::NoSuchAccount => Self::NoSuchAccount,
            SendError::Blocked => Self::Blocked,
            SendError::NoConsent => Self::NoConsent,
            SendError::Stopped => Self::Stopped,
            SendError::WindowClosed => Self::WindowClosed,
            SendError::NoSuchMessage => Self::NoSuchMessage,
            SendError::File(why) => Self::File(why),
            SendError::BadContent => Self::BadContent,
            SendError::IdentityChanged => Self::IdentityChanged,
            SendError::Unavailable(why) => Self::Unavailable(why),
            SendError::Restricted => Self::Restricted,
            SendError::MarketingCap => Self::MarketingCap,
            SendError::MarketingPaused => Self::MarketingPaused,
            SendError::MessagingLimit => Self::MessagingLimit,
            SendError::Suspended => Self::Suspended,
        }
    }
}

impl From<Stored> for SendError {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::NoSuchAccount => Self::NoSuchAccount,
            Stored::Blocked => Self::Blocked,
            Stored::NoConsent => Self::NoConsent,
            Stored::Stopped => Self::Stopped,
            Stored::WindowClosed => Self::WindowClosed,
            Stored::NoSuchMessage => Self::NoSuchMessage,
            Stored::File(why) => Self::File(why),
            Stored::BadContent => Self::BadContent,
            Stored::IdentityChanged => Self::IdentityChanged,
            Stored::Unavailable(why) => Self::Unavailable(why),
            Stored::Restricted => Self::Restricted,
            Stored::MarketingCap => Self::MarketingCap,
            Stored::MarketingPaused => Self::MarketingPaused,
            Stored::MessagingLimit => Self::MessagingLimit,
            Stored::Suspended => Self::Suspended,
        }
    }
}

/// A customer, as the device knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The account; it never leaves the node: programs know a pairwise id.
    pub account: AccountId,
    /// The name that they go by; may be empty.
    pub name: String,
}

/// The sealed side of the node.
pub trait Chat: RelayClock + Presenting {
    /// The customers with whom there is a conversation, and since when; also those who were not heard of yet.
    fn met(&self) -> Result<Vec<(AccountId, Millis)>, SendError> {
        Ok(Vec::new())
    }
    /// Who has a handle.
    fn find(&self, handle: &Handle)
    -> impl Future<Output = Result<AccountId, SendError>> + std::marker::Send;
    /// Takes one thing to be sent; it is durable in the device's outbox when this is done.
    fn send(&self, send: Send) -> impl Future<Output = Result<Said, SendError>> + std::marker::Send;
    /// What was sent under a [`dedupe`](Send::dedupe) before, if anything was; nothing is done.
    fn said_before(&self, dedupe: [u8; 16]) -> Result<Option<MessageId>, SendError>;
    /// Marks a customer's message, and those before it, as read.
    fn mark_read(
        &self,
        message: MessageId,
    ) -> impl Future<Output = Result<(), SendError>> + std::marker::Send;
    /// Shows to the customer who wrote a message that an answer is being written.
    fn typing(&self, message: MessageId) -> impl Future<Output = Result<(), SendError>> + std::marker::Send;
    /// How the business stands with its relay; `None` while that is not known.
    fn rating(&self) -> Result<Option<Rating>, SendError>;
    /// What the relay's operator has made of the business; `None` while the directory knows of none.
    fn review(&self) -> Result<Option<Review>, SendError>;
    /// The identity key (Ed25519) of a customer that is pinned; `None` when nobody is.
    fn identity_key(&self, of: AccountId) -> Result<Option<[u8; 32]>, SendError>;
    /// What a customer has consented to.
    fn standing(&self, of: AccountId) -> Result<Standing, SendError>;
    /// Blocks a customer, or unblocks them.
    fn block(
        &self,
        customer: AccountId,
        blocked: bool,
    ) -> impl Future<Output = Result<(), SendError>> + std::marker::Send;
    /// Fetches a file of a message into a file.
    fn fetch(
        &self,
        message: MessageId,
        index: u32,
        to: &Path,
    ) -> impl Future<Output = Result<(), SendError>> + std::marker::Send;
    /// The next events after a position, with their positions; waits until there is one. After an error the same can
    /// be asked again.
    fn events(
        &self,
        after: u64,
    ) -> impl Future<Output = Result<Vec<(u64, ChatEvent)>, StoreError>> + std::marker::Send;
}
