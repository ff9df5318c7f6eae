//! Links to groups (ADR 0027). A link lets nobody in: who has it asks the admin whom it names, in their direct
//! conversation, and that admin decides; then they are added like anybody else.

use lacre_proto::{AccountId, ConversationId, Millis, limits};

use super::outbox::NewJob;
use super::state::{Wanted, What};
use super::{Cx, Engine};
use crate::api::{EngineError, Event, IntentId, Refusal, To};
use crate::content::{Ask, Content, Fact, LinkFact, NoEntry, kinds};
use crate::defence::Defence;
use crate::identity::{GroupLink, LinkSecret};
use crate::records::key::{self, ASKED, LINK};
use crate::records::{ConversationRecord, ConversationState, GroupRecord, JoinAsk, MessageRecord, Standing};

/// So many may wait for one group.
const WAITING: usize = 100;

type Done = Result<Result<(), Refusal>, EngineError>;

impl Engine {
    /// Makes a link, in place of the one before, or turns it off.
    pub(super) fn set_link(
        &mut self,
        cx: &mut Cx<'_>,
        intent: IntentId,
        id: ConversationId,
        until_ms: Option<Millis>,
    ) -> Done {
        let record = match self.administered(cx, id, &[])? {
            Ok((record, _)) => record,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let secret = until_ms.map(|_| LinkSecret(cx.provider.rand.bytes()));
        let hash = secret.as_ref().map(|secret| secret.hash(record.id));
        let fact = hash.zip(until_ms).map(|(hash, until_ms)| LinkFact { hash, until_ms });
        let message = cx.new_message_id();
        if let Err(refusal) = self.say(cx, record.id, message, Content::Fact(Fact::Link(fact)))? {
            return Ok(Err(refusal));
        }
        // What is refused leaves the link that stands.
        let at = key::conversation(LINK, record.id);
        match secret {
            Some(secret) => cx.put(at, &secret),
            None => cx.store.delete(at),
        }
        cx.event(Event::Queued(intent, record.id, message));
        Ok(Ok(()))
    }

    /// Asks the admin of a link to be let in.
    pub(super) fn ask_to_join(&mut self, cx: &mut Cx<'_>, intent: IntentId, link: &GroupLink) -> Done {
        let known = cx.records().conversation(link.group)?;
        if known.is_some_and(|record| record.state != ConversationState::Left) {
            return Ok(Err(Refusal::MemberAlready));
        }
        if link.admin == self.me.handle {
            return Ok(Err(Refusal::Yourself));
        }
        let conversation = match self.conversation_to(cx, To::person(&link.admin))? {
            Ok(conversation) => conversation,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let id = cx.new_message_id();
        let ask = Ask { group: link.group, secret: link.secret };
        if let Err(refusal) = self.say(cx, conversation, id, Content::AskToJoin(ask))? {
            return Ok(Err(refusal));
        }
        let shown = cx.shown(conversation)?.map_or(conversation, |shown| shown.id);
        cx.event(Event::Queued(intent, shown, id));
        Ok(Ok(()))
    }

    /// Somebody asks to be let into a group: it waits for an admin where the link is good. A stranger is not told that
    /// it is not: nothing is sent to strangers.
    pub(super) fn asked_to_join(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        row: &MessageRecord,
        ask: Ask,
    ) -> Result<(), EngineError> {
        let Some(group) = cx.records().group(ask.group)? else { return Ok(()) };
        let record_of_group = cx.records().conversation(ask.group)?;
        let over = |it: ConversationRecord| {
            matches!(it.state, ConversationState::Left | ConversationState::MergedInto(_))
        };
        let member = cx.members(ask.group)?.iter().any(|member| member.account == row.author);
        if member || row.mine {
            return Ok(());
        }
        if record_of_group.is_none_or(over) || !group.admins.contains(&self.me.account) {
            return self.asked_in_vain(cx, record, row, &group, ask);
        }
        let good = |link: LinkFact| {
            let in_time = link.until_ms == 0 || row.sent_ms <= link.until_ms;
            in_time && link.hash == ask.secret.hash(ask.group)
        };
        if !group.link.is_some_and(good) && cx.defends(Defence::GroupLink) {
            return self.refuse_entry(cx, record, row, NoEntry::Void);
        }
        let at = key::asked(ask.group, row.author);
        let all = cx.records().join_asks(ask.group)?;
        if all.len() >= WAITING && !cx.exists(&at)? {
            return Ok(());
        }
        let (conversation, message) = (record.id, row.id);
        cx.put(at, &JoinAsk { account: row.author, conversation, message, asked_ms: row.sent_ms });
        cx.event(Event::ConversationChanged(ask.group));
        Ok(())
    }

    /// Somebody asks who is no admin any more: by a link that was good once it is void. By another nothing is said, not
    /// even that this account is in the group.
    fn asked_in_vain(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        row: &MessageRecord,
        group: &GroupRecord,
        ask: Ask,
    ) -> Result<(), EngineError> {
        let made: Option<LinkSecret> = cx.records().read("link", &key::conversation(LINK, ask.group))?;
        let stands = group.link.is_some_and(|link| link.hash == ask.secret.hash(ask.group));
        match stands || made == Some(ask.secret) {
            true => self.refuse_entry(cx, record, row, NoEntry::Void),
            false => Ok(()),
        }
    }

    fn refuse_entry(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        row: &MessageRecord,
        no: NoEntry,
    ) -> Result<(), EngineError> {
        if record.standing != Standing::Accepted {
            return Ok(());
        }
        let id = cx.new_message_id();
        self.put_aside(cx, record.id, id, Content::JoinAnswer { to: row.id, no })
    }

    /// Lets somebody in who asked: they are added as if an admin had named them.
    pub(super) fn admit_asker(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        account: AccountId,
        history: u8,
    ) -> Done {
        let ask = match self.asker(cx, id, account)? {
            Ok(ask) => ask,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self.is_blocked(cx, account)? {
            return Ok(Err(Refusal::Blocked));
        }
        if cx.records().key_changes()?.iter().any(|it| it.from == account || it.account == account) {
            return Ok(Err(Refusal::IdentityChanged));
        }
        if history > kinds::GIVEN {
            return Ok(Err(Refusal::TooMuchHistory));
        }
        if cx.records().group_members(id)?.len() >= limits::MEMBERS {
            return Ok(Err(Refusal::TooMany));
        }
        let handle = self.named(cx, ask.account)?.handle;
        let wanted = vec![Wanted { handle, account: Some(account), history }];
        self.enqueue(cx, id, NewJob::new(What::Gather(wanted)))?;
        Ok(Ok(()))
    }

    /// Does not let somebody in who asked. Somebody who is known here is told; a stranger's request is deleted.
    pub(super) fn decline_asker(&mut self, cx: &mut Cx<'_>, id: ConversationId, account: AccountId) -> Done {
        let ask = match self.asker(cx, id, account)? {
            Ok(ask) => ask,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let record = cx.shown(ask.conversation)?;
        let only = cx.records().only_asks(ask.conversation)?;
        cx.store.delete(key::asked(id, account));
        cx.event(Event::ConversationChanged(id));
        let Some(record) = record else { return Ok(Ok(())) };
        if record.standing == Standing::Asked && only {
            return self.decline(cx, record.id);
        }
        match cx.records().message(record.id, ask.message)? {
            Some(row) => self.refuse_entry(cx, &record, &row, NoEntry::Declined).map(Ok),
            None => Ok(Ok(())),
        }
    }

    fn asker(
        &self,
        cx: &Cx<'_>,
        id: ConversationId,
        account: AccountId,
    ) -> Result<Result<JoinAsk, Refusal>, EngineError> {
        if let Err(refusal) = self.administered(cx, id, &[])? {
            return Ok(Err(refusal));
        }
        Ok(cx.records().join_ask(id, account)?.ok_or(Refusal::NobodyAsked))
    }

    /// Whoever came in waits no more.
    pub(super) fn forget_asks(&self, cx: &Cx<'_>, id: ConversationId, came: &[AccountId]) {
        came.iter().for_each(|account| cx.store.delete(key::asked(id, *account)));
    }

    /// Nothing of links stays with who is in a group no more.
    pub(super) fn forget_links(&self, cx: &Cx<'_>, id: ConversationId) -> Result<(), EngineError> {
        cx.store.delete(key::conversation(LINK, id));
        cx.delete_all(&key::conversation(ASKED, id))
    }
}
