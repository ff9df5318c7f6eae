//! `POST /{number}/messages`: a request becomes one thing that the sealed side sends, or an error that says why not.

mod contacts;
mod content;
mod flow;
mod interactive;
mod media;
mod recipient;
mod record;
mod template;
mod turn;

use lacre_proto::{AccountId, Millis};
use serde_json::{Value, json};

use self::content::Draft;
pub use self::content::place;
pub(crate) use self::media::{download_error, upload_error};
pub(crate) use self::recipient::{account, account_of_user, normal};
pub use self::record::{Kept, reached, record};
pub(crate) use self::record::{drop_kept, forget_kept, kept, notes_held};
use self::turn::Turn;
pub(crate) use self::turn::{ANSWER_LIFE, answers_held, drop_answers, forget_answers};
use super::call::{Call, success};
use super::error::ApiError;
use super::{numbers, wamid};
use crate::chat::{Category, Chat, MessageId, Said, Send, SendError, Standing};
use crate::node::{Node, Ports};
use crate::restriction;
use crate::templates::Purpose;

/// Most characters of what a program wants to hear again with each status.
const OPAQUE_MAX: usize = 512;

/// Sends a message, or marks one as read.
pub async fn post<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    call.is_whatsapp()?;
    if call.params().maybe("status")?.is_some() {
        return mark_read(node, call).await;
    }
    in_turn(node, call, false).await
}

/// `POST /{number}/marketing_messages`: templates of that purpose only.
pub async fn post_marketing<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    call.is_whatsapp()?;
    in_turn(node, call, true).await
}

async fn in_turn<P: Ports>(node: &Node<P>, call: &Call, marketing: bool) -> Result<Value, ApiError> {
    let turn = Turn::take(node, call).await?;
    if let Some(answer) = turn.answer() {
        return Ok(answer);
    }
    let answer = send(node, call, turn.dedupe, marketing).await?;
    turn.end(node, &answer).await?;
    Ok(answer)
}

async fn send<P: Ports>(
    node: &Node<P>,
    call: &Call,
    dedupe: [u8; 16],
    marketing: bool,
) -> Result<Value, ApiError> {
    let params = call.params();
    if !numbers::is_registered(node).await? {
        return Err(ApiError::NotRegistered);
    }
    if node.chat.review()?.is_some_and(|it| it.suspended) {
        return Err(ApiError::Locked);
    }
    let draft = Draft::read(node, &params).await?;
    if marketing && draft.purpose() != Some(Purpose::Marketing) {
        let kind = params.maybe("type")?.unwrap_or_else(|| params.clone());
        return Err(kind.bad("must be a template of the category MARKETING"));
    }
    let in_reply_to = match params.maybe("context")? {
        // What has nothing in it, or nothing but nulls, answers nothing.
        Some(context) if !context.object()?.is_empty() => Some(message_id(&context)?),
        _ => None,
    };
    let opaque = params.maybe_text("biz_opaque_callback_data", OPAQUE_MAX)?;
    let recipient = recipient::read(node, &params).await?;
    let identity = identity_hash(node, recipient.account)?;
    let meant = params.maybe("recipient_identity_key_hash")?;
    if let Some(given) = &meant
        && identity.as_deref() != Some(given.text(1, 64)?)
    {
        return Err(ApiError::IdentityKey);
    }
    // Who does not ask for it may not know the member, and one client then takes what was sent for refused.
    let tells = meant.is_some() || numbers::read(node).await?.identity_check;
    let shown = identity.as_deref().filter(|_| tells);
    let category = draft.category();
    let template = draft.template();
    let is_reaction = draft.is_reaction();
    let now = node.now();
    let Said { id, hold } = match node.chat.said_before(dedupe)? {
        // It went out, and its answer was lost: what may be sent now, and what lies at a link now, is another matter.
        Some(id) => Said { id, hold: None },
        None => {
            if restriction::since(&node.store, recipient.account).await?.is_some() {
                return Err(SendError::Restricted.into());
            }
            permit(node, recipient.account, category, template.is_some())?;
            node.throughput.take((), now).map_err(ApiError::Throughput)?;
            node.pairs.take(recipient.account, now).map_err(ApiError::PairLimit)?;
            let what = draft.finish(node).await?;
            node.chat.send(Send { to: recipient.account, category, what, in_reply_to, dedupe }).await?
        }
    };
    let kept = Kept {
        customer: recipient.account,
        category,
        template,
        opaque: (!opaque.is_empty()).then(|| opaque.to_owned()),
        at: now,
        reach: None,
    };
    record::keep(node, id, kept, is_reaction).await?;
    drop(hold);
    let mut message = json!({ "id": wamid::of(id) });
    if template.is_some() {
        message["message_status"] = "accepted".into();
    }
    Ok(json!({
        "messaging_product": "whatsapp",
        "contacts": [recipient.told(shown)],
        "messages": [message],
    }))
}

/// What a program knows a customer's identity key by, as `recipient_identity_key_hash` and in the answer to a send;
/// `None` when no key is known. It is made with the node's secret, so that it says nothing to another business.
fn identity_hash<P: Ports>(node: &Node<P>, of: AccountId) -> Result<Option<String>, ApiError> {
    let key = node.chat.identity_key(of)?;
    Ok(key.map(|key| hex::encode(node.keyed(b"identity key", &[of.as_ref(), &key]))))
}

/// What the node knows of consent is asked first, so that a program hears at once; relay and customer decide.
fn permit<P: Ports>(
    node: &Node<P>,
    to: AccountId,
    category: Category,
    is_template: bool,
) -> Result<(), ApiError> {
    permitted(&node.chat.standing(to)?, node.relay_now()?, category, is_template)
}

/// Whether a customer who stands so may be sent this, when it is `now` at the relay.
pub(crate) fn permitted(
    standing: &Standing,
    now: Millis,
    category: Category,
    is_template: bool,
) -> Result<(), ApiError> {
    let name = category.name();
    // Who takes service back closes the window; who writes again after it opens it, though their consent has
    // none.
    let window = standing.window_until > now;
    if standing.stopped.contains(&category) && !(window && category == Category::Service) {
        return Err(ApiError::NoConsent(format!("The user has stopped {name} messages")));
    }
    if !is_template {
        return if window { Ok(()) } else { Err(ApiError::WindowClosed) };
    }
    let granted = standing.granted.iter().any(|(it, until)| *it == category && *until > now);
    // Who writes first opens the window to service, and to nothing else.
    if granted || (window && category == Category::Service) {
        return Ok(());
    }
    Err(ApiError::NoConsent(format!("The user has not consented to {name} messages, or not any more")))
}

async fn mark_read<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    let status = params.need("status")?;
    if status.value() != "read" {
        return Err(status.bad("must be \"read\""));
    }
    let message = message_id(&params)?;
    let typing = match params.maybe("typing_indicator")? {
        Some(typing) if typing.need("type")?.value() == "text" => true,
        Some(typing) => return Err(typing.need("type")?.bad("must be \"text\"")),
        None => false,
    };
    node.chat.mark_read(message).await?;
    if typing {
        node.chat.typing(message).await?;
    }
    Ok(success())
}

fn message_id(at: &super::reader::At<'_>) -> Result<MessageId, ApiError> {
    let id = at.need("message_id")?;
    wamid::parse(id.text(1, 200)?).ok_or_else(|| id.bad("must be the id of a message"))
}
