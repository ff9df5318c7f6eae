//! Who asks to be let into groups, and by which link.

use lacre_proto::{AccountId, ConversationId, Millis};
use serde::{Deserialize, Serialize};

use super::{Records, key};
use crate::EngineError;
use crate::content::{Content, MessageId, NoEntry};
use crate::identity::{GroupLink, LinkSecret};

/// Somebody waits to be let into a group of which this account is an admin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinAsk {
    /// Who.
    pub account: AccountId,
    /// The direct conversation in which they asked.
    pub conversation: ConversationId,
    /// The message that asked.
    pub message: MessageId,
    /// When, by the relay's time.
    pub asked_ms: Millis,
}

impl Records<'_> {
    /// The link of a group, where this device has made the one that stands; and until when, 0 for as long as it does.
    pub fn group_link(&self, id: ConversationId) -> Result<Option<(GroupLink, Millis)>, EngineError> {
        let secret: Option<LinkSecret> = self.read("link", &key::conversation(key::LINK, id))?;
        let (Some(secret), Some(group), Some(me)) = (secret, self.group(id)?, self.me()?) else {
            return Ok(None);
        };
        let stands = group.link.filter(|link| link.hash == secret.hash(id));
        let link = GroupLink { admin: me.handle, group: id, secret };
        Ok(stands.filter(|_| group.admins.contains(&me.account)).map(|fact| (link, fact.until_ms)))
    }

    /// Who waits to be let into a group, the first first.
    pub fn join_asks(&self, group: ConversationId) -> Result<Vec<JoinAsk>, EngineError> {
        let all = self.all::<JoinAsk>("ask", &key::conversation(key::ASKED, group))?;
        let mut all: Vec<JoinAsk> = all.into_iter().map(|(_, ask)| ask).collect();
        all.sort_by_key(|ask| (ask.asked_ms, ask.message));
        Ok(all)
    }

    /// Whether somebody waits to be let into a group.
    pub fn join_ask(
        &self,
        group: ConversationId,
        account: AccountId,
    ) -> Result<Option<JoinAsk>, EngineError> {
        self.read("ask", &key::asked(group, account))
    }

    /// Why somebody who asked in this message was not let in.
    pub fn no_entry(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<NoEntry>, EngineError> {
        self.read("answer", &key::message_in(key::NO_ENTRY, conversation, message))
    }

    /// Whether nothing was said in a conversation but asking to be let into groups, for which an admin is waited for.
    pub fn only_asks(&self, conversation: ConversationId) -> Result<bool, EngineError> {
        const LOOK: usize = 16;
        let rows = self.messages(conversation, None, LOOK)?;
        for row in &rows {
            let waits = match &row.content {
                Content::AskToJoin(ask) => self.join_ask(ask.group, row.author)?.is_some(),
                _ => false,
            };
            if !waits {
                return Ok(false);
            }
        }
        Ok(!rows.is_empty() && rows.len() < LOOK)
    }
}
