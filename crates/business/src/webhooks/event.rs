//! What is told to programs, in the shapes of the Cloud API: one event a delivery.

use std::borrow::Cow;
use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lacre_proto::{AccountId, Millis};
use serde_json::{Value, json};

use super::ascii::ascii_json;
use super::notice::Notice;
use crate::chat::{
    Category, ChatEvent, ChosenBy, Customer, Incoming, MediaKind, MessageId, Reach, SendError, Standing,
};
use crate::media::file_name;
use crate::store::StoreError;

/// Who a customer is to the programs of this business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids {
    /// In the place of a phone number: digits.
    pub wa_id: String,
    /// The business-scoped user id: `CC.digits`.
    pub user_id: String,
}

/// A file of a customer's message, to be given an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOf<'a> {
    /// The message.
    pub message: MessageId,
    /// Which file of it.
    pub index: u32,
    /// Which kind.
    pub kind: MediaKind,
    /// Its MIME type.
    pub mime: &'a str,
    /// SHA-256 of the plain file.
    pub sha256: [u8; 32],
    /// Bytes.
    pub size: u64,
    /// The name that the sender gave it.
    pub name: Option<&'a str>,
}

/// What the API knows of a message that it sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// `biz_opaque_callback_data`, echoed in each status.
    pub callback_data: Option<String>,
}

/// How programs know people, messages and files. The same question has the same answer for ever.
pub trait Names: Send + Sync + 'static {
    /// A customer's ids.
    fn ids(&self, of: AccountId) -> impl Future<Output = Result<Ids, StoreError>> + Send;
    /// Whether what a customer said or heard at a time was erased: nothing is told of it.
    fn is_erased(
        &self,
        _of: AccountId,
        _at: Millis,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        std::future::ready(Ok(false))
    }
    /// A message's id: `wamid.…`.
    fn message(&self, id: MessageId) -> String;
    /// The media id of a file; the file is known under it from now on.
    fn media(&self, file: FileOf<'_>) -> impl Future<Output = Result<String, StoreError>> + Send;
    /// A message of the business's has come so far; to be counted once.
    fn reached(&self, id: MessageId, reach: Reach) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// What the API knows of a message; `None` when it is not one of the business's.
    fn sent(&self, id: MessageId) -> impl Future<Output = Result<Option<Sent>, StoreError>> + Send;
}

/// The number that speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// The id of its account.
    pub account: u64,
    /// Its id.
    pub id: u64,
    /// How people read it.
    pub display: String,
}

/// An event as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Whose conversation it belongs to; `None` when it is about no customer.
    pub customer: Option<AccountId>,
    /// The field that programs subscribe to.
    pub field: Cow<'static, str>,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// Whether of several nodes only the one that leads tells it: all of them know of it.
    pub is_led: bool,
}

/// Turns events into bytes.
#[derive(Debug, Clone)]
pub struct Renderer<N> {
    /// How programs know people and things.
    pub names: N,
    /// The number that speaks.
    pub number: Number,
}

/// Why a message was not delivered, as statuses have it: code, title, details.
struct Why(u32, &'static str, &'static str);

impl<N: Names> Renderer<N> {
    /// An event of the sealed side; `None` for one that programs are not told of.
    pub async fn event(&self, event: &ChatEvent) -> Result<Option<Rendered>, StoreError> {
        let (ChatEvent::Message { from: of, at, .. }
        | ChatEvent::Reached { to: of, at, .. }
        | ChatEvent::Failed { to: of, at, .. }
        | ChatEvent::Consent { from: of, at, .. }
        | ChatEvent::Elsewhere { to: of, at }) = event;
        if self.names.is_erased(of.account, *at).await? {
            return Ok(None);
        }
        let (customer, field, value) = match event {
            ChatEvent::Message { from, id, at, what, in_reply_to, forwarded } => {
                let ids = self.names.ids(from.account).await?;
                let quoted = in_reply_to.or(match what {
                    Incoming::Chosen(card, ..) | Incoming::Filled(card, _) => Some(*card),
                    _ => None,
                });
                let mut message = json!({
                    "from": ids.wa_id,
                    "from_user_id": ids.user_id,
                    "id": self.names.message(*id),
                    "timestamp": seconds(*at),
                });
                self.said(&mut message, *id, what).await?;
                if let Some(context) = self.context(&ids, quoted, *forwarded).await? {
                    message["context"] = context;
                }
                (from, "messages", self.with_contact(from, &ids, "messages", message))
            }
            ChatEvent::Reached { to, id, at, reach } => {
                let ids = self.names.ids(to.account).await?;
                self.names.reached(*id, *reach).await?;
                let status = match reach {
                    Reach::Sent => "sent",
                    Reach::Delivered => "delivered",
                    Reach::Read => "read",
                };
                let status = self.status(&ids, *id, *at, status).await?;
                (to, "messages", self.with_contact(to, &ids, "statuses", status))
            }
            ChatEvent::Failed { to, id, at, why } => {
                let ids = self.names.ids(to.account).await?;
                let mut status = self.status(&ids, *id, *at, "failed").await?;
                status["errors"] = json!([error(&why_of(why))]);
                (to, "messages", self.with_contact(to, &ids, "statuses", status))
            }
            ChatEvent::Elsewhere { .. } => return Ok(None),
            ChatEvent::Consent { from, at, standing } => {
                let Some((detail, value)) = preference(standing, *at) else { return Ok(None) };
                let ids = self.names.ids(from.account).await?;
                let preference = json!({
                    "wa_id": ids.wa_id,
                    "user_id": ids.user_id,
                    "detail": detail,
                    "category": "marketing_messages",
                    "value": value,
                    "timestamp": seconds(*at),
                });
                (from, "user_preferences", self.with_contact(from, &ids, "user_preferences", preference))
            }
        };
        let body = self.body(field, &value, None);
        // What becomes of a message is told by the node that has sent it.
        let is_led = matches!(event, ChatEvent::Message { .. } | ChatEvent::Consent { .. });
        Ok(Some(Rendered { customer: Some(customer.account), field: field.into(), body, is_led }))
    }

    /// Something that the node itself tells, and when it happened.
    pub fn notice(&self, notice: &Notice, at: Millis) -> Rendered {
        let field = notice.field();
        let body = self.body(field, &notice.value(&self.number.display), Some(at));
        Rendered { customer: None, field: field.into(), body, is_led: notice.is_of_account() }
    }

    /// What is about no message has its time in the entry: one client cannot do without it.
    fn body(&self, field: &str, value: &Value, at: Option<Millis>) -> Vec<u8> {
        let mut entry = json!({
            "id": self.number.account.to_string(),
            "changes": [{ "field": field, "value": value }],
        });
        if let Some(at) = at {
            entry["time"] = (at / 1_000).into();
        }
        ascii_json(&json!({ "object": "whatsapp_business_account", "entry": [entry] }))
    }

    fn with_contact(&self, customer: &Customer, ids: &Ids, list: &str, item: Value) -> Value {
        let name = if customer.name.is_empty() { &ids.wa_id } else { &customer.name };
        json!({
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": self.number.display,
                "phone_number_id": self.number.id.to_string(),
            },
            "contacts": [{ "profile": { "name": name }, "wa_id": ids.wa_id, "user_id": ids.user_id }],
            list: [item],
        })
    }

    async fn status(&self, ids: &Ids, id: MessageId, at: Millis, status: &str) -> Result<Value, StoreError> {
        let mut value = json!({
            "id": self.names.message(id),
            "status": status,
            "timestamp": seconds(at),
            "recipient_id": ids.wa_id,
            "recipient_user_id": ids.user_id,
        });
        if let Some(data) = self.names.sent(id).await?.and_then(|it| it.callback_data) {
            value["biz_opaque_callback_data"] = data.into();
        }
        Ok(value)
    }

    async fn context(
        &self,
        ids: &Ids,
        quoted: Option<MessageId>,
        forwarded: Option<bool>,
    ) -> Result<Option<Value>, StoreError> {
        let mut context = json!({});
        if let Some(quoted) = quoted {
            let ours = self.names.sent(quoted).await?.is_some();
            context["from"] = if ours { &self.number.display } else { &ids.wa_id }.as_str().into();
            context["id"] = self.names.message(quoted).into();
        }
        match forwarded {
            Some(true) => context["frequently_forwarded"] = true.into(),
            Some(false) => context["forwarded"] = true.into(),
            None if quoted.is_none() => return Ok(None),
            None => {}
        }
        Ok(Some(context))
    }

    /// Puts the type and its object into a message.
    async fn said(&self, message: &mut Value, id: MessageId, what: &Incoming) -> Result<(), StoreError> {
        let (kind, object) = match what {
            Incoming::Text(body) => ("text", json!({ "body": body })),
            Incoming::Media { .. } => self.media(id, what).await?,
            Incoming::Place(place) => {
                let mut object = json!({ "latitude": place.latitude, "longitude": place.longitude });
                put_text(&mut object, "name", &place.name);
                put_text(&mut object, "address", &place.address);
                ("location", object)
            }
            Incoming::Contact(handle, name) => {
                let name = if name.is_empty() { handle.as_str() } else { name };
                let urls = json!([{ "url": format!("lacre:{}", handle.as_str()), "type": "LACRE" }]);
                let name = json!({ "formatted_name": name, "first_name": name });
                ("contacts", json!([{ "name": name, "phones": [], "urls": urls }]))
            }
            Incoming::Reaction(target, emoji) => {
                let mut object = json!({ "message_id": self.names.message(*target) });
                put_text(&mut object, "emoji", emoji.as_deref().unwrap_or_default());
                ("reaction", object)
            }
            Incoming::Chosen(_, choice, ChosenBy::Button) => {
                let reply = json!({ "id": choice.id, "title": choice.title });
                ("interactive", json!({ "type": "button_reply", "button_reply": reply }))
            }
            Incoming::Chosen(_, choice, ChosenBy::Row) => {
                let reply =
                    json!({ "id": choice.id, "title": choice.title, "description": choice.description });
                ("interactive", json!({ "type": "list_reply", "list_reply": reply }))
            }
            Incoming::Chosen(_, choice, ChosenBy::TemplateButton) => {
                ("button", json!({ "text": choice.title, "payload": choice.id }))
            }
            Incoming::Filled(_, response) => {
                let reply = json!({ "name": "flow", "body": "Sent", "response_json": response });
                ("interactive", json!({ "type": "nfm_reply", "nfm_reply": reply }))
            }
            Incoming::Edit(target, body) => {
                let text = json!({ "type": "text", "text": { "body": body } });
                ("edit", json!({ "original_message_id": self.names.message(*target), "message": text }))
            }
            Incoming::Delete(target) => {
                ("revoke", json!({ "original_message_id": self.names.message(*target) }))
            }
            Incoming::Other => {
                let why = Why(131_051, "Message type unknown", "Message type is currently not supported.");
                message["errors"] = json!([error(&why)]);
                ("unsupported", json!({ "type": "unknown" }))
            }
        };
        message["type"] = kind.into();
        message[kind] = object;
        Ok(())
    }

    async fn media(&self, message: MessageId, what: &Incoming) -> Result<(&'static str, Value), StoreError> {
        let Incoming::Media { kind, mime, sha256, size, name, caption, index } = what else {
            return Ok(("unsupported", json!({})));
        };
        let file = FileOf {
            message,
            index: *index,
            kind: *kind,
            mime,
            sha256: *sha256,
            size: *size,
            name: name.as_deref(),
        };
        let id = self.names.media(file).await?;
        let mut object = json!({ "id": id, "mime_type": mime, "sha256": STANDARD.encode(sha256) });
        let type_ = match kind {
            MediaKind::Image => "image",
            MediaKind::Video => "video",
            MediaKind::Audio | MediaKind::Voice => {
                object["voice"] = (*kind == MediaKind::Voice).into();
                "audio"
            }
            MediaKind::Document => {
                // Some clients read no document without one.
                object["filename"] = file_name(name.as_deref(), &id, mime).into();
                "document"
            }
            MediaKind::Sticker => {
                // Whether it moves is known only once it is fetched.
                object["animated"] = false.into();
                "sticker"
            }
        };
        if matches!(kind, MediaKind::Image | MediaKind::Video | MediaKind::Document) {
            put_text(&mut object, "caption", caption);
        }
        Ok((type_, object))
    }
}

/// What stands of marketing: the one category that the API tells preferences of. `None` when nothing was ever said.
fn preference(standing: &Standing, at: Millis) -> Option<(&'static str, &'static str)> {
    if standing.stopped.contains(&Category::Marketing) {
        return Some(("User requested to stop marketing messages", "stop"));
    }
    let granted = standing.granted.iter().any(|(it, until)| *it == Category::Marketing && *until > at);
    granted.then_some(("User requested to resume marketing messages", "resume"))
}

fn why_of(why: &SendError) -> Why {
    match why {
        SendError::NoSuchAccount => Why(131_026, "Message undeliverable", "Nobody can be reached there."),
        SendError::Blocked => Why(131_026, "Message undeliverable", "One has blocked the other."),
        SendError::NoConsent => Why(
            131_050,
            "User has not agreed to such messages",
            "The user has not consented to this category.",
        ),
        SendError::Stopped => {
            Why(131_050, "User has not agreed to such messages", "The user has stopped this category.")
        }
        SendError::WindowClosed => {
            Why(131_047, "Re-engagement message", "More than 24 hours have passed since the user last wrote.")
        }
        SendError::NoSuchMessage => Why(131_009, "Parameter value is not valid", "There is no such message."),
        SendError::BadContent => {
            Why(131_009, "Parameter value is not valid", "The content is too long or empty.")
        }
        SendError::File(_) => Why(131_053, "Media upload error", "The file could not be sent."),
        SendError::IdentityChanged => {
            Why(137_000, "Identity key hash does not match", "The identity key of the user has changed.")
        }
        SendError::Unavailable(_) => Why(131_016, "Service unavailable", "The device could not send it."),
        SendError::Restricted => {
            Why(131_026, "Message undeliverable", "What is done with this user's data is restricted.")
        }
        SendError::MarketingCap => Why(
            131_049,
            "Message held back to keep users engaged",
            "The user has got as many offers today as they may.",
        ),
        SendError::MarketingPaused => Why(
            131_048,
            "Spam rate limit hit",
            "Too many users stopped, blocked or reported what was sent: no offers are sent for now.",
        ),
        SendError::MessagingLimit => Why(
            131_064,
            "Messaging limit reached",
            "As many users were reached outside their windows in 24 hours as may be.",
        ),
        SendError::Suspended => {
            Why(131_031, "Account locked", "The relay's operator has suspended the business.")
        }
    }
}

fn error(Why(code, title, details): &Why) -> Value {
    json!({ "code": code, "title": title, "message": title, "error_data": { "details": details } })
}

fn put_text(object: &mut Value, name: &str, text: &str) {
    if !text.is_empty() {
        object[name] = text.into();
    }
}

fn seconds(at: Millis) -> String {
    (at / 1_000).to_string()
}
