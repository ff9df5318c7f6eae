//! The outbox: one lane of jobs for each conversation, done in order.
//!
//! | state | then |
//! | --- | --- |
//! | waiting | dispatched when the device has caught up, its time has come and nothing before it blocks |
//! | in flight | accepted by the answer, or done by the echo; waits again after a refusal that may pass, a new epoch, or a reconnect that brought no echo |
//! | accepted | the relay has it ("sent"); done by the echo |
//!
//! Openings, requests to be let in again and commits block their lane until they are done; of messages up to
//! [`WINDOW`] are in flight. A message is sealed when it is dispatched, and again for another epoch; a commit
//! is sent again as it is while its epoch lasts.

use lacre_proto::wire::{self, request};
use lacre_proto::{ConversationId, ErrorCode, Millis, limits};
use openmls::group::MlsGroup;
use sha2::{Digest, Sha256};

use super::receipts::RECEIPTS_RANK;
use super::state::{Job, JobState, Seal, What};
use super::{Asked, Cx, Engine};
use crate::api::EngineError;
use crate::content::envelope::{self, Envelope};
use crate::content::{self, Address, Content, Manner, MessageId, MimiId};
use crate::defence::Defence;
use crate::mls::group;
use crate::records::key::{self, OUTBOX};
use crate::records::{ConversationKind, ConversationState, Failure, MessageRecord};

/// Messages of one conversation in flight at once.
pub(super) const WINDOW: usize = 16;
/// A leaf is updated before a message when so many were sent since it was, or when it is due.
pub(super) const UPDATE_AFTER_MESSAGES: u32 = 100;
/// How far a lane is looked into.
const LOOK: usize = 3 * WINDOW;
pub(super) const HELD_RANK: u8 = 4;
/// When what is held is due: not before it is let go.
pub(super) const HELD: Millis = Millis::MAX;

/// What a job says, by MIMI ids, and how; where it is shown.
type ToSay = (MessageId, Content<MimiId>, Manner<MimiId>, ConversationId);

/// A job to be put into the outbox.
pub(super) struct NewJob {
    what: What,
    not_before: Millis,
}

impl NewJob {
    pub(super) fn new(what: What) -> Self {
        Self { what, not_before: 0 }
    }

    /// Not before a time.
    pub(super) fn not_before(self, not_before: Millis) -> Self {
        Self { not_before, ..self }
    }
}

/// The rank of a job in its lane: what changes the conversation itself, then receipts, then messages.
pub(super) fn rank(what: &What) -> u8 {
    match what {
        What::Open(_) | What::AskResync | What::LeaveRoster(_) | What::Account(_) | What::Commit(..) => 0,
        What::Receipts { .. } => RECEIPTS_RANK,
        What::Message { .. } | What::Aside { .. } => 2,
        // Nothing waits until people are found.
        What::Gather(_) => 3,
    }
}

/// Where the jobs of a conversation are that are held: after all others, so that they hold nobody up.
pub(super) fn held(id: ConversationId) -> Vec<u8> {
    key::key(OUTBOX, &[id.as_ref(), &[HELD_RANK]])
}

/// Where a job stands among those of its lane: what has its counter goes before what has none, in the order of the
/// counters; else the others believe that something is missing.
fn turn(job: &Job) -> (u8, u32) {
    match &job.what {
        What::Message { sealing, .. } | What::Aside { sealing, .. } | What::Receipts { sealing, .. } => {
            (1, sealing.counter.unwrap_or(u32::MAX))
        }
        What::Gather(_) => (2, 0),
        _ => (0, 0),
    }
}

/// Whether what a job says has its counter: then something has to go out under it.
fn has_counter(what: &What) -> bool {
    matches!(
        what,
        What::Message { sealing, .. } | What::Aside { sealing, .. } | What::Receipts { sealing, .. }
            if sealing.counter.is_some()
    )
}

/// What is said under a counter that was given to what is here no more: nobody is to believe that something is
/// missing.
fn stand_in(cx: &Cx<'_>, what: &What) -> Option<ToSay> {
    let (What::Message { shown_in, sealing, .. }
    | What::Aside { shown_in, sealing, .. }
    | What::Receipts { shown_in, sealing, .. }) = what
    else {
        return None;
    };
    sealing.counter.map(|_| (cx.new_message_id(), Content::Typing(false), Manner::default(), *shown_in))
}

/// Whether the jobs after one may be looked at.
#[derive(PartialEq, Eq)]
pub(super) enum Lane {
    GoesOn,
    Waits,
}

impl Engine {
    pub(super) fn enqueue(
        &self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        NewJob { what, not_before }: NewJob,
    ) -> Result<u64, EngineError> {
        let number = cx.next_job()?;
        let dedupe = cx.provider.rand.number();
        let rank = if not_before == HELD { HELD_RANK } else { rank(&what) };
        let job = Job { what, dedupe, state: JobState::Waiting, attempts: 0, not_before, await_epoch: 0 };
        cx.put(key::job(id, rank, number), &job);
        Ok(number)
    }

    /// The first jobs of a conversation.
    pub(super) fn lane(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Job)>, EngineError> {
        cx.records().first("job", &key::conversation(OUTBOX, id), limit)
    }

    /// All jobs.
    pub(super) fn jobs(&self, cx: &Cx<'_>) -> Result<Vec<(Vec<u8>, Job)>, EngineError> {
        cx.records().all("job", &[OUTBOX])
    }

    pub(super) fn is_opening(&self, cx: &Cx<'_>, id: ConversationId) -> Result<bool, EngineError> {
        Ok(self.lane(cx, id, 1)?.iter().any(|(_, job)| matches!(job.what, What::Open(_))))
    }

    /// Starts everything that may be started now.
    pub(super) fn dispatch(&mut self, cx: &mut Cx<'_>) -> Result<(), EngineError> {
        // Before it has caught up nothing is due: a wake would only be followed by the next.
        if !self.link.online || !self.link.caught_up {
            return Ok(());
        }
        cx.wake_at(self.link.chores_at);
        self.plan_receipts(cx)?;
        self.plan_sync(cx)?;
        self.plan_history(cx)?;
        self.dispatch_list(cx)?;
        self.dispatch_files(cx)?;
        self.dispatch_linking(cx);
        let mut from = vec![OUTBOX];
        loop {
            let mut next = None;
            let end = [OUTBOX + 1];
            crate::api::Reader::scan(cx.store, &from, &end, false, &mut |key, _| {
                next = key::conversation_in(key);
                false
            })?;
            let Some(id) = next else { break };
            let in_step = |cx: &Cx<'_>| Ok::<_, EngineError>(cx.seal(id)?.is_some_and(|seal| !seal.lost));
            let was_in_step = in_step(cx)?;
            self.dispatch_lane(cx, id)?;
            if was_in_step && !in_step(cx)? {
                // What was to be sent has shown that this device lost its place: now it asks for it.
                self.dispatch_lane(cx, id)?;
            }
            from = key::end(&key::conversation(OUTBOX, id));
        }
        self.dispatch_confirmations(cx);
        self.dispatch_rosters(cx)
    }

    fn dispatch_lane(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        let record = cx.records().conversation(id)?;
        if let Some(record) = &record
            && let ConversationState::MergedInto(winner) = record.state
        {
            return self.move_jobs(cx, id, winner);
        }
        let mut lane = self.lane(cx, id, LOOK)?;
        let held = match &record {
            Some(record) => self.is_held(cx, record)?,
            None => false,
        };
        if record.as_ref().is_some_and(|record| !self.may_speak(cx, record)) {
            lane.retain(|(_, job)| matches!(job.what, What::LeaveRoster(_)));
        } else if held {
            // A group is kept going; between two people nothing at all is said.
            let direct = record.is_some_and(|record| record.kind == ConversationKind::Direct);
            let says = |what: &What| {
                matches!(what, What::Message { .. } | What::Aside { .. } | What::Receipts { .. })
            };
            lane.retain(|(_, job)| matches!(job.what, What::LeaveRoster(_)) || !direct && !says(&job.what));
        } else if self.is_update_due(cx, id, &lane)? {
            self.plan_update(cx, id)?;
            lane = self.lane(cx, id, LOOK)?;
        }
        lane.sort_by_key(|(_, job)| turn(job));
        let mut in_flight = 0;
        for (at, job) in lane {
            let sends = matches!(
                job.what,
                What::Message { .. } | What::Aside { .. } | What::Receipts { .. } | What::Account(_)
            );
            if job.not_before == HELD {
                continue;
            }
            match job.state {
                JobState::InFlight if sends => {
                    in_flight += 1;
                    continue;
                }
                JobState::Accepted if sends => continue,
                JobState::Accepted if job.what == What::AskResync => {}
                JobState::InFlight | JobState::Accepted => break,
                JobState::Waiting => {}
            }
            if matches!(job.what, What::Commit(..)) && job.await_epoch == 0 && job.not_before > cx.now {
                // A commit whose time has not come holds nobody up.
                cx.wake_at(job.not_before);
                continue;
            }
            let full = self.link.asked.len() + 4 > limits::REQUESTS_IN_FLIGHT;
            if in_flight >= WINDOW || full || !self.is_due(cx, id, &job)? {
                break;
            }
            if self.dispatch_job(cx, id, at, job)? == Lane::Waits {
                break;
            }
            in_flight += 1;
        }
        Ok(())
    }

    fn is_update_due(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        lane: &[(Vec<u8>, Job)],
    ) -> Result<bool, EngineError> {
        let says = |job: &Job| matches!(job.what, What::Message { .. }) && job.state == JobState::Waiting;
        if !lane.first().is_some_and(|(_, job)| {
            matches!(job.what, What::Message { .. } | What::Aside { .. } | What::Receipts { .. })
        }) || !lane.iter().any(|(_, job)| says(job))
        {
            return Ok(false);
        }
        let Some(seal) = cx.seal(id)?.filter(|_| cx.defends(Defence::Update)) else { return Ok(false) };
        let due = seal.update_ms <= cx.now;
        Ok(!seal.lost && (due || seal.sent >= UPDATE_AFTER_MESSAGES))
    }

    /// Whether the time of a job has come.
    fn is_due(&mut self, cx: &mut Cx<'_>, id: ConversationId, job: &Job) -> Result<bool, EngineError> {
        if job.await_epoch > 0 {
            let Some(group) = self.group(cx, id)? else {
                self.lose(cx, id)?;
                return Ok(false);
            };
            let epoch = group.epoch().as_u64();
            self.keep(id, group);
            if epoch >= job.await_epoch {
                return Ok(true);
            }
            if job.not_before <= cx.now {
                // The relay has told of an epoch whose commit never came.
                self.lose(cx, id)?;
                return Ok(false);
            }
        }
        if job.not_before > cx.now {
            cx.wake_at(job.not_before);
            return Ok(false);
        }
        Ok(true)
    }

    fn dispatch_job(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        job: Job,
    ) -> Result<Lane, EngineError> {
        match job.what {
            What::Open(_) => self.dispatch_opening(cx, id, at, job),
            What::AskResync => self.dispatch_ask(cx, at, job),
            What::Account(_) => self.dispatch_chore(cx, at, job),
            What::LeaveRoster(left) => self.dispatch_leave(cx, left, at, job),
            What::Gather(_) => self.dispatch_gathering(cx, id, at, job),
            What::Commit(..) => self.dispatch_commit(cx, id, at, job),
            What::Message { .. } | What::Aside { .. } | What::Receipts { .. } => {
                self.dispatch_send(cx, id, at, job)
            }
        }
    }

    /// The group and what belongs to it, when messages can be sealed for it now.
    pub(super) fn sealable(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
    ) -> Result<Option<(MlsGroup, Seal)>, EngineError> {
        let Some(seal) = cx.seal(id)? else { return Ok(None) };
        if seal.lost || cx.records().conversation(id)?.is_none_or(|it| it.state != ConversationState::Open) {
            return Ok(None);
        }
        match self.group(cx, id)? {
            Some(group) if group.is_active() => Ok(Some((group, seal))),
            _ => {
                self.lose(cx, id)?;
                Ok(None)
            }
        }
    }

    fn dispatch_send(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
    ) -> Result<Lane, EngineError> {
        let Some((mut group, mut seal)) = self.sealable(cx, id)? else { return Ok(Lane::Waits) };
        let address = Address::new(self.me.account, seal.room);
        let said = self.content_of(cx, &job.what)?;
        let Some((message, content, manner, shown_in)) = said.or_else(|| stand_in(cx, &job.what)) else {
            self.keep(id, group);
            cx.store.delete(at);
            return Ok(Lane::GoesOn);
        };
        if let What::Message { id: unsent, sealing, .. } = &job.what
            && sealing.counter.is_none()
            && !self.is_allowed(cx, shown_in, self.me.account, &content)?
        {
            // The rules have changed since it was written.
            self.keep(id, group);
            cx.store.delete(at);
            self.fail_message(cx, shown_in, *unsent, Failure::NotAllowed)?;
            return Ok(Lane::GoesOn);
        }
        let Some(record) = cx.shown(shown_in)? else {
            self.keep(id, group);
            cx.store.delete(at);
            return Ok(Lane::GoesOn);
        };
        if !has_counter(&job.what) && self.unconsented(cx, &record, &content)?.is_some() {
            // The customer has said stop since it was written, or their day is over.
            self.keep(id, group);
            return self.give_up(cx, at, job, ErrorCode::ConsentNeeded.into());
        }
        let category = self.category(cx, &record, &content)?;
        let signed = content.kind().signed;
        let Ok((bytes, mimi)) = content::encode(message, &address, content, manner) else {
            self.keep(id, group);
            return self.give_up(cx, at, job, ErrorCode::TooLarge.into());
        };
        let signature = match signed {
            true => Some(self.sign_content(cx, id, &job.what, &bytes, mimi)?),
            false => None,
        };
        let (What::Message { sealing, .. } | What::Aside { sealing, .. } | What::Receipts { sealing, .. }) =
            &mut job.what
        else {
            unreachable!("only what is said is sent")
        };
        let counter = *sealing.counter.get_or_insert(seal.counter);
        let envelope = Envelope { counter, signature: signature.as_ref(), content: &bytes };
        let Ok(plaintext) = envelope::encode(envelope) else {
            self.keep(id, group);
            return self.give_up(cx, at, job, ErrorCode::TooLarge.into());
        };
        seal.counter = seal.counter.max(counter + 1);
        let sealed = group::seal(cx.provider, &mut group, &self.myself(), &plaintext)?;
        sealing.sealed.push(Sha256::digest(&sealed).into());
        let send = wire::Send {
            conversation: id.to_wire(),
            epoch: group.epoch().as_u64(),
            capability: group::capability(cx.provider, &group, id)?.into(),
            message: sealed.into(),
            dedupe: job.dedupe,
            passing: false,
        };
        self.keep(id, group);
        if let What::Message { id: message, .. } = &job.what {
            seal.sent += 1;
            self.note_mimi(cx, shown_in, *message, mimi)?;
        }
        cx.put_seal(id, &seal);
        job.state = JobState::InFlight;
        job.await_epoch = 0;
        cx.put(at.clone(), &job);
        self.send_to_relay(cx, Asked::Job(at), send, category);
        Ok(Lane::GoesOn)
    }

    /// By name where a business is, without one elsewhere.
    pub(super) fn send_to_relay(
        &mut self,
        cx: &mut Cx<'_>,
        asked: Asked,
        send: wire::Send,
        category: Option<wire::Category>,
    ) {
        match category {
            Some(category) => {
                let named = wire::NamedSend { send: Some(send), category: category.into() };
                self.ask(cx, asked, request::Op::NamedSend(named));
            }
            None => self.ask_anonymously(cx, asked, request::Op::Send(send)),
        }
    }

    /// What a job says, by MIMI ids; `None` when it is there no more.
    fn content_of(&self, cx: &Cx<'_>, what: &What) -> Result<Option<ToSay>, EngineError> {
        let (id, content, shown_in, manner) = match what {
            What::Message { shown_in, id, .. } => match cx.records().message(*shown_in, *id)? {
                // Taken back before it was sent, perhaps: then it is not sent again.
                Some(row) if row.marks.deleted_by.is_some() => return Ok(None),
                Some(row) => (*id, self.first_said(cx, &row)?, *shown_in, row.marks.manner),
                None => return Ok(None),
            },
            What::Aside { shown_in, id, content, .. } => (*id, content.clone(), *shown_in, Manner::default()),
            What::Receipts { shown_in, content, .. } => {
                (cx.new_message_id(), content.clone(), *shown_in, Manner::default())
            }
            _ => return Ok(None),
        };
        let mut failed = None;
        let mut name = |id| {
            cx.mimi_of(shown_in, id).unwrap_or_else(|error| {
                failed = Some(error);
                None
            })
        };
        let manner = manner.map_ids(&mut name);
        let content = content.map_ids(name);
        match failed {
            Some(error) => Err(error),
            None => Ok(content
                .filter(|content| {
                    !matches!(content, Content::Delivered(ids) | Content::Read(ids) if ids.is_empty())
                })
                .map(|content| (id, content, manner, shown_in))),
        }
    }

    /// What a message said first: sealed again it is the same message, whatever edits were made since.
    fn first_said(&self, cx: &Cx<'_>, row: &MessageRecord) -> Result<Content, EngineError> {
        let first = cx.records().versions(row.conversation, row.id)?.into_iter().next();
        Ok(match (first, row.content.clone()) {
            (Some(first), Content::Text { .. }) => Content::Text { text: first.text },
            (_, content) => content,
        })
    }

    fn note_mimi(
        &self,
        cx: &mut Cx<'_>,
        conversation: ConversationId,
        id: MessageId,
        mimi: MimiId,
    ) -> Result<(), EngineError> {
        if let Some(mut row) = cx.records().message(conversation, id)?
            && row.mimi.is_none()
        {
            row.mimi = Some(mimi.0.to_vec());
            cx.put_message(&row)?;
        }
        Ok(())
    }

    /// The job of which an item is the echo.
    pub(super) fn echo_of(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        dedupe: u64,
        bytes: &[u8],
    ) -> Result<Option<(Vec<u8>, Job)>, EngineError> {
        let hash: [u8; 32] = Sha256::digest(bytes).into();
        let is_it = |job: &Job| match &job.what {
            What::Message { sealing, .. } | What::Aside { sealing, .. } | What::Receipts { sealing, .. } => {
                sealing.sealed.contains(&hash)
            }
            What::Commit(_, built) => built.as_ref().is_some_and(|built| built.hash == hash),
            What::Open(_) | What::AskResync | What::LeaveRoster(_) | What::Account(_) | What::Gather(_) => {
                false
            }
        };
        // What is in flight is among the first: a lane is not looked into further.
        let lane = self.lane(cx, id, 2 * LOOK)?;
        Ok(lane.into_iter().find(|(_, job)| job.dedupe == dedupe && is_it(job)))
    }
}
