//! A session: one socket's life, without the socket. Frames go in, frames come out.
//!
//! | state | what may come | goes to |
//! | --- | --- | --- |
//! | Greeted | sign-up, login | Authenticated |
//! | Greeted | create, commit, send, read roster, links | Anonymous |
//! | Anonymous | create, commit, send, read roster, links; everything else is `login_needed` or `anonymous_only` | – |
//! | Authenticated | look-up, key packages, tickets, leave, resync, device list, consent, messages with a business, acknowledgements; what the anonymous socket is for is `anonymous_only` | – |
//!
//! A socket never goes from Anonymous to Authenticated: the two must not be tied together. A frame that is none,
//! and one of a version that is not spoken here, ends the session with a farewell.
//!
//! [`Session::handle`] is awaited for each frame in turn; what it then gives may be awaited later, while further
//! frames are handled: their writes are in the store's hands in the order of the frames.

mod push;

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use lacre_proto::error::WireError;
use lacre_proto::frame::{self, FrameError};
use lacre_proto::wire::request::Op;
use lacre_proto::wire::response::Result as R;
use lacre_proto::wire::{
    Accepted, Ack, Bye, Done, Greeting, Hello, KeyPackagesLeft, LinkBody, LoggedIn, Login, Request, Response,
    ServerFrame, SignUp, Ticket, client_frame, greeting, response, server_frame,
};
use lacre_proto::{ErrorCode, Millis, limits};
use lacre_store::data::Data;

use crate::limits::{Bucket, slow_down};
use crate::metrics::Metrics;
use crate::services::{Answered, Authenticated, Durable, Services, refuse};
use push::Pushing;

/// What goes out to the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// Nothing, for this frame.
    Nothing,
    /// A frame.
    Frame(Bytes),
    /// The last frame: then the socket is closed.
    Last(Bytes),
}

/// One socket's session.
pub struct Session<D: Data> {
    services: Services<D>,
    nonce: [u8; 32],
    peer: Option<IpAddr>,
    /// Chosen by the client's first frame.
    version: u8,
    /// What an anonymous socket may still do.
    anonymous: Bucket,
    state: State<D>,
}

enum State<D: Data> {
    Greeted,
    Anonymous,
    Authenticated(Box<Pushing<D>>),
    Over,
}

/// The answer to one frame: ready when what it says is durable.
#[must_use = "an answer has to be awaited for what comes after the write, and sent"]
pub struct Answer(Inner);

enum Inner {
    Ready(Outgoing),
    Waiting(Pin<Box<dyn Future<Output = Outgoing> + Send>>),
}

impl Answer {
    /// The answer, if it needs no waiting.
    pub fn ready(&mut self) -> Option<Outgoing> {
        match &mut self.0 {
            Inner::Ready(outgoing) => Some(std::mem::replace(outgoing, Outgoing::Nothing)),
            Inner::Waiting(_) => None,
        }
    }
}

impl Future for Answer {
    type Output = Outgoing;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outgoing> {
        match &mut self.get_mut().0 {
            Inner::Ready(outgoing) => Poll::Ready(std::mem::replace(outgoing, Outgoing::Nothing)),
            Inner::Waiting(future) => future.as_mut().poll(context),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(..)")
    }
}

impl<D: Data> fmt::Debug for Session<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

impl<D: Data> Session<D> {
    /// Begins a session; the frame is the greeting, to be sent first. The peer's address, if there is one, is
    /// only for rate limits.
    pub fn greet(services: Services<D>, peer: Option<IpAddr>, now: Millis) -> (Self, Bytes) {
        let nonce: [u8; 32] = services.random();
        let hello = Hello {
            version_min: frame::VERSION_MIN.into(),
            version_max: frame::VERSION_MAX.into(),
            nonce: Bytes::copy_from_slice(&nonce),
            relay: services.relay().to_wire(),
            time_ms: now,
        };
        let greeting = frame::encode_greeting(&Greeting { body: Some(greeting::Body::Hello(hello)) });
        let version = frame::VERSION_MIN;
        (
            Self { services, nonce, peer, version, anonymous: Bucket::default(), state: State::Greeted },
            greeting,
        )
    }

    /// Takes one frame: when this is ready its write, if it makes one, is in the store's hands. To be awaited to
    /// its end, each frame after the one before.
    #[expect(clippy::async_yields_async, reason = "the write comes first, the answer when it is durable")]
    pub fn handle(&mut self, bytes: Bytes, now: Millis) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(async move {
            if matches!(self.state, State::Over) {
                return Answer(Inner::Ready(Outgoing::Nothing));
            }
            let body = match frame::decode_client(&bytes) {
                Ok((version, frame)) => {
                    self.version = version;
                    frame.body
                }
                Err(error) => return self.refuse_frame(error),
            };
            match body {
                Some(client_frame::Body::Request(request)) => self.request(request, now).await,
                Some(client_frame::Body::Ack(ack)) => self.ack(ack),
                // A kind of frame that a later version will know; it is not an error of this one.
                None => Answer(Inner::Ready(Outgoing::Nothing)),
            }
        })
    }

    /// The next frame that nobody asked for: pushes, and the farewell when the device logged in elsewhere. Waits
    /// until there is one. Nothing is lost when it is dropped before it is ready.
    pub async fn next_push(&mut self) -> Outgoing {
        match &mut self.state {
            State::Authenticated(pushing) => {
                let next = pushing.next(self.version).await;
                if matches!(next, Outgoing::Last(_)) {
                    self.state = State::Over;
                }
                next
            }
            _ => std::future::pending().await,
        }
    }

    /// The largest message that may come now: only what belongs on an anonymous socket can be large.
    pub fn largest(&self) -> usize {
        match &self.state {
            State::Greeted | State::Anonymous => limits::LARGE_FRAME,
            State::Authenticated(_) | State::Over => limits::FRAME,
        }
    }

    /// Looks at the mailbox itself, whether or not it was woken: the bus may have lost something.
    pub fn look(&mut self) {
        if let State::Authenticated(pushing) = &mut self.state {
            pushing.look();
        }
    }

    /// Entries that were pushed and are not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        match &self.state {
            State::Authenticated(pushing) => pushing.unacknowledged(),
            _ => 0,
        }
    }

    async fn request(&mut self, request: Request, now: Millis) -> Answer {
        let Request { id, op } = request;
        let Some(op) = op else { return self.answer(id, Err(ErrorCode::UnknownRequest.into())) };
        let caller = match self.admit(&op, now) {
            Ok(caller) => caller,
            Err(error) => return self.answer(id, Err(error)),
        };
        let services = self.services.clone();
        match (op, caller) {
            (Op::Send(op), _) => self.answer_later(id, services.send(op, now).await, Metrics::sent),
            (Op::Commit(op), _) => self.answer_later(id, services.commit(op, now).await, Metrics::committed),
            (Op::CreateConversation(op), _) => {
                self.answer_later(id, services.create_conversation(op, now).await, Metrics::committed)
            }
            (Op::ReadRoster(op), _) => {
                let roster = services.read_roster(op).await;
                self.answer(id, roster.map(R::Roster))
            }
            (Op::PutLink(op), _) => {
                let done = services.put_link(op, self.peer, now).await;
                self.answer(id, done.map(|()| R::Done(Done {})))
            }
            (Op::TakeLink(op), _) => {
                let body = services.take_link(op, now).await;
                self.answer(id, body.map(|body| R::LinkBody(LinkBody { body })))
            }
            (Op::ReferBlob(op), _) => {
                let done = services.refer_blob(op, now).await;
                self.answer(id, done.map(|()| R::Done(Done {})))
            }
            (Op::NamedSend(op), Some(caller)) => {
                self.answer_later(id, services.named_send(op, caller, now).await, Metrics::sent)
            }
            (Op::Login(op), _) => {
                let logged_in = self.login(op, now).await;
                self.answer(id, logged_in.map(R::LoggedIn))
            }
            (Op::SignUp(op), _) => {
                let logged_in = self.sign_up(op, now).await;
                self.answer(id, logged_in.map(R::LoggedIn))
            }
            (op, Some(caller)) => self.answer(id, authenticated(&services, op, caller, now).await),
            (_, None) => self.answer(id, Err(ErrorCode::LoginNeeded.into())),
        }
    }

    /// Whether a request belongs on this socket now; gives the caller, if the socket has one.
    fn admit(&mut self, op: &Op, now: Millis) -> Answered<Option<Authenticated>> {
        let logs_in = matches!(op, Op::Login(_) | Op::SignUp(_));
        let anonymous = is_anonymous(op);
        match &self.state {
            State::Greeted if logs_in => Ok(None),
            State::Greeted | State::Anonymous if anonymous => {
                self.state = State::Anonymous;
                self.anonymous.take(self.services.limiter().anonymous_rate(), now).map_err(slow_down)?;
                Ok(None)
            }
            State::Anonymous if logs_in => refuse(ErrorCode::AnonymousOnly),
            State::Authenticated(_) if anonymous => refuse(ErrorCode::AnonymousOnly),
            State::Authenticated(_) if logs_in => refuse(ErrorCode::BadRequest),
            State::Authenticated(pushing) => Ok(Some(pushing.caller)),
            State::Greeted | State::Anonymous | State::Over => refuse(ErrorCode::LoginNeeded),
        }
    }

    async fn login(&mut self, op: Login, now: Millis) -> Answered<LoggedIn> {
        let caller = self.services.login(op, &self.nonce, self.peer, now).await?;
        self.logged_in(caller, now).await
    }

    async fn sign_up(&mut self, op: SignUp, now: Millis) -> Answered<LoggedIn> {
        let caller = self.services.sign_up(op, &self.nonce, self.peer, now).await?;
        self.services.metrics().sign_ups.inc();
        self.logged_in(caller, now).await
    }

    /// Opens the mailbox of a device that proved who it is.
    async fn logged_in(&mut self, caller: Authenticated, now: Millis) -> Answered<LoggedIn> {
        let key_packages_left = self.services.key_packages_left(caller.device).await?;
        let inbox = self.services.open_inbox(caller.device).await?;
        let (head, acknowledged) = (inbox.head, inbox.acknowledged);
        self.services.metrics().logins.inc();
        self.state = State::Authenticated(Box::new(Pushing::new(self.services.clone(), caller, inbox)));
        let platform_key = self.services.platform_key();
        Ok(LoggedIn { time_ms: now, head, acknowledged, key_packages_left, platform_key })
    }

    fn ack(&mut self, ack: Ack) -> Answer {
        match &mut self.state {
            State::Authenticated(pushing) => {
                pushing.acknowledge(ack.position);
                Answer(Inner::Ready(Outgoing::Nothing))
            }
            // There is no answer to an acknowledgement that could say so.
            _ => self.farewell(ErrorCode::LoginNeeded),
        }
    }

    fn refuse_frame(&mut self, error: FrameError) -> Answer {
        let code = ErrorCode::from(error);
        self.services.metrics().refused(code);
        self.farewell(code)
    }

    fn farewell(&mut self, code: ErrorCode) -> Answer {
        self.state = State::Over;
        Answer(Inner::Ready(Outgoing::Last(bye(code))))
    }

    fn answer(&self, id: u64, result: Answered<response::Result>) -> Answer {
        Answer(Inner::Ready(Outgoing::Frame(respond(&self.services, self.version, id, result))))
    }

    fn answer_later(&self, id: u64, durable: Answered<Durable<Accepted>>, count: fn(&Metrics)) -> Answer {
        let durable = match durable {
            Ok(durable) => durable,
            Err(error) => return self.answer(id, Err(error)),
        };
        let (services, version) = (self.services.clone(), self.version);
        Answer(Inner::Waiting(Box::pin(async move {
            let result = durable.await;
            if result.is_ok() {
                count(services.metrics());
            }
            let result = result.map(response::Result::Accepted);
            Outgoing::Frame(respond(&services, version, id, result))
        })))
    }
}

/// The requests that need a login.
async fn authenticated<D: Data>(
    services: &Services<D>,
    op: Op,
    caller: Authenticated,
    now: Millis,
) -> Answered<R> {
    match op {
        Op::Lookup(op) => services.lookup(op, caller, now).await.map(R::Account),
        Op::PublishKeyPackages(op) => {
            let left = services.publish_key_packages(op, caller, now).await?;
            Ok(R::KeyPackagesLeft(KeyPackagesLeft { left }))
        }
        Op::ClaimKeyPackages(op) => services.claim_key_packages(op, caller, now).await.map(R::Claimed),
        Op::MintTicket(_) => {
            let ticket = services.mint_ticket(caller, now).await?.to_wire();
            Ok(R::Ticket(Ticket { ticket }))
        }
        Op::LeaveConversation(op) => services.leave_conversation(op, caller).await.map(|()| R::Done(Done {})),
        Op::RequestResync(op) => services.request_resync(op, caller, now).await.map(|()| R::Done(Done {})),
        Op::Block(op) => services.block(op, caller, now).await.map(|()| R::Done(Done {})),
        Op::Unblock(op) => services.unblock(op, caller, now).await.map(|()| R::Done(Done {})),
        Op::UpdateDeviceList(op) => {
            services.update_device_list(op, caller, now).await.map(|()| R::Done(Done {}))
        }
        Op::PutConsent(op) => services.put_consent(op, caller, now).await.map(|()| R::Done(Done {})),
        Op::PutTerms(op) => services.put_terms(op, caller, now).await.map(|()| R::Done(Done {})),
        Op::PutProfile(op) => services.put_profile(op, caller, now).await.map(|()| R::Done(Done {})),
        Op::Lead(op) => services.lead(op, caller, now).await.map(R::Led),
        Op::GrantBlob(op) => services.grant_blob(op, caller, now).await.map(R::BlobGranted),
        Op::Login(_)
        | Op::SignUp(_)
        | Op::ReferBlob(_)
        | Op::PutLink(_)
        | Op::TakeLink(_)
        | Op::CreateConversation(_)
        | Op::Commit(_)
        | Op::Send(_)
        | Op::NamedSend(_)
        | Op::ReadRoster(_) => Err(ErrorCode::AnonymousOnly.into()),
    }
}

/// Whether a request belongs on the anonymous socket.
fn is_anonymous(op: &Op) -> bool {
    matches!(
        op,
        Op::CreateConversation(_)
            | Op::Commit(_)
            | Op::Send(_)
            | Op::ReadRoster(_)
            | Op::PutLink(_)
            | Op::TakeLink(_)
            | Op::ReferBlob(_)
    )
}

fn respond<D: Data>(
    services: &Services<D>,
    version: u8,
    id: u64,
    result: Answered<response::Result>,
) -> Bytes {
    let result = result.unwrap_or_else(|error: WireError| {
        services.metrics().refused(error.code);
        response::Result::Error(error.into())
    });
    let response = Response { id, result: Some(result) };
    frame::encode_server(version, &ServerFrame { body: Some(server_frame::Body::Response(response)) })
}

/// A farewell: why the relay closes the socket.
pub(crate) fn bye(code: ErrorCode) -> Bytes {
    let bye = Bye { code: code.number(), retry_after_ms: 0 };
    frame::encode_greeting(&Greeting { body: Some(greeting::Body::Bye(bye)) })
}
