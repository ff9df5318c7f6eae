//! Typed reads of the records.

use std::collections::BTreeMap;

use lacre_proto::{AccountId, ConversationId, Handle};
use serde::de::DeserializeOwned;

use super::{BlockRecord, Me, MessageRecord, Position, Standing, decode, key};
use super::{
    Contact, ConversationKind, ConversationRecord, ConversationState, GroupMember, GroupRecord, Heard, Trust,
};
use crate::EngineError;
use crate::api::Reader;
use crate::content::MessageId;
use crate::engine::state::{Job, JobState, Member, What};

/// Typed reads over any [`Reader`]: for view models, after each commit.
#[derive(Clone, Copy)]
pub struct Records<'a>(pub &'a dyn Reader);

impl Records<'_> {
    /// This account and device; `None` before sign-up.
    pub fn me(&self) -> Result<Option<Me>, EngineError> {
        self.read("me", &[key::ME])
    }

    /// A person whose identity key is pinned.
    pub fn contact(&self, account: AccountId) -> Result<Option<Contact>, EngineError> {
        self.read("contact", &key::contact(account))
    }

    /// The person who had this handle when it was last looked up.
    pub fn contact_by_handle(&self, handle: &Handle) -> Result<Option<Contact>, EngineError> {
        match self.read("handle", &key::handle(key::HANDLE, handle))? {
            Some(account) => self.contact(account),
            None => Ok(None),
        }
    }

    /// Whom this account has blocked.
    pub fn blocked(&self) -> Result<Vec<BlockRecord>, EngineError> {
        Ok(self.all("block", &[key::BLOCK])?.into_iter().map(|(_, block)| block).collect())
    }

    /// Whether this account has blocked another.
    pub fn is_blocked(&self, account: AccountId) -> Result<bool, EngineError> {
        Ok(self.read::<BlockRecord>("block", &key::account(key::BLOCK, account))?.is_some())
    }

    /// The groups in which this account and another both are.
    pub fn common_groups(&self, account: AccountId) -> Result<Vec<ConversationRecord>, EngineError> {
        let mut common = Vec::new();
        for record in self.conversations()? {
            let group = record.kind == ConversationKind::Group && record.standing == Standing::Accepted;
            let members: Vec<(Vec<u8>, Member)> = match group {
                true => self.all("member", &key::conversation(key::MEMBER, record.id))?,
                false => Vec::new(),
            };
            if members.iter().any(|(_, member)| member.account == account) {
                common.push(record);
            }
        }
        Ok(common)
    }

    /// A conversation.
    pub fn conversation(&self, id: ConversationId) -> Result<Option<ConversationRecord>, EngineError> {
        self.read("conversation", &key::conversation(key::CONVERSATION, id))
    }

    /// All conversations that were not merged into another, the one that was active last first.
    pub fn conversations(&self) -> Result<Vec<ConversationRecord>, EngineError> {
        let mut ids = Vec::new();
        self.0.scan(&[key::ACTIVITY], &[key::ACTIVITY + 1], true, &mut |key, _| {
            ids.extend(key.last_chunk::<16>().map(|id| ConversationId(*id)));
            true
        })?;
        let mut records = Vec::with_capacity(ids.len());
        for id in ids {
            records.extend(
                self.conversation(id)?
                    .filter(|record| !matches!(record.state, ConversationState::MergedInto(_))),
            );
        }
        Ok(records)
    }

    /// Whether something that the relay has taken of this device has not come back yet: only then it has its
    /// place, and what waits behind it may go out.
    pub fn echo_is_owed(&self) -> Result<bool, EngineError> {
        let mut owed = Ok(false);
        self.0.scan(&[key::OUTBOX], &[key::OUTBOX + 1], false, &mut |_, job| {
            owed = decode::<Job>("job", job)
                .map(|job| job.state == JobState::Accepted && job.what != What::AskResync);
            matches!(owed, Ok(false))
        })?;
        owed
    }

    /// The direct conversation with the person of this handle.
    pub fn direct_with(&self, handle: &Handle) -> Result<Option<ConversationId>, EngineError> {
        self.read("direct", &key::handle(key::DIRECT, handle))
    }

    /// Up to `limit` rows of a conversation before a place (or from its end), the newest first.
    pub fn messages(
        &self,
        conversation: ConversationId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<MessageRecord>, EngineError> {
        let from = key::conversation(key::MESSAGE, conversation);
        let to = match before {
            Some(position) => key::position(key::MESSAGE, conversation, position),
            None => key::end(&from),
        };
        self.rows(&from, &to, true, limit)
    }

    /// Up to `limit` rows of a conversation after a place (or from its beginning), the oldest first.
    pub fn messages_after(
        &self,
        conversation: ConversationId,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<MessageRecord>, EngineError> {
        let all = key::conversation(key::MESSAGE, conversation);
        let from = match after {
            Some(position) => {
                let mut next = key::position(key::MESSAGE, conversation, position);
                next.push(0);
                next
            }
            None => all.clone(),
        };
        self.rows(&from, &key::end(&all), false, limit)
    }

    /// One message.
    pub fn message(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<MessageRecord>, EngineError> {
        match self.read::<Position>("message id", &key::message_id(conversation, id))? {
            Some(position) => self.read("message", &key::position(key::MESSAGE, conversation, position)),
            None => Ok(None),
        }
    }

    /// The message with this MIMI id.
    pub fn message_by_mimi(
        &self,
        conversation: ConversationId,
        mimi: &[u8],
    ) -> Result<Option<MessageId>, EngineError> {
        self.read("mimi id", &key::mimi(conversation, mimi))
    }

    /// What is known of a group.
    pub fn group(&self, id: ConversationId) -> Result<Option<GroupRecord>, EngineError> {
        self.read("group", &key::conversation(key::GROUP, id))
    }

    /// The members of a group, in the order of their handles.
    pub fn group_members(&self, id: ConversationId) -> Result<Vec<GroupMember>, EngineError> {
        let Some(group) = self.group(id)? else { return Ok(Vec::new()) };
        let me = self.me()?.ok_or(EngineError::Corrupt("me"))?;
        let mut devices: BTreeMap<AccountId, usize> = BTreeMap::new();
        for (_, leaf) in self.all::<Member>("member", &key::conversation(key::MEMBER, id))? {
            *devices.entry(leaf.account).or_default() += 1;
        }
        let mut members = Vec::with_capacity(devices.len());
        for (account, devices) in devices {
            let is_me = account == me.account;
            let handle =
                if is_me { Some(me.handle.clone()) } else { self.contact(account)?.map(|it| it.handle) };
            let trust = if is_me { None } else { self.trust(account)? };
            members.push(GroupMember {
                account,
                trust: trust.unwrap_or(Trust::Pinned),
                handle: handle.unwrap_or_else(Handle::nobody),
                me: is_me,
                admin: group.admins.contains(&account),
                devices,
                label: group
                    .labels
                    .iter()
                    .find(|(of, _)| *of == account)
                    .map_or_else(String::new, |(_, label)| label.clone()),
            });
        }
        members.sort_by(|one, other| one.handle.cmp(&other.handle));
        Ok(members)
    }

    /// How far one's own message in a group has come with each member that told of it.
    pub fn heard_by(
        &self,
        id: ConversationId,
        message: MessageId,
    ) -> Result<Vec<(AccountId, Heard)>, EngineError> {
        let prefix = key::key(key::HEARD_BY, &[id.as_ref(), &message.0]);
        let all = self.all::<Heard>("heard by", &prefix)?;
        Ok(all.into_iter().filter_map(|(key, heard)| Some((AccountId(*key.last_chunk()?), heard))).collect())
    }

    /// The groups of this name.
    pub fn groups_named(&self, name: &str) -> Result<Vec<ConversationId>, EngineError> {
        let groups = self.conversations()?.into_iter().filter(|record| {
            record.kind == ConversationKind::Group && record.title.to_lowercase() == name.to_lowercase()
        });
        Ok(groups.map(|record| record.id).collect())
    }

    /// Messages of others not marked read, over all conversations.
    pub fn unread_total(&self) -> Result<u64, EngineError> {
        Ok(self.conversations()?.iter().map(|record| u64::from(record.unread)).sum())
    }

    /// Places of the messages of others that were not marked read, up to and with a place.
    pub(crate) fn unseen(
        &self,
        conversation: ConversationId,
        up_to: Position,
    ) -> Result<Vec<Position>, EngineError> {
        let from = key::conversation(key::UNSEEN, conversation);
        let mut to = key::position(key::UNSEEN, conversation, up_to);
        to.push(0);
        let mut places = Vec::new();
        self.0.scan(&from, &to, false, &mut |key, _| {
            places.extend(place(key));
            true
        })?;
        Ok(places)
    }

    /// The row at a place.
    pub fn message_at(
        &self,
        conversation: ConversationId,
        position: Position,
    ) -> Result<Option<MessageRecord>, EngineError> {
        self.read("message", &key::position(key::MESSAGE, conversation, position))
    }

    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        what: &'static str,
        key: &[u8],
    ) -> Result<Option<T>, EngineError> {
        self.0.get(key)?.map(|bytes| decode(what, &bytes)).transpose()
    }

    /// Every record of a range of keys, with its key.
    pub(crate) fn all<T: DeserializeOwned>(
        &self,
        what: &'static str,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, T)>, EngineError> {
        self.first(what, prefix, usize::MAX)
    }

    /// The first records of a range of keys, with their keys.
    pub(crate) fn first<T: DeserializeOwned>(
        &self,
        what: &'static str,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, T)>, EngineError> {
        let mut found = Vec::new();
        self.0.scan(prefix, &key::end(prefix), false, &mut |key, value| {
            found.push((key.to_vec(), decode(what, value)));
            found.len() < limit
        })?;
        found.into_iter().map(|(key, value)| Ok((key, value?))).collect()
    }

    fn rows(
        &self,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        limit: usize,
    ) -> Result<Vec<MessageRecord>, EngineError> {
        let mut rows = Vec::new();
        if limit > 0 {
            self.0.scan(from, to, backwards, &mut |_, value| {
                rows.push(decode("message", value));
                rows.len() < limit
            })?;
        }
        rows.into_iter().collect()
    }
}

fn place(key: &[u8]) -> Option<Position> {
    let (anchor, counter) = key.last_chunk::<12>()?.split_first_chunk::<8>()?;
    let counter = counter.try_into().ok()?;
    Some(Position { anchor: u64::from_be_bytes(*anchor), counter: u32::from_be_bytes(counter) })
}
