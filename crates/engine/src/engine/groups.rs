//! Groups: what people want of them, and what commits change in them. Rights are in the signed context
//! and judged by the policy; name, description, picture and labels are content, judged here by the same rules.

use std::collections::BTreeSet;

use lacre_proto::{AccountId, ConversationId, ErrorCode, Handle, Millis, limits};
use openmls::group::MlsGroup;

use super::entering::record_of;
use super::outbox::NewJob;
use super::state::{Opening, Purpose, Sealing, Wanted, What};
use super::{Cx, Engine};
use crate::api::{EngineError, Event, IntentId, Refusal};
use crate::content::{Content, Fact, MessageId, kinds};
use crate::defence::Defence;
use crate::mls::extension::{Kind, LacreConversation};
use crate::mls::policy::Approved;
use crate::records::key::{self, GROUP};
use crate::records::{
    Allowed, Change, ConversationKind, ConversationRecord, ConversationState, GroupRecord, MessageRecord,
    MessageState, Named, Position, Refused, Rules,
};

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

    /// A group that this account is in.
    pub(super) fn group_of(
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
