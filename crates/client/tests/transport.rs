//! Sockets against a server of a few lines: who is trusted, and what is told when nobody is.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use lacre_client::transport::{Connect, ConnectError, Endpoint, Fingerprint, Socket, TlsConnect, Trust};
use lacre_proto::limits;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

/// A certificate with its key, as a server holds it.
struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

fn self_signed() -> Identity {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    Identity { certificate: made.cert.der().clone(), key }
}

/// An authority of this name (as PEM), and a certificate that it signed for this name.
fn signed_for(name: &str, authority: &str) -> (String, Identity) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(DnType::CommonName, authority);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([name.to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    (authority.pem(), Identity { certificate: certificate.der().clone(), key })
}

/// A server that says what it is told to say to everybody, and sends back what it gets; it tells the key exchange
/// of each connection.
struct Server {
    port: u16,
    exchanges: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start(identity: &Identity, first: Message) -> Self {
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![identity.certificate.clone()], identity.key.clone_key())
                .expect("a certificate and its key");
        config.send_tls13_tickets = 4;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (tell, exchanges) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, tell, first) = (acceptor.clone(), tell.clone(), first.clone());
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.ok()?;
                    let exchange = stream.get_ref().1.negotiated_key_exchange_group()?;
                    tell.send(format!("{:?} {:?}", exchange.name(), stream.get_ref().1.handshake_kind()?))
                        .ok()?;
                    let mut socket = tokio_tungstenite::accept_async(stream).await.ok()?;
                    socket.send(first).await.ok()?;
                    while let Some(Ok(message)) = socket.next().await {
                        if message.is_binary() {
                            socket.send(message).await.ok()?;
                        }
                    }
                    Some(())
                });
            }
        });
        Self { port, exchanges }
    }

    fn endpoint(&self, trust: Trust) -> Endpoint {
        let address = format!("https://127.0.0.1:{}", self.port).parse().expect("an address");
        Endpoint { address, trust }
    }
}

fn hello() -> Message {
    Message::Binary(Bytes::from_static(b"hello"))
}

async fn first(socket: &mut Socket) -> Result<Bytes, ConnectError> {
    socket.stream.next().await.expect("it says something")
}

fn failed(outcome: Result<Socket, ConnectError>) -> ConnectError {
    match outcome {
        Ok(_) => panic!("the socket must not open"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn what_is_seen_at_first_use_is_held_on_to() {
    let (relay, mallory) = (self_signed(), self_signed());
    let (server, other) = (Server::start(&relay, hello()).await, Server::start(&mallory, hello()).await);
    let ana = TlsConnect::default();

    let mut socket = ana.open(server.endpoint(Trust::FirstUse)).await.expect("first use");
    assert_eq!(socket.fingerprint, Some(relay.fingerprint()));
    assert_eq!(first(&mut socket).await, Ok(Bytes::from_static(b"hello")));

    let pinned = Trust::Pinned(relay.fingerprint());
    ana.open(server.endpoint(pinned.clone())).await.expect("the same certificate again");
    let error = failed(ana.open(other.endpoint(pinned)).await);
    let (known, found) = (relay.fingerprint(), mallory.fingerprint());
    assert_eq!(error, ConnectError::CertificateChanged { known, found });
    assert!(!error.may_pass(), "trying again does not make it another certificate");
}

#[tokio::test]
async fn the_second_socket_of_a_first_use_must_show_the_same() {
    let (relay, mallory) = (self_signed(), self_signed());
    let (server, other) = (Server::start(&relay, hello()).await, Server::start(&mallory, hello()).await);
    let ana = TlsConnect::default();
    ana.open(server.endpoint(Trust::FirstUse)).await.expect("first use");
    let error = failed(ana.open(other.endpoint(Trust::FirstUse)).await);
    assert!(matches!(error, ConnectError::CertificateChanged { .. }), "{error:?}");
}

#[tokio::test]
async fn an_authority_is_trusted_for_the_names_that_it_signs() {
    let (authority, relay) = signed_for("127.0.0.1", "the authority");
    let (mallorys, mallory) = signed_for("127.0.0.1", "mallory's");
    let (other, elsewhere) = signed_for("relay.example", "another");
    let trust = |pem: &str| TlsConnect::roots_from_pem(pem.as_bytes()).expect("an authority");
    let server = Server::start(&relay, hello()).await;
    TlsConnect::default().open(server.endpoint(trust(&authority))).await.expect("a trusted certificate");

    let server = Server::start(&mallory, hello()).await;
    let error = failed(TlsConnect::default().open(server.endpoint(trust(&authority))).await);
    assert!(matches!(&error, ConnectError::NotTrusted { why, .. } if why.contains("signed")), "{error:?}");
    TlsConnect::default().open(server.endpoint(trust(&mallorys))).await.expect("it was only the authority");

    let server = Server::start(&elsewhere, hello()).await;
    let error = failed(TlsConnect::default().open(server.endpoint(trust(&other))).await);
    assert!(
        matches!(&error, ConnectError::NotTrusted { why, .. } if why.contains("another name")),
        "{error:?}"
    );
    assert!(!error.may_pass());
}

#[tokio::test]
async fn keys_are_exchanged_in_the_hybrid_way_and_sessions_are_not_resumed() {
    let relay = self_signed();
    let mut server = Server::start(&relay, hello()).await;
    let ana = TlsConnect::default();
    for _ in 0..3 {
        let mut socket = ana.open(server.endpoint(Trust::FirstUse)).await.expect("a socket");
        // The tickets come with the first bytes.
        first(&mut socket).await.expect("a message");
        let exchange = server.exchanges.recv().await.expect("the server tells");
        assert_eq!(exchange, "X25519MLKEM768 Full", "a resumed session would tie two sockets together");
    }
}

#[tokio::test]
async fn a_certificate_is_pinned_unseen_on_this_machine_only() {
    let address = "https://relay.example:8443".parse().expect("an address");
    let error = failed(TlsConnect::default().open(Endpoint { address, trust: Trust::FirstUse }).await);
    assert!(matches!(error, ConnectError::NotTrusted { .. }), "{error:?}");
}

#[tokio::test]
async fn messages_go_and_come_up_to_the_limit() {
    let server = Server::start(&self_signed(), hello()).await;
    let mut socket = TlsConnect::default().open(server.endpoint(Trust::FirstUse)).await.expect("a socket");
    first(&mut socket).await.expect("a message");
    let largest = Bytes::from(vec![7; limits::LARGE_FRAME]);
    socket.sink.send(largest.clone()).await.expect("it is sent");
    assert_eq!(first(&mut socket).await, Ok(largest));
}

#[tokio::test]
async fn what_no_relay_sends_breaks_the_socket() {
    let too_large = Message::Binary(vec![7; limits::LARGE_FRAME + 1].into());
    for evil in [Message::text("hello"), too_large] {
        let server = Server::start(&self_signed(), evil).await;
        let mut socket =
            TlsConnect::default().open(server.endpoint(Trust::FirstUse)).await.expect("a socket");
        let error = first(&mut socket).await.expect_err("it breaks");
        assert!(matches!(error, ConnectError::Broken(_)), "{error:?}");
        assert!(socket.stream.next().await.is_none(), "and nothing comes after it");
    }
}

#[tokio::test]
async fn nothing_listens_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address =
        format!("https://{}", listener.local_addr().expect("an address")).parse().expect("an address");
    drop(listener);
    let error = failed(TlsConnect::default().open(Endpoint { address, trust: Trust::FirstUse }).await);
    assert!(
        matches!(&error, ConnectError::Unreachable { why, .. } if why == "nothing listens there"),
        "{error:?}"
    );
    assert!(error.may_pass());
}
