//! The operator's listener: plain HTTP on loopback, apart from the devices' one.
//!
//! `GET /health` says that the process lives, `GET /ready` that it can store, `GET /metrics` its counters;
//! `POST /invites` makes an invite code, `/businesses` lists businesses, adds, verifies and suspends them: for who brings
//! the token that lies in the data folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as AxumPath, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use hyper_util::rt::{TokioIo, TokioTimer};
use lacre_proto::{AccountId, Handle, limits};
use lacre_store::data::Data;
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower_service::Service;

use crate::clock::Clock;
use crate::edge::stopped;
use crate::services::{Business, BusinessClaim, BusinessError, ReportParty, Seen, Services, VerifyBy};
use crate::tls::write_private;

/// Requests served at one time; the rest waits.
const CONNECTIONS: usize = 32;
/// One request and its answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// The token, as it lies in its file: 64 hex digits.
pub(crate) type Token = String;

/// Reads the token of a data folder, or makes it.
pub(crate) fn token(folder: &Path, random: impl FnOnce() -> [u8; 32]) -> std::io::Result<Token> {
    let path = folder.join("admin.token");
    match fs::read_to_string(&path) {
        Ok(token) if token.trim().len() >= 32 => Ok(token.trim().to_owned()),
        Ok(_) => Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "admin.token is too short")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let token = hex::encode(random());
            write_private(&path, format!("{token}\n").as_bytes())?;
            Ok(token)
        }
        Err(error) => Err(error),
    }
}

struct Admin<D: Data> {
    services: Services<D>,
    clock: Arc<dyn Clock>,
    /// None where there is no folder for it: then nobody may.
    token: Option<Token>,
}

/// Serves the operator until the relay stops.
pub(crate) async fn run<D: Data>(
    listener: TcpListener,
    services: Services<D>,
    clock: Arc<dyn Clock>,
    token: Option<Token>,
    mut stop: watch::Receiver<bool>,
) {
    let router = Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/ready", get(ready::<D>))
        .route("/metrics", get(metrics::<D>))
        .route("/invites", post(invite::<D>))
        .route("/businesses", get(businesses::<D>).post(add_business::<D>))
        .route("/businesses/{handle}", get(business::<D>))
        .route("/businesses/{handle}/found", post(found::<D>))
        .route("/businesses/{handle}/report", post(report::<D>))
        .route("/businesses/{handle}/{wish}", post(change_business::<D>))
        .with_state(Arc::new(Admin { services, clock, token }));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => return,
            accepted = async {
                let place = places.clone().acquire_owned().await.ok()?;
                Some((listener.accept().await.ok()?.0, place))
            } => accepted,
        };
        let Some((stream, place)) = accepted else { continue };
        let router = router.clone();
        let mut stop = stop.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| router.clone().call(request));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(DEADLINE)
                .max_buf_size(limits::HTTP_HEAD)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                () = stopped(&mut stop) => {}
                _ = tokio::time::timeout(DEADLINE, connection) => {}
            }
            drop(place);
        });
    }
}

async fn ready<D: Data>(State(admin): State<Arc<Admin<D>>>) -> Response {
    match admin.services.store_time(admin.clock.now()).await {
        Ok(()) => "ready\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not take writes\n").into_response(),
    }
}

async fn metrics<D: Data>(State(admin): State<Arc<Admin<D>>>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, OPEN_METRICS)], admin.services.metrics().text()).into_response()
}

impl<D: Data> Admin<D> {
    /// What a request is answered that does not bring the token.
    fn refusal(&self, headers: &HeaderMap) -> Option<Response> {
        let brought = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let allowed = match (&self.token, brought) {
            (Some(token), Some(brought)) => bool::from(token.as_bytes().ct_eq(brought)),
            _ => false,
        };
        (!allowed).then(|| (StatusCode::UNAUTHORIZED, "the admin token is needed\n").into_response())
    }
}

async fn businesses<D: Data>(State(admin): State<Arc<Admin<D>>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = admin.refusal(&headers) {
        return refusal;
    }
    match admin.services.businesses(admin.clock.now()).await {
        Ok(all) => json_answer(StatusCode::OK, &Value::Array(all.iter().map(business_json).collect())),
        Err(error) => refused(&error),
    }
}

/// What is asked for when a business is added.
#[derive(Deserialize)]
struct NewBusiness {
    handle: String,
    legal_name: String,
    display_name: String,
    domain: String,
    trade: String,
}

async fn add_business<D: Data>(
    State(admin): State<Arc<Admin<D>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = admin.refusal(&headers) {
        return refusal;
    }
    let Ok(new) = serde_json::from_slice::<NewBusiness>(&body) else {
        return (StatusCode::BAD_REQUEST, "the body is not what it should be\n").into_response();
    };
    let Ok(handle) = new.handle.parse() else { return refused(&BusinessError::NoSuchAccount) };
    let NewBusiness { legal_name, display_name, domain, trade, .. } = new;
    let claim = BusinessClaim { legal_name, display_name, domain, trade };
    match admin.services.add_business(&handle, claim, admin.clock.now()).await {
        Ok(business) => json_answer(StatusCode::CREATED, &business_json(&business)),
        Err(error) => refused(&error),
    }
}

async fn change_business<D: Data>(
    State(admin): State<Arc<Admin<D>>>,
    headers: HeaderMap,
    AxumPath((handle, wish)): AxumPath<(String, String)>,
    body: Bytes,
) -> Response {
    if let Some(refusal) = admin.refusal(&headers) {
        return refusal;
    }
    let Ok(handle) = handle.parse::<Handle>() else { return refused(&BusinessError::NoSuchAccount) };
    let now = admin.clock.now();
    // Why it is verified though its token was not seen; nothing when it was.
    let by_hand = String::from_utf8_lossy(&body).into_owned();
    let by = if by_hand.is_empty() { VerifyBy::Domain } else { VerifyBy::Hand(by_hand) };
    let done = match wish.as_str() {
        "verify" => admin.services.verify_business(&handle, by, now).await,
        "suspend" => admin.services.suspend_business(&handle, true, now).await,
        "resume" => admin.services.suspend_business(&handle, false, now).await,
        _ => return (StatusCode::NOT_FOUND, "there is nothing here\n").into_response(),
    };
    match done {
        Ok(business) => json_answer(StatusCode::OK, &business_json(&business)),
        Err(error) => refused(&error),
    }
}

async fn business<D: Data>(
    State(admin): State<Arc<Admin<D>>>,
    headers: HeaderMap,
    AxumPath(handle): AxumPath<String>,
) -> Response {
    if let Some(refusal) = admin.refusal(&headers) {
        return refusal;
    }
    let Ok(handle) = handle.parse::<Handle>() else { return refused(&BusinessError::NoSuchAccount) };
    match admin.services.find_business(&handle, admin.clock.now()).await {
        Ok(business) => json_answer(StatusCode::OK, &business_json(&business)),
        Err(error) => refused(&error),
    }
}

/// What the operator has found at a business's domain: the relay itself asks nobody.
async fn found<D: Data>(
    State(admin): State<Arc<Admin<D>>>,
    headers: HeaderMap,
    AxumPath(handle): AxumPath<String>,
    body: Bytes,
) -> Response {
    if let Some(refusal) = admin.refusal(&headers) {
        return refusal;
    }
    let Ok(handle) = handle.parse::<Handle>() else { return refused(&BusinessError::NoSuchAccount) };
    match admin.services.look_at_domain(&handle, &body, admin.clock.now()).await {
        Ok((business, Seen::Token)) => json_answer(StatusCode::OK, &business_json(&business)),
        Ok((_, Seen::Other)) => {
            (StatusCode::CONFLICT, "what stands there is not the token of this business\n").into_response()
        }
        Err(error) => refused(&error),
    }
}

/// A customer's report of a business, which the operator has read and proved.
#[derive(Deserialize)]
struct Reported {
    author: Party,
    reporter: Party,
}

/// Account and identity key, in hex.
#[derive(Deserialize)]
struct Party {
    account: String,
    identity_key: String,
}

impl Party {
    fn read(self) -> Option<ReportParty> {
        let account = AccountId::try_from(hex::decode(self.account).ok()?.as_slice()).ok()?;
        Some(ReportParty { account, identity_key: hex::decode(self.identity_key).ok()? })
    }
}

async fn report<D: Data>(
    State(admin): State<Arc<Admin<D>>>,
    headers: HeaderMap,
    AxumPath(handle): AxumPath<String>,
    body: Bytes,
) -> Response {
    if let Some(refusal) = admin.refusal(&headers) {
        return refusal;
    }
    let Ok(handle) = handle.parse::<Handle>() else { return refused(&BusinessError::NoSuchAccount) };
    let parties = serde_json::from_slice::<Reported>(&body).ok();
    let parties = parties.and_then(|it| Some((it.author.read()?, it.reporter.read()?)));
    let Some((author, reporter)) = parties else { return refused(&BusinessError::NoSuchReporter) };
    match admin.services.count_report(&handle, &author, &reporter, admin.clock.now()).await {
        Ok(business) => json_answer(StatusCode::OK, &business_json(&business)),
        Err(error) => refused(&error),
    }
}

fn business_json(business: &Business) -> Value {
    json!({
        "handle": business.handle.as_str(),
        "legal_name": business.claim.legal_name,
        "display_name": business.claim.display_name,
        "domain": business.claim.domain,
        "trade": business.claim.trade,
        "token": business.token,
        "added_ms": business.added_ms,
        "verified_ms": business.verified_ms,
        "suspended_ms": business.suspended_ms,
        "seen_ms": business.seen_ms,
        "by_hand": business.by_hand,
        "quality": business.standing.quality.name(),
        "daily_limit": business.standing.daily_limit,
        "reached_today": business.standing.reached,
    })
}

fn refused(error: &BusinessError) -> Response {
    let status = match error {
        BusinessError::NoSuchAccount | BusinessError::NoBusiness => StatusCode::NOT_FOUND,
        BusinessError::BusinessAlready | BusinessError::NotSeen => StatusCode::CONFLICT,
        BusinessError::BadField(_) | BusinessError::NoSuchReporter | BusinessError::NotTheAuthor => {
            StatusCode::BAD_REQUEST
        }
        BusinessError::Store => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{error}\n")).into_response()
}

fn json_answer(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], format!("{value}\n")).into_response()
}

async fn invite<D: Data>(State(admin): State<Arc<Admin<D>>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = admin.refusal(&headers) {
        return refusal;
    }
    match admin.services.create_invite(admin.clock.now()).await {
        Ok(code) => (StatusCode::CREATED, format!("{}\n", code.as_str())).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not take writes\n").into_response(),
    }
}
