//! What a program is told of what became of its messages, and what stands above a card: through a node of the real
//! binary.

use std::path::Path;

use serde_json::{Value, json};

use crate::business::admin;
use crate::node::{Hears, ask};
use crate::process::{PASSPHRASE, Relay, Running, lacre, run, until};

/// A bakery's node, as its program sees it.
struct Node {
    _running: Running,
    address: String,
    phone: String,
    account: String,
    token: String,
}

impl Node {
    fn open(relay: &Relay, data: &Path) -> Self {
        let business = |args: &[&str]| {
            let mut command = lacre();
            command.env("LACRE_PASSPHRASE", PASSPHRASE).arg("business").args(args).arg("--data").arg(data);
            command
        };
        let made = run(business(&["init"]).args(["--relay", &relay.url, "bakery", "--json"])).ok().object();
        let id = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{name} in {made}")).to_owned();
        let admin = relay.told()["admin"].as_str().expect("an admin address").to_owned();
        let mut add = lacre();
        add.args(["admin", "business", "add", "bakery", "--legal-name", "Padaria Sol Ltda."]);
        add.args(["--display-name", "Padaria Sol", "--domain", "padaria.example", "--trade", "bakery"]);
        run(add.args(["--admin", &admin]).arg("--data").arg(relay.data())).ok();
        let serve = ["--listen", "127.0.0.1:0", "--approve", "--json"];
        let allowed = ["--allow-host", "127.0.0.1", "--allow-link-host", "127.0.0.1"];
        let running = Running::start(business(&["serve"]).args(serve).args(allowed));
        let told = until("the node listens", || running.objects().first().cloned());
        let address = told["address"].as_str().expect("an address").to_owned();
        let (phone, account, token) = (id("phone_number_id"), id("waba_id"), id("access_token"));
        Self { _running: running, address, phone, account, token }
    }

    /// A call, which is let through or not.
    fn ask(&self, line: &str, body: &Value) -> (u16, Value) {
        ask(&self.address, &self.token, line, body)
    }

    fn call(&self, line: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(line, body);
        assert_eq!(status, 200, "{line}: {answer}");
        answer
    }

    /// How many messages were sent and arrived around a time in seconds.
    fn counted(&self, at: u64) -> (u64, u64) {
        let fields = format!("analytics.start({}).end({}).granularity(DAY)", at - 86_400, at + 86_400);
        let told = self.call(&format!("GET /v23.0/{}?fields={fields}", self.account), &Value::Null);
        let points = told["analytics"]["data_points"].as_array().expect("points").clone();
        let sum = |name: &str| points.iter().filter_map(|it| it[name].as_u64()).sum();
        (sum("sent"), sum("delivered"))
    }
}

#[test]
fn a_picture_stands_above_a_card_and_what_became_of_each_thing_is_told_once() {
    let relay = Relay::start(&["--admin", "127.0.0.1:0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::open(&relay, &folder.path().join("node"));
    let program = Hears::start();
    let hook = json!({ "override_callback_uri": program.url, "verify_token": "bread" });
    node.call(&format!("POST /v23.0/{}/subscribed_apps", node.account), &hook);

    let ana = relay.person("ana");
    ana.run(&["send", "bakery", "have you rye?"]).ok();
    let heard = program.find("Ana's words", |value| {
        let message = &value["messages"][0];
        (message["type"] == "text").then(|| message.clone())
    });
    let to = heard["from"].as_str().expect("who").to_owned();
    let picture = Picture::start();
    let card = json!({
        "messaging_product": "whatsapp", "to": to, "type": "interactive", "biz_opaque_callback_data": "order 17",
        "interactive": {
            "type": "button",
            "header": { "type": "image", "image": { "link": picture.0 } },
            "body": { "text": "This one?" },
            "action": { "buttons": [{ "type": "reply", "reply": { "id": "this", "title": "This one" } }] },
        },
    });
    let messages = format!("POST /v23.0/{}/messages", node.phone);
    let sent = node.call(&messages, &card);
    let wamid = sent["messages"][0]["id"].clone();
    let menu = until("the card has come", || ana.read().into_iter().find(|row| row["from"] == "bakery"));
    assert_eq!((&menu["kind"], &menu["content"]["files"][0]["type"]), (&json!("menu"), &json!("image/png")));
    let saved = folder.path().join("above.png");
    let id = menu["id"].as_str().expect("an id");
    ana.run(&["save", id, "--to", saved.to_str().expect("UTF-8")]).ok();
    assert_eq!(std::fs::read(&saved).expect("saved"), PNG, "the picture that stands above");
    for status in ["sent", "delivered"] {
        let told = program.find(status, |value| {
            let it = &value["statuses"][0];
            (it["status"] == status).then(|| it.clone())
        });
        assert_eq!((&told["id"], &told["biz_opaque_callback_data"]), (&wamid, &json!("order 17")));
    }

    // A reaction, and that it was taken back.
    let menu = ana.read().into_iter().find(|row| row["kind"] == "menu").expect("it came");
    let menu = menu["id"].as_str().expect("an id").to_owned();
    ana.run(&["react", &menu, "👍"]).ok();
    let reaction = |emoji: Option<&str>| {
        program.find("the reaction", |value| {
            let it = &value["messages"][0]["reaction"];
            (it["message_id"] == wamid && it["emoji"].as_str() == emoji).then(|| it.clone())
        })
    };
    reaction(Some("👍"));
    ana.run(&["react", &menu, "--remove"]).ok();
    reaction(None);

    // Nothing is told of the picture, whose id nobody knows; and what arrived is counted.
    let heard = program.heard.lock().expect("no panic").clone();
    let statuses = heard.iter().map(|it| &it["entry"][0]["changes"][0]["value"]["statuses"][0]);
    assert!(statuses.clone().count() > 1);
    assert!(statuses.filter(|it| !it.is_null()).all(|it| it["id"] == wamid), "{heard:?}");
    // An event is about the number that the API tells of.
    let number = node.call(&format!("GET /v23.0/{}", node.phone), &Value::Null);
    let about = program.find("a number", |value| value["metadata"].get("display_phone_number").cloned());
    assert_eq!(about, number["display_phone_number"]);
    let at = program.find("when", |value| value["messages"][0].get("timestamp").cloned());
    let at = at.as_str().and_then(|it| it.parse().ok()).expect("a time");
    assert_eq!(node.counted(at), (1, 1));

    // She stops, and is not written to; she writes again, and is answered.
    ana.run(&["consent", "stop", "bakery"]).ok();
    let text = json!({ "messaging_product": "whatsapp", "to": to, "text": { "body": "hello?" } });
    until("the stop is heard", || {
        let (status, _) = node.ask(&messages, &text);
        (status == 400).then_some(())
    });
    ana.run(&["send", "bakery", "are you there?"]).ok();
    until("she is answered", || {
        let (status, _) = node.ask(&messages, &text);
        (status == 200).then_some(())
    });
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n of rye";

/// Where a picture is fetched from.
struct Picture(String);

impl Picture {
    fn start() -> Self {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}/rye.png", listener.local_addr().expect("it is bound"));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                let body = PNG;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            }
        });
        Self(url)
    }
}

#[test]
fn a_suspended_bakery_hears_so_of_what_it_sends_and_from_then_on_at_once() {
    let relay = Relay::start(&["--admin", "127.0.0.1:0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let node = Node::open(&relay, &folder.path().join("node"));
    let fields = "account_review_status,business_verification_status";
    let stands = || {
        let told = node.call(&format!("GET /v23.0/{}?fields={fields}", node.account), &Value::Null);
        (told["account_review_status"].clone(), told["business_verification_status"].clone())
    };
    let pending = (json!("PENDING"), json!("pending"));
    until("the node knows what it is", || (stands() == pending).then_some(()));
    let program = Hears::start();
    let hook = json!({ "override_callback_uri": program.url, "verify_token": "bread" });
    node.call(&format!("POST /v23.0/{}/subscribed_apps", node.account), &hook);
    let ana = relay.person("ana");
    ana.run(&["send", "bakery", "have you rye?"]).ok();
    let heard = program.find("Ana's words", |value| value["messages"].get(0).cloned());
    let text = json!({ "messaging_product": "whatsapp", "to": heard["from"], "text": { "body": "at five" } });
    let messages = format!("POST /v23.0/{}/messages", node.phone);

    admin(&relay, "suspend", &["bakery"]).ok();
    node.call(&messages, &text);
    let failed = program.find("that it failed", |value| {
        let status = &value["statuses"][0];
        (status["status"] == "failed").then(|| status.clone())
    });
    assert_eq!(failed["errors"][0]["code"], 131_031);
    let refused = until("it is refused at once", || {
        let (status, told) = node.ask(&messages, &text);
        (status == 403).then_some(told)
    });
    assert_eq!(refused["error"]["code"], 131_031);
    assert_eq!(stands(), (json!("REJECTED"), json!("revoked")));
}
