//! A flow in a message: what its first screen is given is put in, and it goes out as a form.

use serde_json::Map;

use super::super::error::ApiError;
use super::super::reader::At;
use crate::chat::Form;
use crate::flows::{Flow, Status, compile};
use crate::node::{Node, Ports};

/// What a program knows a form by that it has given no token.
const TOKEN_USUAL: &str = "unused";
/// Longest token, in bytes.
const TOKEN_MAX: usize = 1_024;
const TITLE_MAX: usize = 20;

/// Reads `action.parameters`.
pub(super) async fn form<P: Ports>(node: &Node<P>, at: &At<'_>) -> Result<Form, ApiError> {
    if let Some(version) = at.maybe("flow_message_version")?
        && version.value() != "3"
        && version.value() != 3
    {
        return Err(version.bad("must be \"3\""));
    }
    let title = at.need_text("flow_cta", TITLE_MAX)?;
    let token = match at.maybe("flow_token")? {
        Some(token) => match token.text(1, TOKEN_MAX)? {
            long if long.len() > TOKEN_MAX => {
                return Err(token.bad(format_args!("must have at most {TOKEN_MAX} bytes")));
            }
            token => token,
        },
        None => TOKEN_USUAL,
    };
    if let Some(action) = at.maybe("flow_action")?
        && action.value() != "navigate"
    {
        let why = "must be navigate: no endpoint is called, for it would read what is sealed";
        return Err(action.bad(why));
    }
    let flow = named(node, at).await?;
    may_be_sent(&flow, at)?;
    let payload = at.maybe("flow_action_payload")?;
    let given = match &payload {
        Some(payload) => payload.maybe("data")?,
        None => None,
    };
    let given = given.map_or_else(|| Ok(Map::new()), |it| it.object().cloned())?;
    let compiled = compile(&flow.json, &given).map_err(|problems| {
        let first = problems.first().map(|it| format!("{} ({})", it.message, it.path)).unwrap_or_default();
        at.bad(format_args!("with flow_action_payload.data is not what the flow takes: {first}"))
    })?;
    if let Some(payload) = payload
        && let Some(screen) = payload.maybe("screen")?
        && screen.text(1, 100)? != compiled.first
    {
        return Err(screen.bad(format_args!("must be the first screen of the flow: {}", compiled.first)));
    }
    let form = compiled.form(token, title);
    if form.check().is_err() {
        return Err(at.bad("with flow_action_payload.data is larger than a message can be"));
    }
    Ok(form)
}

/// By its id or by its name.
async fn named<P: Ports>(node: &Node<P>, at: &At<'_>) -> Result<Flow, ApiError> {
    let (id, name) = (at.maybe("flow_id")?, at.maybe("flow_name")?);
    let (flow, said) = match (id, name) {
        (Some(_), Some(_)) => return Err(at.bad("must have either flow_id or flow_name, not both")),
        (Some(id), None) => {
            let flow = match id.digits()?.parse() {
                Ok(number) => node.flows.get(number).await?,
                Err(_) => None,
            };
            (flow, id)
        }
        (None, Some(name)) => (node.flows.find(name.text(1, 200)?).await?, name),
        (None, None) => return Err(at.need("flow_id").err().unwrap_or(ApiError::Internal)),
    };
    flow.ok_or_else(|| said.bad("is no flow of this account"))
}

/// A draft is sent as one, and what is published as that.
fn may_be_sent(flow: &Flow, at: &At<'_>) -> Result<(), ApiError> {
    let mode = at.maybe("mode")?;
    let draft =
        match mode.as_ref().map(|it| it.text(1, 20)).transpose()?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("published") => false,
            Some("draft") => true,
            Some(_) => return Err(at.need("mode")?.bad("must be draft or published")),
        };
    match (flow.status, draft) {
        (Status::Published, false) => Ok(()),
        (Status::Draft, true) if flow.is_whole() => Ok(()),
        (Status::Draft, true) => Err(at.bad("name a flow that has errors, or no JSON yet")),
        (Status::Draft, false) => {
            Err(at.bad("name a flow that is not published: publish it, or send it with mode draft"))
        }
        (Status::Published, true) => Err(at.bad("name a flow that is published: mode draft is for drafts")),
        (Status::Deprecated, _) => Err(at.bad("name a flow that is deprecated")),
    }
}
