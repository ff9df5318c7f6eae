//! What goes into the engine and what comes out.

use std::collections::BTreeMap;

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, DeviceId, ErrorCode, Handle, Millis};

use crate::content::{Answer, Category, Content, MessageId, Misfilled};
use crate::identity::{GroupLink, LinkCode, LinkError, LinkNumber, SafetyNumber};
use crate::records::{DownloadFailure, Failure, FileId, Profile, Rules, Terms};

/// Reads of the local store, as it was at the last commit. Keys are the engine's own; their first byte is the
/// table (see `records`).
pub trait Reader {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError>;

    /// Keys from the first (included) to the second (excluded), in order or from the last back; `visit` says
    /// whether to go on.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError>;
}

/// The local store could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the local store cannot be read: {0}")]
pub struct ReadError(pub String);

/// What one step changes: for each key its new value, or that it is gone. Committed in one transaction.
pub type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Names a request from its effect to its answer; never reused by an engine.
pub type RequestId = u64;

/// Names an intent from the caller to the events that tell of it.
pub type IntentId = u64;

/// What a customer agrees to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// What the business may write for; nothing is a stop.
    pub categories: Vec<Category>,
    /// Until when, by the relay's time.
    pub expires_ms: Millis,
    /// [`TermsRecord::hash`](crate::records::TermsRecord::hash) of the terms that the customer was shown;
    /// `None` when the business had told none. More than stands is granted only to what was shown.
    pub shown: Option<[u8; 32]>,
}

/// Everything that can happen.
#[derive(Debug)]
pub enum Input {
    /// What the user wants.
    Intent(IntentId, Intent),
    /// Both sockets are open and this device is logged in.
    Connected(wire::LoggedIn),
    /// The sockets are gone; requests under way will not be answered.
    Disconnected,
    /// Entries of the mailbox, in order.
    Delivered(Vec<wire::Entry>),
    /// Everything that lay in the mailbox at login has been delivered.
    CaughtUp,
    /// The answer to a request.
    Answered(RequestId, Result<response::Result, WireError>),
    /// The time of [`Step::wake`] has come.
    Tick,
    /// Items that were said in passing; they lie in no mailbox.
    Passing(Vec<bytes::Bytes>),
    /// An upload has ended.
    Uploaded(FileId, Result<(), NotUp>),
    /// A download has ended: the sealed file lies on this device, whole and checked, or it does not.
    Fetched(FileId, Result<(), DownloadFailure>),
}

/// A sealed file that goes to the relay.
#[derive(Clone, PartialEq, Eq)]
pub struct FileToSend {
    /// Which.
    pub file: FileId,
    /// The upload capability.
    pub capability: [u8; 32],
    /// SHA-256 of the sealed file, by which it is found on this device.
    pub hash: [u8; 32],
    /// Its bytes.
    pub sealed: u64,
}

/// A sealed file that comes from the relay.
#[derive(Clone, PartialEq, Eq)]
pub struct FileToFetch {
    /// Which.
    pub file: FileId,
    /// Reads it.
    pub capability: [u8; 32],
    /// SHA-256 that the sealed file must have.
    pub hash: [u8; 32],
    /// Bytes of the file in it.
    pub size: u64,
}

impl std::fmt::Debug for FileToSend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileToSend({:?}, ..)", self.file)
    }
}

impl std::fmt::Debug for FileToFetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileToFetch({:?}, ..)", self.file)
    }
}

/// Why a file did not go up, so that trying the same again does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotUp {
    /// The relay knows of no such upload, or no longer.
    NoGrant,
    /// The sealed file is not on this device.
    NotHere,
    /// The relay refused for good; the stable number of [`ErrorCode`].
    Relay(u32),
}

/// What the user wants. Kept in the outbox until it is done; survives a restart.
#[derive(Debug, Clone)]
pub enum Intent {
    /// Sends content to a person; a direct conversation is made when there is none. With one's own handle it is a note
    /// to oneself.
    SendTo(Handle, Content),
    /// Sends content into a conversation.
    Send(ConversationId, Content),
    /// Everything up to this message has been seen: read receipts go out for what was not read before.
    MarkRead(ConversationId, MessageId),
    /// Gives up a message that was not sent yet.
    Cancel(MessageId),
    /// Accepts a request: what was held back goes out.
    Accept(ConversationId),
    /// Deletes a request, and leaves without a word.
    Decline(ConversationId),
    /// Blocks an account: nothing of it is heard any more, and it is not told.
    Block(AccountId),
    /// Takes a block back.
    Unblock(AccountId),
    /// Updates this device's leaf in a conversation now (it happens daily by itself).
    UpdateLeaf(ConversationId),
    /// Makes a group of this name, with these people in it.
    CreateGroup(String, Vec<Handle>),
    /// Adds people to a group. Name, description, picture and labels are set by sending a fact.
    AddToGroup(ConversationId, Vec<Handle>),
    /// Adds people to a group, and gives them so many of its last messages: of the last 14 days, at most
    /// [`GIVEN`](crate::content::kinds::GIVEN). Everybody is told.
    AddToGroupWith(ConversationId, Vec<Handle>, u8),
    /// Makes a link by which one can ask to be let into a group, good until a time by the relay's clock (0: as long as
    /// it stands), in place of the one before; `None` turns it off. For admins.
    SetGroupLink(ConversationId, Option<Millis>),
    /// Asks the admin of a link to be let into its group.
    AskToJoin(GroupLink),
    /// Lets somebody in who asked, and gives them so many of the last messages. For admins.
    AdmitAsker(ConversationId, AccountId, u8),
    /// Does not let somebody in who asked. For admins.
    DeclineAsker(ConversationId, AccountId),
    /// Removes people from a group.
    RemoveFromGroup(ConversationId, Vec<Handle>),
    /// Leaves a group, with all devices of this account.
    LeaveGroup(ConversationId),
    /// Makes somebody an admin of a group, or a member.
    SetRole(ConversationId, Handle, bool),
    /// Says who may do what in a group.
    SetRules(ConversationId, Rules),
    /// Says something in a certain way.
    Say(To, Content, Wish),
    /// What a business may write to this account for from now on, in place of what was said before.
    SetConsent(ConversationId, Agreement),
    /// What this account, a business, keeps and who acts for it, told to its customers in place of what was told
    /// before.
    SetTerms(Terms),
    /// What this account, a business, says of itself to whoever looks it up, in place of what it said before; with a
    /// small JPEG, which may be empty. Limits: [`lacre_proto::profile`].
    SetProfile(Box<Profile>, Vec<u8>),
    /// Asks the directory who has a handle, and what they say of themselves when it is a business; nothing is sent to
    /// them. Not kept: needs a connection. Ends with [`Event::LookedUp`], while the connection holds.
    LookUp(Handle),
    /// Has the devices of this account hold something alike for a program on them, in place of what it was before:
    /// its name, of at most [`SHARE_NAME`](crate::content::kinds::SHARE_NAME) bytes, and what it is, of at most
    /// [`SHARE`](crate::content::kinds::SHARE).
    Share(String, Vec<u8>),
    /// Asks the relay whether this device leads those of its account. Not kept: needs a connection.
    Lead(Wanted),
    /// Answers a business's menu with one of its choices, by its id or its title.
    Choose(ConversationId, MessageId, String),
    /// Fills in the form of a business's menu: answers by the names of their fields; what is left out is not there.
    Fill(ConversationId, MessageId, Vec<(String, Answer)>),
    /// Reacts to a message with one emoji, in place of what one reacted before; nothing takes it back.
    React(ConversationId, MessageId, Option<String>),
    /// Puts another text in place of one's own, within [`EDITABLE`](crate::EDITABLE); or of one that is to be
    /// sent later.
    Edit(ConversationId, MessageId, String),
    /// Takes a message off this device.
    DeleteHere(ConversationId, MessageId),
    /// Takes a message of one's own (an admin: of anybody) back for everyone.
    DeleteForAll(ConversationId, MessageId),
    /// Passes a message on, marked as such.
    Forward {
        /// Where it is.
        from: ConversationId,
        /// Which.
        message: MessageId,
        /// To whom; at most five, and only one when it was passed on five times before.
        to: Vec<To>,
    },
    /// Pins a message for everybody, or takes the pin away.
    Pin(ConversationId, MessageId, bool),
    /// Gives a message a star, for oneself alone, or takes it away.
    Star(ConversationId, MessageId, bool),
    /// Votes in a poll, in place of the vote before; no choices take it back.
    Vote(ConversationId, MessageId, Vec<u8>),
    /// Closes one's own poll.
    ClosePoll(ConversationId, MessageId),
    /// From now on what is said vanishes so many seconds after it was read; 0: never.
    SetTimer(ConversationId, u32),
    /// Whether delivered and read receipts go out in a conversation.
    SetReceipts(ConversationId, bool),
    /// What may be looked at once is looked at now: nothing of it stays here.
    Look(ConversationId, MessageId),
    /// The name that one goes by, told to each conversation with the next message; empty for none.
    SetName(String),
    /// Lets the device in that shows this code. Not kept: it ends with the connection.
    Link(LinkCode),
    /// Ends a linking that is under way.
    StopLinking,
    /// Takes a device of this account out of it, and out of every conversation.
    RevokeDevice(DeviceId),
    /// Ends the quarantine of a new device of this account.
    ApproveDevice(DeviceId),
    /// Gives a device of this account a name; at most 40 characters.
    NameDevice(DeviceId, String),
    /// Accepts the identity with which somebody has come, by the key that the user has seen the safety number of.
    AcceptIdentity(AccountId, [u8; 32]),
    /// The safety number with somebody was compared, and is this one.
    MarkVerified(AccountId, SafetyNumber),
    /// Takes that back.
    UnmarkVerified(AccountId),
    /// This device gets new keys in every conversation and at the relay: somebody may know those that it has.
    Secure,
    /// Tells a device of this account what was said before it came. It goes on until it is done, over every restart;
    /// one that is under way just goes on.
    GiveHistory {
        /// The device.
        to: DeviceId,
        /// Nothing older than this, by the relay's time; 0 for everything.
        since_ms: Millis,
    },
    /// Gives up what is being told to a device, or by one.
    StopHistory(DeviceId),
    /// Keeps what was written for a conversation and not sent; empty for nothing.
    KeepDraft(ConversationId, String),
    /// The user is writing in a conversation, or stopped. May be said with every key: it is told seldom enough.
    Typing(ConversationId, bool),
    /// Fetches a file of a message; again after it failed.
    Fetch(FileId),
    /// Fetches it no further; what came of it goes.
    StopFetching(FileId),
}

/// What a device wants of the lead of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To lead, or to go on leading, unless another device does.
    Lead,
    /// To lead from now on, whoever does.
    TakeOver,
    /// To lead no more.
    StepDown,
    /// To know who does.
    Look,
}

/// Who leads the devices of this account, by the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// Which device; `None` when none does.
    pub device: Option<DeviceId>,
    /// For how many milliseconds more, unless it asks again.
    pub for_ms: Millis,
}

/// Where something is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// To a person; a direct conversation is made when there is none. With one's own handle it is a note to oneself.
    Person(Handle),
    /// In a conversation.
    Conversation(ConversationId),
}

/// In what way something is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// It may be looked at once only: text.
    pub once: bool,
    /// Not before this time by this device's clock.
    pub not_before: Option<Millis>,
    /// The message that it answers, of the same conversation.
    pub in_reply_to: Option<MessageId>,
}

/// The outcome of one input.
#[derive(Debug, Default)]
pub struct Step {
    /// To be committed first.
    pub changes: Changes,
    /// Then to be run, in order.
    pub effects: Vec<Effect>,
    /// Then to be published.
    pub events: Vec<Event>,
    /// When the engine next wants [`Input::Tick`].
    pub wake: Wake,
}

/// When the engine next wants a tick; it replaces what an earlier step said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wake {
    /// Not before another input.
    #[default]
    Never,
    /// At this time.
    At(Millis),
}

/// What the driver does after the commit.
#[derive(Debug)]
pub enum Effect {
    /// A request on the authenticated socket.
    Request(RequestId, request::Op),
    /// A request on the anonymous socket.
    AnonymousRequest(RequestId, request::Op),
    /// Acknowledge the mailbox up to this position.
    Acknowledge(u64),
    /// Upload a sealed file; told again on every connection until [`Input::Uploaded`]. The same one may be under way.
    Upload(FileToSend),
    /// Upload it no further, and give it up at the relay.
    StopUploading(FileId, [u8; 32]),
    /// Fetch a sealed file; told again on every connection until [`Input::Fetched`].
    Fetch(FileToFetch),
    /// Fetch it no further.
    StopFetching(FileId),
    /// The sealed file with this hash is no message's any more.
    DropFile([u8; 32]),
}

/// What the user interface may want to show; ids only, to be read again from the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message was made for an intent: it is in the records and will be sent.
    Queued(IntentId, ConversationId, MessageId),
    /// An intent came to nothing.
    Refused(IntentId, Refusal),
    /// A message appeared or changed: text, state or place.
    MessageChanged(ConversationId, MessageId),
    /// A conversation appeared or changed.
    ConversationChanged(ConversationId),
    /// Two direct conversations with one person have become one; the first is gone, the second stays.
    ConversationMerged(ConversationId, ConversationId),
    /// An account was blocked, or is blocked no more.
    BlocksChanged(AccountId),
    /// Somebody is writing, or stopped. To be forgotten after six seconds without another word.
    Typing(ConversationId, AccountId, bool),
    /// The mailbox is empty: what was sent to this device while it was away is here.
    CaughtUp,
    /// The device of this name wants to be let in: its person is to type this number on it.
    LinkNumber(LinkNumber, String),
    /// A linking has ended: the device is one of this account now, or it is not.
    LinkEnded(Result<DeviceId, LinkError>),
    /// So many conversations are left in which this device has no new keys yet; whether those at the relay are new.
    Securing(usize, bool),
    /// How well somebody's identity is known has changed: compared, another one, accepted.
    TrustChanged(AccountId),
    /// The devices of an account, one's own or a contact's, are others than before.
    DevicesChanged(AccountId),
    /// A transfer of what was said before has moved on, to or from this device of the account.
    HistoryMoved(DeviceId),
    /// A customer has granted something, or stopped it.
    Consent(AccountId),
    /// What a business tells of itself is another than before, or the relay has it now.
    Terms(AccountId),
    /// What a business says of itself is another than before, or the relay has it now.
    Profile(AccountId),
    /// Who has this handle is in the records as the directory has them; or nobody is found.
    LookedUp(Handle, Result<AccountId, Refusal>),
    /// The devices of this account hold something of this name alike: another than before.
    Shared(String),
    /// What the relay says to the last question who leads the devices of this account.
    Lead(Result<Lead, ErrorCode>),
    /// Something that was refused, and that a person should know of. Nothing was changed by it.
    Alert(Option<ConversationId>, Alert),
}

/// Why an intent came to nothing; each is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody has this handle, or nobody who can be reached.
    #[error("nobody with this handle can be reached at this relay")]
    NoSuchAccount,
    /// A conversation with oneself is not made this way.
    #[error("this is your own handle")]
    Yourself,
    /// There is no such conversation on this device.
    #[error("there is no such conversation on this device")]
    NoSuchConversation,
    /// Nothing is sent to somebody who is blocked.
    #[error("you have blocked this person; unblock them first")]
    Blocked,
    /// Nothing was ever heard of the account on this device.
    #[error("this person is not known on this device: they never wrote to you and are in no group with you")]
    UnknownPerson,
    /// The relay keeps no more blocks of one account.
    #[error("you have blocked {} people, which is the most that can be", lacre_proto::limits::BLOCKED)]
    TooManyBlocked,
    /// It was accepted, or begun by this account.
    #[error("this is no request; you have accepted it")]
    NoRequest,
    /// A stranger's files are not fetched.
    #[error("accept this person first; nothing was fetched")]
    NotAccepted,
    /// This account is not in the conversation any more.
    #[error("you are not in this conversation any more")]
    NotAMember,
    /// It is a direct conversation, or one's own.
    #[error("this is no group")]
    NotAGroup,
    /// The rules of the group do not allow it.
    #[error("the rules of the group do not let you do this")]
    NotAllowed,
    /// Somebody who was named is no member of the group.
    #[error("somebody you named is not in this group")]
    NotInGroup,
    /// Everybody who was named is a member of the group.
    #[error("they are in the group already")]
    MembersAlready,
    /// This account is in the group.
    #[error("you are in this group already")]
    MemberAlready,
    /// No such account waits to be let in.
    #[error("this person has not asked to be let into this group, or is in it already")]
    NobodyAsked,
    /// More is to be given to newcomers than can be.
    #[error("at most the last {} messages can be given to newcomers", crate::content::kinds::GIVEN)]
    TooMuchHistory,
    /// It would be more people than a group can have.
    #[error("a group has at most {} members", lacre_proto::limits::MEMBERS)]
    TooMany,
    /// A group needs an admin.
    #[error("you are the only admin; make somebody else one first")]
    LastAdmin,
    /// The conversation is not made at the relay yet.
    #[error("this conversation is not open yet; try again when you are online")]
    NotYet,
    /// There is no such message, or it has left already.
    #[error("there is no such message, or it was sent already")]
    NoSuchMessage,
    /// The content is over a limit, or not of a kind that can be sent.
    #[error("this cannot be sent: it is too long or empty")]
    BadContent,
    /// The person's identity key is not the one that was pinned.
    #[error("the identity key of this person has changed; nothing is sent until the change is accepted")]
    IdentityChanged,
    /// The identity key of the person has not changed.
    #[error("the identity key of this person has not changed; there is nothing to accept")]
    NoKeyChange,
    /// It is another than the one that the user has seen.
    #[error("the safety number with this person is another one by now; look at it again")]
    OtherSafetyNumber,
    /// Only its author, or an admin, does this to a message.
    #[error("this is not yours to do")]
    NotYours,
    /// A message is edited within a day.
    #[error("a message can be edited for 24 hours, and this one is older")]
    TooLate,
    /// The message is not of a kind with which this is done.
    #[error("this cannot be done with such a message")]
    NotOfThisKind,
    /// The poll is closed.
    #[error("this poll is closed")]
    Closed,
    /// A reaction is one emoji.
    #[error("a reaction is one emoji")]
    NotAnEmoji,
    /// A message is passed on to so many conversations at once.
    #[error("this message can be passed on to {0} conversation(s) at once")]
    TooManyTargets(usize),
    /// The other is no business, or this account is not the one to do this.
    #[error("this is no conversation with a business")]
    NoBusiness,
    /// What the business tells of itself is not what the customer was shown.
    #[error(
        "what it keeps, or who acts for it, has changed since it was shown: look at it, and say it again"
    )]
    TermsChanged,
    /// The customer has not consented to that.
    #[error("the customer has not agreed to be written to for that")]
    ConsentNeeded,
    /// The customer has said stop.
    #[error("the customer has said stop; nothing more is sent to them")]
    Stopped,
    /// Outside the 24 hours after the customer's last message only templates may be sent.
    #[error("it is more than 24 hours since the customer wrote; only an approved template can be sent")]
    WindowClosed,
    /// The menu has no such choice.
    #[error("this message has no such choice")]
    NoSuchChoice,
    /// An answer does not fit its question; [`Form::takes`](crate::content::Form::takes) says which.
    #[error("the form cannot be sent so: {0}")]
    Misfilled(Misfilled),
    /// This account has no such device.
    #[error("this account has no such device")]
    NoSuchDevice,
    /// Nothing is told to the device, and it tells nothing.
    #[error("there is no transfer with this device")]
    NoTransfer,
    /// This device is new itself.
    #[error(
        "this device is new; until a day has passed or another device has approved it, it cannot do this"
    )]
    InQuarantine,
    /// A device does not approve itself, and where there are others the one that let it in does not either.
    #[error("another device of this account must approve this one")]
    NotByThisDevice,
    /// The account has as many devices as it may have.
    #[error("this account has as many devices as it may have; remove one first")]
    TooManyDevices,
    /// It needs a connection to the relay now.
    #[error("this needs a connection to the relay now")]
    Offline,
    /// A device is being linked already.
    #[error("a device is being linked already")]
    LinkingAlready,
    /// The relay refused, and trying again does not help.
    #[error("{0}")]
    Relay(WireError),
}

/// What was refused on arrival. The code names it in tests and in the table of attacks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Alert {
    /// The item's conversation or epoch differs from that of the sealed message in it.
    #[error("a message was delivered into a conversation that it does not belong to; it is not shown")]
    Misdelivered,
    /// A message that was opened before.
    #[error("a message was delivered again; it is shown once")]
    Replayed,
    /// A sealed message that cannot be opened: altered, or its key is gone or too far away.
    #[error("a message could not be opened")]
    Unreadable,
    /// What is inside names another author, conversation or target than the seal proves.
    #[error("a message claimed another author than it has; it is not shown")]
    FalseAuthor,
    /// The author's signature, by which others can be shown whose words they are, is missing or does not hold.
    #[error("a message came without its author's signature; it is not shown")]
    Unsigned,
    /// Old messages that a newcomer was given, of which it is not proven that their authors said them here.
    #[error("{0} of the old messages that you were given could not be proven; they are not shown")]
    FalseHistory(u32),
    /// Content that does not decode.
    #[error("a message came in a form that this app cannot read")]
    BadContent,
    /// One or more messages of a sender are missing.
    #[error("{0} message(s) of this person did not arrive")]
    Missing(u32),
    /// A commit that the conversation's rules do not allow.
    #[error("a change to this conversation was refused: {0}")]
    PolicyRefused(&'static str),
    /// A commit that cannot be applied on this device; it asks to be added anew.
    #[error("this device lost its place in the conversation and is asking to be let in again")]
    OutOfStep,
    /// The relay's roster names devices that are not members, or lacks some that are.
    #[error("the relay delivers this conversation to other devices than its members'; they cannot read it")]
    RosterMismatch,
    /// A Welcome that was not accepted.
    #[error("an invitation was refused: {0}")]
    WelcomeRefused(&'static str),
    /// A key package or certificate that does not belong to the account it was given for.
    #[error("the relay gave a key that does not belong to this person; nothing was sent")]
    FalseIdentity,
    /// An identity key that is not the pinned one.
    #[error("the identity key of this person has changed; nothing is sent to them until you accept it")]
    IdentityChanged(AccountId),
    /// The relay has shown a conversation in two versions.
    #[error("the relay has shown this conversation in two versions; it is begun anew")]
    Split,
    /// A resync request that does not hold.
    #[error("a device asked to be let in again without right; it was not")]
    FalseResync,
    /// An item of a kind that this version does not know.
    #[error("update to read this")]
    UnknownItem,
    /// Something that one did to a message could not be sent, and was undone here.
    #[error("what you did to a message could not be sent: {0}")]
    NotSaid(Failure),
    /// A device was added to this account by another device of it.
    #[error("a new device was added to this account; if this was not you, remove it at once")]
    DeviceAdded(DeviceId),
    /// The device list that the relay gave is not one that follows the one known.
    #[error(
        "the relay gave a device list of this account that is older or other than the one known; it is not used"
    )]
    FalseDeviceList,
    /// The relay did not take a change of the device list.
    #[error("the change of this account's devices was not accepted: {0}")]
    DeviceListRefused(ErrorCode),
    /// Something that only one's own devices tell each other, from anybody else or in another conversation.
    #[error("somebody sent what only your own devices tell each other; nothing was changed")]
    NotYourDevice,
    /// A position in the mailbox was left out.
    #[error("the relay left out part of the mailbox")]
    MailboxGap,
    /// The relay signs business certificates by another key than the one that was pinned.
    #[error("the relay vouches for businesses by another key than before; no new badge is believed")]
    PlatformChanged,
    /// A certificate of a business that is not the operator's, not its own, or over.
    #[error("the relay gave a business certificate that does not hold; no badge is shown for it")]
    FalseBadge,
    /// A business has said something that this account has not consented to.
    #[error("a business wrote what you have not agreed to; it was dropped")]
    Unconsented(AccountId),
    /// The relay did not take a grant, or a stop; the number of its [`ErrorCode`], none when another device was first.
    #[error("the relay did not take what you have agreed to or stopped; look at it again")]
    ConsentRefused(Option<u32>),
    /// A receipt of consent that no device of its customer has signed, or for another business.
    #[error("a receipt of consent does not hold; nothing was changed")]
    FalseConsent,
    /// The directory has given terms of a business that no device of it has signed; they are not shown.
    #[error("what the relay says that a business keeps was not signed by the business; it is not shown")]
    FalseTerms,
    /// The relay takes what this business tells of itself from nobody; the stable number of its code.
    #[error("what this business tells of itself was refused: {}", lacre_proto::ErrorCode::from_number(*.0).sentence())]
    TermsRefused(u32),
    /// The directory has given what a business says of itself, and no device of it has signed that; it is not shown.
    #[error(
        "what the relay says that a business says of itself was not signed by the business; it is not shown"
    )]
    FalseProfile,
    /// The relay does not take what this business says of itself; the stable number of its code.
    #[error("what this business says of itself was refused: {}", lacre_proto::ErrorCode::from_number(*.0).sentence())]
    ProfileRefused(u32),
}

/// The engine itself failed; nothing was changed, and the engine must be reopened from the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A record that this version cannot read.
    #[error("the local store holds a record that this version cannot read ({0})")]
    Corrupt(&'static str),
    /// The sealing library failed where it cannot fail.
    #[error("sealing failed: {0}")]
    Sealing(String),
}
