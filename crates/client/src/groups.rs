//! Groups, for who holds a client: each wish is on the disk when the call returns, and done when the relay and
//! the members have taken it; rows of the group tell how it went.

use lacre_engine::content::{Content, Fact, NoEntry};
use lacre_engine::identity::GroupLink;
use lacre_engine::records::{
    ConversationKind, ConversationState, GroupMember, GroupRecord, MessageRecord, Rules,
};
use lacre_engine::{EngineError, Intent};
use lacre_proto::{AccountId, ConversationId, Handle, Millis};

use crate::driver::{IntentError, Queued};
use crate::strangers::Person;
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

/// Somebody who asks to be let into a group of which this account is an admin, by its link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// Who.
    pub person: Person,
    /// The name that they go by, when they told one. Not made safe for a screen.
    pub goes_by: Option<String>,
    /// Names of the groups in which both are. Not made safe for a screen.
    pub common_groups: Vec<String>,
    /// When they asked.
    pub asked: Millis,
    /// The direct conversation with them.
    pub conversation: ConversationId,
}

/// Where asking to be let into a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Nobody has decided, or nobody has told: a stranger whose link is not good, or who is declined, is not told.
    Waits,
    /// Who asked is in the group.
    LetIn,
    /// The link is not good, or not any more.
    Void,
    /// An admin has declined it.
    Declined,
}

impl Asking {
    /// The stable name, as it stands in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waits => "waiting",
            Self::LetIn => "let_in",
            Self::Void => "void",
            Self::Declined => "declined",
        }
    }
}

impl Views<'_> {
    /// The link of a group, where this device has made the one that stands; and until when, 0 for as long as it does.
    pub fn group_link(&self, id: ConversationId) -> Result<Option<(GroupLink, Millis)>, EngineError> {
        self.records().group_link(id)
    }

    /// Who waits to be let into a group, the first first.
    pub fn askers(&self, group: ConversationId) -> Result<Vec<Asker>, EngineError> {
        let mut askers = Vec::new();
        for ask in self.records().join_asks(group)? {
            let Some(person) = self.person_of(ask.account)? else { continue };
            let common = self.records().common_groups(ask.account)?;
            askers.push(Asker {
                person,
                goes_by: self.records().name_of(ask.account)?,
                common_groups: common.into_iter().map(|group| group.title).collect(),
                asked: ask.asked_ms,
                conversation: ask.conversation,
            });
        }
        Ok(askers)
    }

    /// Where a message stands that asks to be let into a group.
    pub(crate) fn asking(&self, row: &MessageRecord, group: ConversationId) -> Result<Asking, EngineError> {
        let inside = if row.mine {
            let record = self.records().conversation(group)?;
            record.is_some_and(|record| record.state != ConversationState::Left)
        } else {
            self.group_members(group)?.iter().any(|member| member.account == row.author)
        };
        let answer = self.records().no_entry(row.conversation, row.id)?;
        let waits = row.mine || self.records().join_ask(group, row.author)?.is_some();
        Ok(match answer {
            _ if inside => Asking::LetIn,
            Some(NoEntry::Declined) => Asking::Declined,
            Some(NoEntry::Void) => Asking::Void,
            None if waits => Asking::Waits,
            None => Asking::Void,
        })
    }

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

    /// Adds people to a group, and gives them so many of its last messages; everybody is told.
    pub async fn add_to_group_with(
        &self,
        group: ConversationId,
        people: Vec<Handle>,
        history: u8,
    ) -> Result<(), IntentError> {
        self.intend(Intent::AddToGroupWith(group, people, history)).await.map(drop)
    }

    /// Makes a link by which one can ask to be let in, good until a time (0: as long as it stands); `None` turns it
    /// off. It is good once its row is sent. For admins.
    pub async fn set_group_link(
        &self,
        group: ConversationId,
        until: Option<Millis>,
    ) -> Result<(ConversationId, MessageId), IntentError> {
        match self.intend(Intent::SetGroupLink(group, until)).await? {
            Queued::Message(conversation, message) => Ok((conversation, message)),
            Queued::Done => Err(IntentError::Engine("an intent to set a link said nothing".to_owned())),
        }
    }

    /// Asks the admin of a link to be let into its group.
    pub async fn ask_to_join(&self, link: GroupLink) -> Result<(ConversationId, MessageId), IntentError> {
        match self.intend(Intent::AskToJoin(link)).await? {
            Queued::Message(conversation, message) => Ok((conversation, message)),
            Queued::Done => Err(IntentError::Engine("an intent to ask said nothing".to_owned())),
        }
    }

    /// Lets somebody in who asked, and gives them so many of the last messages. For admins.
    pub async fn admit_asker(
        &self,
        group: ConversationId,
        account: AccountId,
        history: u8,
    ) -> Result<(), IntentError> {
        self.intend(Intent::AdmitAsker(group, account, history)).await.map(drop)
    }

    /// Does not let somebody in who asked. For admins.
    pub async fn decline_asker(&self, group: ConversationId, account: AccountId) -> Result<(), IntentError> {
        self.intend(Intent::DeclineAsker(group, account)).await.map(drop)
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
