//! A bakery's own node: its program speaks the Cloud API to it, and Ana's words are sealed up to there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::process::{PASSPHRASE, Relay, Running, holds, lacre, run, texts, until};

/// One request over a connection of its own; the status and the answer.
pub fn ask(address: &str, token: &str, line: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).expect("a body");
    (status, serde_json::from_str(&body).unwrap_or_else(|_| panic!("no JSON: {answer}")))
}

/// The same with a body of any type.
pub fn ask_with(address: &str, token: &str, line: &str, kind: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!(
        "{line} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let status = answer.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {answer}")))
}

/// What a call is answered, head and all.
pub fn bytes_of(address: &str, token: &str, line: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    .expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    answer
}

/// A program that hears: it answers the handshake, and keeps what is posted.
pub struct Hears {
    pub url: String,
    pub heard: Arc<Mutex<Vec<Value>>>,
}

impl Hears {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}/hook", listener.local_addr().expect("it is bound"));
        let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &kept);
            }
        });
        Self { url, heard }
    }

    /// The first value of a change for which there is one.
    pub fn find(&self, what: &str, look: impl Fn(&Value) -> Option<Value>) -> Value {
        until(what, || {
            let heard = self.heard.lock().expect("no panic");
            heard.iter().map(|it| &it["entry"][0]["changes"][0]["value"]).find_map(&look)
        })
    }
}

fn answer(mut stream: TcpStream, kept: &Mutex<Vec<Value>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut head, mut length, mut first) = (String::new(), 0, String::new());
    while reader.read_line(&mut head)? > 2 {
        if first.is_empty() {
            first.clone_from(&head);
        }
        if let Some(value) = head.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        head.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let challenge = first.split_once("hub.challenge=").map(|(_, rest)| rest);
    let challenge = challenge.map(|rest| rest.split(['&', ' ']).next().unwrap_or_default());
    if first.starts_with("POST") {
        kept.lock().expect("no panic").extend(serde_json::from_slice::<Value>(&body));
    }
    let said = challenge.unwrap_or("ok");
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}", said.len())
}

#[test]
fn r18_r25_a_program_answers_ana_through_the_bakerys_own_node() {
    let relay = Relay::start(&["--admin", "127.0.0.1:0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("node");
    let business = |args: &[&str]| {
        let mut command = lacre();
        command.env("LACRE_PASSPHRASE", PASSPHRASE).arg("business").args(args).arg("--data").arg(&data);
        command
    };
    let made = run(business(&["init"]).args(["--relay", &relay.url, "bakery", "--json"])).ok().object();
    let id = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{name} in {made}")).to_owned();
    let (phone, account, token) = (id("phone_number_id"), id("waba_id"), id("access_token"));
    let admin = relay.told()["admin"].as_str().expect("an admin address").to_owned();
    let mut add = lacre();
    add.args(["admin", "business", "add", "bakery", "--legal-name", "Padaria Sol Ltda.", "--display-name"]);
    add.args(["Padaria Sol", "--domain", "padaria.example", "--trade", "bakery", "--admin", &admin]);
    run(add.arg("--data").arg(relay.data())).ok();

    run(business(&["serve"]).args(["--listen", "0.0.0.0:0", "--json"])).refused(2, "usage");
    let serve = ["--listen", "127.0.0.1:0", "--allow-host", "127.0.0.1", "--approve", "--json"];
    let mut node = Running::start(business(&["serve"]).args(serve));
    let address = until("the node listens", || node.objects().first().cloned())["address"].clone();
    let address = address.as_str().expect("an address").to_owned();
    let call = |line: &str, body: &Value| ask(&address, &token, line, body);
    assert_eq!(ask(&address, "wrong", &format!("GET /v23.0/{phone}"), &Value::Null).0, 401);
    let program = Hears::start();
    let hook = json!({ "override_callback_uri": program.url, "verify_token": "bread" });
    let (status, set) = call(&format!("POST /v23.0/{account}/subscribed_apps"), &hook);
    assert_eq!((status, &set["success"]), (200, &json!(true)), "{set}");

    // Ana writes; the program hears of it under a pairwise id, and answers.
    let ana = relay.person("ana");
    ana.run(&["send", "bakery", "do you have rye?"]).ok();
    let heard = program.find("Ana's words", |value| {
        let message = &value["messages"][0];
        (message["text"]["body"] == "do you have rye?").then(|| message.clone())
    });
    let to = heard["from"].as_str().expect("who").to_owned();
    assert!(to.len() <= 15 && to.bytes().all(|byte| byte.is_ascii_digit()), "{to}");
    let text = |words: &str| json!({ "messaging_product": "whatsapp", "to": to, "type": "text", "text": { "body": words } });
    let messages = format!("POST /v23.0/{phone}/messages");
    let (status, sent) = call(&messages, &text("at five"));
    assert_eq!(status, 200, "{sent}");
    let wamid = sent["messages"][0]["id"].clone();
    assert_eq!(texts(ana.read(), "bakery"), ["at five"]);
    program.find("that it has arrived", |value| {
        let status = &value["statuses"][0];
        (status["id"] == wamid && status["status"] == "delivered").then(|| status.clone())
    });

    // Buttons are shown and answered.
    let buttons = json!({
        "messaging_product": "whatsapp", "to": to, "type": "interactive",
        "interactive": { "type": "button", "body": { "text": "Shall we keep one?" }, "action": { "buttons": [
            { "type": "reply", "reply": { "id": "yes", "title": "Yes please" } },
            { "type": "reply", "reply": { "id": "no", "title": "No" } },
        ] } },
    });
    let (status, sent) = call(&messages, &buttons);
    assert_eq!(status, 200, "{sent}");
    let menu = ana.read().into_iter().find(|row| row["kind"] == "menu").expect("it came");
    assert_eq!(menu["content"]["buttons"][0]["title"], "Yes please");
    ana.run(&["choose", menu["id"].as_str().expect("an id"), "Yes please"]).ok();
    let chosen = program.find("what Ana chose", |value| {
        let message = &value["messages"][0];
        (message["type"] == "interactive").then(|| message.clone())
    });
    assert_eq!(chosen["interactive"]["button_reply"], json!({ "id": "yes", "title": "Yes please" }));

    // She says stop: the program is told so, and nothing comes.
    ana.run(&["consent", "stop", "bakery"]).ok();
    let refused = until("the stop is heard", || {
        let (status, refused) = call(&messages, &text("buy bread"));
        (status == 400).then_some(refused)
    });
    let code = refused["error"]["code"].as_u64();
    assert!(matches!(code, Some(131_047 | 131_050)), "{refused}");
    assert!(ana.read().iter().all(|row| row["text"] != "buy bread"));
    // What she writes while the node is dead is told when it is back; what was told is not told again.
    node.kill();
    ana.run(&["send", "bakery", "are you there?"]).ok();
    let mut node = Running::start(business(&["serve"]).args(serve));
    program.find("what came meanwhile", |value| {
        (value["messages"][0]["text"]["body"] == "are you there?").then(|| value.clone())
    });
    let told = |words: &str| {
        let heard = program.heard.lock().expect("no panic");
        let values = heard.iter().map(|it| &it["entry"][0]["changes"][0]["value"]["messages"][0]["text"]);
        values.filter(|text| text["body"] == words).count()
    };
    assert_eq!((told("do you have rye?"), told("are you there?")), (1, 1));
    node.terminate();
    assert_eq!(node.ended(), 0);
    for secret in ["do you have rye?", "at five", "Yes please", "are you there?"] {
        assert!(!holds(&relay.data(), secret.as_bytes()), "the relay has {secret}");
        assert!(!holds(&data, secret.as_bytes()), "the node's disk has {secret}");
    }
}
