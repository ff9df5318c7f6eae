//! A relay of a few lines, on a network without sockets, and a store that can be full.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use lacre_client::clock::Clock;
use lacre_client::store::{MemoryStore, Store, StoreError};
use lacre_client::transport::{Connect, ConnectError, Endpoint, Socket, Trust};
use lacre_client::{Client, OpenError, Setting, SignUp};
use lacre_engine::{Changes, ReadError, Reader};
use lacre_proto::frame::{decode_client, encode_greeting, encode_server};
use lacre_proto::wire::{self, client_frame, greeting, request, response, server_frame};
use lacre_proto::{ErrorCode, Millis};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use tokio::sync::{broadcast, mpsc};

/// What the relay does with requests of one kind.
#[derive(Clone, Copy)]
enum Manner {
    Refuse(ErrorCode),
    Swallow,
}

/// Everything that a test turns, and looks at.
pub struct World {
    relay: Arc<FakeRelay>,
    store: Arc<FullStore>,
}

pub fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

impl World {
    pub fn new() -> Self {
        let (farewell, _) = broadcast::channel(8);
        let relay = FakeRelay {
            cut: AtomicBool::new(false),
            identity: AtomicU8::new(1),
            version: AtomicU32::new(1),
            differently: AtomicBool::new(false),
            attempts: AtomicU32::new(0),
            published: AtomicU32::new(0),
            manners: Mutex::default(),
            asked: Mutex::default(),
            sign_ups: Mutex::default(),
            farewell,
        };
        Self { relay: Arc::new(relay), store: Arc::default() }
    }

    fn setting(&self) -> Setting {
        Setting {
            store: self.store.clone(),
            connect: Arc::new(Network(self.relay.clone())),
            clock: Arc::new(PausedClock::new()),
            rng: Box::new(ChaCha20Rng::seed_from_u64(7)),
            files: None,
            pace: Default::default(),
        }
    }

    pub async fn sign_up(&self, handle: &str) -> Result<Client, OpenError> {
        let address = "https://127.0.0.1:8443".parse().expect("an address");
        let endpoint = Endpoint { address, trust: Trust::FirstUse };
        let handle = handle.parse().expect("a handle");
        Client::sign_up(self.setting(), SignUp { endpoint, handle, invite: None }).await
    }

    pub fn open(&self) -> Result<Client, OpenError> {
        Client::open(self.setting())
    }

    /// Cuts every connection, and refuses new ones until it is undone.
    pub fn cut(&self, cut: bool) {
        self.relay.cut.store(cut, Ordering::SeqCst);
        if cut {
            self.say_bye(ErrorCode::Stopping);
        }
    }

    pub fn refuse(&self, what: &'static str, code: ErrorCode) {
        self.relay.manners.lock().expect("nobody panics while holding it").insert(what, Manner::Refuse(code));
    }

    pub fn swallow(&self, what: &'static str) {
        self.relay.manners.lock().expect("nobody panics while holding it").insert(what, Manner::Swallow);
    }

    pub fn allow(&self, what: &'static str) {
        self.relay.manners.lock().expect("nobody panics while holding it").remove(what);
    }

    pub fn become_another_relay(&self) {
        self.relay.identity.store(2, Ordering::SeqCst);
    }

    /// The second socket greets as another relay.
    pub fn greet_differently(&self, differently: bool) {
        self.relay.differently.store(differently, Ordering::SeqCst);
    }

    pub fn speak_only(&self, version: u32) {
        self.relay.version.store(version, Ordering::SeqCst);
    }

    pub fn say_bye(&self, code: ErrorCode) {
        // Nobody may be connected.
        let _ = self.relay.farewell.send(code);
    }

    pub fn fill_disk(&self, full: bool) {
        self.store.full.store(full, Ordering::SeqCst);
    }

    /// Sockets that were asked for: two for an attempt, or one when that one already failed.
    pub fn attempts(&self) -> u32 {
        self.relay.attempts.load(Ordering::SeqCst)
    }

    pub fn published(&self) -> u32 {
        self.relay.published.load(Ordering::SeqCst)
    }

    pub fn settled(&self) -> u32 {
        self.store.settled.load(Ordering::SeqCst)
    }

    pub fn asked(&self, what: &str) -> u32 {
        self.relay
            .asked
            .lock()
            .expect("nobody panics while holding it")
            .get(what)
            .copied()
            .unwrap_or_default()
    }

    /// The accounts that asked to be made.
    pub fn sign_ups(&self) -> Vec<Bytes> {
        self.relay.sign_ups.lock().expect("nobody panics while holding it").clone()
    }
}

struct FakeRelay {
    cut: AtomicBool,
    identity: AtomicU8,
    version: AtomicU32,
    differently: AtomicBool,
    attempts: AtomicU32,
    published: AtomicU32,
    manners: Mutex<HashMap<&'static str, Manner>>,
    asked: Mutex<HashMap<&'static str, u32>>,
    sign_ups: Mutex<Vec<Bytes>>,
    farewell: broadcast::Sender<ErrorCode>,
}

struct Network(Arc<FakeRelay>);

impl Connect for Network {
    fn open(&self, endpoint: Endpoint) -> BoxFuture<'static, Result<Socket, ConnectError>> {
        let relay = self.0.clone();
        Box::pin(async move {
            let number = relay.attempts.fetch_add(1, Ordering::SeqCst);
            if relay.cut.load(Ordering::SeqCst) {
                let address = endpoint.address.to_string();
                return Err(ConnectError::Unreachable { address, why: "cut off".to_owned() });
            }
            let (to_relay, from_client) = mpsc::channel(64);
            let (to_client, from_relay) = mpsc::channel(64);
            tokio::spawn(relay.serve(number, from_client, to_client));
            let sink = futures_util::sink::unfold(to_relay, |to_relay, bytes: Bytes| async move {
                to_relay.send(bytes).await.map_err(|_| ConnectError::Closed)?;
                Ok(to_relay)
            });
            let stream = futures_util::stream::unfold(from_relay, |mut from_relay| async move {
                from_relay.recv().await.map(|bytes| (Ok(bytes), from_relay))
            });
            Ok(Socket {
                sink: Box::pin(sink.sink_map_err(|error| error)),
                stream: stream.boxed(),
                fingerprint: None,
            })
        })
    }
}

impl FakeRelay {
    async fn serve(
        self: Arc<Self>,
        number: u32,
        mut from_client: mpsc::Receiver<Bytes>,
        to_client: mpsc::Sender<Bytes>,
    ) -> Option<()> {
        let mut farewell = self.farewell.subscribe();
        let mut identity = self.identity.load(Ordering::SeqCst);
        if self.differently.load(Ordering::SeqCst) && number % 2 == 1 {
            identity = 9;
        }
        let version = self.version.load(Ordering::SeqCst);
        let hello = wire::Hello {
            version_min: version,
            version_max: version,
            nonce: vec![5; 32].into(),
            relay: vec![identity; 16].into(),
            time_ms: 0,
        };
        let greeting = wire::Greeting { body: Some(greeting::Body::Hello(hello)) };
        to_client.send(encode_greeting(&greeting)).await.ok()?;
        loop {
            tokio::select! {
                code = farewell.recv() => {
                    let bye = wire::Bye { code: code.ok()?.number(), retry_after_ms: 0 };
                    let greeting = wire::Greeting { body: Some(greeting::Body::Bye(bye)) };
                    return to_client.send(encode_greeting(&greeting)).await.ok();
                }
                bytes = from_client.recv() => {
                    for frame in self.answer(&bytes?) {
                        to_client.send(encode_server(1, &frame)).await.ok()?;
                    }
                }
            }
        }
    }

    fn answer(&self, bytes: &Bytes) -> Vec<wire::ServerFrame> {
        let (_, frame) = decode_client(bytes).expect("a frame");
        let Some(client_frame::Body::Request(wire::Request { id, op: Some(op) })) = frame.body else {
            return Vec::new();
        };
        let (name, result, caught_up) = self.judge(op);
        *self.asked.lock().expect("nobody panics while holding it").entry(name).or_default() += 1;
        let manner = self.manners.lock().expect("nobody panics while holding it").get(name).copied();
        let result = match manner {
            None => result,
            Some(Manner::Swallow) => return Vec::new(),
            Some(Manner::Refuse(code)) => {
                response::Result::Error(wire::Error { code: code.number(), epoch: 0, retry_after_ms: 0 })
            }
        };
        let response = wire::Response { id, result: Some(result) };
        let mut bodies = vec![server_frame::Body::Response(response)];
        if caught_up && manner.is_none() {
            bodies.push(server_frame::Body::CaughtUp(wire::CaughtUp { position: 0 }));
        }
        bodies.into_iter().map(|body| wire::ServerFrame { body: Some(body) }).collect()
    }

    fn judge(&self, op: request::Op) -> (&'static str, response::Result, bool) {
        let left = self.published.load(Ordering::SeqCst);
        let logged_in = wire::LoggedIn { key_packages_left: left, ..Default::default() };
        match op {
            request::Op::SignUp(sign_up) => {
                self.sign_ups.lock().expect("nobody panics while holding it").push(sign_up.account);
                ("sign_up", response::Result::LoggedIn(logged_in), true)
            }
            request::Op::Login(_) => ("login", response::Result::LoggedIn(logged_in), true),
            request::Op::PublishKeyPackages(publish) => {
                let count = publish.key_packages.len() as u32;
                let left = self.published.fetch_add(count, Ordering::SeqCst) + count;
                ("publish", response::Result::KeyPackagesLeft(wire::KeyPackagesLeft { left }), false)
            }
            request::Op::Lookup(_) => {
                let error =
                    wire::Error { code: ErrorCode::NoSuchAccount.number(), epoch: 0, retry_after_ms: 0 };
                ("lookup", response::Result::Error(error), false)
            }
            _ => ("other", response::Result::Done(wire::Done {}), false),
        }
    }
}

/// A store in memory whose disk can be full.
#[derive(Default)]
struct FullStore {
    rows: MemoryStore,
    full: AtomicBool,
    settled: AtomicU32,
}

impl Store for FullStore {
    fn snapshot(&self) -> Result<Box<dyn Reader + '_>, ReadError> {
        self.rows.snapshot()
    }

    fn commit(&self, changes: &Changes) -> Result<(), StoreError> {
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::Full);
        }
        self.rows.commit(changes)
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.settled.fetch_add(1, Ordering::SeqCst);
        self.rows.settle()
    }
}

/// The runtime's paused time, as a clock.
struct PausedClock(tokio::time::Instant);

impl PausedClock {
    fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Clock for PausedClock {
    fn now(&self) -> Millis {
        1_800_000_000_000 + self.0.elapsed().as_millis() as Millis
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}
