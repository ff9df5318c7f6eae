//! What the engine keeps beside the records that people see.

use lacre_proto::{AccountId, ConversationId, DeviceId, Handle, Millis};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::content::{Content, MessageId, Room};
use crate::records::{Position, Rules};

/// The secret keys, and what they have signed.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SecretRecord {
    pub(crate) identity: [u8; 32],
    pub(crate) signature: [u8; 32],
    /// An encoded `wire::Signed`: this device's certificate, the credential of its leaves.
    pub(crate) certificate: Vec<u8>,
    /// An encoded `wire::Signed`: the account's newest device list.
    pub(crate) list: Vec<u8>,
}

/// Where a device begins to count what it hears. Below stands what it is told of the past: by the relay's time.
pub(crate) const LOCAL: u64 = 1 << 48;

/// The engine's own counters.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Clockwork {
    /// The last anchor given.
    pub(crate) anchor: u64,
    /// The last job number given.
    pub(crate) job: u64,
    /// The last mailbox position that was taken in.
    pub(crate) mailbox: u64,
    /// Key packages that the relay still has, as far as is known here.
    pub(crate) packages_left: u32,
    /// When the newest key packages were made.
    pub(crate) packages_ms: Millis,
    /// Whether the last-resort key package was used since it was made.
    pub(crate) last_resort_used: bool,
    /// The relay's time and this device's, when they were last looked at together; 0 before the first login.
    pub(crate) relay_ms: Millis,
    pub(crate) local_ms: Millis,
}

/// What sealing a conversation needs beside its MLS group. Belongs to the group: of two conversations that
/// became one each keeps its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// What its messages name as their room.
    pub(crate) room: Room,
    /// The highest sequence number that was taken in, and those below it that were not (at most 64 ranges).
    pub(crate) sequence: u64,
    pub(crate) skipped: Vec<(u64, u64)>,
    /// The counter of the next message of this device.
    pub(crate) counter: u32,
    /// When this device's leaf is due to be updated, and what it has sent since it was.
    pub(crate) update_ms: Millis,
    pub(crate) sent: u32,
    /// When the relay's roster was last compared, and whether a difference was told of.
    pub(crate) roster_ms: Millis,
    pub(crate) roster_differs: bool,
    /// This device lost its place, and asks to be let in again.
    pub(crate) lost: bool,
    /// Whose commit has broken the rules of the group: nobody is let in again into that.
    pub(crate) refused: Option<AccountId>,
    /// Who alone may begin the group anew, when it was split.
    pub(crate) heir: Option<AccountId>,
    /// After whose commit the relay keeps another send capability than the members have.
    pub(crate) doubt: Option<AccountId>,
    /// SHA-256 of the key package in this device's newest request to be let in again.
    pub(crate) asked: Option<[u8; 32]>,
    /// What other devices have asked: when it was made (0 when it was answered), and SHA-256 of its key package.
    pub(crate) requests: Vec<(DeviceId, Millis, [u8; 32])>,
}

impl Seal {
    pub(crate) fn new(room: Room, now: Millis) -> Self {
        Self {
            room,
            sequence: 0,
            skipped: Vec::new(),
            counter: 0,
            update_ms: now,
            sent: 0,
            roster_ms: 0,
            roster_differs: false,
            lost: false,
            refused: None,
            heir: None,
            doubt: None,
            asked: None,
            requests: Vec::new(),
        }
    }

    /// Takes in a sequence number; whether it is new.
    pub(crate) fn take_sequence(&mut self, sequence: u64) -> bool {
        const RANGES: usize = 64;
        if sequence > self.sequence {
            if self.sequence > 0 && sequence > self.sequence + 1 {
                self.skipped.push((self.sequence + 1, sequence - 1));
                if self.skipped.len() > RANGES {
                    self.skipped.remove(0);
                }
            }
            self.sequence = sequence;
            return true;
        }
        let Some(at) = self.skipped.iter().position(|&(from, to)| (from..=to).contains(&sequence)) else {
            return false;
        };
        let (from, to) = self.skipped.remove(at);
        let parts = [(from, sequence - 1), (sequence + 1, to)];
        self.skipped.extend(parts.into_iter().filter(|(from, to)| from <= to));
        true
    }
}

/// A leaf of a conversation's group. Each lies in a row of its own, so that a message in a large group writes
/// only its sender's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) leaf: u32,
    pub(crate) account: AccountId,
    pub(crate) device: DeviceId,
    pub(crate) heard: Heard,
}

/// What was heard of a sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// The counter that comes next; `None` when nothing is known to compare with.
    pub(crate) next: Option<u32>,
    /// Counters that were passed over.
    pub(crate) missing: Vec<Missing>,
}

/// Counters that were passed over, and the row that shows it; no row when they may be from before this device
/// came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Missing {
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) anchor: u64,
    pub(crate) row: Option<MessageId>,
}

impl Missing {
    /// What may have been said just before the first message that this device hears of a sender, and be overtaken
    /// by it: so many messages a sender has under way at most.
    pub(crate) fn before(counter: u32, anchor: u64) -> Option<Self> {
        const UNDER_WAY: u32 = 64;
        let count = counter.min(UNDER_WAY);
        (count > 0).then(|| Self { first: counter - count, count, anchor, row: None })
    }
}

/// Where the counter of a message that came puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is the next.
    Next,
    /// So many were passed over before it.
    After(u32),
    /// It was passed over before.
    Late(Missing),
    /// It came before.
    Again,
}

impl Heard {
    /// Where a counter stands. Nothing is changed but by [`take`](Self::take).
    pub(crate) fn turn(&self, counter: u32) -> Turn {
        match self.next {
            None => Turn::Next,
            Some(next) if counter == next => Turn::Next,
            Some(next) if counter > next => Turn::After(counter - next),
            Some(_) => self
                .missing
                .iter()
                .find(|missing| counter >= missing.first && counter - missing.first < missing.count)
                .map_or(Turn::Again, |missing| Turn::Late(missing.clone())),
        }
    }

    /// Takes in a counter that comes next, with what may come late before it.
    pub(crate) fn take(&mut self, counter: u32, gap: Option<Missing>) {
        const GAPS: usize = 64;
        self.next = Some(counter.saturating_add(1));
        self.missing.extend(gap);
        if self.missing.len() > GAPS {
            self.missing.remove(0);
        }
    }
}

/// A job of the outbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) what: What,
    /// By it the relay knows the same job again, and its echo is known here.
    pub(crate) dedupe: u64,
    pub(crate) state: JobState,
    pub(crate) attempts: u32,
    pub(crate) not_before: Millis,
    /// Waits until the conversation is at this epoch.
    pub(crate) await_epoch: u64,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum JobState {
    /// To be done.
    Waiting,
    /// Asked for; the answer or the echo will tell.
    InFlight,
    /// The relay has it; the echo will tell where it stands.
    Accepted,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// Opens a direct conversation.
    Open(Opening),
    /// Does something for the account.
    Account(Chore),
    /// Asks to be let into the conversation again.
    AskResync,
    /// Has this device's mailbox taken off the roster of a conversation that it has left.
    LeaveRoster(ConversationId),
    /// Finds people and claims their key packages, to add them by a commit.
    Gather(Vec<Wanted>),
    /// Commits.
    Commit(Purpose, Option<Built>),
    /// Sends a message that stands in the records of a conversation.
    Message { shown_in: ConversationId, id: MessageId, sealing: Sealing },
    /// Sends something that is no row: what is said about a message.
    Aside { shown_in: ConversationId, id: MessageId, content: Content, sealing: Sealing },
    /// Sends receipts.
    Receipts { shown_in: ConversationId, content: Content, sealing: Sealing },
}

/// What the relay is told for the account, in no conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Chore {
    /// Leaves the roster of a conversation without a word.
    Leave(ConversationId),
    /// Blocks an account.
    Block(AccountId),
    /// Takes a block back.
    Unblock(AccountId),
    /// Tells what a business may write for: the signed grant.
    Consent(AccountId, Vec<u8>),
    /// Tells what this account, a business, keeps and who acts for it: the signed terms.
    Terms(Vec<u8>),
    /// Tells what this account, a business, says of itself: the signed profile.
    Profile(Vec<u8>),
}

impl Chore {
    /// What it is about: the later of two about the same is what counts.
    pub(crate) fn subject(&self) -> (u8, [u8; 16]) {
        match self {
            Self::Leave(id) => (0, id.0),
            Self::Block(account) | Self::Unblock(account) => (1, account.0),
            Self::Consent(business, _) => (2, business.0),
            Self::Terms(_) => (3, [0; 16]),
            Self::Profile(_) => (4, [0; 16]),
        }
    }
}

/// How often and as what a message was sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealing {
    /// The counter that it was given.
    pub(crate) counter: Option<u32>,
    /// SHA-256 of each sealed form that was sent and may yet be accepted.
    pub(crate) sealed: Vec<[u8; 32]>,
}

/// How far the opening of a conversation is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Opening {
    /// The account of the handle is to be looked up.
    Lookup,
    /// Key packages and a ticket are to be had.
    Claim(AccountId),
    /// A ticket for this device's own mailbox is to be had, to begin a group with.
    Begin,
    /// The group is made: the other account of a direct one, the encoded `CreateConversation`, and the hash of
    /// the capability of its epoch.
    Create(Option<AccountId>, Vec<u8>, [u8; 32]),
}

/// Somebody who is to be added to a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) handle: Handle,
    /// Once it was looked up.
    pub(crate) account: Option<AccountId>,
    /// How many of the last messages they are to be given.
    pub(crate) history: u8,
}

/// A device that is to be added: what its claim has given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invited {
    pub(crate) who: Wanted,
    pub(crate) device: DeviceId,
    pub(crate) ticket: [u8; 32],
    /// An encoded key package.
    pub(crate) package: Vec<u8>,
}

/// What a commit is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// Updates this device's leaf.
    Update,
    /// Brings the devices in the conversation in line with the device lists of their accounts.
    Devices,
    /// Lets a device in again: the encoded request.
    Again(DeviceId, Vec<u8>),
    /// Adds devices.
    Add(Vec<Invited>),
    /// Removes people.
    Remove(Vec<AccountId>),
    /// Removes the leaves of somebody who has left.
    Drop(AccountId),
    /// Makes somebody an admin, or a member.
    Role(AccountId, bool),
    /// Changes who may do what.
    Rules(Rules),
    /// Updates this device's leaf, because its keys may be known to somebody.
    Renew,
}

/// A commit that was made: sent again as it is while its epoch lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Built {
    /// The encoded `wire::Commit`.
    pub(crate) request: Vec<u8>,
    /// SHA-256 of the commit in it.
    pub(crate) hash: [u8; 32],
    /// The epoch that it ends.
    pub(crate) epoch: u64,
}

/// Where this device has been in a conversation: the newest epochs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Been {
    pub(crate) marks: Vec<Mark>,
    /// The epoch in which it has told so.
    pub(crate) told: Option<u64>,
}

/// An epoch in which this device was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) epoch: u64,
    pub(crate) digest: [u8; 32],
    /// SHA-256 of the commit that opened it.
    pub(crate) commit: [u8; 32],
    /// Who begins the group anew if it is split after this epoch.
    pub(crate) heir: Option<(AccountId, DeviceId)>,
}

/// That this device was to be made secure again, and what is still to be done.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Securing {
    pub(crate) since_ms: Millis,
    /// Whether the key packages at the relay are new ones.
    pub(crate) packages: bool,
    /// Conversations in which this device has no new keys yet.
    pub(crate) left: Vec<ConversationId>,
}

/// Receipts that were not sent yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PendingReceipts {
    pub(crate) delivered: Vec<MessageId>,
    pub(crate) read: Vec<MessageId>,
}

/// Own messages that wait stand after everything else.
pub(crate) fn waiting_place(job: u64) -> Position {
    Position { anchor: 1 << 63 | job, counter: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_next_after_a_gap_late_or_there_before() {
        let row = |first, count| Missing { first, count, anchor: 9, row: Some(MessageId([first as u8; 16])) };
        let mut heard = Heard { next: Some(0), missing: Vec::new() };
        assert_eq!(heard.turn(0), Turn::Next);
        heard.take(0, None);
        assert_eq!(heard.turn(0), Turn::Again);
        assert_eq!(heard.turn(4), Turn::After(3));
        heard.take(4, Some(row(1, 3)));
        assert_eq!(heard.turn(2), Turn::Late(row(1, 3)));
        assert_eq!(heard.turn(4), Turn::Again);
        assert_eq!(heard.turn(5), Turn::Next);
    }

    #[test]
    fn what_the_first_message_heard_has_overtaken_may_still_come() {
        let mut heard = Heard { next: None, missing: Vec::new() };
        let before = Missing::before(100, 7).expect("there is something before it");
        heard.take(100, Some(before.clone()));
        assert_eq!(heard.turn(99), Turn::Late(before.clone()));
        assert_eq!(heard.turn(36), Turn::Late(before));
        assert_eq!(heard.turn(35), Turn::Again);
        assert_eq!(Missing::before(0, 7), None);
    }

    #[test]
    fn a_jump_to_the_last_counter_keeps_one_gap_and_does_not_overflow() {
        let mut heard = Heard { next: Some(1), missing: Vec::new() };
        assert_eq!(heard.turn(u32::MAX), Turn::After(u32::MAX - 1));
        heard.take(u32::MAX, None);
        assert_eq!(heard.turn(u32::MAX), Turn::Next, "the last counter comes again rather than panics");
    }

    #[test]
    fn sequences_are_taken_once_in_any_order() {
        let mut seal = Seal::new(Room::Own(AccountId([1; 16])), 0);
        assert!(seal.take_sequence(7), "where it joined");
        assert!(!seal.take_sequence(3), "before it joined");
        assert!(seal.take_sequence(11));
        assert_eq!(seal.skipped, [(8, 10)]);
        assert!(seal.take_sequence(9));
        assert!(!seal.take_sequence(9));
        assert!(seal.take_sequence(8) && seal.take_sequence(10));
        assert!(seal.skipped.is_empty());
    }
}
