//! A device comes into a group: its record there, and what it is told of what the group is called.

use std::collections::BTreeSet;

use lacre_proto::{AccountId, ConversationId, Millis};

use super::{Cx, Engine};
use crate::api::EngineError;
use crate::content::{Briefing, Content, kinds};
use crate::mls::extension::LacreConversation;
use crate::records::key::{self, GROUP, QUIT};
use crate::records::{Awaits, Change, ConversationKind, ConversationRecord, ConversationState, GroupRecord};

impl Engine {
    /// Tells the devices that have come in what the group is called: who lets in says it, and only they take it.
    pub(super) fn brief(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        group: &GroupRecord,
    ) -> Result<(), EngineError> {
        let Some(record) = cx.records().conversation(id)? else { return Ok(()) };
        let mut room = kinds::LABELS;
        let fits = |(_, label): &&(AccountId, String)| {
            let left = room.checked_sub(label.len() + AccountId::LEN);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let briefing = Briefing {
            name: record.title,
            description: group.description.clone(),
            picture: group.picture.clone(),
            labels: group.labels.iter().take_while(fits).cloned().collect(),
            link: group.link,
        };
        self.say_aside(cx, id, Content::Briefing(briefing))
    }

    /// Takes in what who let this device in says of the group: once, and nothing of which it has heard since.
    pub(super) fn briefed(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        author: AccountId,
        briefing: Briefing,
    ) -> Result<(), EngineError> {
        let (Some(mut record), Some(mut group)) = (cx.records().conversation(id)?, cx.records().group(id)?)
        else {
            return Ok(());
        };
        let Some(awaits) = group.awaits.take_if(|awaits| awaits.from == author) else { return Ok(()) };
        if !awaits.name {
            record.title = briefing.name;
        }
        if !awaits.description {
            group.description = briefing.description;
        }
        if !awaits.picture {
            group.picture = briefing.picture;
        }
        if !awaits.link {
            group.link = briefing.link;
        }
        group.labels.retain(|(account, _)| awaits.labels.contains(account));
        group
            .labels
            .extend(briefing.labels.into_iter().filter(|(account, _)| !awaits.labels.contains(account)));
        cx.put(key::conversation(GROUP, id), &group);
        cx.put_conversation(&record)
    }

    /// The record of a group that this device has come into.
    pub(super) fn enter_group(
        &mut self,
        cx: &mut Cx<'_>,
        id: ConversationId,
        context: &LacreConversation,
        by: AccountId,
        again: bool,
        time: Millis,
    ) -> Result<(), EngineError> {
        let fresh = ConversationRecord::new(id, ConversationKind::Group, cx.now);
        let record = cx.records().conversation(id)?.unwrap_or(fresh);
        let standing = if again { record.standing } else { self.standing_by(cx, by)? };
        cx.store.delete(key::conversation(QUIT, id));
        cx.put_conversation(&ConversationRecord {
            state: ConversationState::Open,
            standing,
            suite: crate::mls::SUITE.into(),
            ..record
        })?;
        let known = cx.records().group(id)?.unwrap_or_else(|| record_of(context));
        let group = GroupRecord {
            created_by: context.created_by,
            admins: context.admins.clone(),
            rules: context.rules,
            leaving: Vec::new(),
            members: self.people(cx, id)?,
            awaits: Some(Awaits::of(by)),
            ..known
        };
        cx.put(key::conversation(GROUP, id), &group);
        if again {
            self.note_return(cx, id, by, time)?;
        } else {
            self.note_coming(cx, id, &[self.me.account], by, time)?;
        }
        let change = if again { Change::Back } else { Change::Added(vec![self.named(cx, self.me.account)?]) };
        self.tell(cx, id, by, change, time).map(drop)
    }

    pub(super) fn people(&self, cx: &Cx<'_>, id: ConversationId) -> Result<u32, EngineError> {
        let people: BTreeSet<AccountId> = cx.members(id)?.into_iter().map(|member| member.account).collect();
        Ok(people.len() as u32)
    }
}

pub(super) fn record_of(context: &LacreConversation) -> GroupRecord {
    GroupRecord {
        created_by: context.created_by,
        admins: context.admins.clone(),
        rules: context.rules,
        description: String::new(),
        picture: Vec::new(),
        labels: Vec::new(),
        link: None,
        leaving: Vec::new(),
        members: 0,
        restore: None,
        awaits: None,
        instead_of: context.instead_of,
        doubters: Vec::new(),
    }
}
