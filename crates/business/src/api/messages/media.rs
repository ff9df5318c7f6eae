//! A file that a request names by id or by link.

use url::Url;

use super::super::error::ApiError;
use super::super::link::{Fetch, FetchError, Fetched};
use super::super::reader::At;
use crate::chat::{File, MediaKind};
use crate::media::{Family, LIFE, MediaError, Medium, Source, essence};
use crate::node::{Node, Ports};

const LINK_MAX: usize = 2_000;

/// The file that `{id}` or `{link}` names, when it may be sent as this kind.
pub(super) async fn file<P: Ports>(node: &Node<P>, at: &At<'_>, kind: MediaKind) -> Result<File, ApiError> {
    let name = at.maybe_text("filename", crate::media::NAME_MAX)?;
    let file = match (at.maybe("id")?, at.maybe("link")?) {
        (Some(id), _) => by_id(node, &id, kind).await?,
        (None, Some(link)) => by_link(node, &link, kind).await?,
        (None, None) => return Err(at.need("id").err().unwrap_or(ApiError::Internal)),
    };
    let name = if name.is_empty() { file.name } else { Some(name.to_owned()) };
    Ok(File { name, ..file })
}

/// Whether it names a file at all, before anything is fetched.
pub(super) fn check(at: &At<'_>) -> Result<(), ApiError> {
    match (at.maybe("id")?, at.maybe("link")?) {
        (Some(id), _) => id.digits().map(drop),
        (None, Some(link)) => url(&link).map(drop),
        (None, None) => Err(ApiError::Missing("a media object requires id or link".to_owned())),
    }
}

async fn by_id<P: Ports>(node: &Node<P>, at: &At<'_>, kind: MediaKind) -> Result<File, ApiError> {
    // The same words for no file and for another's.
    let unknown = || ApiError::BadValue("id: there is no such media, or it has expired".to_owned());
    let id = at.digits()?.parse().map_err(|_| unknown())?;
    let medium = node.media.find(id, node.now()).await?.ok_or_else(unknown)?;
    fits(&medium.mime, kind)?;
    node.media.file(&medium, &node.chat).await.map_err(download_error)
}

async fn by_link<P: Ports>(node: &Node<P>, at: &At<'_>, kind: MediaKind) -> Result<File, ApiError> {
    let url = url(at)?;
    let id = node.free_id().await?;
    let part = node.media.part(id).await.map_err(upload_error)?;
    let fetched = node.fetch.get(&url, limit_of(kind), &part).await.map_err(fetch_error)?;
    let Fetched { mime, size, sha256 } = fetched;
    let mime = mime.map(|it| essence(&it)).unwrap_or_default();
    if let Err(error) = fits(&mime, kind) {
        node.media.drop_part(id).await;
        return Err(error);
    }
    let name = url.path_segments().and_then(|mut it| it.next_back()).map(str::to_owned);
    let expires = node.now() + LIFE;
    let medium = Medium { id, mime, sha256, size, name, expires, source: Source::Uploaded };
    let medium = node.media.adopt(medium, node.now()).await.map_err(upload_error)?;
    node.media.file(&medium, &node.chat).await.map_err(download_error)
}

fn url(at: &At<'_>) -> Result<Url, ApiError> {
    let url = Url::parse(at.text(1, LINK_MAX)?).map_err(|_| at.bad("must be a URL"))?;
    if matches!(url.scheme(), "https" | "http") {
        Ok(url)
    } else {
        Err(at.bad("must be an HTTP or HTTPS URL"))
    }
}

fn fits(mime: &str, kind: MediaKind) -> Result<(), ApiError> {
    match Family::of(mime) {
        Some(family) if family.fits(kind) => Ok(()),
        _ => Err(ApiError::MediaUpload(format!("A file of this type cannot be sent as {}", name_of(kind)))),
    }
}

fn limit_of(kind: MediaKind) -> u64 {
    match kind {
        MediaKind::Image => Family::Image.limit(),
        MediaKind::Video => Family::Video.limit(),
        MediaKind::Audio | MediaKind::Voice => Family::Audio.limit(),
        MediaKind::Document => Family::Document.limit(),
        MediaKind::Sticker => Family::Sticker.limit(),
    }
}

fn name_of(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Video => "video",
        MediaKind::Audio | MediaKind::Voice => "audio",
        MediaKind::Document => "document",
        MediaKind::Sticker => "sticker",
    }
}

/// All that a link can do wrong is a failed upload, whose details help nobody to look around in the node's network.
fn fetch_error(error: FetchError) -> ApiError {
    let details = match error {
        FetchError::Status(status) => format!("link: the server answered with status {status}"),
        FetchError::TooLarge => "link: the file is too large".to_owned(),
        FetchError::Refused | FetchError::Unreachable | FetchError::TimedOut => {
            "link: the file cannot be fetched from there".to_owned()
        }
        FetchError::Folder => {
            tracing::error!("the media folder failed");
            return ApiError::Internal;
        }
    };
    ApiError::MediaUpload(details)
}

/// Why a file was not taken.
pub(crate) fn upload_error(error: MediaError) -> ApiError {
    match error {
        MediaError::Store(error) => error.into(),
        MediaError::Folder(error) => {
            tracing::error!(kind = ?error.kind(), "the media folder failed");
            ApiError::Internal
        }
        MediaError::Chat(error) => error.into(),
        other => ApiError::MediaUpload(format!("The upload failed: {other}")),
    }
}

/// Why a file was not given.
pub(crate) fn download_error(error: MediaError) -> ApiError {
    match error {
        MediaError::Chat(_) => ApiError::MediaDownload("The file cannot be got from its sender".to_owned()),
        other => upload_error(other),
    }
}
