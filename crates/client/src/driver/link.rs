//! The two sockets of a device: one that is logged in, and one that nobody can tell whose it is.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, Either, select, try_join};
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{FutureExt, SinkExt, StreamExt, pin_mut};
use lacre_proto::error::WireError;
use lacre_proto::frame::{FromRelay, choose_version, decode_relay, encode_client};
use lacre_proto::wire::{Ack, Bye, ClientFrame, Greeting, Hello, Request, client_frame, greeting, request};
use lacre_proto::wire::{ServerFrame, server_frame};
use lacre_proto::{ErrorCode, RelayId};
use tokio::sync::mpsc;

use super::Trouble;
use crate::transport::{Connect, ConnectError, Endpoint, Fingerprint, FrameSink, FrameStream, Socket};

/// Frames that came and wait to be handled; a fuller queue stops reading.
const INBOX: usize = 64;
/// How long a closing socket may take to send what is under way.
const CLOSING: Duration = Duration::from_secs(1);

/// Which of the two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The one that is logged in.
    Authenticated,
    /// The one that authorises by capabilities alone.
    Anonymous,
}

/// Two sockets on which the relay has said hello.
pub(crate) struct Greeted {
    authenticated: Socket,
    anonymous: Socket,
    version: u8,
    /// What the relay said on the socket that is to be logged in.
    pub(crate) hello: Hello,
    /// The relay that said it.
    pub(crate) relay: RelayId,
    /// SHA-256 of the certificate that it showed.
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// Opens both sockets and hears both greetings.
pub(crate) async fn greet(connect: &dyn Connect, endpoint: &Endpoint) -> Result<Greeted, Trouble> {
    let (first, second) = try_join(hear(connect, endpoint), hear(connect, endpoint)).await?;
    let (authenticated, hello) = first;
    let (anonymous, other) = second;
    let relay = RelayId::try_from(&hello.relay).map_err(|_| Trouble::BadGreeting)?;
    if hello.relay != other.relay || authenticated.fingerprint != anonymous.fingerprint {
        return Err(Trouble::BadGreeting);
    }
    let version = choose_version(hello.version_min, hello.version_max)
        .ok_or(Trouble::Refused(ErrorCode::VersionUnsupported.into()))?;
    let fingerprint = authenticated.fingerprint;
    Ok(Greeted { authenticated, anonymous, version, hello, relay, fingerprint })
}

async fn hear(connect: &dyn Connect, endpoint: &Endpoint) -> Result<(Socket, Hello), Trouble> {
    let mut socket = connect.open(endpoint.clone()).await?;
    let first = socket.stream.next().await.unwrap_or(Err(ConnectError::Closed))?;
    match decode_relay(&first) {
        Ok(FromRelay::Greeting(Greeting { body: Some(greeting::Body::Hello(hello)) })) => Ok((socket, hello)),
        Ok(FromRelay::Greeting(Greeting { body: Some(greeting::Body::Bye(bye)) })) => Err(said_bye(&bye)),
        _ => Err(Trouble::BadGreeting),
    }
}

fn said_bye(bye: &Bye) -> Trouble {
    let code = ErrorCode::from_number(bye.code);
    Trouble::Refused(WireError { code, epoch: 0, retry_after_ms: bye.retry_after_ms })
}

/// What a link brings.
#[expect(clippy::large_enum_variant, reason = "it is a frame nearly always, which a box would only move")]
pub(crate) enum News {
    /// A frame, and the socket that it came on.
    Frame(Line, ServerFrame),
    /// The link is over.
    Over(Trouble),
}

/// An open pair of sockets. Reading and writing go on only while [`next`](Self::next) is awaited.
pub(crate) struct Link {
    version: u8,
    authenticated: mpsc::UnboundedSender<Bytes>,
    anonymous: mpsc::UnboundedSender<Bytes>,
    inbox: mpsc::Receiver<(Line, Result<Bytes, ConnectError>)>,
    readers: FuturesUnordered<BoxFuture<'static, ()>>,
    writers: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl Link {
    pub(crate) fn new(greeted: Greeted) -> Self {
        let Greeted { authenticated, anonymous, version, .. } = greeted;
        let (to_inbox, inbox) = mpsc::channel(INBOX);
        let (readers, writers) = (FuturesUnordered::new(), FuturesUnordered::new());
        let start = |line, socket: Socket| {
            let (sender, outgoing) = mpsc::unbounded_channel();
            readers.push(receive(line, socket.stream, to_inbox.clone()).boxed());
            writers.push(send(line, socket.sink, outgoing, to_inbox.clone()).boxed());
            sender
        };
        let authenticated = start(Line::Authenticated, authenticated);
        let anonymous = start(Line::Anonymous, anonymous);
        Self { version, authenticated, anonymous, inbox, readers, writers }
    }

    /// Queues a request. That the socket is gone is told by [`next`](Self::next).
    pub(crate) fn request(&self, line: Line, id: u64, op: request::Op) {
        self.queue(line, client_frame::Body::Request(Request { id, op: Some(op) }));
    }

    /// Queues an acknowledgement of the mailbox.
    pub(crate) fn acknowledge(&self, position: u64) {
        self.queue(Line::Authenticated, client_frame::Body::Ack(Ack { position }));
    }

    fn queue(&self, line: Line, body: client_frame::Body) {
        let bytes = encode_client(self.version, &ClientFrame { body: Some(body) });
        let sender = match line {
            Line::Authenticated => &self.authenticated,
            Line::Anonymous => &self.anonymous,
        };
        // A pump that ended has told why through the inbox.
        let _ = sender.send(bytes);
    }

    /// The next frame. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> News {
        loop {
            let received = {
                let frame = self.inbox.recv();
                pin_mut!(frame);
                let mut pumps = stream::select(&mut self.readers, &mut self.writers);
                match select(frame, pumps.next()).await {
                    Either::Left((frame, _)) => frame,
                    Either::Right((Some(()), _)) => continue,
                    Either::Right((None, frame)) => frame.await,
                }
            };
            return match received {
                Some((line, received)) => read(line, received),
                None => News::Over(ConnectError::Closed.into()),
            };
        }
    }

    /// A frame that is there already.
    pub(crate) fn ready(&mut self) -> Option<News> {
        self.inbox.try_recv().ok().map(|(line, received)| read(line, received))
    }

    /// Sends what is queued and closes both sockets.
    pub(crate) async fn close(self, clock: &dyn crate::clock::Clock) {
        let Self { authenticated, anonymous, mut writers, .. } = self;
        drop((authenticated, anonymous));
        let sent = async { while writers.next().await.is_some() {} };
        pin_mut!(sent);
        select(sent, clock.sleep(CLOSING)).await;
    }
}

fn read(line: Line, received: Result<Bytes, ConnectError>) -> News {
    let bytes = match received {
        Ok(bytes) => bytes,
        Err(error) => return News::Over(error.into()),
    };
    match decode_relay(&bytes) {
        Ok(FromRelay::Frame(frame)) => News::Frame(line, frame),
        Ok(FromRelay::Greeting(Greeting { body: Some(greeting::Body::Bye(bye)) })) => {
            News::Over(said_bye(&bye))
        }
        // A greeting of a kind that a newer relay sends changes nothing.
        Ok(FromRelay::Greeting(_)) => News::Frame(line, ServerFrame { body: None::<server_frame::Body> }),
        Err(_) => News::Over(Trouble::BadFrame),
    }
}

async fn receive(
    line: Line,
    mut stream: FrameStream,
    inbox: mpsc::Sender<(Line, Result<Bytes, ConnectError>)>,
) {
    loop {
        let frame = stream.next().await.unwrap_or(Err(ConnectError::Closed));
        let over = frame.is_err();
        // The inbox is gone when the link is closing: then nobody reads on.
        if inbox.send((line, frame)).await.is_err() || over {
            return;
        }
    }
}

async fn send(
    line: Line,
    mut sink: FrameSink,
    mut outgoing: mpsc::UnboundedReceiver<Bytes>,
    inbox: mpsc::Sender<(Line, Result<Bytes, ConnectError>)>,
) {
    while let Some(first) = outgoing.recv().await {
        let sent = async {
            sink.feed(first).await?;
            while let Ok(more) = outgoing.try_recv() {
                sink.feed(more).await?;
            }
            sink.flush().await
        };
        if let Err(error) = sent.await {
            let _ = inbox.send((line, Err(error))).await;
            return;
        }
    }
    let _ = sink.close().await;
}
