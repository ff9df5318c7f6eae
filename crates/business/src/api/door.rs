//! Who asks: a token with what it is bound to, or a link that the node signed.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::Value;

use super::address::{Address, BY};
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
    /// Somebody with a link that the node signed, to the next page of what a token asked for.
    Link(Access),
    /// Somebody with a link that the node signed, to a picture that anybody may see.
    Picture,
}

/// Whether a request shows a token or a secret, right or wrong.
pub(super) fn tries(headers: &HeaderMap, address: &Address) -> bool {
    headers.contains_key(AUTHORIZATION)
        || grant::is_asked(address)
        || ["access_token", "client_secret"].iter().any(|name| address.query(name).is_some())
}

/// Who asks; an error when it is nobody.
pub(super) async fn who<P: Ports>(node: &Node<P>, parts: &Parts, address: &Address) -> Result<Who, ApiError> {
    let secret = bearer(&parts.headers).or_else(|| address.query("access_token"));
    let shown = parts.extensions.get::<Shown>().cloned().unwrap_or_default();
    let Some(secret) = secret else {
        return match parts.method == "GET" && address.is_signed(&node.identity.secret, node.now()) {
            true => linked(node, address, &shown).await,
            false => Err(ApiError::BadToken),
        };
    };
    if grant::check(node, secret).await?.is_some() {
        return Ok(Who::App);
    }
    let access = node.tokens.check(secret, node.now()).await.map_err(refused)?;
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
    comes_from(&access, &shown)?;
    Ok(Who::Token(access))
}

/// Who comes with a signed link: it opens no more than the token that it was made for opens now, and from where that does.
async fn linked<P: Ports>(node: &Node<P>, address: &Address, shown: &Shown) -> Result<Who, ApiError> {
    let Some(by) = address.query(BY) else { return Ok(Who::Picture) };
    let by = by.parse().map_err(|_| ApiError::BadToken)?;
    let access = node.tokens.known(by, node.now()).await.map_err(refused)?;
    comes_from(&access, shown)?;
    Ok(Who::Link(access))
}

/// Whether a request comes from where its token is bound to.
fn comes_from(access: &Access, shown: &Shown) -> Result<(), ApiError> {
    let networks = &access.bound.networks;
    let comes_from_one = shown.peer.is_some_and(|peer| networks.iter().any(|it| it.contains(peer)));
    match networks.is_empty() || comes_from_one {
        true => Ok(()),
        false => Err(ApiError::TokenBound("other networks")),
    }
}

fn refused(error: TokenError) -> ApiError {
    match error {
        TokenError::Unknown | TokenError::Invalid(_) => ApiError::BadToken,
        TokenError::Expired => ApiError::TokenExpired,
        TokenError::Revoked => ApiError::TokenRevoked,
        TokenError::NotTold => {
            ApiError::TokenBound("customers who can know of its provider, which they cannot yet")
        }
        TokenError::Store(error) => error.into(),
    }
}

impl Who {
    /// Whether they may do this: a token of another number finds nothing here; then the scope counts.
    pub fn may<P: Ports>(&self, node: &Node<P>, route: &Route) -> Result<(), ApiError> {
        match self {
            Self::Token(access) | Self::Link(access) if !access.covers(node.identity.number) => {
                Err(ApiError::Unknown)
            }
            Self::Token(access) | Self::Link(access) if !access.may(route.scope) => {
                Err(ApiError::NoPermission(route.scope.name()))
            }
            // It would go on after the delegation is over, and no customer would know.
            Self::Token(access) if access.provider.is_some() && sets_receivers(route.op) => {
                Err(ApiError::NoPermission(RECEIVERS))
            }
            Self::Link(_) if route.op == Op::DownloadMedia => Err(ApiError::BadToken),
            Self::Picture if !matches!(route.op, Op::PictureOfCode | Op::ProfilePicture) => {
                Err(ApiError::BadToken)
            }
            Self::App if !route.shape.starts_with("{app}") => Err(ApiError::NoPermission(route.scope.name())),
            Self::Token(_) | Self::Link(_) | Self::App | Self::Picture => Ok(()),
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
            Self::Token(access) | Self::Link(access) => audit::Who::Token(access.token),
            Self::App => audit::Who::App,
            // What it opens is looked at, and changes nothing.
            Self::Picture => audit::Who::Node,
        }
    }

    pub(super) fn access(&self) -> Option<&Access> {
        match self {
            Self::Token(access) | Self::Link(access) => Some(access),
            Self::App | Self::Picture => None,
        }
    }

    /// The provider that asks, when it is not the business itself.
    pub fn provider(&self) -> Option<u64> {
        self.access()?.provider
    }

    /// The number of the token.
    pub fn token(&self) -> Option<u64> {
        Some(self.access()?.token)
    }

    /// The token by which links in the answer open without one: not one that is bound to what no link can show.
    pub fn links_by(&self) -> Option<u64> {
        let bare = |it: &&Access| !it.bound.proof && it.bound.key.is_none();
        self.access().filter(bare).map(|it| it.token)
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
