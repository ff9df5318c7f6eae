//! `lacre business token`: what programs open the API with.

use serde_json::{Value, json};

use super::DAY;
use super::ask::{get, overlap, post, rows, text, when};
use crate::cli::{CreateToken, TokenCommand};
use crate::exit::Failure;
use crate::output;

pub(super) async fn run(command: TokenCommand, as_json: bool) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => create(args, as_json).await,
        TokenCommand::List(node) => {
            let told = get(&node.data, "tokens").await?;
            rows(&told, as_json, "There are no tokens. `lacre business token create` makes one.", line)
        }
        TokenCommand::Rotate { id, overlap: given, node } => {
            let body = json!({ "overlap_s": overlap(&given)? });
            let told = post(&node.data, &format!("tokens/{id}/rotate"), &body).await?;
            secret(&told, as_json)?;
            if as_json {
                return Ok(());
            }
            let until = when(&told["before_until_ms"]);
            eprintln!("Token {id} has this secret now, shown once. The one before works until {until}.");
            Ok(())
        }
        TokenCommand::Revoke { id, node } => {
            let told = post(&node.data, &format!("tokens/{id}/revoke"), &Value::Null).await?;
            match as_json {
                true => output::object(&told),
                false => {
                    output::line(&format!("Token {id} is revoked: the next request with it is refused."))
                }
            }
        }
    }
}

async fn create(args: CreateToken, as_json: bool) -> Result<(), Failure> {
    let CreateToken { name, scopes, days, numbers, networks, public_key, proof, provider, node } = args;
    let body = json!({
        "name": name,
        "scopes": scopes,
        "expires_ms": days.map(|days| output::now() + days * DAY),
        "numbers": (!numbers.is_empty()).then_some(numbers),
        "provider": provider,
        "bound": { "appsecret_proof": proof, "public_key": public_key, "networks": networks },
    });
    let told = post(&node.data, "tokens", &body).await?;
    secret(&told, as_json)?;
    if !as_json {
        eprintln!("This is token {}, shown once.", told["token"]["id"]);
    }
    Ok(())
}

/// The secret alone on a line, for a script that takes it from there; or all of the answer.
fn secret(told: &Value, as_json: bool) -> Result<(), Failure> {
    match as_json {
        true => output::object(told),
        false => output::line(told["access_token"].as_str().unwrap_or_default()),
    }
}

fn line(token: &Value) -> String {
    let scopes = token["scopes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let short =
        |it: &Value| text(it).replace("whatsapp_business_", "").replace("business_management", "business");
    let scopes: Vec<_> = scopes.iter().map(short).collect();
    let mut line = format!(
        "{}  {}  {}  {}  last used {}",
        token["id"],
        text(&token["state"]),
        text(&token["name"]),
        scopes.join(","),
        when(&token["last_used_ms"])
    );
    if !token["expires_ms"].is_null() {
        line.push_str(&format!("  ends {}", when(&token["expires_ms"])));
    }
    let bound = &token["bound"];
    if bound["appsecret_proof"] == true {
        line.push_str("  with appsecret_proof");
    }
    if !bound["public_key"].is_null() {
        line.push_str("  signed");
    }
    if bound["networks"].as_array().is_some_and(|it| !it.is_empty()) {
        line.push_str(&format!("  from {}", text(&bound["networks"])));
    }
    if !token["provider"].is_null() {
        line.push_str(&format!("  of provider {}", token["provider"]));
    }
    line
}
