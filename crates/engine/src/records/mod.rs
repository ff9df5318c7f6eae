//! Records: everything the engine keeps in the local store that is not MLS state, and typed reads of it.
//!
//! A value is a version byte, then postcard. A key is a table byte, then the parts of the key in big-endian
//! order, so that ranges of keys are ranges of time or place. [`Records`] reads what the last commit left.

mod codec;
mod dealing;
mod devices;
mod evidence;
mod files;
mod group;
mod join;
pub(crate) mod key;
mod marks;
mod overlay;
mod profile;
mod read;
mod row;
mod securing;
mod standing;
mod terms;
mod told;
mod trust;

use lacre_proto::{AccountId, ConversationId, DeviceId, ErrorCode, Handle, Millis, RelayId};
use serde::{Deserialize, Serialize};

use crate::content::{Content, MessageId};
pub(crate) use codec::{decode, encode};
pub use dealing::{BusinessRecord, ConsentRecord, Leave, Quality, Rating, Verified};
pub use devices::OwnDevice;
pub use evidence::{Evidence, SealedForm};
pub(crate) use files::{Download, Upload, UploadStage};
pub use files::{DownloadFailure, FileId, Transfer};
pub(crate) use group::Awaits;
pub use group::{Change, GroupMember, GroupRecord, Heard, Named, Refused};
pub use join::JoinAsk;
pub(crate) use marks::Shared;
pub use marks::{Marks, Reaction, Scheduled, Tally, Version, Vote};
pub(crate) use overlay::Overlay;
pub use profile::{Command, Profile, ProfileRecord};
pub use read::Records;
pub use row::{row_from_bytes, row_key, row_of, row_to_bytes, visit_rows};
pub use securing::Secured;
pub(crate) use standing::Quit;
pub use standing::{BlockRecord, Standing};
pub use terms::{Provider, Terms, TermsRecord};
pub(crate) use told::{At, Company, Cursor, Giving, Taking, Told, part_of, told_in};
pub use told::{HistoryTransfer, TransferState, rows_in_part};
pub(crate) use trust::Compared;
pub use trust::{KeyChange, Trust};

/// This account and device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The account.
    pub account: AccountId,
    /// Its handle.
    pub handle: Handle,
    /// This device.
    pub device: DeviceId,
    /// The relay that was pinned at sign-up.
    pub relay: RelayId,
    /// The account's identity key (Ed25519).
    pub identity_key: [u8; 32],
    /// Whether the relay has accepted the sign-up.
    pub registered: bool,
    /// When the keys were made.
    pub created_ms: Millis,
}

/// A person whose identity key is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The account.
    pub account: AccountId,
    /// Its handle, as it was last told.
    pub handle: Handle,
    /// The pinned identity key (Ed25519).
    pub identity_key: [u8; 32],
    /// When it was pinned.
    pub pinned_ms: Millis,
    /// Version of the newest device list known; 0 when none is.
    pub list_version: u64,
    /// SHA-256 of that list's body.
    pub list_hash: [u8; 32],
    /// The devices in it.
    pub devices: Vec<DeviceId>,
    /// The list itself: an encoded `Signed`.
    pub device_list: Vec<u8>,
    /// Whether the relay's directory has said that the handle is this account's; until then it is what the
    /// person's own certificate says.
    pub confirmed: bool,
    /// The account that was accepted in its place, and has its handle now.
    pub succeeded_by: Option<AccountId>,
}

/// A conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationRecord {
    /// Its id.
    pub id: ConversationId,
    /// Whose it is.
    pub kind: ConversationKind,
    /// Of a direct one, the other person's account; not known until the handle was looked up.
    pub peer: Option<AccountId>,
    /// Of a direct one, the other person's handle.
    pub handle: Option<Handle>,
    /// Of a group, its name.
    pub title: String,
    /// When it was made on this device.
    pub created_ms: Millis,
    /// When something last happened in it.
    pub active_ms: Millis,
    /// Messages of others that were not marked read.
    pub unread: u32,
    /// Where it stands.
    pub state: ConversationState,
    /// Whether this account wants to hear from it.
    pub standing: Standing,
    /// Number of its MLS ciphersuite; 0 while it is being opened.
    pub suite: u16,
    /// The newest message.
    pub last: Option<MessageId>,
}

impl ConversationRecord {
    /// A new conversation in which nothing has happened yet.
    pub(crate) fn new(id: ConversationId, kind: ConversationKind, now: Millis) -> Self {
        Self {
            id,
            kind,
            peer: None,
            handle: None,
            title: String::new(),
            created_ms: now,
            active_ms: now,
            unread: 0,
            state: ConversationState::Opening,
            standing: Standing::Accepted,
            suite: 0,
            last: None,
        }
    }

    /// What people call it: the group's name, or the other person's handle; nothing for one's own.
    pub fn name(&self) -> &str {
        self.handle.as_ref().map_or(&self.title, |handle| handle.as_str())
    }
}

/// The kinds of conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConversationKind {
    /// Between two people.
    Direct,
    /// Between several people, with a name.
    Group,
    /// Between the devices of one account.
    Own,
}

/// Who may do what in a group. Admins may do everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Who adds people.
    pub add: Allowed,
    /// Who edits name, description and picture.
    pub edit: Allowed,
    /// Who sends messages.
    pub send: Allowed,
}

/// Who may do something in a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Allowed {
    /// Every member.
    #[default]
    All,
    /// Admins only.
    Admins,
}

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConversationState {
    /// Its group is not made yet; messages wait.
    Opening,
    /// Messages pass.
    Open,
    /// This device lost its place and asks to be let in again; messages wait.
    OutOfStep,
    /// This account is not in it any more: it left, or was removed. What was said stays.
    Left,
    /// It was one of two with the same person; its messages are in the other.
    MergedInto(ConversationId),
}

/// Where a message stands in its conversation: first by the anchor (when it arrived), then by the sender's
/// counter, so that a late message comes before the next later one of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Local order of arrival, over all conversations.
    pub anchor: u64,
    /// The sender's counter; for those of this device the number of its job, with the highest bit set.
    pub counter: u32,
}

/// A row of a conversation: a message, or the place where one is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// Its id; for gaps and unreadable messages one made here.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Its place.
    pub position: Position,
    /// Who wrote it, as the seal proves.
    pub author: AccountId,
    /// The author's handle.
    pub author_handle: Handle,
    /// Whether this account wrote it.
    pub mine: bool,
    /// When: by this device's clock while queued, by the relay's once it is there.
    pub sent_ms: Millis,
    /// What it says; [`Content::Unknown`] where nothing could be read.
    pub content: Content,
    /// The change of the conversation that the row tells of, when it is no message.
    pub change: Option<Change>,
    /// Where it stands.
    pub state: MessageState,
    /// Whether it came after a later one of its sender.
    pub late: bool,
    /// Whether it was marked read here.
    pub seen: bool,
    /// Its id in MIMI: SHA-256 over author, room and content, with a leading 1.
    pub mimi: Option<Vec<u8>>,
    /// What happened to it since.
    pub marks: Marks,
}

impl MessageRecord {
    /// The message that this one answers.
    pub fn in_reply_to(&self) -> Option<MessageId> {
        self.marks.manner.in_reply_to
    }
}

/// Where a message stands. One's own go from `Queued` to `Read` and never back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageState {
    /// Waits to be sent.
    Queued,
    /// The relay has stored it.
    Sent,
    /// It is on a device of the other person.
    Delivered,
    /// The other person has seen it.
    Read,
    /// It will not be sent.
    Failed(Failure),
    /// Came from somebody else.
    Received,
    /// Came and could not be opened.
    Unreadable(Unreadable),
    /// So many messages of this sender did not arrive.
    Gap(u32),
}

/// Why a message will not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// Nobody has the handle, or nobody who can be reached.
    #[error("nobody with this handle can be reached at this relay")]
    NoSuchAccount,
    /// The handle is one's own.
    #[error("this is your own handle")]
    Yourself,
    /// The person's identity key is not the pinned one.
    #[error("the identity key of this person has changed")]
    IdentityChanged,
    /// The relay gave keys that are not this person's.
    #[error("the relay gave a key that does not belong to this person")]
    FalseIdentity,
    /// The person was blocked, or their request deleted, before it was sent.
    #[error("you have blocked this person")]
    Blocked,
    /// It was given up by its author.
    #[error("given up")]
    Cancelled,
    /// The rules of the group do not let this account send.
    #[error("only admins send in this group")]
    NotAllowed,
    /// This account is not in the conversation any more.
    #[error("you are not in this conversation any more")]
    NotAMember,
    /// The relay refused it for good; the stable number of [`ErrorCode`].
    #[error("{}", ErrorCode::from_number(*.0).sentence())]
    Relay(u32),
    /// A file of it lies neither at the relay nor on this device any more.
    #[error("a file of it is not on this device any more")]
    FileGone,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Unreadable {
    /// It was altered, or its key is gone or too far ahead.
    #[error("it could not be opened")]
    Undecryptable,
    /// It was sealed in an epoch that this device has left or not reached.
    #[error("it belongs to a time when this device was not in step")]
    OtherEpoch,
    /// It was opened, and its content does not decode.
    #[error("it came in a form that this app cannot read")]
    BadContent,
    /// The relay delivered an item of a kind that this version does not know.
    #[error("update to read this")]
    UnknownItem,
}
