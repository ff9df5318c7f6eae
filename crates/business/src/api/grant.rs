//! `GET` or `POST /oauth/access_token`: who knows the app's secret gets a token for the app, which sets where the app hears.
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

/// Gives a token for the app to who shows its secret, in the query or in the body.
pub(super) async fn give<P: Ports>(node: &Node<P>, said: &Value) -> Result<Value, ApiError> {
    let given = |name: &str| match said.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(ApiError::Invalid(format!("{name} is required"))),
    };
    if given("grant_type")? != "client_credentials" {
        return Err(ApiError::Invalid("grant_type must be client_credentials".to_owned()));
    }
    let app = node.identity.app.to_string();
    let secret = given("client_secret")?;
    if given("client_id")? != app || !is_secret(node, &secret).await? {
        return Err(ApiError::BadToken);
    }
    let until = node.now() + LIFE;
    let mac = hex::encode(mac(node, until).finalize().into_bytes());
    Ok(json!({ "access_token": format!("{app}|{until}|{mac}"), "token_type": "bearer" }))
}

/// Whether a token is the app's, or its id and secret, which are one too; `None` when it does not look like one.
pub(super) async fn check<P: Ports>(node: &Node<P>, token: &str) -> Result<Option<()>, ApiError> {
    let Some((app, rest)) = token.split_once('|') else { return Ok(None) };
    let is_app = app == node.identity.app.to_string();
    let Some((until, given)) = rest.split_once('|') else {
        return match is_app && is_secret(node, rest).await? {
            true => Ok(Some(())),
            false => Err(ApiError::BadToken),
        };
    };
    let (Ok(until), Ok(given)) = (until.parse::<Millis>(), hex::decode(given)) else { return Ok(None) };
    if !is_app || mac(node, until).verify_slice(&given).is_err() {
        Err(ApiError::BadToken)
    } else if until <= node.now() {
        Err(ApiError::TokenExpired)
    } else {
        Ok(Some(()))
    }
}

async fn is_secret<P: Ports>(node: &Node<P>, given: &str) -> Result<bool, ApiError> {
    let secrets = node.app_secrets().await?;
    let is = |it: &str| bool::from(given.as_bytes().ct_eq(it.as_bytes()));
    Ok(secrets.accepted(node.now()).into_iter().any(is))
}

fn mac<P: Ports>(node: &Node<P>, until: Millis) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(&node.identity.secret)
        .expect("HMAC takes keys of any length")
        .chain_update(b"app token")
        .chain_update(until.to_be_bytes())
}
