//! Strangers and blocks. A conversation that somebody begins to whom this account never wrote is a request: it is
//! shown, and nothing is sent in it, not even that it arrived, before it is accepted. Who is blocked is not heard.
//!
//! Every job of a conversation passes [`Engine::may_speak`] before it is dispatched, whatever made it: receipts,
//! leaf updates, requests to be let in again. What this account leaves without a word, it leaves by the relay
//! alone ([`Chore::Leave`]), which tells nobody.

use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::{self, item::Kind, request, response};
use lacre_proto::{AccountId, ConversationId, ErrorCode, Handle, limits};
use prost::Message as _;

use super::outbox::{Lane, NewJob};
use super::state::{Chore, Job, JobState, Member, What};
use super::{Asked, Cx, Engine};
use crate::api::{EngineError, Event, Refusal};
use crate::content::Matter;
use crate::defence::Defence;
use crate::mls::storage;
use crate::records::key::{
    self, AUDIENCE, BEEN, BLOCK, COMING, DIRECT, GROUP, HEARD_BY, MEMBER, QUIT, RECEIPTS, SEAL, UNSEEN,
};
use crate::records::{
    BlockRecord, ConversationKind, ConversationRecord, ConversationState, Failure, Quit, Standing,
};

/// The lane of jobs that belong to the account and to no conversation.
const ACCOUNT: ConversationId = ConversationId([0; 16]);
/// How often a leaving is tried where the relay does not know of a conversation yet.
const ATTEMPTS: u32 = 3;

impl Engine {
    /// Whether anything may be sent in a conversation.
    pub(super) fn may_speak(&self, cx: &Cx<'_>, record: &ConversationRecord) -> bool {
        record.standing == Standing::Accepted || !cx.defends(Defence::Strangers)
    }

    /// How a conversation stands into which somebody has brought this account.
    pub(super) fn standing_by(&self, cx: &Cx<'_>, account: AccountId) -> Result<Standing, EngineError> {
        if account == self.me.account {
            return Ok(Standing::Accepted);
        }
        for id in self.conversations_with(cx, account)? {
            let accepted = |record: ConversationRecord| record.standing == Standing::Accepted;
            if cx.records().conversation(id)?.is_some_and(accepted) {
                return Ok(Standing::Accepted);
            }
        }
        Ok(Standing::Asked)
    }

    /// Whether this account has blocked another.
    pub(super) fn is_blocked(&self, cx: &Cx<'_>, account: AccountId) -> Result<bool, EngineError> {
        Ok(cx.defends(Defence::Blocks) && cx.exists(&key::account(BLOCK, account))?)
    }

    /// Whether the person of a handle is blocked.
    pub(super) fn blocks(&self, cx: &Cx<'_>, handle: &Handle) -> Result<bool, EngineError> {
        match cx.records().contact_by_handle(handle)? {
            Some(contact) => self.is_blocked(cx, contact.account),
            None => Ok(false),
        }
    }

    /// What comes before anything is said in a conversation: it is not with somebody who is blocked, one that this
    /// account has left is begun anew, and to speak is to accept.
    pub(super) fn speak_up(
        &mut self,
        cx: &mut Cx<'_>,
        mut record: ConversationRecord,
    ) -> Result<Result<ConversationRecord, Refusal>, EngineError> {
        match (record.standing, record.state, record.peer) {
            (Standing::Blocked, ..) => return Ok(Err(Refusal::Blocked)),
            _ if self.is_held(cx, &record)? => return Ok(Err(Refusal::IdentityChanged)),
            (_, ConversationState::Left, Some(peer)) => {
                self.begin_anew(cx, record.id, peer)?;
                record = cx.shown(record.id)?.ok_or(EngineError::Corrupt("a conversation begun anew"))?;
            }
            (_, ConversationState::Left, None) => return Ok(Err(Refusal::NotAMember)),
            _ => {}
        }
        if record.standing == Standing::Asked {
            self.accept(cx, record.id)?.ok();
            record.standing = Standing::Accepted;
        }
        Ok(Ok(record))
    }

    /// Accepts a request: what was held back goes out from now on.
    pub(super) fn accept(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let Some(record) = cx.shown(id)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        match record.standing {
            Standing::Blocked => return Ok(Err(Refusal::Blocked)),
            Standing::Accepted => {}
            Standing::Asked if record.kind == ConversationKind::Direct && self.is_held(cx, &record)? => {
                return Ok(Err(Refusal::IdentityChanged));
            }
            Standing::Asked => {
                self.settle_matter(cx, Matter::Consent { conversation: record.id, accepted: true })?;
                self.accept_here(cx, record)?;
            }
        }
        Ok(Ok(()))
    }

    pub(super) fn accept_here(
        &mut self,
        cx: &mut Cx<'_>,
        record: ConversationRecord,
    ) -> Result<(), EngineError> {
        let record = ConversationRecord { standing: Standing::Accepted, ..record };
        cx.put_conversation(&record)?;
        self.secure_accepted(cx, &record)
    }

    /// Deletes a request: this account leaves without a word, and forgets what was said.
    pub(super) fn decline(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let Some(record) = cx.shown(id)? else { return Ok(Err(Refusal::NoSuchConversation)) };
        if record.standing == Standing::Accepted {
            return Ok(Err(Refusal::NoRequest));
        }
        let all = match record.peer {
            Some(account) => self.conversations_with(cx, account)?,
            None => vec![record.id],
        };
        for id in all {
            self.settle_matter(cx, Matter::Consent { conversation: id, accepted: false })?;
            self.leave_quietly(cx, id, record.peer)?;
            self.forget_conversation(cx, id)?;
        }
        Ok(Ok(()))
    }

    /// Blocks somebody: all direct conversations with them end on this side, and the relay is told.
    pub(super) fn block(
        &mut self,
        cx: &mut Cx<'_>,
        account: AccountId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        if account == self.me.account {
            return Ok(Err(Refusal::Yourself));
        }
        let Some(contact) = cx.records().contact(account)? else { return Ok(Err(Refusal::UnknownPerson)) };
        let at = key::account(BLOCK, account);
        if cx.exists(&at)? {
            return Ok(Ok(()));
        }
        if cx.records().blocked()?.len() >= limits::BLOCKED {
            return Ok(Err(Refusal::TooManyBlocked));
        }
        let accepted = self.standing_by(cx, account)? == Standing::Accepted;
        let block = BlockRecord { account, handle: contact.handle, since_ms: cx.now, accepted };
        self.settle_matter(cx, matter_of(&block, true))?;
        self.block_here(cx, block)?;
        self.tell_relay(cx, Chore::Block(account)).map(Ok)
    }

    /// All direct conversations with somebody end on this device.
    pub(super) fn block_here(&mut self, cx: &mut Cx<'_>, block: BlockRecord) -> Result<(), EngineError> {
        let account = block.account;
        cx.put(key::account(BLOCK, account), &block);
        for id in self.conversations_with(cx, account)? {
            self.leave_quietly(cx, id, Some(account))?;
            let Some(record) = cx.records().conversation(id)? else { continue };
            if matches!(record.state, ConversationState::MergedInto(_)) {
                continue;
            }
            cx.delete_all(&key::conversation(UNSEEN, id))?;
            let state = ConversationState::Left;
            cx.put_conversation(&ConversationRecord {
                standing: Standing::Blocked,
                state,
                unread: 0,
                ..record
            })?;
        }
        cx.event(Event::BlocksChanged(account));
        Ok(())
    }

    /// Takes a block back. With somebody who had been accepted the conversation is begun anew, so that they can
    /// write; others are strangers again.
    pub(super) fn unblock(
        &mut self,
        cx: &mut Cx<'_>,
        account: AccountId,
    ) -> Result<Result<(), Refusal>, EngineError> {
        let at = key::account(BLOCK, account);
        let Some(block) = cx.records().read::<BlockRecord>("block", &at)? else { return Ok(Ok(())) };
        self.settle_matter(cx, matter_of(&block, false))?;
        self.tell_relay(cx, Chore::Unblock(account))?;
        self.unblock_here(cx, account, block.accepted)?;
        if block.accepted
            && let Some(id) = self.direct_with(cx, account)?
        {
            self.begin_anew(cx, id, account)?;
        }
        Ok(Ok(()))
    }

    /// Somebody is blocked no more. Another device of this account may have done it: it begins anew with them.
    pub(super) fn unblock_here(
        &mut self,
        cx: &mut Cx<'_>,
        account: AccountId,
        accepted: bool,
    ) -> Result<(), EngineError> {
        cx.store.delete(key::account(BLOCK, account));
        let standing = if accepted { Standing::Accepted } else { Standing::Asked };
        for id in self.conversations_with(cx, account)? {
            let Some(record) = cx.records().conversation(id)? else { continue };
            if record.standing == Standing::Blocked {
                cx.put_conversation(&ConversationRecord { standing, ..record })?;
            }
        }
        cx.event(Event::BlocksChanged(account));
        Ok(())
    }

    /// An id for a direct conversation with somebody: lower than all that there were, because of two the lower
    /// one stays, and theirs may be one that this account has left without a word.
    pub(super) fn lower_id(
        &self,
        cx: &Cx<'_>,
        account: Option<AccountId>,
    ) -> Result<ConversationId, EngineError> {
        let id = u128::from_be_bytes(cx.provider.rand.bytes());
        let Some(account) = account else { return Ok(ConversationId(id.to_be_bytes())) };
        let mut there = self.conversations_with(cx, account)?;
        for (at, gone) in cx.records().all::<Quit>("quit", &[QUIT])? {
            if gone.with == Some(account) {
                there.extend(key::conversation_in(&at));
            }
        }
        let lowest = there.iter().min().map(|lowest| u128::from_be_bytes(lowest.0));
        Ok(ConversationId(below(lowest, id).to_be_bytes()))
    }

    /// Whether this account has left a conversation with somebody, of which their devices may not know.
    pub(super) fn has_left(
        &self,
        cx: &Cx<'_>,
        account: AccountId,
        now: ConversationId,
    ) -> Result<bool, EngineError> {
        let gone = cx.records().all::<Quit>("quit", &[QUIT])?;
        let mut lower = gone.iter().filter(|(_, gone)| gone.with == Some(account));
        Ok(lower.any(|(at, _)| key::conversation_in(at).is_some_and(|id| id <= now)))
    }

    /// Leaves the roster, and keeps nothing by which anything could be sealed or opened.
    pub(super) fn leave_quietly(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        with: Option<AccountId>,
    ) -> Result<(), EngineError> {
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            cx.store.delete(at);
            if let What::Message { shown_in, id: message, .. } = job.what {
                self.fail_message(cx, shown_in, message, Failure::Blocked)?;
            }
        }
        self.link.openings.remove(&id);
        self.groups.remove(&id);
        storage::forget_group(cx.store, id)?;
        cx.store.delete(key::conversation(SEAL, id));
        cx.store.delete(key::conversation(BEEN, id));
        cx.store.delete(key::conversation(RECEIPTS, id));
        for (at, _) in cx.records().all::<Member>("member", &key::conversation(MEMBER, id))? {
            cx.store.delete(at);
        }
        if !cx.exists(&key::conversation(QUIT, id))? {
            cx.put(key::conversation(QUIT, id), &Quit { with });
            self.tell_relay(cx, Chore::Leave(id))?;
        }
        Ok(())
    }

    /// Forgets a conversation and all that was said in it.
    pub(super) fn forget_conversation(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
    ) -> Result<(), EngineError> {
        for row in cx.records().messages(id, None, usize::MAX)? {
            cx.delete_message(&row);
            if let crate::content::Content::AskToJoin(ask) = &row.content {
                cx.store.delete(key::asked(ask.group, row.author));
            }
        }
        for table in key::MOVING.into_iter().chain([UNSEEN, HEARD_BY, AUDIENCE, COMING, GROUP]) {
            cx.delete_all(&key::conversation(table, id))?;
        }
        let Some(record) = cx.records().conversation(id)? else { return Ok(()) };
        if let Some(handle) = &record.handle
            && cx.records().direct_with(handle)? == Some(id)
        {
            cx.store.delete(key::handle(DIRECT, handle));
        }
        if let Some(account) = record.peer {
            cx.store.delete(key::key(key::WITH, &[account.as_ref(), id.as_ref()]));
        }
        cx.store.delete(key::activity(record.active_ms, id));
        cx.store.delete(key::conversation(key::CONVERSATION, id));
        cx.event(Event::ConversationChanged(id));
        Ok(())
    }

    /// Whether an item belongs to a conversation that this account has left without a word: nothing is said of
    /// it. Who was put back onto its roster leaves it again.
    pub(super) fn passes_over(&mut self, cx: &mut Cx<'_>, kind: &Kind) -> Result<bool, EngineError> {
        let conversation = match kind {
            Kind::Welcomed(item) => &item.conversation,
            Kind::Committed(item) => &item.conversation,
            Kind::Sealed(item) => &item.conversation,
            Kind::ResyncAsked(item) => &item.conversation,
            // What a Welcome needs: whose it is, the Welcome tells.
            Kind::GroupInfo(_) => return Ok(false),
        };
        let Ok(id) = ConversationId::try_from(conversation) else { return Ok(false) };
        let gone = cx.records().read::<Quit>("quit", &key::conversation(QUIT, id))?;
        match (gone, kind) {
            (None, _) => Ok(false),
            // Into a group somebody else may ask once more.
            (Some(Quit { with: None }), Kind::Welcomed(_)) => Ok(false),
            (Some(_), Kind::Welcomed(_)) => self.tell_relay(cx, Chore::Leave(id)).map(|()| true),
            (Some(_), _) => Ok(true),
        }
    }

    /// A Welcome of somebody who is blocked: it is as if it had not come, but that the mailbox is on a roster.
    pub(super) fn turn_away(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        by: AccountId,
    ) -> Result<(), EngineError> {
        cx.put(key::conversation(QUIT, id), &Quit { with: Some(by) });
        self.tell_relay(cx, Chore::Leave(id))
    }

    /// Puts a chore into the outbox; of a block and its end only the later.
    pub(super) fn tell_relay(&mut self, cx: &mut Cx<'_>, chore: Chore) -> Result<(), EngineError> {
        for (at, job) in self.lane(cx, ACCOUNT, usize::MAX)? {
            if let What::Account(waiting) = &job.what
                && waiting.subject() == chore.subject()
            {
                cx.store.delete(at);
            }
        }
        self.enqueue(cx, ACCOUNT, NewJob::new(What::Account(chore))).map(drop)
    }

    pub(super) fn dispatch_chore(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        mut job: Job,
    ) -> Result<Lane, EngineError> {
        let What::Account(chore) = &job.what else { return Ok(Lane::GoesOn) };
        let op = match chore {
            Chore::Leave(id) => {
                request::Op::LeaveConversation(wire::LeaveConversation { conversation: id.to_wire() })
            }
            Chore::Block(account) => request::Op::Block(wire::Block { account: account.to_wire() }),
            Chore::Unblock(account) => request::Op::Unblock(wire::Unblock { account: account.to_wire() }),
            Chore::Consent(_, receipt) => {
                let grant = wire::Signed::decode(receipt.as_slice()).ok();
                request::Op::PutConsent(wire::PutConsent { grant })
            }
            Chore::Terms(document) => {
                let terms = wire::Signed::decode(document.as_slice()).ok();
                request::Op::PutTerms(wire::PutTerms { terms })
            }
            Chore::Profile(document) => {
                let profile = wire::Signed::decode(document.as_slice()).ok();
                request::Op::PutProfile(wire::PutProfile { profile })
            }
        };
        job.state = JobState::InFlight;
        cx.put(at.clone(), &job);
        self.ask(cx, Asked::Job(at), op);
        Ok(Lane::GoesOn)
    }

    pub(super) fn chore_answered(
        &mut self,
        cx: &mut Cx<'_>,
        at: Vec<u8>,
        job: Job,
        result: Result<response::Result, WireError>,
    ) -> Result<(), EngineError> {
        // A conversation that this device has just made may not be there yet: its request goes another way.
        let early = matches!(job.what, What::Account(Chore::Leave(_))) && job.attempts < ATTEMPTS;
        // What another device of this account has said since is newer than this, however often it is said again.
        let overtaken = |error: &WireError| error.code == ErrorCode::StaleConsent;
        match result {
            Err(error) if (error.code.retry() != Retry::Never || early) && !overtaken(&error) => {
                self.try_later(cx, at, job, error)
            }
            result => {
                cx.store.delete(at);
                match job.what {
                    What::Account(Chore::Consent(business, receipt)) => {
                        self.grant_answered(cx, business, receipt, &result)
                    }
                    What::Account(Chore::Terms(document)) => self.terms_answered(cx, &document, &result),
                    What::Account(Chore::Profile(document)) => self.profile_answered(cx, &document, &result),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Whether it is a request.
    pub(super) fn is_request(record: &ConversationRecord) -> bool {
        record.standing == Standing::Asked && record.kind != ConversationKind::Own
    }
}

/// An id just below the lowest: so little of what is left below it is used each time that it is never used up.
/// Where somebody has chosen an id below which there is no room, any will do: it is theirs that is not lower then.
fn below(lowest: Option<u128>, random: u128) -> u128 {
    const PART: u32 = 20;
    const ROOM: u128 = 1 << 64;
    match lowest {
        Some(lowest) if lowest >> PART >= ROOM => lowest - 1 - random % (lowest >> PART),
        _ => random,
    }
}

fn matter_of(block: &BlockRecord, blocked: bool) -> Matter {
    let BlockRecord { account, handle, since_ms, accepted } = block.clone();
    Matter::Block { account, handle, since_ms, accepted, blocked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_a_lower_id_and_none_comes_twice() {
        let mut lowest = 0x8000_0000_0000_0000_0000_0000_0000_0000;
        for round in 0..100_000_u128 {
            let random = round.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let next = below(Some(lowest), random);
            assert!(next < lowest && next > 1 << 84, "round {round}");
            lowest = next;
        }
        assert_eq!(below(None, 7), 7);
        for chosen in [0, 1, 2, 1 << 83] {
            assert_eq!(below(Some(chosen), 1 << 100), 1 << 100, "below {chosen} there is no room");
        }
    }
}
