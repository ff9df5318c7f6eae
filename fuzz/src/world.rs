//! A relay in memory whose every answer is ready at once, and people with engines at it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::OnceLock;

use bytes::Bytes;
use futures_util::FutureExt;
use lacre_engine::{Changes, Effect, Engine, Input, ReadError, Reader};
use lacre_proto::error::WireError;
use lacre_proto::frame::{FromRelay, decode_relay, encode_client};
use lacre_proto::wire::{self, client_frame, greeting, request, response, server_frame};
use lacre_proto::{Millis, RelayId};
use lacre_relay::limits::RateLimits;
use lacre_relay::services::{Services, Settings};
use lacre_relay::session::{Outgoing, Session};
use lacre_store::memory::MemoryData;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// The time, which stands still. It is that of the start: OpenMLS compares the lifetimes of key packages with the
/// system's clock (ADR 0006).
pub fn now() -> Millis {
    static NOW: OnceLock<Millis> = OnceLock::new();
    *NOW.get_or_init(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.expect("it is after 1970").as_millis() as Millis
    })
}

/// A relay without limits, the same each time.
pub fn relay() -> Services<MemoryData> {
    let settings = Settings { rates: RateLimits::lifted(), ..Settings::default() };
    let rng = Box::new(ChaCha20Rng::seed_from_u64(3));
    let opened = Services::open(MemoryData::new(), settings, rng, now()).now_or_never();
    opened.expect("memory is ready").expect("memory can be read")
}

/// A socket's session, and its greeting.
pub struct Socket {
    session: Session<MemoryData>,
    /// How the relay greeted.
    pub hello: wire::Hello,
    open: bool,
}

impl Socket {
    /// A new one.
    pub fn open(relay: &Services<MemoryData>) -> Self {
        let (session, hello) = Session::greet(relay.clone(), None, now());
        let Ok(FromRelay::Greeting(wire::Greeting { body: Some(greeting::Body::Hello(hello)) })) =
            decode_relay(&hello)
        else {
            panic!("a relay greets with a hello");
        };
        Self { session, hello, open: true }
    }

    /// Sends a frame; gives what came of it: whatever went in, what comes out is a frame.
    pub fn send(&mut self, frame: Bytes) -> Option<server_frame::Body> {
        if !self.open {
            return None;
        }
        let answer = self.session.handle(frame, now()).now_or_never().expect("memory is ready");
        let outgoing = answer.now_or_never().expect("memory is ready");
        self.read(outgoing)
    }

    /// Pushes that wait.
    pub fn pushed(&mut self) -> Vec<server_frame::Body> {
        let mut pushed = Vec::new();
        while self.open
            && let Some(outgoing) = self.session.next_push().now_or_never()
        {
            pushed.extend(self.read(outgoing));
        }
        pushed
    }

    /// Asks, and gives the answer.
    pub fn ask(&mut self, op: request::Op) -> response::Result {
        let request = wire::Request { id: 1, op: Some(op) };
        let body = client_frame::Body::Request(request);
        match self.send(encode_client(1, &wire::ClientFrame { body: Some(body) })) {
            Some(server_frame::Body::Response(wire::Response { result: Some(result), .. })) => result,
            other => panic!("a request gets an answer, not {other:?}"),
        }
    }

    fn read(&mut self, outgoing: Outgoing) -> Option<server_frame::Body> {
        let bytes = match outgoing {
            Outgoing::Nothing => return None,
            Outgoing::Frame(bytes) => bytes,
            Outgoing::Last(bytes) => {
                self.open = false;
                bytes
            }
        };
        match decode_relay(&bytes).expect("what a relay sends is a frame") {
            FromRelay::Frame(frame) => frame.body,
            FromRelay::Greeting(_) => None,
        }
    }
}

/// A local store in memory.
#[derive(Clone, Default)]
pub struct Rows(BTreeMap<Vec<u8>, Vec<u8>>);

impl Rows {
    /// Takes a step's changes.
    pub fn commit(&mut self, changes: Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }
}

impl Reader for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        backwards: bool,
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), ReadError> {
        if from >= to {
            return Ok(());
        }
        let mut range = self.0.range(from.to_vec()..to.to_vec());
        while let Some((key, value)) = if backwards { range.next_back() } else { range.next() } {
            if !visit(key, value) {
                break;
            }
        }
        Ok(())
    }
}

/// Somebody with an engine and the two sockets of a device.
pub struct Person {
    /// The engine.
    pub engine: Engine,
    /// Its store.
    pub rows: Rows,
    rng: ChaCha20Rng,
    authenticated: Socket,
    anonymous: Socket,
}

impl Person {
    /// Signs up.
    pub fn new(relay: &Services<MemoryData>, handle: &str, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut authenticated = Socket::open(relay);
        let id = RelayId::try_from(&authenticated.hello.relay).expect("an id");
        let (engine, changes) = Engine::create(handle.parse().expect("a handle"), id, now(), &mut rng);
        let mut rows = Rows::default();
        rows.commit(changes);
        let op = engine.greet(&authenticated.hello, None).expect("it is the relay of the sign-up");
        let response::Result::LoggedIn(logged_in) = authenticated.ask(op) else { panic!("a login") };
        let mut person = Self { engine, rows, rng, authenticated, anonymous: Socket::open(relay) };
        person.take(Input::Connected(logged_in));
        person.fetch();
        person
    }

    /// Takes an input and what follows from it.
    pub fn take(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let step = self.engine.handle(&self.rows, input, now(), &mut self.rng).expect("a step");
            self.rows.commit(step.changes);
            for effect in step.effects {
                let (id, result) = match effect {
                    Effect::Request(id, op) => (id, self.authenticated.ask(op)),
                    Effect::AnonymousRequest(id, op) => (id, self.anonymous.ask(op)),
                    Effect::Upload(_)
                    | Effect::StopUploading(..)
                    | Effect::Fetch(_)
                    | Effect::StopFetching(_)
                    | Effect::DropFile(_) => continue,
                    Effect::Acknowledge(position) => {
                        let body = Some(client_frame::Body::Ack(wire::Ack { position }));
                        self.authenticated.send(encode_client(1, &wire::ClientFrame { body }));
                        continue;
                    }
                };
                let answer = match result {
                    response::Result::Error(error) => Err(WireError::from(error)),
                    result => Ok(result),
                };
                inputs.push_back(Input::Answered(id, answer));
            }
        }
    }

    /// What waits in the mailbox, not taken.
    pub fn waiting(&mut self) -> Vec<Input> {
        let pushed = self.authenticated.pushed().into_iter();
        pushed
            .filter_map(|body| match body {
                server_frame::Body::Push(push) => Some(Input::Delivered(push.entries)),
                server_frame::Body::CaughtUp(_) => Some(Input::CaughtUp),
                server_frame::Body::Passing(passing) => Some(Input::Passing(passing.items)),
                server_frame::Body::Response(_) => None,
            })
            .collect()
    }

    /// Takes what waits in the mailbox; says whether there was anything.
    pub fn fetch(&mut self) -> bool {
        let waiting = self.waiting();
        let any = !waiting.is_empty();
        waiting.into_iter().for_each(|input| self.take(input));
        any
    }
}
