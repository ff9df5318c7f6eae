//! Rows that were told by another device of the account, and transfers of them.

use lacre_proto::{AccountId, ConversationId, DeviceId, Millis};
use serde::{Deserialize, Serialize};

use super::marks::Shared;
use super::{
    ConversationRecord, Evidence, GroupRecord, Heard, MessageRecord, Reaction, Records, Version, Vote, key,
};
use crate::EngineError;
use crate::content::{MessageId, TransferId};

/// The first byte of the rows in a part of a transfer.
const VERSION: u8 = 1;
/// Longest part of a key that a row's company has after its message's.
const SUFFIX: usize = 64;

/// What a part of a transfer tells, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    /// A certificate that evidence of later rows names by its SHA-256.
    Certificate(Vec<u8>),
    /// A conversation that is over, and that the new device is not in.
    Closed(Box<ConversationRecord>, Option<Box<GroupRecord>>),
    /// A row, in the place that it has among what was told, and its company.
    Row(Box<MessageRecord>, Box<Company>),
}

/// All that is kept beside a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Company {
    pub(crate) reactions: Vec<Reaction>,
    /// With the rest of their keys, which order them.
    pub(crate) versions: Vec<(Vec<u8>, Version)>,
    pub(crate) votes: Vec<(Vec<u8>, Vote)>,
    pub(crate) evidence: Vec<(Vec<u8>, Evidence)>,
    pub(crate) closed: Option<Millis>,
    pub(crate) pin: Option<Shared<bool>>,
    pub(crate) heard: Vec<(AccountId, Heard)>,
    pub(crate) audience: Option<Vec<AccountId>>,
    /// Content of a kind that the old device did not know.
    pub(crate) raw: Option<Vec<u8>>,
}

impl Told {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("it serializes into memory")
    }
}

/// Puts what was encoded one by one into a part.
pub(crate) fn part_of(all: &[Vec<u8>]) -> Vec<u8> {
    [vec![VERSION], all.concat()].concat()
}

/// What a part tells; `None` when it is of another version, or does not hold together.
pub(crate) fn told_in(part: &[u8]) -> Option<Vec<Told>> {
    let (&VERSION, mut rest) = part.split_first()? else { return None };
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (told, after) = postcard::take_from_bytes::<Told>(rest).ok()?;
        if let Told::Row(_, company) = &told {
            let suffixes = company.versions.iter().map(|(suffix, _)| suffix.len());
            let suffixes = suffixes.chain(company.votes.iter().map(|(suffix, _)| suffix.len()));
            let mut suffixes = suffixes.chain(company.evidence.iter().map(|(suffix, _)| suffix.len()));
            if suffixes.any(|length| length > SUFFIX) {
                return None;
            }
        }
        all.push(told);
        rest = after;
    }
    Some(all)
}

/// How many rows and conversations a part of a transfer tells of; `None` when it does not hold together.
pub fn rows_in_part(part: &[u8]) -> Option<usize> {
    told_in(part).map(|all| all.len())
}

/// How far an old device has come with telling a new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Giving {
    pub(crate) transfer: TransferId,
    /// Nothing older than this is told.
    pub(crate) since_ms: Millis,
    pub(crate) begun: bool,
    pub(crate) total: u64,
    /// Number of the next part, and of the last one that the new device has stored.
    pub(crate) next: u32,
    pub(crate) taken: u32,
    /// Where the next part begins.
    pub(crate) cursor: Cursor,
    /// Where the parts begin that were told and are not stored yet.
    pub(crate) told: Vec<(u32, Cursor)>,
    /// Number of the last part, once it was made.
    pub(crate) last: Option<u32>,
    pub(crate) state: TransferState,
}

/// Where in the conversations a transfer is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// Conversations that are still to be told of.
    pub(crate) left: Vec<ConversationId>,
    /// The one under way.
    pub(crate) at: Option<At>,
    /// Messages that were told.
    pub(crate) done: u64,
}

/// A place in a conversation that is walked from its newest row back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct At {
    pub(crate) conversation: ConversationId,
    /// The row after it; `None` at the end.
    pub(crate) before: Option<super::Position>,
    /// The time of the row after it: those before it are no later.
    pub(crate) time: Millis,
    /// How many rows had that time.
    pub(crate) run: u32,
}

/// How far a new device has come with what an old one tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taking {
    pub(crate) transfer: TransferId,
    /// Number of the part that comes next.
    pub(crate) next: u32,
    /// The part that was asked for again.
    pub(crate) asked: u32,
    pub(crate) done: u64,
    pub(crate) total: u64,
    pub(crate) state: TransferState,
}

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransferState {
    /// It waits until the new device may have it: until it is approved or a day old, and in the conversations.
    Waits,
    /// It is under way.
    Runs,
    /// All is told.
    Done,
    /// It was given up.
    Ended,
}

impl TransferState {
    /// Whether nothing more will come.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Ended)
    }

    /// The stable name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waits => "waiting",
            Self::Runs => "running",
            Self::Done => "done",
            Self::Ended => "ended",
        }
    }
}

/// A transfer of what was said before a device came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryTransfer {
    /// The other device.
    pub device: DeviceId,
    /// Whether this device tells, or is told.
    pub gives: bool,
    /// Messages that the new device has stored, as far as is known here.
    pub done: u64,
    /// Messages in all, as they were counted at the beginning.
    pub total: u64,
    /// Where it stands.
    pub state: TransferState,
}

impl Records<'_> {
    /// The newest transfer to each device, and from each.
    pub fn transfers(&self) -> Result<Vec<HistoryTransfer>, EngineError> {
        let device = |key: &[u8]| Some(DeviceId(*key.last_chunk()?));
        let mut all = Vec::new();
        for (at, giving) in self.all::<Giving>("transfer", &[key::GIVING])? {
            let Some(device) = device(&at) else { continue };
            let done = giving.told.first().map_or(giving.cursor.done, |(_, cursor)| cursor.done);
            let Giving { total, state, .. } = giving;
            all.push(HistoryTransfer { device, gives: true, done, total: total.max(done), state });
        }
        for (at, taking) in self.all::<Taking>("transfer", &[key::TAKING])? {
            let Some(device) = device(&at) else { continue };
            let Taking { done, total, state, .. } = taking;
            all.push(HistoryTransfer { device, gives: false, done, total: total.max(done), state });
        }
        Ok(all)
    }

    /// The device of this account that has told of a message, when this device did not hear it itself.
    pub fn told_by(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<DeviceId>, EngineError> {
        self.read("told", &key::message_in(key::TOLD, conversation, message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_comes_as_rows_is_read_or_not_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = told_in(&[vec![VERSION], bytes].concat());
        }
    }

    #[test]
    fn another_version_and_what_is_cut_off_tell_nothing() {
        let company = Company { raw: Some(vec![1; 9]), ..Company::default() };
        let bytes = postcard::to_allocvec(&company).unwrap();
        assert_eq!(told_in(&[]), None);
        assert_eq!(told_in(&[2]), None);
        assert_eq!(told_in(&[VERSION]), Some(Vec::new()));
        assert_eq!(told_in(&part_of(&[bytes])), None);
    }
}
