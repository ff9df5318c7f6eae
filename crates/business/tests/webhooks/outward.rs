//! B-04 of the assurance table: what an attacker writes as a URL never reaches anything inside.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use lacre_business::outward::{Deadlines, Outward, OutwardError, Resolver, Resolving, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::receiver::{Receiver, Reply, Seen};

/// A name server that gives one list after the other, and the last for ever.
pub struct Names {
    lists: Vec<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Names {
    pub fn of(lists: &[&[&str]]) -> (Self, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let parse = |list: &&[&str]| list.iter().map(|it| it.parse().expect("an address")).collect();
        (Self { lists: lists.iter().map(parse).collect(), asked: asked.clone() }, asked)
    }
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.lists.len() - 1);
        let list = self.lists[turn].clone();
        Box::pin(async move { Ok(list) })
    }
}

pub fn quick() -> Deadlines {
    let short = Duration::from_millis(400);
    Deadlines { connect: short, head: short, body: short, file: short }
}

fn way_out(lists: &[&[&str]], allowed: &[&str]) -> Outward {
    let allowed = allowed.iter().map(|it| (*it).to_owned());
    Outward::new(Names::of(lists).0, allowed, Trust::default(), quick()).expect("a way out")
}

pub async fn post(out: &Outward, url: &str) -> Result<u16, OutwardError> {
    let to = out.destination(url)?;
    out.post(&to, Vec::new(), Bytes::from_static(b"{}")).await.map(|it| it.as_u16())
}

fn fine(_: &Seen) -> Reply {
    Reply::status("200 OK", "")
}

#[tokio::test]
async fn no_spelling_of_loopback_is_called() {
    let canary = Receiver::start(fine).await;
    let out = way_out(&[&["127.0.0.1"]], &["hook.padaria.example"]);
    let port = canary.port;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "017700000001",
        "0x7f.0.0.1",
        "0x7f000001",
        "0",
        "0.0.0.0",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "①②⑦.⓪.⓪.①",
        "[::1]",
        "[::]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "a.localhost",
        "inside.example",
        "inside.example.",
    ] {
        for scheme in ["http", "https"] {
            let error = post(&out, &format!("{scheme}://{host}:{port}/")).await.expect_err("refused");
            let url = error == OutwardError::Url("only https is spoken");
            assert!(if scheme == "http" { url } else { error == OutwardError::Refused }, "{host}: {error}");
        }
    }
    assert_eq!(canary.connections(), 0);
    // The canary is alive: the one host that was allowed gets through to it.
    assert_eq!(post(&out, &format!("http://hook.padaria.example:{port}/")).await, Ok(200));
    assert_eq!(post(&out, &format!("http://HOOK.padaria.example.:{port}/")).await, Ok(200));
    assert_eq!(canary.connections(), 2);
}

#[tokio::test]
async fn what_is_no_plain_url_is_not_called() {
    let canary = Receiver::start(fine).await;
    let out = way_out(&[&["127.0.0.1"]], &["hook.example"]);
    let port = canary.port;
    for url in [
        format!("http://ana@hook.example:{port}/"),
        format!("http://ana:pw@hook.example:{port}/"),
        format!("http://:pw@hook.example:{port}/"),
        format!("http://hook.example:{port}@inside.example/"),
        format!("http://hook.example:{port}/\r\nx: y"),
        format!("http://hook.example:{port}/ HTTP/1.1"),
        format!("http:\\\\hook.example:{port}/"),
        format!("http://hook.example\t:{port}/"),
        format!("ftp://hook.example:{port}/"),
        format!("file://hook.example:{port}/etc/passwd"),
        format!("gopher://hook.example:{port}/_x"),
        format!("//hook.example:{port}/"),
        "http:///".to_owned(),
        "data:text/plain,x".to_owned(),
        String::new(),
        format!("http://hook.example:{port}/{}", "a".repeat(2_048)),
    ] {
        assert!(matches!(post(&out, &url).await, Err(OutwardError::Url(_))), "{url}");
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_is_asked_once_and_held_to_it() {
    let canary = Receiver::start(fine).await;
    // Nobody listens at the first answer, and the second is the canary: allowed by name, and still not called.
    let (names, asked) = Names::of(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let out = Outward::new(names, ["evil.example".to_owned()], Trust::default(), quick()).expect("a way out");
    let url = format!("http://evil.example:{}/", canary.port);
    assert!(matches!(post(&out, &url).await, Err(OutwardError::Connect(_))));
    assert_eq!((asked.load(Ordering::SeqCst), canary.connections()), (1, 0), "asked once, and held to it");
    assert_eq!(post(&out, &url).await, Ok(200), "the next call asks again");
    assert_eq!(canary.connections(), 1);

    // Not allowed by name, each call is held against what was answered for it.
    let (names, asked) = Names::of(&[&["10.0.0.1"], &["127.0.0.1"]]);
    let out = Outward::new(names, [], Trust::default(), quick()).expect("a way out");
    for turn in 1..=3 {
        let refused = post(&out, &format!("https://evil.example:{}/", canary.port)).await;
        assert_eq!(refused, Err(OutwardError::Refused));
        assert_eq!(asked.load(Ordering::SeqCst), turn, "one question for each call");
    }

    // Of a mixed answer only the public part is used.
    let out = way_out(&[&["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.1"]], &[]);
    assert_eq!(
        post(&out, &format!("https://mixed.example:{}/", canary.port)).await,
        Err(OutwardError::Refused)
    );
    let out = way_out(&[&[]], &["nowhere.example"]);
    assert_eq!(post(&out, "http://nowhere.example/").await, Err(OutwardError::NoAddress));
    assert_eq!(canary.connections(), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let canary = Receiver::start(fine).await;
    let there = format!("http://127.0.0.1:{}/", canary.port);
    let lure = Receiver::start(move |_| {
        Reply::Say(format!("HTTP/1.1 302 Found\r\nlocation: {there}\r\ncontent-length: 0\r\n\r\n"))
    })
    .await;
    let out = way_out(&[&["127.0.0.1"]], &["hook.example", "127.0.0.1"]);
    let url = format!("http://hook.example:{}/", lure.port);
    assert_eq!(post(&out, &url).await, Ok(302));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let got = out.get(&out.destination(&url).expect("a URL"), 100, &path).await;
    assert_eq!(got, Err(OutwardError::Status(302)));
    assert!(!path.exists());
    assert_eq!(canary.connections(), 0);
}

#[tokio::test]
async fn a_post_carries_its_length_its_headers_and_the_name_of_the_host() {
    let shop = Receiver::start(fine).await;
    let out = way_out(&[&["127.0.0.1"]], &["hook.example"]);
    let to = out.destination(&format!("http://hook.example:{}/in?x=1#part", shop.port)).expect("a URL");
    let header = (HeaderName::from_static("x-hub-signature-256"), HeaderValue::from_static("sha256=00"));
    out.post(&to, vec![header], Bytes::from_static(b"{\"a\":1}")).await.expect("posted");
    out.post(&to, Vec::new(), Bytes::new()).await.expect("posted");
    let [first, second] = &shop.seen()[..] else { panic!("two requests") };
    assert_eq!((first.target(), &first.body[..]), ("/in?x=1", &b"{\"a\":1}"[..]));
    assert_eq!(first.header("content-length"), Some("7"));
    assert_eq!(first.header("transfer-encoding"), None);
    assert_eq!(first.header("x-hub-signature-256"), Some("sha256=00"));
    assert_eq!(first.header("host"), Some(format!("hook.example:{}", shop.port).as_str()));
    assert_eq!(first.header("user-agent"), Some("lacre-business"));
    assert_eq!(second.header("content-length"), Some("0"));
}

#[tokio::test]
async fn hostile_answers_are_cut_off() {
    let out = way_out(&[&["127.0.0.1"]], &["hook.example"]);
    let url = |receiver: &Receiver| format!("http://hook.example:{}/", receiver.port);
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";

    let endless = Receiver::start(move |_| Reply::Endless(ok.to_owned())).await;
    assert_eq!(post(&out, &url(&endless)).await, Ok(200), "what counts is the status");
    let to = out.destination(&url(&endless)).expect("a URL");
    assert_eq!(out.ask(&to, 1_000).await, Err(OutwardError::TooLarge));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(endless.taken.load(Ordering::SeqCst) < 32_000_000, "the rest of 1 GB was not taken");

    let head = Receiver::start(|_| Reply::Endless("HTTP/1.1 200 OK\r\nx: ".to_owned())).await;
    assert!(matches!(post(&out, &url(&head)).await, Err(OutwardError::Http(_))));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    let many = Receiver::start(move |_| Reply::Say(many.clone())).await;
    assert!(matches!(post(&out, &url(&many)).await, Err(OutwardError::Http(_))));
    let hang = Receiver::start(|_| Reply::Hang(String::new())).await;
    assert_eq!(post(&out, &url(&hang)).await, Err(OutwardError::Late("head")));
    let half = Receiver::start(|_| Reply::Hang("HTTP/1.1 200 OK\r\ncontent-le".to_owned())).await;
    assert_eq!(post(&out, &url(&half)).await, Err(OutwardError::Late("head")));
    let close = Receiver::start(|_| Reply::Close).await;
    assert!(matches!(post(&out, &url(&close)).await, Err(OutwardError::Http(_))));
    let noise = Receiver::start(|_| Reply::Say("SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned())).await;
    assert!(matches!(post(&out, &url(&noise)).await, Err(OutwardError::Http(_))));
    assert!(matches!(post(&out, "http://hook.example:1/").await, Err(OutwardError::Connect(_))));
}

#[tokio::test]
async fn a_file_is_fetched_whole_or_not_at_all() {
    let out = way_out(&[&["127.0.0.1"]], &["hook.example"]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("picture");
    let shop = Receiver::start(|seen| match seen.target() {
        "/long" => Reply::Endless("HTTP/1.1 200 OK\r\n\r\n".to_owned()),
        "/lies" => Reply::Say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_owned()),
        "/huge" => Reply::Say("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n".to_owned()),
        "/slow" => Reply::Hang("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_owned()),
        "/none" => Reply::status("404 Not Found", "abc"),
        _ => Reply::Say(
            "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                .to_owned(),
        ),
    })
    .await;
    let to =
        |path: &str| out.destination(&format!("http://hook.example:{}{path}", shop.port)).expect("a URL");
    for (target, why) in [
        ("/long", OutwardError::TooLarge),
        ("/huge", OutwardError::TooLarge),
        ("/slow", OutwardError::Late("body")),
        ("/none", OutwardError::Status(404)),
    ] {
        assert_eq!(out.get(&to(target), 1_000, &path).await, Err(why), "{target}");
        assert!(!path.exists(), "{target}");
    }
    assert!(matches!(out.get(&to("/lies"), 1_000, &path).await, Err(OutwardError::Http(_))));
    assert!(!path.exists());
    assert_eq!(out.get(&to("/"), 2, &path).await, Err(OutwardError::TooLarge));

    let got = out.get(&to("/"), 3, &path).await.expect("fetched");
    assert_eq!((got.size, got.mime.as_deref()), (3, Some("image/png")));
    assert_eq!(hex::encode(got.sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(std::fs::read(&path).expect("a file"), b"abc");
    assert!(
        matches!(out.get(&to("/"), 3, &path).await, Err(OutwardError::File(_))),
        "nothing is overwritten"
    );
    assert_eq!(std::fs::read(&path).expect("a file"), b"abc");
}

pub type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a root"))
    }

    pub fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub fn identity(&self, name: &str) -> Identity {
        let (certificate, key) = self.certify(name);
        (vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
    }

    /// The root, and a certificate with its key, as PEM.
    pub fn pem(&self, name: &str) -> (String, [String; 2]) {
        let (certificate, key) = self.certify(name);
        (self.0.pem(), [certificate.pem(), key.serialize_pem()])
    }

    fn certify(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (params.signed_by(&key, &self.0).expect("signed"), key)
    }

    /// A receiver of a name that calls for a certificate of this authority.
    pub async fn receiver(&self, name: &str) -> Receiver {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut clients = RootCertStore::empty();
        clients.add(self.root()).expect("a root");
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider.clone());
        let (chain, key) = self.identity(name);
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(clients.build().expect("a verifier"))
            .with_single_cert(chain, key)
            .expect("a certificate");
        Receiver::with_tls(TlsAcceptor::from(Arc::new(config)), fine).await
    }
}

#[tokio::test]
async fn a_receiver_proves_its_name_and_may_ask_who_calls() {
    let (padaria, mallory) = (Authority::new(), Authority::new());
    let shop = padaria.receiver("hook.example").await;
    let call = async |trust: Trust, host: &str| {
        let names = Names::of(&[&["127.0.0.1"]]).0;
        let allowed = ["hook.example".to_owned(), "other.example".to_owned()];
        let out = Outward::new(names, allowed, trust, quick()).expect("a way out");
        post(&out, &format!("https://{host}:{}/", shop.port)).await
    };
    let known = |identity: Option<Identity>| Trust { roots: vec![padaria.root()], identity };
    assert_eq!(call(known(Some(padaria.identity("node"))), "hook.example").await, Ok(200));
    assert_eq!(shop.seen().len(), 1);
    let wrong = call(known(Some(padaria.identity("node"))), "other.example").await;
    assert!(matches!(wrong, Err(OutwardError::Tls(_))), "another name: {wrong:?}");
    let unknown = Trust { roots: vec![mallory.root()], identity: Some(padaria.identity("node")) };
    assert!(matches!(call(unknown, "hook.example").await, Err(OutwardError::Tls(_))));
    assert!(call(known(None), "hook.example").await.is_err(), "nobody");
    assert!(call(known(Some(mallory.identity("node"))), "hook.example").await.is_err(), "somebody else");
    assert_eq!(shop.seen().len(), 1);
}
