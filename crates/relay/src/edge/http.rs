//! What comes over HTTP/1.1, with small heads: the request that becomes a socket, and blobs.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use lacre_proto::limits;
use lacre_store::data::Data;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tower_service::Service;

use super::patience::Patience;
use super::permit::Permit;
use super::stream::Stream;
use super::{Edge, blobs, page, socket};

/// What the connection gives to the socket that it becomes.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) address: IpAddr,
    permit: Arc<Mutex<Option<Permit>>>,
}

/// Serves one connection up to its upgrade, or its end.
pub(super) async fn serve<D: Data>(
    edge: Arc<Edge<D>>,
    stream: Stream,
    address: IpAddr,
    permit: Permit,
    patience: Patience,
) -> Option<()> {
    let header_deadline = edge.limits.handshake;
    let connection = Connection { address, permit: Arc::new(Mutex::new(Some(permit))) };
    let router = Router::new()
        .route("/socket", get(open::<D>))
        .merge(blobs::routes())
        .route("/b/{name}", get(page::show::<D>))
        .layer(Extension(connection))
        .layer(Extension(patience))
        .with_state(edge);
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        router.clone().call(request)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_deadline)
        .max_buf_size(limits::HTTP_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await
        .ok()
}

/// `GET /socket`: the WebSocket handshake (RFC 6455 §4.2).
async fn open<D: Data>(
    State(edge): State<Arc<Edge<D>>>,
    Extension(connection): Extension<Connection>,
    mut request: Request,
) -> Response {
    let Ok(response) = create_response_with_body(&request, Body::empty) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let permit = connection.permit.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (Some(upgrade), Some(permit)) = (request.extensions_mut().remove::<OnUpgrade>(), permit) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    // A task of its own: the one of the handshake, with all that it held, ends here.
    tokio::spawn(async move {
        if let Some((stream, read)) = upgrade.await.ok().and_then(parts) {
            socket::serve(edge, stream, read, connection.address).await;
        }
        drop(permit);
    });
    response
}

/// The stream under the request, and what was read of it beyond the request.
fn parts(upgraded: Upgraded) -> Option<(Stream, Vec<u8>)> {
    let parts = upgraded.downcast::<TokioIo<Stream>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}
