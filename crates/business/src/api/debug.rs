//! `GET /debug_token`: what a token opens. Programs ask it of the token that a person has pasted into them.

use serde_json::{Value, json};

use super::address::Address;
use super::door::Who;
use super::error::ApiError;
use crate::node::{Node, Ports};
use crate::tokens::Scope;

/// Whether a request is this one.
pub(super) fn is_asked(address: &Address) -> bool {
    address.segments == ["debug_token"]
}

/// What is known of `input_token`. A token may ask about itself; about others only who manages the node, or the app.
pub(super) async fn tell<P: Ports>(node: &Node<P>, who: &Who, address: &Address) -> Result<Value, ApiError> {
    let input = address.query("input_token");
    let input = input.ok_or_else(|| ApiError::Invalid("input_token is required".to_owned()))?;
    let asked = node.tokens.look(input, node.now()).await?;
    let is_own = asked.as_ref().is_some_and(|(access, _)| who.token() == Some(access.token));
    let may = match who {
        Who::Token(access) => is_own || access.covers(node.identity.number) && access.may(Scope::Management),
        Who::App => true,
        Who::Link(_) | Who::Picture => false,
    };
    if !may {
        return Err(ApiError::NoPermission(Scope::Management.name()));
    }
    let app = node.identity.app.to_string();
    let Some((access, expires)) = asked.filter(|(access, _)| access.covers(node.identity.number)) else {
        let error = json!({ "code": 190, "message": "Invalid OAuth access token" });
        return Ok(json!({ "data": { "app_id": app, "is_valid": false, "scopes": [], "error": error } }));
    };
    let scopes: Vec<_> = access.scopes.iter().map(|it| it.name()).collect();
    let account = node.identity.account.to_string();
    let granular: Vec<_> =
        scopes.iter().map(|scope| json!({ "scope": scope, "target_ids": [account] })).collect();
    Ok(json!({ "data": {
        "app_id": app,
        "type": "SYSTEM_USER",
        "application": node.settings.name,
        "data_access_expires_at": 0,
        "expires_at": expires.map_or(0, |it| it / 1_000),
        "is_valid": true,
        "scopes": scopes,
        "granular_scopes": granular,
        "user_id": access.token.to_string(),
    } }))
}
