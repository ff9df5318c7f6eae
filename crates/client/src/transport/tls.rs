//! The native way to a relay: WebSocket over TLS 1.3, or plain on loopback.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt, future, stream};
use lacre_proto::limits;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use super::trust::{OtherCertificate, verifier};
use super::{ByteStream, Connect, ConnectError, Endpoint, Fingerprint, RelayAddress, Socket, Trust};

/// Connects with TLS 1.3, the post-quantum hybrid key exchange first. Needs a tokio runtime.
///
/// Sessions are never resumed: a ticket would tie the anonymous socket to the one that is logged in.
#[derive(Clone)]
pub struct TlsConnect {
    provider: Arc<CryptoProvider>,
    last: Arc<Mutex<Option<Configured>>>,
}

/// A configuration, and the trust that it was made for.
type Configured = (Trust, Arc<ClientConfig>);

impl Default for TlsConnect {
    fn default() -> Self {
        Self { provider: Arc::new(aws_lc_rs::default_provider()), last: Arc::default() }
    }
}

impl TlsConnect {
    /// Reads the certificates of a PEM file as roots of trust.
    pub fn roots_from_pem(pem: &[u8]) -> Result<Trust, ConnectError> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let roots: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(pem)
            .map(|certificate| certificate.map(|der| der.to_vec()))
            .collect::<Result<_, _>>()
            .map_err(|error| ConnectError::Roots(error.to_string()))?;
        if roots.is_empty() {
            return Err(ConnectError::Roots("the file holds no certificate".to_owned()));
        }
        Ok(Trust::Roots(roots))
    }

    fn config(&self, trust: &Trust) -> Result<Arc<ClientConfig>, ConnectError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, config)) = &*last
            && known == trust
        {
            return Ok(config.clone());
        }
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| ConnectError::Roots(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier(trust, &self.provider)?)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        let config = Arc::new(config);
        *last = Some((trust.clone(), config.clone()));
        Ok(config)
    }
}

impl Connect for TlsConnect {
    fn open(&self, endpoint: Endpoint) -> BoxFuture<'static, Result<Socket, ConnectError>> {
        let this = self.clone();
        Box::pin(async move {
            may_trust(&endpoint)?;
            let attempt = async {
                let stream = dial(&endpoint.address).await?;
                if endpoint.address.tls() {
                    this.open_tls(stream, &endpoint).await
                } else {
                    web_socket(stream, &endpoint.address, None).await
                }
            };
            let slow = || Err(unreachable(&endpoint.address, "no answer in time"));
            timeout(limits::HANDSHAKE, attempt).await.unwrap_or_else(|_| slow())
        })
    }

    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'static, Result<ByteStream, ConnectError>> {
        let this = self.clone();
        Box::pin(async move {
            may_trust(&endpoint)?;
            let attempt = async {
                let stream = dial(&endpoint.address).await?;
                if endpoint.address.tls() {
                    Ok(Box::new(this.shake_hands(stream, &endpoint).await?) as ByteStream)
                } else {
                    Ok(Box::new(stream) as ByteStream)
                }
            };
            let slow = || Err(unreachable(&endpoint.address, "no answer in time"));
            timeout(limits::HANDSHAKE, attempt).await.unwrap_or_else(|_| slow())
        })
    }
}

/// Whatever is shown is trusted on this machine only.
fn may_trust(endpoint: &Endpoint) -> Result<(), ConnectError> {
    if endpoint.trust == Trust::FirstUse && !endpoint.address.is_loopback() {
        let address = endpoint.address.to_string();
        let why = "its certificate can be pinned unseen only on this machine itself".to_owned();
        return Err(ConnectError::NotTrusted { address, why });
    }
    Ok(())
}

impl TlsConnect {
    async fn shake_hands(
        &self,
        stream: TcpStream,
        endpoint: &Endpoint,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let address = &endpoint.address;
        let name = ServerName::try_from(address.host()).map_err(|error| unreachable(address, error))?;
        let connector = TlsConnector::from(self.config(&endpoint.trust)?);
        connector.connect(name, stream).await.map_err(|error| tls_error(address, error))
    }

    async fn open_tls(&self, stream: TcpStream, endpoint: &Endpoint) -> Result<Socket, ConnectError> {
        let address = &endpoint.address;
        let stream = self.shake_hands(stream, endpoint).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let fingerprint = certificate.map(|der| Fingerprint::of(der));
        web_socket(stream, address, fingerprint).await
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the client's transport")]
async fn dial(address: &RelayAddress) -> Result<TcpStream, ConnectError> {
    let stream = match address.ip() {
        Some(ip) => TcpStream::connect(SocketAddr::new(ip, address.port())).await,
        None => TcpStream::connect((address.host(), address.port())).await,
    }
    .map_err(|error| unreachable(address, plain(&error)))?;
    if !address.tls() && !stream.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()) {
        return Err(ConnectError::PlainOffLoopback(address.to_string()));
    }
    stream.set_nodelay(true).map_err(|error| unreachable(address, error))?;
    Ok(stream)
}

async fn web_socket<S>(
    stream: S,
    address: &RelayAddress,
    fingerprint: Option<Fingerprint>,
) -> Result<Socket, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let scheme = if address.tls() { "wss" } else { "ws" };
    let host = address.to_string().split_once("://").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let config = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(0)
        .max_message_size(Some(limits::LARGE_FRAME))
        .max_frame_size(Some(limits::LARGE_FRAME));
    let url = format!("{scheme}://{host}/socket");
    let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(config))
        .await
        .map_err(|error| handshake_error(address, error))?;
    Ok(split(socket, fingerprint))
}

/// The two halves, as binary messages; text is never sent by a relay and breaks the socket.
fn split<S>(socket: WebSocketStream<S>, fingerprint: Option<Fingerprint>) -> Socket
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sink, stream) = socket.split();
    let sink = sink
        .sink_map_err(broken)
        .with(|bytes: Bytes| future::ready(Ok::<_, ConnectError>(Message::Binary(bytes))));
    let stream = stream::unfold(Some(stream), |stream| async move {
        let mut stream = stream?;
        loop {
            let item = match timeout(limits::IDLE, stream.next()).await {
                Err(_) => Err(ConnectError::Silent),
                Ok(None | Some(Ok(Message::Close(_)))) => Err(ConnectError::Closed),
                Ok(Some(Err(error))) => Err(broken(error)),
                Ok(Some(Ok(Message::Binary(bytes)))) => Ok(bytes),
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
                Ok(Some(Ok(Message::Text(_)))) => Err(ConnectError::Broken("the relay sent text".to_owned())),
            };
            let next = item.is_ok().then_some(stream);
            return Some((item, next));
        }
    });
    Socket { sink: Box::pin(sink), stream: Box::pin(stream), fingerprint }
}

fn unreachable(address: &RelayAddress, why: impl ToString) -> ConnectError {
    ConnectError::Unreachable { address: address.to_string(), why: why.to_string() }
}

/// An operating system's error in words, without its number.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            "there is no way to it from here".to_owned()
        }
        _ => error.to_string(),
    }
}

fn tls_error(address: &RelayAddress, error: io::Error) -> ConnectError {
    let address = address.to_string();
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other))) => {
            match other.0.downcast_ref::<OtherCertificate>() {
                Some(&OtherCertificate { known, found }) => ConnectError::CertificateChanged { known, found },
                None => ConnectError::NotTrusted { address, why: other.0.to_string() },
            }
        }
        Some(rustls::Error::InvalidCertificate(why)) => {
            ConnectError::NotTrusted { address, why: certificate_words(why) }
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            ConnectError::NotARelay { address, why: "it does not speak TLS".to_owned() }
        }
        _ => ConnectError::Unreachable { address, why: plain(&error) },
    }
}

fn certificate_words(why: &rustls::CertificateError) -> String {
    use rustls::CertificateError::*;
    match why {
        Expired | ExpiredContext { .. } => "it has expired",
        NotValidYet | NotValidYetContext { .. } => "it is not valid yet; look at this machine's clock",
        UnknownIssuer => "nobody that this machine trusts has signed it",
        NotValidForName | NotValidForNameContext { .. } => "it belongs to another name",
        Revoked => "it was revoked",
        BadSignature => "its signature does not hold",
        other => return other.to_string(),
    }
    .to_owned()
}

fn handshake_error(address: &RelayAddress, error: tungstenite::Error) -> ConnectError {
    let address = address.to_string();
    match error {
        tungstenite::Error::Http(answer) if answer.status().as_u16() == 503 => {
            ConnectError::Unreachable { address, why: "it takes no more connections just now".to_owned() }
        }
        tungstenite::Error::Http(answer) => {
            ConnectError::NotARelay { address, why: format!("it answers {}", answer.status()) }
        }
        tungstenite::Error::Io(error) => ConnectError::Unreachable { address, why: plain(&error) },
        other => ConnectError::NotARelay { address, why: other.to_string() },
    }
}

fn broken(error: tungstenite::Error) -> ConnectError {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => ConnectError::Closed,
        tungstenite::Error::Io(error) => ConnectError::Broken(plain(&error)),
        other => ConnectError::Broken(other.to_string()),
    }
}
