//! A lean client end of the relay's socket: TLS, WebSocket and frames, with as few system calls as the traffic
//! allows, so that the generator is not what is measured.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use lacre_proto::frame::{FromRelay, decode_relay};
use lacre_proto::wire::{Ack, ClientFrame, Greeting, Hello, Push, Request, Response, ServerFrame};
use lacre_proto::wire::{client_frame, greeting, request, response, server_frame};
use prost::Message;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const VERSION: u8 = 1;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const MASKED: u8 = 0x80;

/// Where sockets are opened, and how.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    tls: TlsConnector,
}

/// What a relay pushed or answered.
pub enum In {
    /// An answer, with its request's id.
    Response(Box<Response>),
    /// Entries of the mailbox.
    Push(Push),
    /// What lay in the mailbox at login has been pushed.
    CaughtUp,
}

/// One open socket.
pub struct Socket {
    stream: TlsStream<TcpStream>,
    input: BytesMut,
    output: Vec<u8>,
    waiting: VecDeque<In>,
    next_request: u64,
    /// How the relay greeted.
    pub hello: Hello,
}

impl Target {
    /// A relay at an address, with TLS 1.3 and the hybrid key exchange, every handshake a full one. Its
    /// certificate is not judged: this is a load generator.
    pub fn new(address: SocketAddr) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("the provider has TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Self { address, tls: TlsConnector::from(Arc::new(config)) }
    }
}

impl Socket {
    /// Connects, upgrades, and reads the greeting.
    #[expect(clippy::disallowed_methods, reason = "the generator makes its own connections")]
    pub async fn open(target: &Target) -> io::Result<Self> {
        let tcp = TcpStream::connect(target.address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::IpAddress(target.address.ip().into());
        let mut stream = target.tls.connect(name, tcp).await?;
        let head = format!(
            "GET /socket HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: bGFjcmUgYmVuY2hlcyE=\r\nSec-WebSocket-Version: 13\r\n\r\n",
            target.address
        );
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
        let mut input = BytesMut::with_capacity(4096);
        let end = loop {
            if stream.read_buf(&mut input).await? == 0 {
                return Err(broken("the relay closed before the upgrade"));
            }
            if let Some(end) = input.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
        };
        if !input.starts_with(b"HTTP/1.1 101") {
            return Err(broken(&String::from_utf8_lossy(&input[..end.min(200)])));
        }
        input.advance(end + 4);
        let (output, waiting) = (Vec::new(), VecDeque::new());
        let mut socket = Self { stream, input, output, waiting, next_request: 1, hello: Hello::default() };
        loop {
            if let Some(FromRelay::Greeting(Greeting { body: Some(greeting::Body::Hello(hello)) })) =
                socket.message()?
            {
                socket.hello = hello;
                return Ok(socket);
            }
            socket.fill().await?;
        }
    }

    /// Puts a request into the output; its id is given.
    pub fn queue(&mut self, op: request::Op) -> u64 {
        let id = self.next_request;
        self.next_request += 1;
        self.frame(client_frame::Body::Request(Request { id, op: Some(op) }));
        id
    }

    /// Puts an acknowledgement into the output.
    pub fn queue_ack(&mut self, position: u64) {
        self.frame(client_frame::Body::Ack(Ack { position }));
    }

    /// Says that this end is still there; a relay closes what is silent.
    pub async fn ping(&mut self) -> io::Result<()> {
        self.header(PING, 0);
        self.flush().await
    }

    /// Writes what was put into the output.
    pub async fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await?;
            self.output.clear();
        }
        Ok(())
    }

    /// Reads once. May be dropped at any time without losing anything.
    pub async fn fill(&mut self) -> io::Result<()> {
        self.input.reserve(16 * 1024);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(broken("the relay closed the socket")),
            _ => Ok(()),
        }
    }

    /// The next thing that was read, if it is whole.
    pub fn next(&mut self) -> io::Result<Option<In>> {
        if let Some(waiting) = self.waiting.pop_front() {
            return Ok(Some(waiting));
        }
        self.arrived()
    }

    /// Asks and waits for the answer; what comes before it waits its turn.
    pub async fn ask(&mut self, op: request::Op) -> io::Result<response::Result> {
        let asked = self.queue(op);
        self.flush().await?;
        self.answered(asked).await
    }

    /// Waits for the answer to a request; what comes before it waits its turn.
    pub async fn answered(&mut self, asked: u64) -> io::Result<response::Result> {
        loop {
            match self.arrived()? {
                Some(In::Response(response)) if response.id == asked && response.result.is_some() => {
                    return response.result.ok_or_else(|| io::ErrorKind::InvalidData.into());
                }
                Some(other) => self.waiting.push_back(other),
                None => self.fill().await?,
            }
        }
    }

    fn arrived(&mut self) -> io::Result<Option<In>> {
        loop {
            let frame = match self.message()? {
                None => return Ok(None),
                Some(FromRelay::Frame(ServerFrame { body: Some(body) })) => body,
                Some(FromRelay::Greeting(Greeting { body: Some(greeting::Body::Bye(bye)) })) => {
                    return Err(broken(&format!("the relay said goodbye with code {}", bye.code)));
                }
                Some(_) => continue,
            };
            return Ok(Some(match frame {
                server_frame::Body::Response(response) => In::Response(Box::new(response)),
                server_frame::Body::Push(push) => In::Push(push),
                server_frame::Body::CaughtUp(_) => In::CaughtUp,
                server_frame::Body::Passing(_) => continue,
            }));
        }
    }

    /// A client frame as one masked WebSocket message. The mask is zero: legal, and no work.
    fn frame(&mut self, body: client_frame::Body) {
        let frame = ClientFrame { body: Some(body) };
        self.header(BINARY, 1 + frame.encoded_len());
        self.output.push(VERSION);
        frame.encode(&mut self.output).expect("a vector grows");
    }

    fn header(&mut self, opcode: u8, length: usize) {
        self.output.push(opcode);
        match length {
            0..126 => self.output.push(MASKED | length as u8),
            126..65536 => {
                self.output.push(MASKED | 126);
                self.output.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                self.output.push(MASKED | 127);
                self.output.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        self.output.extend_from_slice(&[0; 4]);
    }

    /// The next whole message; pings are answered with the next flush.
    fn message(&mut self) -> io::Result<Option<FromRelay>> {
        while let Some((opcode, body)) = split_message(&mut self.input) {
            match opcode {
                BINARY => {
                    return decode_relay(&body).map(Some).map_err(|error| broken(&error.to_string()));
                }
                PING => {
                    self.header(PONG, body.len());
                    self.output.extend_from_slice(&body);
                }
                PONG => {}
                CLOSE => return Err(broken("the relay closed the socket")),
                other => return Err(broken(&format!("a WebSocket frame that is not expected: {other:#x}"))),
            }
        }
        Ok(None)
    }
}

/// Takes one whole unmasked WebSocket frame.
fn split_message(input: &mut BytesMut) -> Option<(u8, Bytes)> {
    let (&opcode, &short) = (input.first()?, input.get(1)?);
    let (head, length) = match short & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(input.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(input.get(2..10)?.try_into().ok()?) as usize),
        length => (2, usize::from(length)),
    };
    if input.len() < head + length {
        return None;
    }
    input.advance(head);
    Some((opcode, input.split_to(length).freeze()))
}

fn broken(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}

/// Takes every certificate; the handshake's signature is checked all the same, as every client does.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_split_at_their_lengths() {
        let mut input = BytesMut::new();
        input.extend_from_slice(&[BINARY, 2, 1, 2, BINARY, 126, 0, 200]);
        assert_eq!(split_message(&mut input), Some((BINARY, Bytes::from_static(&[1, 2]))));
        assert_eq!(split_message(&mut input), None, "the second is not whole");
        input.extend_from_slice(&[7; 200]);
        assert_eq!(split_message(&mut input), Some((BINARY, Bytes::from(vec![7; 200]))));
        assert!(input.is_empty());
    }
}
