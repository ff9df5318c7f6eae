//! Uploads that go on where they broke off: `POST /{app}/uploads` begins one, `POST /upload:ID` brings bytes, `GET`
//! says how many came. When all have come, the answer is a handle: profile pictures and examples of templates are
//! named by it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::call::Call;
use super::door::Still;
use super::error::ApiError;
use super::messages::upload_error;
use crate::media::upload::UploadId;
use crate::media::{MediaError, Medium, NAME_MAX};
use crate::node::{Node, Ports};

/// What the id of an upload begins with, in paths as in answers.
pub const PREFIX: &str = "upload:";
/// How long the next bytes may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// `POST /{app}/uploads?file_name&file_length&file_type`.
pub async fn begin<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    let name = params.maybe_text("file_name", NAME_MAX)?;
    let length = params.need("file_length")?.whole()?;
    let mime = params.need_text("file_type", 200)?.to_owned();
    let (id, media) = (node.random(), node.free_id().await?);
    let what = ((!name.is_empty()).then(|| name.to_owned()), mime, length);
    node.media.begin_upload(id, media, what, node.now()).await.map_err(refused)?;
    Ok(json!({ "id": told(&id) }))
}

/// `GET /upload:ID`: where to go on.
pub async fn state<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let id = id_of(call)?;
    let upload = node.media.upload(id, node.now()).await?.ok_or(ApiError::Unknown)?;
    let offset = node.media.uploaded(&upload).await.map_err(refused)?;
    Ok(json!({ "id": told(&id), "file_offset": offset }))
}

/// `POST /upload:ID` with `file_offset`: the bytes from there on. What came stays when the rest does not.
pub(super) async fn go_on<P: Ports>(
    node: &Node<P>,
    call: &Call,
    mut body: Body,
    still: &Still<'_>,
) -> Result<Value, ApiError> {
    let id = id_of(call)?;
    let upload = node.media.upload(id, node.now()).await?.ok_or(ApiError::Unknown)?;
    if upload.is_whole {
        return Ok(json!({ "h": handle(node, &upload.mime, upload.media) }));
    }
    let _alone = Alone::with(&node.uploading, id)
        .ok_or_else(|| ApiError::MediaUpload("Another request brings bytes to this upload".to_owned()))?;
    let mut came = node.media.uploaded(&upload).await.map_err(refused)?;
    let offset = call.headers.get("file_offset").and_then(|it| it.to_str().ok()).unwrap_or("0");
    if offset.trim().parse() != Ok(came) {
        return Err(ApiError::Invalid(format!("file_offset must be {came}: so many bytes have come")));
    }
    let mut file = node.media.append_to(&upload).await.map_err(refused)?;
    loop {
        let next = tokio::time::timeout(PATIENCE, body.frame()).await;
        let frame = match next {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) | Err(_) => {
                file.flush().await.map_err(|error| refused(error.into()))?;
                node.media.rest_upload(&upload).await.map_err(refused)?;
                return Err(ApiError::MediaUpload(
                    "The upload broke off: it can go on from there".to_owned(),
                ));
            }
        };
        let Ok(bytes) = frame.into_data() else { continue };
        came += bytes.len() as u64;
        if came > upload.length {
            return Err(ApiError::Invalid(format!(
                "More bytes came than the {} of file_length",
                upload.length
            )));
        }
        file.write_all(&bytes).await.map_err(|error| refused(error.into()))?;
    }
    file.flush().await.map_err(|error| refused(error.into()))?;
    if let Err(error) = still.who(node).await {
        node.media.rest_upload(&upload).await.map_err(refused)?;
        return Err(error);
    }
    if came < upload.length {
        node.media.rest_upload(&upload).await.map_err(refused)?;
        return Ok(json!({ "id": told(&id), "file_offset": came }));
    }
    let medium = node.media.end_upload(id, upload, node.now()).await.map_err(refused)?;
    Ok(json!({ "h": handle(node, &medium.mime, medium.id) }))
}

/// Seals the parts of uploads whose bringers went away. To be called now and then.
pub(crate) async fn rest<P: Ports>(node: &Node<P>) -> Result<(), MediaError> {
    for (id, upload) in node.media.open_uploads(node.now()).await? {
        if let Some(_alone) = Alone::with(&node.uploading, id) {
            node.media.rest_upload(&upload).await?;
        }
    }
    Ok(())
}

/// Who alone brings bytes to an upload, for as long as this is held.
struct Alone<'a>(&'a Mutex<BTreeSet<UploadId>>, UploadId);

impl<'a> Alone<'a> {
    fn with(all: &'a Mutex<BTreeSet<UploadId>>, id: UploadId) -> Option<Self> {
        all.lock().unwrap_or_else(PoisonError::into_inner).insert(id).then_some(Self(all, id))
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

/// The file behind a handle; `None` when the node did not give it, or the file is gone.
pub async fn file_of<P: Ports>(node: &Node<P>, text: &str) -> Result<Option<Medium>, ApiError> {
    let id = text.split(':').nth(3).and_then(|it| it.parse().ok());
    let Some(medium) = (match id {
        Some(id) => node.media.find(id, node.now()).await?,
        None => None,
    }) else {
        return Ok(None);
    };
    Ok((handle(node, &medium.mime, medium.id) == text).then_some(medium))
}

fn handle<P: Ports>(node: &Node<P>, mime: &str, id: u64) -> String {
    let sealed = hex::encode(node.keyed(b"upload handle", &[mime.as_bytes(), &id.to_be_bytes()]));
    format!("4::{}:{id}:{sealed}", URL_SAFE_NO_PAD.encode(mime))
}

fn told(id: &UploadId) -> String {
    format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(id))
}

/// The id in a path, whose colon may be written as `%3A`.
fn id_of(call: &Call) -> Result<UploadId, ApiError> {
    let bytes = id_text(call.word(0)).and_then(|it| URL_SAFE_NO_PAD.decode(it).ok());
    bytes.and_then(|it| it.try_into().ok()).ok_or(ApiError::Unknown)
}

/// The id behind the prefix, when it is there.
pub(super) fn id_text(segment: &str) -> Option<&str> {
    let rest = segment.get(.."upload".len()).filter(|it| *it == "upload").map(|it| &segment[it.len()..])?;
    rest.strip_prefix(':').or_else(|| rest.strip_prefix("%3A")).or_else(|| rest.strip_prefix("%3a"))
}

/// What is wrong with an upload is an invalid parameter (100).
fn refused(error: MediaError) -> ApiError {
    match error {
        MediaError::NoType | MediaError::TooLarge(_) | MediaError::Empty | MediaError::OtherType => {
            ApiError::Invalid(error.to_string())
        }
        MediaError::TooMany => ApiError::CallLimit(60_000, "too many uploads are open"),
        other => upload_error(other),
    }
}
