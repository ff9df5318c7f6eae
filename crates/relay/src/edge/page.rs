//! `GET /b/NAME`: what a link to a business shows to who has followed it with a browser. One page, nothing beside it:
//! no script, no picture from elsewhere, nothing kept.

use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lacre_proto::wire::BusinessTerms;
use lacre_proto::{ErrorCode, Millis};
use lacre_store::data::Data;
use qrcode::{Color, EcLevel, QrCode};

use super::Edge;
use super::http::Connection;
use crate::services::Business;

/// Bytes of the name of this relay in a link.
const HOST: usize = 255;
/// By what name words stand in a link, and characters of them at most.
const WORDS_NAME: &str = "text";
const WORDS: usize = 140;
/// Modules of white around a code, as its standard wants it.
const MARGIN: usize = 4;
const STYLE: &str = "body{font:1.1em/1.5 sans-serif;max-width:40em;margin:2em auto;padding:0 1em}\
pre{background:#eee;padding:.6em;overflow:auto}svg{width:12em;height:12em}";
/// Styles stand in the page, and nothing else is let in.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
frame-ancestors 'none'";

/// The page of a business.
pub(super) async fn show<D: Data>(
    State(edge): State<Arc<Edge<D>>>,
    Extension(connection): Extension<Connection>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let now = edge.clock.now();
    let found = edge.services.public_business(&name, connection.address, now).await;
    let (status, body, wait) = match found {
        Ok(Some((business, terms))) => {
            let words = words(query.as_deref().unwrap_or_default());
            (StatusCode::OK, page(&business, terms.as_ref(), host(&headers), words.as_deref(), now), 0)
        }
        Ok(None) => (StatusCode::NOT_FOUND, whole("Not found", "<p>There is no business here.</p>"), 0),
        Err(error) => {
            edge.services.metrics().refused(error.code);
            let status = match error.code {
                ErrorCode::SlowDown => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, whole("Not now", "<p>Try again in a while.</p>"), error.retry_after_ms.div_ceil(1_000))
        }
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if wait > 0 {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}

fn page(
    business: &Business,
    terms: Option<&BusinessTerms>,
    host: Option<&str>,
    words: Option<&str>,
    now: Millis,
) -> String {
    let handle = business.handle.as_str();
    let domain = text(&business.claim.domain);
    let standing = match (
        business.suspended_ms,
        business.verified_ms,
        business.seen_ms.is_some() && business.by_hand.is_none(),
    ) {
        (Some(_), ..) => "<b>Suspended</b>: the operator of this relay lets it send nothing.".to_owned(),
        (None, Some(_), true) => format!(
            "<b>Verified</b> by the operator of this relay: {}, which has shown that {domain} is its own.",
            text(&business.claim.legal_name)
        ),
        (None, Some(_), false) => format!(
            "<b>Verified</b> by the operator of this relay, by hand: {}, which says that {domain} is its own.",
            text(&business.claim.legal_name)
        ),
        (None, None, _) => "<b>Not verified</b>: it says itself that this is its name.".to_owned(),
    };
    let link = host.map(|host| format!("https://{host}/b/{handle}"));
    let link = link.map(|link| words.map_or_else(|| link.clone(), |words| with_words(&link, words)));
    let code = link.as_deref().and_then(code).unwrap_or_default();
    let begin = match words {
        None => format!("<pre>lacre send {handle} \"Hello\"</pre>"),
        // Anybody can make a link with words: they are shown as such, and stand in no command but in the
        // link.
        Some(words) => format!(
            "<pre>lacre chat \"{}\"</pre>\n<p>This link brings words to begin with, which you can change or leave out \
before you send them:</p>\n<blockquote>{}</blockquote>",
            text(link.as_deref().unwrap_or(handle)),
            text(words)
        ),
    };
    let name = text(&business.claim.display_name);
    let terms = terms.map_or_else(String::new, |terms| told(terms, now));
    let body = format!(
        "<p>{standing}</p>\n{terms}<p>To begin a chat, which nobody but you and the business reads:</p>\n\
{begin}\n<p>It then answers for a day. To hear of your orders after that:</p>\n\
<pre>lacre consent grant {handle} --for service --days 90</pre>\n<p>Whatever you have granted ends with \
<code>lacre consent stop {handle}</code>.</p>\n{code}"
    );
    whole(&name, &body)
}

/// What it says that it keeps, and who acts for it now.
fn told(terms: &BusinessTerms, now: Millis) -> String {
    let mut all = match terms.keeps_days {
        0 => String::new(),
        1 => "<p>It says that it keeps what is said for a day.</p>\n".to_owned(),
        days => format!("<p>It says that it keeps what is said for {days} days.</p>\n"),
    };
    if !terms.notice.is_empty() {
        let _ = writeln!(all, "<p>Its notice: {}</p>", text(&terms.notice));
    }
    for provider in terms.providers.iter().filter(|it| it.from_ms <= now && now < it.until_ms) {
        let purpose = match provider.purpose.is_empty() {
            true => String::new(),
            false => format!(" ({})", text(&provider.purpose)),
        };
        let _ =
            writeln!(all, "<p>{}{purpose} acts for it, and may read what is said.</p>", text(&provider.name));
    }
    all
}

fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>{title}</title><style>{STYLE}\
</style></head>\n<body><h1>{title}</h1>\n{body}</body></html>\n"
    )
}

/// Text as it stands in a page.
fn text(plain: &str) -> String {
    let mut out = String::with_capacity(plain.len());
    for it in plain.chars() {
        match it {
            // Nothing that turns the order of words around.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            it if it.is_control() && it != '\n' => {}
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            it => out.push(it),
        }
    }
    out
}

/// The words that a link brings, when they are what a business may put into one.
fn words(query: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (_, words) = pairs.find(|(name, _)| name == WORDS_NAME)?;
    let fits =
        !words.trim().is_empty() && words.chars().count() <= WORDS && !words.contains(char::is_control);
    fits.then(|| words.into_owned())
}

/// A link with words, in which nothing stands that a shell or a page takes for its own.
fn with_words(link: &str, words: &str) -> String {
    let words: String = form_urlencoded::byte_serialize(words.as_bytes()).collect();
    format!("{link}?{WORDS_NAME}={words}")
}

/// By which name this relay was called, if that is one.
fn host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    (!host.is_empty() && host.len() <= HOST && host.bytes().all(fits)).then_some(host)
}

/// A link as a code to be scanned from another device.
fn code(link: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(link, EcLevel::M).ok()?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (at, _) in colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        write!(path, "M{} {}h1v1h-1z", at % width + MARGIN, at / width + MARGIN).ok()?;
    }
    let side = width + 2 * MARGIN;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"this link as a code\" viewBox=\"0 0 \
{side} {side}\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>\n"
    ))
}

#[cfg(test)]
mod tests {
    use lacre_proto::wire::Provider;

    use super::*;

    #[test]
    fn what_a_business_tells_is_text_and_who_does_not_act_any_more_is_not_named() {
        let acts = |name: &str, until_ms| Provider { name: name.to_owned(), until_ms, ..Default::default() };
        let terms = BusinessTerms {
            notice: "<b>bread</b>".to_owned(),
            keeps_days: 30,
            providers: vec![acts("Acme & Co", 100), acts("Gone", 50)],
            ..Default::default()
        };
        let told = told(&terms, 60);
        assert!(told.contains("for 30 days") && told.contains("&lt;b&gt;bread"), "{told}");
        assert!(told.contains("Acme &amp; Co acts for it") && !told.contains("Gone"), "{told}");
    }
}
