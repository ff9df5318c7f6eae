//! What goes wrong in the own API: a stable code, a sentence, a status.

use axum::http::StatusCode;
use lacre_proto::Millis;

use crate::api::error::ApiError;
use crate::audit::{AuditError, Broken};
use crate::chat::SendError;
use crate::erasing::EraseError;
use crate::inbox::ChangeError;
use crate::nodes::NodesError;
use crate::outward::OutwardError;
use crate::people::PeopleError;
use crate::store::StoreError;
use crate::tokens::TokenError;
use crate::webhooks::subscription::SubscriptionError;

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnError {
    /// Nobody has signed in, or not any more.
    #[error("sign in first: there is no such session, or it has ended")]
    NotSignedIn,
    /// Login, password or code is wrong: it is not said which.
    #[error("the login, the password or the code is wrong; a code works once")]
    Wrong,
    /// Too many attempts; wait so long.
    #[error("too many attempts: wait {} seconds", .0.div_ceil(1_000))]
    Wait(Millis),
    /// Their role may not do this, or not there.
    #[error("your role may not do this, or not to this person")]
    NotAllowed,
    /// There is no such thing.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// Something that was said makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The body is too large.
    #[error("the request has more than {0} bytes")]
    TooLarge(u64),
    /// The login is somebody's.
    #[error("the login is taken")]
    Taken,
    /// The last owner stays.
    #[error("there has to be an owner: make somebody else one first")]
    LastOwner,
    /// The token was revoked.
    #[error("the token was revoked: make another")]
    TokenRevoked,
    /// The token has ended.
    #[error("the token has expired: make another")]
    TokenExpired,
    /// The callback may not be called.
    #[error("{0}; `lacre business serve --allow-host NAME` allows a host by name")]
    CallbackRefused(OutwardError),
    /// The callback did not pass the handshake.
    #[error("the receiver was not set: {0}")]
    Handshake(String),
    /// A template does not stand where this could be done.
    #[error("the template is {0}, so this cannot be done to it")]
    TemplateState(&'static str),
    /// What is asked is known to the device alone, and no node serves that has it open.
    #[error("only a node that serves can look at its device: start `lacre business serve`, and ask again")]
    NotServing,
    /// The audit log is not whole.
    #[error("the audit log is not whole: {0}")]
    AuditBroken(Broken),
    /// It was changed since it was seen; its version now.
    #[error("it was changed meanwhile, and its version is {0}: look at it again")]
    Stale(u64),
    /// The inbox is not empty.
    #[error("there are conversations in the inbox: move them first")]
    InboxInUse,
    /// What was to be said was not.
    #[error("it was not sent: {0}")]
    NotSent(ApiError),
    /// What is done with the customer's data is restricted.
    #[error(
        "what is done with this customer's data is restricted: nothing that was said is told until that is lifted"
    )]
    Restricted,
    /// The account's devices or the relay refused.
    #[error("{0}")]
    Refused(String),
    /// It cannot be done now.
    #[error("the node's store is not available now; try again")]
    Unavailable,
    /// Something is wrong with the node itself.
    #[error("something went wrong in the node; its log says what")]
    Internal,
}

/// Every code.
pub const CODES: [&str; 25] = [
    "not_signed_in",
    "wrong_credentials",
    "too_many_attempts",
    "not_allowed",
    "not_found",
    "invalid",
    "too_large",
    "login_taken",
    "last_owner",
    "token_revoked",
    "token_expired",
    "callback_refused",
    "handshake_failed",
    "template_state",
    "node_not_serving",
    "audit_broken",
    "unavailable",
    "internal",
    "stale",
    "inbox_in_use",
    "window_closed",
    "no_consent",
    "not_sent",
    "restricted",
    "refused",
];

impl OwnError {
    /// The stable name that programs decide by: one of [`CODES`].
    pub fn code(&self) -> &'static str {
        CODES[self.place()]
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotSignedIn | Self::Wrong => StatusCode::UNAUTHORIZED,
            Self::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) | Self::CallbackRefused(_) | Self::Handshake(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Taken
            | Self::LastOwner
            | Self::TokenRevoked
            | Self::TokenExpired
            | Self::TemplateState(_)
            | Self::NotServing
            | Self::AuditBroken(_)
            | Self::Stale(_)
            | Self::InboxInUse
            | Self::NotSent(_)
            | Self::Restricted
            | Self::Refused(_) => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What was wrong with somebody who showed who they are, at a time.
    pub(super) fn at(error: PeopleError, now: Millis) -> Self {
        match error {
            PeopleError::Wait(until) => Self::Wait(until.saturating_sub(now)),
            other => other.into(),
        }
    }

    fn place(&self) -> usize {
        match self {
            Self::NotSignedIn => 0,
            Self::Wrong => 1,
            Self::Wait(_) => 2,
            Self::NotAllowed => 3,
            Self::Unknown(_) => 4,
            Self::Invalid(_) => 5,
            Self::TooLarge(_) => 6,
            Self::Taken => 7,
            Self::LastOwner => 8,
            Self::TokenRevoked => 9,
            Self::TokenExpired => 10,
            Self::CallbackRefused(_) => 11,
            Self::Handshake(_) => 12,
            Self::TemplateState(_) => 13,
            Self::NotServing => 14,
            Self::AuditBroken(_) => 15,
            Self::Unavailable => 16,
            Self::Internal => 17,
            Self::Stale(_) => 18,
            Self::InboxInUse => 19,
            Self::NotSent(ApiError::WindowClosed) => 20,
            Self::NotSent(ApiError::NoConsent(_)) => 21,
            Self::NotSent(_) => 22,
            Self::Restricted => 23,
            Self::Refused(_) => 24,
        }
    }
}

impl From<StoreError> for OwnError {
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

impl From<NodesError> for OwnError {
    fn from(error: NodesError) -> Self {
        match error {
            NodesError::Code => Self::Invalid(error.to_string()),
            NodesError::Refused(why) => Self::Refused(why),
            NodesError::Late => Self::Unavailable,
            NodesError::Device(error) => error.into(),
        }
    }
}

/// What the device could not tell.
impl From<SendError> for OwnError {
    fn from(error: SendError) -> Self {
        tracing::warn!(%error, "the device could not be asked");
        Self::Unavailable
    }
}

/// Why nothing was said: what is wrong with the request, what is to be waited for, or why the customer gets nothing.
impl OwnError {
    pub(super) fn not_sent(error: ApiError) -> Self {
        match error {
            ApiError::Throughput(wait) | ApiError::PairLimit(wait) => Self::Wait(wait),
            ApiError::Missing(_)
            | ApiError::BadValue(_)
            | ApiError::Invalid(_)
            | ApiError::KeyReused
            | ApiError::TooLarge(_)
            | ApiError::Unavailable => error.into(),
            ApiError::Internal => Self::Internal,
            other => Self::NotSent(other),
        }
    }
}

impl From<ChangeError> for OwnError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown(what) => Self::Unknown(what),
            ChangeError::Stale(version) => Self::Stale(version),
            ChangeError::NotAllowed => Self::NotAllowed,
            ChangeError::Invalid(why) => Self::Invalid(why.to_owned()),
            ChangeError::TooMany(_) => Self::Invalid(error.to_string()),
            ChangeError::Store(error) => error.into(),
        }
    }
}

/// What is not erased yet is erased at the next start.
impl From<EraseError> for OwnError {
    fn from(error: EraseError) -> Self {
        tracing::error!(%error, "a customer is not erased to the end");
        match error {
            EraseError::Store(error) => error.into(),
            _ => Self::Unavailable,
        }
    }
}

impl From<PeopleError> for OwnError {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::Wrong => Self::Wrong,
            PeopleError::Wait(until) => Self::Wait(until),
            PeopleError::NoSession => Self::NotSignedIn,
            PeopleError::NotAllowed => Self::NotAllowed,
            PeopleError::Unknown => Self::Unknown("person"),
            PeopleError::Taken => Self::Taken,
            PeopleError::LastOwner => Self::LastOwner,
            PeopleError::Invalid(why) => Self::Invalid(why.to_owned()),
            PeopleError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for OwnError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unknown => Self::Unknown("token"),
            TokenError::Expired => Self::TokenExpired,
            TokenError::Revoked | TokenError::NotTold => Self::TokenRevoked,
            TokenError::Invalid(why) => Self::Invalid(format!("no token can be made: {why}")),
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<SubscriptionError> for OwnError {
    fn from(error: SubscriptionError) -> Self {
        match error {
            SubscriptionError::Url(why @ (OutwardError::Url(_) | OutwardError::Refused)) => {
                Self::CallbackRefused(why)
            }
            SubscriptionError::Url(_) | SubscriptionError::Handshake => Self::Handshake(error.to_string()),
            SubscriptionError::Field | SubscriptionError::VerifyToken | SubscriptionError::Secret => {
                Self::Invalid(error.to_string())
            }
            SubscriptionError::Store(error) => error.into(),
        }
    }
}

impl From<AuditError> for OwnError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Broken(broken) => Self::AuditBroken(broken),
            AuditError::Store(error) => error.into(),
        }
    }
}

/// What the reader of requests finds.
impl From<ApiError> for OwnError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::TooLarge(most) => Self::TooLarge(most),
            ApiError::Unavailable => Self::Unavailable,
            other => Self::Invalid(other.to_string()),
        }
    }
}
