//! HTTP/1.1 to the relay, over connections of the client's own transport: the same certificate is asked for, and no
//! login tells whose they are.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, RANGE, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::transport::{Connect, Endpoint};

/// Nothing is waited for longer than this.
const SILENCE: Duration = Duration::from_secs(60);
/// A part has to be taken, and answered, in this time; and the relay reads a whole file again in it.
const ANSWER: Duration = Duration::from_secs(300);
/// What of a body goes out at once.
const PIECE: usize = 64 * 1024;
/// The longest name of an error.
const NAME: usize = 64;

type Body = BoxBody<Bytes, std::convert::Infallible>;

/// A connection to the relay that is opened when it is needed, and again when it broke.
pub(crate) struct Http {
    connect: Arc<dyn Connect>,
    endpoint: Endpoint,
    open: Option<SendRequest<Body>>,
}

/// What is asked.
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) capability: [u8; 32],
    pub(super) range: Option<Range<u64>>,
    pub(super) body: Bytes,
}

/// What was answered.
pub(super) enum Reply {
    /// It was done; what comes with it.
    Done(Incoming),
    /// It was refused: the status, the error's name, and when a retry may pass.
    Refused(StatusCode, String, Duration),
}

/// The connection failed, or nothing came; the same may pass later.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

impl Http {
    pub(crate) fn new(connect: Arc<dyn Connect>, endpoint: Endpoint) -> Self {
        Self { connect, endpoint, open: None }
    }

    /// Asks, and waits for the head of the answer. `sent` gets the bytes of the body as they go.
    pub(super) async fn ask(
        &mut self,
        ask: Ask,
        sent: impl Fn(usize) + Send + Sync + 'static,
    ) -> Result<Reply, Broken> {
        let request = self.request(ask, sent)?;
        let mut sender = match self.open.take() {
            Some(sender) if !sender.is_closed() => sender,
            _ => self.dial().await?,
        };
        timeout(SILENCE, sender.ready()).await.map_err(|_| silent())?.map_err(broken)?;
        let answer = timeout(ANSWER, sender.send_request(request)).await;
        let answer = answer.map_err(|_| silent())?.map_err(broken)?;
        if answer.status().is_success() {
            self.open = Some(sender);
            return Ok(Reply::Done(answer.into_body()));
        }
        let wait = answer.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let (status, wait) = (answer.status(), Duration::from_secs(wait.unwrap_or(0)));
        let name = whole(answer.into_body(), NAME).await.unwrap_or_default();
        Ok(Reply::Refused(status, String::from_utf8_lossy(&name).into_owned(), wait))
    }

    fn request(
        &self,
        ask: Ask,
        sent: impl Fn(usize) + Send + Sync + 'static,
    ) -> Result<Request<Body>, Broken> {
        let Ask { method, path, capability, range, body } = ask;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.endpoint.address.host())
            .header(CONTENT_LENGTH, body.len())
            .header(AUTHORIZATION, format!("Capability {}", hex::encode(capability)));
        if let Some(range) = range {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        let pieces = stream::unfold(body, move |mut rest: Bytes| {
            let piece = rest.split_to(rest.len().min(PIECE));
            sent(piece.len());
            std::future::ready((!piece.is_empty()).then_some((Ok(Frame::data(piece)), rest)))
        });
        request.body(BodyExt::boxed(StreamBody::new(pieces))).map_err(broken)
    }

    async fn dial(&self) -> Result<SendRequest<Body>, Broken> {
        let stream = self.connect.dial(self.endpoint.clone()).await.map_err(broken)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends with the sender, or says there that it broke.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// A body of at most so many bytes.
pub(super) async fn whole(mut body: Incoming, most: usize) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    while let Some(data) = next(&mut body).await? {
        if bytes.len() + data.len() > most {
            return Err(Broken("the relay sent more than was asked for".to_owned()));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// The next bytes of a body.
pub(super) async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Broken> {
    loop {
        match timeout(SILENCE, body.frame()).await.map_err(|_| silent())? {
            None => return Ok(None),
            Some(frame) => match frame.map_err(broken)?.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
        }
    }
}

fn broken(error: impl ToString) -> Broken {
    Broken(error.to_string())
}

fn silent() -> Broken {
    Broken("nothing was heard from the relay".to_owned())
}
