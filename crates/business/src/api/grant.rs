//! `GET /oauth/access_token`: who knows the app's secret gets a token for the app, which sets where the app hears.
//!
//! It is kept nowhere: it is the app's id, an end, and a MAC over both by the node's secret.

use hmac::{Hmac, Mac};
use lacre_proto::Millis;
use serde_json::{Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::address::Address;
use super::error::ApiError;
use crate::node::{Node, Ports};

/// How long a token of the app works.
const LIFE: Millis = 60 * 60 * 1000;

/// Whether a request is this one, which comes without a token.
pub(super) fn is_asked(address: &Address) -> bool {
    address.segments == ["oauth", "access_token"]
}

/// Gives a token for the app to who shows its secret.
pub(super) async fn give<P: Ports>(node: &Node<P>, address: &Address) -> Result<Value, ApiError> {
    let query =
        |name: &str| address.query(name).ok_or_else(|| ApiError::Invalid(format!("{name} is required")));
    if query("grant_type")? != "client_credentials" {
        return Err(ApiError::Invalid("grant_type must be client_credentials".to_owned()));
    }
    let app = node.identity.app.to_string();
    let given = query("client_secret")?.as_bytes();
    let secrets = node.app_secrets().await?;
    let known = secrets.accepted(node.now()).into_iter().any(|it| bool::from(given.ct_eq(it.as_bytes())));
    if query("client_id")? != app || !known {
        return Err(ApiError::BadToken);
    }
    let until = node.now() + LIFE;
    let mac = hex::encode(mac(node, until).finalize().into_bytes());
    Ok(json!({ "access_token": format!("{app}|{until}|{mac}"), "token_type": "bearer" }))
}

/// Whether a token is the app's; `None` when it does not look like one.
pub(super) fn check<P: Ports>(node: &Node<P>, token: &str) -> Option<Result<(), ApiError>> {
    let (app, rest) = token.split_once('|')?;
    let (until, given) = rest.split_once('|')?;
    let until: Millis = until.parse().ok()?;
    let given = hex::decode(given).ok()?;
    Some(if app != node.identity.app.to_string() || mac(node, until).verify_slice(&given).is_err() {
        Err(ApiError::BadToken)
    } else if until <= node.now() {
        Err(ApiError::TokenExpired)
    } else {
        Ok(())
    })
}

fn mac<P: Ports>(node: &Node<P>, until: Millis) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(&node.identity.secret)
        .expect("HMAC takes keys of any length")
        .chain_update(b"app token")
        .chain_update(until.to_be_bytes())
}
