//! The driver: one task that owns the engine, the store's writing side and both sockets.
//!
//! ```text
//! frame, intent or time → engine.handle → commit in one transaction → effects → events
//! ```
//!
//! The link is a state: down (waiting for its next attempt), opening, logging in, up. A step that could not be
//! committed is taken back: the engine forgets it, the link is dropped, and what the relay had sent comes again.

mod backoff;
mod link;
mod steps;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lacre_engine::{Engine, Event, GreetError, Input, Intent, IntentId, Records, Refusal, RequestId, Wake};
use lacre_proto::wire::{Entry, ServerFrame, response, server_frame};
use lacre_proto::{ConversationId, Millis};
use rand_core::CryptoRng;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::connection::{Connection, Trouble};
use crate::content::MessageId;
use crate::files::{Ended, Transfers};
use crate::once::{Asked, Once};
use crate::store::{Store, StoreError};
use crate::transport::{Connect, Endpoint};
use backoff::Backoff;
pub(crate) use link::{Greeted, Line, Link, News, greet};

/// The id of the login on its socket; the engine's own ids count up from 1.
const LOGIN: u64 = u64::MAX;
/// A request that has no answer for this long counts as lost with its socket.
const ANSWER: Duration = Duration::from_secs(30);
/// Opening both sockets and hearing both greetings.
const OPENING: Duration = Duration::from_secs(20);
/// Who leaves waits so long, in milliseconds, for what the relay has taken to come back.
const ECHO: Millis = 10_000;
/// The store is settled when nothing was written for this long.
const SETTLE: Duration = Duration::from_secs(2);
/// The longest sleep, so that a clock that was set is noticed.
const NAP: Duration = Duration::from_secs(60);
/// Entries of the mailbox handled in one transaction.
const BATCH: usize = 1024;

/// What a handle asks of its driver.
pub(crate) enum Command {
    /// An intent; answered when it is in the outbox, or refused.
    Intend(Intent, oneshot::Sender<Result<Queued, IntentError>>),
    /// The same under an id of the caller's: not done again.
    IntendOnce(Asked, Intent, oneshot::Sender<Result<Once, IntentError>>),
    /// Keep a journal from now on; or let its entries up to a number go.
    Journal(Option<u64>, oneshot::Sender<Result<(), IntentError>>),
    /// Try to connect now.
    Reconnect,
    /// Wait until nothing is under way.
    Flush(oneshot::Sender<()>),
    /// Stop.
    Close(oneshot::Sender<()>),
}

/// What an intent has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// A message, in the records and in the outbox.
    Message(ConversationId, MessageId),
    /// Something that makes no message; it is done or will be.
    Done,
}

/// Why an intent is not in the outbox. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntentError {
    /// The engine refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be stored.
    #[error("{0}; the message was not kept")]
    Store(StoreError),
    /// The engine failed.
    #[error("the app has a fault: {0}")]
    Engine(String),
    /// The caller's id stands for something else that was asked for.
    #[error("this id was used for something else; nothing was done")]
    IdUsed,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Box<dyn CryptoRng + Send>,
    pub(crate) endpoint: Endpoint,
    pub(crate) invite: Option<String>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) connection: watch::Sender<Connection>,
    /// Sockets that are open already.
    pub(crate) greeted: Option<Greeted>,
    /// Files under way, and what comes of them.
    pub(crate) transfers: Transfers,
    pub(crate) endings: mpsc::UnboundedReceiver<Ended>,
}

/// Where the link stands.
enum State {
    Down { again: Option<Millis> },
    Opening { attempt: BoxFuture<'static, Result<Greeted, Trouble>>, until: Millis },
    LoggingIn { link: Link, until: Millis },
    Up { link: Link, caught_up: bool },
}

/// One client's driver. See the module.
pub(crate) struct Driver {
    parts: Parts,
    state: State,
    since: Millis,
    backoff: Backoff,
    wake: Wake,
    /// Requests under way, and until when their answers must be here.
    open: BTreeMap<RequestId, Millis>,
    intents: BTreeMap<IntentId, oneshot::Sender<Result<Queued, IntentError>>>,
    next_intent: IntentId,
    /// When the store is to be settled.
    settle: Option<Millis>,
    /// Who waits until nothing is under way, and until when they wait for what comes back.
    flushes: Vec<(Millis, oneshot::Sender<()>)>,
    /// Whether the engine believes that it has a link.
    engine_connected: bool,
    /// Whether the search index may have to be made.
    indexing: bool,
}

/// What ended a wait.
enum Happening {
    Command(Option<Command>),
    Opened(Result<Greeted, Trouble>),
    News(News),
    Ended(Ended),
    Time,
}

impl Driver {
    pub(crate) fn new(mut parts: Parts) -> Self {
        let now = parts.clock.now();
        // Ids that an earlier run gave to intents that are still in the outbox are not given again.
        let next_intent = parts.rng.next_u64() >> 1;
        Self {
            parts,
            state: State::Down { again: Some(now) },
            since: now,
            backoff: Backoff::default(),
            wake: Wake::At(now),
            open: BTreeMap::new(),
            intents: BTreeMap::new(),
            next_intent,
            settle: None,
            flushes: Vec::new(),
            engine_connected: false,
            indexing: true,
        }
    }

    /// Runs until it is told to close, or until every handle is gone.
    pub(crate) async fn run(mut self) {
        if let Some(greeted) = self.parts.greeted.take() {
            self.greeted(Ok(greeted));
        }
        let closed = loop {
            match self.next().await {
                Happening::Command(None) => break None,
                Happening::Command(Some(Command::Close(done))) => break Some(done),
                Happening::Command(Some(command)) => self.command(command),
                Happening::Opened(outcome) => self.greeted(outcome),
                Happening::News(news) => self.news(news),
                Happening::Ended(ended) => self.ended(ended),
                Happening::Time => self.time(),
            }
            self.answer_flushes();
        };
        self.close().await;
        if let Some(done) = closed {
            let _ = done.send(());
        }
    }

    async fn next(&mut self) -> Happening {
        let nap = self.nap();
        let mut timer = self.parts.clock.sleep(nap).fuse();
        let state = &mut self.state;
        let link = async {
            match state {
                State::Down { .. } => std::future::pending().await,
                State::Opening { attempt, .. } => Happening::Opened(attempt.await),
                State::LoggingIn { link, .. } | State::Up { link, .. } => Happening::News(link.next().await),
            }
        }
        .fuse();
        futures_util::pin_mut!(link);
        futures_util::select_biased! {
            command = self.parts.commands.recv().fuse() => Happening::Command(command),
            happening = link => happening,
            ended = self.parts.endings.recv().fuse() => ended.map_or(Happening::Time, Happening::Ended),
            () = timer => Happening::Time,
        }
    }

    /// How long until something is due.
    fn nap(&self) -> Duration {
        if self.indexing {
            return Duration::ZERO;
        }
        let link = match &self.state {
            State::Down { again } => *again,
            State::Opening { until, .. } | State::LoggingIn { until, .. } => Some(*until),
            State::Up { .. } => None,
        };
        let wake = match self.wake {
            Wake::Never => None,
            Wake::At(time) => Some(time),
        };
        let answers = self.open.values().min().copied();
        let now = self.parts.clock.now();
        let flush = self.flushes.iter().map(|(until, _)| *until).filter(|until| *until > now).min();
        let due = [link, wake, self.settle, answers, flush].into_iter().flatten().min();
        due.map_or(NAP, |due| Duration::from_millis(due.saturating_sub(now))).min(NAP)
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Intend(intent, reply) => self.intend(intent, reply),
            Command::IntendOnce(asked, intent, reply) => self.intend_once(asked, intent, reply),
            Command::Journal(up_to, reply) => drop(reply.send(self.journal(up_to))),
            Command::Reconnect => {
                if let State::Down { again } = &mut self.state {
                    *again = Some(self.parts.clock.now());
                    self.backoff.reset();
                }
            }
            Command::Flush(done) => self.flushes.push((self.parts.clock.now() + ECHO, done)),
            Command::Close(_) => unreachable!("the loop takes it"),
        }
    }

    fn time(&mut self) {
        if self.indexing {
            self.index();
        }
        let now = self.parts.clock.now();
        if matches!(self.wake, Wake::At(time) if time <= now) {
            self.wake = Wake::Never;
            self.handle(Input::Tick);
        }
        if self.settle.is_some_and(|time| time <= now) {
            self.settle = None;
            if let Err(error) = self.parts.store.settle() {
                tracing::warn!(%error, "the store could not be settled");
            }
        }
        if self.open.values().any(|until| *until <= now) {
            return self.lost(Trouble::NoAnswer);
        }
        match &self.state {
            State::Down { again: Some(again) } if *again <= now => self.open_link(),
            State::Opening { until, .. } | State::LoggingIn { until, .. } if *until <= now => {
                self.lost(Trouble::NoAnswer);
            }
            _ => {}
        }
    }

    /// A file is up or here, or will not be. A step that fails takes the link down, and it is asked for again with
    /// the next: what is done is not done twice.
    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Upload(file, result) => {
                self.parts.transfers.done(file);
                self.handle(Input::Uploaded(file, result));
            }
            Ended::Download(file, result) => {
                self.parts.transfers.done(file);
                self.handle(Input::Fetched(file, result));
            }
        }
    }

    fn open_link(&mut self) {
        let connect = self.parts.connect.clone();
        let endpoint = self.parts.endpoint.clone();
        let attempt = async move { greet(connect.as_ref(), &endpoint).await }.boxed();
        let until = self.parts.clock.now() + OPENING.as_millis() as Millis;
        self.state = State::Opening { attempt, until };
        self.tell(Connection::Connecting);
    }

    fn greeted(&mut self, outcome: Result<Greeted, Trouble>) {
        let greeted = match outcome {
            Ok(greeted) => greeted,
            Err(trouble) => return self.lost(trouble),
        };
        match self.parts.engine.greet(&greeted.hello, self.parts.invite.as_deref()) {
            Ok(op) => {
                let link = Link::new(greeted);
                link.request(Line::Authenticated, LOGIN, op);
                let until = self.parts.clock.now() + ANSWER.as_millis() as Millis;
                self.state = State::LoggingIn { link, until };
            }
            Err(GreetError::WrongRelay) => self.lost(Trouble::OtherRelay),
            Err(_) => self.lost(Trouble::BadGreeting),
        }
    }

    fn news(&mut self, first: News) {
        let mut news = Some(first);
        let mut entries = Vec::new();
        while let Some(one) = news {
            let frame = match one {
                News::Over(trouble) => {
                    if self.deliver(&mut entries) {
                        self.lost(trouble);
                    }
                    return;
                }
                News::Frame(
                    Line::Authenticated,
                    ServerFrame { body: Some(server_frame::Body::Push(push)) },
                ) => {
                    entries.extend(push.entries);
                    None
                }
                News::Frame(line, frame) => Some((line, frame)),
            };
            if frame.is_some() || entries.len() >= BATCH {
                self.deliver(&mut entries);
            }
            if let Some((line, frame)) = frame {
                self.frame(line, frame);
            }
            news = match &mut self.state {
                State::LoggingIn { link, .. } | State::Up { link, .. } => link.ready(),
                State::Down { .. } | State::Opening { .. } => None,
            };
        }
        self.deliver(&mut entries);
    }

    fn deliver(&mut self, entries: &mut Vec<Entry>) -> bool {
        entries.is_empty() || self.handle(Input::Delivered(std::mem::take(entries)))
    }

    fn frame(&mut self, line: Line, frame: ServerFrame) {
        match frame.body {
            Some(server_frame::Body::Response(answer)) => {
                let result = match answer.result {
                    Some(response::Result::Error(error)) => Err(error.into()),
                    Some(result) => Ok(result),
                    // An answer of a kind that this version does not know answers nothing that it asked.
                    None => return self.lost(Trouble::BadFrame),
                };
                if answer.id == LOGIN && line == Line::Authenticated {
                    self.logged_in(result);
                } else if self.open.remove(&answer.id).is_some() {
                    self.handle(Input::Answered(answer.id, result));
                }
            }
            Some(server_frame::Body::CaughtUp(_)) if line == Line::Authenticated => {
                if let State::Up { caught_up, .. } = &mut self.state {
                    *caught_up = true;
                    if self.handle(Input::CaughtUp) {
                        self.tell(Connection::Online);
                    }
                }
            }
            Some(server_frame::Body::Passing(passing)) if line == Line::Authenticated => {
                self.handle(Input::Passing(passing.items));
            }
            // Pushes on the anonymous socket are none; what a newer relay sends beside is not for us.
            Some(
                server_frame::Body::CaughtUp(_)
                | server_frame::Body::Push(_)
                | server_frame::Body::Passing(_),
            )
            | None => {}
        }
    }

    fn logged_in(&mut self, result: Result<response::Result, lacre_proto::error::WireError>) {
        let outcome = match result {
            Ok(response::Result::LoggedIn(logged_in)) => Ok(logged_in),
            Ok(_) => Err(Trouble::BadFrame),
            Err(error) => Err(Trouble::Refused(error)),
        };
        let state = std::mem::replace(&mut self.state, State::Down { again: None });
        match (state, outcome) {
            (State::LoggingIn { link, .. }, Ok(logged_in)) => {
                self.state = State::Up { link, caught_up: false };
                self.backoff.reset();
                self.tell(Connection::CatchingUp);
                self.disconnected();
                self.engine_connected = true;
                self.handle(Input::Connected(logged_in));
            }
            (_, Err(trouble)) => self.lost(trouble),
            (state, Ok(_)) => self.state = state,
        }
    }

    /// The link is gone, or did not come to be.
    fn lost(&mut self, trouble: Trouble) {
        self.drop_link(trouble);
        self.disconnected();
    }

    fn drop_link(&mut self, trouble: Trouble) {
        let was_up = matches!(self.state, State::Up { .. });
        let now = self.parts.clock.now();
        let asked = match &trouble {
            Trouble::Refused(error) => Duration::from_millis(error.retry_after_ms),
            _ => Duration::ZERO,
        };
        let rng = self.parts.rng.as_mut();
        let wait = match trouble.may_pass() {
            true => Some(self.backoff.next(asked, rng)),
            false if trouble.heals_by_itself() => Some(self.backoff.longest(rng)),
            false => None,
        };
        let again = wait.map(|wait| now + wait.as_millis() as Millis);
        self.state = State::Down { again };
        self.open.clear();
        if was_up {
            self.since = now;
        }
        tracing::debug!(reason = %trouble, "offline");
        self.tell(Connection::Offline { since: self.since, why: trouble, again });
    }

    /// Tells the engine that its link is gone, before it hears of a new one or of anything else to send.
    fn disconnected(&mut self) {
        if self.engine_connected && self.step(Input::Disconnected).is_ok() {
            self.engine_connected = false;
        }
    }

    fn tell(&self, connection: Connection) {
        self.parts.connection.send_replace(connection);
    }

    fn answer_flushes(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let now = self.parts.clock.now();
        let quiet = match self.state {
            State::Up { caught_up, .. } => {
                caught_up
                    && self.open.is_empty()
                    && !matches!(self.wake, Wake::At(time) if time <= now + 1000)
            }
            State::Down { .. } => true,
            State::Opening { .. } | State::LoggingIn { .. } => false,
        };
        if !quiet {
            return;
        }
        let owed = matches!(self.state, State::Up { .. }) && self.echo_is_owed();
        for (until, done) in std::mem::take(&mut self.flushes) {
            if owed && now < until {
                self.flushes.push((until, done));
            } else {
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
        }
    }

    /// Whether something that the relay has taken is still to come back: what waits behind it in its conversation
    /// goes out only then.
    fn echo_is_owed(&self) -> bool {
        let reader = self.parts.store.snapshot();
        // What cannot be read hinders nobody from leaving.
        reader.is_ok_and(|reader| Records(reader.as_ref()).echo_is_owed().unwrap_or(false))
    }

    async fn close(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Down { again: None });
        if let State::LoggingIn { link, .. } | State::Up { link, .. } = state {
            link.close(self.parts.clock.as_ref()).await;
        }
        if let Err(error) = self.parts.store.settle() {
            tracing::warn!(%error, "the store could not be settled");
        }
        self.tell(Connection::Closed);
    }
}
