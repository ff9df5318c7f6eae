//! What a screen shows of a message beside its words.

use lacre_engine::EngineError;
use lacre_engine::records::{Heard, Marks as Stored, MessageRecord};
use lacre_proto::{AccountId, ConversationId, Handle, Millis};

use super::{Message, Views};
use crate::content::{Expiration, MessageId};

/// What happened to a message, and how it was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Reactions, the emoji with the most first.
    pub reactions: Vec<Reaction>,
    /// When its newest edit was made; [`Views::history`] has all its forms.
    pub edited: Option<Millis>,
    /// How often it was passed on before it came here.
    pub forwarded: u8,
    /// Who pinned it.
    pub pinned_by: Option<Handle>,
    /// Whether this account has given it a star.
    pub starred: bool,
    /// Whether this device did not hear it itself: another device of the account has told of it.
    pub transferred: bool,
    /// Seconds after which it vanishes once it was read.
    pub timer: Option<u32>,
    /// When it vanishes.
    pub vanishes: Option<Millis>,
    /// Who gave it to this account, which was not in the group when it was said. The author is proven; the time is the
    /// giver's word.
    pub given_by: Option<Handle>,
    /// Whether it mentions this account.
    pub mentions_me: bool,
}

/// One emoji, and everybody who reacted with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Who.
    pub who: Vec<Handle>,
    /// Whether this account is among them.
    pub mine: bool,
}

/// A form that the text of a message had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The text, as it was written.
    pub text: String,
    /// When it was written.
    pub time: Millis,
}

/// A poll and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// The question, as it was written.
    pub question: String,
    /// The answers.
    pub options: Vec<Choice>,
    /// Whether several may be chosen.
    pub multiple: bool,
    /// How many accounts have voted.
    pub voters: usize,
    /// When it was closed.
    pub closed: Option<Millis>,
}

/// An answer of a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The answer, as it was written.
    pub text: String,
    /// Who chose it.
    pub who: Vec<Handle>,
    /// Whether this account did.
    pub mine: bool,
}

/// A message that is to be sent later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// Its id.
    pub id: MessageId,
    /// Where.
    pub conversation: ConversationId,
    /// What the conversation is called.
    pub name: String,
    /// Not before this time by this device's clock.
    pub at: Millis,
    /// What it says; `None` when it is no text.
    pub text: Option<String>,
}

impl Views<'_> {
    /// All forms that the text of an edited message had, the first one first; nothing for one never edited.
    pub fn history(&self, conversation: ConversationId, id: MessageId) -> Result<Vec<Version>, EngineError> {
        let Some(record) = self.settled(conversation)? else { return Ok(Vec::new()) };
        let versions = self.records().versions(record.id, id)?.into_iter();
        Ok(versions.map(|version| Version { text: version.text, time: version.time_ms }).collect())
    }

    /// How far one's own message in a group has come with each of those who told of it, by handle.
    pub fn heard_by(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Vec<(Handle, Heard)>, EngineError> {
        let Some(record) = self.settled(conversation)? else { return Ok(Vec::new()) };
        let told = self.records().heard_by(record.id, id)?.into_iter();
        let told = told.map(|(account, heard)| Ok((self.handle_of(account)?, heard)));
        let mut told = told.collect::<Result<Vec<_>, EngineError>>()?;
        told.sort();
        Ok(told)
    }

    /// The pinned messages of a conversation, the oldest first.
    pub fn pinned(&self, conversation: ConversationId) -> Result<Vec<Message>, EngineError> {
        let Some(record) = self.settled(conversation)? else { return Ok(Vec::new()) };
        self.in_order(self.records().pins(record.id)?.into_iter().map(|id| (record.id, id)))
    }

    /// The messages with a star, of all conversations, the oldest first.
    pub fn starred(&self) -> Result<Vec<Message>, EngineError> {
        self.in_order(self.records().stars(None)?.into_iter())
    }

    fn in_order(
        &self,
        ids: impl Iterator<Item = (ConversationId, MessageId)>,
    ) -> Result<Vec<Message>, EngineError> {
        let mut messages = Vec::new();
        for (conversation, id) in ids {
            messages.extend(self.message(conversation, id)?);
        }
        messages.sort_by_key(|message| message.position);
        Ok(messages)
    }

    /// What is to be sent later, the next one first.
    pub fn scheduled(&self) -> Result<Vec<Later>, EngineError> {
        let mut all = Vec::new();
        for scheduled in self.records().scheduled()? {
            let name = self.settled(scheduled.conversation)?.map(|record| record.name().to_owned());
            let text = match scheduled.content {
                crate::content::Content::Text { text, .. } => Some(text),
                _ => None,
            };
            let name = name.unwrap_or_default();
            let (id, conversation, at) = (scheduled.id, scheduled.conversation, scheduled.at_ms);
            all.push(Later { id, conversation, name, at, text });
        }
        Ok(all)
    }

    /// Seconds after which what is said in a conversation vanishes; 0 for never.
    pub fn timer(&self, conversation: ConversationId) -> Result<u32, EngineError> {
        self.settled(conversation)?.map_or(Ok(0), |record| self.records().timer(record.id))
    }

    /// Whether delivered and read receipts are sent in a conversation.
    pub fn sends_receipts(&self, conversation: ConversationId) -> Result<bool, EngineError> {
        self.settled(conversation)?.map_or(Ok(true), |record| self.records().sends_receipts(record.id))
    }

    /// The text of what may be looked at once and was not.
    pub(crate) fn once(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<Option<String>, EngineError> {
        let Some(record) = self.settled(conversation)? else { return Ok(None) };
        let row = self.records().message(record.id, id)?;
        let row = row.filter(|row| row.marks.manner.once && !row.marks.looked && !row.mine);
        Ok(row.and_then(|row| match row.content {
            crate::content::Content::Text { text, .. } => Some(text),
            _ => None,
        }))
    }

    /// The account of somebody with this handle whom this device knows.
    pub fn account_of(&self, handle: &Handle) -> Result<Option<AccountId>, EngineError> {
        Ok(self.records().contact_by_handle(handle)?.map(|contact| contact.account))
    }

    /// The name that this account goes by.
    pub fn own_name(&self) -> Result<Option<String>, EngineError> {
        self.me()?.map_or(Ok(None), |me| self.records().name_of(me.account))
    }

    /// The name that an account goes by, if it told one. Not made safe for a screen.
    pub fn name_of(&self, account: AccountId) -> Result<Option<String>, EngineError> {
        self.records().name_of(account)
    }

    pub(super) fn marks_of(&self, record: &MessageRecord) -> Result<Marks, EngineError> {
        let Stored { manner, edited_ms, vanishes_ms, given_by, touched, .. } = record.marks;
        let given_by = given_by.map(|account| self.handle_of(account)).transpose()?;
        let timer = match manner.expires {
            Some(Expiration { relative: true, time }) => Some(time),
            _ => None,
        };
        let marks = Marks {
            edited: edited_ms,
            forwarded: manner.forwarded,
            timer,
            vanishes: vanishes_ms,
            given_by,
            mentions_me: self.mentions_me(record)?,
            ..Marks::default()
        };
        // Most messages are never touched, and cost no look-ups.
        if !touched {
            return Ok(marks);
        }
        let pinned_by = match self.records().pinned_by(record.conversation, record.id)? {
            Some(account) => Some(self.handle_of(account)?),
            None => None,
        };
        let reactions = self.reactions(record.conversation, record.id)?;
        let starred = self.records().is_starred(record.conversation, record.id)?;
        let transferred = self.records().told_by(record.conversation, record.id)?.is_some();
        Ok(Marks { reactions, pinned_by, starred, transferred, ..marks })
    }

    fn mentions_me(&self, record: &MessageRecord) -> Result<bool, EngineError> {
        let crate::content::Content::Text { text, .. } = &record.content else { return Ok(false) };
        if record.mine || !text.contains(crate::markup::ACCOUNT) {
            return Ok(false);
        }
        let Some(me) = self.me()? else { return Ok(false) };
        Ok(crate::markup::mentions(text).contains(&me.account))
    }

    fn reactions(&self, conversation: ConversationId, id: MessageId) -> Result<Vec<Reaction>, EngineError> {
        let me = self.me()?.map(|me| me.account);
        let mut grouped: Vec<Reaction> = Vec::new();
        for reaction in self.records().reactions(conversation, id)? {
            let Some(emoji) = reaction.emoji else { continue };
            let who = self.handle_of(reaction.account)?;
            let mine = Some(reaction.account) == me;
            match grouped.iter_mut().find(|group| group.emoji == emoji) {
                Some(group) => {
                    group.who.push(who);
                    group.mine |= mine;
                }
                None => grouped.push(Reaction { emoji, who: vec![who], mine }),
            }
        }
        grouped.sort_by(|one, other| other.who.len().cmp(&one.who.len()).then(one.emoji.cmp(&other.emoji)));
        Ok(grouped)
    }

    pub(super) fn poll_of(
        &self,
        record: &MessageRecord,
        poll: crate::content::Poll,
    ) -> Result<Poll, EngineError> {
        let me = self.me()?.map(|me| me.account);
        let tally = self.records().tally(record.conversation, record.id)?;
        let choice = |(number, text): (usize, String)| {
            let chosen =
                tally.votes.iter().filter(|vote| vote.choices.iter().any(|&it| usize::from(it) == number));
            let accounts: Vec<AccountId> = chosen.map(|vote| vote.account).collect();
            let mine = me.is_some_and(|me| accounts.contains(&me));
            let who =
                accounts.into_iter().map(|account| self.handle_of(account)).collect::<Result<_, _>>()?;
            Ok::<_, EngineError>(Choice { text, who, mine })
        };
        Ok(Poll {
            question: poll.question,
            options: poll.options.into_iter().enumerate().map(choice).collect::<Result<_, _>>()?,
            multiple: poll.multiple,
            voters: tally.votes.len(),
            closed: tally.closed_ms,
        })
    }

    /// The handle of an account.
    pub fn handle_of(&self, account: AccountId) -> Result<Handle, EngineError> {
        match self.me()? {
            Some(me) if me.account == account => Ok(me.handle),
            _ => {
                let contact = self.records().contact(account)?;
                Ok(contact.map_or_else(Handle::nobody, |contact| contact.handle))
            }
        }
    }
}
