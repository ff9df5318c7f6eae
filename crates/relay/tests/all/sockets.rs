//! The thin line over real sockets: TLS 1.3, WebSocket, two people, one message.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use lacre_proto::frame::{self, FromRelay};
use lacre_proto::wire::response::Result as R;
use lacre_proto::wire::{self, ClientFrame, Request, client_frame, greeting, request::Op, server_frame};
use lacre_proto::{ConversationId, ErrorCode, RelayId};
use lacre_relay::limits::RateLimits;
use lacre_relay::{Config, Place, Relay, RunningRelay};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Person, accepted, addition, create, send, welcome};

const TALK: ConversationId = ConversationId([0x7a; 16]);
/// No answer takes this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn config() -> Config {
    let mut config = Config::new(Place::Memory, SocketAddr::from(([127, 0, 0, 1], 0)));
    config.rates = RateLimits::lifted();
    config
}

/// Takes just the certificate with a fingerprint.
#[derive(Debug)]
struct Pinned([u8; 32], WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        assert_eq!(<[u8; 32]>::from(Sha256::digest(end_entity)), self.0);
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        panic!("TLS 1.2 is not spoken");
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.1)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.1.supported_schemes()
    }
}

#[expect(clippy::disallowed_methods, reason = "the relay's tests have no client crate")]
pub async fn tcp(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

pub async fn tls(relay: &RunningRelay) -> TlsStream<TcpStream> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Pinned(relay.fingerprint.unwrap(), provider.signature_verification_algorithms);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp(relay.address).await).await.unwrap()
}

/// A device's socket over TLS.
pub struct Client {
    pub ws: WebSocketStream<TlsStream<TcpStream>>,
    pub relay: RelayId,
    pub nonce: [u8; 32],
    requests: u64,
    pub entries: Vec<wire::Entry>,
}

impl Client {
    pub async fn connect(relay: &RunningRelay) -> Self {
        let url = format!("ws://{}/socket", relay.address);
        let (mut ws, _) = tokio_tungstenite::client_async(url, tls(relay).await).await.unwrap();
        let greeting = next(&mut ws).await.unwrap();
        let Ok(FromRelay::Greeting(wire::Greeting { body: Some(greeting::Body::Hello(hello)) })) =
            frame::decode_relay(&greeting)
        else {
            panic!("the first frame is the greeting");
        };
        let relay = RelayId::try_from(&hello.relay).unwrap();
        let nonce = hello.nonce.as_ref().try_into().unwrap();
        Self { ws, relay, nonce, requests: 0, entries: Vec::new() }
    }

    pub async fn sign_up(relay: &RunningRelay, person: &Person) -> Self {
        let mut client = Self::connect(relay).await;
        let op = person.sign_up(client.relay, &client.nonce);
        assert!(matches!(client.ask(Op::SignUp(op)).await, Ok(R::LoggedIn(_))));
        client
    }

    pub async fn login(relay: &RunningRelay, person: &Person) -> Self {
        let mut client = Self::connect(relay).await;
        let op = person.login(client.relay, &client.nonce);
        assert!(matches!(client.ask(Op::Login(op)).await, Ok(R::LoggedIn(_))));
        client
    }

    pub async fn begin(&mut self, op: Op) -> u64 {
        self.requests += 1;
        let request = Request { id: self.requests, op: Some(op) };
        self.send(client_frame::Body::Request(request)).await;
        self.requests
    }

    pub async fn send(&mut self, body: client_frame::Body) {
        let bytes = frame::encode_client(1, &ClientFrame { body: Some(body) });
        self.ws.send(Message::Binary(bytes)).await.unwrap();
    }

    pub async fn ask(&mut self, op: Op) -> Result<R, ErrorCode> {
        let id = self.begin(op).await;
        loop {
            if let server_frame::Body::Response(response) = self.frame().await {
                assert_eq!(response.id, id);
                return match response.result.unwrap() {
                    R::Error(error) => Err(ErrorCode::from_number(error.code)),
                    result => Ok(result),
                };
            }
        }
    }

    /// The next frame; the entries of pushes are kept.
    pub async fn frame(&mut self) -> server_frame::Body {
        let bytes = next(&mut self.ws).await.unwrap();
        let Ok(FromRelay::Frame(wire::ServerFrame { body: Some(body) })) = frame::decode_relay(&bytes) else {
            panic!("{:?}", frame::decode_relay(&bytes));
        };
        if let server_frame::Body::Push(push) = &body {
            self.entries.extend(push.entries.iter().cloned());
        }
        body
    }

    /// Waits until so many entries came.
    pub async fn entries(&mut self, count: usize) {
        while self.entries.len() < count {
            self.frame().await;
        }
    }

    /// The farewell and the end of the socket.
    pub async fn farewell(&mut self) -> ErrorCode {
        loop {
            let bytes = next(&mut self.ws).await.expect("a farewell before the end");
            if let Ok(FromRelay::Greeting(wire::Greeting { body: Some(greeting::Body::Bye(bye)) })) =
                frame::decode_relay(&bytes)
            {
                assert_eq!(next(&mut self.ws).await, None, "nothing comes after it");
                return ErrorCode::from_number(bye.code);
            }
        }
    }
}

/// The next binary message; `None` when the socket is closed.
pub async fn next<S>(ws: &mut WebSocketStream<S>) -> Option<Bytes>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match tokio::time::timeout(PATIENCE, ws.next()).await.expect("in time") {
            Some(Ok(Message::Binary(bytes))) => return Some(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }
}

/// Ana and Bruno in a conversation, and Ana's anonymous socket.
pub async fn talk(relay: &RunningRelay) -> (Client, Client, Client) {
    let (ana, bruno) = (Person::new("ana"), Person::new("bruno"));
    let mut hers = Client::sign_up(relay, &ana).await;
    let mut his = Client::sign_up(relay, &bruno).await;
    let mut anonymous = Client::connect(relay).await;
    let mut additions = Vec::new();
    for (client, welcome) in [(&mut hers, Bytes::new()), (&mut his, welcome("bruno"))] {
        let Ok(R::Ticket(ticket)) = client.ask(Op::MintTicket(wire::MintTicket {})).await else { panic!() };
        additions.push(addition(ticket.ticket, welcome));
    }
    let op = Op::CreateConversation(create(TALK, additions, 1));
    assert_eq!(accepted(anonymous.ask(op).await), 1);
    (hers, his, anonymous)
}

#[tokio::test]
async fn ana_writes_to_bruno_over_tls() {
    let relay = Relay::start(config()).await.unwrap();
    let (mut ana, mut bruno, mut anonymous) = talk(&relay).await;
    let (_, connection) = ana.ws.get_ref().get_ref();
    assert_eq!(connection.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(
        connection.negotiated_key_exchange_group().map(|group| group.name()),
        Some(rustls::NamedGroup::X25519MLKEM768)
    );
    for index in 0..100 {
        anonymous.begin(Op::Send(send(TALK, 1, &format!("{index}"), 100 + index))).await;
    }
    for index in 0..100 {
        let server_frame::Body::Response(response) = anonymous.frame().await else { panic!() };
        assert_eq!(response.id, 2 + index, "in the order of the requests");
        assert_eq!(response.result, Some(R::Accepted(wire::Accepted { sequence: 2 + index })));
    }
    ana.entries(101).await;
    bruno.entries(101).await;
    assert_eq!(ana.entries[1..], bruno.entries[1..]);
    bruno.send(client_frame::Body::Ack(wire::Ack { position: 101 })).await;
    assert!(bruno.ask(Op::MintTicket(wire::MintTicket {})).await.is_ok());
    relay.stop().await;
    assert_eq!(ana.farewell().await, ErrorCode::Stopping);
    assert_eq!(anonymous.farewell().await, ErrorCode::Stopping);
}
