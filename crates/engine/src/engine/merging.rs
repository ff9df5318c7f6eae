//! Two people have one direct conversation. When both wrote first, each has made one; both devices settle on
//! the one with the lowest id, and what was written in the other is shown in it. One that was never made at the
//! relay always yields.

use lacre_proto::{AccountId, ConversationId};

use super::outbox::{HELD, HELD_RANK, NewJob, rank};
use super::state::{Job, JobState, Opening, PendingReceipts, Sealing, What};
use super::{Cx, Engine};
use crate::api::{EngineError, Event, Reader};
use crate::records::key::{self, CONVERSATION, DIRECT, RECEIPTS, UNSEEN};
use crate::records::{ConversationRecord, ConversationState, MessageRecord, Standing as Accepts};

/// How much a conversation counts when there are several; the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It is there, and this device is in it.
    Open,
    /// It is there, and this device has lost its place.
    Lost,
    /// The relay was asked to make it.
    Asked,
    /// Nothing of it has left this device.
    Here,
    /// This account has left it.
    Left,
}

impl Engine {
    /// Settles on one of the direct conversations with an account.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>, account: AccountId) -> Result<(), EngineError> {
        let mut standings = Vec::new();
        for id in self.conversations_with(cx, account)? {
            let Some(record) = cx.records().conversation(id)? else { continue };
            let standing = match record.state {
                ConversationState::Open => Standing::Open,
                ConversationState::OutOfStep => Standing::Lost,
                ConversationState::Opening if self.is_asked(cx, id)? => Standing::Asked,
                ConversationState::Opening => Standing::Here,
                ConversationState::Left if record.standing != Accepts::Blocked => Standing::Left,
                ConversationState::Left | ConversationState::MergedInto(_) => continue,
            };
            standings.push((standing, id));
        }
        standings.sort_unstable();
        let Some(&(best, winner)) = standings.first() else { return Ok(()) };
        if best == Standing::Left {
            return Ok(());
        }
        for &(standing, loser) in &standings[1..] {
            // It may be there already and win: its echo will tell.
            let undecided = standing == Standing::Asked && loser < winner;
            if !undecided || best > Standing::Lost {
                self.merge(cx, loser, winner)?;
            }
        }
        if account == self.me.account {
            cx.put(key::handle(DIRECT, &self.me.handle), &winner);
        }
        if let Some(ConversationRecord { handle: Some(handle), .. }) = cx.records().conversation(winner)?
            && cx.records().contact(account)?.is_some_and(|contact| contact.confirmed)
        {
            cx.put(key::handle(DIRECT, &handle), &winner);
        }
        Ok(())
    }

    fn is_asked(&self, cx: &Cx<'_>, id: ConversationId) -> Result<bool, EngineError> {
        Ok(self.lane(cx, id, 1)?.iter().any(|(_, job)| {
            matches!(job.what, What::Open(Opening::Create(..))) && job.state != JobState::Waiting
        }))
    }

    pub(super) fn merge(
        &mut self,
        cx: &mut Cx<'_>,
        loser: ConversationId,
        winner: ConversationId,
    ) -> Result<(), EngineError> {
        let (Some(lost), Some(won)) = (cx.records().conversation(loser)?, cx.records().conversation(winner)?)
        else {
            return Ok(());
        };
        self.move_rows(cx, loser, winner)?;
        self.move_marks(cx, loser, winner)?;
        self.move_matters(cx, loser, winner)?;
        self.move_owed(cx, loser, winner)?;
        let mut became = self.shorten(cx, loser, winner)?;
        became.push(loser);
        for lane in became {
            self.show_in(cx, lane, winner)?;
        }
        cx.put_conversation(&ConversationRecord {
            state: ConversationState::MergedInto(winner),
            unread: 0,
            last: None,
            ..lost.clone()
        })?;
        self.move_jobs(cx, loser, winner)?;
        let newest = if lost.active_ms > won.active_ms { lost.last } else { won.last };
        cx.put_conversation(&ConversationRecord {
            active_ms: won.active_ms.max(lost.active_ms),
            created_ms: won.created_ms.min(lost.created_ms),
            unread: won.unread.saturating_add(lost.unread),
            last: newest.or(won.last).or(lost.last),
            standing: won.standing.max(lost.standing),
            ..won
        })?;
        if let Some(handle) = &lost.handle {
            cx.put(key::handle(DIRECT, handle), &winner);
        }
        cx.event(Event::ConversationMerged(loser, winner));
        Ok(())
    }

    /// Whatever has become the loser becomes the winner: however often one is begun anew, what it was is one step away.
    fn shorten(
        &self,
        cx: &mut Cx<'_>,
        loser: ConversationId,
        winner: ConversationId,
    ) -> Result<Vec<ConversationId>, EngineError> {
        let mut became = Vec::new();
        for (at, mut record) in cx.records().all::<ConversationRecord>("conversation", &[CONVERSATION])? {
            if record.state == ConversationState::MergedInto(loser) && record.id != winner {
                record.state = ConversationState::MergedInto(winner);
                became.push(record.id);
                cx.put(at, &record);
            }
        }
        Ok(became)
    }

    /// What is said by the jobs of a lane stands in the winner now.
    fn show_in(
        &self,
        cx: &mut Cx<'_>,
        lane: ConversationId,
        winner: ConversationId,
    ) -> Result<(), EngineError> {
        for (at, mut job) in self.lane(cx, lane, usize::MAX)? {
            if let What::Message { shown_in, .. }
            | What::Aside { shown_in, .. }
            | What::Receipts { shown_in, .. } = &mut job.what
            {
                *shown_in = winner;
                cx.put(at, &job);
            }
        }
        Ok(())
    }

    /// A conversation that nobody is in any more, or that this account has left, is begun anew with the same person;
    /// what was said in it stays.
    pub(super) fn begin_anew(
        &mut self,
        cx: &mut Cx<'_>,
        old: ConversationId,
        peer: AccountId,
    ) -> Result<(), EngineError> {
        let Some(record) = cx.records().conversation(old)? else { return Ok(()) };
        let id = self.lower_id(cx, Some(peer))?;
        let own = peer == self.me.account;
        cx.put_conversation(&ConversationRecord {
            id,
            peer: (!own).then_some(peer),
            unread: 0,
            state: ConversationState::Opening,
            suite: 0,
            last: None,
            ..record
        })?;
        self.note_with(cx, peer, id);
        let opening = if own { Opening::Begin } else { Opening::Claim(peer) };
        self.enqueue(cx, id, NewJob::new(What::Open(opening)))?;
        self.merge(cx, old, id)
    }

    /// What waits in a conversation will be sealed in another room: by the MIMI id that it was given here nobody
    /// there would know it.
    pub(super) fn unname(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        for (_, job) in self.lane(cx, id, usize::MAX)? {
            let What::Message { shown_in, id: message, .. } = job.what else { continue };
            let Some(mut row) = cx.records().message(shown_in, message)? else { continue };
            if let Some(mimi) = row.mimi.take() {
                cx.store.delete(key::mimi(shown_in, &mimi));
                cx.put_message(&row)?;
            }
        }
        Ok(())
    }

    fn move_rows(
        &mut self,
        cx: &mut Cx<'_>,
        loser: ConversationId,
        winner: ConversationId,
    ) -> Result<(), EngineError> {
        for row in cx.records().messages(loser, None, usize::MAX)? {
            let unseen = key::position(UNSEEN, loser, row.position);
            if cx.exists(&unseen)? {
                cx.store.delete(unseen);
                cx.store.put(key::position(UNSEEN, winner, row.position), Vec::new());
            }
            cx.delete_message(&row);
            cx.put_message(&MessageRecord { conversation: winner, ..row })?;
        }
        Ok(())
    }

    /// What is kept by conversation moves with it; what the other has already stays.
    fn move_marks(
        &self,
        cx: &mut Cx<'_>,
        loser: ConversationId,
        winner: ConversationId,
    ) -> Result<(), EngineError> {
        for table in key::MOVING {
            let from = key::conversation(table, loser);
            let mut found = Vec::new();
            cx.store.scan(&from, &key::end(&from), false, &mut |key, value| {
                found.push((key.to_vec(), value.to_vec()));
                true
            })?;
            for (at, value) in found {
                let to = [&key::conversation(table, winner), &at[from.len()..]].concat();
                if !cx.exists(&to)? {
                    cx.store.put(to, value);
                }
                cx.store.delete(at);
            }
        }
        Ok(())
    }

    fn move_owed(
        &mut self,
        cx: &mut Cx<'_>,
        loser: ConversationId,
        winner: ConversationId,
    ) -> Result<(), EngineError> {
        let from = key::conversation(RECEIPTS, loser);
        let Some(owed) = cx.records().read::<PendingReceipts>("receipts", &from)? else { return Ok(()) };
        let to = key::conversation(RECEIPTS, winner);
        let mut all: PendingReceipts = cx.records().read("receipts", &to)?.unwrap_or_default();
        all.delivered.extend(owed.delivered);
        all.read.extend(owed.read);
        cx.store.delete(from);
        cx.put(to, &all);
        Ok(())
    }

    /// Moves what waits in a merged conversation into the one that it became. What is in flight stays: its echo
    /// comes there, or it waits again and is moved then.
    pub(super) fn move_jobs(
        &mut self,
        cx: &mut Cx<'_>,
        loser: ConversationId,
        winner: ConversationId,
    ) -> Result<(), EngineError> {
        for (at, job) in self.lane(cx, loser, usize::MAX)? {
            // An opening that has not come to its creation has left nothing at the relay; nobody needs to be let
            // in where nothing more is said.
            let begun = matches!(
                job.what,
                What::Open(Opening::Lookup | Opening::Claim(_) | Opening::Begin) | What::AskResync
            );
            if job.state != JobState::Waiting && !begun {
                continue;
            }
            cx.store.delete(at.clone());
            let what = match job.what {
                What::Message { id, .. } => {
                    What::Message { shown_in: winner, id, sealing: Sealing::default() }
                }
                What::Aside { id, content, .. } => {
                    What::Aside { shown_in: winner, id, content, sealing: Sealing::default() }
                }
                What::Receipts { content, .. } => {
                    What::Receipts { shown_in: winner, content, sealing: Sealing::default() }
                }
                What::Open(_)
                | What::AskResync
                | What::LeaveRoster(_)
                | What::Account(_)
                | What::Gather(_)
                | What::Commit(..) => {
                    continue;
                }
            };
            let number = at.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes)).unwrap_or_default();
            let is_held = job.not_before == HELD;
            let (rank, not_before) = if is_held { (HELD_RANK, HELD) } else { (rank(&what), 0) };
            let job = Job { what, not_before, await_epoch: 0, attempts: 0, ..job };
            cx.put(key::job(winner, rank, number), &job);
        }
        Ok(())
    }
}
