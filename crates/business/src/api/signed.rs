//! Requests that are signed (RFC 9421): looked at before the door, which then sees by whose key they were signed.
//!
//! The signature is looked at first, by the digest that it covers; so only the key's holder can have a body read here.
//! Then the body is read whole and held against that digest: nothing of one that was changed reaches a call.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::door::Shown;
use super::error::ApiError;
use crate::node::{Node, Ports};
use crate::signature::{self, SignatureError};
use crate::tokens::TokenError;

/// Bytes of a signed body at most: a file of the largest size, and what is around it.
const BODY_MAX: usize = 101 * 1024 * 1024;
/// Bytes of a body that any number of requests may have in memory at one time.
const SMALL: u64 = 1024 * 1024;

/// How long the next piece of a body may take, and a small one as a whole.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bodies that are larger than [`SMALL`], or do not say how large they are, and are in memory at one time.
pub(crate) const LARGE_AT_ONCE: usize = 2;

/// Notes by whose key a request was signed, when it has a signature and its token is bound to a key. What else is
/// wrong with the token is found at the door.
pub(super) async fn look<P: Ports>(node: &Node<P>, request: Request) -> Result<Request, ApiError> {
    if !request.headers().contains_key("signature-input") {
        return Ok(request);
    }
    let Some(secret) = bearer(request.headers()) else { return Ok(request) };
    let access = match node.tokens.check(secret, node.now()).await {
        Ok(access) => access,
        Err(TokenError::Store(error)) => return Err(error.into()),
        Err(_) => return Ok(request),
    };
    let Some(key) = access.bound.key else { return Ok(request) };
    let (mut parts, body) = request.into_parts();
    let digest = signature::digest_of(&parts.headers).unwrap_or_else(|| Sha256::digest([]).into());
    let host = parts.headers.get(HOST).and_then(|it| it.to_str().ok());
    let host = host.or(parts.uri.authority().map(|it| it.as_str())).unwrap_or_default().to_ascii_lowercase();
    let signed = signature::Request {
        method: parts.method.as_str(),
        authority: &host,
        path: parts.uri.path(),
        query: parts.uri.query(),
        headers: &parts.headers,
        body: digest,
    };
    node.signatures.check(access.token, &key, &signed, node.now()).await.map_err(refused)?;
    let (body, held) = whole(node, body, digest).await?;
    // Its place is free again when the call is done.
    parts.extensions.insert(held);
    let mut shown = parts.extensions.get::<Shown>().cloned().unwrap_or_default();
    shown.signed_by = Some(key);
    parts.extensions.insert(shown);
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// The place of a large body.
#[derive(Clone)]
struct Held(#[expect(dead_code, reason = "it is there to be dropped")] Option<Arc<OwnedSemaphorePermit>>);

/// The body, when it is the one that was signed, and its place.
async fn whole<P: Ports>(node: &Node<P>, body: Body, digest: [u8; 32]) -> Result<(Bytes, Held), ApiError> {
    let small = hyper::body::Body::size_hint(&body).upper().is_some_and(|most| most <= SMALL);
    let held = match small {
        true => None,
        false => {
            let place = node.bodies.clone().acquire_owned().await.map_err(|_| ApiError::Unavailable)?;
            Some(Arc::new(place))
        }
    };
    let body = match small {
        // As long as any other body that is not a file may take.
        true => tokio::time::timeout(PATIENCE, read(body)).await.unwrap_or_else(|_| Err(too_slow()))?,
        false => read(body).await?,
    };
    let same = <[u8; 32]>::from(Sha256::digest(&body)) == digest;
    if same { Ok((body, Held(held))) } else { Err(refused(SignatureError::Body)) }
}

/// A body, piece by piece, each in its time.
async fn read(body: Body) -> Result<Bytes, ApiError> {
    let (mut body, mut all) = (Limited::new(body, BODY_MAX), BytesMut::new());
    loop {
        let frame = match tokio::time::timeout(PATIENCE, body.frame()).await {
            Err(_) => return Err(too_slow()),
            Ok(None) => return Ok(all.freeze()),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) if error.is::<LengthLimitError>() => {
                return Err(ApiError::TooLarge(BODY_MAX as u64));
            }
            Ok(Some(Err(_))) => {
                return Err(ApiError::Invalid("The body ended before it was whole".to_owned()));
            }
        };
        if let Ok(bytes) = frame.into_data() {
            all.extend_from_slice(&bytes);
        }
    }
}

fn too_slow() -> ApiError {
    ApiError::Invalid("The body took too long".to_owned())
}

/// The secret of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (kind, secret) = header.split_once(' ')?;
    kind.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

fn refused(error: SignatureError) -> ApiError {
    ApiError::TokenBound(match error {
        SignatureError::Store(error) => return error.into(),
        SignatureError::Missing => "signed requests, and this one has no Signature",
        SignatureError::Malformed(_) => "signed requests, and the headers of this signature cannot be read",
        SignatureError::Uncovered(_) => {
            "signed requests, and this signature does not cover @method, @path, @query, authorization and \
             content-digest"
        }
        SignatureError::Time => {
            "signed requests, and this signature is too old, for too long, or of the future"
        }
        SignatureError::Body => "signed requests, and the body is not the one that was signed",
        SignatureError::Forged => "signed requests, and this one is not signed by its key",
        SignatureError::Replayed => "signed requests, and the nonce of this one was used before",
    })
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    /// A byte each so many seconds.
    fn trickle(seconds: u64, bytes: u32) -> Body {
        let pieces = stream::unfold(0, move |sent| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            (sent < bytes).then(|| (Ok::<_, std::io::Error>(Bytes::from_static(b"x")), sent + 1))
        });
        Body::from_stream(pieces)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_a_byte_a_minute_is_not_waited_for() {
        assert_eq!(read(trickle(60, 3)).await, Err(too_slow()));
        assert_eq!(read(trickle(20, 3)).await.map(|it| it.len()), Ok(3));
    }
}
