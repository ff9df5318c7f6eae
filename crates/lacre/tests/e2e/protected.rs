//! The bakery's node speaks TLS itself, and asks programs for certificates where it is told to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use crate::console::Bakery;
use crate::node::ask;
use crate::process::{Running, run, until};

/// A program that trusts the certificates of a file, and shows one of its own if it has one.
fn program(trusted: &Path, own: Option<(&str, &str)>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(trusted).expect("a file") {
        roots.add(root.expect("a certificate")).expect("a root");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_root_certificates(roots);
    match own {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate");
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            config.with_client_auth_cert(vec![certificate], key).expect("they go together")
        }
    }
}

/// One request over TLS; the status, or why there is none.
fn looks(config: ClientConfig, address: &str, token: &str, path: &str) -> std::io::Result<u16> {
    let name = "127.0.0.1".try_into().expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(session, TcpStream::connect(address)?);
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {token}\r\nConnection: close");
    write!(stream, "{head}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let status = answer.get(9..12).and_then(|it| std::str::from_utf8(it).ok()?.parse().ok());
    status.ok_or_else(|| std::io::Error::other("no answer"))
}

/// An authority, and a certificate and a key that it gave for a name.
fn given(name: &str) -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, "The bakery's own");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([name.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

fn serve(bakery: &Bakery, args: &[&str]) -> (Running, Value) {
    let args = [&["serve", "--listen", "127.0.0.1:0", "--json"], args].concat();
    let node = Running::start(&mut bakery.command(&args));
    let told = until("the node listens", || node.objects().first().cloned());
    (node, told)
}

#[test]
fn r18_a_node_speaks_tls_and_asks_programs_who_they_are_where_it_is_told_to() {
    let bakery = Bakery::new();
    let (number, token) = (bakery.id("phone_number_id"), bakery.id("access_token"));
    let path = format!("/v23.0/{number}");
    // What is plain is told on this machine alone.
    for args in [
        &["--listen", "0.0.0.0:0"][..],
        &["--listen", "0.0.0.0:0", "--tls", "self-signed"],
        &["--listen", "127.0.0.1:0", "--tls-client-ca", "ca.pem"],
    ] {
        run(&mut bakery.command(&[&["serve", "--json"], args].concat())).refused(2, "usage");
    }

    let (mut node, told) = serve(&bakery, &["--tls", "self-signed"]);
    let address = told["address"].as_str().expect("an address").to_owned();
    assert_eq!(told["public"], json!(format!("https://{address}/")));
    assert_eq!(told["fingerprint"].as_str().map(str::len), Some(64));
    let own = bakery.data().join("tls").join("certificate.pem");
    assert_eq!(looks(program(&own, None), &address, &token, &path).expect("an answer"), 200);
    assert_eq!(looks(program(&own, None), &address, "wrong", &path).expect("an answer"), 401);
    let plain = std::panic::catch_unwind(|| ask(&address, &token, &format!("GET {path}"), &Value::Null));
    assert!(plain.is_err(), "it speaks nothing but TLS there");
    // Commands go by the socket, whatever the listener speaks.
    assert_eq!(run(bakery.command(&["token", "list"]).arg("--json")).ok().objects().len(), 1);
    node.terminate();
    assert_eq!(node.ended(), 0);

    let write = |name: &str, text: &str| {
        let path = bakery.data().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    let (authority, certificate, key) = given("127.0.0.1");
    let (clients, shown, shown_key) = given("till.example");
    let (_, other, other_key) = given("mallory.example");
    let trusted = write("authority.pem", &authority);
    let files = format!("{},{}", write("c.pem", &certificate).display(), write("k.pem", &key).display());
    let ca = write("clients.pem", &clients).display().to_string();
    let empty = write("no.pem", "").display().to_string();
    let nobody = ["serve", "--listen", "127.0.0.1:0", "--json", "--tls", &files, "--tls-client-ca", &empty];
    run(&mut bakery.command(&nobody)).refused(1, "bad_certificate");
    let (mut node, told) = serve(&bakery, &["--tls", &files, "--tls-client-ca", &ca]);
    let address = told["address"].as_str().expect("an address");
    let asks = |own| looks(program(&trusted, own), address, &token, &path);
    assert_eq!(asks(Some((&shown, &shown_key))).expect("an answer"), 200);
    assert!(asks(None).is_err(), "who shows none is not heard");
    assert!(asks(Some((&other, &other_key))).is_err(), "nor who shows another's");
    node.terminate();
    assert_eq!(node.ended(), 0);
}
