//! A receiver on loopback that answers as a test wants, and remembers what it was sent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The path and the query.
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }
}

/// What the receiver does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Says this and closes.
    Say(String),
    /// Says this later.
    Late(Duration, String),
    /// Says this and then zeros for as long as anyone listens.
    Endless(String),
    /// Says this and then nothing, and stays.
    Hang(String),
    /// Closes at once.
    Close,
}

impl Reply {
    /// A status with a body.
    pub fn status(status: &str, body: &str) -> Self {
        Self::Say(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }
}

pub struct Receiver {
    pub port: u16,
    pub connections: Arc<AtomicUsize>,
    /// Bytes of endless answers that somebody took.
    pub taken: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub async fn start(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::begin(None, reply).await
    }

    pub async fn with_tls(tls: TlsAcceptor, reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::begin(Some(tls), reply).await
    }

    async fn begin(tls: Option<TlsAcceptor>, reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (connections, taken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        let work = Work { seen: seen.clone(), taken: taken.clone(), reply: Arc::new(reply) };
        let count = connections.clone();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (work, tls) = (work.clone(), tls.clone());
                open.spawn(async move {
                    match tls {
                        None => work.serve(stream).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                work.serve(stream).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, connections, taken, seen, _tasks: tasks }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
struct Work {
    seen: Arc<Mutex<Vec<Seen>>>,
    taken: Arc<AtomicUsize>,
    reply: Arc<dyn Fn(&Seen) -> Reply + Send + Sync>,
}

impl Work {
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Some(request) = read(&mut stream).await else { return };
        // The answer is decided on before the request counts as seen, and both before a byte goes back.
        let reply = (self.reply)(&request);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        match reply {
            Reply::Say(text) => _ = stream.write_all(text.as_bytes()).await,
            Reply::Late(time, text) => {
                tokio::time::sleep(time).await;
                _ = stream.write_all(text.as_bytes()).await;
            }
            Reply::Endless(text) => {
                _ = stream.write_all(text.as_bytes()).await;
                while stream.write_all(&[b'0'; 16 * 1024]).await.is_ok() {
                    self.taken.fetch_add(16 * 1024, Ordering::SeqCst);
                }
            }
            Reply::Hang(text) => {
                _ = stream.write_all(text.as_bytes()).await;
                _ = stream.flush().await;
                std::future::pending::<()>().await;
            }
            Reply::Close => {}
        }
        _ = stream.shutdown().await;
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut seen = Seen { head, body: bytes[end + 4..].to_vec() };
            let length: usize = seen.header("content-length").map_or(Ok(0), str::parse).ok()?;
            while seen.body.len() < length {
                let count = stream.read(&mut chunk).await.ok().filter(|it| *it > 0)?;
                seen.body.extend_from_slice(&chunk[..count]);
            }
            return Some(seen);
        }
        let count = stream.read(&mut chunk).await.ok().filter(|it| *it > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    }
}
