//! What goes wrong, in the API's own terms: one code for one cause, in the envelope that clients decide by.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use lacre_proto::Millis;
use serde_json::{Value, json};

use crate::chat::SendError;
use crate::store::StoreError;

/// Why a request was refused. What stands in it goes to the client as `details`: never anybody's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// No token came with the request, or none that the node knows.
    #[error("The access token is missing or not known")]
    BadToken,
    /// The token has ended.
    #[error("The access token has expired")]
    TokenExpired,
    /// The token was revoked.
    #[error("The access token was revoked")]
    TokenRevoked,
    /// The token is bound to more than was shown: a proof, a signature or a network.
    #[error("The access token is bound to {0}")]
    TokenBound(&'static str),
    /// The token has not the scope that the call needs.
    #[error("The access token lacks the permission {0}")]
    NoPermission(&'static str),
    /// There is no such object or call; or it is another's.
    #[error("Unsupported request: the object does not exist, is not yours, or does not support this call")]
    Unknown,
    /// The API has such a call, and the node has nothing for it.
    #[error("{0}")]
    Absent(&'static str),
    /// Calls are not there.
    #[error("Calls are not there on this node")]
    NoCalling,
    /// A parameter is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The body is larger than any request needs to be.
    #[error("The request has more than {0} bytes")]
    TooLarge(u64),
    /// There is a template of this name in this language.
    #[error("A template of this name exists in this language")]
    TemplateExists,
    /// The same idempotency key came with another request.
    #[error("The Idempotency-Key was used with another request")]
    KeyReused,
    /// Too many calls of a kind; wait so long.
    #[error("Too many calls: {1}")]
    CallLimit(Millis, &'static str),
    /// The number's throughput is used up; wait so long.
    #[error("Too many messages were sent from this phone number in a short time")]
    Throughput(Millis),
    /// Too many messages to one customer; wait so long.
    #[error("Too many messages were sent to this user in a short time")]
    PairLimit(Millis),
    /// A member that is needed is not there.
    #[error("{0}")]
    Missing(String),
    /// A member has a value that it cannot have.
    #[error("{0}")]
    BadValue(String),
    /// The business writes to itself.
    #[error("The recipient is the sending number")]
    SenderIsRecipient,
    /// Nobody can be reached there.
    #[error("{0}")]
    Undeliverable(&'static str),
    /// The window is closed.
    #[error("More than 24 hours have passed since the user last wrote: send a template")]
    WindowClosed,
    /// The customer does not want this category.
    #[error("{0}")]
    NoConsent(String),
    /// The customer has got as many offers today as they may.
    #[error("The user has got as many offers today as they may")]
    MarketingCap,
    /// Too many customers complained.
    #[error("Too many users stopped, blocked or reported what was sent: no offers are sent for now")]
    SpamLimit,
    /// As many customers were reached as may be.
    #[error("As many users were reached outside their windows in 24 hours as may be")]
    MessagingLimit,
    /// The relay's operator has suspended the business.
    #[error("The relay's operator has suspended the business")]
    Locked,
    /// The node does not send such messages, or not there.
    #[error("{0}")]
    Unsupported(String),
    /// A file could not be got from the sealed side or from disk.
    #[error("{0}")]
    MediaDownload(String),
    /// A file could not be taken.
    #[error("{0}")]
    MediaUpload(String),
    /// The identity key is not the one that was asked for.
    #[error("The identity key of the user is not the one given, or not known")]
    IdentityKey,
    /// Parameters of a template are too few or too many.
    #[error("{0}")]
    ParameterCount(String),
    /// There is no such template that is approved in this language.
    #[error("{0}")]
    NoTemplate(String),
    /// With its parameters the template is too long.
    #[error("{0}")]
    TemplateTooLong(String),
    /// A parameter has a value that breaks the template.
    #[error("{0}")]
    TemplateValue(String),
    /// A parameter is of another type than the template has.
    #[error("{0}")]
    ParameterFormat(String),
    /// The template is paused.
    #[error("The template is paused")]
    TemplatePaused,
    /// The template is disabled.
    #[error("The template is disabled")]
    TemplateDisabled,
    /// The PIN is wrong.
    #[error("The two-step verification PIN is wrong")]
    WrongPin,
    /// Too many PINs were tried.
    #[error("Too many wrong PINs: wait")]
    TooManyPins(Millis),
    /// PINs are tried too fast.
    #[error("PINs are tried too fast: wait")]
    PinsTooFast(Millis),
    /// The number is not registered.
    #[error("The phone number is not registered")]
    NotRegistered,
    /// The number was registered too often.
    #[error("The phone number was registered too often: wait")]
    RegisterLimit(Millis),
    /// A flow cannot be changed.
    #[error("{0}")]
    FlowUpdate(&'static str),
    /// A flow cannot be published.
    #[error("{0}")]
    FlowPublish(&'static str),
    /// A flow cannot be deprecated.
    #[error("{0}")]
    FlowDeprecate(&'static str),
    /// A flow cannot be deleted.
    #[error("{0}")]
    FlowDelete(&'static str),
    /// The list of blocked customers is full.
    #[error("No more than 64000 users can be blocked")]
    BlockListFull,
    /// The device cannot take it now.
    #[error("The device is not available now")]
    Unavailable,
    /// Something is wrong with the node itself.
    #[error("Something went wrong in the node")]
    Internal,
}

/// A code with its subcode, HTTP status and title.
struct Known(i64, Option<i64>, u16, &'static str);

impl ApiError {
    /// The number that clients decide by.
    pub fn code(&self) -> i64 {
        self.known().0
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.known().2).expect("the statuses of the table are statuses")
    }

    fn known(&self) -> Known {
        match self {
            Self::BadToken => Known(190, None, 401, "Invalid OAuth access token"),
            Self::TokenExpired => Known(190, Some(463), 401, "Invalid OAuth access token"),
            Self::TokenRevoked => Known(190, Some(460), 401, "Invalid OAuth access token"),
            Self::TokenBound(_) => Known(190, None, 401, "Invalid OAuth access token"),
            Self::NoPermission(_) => Known(10, None, 403, "Application does not have permission"),
            Self::Unknown => Known(100, Some(33), 400, "Unsupported request"),
            Self::Absent(_) => Known(100, None, 400, "Unsupported request"),
            Self::NoCalling => Known(138_000, None, 400, "Calling not enabled"),
            Self::Invalid(_) => Known(100, None, 400, "Invalid parameter"),
            Self::TooLarge(_) => Known(100, None, 413, "Invalid parameter"),
            Self::TemplateExists => Known(100, Some(2_388_024), 400, "Invalid parameter"),
            Self::KeyReused => Known(100, None, 409, "Invalid parameter"),
            Self::CallLimit(..) => Known(80007, None, 429, "Rate limit hit"),
            Self::Throughput(_) => Known(130_429, None, 429, "Rate limit hit"),
            Self::PairLimit(_) => Known(131_056, None, 400, "Business account, user pair rate limit hit"),
            Self::Missing(_) => Known(131_008, None, 400, "Required parameter is missing"),
            Self::BadValue(_) => Known(131_009, None, 400, "Parameter value is not valid"),
            Self::SenderIsRecipient => Known(131_021, None, 400, "Recipient cannot be sender"),
            Self::Undeliverable(_) => Known(131_026, None, 400, "Message undeliverable"),
            Self::WindowClosed => Known(131_047, None, 400, "Re-engagement message"),
            Self::NoConsent(_) => Known(131_050, None, 400, "User has not agreed to such messages"),
            Self::MarketingCap => Known(131_049, None, 400, "Message held back to keep users engaged"),
            Self::SpamLimit => Known(131_048, None, 400, "Spam rate limit hit"),
            Self::MessagingLimit => Known(131_064, None, 400, "Messaging limit reached"),
            Self::Locked => Known(131_031, None, 403, "Account locked"),
            Self::Unsupported(_) => Known(131_051, None, 400, "Unsupported message type"),
            Self::MediaDownload(_) => Known(131_052, None, 400, "Media download error"),
            Self::MediaUpload(_) => Known(131_053, None, 400, "Media upload error"),
            Self::IdentityKey => Known(137_000, None, 400, "Identity key hash does not match"),
            Self::ParameterCount(_) => {
                Known(132_000, None, 400, "Number of parameters does not match the expected number")
            }
            Self::NoTemplate(_) => {
                Known(132_001, None, 404, "Template name does not exist in the translation")
            }
            Self::TemplateTooLong(_) => Known(132_005, None, 400, "Translated text too long"),
            Self::TemplateValue(_) => Known(132_008, None, 400, "Parameter value does not fit the template"),
            Self::ParameterFormat(_) => {
                Known(132_012, None, 400, "Parameter format does not match the template")
            }
            Self::TemplatePaused => Known(132_015, None, 400, "Template is paused"),
            Self::TemplateDisabled => Known(132_016, None, 400, "Template is disabled"),
            Self::WrongPin => Known(133_005, None, 400, "Two-step verification PIN mismatch"),
            Self::TooManyPins(_) => Known(133_008, None, 400, "Too many two-step verification PIN guesses"),
            Self::PinsTooFast(_) => Known(133_009, None, 400, "Two-step verification PIN guessed too fast"),
            Self::NotRegistered => Known(133_010, None, 400, "Phone number is not registered"),
            Self::RegisterLimit(_) => Known(133_016, None, 400, "Registration limit exceeded"),
            Self::FlowUpdate(_) => Known(139_001, None, 400, "Flow failed to update"),
            Self::FlowPublish(_) => Known(139_002, None, 400, "Flow failed to publish"),
            Self::FlowDeprecate(_) => Known(139_003, None, 400, "Flow failed to deprecate"),
            Self::FlowDelete(_) => Known(139_004, None, 400, "Flow failed to delete"),
            Self::BlockListFull => Known(139_101, None, 400, "Blocklist limit reached"),
            Self::Unavailable => Known(131_016, None, 503, "Service unavailable"),
            Self::Internal => Known(131_000, None, 500, "Something went wrong"),
        }
    }

    /// How long to wait before the same would be taken; `None` when waiting does not help or is not known.
    pub fn wait(&self) -> Option<Millis> {
        match self {
            Self::CallLimit(wait, _)
            | Self::Throughput(wait)
            | Self::PairLimit(wait)
            | Self::TooManyPins(wait)
            | Self::PinsTooFast(wait)
            | Self::RegisterLimit(wait) => Some(*wait),
            _ => None,
        }
    }

    /// The object that stands in `errors` lists: code, title, message and details.
    pub fn listed(&self) -> Value {
        let Known(code, _, _, title) = self.known();
        json!({
            "code": code,
            "title": title,
            "message": title,
            "error_data": { "details": self.to_string() },
        })
    }

    /// The answer.
    pub fn response(&self, trace: &str) -> Response<Body> {
        let Known(code, subcode, status, title) = self.known();
        let kind = if matches!(self, Self::Unknown) { "GraphMethodException" } else { "OAuthException" };
        let mut error = json!({
            "message": format!("(#{code}) {title}"),
            "type": kind,
            "code": code,
            "error_data": { "messaging_product": "whatsapp", "details": self.to_string() },
            "fbtrace_id": trace,
        });
        if let Some(subcode) = subcode {
            error["error_subcode"] = subcode.into();
        }
        if self.wait().is_some() || matches!(self, Self::Unavailable | Self::Internal) {
            error["is_transient"] = true.into();
        }
        let mut response = Response::new(Body::from(json!({ "error": error }).to_string()));
        *response.status_mut() =
            StatusCode::from_u16(status).expect("the statuses of the table are statuses");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.wait() {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.div_ceil(1000).max(1)));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Write(_) => Self::Unavailable,
            StoreError::Corrupt(what) => {
                tracing::error!(what, "the node's store cannot be read");
                Self::Internal
            }
        }
    }
}

impl From<SendError> for ApiError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NoSuchAccount => Self::Undeliverable("The user cannot be reached"),
            SendError::Blocked => Self::Undeliverable("The user and the business have blocked each other"),
            SendError::NoConsent => {
                Self::NoConsent("The user has not consented to messages of this category".to_owned())
            }
            SendError::Stopped => {
                Self::NoConsent("The user has stopped messages of this category".to_owned())
            }
            SendError::WindowClosed => Self::WindowClosed,
            SendError::NoSuchMessage => Self::BadValue("message_id: there is no such message".to_owned()),
            SendError::File(why) => {
                tracing::warn!("a file could not be sent");
                // The reason may name a path of this machine.
                drop(why);
                Self::MediaUpload("The file cannot be sent".to_owned())
            }
            SendError::BadContent => Self::BadValue("The message is empty or too long".to_owned()),
            SendError::IdentityChanged => Self::IdentityKey,
            SendError::Unavailable(_) => Self::Unavailable,
            SendError::MarketingCap => Self::MarketingCap,
            SendError::MarketingPaused => Self::SpamLimit,
            SendError::MessagingLimit => Self::MessagingLimit,
            SendError::Suspended => Self::Locked,
            SendError::Restricted => Self::Undeliverable(
                "What is done with this user's data is restricted: nothing is sent to them until that is lifted",
            ),
        }
    }
}
