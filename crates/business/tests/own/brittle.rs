//! Stores that fail or are slow: an erasing is cut at each of its writes, and something is being told as it begins.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lacre_business::api::error::ApiError;
use lacre_business::chat::{ChatEvent, Customer, Incoming, MessageId, SendError, Standing};
use lacre_business::customers::Country;
use lacre_business::fake::{FakeChat, FakeClock, Fakes};
use lacre_business::ground::{Face, Ground, WayOut};
use lacre_business::inbox;
use lacre_business::media::{Medium, Source};
use lacre_business::node::Node;
use lacre_business::own::{self, Own};
use lacre_business::store::{Store, table};
use lacre_business::terms::{PROVIDERS_MAX, Telling};
use lacre_business::voice::{Saying, Voice};
use lacre_business::webhooks::Runner;
use lacre_business::webhooks::event::Rendered;
use lacre_proto::AccountId;
use lacre_store::data::{Batch, Data, Key, LogEntry, LogId, LogState, Unavailable, WriteError, Written};
use lacre_store::memory::MemoryData;
use serde_json::{Value, json};

use crate::consents::{ANA, number};
use crate::erasing::{HERS, found, needles, rows, story};
use crate::inbox::two_wait;
use crate::world::*;

/// Messages with a file each, beside those of the story.
const MORE: u8 = 40;

/// A store whose power goes at a write: it is made or not, nobody hears of it, and none after it is.
/// Or one in which it takes a while to find a message that went out, and to list who acts for the business.
#[derive(Clone)]
struct Brittle {
    inner: MemoryData,
    left: Arc<AtomicI64>,
    is_made: bool,
    is_slow: bool,
}

impl Data for Brittle {
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Bytes>, Unavailable>> + Send {
        let found = self.inner.get(key);
        let is_slow = self.is_slow && key.as_bytes().first() == Some(&table::MESSAGE);
        async move {
            if is_slow {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            found.await
        }
    }

    fn scan(
        &self,
        from: &Key,
        to: &Key,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(Key, Bytes)>, Unavailable>> + Send {
        let found = self.inner.scan(from, to, limit);
        let is_slow = self.is_slow && from.as_bytes().first() == Some(&table::TERMS);
        async move {
            let found = found.await;
            if is_slow {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            found
        }
    }

    fn read_log(
        &self,
        log: LogId,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> impl Future<Output = Result<Vec<LogEntry>, Unavailable>> + Send {
        self.inner.read_log(log, after, limit, bytes)
    }

    fn log_state(&self, log: LogId) -> impl Future<Output = Result<LogState, Unavailable>> + Send {
        self.inner.log_state(log)
    }

    fn write(&self, batch: Batch) -> impl Future<Output = Result<Written, WriteError>> + Send + 'static {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        let made = (left > 0 || left == 0 && self.is_made).then(|| self.inner.write(batch));
        async move {
            match made {
                Some(made) if left > 0 => made.await,
                _ => Err(Unavailable("the power is gone".to_owned()).into()),
            }
        }
    }
}

/// What the device holds of Ana.
fn device(chat: &FakeChat) {
    for n in 1..=MORE {
        let said = json!({ "content": { "text": HERS }, "files": [{ "name": "cake.jpg" }], "at_ms": NOW });
        chat.holds(ANA, MessageId([n; 16]), said);
    }
}

/// The own API over a copy of everything.
async fn opened<D: Data>(data: D, world: &World, chat: &FakeChat, folder: &Path) -> Own<D, FakeClock> {
    let face = Face { handle: "bakery".to_owned(), ..Face::default() };
    let ground = Ground::of(data, world.clock.clone(), folder.join("media"), Country::default(), face).await;
    ground.expect("a ground").own().beside(Arc::new(chat.clone()), folder.to_owned())
}

/// Cuts at a write; whether there was such a write, and what is left of Ana after the next start.
async fn cut(
    world: &World,
    base: &[(Key, Bytes)],
    at: i64,
    is_made: bool,
    digits: &str,
) -> (bool, Vec<String>) {
    let inner = MemoryData::default();
    let back = base.iter().cloned().fold(Batch::new(), |it, (key, value)| it.put(key, value));
    inner.write(back).await.expect("written");
    let folder = tempfile::tempdir().expect("a folder");
    let sealed = Path::new("media/sealed");
    std::fs::create_dir_all(folder.path().join(sealed)).expect("made");
    for part in [Path::new("media"), sealed] {
        for entry in std::fs::read_dir(world.folder.path().join(part)).expect("read").flatten() {
            if entry.path().is_file() {
                std::fs::copy(entry.path(), folder.path().join(part).join(entry.file_name()))
                    .expect("copied");
            }
        }
    }
    let chat = FakeChat::default();
    device(&chat);
    let brittle =
        Brittle { inner: inner.clone(), left: Arc::new(AtomicI64::new(i64::MAX)), is_made, is_slow: false };
    let own = Arc::new(opened(brittle.clone(), world, &chat, folder.path()).await);
    brittle.left.store(at, Ordering::SeqCst);
    let path = format!("customers/{digits}/erase");
    let (status, _) = own::ask(own, "POST", &path, &Value::Null).await;
    let again = opened(inner.clone(), world, &chat, folder.path()).await;
    again.resume_erasing().await.expect("ended");
    let mut left = found(&inner, folder.path(), &needles(digits)).await;
    let files = std::fs::read_dir(folder.path().join(sealed)).expect("read").flatten();
    left.extend(files.filter(|it| it.path().is_file()).map(|it| format!("{} is left", it.path().display())));
    (status != 200, left)
}

#[tokio::test]
async fn b07_an_erasing_that_is_cut_at_any_of_its_writes_is_ended_by_the_next_start() {
    let world = World::new().await;
    story(&world).await;
    let digits = number(&world, ANA).await;
    for n in 3..=MORE {
        let id = 223_456_789_012_300 + u64::from(n);
        let medium = Medium {
            id,
            mime: "image/jpeg".to_owned(),
            sha256: [0; 32],
            size: 5,
            name: None,
            expires: NOW + MINUTE,
            source: Source::Customer(MessageId([n; 16]), 0),
        };
        world.node.media.note(medium.clone()).await.expect("noted");
        world.chat.has_file(MessageId([n; 16]), 0, HERS.as_bytes());
        world.node.media.file(&medium, &world.chat).await.expect("fetched");
        let body = format!("{digits} says {HERS}").into_bytes();
        world.waits(Rendered { customer: Some(ANA), field: "messages".into(), body, is_led: true }).await;
    }
    let base = rows(&world.data).await;
    for is_made in [false, true] {
        let mut points = 0;
        loop {
            let (was_cut, left) = cut(&world, &base, points, is_made, &digits).await;
            assert_eq!(left, Vec::<String>::new(), "cut at write {points}, made: {is_made}");
            if !was_cut {
                break;
            }
            points += 1;
        }
        assert!(points >= 50, "{points} points");
        eprintln!("cut at {points} writes, made: {is_made}");
    }
}

#[tokio::test]
async fn what_is_being_told_as_an_erasing_begins_is_erased_with_the_rest() {
    let world = World::new().await;
    let program = Hears::start();
    world.done("POST webhooks", json!({ "url": program.url, "verify_token": "x" })).await;
    let digits = number(&world, ANA).await;
    let left = Arc::new(AtomicI64::new(i64::MAX));
    let data = Brittle { inner: world.data.clone(), left, is_made: true, is_slow: true };
    let face = Face {
        handle: "bakery".to_owned(),
        out: WayOut { hooks: vec!["127.0.0.1".to_owned()], ..WayOut::default() },
    };
    let media = world.folder.path().join("media");
    let ground = Ground::of(data, world.clock.clone(), media, Country::default(), face).await;
    let ground = ground.expect("a ground");
    let own = ground.own().beside(Arc::new(world.chat.clone()), world.folder.path().to_owned());
    let runner = Runner {
        chat: Arc::new(world.chat.clone()),
        outbox: ground.outbox.clone(),
        renderer: ground.renderer.clone(),
        clock: Arc::new(world.clock.clone()),
    };
    // Nothing is delivered here: the receiver would have it before it is erased.
    lacre_business::restriction::set(&world.node.store, ANA, NOW).await.expect("set");
    world.chat.happens(ChatEvent::Message {
        from: Customer { account: ANA, name: "Ana".to_owned() },
        id: MessageId([9; 16]),
        at: NOW,
        what: Incoming::Text(HERS.to_owned()),
        in_reply_to: Some(MessageId([8; 16])),
        forwarded: None,
    });
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    let erased = async {
        // By now it was seen that she is not erased, and it is looked up what she answers to.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let path = format!("customers/{digits}/erase");
        let told = own::ask(Arc::new(own), "POST", &path, &Value::Null).await;
        assert_eq!(told.0, 200, "{told:?}");
        assert_eq!(told.1["erased"]["webhooks"], 1, "{told:?}");
    };
    runner.run(erased, &mut rng).await;
    let left = found(&world.data, world.folder.path(), &needles(&digits)).await;
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn who_lets_providers_in_at_once_lets_no_more_in_than_there_may_be() {
    let world = World::new().await;
    let left = Arc::new(AtomicI64::new(i64::MAX));
    let data = Brittle { inner: MemoryData::default(), left, is_made: true, is_slow: true };
    let own = Arc::new(opened(data, &world, &world.chat, world.folder.path()).await);
    let lets_in = async |n: usize| {
        let provider = json!({ "name": format!("agency {n}"), "days": 1 });
        own::ask(own.clone(), "POST", "providers", &provider).await.0
    };
    for n in 1..PROVIDERS_MAX {
        assert_eq!(lets_in(n).await, 200);
    }
    let (one, other) = tokio::join!(lets_in(20), lets_in(21));
    assert_eq!(one.min(other), 200);
    assert_eq!(one.max(other), 400, "it was one too many");
    let told = world.chat.told().expect("read").expect("told").terms.providers;
    assert_eq!(told.len(), PROVIDERS_MAX);
}

/// The node; while it says something, Ana is forgotten.
struct Forgets(Arc<Node<Fakes>>, MemoryData);

impl Voice for Forgets {
    fn say(&self, saying: Saying) -> BoxFuture<'_, Result<MessageId, ApiError>> {
        Box::pin(async move {
            let id = self.0.say(saying).await;
            inbox::forget(&Store(self.1.clone()), ANA, u64::MAX, u64::MAX).await.expect("forgotten");
            id
        })
    }

    fn mark_read(&self, message: MessageId) -> BoxFuture<'_, Result<(), ApiError>> {
        Voice::mark_read(&*self.0, message)
    }

    fn standing(&self, of: AccountId) -> Result<Standing, SendError> {
        Voice::standing(&*self.0, of)
    }

    fn is_suspended(&self) -> Result<bool, SendError> {
        Voice::is_suspended(&*self.0)
    }
}

#[tokio::test]
async fn what_is_said_is_answered_as_said_and_in_the_log_whatever_fails_after() {
    let world = World::new().await;
    let (ana, _) = two_wait(&world).await;
    let own = opened(world.data.clone(), &world, &world.chat, world.folder.path()).await;
    let own = Arc::new(own.speaking(Arc::new(Forgets(world.node.clone(), world.data.clone()))));
    let path = format!("{ana}/messages");
    let (status, told) = own::ask(own, "POST", &path, &json!({ "body": "at five" })).await;
    assert_eq!((status, world.chat.sent().len()), (200, 1), "{told}");
    let row = format!("message {}", text(&told["id"]));
    assert!(world.log().await.iter().any(|(_, what, on)| what == "conversation.say" && *on == row));
}
