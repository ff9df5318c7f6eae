//! Who is told by webhooks: subscriptions of the app, of the account and of the number. What they do is behind the
//! port [`Hooks`].

use std::future::Future;

use serde_json::{Value, json};
use url::Url;

use super::call::{Call, success};
use super::error::ApiError;
use super::reader::At;
use crate::flows::{Flow, Status};
use crate::node::{Node, Ports};
use crate::templates::Template;

/// Which of the three places a callback is set at: the number goes over the account, the account over the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The app.
    App,
    /// The business account.
    Account,
    /// The number.
    Number,
}

/// A callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Where events are posted to.
    pub callback: Url,
    /// What the handshake shows.
    pub verify_token: String,
    /// Which fields; the usual ones when empty.
    pub fields: Vec<String>,
}

/// A callback that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribed {
    /// Where events are posted to.
    pub callback: Url,
    /// Which fields; the usual ones when empty.
    pub fields: Vec<String>,
}

/// Something about the account or its number that programs are told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// A template has another status now.
    TemplateStatus(Template),
    /// A template is for something else now.
    TemplatePurpose(Template),
    /// A template was deleted.
    TemplateDeleted(Template),
    /// A flow stands elsewhere than it did: there.
    FlowStatus(Flow, Status),
    /// The PIN of the number was set or changed, by this token.
    PinChanged(Option<u64>),
    /// The number is rated otherwise than before: what that is, and how many customers may be reached now.
    Rated(&'static str, &'static str),
    /// So many customers may be reached in a day now; -1 is without a limit.
    Capability(i64),
    /// The relay's operator has suspended the business, or lets it go on.
    Suspended(bool),
    /// The operator has verified the business, or does not vouch for it any more.
    Verified(bool),
    /// The name that the operator has verified.
    Named(String),
}

/// Why a callback was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// The node does not post there.
    #[error("The callback must be an HTTPS URL with a public address, or one that the operator allowed")]
    Refused,
    /// There is no such field.
    #[error("fields: there is no such field")]
    Field,
    /// The verify token is empty or too long.
    #[error("verify_token must have 1 to 512 bytes")]
    VerifyToken,
    /// The handshake failed.
    #[error("The callback did not answer the handshake with status 200 and the challenge alone")]
    Handshake,
    /// It cannot be done now.
    #[error("The webhooks are not available now")]
    Unavailable,
}

impl From<HookError> for ApiError {
    fn from(error: HookError) -> Self {
        match error {
            HookError::Unavailable => Self::Unavailable,
            other => Self::Invalid(other.to_string()),
        }
    }
}

/// Who is told by webhooks.
pub trait Hooks: Send + Sync + 'static {
    /// Sets a callback, after its handshake succeeded.
    fn subscribe(&self, level: Level, hook: Hook) -> impl Future<Output = Result<(), HookError>> + Send;
    /// Removes the callback of a level.
    fn clear(&self, level: Level) -> impl Future<Output = Result<(), HookError>> + Send;
    /// The callback of a level.
    fn subscribed(&self, level: Level) -> impl Future<Output = Result<Option<Subscribed>, HookError>> + Send;
    /// Whether the account's events go to the app at all.
    fn listen(&self, on: bool) -> impl Future<Output = Result<(), HookError>> + Send;
    /// Whether they do.
    fn listens(&self) -> impl Future<Output = Result<bool, HookError>> + Send;
    /// Takes a notice to be told; it is durable when this is done.
    fn tell(&self, notice: Notice) -> impl Future<Output = Result<(), HookError>> + Send;
}

/// `POST /{account}/subscribed_apps`: the account's events go to the app, or to a callback of their own.
pub async fn subscribe_account<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    set_override(node, Level::Account, &call.params(), true).await?;
    node.hooks.listen(true).await?;
    Ok(success())
}

/// `GET /{account}/subscribed_apps`.
pub async fn subscribed_apps<P: Ports>(node: &Node<P>) -> Result<Value, ApiError> {
    if !node.hooks.listens().await? {
        return Ok(json!({ "data": [] }));
    }
    let app = json!({
        "id": node.identity.app.to_string(),
        "name": node.settings.name,
        "link": node.settings.chat_link.as_str(),
    });
    let mut row = json!({ "whatsapp_business_api_data": app });
    if let Some(hook) = node.hooks.subscribed(Level::Account).await? {
        row["override_callback_uri"] = hook.callback.as_str().into();
    }
    Ok(json!({ "data": [row] }))
}

/// `DELETE /{account}/subscribed_apps`.
pub async fn unsubscribe_account<P: Ports>(node: &Node<P>) -> Result<Value, ApiError> {
    node.hooks.clear(Level::Account).await?;
    node.hooks.listen(false).await?;
    Ok(success())
}

/// `POST /{app}/subscriptions`: where the app hears.
pub async fn subscribe_app<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    let object = params.need("object")?;
    if object.value() != "whatsapp_business_account" {
        return Err(object.bad("must be whatsapp_business_account"));
    }
    let fields = match params.maybe("fields")? {
        None => Vec::new(),
        Some(fields) if fields.value().is_array() => {
            let names = fields.items(0, 100)?;
            names.iter().map(|it| Ok(it.text(1, 100)?.to_owned())).collect::<Result<_, ApiError>>()?
        }
        // With commas, or as a list in JSON.
        Some(fields) => {
            let bare = |it: &str| it.trim_matches([' ', '[', ']', '"']).to_owned();
            let names = fields.text(0, 2_000)?.split(',').map(bare);
            names.filter(|it| !it.is_empty()).collect()
        }
    };
    let hook = Hook { fields, ..hook_of(&params, "callback_url")? };
    node.hooks.subscribe(Level::App, hook).await?;
    Ok(success())
}

/// `GET /{app}/subscriptions`.
pub async fn app_subscriptions<P: Ports>(node: &Node<P>) -> Result<Value, ApiError> {
    let hook = node.hooks.subscribed(Level::App).await?;
    let row = hook.map(|hook| {
        let fields: Vec<Value> =
            hook.fields.iter().map(|name| json!({ "name": name, "version": "v23.0" })).collect();
        json!({
            "object": "whatsapp_business_account",
            "callback_url": hook.callback.as_str(),
            "active": true,
            "fields": fields,
        })
    });
    Ok(json!({ "data": row.into_iter().collect::<Vec<_>>() }))
}

/// `DELETE /{app}/subscriptions`.
pub async fn unsubscribe_app<P: Ports>(node: &Node<P>) -> Result<Value, ApiError> {
    node.hooks.clear(Level::App).await?;
    Ok(success())
}

/// `GET /{app}`.
pub fn app<P: Ports>(node: &Node<P>) -> Value {
    json!({ "id": node.identity.app.to_string(), "name": node.settings.name })
}

/// Sets `override_callback_uri` with its `verify_token`. An empty one removes it; so does none at all where
/// `none_clears`.
pub async fn set_override<P: Ports>(
    node: &Node<P>,
    level: Level,
    at: &At<'_>,
    none_clears: bool,
) -> Result<(), ApiError> {
    match at.maybe("override_callback_uri")? {
        Some(uri) if uri.value() != "" => {
            node.hooks.subscribe(level, hook_of(at, "override_callback_uri")?).await?;
        }
        None if !none_clears => {}
        _ => node.hooks.clear(level).await?,
    }
    Ok(())
}

fn hook_of(at: &At<'_>, name: &str) -> Result<Hook, ApiError> {
    let uri = at.need(name)?;
    let callback = Url::parse(uri.text(1, 2_000)?).map_err(|_| uri.bad("must be a URL"))?;
    let verify_token = at.need_text("verify_token", 1_000)?.to_owned();
    Ok(Hook { callback, verify_token, fields: Vec::new() })
}
