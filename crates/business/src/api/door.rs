//! Who asks: a token with what it is bound to, or a link that the node signed.

use std::net::IpAddr;

use axum::http::request::Parts;
use serde_json::Value;

use super::address::Address;
use super::error::ApiError;
use super::grant;
use super::routes::{Op, Route, sets_receivers};
use super::signed::bearer;
use crate::audit;
use crate::node::{Node, Ports};
use crate::tokens::{Access, TokenError, proof_holds};

/// What the connection and the layers above showed of who asks. A token that is bound to something which is not
/// shown here is refused.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// The address at the other end.
    pub peer: Option<IpAddr>,
    /// The Ed25519 public key by which the request was signed (RFC 9421); the signature was verified.
    pub signed_by: Option<[u8; 32]>,
}

/// What no provider may.
const RECEIVERS: &str = "to set who is told by webhooks: the business alone does";

/// Who asks.
pub(super) enum Who {
    /// Somebody with a token.
    Token(Access),
    /// Somebody who knew the app's secret.
    App,
    /// Somebody with a link that the node signed, for this address only.
    Link,
}

/// Who asks; an error when it is nobody.
pub(super) async fn who<P: Ports>(node: &Node<P>, parts: &Parts, address: &Address) -> Result<Who, ApiError> {
    let secret = bearer(&parts.headers).or_else(|| address.query("access_token"));
    let Some(secret) = secret else {
        let is_link = parts.method == "GET" && address.is_signed(&node.identity.secret, node.now());
        return if is_link { Ok(Who::Link) } else { Err(ApiError::BadToken) };
    };
    if let Some(checked) = grant::check(node, secret) {
        return checked.map(|()| Who::App);
    }
    let access = node.tokens.check(secret, node.now()).await.map_err(|error| match error {
        TokenError::Unknown | TokenError::Invalid(_) => ApiError::BadToken,
        TokenError::Expired => ApiError::TokenExpired,
        TokenError::Revoked => ApiError::TokenRevoked,
        TokenError::NotTold => {
            ApiError::TokenBound("customers who can know of its provider, which they cannot yet")
        }
        TokenError::Store(error) => error.into(),
    })?;
    let shown = parts.extensions.get::<Shown>().cloned().unwrap_or_default();
    if access.bound.proof {
        let given = address.query("appsecret_proof").unwrap_or_default();
        let (secrets, now) = (node.app_secrets().await?, node.now());
        if !secrets.accepted(now).iter().any(|by| proof_holds(given, secret, by)) {
            return Err(ApiError::TokenBound("appsecret_proof, which is missing or wrong"));
        }
    }
    if access.bound.key.is_some() && access.bound.key != shown.signed_by {
        return Err(ApiError::TokenBound("signed requests, and this one is not signed by its key"));
    }
    let networks = &access.bound.networks;
    let comes_from_one = shown.peer.is_some_and(|peer| networks.iter().any(|it| it.contains(peer)));
    if !networks.is_empty() && !comes_from_one {
        return Err(ApiError::TokenBound("other networks"));
    }
    Ok(Who::Token(access))
}

impl Who {
    /// Whether they may do this: a token of another number finds nothing here; then the scope counts.
    pub fn may<P: Ports>(&self, node: &Node<P>, route: &Route) -> Result<(), ApiError> {
        match self {
            Self::Token(access) if !access.covers(node.identity.number) => Err(ApiError::Unknown),
            Self::Token(access) if !access.may(route.scope) => {
                Err(ApiError::NoPermission(route.scope.name()))
            }
            // It would go on after the delegation is over, and no customer would know.
            Self::Token(access) if access.provider.is_some() && sets_receivers(route.op) => {
                Err(ApiError::NoPermission(RECEIVERS))
            }
            Self::Link if route.op == Op::DownloadMedia => Err(ApiError::BadToken),
            Self::App if !route.shape.starts_with("{app}") => Err(ApiError::NoPermission(route.scope.name())),
            Self::Token(_) | Self::App | Self::Link => Ok(()),
        }
    }

    /// Whether they may say this in a call that they may make.
    pub fn may_say(&self, op: Op, said: &Value) -> Result<(), ApiError> {
        let sets = op == Op::SetNumber && said.get("webhook_configuration").is_some();
        if sets && self.provider().is_some() { Err(ApiError::NoPermission(RECEIVERS)) } else { Ok(()) }
    }

    /// Who they are in the audit log.
    pub fn audited(&self) -> audit::Who {
        match self {
            Self::Token(access) => audit::Who::Token(access.token),
            Self::App => audit::Who::App,
            // What a link opens is looked at, and changes nothing.
            Self::Link => audit::Who::Node,
        }
    }

    /// The provider that asks, when it is not the business itself.
    pub fn provider(&self) -> Option<u64> {
        match self {
            Self::Token(access) => access.provider,
            Self::App | Self::Link => None,
        }
    }

    /// The number of the token.
    pub fn token(&self) -> Option<u64> {
        match self {
            Self::Token(access) => Some(access.token),
            Self::App | Self::Link => None,
        }
    }
}

/// What a request came with, to ask again when its body is there, which may have taken its time.
pub(super) struct Still<'a> {
    pub parts: &'a Parts,
    pub address: &'a Address,
    pub route: &'a Route,
}

impl Still<'_> {
    /// Who asks, when they still may.
    pub async fn who<P: Ports>(&self, node: &Node<P>) -> Result<Who, ApiError> {
        let who = who(node, self.parts, self.address).await?;
        who.may(node, self.route)?;
        Ok(who)
    }
}
