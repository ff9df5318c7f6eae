//! One socket: frames in, answers and pushes out, pings, and its end.
//!
//! Answers go out in the order of their requests. Whatever is ready at one time goes out in one write: the socket
//! is flushed when nothing more is ready.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lacre_proto::{ErrorCode, limits};
use lacre_store::data::Data;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::stream::Stream;
use super::websocket::{Broken, Incoming, WebSocket};
use super::{Edge, stopped};
use crate::budget::Held;
use crate::session::{Answer, Outgoing, Session, bye};

/// Ticks of the socket's own clock between two pings.
const TICKS_PER_PING: u32 = 2;
/// What a peer may still send after a farewell before it is no longer listened to.
const LAST_WORDS: u64 = 1024 * 1024;
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);
/// A large message is written in parts of this size, each of which has to go in the time of a write.
const PART: usize = 64 * 1024;

/// Why a socket ends.
enum End {
    /// The peer closed it, or it broke.
    Gone,
    /// The session is over, and has said so.
    Said,
    /// The relay closes it, and says why.
    Close(CloseCode, Option<ErrorCode>),
}

enum Event {
    Answer(Outgoing),
    Push(Outgoing),
    In(Result<Incoming, Broken>),
    Flush,
    Tick,
    Stop,
}

struct Socket<D: Data> {
    edge: Arc<Edge<D>>,
    ws: WebSocket<Stream>,
    session: Session<D>,
    /// Each with what its request holds of the budget for large ones.
    answers: VecDeque<(Answer, Option<Held>)>,
    /// Since when the first of the answers is waited for, when nothing waited before it.
    since: Option<Instant>,
    /// Something is written and not flushed.
    dirty: bool,
    /// Ticks since something came.
    silent: u32,
}

/// Serves a socket to its end.
pub(super) async fn serve<D: Data>(edge: Arc<Edge<D>>, stream: Stream, read: Vec<u8>, address: IpAddr) {
    let ws = WebSocket::new(stream, read, edge.services.large_in().clone());
    let (session, hello) = Session::greet(edge.services.clone(), Some(address), edge.clock.now());
    edge.services.metrics().connections.inc();
    let mut socket = Socket {
        edge: edge.clone(),
        ws,
        session,
        answers: VecDeque::new(),
        since: None,
        dirty: false,
        silent: 0,
    };
    let end = match socket.send(hello).await {
        Ok(()) => socket.run().await,
        Err(end) => end,
    };
    // A stop does not wait for those who do not read.
    let _ = timeout(edge.limits.stop, socket.finish(end)).await;
    edge.services.metrics().connections.dec();
}

impl<D: Data> Socket<D> {
    async fn run(&mut self) -> End {
        let mut stop = self.edge.stop.clone();
        let mut stop = pin!(stopped(&mut stop));
        let mut ticks = tokio::time::interval(self.edge.limits.ping / TICKS_PER_PING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        loop {
            let largest = self.session.largest();
            let event = tokio::select! {
                biased;
                () = &mut stop => Event::Stop,
                outgoing = front(&mut self.answers), if !self.answers.is_empty() => Event::Answer(outgoing),
                outgoing = self.session.next_push() => Event::Push(outgoing),
                message = self.ws.next(largest), if self.answers.len() < limits::REQUESTS_IN_FLIGHT => Event::In(message),
                () = std::future::ready(()), if self.dirty => Event::Flush,
                _ = ticks.tick() => Event::Tick,
            };
            let done = match event {
                Event::Answer(outgoing) => {
                    if let Some(since) = self.since.take() {
                        self.edge.services.metrics().commit_seconds.observe(since.elapsed().as_secs_f64());
                    }
                    self.out(outgoing).await
                }
                Event::Push(outgoing) => self.out(outgoing).await,
                Event::In(message) => self.take(message).await,
                Event::Flush => self.flush().await,
                Event::Tick => self.tick().await,
                Event::Stop => Err(End::Close(CloseCode::Restart, Some(ErrorCode::Stopping))),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    async fn take(&mut self, incoming: Result<Incoming, Broken>) -> Result<(), End> {
        self.silent = 0;
        match incoming {
            Ok(Incoming::Message(bytes)) => self.request(bytes).await,
            Ok(Incoming::Sign) => {
                self.dirty |= self.ws.is_dirty();
                Ok(())
            }
            Ok(Incoming::Close) | Err(Broken::Gone) => Err(End::Gone),
            Ok(Incoming::Text(_)) => Err(End::Close(CloseCode::Unsupported, Some(ErrorCode::BadFrame))),
            Err(Broken::Refused(CloseCode::Size)) => {
                Err(End::Close(CloseCode::Size, Some(ErrorCode::TooLarge)))
            }
            Err(Broken::Refused(CloseCode::Again)) => {
                Err(End::Close(CloseCode::Again, Some(ErrorCode::SlowDown)))
            }
            Err(Broken::Refused(code)) => Err(End::Close(code, Some(ErrorCode::BadFrame))),
        }
    }

    async fn request(&mut self, bytes: Bytes) -> Result<(), End> {
        let held = self.ws.take_held();
        let mut answer = self.session.handle(bytes, self.edge.clock.now()).await;
        if self.answers.is_empty() {
            if let Some(outgoing) = answer.ready() {
                return self.out(outgoing).await;
            }
            self.since = Some(Instant::now());
        }
        self.answers.push_back((answer, held));
        Ok(())
    }

    async fn out(&mut self, outgoing: Outgoing) -> Result<(), End> {
        match outgoing {
            Outgoing::Nothing => Ok(()),
            Outgoing::Frame(bytes) => self.feed(bytes).await,
            Outgoing::Last(bytes) => {
                self.send(bytes).await?;
                Err(End::Said)
            }
        }
    }

    async fn tick(&mut self) -> Result<(), End> {
        self.silent += 1;
        let tick = self.edge.limits.ping / TICKS_PER_PING;
        if tick * self.ws.tick() > self.edge.limits.large_frame {
            return Err(End::Close(CloseCode::Policy, Some(ErrorCode::SlowDown)));
        }
        if tick * self.silent >= self.edge.limits.idle {
            return Err(End::Close(CloseCode::Policy, Some(ErrorCode::IdleTooLong)));
        }
        if self.silent.is_multiple_of(TICKS_PER_PING) {
            // While it is asked whether the device is there: is there something for it that no wake told of?
            self.session.look();
            self.ws.ping();
            self.flush().await?;
        }
        Ok(())
    }

    async fn feed(&mut self, bytes: Bytes) -> Result<(), End> {
        self.dirty = true;
        if bytes.len() > limits::FRAME {
            return soon(self.edge.limits.large_frame, self.feed_large(&bytes)).await;
        }
        soon(self.edge.limits.write, self.ws.feed(&bytes)).await
    }

    async fn feed_large(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.ws.begin(bytes.len());
        for part in bytes.chunks(PART) {
            timeout(self.edge.limits.write, self.ws.part(part)).await??;
        }
        Ok(())
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), End> {
        self.feed(bytes).await?;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), End> {
        self.dirty = false;
        soon(self.edge.limits.write, self.ws.flush()).await
    }

    /// Ends the socket. What the store has in its hands is waited for, so that those it is for are woken.
    async fn finish(&mut self, end: End) {
        let mut open = !matches!(end, End::Gone);
        while let Some((answer, _held)) = self.answers.pop_front() {
            if let Outgoing::Frame(bytes) = answer.await {
                open = open && self.feed(bytes).await.is_ok();
            }
        }
        let code = match end {
            End::Gone => {
                // The peer's close frame is answered, if there was one.
                let _ = self.flush().await;
                let _ = self.ws.stream().shutdown().await;
                return;
            }
            End::Said => CloseCode::Policy,
            End::Close(code, farewell) => {
                if let Some(farewell) = farewell {
                    open = open && self.feed(bye(farewell)).await.is_ok();
                }
                code
            }
        };
        self.ws.close(code);
        if !open || self.flush().await.is_err() {
            return;
        }
        // What the peer still sends is read and thrown away: to close with unread bytes would take the farewell
        // from it.
        let stream = self.ws.stream();
        let _ = timeout(LAST_WORDS_TIME, async {
            stream.shutdown().await?;
            tokio::io::copy(&mut stream.take(LAST_WORDS), &mut tokio::io::sink()).await
        })
        .await;
    }
}

/// The first answer in line.
async fn front(answers: &mut VecDeque<(Answer, Option<Held>)>) -> Outgoing {
    let outgoing = match answers.front_mut() {
        Some((answer, _)) => answer.await,
        None => std::future::pending().await,
    };
    answers.pop_front();
    if answers.is_empty() && answers.capacity() > 8 {
        *answers = VecDeque::new();
    }
    outgoing
}

/// A write that has to be done within a time: who does not read is cut off.
async fn soon(limit: Duration, write: impl Future<Output = io::Result<()>>) -> Result<(), End> {
    match timeout(limit, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
