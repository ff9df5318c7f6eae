//! A group whose relay has accepted a commit that the rules forbid. The relay cannot judge what is sealed, so it
//! has ended the epoch; everybody honest has refused to follow, and nobody can be let in again by whom nobody
//! follows. The group goes on as a new one, which the first admin begins with everybody but the offender, and in
//! which everything that was said is shown.

use lacre_proto::{AccountId, ConversationId, Millis};

use super::outbox::NewJob;
use super::state::{Member, Opening, Purpose, Seal, Wanted, What};
use super::{Cx, Engine};
use crate::api::{Alert, EngineError};
use crate::mls::extension::LacreConversation;
use crate::mls::policy::Denied;
use crate::mls::storage;
use crate::records::key::{self, GROUP, SEAL};
use crate::records::{Change, ConversationKind, ConversationRecord, ConversationState, GroupRecord};

impl Engine {
    /// Somebody has broken the rules of a group: nothing of it is followed.
    pub(super) fn broken(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        by: AccountId,
        denied: Denied,
        time: Millis,
    ) -> Result<(), EngineError> {
        cx.alert(Some(id), Alert::PolicyRefused(denied.reason()));
        self.go_on_without(cx, id, by, Change::Broken, time)
    }

    /// A group is followed no further, and goes on without one of its members; a row tells why.
    pub(super) fn go_on_without(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        by: AccountId,
        why: Change,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(seal) = cx.seal(id)? else { return Ok(()) };
        self.follow_no_further(cx, id, Seal { refused: Some(by), ..seal })?;
        self.tell(cx, id, by, why, time)?;
        let members = cx.members(id)?;
        if self.successor(cx, id, &members, Some(by))?.is_some_and(|first| first.device == self.me.device) {
            self.begin_group_anew(cx, id, &members, Some(by))?;
        }
        Ok(())
    }

    /// Nothing more is sealed or opened in a group, and nobody is asked to be let in again.
    pub(super) fn follow_no_further(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        seal: Seal,
    ) -> Result<(), EngineError> {
        self.groups.remove(&id);
        cx.put_seal(id, &Seal { lost: true, asked: None, doubt: None, ..seal });
        self.requeue(cx, id, false)?;
        for (at, job) in self.lane(cx, id, usize::MAX)? {
            if matches!(job.what, What::Commit(..) | What::AskResync | What::Gather(_)) {
                cx.store.delete(at);
            }
        }
        if let Some(record) = cx.records().conversation(id)? {
            cx.put_conversation(&ConversationRecord { state: ConversationState::OutOfStep, ..record })?;
        }
        Ok(())
    }

    /// Whose device begins the group anew: that of the first admin (but the offender), or of the lowest leaf when
    /// there is none.
    pub(super) fn successor(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        members: &[Member],
        offender: Option<AccountId>,
    ) -> Result<Option<Member>, EngineError> {
        let admins = cx.records().group(id)?.map(|group| group.admins).unwrap_or_default();
        let honest = || members.iter().filter(|member| Some(member.account) != offender);
        let first = admins.iter().find(|admin| honest().any(|member| member.account == **admin));
        Ok(match first {
            Some(admin) => honest().find(|member| member.account == *admin).cloned(),
            None => honest().next().cloned(),
        })
    }

    pub(super) fn begin_group_anew(
        &mut self,
        cx: &mut Cx<'_>,
        old: ConversationId,
        members: &[Member],
        offender: Option<AccountId>,
    ) -> Result<(), EngineError> {
        let (Some(record), Some(group)) = (cx.records().conversation(old)?, cx.records().group(old)?) else {
            return Ok(());
        };
        let id = ConversationId(cx.provider.rand.bytes());
        let fresh = ConversationRecord::new(id, ConversationKind::Group, cx.now);
        // Into which this account was brought by a stranger, it begins when it has accepted that.
        let (title, standing) = (record.title, record.standing);
        cx.put_conversation(&ConversationRecord { title, standing, ..fresh })?;
        let admins = group.admins.iter().copied().filter(|admin| Some(*admin) != offender).collect();
        let begun = GroupRecord {
            created_by: self.me.account,
            admins: vec![self.me.account],
            rules: Default::default(),
            leaving: Vec::new(),
            members: 1,
            restore: Some((admins, group.rules)),
            instead_of: Some(old),
            awaits: None,
            // It is bound to the old one.
            link: None,
            ..group
        };
        cx.put(key::conversation(GROUP, id), &begun);
        self.enqueue(cx, id, NewJob::new(What::Open(Opening::Begin)))?;
        let mut people: Vec<Wanted> = Vec::new();
        for member in members.iter().filter(|member| Some(member.account) != offender) {
            let other = member.account != self.me.account || member.device != self.me.device;
            if other && !people.iter().any(|person| person.account == Some(member.account)) {
                let handle = self.named(cx, member.account)?.handle;
                people.push(Wanted { handle, account: Some(member.account), history: 0 });
            }
        }
        if !people.is_empty() {
            self.enqueue(cx, id, NewJob::new(What::Gather(people)))?;
        }
        self.replace(cx, old, id)
    }

    /// What becomes of admins and rules once everybody is in the new group.
    pub(super) fn restore(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        group: &mut GroupRecord,
    ) -> Result<(), EngineError> {
        let Some((admins, rules)) = group.restore.take() else { return Ok(()) };
        for admin in admins.into_iter().filter(|admin| *admin != self.me.account) {
            self.enqueue(cx, id, NewJob::new(What::Commit(Purpose::Role(admin, true), None)))?;
        }
        if rules != group.rules {
            self.enqueue(cx, id, NewJob::new(What::Commit(Purpose::Rules(rules), None)))?;
        }
        Ok(())
    }

    /// The old group that a new one takes the place of, when whoever invites to it may say so: the old one was
    /// broken, and it is its successor.
    pub(super) fn replaced_by(
        &self,
        cx: &Cx<'_>,
        conversation: &LacreConversation,
        inviter: Option<AccountId>,
    ) -> Result<Option<ConversationId>, EngineError> {
        let Some(old) = conversation.instead_of else { return Ok(None) };
        let first = match cx.seal(old)? {
            Some(Seal { heir: Some(heir), .. }) => Some(heir),
            Some(Seal { refused: Some(offender), .. }) => {
                let members = cx.members(old)?;
                self.successor(cx, old, &members, Some(offender))?.map(|member| member.account)
            }
            _ => return Ok(None),
        };
        Ok((first.is_some() && first == inviter && inviter == Some(conversation.created_by)).then_some(old))
    }

    /// What was said in the old group is shown in the new one; of its keys nothing stays.
    pub(super) fn replace(
        &mut self,
        cx: &mut Cx<'_>,
        old: ConversationId,
        new: ConversationId,
    ) -> Result<(), EngineError> {
        if let (Some(before), Some(after)) =
            (cx.records().conversation(old)?, cx.records().conversation(new)?)
            && after.title.is_empty()
        {
            cx.put_conversation(&ConversationRecord { title: before.title, ..after })?;
        }
        if let (Some(before), Some(after)) = (cx.records().group(old)?, cx.records().group(new)?) {
            let doubters = before.doubters;
            cx.put(key::conversation(GROUP, new), &GroupRecord { doubters, ..after });
        }
        self.unname(cx, old)?;
        self.merge(cx, old, new)?;
        self.groups.remove(&old);
        storage::forget_group(cx.store, old)?;
        cx.store.delete(key::conversation(SEAL, old));
        cx.store.delete(key::conversation(key::BEEN, old));
        for member in cx.members(old)? {
            cx.store.delete(key::member(old, member.leaf));
        }
        self.enqueue(cx, new, NewJob::new(What::LeaveRoster(old))).map(drop)
    }
}
