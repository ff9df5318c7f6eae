//! The REST face: the WhatsApp Business Cloud API's addresses, tokens, answers and errors.
//!
//! A request goes through one door: its token first, so that nothing is told to who has none; then the table of
//! calls ([`routes`]), where an object of another is no object; then the scope; then what it says. Query strings are
//! never logged, for they may hold tokens.

pub mod address;
pub mod analytics;
pub mod apps;
pub mod automation;
pub mod blocks;
pub mod bridge;
pub mod call;
pub mod error;
pub mod fields;
pub mod flows;
pub mod link;
pub mod media;
pub mod messages;
pub mod numbers;
pub mod page;
pub mod profile;
pub mod qr;
pub mod reader;
pub mod routes;
pub mod spec;
pub mod templates;
pub mod uploads;
pub mod wamid;

mod absent;
mod account;
mod asset;
mod debug;
mod door;
mod grant;
pub(crate) mod params;
pub(crate) mod picture;
mod reviewed;
pub(crate) mod signed;
pub(crate) mod strangers;
mod watched;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use self::address::Address;
use self::call::{Call, answer};
pub use self::door::Shown;
use self::door::Still;
use self::error::ApiError;
use self::routes::Op;
use crate::node::{Node, Ports};

/// The API of a node, to be served. What the connection showed may come with each request as [`Shown`] in its
/// extensions.
pub fn router<P: Ports>(node: Arc<Node<P>>) -> Router {
    Router::new().fallback(move |request: Request| {
        let node = Arc::clone(&node);
        // What was begun is done to its end, its row in the audit log too, though nobody waits for the answer any more.
        let done = tokio::spawn(async move { serve(&node, request).await });
        async move { done.await.unwrap_or_else(|_| ApiError::Internal.response("")) }
    })
}

/// What is answered to a request that took too long; it is done to its end.
pub fn too_late() -> Response<Body> {
    ApiError::Unavailable.response("")
}

async fn serve<P: Ports>(node: &Node<P>, request: Request) -> Response<Body> {
    let from = request.extensions().get::<Shown>().and_then(|it| it.peer);
    let tried = door::tries(request.headers(), &Address::of(request.uri()));
    match handle(node, request).await {
        Ok(response) => response,
        Err(error) => {
            let error = match error.status() {
                StatusCode::UNAUTHORIZED => strangers::refused(node, from, tried, error).await,
                _ => error,
            };
            tracing::debug!(code = error.code(), "a call was refused");
            error.response(&URL_SAFE_NO_PAD.encode(node.random::<8>()))
        }
    }
}

async fn handle<P: Ports>(node: &Node<P>, request: Request) -> Result<Response<Body>, ApiError> {
    let (mut parts, body) = signed::look(node, request).await?.into_parts();
    bear(&mut parts.headers);
    let address = Address::of(&parts.uri);
    if grant::is_asked(&address) && (parts.method == Method::GET || parts.method == Method::POST) {
        let said = params::read(&address, &parts.method, &parts.headers, body).await?;
        return Ok(answer(&grant::give(node, &said).await?));
    }
    let who = door::who(node, &parts, &address).await?;
    if parts.method == Method::GET && debug::is_asked(&address) {
        return Ok(answer(&debug::tell(node, &who, &address).await?));
    }
    let route = routes::find(node, &parts.method, &address).await?.ok_or(ApiError::Unknown)?;
    who.may(node, route)?;
    watched::note_provider(node, &who, route, &address).await?;
    // Elsewhere they are what is set, not what is shown.
    let asked = parts.method == Method::GET;
    let fields = address.query("fields").filter(|it| asked && !it.trim().is_empty());
    let fields = fields.map(fields::parse).transpose()?;
    let (headers, token, links_by) = (parts.headers.clone(), who.token(), who.links_by());
    let mut call = Call { address: address.clone(), headers, token, links_by, said: json!({}), fields };
    let still = Still { parts: &parts, address: &address, route };
    match route.op {
        Op::UploadMedia => return Ok(answer(&media::upload(node, &call, body, &still).await?)),
        Op::DownloadMedia => return media::download(node, &call).await,
        Op::PictureOfCode => return qr::picture(node, &call).await,
        Op::ProfilePicture => return picture::get(node, &call).await,
        Op::GoOnUpload => return Ok(answer(&uploads::go_on(node, &call, body, &still).await?)),
        Op::FlowJson => return asset::download(node, &call).await,
        _ => {}
    }
    call.said = match route.op {
        Op::SetFlowAsset => asset::read(&call, body).await?,
        _ => params::read(&call.address, &parts.method, &call.headers, body).await?,
    };
    // What counts is what they may now.
    let who = if parts.method == Method::GET { who } else { still.who(node).await? };
    who.may_say(route.op, &call.said)?;
    let told = done(node, route.op, &call).await?;
    watched::note(node, &who, route.op, &call, &told).await?;
    Ok(answer(&told))
}

/// `Authorization: OAuth T`, with which uploads are documented, is `Bearer T`.
fn bear(headers: &mut HeaderMap) {
    let token = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()).and_then(|it| it.split_once(' '));
    let bearer = token
        .filter(|(kind, _)| kind.eq_ignore_ascii_case("oauth"))
        .and_then(|(_, token)| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    if let Some(bearer) = bearer {
        headers.insert(AUTHORIZATION, bearer);
    }
}

/// Does what is answered in JSON.
async fn done<P: Ports>(node: &Node<P>, op: Op, call: &Call) -> Result<Value, ApiError> {
    match op {
        Op::SendMessage => messages::post(node, call).await,
        Op::SendMarketing => messages::post_marketing(node, call).await,
        Op::LookupMedia => media::lookup(node, call).await,
        Op::DeleteMedia => media::delete(node, call).await,
        Op::Profile => profile::get(node, call).await,
        Op::SetProfile => profile::post(node, call).await,
        Op::Number => numbers::get(node, call).await,
        Op::SetNumber => numbers::post(node, call).await,
        Op::Numbers => numbers::list(node, call).await,
        Op::Register => numbers::register(node, call).await,
        Op::Deregister => numbers::deregister(node).await,
        Op::Settings => automation::settings(node).await,
        Op::SetSettings => automation::set_settings(node, call).await,
        Op::Automation => automation::get(node).await,
        Op::SetAutomation => automation::post(node, call).await,
        Op::Blocked => blocks::list(node, call).await,
        Op::Block => blocks::set(node, call, true).await,
        Op::Unblock => blocks::set(node, call, false).await,
        Op::Codes => qr::list(node, call).await,
        Op::MakeCode => qr::post(node, call).await,
        Op::Code => qr::get(node, call).await,
        Op::UpdateCode => qr::update(node, call).await,
        Op::DeleteCode => qr::delete(node, call).await,
        Op::Account => account::get(node, call).await,
        Op::Templates => templates::list(node, call).await,
        Op::CreateTemplate => templates::create(node, call).await,
        Op::DeleteTemplates => templates::delete_named(node, call).await,
        Op::TemplateOfAccount => templates::get(node, call, 2).await,
        Op::Template => templates::get(node, call, 0).await,
        Op::EditTemplate => templates::edit(node, call, 0).await,
        Op::EditTemplateOfAccount => templates::edit(node, call, 2).await,
        Op::DeleteTemplate => templates::delete(node, call).await,
        Op::SubscribedApps => apps::subscribed_apps(node).await,
        Op::SubscribeAccount => apps::subscribe_account(node, call).await,
        Op::UnsubscribeAccount => apps::unsubscribe_account(node).await,
        Op::App => Ok(apps::app(node)),
        Op::AppSubscriptions => apps::app_subscriptions(node).await,
        Op::SubscribeApp => apps::subscribe_app(node, call).await,
        Op::UnsubscribeApp => apps::unsubscribe_app(node).await,
        Op::Commerce => Ok(automation::commerce(node)),
        Op::SetCommerce => automation::set_commerce(call),
        Op::BeginUpload => uploads::begin(node, call).await,
        Op::Upload => uploads::state(node, call).await,
        Op::TemplateAnalytics => analytics::of_templates(node, call).await,
        Op::Username => Ok(absent::username(node)),
        Op::CallPermissions => absent::call_permissions(call),
        Op::Flows => flows::list(node, call).await,
        Op::MakeFlow => flows::create(node, call).await,
        Op::Flow => flows::get(node, call).await,
        Op::EditFlow => flows::edit(node, call).await,
        Op::DeleteFlow => flows::delete(node, call).await,
        Op::FlowAssets => asset::list(node, call).await,
        Op::SetFlowAsset => asset::set(node, call).await,
        Op::PublishFlow => flows::publish(node, call).await,
        Op::DeprecateFlow => flows::deprecate(node, call).await,
        Op::EncryptionKey | Op::Groups => Ok(absent::none()),
        Op::RequestCode
        | Op::VerifyCode
        | Op::AddNumber
        | Op::SetUsername
        | Op::DeleteUsername
        | Op::SetEncryptionKey
        | Op::MakeGroup
        | Op::Call => Err(absent::refusal(op)),
        Op::UploadMedia
        | Op::DownloadMedia
        | Op::PictureOfCode
        | Op::ProfilePicture
        | Op::GoOnUpload
        | Op::FlowJson => Err(ApiError::Internal),
    }
}
