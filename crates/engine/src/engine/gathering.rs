//! Finding people for a group: handles are looked up, key packages are claimed, and what was claimed is looked
//! at. Whoever is found is then added by one commit; of whoever is not, a row tells.

use std::collections::BTreeMap;

use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, ErrorCode, Handle, limits};

use super::contacts::Learned;
use super::outbox::{Lane, NewJob};
use super::state::{Invited, Job, JobState, Purpose, Wanted, What};
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError};
use crate::mls::group::key_package_message;
use crate::records::key;
use crate::records::{Change, Contact, Failure, Named};

/// Questions of one gathering that are under way at once.
const AT_ONCE: usize = 16;

/// What was claimed for a gathering, as long as the sockets last.
pub(super) type Gathered = BTreeMap<AccountId, wire::Claimed>;

impl Engine {
    pub(super) fn dispatch_gathering(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
    ) -> Result<Lane, EngineError> {
        job.state = JobState::InFlight;
        cx.put(at.clone(), &job);
        self.gather(cx, id, at, job)?;
        Ok(Lane::Waits)
    }

    /// Asks for what is still to be known of the people, or adds them when all is.
    fn gather(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
    ) -> Result<(), EngineError> {
        let What::Gather(people) = &mut job.what else { return Ok(()) };
        let mut changed = None;
        for person in people.iter_mut().filter(|person| person.account.is_none()) {
            let known = cx.records().contact_by_handle(&person.handle)?.filter(|contact| contact.confirmed);
            let Some(Contact { account, .. }) = known else { continue };
            match cx.records().key_change(account)? {
                Some(_) => changed = Some(person.clone()),
                None => person.account = Some(account),
            }
        }
        let people = people.clone();
        cx.put(at.clone(), &job);
        if let Some(person) = changed {
            return self.leave_out(cx, id, at, job, &person, Failure::IdentityChanged);
        }
        let mine =
            |asked: &&Asked| matches!(asked, Asked::Find(other, _) | Asked::Invite(other, _) if *other == at);
        let under_way: Vec<Asked> = self.link.asked.values().filter(mine).cloned().collect();
        let free = AT_ONCE.saturating_sub(under_way.len());
        let is_asked = |handle: &Handle| {
            under_way.iter().any(|asked| matches!(asked, Asked::Find(_, other) if other == handle))
        };
        let unknown: Vec<Handle> = people
            .iter()
            .filter(|person| person.account.is_none() && !is_asked(&person.handle))
            .map(|person| person.handle.clone())
            .take(free)
            .collect();
        for handle in unknown {
            let by = wire::lookup::By::Handle(handle.as_str().to_owned());
            self.ask(cx, Asked::Find(at.clone(), handle), request::Op::Lookup(wire::Lookup { by: Some(by) }));
        }
        if people.iter().any(|person| person.account.is_none()) {
            return Ok(());
        }
        let claimed = self.link.gathered.entry(at.clone()).or_default();
        let is_asked = |account: AccountId| {
            under_way.iter().any(|asked| matches!(asked, Asked::Invite(_, other) if *other == account))
        };
        let missing: Vec<AccountId> = people
            .iter()
            .filter_map(|person| person.account)
            .filter(|it| !claimed.contains_key(it))
            .collect();
        if missing.is_empty() {
            return self.gathered(cx, id, at, people);
        }
        for account in missing.into_iter().filter(|account| !is_asked(*account)).take(free) {
            let claim = wire::ClaimKeyPackages { account: account.to_wire(), ..Default::default() };
            self.ask(cx, Asked::Invite(at.clone(), account), request::Op::ClaimKeyPackages(claim));
        }
        Ok(())
    }

    /// The directory's answer about somebody who is to be added.
    pub(super) fn find_answered(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        handle: &Handle,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let Some((id, job)) = self.gathering(cx, &at)? else { return Ok(()) };
        let What::Gather(people) = &job.what else { return Ok(()) };
        let Some(person) = people.iter().find(|person| person.handle == *handle).cloned() else {
            return Ok(());
        };
        let told = match result {
            Ok(response::Result::Account(told)) => told,
            Ok(_) => return self.gather_later(cx, at, job, ErrorCode::Internal.into()),
            Err(error) => return self.not_found(cx, id, at, job, &person, error),
        };
        if told.handle != handle.as_str() {
            return self.leave_out(cx, id, at, job, &person, Failure::FalseIdentity);
        }
        match self.learn(cx, told, true) {
            Ok(_) => self.gather(cx, id, at, job),
            Err(Learned::Failed(error)) => Err(error),
            Err(Learned::Not(disbelief)) => {
                self.disbelieve(cx, id, disbelief);
                self.leave_out(cx, id, at, job, &person, disbelief.failure())
            }
        }
    }

    /// The key packages of somebody who is to be added.
    pub(super) fn invite_answered(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        account: AccountId,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        let Some((id, job)) = self.gathering(cx, &at)? else { return Ok(()) };
        let What::Gather(people) = &job.what else { return Ok(()) };
        let Some(person) = people.iter().find(|person| person.account == Some(account)).cloned() else {
            return Ok(());
        };
        match result {
            Ok(response::Result::Claimed(claimed)) => {
                self.link.gathered.entry(at.clone()).or_default().insert(account, claimed);
                self.gather(cx, id, at, job)
            }
            Ok(_) => self.gather_later(cx, at, job, ErrorCode::Internal.into()),
            Err(error) if error.code == ErrorCode::NoKeyPackages && account == self.me.account => {
                // There is no other device of one's own.
                self.link.gathered.entry(at.clone()).or_default().insert(account, wire::Claimed::default());
                self.gather(cx, id, at, job)
            }
            Err(error) => self.not_found(cx, id, at, job, &person, error),
        }
    }

    fn gathering(&self, cx: &Cx<'_>, at: &[u8]) -> Result<Option<(ConversationId, Job)>, EngineError> {
        let job = cx.records().read::<Job>("job", at)?.filter(|job| job.state == JobState::InFlight);
        Ok(job.and_then(|job| Some((key::conversation_in(at)?, job))))
    }

    fn not_found(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        job: Job,
        person: &Wanted,
        error: WireError,
    ) -> Result<(), EngineError> {
        match (error.code, error.code.retry()) {
            (ErrorCode::NoSuchAccount, _) => self.leave_out(cx, id, at, job, person, Failure::NoSuchAccount),
            (ErrorCode::NoKeyPackages, _) | (_, Retry::Never) => {
                self.leave_out(cx, id, at, job, person, Failure::Relay(error.code.number()))
            }
            (_, Retry::Later | Retry::AfterRepair) => self.gather_later(cx, at, job, error),
        }
    }

    fn gather_later(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        job: Job,
        error: WireError,
    ) -> Result<(), EngineError> {
        self.link.asked.retain(
            |_, asked| !matches!(asked, Asked::Find(other, _) | Asked::Invite(other, _) if *other == at),
        );
        self.try_later(cx, at, job, error)
    }

    /// Somebody will not be added; the others are.
    fn leave_out(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        mut job: Job,
        person: &Wanted,
        failure: Failure,
    ) -> Result<(), EngineError> {
        let What::Gather(people) = &mut job.what else { return Ok(()) };
        // Several may go by no handle.
        people.retain(|other| match person.account {
            Some(account) => other.account != Some(account),
            None => other.handle != person.handle,
        });
        cx.put(at.clone(), &job);
        let who = Named { account: person.account, handle: person.handle.clone() };
        self.tell(cx, id, self.me.account, Change::NotAdded(who, failure), cx.now)?;
        self.gather(cx, id, at, job)
    }

    /// Everybody who can be found is: they are added.
    fn gathered(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        at: Vec<u8>,
        people: Vec<Wanted>,
    ) -> Result<(), EngineError> {
        let mut claimed = self.link.gathered.remove(&at).unwrap_or_default();
        cx.store.delete(at);
        let mut all = Vec::new();
        for person in people {
            let Some(account) = person.account else { continue };
            let given = claimed.remove(&account).unwrap_or_default();
            if account == self.me.account && given.claims.is_empty() {
                continue;
            }
            match self.invited(cx, account, given)? {
                Ok(invited) if invited.is_empty() && account != self.me.account => {
                    let who = Named { account: Some(account), handle: person.handle };
                    let failure = Failure::Relay(ErrorCode::NoKeyPackages.number());
                    self.tell(cx, id, self.me.account, Change::NotAdded(who, failure), cx.now)?;
                }
                Ok(invited) => all.extend(invited.into_iter().map(|(device, ticket, package)| Invited {
                    who: person.clone(),
                    device,
                    ticket: ticket.0,
                    package: key_package_message(package),
                })),
                Err(disbelief) => {
                    cx.alert(Some(id), Alert::FalseIdentity);
                    let who = Named { account: Some(account), handle: person.handle };
                    self.tell(cx, id, self.me.account, Change::NotAdded(who, disbelief.failure()), cx.now)?;
                }
            }
        }
        // As many as one commit may add; the next ones follow it.
        for some in all.chunks(limits::ADDITIONS) {
            self.enqueue(cx, id, NewJob::new(What::Commit(Purpose::Add(some.to_vec()), None)))?;
        }
        Ok(())
    }

    /// The tickets of an addition were too old: the people are claimed anew.
    pub(super) fn gather_again(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        invited: Vec<Invited>,
    ) -> Result<(), EngineError> {
        let mut people: Vec<Wanted> = Vec::new();
        for one in invited {
            if !people.contains(&one.who) {
                people.push(one.who);
            }
        }
        self.enqueue(cx, id, NewJob::new(What::Gather(people)).not_before(cx.now + 1_000)).map(drop)
    }
}
