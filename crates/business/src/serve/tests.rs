//! What comes over the listener: signed requests, and people.

use ed25519_dalek::SigningKey;
use hmac::{Hmac, Mac};
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use lacre_store::memory::MemoryData;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::customers::Country;
use crate::fake::{FakeChat, FakeClock, FakeFetch, FakeHooks, Fakes};
use crate::signature::{self, Terms, content_digest};
use crate::tokens::{Bound, New, Scope};

/// Connections of one address.
const AT_ONCE: usize = 3;
const NOW: u64 = 1_760_000_000;
const PROFILE: &str = r#"{"messaging_product":"whatsapp","about":"bread since 1921"}"#;

struct Bakery {
    node: Arc<Node<Fakes>>,
    own: Arc<Own<MemoryData, FakeClock>>,
    clock: FakeClock,
    address: SocketAddr,
    key: SigningKey,
    token: String,
    _stop: watch::Sender<bool>,
    _folder: TempDir,
}

/// A request as its program means it, and as it arrives.
struct Said {
    method: &'static str,
    path: String,
    body: String,
    headers: HeaderMap,
}

impl Bakery {
    /// A node that listens, and a token that is bound to a key.
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = FakeClock::at(NOW * 1_000);
        let (data, media) = (MemoryData::default(), folder.path().join("media"));
        let face = Face { handle: "bakery".to_owned(), out: WayOut::default() };
        let ground = Ground::of(data.clone(), clock.clone(), media.clone(), Country::default(), face).await;
        let own = Arc::new(ground.expect("a ground").own());
        let ports = Opened {
            chat: FakeChat::default(),
            data,
            fetch: FakeFetch::default(),
            hooks: FakeHooks::default(),
            clock: clock.clone(),
        };
        let url = |text: &str| text.parse().expect("a URL");
        let settings = Settings::new(url("http://node/"), url("http://relay/b/bakery"), "Bakery".to_owned());
        let rng = Box::new(StdRng::seed_from_u64(3));
        let node: Node<Fakes> = Node::open(ports, media, settings, rng).await.expect("opened");
        let node = Arc::new(node);
        let key = SigningKey::from_bytes(&[5; 32]);
        let bound = Bound { key: Some(key.verifying_key().to_bytes()), ..Bound::default() };
        let scopes = [Scope::Messaging, Scope::Management].into();
        let new =
            New { name: "till".to_owned(), scopes, numbers: None, expires: None, bound, provider: None };
        let made = node.tokens.create(new, node.now(), &mut StdRng::seed_from_u64(4)).await;
        let token = made.expect("a token").0.expose().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (told, stop) = watch::channel(false);
        let crowd = Crowd::but_for(AT_ONCE, |_| false);
        tokio::spawn(accept(faces(node.clone(), own.clone()), listener, None, (crowd, true), stop));
        Self { node, own, clock, address, key, token, _stop: told, _folder: folder }
    }

    /// A change of the profile, or a look at it, that is signed.
    fn signed(&self, body: &'static str, nonce: &str, created: u64) -> Said {
        self.signed_by(&self.key, body, nonce, created)
    }

    fn signed_by(&self, key: &SigningKey, body: &'static str, nonce: &str, created: u64) -> Said {
        let mut headers = self.bare();
        let hash: [u8; 32] = Sha256::digest(body).into();
        let method = if body.is_empty() { "GET" } else { "POST" };
        let path = format!("/v23.0/{}/whatsapp_business_profile", self.node.identity.number);
        let put = |headers: &mut HeaderMap, name: &'static str, value: String| {
            let value = HeaderValue::try_from(value).expect("a value");
            headers.insert(HeaderName::from_static(name), value);
        };
        if !body.is_empty() {
            put(&mut headers, "content-digest", content_digest(&hash));
        }
        let request = signature::Request {
            method,
            authority: "node",
            path: &path,
            query: Some("fields=about"),
            headers: &headers,
            body: hash,
        };
        let terms = Terms { created, expires: created + 60, nonce };
        let [input, signature] = signature::sign(&request, &terms, key).expect("signed");
        put(&mut headers, "signature-input", input);
        put(&mut headers, "signature", signature);
        Said { method, path: format!("{path}?fields=about"), body: body.to_owned(), headers }
    }

    fn bare(&self) -> HeaderMap {
        let bearer = HeaderValue::try_from(format!("Bearer {}", self.token)).expect("a value");
        HeaderMap::from_iter([(AUTHORIZATION, bearer)])
    }

    /// Sends it over a connection of its own; the status and the answer.
    async fn hears(&self, said: &Said) -> (u16, String) {
        let mut stream = tokio::net::TcpSocket::new_v4()
            .expect("a socket")
            .connect(self.address)
            .await
            .expect("it listens");
        let Said { method, path, body, headers } = said;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: Node\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().expect("ASCII")));
        }
        let request =
            format!("{head}content-type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        (answer[9..12].parse().expect("a status"), answer)
    }

    async fn refuses(&self, said: &Said, why: &str) {
        let (status, answer) = self.hears(said).await;
        assert!(status == 401 && answer.contains(why), "{why}: {answer}");
    }
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_key_opens_the_door_to_what_the_key_signed_alone() {
    let bakery = Bakery::new().await;
    let (status, answer) = bakery.hears(&bakery.signed("", "nonce-01", NOW)).await;
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = bakery.hears(&bakery.signed(PROFILE, "nonce-02", NOW)).await;
    assert_eq!(status, 200, "{answer}");

    let unsigned = Said { headers: bakery.bare(), ..bakery.signed("", "nonce-03", NOW) };
    bakery.refuses(&unsigned, "this one is not signed by its key").await;
    let mallory = SigningKey::from_bytes(&[6; 32]);
    bakery.refuses(&bakery.signed_by(&mallory, "", "nonce-04", NOW), "not signed by its key").await;
    let elsewhere = Said {
        path: format!("/v23.0/{}", bakery.node.identity.number),
        ..bakery.signed("", "nonce-05", NOW)
    };
    bakery.refuses(&elsewhere, "not signed by its key").await;

    // The body that came is the one that counts, whatever the headers say of it.
    let other = r#"{"messaging_product":"whatsapp","about":"bread since 1922"}"#;
    let changed = Said { body: other.to_owned(), ..bakery.signed(PROFILE, "nonce-06", NOW) };
    bakery.refuses(&changed, "the body is not the one that was signed").await;
    let added = Said { body: other.to_owned(), method: "GET", ..bakery.signed("", "nonce-07", NOW) };
    bakery.refuses(&added, "the body is not the one that was signed").await;
    let mut redigested = Said { body: other.to_owned(), ..bakery.signed(PROFILE, "nonce-08", NOW) };
    let digest = content_digest(&Sha256::digest(other).into());
    redigested.headers.insert("content-digest", HeaderValue::try_from(digest).expect("a value"));
    bakery.refuses(&redigested, "not signed by its key").await;
    let about = bakery.hears(&bakery.signed("", "nonce-09", NOW)).await.1;
    assert!(about.contains("bread since 1921"), "none of them changed anything: {about}");
}

#[tokio::test]
async fn a_signed_request_is_taken_once_and_in_its_time() {
    let bakery = Bakery::new().await;
    let said = bakery.signed("", "nonce-01", NOW);
    assert_eq!(bakery.hears(&said).await.0, 200);
    bakery.refuses(&said, "was used before").await;
    bakery.refuses(&bakery.signed("", "nonce-02", NOW - 61), "too old").await;
    bakery.refuses(&bakery.signed("", "nonce-03", NOW + 61), "of the future").await;
    let mut unread = bakery.signed("", "nonce-04", NOW);
    unread.headers.insert("signature-input", HeaderValue::from_static("sig=nonsense"));
    bakery.refuses(&unread, "cannot be read").await;
    let mut uncovered = bakery.signed(PROFILE, "nonce-05", NOW);
    uncovered.headers.remove("content-digest");
    assert_eq!(bakery.hears(&uncovered).await.0, 401);

    // What is used up is forgotten when it is no longer good anyway.
    bakery.clock.advance(61_000);
    bakery.node.signatures.prune(bakery.node.now()).await.expect("pruned");
    bakery.refuses(&said, "too old").await;
    // A token that is bound to no key is as good with a signature as without.
    let free = New {
        name: "free".to_owned(),
        scopes: [Scope::Messaging].into(),
        numbers: None,
        expires: None,
        bound: Bound::default(),
        provider: None,
    };
    let made = bakery.node.tokens.create(free, bakery.node.now(), &mut StdRng::seed_from_u64(9)).await;
    let free = format!("Bearer {}", made.expect("a token").0.expose());
    let mut said = bakery.signed("", "nonce-06", NOW);
    said.headers.insert(AUTHORIZATION, HeaderValue::try_from(free).expect("a value"));
    assert_eq!(bakery.hears(&said).await.0, 200);
}

/// What an authenticator app shows: RFC 6238 with SHA-1, 30 seconds, six digits.
fn code(uri: &str, now: u64) -> String {
    let secret = uri.split(['=', '&']).nth(1).expect("a secret");
    let bits = secret.bytes().flat_map(|it| {
        let digit = if it.is_ascii_digit() { it - b'2' + 26 } else { it - b'A' };
        (0..5).rev().map(move |bit| digit >> bit & 1)
    });
    let bits: Vec<u8> = bits.collect();
    let key: Vec<u8> = bits.chunks(8).map(|it| it.iter().fold(0, |all, bit| all << 1 | bit)).collect();
    let mac = Hmac::<Sha1>::new_from_slice(&key).expect("a key").chain_update((now / 30_000).to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac[19] & 15);
    let word = u32::from_be_bytes(mac[at..at + 4].try_into().expect("four bytes")) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

#[tokio::test]
async fn ana_signs_in_over_the_listener_where_the_cloud_api_does_not_know_her_session() {
    let bakery = Bakery::new().await;
    let new = json!({ "login": "ana", "role": "owner", "password": "correct horse battery" });
    let (status, made) = own::ask(bakery.own.clone(), "POST", "people", &new).await;
    assert_eq!(status, 200, "{made}");
    let says = async |bearer: &str, method, path: &str, body: Value| {
        let bearer = HeaderValue::try_from(format!("Bearer {bearer}")).expect("a value");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let (status, answer) = bakery.hears(&Said { method, path: path.to_owned(), body, headers }).await;
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        (status, serde_json::from_str::<Value>(body).expect("JSON"))
    };
    let code = code(made["totp"].as_str().expect("an address"), bakery.node.now());
    let said = json!({ "login": "ana", "password": "correct horse battery", "code": code });
    let (status, entered) = says("-", "POST", "/lacre/v1/sign-in", said).await;
    assert_eq!(status, 200, "{entered}");
    let session = entered["session"].as_str().expect("a session");
    let (status, me) = says(session, "GET", "/lacre/v1/me", Value::Null).await;
    assert_eq!((status, &me["person"]["role"]), (200, &json!("owner")), "{me}");
    let number = format!("/v23.0/{}", bakery.node.identity.number);
    assert_eq!(says(session, "GET", &number, Value::Null).await.0, 401);
    assert_eq!(says(&bakery.token, "GET", "/lacre/v1/people", Value::Null).await.0, 401);
    // Whoever is at the listener is not at the machine, whatever they call the path.
    for path in [
        "/lacre/v1/people",
        "/lacre/v1//people",
        "//lacre/v1/people",
        "/LACRE/v1/people",
        "/v23.0/lacre/v1/people",
    ] {
        assert_eq!(says("", "GET", path, Value::Null).await.0, 401, "{path}");
    }
    assert_eq!(says(session, "POST", "/lacre/v1/sign-out", Value::Null).await.0, 200);
    assert_eq!(says(session, "GET", "/lacre/v1/me", Value::Null).await.0, 401);
}

#[tokio::test]
async fn one_address_does_not_take_all_places_of_the_listener() {
    let bakery = Bakery::new().await;
    let connect = async || {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.connect(bakery.address).await.expect("it listens")
    };
    let mut slow = Vec::new();
    for _ in 0..AT_ONCE {
        slow.push(connect().await);
    }
    let mut one_more = connect().await;
    let mut answer = Vec::new();
    let closed = one_more.read_to_end(&mut answer).await;
    assert!(answer.is_empty() && !matches!(closed, Ok(1..)), "it is closed");
    slow.pop();
    // The place of the one that went is free as soon as the node has seen it go.
    let mut tries = 0;
    loop {
        let mut stream = connect().await;
        let request = b"GET /v23.0/1 HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
        let _ = stream.write_all(request).await;
        let mut answer = String::new();
        if stream.read_to_string(&mut answer).await.is_ok() && answer.starts_with("HTTP/1.1 401") {
            break;
        }
        tries += 1;
        assert!(tries < 200, "no place: {answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn a_proxy_on_this_machine_says_who_asks_and_nobody_else_is_believed() {
    let said = HeaderMap::from_iter([(
        HeaderName::from_static("x-forwarded-for"),
        HeaderValue::from_static("10.9.9.9, 192.0.2.7"),
    )]);
    let here = Some(IpAddr::from([127, 0, 0, 1]));
    let from = |forwarded| From { peer: here, forwarded };
    assert_eq!(
        from(true).shown(&said).peer,
        Some(IpAddr::from([192, 0, 2, 7])),
        "the last: the proxy wrote it"
    );
    assert_eq!(from(false).shown(&said).peer, here);
    assert_eq!(from(true).shown(&HeaderMap::new()).peer, here);
    for (said, who) in [
        ("192.0.2.7:4711", Some("192.0.2.7")),
        ("[2001:db8::7]:4711", Some("2001:db8::7")),
        ("10.9.9.9, [2001:db8::7]", Some("2001:db8::7")),
        ("2001:db8::7", Some("2001:db8::7")),
        ("unknown", None),
        ("10.9.9.9, ", None),
        ("127.0.0.1, _hidden", None),
    ] {
        let name = HeaderName::from_static("x-forwarded-for");
        let said = HeaderMap::from_iter([(name, HeaderValue::from_static(said))]);
        let who = who.map(|it| it.parse::<IpAddr>().expect("an address"));
        assert_eq!(from(true).shown(&said).peer, who, "{said:?}: nobody is taken for this machine");
    }
}
