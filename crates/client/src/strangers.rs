//! View models of strangers who ask, and of people who are blocked.

use lacre_engine::EngineError;
use lacre_engine::records::{
    BlockRecord, Change, Contact, ConversationKind, ConversationRecord, Records, Standing, Trust,
};
use lacre_proto::{AccountId, ConversationId, Handle, Millis};

use crate::view::Views;

/// Somebody whom this account never wrote to and did not accept has written, or has added it to a group. Until it is
/// accepted nothing is sent there, not even that it arrived, and a face opens no media and no links of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The conversation.
    pub conversation: ConversationId,
    /// Direct, or a group.
    pub kind: ConversationKind,
    /// What the conversation is called: the person's handle, or what the stranger calls the group. Not made safe for
    /// a screen.
    pub name: String,
    /// Who asks; `None` where a group does not tell.
    pub from: Option<Person>,
    /// The name that who asks goes by, when they told one. Not made safe for a screen.
    pub goes_by: Option<String>,
    /// The display name of a verified business that one of these names looks like, though it is not theirs. Not made safe
    /// for a screen.
    pub looks_like: Option<String>,
    /// Names of the groups in which both are. Not made safe for a screen.
    pub common_groups: Vec<String>,
    /// Messages that wait.
    pub messages: u32,
    /// When it began here.
    pub since: Millis,
}

/// Somebody, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account.
    pub account: AccountId,
    /// The handle.
    pub handle: Handle,
    /// Whether the relay's directory has said that the handle is this account's; until then it is only what the
    /// person's own certificate says.
    pub confirmed: bool,
    /// How well the identity is known. A [new one](Trust::New) goes by no handle before it is accepted.
    pub trust: Trust,
    /// Of a new identity: the handle that it has now, and that this device knows somebody else by.
    pub place_of: Option<Handle>,
}

impl Views<'_> {
    /// What waits to be decided on, the newest first. Who has only asked to be let into a group is among the
    /// [`askers`](Self::askers) of that.
    pub fn requests(&self) -> Result<Vec<Request>, EngineError> {
        let mut requests = Vec::new();
        for record in Records(self.0).conversations()? {
            if record.standing == Standing::Asked && !Records(self.0).only_asks(record.id)? {
                requests.push(self.request_of(record)?);
            }
        }
        Ok(requests)
    }

    /// Whom this account has blocked, by handle.
    pub fn blocked(&self) -> Result<Vec<BlockRecord>, EngineError> {
        let mut blocked = Records(self.0).blocked()?;
        blocked.sort_by(|a, b| a.handle.cmp(&b.handle));
        Ok(blocked)
    }

    /// The person of a handle, when this device has heard of them.
    pub fn person(&self, handle: &Handle) -> Result<Option<Person>, EngineError> {
        let records = Records(self.0);
        if let Some(contact) = records.contact_by_handle(handle)? {
            return self.person_of(contact.account);
        }
        if let Some(block) = records.blocked()?.into_iter().find(|block| block.handle == *handle) {
            return self.person_of(block.account);
        }
        // Who was met and is not confirmed yet.
        let all = records.conversations()?;
        match all.into_iter().find(|record| record.handle.as_ref() == Some(handle)).and_then(|it| it.peer) {
            Some(account) => self.person_of(account),
            None => Ok(None),
        }
    }

    pub(crate) fn person_of(&self, account: AccountId) -> Result<Option<Person>, EngineError> {
        let records = Records(self.0);
        let (contact, trust) = (records.contact(account)?, records.trust(account)?);
        let Some((it, trust)) = contact.zip(trust) else { return Ok(None) };
        let place_of = records.key_changes()?.into_iter().find(|change| change.account == account);
        let place_of = place_of.map(|change| change.handle).filter(|_| trust == Trust::New);
        let Contact { account, handle, confirmed, .. } = it;
        Ok(Some(Person { account, handle, confirmed, trust, place_of }))
    }

    fn request_of(&self, record: ConversationRecord) -> Result<Request, EngineError> {
        let from = match record.peer {
            Some(account) => Some(account),
            None => self.who_added(record.id)?,
        };
        let from = match from {
            Some(account) => self.person_of(account)?,
            None => None,
        };
        let goes_by = match &from {
            Some(person) => Records(self.0).name_of(person.account)?,
            None => None,
        };
        let common = match &from {
            Some(person) => Records(self.0).common_groups(person.account)?,
            None => Vec::new(),
        };
        let who = from.as_ref().map(|person| person.account);
        let handle = from.as_ref().map(|person| person.handle.as_str());
        let names = [Some(record.name()), handle, goes_by.as_deref()];
        let looks_like = self.looks_like(who, names.into_iter().flatten())?;
        Ok(Request {
            conversation: record.id,
            kind: record.kind,
            name: record.name().to_owned(),
            from,
            goes_by,
            looks_like,
            common_groups: common.into_iter().map(|group| group.title).collect(),
            messages: record.unread,
            since: record.created_ms,
        })
    }

    /// Who has brought this account into a group: the author of the row that tells of it.
    fn who_added(&self, group: ConversationId) -> Result<Option<AccountId>, EngineError> {
        const LOOK: usize = 8;
        let first = Records(self.0).messages_after(group, None, LOOK)?;
        let added = first.into_iter().find(|row| matches!(row.change, Some(Change::Added(_))));
        Ok(added.map(|row| row.author))
    }
}
