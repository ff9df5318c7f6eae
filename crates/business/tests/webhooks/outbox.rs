//! Nothing is lost, nothing is out of order, and nobody waits for somebody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use lacre_business::chat::Incoming;
use lacre_business::inbox;
use lacre_business::store::Store;
use lacre_business::webhooks::outbox::{Outbox, Outcome, Replay, Settings};
use lacre_business::webhooks::sign::{Guard, Refusal, hub_signature_holds};
use lacre_business::webhooks::subscription::{Level, Subscriptions};
use lacre_business::webhooks::{Notice, Runner};
use lacre_proto::AccountId;
use lacre_store::data::{Data, Key};
use lacre_store::memory::MemoryData;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::cast::{DAY, NOW, Plain, Story, Watch, message, renderer};
use crate::receiver::{Receiver, Reply, Seen};
use crate::subscriptions::{SECRET, at, challenge, way_out, willing};

/// A node that only tells.
pub struct Teller {
    pub story: Story,
    pub watch: Watch,
    pub outbox: Outbox<MemoryData>,
    pub subscriptions: Subscriptions<MemoryData>,
    pub data: MemoryData,
}

pub struct Running {
    pub stop: oneshot::Sender<()>,
    pub task: JoinHandle<()>,
}

impl Running {
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.expect("it ended well");
    }
}

impl Teller {
    pub fn new() -> Self {
        let data = MemoryData::default();
        let store = Store(data.clone());
        let subscriptions = Subscriptions::new(store.clone(), way_out(), SECRET.to_owned());
        let settings = Settings { tick: Duration::from_millis(5), ..Settings::default() };
        let outbox = Outbox::new(store, subscriptions.clone(), settings);
        Self { story: Story::default(), watch: Watch::at(NOW), outbox, subscriptions, data }
    }

    pub async fn tells(&self, level: Level, receiver: &Receiver) {
        let mut rng = StdRng::seed_from_u64(9);
        self.subscriptions.set(level, at(receiver, &[]), NOW, &mut rng).await.expect("set");
    }

    pub fn runner(&self) -> Runner<Story, MemoryData, Plain, Watch> {
        Runner {
            chat: Arc::new(self.story.clone()),
            outbox: self.outbox.clone(),
            renderer: renderer(),
            clock: Arc::new(self.watch.clone()),
        }
    }

    pub fn start(&self, seed: u64) -> Running {
        let (runner, (stop, stopped)) = (self.runner(), oneshot::channel::<()>());
        let task = tokio::spawn(async move {
            let stopped = async move { drop(stopped.await) };
            runner.run(stopped, &mut StdRng::seed_from_u64(seed)).await;
        });
        Running { stop, task }
    }
}

/// What was posted, without handshakes.
pub fn posts(receiver: &Receiver) -> Vec<Seen> {
    receiver.seen().into_iter().filter(|it| challenge(it).is_none()).collect()
}

pub fn texts(posts: &[Seen]) -> Vec<String> {
    let text = |it: &Seen| {
        let body: serde_json::Value = serde_json::from_slice(&it.body).expect("JSON");
        body["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"].as_str().map(str::to_owned)
    };
    posts.iter().filter_map(text).collect()
}

fn stamp(seen: &Seen, part: &str) -> String {
    let header = seen.header("lacre-delivery").expect("our header");
    let value = header.split(',').find_map(|it| it.strip_prefix(part)?.strip_prefix('='));
    value.expect("the part").to_owned()
}

pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("this never came: {what}");
}

#[tokio::test]
async fn what_customers_say_comes_in_order_counted_and_signed() {
    let node = Teller::new();
    let shop = willing(|_| Reply::status("200 OK", "thanks")).await;
    node.tells(Level::App, &shop).await;
    let running = node.start(1);
    for n in 1..=3 {
        node.story.says(0xa1, n, &format!("ana {n}"));
        node.story.says(0xa2, 10 + n, &format!("bruno {n}"));
    }
    node.outbox
        .tell(renderer().notice(&Notice::Security { event: "PIN_CHANGED".into() }, NOW), NOW)
        .await
        .expect("told");
    until("seven deliveries", || posts(&shop).len() == 7).await;
    running.stop().await;
    let posts = posts(&shop);
    let mut guard = Guard::default();
    for seen in &posts {
        let signature = seen.header("x-hub-signature-256").expect("the signature");
        assert!(hub_signature_holds(signature, &[SECRET], &seen.body));
        let ours = seen.header("lacre-delivery").expect("our header");
        assert!(guard.check(ours, &[SECRET], &seen.body, NOW).is_ok());
        assert_eq!(guard.check(ours, &[SECRET], &seen.body, NOW), Err(Refusal::Replayed));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()));
        assert_eq!(stamp(seen, "attempt"), "1");
    }
    for who in ["ana", "bruno"] {
        let of: Vec<_> =
            posts.iter().filter(|it| String::from_utf8_lossy(&it.body).contains(who)).cloned().collect();
        assert_eq!(texts(&of), [format!("{who} 1"), format!("{who} 2"), format!("{who} 3")]);
        assert_eq!(of.iter().map(|it| stamp(it, "seq")).collect::<Vec<_>>(), ["1", "2", "3"]);
    }
    let mut ids: Vec<_> = posts.iter().map(|it| stamp(it, "id")).collect();
    ids.sort();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(node.outbox.waiting(10).await, Ok(0));
    let log = node.outbox.log(0, NOW + 1, 100).await.expect("the log");
    assert!(log.len() == 7 && log.iter().all(|it| it.outcome == Outcome::Status(200) && it.attempt == 1));
}

#[tokio::test]
async fn a_receiver_that_fails_is_told_again_later_with_the_same_bytes() {
    let node = Teller::new();
    let status = Arc::new(AtomicU16::new(500));
    let shown = status.clone();
    let shop = willing(move |_| match shown.load(Ordering::SeqCst) {
        302 => Reply::Say("HTTP/1.1 302 Found\r\nlocation: /else\r\ncontent-length: 0\r\n\r\n".to_owned()),
        other => Reply::status(&format!("{other} Status"), ""),
    })
    .await;
    node.tells(Level::App, &shop).await;
    node.story.says(0xa1, 1, "one");
    node.story.says(0xa1, 2, "two");
    let running = node.start(2);
    // A redirect is a failure like any other.
    for (n, code) in [500, 302, 429, 404].into_iter().enumerate() {
        until("an attempt", || posts(&shop).len() == n + 1).await;
        let log = async || node.outbox.log(0, node_end(), 100).await.expect("the log");
        while log().await.len() <= n {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(log().await[n].outcome, Outcome::Status(code));
        // At least half of the wait has to pass before the next attempt.
        node.watch.go_on(500 * (1 << n) - 1);
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(posts(&shop).len(), n + 1, "not yet");
        status.store([302, 429, 404, 202][n], Ordering::SeqCst);
        node.watch.go_on(500 * (1 << n) + 1);
    }
    until("all", || posts(&shop).len() == 6).await;
    running.stop().await;
    let posts = posts(&shop);
    assert_eq!(texts(&posts), ["one", "one", "one", "one", "one", "two"]);
    assert!(posts[..5].iter().all(|it| it.body == posts[0].body && stamp(it, "id") == "1"));
    let attempts: Vec<_> = posts.iter().map(|it| stamp(it, "attempt")).collect();
    assert_eq!(attempts, ["1", "2", "3", "4", "5", "1"]);
    assert_eq!(shop.seen().iter().filter(|it| it.target() == "/else").count(), 0);
}

/// What a receiver was told, when it is broken for one kind of event, and time goes on step by step.
async fn told_by(status: &'static str, steps: usize) -> (Vec<String>, Vec<Seen>) {
    let node = Teller::new();
    let taken = Arc::new(AtomicBool::new(false));
    let takes = taken.clone();
    let shop = willing(move |seen| {
        let is_strange = String::from_utf8_lossy(&seen.body).contains("strange");
        match is_strange && !takes.load(Ordering::SeqCst) {
            true => Reply::status(status, ""),
            false => Reply::status("200 OK", ""),
        }
    })
    .await;
    node.tells(Level::App, &shop).await;
    for (n, text) in ["one", "strange", "two", "three"].into_iter().enumerate() {
        node.story.says(0xa1, u8::try_from(n).expect("few"), text);
    }
    let running = node.start(4);
    for n in 1..=steps {
        let strange = || texts(&posts(&shop)).iter().filter(|it| *it == "strange").count();
        until("an attempt", || strange() >= n).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        if n < steps {
            node.watch.go_on(1_000 << n);
        }
    }
    let before = texts(&posts(&shop));
    taken.store(true, Ordering::SeqCst);
    node.watch.go_on(DAY);
    while node.outbox.waiting(1).await.expect("read") > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop().await;
    (before, posts(&shop))
}

#[tokio::test]
async fn what_a_receiver_does_not_take_lets_the_others_pass_and_is_tried_on() {
    for refuses in ["400 Bad Request", "500 Internal Server Error"] {
        let (before, all) = told_by(refuses, 6).await;
        assert_eq!(before[..2], ["one", "strange"]);
        assert_eq!(before.iter().filter(|it| *it == "strange").count(), 6, "{before:?}");
        assert_eq!(before[before.len() - 2..], ["two", "three"], "in their order");
        let last = all.last().expect("it came");
        assert_eq!((texts(&all).pop().as_deref(), stamp(last, "attempt").as_str()), (Some("strange"), "7"));
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_told_in_order_when_it_is() {
    let (before, all) = told_by("503 Service Unavailable", 8).await;
    assert!(!before.iter().any(|it| it == "two"), "{before:?}");
    let all = texts(&all);
    assert_eq!(all[all.len() - 3..], ["strange", "two", "three"]);
}

fn node_end() -> u64 {
    NOW + 100 * DAY
}

#[tokio::test]
async fn a_slow_receiver_and_a_failing_customer_keep_no_other_waiting() {
    let node = Teller::new();
    let shop = willing(|seen| {
        let ana = String::from_utf8_lossy(&seen.body).contains("Ana 161");
        if ana { Reply::Hang(String::new()) } else { Reply::status("200 OK", "") }
    })
    .await;
    let slow = willing(|_| Reply::Hang(String::new())).await;
    node.tells(Level::App, &shop).await;
    node.tells(Level::Also(1), &slow).await;
    let running = node.start(3);
    for n in 0..100 {
        for who in [0xa1, 0xa2, 0xa3 + n % 40] {
            node.story.says(who, n, &format!("{who} {n}"));
        }
    }
    let soon = Duration::from_secs(3);
    tokio::time::timeout(soon, until("the others", || posts(&shop).len() > 200)).await.expect("soon");
    let others =
        posts(&shop).iter().filter(|it| !String::from_utf8_lossy(&it.body).contains("Ana 161")).count();
    assert_eq!(others, 200, "all of the others");
    assert_eq!(posts(&shop).len() - others, 1, "and one attempt at what hangs: it is not that time yet");
    assert!(posts(&slow).len() <= 16 + 16, "no more than so many at a time");
    running.task.abort();
}

#[tokio::test]
async fn after_its_days_a_delivery_is_dead_until_it_is_played_again() {
    let node = Teller::new();
    let broken = Arc::new(AtomicBool::new(true));
    let shown = broken.clone();
    let shop = willing(move |_| {
        Reply::status(if shown.load(Ordering::SeqCst) { "500 Broken" } else { "200 OK" }, "")
    })
    .await;
    node.tells(Level::App, &shop).await;
    node.story.says(0xa1, 1, "one");
    node.story.says(0xa1, 2, "two");
    let running = node.start(4);
    until("an attempt", || posts(&shop).len() == 1).await;
    node.watch.go_on(7 * DAY - 1);
    until("another", || posts(&shop).len() == 2).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(node.outbox.dead(0, 10).await.expect("the dead").len(), 0, "not a moment early");
    node.watch.go_on(DAY);
    until("both tried", || posts(&shop).len() >= 4).await;
    while node.outbox.dead(0, 10).await.expect("the dead").len() < 2 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let dead = node.outbox.dead(0, 10).await.expect("the dead");
    assert_eq!(
        dead.iter().map(|it| (it.id, it.sequence, it.attempts)).collect::<Vec<_>>(),
        [(1, 1, 3), (2, 2, 1)]
    );
    assert_eq!((dead[0].last, dead[0].created), (Outcome::Status(500), NOW));
    assert!(!format!("{dead:?}").contains("body"));
    assert_eq!(node.outbox.waiting(10).await, Ok(0));

    broken.store(false, Ordering::SeqCst);
    node.story.says(0xa1, 3, "three");
    until("three", || posts(&shop).len() == 5).await;
    assert_eq!(node.outbox.replay(Replay::Dead, NOW + 8 * DAY).await, Ok(2));
    until("the dead again", || posts(&shop).len() == 7).await;
    running.stop().await;
    let posts = posts(&shop);
    assert_eq!(texts(&posts[4..]), ["three", "one", "two"]);
    assert_eq!(posts[5].body, posts[0].body);
    assert_eq!((stamp(&posts[5], "id"), stamp(&posts[5], "seq")), ("1".to_owned(), "1".to_owned()));
    assert_eq!(node.outbox.dead(0, 10).await.expect("the dead"), []);
    assert_eq!(node.outbox.replay(Replay::Dead, NOW).await, Ok(0));
}

#[tokio::test]
async fn what_was_delivered_can_be_played_again_by_id_and_by_time() {
    let node = Teller::new();
    let shop = willing(|_| Reply::status("200 OK", "")).await;
    node.tells(Level::App, &shop).await;
    let running = node.start(5);
    for n in 1..=3 {
        node.story.says(0xa1, n, &format!("{n}"));
        until("a delivery", || posts(&shop).len() == usize::from(n)).await;
        while node.outbox.waiting(1).await != Ok(0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        node.watch.go_on(1_000);
    }
    let now = NOW + 3_000;
    assert_eq!(node.outbox.replay(Replay::Id(2), now).await, Ok(1));
    assert_eq!(node.outbox.replay(Replay::Id(9), now).await, Ok(0));
    until("the second", || posts(&shop).len() == 4).await;
    while node.outbox.waiting(1).await != Ok(0) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(node.outbox.replay(Replay::Taken(NOW + 1_000, NOW + 3_000), now).await, Ok(2));
    until("the second and the third", || posts(&shop).len() == 6).await;
    running.stop().await;
    let posts = posts(&shop);
    assert_eq!(texts(&posts), ["1", "2", "3", "2", "2", "3"]);
    assert_eq!((&posts[3].body, stamp(&posts[3], "id")), (&posts[1].body, "2".to_owned()));
    assert_eq!(stamp(&posts[3], "seq"), "2");
}

#[tokio::test]
async fn what_is_kept_long_enough_is_dropped_and_an_erased_customer_leaves_nothing() {
    let node = Teller::new();
    let shop = willing(|seen| {
        let text = String::from_utf8_lossy(&seen.body).into_owned();
        Reply::status(if text.contains("broken") { "500 Broken" } else { "200 OK" }, "")
    })
    .await;
    node.tells(Level::App, &shop).await;
    let running = node.start(6);
    for who in [0xa1, 0xa2] {
        node.story.says(who, 1, "canary delivered");
        node.story.says(who, 2, "canary broken");
    }
    until("four", || posts(&shop).len() == 4).await;
    running.stop().await;
    let count = async |needle: &[u8]| {
        let all = node.data.scan(&Key::new(0, &[]), &Key::new(255, &[]), 1_000).await.expect("rows");
        let has = |hay: &[u8]| hay.windows(needle.len()).any(|it| it == needle);
        all.iter().filter(|(key, value)| has(key.as_bytes()) || has(value)).count()
    };
    assert_eq!(count(b"canary").await, 4);
    node.outbox.forget(AccountId([0xa1; 16]), u64::MAX).await.expect("erased");
    inbox::forget(&Store(node.data.clone()), AccountId([0xa1; 16]), NOW, NOW).await.expect("erased");
    assert_eq!((count(b"canary").await, count(b"Ana 161").await), (2, 0));
    assert_eq!(count(&[0xa1; 16]).await, 0);
    assert_eq!(node.outbox.replay(Replay::Id(1), NOW).await, Ok(0));
    node.outbox.prune(NOW + 7 * DAY).await.expect("pruned");
    assert_eq!(count(b"canary").await, 2, "not a moment early");
    node.outbox.prune(NOW + 7 * DAY + 1).await.expect("pruned");
    assert_eq!(count(b"canary").await, 1, "what waits is not of the log");
    assert_eq!(node.outbox.log(0, node_end(), 10).await, Ok(vec![]));
    assert_eq!(node.outbox.replay(Replay::Id(3), NOW).await, Ok(0));
}

#[tokio::test]
async fn without_a_receiver_nothing_waits_and_what_waited_is_dead() {
    let node = Teller::new();
    let running = node.start(7);
    node.story.says(0xa1, 1, "nobody wants it");
    while node.outbox.position().await != Ok(1) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(node.outbox.waiting(10).await, Ok(0));
    let shop = willing(|_| Reply::status("500 Broken", "")).await;
    node.tells(Level::App, &shop).await;
    node.story.happens(message(0xa1, 2, Incoming::Text("x".into())));
    until("an attempt", || posts(&shop).len() == 1).await;
    node.subscriptions.delete(Level::App).await.expect("deleted");
    node.watch.go_on(DAY);
    while node.outbox.dead(0, 10).await.expect("the dead").is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    running.stop().await;
    assert_eq!(node.outbox.dead(0, 10).await.expect("the dead")[0].last, Outcome::NoReceiver);
}

#[tokio::test]
async fn stopping_lets_what_is_under_way_end() {
    let node = Teller::new();
    let shop = willing(|_| {
        Reply::Late(Duration::from_millis(150), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned())
    })
    .await;
    node.tells(Level::App, &shop).await;
    let running = node.start(8);
    node.story.says(0xa1, 1, "one");
    until("the request", || posts(&shop).len() == 1).await;
    assert_eq!(node.outbox.waiting(10).await, Ok(1));
    running.stop().await;
    assert_eq!(node.outbox.waiting(10).await, Ok(0), "its end was seen and written down");
    node.start(8).stop().await;
    assert_eq!(posts(&shop).len(), 1);
}

#[tokio::test]
async fn of_a_long_log_the_last_attempts_are_told() {
    let node = Teller::new();
    let shop = willing(|_| Reply::status("200 OK", "")).await;
    node.tells(Level::App, &shop).await;
    let running = node.start(11);
    for n in 1..=9 {
        node.story.says(0xa1, n, &format!("{n}"));
        until("a delivery", || posts(&shop).len() == usize::from(n)).await;
        while node.outbox.waiting(1).await != Ok(0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // Some within a minute, then hours apart.
        node.watch.go_on(if n < 5 { 1_000 } else { 3_600_000 });
    }
    running.stop().await;
    let ids = async |from, to, limit| {
        let all = node.outbox.last_of_log(from, to, limit).await.expect("read");
        all.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(0, node_end(), 3).await, [7, 8, 9]);
    assert_eq!(ids(0, node_end(), 7).await, [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(ids(0, node_end(), 100).await.len(), 9);
    assert_eq!(ids(NOW + 1_000, NOW + 4_000, 2).await, [3, 4]);
    assert_eq!(ids(NOW, NOW, 2).await, Vec::<u64>::new());
}
