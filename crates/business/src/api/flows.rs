//! `/{account}/flows` and `/{flow}`.

use jiff::Timestamp;
use lacre_proto::Millis;
use serde_json::{Value, json};

use super::apps::Notice;
use super::call::{Call, success};
use super::error::ApiError;
use super::fields;
use super::page::page;
use super::reader::At;
use crate::flows::{Change, FLOWS_MAX, Flow, JSON_MAX, Purpose, Status};
use crate::node::{Node, Ports};

/// What is told of a flow when nothing else is asked for.
const USUAL: [&str; 5] = ["id", "name", "status", "categories", "validation_errors"];
const NAME_MAX: usize = 200;

/// `POST /{account}/flows`. It is published at once when that is asked for and nothing is wrong with it; otherwise it
/// is a draft, and the answer says what is wrong.
pub async fn create<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    no_endpoint(&params)?;
    let name = name_of(&params.need("name")?)?;
    let purposes = purposes_of(&params.need("categories")?)?;
    let json = params.maybe("flow_json")?;
    let source = params.maybe("clone_flow_id")?;
    let json = match (json, source) {
        (Some(_), Some(_)) => {
            return Err(ApiError::Invalid("Give either flow_json or clone_flow_id, not both".to_owned()));
        }
        (Some(json), None) => {
            json.text(0, JSON_MAX).map_err(|error| ApiError::Invalid(error.to_string()))?.to_owned()
        }
        (None, Some(source)) => cloned(node, &source).await?,
        (None, None) => String::new(),
    };
    let publish = params.flag("publish")?;
    node.creations.take((), node.now()).map_err(|wait| ApiError::CallLimit(wait, "100 flows an hour"))?;
    if node.flows.all().await?.len() >= FLOWS_MAX {
        return Err(ApiError::Invalid(format!("No more than {FLOWS_MAX} flows can be kept")));
    }
    let mut flow = Flow {
        id: node.free_id().await?,
        name,
        purposes,
        status: Status::Draft,
        json: String::new(),
        version: None,
        problems: Vec::new(),
        changed: node.now(),
    };
    if !json.is_empty() {
        flow.put(json);
    }
    if publish && flow.is_whole() {
        flow.status = Status::Published;
    }
    if !node.flows.create(&flow).await? {
        return Err(name_taken());
    }
    let mut answer = success();
    answer["id"] = flow.id.to_string().into();
    answer["validation_errors"] = errors(&flow);
    if flow.status == Status::Published {
        node.tell(Notice::FlowStatus(flow, Status::Draft)).await;
    }
    Ok(answer)
}

/// `GET /{account}/flows`.
pub async fn list<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let all = node.flows.all().await?;
    let rows = all.iter().map(|it| (it.id.to_string(), told(node, it))).collect();
    page(node, call, rows, &USUAL)
}

/// `GET /{flow}`.
pub async fn get<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let flow = found(node, call).await?;
    Ok(fields::select(told(node, &flow), call.fields.as_deref(), &USUAL))
}

/// `POST /{flow}`: another name, other categories.
pub async fn edit<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    no_endpoint(&params)?;
    let name = params.maybe("name")?.map(|it| name_of(&it)).transpose()?;
    let purposes = params.maybe("categories")?.map(|it| purposes_of(&it)).transpose()?;
    if name.is_none() && purposes.is_none() {
        return Err(ApiError::Invalid("name or categories is required".to_owned()));
    }
    changed(node, call, |flow| {
        if flow.status == Status::Deprecated {
            return Err(ApiError::FlowUpdate("A flow that is deprecated cannot be changed"));
        }
        flow.name = name.clone().unwrap_or_else(|| flow.name.clone());
        flow.purposes = purposes.clone().unwrap_or_else(|| flow.purposes.clone());
        Ok(())
    })
    .await?;
    Ok(success())
}

/// `POST /{flow}/publish`.
pub async fn publish<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    stand(node, call, |flow| {
        if flow.status != Status::Draft {
            return Err(ApiError::FlowPublish("Only a draft can be published"));
        }
        if flow.json.is_empty() {
            return Err(ApiError::FlowPublish("The flow has no JSON yet: upload it as an asset"));
        }
        if !flow.is_whole() {
            return Err(ApiError::FlowPublish("The flow has errors: validation_errors tells them"));
        }
        flow.status = Status::Published;
        Ok(())
    })
    .await
}

/// `POST /{flow}/deprecate`.
pub async fn deprecate<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    stand(node, call, |flow| match flow.status {
        Status::Draft => Err(ApiError::FlowDeprecate("A draft cannot be deprecated: delete it")),
        Status::Deprecated => Err(ApiError::FlowDeprecate("The flow is deprecated already")),
        Status::Published => {
            flow.status = Status::Deprecated;
            Ok(())
        }
    })
    .await
}

/// `DELETE /{flow}`: of a draft.
pub async fn delete<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    loop {
        let flow = found(node, call).await?;
        if flow.status != Status::Draft {
            return Err(ApiError::FlowDelete("Only a draft can be deleted: deprecate the flow"));
        }
        if node.flows.remove(&flow).await? {
            return Ok(success());
        }
    }
}

/// The flow of the path.
pub(super) async fn found<P: Ports>(node: &Node<P>, call: &Call) -> Result<Flow, ApiError> {
    node.flows.get(call.id(0)?).await?.ok_or(ApiError::Unknown)
}

/// Changes the flow of the path: what it was, and what it is.
pub(super) async fn changed<P: Ports>(
    node: &Node<P>,
    call: &Call,
    change: impl Fn(&mut Flow) -> Result<(), ApiError>,
) -> Result<(Flow, Flow), ApiError> {
    let now = node.now();
    let change = |flow: &mut Flow| {
        change(flow)?;
        flow.changed = now;
        Ok::<_, ApiError>(())
    };
    match node.flows.change(call.id(0)?, change).await? {
        Change::Made(both) => Ok(*both),
        Change::Absent => Err(ApiError::Unknown),
        Change::NameTaken => Err(name_taken()),
    }
}

/// Changes where a flow stands, and tells programs.
async fn stand<P: Ports>(
    node: &Node<P>,
    call: &Call,
    change: impl Fn(&mut Flow) -> Result<(), ApiError>,
) -> Result<Value, ApiError> {
    let (before, after) = changed(node, call, change).await?;
    node.tell(Notice::FlowStatus(after, before.status)).await;
    Ok(success())
}

/// What is wrong with a flow, as it is told.
pub(super) fn errors(flow: &Flow) -> Value {
    flow.problems.iter().map(|it| it.told()).collect()
}

fn told<P: Ports>(node: &Node<P>, flow: &Flow) -> Value {
    let mut told = json!({
        "id": flow.id.to_string(),
        "name": flow.name,
        "status": flow.status.name(),
        "categories": flow.purposes.iter().map(|it| it.name()).collect::<Vec<_>>(),
        "validation_errors": errors(flow),
        "updated_at": written(flow.changed),
        "whatsapp_business_account": {
            "id": node.identity.account.to_string(),
            "name": node.settings.name,
            "timezone_id": "1",
        },
        "application": {
            "id": node.identity.app.to_string(),
            "name": node.settings.name,
            "link": node.settings.chat_link.as_str(),
        },
        "health_status": health(flow),
    });
    if let Some(version) = &flow.version {
        told["json_version"] = version.as_str().into();
    }
    told
}

/// Whether it can be sent. No endpoint is called, and nobody judges flows: more there is not to be told.
fn health(flow: &Flow) -> Value {
    let why = match flow.status {
        Status::Published => None,
        Status::Draft if flow.is_whole() => None,
        Status::Draft => {
            Some((139_002, "The flow has errors, or no JSON yet", "Upload a flow JSON without errors"))
        }
        Status::Deprecated => Some((131_009, "The flow is deprecated", "Publish another")),
    };
    let can = if why.is_none() { "AVAILABLE" } else { "BLOCKED" };
    let mut entity = json!({ "entity_type": "FLOW", "id": flow.id.to_string(), "can_send_message": can });
    if let Some((code, description, solution)) = why {
        let error =
            json!({ "error_code": code, "error_description": description, "possible_solution": solution });
        entity["errors"] = json!([error]);
    }
    json!({ "can_send_message": can, "entities": [entity] })
}

/// `2026-11-30T12:00:00+0000`.
fn written(at: Millis) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

async fn cloned<P: Ports>(node: &Node<P>, source: &At<'_>) -> Result<String, ApiError> {
    let id = source.digits().ok().and_then(|it| it.parse().ok());
    let flow = match id {
        Some(id) => node.flows.get(id).await?,
        None => None,
    };
    flow.map(|it| it.json).ok_or_else(|| ApiError::Invalid("clone_flow_id: there is no such flow".to_owned()))
}

fn no_endpoint(params: &At<'_>) -> Result<(), ApiError> {
    for name in ["endpoint_uri", "data_channel_uri"] {
        if params.maybe(name)?.is_some() {
            return Err(ApiError::Invalid(format!(
                "{name}: no endpoint is called, for it would read what is sealed between customer and business"
            )));
        }
    }
    Ok(())
}

fn name_of(at: &At<'_>) -> Result<String, ApiError> {
    let name = at.text(1, NAME_MAX).map_err(|error| ApiError::Invalid(error.to_string()))?;
    Ok(name.to_owned())
}

fn name_taken() -> ApiError {
    ApiError::Invalid("name: there is a flow of this name".to_owned())
}

/// A list, or one alone: forms have both.
fn purposes_of(at: &At<'_>) -> Result<Vec<Purpose>, ApiError> {
    let invalid = |error: ApiError| ApiError::Invalid(error.to_string());
    let names = match at.value() {
        Value::String(_) => vec![at.clone()],
        _ => at.items(1, Purpose::ALL.len()).map_err(invalid)?,
    };
    let mut purposes = Vec::new();
    for name in names {
        let purpose = Purpose::named(name.text(1, 40).map_err(invalid)?);
        let all = || Purpose::ALL.map(Purpose::name).join(", ");
        let purpose = purpose.ok_or_else(|| invalid(name.bad(format_args!("must be one of {}", all()))))?;
        if !purposes.contains(&purpose) {
            purposes.push(purpose);
        }
    }
    Ok(purposes)
}
