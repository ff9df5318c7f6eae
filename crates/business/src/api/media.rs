//! `POST /{number}/media`, `GET|DELETE /{media}`, and the address that a file is downloaded from.

use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use futures_util::stream;
use lacre_proto::Millis;
use serde_json::{Value, json};

use super::address::Address;
use super::call::{Call, success};
use super::door::Still;
use super::error::ApiError;
use super::messages::{download_error, upload_error};
use super::reader::is_digits;
use crate::media::{LIFE, MediaError, Medium, Taking, essence};
use crate::node::{Node, Ports};

/// How long the address of a download works.
const URL_LIFE: Millis = 5 * 60 * 1000;
/// How long the next piece of an upload may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of a part that is not the file.
const PART_MAX: usize = 1_000;
/// Most parts.
const PARTS_MAX: usize = 16;
const CHUNK: u64 = 64 * 1024;

/// What an upload says beside its file.
#[derive(Default)]
struct Said {
    product: Option<String>,
    mime: Option<String>,
    ttl_minutes: Option<u64>,
}

/// `POST /{number}/media`: the file goes to disk as it comes.
pub(super) async fn upload<P: Ports>(
    node: &Node<P>,
    call: &Call,
    body: Body,
    still: &Still<'_>,
) -> Result<Value, ApiError> {
    let mut said = Said::default();
    for (name, value) in &call.address.query {
        said.part(name, value.clone())?;
    }
    let mut request = Request::new(body);
    *request.headers_mut() = call.headers.clone();
    // How large a file may be depends on its type: each piece is counted as it goes to disk.
    DefaultBodyLimit::disable().apply(&mut request);
    let multipart = Multipart::from_request(request, &()).await;
    let mut multipart =
        multipart.map_err(|_| ApiError::Invalid("The body must be multipart/form-data".to_owned()))?;
    let mut file: Option<(Taking, Option<String>)> = None;
    let read = read_parts(node, &mut multipart, &mut said, &mut file).await;
    let checked = match read.and_then(|()| said.check()) {
        Ok(()) => still.who(node).await.map(drop),
        refused => refused,
    };
    match (checked, file) {
        (Ok(()), Some((taking, name))) => {
            let life = said.ttl_minutes.map_or(LIFE, |it| it.saturating_mul(60_000).clamp(60_000, LIFE));
            let now = node.now();
            let medium = node.media.finish(taking, name, now + life, now).await.map_err(upload_error)?;
            Ok(json!({ "id": medium.id.to_string() }))
        }
        (Ok(()), None) => Err(ApiError::Missing("file is required".to_owned())),
        (Err(error), file) => {
            if let Some((taking, _)) = file {
                node.media.give_up(taking).await;
            }
            Err(error)
        }
    }
}

async fn read_parts<P: Ports>(
    node: &Node<P>,
    multipart: &mut Multipart,
    said: &mut Said,
    file: &mut Option<(Taking, Option<String>)>,
) -> Result<(), ApiError> {
    for _ in 0..PARTS_MAX {
        let next = tokio::time::timeout(PATIENCE, multipart.next_field()).await.map_err(|_| too_slow())?;
        let Some(mut field) = next.map_err(broken)? else { return Ok(()) };
        match field.name().unwrap_or_default() {
            "file" if file.is_some() => return Err(ApiError::Invalid("file comes twice".to_owned())),
            "file" => {
                let kind = field.headers().get(CONTENT_TYPE).map(|it| it.to_str().unwrap_or_default());
                let mime = match (&said.mime, kind) {
                    (Some(mime), _) => mime.clone(),
                    (None, Some(mime)) => mime.to_owned(),
                    (None, None) => "application/octet-stream".to_owned(),
                };
                let name = field.file_name().map(str::to_owned);
                let id = node.free_id().await?;
                let taking = node.media.begin(id, &mime).await.map_err(upload_error)?;
                let (taking, _) = file.insert((taking, name));
                while let Some(bytes) = chunk(&mut field).await? {
                    taking.write(&bytes).await.map_err(upload_error)?;
                }
            }
            name => {
                let name = name.to_owned();
                let mut value = Vec::new();
                while let Some(bytes) = chunk(&mut field).await? {
                    value.extend_from_slice(&bytes);
                    if value.len() > PART_MAX {
                        return Err(ApiError::Invalid(format!("A part has more than {PART_MAX} bytes")));
                    }
                }
                said.part(&name, String::from_utf8_lossy(&value).into_owned())?;
                if let (Some((taking, _)), "type") = (file.as_mut(), name.as_str()) {
                    // The type may come after the file.
                    taking.is_of(said.mime.as_deref().unwrap_or_default()).map_err(upload_error)?;
                }
            }
        }
    }
    Err(ApiError::Invalid(format!("More than {PARTS_MAX} parts")))
}

impl Said {
    fn part(&mut self, name: &str, value: String) -> Result<(), ApiError> {
        match name {
            "messaging_product" => self.product = Some(value),
            "type" if !value.trim().is_empty() => self.mime = Some(value.trim().to_owned()),
            "ttl_minutes" => {
                let bad = || ApiError::BadValue("ttl_minutes must be a whole number".to_owned());
                self.ttl_minutes = Some(value.trim().parse().map_err(|_| bad())?);
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ApiError> {
        match self.product.as_deref().map(str::trim) {
            Some("whatsapp") => Ok(()),
            Some(_) => Err(ApiError::BadValue("messaging_product must be \"whatsapp\"".to_owned())),
            None => Err(ApiError::Missing("messaging_product is required".to_owned())),
        }
    }
}

async fn chunk(field: &mut Field<'_>) -> Result<Option<Bytes>, ApiError> {
    tokio::time::timeout(PATIENCE, field.chunk()).await.map_err(|_| too_slow())?.map_err(broken)
}

fn too_slow() -> ApiError {
    ApiError::MediaUpload("The upload took too long".to_owned())
}

fn broken(_: MultipartError) -> ApiError {
    ApiError::MediaUpload("The upload ended before it was whole, or is not multipart".to_owned())
}

/// `GET /{media}`: what is known of a file, and where it is downloaded from.
pub async fn lookup<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let medium = found(node, call, 0).await?;
    check_number(node, call)?;
    let id = medium.id.to_string();
    let segments = vec!["media".to_owned(), id.clone()];
    let address = Address { version: None, segments, query: Vec::new() };
    let (public, secret) = (&node.settings.public, &node.identity.secret);
    let url = address.signed_for(public, secret, &[], node.now() + URL_LIFE);
    Ok(json!({
        "messaging_product": "whatsapp",
        "url": url.as_str(),
        "mime_type": medium.mime,
        "sha256": hex::encode(medium.sha256),
        "file_size": medium.size,
        "id": id,
    }))
}

/// `GET /media/{media}`: the file. The address must be signed, and a token must come with it.
pub async fn download<P: Ports>(node: &Node<P>, call: &Call) -> Result<Response<Body>, ApiError> {
    if call.token.is_none() {
        return Err(ApiError::BadToken);
    }
    if !call.address.is_signed(&node.identity.secret, node.now()) {
        return Err(ApiError::Unknown);
    }
    bytes(node, &found(node, call, 1).await?).await
}

/// A file as an answer, piece by piece.
pub(super) async fn bytes<P: Ports>(node: &Node<P>, medium: &Medium) -> Result<Response<Body>, ApiError> {
    let sealed = node.media.read(medium, &node.chat).await.map_err(download_error)?;
    let length = sealed.size();
    let pieces = stream::try_unfold((sealed, 0), async |(sealed, at)| {
        let piece = sealed.read(at..at + CHUNK).await?;
        let next = at + piece.len() as u64;
        Ok::<_, MediaError>((!piece.is_empty()).then(|| (Bytes::from(piece), (sealed, next))))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    *response.status_mut() = StatusCode::OK;
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(CONTENT_TYPE, &essence(&medium.mime));
    set(CONTENT_LENGTH, &length.to_string());
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(CONTENT_DISPOSITION, &disposition(&medium.file_name()));
    Ok(response)
}

/// `DELETE /{media}`.
pub async fn delete<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let medium = found(node, call, 0).await?;
    check_number(node, call)?;
    node.media.delete(&medium).await.map_err(upload_error)?;
    Ok(success())
}

async fn found<P: Ports>(node: &Node<P>, call: &Call, place: usize) -> Result<Medium, ApiError> {
    node.media.find(call.id(place)?, node.now()).await?.ok_or(ApiError::Unknown)
}

/// A client may say whose file it takes it for.
fn check_number<P: Ports>(node: &Node<P>, call: &Call) -> Result<(), ApiError> {
    match call.address.query("phone_number_id") {
        Some(number) if number != node.identity.number.to_string() => {
            let what = if is_digits(number) { "is not the number of this media" } else { "must be digits" };
            Err(ApiError::Invalid(format!("phone_number_id {what}")))
        }
        _ => Ok(()),
    }
}

/// A name that any client reads, in the only form that all of them read: some take everything behind the first `=` for
/// it, others behind the last. The whole name came with the webhook.
fn disposition(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|it| if it.is_ascii_alphanumeric() || ".-_ ".contains(it) { it } else { '_' })
        .collect();
    format!("attachment; filename=\"{plain}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_write_a_header() {
        assert_eq!(disposition("rye 2.png"), "attachment; filename=\"rye 2.png\"");
        assert_eq!(disposition("a\"; x=\"\r\né.pdf"), "attachment; filename=\"a__ x_____.pdf\"");
    }
}
