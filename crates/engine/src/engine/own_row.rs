//! A row of the past, as one device of an account tells another: what goes with it, and how it is taken in.

use lacre_proto::{DeviceId, Millis};
use serde::de::DeserializeOwned;

use super::epochs::digest;
use super::state::LOCAL;
use super::{Cx, Engine};
use crate::api::EngineError;
use crate::content::Content;
use crate::records::key::{
    self, AUDIENCE, CERTIFICATE, CLOSED, EVIDENCE, GONE, GROUP, PIN, RAW, REACTION, TOLD, UNSEEN, VANISHING,
    VERSION, VOTE,
};
use crate::records::{
    Company, ConversationRecord, ConversationState, GroupRecord, MessageRecord, MessageState, Position, Told,
};

/// Whether another device is told of a row.
pub(super) fn is_told(row: &MessageRecord) -> bool {
    let sent = matches!(
        row.state,
        MessageState::Sent | MessageState::Delivered | MessageState::Read | MessageState::Received
    );
    sent && !row.marks.manner.once
}

/// All that is kept beside a row.
pub(super) fn company_of(cx: &Cx<'_>, row: &MessageRecord) -> Result<Company, EngineError> {
    let (conversation, id) = (row.conversation, row.id);
    let at = |table| key::message_in(table, conversation, id);
    let mut company =
        Company { audience: cx.records().read("audience", &at(AUDIENCE))?, ..Company::default() };
    company.heard = cx.records().heard_by(conversation, id)?;
    company.evidence = under(cx, "evidence", &at(EVIDENCE))?;
    if row.content == Content::Unknown {
        company.raw = cx.records().read("raw content", &at(RAW))?;
    }
    if !row.marks.touched {
        return Ok(company);
    }
    company.reactions = under(cx, "reaction", &at(REACTION))?.into_iter().map(|(_, it)| it).collect();
    company.versions = under(cx, "version", &at(VERSION))?;
    company.votes = under(cx, "vote", &at(VOTE))?;
    company.closed = cx.records().read("closing", &at(CLOSED))?;
    company.pin = cx.records().read("pin", &at(PIN))?;
    Ok(company)
}

/// The records of a table under a message, with the rest of their keys.
fn under<T: DeserializeOwned>(
    cx: &Cx<'_>,
    what: &'static str,
    prefix: &[u8],
) -> Result<Vec<(Vec<u8>, T)>, EngineError> {
    let all = cx.records().all::<T>(what, prefix)?;
    Ok(all.into_iter().map(|(at, record)| (at[prefix.len()..].to_vec(), record)).collect())
}

impl Engine {
    /// Takes in what another device of this account tells of the past.
    pub(super) fn take_told(
        &mut self,
        cx: &mut Cx<'_>,
        from: DeviceId,
        all: Vec<Told>,
    ) -> Result<(), EngineError> {
        for told in all {
            match told {
                Told::Certificate(certificate) => {
                    let at = key::key(CERTIFICATE, &[&digest(&certificate)]);
                    cx.store.put(at, certificate);
                }
                Told::Closed(record, group) => self.take_closed(cx, *record, group.map(|group| *group))?,
                Told::Row(row, company) => self.take_row(cx, from, *row, *company)?,
            }
        }
        Ok(())
    }

    /// A conversation that is over is shown on this device too, if it was never in it.
    fn take_closed(
        &mut self,
        cx: &mut Cx<'_>,
        record: ConversationRecord,
        group: Option<GroupRecord>,
    ) -> Result<(), EngineError> {
        let id = record.id;
        if cx.records().conversation(id)?.is_some() || cx.exists(&key::conversation(key::QUIT, id))? {
            return Ok(());
        }
        if let Some(account) = record.peer {
            self.note_with(cx, account, id);
        }
        if let Some(handle) = &record.handle {
            let at = key::handle(key::DIRECT, handle);
            if !cx.exists(&at)? {
                cx.put(at, &id);
            }
        }
        if let Some(group) = group {
            cx.put(key::conversation(GROUP, id), &GroupRecord { awaits: None, restore: None, ..group });
        }
        let state = ConversationState::Left;
        cx.put_conversation(&ConversationRecord { state, unread: 0, last: None, ..record })
    }

    fn take_row(
        &mut self,
        cx: &mut Cx<'_>,
        from: DeviceId,
        mut row: MessageRecord,
        company: Company,
    ) -> Result<(), EngineError> {
        let Some(record) = cx.shown(row.conversation)? else { return Ok(()) };
        row.conversation = record.id;
        row.mine = row.author == self.me.account;
        let known = cx.records().message(record.id, row.id)?.is_some()
            || cx.exists(&key::message_in(GONE, record.id, row.id))?
            || match &row.mimi {
                Some(mimi) => cx.records().message_by_mimi(record.id, mimi)?.is_some(),
                None => false,
            };
        let over = match row.marks.vanishes_ms {
            Some(at) => at <= cx.relay_now()?,
            None => false,
        };
        let old = row.position.anchor < LOCAL && is_told(&row);
        if known || over || !old || !self.finds_place(cx, &mut row)? {
            return Ok(());
        }
        row.marks.touched = true;
        cx.put(key::message_in(TOLD, record.id, row.id), &from);
        put_company(cx, &row, company);
        if let Some(at) = row.marks.vanishes_ms {
            let message: [&[u8]; 2] = [record.id.as_ref(), &row.id.0];
            cx.put(key::due(VANISHING, at, &message), &());
        }
        let (position, id) = (row.position, row.id);
        let unseen = !row.seen
            && !row.mine
            && row.change.is_none()
            && record.state == ConversationState::Open
            && !self.was_seen(cx, &row)?;
        row.seen = !unseen;
        cx.put_message(&row)?;
        let mut record = cx.records().conversation(record.id)?.unwrap_or(record);
        if unseen {
            cx.store.put(key::position(UNSEEN, record.id, position), Vec::new());
            record.unread = record.unread.saturating_add(1);
        }
        if record.last.is_none() {
            // Nothing was said since this device came.
            (record.last, record.active_ms) = (Some(id), row.sent_ms);
        }
        cx.put_conversation(&record)?;
        self.awaited(cx, &row)
    }

    /// Finds a place that nobody has. What this device has seen happen to a group itself, it is not told again.
    fn finds_place(&self, cx: &Cx<'_>, row: &mut MessageRecord) -> Result<bool, EngineError> {
        if row.change.is_some() {
            let first = Some(Position { anchor: LOCAL - 1, counter: u32::MAX });
            let heard = cx.records().messages_after(row.conversation, first, 1)?;
            let since: Option<Millis> = heard.first().map(|row| row.sent_ms);
            if since.is_some_and(|since| row.sent_ms >= since) {
                return Ok(false);
            }
        }
        while let Some(there) = cx.records().message_at(row.conversation, row.position)? {
            if row.change.is_some() && there.change == row.change {
                // Another device has told of it, under a name of its own.
                return Ok(false);
            }
            match row.position.counter.checked_sub(1) {
                Some(counter) => row.position.counter = counter,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

/// What belongs to a row that is told; what is here of it already stays.
fn put_company(cx: &Cx<'_>, row: &MessageRecord, company: Company) {
    let (conversation, id) = (row.conversation, row.id);
    let at = |table| key::message_in(table, conversation, id);
    let under = |table, rest: &[u8]| [at(table), rest.to_vec()].concat();
    let Company { reactions, versions, votes, evidence, closed, pin, heard, audience, raw } = company;
    for reaction in reactions {
        cx.put(under(REACTION, reaction.account.as_ref()), &reaction);
    }
    versions.into_iter().for_each(|(rest, version)| cx.put(under(VERSION, &rest), &version));
    votes.into_iter().for_each(|(rest, vote)| cx.put(under(VOTE, &rest), &vote));
    evidence.into_iter().for_each(|(rest, evidence)| cx.put(under(EVIDENCE, &rest), &evidence));
    closed.into_iter().for_each(|closed| cx.put(at(CLOSED), &closed));
    pin.into_iter().for_each(|pin| cx.put(at(PIN), &pin));
    heard.into_iter().for_each(|(account, heard)| cx.put(key::heard_by(conversation, id, account), &heard));
    audience.into_iter().for_each(|audience| cx.put(at(AUDIENCE), &audience));
    if let Some(raw) = raw {
        cx.put(at(RAW), &raw);
    }
}
