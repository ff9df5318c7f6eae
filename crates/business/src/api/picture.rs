//! The picture of the profile: set by the handle of an upload, shown at an address that needs no token.

use axum::body::Body;
use axum::http::Response;
use lacre_proto::Millis;
use lacre_store::data::{Batch, Key};

use super::address::Address;
use super::call::Call;
use super::error::ApiError;
use super::media;
use super::messages::upload_error;
use super::reader::At;
use super::uploads;
use crate::media::{Family, Medium};
use crate::node::{Node, Ports};
use crate::store::{StoreError, bytes_of, table};

/// How long the address of the picture works.
const LIFE: Millis = 7 * 24 * 60 * 60 * 1000;

/// Sets the picture to the file behind a handle; an empty one takes it away.
pub(super) async fn set<P: Ports>(node: &Node<P>, at: &At<'_>) -> Result<(), ApiError> {
    let text = at.text(0, 4_096)?;
    let before = find(node).await?;
    let batch = if text.is_empty() {
        Batch::new().delete(key())
    } else {
        let medium = uploads::file_of(node, text).await?;
        let medium = medium.ok_or_else(|| at.bad("is not the handle of an upload, or the file is gone"))?;
        if Family::of(&medium.mime) != Some(Family::Image) {
            return Err(at.bad("must be of a JPEG or PNG image"));
        }
        // A picture stays as long as it is the picture.
        node.media.expire(&medium, Millis::MAX).await.map_err(upload_error)?;
        Batch::new().put(key(), bytes_of(&medium.id))
    };
    node.store.write(batch).await?;
    let now = find(node).await?.map(|it| it.id);
    match before {
        Some(before) if now != Some(before.id) => node.media.delete(&before).await.map_err(upload_error),
        _ => Ok(()),
    }
}

/// The address of the picture, when there is one.
pub(super) async fn url<P: Ports>(node: &Node<P>) -> Result<Option<String>, ApiError> {
    if find(node).await?.is_none() {
        return Ok(None);
    }
    let number = node.identity.number.to_string();
    let segments = [&number, "whatsapp_business_profile", "picture"].map(str::to_owned).to_vec();
    let address = Address { version: None, segments, query: Vec::new() };
    let until = node.now() + LIFE;
    let url = address.signed_for(&node.settings.public, &node.identity.secret, &[], until);
    Ok(Some(url.into()))
}

/// `GET /{number}/whatsapp_business_profile/picture`: by a signed address.
pub(super) async fn get<P: Ports>(node: &Node<P>, _: &Call) -> Result<Response<Body>, ApiError> {
    let medium = find(node).await?.ok_or(ApiError::Unknown)?;
    media::bytes(node, &medium).await
}

/// The picture, when there is one.
pub(crate) async fn find<P: Ports>(node: &Node<P>) -> Result<Option<Medium>, StoreError> {
    match node.store.read("the picture", &key()).await? {
        Some(id) => node.media.find(id, node.now()).await,
        None => Ok(None),
    }
}

fn key() -> Key {
    Key::new(table::PROFILE, &[b"p"])
}
