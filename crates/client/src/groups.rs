//! Groups, for who holds a client: each wish is on the disk when the call returns, and done when the relay and
//! the members have taken it; rows of the group tell how it went.

use lacre_engine::content::{Content, Fact};
use lacre_engine::records::{ConversationKind, GroupMember, GroupRecord, Rules};
use lacre_engine::{EngineError, Intent};
use lacre_proto::{ConversationId, Handle};

use crate::driver::{IntentError, Queued};
use crate::view::Views;
use crate::{Client, content::MessageId};

/// A name that does not lead to one conversation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// There is none of this name.
    #[error("there is no group of this name on this device")]
    NoSuchGroup,
    /// Several groups have it.
    #[error("several groups have this name; say which one by its id, as `lacre group list` shows it")]
    SeveralGroups,
    /// It may be a group or a person.
    #[error("this may be the group or the person: write #{0} for the group, @{0} for the person")]
    GroupOrPerson(String),
}

/// Whom a name that somebody typed means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// A person.
    Person(Handle),
    /// A group.
    Group(ConversationId),
}

impl Views<'_> {
    /// What is known of a group; `None` when the conversation is none.
    pub fn group(&self, id: ConversationId) -> Result<Option<GroupRecord>, EngineError> {
        self.records().group(id)
    }

    /// The members of a group, in the order of their handles.
    pub fn group_members(&self, id: ConversationId) -> Result<Vec<GroupMember>, EngineError> {
        self.records().group_members(id)
    }

    /// The group of this name, or of this id.
    pub fn group_named(&self, name: &str) -> Result<Result<ConversationId, BadName>, EngineError> {
        let name = name.strip_prefix('#').unwrap_or(name);
        if let Ok(id) = name.parse::<ConversationId>()
            && self.group(id)?.is_some()
        {
            return Ok(Ok(id));
        }
        let all = self.conversations()?;
        let groups = || all.iter().filter(|it| it.kind == ConversationKind::Group);
        let exact: Vec<_> = groups().filter(|it| it.name == name).collect();
        let like: Vec<_> = groups().filter(|it| it.name.to_lowercase() == name.to_lowercase()).collect();
        Ok(match (exact.as_slice(), like.as_slice()) {
            ([one], _) | ([], [one]) => Ok(one.id),
            ([], []) => Err(BadName::NoSuchGroup),
            _ => Err(BadName::SeveralGroups),
        })
    }

    /// Whom a name means: `@ana` is a person, `#Family` a group. A bare name that could be a handle means the
    /// person, unless only a group is known by it: then it is not guessed, since anybody can name a group so.
    pub fn whom(&self, name: &str) -> Result<Result<Whom, BadName>, EngineError> {
        let handle = name.parse::<Handle>().ok();
        let person = |handle: Handle| Ok(Ok(Whom::Person(handle)));
        if let (true, Some(handle)) = (name.starts_with('@'), &handle) {
            return person(handle.clone());
        }
        let group = self.group_named(name)?;
        let looks_like_a_handle = handle.as_ref().is_some_and(|handle| handle.as_str() == name);
        match (group, handle) {
            (Err(BadName::NoSuchGroup), Some(handle)) if !name.starts_with('#') => person(handle),
            (Ok(_) | Err(BadName::SeveralGroups), Some(handle)) if looks_like_a_handle => {
                match self.direct_with(&handle)? {
                    Some(_) => person(handle),
                    None => Ok(Err(BadName::GroupOrPerson(name.to_owned()))),
                }
            }
            (group, _) => Ok(group.map(Whom::Group)),
        }
    }
}

impl Client {
    /// Makes a group with these people in it. It can be written into at once.
    pub async fn create_group(
        &self,
        name: String,
        people: Vec<Handle>,
    ) -> Result<ConversationId, IntentError> {
        match self.intend(Intent::CreateGroup(name, people)).await? {
            Queued::Message(group, _) => Ok(group),
            Queued::Done => Err(IntentError::Engine("an intent to make a group made none".to_owned())),
        }
    }

    /// Adds people to a group.
    pub async fn add_to_group(&self, group: ConversationId, people: Vec<Handle>) -> Result<(), IntentError> {
        self.intend(Intent::AddToGroup(group, people)).await.map(drop)
    }

    /// Removes people from a group. For admins.
    pub async fn remove_from_group(
        &self,
        group: ConversationId,
        people: Vec<Handle>,
    ) -> Result<(), IntentError> {
        self.intend(Intent::RemoveFromGroup(group, people)).await.map(drop)
    }

    /// Leaves a group with all devices of this account.
    pub async fn leave_group(&self, group: ConversationId) -> Result<(), IntentError> {
        self.intend(Intent::LeaveGroup(group)).await.map(drop)
    }

    /// Makes somebody an admin, or an ordinary member. For admins.
    pub async fn set_role(
        &self,
        group: ConversationId,
        person: Handle,
        admin: bool,
    ) -> Result<(), IntentError> {
        self.intend(Intent::SetRole(group, person, admin)).await.map(drop)
    }

    /// Says who may do what. For admins.
    pub async fn set_rules(&self, group: ConversationId, rules: Rules) -> Result<(), IntentError> {
        self.intend(Intent::SetRules(group, rules)).await.map(drop)
    }

    /// Sets a group's name, description or picture, or what this account goes by in it.
    pub async fn set_fact(
        &self,
        group: ConversationId,
        fact: Fact,
    ) -> Result<(ConversationId, MessageId), IntentError> {
        self.send(group, Content::Fact(fact)).await
    }
}
