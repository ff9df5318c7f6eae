//! `/{flow}/assets`: the JSON of a flow, in and out.

use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::Multipart;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response};
use serde_json::{Map, Value, json};

use super::address::Address;
use super::call::{Call, success};
use super::error::ApiError;
use super::flows::{changed, errors, found};
use crate::flows::{JSON_MAX, Status};
use crate::node::{Node, Ports};

const NAME: &str = "flow.json";
const KIND: &str = "FLOW_JSON";
/// Most bytes of a part that is not the file, and most parts.
const PART_MAX: usize = 1_000;
const PARTS_MAX: usize = 16;
/// How long the whole may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the parts of a form into one object.
pub(super) async fn read(call: &Call, body: Body) -> Result<Value, ApiError> {
    let mut request = Request::new(body);
    *request.headers_mut() = call.headers.clone();
    // The parts are counted one by one.
    DefaultBodyLimit::disable().apply(&mut request);
    let all = tokio::time::timeout(PATIENCE, parts(request)).await;
    all.map_err(|_| ApiError::Invalid("The body took too long".to_owned()))?
}

async fn parts(request: Request) -> Result<Value, ApiError> {
    let broken = |_| ApiError::Invalid("The body must be multipart/form-data, and whole".to_owned());
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|_| ApiError::Invalid("The body must be multipart/form-data".to_owned()))?;
    let mut all = Map::new();
    while let Some(mut field) = multipart.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let most = if name == "file" { JSON_MAX } else { PART_MAX };
        let mut bytes = Vec::new();
        while let Some(more) = field.chunk().await.map_err(broken)? {
            bytes.extend_from_slice(&more);
            if bytes.len() > most {
                return Err(ApiError::TooLarge(most as u64));
            }
        }
        let text =
            String::from_utf8(bytes).map_err(|_| ApiError::Invalid(format!("{name} must be UTF-8")))?;
        if all.len() >= PARTS_MAX || all.insert(name.clone(), text.into()).is_some() {
            return Err(ApiError::Invalid(format!("{name} comes twice, or there are too many parts")));
        }
    }
    Ok(Value::Object(all))
}

/// `POST /{flow}/assets`: other JSON for a draft. It is kept whatever is wrong with it, which is told.
pub(super) async fn set<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    for (name, wanted) in [("name", NAME), ("asset_type", KIND)] {
        let said = params.need(name)?;
        if said.value() != wanted {
            return Err(ApiError::Invalid(format!("{name} must be {wanted}")));
        }
    }
    let file = params.need("file")?;
    let json = file.text(1, JSON_MAX).map_err(|error| ApiError::Invalid(error.to_string()))?;
    let (_, flow) = changed(node, call, |flow| {
        if flow.status != Status::Draft {
            let why = "Only a draft can be changed: make another flow with clone_flow_id, and publish that";
            return Err(ApiError::FlowUpdate(why));
        }
        flow.put(json.to_owned());
        Ok(())
    })
    .await?;
    let mut answer = success();
    answer["validation_errors"] = errors(&flow);
    Ok(answer)
}

/// `GET /{flow}/assets`.
pub(super) async fn list<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let flow = found(node, call).await?;
    if flow.json.is_empty() {
        return Ok(json!({ "data": [] }));
    }
    let version = call.address.version.clone();
    let address =
        Address { version, segments: vec![flow.id.to_string(), NAME.to_owned()], query: Vec::new() };
    let url = address.with(&node.settings.public, &[]);
    // Nothing is asked behind the path.
    let url = url.as_str().trim_end_matches('?');
    Ok(json!({ "data": [{ "name": NAME, "asset_type": KIND, "download_url": url }] }))
}

/// `GET /{flow}/flow.json`: what a list of assets names. The token opens it, as it opens the flow.
pub(super) async fn download<P: Ports>(node: &Node<P>, call: &Call) -> Result<Response<Body>, ApiError> {
    let flow = found(node, call).await?;
    if flow.json.is_empty() {
        return Err(ApiError::Unknown);
    }
    let mut response = Response::new(Body::from(flow.json));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
