//! `/{number}/conversational_automation`, `/{number}/settings` and `/{number}/whatsapp_commerce_settings`.

use lacre_proto::profile as limits;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{Call, success};
use super::error::ApiError;
use super::numbers;
use super::reader::At;
use crate::node::{Node, Ports};

/// What is offered to a customer before anybody answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Automation {
    /// Lines to begin with, at most three.
    pub prompts: Vec<String>,
    /// Commands with their descriptions, at most thirty.
    pub commands: Vec<(String, String)>,
}

impl Automation {
    pub(super) fn told(&self, number: u64) -> Value {
        let command = |(name, description): &(String, String)| json!({ "command_name": name, "command_description": description });
        json!({
            "id": number.to_string(),
            "enable_welcome_message": false,
            "prompts": self.prompts,
            "commands": self.commands.iter().map(command).collect::<Vec<_>>(),
        })
    }
}

/// `GET /{number}/conversational_automation`.
pub async fn get<P: Ports>(node: &Node<P>) -> Result<Value, ApiError> {
    Ok(json!({ "data": [numbers::read(node).await?.automation.told(node.identity.number)] }))
}

/// `POST /{number}/conversational_automation`: what is given is changed, the rest stays.
pub async fn post<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    if params.flag("enable_welcome_message")? {
        let flag = params.need("enable_welcome_message")?;
        return Err(
            flag.bad("can only be false: nobody hears that a customer opened a chat before they write")
        );
    }
    let prompts = match params.maybe("prompts")? {
        Some(prompts) => Some(texts(&prompts.items(0, limits::PROMPTS)?)?),
        None => None,
    };
    let commands = match params.maybe("commands")? {
        Some(commands) => {
            let command = |it: &At<'_>| {
                let name = it.need_text("command_name", limits::COMMAND)?.to_owned();
                let description = it.need_text("command_description", limits::COMMAND_DESCRIPTION)?;
                Ok::<_, ApiError>((name, description.to_owned()))
            };
            Some(commands.items(0, limits::COMMANDS)?.iter().map(command).collect::<Result<Vec<_>, _>>()?)
        }
        None => None,
    };
    let given = |number: &mut numbers::Number| {
        let automation = &mut number.automation;
        if let Some(prompts) = &prompts {
            automation.prompts.clone_from(prompts);
        }
        if let Some(commands) = &commands {
            automation.commands.clone_from(commands);
        }
    };
    numbers::change(node, given).await?;
    node.present_soon().await;
    Ok(success())
}

fn texts(items: &[At<'_>]) -> Result<Vec<String>, ApiError> {
    items.iter().map(|it| Ok(it.text(1, limits::PROMPT)?.to_owned())).collect()
}

/// `GET /{number}/settings`.
pub async fn settings<P: Ports>(node: &Node<P>) -> Result<Value, ApiError> {
    Ok(json!({
        "id": node.identity.number.to_string(),
        "calling": { "status": "DISABLED" },
        "user_identity_change": { "enable_identity_key_check": numbers::read(node).await?.identity_check },
        "payload_encryption": { "status": "DISABLED" },
    }))
}

/// `POST /{number}/settings`. What the node cannot do is refused, and not kept and forgotten.
pub async fn set_settings<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    for name in ["calling", "payload_encryption"] {
        if let Some(status) = params.maybe(name)?.map(|it| it.need("status")).transpose()?
            && !status.text(1, 40)?.eq_ignore_ascii_case("DISABLED")
        {
            return Err(status.bad("can only be DISABLED on this node"));
        }
    }
    if let Some(storage) = params.maybe("storage_configuration")? {
        return Err(storage.bad("cannot be set here: messages are stored on this node only"));
    }
    if let Some(check) = params.maybe("user_identity_change")?
        && check.maybe("enable_identity_key_check")?.is_some()
    {
        let checks = check.flag("enable_identity_key_check")?;
        numbers::change(node, |number: &mut numbers::Number| number.identity_check = checks).await?;
    }
    Ok(success())
}

/// `GET /{number}/whatsapp_commerce_settings`: the node has no catalog, and nobody sees one.
pub fn commerce<P: Ports>(node: &Node<P>) -> Value {
    let id = node.identity.number.to_string();
    json!({ "data": [{ "id": id, "is_catalog_visible": false, "is_cart_enabled": false }] })
}

/// `POST /{number}/whatsapp_commerce_settings`: refused where it would show something that is not there.
pub fn set_commerce(call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    for name in ["is_catalog_visible", "is_cart_enabled"] {
        if params.flag(name)? {
            return Err(params.need(name)?.bad("can only be false: this node has no catalog"));
        }
    }
    Ok(success())
}
