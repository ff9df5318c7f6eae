//! `/{number}/message_qrdls`: codes that begin a chat with words already written.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response};
use lacre_proto::Millis;
use lacre_store::data::{Batch, Key};
use qrcode::{Color, EcLevel, QrCode};
use serde_json::{Value, json};

use super::address::Address;
use super::call::{Call, success};
use super::error::ApiError;
use super::fields;
use super::page::page;
use crate::node::{Node, Ports};
use crate::store::{bytes_of, table};

/// Characters of a code.
pub const CODE_LENGTH: usize = 14;
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const MOST: usize = 2_000;
/// What is told of a code when nothing else is asked for.
const USUAL: [&str; 3] = ["code", "prefilled_message", "deep_link_url"];
/// How long the address of a picture works.
const PICTURE_LIFE: Millis = 7 * 24 * 60 * 60 * 1000;
/// Modules of white around a code, as its standard wants it, and pixels of a module.
const MARGIN: usize = 4;
const SCALE: usize = 8;

/// `POST`: a new code, or with `code` other words for an old one.
pub async fn post<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let params = call.params();
    match params.maybe("code")? {
        Some(code) => write(node, call, code.text(CODE_LENGTH, CODE_LENGTH)?.to_owned(), true).await,
        None => {
            if all(node).await?.len() >= MOST {
                return Err(ApiError::Invalid(format!("No more than {MOST} codes can be kept")));
            }
            let letter = |byte: u8| LETTERS[usize::from(byte) % LETTERS.len()] as char;
            let code = node.random::<CODE_LENGTH>().map(letter).iter().collect();
            write(node, call, code, false).await
        }
    }
}

/// `POST …/{code}`: other words.
pub async fn update<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    write(node, call, call.word(2).to_owned(), true).await
}

async fn write<P: Ports>(node: &Node<P>, call: &Call, code: String, is_old: bool) -> Result<Value, ApiError> {
    let params = call.params();
    let words = params.need_text("prefilled_message", 140)?;
    let picture = match params.maybe("generate_qr_image")? {
        None => None,
        Some(kind) => Some(match kind.text(1, 10)?.to_ascii_uppercase().as_str() {
            "PNG" => "png",
            "SVG" => "svg",
            _ => return Err(kind.bad("must be PNG or SVG")),
        }),
    };
    if is_old {
        find(node, &code).await?.ok_or(ApiError::Unknown)?;
    }
    node.store.write(Batch::new().put(key(&code), bytes_of(&words))).await?;
    Ok(told(node, &code, words, picture))
}

/// `GET`: all of them.
pub async fn list<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let (rows, picture) = (all(node).await?, picture_asked(call));
    let rows = rows.into_iter().map(|(code, words)| {
        let row = told(node, &code, &words, picture);
        (code, row)
    });
    page(node, call, rows.collect(), &USUAL)
}

/// `GET …/{code}`: one, in a list.
pub async fn get<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    let words = find(node, call.word(2)).await?.ok_or(ApiError::Unknown)?;
    let told = told(node, call.word(2), &words, picture_asked(call));
    Ok(json!({ "data": [fields::select(told, call.fields.as_deref(), &USUAL)] }))
}

/// `fields=qr_image_url.format(SVG)`: as what the picture is wanted.
fn picture_asked(call: &Call) -> Option<&'static str> {
    let field = call.fields.iter().flatten().find(|it| it.name == "qr_image_url")?;
    let format = field.arguments.iter().find(|(name, _)| name == "format");
    Some(if format.is_some_and(|(_, it)| it.eq_ignore_ascii_case("SVG")) { "svg" } else { "png" })
}

/// `DELETE …/{code}`.
pub async fn delete<P: Ports>(node: &Node<P>, call: &Call) -> Result<Value, ApiError> {
    find(node, call.word(2)).await?.ok_or(ApiError::Unknown)?;
    node.store.write(Batch::new().delete(key(call.word(2)))).await?;
    Ok(success())
}

/// `GET …/{code}/picture?as=png|svg`: by a signed address.
pub async fn picture<P: Ports>(node: &Node<P>, call: &Call) -> Result<Response<Body>, ApiError> {
    let words = find(node, call.word(2)).await?.ok_or(ApiError::Unknown)?;
    let link = deep_link(node, &words);
    let code =
        QrCode::with_error_correction_level(link.as_bytes(), EcLevel::M).map_err(|_| ApiError::Internal)?;
    let (kind, bytes) = match call.address.query("as") {
        Some("svg") => ("image/svg+xml", svg(&code).into_bytes()),
        _ => ("image/png", png(&code).map_err(|_| ApiError::Internal)?),
    };
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

fn told<P: Ports>(node: &Node<P>, code: &str, words: &str, picture: Option<&str>) -> Value {
    let mut told = json!({
        "code": code,
        "prefilled_message": words,
        "deep_link_url": deep_link(node, words),
    });
    if let Some(kind) = picture {
        let number = node.identity.number.to_string();
        let segments = [&number, "message_qrdls", code, "picture"].map(str::to_owned).to_vec();
        let address = Address { version: None, segments, query: Vec::new() };
        let (public, secret) = (&node.settings.public, &node.identity.secret);
        let until = node.now() + PICTURE_LIFE;
        told["qr_image_url"] = address.signed_for(public, secret, &[("as", kind)], until).as_str().into();
    }
    told
}

/// The link brings the words itself: nobody but the node knows its codes, and it is not asked by who follows
/// a link.
fn deep_link<P: Ports>(node: &Node<P>, words: &str) -> String {
    let mut link = node.settings.chat_link.clone();
    link.query_pairs_mut().append_pair("text", words);
    link.into()
}

/// The words behind a code of the business's.
pub async fn find<P: Ports>(node: &Node<P>, code: &str) -> Result<Option<String>, ApiError> {
    Ok(node.store.read("a code", &key(code)).await?)
}

async fn all<P: Ports>(node: &Node<P>) -> Result<Vec<(String, String)>, ApiError> {
    let prefix = Key::new(table::PROFILE, &[b"q"]);
    let rows = node.store.list("codes", &prefix, None, MOST).await?;
    let skip = prefix.as_bytes().len();
    let code = |key: &Key| String::from_utf8_lossy(&key.as_bytes()[skip..]).into_owned();
    Ok(rows.into_iter().map(|(key, words)| (code(&key), words)).collect())
}

fn key(code: &str) -> Key {
    Key::new(table::PROFILE, &[b"q", code.as_bytes()])
}

fn svg(code: &QrCode) -> String {
    let (width, colors) = (code.width(), code.to_colors());
    let side = width + 2 * MARGIN;
    let mut path = String::new();
    for (at, _) in colors.iter().enumerate().filter(|(_, it)| **it == Color::Dark) {
        path.push_str(&format!("M{} {}h1v1h-1z", at % width + MARGIN, at / width + MARGIN));
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\"/></svg>"
    )
}

fn png(code: &QrCode) -> Result<Vec<u8>, png::EncodingError> {
    let (width, colors) = (code.width(), code.to_colors());
    let side = (width + 2 * MARGIN) * SCALE;
    let pixel = |at: usize| {
        let place = |it: usize| (it / SCALE).checked_sub(MARGIN).filter(|it| *it < width);
        match (place(at % side), place(at / side)) {
            (Some(x), Some(y)) if colors[y * width + x] == Color::Dark => 0,
            _ => u8::MAX,
        }
    };
    let pixels: Vec<u8> = (0..side * side).map(pixel).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side as u32, side as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(bytes)
}
