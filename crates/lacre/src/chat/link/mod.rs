//! The client as the chat sees it: its view models as plain safe text, its events as messages to the state.

mod devices;
mod files;
mod happenings;
mod orders;
mod panels;
mod pictures;
mod rows;
mod safety;
mod work;

use lacre_client::Client;
use lacre_client::content::MessageId as ClientId;
use lacre_client::records::{Allowed, ConversationKind, GroupMember, Records};
use lacre_client::search::{Filter, Query};
use lacre_client::view;
use lacre_proto::ConversationId;

use super::group::{Group, Member};
use super::model::{Conversation, Me, Message, MessageId};
use super::open::SPAN;
use super::panel::{Shown, What};
use super::run::{Around, Messenger};
use super::search::{Found, MOST};
use super::state::{Command, Msg};
use crate::safe_text::safe_line;
use files::Player;
use pictures::{Pictures, shown};
use rows::{conversation, hit_of};

/// The client behind a chat, and what is shown of its files here.
#[derive(Clone)]
pub struct Link(Client, Pictures, Player);

impl Link {
    /// The client, in the terminal of this process.
    pub fn new(client: Client) -> Self {
        Self(client, Pictures::of_this_terminal(), Player::default())
    }

    fn shown(&self, conversation: ConversationId, rows: Vec<view::Message>) -> Result<Vec<Message>, String> {
        let conversation = self.0.read(|views| views.conversation(conversation)).map_err(half)?;
        let may_open = conversation.is_some_and(|conversation| conversation.may_open());
        Ok(shown(rows, may_open, &self.1, &|file| self.0.progress(file)))
    }
}

impl Messenger for Link {
    fn me(&self) -> Result<Me, String> {
        self.0.me().map(|me| Me { handle: me.handle.to_string() }).map_err(half)
    }

    fn conversations(&self) -> Result<Vec<Conversation>, String> {
        let all = self.0.read(|views| {
            let mut all = Vec::new();
            for row in views.conversations()? {
                let (timer, receipts) = (views.timer(row.id)?, views.sends_receipts(row.id)?);
                // Who only asks to be let into a group is decided on with that.
                if row.only_asks {
                    continue;
                }
                let askers = views.records().join_asks(row.id)?.len();
                let held = if row.safety.held { safety::held_by(views, row.id)? } else { None };
                all.extend(conversation(row).map(|row| Conversation {
                    timer,
                    receipts,
                    askers,
                    held,
                    ..row
                }));
            }
            // One's own is not among them before something stands in it, and can be opened all the same.
            let own =
                views.records().conversations()?.into_iter().find(|it| it.kind == ConversationKind::Own);
            if let Some(own) = own.filter(|own| all.iter().all(|row| row.id != own.id)) {
                all.extend(views.conversation(own.id)?.and_then(conversation));
            }
            Ok(all)
        });
        all.map_err(half)
    }

    fn messages(&self, conversation: ConversationId, limit: usize) -> Result<(Vec<Message>, bool), String> {
        let mut rows = self.0.messages(conversation, None, limit + 1).map_err(half)?;
        let older = rows.len() > limit;
        if older {
            rows.remove(0);
        }
        Ok((self.shown(conversation, rows)?, older))
    }

    fn around(&self, conversation: ConversationId, id: MessageId) -> Result<Option<Around>, String> {
        let found = self.0.read(|views| {
            let Some(goal) = views.message(conversation, ClientId(id.0))? else { return Ok(None) };
            let at = Some(goal.position);
            let mut rows = views.messages(conversation, at, SPAN + 1)?;
            let older = rows.len() > SPAN;
            if older {
                rows.remove(0);
            }
            rows.push(goal);
            let after = views.messages_after(conversation, at, SPAN + 1)?;
            let newer = after.len() > SPAN;
            rows.extend(after.into_iter().take(SPAN));
            Ok(Some((rows, [older, newer])))
        });
        let Some((rows, more)) = found.map_err(half)? else { return Ok(None) };
        Ok(Some((self.shown(conversation, rows)?, more)))
    }

    fn panel(&self, what: What) -> Result<Shown, String> {
        self.read_panel(what)
    }

    fn name(&self) -> Result<String, String> {
        let name = self.0.read(|views| views.own_name()).map_err(half)?;
        Ok(safe_line(&name.unwrap_or_default()))
    }

    fn search(&self, text: &str, within: Option<ConversationId>) -> Result<Found, String> {
        let mut filter = Filter { conversation: within, ..Filter::default() };
        let words = crate::commands::search::narrowed(text, &mut filter);
        let found = self.0.read(|views| {
            let found = views.search(&Query::new(&words), &filter, None, MOST)?;
            let mut hits = Vec::with_capacity(found.hits.len());
            for hit in found.hits {
                let named = views.conversation(hit.message.conversation)?;
                hits.push(hit_of(hit, &named.map(|named| named.name).unwrap_or_default()));
            }
            Ok(Found { hits, more: found.next.is_some(), complete: found.complete })
        });
        found.map_err(half)
    }

    fn group(&self, id: ConversationId) -> Result<Group, String> {
        let found = self.0.read(|views| {
            let records = Records(views.0);
            Ok((records.group(id)?, records.group_members(id)?))
        });
        let (group, members) = found.map_err(half)?;
        let group = group.ok_or("nothing is known of this group yet")?;
        let member = |member: GroupMember| Member {
            handle: member.handle.to_string(),
            label: safe_line(&member.label),
            admin: member.admin,
            me: member.me,
        };
        let rules = group.rules;
        Ok(Group {
            description: safe_line(&group.description),
            members: members.into_iter().map(member).collect(),
            only_admins: [rules.add, rules.edit, rules.send].map(|allowed| allowed == Allowed::Admins),
        })
    }

    fn draft(&self, conversation: ConversationId) -> Result<Option<String>, String> {
        self.0.draft(conversation).map_err(half)
    }

    async fn work(&self, command: Command) -> Option<Msg> {
        self.order(command).await
    }
}

/// A reason as half a sentence: safe, on one line, without its full stop.
fn half<E: std::fmt::Display>(error: E) -> String {
    safe_line(&error.to_string()).trim_end_matches('.').to_owned()
}

fn sentence(half: &str) -> String {
    let mut chars = half.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}
