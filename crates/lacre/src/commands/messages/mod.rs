//! What is done with messages: each is one intent, then its outcome is printed.

mod about;
mod filling;
mod said;
mod settings;

use std::time::Duration;

use lacre_client::content::MessageId;
use lacre_client::view::Message;
use lacre_client::{Client, Intent, Queued, To};
use lacre_proto::ConversationId;

use super::{Context, names};
use crate::cli::MessageCommand;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;
use crate::wait::{Reach, Reached};

/// How long the relay is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(context: &Context, command: MessageCommand) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    let client = context.profile.client(store)?;
    let doing = Doing { context, client: &client };
    let outcome = doing.command(command).await;
    client.close().await;
    outcome
}

struct Doing<'a> {
    context: &'a Context,
    client: &'a Client,
}

impl Doing<'_> {
    async fn command(&self, command: MessageCommand) -> Result<(), Failure> {
        match command {
            MessageCommand::Reply { id, text } => self.reply(&id, &text).await,
            MessageCommand::Choose { id, choice } => self.choose(&id, &choice).await,
            MessageCommand::Fill { id, answers } => self.fill(&id, &answers).await,
            MessageCommand::Forward { id, to } => self.forward(&id, &to).await,
            MessageCommand::Poll { to, question, options, multiple } => {
                self.poll(&to, question, options, multiple).await
            }
            MessageCommand::Location(args) => self.location(args).await,
            MessageCommand::Contact { to, handle, name } => self.contact(&to, &handle, name).await,
            MessageCommand::Pins { with } => self.pins(&with).await,
            MessageCommand::Stars => self.stars(),
            MessageCommand::History { id } => self.history(&id).await,
            MessageCommand::Info { id } => self.info(&id).await,
            MessageCommand::Timer { with, time } => self.timer(&with, time.as_deref()).await,
            MessageCommand::Receipts { with, tell } => self.receipts(&with, tell).await,
            MessageCommand::Scheduled { cancel } => self.scheduled(cancel.as_deref()).await,
            MessageCommand::Name { name } => self.name(name).await,
            about => self.about(about).await,
        }
    }

    /// Waits until everything that waited at the relay is here: what is meant may be among it.
    async fn catch_up(&self) -> Reached {
        Reach::new(self.client).caught_up(PATIENCE).await
    }

    /// Does it, and waits until the relay has it.
    async fn intend(&self, intent: Intent, reached: Reached) -> Result<Queued, Failure> {
        let queued = self.client.intend(intent).await?;
        self.client.flush().await;
        match reached {
            Reached::Yes => Ok(queued),
            Reached::No(_) if self.context.profile.offline() => Ok(queued),
            Reached::No(trouble) => {
                let mut failure = Failure::from(trouble);
                let what = failure.message.trim_end_matches('.').to_owned();
                failure.message = format!(
                    "{what}. Nothing was sent. It is kept in the profile, and goes out the next time this profile \
                     connects."
                );
                Err(failure)
            }
        }
    }

    /// The conversation that a message is in.
    fn find(&self, id: MessageId) -> Result<(ConversationId, Message), Failure> {
        let found = self.client.read(|views| {
            for conversation in views.conversations()? {
                if let Some(message) = views.message(conversation.id, id)? {
                    return Ok(Some((conversation.id, message)));
                }
            }
            Ok(None)
        })?;
        found.ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                "no_such_message",
                format!("there is no message {id} on this device; nothing was done"),
            )
        })
    }

    /// To whom something is said.
    fn to(&self, name: &str) -> Result<To, Failure> {
        self.client.read(|views| Ok(names::to(&views, name)))?
    }

    fn conversation(&self, name: &str) -> Result<ConversationId, Failure> {
        self.client.read(|views| Ok(names::conversation(&views, name)))?
    }

    /// Prints a message as it stands now.
    fn show(&self, conversation: ConversationId, id: MessageId) -> Result<(), Failure> {
        let shown = self.client.read(|views| {
            let name = views.conversation(conversation)?.map(|it| it.name).unwrap_or_default();
            Ok(views.message(conversation, id)?.map(|message| (message, name)))
        })?;
        match shown {
            Some((message, name)) => self.print(&message, &name),
            None if self.context.json => {
                output::object(&serde_json::json!({ "id": id.to_string(), "kind": "gone" }))
            }
            None => output::line("Done."),
        }
    }

    fn print(&self, message: &Message, name: &str) -> Result<(), Failure> {
        match self.context.json {
            true => output::object(&output::message_json(message, name)),
            false => output::line(&output::message_lines(message, &safe_line(name))),
        }
    }

    fn print_all(&self, messages: Vec<Message>) -> Result<(), Failure> {
        if messages.is_empty() && !self.context.json {
            return output::line("There are none.");
        }
        for message in messages {
            let name = self.client.read(|views| {
                Ok(views.conversation(message.conversation)?.map(|it| it.name).unwrap_or_default())
            })?;
            self.print(&message, &name)?;
        }
        Ok(())
    }
}

/// A message id, as `lacre read --ids` shows it.
pub(super) fn message_id(text: &str) -> Result<MessageId, Failure> {
    let bytes = hex::decode(text).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    bytes
        .map(MessageId)
        .ok_or_else(|| Failure::usage("a message id is 32 hex digits, as `lacre read --ids` shows it"))
}
