//! What the relay's answers do to the jobs of the outbox.

use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::response;
use lacre_proto::{ConversationId, ErrorCode, Millis};

use super::outbox::{HELD, Lane};
use super::state::{Job, JobState, Purpose, Sealing, What};
use super::{Asked, Cx, Engine};
use crate::api::EngineError;
use crate::mls::group;
use crate::records::key;
use crate::records::{Failure, MessageState};

/// How long a commit that the relay has told of may take to come.
const COMMIT_AWAITED: Millis = 30_000;
/// How often what only another epoch explains is tried before it counts as refused.
const ATTEMPTS: u32 = 5;

impl Engine {
    /// The answer to what a job asked.
    pub(super) fn job_answered(
        &mut self,
        cx: &mut Cx<'_>,
        at: &[u8],
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let Some(job) = cx.records().read::<Job>("job", at)? else { return Ok(()) };
        let Some(id) = key::conversation_in(at) else { return Ok(()) };
        if job.state != JobState::InFlight {
            return Ok(());
        }
        match &job.what {
            What::Open(_) => return self.opening_answered(cx, id, at.to_vec(), job, result),
            What::AskResync => return self.ask_answered(cx, at.to_vec(), job, result),
            What::Account(_) => return self.chore_answered(cx, at.to_vec(), job, result),
            What::LeaveRoster(_) => return self.leave_answered(cx, at.to_vec(), job, result),
            What::Gather(_) => return Ok(()),
            What::Commit(..) | What::Message { .. } | What::Aside { .. } | What::Receipts { .. } => {}
        }
        match result {
            Ok(response::Result::Accepted(_)) => {
                if let What::Message { shown_in, id, .. } = &job.what {
                    let now = cx.relay_now()?;
                    self.advance_message(cx, *shown_in, *id, MessageState::Sent, now)?;
                }
                cx.put(at.to_vec(), &Job { state: JobState::Accepted, ..job });
                Ok(())
            }
            Ok(_) => self.try_later(cx, at.to_vec(), job, ErrorCode::Internal.into()),
            Err(error) => self.refused(cx, id, at.to_vec(), job, error),
        }
    }

    fn refused(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
        error: WireError,
    ) -> Result<(), EngineError> {
        match (error.code, error.code.retry()) {
            (ErrorCode::StaleEpoch, _) if job.attempts < ATTEMPTS => {
                job.attempts += 1;
                job.state = JobState::Waiting;
                job.await_epoch = error.epoch;
                job.not_before = cx.now + COMMIT_AWAITED;
                cx.wake_at(job.not_before);
                cx.put(at, &job);
                Ok(())
            }
            (ErrorCode::NameNeeded, _) if job.attempts < ATTEMPTS => {
                self.is_named(cx, id)?;
                self.try_later(cx, at, job, error)
            }
            // It became a business after this conversation was begun.
            (ErrorCode::AnonymousOnly, _) if job.attempts < ATTEMPTS => {
                cx.put(key::conversation(key::UNNAMED, id), &());
                self.try_later(cx, at, job, error)
            }
            // A device whose ticket is too old asks again.
            (ErrorCode::BadTicket, _) if matches!(job.what, What::Commit(..)) => {
                self.drop_commit(cx, id)?;
                cx.store.delete(at);
                match job.what {
                    What::Commit(Purpose::Add(invited), _) => self.gather_again(cx, id, invited),
                    _ => Ok(()),
                }
            }
            // Also what the relay may say to a capability of an epoch that is over.
            (ErrorCode::NoSuchConversation, _) if job.attempts < ATTEMPTS => {
                self.try_later(cx, at, job, error)
            }
            (_, Retry::Never) => {
                let how_it_stands =
                    [ErrorCode::MessagingLimit, ErrorCode::MarketingPaused, ErrorCode::BusinessSuspended];
                if how_it_stands.contains(&error.code) {
                    self.ask_own_account(cx);
                }
                if let What::Commit(purpose, _) = &job.what {
                    self.drop_commit(cx, id)?;
                    self.tell_refused(cx, id, purpose, error.code)?;
                }
                self.give_up(cx, at, job, error).map(|_| ())
            }
            (_, Retry::Later | Retry::AfterRepair) => self.try_later(cx, at, job, error),
        }
    }

    /// Puts a job back, to be tried after a while: longer each time, never all at once.
    pub(super) fn try_later(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        mut job: Job,
        error: WireError,
    ) -> Result<(), EngineError> {
        const FIRST: Millis = 1_000;
        const LONGEST: Millis = 300_000;
        let wait = (FIRST << job.attempts.min(9)).min(LONGEST).max(error.retry_after_ms);
        job.attempts += 1;
        job.state = JobState::Waiting;
        job.await_epoch = 0;
        job.not_before = cx.now + wait / 2 + cx.jitter(wait);
        cx.wake_at(job.not_before);
        cx.put(at, &job);
        Ok(())
    }

    pub(super) fn give_up(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        job: Job,
        error: WireError,
    ) -> Result<Lane, EngineError> {
        cx.store.delete(at);
        let why = Failure::Relay(error.code.number());
        match job.what {
            What::Message { shown_in, id, .. } => self.fail_message(cx, shown_in, id, why)?,
            What::Aside { shown_in, id, content, .. } => self.fail_aside(cx, shown_in, id, &content, why)?,
            _ => {}
        }
        Ok(Lane::GoesOn)
    }

    fn drop_commit(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        if let Some(mut group) = self.group(cx, id)? {
            group.clear_pending_commit(&cx.provider.storage).map_err(group::sealing)?;
            self.keep(id, group);
        }
        Ok(())
    }

    /// What is in flight in a conversation has been overtaken: messages are sealed again, commits made again.
    /// With `counters_too` the messages' counters are given anew.
    pub(super) fn requeue(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        counters_too: bool,
    ) -> Result<(), EngineError> {
        for (at, mut job) in self.lane(cx, id, usize::MAX)? {
            match &mut job.what {
                What::Open(_)
                | What::AskResync
                | What::LeaveRoster(_)
                | What::Account(_)
                | What::Gather(_) => {
                    continue;
                }
                What::Commit(_, built) => *built = None,
                What::Message { sealing, .. }
                | What::Aside { sealing, .. }
                | What::Receipts { sealing, .. }
                    if counters_too =>
                {
                    *sealing = Sealing::default();
                }
                What::Message { .. } | What::Aside { .. } | What::Receipts { .. } => {}
            }
            if job.not_before != HELD && (job.state != JobState::Waiting || counters_too) {
                job.state = JobState::Waiting;
                job.not_before = 0;
                self.link.asked.retain(|_, asked| !matches!(asked, Asked::Job(other) if *other == at));
                cx.put(at, &job);
            }
        }
        Ok(())
    }
}
