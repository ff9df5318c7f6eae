//! What the chat shows, as plain data: it knows neither the client nor the terminal. Texts are safe for a
//! terminal already (`safe_text`), but those of a form, which are made safe where they are drawn; ids are only
//! compared and handed back.

use std::sync::Arc;

use lacre_client::content::Form;
use lacre_media::picture::Cell;
use lacre_proto::{ConversationId, Millis};

/// Names a message to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageId(pub [u8; 16]);

/// Who and where this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// This account's handle.
    pub handle: String,
}

/// What the conversation with oneself is called.
pub const NOTES: &str = "Note to self";

/// A row of the list of conversations; the list comes in the order to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// What it is called: the group's name or the other person's handle.
    pub with: String,
    /// Whether it is a group.
    pub group: bool,
    /// Whether it is with oneself: notes, on all devices of this account.
    pub own: bool,
    /// The newest message.
    pub last: Option<LastMessage>,
    /// When something last happened in it.
    pub active: Millis,
    /// Messages of the other person that were not marked read.
    pub unread: u32,
    /// Whether messages pass.
    pub standing: Standing,
    /// Whether this account wants to hear from it.
    pub stance: Stance,
    /// How it is sealed.
    pub safety: Safety,
    /// Seconds after which its messages vanish; 0 for never.
    pub timer: u32,
    /// Whether others are told what came and was read.
    pub receipts: bool,
    /// How many people ask to be let in, by its link.
    pub askers: usize,
    /// Who has come with another identity key: nothing is sent before it was accepted.
    pub held: Option<String>,
    /// The business that it is with, when this account is its customer.
    pub business: Option<Business>,
}

/// A business, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    /// Its name and domain, as the operator has verified them; `None` where it is not verified.
    pub badge: Option<(String, String)>,
    /// What it may write, in a few words.
    pub may: String,
    /// The verified business that its name looks like, though it is another.
    pub looks_like: Option<String>,
    /// What it says of itself, in lines of which the first says so; none when it has said nothing.
    pub says: Vec<String>,
    /// What one can begin with.
    pub prompts: Vec<String>,
    /// Its commands, with their strokes and what comes of them.
    pub commands: Vec<String>,
}

/// Whether this account wants to hear from a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// It began it, wrote in it or accepted it.
    Accepted,
    /// A stranger has begun it: it is a request.
    Asked,
    /// The other person is blocked.
    Blocked,
}

/// The newest message, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastMessage {
    /// Whether this account wrote it.
    pub mine: bool,
    /// Its text, or a sentence in its place.
    pub text: String,
    /// Where one's own message stands.
    pub tick: Option<Tick>,
}

/// Whether messages pass in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is being opened; messages wait.
    Opening,
    /// Messages pass.
    Open,
    /// This device asks to be let in again; messages wait.
    OutOfStep,
    /// This account is not in it any more.
    Left,
}

/// How a conversation is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safety {
    /// Whether the sealing also withstands a quantum computer; `None` while it is being opened.
    pub post_quantum: Option<bool>,
    /// When the other person's identity key was pinned; `None` while it is not known.
    pub pinned: Option<Millis>,
    /// Whether the safety number was compared, and was the same.
    pub verified: bool,
}

/// A row of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// The author's handle.
    pub from: String,
    /// Whether this account wrote it.
    pub mine: bool,
    /// When it was sent.
    pub sent: Millis,
    /// What it says.
    pub body: Body,
    /// Where one's own message stands; `None` for those of others.
    pub tick: Option<Tick>,
    /// What it answers.
    pub reply: Option<Quote>,
    /// Whether it came after a later one of its sender.
    pub late: bool,
    /// Whether it was marked read here.
    pub seen: bool,
    /// What is to be seen of its files.
    pub picture: Option<Picture>,
    /// Of something spoken: how loud it is over time, from 0 to [`LOUDEST`](lacre_media::voice::LOUDEST).
    pub waveform: Option<Vec<u8>>,
    /// Whether a file of it is under way.
    pub moves: bool,
    /// What happened to it.
    pub marks: Marks,
}

/// A small picture, in rows of cells of this terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its rows.
    pub cells: Arc<Vec<Vec<Cell>>>,
    /// Whether it was made here of the file itself; else it is what the sender shows of it.
    pub real: bool,
}

/// What happened to a message, and what can be done with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// In words, on one line; empty when there is nothing to say.
    pub told: String,
    /// Seconds after which it vanishes once it was read.
    pub timer: Option<u32>,
    /// When it vanishes, once that runs.
    pub vanishes: Option<Millis>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// Whether it has a star.
    pub starred: bool,
    /// Whether it may still be looked at once.
    pub once: bool,
    /// How many files it has.
    pub files: usize,
    /// Of a poll, how many answers it has.
    pub options: usize,
    /// Whether several answers may be chosen.
    pub multiple: bool,
    /// Of a business's menu, what can be chosen.
    pub choices: Vec<String>,
    /// The form that a business's menu brings; it is opened as the first thing that can be chosen.
    pub form: Option<Form>,
    /// One's own votes, counted from 0.
    pub votes: Vec<u8>,
}

impl Marks {
    /// One's votes with this answer changed: chosen, or not any more.
    pub fn votes_with(&self, answer: u8) -> Vec<u8> {
        if self.votes.contains(&answer) {
            return self.votes.iter().copied().filter(|vote| *vote != answer).collect();
        }
        let mut votes = if self.multiple { self.votes.clone() } else { Vec::new() };
        votes.push(answer);
        votes.sort_unstable();
        votes
    }
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text, with line breaks.
    Text(String),
    /// Content of a kind that this version does not know.
    Unknown,
    /// A change of the conversation, as a sentence.
    Told(String),
    /// It came and cannot be read; the reason as half a sentence.
    Unreadable(String),
    /// So many messages of this sender did not arrive.
    Gap(u32),
}

/// Where one's own message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tick {
    /// It waits for the relay.
    Sending,
    /// The relay has stored it.
    Sent,
    /// It is on a device of the other person.
    Delivered,
    /// The other person has seen it.
    Read,
    /// It will not be sent; the reason as half a sentence.
    Failed(String),
}

/// The message that another one answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Author and text, on one line; `None` when it is not on this device.
    pub what: Option<(String, String)>,
}

/// How the client stands with its relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Opening sockets and logging in.
    Connecting,
    /// Logged in; what waited is coming.
    CatchingUp,
    /// All is here.
    Online,
    /// Not connected.
    Offline {
        /// Why, as half a sentence.
        why: String,
        /// When the next attempt is made; `None` when somebody must do something first.
        again: Option<Millis>,
    },
    /// The client was closed.
    Closed,
}
