//! View models: what a screen or a script shows, read from the records after each commit.

mod business;
mod marks;

use lacre_engine::records::{Change, ConversationKind, ConversationRecord, ConversationState};
use lacre_engine::records::{Failure, MessageRecord, MessageState, Standing};
use lacre_engine::records::{FileId, Me, Position, Records, Transfer, Trust, Unreadable};
use lacre_engine::{EngineError, Reader};
use lacre_proto::{ConversationId, Handle, Millis};

use crate::content::dealing::consent_in;
use crate::content::{self, Card, Content, FileRef, MessageId, Preview};
use crate::groups::Asking;
use crate::search::{self, Filter, Found, Place, Query};
pub use business::Business;
pub use marks::{Choice, Later, Marks, Poll, Reaction, Version};

/// A conversation as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Whose it is.
    pub kind: ConversationKind,
    /// The other person's handle, one's own in one's own; `None` of a group.
    pub with: Option<Handle>,
    /// What people call it: the group's name, the other person's handle, or [`NOTES`] for one's own.
    pub name: String,
    /// The newest message, if there is one.
    pub last: Option<Message>,
    /// When something last happened in it.
    pub active: Millis,
    /// Messages of others that were not marked read.
    pub unread: u32,
    /// Whether messages pass.
    pub state: ConversationState,
    /// Whether this account wants to hear from it.
    pub standing: Standing,
    /// Whether nothing was done in it but asking to be let into a group, which waits for this account.
    pub only_asks: bool,
    /// How it is sealed.
    pub safety: Safety,
    /// The business that it is with, when this account is its customer.
    pub business: Option<Business>,
}

/// What the conversation with oneself is called.
pub const NOTES: &str = "Note to self";

impl Conversation {
    /// Whether a stranger has begun it, and it waits to be decided on: see
    /// [`Request`](crate::strangers::Request). Who has only asked to be let into a group is decided on there.
    pub fn is_request(&self) -> bool {
        self.standing == Standing::Asked && !self.only_asks
    }

    /// Whether media may be shown and links opened: not before a stranger was accepted.
    pub fn may_open(&self) -> bool {
        self.standing == Standing::Accepted
    }
}

/// How a conversation is sealed, and since when the other person's identity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safety {
    /// Number of the MLS ciphersuite; `None` while the conversation is being opened.
    pub suite: Option<u16>,
    /// When the other person's identity key was pinned; `None` while it is not known.
    pub pinned: Option<Millis>,
    /// How well the other person's identity is known; `None` while nothing is, and in a group.
    pub trust: Option<Trust>,
    /// Whether what is said waits until the new identity of somebody in it was accepted.
    pub held: bool,
}

/// X-Wing with AES-128-GCM, SHA-256 and Ed25519: X25519 and ML-KEM-768 together.
const POST_QUANTUM: u16 = 0x004f;

impl Safety {
    /// Whether the sealing also withstands a quantum computer.
    pub fn post_quantum(&self) -> bool {
        self.suite == Some(POST_QUANTUM)
    }

    /// The ciphersuite in words.
    pub fn suite_name(&self) -> &'static str {
        match self.suite {
            None => "being opened",
            Some(POST_QUANTUM) => "X25519 + ML-KEM-768, AES-128-GCM, Ed25519",
            Some(_) => "unknown suite",
        }
    }
}

/// A row of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its place; grows from the oldest to the newest.
    pub position: Position,
    /// The author's handle, as the seal proves.
    pub from: Handle,
    /// Whether this account wrote it.
    pub mine: bool,
    /// When it was sent.
    pub sent: Millis,
    /// What it says, or why it says nothing.
    pub body: Body,
    /// Where one's own message stands; `None` for those of others.
    pub state: Option<Sending>,
    /// The message that it answers, as far as it is known here.
    pub reply: Option<Quote>,
    /// Whether it came after a later one of its sender.
    pub late: bool,
    /// Whether it was marked read here.
    pub seen: bool,
    /// What happened to it, and how it was said.
    pub marks: Marks,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text, as its author wrote it. Not made safe for a screen.
    Text(String),
    /// A poll and how it stands.
    Poll(Poll),
    /// A place on earth.
    Place(content::Place),
    /// Somebody's card.
    Card(Card),
    /// From here on messages vanish so many seconds after they were read; 0: never.
    Timer(u32),
    /// Something that the members of a group were told about it.
    Fact(content::Fact),
    /// A card of a business. Not made safe for a screen; nothing of it opens by itself.
    Menu {
        /// What it says and offers.
        menu: content::Menu,
        /// The picture, video or document above it.
        above: Option<Box<File>>,
    },
    /// What was chosen in one.
    Chosen(content::Choice),
    /// A form that was filled in. Not made safe for a screen.
    Filled {
        /// The answers.
        filled: content::Filled,
        /// The form, while its menu is here: it knows what was asked.
        form: Option<content::Form>,
    },
    /// What a customer has agreed to: categories, and until when; none is a stop.
    Consent(Vec<content::Category>, Millis),
    /// Its author asks an admin to be let into a group.
    Asks {
        /// The group.
        group: ConversationId,
        /// What it is called, where this device knows it. Not made safe for a screen.
        name: Option<String>,
        /// Where that stands.
        state: Asking,
    },
    /// One file or several.
    Files {
        /// The files, in the order in which they are shown.
        files: Vec<File>,
        /// As its author wrote it; may be empty.
        caption: String,
        /// Whether it is a sticker: one file.
        sticker: bool,
    },
    /// Something spoken.
    Voice {
        /// The file: Ogg Opus.
        file: Box<File>,
        /// How loud it is over time.
        waveform: Vec<u8>,
    },
    /// It may be looked at once only, with [`Client::look`](crate::Client::look).
    Once {
        /// Whether that was done, or it is one's own.
        looked: bool,
    },
    /// It was taken back for everyone.
    Deleted {
        /// By whom.
        by: Handle,
    },
    /// Content of a kind that this version does not know.
    Unknown,
    /// A change of the conversation; see [`told`](crate::told).
    Told(Change),
    /// It came and cannot be read.
    Unreadable(Unreadable),
    /// So many messages of this sender did not arrive.
    Gap(u32),
    /// Its author is blocked.
    Blocked,
}

/// A file of a message, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Names it.
    pub id: FileId,
    /// What fetches and opens it. Name and type are what the sender says, and no more than that.
    pub file: FileRef,
    /// What the sender shows of it.
    pub preview: Preview,
    /// Whether it is under way.
    pub transfer: Transfer,
}

/// Where one's own message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// It waits for the relay.
    Sending,
    /// The relay has stored it.
    Sent,
    /// It is on a device of the other person.
    Delivered,
    /// The other person has seen it.
    Read,
    /// It will not be sent.
    Failed(Failure),
}

impl Sending {
    /// The stable name, as it stands in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed(_) => "failed",
        }
    }
}

/// The message that another one answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Its id.
    pub id: MessageId,
    /// Its author and what it says; `None` when it is not on this device.
    pub what: Option<(Handle, Body)>,
}

/// View models over any reader of a profile's store.
#[derive(Clone, Copy)]
pub struct Views<'a>(pub &'a dyn Reader);

impl Views<'_> {
    /// This account and device; `None` before sign-up.
    pub fn me(&self) -> Result<Option<Me>, EngineError> {
        self.records().me()
    }

    /// All conversations, the one that was active last first; the one with oneself once something stands in it.
    pub fn conversations(&self) -> Result<Vec<Conversation>, EngineError> {
        let all = self.records().conversations()?.into_iter();
        let shown = all.filter(|record| record.kind != ConversationKind::Own || record.last.is_some());
        shown.map(|record| self.conversation_of(record)).collect()
    }

    /// One conversation; when it became one with another, that one.
    pub fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, EngineError> {
        match self.settled(id)? {
            Some(record) => self.conversation_of(record).map(Some),
            None => Ok(None),
        }
    }

    /// The conversation with the person of this handle.
    pub fn direct_with(&self, handle: &Handle) -> Result<Option<ConversationId>, EngineError> {
        self.records().direct_with(handle)
    }

    /// Up to `limit` messages before a place, or the last ones; the oldest first.
    pub fn messages(
        &self,
        conversation: ConversationId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Message>, EngineError> {
        let mut records = self.records().messages(conversation, before, limit)?;
        records.reverse();
        records.into_iter().map(|record| self.message_of(record)).collect()
    }

    /// Up to `limit` messages after a place, or the first ones; the oldest first.
    pub fn messages_after(
        &self,
        conversation: ConversationId,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Message>, EngineError> {
        let records = self.records().messages_after(conversation, after, limit)?;
        records.into_iter().map(|record| self.message_of(record)).collect()
    }

    /// One message, also when its conversation became one with another.
    pub fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<Message>, EngineError> {
        let Some(record) = self.settled(conversation)? else { return Ok(None) };
        match self.records().message(record.id, id)? {
            Some(record) => self.message_of(record).map(Some),
            None => Ok(None),
        }
    }

    /// Up to `limit` messages that are searched for, before a place or the newest ones; the newest first.
    pub fn search(
        &self,
        query: &Query,
        filter: &Filter,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Found, EngineError> {
        search::search(self.0, query, filter, before, limit)
    }

    /// The same, only in conversations that a question lets pass.
    pub fn search_within(
        &self,
        query: &Query,
        within: &dyn Fn(ConversationId) -> bool,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Found, EngineError> {
        search::search_within(self.0, query, &Filter::default(), within, before, limit)
    }

    /// What was written for a conversation and not sent.
    pub fn draft(&self, conversation: ConversationId) -> Result<Option<String>, EngineError> {
        match self.settled(conversation)? {
            Some(record) => self.records().draft(record.id),
            None => Ok(None),
        }
    }

    /// The typed records that the view models are made of.
    pub fn records(&self) -> Records<'_> {
        Records(self.0)
    }

    fn settled(&self, id: ConversationId) -> Result<Option<ConversationRecord>, EngineError> {
        let mut record = self.records().conversation(id)?;
        if let Some(ConversationState::MergedInto(other)) = record.as_ref().map(|record| record.state) {
            record = self.records().conversation(other)?;
        }
        Ok(record)
    }

    fn conversation_of(&self, record: ConversationRecord) -> Result<Conversation, EngineError> {
        let last = match record.last {
            Some(id) => self.records().message(record.id, id)?,
            None => None,
        };
        let contact = match record.peer {
            Some(account) => self.records().contact(account)?,
            None => None,
        };
        let trust = match record.peer {
            Some(account) => self.records().trust(account)?,
            None => None,
        };
        let held = self.records().is_held(&record)?;
        let own = record.kind == ConversationKind::Own;
        let business = self.business_of(&record)?;
        let name = if own { NOTES } else { record.name() }.to_owned();
        let with = if own { self.me()?.map(|me| me.handle) } else { record.handle.clone() };
        Ok(Conversation {
            id: record.id,
            kind: record.kind,
            name,
            with,
            last: last.map(|last| self.message_of(last)).transpose()?,
            active: record.active_ms,
            unread: record.unread,
            state: record.state,
            standing: record.standing,
            only_asks: record.standing == Standing::Asked && self.records().only_asks(record.id)?,
            safety: Safety {
                suite: (record.suite != 0).then_some(record.suite),
                pinned: contact.map(|contact| contact.pinned_ms),
                trust,
                held,
            },
            business,
        })
    }

    pub(crate) fn message_of(&self, record: MessageRecord) -> Result<Message, EngineError> {
        let reply = match record.in_reply_to() {
            Some(id) => Some(self.quote(record.conversation, id)?),
            None => None,
        };
        let marks = self.marks_of(&record)?;
        let body = self.body_of(&record)?;
        let state = match record.state {
            MessageState::Queued => Some(Sending::Sending),
            MessageState::Sent => Some(Sending::Sent),
            MessageState::Delivered => Some(Sending::Delivered),
            MessageState::Read => Some(Sending::Read),
            MessageState::Failed(failure) => Some(Sending::Failed(failure)),
            MessageState::Received | MessageState::Unreadable(_) | MessageState::Gap(_) => None,
        };
        Ok(Message {
            id: record.id,
            conversation: record.conversation,
            position: record.position,
            from: record.author_handle,
            mine: record.mine,
            sent: record.sent_ms,
            body,
            state,
            reply,
            late: record.late,
            seen: record.seen,
            marks,
        })
    }

    fn body_of(&self, record: &MessageRecord) -> Result<Body, EngineError> {
        let stored = &record.marks;
        if self.is_hidden(record)? {
            return Ok(Body::Blocked);
        }
        Ok(match (record.state, record.content.clone()) {
            _ if record.change.is_some() => record.change.clone().map_or(Body::Unknown, Body::Told),
            (MessageState::Unreadable(why), _) => Body::Unreadable(why),
            (MessageState::Gap(missing), _) => Body::Gap(missing),
            _ if stored.deleted_by.is_some() => {
                let by = stored.deleted_by.unwrap_or(record.author);
                Body::Deleted { by: self.handle_of(by)? }
            }
            _ if stored.manner.once => Body::Once { looked: stored.looked || record.mine },
            (_, Content::Text { text, .. }) => Body::Text(text),
            (_, Content::Poll(poll)) => Body::Poll(self.poll_of(record, poll)?),
            (_, Content::Place(place)) => Body::Place(place),
            (_, Content::Card(card)) => Body::Card(card),
            (_, Content::Timer { seconds }) => Body::Timer(seconds),
            (_, Content::Fact(fact)) => Body::Fact(fact),
            (_, Content::Menu(mut menu)) => {
                let above = menu.above.take().map(|above| self.file_of(record, 0, above.0, above.1));
                Body::Menu { menu, above: above.transpose()?.map(Box::new) }
            }
            (_, Content::Chosen { choice, .. }) => Body::Chosen(choice),
            (_, Content::Filled { of, filled }) => {
                let menu = self.records().message(record.conversation, of)?;
                let form = menu.and_then(|row| match row.content {
                    Content::Menu(menu) => menu.form().cloned(),
                    _ => None,
                });
                Body::Filled { filled, form }
            }
            (_, Content::Consent(receipt)) => match consent_in(&receipt) {
                Some((categories, until)) => Body::Consent(categories, until),
                None => Body::Unknown,
            },
            (_, Content::AskToJoin(ask)) => {
                let name = self.records().conversation(ask.group)?.map(|record| record.title);
                Body::Asks { group: ask.group, name, state: self.asking(record, ask.group)? }
            }
            (_, Content::Media(media)) => {
                let content::Media { files, caption, sticker } = media;
                let files = files.into_iter().enumerate();
                let files = files.map(|(index, (file, preview))| self.file_of(record, index, file, preview));
                Body::Files { files: files.collect::<Result<_, _>>()?, caption, sticker }
            }
            (_, Content::Voice(voice)) => {
                let preview = Preview { duration_ms: voice.duration_ms, ..Preview::default() };
                let file = self.file_of(record, 0, voice.file, preview)?;
                Body::Voice { file: Box::new(file), waveform: voice.waveform }
            }
            (_, _) => Body::Unknown,
        })
    }

    fn file_of(
        &self,
        record: &MessageRecord,
        index: usize,
        file: FileRef,
        preview: Preview,
    ) -> Result<File, EngineError> {
        let index = u8::try_from(index).unwrap_or(u8::MAX);
        let id = FileId { conversation: record.conversation, message: record.id, index };
        Ok(File { id, file, preview, transfer: self.records().transfer(id)? })
    }

    fn quote(&self, conversation: ConversationId, id: MessageId) -> Result<Quote, EngineError> {
        let what = match self.records().message(conversation, id)? {
            Some(row) if !self.is_hidden(&row)? => {
                let body = self.body_of(&row)?;
                Some((row.author_handle, body))
            }
            _ => None,
        };
        Ok(Quote { id, what })
    }

    /// Whether a row is one of a blocked person in a common group. What was said between the two alone stays.
    fn is_hidden(&self, row: &MessageRecord) -> Result<bool, EngineError> {
        if row.mine || !self.records().is_blocked(row.author)? {
            return Ok(false);
        }
        let record = self.records().conversation(row.conversation)?;
        Ok(record.is_some_and(|record| record.kind == ConversationKind::Group))
    }
}
