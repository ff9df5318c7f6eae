//! A request that was let in: what it is about, what it says, and who says it.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Response};
use serde_json::{Value, json};

use super::address::Address;
use super::error::ApiError;
use super::fields::Field;
use super::reader::At;

/// A request that was let in.
pub struct Call {
    /// Where it went.
    pub address: Address,
    /// Its headers.
    pub headers: HeaderMap,
    /// The number of the token; `None` when somebody without one was let in.
    pub token: Option<u64>,
    /// The token by which links in the answer open without one; `None` when a request has to show more than a link can.
    pub links_by: Option<u64>,
    /// What it says: an object.
    pub said: Value,
    /// Which fields it wants; the usual ones when `None`.
    pub fields: Option<Vec<Field>>,
}

impl Call {
    /// What it says.
    pub fn params(&self) -> At<'_> {
        At::new(&self.said, "")
    }

    /// The id at a place of the path. The route says that there is one.
    pub fn id(&self, place: usize) -> Result<u64, ApiError> {
        self.word(place).parse().map_err(|_| ApiError::Unknown)
    }

    /// The text at a place of the path; empty when there is none.
    pub fn word(&self, place: usize) -> &str {
        self.address.segments.get(place).map_or("", String::as_str)
    }

    /// `messaging_product` must be there, and be this one.
    pub fn is_whatsapp(&self) -> Result<(), ApiError> {
        let params = self.params();
        let product = params.need("messaging_product")?;
        if product.value() == "whatsapp" { Ok(()) } else { Err(product.bad("must be \"whatsapp\"")) }
    }
}

/// `{"success":true}`.
pub fn success() -> Value {
    json!({ "success": true })
}

/// An answer of JSON.
pub fn answer(value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
