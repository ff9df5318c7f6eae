//! What happens, and what is to be done about it.

use lacre_proto::{ConversationId, Millis};

use super::acts::Act;
use super::drafts::Attempt;
use super::group::{Change, Group};
use super::keys::Key;
use super::model::{Business, Connection, Conversation, Message, MessageId};
use super::open::Target;
use super::panel::{Shown, What};
use super::questions::Order;
use super::search::Found;
use super::state::Seen;

/// What happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// A text was pasted.
    Paste(String),
    /// The terminal has this size.
    Resized(u16, u16),
    /// The terminal's window is, or is no longer, the one that is looked at.
    Looked(bool),
    /// It is so late.
    Now(Millis),
    /// These conversations changed.
    Changed(Vec<ConversationId>),
    /// Anything may have changed.
    Stale,
    /// Two conversations became one: the second stays.
    Merged(ConversationId, ConversationId),
    /// The list of conversations, as it was read.
    Conversations(Vec<Conversation>),
    /// The newest rows of a conversation, as they were read, and whether there are older ones.
    Messages(ConversationId, Vec<Message>, bool),
    /// Rows before and after a message, as they were read, and whether there are older and newer ones.
    Around(ConversationId, Vec<Message>, [bool; 2]),
    /// The row around which rows were asked for is not here any more.
    Lost(ConversationId),
    /// What was read for a panel.
    Panel(What, Shown),
    /// The name that one goes by; empty for none.
    Name(String),
    /// Something that a panel shows may have changed.
    Elsewhere,
    /// Somebody is writing, or stopped.
    Writes(ConversationId, String, bool),
    /// The number that is to be typed on a new device, and what it calls itself.
    LinkNumber(String, String),
    /// A linking has ended; why, when no device was added.
    LinkEnded(Result<(), String>),
    /// Something that was asked for is done, in a sentence.
    Done(String),
    /// What was found of a text, in one conversation or in all.
    Found(String, Option<ConversationId>, Found),
    /// What is known of a group.
    Group(ConversationId, Group),
    /// What could be looked at once.
    SeenOnce(String),
    /// A picture that was asked for.
    Seen(Seen),
    /// A file that is under way got further.
    Moved,
    /// What was said in another way came to nothing, and why: its text.
    NotDone(ConversationId, String, String),
    /// A group was made here.
    Made(ConversationId),
    /// The person has come to write to somebody, perhaps with words to begin with.
    Begin(String, String),
    /// What is known of the business behind a handle, to which nothing was said yet.
    Met(String, Box<Business>),
    /// The draft that was kept for a conversation.
    Draft(ConversationId, String),
    /// What was sent is on the disk.
    Queued(Attempt, ConversationId),
    /// What takes long is done, in a sentence; or not, and why.
    Ended(Attempt, Result<String, String>),
    /// What was sent is not on the disk, and why.
    NotQueued(Attempt, String),
    /// How the client stands with the relay.
    Connection(Connection),
    /// Something was refused, in the conversation or in general.
    Alert(Option<ConversationId>, String),
    /// Something that was asked for did not work.
    Trouble(String),
    /// The terminal is gone.
    HungUp,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Read the list of conversations.
    LoadConversations,
    /// Read so many of the newest rows.
    LoadMessages(ConversationId, usize),
    /// Read rows before and after a message.
    LoadAround(ConversationId, MessageId),
    /// Read the name that one goes by.
    LoadName,
    /// Read what a panel shows.
    LoadPanel(What),
    /// Do something for the whole account, or about somebody.
    Do(Order),
    /// Do something that takes long, beside everything else; the answer names it.
    Slowly(Attempt, Order),
    /// Tell the others that one is writing, or stopped.
    Typing(ConversationId, bool),
    /// Search for a text, in one conversation or in all.
    Search(String, Option<ConversationId>),
    /// Read what is known of a group.
    LoadGroup(ConversationId),
    /// Do something to a message, or say something beside text.
    Act(ConversationId, Act),
    /// Make or change a group.
    Group(Change),
    /// Ask who has a handle, and what they say of themselves when it is a business.
    Meet(String),
    /// Read the draft that was kept.
    LoadDraft(ConversationId),
    /// Send a text.
    Send(Attempt, Target, String, Option<MessageId>),
    /// Everything up to this row has been shown.
    MarkRead(ConversationId, MessageId),
    /// Keep a draft; none when it is empty.
    KeepDraft(ConversationId, String),
    /// Give up a message that is not sent yet.
    GiveUp(MessageId),
    /// Connect now.
    Reconnect,
    /// Leave.
    Quit,
}
