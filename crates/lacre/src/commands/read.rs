//! `lacre read`: what is on this device, what waited at the relay, and what comes.

use std::collections::HashSet;
use std::time::Duration;

use lacre_client::content::MessageId;
use lacre_client::records::Trust;
use lacre_client::store::Store;
use lacre_client::view::{Conversation, Message, Views};
use lacre_client::{Client, Connection, Event, OpenError};
use lacre_proto::ConversationId;
use serde_json::Value;
use tokio::sync::broadcast::error::RecvError;

use super::Context;
use super::files::arriving::{Arriving, Saved, told};
use crate::cli::ReadArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::track::Tracker;
use crate::wait::{Reach, Reached};

/// How many messages people get who do not say how many.
const FOR_PEOPLE: usize = 50;

pub(super) async fn run(context: &Context, args: ReadArgs) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    if context.profile.offline() {
        let reader = store.snapshot().map_err(OpenError::from)?;
        let views = Views(reader.as_ref());
        views.me()?.filter(|me| me.registered).ok_or(OpenError::NotSignedUp)?;
        return Reading::new(context, &args).print(history(&views, &args, limit(context, &args))?);
    }
    let client = context.profile.client(store)?;
    let mut reading = Reading::new(context, &args);
    let outcome = match args.follow {
        true => reading.follow(&client).await,
        false => reading.once(&client).await,
    };
    client.close().await;
    outcome
}

fn limit(context: &Context, args: &ReadArgs) -> usize {
    args.limit.unwrap_or(if context.json { usize::MAX } else { FOR_PEOPLE })
}

/// A message, the person of its conversation, whether it is a request, and how well that person is known.
type Row = (Message, String, bool, Option<Trust>);

struct Reading<'a> {
    context: &'a Context,
    args: &'a ReadArgs,
    shown: HashSet<MessageId>,
    tracker: Tracker,
    last: Vec<(ConversationId, MessageId)>,
    /// Files of what comes from now on.
    arriving: Option<Arriving>,
}

impl<'a> Reading<'a> {
    fn new(context: &'a Context, args: &'a ReadArgs) -> Self {
        let (shown, tracker, last) = (HashSet::new(), Tracker::default(), Vec::new());
        Self { context, args, shown, tracker, last, arriving: None }
    }

    /// Prints what is here once everything that waited has come.
    async fn once(&mut self, client: &Client) -> Result<(), Failure> {
        let mut reach = Reach::new(client);
        let reached = reach.caught_up(Duration::from_secs(self.args.timeout)).await;
        let rows = client.read(|views| history(&views, self.args, limit(self.context, self.args)))?;
        if rows.is_empty() && !self.context.json {
            output::line("There is nothing to show yet.")?;
        }
        self.print(rows)?;
        self.mark_read(client).await?;
        client.flush().await;
        match reached {
            Reached::Yes => Ok(()),
            Reached::No(trouble) => {
                let mut failure = Failure::from(trouble);
                let what = failure.message.trim_end_matches('.').to_owned();
                failure.message = format!("{what}. What is shown is what this device had already.");
                Err(failure)
            }
        }
    }

    /// Prints what is here and goes on until it is interrupted, or until there is no point in waiting.
    async fn follow(&mut self, client: &Client) -> Result<(), Failure> {
        let arriving =
            self.args.save.as_ref().map(|folder| Arriving::new(client, folder, self.args.save_most));
        let arriving = arriving.transpose()?;
        let mut events = client.events();
        let limit = limit(self.context, self.args);
        let all = client.read(|views| history(&views, self.args, usize::MAX))?;
        let older = all.len().saturating_sub(limit);
        for (message, with, ..) in &all[..older] {
            self.shown.insert(message.id);
            self.news(message, with, true);
        }
        self.print(all.into_iter().skip(older))?;
        self.mark_read(client).await?;
        self.arriving = arriving;
        let mut connection = client.connection();
        let stop = crate::stop::signal()?;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                event = events.recv() => self.event(client, event).await?,
                Some(saved) = arrived(&mut self.arriving) => told(self.context, saved)?,
                stopped = &mut stop => return stopped,
                changed = connection.changed() => {
                    let state = connection.borrow_and_update().clone();
                    match state {
                        Connection::Offline { why, again: None, .. } => return Err(why.into()),
                        Connection::Offline { why, .. } => tracing::info!(reason = %why, "offline"),
                        _ => {}
                    }
                    changed.map_err(|_| Failure::new(Exit::Failure, "fault", "the client stopped"))?;
                }
            }
        }
    }

    async fn event(&mut self, client: &Client, event: Result<Event, RecvError>) -> Result<(), Failure> {
        let rows = match event {
            Ok(Event::MessageChanged(conversation, id)) if self.context.json || !self.shown.contains(&id) => {
                client.read(|views| one(&views, self.args, conversation, id))?
            }
            // Too many events to be kept: read everything again, and show what was not shown.
            Err(RecvError::Lagged(_)) => client.read(|views| history(&views, self.args, usize::MAX))?,
            Err(RecvError::Closed) => {
                return Err(Failure::new(Exit::Failure, "fault", "the client stopped"));
            }
            Ok(_) => return Ok(()),
        };
        self.print(rows)?;
        self.mark_read(client).await
    }

    fn print(&mut self, rows: impl IntoIterator<Item = Row>) -> Result<(), Failure> {
        let mut asking = Vec::new();
        for (message, with, request, trust) in rows {
            let new = self.shown.insert(message.id);
            match (self.context.json, self.news(&message, &with, new)) {
                (true, Some(mut line)) => {
                    line["request"] = request.into();
                    line["trust"] = trust.map(Trust::name).into();
                    output::object(&line)?;
                }
                (false, _) if new => {
                    let id = if self.args.ids { format!("{}  ", message.id) } else { String::new() };
                    output::line(&format!("{id}{}", output::message_lines(&message, &with)))?;
                }
                _ => {}
            }
            if let Some(arriving) = self.arriving.as_mut().filter(|_| new && !request && !message.mine) {
                arriving.take(self.context, &message)?;
            }
            if new && request && !asking.contains(&with) {
                asking.push(with);
            }
            if new && !message.mine && !message.seen {
                self.last.retain(|(conversation, _)| *conversation != message.conversation);
                self.last.push((message.conversation, message.id));
            }
        }
        if !self.context.json {
            asking.iter().for_each(|name| eprintln!("{}", super::requests::advice(name)));
        }
        Ok(())
    }

    /// The line that tells of a message; when it was told of before, with what has changed.
    fn news(&mut self, message: &Message, with: &str, new: bool) -> Option<Value> {
        let mut line = output::message_json(message, with);
        if !self.args.follow || !self.context.json {
            return Some(line);
        }
        let fields = self.tracker.take(message.id, line.as_object()?)?;
        if !new {
            // Of a message that was told of long ago it is not known which fields are others.
            line["changed"] = fields.unwrap_or_default().into();
        }
        Some(line)
    }

    async fn mark_read(&mut self, client: &Client) -> Result<(), Failure> {
        let last = std::mem::take(&mut self.last);
        if self.args.mark_read {
            for (conversation, message) in last {
                client.mark_read(conversation, message).await?;
            }
        }
        Ok(())
    }
}

/// The next file that was saved, or could not be; `None` when none is waited for.
async fn arrived(arriving: &mut Option<Arriving>) -> Option<Saved> {
    arriving.as_mut()?.next().await
}

/// The last `limit` messages of the conversations that are asked for, in the order in which they came.
fn history(views: &Views<'_>, args: &ReadArgs, limit: usize) -> Result<Vec<Row>, lacre_client::EngineError> {
    let mut rows = Vec::new();
    for conversation in views.conversations()? {
        let request = conversation.is_request();
        if !is_wanted(args, &conversation) {
            continue;
        }
        let Conversation { id, name, safety, .. } = conversation;
        let messages = views.messages(id, None, limit)?;
        rows.extend(messages.into_iter().map(|message| (message, name.clone(), request, safety.trust)));
    }
    rows.sort_by_key(|(message, ..)| message.position);
    let older = rows.len().saturating_sub(limit);
    Ok(rows.split_off(older))
}

fn one(
    views: &Views<'_>,
    args: &ReadArgs,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Vec<Row>, lacre_client::EngineError> {
    let Some(found) = views.conversation(conversation)? else { return Ok(Vec::new()) };
    let request = found.is_request();
    if !is_wanted(args, &found) {
        return Ok(Vec::new());
    }
    let (name, safety) = (found.name, found.safety);
    let message = views.message(conversation, id)?;
    Ok(message.map(|message| (message, name, request, safety.trust)).into_iter().collect())
}

/// Whether a conversation is the one that is asked for; all are when none is.
fn is_wanted(args: &ReadArgs, conversation: &Conversation) -> bool {
    let Some(wanted) = &args.with else { return true };
    let wanted = wanted.strip_prefix(['@', '#']).unwrap_or(wanted);
    wanted.to_lowercase() == conversation.name.to_lowercase()
        || conversation.with.as_ref().is_some_and(|handle| handle.as_str() == wanted)
        || wanted == conversation.id.to_string()
}
