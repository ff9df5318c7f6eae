//! How the people of a business speak: by the way of its programs, with the same limits, checks and errors.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use futures_util::future::BoxFuture;
use lacre_proto::AccountId;
use serde_json::{Value, json};

use crate::api::address::Address;
use crate::api::call::Call;
use crate::api::error::ApiError;
use crate::api::{messages, wamid};
use crate::audit::Who;
use crate::chat::{Chat, MessageId, SendError, Standing};
use crate::node::{Node, Ports};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Something that one of the people says.
#[derive(Debug, Clone)]
pub struct Saying {
    /// To whom: the digits that programs know them by.
    pub to: String,
    /// Who says it.
    pub by: Who,
    /// What, as a program would say it: `type`, and the member of that name.
    pub what: Value,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// The same key again from the same person is the same message.
    pub key: Option<HeaderValue>,
}

/// The node, where people speak through it.
pub trait Voice: Send + Sync + 'static {
    /// Says something; gives the message's id.
    fn say(&self, saying: Saying) -> BoxFuture<'_, Result<MessageId, ApiError>>;
    /// Marks a customer's message, and those before it, as read.
    fn mark_read(&self, message: MessageId) -> BoxFuture<'_, Result<(), ApiError>>;
    /// How a customer stands.
    fn standing(&self, of: AccountId) -> Result<Standing, SendError>;
    /// Whether the relay's operator has suspended the business.
    fn is_suspended(&self) -> Result<bool, SendError>;
}

impl<P: Ports> Voice for Node<P> {
    fn say(&self, saying: Saying) -> BoxFuture<'_, Result<MessageId, ApiError>> {
        let Saying { to, by, mut what, in_reply_to, key } = saying;
        // Keys of one person are not another's, nor a program's.
        let path = ["lacre", "v1", "conversations", &to, "messages", &by.to_string()].map(str::to_owned);
        let address = Address { version: None, segments: path.to_vec(), query: Vec::new() };
        let headers: HeaderMap = key.into_iter().map(|it| (IDEMPOTENCY_KEY, it)).collect();
        what["messaging_product"] = "whatsapp".into();
        what["to"] = to.into();
        if let Some(id) = in_reply_to {
            what["context"] = json!({ "message_id": wamid::of(id) });
        }
        let call = Call { address, headers, token: None, links_by: None, said: what, fields: None };
        Box::pin(async move {
            let told = messages::post(self, &call).await?;
            told["messages"][0]["id"].as_str().and_then(wamid::parse).ok_or(ApiError::Internal)
        })
    }

    fn mark_read(&self, message: MessageId) -> BoxFuture<'_, Result<(), ApiError>> {
        Box::pin(async move { Ok(self.chat.mark_read(message).await?) })
    }

    fn standing(&self, of: AccountId) -> Result<Standing, SendError> {
        self.chat.standing(of)
    }

    fn is_suspended(&self) -> Result<bool, SendError> {
        Ok(self.chat.review()?.is_some_and(|it| it.suspended))
    }
}
