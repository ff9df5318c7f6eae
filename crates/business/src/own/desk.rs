//! What the calls about conversations have in common: who sees which, who the people are, and how one is told.

use std::sync::Arc;

use lacre_proto::{AccountId, Millis};
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::{Ask, Own, OwnError, customers};
use crate::api::error::ApiError;
use crate::api::messages::permitted;
use crate::api::reader::At;
use crate::audit::Who;
use crate::chat::{Category, SendError, Standing};
use crate::clock::Clock;
use crate::held::Holdings;
use crate::inbox::Conversation;
use crate::people::{Action, Person};
use crate::restriction;

/// A conversation that whoever asks sees.
pub(super) struct Seen {
    /// With whom.
    pub account: AccountId,
    /// As it was when they asked.
    pub conversation: Conversation,
}

impl Seen {
    /// The conversation of the path. What is in an inbox that they do not see is as if it were not there.
    pub async fn of<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Self, OwnError> {
        let unknown = OwnError::Unknown("conversation");
        let account = customers::customer(own, ask).await.map_err(|error| match error {
            OwnError::Unknown(_) => unknown.clone(),
            other => other,
        })?;
        let conversation = own.conversations.get(account).await?;
        let conversation = conversation.filter(|it| ask.caller.sees(&it.inbox)).ok_or(unknown)?;
        Ok(Self { account, conversation })
    }

    /// The device, where what was said in it is to be looked at: not while nothing is done with the customer's data.
    pub async fn device<D: Data, K: Clock>(&self, own: &Own<D, K>) -> Result<Arc<dyn Holdings>, OwnError> {
        let device = own.device.clone().ok_or(OwnError::NotServing)?;
        match restriction::since(&own.hooks.renderer.names.store, self.account).await? {
            Some(_) => Err(OwnError::Restricted),
            None => Ok(device),
        }
    }
}

/// The people of the business, as they are now.
pub(super) struct Staff(Vec<Person>);

impl Staff {
    pub async fn of<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Self, OwnError> {
        Ok(Self(own.people.list().await?))
    }

    /// Somebody who may answer in an inbox.
    pub fn answers(&self, id: u64, inbox: &str) -> Option<&Person> {
        let sees = |it: &Person| it.inboxes.as_ref().is_none_or(|it| it.contains(inbox));
        self.0.iter().find(|it| it.id == id && it.role.may(Action::Answer) && sees(it))
    }

    /// The number of somebody who is named by it, or by their login; a number is a number first.
    pub fn named(&self, at: &At<'_>) -> Result<u64, OwnError> {
        if let Ok(id) = at.whole() {
            return Ok(id);
        }
        let login = at.text(1, 64)?;
        let found = self.0.iter().find(|it| it.login == login);
        found.map(|it| it.id).ok_or(OwnError::Unknown("person"))
    }

    /// Whose a conversation is: nobody's when they are gone, or may not answer there any more.
    pub fn whose(&self, conversation: &Conversation) -> Option<&Person> {
        self.answers(conversation.assigned?, &conversation.inbox)
    }

    /// Who did something.
    pub fn told(&self, who: Who) -> Value {
        let person = match who {
            Who::Person(id) => self.0.iter().find(|it| it.id == id),
            _ => None,
        };
        json!({ "who": who.to_string(), "name": person.map(|it| it.name.as_str()) })
    }
}

/// A conversation as it is told.
pub(super) async fn told<D: Data, K: Clock>(
    own: &Own<D, K>,
    staff: &Staff,
    account: AccountId,
    conversation: &Conversation,
) -> Result<Value, OwnError> {
    let (names, now) = (&own.hooks.renderer.names, own.now());
    let number = names.customers.number_of(account).await?;
    let person = own.device.as_ref().map(|it| it.person(account)).transpose()?.flatten();
    let standing = own.voice.as_ref().map(|it| it.standing(account)).transpose()?;
    let suspended = own.voice.as_ref().map(|it| it.is_suspended()).transpose()? == Some(true);
    let at_relay = own.device.as_ref().map(|it| it.relay_now(now)).transpose()?.unwrap_or(now);
    let restricted = restriction::since(&names.store, account).await?;
    let refused = match (restricted, person.as_ref().is_some_and(|it| it.blocked)) {
        _ if suspended => Some(SendError::Suspended),
        (Some(_), _) => Some(SendError::Restricted),
        (None, true) => Some(SendError::Blocked),
        (None, false) => None,
    };
    let window = standing.as_ref().map(|it| it.window_until).filter(|it| *it > 0);
    let replying = own.replying.to(account, now).into_iter().map(|(who, until)| {
        let mut told = staff.told(who);
        told["until_ms"] = until.into();
        told
    });
    Ok(json!({
        "wa_id": number.to_string(),
        "user_id": names.customers.user_id(number),
        "name": person.as_ref().map(|it| it.name.as_str()).filter(|it| !it.is_empty()),
        "inbox": conversation.inbox,
        "assigned": staff.whose(conversation).map(|it| json!({ "id": it.id, "name": it.name })),
        "status": conversation.status().name(),
        "waiting_since_ms": conversation.waiting,
        "snoozed_until_ms": conversation.sleeps(now),
        "labels": conversation.labels,
        "version": conversation.version,
        "customer_wrote_ms": conversation.wrote,
        "last_message_ms": conversation.last,
        "answered_by": conversation.answered_by.map(|it| staff.told(it)),
        "window_until_ms": window,
        "consent": standing.as_ref().map(consent),
        "sends": standing.as_ref().map(|it| sends(it, at_relay, refused)),
        "blocked": person.as_ref().map(|it| it.blocked),
        "restricted_since_ms": restricted,
        "replying": replying.collect::<Vec<_>>(),
    }))
}

const CATEGORIES: [Category; 3] = [Category::Service, Category::Marketing, Category::Authentication];

/// What the customer has agreed to, by category.
fn consent(standing: &Standing) -> Value {
    let of = |category: Category| {
        let until = standing.granted.iter().find(|(it, _)| *it == category).map(|(_, until)| *until);
        let state = match until {
            _ if standing.stopped.contains(&category) => "stopped",
            Some(_) => "granted",
            None => "none",
        };
        (category.name().to_owned(), json!({ "state": state, "until_ms": until }))
    };
    Value::Object(CATEGORIES.into_iter().map(of).collect())
}

/// What could be sent now, and why not: the node would say the same.
fn sends(standing: &Standing, now: Millis, refused: Option<SendError>) -> Value {
    let may = |category, is_template| {
        let fine = match &refused {
            Some(why) => Err(ApiError::from(why.clone())),
            None => permitted(standing, now, category, is_template),
        };
        json!({ "allowed": fine.is_ok(), "why": fine.err().map(|it| it.to_string()) })
    };
    let templates = CATEGORIES.into_iter().map(|it| (it.name().to_owned(), may(it, true))).collect();
    json!({ "text": may(Category::Service, false), "templates": Value::Object(templates) })
}

/// How many rows an answer has.
pub(super) fn limit(said: &At<'_>, usual: usize, most: usize) -> Result<usize, OwnError> {
    let limit = said.maybe("limit")?.map(|it| it.whole()).transpose()?;
    Ok(limit.and_then(|it| usize::try_from(it).ok()).unwrap_or(usual).clamp(1, most))
}

/// A text of one line that people sort by.
pub(super) fn line(at: &At<'_>, most: usize) -> Result<String, OwnError> {
    let line = at.text(1, most)?.trim();
    match line.is_empty() || line.chars().any(char::is_control) {
        true => Err(at.bad("must be one line with something in it").into()),
        false => Ok(line.to_owned()),
    }
}

/// The inbox that is asked for, if one is: there has to be one that they see.
pub(super) async fn inbox<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
) -> Result<Option<String>, OwnError> {
    match ask.said.maybe("inbox")? {
        None => Ok(None),
        Some(at) => {
            let name = at.text(0, 100)?;
            match ask.caller.sees(name) && own.inboxes.has(name).await? {
                true => Ok(Some(name.to_owned())),
                false => Err(OwnError::Unknown("inbox")),
            }
        }
    }
}
