//! The only way out of the node: requests to URLs that an operator or a program of the business gave.
//!
//! Such a URL is an order to call somebody from inside, so this is where server-side request forgery ends:
//!
//! - `https`; `http` only to hosts that the operator allowed by name;
//! - a name is resolved once, and the address that was looked at is the one that is called;
//! - no private, loopback, link-local, multicast, documentation, mapped or translated address, unless the operator
//!   allowed the host by name;
//! - redirects are answers like any other and are not followed; no proxy; no user information in a URL;
//! - every step has a deadline, and head and body have a size above which they are cut off.

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

pub use self::address::is_public;
pub use self::allowed::Allowed;

mod address;
mod allowed;

/// Bytes of a URL at most.
pub const URL_MAX: usize = 2_048;
/// Bytes of an answer's head at most.
const HEAD_MAX: usize = 16 * 1024;
/// Lines of an answer's head at most.
const HEAD_LINES: usize = 64;
/// Of the answer to a POST, so much is read and thrown away before the connection is closed.
const IGNORED_MAX: usize = 16 * 1024;
/// Addresses of a name that are tried at most.
const ADDRESSES_MAX: usize = 4;
/// What the node calls itself.
const USER_AGENT: HeaderValue = HeaderValue::from_static("lacre-business");

/// Asks for the addresses of a name.
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of a host, best first.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// What a resolver is about to say.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// The resolver of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|it| it.ip()).collect()) })
    }
}

/// How long each step may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Name, connection and TLS together.
    pub connect: Duration,
    /// From then to the whole head of the answer.
    pub head: Duration,
    /// From then to the end of an answer that is kept in memory or ignored.
    pub body: Duration,
    /// From then to the end of an answer that goes to a file.
    pub file: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(10),
            body: Duration::from_secs(5),
            file: Duration::from_secs(120),
        }
    }
}

/// Whom the node believes, and as whom it shows itself.
#[derive(Default)]
pub struct Trust {
    /// Roots beside those that this machine trusts, in DER.
    pub roots: Vec<CertificateDer<'static>>,
    /// A certificate chain and its key, for receivers that ask who calls.
    pub identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("roots", &self.roots.len()).finish_non_exhaustive()
    }
}

/// Why nothing came of a request. Says nothing of the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutwardError {
    /// The URL is none that may be called.
    #[error("the URL cannot be called: {0}")]
    Url(&'static str),
    /// The host is, or points to, an address that may not be called.
    #[error("the host's address may not be called; the operator can allow the host by name")]
    Refused,
    /// The name has no address.
    #[error("the host's name has no address")]
    NoAddress,
    /// Nobody took the connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// The other side did not prove who it is.
    #[error("TLS: {0}")]
    Tls(String),
    /// A step took too long.
    #[error("it took too long: {0}")]
    Late(&'static str),
    /// The answer is no HTTP/1.1, or broke off.
    #[error("no whole answer came: {0}")]
    Http(String),
    /// The answer is larger than asked for.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not 200.
    #[error("the answer was {0}")]
    Status(u16),
    /// The file could not be written.
    #[error("the file cannot be written: {0}")]
    File(String),
    /// The TLS settings of the operator do not fit together.
    #[error("the TLS settings: {0}")]
    Settings(String),
}

/// A URL that was looked at: of a scheme that is spoken, with a host, without user information. Its address is
/// looked at when it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    url: Url,
    host: Host<String>,
    port: u16,
    /// The operator allowed the host by name.
    allowed: bool,
}

impl Destination {
    /// The URL as it is called.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The same with more parameters.
    pub fn with_query(&self, pairs: &[(&str, &str)]) -> Self {
        let mut to = self.clone();
        to.url.query_pairs_mut().extend_pairs(pairs);
        to
    }
}

/// A file that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What the other side says it is; at most 255 bytes.
    pub mime: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Of the bytes.
    pub sha256: [u8; 32],
}

/// The way out. Cheap to clone.
#[derive(Clone)]
pub struct Outward {
    resolver: Arc<dyn Resolver>,
    tls: TlsConnector,
    allowed: Arc<BTreeSet<Allowed>>,
    deadlines: Deadlines,
}

impl Outward {
    /// A way out through a resolver. `allowed` are the hosts that may be called at any address and without TLS, by
    /// the name (or the literal address) that URLs have them by: `HOST:PORT` at that port, `HOST` at any.
    pub fn new(
        resolver: impl Resolver,
        allowed: impl IntoIterator<Item = String>,
        trust: Trust,
        deadlines: Deadlines,
    ) -> Result<Self, OutwardError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let settings = |error: rustls::Error| OutwardError::Settings(error.to_string());
        trust.roots.into_iter().try_for_each(|root| roots.add(root)).map_err(settings)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(settings)?
            .with_root_certificates(roots);
        let mut config = match trust.identity {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).map_err(settings)?,
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let allowed = allowed.into_iter().map(|it| it.parse()).collect::<Result<_, OutwardError>>()?;
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { resolver: Arc::new(resolver), tls, allowed: Arc::new(allowed), deadlines })
    }

    /// Looks at a URL. A literal address that may not be called is refused here already.
    pub fn destination(&self, text: &str) -> Result<Destination, OutwardError> {
        if text.len() > URL_MAX {
            return Err(OutwardError::Url("it is too long"));
        }
        // The parser drops tabs and line breaks and takes a backslash for a slash; others read them otherwise.
        if text.chars().any(|it| it.is_control() || it.is_whitespace() || it == '\\') {
            return Err(OutwardError::Url("it has blanks or backslashes"));
        }
        let mut url = Url::parse(text).map_err(|_| OutwardError::Url("it is none"))?;
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OutwardError::Url("it has a user name or a password"));
        }
        let host = match url.host().map(|it| it.to_owned()) {
            Some(Host::Domain(name)) => Host::Domain(without_dot(&name).to_owned()),
            Some(address) => address,
            None => return Err(OutwardError::Url("it has no host")),
        };
        let name = match &host {
            Host::Ipv6(address) => address.to_string(),
            host => host.to_string(),
        };
        let port = url.port_or_known_default().ok_or(OutwardError::Url("it has no port"))?;
        let allowed = [None, Some(port)]
            .into_iter()
            .any(|port| self.allowed.contains(&Allowed { host: name.clone(), port }));
        match url.scheme() {
            "https" => {}
            "http" if allowed => {}
            _ => return Err(OutwardError::Url("only https is spoken")),
        }
        let refused = match &host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => !is_public((*address).into()),
            Host::Ipv6(address) => !is_public((*address).into()),
        };
        if refused && !allowed {
            return Err(OutwardError::Refused);
        }
        Ok(Destination { url, host, port, allowed })
    }

    /// Posts a body; the answer's status, whatever it is. Of the rest of the answer nothing is kept.
    pub async fn post(
        &self,
        to: &Destination,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<StatusCode, OutwardError> {
        let mut answer = self.call(Method::POST, to, headers, body).await?;
        let status = answer.head.status();
        // Read to its end where that is near: a receiver that sees its answer cut off would call it an error.
        let ignored = async {
            let mut left = IGNORED_MAX;
            while let Ok(Some(chunk)) = answer.chunk().await {
                left = match left.checked_sub(chunk.len()) {
                    Some(left) => left,
                    None => break,
                };
            }
        };
        let _ = timeout(self.deadlines.body, ignored).await;
        Ok(status)
    }

    /// Asks for a small answer: its status and its body of at most `limit` bytes.
    pub async fn ask(&self, to: &Destination, limit: usize) -> Result<(StatusCode, Bytes), OutwardError> {
        let mut answer = self.call(Method::GET, to, Vec::new(), Bytes::new()).await?;
        let status = answer.head.status();
        let whole = async {
            let mut body = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                if body.len() + chunk.len() > limit {
                    return Err(OutwardError::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body)
        };
        let body = timeout(self.deadlines.body, whole).await.map_err(|_| OutwardError::Late("body"))??;
        Ok((status, body.into()))
    }

    /// Fetches a file of at most `limit` bytes to a path where there is none. Nothing is left of it on an error.
    pub async fn get(&self, to: &Destination, limit: u64, path: &Path) -> Result<Fetched, OutwardError> {
        let mut answer = self.call(Method::GET, to, Vec::new(), Bytes::new()).await?;
        if answer.head.status() != StatusCode::OK {
            return Err(OutwardError::Status(answer.head.status().as_u16()));
        }
        if answer.head.body().size_hint().lower() > limit {
            return Err(OutwardError::TooLarge);
        }
        let mut partial = Partial::create(path).await?;
        let (size, sha256) = timeout(self.deadlines.file, partial.fill(&mut answer, limit))
            .await
            .map_err(|_| OutwardError::Late("body"))??;
        partial.keep();
        let mime = answer.head.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        Ok(Fetched { mime: mime.filter(|it| it.len() <= 255).map(str::to_owned), size, sha256 })
    }

    /// Makes a request and waits for the head of the answer.
    async fn call(
        &self,
        method: Method,
        to: &Destination,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<Answer, OutwardError> {
        let request = request(method, to, headers, body)?;
        let stream = timeout(self.deadlines.connect, self.connect(to))
            .await
            .map_err(|_| OutwardError::Late("connection"))??;
        let exchange = async {
            let http = |error: hyper::Error| OutwardError::Http(error.to_string());
            let (mut sender, connection) = http1::Builder::new()
                .max_buf_size(HEAD_MAX)
                .max_headers(HEAD_LINES)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(http)?;
            let mut driver = JoinSet::new();
            driver.spawn(async move {
                // What went wrong is told to whoever waits for the answer.
                let _ = connection.await;
            });
            let head = sender.send_request(request).await.map_err(http)?;
            Ok(Answer { head, _driver: driver })
        };
        timeout(self.deadlines.head, exchange).await.map_err(|_| OutwardError::Late("head"))?
    }

    /// The addresses that may be called, looked up once.
    async fn addresses(&self, to: &Destination) -> Result<Vec<IpAddr>, OutwardError> {
        let found = match &to.host {
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
            Host::Domain(name) => self.resolver.resolve(name).await.map_err(|_| OutwardError::NoAddress)?,
        };
        if found.is_empty() {
            return Err(OutwardError::NoAddress);
        }
        let may = |it: &IpAddr| to.allowed || is_public(*it);
        let found: Vec<_> = found.into_iter().filter(may).take(ADDRESSES_MAX).collect();
        if found.is_empty() { Err(OutwardError::Refused) } else { Ok(found) }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the way out of the node, as the transport is the client's"
    )]
    async fn connect(&self, to: &Destination) -> Result<Box<dyn Io>, OutwardError> {
        let mut why = String::new();
        for address in self.addresses(to).await? {
            match TcpStream::connect(SocketAddr::new(address, to.port)).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return self.secure(to, stream).await;
                }
                Err(error) => why = error.kind().to_string(),
            }
        }
        Err(OutwardError::Connect(why))
    }

    async fn secure(&self, to: &Destination, stream: TcpStream) -> Result<Box<dyn Io>, OutwardError> {
        if to.url.scheme() != "https" {
            return Ok(Box::new(stream));
        }
        let name = match &to.host {
            Host::Domain(name) => {
                ServerName::try_from(name.clone()).map_err(|_| OutwardError::Url("its host is no name"))?
            }
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        match self.tls.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(OutwardError::Tls(error.to_string())),
        }
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// An answer whose body is still on its way. The connection ends when it is dropped.
struct Answer {
    head: Response<Incoming>,
    _driver: JoinSet<()>,
}

impl Answer {
    async fn chunk(&mut self) -> Result<Option<Bytes>, OutwardError> {
        while let Some(frame) = self.head.body_mut().frame().await {
            let frame = frame.map_err(|error| OutwardError::Http(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// A file that is removed again unless it was kept.
struct Partial<'a> {
    path: &'a Path,
    file: tokio::fs::File,
    kept: bool,
}

impl<'a> Partial<'a> {
    async fn create(path: &'a Path) -> Result<Self, OutwardError> {
        let file = tokio::fs::OpenOptions::new().write(true).create_new(true).open(path).await;
        let file = file.map_err(|error| OutwardError::File(error.to_string()))?;
        Ok(Self { path, file, kept: false })
    }

    async fn fill(&mut self, answer: &mut Answer, limit: u64) -> Result<(u64, [u8; 32]), OutwardError> {
        let file = |error: std::io::Error| OutwardError::File(error.to_string());
        let (mut size, mut hash) = (0, Sha256::new());
        while let Some(chunk) = answer.chunk().await? {
            size += chunk.len() as u64;
            if size > limit {
                return Err(OutwardError::TooLarge);
            }
            hash.update(&chunk);
            self.file.write_all(&chunk).await.map_err(file)?;
        }
        self.file.sync_all().await.map_err(file)?;
        Ok((size, hash.finalize().into()))
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

fn request(
    method: Method,
    to: &Destination,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, OutwardError> {
    let bad = |_| OutwardError::Url("it cannot be put into a request");
    let target = &to.url[Position::BeforePath..Position::AfterQuery];
    let host = &to.url[Position::BeforeHost..Position::AfterPort];
    let host = HeaderValue::from_str(host).map_err(|_| OutwardError::Url("its host is no name"))?;
    let length = HeaderValue::from(body.len());
    let posts = method == Method::POST;
    let mut request = Request::builder().method(method).uri(target).body(Full::new(body)).map_err(bad)?;
    let all = request.headers_mut();
    all.extend(headers);
    all.insert(header::HOST, host);
    all.insert(header::USER_AGENT, USER_AGENT);
    all.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    all.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if posts {
        all.insert(header::CONTENT_LENGTH, length);
    }
    Ok(request)
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}
