//! One conversation, and what becomes of it.

use std::collections::BTreeSet;

use lacre_proto::Millis;
use serde::{Deserialize, Serialize};

use super::{ChangeError, MAIN};
use crate::audit::Who;

/// Labels of one conversation at most.
pub const LABELS_MAX: usize = 20;

/// Where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The customer wrote, and nobody has answered since.
    Waiting,
    /// Nobody waits.
    Open,
    /// It is over, until somebody says something.
    Closed,
}

impl Status {
    /// The name that the API knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// What a customer and the business have with each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// The inbox that it lies in.
    pub inbox: String,
    /// The person whose it is.
    pub assigned: Option<u64>,
    /// Whether somebody closed it.
    pub closed: bool,
    /// Until when it stands in no queue.
    pub snoozed: Option<Millis>,
    /// What people sort it by.
    pub labels: BTreeSet<String>,
    /// Grows with each change by people, and whenever the customer begins to wait.
    pub version: u64,
    /// When the customer last wrote.
    pub wrote: Option<Millis>,
    /// Since when the customer waits for an answer.
    pub waiting: Option<Millis>,
    /// When something was last said.
    pub last: Millis,
    /// Which of the people answered last.
    pub answered_by: Option<Who>,
    /// The number of the last note.
    pub notes: u64,
}

/// What people change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is this person's, or nobody's.
    Assign(Option<u64>),
    /// Labels come and go.
    Label {
        /// These come.
        add: BTreeSet<String>,
        /// These go.
        remove: BTreeSet<String>,
    },
    /// It is over.
    Close,
    /// It stands in the queues again.
    Reopen,
    /// It stands in no queue until then.
    Snooze(Millis),
    /// It lies in this inbox; it stays whose it was when they see that.
    Move(String, bool),
}

impl Conversation {
    /// One in which nothing was said yet: it lies in the main inbox, and is nobody's.
    pub fn new() -> Self {
        Self {
            inbox: MAIN.to_owned(),
            assigned: None,
            closed: false,
            snoozed: None,
            labels: BTreeSet::new(),
            version: 0,
            wrote: None,
            waiting: None,
            last: 0,
            answered_by: None,
            notes: 0,
        }
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        match self.waiting {
            _ if self.closed => Status::Closed,
            Some(_) => Status::Waiting,
            None => Status::Open,
        }
    }

    /// Until when it stands in no queue; `None` when it stands in one.
    pub fn sleeps(&self, now: Millis) -> Option<Millis> {
        self.snoozed.filter(|until| *until > now && !self.closed)
    }

    /// The customer said something: who closed it, or put it off, did not know that.
    pub fn heard(&mut self, at: Millis) {
        if self.closed || self.snoozed.is_some() || self.waiting.is_none() {
            self.version += 1;
        }
        (self.closed, self.snoozed) = (false, None);
        self.waiting.get_or_insert(at);
        self.wrote = self.wrote.max(Some(at));
        self.last = self.last.max(at);
    }

    /// The business said something; whether it answers the customer.
    pub fn said(&mut self, at: Millis, answers: bool) {
        self.last = self.last.max(at);
        if answers && self.waiting.is_some_and(|since| since <= at) {
            self.waiting = self.wrote.filter(|wrote| *wrote > at);
        }
    }

    /// What people change; the version is left to whoever keeps it.
    pub fn change(&mut self, change: &Change) -> Result<(), ChangeError> {
        match change {
            Change::Assign(person) => self.assigned = *person,
            Change::Label { add, remove } => {
                self.labels.retain(|it| !remove.contains(it));
                self.labels.extend(add.iter().cloned());
                if self.labels.len() > LABELS_MAX {
                    return Err(ChangeError::TooMany("labels"));
                }
            }
            Change::Close => (self.closed, self.snoozed, self.waiting) = (true, None, None),
            Change::Reopen => (self.closed, self.snoozed) = (false, None),
            Change::Snooze(until) => (self.closed, self.snoozed) = (false, Some(*until)),
            Change::Move(inbox, stays_theirs) => {
                self.inbox.clone_from(inbox);
                self.assigned = self.assigned.filter(|_| *stays_theirs);
            }
        }
        Ok(())
    }

    /// What is left of it when all of it was erased up to a time, after which the customer wrote.
    pub(super) fn begun_anew(self, wrote: Millis) -> Self {
        let version = self.version + 1;
        let Self { last, notes, .. } = self;
        Self { version, wrote: Some(wrote), waiting: Some(wrote), last, notes, ..Self::new() }
    }
}

impl Default for Conversation {
    fn default() -> Self {
        Self::new()
    }
}

/// A queue that people look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// What is theirs.
    Mine,
    /// What is nobody's.
    Unassigned,
    /// All that is neither closed nor snoozed.
    Team,
    /// Of that, where the customer waits.
    Waiting,
    /// What is put off.
    Snoozed,
    /// What is over.
    Closed,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 6] =
        [Self::Mine, Self::Unassigned, Self::Team, Self::Waiting, Self::Snoozed, Self::Closed];

    /// The name that the API knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mine => "mine",
            Self::Unassigned => "unassigned",
            Self::Team => "team",
            Self::Waiting => "waiting",
            Self::Snoozed => "snoozed",
            Self::Closed => "closed",
        }
    }

    /// The view of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Whether a conversation stands in it, for somebody; whose it is, is said beside it.
    pub fn takes(
        self,
        conversation: &Conversation,
        whose: Option<u64>,
        me: Option<u64>,
        now: Millis,
    ) -> bool {
        let closed = conversation.closed;
        let sleeps = conversation.sleeps(now).is_some();
        match self {
            Self::Closed => closed,
            Self::Snoozed => sleeps,
            _ if closed || sleeps => false,
            Self::Mine => me.is_some() && whose == me,
            Self::Unassigned => whose.is_none(),
            Self::Team => true,
            Self::Waiting => conversation.waiting.is_some(),
        }
    }
}
