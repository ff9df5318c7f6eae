//! Blobs over HTTPS: parts come, ranges go. Whoever asks shows a capability, and is nobody otherwise.
//!
//! | request | what |
//! | --- | --- |
//! | `GET /blobs/upload` | which parts of an upload are here |
//! | `PUT /blobs/upload/{part}` | a part |
//! | `POST /blobs/upload` | ends an upload; the body is the SHA-256 of the whole |
//! | `DELETE /blobs/upload` | gives an upload up |
//! | `GET /blobs` | the blob, or a range of it |
//!
//! The capability stands in `authorization: Capability HEX`, never in an address. A refusal is its error's name as text.

mod range;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::ExtensionRejection;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Extension, Router};
use bytes::BytesMut;
use futures_util::stream;
use http_body_util::BodyExt;
use lacre_proto::error::WireError;
use lacre_proto::{ErrorCode, Millis};
use lacre_store::data::Data;
use tokio::time::Instant;

use super::Edge;
use super::patience::Patience;
use crate::budget::Held;
use crate::services::{Readable, Upload};
use range::Wanted;

/// What a part in memory takes of the budget at a time.
const PIECE: usize = 64 * 1024;
const HASH: usize = 32;

pub(super) fn routes<D: Data>() -> Router<Arc<Edge<D>>> {
    Router::new()
        .route("/blobs", get(read::<D>))
        .route("/blobs/upload", get(parts::<D>).post(finish::<D>).delete(cancel::<D>))
        .route("/blobs/upload/{part}", put(part::<D>))
}

/// A request: where it came in, and what it shows.
struct Asked<D: Data> {
    edge: Arc<Edge<D>>,
    patience: Patience,
    headers: HeaderMap,
}

impl<D: Data> FromRequestParts<Arc<Edge<D>>> for Asked<D> {
    type Rejection = ExtensionRejection;

    async fn from_request_parts(parts: &mut Parts, edge: &Arc<Edge<D>>) -> Result<Self, ExtensionRejection> {
        let Extension(patience) = Extension::from_request_parts(parts, edge).await?;
        Ok(Self { edge: edge.clone(), patience, headers: std::mem::take(&mut parts.headers) })
    }
}

impl<D: Data> Asked<D> {
    /// The upload whose capability is shown.
    async fn upload(&self) -> Result<Upload, WireError> {
        self.edge.services.upload(&capability(&self.headers)?, self.now()).await
    }

    fn now(&self) -> Millis {
        self.edge.clock.now()
    }

    /// Does what was asked within the deadline, and says how it went; then the next request has its own.
    async fn answer(&self, done: impl Future<Output = Result<Response, WireError>>) -> Response {
        self.patience.again(self.edge.limits.write);
        let mut response = match done.await {
            Ok(response) => response,
            Err(error) => {
                self.edge.services.metrics().refused(error.code);
                refused(error)
            }
        };
        self.patience.again(self.edge.limits.write);
        // What comes from here is no page, whatever is in it: nothing sniffs it, runs it or keeps it.
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_DISPOSITION, "attachment"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
            (header::CACHE_CONTROL, "no-store"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

async fn parts<D: Data>(asked: Asked<D>) -> Response {
    let done = async {
        let upload = asked.upload().await?;
        let parts = asked.edge.services.parts(&upload).await?;
        let state = state(upload.is_whole(), &parts);
        Ok(([(header::CONTENT_TYPE, "application/json")], state).into_response())
    };
    asked.answer(done).await
}

async fn part<D: Data>(asked: Asked<D>, Path(number): Path<u32>, body: Body) -> Response {
    let done = async {
        let upload = asked.upload().await?;
        let length = upload.part(number).ok_or(ErrorCode::BadRequest)?;
        let (bytes, _held) = asked.edge.take(body, length, &asked.patience).await?;
        asked.edge.services.put_part(&upload, number, bytes, asked.now()).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    asked.answer(done).await
}

async fn finish<D: Data>(asked: Asked<D>, body: Body) -> Response {
    let done = async {
        let upload = asked.upload().await?;
        let (hash, _held) = asked.edge.take(body, HASH, &asked.patience).await?;
        let hash = hash.as_ref().try_into().map_err(|_| ErrorCode::BadRequest)?;
        let again = || asked.patience.again(asked.edge.limits.large_frame);
        asked.edge.services.finish_upload(&upload, &hash, asked.now(), again).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    asked.answer(done).await
}

async fn cancel<D: Data>(asked: Asked<D>) -> Response {
    let done = async {
        let upload = asked.upload().await?;
        asked.edge.services.cancel_upload(&upload, asked.now()).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    asked.answer(done).await
}

async fn read<D: Data>(asked: Asked<D>) -> Response {
    let done = async {
        let Asked { edge, patience, headers } = &asked;
        let readable = edge.services.readable(&capability(headers)?, asked.now()).await?;
        let size = readable.size;
        let (status, range) = match Wanted::of(headers.get(header::RANGE)) {
            Wanted::Whole => (StatusCode::OK, 0..size),
            Wanted::Part(part) => match part.within(size) {
                Some(range) => (StatusCode::PARTIAL_CONTENT, range),
                None => return Ok(unsatisfiable(size)),
            },
        };
        // The first piece comes before the head: what is gone, or cannot be read, is said so.
        let first = piece(edge, readable, range.clone(), patience).await?;
        let length = range.end - range.start;
        let place = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
        let mut response = Response::new(pieces(edge.clone(), readable, range, first, patience.clone()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if status == StatusCode::PARTIAL_CONTENT
            && let Ok(place) = HeaderValue::try_from(place)
        {
            headers.insert(header::CONTENT_RANGE, place);
        }
        Ok(response)
    };
    asked.answer(done).await
}

/// Bytes of a blob, and what they take of the budget.
type Piece = (Bytes, Held);

/// The beginning of a range, as much as is well read at once.
async fn piece<D: Data>(
    edge: &Edge<D>,
    readable: Readable,
    range: Range<u64>,
    patience: &Patience,
) -> Result<Piece, WireError> {
    let size = edge.services.blob_piece();
    let held = edge.services.blobs_out().take(size as usize).await;
    patience.again(edge.limits.write);
    let end = range.end.min(range.start.saturating_add(size));
    let bytes = edge.services.read_blob(readable, range.start..end).await?;
    if bytes.len() as u64 != end - range.start {
        return Err(ErrorCode::NoSuchBlob.into());
    }
    Ok((bytes, held))
}

/// The body of a blob, a piece at a time: each is read when the one before was taken, and moves the deadline on.
fn pieces<D: Data>(
    edge: Arc<Edge<D>>,
    readable: Readable,
    range: Range<u64>,
    first: Piece,
    patience: Patience,
) -> Body {
    let state = (edge, range, Some(first), None);
    Body::from_stream(stream::unfold(state, move |(edge, mut range, first, before)| {
        let patience = patience.clone();
        async move {
            // What the piece before took of the budget is given back.
            drop::<Option<Held>>(before);
            patience.again(edge.limits.write);
            if range.is_empty() {
                return None;
            }
            let piece = match first {
                Some(first) => Ok(first),
                None => piece(&edge, readable, range.clone(), &patience).await,
            };
            match piece {
                Ok((bytes, held)) => {
                    range.start += bytes.len() as u64;
                    Some((Ok(bytes), (edge, range, None, Some(held))))
                }
                Err(_) => {
                    // A body that breaks off is how HTTP says that there is no more.
                    range.start = range.end;
                    Some((Err(std::io::Error::other("the blob is gone")), (edge, range, None, None)))
                }
            }
        }
    }))
}

impl<D: Data> Edge<D> {
    /// Takes a body of just this length. Of the budget it holds as much as has come.
    async fn take(
        &self,
        body: Body,
        length: usize,
        patience: &Patience,
    ) -> Result<(Bytes, Option<Held>), WireError> {
        let until = Instant::now() + self.limits.large_frame;
        let (mut bytes, mut held, mut body) = (BytesMut::new(), None::<Held>, body);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| ErrorCode::BadRequest)?.into_data() else { continue };
            if bytes.len() + data.len() > length {
                return Err(ErrorCode::TooLarge.into());
            }
            while held.as_ref().map_or(0, Held::bytes) < bytes.len() + data.len() {
                let Some(more) = self.services.blobs_in().try_take(PIECE.min(length)) else {
                    drop((bytes, held));
                    return Err(self.pass_over(body, length, patience).await);
                };
                match &mut held {
                    Some(held) => held.merge(more),
                    None => held = Some(more),
                }
            }
            if bytes.is_empty() {
                bytes.reserve(length);
            }
            bytes.extend_from_slice(&data);
            let left = until.saturating_duration_since(Instant::now());
            patience.again(self.limits.write.min(left));
        }
        if bytes.len() != length {
            return Err(ErrorCode::BadRequest.into());
        }
        // From here on it is the store that takes its time.
        patience.again(self.limits.large_frame);
        Ok((bytes.freeze(), held))
    }

    /// Reads what is left of a part for which there is no memory, and keeps none of it: a connection that is closed
    /// with unread bytes would take the answer from the peer.
    async fn pass_over(&self, mut body: Body, length: usize, patience: &Patience) -> WireError {
        let until = Instant::now() + self.limits.large_frame;
        let mut passed = 0;
        while let Some(Ok(frame)) = body.frame().await
            && passed <= length
        {
            passed += frame.data_ref().map_or(0, Bytes::len);
            patience.again(self.limits.write.min(until.saturating_duration_since(Instant::now())));
        }
        crate::limits::slow_down(1000)
    }
}

fn refused(error: WireError) -> Response {
    let status = match error.code {
        ErrorCode::NoSuchBlob => StatusCode::NOT_FOUND,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::BlobIncomplete | ErrorCode::BlobDiffers => StatusCode::CONFLICT,
        ErrorCode::SlowDown => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::NoRoom => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::StorageUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::LoginNeeded => StatusCode::UNAUTHORIZED,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = (status, error.code.name()).into_response();
    if error.retry_after_ms > 0 {
        let seconds = Duration::from_millis(error.retry_after_ms).as_secs().max(1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    // What is left of a body that was refused is not read: the connection ends.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn unsatisfiable(size: u64) -> Response {
    let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    if let Ok(size) = HeaderValue::try_from(format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, size);
    }
    response
}

/// The capability of a request.
fn capability(headers: &HeaderMap) -> Result<[u8; 32], WireError> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let hex = shown.and_then(|shown| shown.strip_prefix("Capability ")).ok_or(ErrorCode::LoginNeeded)?;
    let mut capability = [0; 32];
    hex::decode_to_slice(hex, &mut capability).map_err(|_| ErrorCode::NoSuchBlob)?;
    Ok(capability)
}

/// Where an upload stands, as JSON.
fn state(whole: bool, parts: &[u32]) -> String {
    let parts: Vec<String> = parts.iter().map(u32::to_string).collect();
    format!("{{\"whole\":{whole},\"parts\":[{}]}}", parts.join(","))
}
