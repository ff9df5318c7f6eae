//! The operator's listener: plain HTTP on loopback, apart from the devices' one.
//!
//! `GET /health` says that the process lives, `GET /ready` that it can store, `GET /metrics` its counters;
//! `POST /invites` makes an invite code for who brings the token that lies in the data folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper_util::rt::{TokioIo, TokioTimer};
use lacre_proto::limits;
use lacre_store::data::Data;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower_service::Service;

use crate::clock::Clock;
use crate::edge::stopped;
use crate::services::Services;
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

async fn invite<D: Data>(State(admin): State<Arc<Admin<D>>>, headers: HeaderMap) -> Response {
    let brought = headers.get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let allowed = match (&admin.token, brought) {
        (Some(token), Some(brought)) => bool::from(token.as_bytes().ct_eq(brought)),
        _ => false,
    };
    if !allowed {
        return (StatusCode::UNAUTHORIZED, "the admin token is needed\n").into_response();
    }
    match admin.services.create_invite(admin.clock.now()).await {
        Ok(code) => (StatusCode::CREATED, format!("{}\n", code.as_str())).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not take writes\n").into_response(),
    }
}
