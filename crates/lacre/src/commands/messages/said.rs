//! Messages that are more than text, answers, and what is passed on.

use lacre_client::content::{Card, Content, Place, Poll};
use lacre_client::view::Body;
use lacre_client::{Intent, Queued, To, Wish};
use lacre_proto::Handle;

use super::{Doing, message_id};
use crate::cli::LocationArgs;
use crate::commands::send;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

impl Doing<'_> {
    async fn say(&self, to: To, content: Content) -> Result<(), Failure> {
        self.say_so(to, content, Wish::default()).await
    }

    async fn say_so(&self, to: To, content: Content, wish: Wish) -> Result<(), Failure> {
        let reached = self.catch_up().await;
        match self.intend(Intent::Say(to, content, wish), reached).await? {
            Queued::Message(conversation, id) => {
                self.client.wait_sent(conversation, id).await?;
                self.show(conversation, id)
            }
            Queued::Done => Ok(()),
        }
    }

    pub(super) async fn reply(&self, id: &str, text: &str) -> Result<(), Failure> {
        let text = send::text(text)?;
        let id = message_id(id)?;
        self.catch_up().await;
        let (conversation, _) = self.find(id)?;
        let wish = Wish { in_reply_to: Some(id), ..Wish::default() };
        self.say_so(To::Conversation(conversation), Content::Text { text }, wish).await
    }

    pub(super) async fn choose(&self, id: &str, choice: &str) -> Result<(), Failure> {
        let message = message_id(id)?;
        let reached = self.catch_up().await;
        let (conversation, row) = self.find(message)?;
        if matches!(&row.body, Body::Menu { menu, .. } if menu.form().is_some()) {
            let why = "this message has a form: `lacre fill` with its id fills it in; nothing was sent";
            return Err(Failure::new(Exit::Refused, "not_of_this_kind", why));
        }
        let choice = chosen(&row.body, choice);
        match self.intend(Intent::Choose(conversation, message, choice), reached).await? {
            Queued::Message(conversation, id) => {
                self.client.wait_sent(conversation, id).await?;
                self.show(conversation, id)
            }
            Queued::Done => Ok(()),
        }
    }

    pub(super) async fn forward(&self, id: &str, names: &[String]) -> Result<(), Failure> {
        let message = message_id(id)?;
        let reached = self.catch_up().await;
        let (from, _) = self.find(message)?;
        let to = names.iter().map(|name| self.to(name)).collect::<Result<Vec<_>, _>>()?;
        let count = to.len();
        let names = safe_line(&names.join(", "));
        self.intend(Intent::Forward { from, message, to }, reached).await?;
        match self.context.json {
            true => output::object(&serde_json::json!({ "forwarded": id, "to": count })),
            false => output::line(&format!("Passed on to {names}.")),
        }
    }

    pub(super) async fn poll(
        &self,
        to: &str,
        question: String,
        options: Vec<String>,
        multiple: bool,
    ) -> Result<(), Failure> {
        self.say(self.to(to)?, Content::Poll(Poll { question, options, multiple })).await
    }

    pub(super) async fn location(&self, args: LocationArgs) -> Result<(), Failure> {
        let LocationArgs { to, latitude, longitude, label } = args;
        #[expect(clippy::cast_possible_truncation, reason = "180 degrees are 1.8e9 of its steps, within i32")]
        let e7 = |degrees: f64| (degrees * 1e7).round() as i32;
        let (latitude_e7, longitude_e7) = (e7(latitude), e7(longitude));
        self.say(self.to(&to)?, Content::Place(Place { latitude_e7, longitude_e7, label })).await
    }

    pub(super) async fn contact(&self, to: &str, handle: &Handle, name: String) -> Result<(), Failure> {
        let account = self.client.read(|views| views.account_of(handle))?.ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                "no_such_account",
                format!("you have no conversation with {handle} yet; nothing was sent"),
            )
        })?;
        self.say(self.to(to)?, Content::Card(Card { account, handle: handle.clone(), name })).await
    }
}

/// What is chosen by its words, or by its number where nothing has these words.
fn chosen(body: &Body, choice: &str) -> String {
    let all = if let Body::Menu { menu, .. } = body { output::choices(menu) } else { Vec::new() };
    let numbered = choice.parse::<usize>().ok().and_then(|number| all.get(number.checked_sub(1)?));
    match numbered {
        Some(title) if !all.iter().any(|title| title == choice) => title.clone(),
        _ => choice.to_owned(),
    }
}
