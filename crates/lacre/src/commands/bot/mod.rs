//! `lacre bot`: one JSON object a line in and out, for programs that talk to people. See `docs/guide/bot.md`.

mod files;
mod lines;
mod op;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use lacre_client::content::MessageId;
use lacre_client::once::Once;
use lacre_client::view::{Message, Sending, Views};
use lacre_client::{Client, Connection, EngineError, Event, Intent, Queued, Wish};
use lacre_proto::ConversationId;
use lacre_proto::error::Retry;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, watch};

use self::lines::Line;
use self::op::{Asked, Op, usage};
use super::Context;
use super::files::{no_folder, send};
use crate::cli::BotArgs;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::track::Tracker;

/// Version of the lines; grows when a line changes its meaning, not when one is added.
const SCHEMA: u32 = 1;

pub(super) async fn run(context: &Context, args: BotArgs) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let outcome = Bot::new(client.clone(), args).run().await;
    client.close().await;
    outcome
}

struct Bot {
    client: Client,
    args: BotArgs,
    events: broadcast::Receiver<Event>,
    connection: watch::Receiver<Connection>,
    tracker: Tracker,
    /// One's own messages that the relay does not have yet.
    waiting: HashMap<MessageId, ConversationId>,
    /// How many are saving files, and what they answer when they are done.
    saving: usize,
    saved: (mpsc::UnboundedSender<Value>, mpsc::UnboundedReceiver<Value>),
}

impl Bot {
    fn new(client: Client, args: BotArgs) -> Self {
        let (events, mut connection) = (client.events(), client.connection());
        connection.mark_changed();
        Self {
            client,
            args,
            events,
            connection,
            tracker: Tracker::default(),
            waiting: HashMap::new(),
            saving: 0,
            saved: mpsc::unbounded_channel(),
        }
    }

    async fn run(mut self) -> Result<(), Failure> {
        let me = self.client.me()?;
        say(json!({
            "event": "ready",
            "schema": SCHEMA,
            "handle": me.handle.as_str(),
            "device": me.device.to_string(),
        }))?;
        self.unread()?;
        let mut lines = lines::lines();
        let mut number = 0;
        let stop = crate::stop::signal()?;
        tokio::pin!(stop);
        loop {
            let room = self.waiting.len() + self.saving < self.args.in_flight;
            tokio::select! {
                biased;
                stopped = &mut stop => return stopped,
                event = self.events.recv() => self.event(event)?,
                changed = self.connection.changed() => self.connected(changed.is_ok())?,
                Some(answer) = self.saved.1.recv() => self.was_saved(answer)?,
                line = lines.recv(), if room => match line {
                    Some(line) => {
                        number += 1;
                        self.line(number, line).await?;
                    }
                    None => break,
                },
            }
        }
        self.end().await
    }

    /// Everything that others wrote and that was not marked read.
    fn unread(&mut self) -> Result<(), Failure> {
        let unread = self.client.read(|views| {
            let mut unread = Vec::new();
            for conversation in views.conversations()?.into_iter().filter(|row| row.unread > 0) {
                let rows = views.messages(conversation.id, None, usize::MAX)?;
                let rows = rows.into_iter().filter(|row| !row.mine && !row.seen);
                unread.extend(rows.map(|row| (row, conversation.name.clone())));
            }
            unread.sort_by_key(|(row, _)| row.position);
            Ok(unread)
        })?;
        unread.into_iter().try_for_each(|(row, name)| self.tell(row, &name))
    }

    fn event(&mut self, event: Result<Event, RecvError>) -> Result<(), Failure> {
        match event {
            Ok(Event::MessageChanged(conversation, id)) => self.look(conversation, id),
            Ok(Event::Alert(conversation, alert)) => say(json!({
                "event": "alert",
                "conversation": conversation.map(|id| id.to_string()),
                "message": alert.to_string(),
            })),
            Ok(_) => Ok(()),
            // Too many to be kept: everything that may have changed is looked at again.
            Err(RecvError::Lagged(_)) => self.look_again(),
            Err(RecvError::Closed) => Err(stopped()),
        }
    }

    fn look_again(&mut self) -> Result<(), Failure> {
        for conversation in self.client.conversations()? {
            for row in self.client.messages(conversation.id, None, usize::MAX)? {
                let told = self.tracker.knows(row.id) || self.waiting.contains_key(&row.id);
                if told || !row.mine && !row.seen {
                    self.tell(row, &conversation.name)?;
                }
            }
        }
        Ok(())
    }

    fn look(&mut self, conversation: ConversationId, id: MessageId) -> Result<(), Failure> {
        let found = self.client.read(|views| message(&views, conversation, id))?;
        match found {
            // What was said before this device came is no news.
            Some((row, _)) if row.marks.transferred && !self.tracker.knows(row.id) => Ok(()),
            Some((row, name)) => self.tell(row, &name),
            None => Ok(()),
        }
    }

    /// Tells of a message what was not told yet.
    fn tell(&mut self, row: Message, name: &str) -> Result<(), Failure> {
        if row.state != Some(Sending::Sending) {
            self.waiting.remove(&row.id);
        }
        let Value::Object(mut told) = output::message_json(&row, name) else { return Ok(()) };
        let event = match self.tracker.take(row.id, &told) {
            None => return Ok(()),
            Some(None) => "message",
            Some(Some(fields)) => {
                told.insert("changed".to_owned(), fields.into());
                "changed"
            }
        };
        told.insert("event".to_owned(), event.into());
        say(Value::Object(told))
    }

    fn connected(&mut self, runs: bool) -> Result<(), Failure> {
        if !runs {
            return Err(stopped());
        }
        let state = self.connection.borrow_and_update().clone();
        let (name, reason) = match state {
            Connection::Connecting => ("connecting", None),
            Connection::CatchingUp => ("catching_up", None),
            Connection::Online => ("online", None),
            Connection::Offline { why, again: Some(_), .. } => ("offline", Some(why.to_string())),
            Connection::Offline { why, again: None, .. } => return Err(why.into()),
            Connection::Closed => return Err(stopped()),
        };
        say(json!({"event": "connection", "state": name, "reason": reason}))
    }

    async fn line(&mut self, number: u64, line: Line) -> Result<(), Failure> {
        let asked = match line {
            Line::Bytes(bytes) => op::parse(&bytes),
            Line::TooLong => {
                Err((None, Failure::new(Exit::Usage, "bad_line", "the line is too long; nothing was done")))
            }
        };
        let outcome = match asked {
            Ok(Asked { id, what: _, op: Op::Save { conversation, message, file, to } }) => {
                let place = self.look_up(|views| op::here(views, &conversation, &message));
                match place {
                    Ok(place) => return self.save(number, id, place, file, to.into()),
                    Err(failure) => Err((id, failure)),
                }
            }
            Ok(Asked { id, what, op }) => {
                let done = self.done(id.as_deref(), &what, op).await;
                done.map_err(|failure| (id, failure))
            }
            Err(wrong) => Err(wrong),
        };
        match outcome {
            Ok(answer) => say(answer),
            Err((id, failure)) => say(refusal(id.as_deref(), number, &failure)),
        }
    }

    /// Saves files beside everything else: a large one holds up nothing.
    fn save(
        &mut self,
        number: u64,
        id: Option<String>,
        place: (ConversationId, MessageId),
        file: Option<u8>,
        to: PathBuf,
    ) -> Result<(), Failure> {
        let (client, answers) = (self.client.clone(), self.saved.0.clone());
        self.saving += 1;
        tokio::spawn(async move {
            let answer = match files::saved(&client, place, file, to).await {
                Ok(files) => json!({"event": "saved", "id": id, "files": files}),
                Err(failure) => refusal(id.as_deref(), number, &failure),
            };
            // Nobody listens any more when the bot has ended.
            let _ = answers.send(answer);
        });
        Ok(())
    }

    fn was_saved(&mut self, answer: Value) -> Result<(), Failure> {
        self.saving -= 1;
        say(answer)
    }

    fn look_up<T>(&self, look: impl FnOnce(&Views<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        self.client.read(|views| Ok(look(&views)))?
    }

    /// The intent that does what was asked for, and what is to be said of its files.
    async fn intent(&self, op: Op) -> Result<(Intent, Vec<String>), Failure> {
        // Whether it can be said there at all comes before the work on its files.
        let said = |to: Option<String>, conversation: Option<String>, reply_to: Option<String>| {
            self.look_up(|views| {
                let to = op::place(views, to.as_deref(), conversation.as_deref())?;
                let in_reply_to = op::answered(views, &to, reply_to.as_deref())?;
                Ok((to, Wish { in_reply_to, ..Wish::default() }))
            })
        };
        let ((to, wish), (content, warnings)) = match op {
            Op::SendFiles { to, conversation, files, caption, original, reply_to } => {
                let said = said(to, conversation, reply_to)?;
                (said, files::sealed(&self.client, files, caption, original).await?)
            }
            Op::SendVoice { to, conversation, file, reply_to } => {
                let said = said(to, conversation, reply_to)?;
                let folder = self.client.files().ok_or_else(no_folder)?;
                (said, (send::voice(folder, file.as_ref()).await?, Vec::new()))
            }
            op => return Ok((self.look_up(|views| op.intent(views))?, Vec::new())),
        };
        Ok((Intent::Say(to, content, wish), warnings))
    }

    /// Does what was asked for; the line that answers it.
    async fn done(&mut self, id: Option<&str>, what: &[u8], op: Op) -> Result<Value, Failure> {
        // What was said before is not made again: its file may be there no more.
        let before = id.map(|id| self.client.done_before(id, what)).transpose()?.flatten();
        let (Once { queued, again }, warnings) = match before {
            Some(once) => (once, Vec::new()),
            None => {
                let (intent, warnings) = self.intent(op).await?;
                let once = match id {
                    Some(id) => self.client.intend_once(id, what, intent).await?,
                    None => Once { queued: self.client.intend(intent).await?, again: false },
                };
                (once, warnings)
            }
        };
        let Queued::Message(conversation, message_id) = queued else {
            return Ok(json!({"event": "done", "id": id, "again": again}));
        };
        let found = self.client.read(|views| message(&views, conversation, message_id))?;
        let mut state = None;
        if let Some((row, name)) = found {
            state = row.state.map(|state| state.name());
            if row.state == Some(Sending::Sending) {
                self.waiting.insert(row.id, conversation);
            }
            if let Value::Object(told) = output::message_json(&row, &name) {
                // The answer tells it; what becomes of it is told as changes.
                self.tracker.take(row.id, &told);
            }
        }
        let mut answer = json!({
            "event": "queued",
            "id": id,
            "again": again,
            "conversation": conversation.to_string(),
            "message": message_id.to_string(),
            "state": state,
        });
        if !warnings.is_empty() {
            answer["warnings"] = json!(warnings);
        }
        Ok(answer)
    }

    /// Standard input is at its end: what waits is given time to leave.
    async fn end(&mut self) -> Result<(), Failure> {
        let limit = tokio::time::sleep(Duration::from_secs(self.args.timeout));
        tokio::pin!(limit);
        while !self.waiting.is_empty() || self.saving > 0 {
            tokio::select! {
                Some(answer) = self.saved.1.recv() => self.was_saved(answer)?,
                event = self.events.recv() => self.event(event)?,
                changed = self.connection.changed() => self.connected(changed.is_ok())?,
                () = &mut limit => break,
            }
        }
        // Receipts and the like; without a connection there is nothing to wait for.
        let flushed = self.client.flush();
        tokio::select! {
            () = flushed => {}
            () = &mut limit => {}
        }
        while let Ok(event) = self.events.try_recv() {
            self.event(Ok(event))?;
        }
        let (waiting, saving) = (self.waiting.len(), self.saving);
        say(json!({"event": "end", "waiting": waiting, "saving": saving}))?;
        if waiting == 0 && saving == 0 {
            return Ok(());
        }
        if waiting == 0 {
            let why = format!("{saving} file(s) were not saved in time; say it again");
            return Err(Failure { retry: Retry::Later, ..Failure::new(Exit::Unreachable, "not_saved", why) });
        }
        Err(Failure {
            retry: Retry::Later,
            ..Failure::new(
                Exit::Unreachable,
                "not_acknowledged",
                format!("{waiting} message(s) wait in the profile and go out the next time it connects"),
            )
        })
    }
}

/// A message and the name of its conversation.
fn message(
    views: &Views<'_>,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Option<(Message, String)>, EngineError> {
    let Some(found) = views.conversation(conversation)? else { return Ok(None) };
    Ok(views.message(found.id, id)?.map(|row| (row, found.name)))
}

fn refusal(id: Option<&str>, line: u64, failure: &Failure) -> Value {
    json!({
        "event": "error",
        "id": id,
        "line": line,
        "code": failure.code,
        "message": failure.message,
        "retry": failure.retry_name(),
    })
}

fn say(line: Value) -> Result<(), Failure> {
    output::object(&line)
}

fn stopped() -> Failure {
    Failure::new(Exit::Failure, "fault", "the client stopped")
}
