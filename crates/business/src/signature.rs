//! Requests that are bound to a key: HTTP message signatures (RFC 9421) by Ed25519, with Content-Digest (RFC 9530).
//!
//! A bearer token that was overheard opens the door to anyone. One that is bound to a key opens it only to a request
//! that the key signed: this method, this path, this query, this body, this token, now, and once.
//!
//! ```text
//! Content-Digest: sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:
//! Signature-Input: sig=("@method" "@path" "@query" "content-digest" "authorization");created=1760000000
//!                  ;expires=1760000060;nonce="6KJ0nVzYvBq5";alg="ed25519"
//! Signature: sig=:BASE64:
//! ```
//!
//! (on one line). The components may stand in any order and more may be covered; `content-digest` may be left out only
//! when there is no body. `created` and `expires` are at most [`LIFE_MAX`] apart and `created` at most [`SKEW`] in the
//! future; `nonce` is 8 to 128 characters and works once for a token.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::store::{Store, StoreError, table};

/// For how many seconds a signature may be good.
pub const LIFE_MAX: u64 = 300;
/// By how many seconds the clock of whoever signs may be ahead.
pub const SKEW: u64 = 60;
const INPUT_MAX: usize = 2_048;
const COMPONENTS_MAX: usize = 16;
/// What has to be covered in any case.
const COVERED: [&str; 4] = ["@method", "@path", "@query", "authorization"];

/// A request as it came, or as it is to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// `Host`, in lower case.
    pub authority: &'a str,
    /// The path, as it stands in the request line.
    pub path: &'a str,
    /// What follows the question mark, if there is one.
    pub query: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// SHA-256 of the body, of an empty one too.
    pub body: [u8; 32],
}

/// Why a request is not taken for what its key's holder sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error("the request is not signed")]
    Missing,
    /// The headers are not of the form that is asked for.
    #[error("the signature's headers cannot be read: {0}")]
    Malformed(&'static str),
    /// Something is not covered that has to be.
    #[error("the signature does not cover {0}")]
    Uncovered(&'static str),
    /// It is not yet good, no longer, or for too long.
    #[error("the signature's time is not now")]
    Time,
    /// The body is not the one that was digested.
    #[error("the body is not the one of Content-Digest")]
    Body,
    /// The key did not sign this.
    #[error("the signature is not that of the key")]
    Forged,
    /// It was used before.
    #[error("the nonce was used before")]
    Replayed,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// When and how a request is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms<'a> {
    /// When, in seconds since the Unix epoch.
    pub created: u64,
    /// Until when it is good.
    pub expires: u64,
    /// Something that was never used before.
    pub nonce: &'a str,
}

/// `Content-Digest` of a body with this SHA-256.
pub fn content_digest(body: &[u8; 32]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(body))
}

/// Signs a request: the values of `Signature-Input` and `Signature`. `Content-Digest` has to be among its headers when
/// it has a body.
pub fn sign(
    request: &Request<'_>,
    terms: &Terms<'_>,
    key: &SigningKey,
) -> Result<[String; 2], SignatureError> {
    let digested = request.headers.contains_key("content-digest");
    let covered = COVERED.iter().copied().chain(digested.then_some("content-digest"));
    let covered = covered.map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(" ");
    let Terms { created, expires, nonce } = terms;
    let text = format!("({covered});created={created};expires={expires};nonce=\"{nonce}\";alg=\"ed25519\"");
    let input = Input::parse(&text)?;
    let signature = key.sign(base(request, &input)?.as_bytes());
    Ok([format!("sig={text}"), format!("sig=:{}:", STANDARD.encode(signature.to_bytes()))])
}

/// What was signed before and must not come again.
#[derive(Clone)]
pub struct Signatures<D> {
    store: Store<D>,
}

impl<D: Data> Signatures<D> {
    /// The nonces in a store.
    pub fn new(store: Store<D>) -> Self {
        Self { store }
    }

    /// Looks at a signed request that came with a token. The key is the token's.
    pub async fn check(
        &self,
        token: u64,
        key: &[u8; 32],
        request: &Request<'_>,
        now: Millis,
    ) -> Result<(), SignatureError> {
        let key = VerifyingKey::from_bytes(key).map_err(|_| SignatureError::Forged)?;
        let (input, signature) = read(request.headers)?;
        input.demand(request, now / 1_000)?;
        let base = base(request, &input)?;
        // Strict: one signature has one form, and keys of small order sign nothing.
        key.verify_strict(base.as_bytes(), &signature).map_err(|_| SignatureError::Forged)?;
        let nonce = input.nonce.ok_or(SignatureError::Malformed("no nonce"))?;
        let expires = input.expires.ok_or(SignatureError::Time)?;
        let hash = Sha256::new().chain_update(token.to_be_bytes()).chain_update(nonce).finalize();
        let used = Key::new(table::TOKEN, &[b"x", &expires.to_be_bytes(), &hash]);
        let batch = Batch::new().assert(used.clone(), Expected::Absent).put(used, Vec::new());
        match self.store.write(batch).await {
            Ok(()) => Ok(()),
            Err(StoreError::Write(WriteError::Conflict(_))) => Err(SignatureError::Replayed),
            Err(error) => Err(error.into()),
        }
    }

    /// Drops nonces of signatures that are no longer good anyway.
    pub async fn prune(&self, now: Millis) -> Result<(), StoreError> {
        let until = |seconds: u64| Key::new(table::TOKEN, &[b"x", &seconds.to_be_bytes()]);
        self.store.write(Batch::new().delete_range(until(0), until(now / 1_000))).await
    }
}

/// What a signature says of itself.
#[derive(Debug, PartialEq, Eq)]
struct Input<'a> {
    /// As it stands: what is signed ends with it.
    text: &'a str,
    components: Vec<&'a str>,
    created: Option<u64>,
    expires: Option<u64>,
    nonce: Option<&'a str>,
}

impl<'a> Input<'a> {
    /// Reads an inner list of strings with parameters, in the one form that RFC 8941 serializes it in.
    fn parse(text: &'a str) -> Result<Self, SignatureError> {
        let bad = SignatureError::Malformed;
        let (list, rest) = text.strip_prefix('(').and_then(|it| it.split_once(')')).ok_or(bad("no list"))?;
        let mut input = Self { text, components: Vec::new(), created: None, expires: None, nonce: None };
        for item in list.split(' ') {
            let name = quoted(item).ok_or(bad("a component"))?;
            let known =
                name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || b"@-_".contains(&it));
            if name.is_empty() || !known || input.components.contains(&name) {
                return Err(bad("a component"));
            }
            input.components.push(name);
        }
        if input.components.len() > COMPONENTS_MAX {
            return Err(bad("too many components"));
        }
        let mut seen = Vec::new();
        for part in rest.split(';').skip(1) {
            let (name, value) = part.split_once('=').ok_or(bad("a parameter"))?;
            if seen.contains(&name) {
                return Err(bad("a parameter twice"));
            }
            seen.push(name);
            let string = quoted(value);
            match (name, string) {
                ("created", None) => input.created = Some(number(value)?),
                ("expires", None) => input.expires = Some(number(value)?),
                ("nonce", Some(nonce)) if (8..=128).contains(&nonce.len()) => input.nonce = Some(nonce),
                ("alg", Some("ed25519")) | ("keyid" | "tag", Some(_)) => {}
                _ => return Err(bad("a parameter")),
            }
        }
        if rest.split(';').next().is_some_and(|it| !it.is_empty()) {
            return Err(bad("text after the list"));
        }
        Ok(input)
    }

    /// Whether it covers what has to be covered, at this time, with this body.
    fn demand(&self, request: &Request<'_>, seconds: u64) -> Result<(), SignatureError> {
        if let Some(missing) = COVERED.iter().find(|it| !self.components.contains(*it)) {
            return Err(SignatureError::Uncovered(missing));
        }
        let (Some(created), Some(expires)) = (self.created, self.expires) else {
            return Err(SignatureError::Time);
        };
        let lasts = expires.checked_sub(created).is_some_and(|it| it <= LIFE_MAX);
        if !lasts || created > seconds + SKEW || expires < seconds {
            return Err(SignatureError::Time);
        }
        if self.nonce.is_none() {
            return Err(SignatureError::Malformed("no nonce"));
        }
        if self.components.contains(&"content-digest") {
            return body_is_digested(request);
        }
        let empty: [u8; 32] = Sha256::digest([]).into();
        if request.body == empty { Ok(()) } else { Err(SignatureError::Uncovered("content-digest")) }
    }
}

/// A string without escapes: none of ours needs any.
fn quoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    inner.bytes().all(|it| (0x20..0x7f).contains(&it) && it != b'"' && it != b'\\').then_some(inner)
}

/// Seconds, as an integer of RFC 8941 without a sign.
fn number(text: &str) -> Result<u64, SignatureError> {
    let plain = text.len() <= 15 && text.bytes().all(|it| it.is_ascii_digit());
    let plain = plain && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain).ok_or(SignatureError::Malformed("a time"))
}

/// The only signature of a request.
fn read(headers: &HeaderMap) -> Result<(Input<'_>, Signature), SignatureError> {
    let one = |name: &str| {
        let mut all = headers.get_all(name).iter();
        let value = all.next().ok_or(SignatureError::Missing)?;
        match all.next() {
            None => text(value),
            Some(_) => Err(SignatureError::Malformed("a header twice")),
        }
    };
    let (input, signature) = (one("signature-input")?, one("signature")?);
    if input.len() > INPUT_MAX || signature.len() > INPUT_MAX {
        return Err(SignatureError::Malformed("too long"));
    }
    let (label, input) = input.split_once('=').ok_or(SignatureError::Malformed("no label"))?;
    let (same, signature) = signature.split_once('=').ok_or(SignatureError::Malformed("no label"))?;
    if label != same {
        return Err(SignatureError::Malformed("two labels"));
    }
    let bytes = signature.strip_prefix(':').and_then(|it| it.strip_suffix(':'));
    let bytes =
        bytes.and_then(|it| STANDARD.decode(it).ok()).ok_or(SignatureError::Malformed("the signature"))?;
    let signature = Signature::from_slice(&bytes).map_err(|_| SignatureError::Malformed("the signature"))?;
    Ok((Input::parse(input)?, signature))
}

fn text(value: &HeaderValue) -> Result<&str, SignatureError> {
    value.to_str().map_err(|_| SignatureError::Malformed("a header is not ASCII"))
}

/// What is signed (RFC 9421, section 2.5).
fn base(request: &Request<'_>, input: &Input<'_>) -> Result<String, SignatureError> {
    let mut base = String::new();
    for name in &input.components {
        let value = match *name {
            "@method" => request.method.to_owned(),
            "@authority" => request.authority.to_owned(),
            "@path" if request.path.is_empty() => "/".to_owned(),
            "@path" => request.path.to_owned(),
            "@query" => format!("?{}", request.query.unwrap_or_default()),
            derived if derived.starts_with('@') => {
                return Err(SignatureError::Malformed("a derived component"));
            }
            field => field_value(request.headers, field)?,
        };
        // Writing to a string does not fail.
        let _ = writeln!(base, "\"{name}\": {value}");
    }
    let _ = write!(base, "\"@signature-params\": {}", input.text);
    Ok(base)
}

/// The values of a field, trimmed and joined (section 2.1).
fn field_value(headers: &HeaderMap, name: &str) -> Result<String, SignatureError> {
    let values = headers.get_all(name).iter().map(|it| Ok(text(it)?.trim()));
    let values: Vec<_> = values.collect::<Result<_, SignatureError>>()?;
    if values.is_empty() {
        return Err(SignatureError::Malformed("a field that is covered is not there"));
    }
    if name == "authorization" && values.len() > 1 {
        return Err(SignatureError::Malformed("a header twice"));
    }
    Ok(values.join(", "))
}

/// Whether `Content-Digest` has the SHA-256 of the body. Digests by other algorithms beside it are not looked at.
fn body_is_digested(request: &Request<'_>) -> Result<(), SignatureError> {
    let given = digest_of(request.headers).ok_or(SignatureError::Malformed("Content-Digest"))?;
    if bool::from(given.ct_eq(&request.body)) { Ok(()) } else { Err(SignatureError::Body) }
}

/// The one SHA-256 in `Content-Digest`; `None` when there is none, or more than one.
pub fn digest_of(headers: &HeaderMap) -> Option<[u8; 32]> {
    let value = field_value(headers, "content-digest").ok()?;
    let mut ours = value.split(',').filter_map(|it| it.trim().strip_prefix("sha-256=:")?.strip_suffix(':'));
    let (Some(given), None) = (ours.next(), ours.next()) else { return None };
    STANDARD.decode(given).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
