//! The client as the chat sees it: its view models as plain safe text, its events as messages to the state.

use futures_util::{Stream, StreamExt, future, stream};
use lacre_client::content::{Content, Fact, MessageId as ClientId, Poll};
use lacre_client::records::{Allowed, ConversationKind, ConversationState, GroupMember, Records, Rules};
use lacre_client::search::{self, Filter, Query};
use lacre_client::{Client, Event, Intent, IntentError, Queued, To, Wish, view};
use lacre_proto::{ConversationId, Handle};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::acts::Act;
use super::group::{Change, Group, Member};
use super::model::{
    Body, Connection, Conversation, LastMessage, Marks, Me, Message, MessageId, Quote, Safety, Standing, Tick,
};
use super::open::{PAGE, Target};
use super::run::Messenger;
use super::search::{Found, Hit, MOST};
use super::state::{Attempt, Command, Msg};
use super::words;
use crate::safe_text::{safe_line, safe_text};
use lacre_client::told::sentence as sentence_of;

/// The client behind a chat.
#[derive(Clone)]
pub struct Link(pub Client);

impl Messenger for Link {
    fn me(&self) -> Result<Me, String> {
        self.0.me().map(|me| Me { handle: me.handle.to_string() }).map_err(half)
    }

    fn conversations(&self) -> Result<Vec<Conversation>, String> {
        let all = self.0.conversations().map_err(half)?;
        Ok(all.into_iter().filter_map(conversation).collect())
    }

    fn messages(&self, conversation: ConversationId, limit: usize) -> Result<(Vec<Message>, bool), String> {
        let mut rows = self.0.messages(conversation, None, limit + 1).map_err(half)?;
        let older = rows.len() > limit;
        if older {
            rows.remove(0);
        }
        Ok((rows.into_iter().map(message).collect(), older))
    }

    fn messages_from(
        &self,
        conversation: ConversationId,
        id: MessageId,
    ) -> Result<(Vec<Message>, bool), String> {
        let rows = self.0.read(|views| {
            let Some(goal) = views.message(conversation, ClientId(id.0))? else {
                return Ok((Vec::new(), false));
            };
            let at = Some(goal.position);
            let mut rows = views.messages(conversation, at, PAGE / 2 + 1)?;
            let older = rows.len() > PAGE / 2;
            if older {
                rows.remove(0);
            }
            rows.push(goal);
            rows.extend(views.messages_after(conversation, at, usize::MAX)?);
            Ok((rows, older))
        });
        let (rows, older) = rows.map_err(half)?;
        if rows.is_empty() {
            return Err("this message is not here any more.".to_owned());
        }
        Ok((rows.into_iter().map(message).collect(), older))
    }

    fn search(&self, text: &str, within: Option<ConversationId>) -> Result<Found, String> {
        let filter = Filter { conversation: within, ..Filter::default() };
        let found = self.0.read(|views| {
            let found = views.search(&Query::new(text), &filter, None, MOST)?;
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
        let done = match command {
            Command::Send(attempt, target, text, reply) => {
                return Some(self.send(attempt, target, text, reply).await);
            }
            Command::MarkRead(conversation, id) => self.0.mark_read(conversation, ClientId(id.0)).await,
            Command::KeepDraft(conversation, text) => self.0.keep_draft(conversation, text).await,
            Command::GiveUp(id) => self.0.intend(Intent::Cancel(ClientId(id.0))).await.map(drop),
            Command::Group(change) => return self.change(change).await,
            Command::Act(id, act) => return self.act(id, act).await,
            Command::Reconnect => {
                self.0.reconnect().await;
                Ok(())
            }
            // Answered by the loop itself.
            Command::LoadConversations
            | Command::LoadMessages(..)
            | Command::LoadFrom(..)
            | Command::LoadGroup(_)
            | Command::Search(..)
            | Command::LoadDraft(_)
            | Command::Quit => Ok(()),
        };
        done.err().map(|error| Msg::Trouble(sentence(&half(error))))
    }
}

impl Link {
    async fn send(&self, attempt: Attempt, target: Target, text: String, reply: Option<MessageId>) -> Msg {
        let content = Content::Text { text, in_reply_to: reply.map(|id| ClientId(id.0)) };
        let queued = match target {
            Target::Existing(conversation) => self.0.send(conversation, content).await,
            Target::New(handle) => match handle.parse::<Handle>() {
                Ok(handle) => self.0.send_to(&handle, content).await,
                Err(why) => return Msg::NotQueued(attempt, why.to_string()),
            },
        };
        match queued {
            Ok((conversation, _)) => Msg::Queued(attempt, conversation),
            Err(error) => Msg::NotQueued(attempt, half::<IntentError>(error)),
        }
    }

    /// Does something to a message, or says something beside text.
    async fn act(&self, id: ConversationId, act: Act) -> Option<Msg> {
        let text = match &act {
            Act::Edit(_, text) | Act::Once(text) | Act::Later(text, _) => Some(text.clone()),
            _ => None,
        };
        let done = match act {
            Act::Look(message) => match self.0.look(id, ClientId(message.0)).await {
                Ok(Some(text)) => return Some(Msg::SeenOnce(safe_text(&text))),
                Ok(None) => Err("it was looked at before".to_owned()),
                Err(error) => Err(half(error)),
            },
            act => match self.intent_of(id, act) {
                Ok(intent) => self.0.intend(intent).await.map(drop).map_err(half),
                Err(why) => Err(why),
            },
        };
        let why = done.err()?;
        Some(match text {
            Some(text) => Msg::NotDone(id, text, why),
            None => Msg::Trouble(sentence(&why)),
        })
    }

    fn intent_of(&self, id: ConversationId, act: Act) -> Result<Intent, String> {
        let message = |id: MessageId| ClientId(id.0);
        let text = |text| Content::Text { text, in_reply_to: None };
        Ok(match act {
            Act::React(of, emoji) => Intent::React(id, message(of), emoji),
            Act::Edit(of, text) => Intent::Edit(id, message(of), text),
            Act::DeleteHere(of) => Intent::DeleteHere(id, message(of)),
            Act::DeleteForAll(of) => Intent::DeleteForAll(id, message(of)),
            Act::Forward(of, names) => {
                let to = names.iter().map(|name| self.to(name)).collect::<Result<_, _>>()?;
                Intent::Forward { from: id, message: message(of), to }
            }
            Act::Pin(of, pinned) => Intent::Pin(id, message(of), pinned),
            Act::Star(of, starred) => Intent::Star(id, message(of), starred),
            Act::Vote(of, choices) => Intent::Vote(id, message(of), choices),
            Act::ClosePoll(of) => Intent::ClosePoll(id, message(of)),
            Act::Look(of) => Intent::Look(id, message(of)),
            Act::Timer(seconds) => Intent::SetTimer(id, seconds),
            Act::Receipts(tell) => Intent::SetReceipts(id, tell),
            Act::Poll(question, options) => {
                Intent::Send(id, Content::Poll(Poll { question, options, multiple: false }))
            }
            Act::Once(words) => {
                Intent::Say(To::Conversation(id), text(words), Wish { once: true, ..Wish::default() })
            }
            Act::Later(words, time) => {
                let at = crate::output::time(&time).map_err(|failure| failure.message)?;
                let wish = Wish { not_before: Some(at), ..Wish::default() };
                Intent::Say(To::Conversation(id), text(words), wish)
            }
        })
    }

    /// Whom a name means: a conversation that is there, or a person.
    fn to(&self, name: &str) -> Result<To, String> {
        let all = self.0.conversations().map_err(half)?;
        let mut named = all.into_iter().filter(|conversation| conversation.name == name);
        match (named.next(), named.next()) {
            (Some(_), Some(_)) => Err(format!("several conversations are called {}", safe_line(name))),
            (Some(one), None) => Ok(To::Conversation(one.id)),
            (None, _) => name.parse().map(To::Person).map_err(half),
        }
    }

    /// Makes or changes a group.
    async fn change(&self, change: Change) -> Option<Msg> {
        let made = matches!(change, Change::Make(..));
        let done = match intent(change) {
            Ok(intent) => self.0.intend(intent).await.map_err(half),
            Err(why) => Err(why),
        };
        match done {
            Ok(Queued::Message(id, _)) if made => Some(Msg::Made(id)),
            Ok(_) => None,
            Err(why) => Some(Msg::Trouble(sentence(&why))),
        }
    }

    /// What happens at the client from now on, beginning with how it stands with the relay.
    pub fn happenings(&self) -> impl Stream<Item = Msg> + use<> {
        let mut connection = self.0.connection();
        connection.mark_changed();
        let while_open =
            stream::unfold((self.0.events(), connection), |(mut events, mut connection)| async move {
                loop {
                    if let Some(msg) = next(&mut events, &mut connection).await? {
                        return Some((msg, (events, connection)));
                    }
                }
            });
        while_open.chain(stream::once(future::ready(Msg::Connection(Connection::Closed))))
    }
}

/// What is to be intended for a change of a group.
fn intent(change: Change) -> Result<Intent, String> {
    let handle = |name: String| name.parse::<Handle>().map_err(half);
    let handles = |names: Vec<String>| names.into_iter().map(handle).collect::<Result<Vec<_>, _>>();
    let allowed = |only_admins| if only_admins { Allowed::Admins } else { Allowed::All };
    Ok(match change {
        Change::Make(name, people) => Intent::CreateGroup(name, handles(people)?),
        Change::Add(id, people) => Intent::AddToGroup(id, handles(people)?),
        Change::Remove(id, who) => Intent::RemoveFromGroup(id, vec![handle(who)?]),
        Change::Role(id, who, admin) => Intent::SetRole(id, handle(who)?, admin),
        Change::Rules(id, only_admins) => {
            let [add, edit, send] = only_admins.map(allowed);
            Intent::SetRules(id, Rules { add, edit, send })
        }
        Change::Name(id, name) => Intent::Send(id, Content::Fact(Fact::Name(name))),
        Change::Describe(id, text) => Intent::Send(id, Content::Fact(Fact::Description(text))),
        Change::Leave(id) => Intent::LeaveGroup(id),
    })
}

/// The next happening; `Some(None)` for one that the chat does not show, `None` when the client is gone.
async fn next(
    events: &mut broadcast::Receiver<Event>,
    connection: &mut watch::Receiver<lacre_client::Connection>,
) -> Option<Option<Msg>> {
    tokio::select! {
        changed = connection.changed() => match changed {
            Ok(()) => Some(Some(Msg::Connection(connection_of(&connection.borrow_and_update())))),
            Err(_) => None,
        },
        event = events.recv() => match event {
            Ok(event) => Some(happened(event)),
            Err(RecvError::Lagged(_)) => Some(Some(Msg::Stale)),
            Err(RecvError::Closed) => None,
        },
    }
}

fn happened(event: Event) -> Option<Msg> {
    match event {
        Event::Queued(_, conversation, _)
        | Event::MessageChanged(conversation, _)
        | Event::ConversationChanged(conversation) => Some(Msg::Changed(vec![conversation])),
        Event::ConversationMerged(gone, stays) => Some(Msg::Merged(gone, stays)),
        Event::Alert(conversation, alert) => Some(Msg::Alert(conversation, safe_line(&alert.to_string()))),
        // Who asked gets the refusal as an answer; the state of the connection tells the other.
        Event::Refused(..)
        | Event::CaughtUp
        | Event::BlocksChanged(_)
        | Event::Typing(..)
        | Event::LinkNumber(..)
        | Event::LinkEnded(_)
        | Event::DevicesChanged(_) => None,
    }
}

fn connection_of(connection: &lacre_client::Connection) -> Connection {
    match connection {
        lacre_client::Connection::Connecting => Connection::Connecting,
        lacre_client::Connection::CatchingUp => Connection::CatchingUp,
        lacre_client::Connection::Online => Connection::Online,
        lacre_client::Connection::Offline { why, again, .. } => {
            Connection::Offline { why: half(why), again: *again }
        }
        lacre_client::Connection::Closed => Connection::Closed,
    }
}

fn conversation(row: view::Conversation) -> Option<Conversation> {
    let standing = match row.state {
        ConversationState::Opening => Standing::Opening,
        ConversationState::Open => Standing::Open,
        ConversationState::OutOfStep => Standing::OutOfStep,
        // Its rows are in the other one.
        ConversationState::Left => Standing::Left,
        ConversationState::MergedInto(_) => return None,
    };
    let safety = Safety {
        post_quantum: row.safety.suite.is_some().then(|| row.safety.post_quantum()),
        pinned: row.safety.pinned,
    };
    let last = row.last.map(message).map(|last| LastMessage {
        // A change of the group is not something that one said.
        mine: last.mine && !matches!(last.body, Body::Told(_)),
        text: words::in_list(&last.from, &last.body),
        tick: last.tick,
    });
    let with = safe_line(&row.name);
    let group = row.kind == ConversationKind::Group;
    Some(Conversation {
        id: row.id,
        with,
        group,
        last,
        active: row.active,
        unread: row.unread,
        standing,
        safety,
    })
}

fn message(row: view::Message) -> Message {
    let view::Message { id, from, mine, sent, body, state, reply, late, seen, marks, .. } = row;
    let marks = marks_of(&marks, &body);
    let body = match body {
        view::Body::Text(text) => Body::Text(safe_text(&text)),
        view::Body::Told(change) => Body::Told(safe_line(&sentence_of(&change, from.as_str())) + "."),
        view::Body::Unknown => Body::Unknown,
        view::Body::Unreadable(why) => Body::Unreadable(half(why)),
        view::Body::Gap(missing) => Body::Gap(missing),
        other @ (view::Body::Poll(_) | view::Body::Place(_) | view::Body::Card(_)) => {
            Body::Text(crate::output::said(&other, from.as_str()))
        }
        view::Body::Once { looked: false } => {
            Body::Text("(may be looked at once: choose it, then v)".to_owned())
        }
        other => Body::Told(crate::output::said(&other, from.as_str())),
    };
    let tick = state.map(|state| match state {
        view::Sending::Sending => Tick::Sending,
        view::Sending::Sent => Tick::Sent,
        view::Sending::Delivered => Tick::Delivered,
        view::Sending::Read => Tick::Read,
        view::Sending::Failed(why) => Tick::Failed(half(why)),
    });
    let reply = reply
        .map(|quote| Quote { what: quote.what.map(|(from, text)| (from.to_string(), safe_line(&text))) });
    Message { id: MessageId(id.0), from: from.to_string(), mine, sent, body, tick, reply, late, seen, marks }
}

/// What happened to a message, in words and as what can be done with it.
fn marks_of(marks: &view::Marks, body: &view::Body) -> Marks {
    let mut told = Vec::new();
    told.extend(marks.edited.map(|_| "edited".to_owned()));
    if marks.forwarded > 0 {
        told.push(if marks.forwarded > 5 { "forwarded many times" } else { "forwarded" }.to_owned());
    }
    told.extend(marks.pinned_by.as_ref().map(|by| format!("pinned by {by}")));
    if marks.starred {
        told.push("★".to_owned());
    }
    if let Some(seconds) = marks.timer {
        told.push(format!("vanishes {} after it was read", crate::output::duration(seconds)));
    }
    for reaction in &marks.reactions {
        let (emoji, count) = (safe_line(&reaction.emoji), reaction.who.len());
        let mine = if reaction.mine { " (you)" } else { "" };
        told.push(if count > 1 { format!("{emoji} {count}{mine}") } else { format!("{emoji}{mine}") });
    }
    let mut all = Marks {
        told: told.join(" · "),
        pinned: marks.pinned_by.is_some(),
        starred: marks.starred,
        once: *body == view::Body::Once { looked: false },
        ..Marks::default()
    };
    if let view::Body::Poll(poll) = body {
        all.options = poll.options.len();
        all.multiple = poll.multiple;
        let mine = (0u8..).zip(&poll.options).filter(|(_, choice)| choice.mine);
        all.votes = mine.map(|(answer, _)| answer).collect();
    }
    all
}

fn hit_of(hit: search::Hit, name: &str) -> Hit {
    let search::Hit { message, excerpt, matches } = hit;
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut piece = |range: std::ops::Range<usize>, found| {
        let text = safe_text(&excerpt[range]).replace('\n', " ");
        if !text.is_empty() {
            pieces.push((text, found));
        }
    };
    for range in matches {
        piece(at..range.start, false);
        at = range.end;
        piece(range, true);
    }
    piece(at..excerpt.len(), false);
    Hit {
        conversation: message.conversation,
        name: safe_line(name),
        id: MessageId(message.id.0),
        from: (!message.mine).then(|| message.from.to_string()),
        sent: message.sent,
        excerpt: pieces,
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

#[cfg(test)]
mod tests {
    use lacre_client::records::{Failure, Position, Unreadable};

    use super::*;

    fn row(body: view::Body) -> view::Message {
        view::Message {
            id: ClientId([7; 16]),
            conversation: ConversationId([1; 16]),
            position: Position { anchor: 1, counter: 0 },
            from: "bruno".parse().unwrap(),
            mine: false,
            sent: 1,
            body,
            state: None,
            reply: None,
            late: false,
            seen: false,
            marks: view::Marks::default(),
        }
    }

    #[test]
    fn what_others_wrote_is_made_safe_on_its_way_in() {
        let hostile = "\u{1b}[2J\nana: yes\u{202e}".to_owned();
        let quote =
            view::Quote { id: ClientId([8; 16]), what: Some(("ana".parse().unwrap(), hostile.clone())) };
        let shown = message(view::Message { reply: Some(quote), ..row(view::Body::Text(hostile)) });
        assert_eq!(shown.body, Body::Text("␛[2J\nana: yes\u{fffd}".to_owned()));
        let quoted = ("ana".to_owned(), "␛[2J ana: yes\u{fffd}".to_owned());
        assert_eq!(shown.reply, Some(Quote { what: Some(quoted) }), "a quote is one line");
    }

    #[test]
    fn reasons_are_half_sentences() {
        let unreadable = message(row(view::Body::Unreadable(Unreadable::Undecryptable)));
        assert_eq!(unreadable.body, Body::Unreadable("it could not be opened".to_owned()));
        let state = Some(view::Sending::Failed(Failure::Yourself));
        let failed = message(view::Message { state, ..row(view::Body::Unknown) });
        assert_eq!(failed.tick, Some(Tick::Failed("this is your own handle".to_owned())));
        assert_eq!(sentence(&half("the client is closed.")), "The client is closed.");
    }
}
