//! Groups: what their members see of them beside messages.

use lacre_proto::{AccountId, ConversationId, Handle};
use serde::{Deserialize, Serialize};

use super::{Failure, Rules, Trust};
use crate::content::LinkFact;

/// What is known of a group on this device. Its name stands in the conversation's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Who made it.
    pub created_by: AccountId,
    /// Who may change it, as its signed context says.
    pub admins: Vec<AccountId>,
    /// Who may do what, as its signed context says.
    pub rules: Rules,
    /// What it is for; may be empty.
    pub description: String,
    /// Its picture, an encoded image; may be empty.
    pub picture: Vec<u8>,
    /// What members go by in it.
    pub labels: Vec<(AccountId, String)>,
    /// The link by which one can ask to be let in.
    pub link: Option<LinkFact>,
    /// Who has said that they leave, and whose devices are in the tree still.
    pub leaving: Vec<AccountId>,
    /// How many people are in it.
    pub members: u32,
    /// The group that it takes the place of, when somebody has broken that one.
    pub instead_of: Option<ConversationId>,
    /// Who has said of this group, or of one before it, that it was split: once is believed.
    pub(crate) doubters: Vec<AccountId>,
    /// What this device waits to be told by who let it in.
    pub(crate) awaits: Option<Awaits>,
    /// Admins and rules of that group, until they are set here.
    pub(crate) restore: Option<(Vec<AccountId>, Rules)>,
}

/// A device that has come into a group waits to be told what it is called. What it has heard since it came is
/// newer, and stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Awaits {
    /// From whom.
    pub(crate) from: AccountId,
    /// What was heard since.
    pub(crate) name: bool,
    pub(crate) description: bool,
    pub(crate) picture: bool,
    pub(crate) link: bool,
    pub(crate) labels: Vec<AccountId>,
}

impl Awaits {
    pub(crate) fn of(from: AccountId) -> Self {
        Self { from, name: false, description: false, picture: false, link: false, labels: Vec::new() }
    }
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// The account.
    pub account: AccountId,
    /// Its handle.
    pub handle: Handle,
    /// Whether it is this account.
    pub me: bool,
    /// Whether it is an admin.
    pub admin: bool,
    /// How many of its devices are in the group.
    pub devices: usize,
    /// What it goes by in the group; may be empty.
    pub label: String,
    /// How well its identity is known here; of this account itself it is.
    pub trust: Trust,
}

/// Somebody whom a row names, as they were called then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The account; `None` when it was not found.
    pub account: Option<AccountId>,
    /// The handle.
    pub handle: Handle,
}

/// A change of a conversation that a row tells of; who made it is the row's author.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// The group was made.
    Made,
    /// People were added.
    Added(Vec<Named>),
    /// People were removed; this account, when it stands alone in the list.
    Removed(Vec<Named>),
    /// The author left.
    Left,
    /// Somebody became an admin, or is none any more.
    Role(Named, bool),
    /// The rules changed.
    Rules(Rules),
    /// Somebody could not be added.
    NotAdded(Named, Failure),
    /// Something that this account wanted of the group was refused.
    Refused(Refused),
    /// A device of somebody had lost its place and was let in again.
    LetIn(Named),
    /// The author has broken the rules of the group; nothing of it was followed, and the group goes on without
    /// them.
    Broken,
    /// The author gave these people, who had just come in, so many of the last messages.
    Gave(Vec<Named>, u8),
    /// Of what the author gave this account so many messages are not shown: it is not proven whose they are.
    NotProven(u32),
    /// This device had lost its place and was let in again: what was said meanwhile is not here.
    Back,
    /// The directory has given somebody's handle to another identity; whether the safety number with them had been
    /// compared.
    KeyChanged(Named, bool),
    /// The directory names the identity again that was pinned.
    KeyBack(Named),
    /// The author has accepted somebody's new identity.
    KeyAccepted(Named),
    /// After a commit of the author the relay took nothing from anybody else any more; whether the group goes on
    /// without them, or it is between two.
    ShutOut(bool),
    /// The relay has shown the conversation in two versions; who begins it anew, when that is known.
    Split(Option<Named>),
    /// The author, a business, lets these others act for it from now on, or not any more. Their names are not made
    /// safe for a screen.
    ActsFor(Vec<String>, bool),
    /// The author, a business, says something else of what it keeps: for so many days, or it does not say.
    Keeps(u32),
}

/// Why a change of a group came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refused {
    /// The rules do not let this account do it.
    #[error("the rules of the group do not let you do this")]
    Right,
    /// The relay refused it for good; the stable number of its code.
    #[error("{}", lacre_proto::ErrorCode::from_number(*.0).sentence())]
    Relay(u32),
}

/// How far a message has come with one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Heard {
    /// It is on a device of this member.
    Delivered,
    /// This member has seen it.
    Read,
}
