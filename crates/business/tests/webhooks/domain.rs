//! Looking at a business's domain: what is there itself is seen, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use lacre_business::domain::{PATH, look};
use lacre_business::outward::{Outward, OutwardError, Trust};
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use crate::outward::{Authority, Names, quick};
use crate::receiver::{Receiver, Reply, Seen};

const TOKEN: &str = "8f14e45fceea167a5a36dedd4bea2543";

/// The web server of padaria.example, which answers as it likes.
async fn site(ca: &Authority, reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Receiver {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (chain, key) = ca.identity("padaria.example");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    Receiver::with_tls(TlsAcceptor::from(Arc::new(config)), reply).await
}

/// A look by somebody who believes an authority; `allowed` lets the name be on this machine.
async fn seen(ca: &Authority, port: u16, allowed: bool) -> Result<String, OutwardError> {
    let allowed = allowed.then(|| "padaria.example".to_owned());
    let trust = Trust { roots: vec![ca.root()], identity: None };
    let out = Outward::new(Names::of(&[&["127.0.0.1"]]).0, allowed, trust, quick()).expect("a way out");
    look(&out, &format!("padaria.example:{port}")).await
}

#[tokio::test]
async fn the_token_at_the_domain_is_seen() {
    let ca = Authority::new();
    let site = site(&ca, |_| Reply::status("200 OK", &format!("{TOKEN}\r\n"))).await;
    assert_eq!(seen(&ca, site.port, true).await.as_deref(), Ok(TOKEN));
    assert_eq!(site.seen()[0].target(), PATH);
}

#[tokio::test]
async fn nothing_is_seen_by_way_of_somebody_else() {
    let ca = Authority::new();
    let moved = |_: &Seen| {
        Reply::Say(
            "HTTP/1.1 302 Found\r\nlocation: https://mallory.example/\r\ncontent-length: 0\r\n\r\n"
                .to_owned(),
        )
    };
    let moved = site(&ca, moved).await;
    assert_eq!(seen(&ca, moved.port, true).await, Err(OutwardError::Status(302)));
    assert_eq!(moved.seen().len(), 1, "it is not followed");
    let gone = site(&ca, |_| Reply::status("404 Not Found", TOKEN)).await;
    assert_eq!(seen(&ca, gone.port, true).await, Err(OutwardError::Status(404)));
    // A name that leads to this machine itself, and one whose certificate is somebody else's.
    let inside = site(&ca, |_| Reply::status("200 OK", TOKEN)).await;
    assert_eq!(seen(&ca, inside.port, false).await, Err(OutwardError::Refused));
    assert_eq!(inside.seen().len(), 0);
    let other = seen(&Authority::new(), inside.port, true).await;
    assert!(matches!(other, Err(OutwardError::Tls(_))), "{other:?}");
    // Nor without TLS.
    let plain = Receiver::start(|_| Reply::status("200 OK", TOKEN)).await;
    assert!(matches!(seen(&ca, plain.port, true).await, Err(OutwardError::Tls(_) | OutwardError::Late(_))));
    assert_eq!(plain.seen().len(), 0);
}

#[tokio::test]
async fn a_site_that_sends_a_gigabyte_or_never_ends_is_left() {
    let ca = Authority::new();
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
    let large = site(&ca, move |_| Reply::Endless(head.to_owned())).await;
    assert_eq!(seen(&ca, large.port, true).await, Err(OutwardError::TooLarge));
    let slow =
        site(&ca, |_| Reply::Hang("HTTP/1.1 200 OK\r\ncontent-length: 32\r\n\r\n8f14".to_owned())).await;
    assert_eq!(seen(&ca, slow.port, true).await, Err(OutwardError::Late("body")));
    let late = site(&ca, |_| Reply::Late(Duration::from_secs(5), "HTTP/1.1 200 OK\r\n\r\n".to_owned())).await;
    assert_eq!(seen(&ca, late.port, true).await, Err(OutwardError::Late("head")));
}
