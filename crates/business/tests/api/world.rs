//! A bakery with a node, and Ana and Bruno who buy there.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use lacre_business::api::router;
use lacre_business::chat::{Category, MessageId, Outgoing, Send};
use lacre_business::fake::{FakeChat, FakeClock, FakeFetch, FakeHooks, Fakes};
use lacre_business::node::{Approve, Node, Opened, Settings};
use lacre_business::tokens::{Bound, New, Scope};
use lacre_proto::AccountId;
use lacre_store::memory::MemoryData;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower_service::Service;

pub const ANA: AccountId = AccountId([0xa; 16]);
pub const BRUNO: AccountId = AccountId([0xb; 16]);
/// A day's start, in milliseconds.
pub const NOW: u64 = 20_000 * DAY;
pub const HOUR: u64 = 60 * 60 * 1000;
pub const DAY: u64 = 24 * HOUR;

pub struct World {
    pub chat: FakeChat,
    pub clock: FakeClock,
    pub fetch: FakeFetch,
    pub hooks: FakeHooks,
    pub data: MemoryData,
    pub node: Arc<Node<Fakes>>,
    pub router: Router,
    pub token: String,
    pub folder: TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error in {}", self.json()))
    }

    pub fn details(&self) -> String {
        self.json()["error"]["error_data"]["details"].as_str().expect("details").to_owned()
    }

    /// What is in the answer, when it is one of success.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A node whose device the directory has told of no business.
    pub async fn unreviewed() -> Self {
        let mut world = Self::new().await;
        world.chat = FakeChat::default();
        world.restart().await;
        world
    }

    pub async fn with(set: impl FnOnce(&mut Settings)) -> Self {
        Self::seeded(7, set).await
    }

    /// A node with ids and secrets of its own.
    pub async fn seeded(seed: u64, set: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (chat, clock) = (FakeChat::default(), FakeClock::at(NOW));
        chat.is_reviewed(Some("The Bakery"), false);
        let (fetch, hooks) = (FakeFetch::default(), FakeHooks::default());
        let data = MemoryData::default();
        let mut settings = Settings::new(
            "https://node.bakery.example/".parse().expect("a URL"),
            "https://relay.example/b/bakery".parse().expect("a URL"),
            "bakery".to_owned(),
        );
        settings.approve = Approve::Automatically;
        set(&mut settings);
        let ports = Opened {
            chat: chat.clone(),
            data: data.clone(),
            fetch: fetch.clone(),
            hooks: hooks.clone(),
            clock: clock.clone(),
        };
        let rng = Box::new(StdRng::seed_from_u64(seed));
        let node = Node::open(ports, folder.path().join("media"), settings, rng).await.expect("opened");
        let node = Arc::new(node);
        let router = router(Arc::clone(&node));
        let mut world = Self { chat, clock, fetch, hooks, data, node, router, token: String::new(), folder };
        world.token = world.token_for(&[Scope::Messaging, Scope::Management], None, Bound::default()).await;
        world
    }

    /// The same node after a restart.
    pub async fn restart(&mut self) {
        let ports = Opened {
            chat: self.chat.clone(),
            data: self.data.clone(),
            fetch: self.fetch.clone(),
            hooks: self.hooks.clone(),
            clock: self.clock.clone(),
        };
        let (folder, settings) = (self.folder.path().join("media"), self.node.settings.clone());
        let rng = Box::new(StdRng::seed_from_u64(8));
        self.node = Arc::new(Node::open(ports, folder, settings, rng).await.expect("opened"));
        self.router = router(Arc::clone(&self.node));
    }

    pub async fn token_for(&self, scopes: &[Scope], numbers: Option<&[u64]>, bound: Bound) -> String {
        let new = New {
            name: "a program".to_owned(),
            scopes: scopes.iter().copied().collect(),
            numbers: numbers.map(|it| it.iter().copied().collect::<BTreeSet<_>>()),
            expires: None,
            bound,
            provider: None,
        };
        let mut rng = StdRng::from_os_rng();
        let (secret, _) = self.node.tokens.create(new, self.node.now(), &mut rng).await.expect("a token");
        secret.expose().to_owned()
    }

    pub async fn request(&self, request: Request<Body>) -> Answer {
        let response: Response<Body> = self.router.clone().call(request).await.expect("it never fails");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("whole").to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call_with(method, path, body, &[]).await
    }

    pub async fn call_with(&self, method: &str, path: &str, body: Value, headers: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut request = Request::builder().method(method).uri(path).header("authorization", bearer);
        request = request.header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.request(request.body(body).expect("a request")).await
    }

    /// How many files the node keeps, but for those that are being sent.
    pub fn files(&self) -> usize {
        let media = self.folder.path().join("media");
        let all = [media.clone(), media.join("sealed")].map(|it| std::fs::read_dir(it).into_iter().flatten());
        let all = all.into_iter().flatten().flatten().map(|it| it.path());
        all.filter(|it| it.is_file() && !it.to_string_lossy().contains(".open-")).count()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null).await
    }

    /// A path under the number.
    pub fn number(&self, rest: &str) -> String {
        format!("/v23.0/{}{rest}", self.node.identity.number)
    }

    /// A path under the account.
    pub fn account(&self, rest: &str) -> String {
        format!("/v23.0/{}{rest}", self.node.identity.account)
    }

    /// Somebody's digits.
    pub async fn digits(&self, of: AccountId) -> String {
        self.node.customers.number_of(of).await.expect("stored").to_string()
    }

    /// Ana wrote an hour ago; her digits.
    pub async fn ana_wrote(&self) -> String {
        self.chat.opens_window(ANA, NOW + 23 * HOUR);
        self.digits(ANA).await
    }

    /// Sends something to Ana, who wrote lately.
    pub async fn to_ana(&self, what: Value) -> Answer {
        let to = self.ana_wrote().await;
        self.send(&to, what).await
    }

    pub async fn send(&self, to: &str, what: Value) -> Answer {
        let mut body = json!({ "messaging_product": "whatsapp", "to": to });
        if let (Value::Object(body), Value::Object(what)) = (&mut body, what) {
            body.extend(what);
        }
        self.call("POST", &self.number("/messages"), body).await
    }

    /// The last thing that was sent.
    pub fn sent(&self) -> Send {
        self.chat.sent().pop().expect("something was sent")
    }

    pub fn sent_what(&self) -> Outgoing {
        self.sent().what
    }

    /// Ana said something, which can be answered.
    pub fn said_by_ana(&self) -> MessageId {
        let id = MessageId([0x51; 16]);
        self.chat.said(id);
        id
    }

    pub fn grants(&self, account: AccountId, category: Category) {
        self.chat.grants(account, category, NOW + 300 * DAY);
    }

    /// Makes a template; its id.
    pub async fn template(&self, template: Value) -> u64 {
        let made = self.call("POST", &self.account("/message_templates"), template).await.ok();
        made["id"].as_str().expect("an id").parse().expect("a number")
    }
}

/// A template of the bakery's, in Portuguese.
pub fn order_ready() -> Value {
    json!({
        "name": "order_ready",
        "language": "pt_BR",
        "category": "UTILITY",
        "components": [
            { "type": "BODY", "text": "Oi {{1}}, o pedido {{2}} está pronto.",
              "example": { "body_text": [["Ana", "A-17"]] } },
        ],
    })
}

/// A send of it.
pub fn order_ready_for(name: &str, order: &str) -> Value {
    let parameters = [name, order].map(|it| json!({ "type": "text", "text": it }));
    json!({
        "type": "template",
        "template": {
            "name": "order_ready",
            "language": { "code": "pt_BR", "policy": "deterministic" },
            "components": [{ "type": "body", "parameters": parameters }],
        },
    })
}
