//! What the chat wants done, as intents of the client.

use lacre_client::content::{Card, Content, Fact, MessageId as ClientId, Place, Poll};
use lacre_client::records::{Allowed, Rules};
use lacre_client::{Intent, IntentError, Queued, To, Wish};
use lacre_proto::{ConversationId, Handle};

use super::{Link, half, sentence};
use crate::chat::acts::Act;
use crate::chat::drafts::Attempt;
use crate::chat::group::Change;
use crate::chat::model::MessageId;
use crate::chat::open::Target;
use crate::chat::state::{Command, Msg};
use crate::safe_text::{safe_line, safe_text};

impl Link {
    /// Does what is not a read; what is to be said about it.
    pub(super) async fn order(&self, command: Command) -> Option<Msg> {
        let done = match command {
            Command::Send(attempt, target, text, reply) => {
                return Some(self.send(attempt, target, text, reply).await);
            }
            Command::MarkRead(conversation, id) => self.0.mark_read(conversation, ClientId(id.0)).await,
            Command::KeepDraft(conversation, text) => self.0.keep_draft(conversation, text).await,
            Command::GiveUp(id) => self.0.intend(Intent::Cancel(ClientId(id.0))).await.map(drop),
            Command::Group(change) => return self.change(change).await,
            Command::Act(id, act) => return self.act(id, act).await,
            Command::Do(order) => return self.carry_out(order).await,
            Command::Slowly(attempt, order) => {
                return Some(self.carry_out_slowly(attempt, order).await);
            }
            Command::Typing(id, writes) => {
                // Said in passing: whether it was heard is nobody's concern.
                let _ = self.0.intend(Intent::Typing(id, writes)).await;
                Ok(())
            }
            Command::Meet(handle) => return self.meet(&handle).await,
            Command::Reconnect => {
                self.0.reconnect().await;
                Ok(())
            }
            // Answered by the loop itself.
            Command::LoadConversations
            | Command::LoadMessages(..)
            | Command::LoadAround(..)
            | Command::LoadPanel(_)
            | Command::LoadName
            | Command::LoadGroup(_)
            | Command::Search(..)
            | Command::LoadDraft(_)
            | Command::Quit => Ok(()),
        };
        done.err().map(|error| Msg::Trouble(sentence(&half(error))))
    }

    /// What is known here of the business behind a handle; what the directory says comes as a happening.
    async fn meet(&self, handle: &str) -> Option<Msg> {
        let named: Handle = handle.parse().ok()?;
        // Who cannot be asked for now is asked for with the first message.
        let _ = self.0.intend(Intent::LookUp(named.clone())).await;
        self.met(&named)
    }

    /// The business that has a handle, if it is one.
    pub(super) fn met(&self, handle: &Handle) -> Option<Msg> {
        let known = self.0.read(|views| views.business(handle)).ok()??;
        Some(Msg::Met(handle.to_string(), Box::new(super::rows::business(known))))
    }

    async fn send(&self, attempt: Attempt, target: Target, text: String, reply: Option<MessageId>) -> Msg {
        let to = match target {
            Target::Existing(conversation) => To::Conversation(conversation),
            Target::New(handle) => match handle.parse::<Handle>() {
                Ok(handle) => To::Person(handle),
                Err(why) => return Msg::NotQueued(attempt, why.to_string()),
            },
        };
        let wish = Wish { in_reply_to: reply.map(|id| ClientId(id.0)), ..Wish::default() };
        match self.0.say(to, Content::Text { text }, wish).await {
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
        let text = |text| Content::Text { text };
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
            Act::Choose(of, words) => Intent::Choose(id, message(of), words),
            Act::Fill(of, answers) => Intent::Fill(id, message(of), answers),
            Act::ClosePoll(of) => Intent::ClosePoll(id, message(of)),
            Act::Look(of) => Intent::Look(id, message(of)),
            Act::Timer(seconds) => Intent::SetTimer(id, seconds),
            Act::Receipts(tell) => Intent::SetReceipts(id, tell),
            Act::Poll(question, options) => {
                Intent::Send(id, Content::Poll(Poll { question, options, multiple: false }))
            }
            Act::Place(north, east, label) => {
                let e7 =
                    |degrees: String| degrees.parse().map(|it: f64| (it * 1e7).round() as i32).map_err(half);
                let (latitude_e7, longitude_e7) = (e7(north)?, e7(east)?);
                Intent::Send(id, Content::Place(Place { latitude_e7, longitude_e7, label }))
            }
            Act::Card(of) => Intent::Send(id, Content::Card(self.card(&of)?)),
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

    /// The card of somebody who is known here.
    fn card(&self, of: &str) -> Result<Card, String> {
        let handle: Handle = of.trim_start_matches('@').parse().map_err(half)?;
        let account = self.0.read(|views| views.account_of(&handle)).map_err(half)?;
        let account =
            account.ok_or_else(|| format!("nothing is known of {handle} here; write to them first"))?;
        Ok(Card { account, handle, name: String::new() })
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
        Change::Label(id, text) => Intent::Send(id, Content::Fact(Fact::Label(text))),
        Change::Leave(id) => Intent::LeaveGroup(id),
    })
}
