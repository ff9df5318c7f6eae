//! A bakery with its node, and people who work there.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hmac::{Hmac, Mac};
use http_body_util::BodyExt;
use lacre_business::api::{self, wamid};
use lacre_business::chat::{ChatEvent, Customer, Incoming, MessageId};
use lacre_business::customers::Country;
use lacre_business::fake::{FakeChat, FakeClock, FakeFetch, FakeHooks, Fakes};
use lacre_business::ground::{Face, Ground, WayOut};
use lacre_business::node::{Approve, Node, Opened, Settings};
use lacre_business::nodes::{Lead, Nodes};
use lacre_business::own::{self, Door};
use lacre_business::webhooks::Runner;
use lacre_business::webhooks::event::Rendered;
use lacre_proto::AccountId;
use lacre_store::memory::MemoryData;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sha1::Sha1;
use tempfile::TempDir;
use tower_service::Service;

pub const NOW: u64 = 1_760_000_000_000;
pub const MINUTE: u64 = 60_000;
pub const DAY: u64 = 86_400_000;
pub const PASSWORD: &str = "pão de queijo às 10";

pub struct World {
    pub chat: FakeChat,
    pub clock: FakeClock,
    pub node: Arc<Node<Fakes>>,
    pub data: MemoryData,
    api: Router,
    listener: Router,
    console: Router,
    own: Arc<own::Own<MemoryData, FakeClock>>,
    pub folder: TempDir,
}

/// A person who works at the bakery.
pub struct Colleague {
    pub id: u64,
    login: String,
    totp: String,
    pub session: String,
}

impl World {
    pub async fn new() -> Self {
        Self::over(MemoryData::default(), None).await
    }

    /// Over a store, with the other devices of its account.
    pub async fn over(data: MemoryData, nodes: Option<Arc<dyn Nodes>>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (clock, chat) = (FakeClock::at(NOW), FakeChat::default());
        let face = Face {
            handle: "bakery".to_owned(),
            out: WayOut { hooks: vec!["127.0.0.1".to_owned()], ..WayOut::default() },
        };
        let media = folder.path().join("media");
        let ground = Ground::of(data.clone(), clock.clone(), media.clone(), Country::default(), face);
        let ground = ground.await.expect("a ground");
        let mut settings = Settings::new(
            "https://node.bakery.example/".parse().expect("a URL"),
            "https://relay.example/b/bakery".parse().expect("a URL"),
            "The Bakery".to_owned(),
        );
        settings.approve = Approve::ByOperator;
        let ports = Opened {
            chat: chat.clone(),
            data: data.clone(),
            fetch: FakeFetch::default(),
            hooks: FakeHooks::default(),
            clock: clock.clone(),
        };
        let node = Node::open(ports, media, settings, Box::new(StdRng::seed_from_u64(7))).await;
        let node = Arc::new(node.expect("opened"));
        let own = ground.own().beside(Arc::new(chat.clone()), folder.path().to_owned());
        let own = own.speaking(node.clone());
        let own = Arc::new(match nodes {
            Some(nodes) => own.among(nodes, Lead::alone()),
            None => own,
        });
        Self {
            chat,
            api: api::router(node.clone()),
            listener: own::router(own.clone(), Door::Listener),
            console: own::router(own.clone(), Door::Console),
            own,
            clock,
            node,
            data,
            folder,
        }
    }

    /// What the owner of the machine asks for; the status and the answer.
    pub async fn console(&self, line: &str, body: Value) -> (u16, Value) {
        ask(&self.console, "", "/lacre/v1/", line, body).await
    }

    /// The same, which goes well.
    pub async fn done(&self, line: &str, body: Value) -> Value {
        let (status, told) = self.console(line, body).await;
        assert_eq!(status, 200, "{line}: {told}");
        told
    }

    /// A customer writes: the device has it, their window opens, and the node hears it.
    pub async fn hears(&self, from: AccountId, n: u8, words: &str) -> MessageId {
        let (id, at) = (MessageId([n; 16]), self.node.now());
        let told = json!({ "id": wamid::of(id), "content": { "text": words }, "files": [], "from": "customer", "at_ms": at });
        self.chat.holds(from, id, told);
        self.chat.said(id);
        self.chat.opens_window(from, at + DAY);
        let from = Customer { account: from, name: String::new() };
        let what = Incoming::Text(words.to_owned());
        let event = ChatEvent::Message { from, id, at, what, in_reply_to: None, forwarded: None };
        self.happens(event).await;
        id
    }

    /// Something happens on the device, and the node takes it.
    pub async fn happens(&self, event: ChatEvent) {
        let position = self.chat.happens(event);
        self.takes(position).await;
    }

    /// The node takes what happened up to a position.
    pub async fn takes(&self, position: u64) {
        let ground = Ground::alone(self.data.clone(), self.clock.clone()).await.expect("a ground");
        let Ground { outbox, renderer, .. } = ground;
        let (chat, clock) = (Arc::new(self.chat.clone()), Arc::new(self.clock.clone()));
        let runner = Runner { chat, outbox: outbox.clone(), renderer, clock };
        let taken = async {
            while outbox.position().await.expect("read") < position {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        };
        runner.run(taken, &mut StdRng::seed_from_u64(11)).await;
    }

    /// Something comes to wait to be told to programs.
    pub async fn waits(&self, rendered: Rendered) {
        let ground = Ground::alone(self.data.clone(), self.clock.clone()).await.expect("a ground");
        ground.outbox.tell(rendered, NOW).await.expect("stored");
    }

    /// What the owner of the machine asks for while no node serves.
    pub async fn alone(&self, line: &str) -> (u16, Value) {
        let ground = Ground::alone(self.data.clone(), self.clock.clone()).await.expect("a ground");
        ask(&own::router(Arc::new(ground.own()), Door::Console), "", "/lacre/v1/", line, Value::Null).await
    }

    /// What somebody with a session asks for.
    pub async fn as_person(&self, session: &str, line: &str, body: Value) -> (u16, Value) {
        ask(&self.listener, session, "/lacre/v1/", line, body).await
    }

    /// The same, with an idempotency key.
    pub async fn once(&self, session: &str, key: &str, line: &str, body: Value) -> (u16, Value) {
        ask_with(&self.listener, session, Some(key), ("/lacre/v1/", line), body).await
    }

    /// What somebody without a session asks for, from an address.
    pub async fn at_address(&self, from: [u8; 4], line: &str, body: Value) -> (u16, Value) {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let request = Request::builder().method(method).uri(format!("/lacre/v1/{path}"));
        let request = request.header("content-type", "application/json");
        let mut request = request.body(Body::from(body.to_string())).expect("a request");
        request.extensions_mut().insert(api::Shown { peer: Some(from.into()), signed_by: None });
        let response = self.listener.clone().call(request).await.expect("it never fails");
        let is_told_when = response.headers().contains_key("retry-after");
        let status = response.status().as_u16();
        assert_eq!(is_told_when, status == 429);
        let bytes = response.into_body().collect().await.expect("whole").to_bytes();
        (status, serde_json::from_slice(&bytes).expect("JSON"))
    }

    /// What a program asks the Cloud API for.
    pub async fn program(&self, token: &str, line: &str, body: Value) -> (u16, Value) {
        ask(&self.api, token, "/v23.0/", line, body).await
    }

    /// The same, with an idempotency key.
    pub async fn program_once(&self, token: &str, key: &str, line: &str, body: Value) -> (u16, Value) {
        ask_with(&self.api, token, Some(key), ("/v23.0/", line), body).await
    }

    /// The node and the others of its account come together.
    pub async fn agrees(&self) {
        self.own.agree().await.expect("agreed");
    }

    /// What the node does now and then.
    pub async fn sweeps(&self) {
        self.own.sweep().await.expect("swept");
    }

    /// The node dies and is started again, over what is there now; how many customers are erased again.
    pub async fn starts_again(&self) -> usize {
        let (data, media) = (self.data.clone(), self.folder.path().join("media"));
        let ground = Ground::of(data, self.clock.clone(), media, Country::default(), Face::default());
        let own = ground.await.expect("a ground").own();
        let own = own.beside(Arc::new(self.chat.clone()), self.folder.path().to_owned());
        own.resume_erasing().await.expect("erased")
    }

    /// The same; and what was kept long enough goes, one round of it.
    pub async fn starts_again_and_sweeps(&self) {
        let (data, media) = (self.data.clone(), self.folder.path().join("media"));
        let ground = Ground::of(data, self.clock.clone(), media, Country::default(), Face::default());
        let own = ground.await.expect("a ground").own();
        let own = own.beside(Arc::new(self.chat.clone()), self.folder.path().to_owned());
        own.sweep_kept().await.expect("swept");
    }

    /// Takes somebody in at the machine.
    pub async fn takes_in(&self, login: &str, role: &str, inboxes: Value) -> Colleague {
        let new = json!({ "login": login, "role": role, "inboxes": inboxes, "password": PASSWORD });
        let told = self.done("POST people", new).await;
        Colleague {
            id: told["person"]["id"].as_u64().expect("a number"),
            login: login.to_owned(),
            totp: told["totp"].as_str().expect("what the authenticator reads").to_owned(),
            session: String::new(),
        }
    }

    /// Signs somebody in, with the code of now; which is taken once, so time goes on.
    pub async fn signs_in(&self, who: &mut Colleague) {
        let code = code(&who.totp, self.node.now());
        let said = json!({ "login": who.login, "password": PASSWORD, "code": code });
        let (status, told) = self.as_person("", "POST sign-in", said).await;
        assert_eq!(status, 200, "{told}");
        who.session = told["session"].as_str().expect("a session").to_owned();
        self.clock.advance(30_000);
    }

    /// Somebody with a role, signed in.
    pub async fn with(&self, login: &str, role: &str, inboxes: Value) -> Colleague {
        let mut who = self.takes_in(login, role, inboxes).await;
        self.signs_in(&mut who).await;
        who
    }

    /// The code that somebody's authenticator app shows now.
    pub fn code(&self, who: &Colleague) -> String {
        code(&who.totp, self.node.now())
    }

    /// A token; its number and its secret.
    pub async fn token(&self, new: Value) -> (u64, String) {
        let told = self.done("POST tokens", new).await;
        (told["token"]["id"].as_u64().expect("a number"), text(&told["access_token"]))
    }

    /// A template that waits; its id.
    pub async fn template(&self, token: &str, name: &str) -> String {
        let template = json!({
            "name": name, "language": "pt_BR", "category": "UTILITY",
            "components": [{ "type": "BODY", "text": "Oi {{1}}, está pronto.",
                             "example": { "body_text": [["Ana"]] } }],
        });
        let account = self.node.identity.account;
        let (status, made) =
            self.program(token, &format!("POST {account}/message_templates"), template).await;
        assert_eq!((status, &made["status"]), (200, &json!("PENDING")), "{made}");
        text(&made["id"])
    }

    /// What the audit log has: who, what, on what.
    pub async fn log(&self) -> Vec<(String, String, String)> {
        let told = self.done("GET audit?limit=1000", Value::Null).await;
        let rows = told["data"].as_array().expect("rows").iter();
        rows.map(|it| (text(&it["who"]), text(&it["what"]), text(&it["on"]))).collect()
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

pub fn code_of(told: &Value) -> &str {
    told["error"]["code"].as_str().unwrap_or_default()
}

async fn ask(router: &Router, bearer: &str, root: &str, line: &str, body: Value) -> (u16, Value) {
    ask_with(router, bearer, None, (root, line), body).await
}

async fn ask_with(
    router: &Router,
    bearer: &str,
    key: Option<&str>,
    (root, line): (&str, &str),
    body: Value,
) -> (u16, Value) {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(format!("{root}{path}"));
    if !bearer.is_empty() {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request = request.header("content-type", "application/json");
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = request.body(body).expect("a request");
    let response: Response<Body> = router.clone().call(request).await.expect("it never fails");
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.expect("whole").to_bytes();
    (status, serde_json::from_slice(&bytes).expect("JSON"))
}

/// What an authenticator app shows: RFC 6238 with SHA-1, 30 seconds, six digits.
pub fn code(uri: &str, now: u64) -> String {
    let secret = uri.split_once("?secret=").and_then(|(_, rest)| rest.split('&').next()).expect("a secret");
    let digit =
        |it: u8| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".bytes().position(|other| other == it).expect("base 32");
    let bits: Vec<bool> =
        secret.bytes().flat_map(|it| (0..5).rev().map(move |bit| digit(it) >> bit & 1 == 1)).collect();
    let bytes: Vec<u8> =
        bits.chunks_exact(8).map(|it| it.iter().fold(0, |all, bit| all << 1 | u8::from(*bit))).collect();
    let mac = Hmac::<Sha1>::new_from_slice(&bytes).expect("a key").chain_update((now / 30_000).to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac[19] & 15);
    let word = u32::from_be_bytes(mac[at..at + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// A program that passes the handshake and keeps what is posted to it.
pub struct Hears {
    pub url: String,
    pub heard: Arc<Mutex<Vec<String>>>,
}

impl Hears {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}/hook", listener.local_addr().expect("it is bound"));
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = heard.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut buffer = [0; 8_192];
                let length = stream.read(&mut buffer).unwrap_or(0);
                let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let challenge = said.split_once("hub.challenge=").map(|(_, rest)| rest.to_owned());
                let challenge = challenge.and_then(|it| it.split(['&', ' ']).next().map(str::to_owned));
                let answer = challenge.unwrap_or_default();
                kept.lock().expect("no panic").push(said);
                let length = answer.len();
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}");
            }
        });
        Self { url, heard }
    }
}
