//! Groups: what people want of them, what commits change in them, who leaves. Rights are in the signed context
//! and judged by the policy; name, description, picture and labels are content, judged here by the same rules.

use std::collections::BTreeSet;

use lacre_proto::error::{Retry, WireError};
use lacre_proto::wire::{self, request, response};
use lacre_proto::{AccountId, ConversationId, ErrorCode, Handle, Millis, limits};
use openmls::group::MlsGroup;

use super::outbox::{Lane, NewJob};
use super::state::{Job, JobState, Opening, Purpose, Sealing, Wanted, What};
use super::{Asked, Cx, Engine};
use crate::api::{Alert, EngineError, Event, IntentId, Refusal};
use crate::content::{Briefing, Content, Fact, MessageId, kinds};
use crate::defence::Defence;
use crate::mls::extension::{Kind, LacreConversation};
use crate::mls::policy::{Approved, Denied};
use crate::mls::storage;
use crate::records::key::{self, AUDIENCE, BEEN, COMING, GROUP, MEMBER, QUIT, RECEIPTS, SEAL};
use crate::records::{
    Allowed, Awaits, Change, ConversationKind, ConversationRecord, ConversationState, Failure, GroupRecord,
    Heard, MessageRecord, MessageState, Named, Position, Refused, Rules,
};

/// Receipts are sent in groups of at most so many people.
const RECEIPTED: u32 = 64;
/// Before the leaves of somebody who left are removed, admins wait so long, others longer.
const ADMINS_WAIT: Millis = 1_000;
const OTHERS_WAIT: Millis = 15_000;

type Wish = Result<(), Refusal>;

impl Engine {
    pub(super) fn create_group(
        &mut self,
        cx: &mut Cx<'_>,
        intent: IntentId,
        name: String,
        people: Vec<Handle>,
    ) -> Result<Wish, EngineError> {
        if name.trim().is_empty() || name.len() > kinds::NAME {
            return Ok(Err(Refusal::BadContent));
        }
        if people.len() >= limits::MEMBERS {
            return Ok(Err(Refusal::TooMany));
        }
        let id = ConversationId(cx.provider.rand.bytes());
        let record = ConversationRecord::new(id, ConversationKind::Group, cx.now);
        cx.put_conversation(&ConversationRecord { title: name, ..record })?;
        let group = GroupRecord {
            created_by: self.me.account,
            admins: vec![self.me.account],
            rules: Rules::default(),
            description: String::new(),
            picture: Vec::new(),
            labels: Vec::new(),
            link: None,
            leaving: Vec::new(),
            members: 1,
            restore: None,
            awaits: None,
            instead_of: None,
            doubters: Vec::new(),
        };
        cx.put(key::conversation(GROUP, id), &group);
        let row = self.tell(cx, id, self.me.account, Change::Made, cx.now)?;
        self.enqueue(cx, id, NewJob::new(What::Open(Opening::Begin)))?;
        let mut wanted = self.wanted(people);
        if self.list.devices().len() > 1 {
            wanted.push(Wanted {
                handle: self.me.handle.clone(),
                account: Some(self.me.account),
                history: 0,
            });
        }
        if !wanted.is_empty() {
            self.enqueue(cx, id, NewJob::new(What::Gather(wanted)))?;
        }
        cx.event(Event::Queued(intent, id, row));
        Ok(Ok(()))
    }

    pub(super) fn add_to_group(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        people: Vec<Handle>,
        history: u8,
    ) -> Result<Wish, EngineError> {
        if history > kinds::GIVEN {
            return Ok(Err(Refusal::TooMuchHistory));
        }
        let (record, group) = match self.group_of(cx, id)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if group.rules.add == Allowed::Admins && !group.admins.contains(&self.me.account) {
            return Ok(Err(Refusal::NotAllowed));
        }
        let members = cx.records().group_members(record.id)?;
        if members.len() + people.len() > limits::MEMBERS {
            return Ok(Err(Refusal::TooMany));
        }
        let mut wanted = self.wanted(people);
        wanted.iter_mut().for_each(|person| person.history = history);
        wanted.retain(|person| !members.iter().any(|member| member.handle == person.handle));
        if wanted.is_empty() {
            return Ok(Err(Refusal::MembersAlready));
        }
        self.enqueue(cx, record.id, NewJob::new(What::Gather(wanted)))?;
        Ok(Ok(()))
    }

    fn wanted(&self, people: Vec<Handle>) -> Vec<Wanted> {
        let others: BTreeSet<Handle> =
            people.into_iter().filter(|handle| *handle != self.me.handle).collect();
        others.into_iter().map(|handle| Wanted { handle, account: None, history: 0 }).collect()
    }

    pub(super) fn remove_from_group(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        people: Vec<Handle>,
    ) -> Result<Wish, EngineError> {
        let found = self.administered(cx, id, &people)?;
        let (record, accounts) = match found {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if accounts.contains(&self.me.account) {
            return Ok(Err(Refusal::Yourself));
        }
        self.enqueue(cx, record.id, NewJob::new(What::Commit(Purpose::Remove(accounts), None)))?;
        Ok(Ok(()))
    }

    pub(super) fn set_role(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        person: Handle,
        admin: bool,
    ) -> Result<Wish, EngineError> {
        let (record, accounts) = match self.administered(cx, id, &[person])? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let group = cx.records().group(record.id)?;
        if !admin && group.is_some_and(|group| group.admins == accounts) {
            return Ok(Err(Refusal::LastAdmin));
        }
        for account in accounts {
            let what = What::Commit(Purpose::Role(account, admin), None);
            self.enqueue(cx, record.id, NewJob::new(what))?;
        }
        Ok(Ok(()))
    }

    pub(super) fn set_rules(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        rules: Rules,
    ) -> Result<Wish, EngineError> {
        let record = match self.administered(cx, id, &[])? {
            Ok((record, _)) => record,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.enqueue(cx, record.id, NewJob::new(What::Commit(Purpose::Rules(rules), None)))?;
        Ok(Ok(()))
    }

    pub(super) fn leave_group(&mut self, cx: &mut Cx<'_>, id: ConversationId) -> Result<Wish, EngineError> {
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

    /// A group that this account is in.
    fn group_of(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
    ) -> Result<Result<(ConversationRecord, GroupRecord), Refusal>, EngineError> {
        let Some(record) = cx.records().conversation(id)? else {
            return Ok(Err(Refusal::NoSuchConversation));
        };
        let Some(group) = cx.records().group(id)? else { return Ok(Err(Refusal::NotAGroup)) };
        if record.state == ConversationState::Left {
            return Ok(Err(Refusal::NotAMember));
        }
        Ok(Ok((record, group)))
    }

    /// A group of which this account is an admin, and the accounts of people in it.
    pub(super) fn administered(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        people: &[Handle],
    ) -> Result<Result<(ConversationRecord, Vec<AccountId>), Refusal>, EngineError> {
        let (record, group) = match self.group_of(cx, id)? {
            Ok(found) => found,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !group.admins.contains(&self.me.account) {
            return Ok(Err(Refusal::NotAllowed));
        }
        let members = cx.records().group_members(id)?;
        let mut accounts = Vec::with_capacity(people.len());
        for handle in people {
            match members.iter().find(|member| member.handle == *handle) {
                Some(member) => accounts.push(member.account),
                None => return Ok(Err(Refusal::NotInGroup)),
            }
        }
        Ok(Ok((record, accounts)))
    }

    /// Says something that is no row of its own.
    pub(super) fn say_aside(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        content: Content,
    ) -> Result<(), EngineError> {
        let what = What::Receipts { shown_in: id, content, sealing: Sealing::default() };
        self.enqueue(cx, id, NewJob::new(what)).map(drop)
    }

    /// A row that tells of a change.
    pub(super) fn tell(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        author: AccountId,
        change: Change,
        time: Millis,
    ) -> Result<MessageId, EngineError> {
        let row = cx.new_message_id();
        let Some(mut record) = cx.records().conversation(id)? else { return Ok(row) };
        let message = MessageRecord {
            id: row,
            position: Position { anchor: cx.next_anchor()?, counter: 0 },
            change: Some(change),
            state: MessageState::Received,
            ..self.blank(cx, &record, author, time)?
        };
        cx.put_message(&message)?;
        record.active_ms = record.active_ms.max(time);
        record.last = Some(row);
        cx.put_conversation(&record)?;
        Ok(row)
    }

    /// What somebody is called now.
    pub(super) fn named(&self, cx: &Cx<'_>, account: AccountId) -> Result<Named, EngineError> {
        let handle = if account == self.me.account {
            self.me.handle.clone()
        } else {
            cx.records().contact(account)?.map_or_else(Handle::nobody, |contact| contact.handle)
        };
        Ok(Named { account: Some(account), handle })
    }

    fn people(&self, cx: &Cx<'_>, id: ConversationId) -> Result<u32, EngineError> {
        let people: BTreeSet<AccountId> = cx.members(id)?.into_iter().map(|member| member.account).collect();
        Ok(people.len() as u32)
    }

    fn all_named(&self, cx: &Cx<'_>, accounts: &[AccountId]) -> Result<Vec<Named>, EngineError> {
        let mut all: Vec<Named> =
            accounts.iter().map(|account| self.named(cx, *account)).collect::<Result<_, _>>()?;
        all.sort_by(|one, other| one.handle.cmp(&other.handle));
        Ok(all)
    }

    /// What a commit has changed of a group: the record follows the signed context, and rows tell of it.
    pub(super) fn group_changed(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        group: &MlsGroup,
        approved: &Approved,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(context) = LacreConversation::of(group.extensions()) else { return Ok(()) };
        let mine = approved.device == Some(self.me.device);
        let let_in = mine && (approved.grew || !approved.again.is_empty());
        if matches!(context.kind, Kind::Own(_)) {
            for who in &approved.again {
                self.tell_parts_again(cx, Some(who.device))?;
            }
        }
        if matches!(context.kind, Kind::Own(_)) && let_in {
            // It may be one that was begun anew: what was on the way either way was lost with the old one.
            self.ask_parts_again(cx)?;
            self.tell_parts_again(cx, None)?;
            return self.tell_all(cx);
        }
        if context.kind != Kind::Group {
            return Ok(());
        }
        let before = cx.records().group(id)?.unwrap_or_else(|| record_of(&context));
        let by = approved.by.unwrap_or(self.me.account);
        if !approved.came.is_empty() {
            self.note_coming(cx, id, &approved.came, by, time)?;
            self.forget_asks(cx, id, &approved.came);
            let people = self.all_named(cx, &approved.came)?;
            self.tell(cx, id, by, Change::Added(people), time)?;
        }
        let removed: Vec<AccountId> =
            approved.went.iter().copied().filter(|account| !before.leaving.contains(account)).collect();
        if !removed.is_empty() {
            let people = self.all_named(cx, &removed)?;
            self.tell(cx, id, by, Change::Removed(people), time)?;
        }
        for who in &approved.again {
            let change = Change::LetIn(self.named(cx, who.account)?);
            self.tell(cx, id, by, change, time)?;
        }
        for admin in context.admins.iter().filter(|admin| !before.admins.contains(admin)) {
            let change = Change::Role(self.named(cx, *admin)?, true);
            self.tell(cx, id, by, change, time)?;
        }
        for admin in before.admins.iter().filter(|it| !context.is_admin(**it) && !approved.went.contains(it))
        {
            let change = Change::Role(self.named(cx, *admin)?, false);
            self.tell(cx, id, by, change, time)?;
        }
        if context.rules != before.rules {
            self.tell(cx, id, by, Change::Rules(context.rules), time)?;
        }
        let mut after = GroupRecord {
            admins: context.admins,
            rules: context.rules,
            members: self.people(cx, id)?,
            ..before
        };
        if mine && !approved.came.is_empty() {
            self.restore(cx, id, &mut after)?;
        }
        after.leaving.retain(|account| !approved.went.contains(account));
        after.labels.retain(|(account, _)| !approved.went.contains(account));
        cx.put(key::conversation(GROUP, id), &after);
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            if matches!(&job.what, What::Commit(Purpose::Drop(account), _) if approved.went.contains(account))
            {
                cx.store.delete(at);
            }
        }
        if let_in {
            self.brief(cx, id, &after)?;
        }
        Ok(())
    }

    /// Tells the devices that have come in what the group is called: who lets in says it, and only they take it.
    fn brief(&mut self, cx: &mut Cx<'_>, id: ConversationId, group: &GroupRecord) -> Result<(), EngineError> {
        let Some(record) = cx.records().conversation(id)? else { return Ok(()) };
        let mut room = kinds::LABELS;
        let fits = |(_, label): &&(AccountId, String)| {
            let left = room.checked_sub(label.len() + AccountId::LEN);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let briefing = Briefing {
            name: record.title,
            description: group.description.clone(),
            picture: group.picture.clone(),
            labels: group.labels.iter().take_while(fits).cloned().collect(),
            link: group.link,
        };
        self.say_aside(cx, id, Content::Briefing(briefing))
    }

    /// Takes in what who let this device in says of the group: once, and nothing of which it has heard since.
    pub(super) fn briefed(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        author: AccountId,
        briefing: Briefing,
    ) -> Result<(), EngineError> {
        let (Some(mut record), Some(mut group)) = (cx.records().conversation(id)?, cx.records().group(id)?)
        else {
            return Ok(());
        };
        let Some(awaits) = group.awaits.take_if(|awaits| awaits.from == author) else { return Ok(()) };
        if !awaits.name {
            record.title = briefing.name;
        }
        if !awaits.description {
            group.description = briefing.description;
        }
        if !awaits.picture {
            group.picture = briefing.picture;
        }
        if !awaits.link {
            group.link = briefing.link;
        }
        group.labels.retain(|(account, _)| awaits.labels.contains(account));
        group
            .labels
            .extend(briefing.labels.into_iter().filter(|(account, _)| !awaits.labels.contains(account)));
        cx.put(key::conversation(GROUP, id), &group);
        cx.put_conversation(&record)
    }

    /// The record of a group that this device has come into.
    pub(super) fn enter_group(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        context: &LacreConversation,
        by: AccountId,
        again: bool,
        time: Millis,
    ) -> Result<(), EngineError> {
        let fresh = ConversationRecord::new(id, ConversationKind::Group, cx.now);
        let record = cx.records().conversation(id)?.unwrap_or(fresh);
        let standing = if again { record.standing } else { self.standing_by(cx, by)? };
        cx.store.delete(key::conversation(QUIT, id));
        cx.put_conversation(&ConversationRecord {
            state: ConversationState::Open,
            standing,
            suite: crate::mls::SUITE.into(),
            ..record
        })?;
        let known = cx.records().group(id)?.unwrap_or_else(|| record_of(context));
        let group = GroupRecord {
            created_by: context.created_by,
            admins: context.admins.clone(),
            rules: context.rules,
            leaving: Vec::new(),
            members: self.people(cx, id)?,
            awaits: Some(Awaits::of(by)),
            ..known
        };
        cx.put(key::conversation(GROUP, id), &group);
        if again {
            self.note_return(cx, id, by, time)?;
        } else {
            self.note_coming(cx, id, &[self.me.account], by, time)?;
        }
        let change = if again { Change::Back } else { Change::Added(vec![self.named(cx, self.me.account)?]) };
        self.tell(cx, id, by, change, time).map(drop)
    }

    /// Whether what is said may be said by this member, as far as the rules of the group go.
    pub(super) fn is_allowed(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        author: AccountId,
        content: &Content<impl Sized>,
    ) -> Result<bool, EngineError> {
        let Some(group) = cx.records().group(id)?.filter(|_| cx.defends(Defence::Policy)) else {
            return Ok(true);
        };
        if group.admins.contains(&author) {
            return Ok(true);
        }
        Ok(match content {
            Content::Delivered(_)
            | Content::Read(_)
            | Content::Typing(_)
            | Content::Leave
            | Content::Briefing(_)
            | Content::Given(_) => true,
            Content::Fact(Fact::Label(_)) => true,
            Content::Fact(Fact::Link(_)) => false,
            Content::Fact(_) | Content::Timer { .. } | Content::Pin { .. } => {
                group.rules.edit == Allowed::All
            }
            _ => group.rules.send == Allowed::All,
        })
    }

    /// Takes in a fact; whether it is news, so that a row shows it.
    pub(super) fn take_fact(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        author: AccountId,
        fact: &Fact,
    ) -> Result<bool, EngineError> {
        let (Some(mut record), Some(mut group)) = (cx.records().conversation(id)?, cx.records().group(id)?)
        else {
            return Ok(false);
        };
        let before = (record.title.clone(), group.clone());
        if let Some(awaits) = &mut group.awaits {
            match fact {
                Fact::Name(_) => awaits.name = true,
                Fact::Description(_) => awaits.description = true,
                Fact::Picture(_) => awaits.picture = true,
                Fact::Link(_) => awaits.link = true,
                Fact::Label(_) => awaits.labels.push(author),
            }
        }
        match fact {
            Fact::Name(name) => record.title.clone_from(name),
            Fact::Description(text) => group.description.clone_from(text),
            Fact::Picture(image) => group.picture.clone_from(image),
            Fact::Link(link) => group.link = *link,
            Fact::Label(label) => {
                group.labels.retain(|(account, _)| *account != author);
                if !label.is_empty() {
                    group.labels.push((author, label.clone()));
                }
            }
        }
        cx.put(key::conversation(GROUP, id), &group);
        group.awaits.clone_from(&before.1.awaits);
        let news = before != (record.title.clone(), group);
        if news {
            cx.put_conversation(&record)?;
        }
        Ok(news)
    }

    /// Notes to whom one's own message went, so that it counts as delivered when all of them have it.
    pub(super) fn note_audience(
        &self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        message: MessageId,
    ) -> Result<(), EngineError> {
        if cx.records().group(id)?.is_none_or(|group| !owes_receipts(&group)) {
            return Ok(());
        }
        let others: BTreeSet<AccountId> = cx.members(id)?.into_iter().map(|member| member.account).collect();
        let others: Vec<AccountId> =
            others.into_iter().filter(|account| *account != self.me.account).collect();
        cx.put(key::message_in(AUDIENCE, id, message), &others);
        Ok(())
    }

    /// Notes that a member has a message, or has seen it; whether everybody to whom it went and who is still
    /// there has told as much.
    pub(super) fn all_heard(
        &self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        message: MessageId,
        by: AccountId,
        state: MessageState,
    ) -> Result<bool, EngineError> {
        let heard = if state == MessageState::Read { Heard::Read } else { Heard::Delivered };
        let at = key::heard_by(id, message, by);
        if cx.records().read::<Heard>("heard by", &at)?.is_some_and(|before| before >= heard) {
            return Ok(false);
        }
        cx.put(at, &heard);
        let audience: Option<Vec<AccountId>> =
            cx.records().read("audience", &key::message_in(AUDIENCE, id, message))?;
        let Some(mut audience) = audience else { return Ok(false) };
        let told = cx.records().heard_by(id, message)?;
        audience.retain(|account| !told.iter().any(|(by, is)| by == account && *is >= heard));
        if audience.is_empty() {
            return Ok(true);
        }
        let there: BTreeSet<AccountId> = cx.members(id)?.into_iter().map(|member| member.account).collect();
        Ok(audience.iter().all(|account| !there.contains(account)))
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

    /// A commit of this device was refused by the relay for good.
    pub(super) fn tell_refused(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        purpose: &Purpose,
        code: ErrorCode,
    ) -> Result<(), EngineError> {
        let wanted =
            matches!(purpose, Purpose::Add(_) | Purpose::Remove(_) | Purpose::Role(..) | Purpose::Rules(_));
        if wanted {
            let change = Change::Refused(Refused::Relay(code.number()));
            self.tell(cx, id, self.me.account, change, cx.now)?;
        }
        Ok(())
    }
}

/// In a large group nobody sends receipts: each would go to everybody.
pub(super) fn owes_receipts(group: &GroupRecord) -> bool {
    group.members <= RECEIPTED
}

fn record_of(context: &LacreConversation) -> GroupRecord {
    GroupRecord {
        created_by: context.created_by,
        admins: context.admins.clone(),
        rules: context.rules,
        description: String::new(),
        picture: Vec::new(),
        labels: Vec::new(),
        link: None,
        leaving: Vec::new(),
        members: 0,
        restore: None,
        awaits: None,
        instead_of: context.instead_of,
        doubters: Vec::new(),
    }
}
