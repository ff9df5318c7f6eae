//! Who leaves a group: it is said, others remove the leaves, and nothing is left of its keys here.

use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, Millis};

use super::outbox::{Lane, NewJob};
use super::state::{Job, JobState, Purpose, What};
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError, Refusal};
use crate::content::Content;
use crate::mls::policy::Denied;
use crate::mls::storage;
use crate::records::key::{self, BEEN, COMING, GROUP, MEMBER, RECEIPTS, SEAL};
use crate::records::{Change, ConversationRecord, ConversationState, Failure};

/// Before the leaves of somebody who left are removed, admins wait so long, others longer.
const ADMINS_WAIT: Millis = 1_000;
const OTHERS_WAIT: Millis = 15_000;

impl Engine {
    pub(super) fn leave_group(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let (record, mut group) = match self.group_of(cx, id)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if Self::is_request(&record) {
            return self.decline(cx, record.id);
        }
        if group.leaving.contains(&self.me.account) {
            return Ok(Ok(()));
        }
        if record.state == ConversationState::Opening {
            return Ok(Err(Refusal::NotYet));
        }
        group.leaving.push(self.me.account);
        cx.put(key::conversation(GROUP, record.id), &group);
        self.say_aside(cx, record.id, Content::Leave)?;
        Ok(Ok(()))
    }

    /// A member has said that they leave.
    pub(super) fn leaves(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        account: AccountId,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(mut group) = cx.records().group(id)? else {
            cx.alert(Some(id), Alert::PolicyRefused(Denied::Removal.reason()));
            return Ok(());
        };
        if account == self.me.account {
            return self.go(cx, id, account, Change::Left, time, true);
        }
        if group.leaving.contains(&account) {
            return Ok(());
        }
        group.leaving.push(account);
        cx.put(key::conversation(GROUP, id), &group);
        self.tell(cx, id, account, Change::Left, time)?;
        let others = group.admins.iter().any(|admin| !group.leaving.contains(admin));
        let first = group.admins.contains(&self.me.account) || !others;
        let wait = if first { ADMINS_WAIT } else { OTHERS_WAIT };
        let job = NewJob::new(What::Commit(Purpose::Drop(account), None));
        self.enqueue(cx, id, job.not_before(cx.now + wait + cx.jitter(3 * wait))).map(drop)
    }

    /// This account is in the group no more: nothing is left of its keys, what was said stays.
    pub(super) fn go(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        by: AccountId,
        change: Change,
        time: Millis,
        on_roster: bool,
    ) -> Result<(), EngineError> {
        self.groups.remove(&id);
        storage::forget_group(cx.store, id)?;
        cx.store.delete(key::conversation(SEAL, id));
        cx.store.delete(key::conversation(BEEN, id));
        cx.store.delete(key::conversation(RECEIPTS, id));
        cx.delete_all(&key::conversation(COMING, id))?;
        self.forget_links(cx, id)?;
        for (at, _) in cx.records().all::<super::state::Member>("member", &key::conversation(MEMBER, id))? {
            cx.store.delete(at);
        }
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            cx.store.delete(at);
            if let What::Message { shown_in, id: message, .. } = job.what {
                self.fail_message(cx, shown_in, message, Failure::NotAMember)?;
            }
        }
        self.tell(cx, id, by, change, time)?;
        if let Some(record) = cx.records().conversation(id)? {
            cx.put_conversation(&ConversationRecord { state: ConversationState::Left, ..record })?;
        }
        if on_roster {
            self.enqueue(cx, id, NewJob::new(What::LeaveRoster(id)))?;
        }
        Ok(())
    }

    /// This account is in again: what was still to be done to leave would take this device off the roster now.
    pub(super) fn stays(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            if job.what == What::LeaveRoster(id) {
                cx.store.delete(at);
            }
        }
        Ok(())
    }

    pub(super) fn dispatch_leave(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
    ) -> Result<Lane, EngineError> {
        job.state = JobState::InFlight;
        cx.put(at.clone(), &job);
        let leave = wire::LeaveConversation { conversation: id.to_wire() };
        self.ask(cx, Asked::Job(at), request::Op::LeaveConversation(leave));
        Ok(Lane::Waits)
    }

    pub(super) fn leave_answered(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        job: Job,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        match result {
            Err(error) if error.code.retry() != Retry::Never => self.try_later(cx, at, job, error),
            // Also when somebody has taken it off already.
            _ => {
                cx.store.delete(at);
                Ok(())
            }
        }
    }
}
