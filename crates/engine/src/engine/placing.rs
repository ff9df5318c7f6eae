//! Where a message stands among the others, and the gaps between them.

use lacre_proto::{AccountId, Handle, Millis};

use super::state::{Member, Missing, Turn};
use super::{Cx, Engine};
use crate::api::{Alert, EngineError};
use crate::content::{Content, MessageId};
#[cfg(feature = "evil")]
use crate::defence::Defence;
use crate::records::{ConversationRecord, Marks, MessageRecord, MessageState, Position, Unreadable};

/// Where a message stands.
pub(super) struct Stand {
    pub(super) position: Position,
    pub(super) late: bool,
    pub(super) time: Millis,
}

impl Engine {
    /// Takes in a counter and gives the message's place; `None` when it came before.
    pub(super) fn place(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        member: &mut Member,
        counter: u32,
        turn: &Turn,
        time: Millis,
    ) -> Result<Option<(Position, bool)>, EngineError> {
        match turn {
            Turn::Again => Ok(None),
            Turn::Next => {
                let anchor = cx.next_anchor()?;
                let first = member.heard.next.is_none();
                member.heard.take(counter, if first { Missing::before(counter, anchor) } else { None });
                Ok(Some((Position { anchor, counter }, false)))
            }
            Turn::After(count) => {
                let anchor = cx.next_anchor()?;
                let row = Some(cx.new_message_id());
                let gap = Missing { first: counter - count, count: *count, anchor, row };
                self.put_gap(cx, record, member.account, &gap, time)?;
                #[cfg(feature = "evil")]
                if !cx.defends(Defence::Gaps) {
                    for first in gap.first + 1..counter {
                        let one = Missing { first, row: Some(cx.new_message_id()), ..gap.clone() };
                        self.put_gap(cx, record, member.account, &one, time)?;
                    }
                }
                cx.alert(Some(record.id), Alert::Missing(*count));
                member.heard.take(counter, Some(gap));
                Ok(Some((Position { anchor, counter }, false)))
            }
            Turn::Late(missing) => {
                let author = member.account;
                let parts = split(missing, counter, cx.new_message_id());
                member.heard.missing.retain(|other| other != missing);
                member.heard.missing.extend(parts.clone());
                if let Some(row) = missing.row
                    && let Some(row) = cx.records().message(record.id, row)?
                {
                    cx.delete_message(&row);
                }
                for part in &parts {
                    self.put_gap(cx, record, author, part, time)?;
                }
                Ok(Some((Position { anchor: missing.anchor, counter }, true)))
            }
        }
    }

    pub(super) fn put_gap(
        &mut self,
        cx: &mut Cx<'_>,
        record: &ConversationRecord,
        author: AccountId,
        gap: &Missing,
        time: Millis,
    ) -> Result<(), EngineError> {
        let Some(id) = gap.row else { return Ok(()) };
        let row = MessageRecord {
            id,
            position: Position { anchor: gap.anchor, counter: gap.first },
            state: MessageState::Gap(gap.count),
            ..self.blank(cx, record, author, time)?
        };
        cx.put_message(&row)
    }

    /// A row without content.
    pub(super) fn blank(
        &self,
        cx: &Cx<'_>,
        record: &ConversationRecord,
        author: AccountId,
        time: Millis,
    ) -> Result<MessageRecord, EngineError> {
        let mine = author == self.me.account;
        let handle = if mine {
            self.me.handle.clone()
        } else {
            let known = cx.records().contact(author)?.map(|contact| contact.handle);
            known.or(record.handle.clone()).unwrap_or_else(Handle::nobody)
        };
        Ok(MessageRecord {
            id: MessageId([0; 16]),
            conversation: record.id,
            position: Position { anchor: 0, counter: 0 },
            author,
            author_handle: handle,
            mine,
            sent_ms: time,
            content: Content::Unknown,
            change: None,
            state: MessageState::Received,
            late: false,
            seen: true,
            mimi: None,
            marks: Marks::default(),
        })
    }

    pub(super) fn put_unreadable(
        &mut self,
        cx: &mut Cx<'_>,
        record: ConversationRecord,
        id: MessageId,
        author: AccountId,
        time: Millis,
        why: Unreadable,
    ) -> Result<(), EngineError> {
        let row = MessageRecord {
            id,
            position: Position { anchor: cx.next_anchor()?, counter: 0 },
            state: MessageState::Unreadable(why),
            ..self.blank(cx, &record, author, time)?
        };
        cx.put_message(&row)?;
        self.touch(cx, record.id, time, Some(id))
    }
}

/// What is left of a gap when one of its messages has come.
fn split(gap: &Missing, counter: u32, row: MessageId) -> Vec<Missing> {
    let before = Missing { count: counter - gap.first, ..gap.clone() };
    let after = Missing {
        first: counter.saturating_add(1),
        count: gap.count - 1 - before.count,
        row: if before.count > 0 { gap.row.map(|_| row) } else { gap.row },
        ..gap.clone()
    };
    [before, after].into_iter().filter(|part| part.count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_message_leaves_what_is_still_missing_on_both_sides() {
        let gap = Missing { first: 3, count: 3, anchor: 7, row: Some(MessageId([1; 16])) };
        let other = MessageId([2; 16]);
        let part = |first, count, row| Missing { first, count, anchor: 7, row };
        assert_eq!(split(&gap, 3, other), [part(4, 2, gap.row)]);
        assert_eq!(split(&gap, 4, other), [part(3, 1, gap.row), part(5, 1, Some(other))]);
        assert_eq!(split(&gap, 5, other), [part(3, 2, gap.row)]);
        assert_eq!(split(&part(3, 1, gap.row), 3, other), []);
    }
}
