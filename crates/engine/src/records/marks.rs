//! What happens to messages after they were said: reactions, edits, votes, pins, stars, time running out.
//!
//! Each of these tables is a register that every device settles to the same value from the same messages, in
//! whatever order they come: an account's own by its revision, what belongs to all by the relay's time.

use lacre_proto::{AccountId, ConversationId, Millis};
use serde::{Deserialize, Serialize};

use super::{Records, key};
use crate::EngineError;
use crate::content::{Content, Manner, MessageId};

/// What happened to a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// How it was said.
    pub manner: Manner,
    /// When its newest edit was made.
    pub edited_ms: Option<Millis>,
    /// When one's own was on a device of the other person, and when they had seen it: the relay's time of what told so.
    pub delivered_ms: Option<Millis>,
    /// See `delivered_ms`.
    pub read_ms: Option<Millis>,
    /// When it came to its end, by the relay's time: taken back for everyone, or given up.
    pub ended_ms: Option<Millis>,
    /// Who took it back for everyone; its content is gone.
    pub deleted_by: Option<AccountId>,
    /// Whether what may be looked at once was: its content is gone.
    pub looked: bool,
    /// When it vanishes, by the relay's clock; `None` while that is not running.
    pub vanishes_ms: Option<Millis>,
    /// Who gave it to this account, which was not there when it was said. Author and words are proven by the author's
    /// signature; the time is the giver's word.
    pub given_by: Option<AccountId>,
    /// Whether anything was ever said about it, or it was given a star: only then is there more to read.
    pub touched: bool,
}

/// A reaction to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reaction {
    /// Whose.
    pub account: AccountId,
    /// The emoji; `None` when it was taken back.
    pub emoji: Option<String>,
    /// Orders the reactions of one account.
    pub revision: u32,
    /// The message that said so.
    pub id: MessageId,
    /// When, by the relay's time.
    pub time_ms: Millis,
}

/// A form that the text of a message had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The text.
    pub text: String,
    /// When it was written.
    pub time_ms: Millis,
    /// 0 for the first.
    pub revision: u32,
}

/// A vote in a poll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// Whose.
    pub account: AccountId,
    /// The chosen answers.
    pub choices: Vec<u8>,
    /// When.
    pub time_ms: Millis,
    /// Orders the votes of one account.
    pub revision: u32,
}

/// How a poll stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The vote that counts of each account that has one.
    pub votes: Vec<Vote>,
    /// When it was closed.
    pub closed_ms: Option<Millis>,
}

/// A register of all members: the relay's order decides, and one's own is seen at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shared<T> {
    /// What stands, since when, and by which message.
    settled: Option<(Millis, MessageId, AccountId, T)>,
    /// One's own that has no place yet.
    waiting: Option<(MessageId, AccountId, T)>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { settled: None, waiting: None }
    }
}

impl<T> Shared<T> {
    /// Who said the last word, and which.
    pub(crate) fn value(&self) -> Option<(AccountId, &T)> {
        let waiting = self.waiting.as_ref().map(|(_, by, value)| (*by, value));
        waiting.or(self.settled.as_ref().map(|(_, _, by, value)| (*by, value)))
    }

    pub(crate) fn wait(&mut self, id: MessageId, by: AccountId, value: T) {
        self.waiting = Some((id, by, value));
    }

    pub(crate) fn settle(&mut self, time: Millis, id: MessageId, by: AccountId, value: T) {
        self.give_up(id);
        if self.settled.as_ref().is_none_or(|(at, other, ..)| (*at, *other) <= (time, id)) {
            self.settled = Some((time, id, by, value));
        }
    }

    /// What waited does not come to be.
    pub(crate) fn give_up(&mut self, id: MessageId) {
        self.waiting.take_if(|(other, ..)| *other == id);
    }
}

/// What is set for a conversation on this device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Whether receipts are kept back.
    pub(crate) silent: bool,
    /// The disappearing timer, in seconds.
    pub(crate) timer: Shared<u32>,
}

/// A message that is to be sent later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// Its id, now and when it is sent.
    pub id: MessageId,
    /// Where.
    pub conversation: ConversationId,
    /// Not before this time by this device's clock.
    pub at_ms: Millis,
    /// What it says.
    pub content: Content,
    /// Whether it may be looked at once only.
    pub once: bool,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
}

impl Records<'_> {
    /// The reactions to a message, in the order of accounts; without those taken back.
    pub fn reactions(&self, id: ConversationId, message: MessageId) -> Result<Vec<Reaction>, EngineError> {
        let all = self.all::<Reaction>("reaction", &key::message_in(key::REACTION, id, message))?;
        Ok(all.into_iter().map(|(_, reaction)| reaction).filter(|it| it.emoji.is_some()).collect())
    }

    /// The reaction of an account to a message, also one that was taken back.
    pub fn reaction_of(
        &self,
        id: ConversationId,
        message: MessageId,
        account: AccountId,
    ) -> Result<Option<Reaction>, EngineError> {
        self.read("reaction", &key::reaction(id, message, account))
    }

    /// All forms that the text of an edited message had, the first one first; nothing for one never edited.
    pub fn versions(&self, id: ConversationId, message: MessageId) -> Result<Vec<Version>, EngineError> {
        let all = self.all("version", &key::message_in(key::VERSION, id, message))?;
        Ok(all.into_iter().map(|(_, version)| version).collect())
    }

    /// How a poll stands. Of each account the newest vote counts that came before the poll was closed.
    pub fn tally(&self, id: ConversationId, poll: MessageId) -> Result<Tally, EngineError> {
        let closed_ms = self.read("closing", &key::message_in(key::CLOSED, id, poll))?;
        let mut votes: Vec<Vote> = Vec::new();
        // by account, then by revision: the last one of an account is its newest
        for (_, vote) in self.all::<Vote>("vote", &key::message_in(key::VOTE, id, poll))? {
            if closed_ms.is_some_and(|closed| vote.time_ms > closed) {
                continue;
            }
            votes.pop_if(|last| last.account == vote.account);
            votes.push(vote);
        }
        votes.retain(|vote| !vote.choices.is_empty());
        Ok(Tally { votes, closed_ms })
    }

    /// Who pinned a message, if it is pinned.
    pub fn pinned_by(
        &self,
        id: ConversationId,
        message: MessageId,
    ) -> Result<Option<AccountId>, EngineError> {
        let pin: Option<Shared<bool>> = self.read("pin", &key::message_in(key::PIN, id, message))?;
        Ok(pin.and_then(|pin| pin.value().and_then(|(by, pinned)| pinned.then_some(by))))
    }

    /// The pinned messages of a conversation.
    pub fn pins(&self, id: ConversationId) -> Result<Vec<MessageId>, EngineError> {
        let all = self.all::<Shared<bool>>("pin", &key::conversation(key::PIN, id))?;
        let pinned = all.iter().filter(|(_, pin)| pin.value().is_some_and(|(_, pinned)| *pinned));
        Ok(pinned.filter_map(|(key, _)| key.last_chunk().map(|id| MessageId(*id))).collect())
    }

    /// Whether a message has a star.
    pub fn is_starred(&self, id: ConversationId, message: MessageId) -> Result<bool, EngineError> {
        Ok(self.0.get(&key::message_in(key::STAR, id, message))?.is_some())
    }

    /// The messages with a star, of one conversation or of all.
    pub fn stars(&self, of: Option<ConversationId>) -> Result<Vec<(ConversationId, MessageId)>, EngineError> {
        let prefix = of.map_or(vec![key::STAR], |id| key::conversation(key::STAR, id));
        let all = self.all::<Millis>("star", &prefix)?;
        let place = |key: &[u8]| Some((key::conversation_in(key)?, MessageId(*key.last_chunk()?)));
        Ok(all.iter().filter_map(|(key, _)| place(key)).collect())
    }

    /// Seconds after which what is said in a conversation vanishes; 0 for never.
    pub fn timer(&self, id: ConversationId) -> Result<u32, EngineError> {
        Ok(self.settings(id)?.timer.value().map_or(0, |(_, seconds)| *seconds))
    }

    /// Whether delivered and read receipts are sent in a conversation.
    pub fn sends_receipts(&self, id: ConversationId) -> Result<bool, EngineError> {
        Ok(!self.settings(id)?.silent)
    }

    /// What is to be sent later, the next one first.
    pub fn scheduled(&self) -> Result<Vec<Scheduled>, EngineError> {
        Ok(self.all("scheduled", &[key::SCHEDULED])?.into_iter().map(|(_, scheduled)| scheduled).collect())
    }

    /// The name that an account goes by, if it told one. Not made safe for a screen.
    pub fn name_of(&self, account: AccountId) -> Result<Option<String>, EngineError> {
        let name: Option<Shared<String>> = self.read("name", &key::account(key::NAME, account))?;
        let name = name.and_then(|name| name.value().map(|(_, name)| name.clone()));
        Ok(name.filter(|name| !name.is_empty()))
    }

    pub(crate) fn settings(&self, id: ConversationId) -> Result<Settings, EngineError> {
        Ok(self.read("settings", &key::conversation(key::SETTINGS, id))?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANA: AccountId = AccountId([1; 16]);

    proptest! {
        #[test]
        fn a_shared_register_settles_to_the_same_in_any_order(
            said in proptest::collection::btree_map((0u64..5, any::<[u8; 1]>()), any::<u8>(), 0..8),
            order in any::<prop::sample::Index>(),
        ) {
            let said: Vec<_> = said.into_iter().collect();
            let settle = |said: &[((u64, [u8; 1]), u8)]| {
                let mut register = Shared::default();
                for ((time, id), value) in said {
                    register.settle(*time, MessageId([id[0]; 16]), ANA, *value);
                }
                register
            };
            let mut turned = said.clone();
            if !turned.is_empty() {
                let at = order.index(turned.len());
                turned.rotate_left(at);
                turned.reverse();
            }
            prop_assert_eq!(settle(&said), settle(&turned));
        }
    }

    #[test]
    fn ones_own_word_is_seen_at_once_and_gone_when_it_is_given_up() {
        let mut register = Shared::default();
        register.settle(5, MessageId([1; 16]), ANA, "theirs");
        register.wait(MessageId([2; 16]), ANA, "mine");
        assert_eq!(register.value(), Some((ANA, &"mine")));
        register.give_up(MessageId([2; 16]));
        assert_eq!(register.value(), Some((ANA, &"theirs")));
        register.wait(MessageId([3; 16]), ANA, "mine again");
        register.settle(4, MessageId([3; 16]), ANA, "mine again");
        assert_eq!(register.value(), Some((ANA, &"theirs")), "the relay put it before theirs");
    }
}
