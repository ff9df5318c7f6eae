//! What people say to customers, by the way of the business's programs; and what they do before.

use lacre_store::data::Data;
use serde_json::{Value, json};

use super::desk::{self, Seen, Staff};
use super::{Ask, Done, Own, OwnError, success};
use crate::api::reader::At;
use crate::api::wamid;
use crate::chat::MessageId;
use crate::clock::Clock;
use crate::held::Holdings;
use crate::media::Source;
use crate::voice::Saying;

/// Characters of a text.
const BODY_MAX: usize = 4_096;
/// Messages that are looked through for the customer's last.
const LOOKED: usize = 200;

/// `POST conversations/{customer}/messages`: one of `body` (a text), `canned` (the name of a reply that is kept ready)
/// and `template` (as programs give it; files in it that customers sent are this one's), and the message in `reply_to` that it answers. With an `Idempotency-Key` the
/// same request again is the same message.
pub(super) async fn say<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let seen = Seen::of(own, ask).await?;
    let voice = own.voice.clone().ok_or(OwnError::NotServing)?;
    let device = seen.device(own).await?;
    let what = what(own, ask, device.as_ref(), &seen).await?;
    let in_reply_to =
        ask.said.maybe("reply_to")?.map(|it| message(&it, device.as_ref(), &seen)).transpose()?;
    let number = own.hooks.renderer.names.customers.number_of(seen.account).await?;
    let who = ask.caller.who();
    let saying = Saying { to: number.to_string(), by: who, what, in_reply_to, key: ask.key.clone() };
    let id = voice.say(saying).await.map_err(OwnError::not_sent)?;
    own.replying.end(seen.account, who);
    // It is said: what fails from here on is no reason to have it said again.
    if let Err(error) = own.conversations.said_by(seen.account, id, who).await {
        tracing::warn!(%error, "it is not noted who said a message");
    }
    let conversation = as_it_is_now(own, &seen).await;
    if let Err(error) = &conversation {
        tracing::warn!(%error, "how a conversation stands now is not told");
    }
    let id = wamid::of(id);
    let told = json!({ "id": id, "conversation": conversation.ok() });
    Ok(Done::new(told, format!("message {id}")).about(seen.account))
}

async fn as_it_is_now<D: Data, K: Clock>(own: &Own<D, K>, seen: &Seen) -> Result<Value, OwnError> {
    let now = own.conversations.get(seen.account).await?;
    let now = now.as_ref().unwrap_or(&seen.conversation);
    desk::told(own, &Staff::of(own).await?, seen.account, now).await
}

/// What is said, as a program would say it.
async fn what<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
    device: &dyn Holdings,
    seen: &Seen,
) -> Result<Value, OwnError> {
    let text = |body: &str| json!({ "type": "text", "text": { "body": body } });
    match (ask.said.maybe("body")?, ask.said.maybe("canned")?, ask.said.maybe("template")?) {
        (Some(body), None, None) => Ok(text(body.text(1, BODY_MAX)?)),
        (None, Some(name), None) => {
            let reply = own.canned.get(name.text(1, 40)?).await?;
            let reply = reply.ok_or(OwnError::Unknown("reply that is kept ready"))?;
            let name = device.person(seen.account)?.map(|it| it.name).unwrap_or_default();
            Ok(text(&reply.to(&name)))
        }
        (None, None, Some(template)) => {
            let mut ids = Vec::new();
            ids_in(template.value(), &mut ids);
            for id in ids {
                let medium = own.hooks.renderer.names.media.find(id, own.now()).await?;
                let foreign = match medium.map(|it| it.source) {
                    Some(Source::Customer(message, _)) => !device.has(seen.account, message)?,
                    Some(Source::Uploaded) | None => false,
                };
                if foreign {
                    return Err(OwnError::Unknown("file"));
                }
            }
            Ok(json!({ "type": "template", "template": template.value() }))
        }
        _ => Err(OwnError::Invalid("say one of body, canned and template".to_owned())),
    }
}

/// The ids that a template is filled with, those of files among them.
fn ids_in(value: &Value, found: &mut Vec<u64>) {
    match value {
        Value::Object(members) => {
            for (name, it) in members {
                let id = it.as_u64().or_else(|| it.as_str()?.trim().parse().ok());
                found.extend(id.filter(|_| name == "id"));
                ids_in(it, found);
            }
        }
        Value::Array(all) => all.iter().for_each(|it| ids_in(it, found)),
        _ => {}
    }
}

/// `POST conversations/{customer}/read`: marks the customer's message in `message_id` as read, and those before it;
/// the last one, when none is named.
pub(super) async fn mark_read<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let seen = Seen::of(own, ask).await?;
    let voice = own.voice.clone().ok_or(OwnError::NotServing)?;
    let device = seen.device(own).await?;
    let id = match ask.said.maybe("message_id")? {
        Some(at) => message(&at, device.as_ref(), &seen)?,
        None => {
            let held = device.held_before(seen.account, None, LOOKED)?;
            let last = held.into_iter().find(|it| it.told["from"] == "customer");
            last.map(|it| it.id).ok_or(OwnError::Unknown("message of the customer's"))?
        }
    };
    voice.mark_read(id).await.map_err(OwnError::not_sent)?;
    Ok(Done::new(success(), format!("message {}", wamid::of(id))).about(seen.account))
}

/// `POST conversations/{customer}/replying`: whoever asks is writing an answer, for half a minute from now; with `stop`,
/// not any more. Gives who is.
pub(super) async fn replying<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let seen = Seen::of(own, ask).await?;
    let who = ask.caller.who();
    match ask.said.flag("stop")? {
        true => own.replying.end(seen.account, who),
        false => own.replying.begin(seen.account, who, own.now()),
    }
    let told = desk::told(own, &Staff::of(own).await?, seen.account, &seen.conversation).await?;
    Ok(Done::new(json!({ "replying": told["replying"] }), "").about(seen.account))
}

/// A message of this conversation: one of another is as if it were not there.
fn message(at: &At<'_>, device: &dyn Holdings, seen: &Seen) -> Result<MessageId, OwnError> {
    let id = wamid::parse(at.text(1, 200)?).ok_or_else(|| at.bad("must be the id of a message"))?;
    match device.has(seen.account, id)? {
        true => Ok(id),
        false => Err(OwnError::Unknown("message")),
    }
}
