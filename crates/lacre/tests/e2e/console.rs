//! The bakery's node is looked after by commands: while it serves, and while it does not.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node::{Hears, ask};
use crate::process::{PASSPHRASE, Person, Relay, Run, Running, lacre, run, until};

pub struct Bakery {
    pub relay: Relay,
    folder: TempDir,
    made: Value,
}

impl Bakery {
    /// An account that the relay's operator made a business, and its node.
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// The same, whose node was made with more arguments.
    pub fn with(more: &[&str]) -> Self {
        let relay = Relay::start(&["--admin", "127.0.0.1:0"]);
        let folder = tempfile::tempdir().expect("a folder");
        let mut bakery = Self { relay, folder, made: Value::Null };
        let url = bakery.relay.url.clone();
        bakery.made =
            run(bakery.command(&["init", "--relay", &url, "bakery", "--json"]).args(more)).ok().object();
        let admin = bakery.relay.told()["admin"].as_str().expect("an admin address").to_owned();
        let mut add = lacre();
        add.args(["admin", "business", "add", "bakery", "--legal-name", "Padaria Sol Ltda."]);
        add.args(["--display-name", "Padaria Sol", "--domain", "padaria.example", "--trade", "bakery"]);
        run(add.args(["--admin", &admin, "--data"]).arg(bakery.relay.data())).ok();
        bakery
    }

    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = lacre();
        command.env("LACRE_PASSPHRASE", PASSPHRASE).arg("business").args(args).arg("--data").arg(self.data());
        command
    }

    pub fn says(&self, args: &[&str]) -> Run {
        run(self.command(args).arg("--json"))
    }

    pub fn id(&self, name: &str) -> String {
        self.made[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.made)).to_owned()
    }

    /// Starts the node; where it listens.
    pub fn serve(&self) -> (Running, String) {
        self.serves(&[])
    }

    /// The same, with more arguments.
    pub fn serves(&self, more: &[&str]) -> (Running, String) {
        // One that was killed has left its socket.
        let _ = std::fs::remove_file(self.data().join("node.sock"));
        let args = ["serve", "--listen", "127.0.0.1:0", "--allow-host", "127.0.0.1", "--json"];
        let node = Running::start(&mut self.command(&[&args, more].concat()));
        let told = until("the node listens", || node.objects().first().cloned());
        until("its socket is there", || self.data().join("node.sock").exists().then_some(()));
        (node, told["address"].as_str().expect("an address").to_owned())
    }
}

#[test]
fn r18_a_node_is_looked_after_by_commands_while_it_serves_and_while_it_does_not() {
    let bakery = Bakery::new();
    let (mut node, address) = bakery.serve();
    let mode = std::fs::metadata(bakery.data().join("node.sock")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the socket is its owner's");

    let till = tokens(&bakery, &address);
    let program = Hears::start();
    let ana = bakery.relay.person("ana");
    crate::consents::told(&bakery);
    let customer = webhooks(&bakery, &program, &ana);
    templates(&bakery, &address, &program, &ana, &customer);
    people(&bakery, &address);
    crate::consents::acting(&bakery, &address);
    crate::consents::looked_at(&bakery, &ana, &customer);
    crate::consents::exported(&bakery, &ana, &customer);
    crate::consents::restricted(&bakery, (&address, &program), &ana, &customer);
    crate::consents::erased(&bakery, &program, &ana, &customer);
    let heads = log(&bakery, &till);

    // The node stops: its socket goes, and the same commands open the store themselves.
    node.terminate();
    assert_eq!(node.ended(), 0);
    assert!(!bakery.data().join("node.sock").exists());
    let third = stopped(&bakery, &program, &heads);
    killed(&bakery, &third, &customer);
    let mut nowhere = lacre();
    nowhere.args(["business", "token", "list", "--json", "--data"]).arg(bakery.folder.path().join("none"));
    run(&mut nowhere).refused(7, "not_signed_up");
}

/// A token is made, used, given a new secret, and revoked: each acts at once, with no restart. Gives its first secret.
fn tokens(bakery: &Bakery, address: &str) -> String {
    let number = bakery.id("phone_number_id");
    let looks = |token: &str| ask(address, token, &format!("GET /v23.0/{number}"), &Value::Null).0;
    let made = bakery.says(&["token", "create", "--name", "till", "--days", "30"]).ok().object();
    let (id, till) =
        (made["token"]["id"].to_string(), made["access_token"].as_str().expect("a token").to_owned());
    assert_eq!(looks(&till), 200);
    let rotated = bakery.says(&["token", "rotate", &id, "--overlap", "0"]).ok().object();
    let second = rotated["access_token"].as_str().expect("a token").to_owned();
    assert_eq!((looks(&till), looks(&second)), (401, 200));
    bakery.says(&["token", "revoke", &id]).ok();
    assert_eq!(looks(&second), 401, "revoked at once");
    let tokens = bakery.says(&["token", "list"]).ok().objects();
    assert_eq!((&tokens[0]["state"], &tokens[1]["state"]), (&json!("live"), &json!("revoked")));
    assert!(tokens[0]["last_used_ms"].is_null() && tokens[1]["last_used_ms"].is_u64());
    bakery.says(&["token", "revoke", "99"]).refused(4, "not_found");
    till
}

/// A receiver is set; what Ana writes is told to it, and told again. Gives who she is to programs.
fn webhooks(bakery: &Bakery, program: &Hears, ana: &Person) -> Value {
    let mut set = bakery.command(&["webhook", "set", &program.url, "--json"]);
    assert_eq!(run(set.env("LACRE_VERIFY_TOKEN", "bread")).ok().object()["called"], true);
    let nobody = ["webhook", "set", "http://127.0.0.1:9/", "--verify-token", "x"];
    bakery.says(&nobody).refused(4, "handshake_failed");
    let elsewhere = ["webhook", "set", "https://10.0.0.1/", "--verify-token", "x"];
    bakery.says(&elsewhere).refused(4, "callback_refused");
    ana.run(&["send", "bakery", "do you have rye?"]).ok();
    let heard = program.find("Ana's words", |value| {
        let message = &value["messages"][0];
        (message["text"]["body"] == "do you have rye?").then(|| message.clone())
    });
    let told = until("it is written down", || bakery.says(&["webhook", "deliveries"]).ok().objects().pop());
    assert_eq!((&told["outcome"], &told["field"]), (&json!("200"), &json!("messages")), "{told}");
    let id = told["id"].to_string();
    assert_eq!(bakery.says(&["webhook", "replay", &id]).ok().object()["replayed"], 1);
    until("it is told again", || {
        let heard = program.heard.lock().expect("no panic");
        let values = heard.iter().map(|it| &it["entry"][0]["changes"][0]["value"]["messages"][0]["text"]);
        (values.filter(|text| text["body"] == "do you have rye?").count() == 2).then_some(())
    });
    heard["from"].clone()
}

/// A template waits for the operator, who approves it; the program hears so, and sends it.
fn templates(bakery: &Bakery, address: &str, program: &Hears, ana: &Person, customer: &Value) {
    let (number, account) = (bakery.id("phone_number_id"), bakery.id("waba_id"));
    let first = bakery.id("access_token");
    let call = |line: &str, body: &Value| ask(address, &first, line, body);
    let template = json!({
        "name": "order_ready", "language": "pt_BR", "category": "UTILITY",
        "components": [{ "type": "BODY", "text": "Oi {{1}}, está pronto.", "example": { "body_text": [["Ana"]] } }],
    });
    let (_, made) = call(&format!("POST /v23.0/{account}/message_templates"), &template);
    assert_eq!(made["status"], "PENDING", "{made}");
    let send = json!({
        "messaging_product": "whatsapp", "to": customer, "type": "template",
        "template": { "name": "order_ready", "language": { "code": "pt_BR" },
                      "components": [{ "type": "body", "parameters": [{ "type": "text", "text": "Ana" }] }] },
    });
    let messages = format!("POST /v23.0/{number}/messages");
    assert_eq!(call(&messages, &send).1["error"]["code"], 132_001, "it waits");
    let waiting = bakery.says(&["template", "list", "--pending"]).ok().object();
    assert_eq!(waiting["id"], made["id"]);
    let id = made["id"].as_str().expect("an id");
    bakery.says(&["template", "approve", id]).ok();
    program.find("that it is approved", |value| (value["event"] == "APPROVED").then(|| value.clone()));
    let (status, sent) = call(&messages, &send);
    assert_eq!(status, 200, "{sent}");
    let read = ana.read();
    let reads = |row: &Value| row["from"] == "bakery" && row.to_string().contains("Oi Ana, está pronto.");
    assert_eq!(read.iter().filter(|row| reads(row)).count(), 1, "{read:?}");
}

/// People sign in at the listener; a token of the Cloud API is nobody there.
fn people(bakery: &Bakery, address: &str) {
    let owner = bakery.says(&["people", "add", "ana", "--role", "owner"]).ok().object();
    assert!(
        owner["totp"].as_str().is_some_and(|it| it.starts_with("otpauth://totp/bakery:ana?secret=")),
        "{owner}"
    );
    bakery.says(&["people", "add", "ana", "--role", "agent"]).refused(4, "login_taken");
    for bearer in ["", &bakery.id("access_token")] {
        let (status, refused) = ask(address, bearer, "GET /lacre/v1/people", &Value::Null);
        assert_eq!((status, &refused["error"]["code"]), (401, &json!("not_signed_in")));
    }
    let wrong = json!({ "login": "ana", "password": owner["password"], "code": "000000" });
    let (status, refused) = ask(address, "", "POST /lacre/v1/sign-in", &wrong);
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("wrong_credentials")), "{refused}");
}

/// The log names all of it. Gives a file with its head.
fn log(bakery: &Bakery, till: &str) -> PathBuf {
    let head = bakery.says(&["audit", "head"]).ok().object();
    let heads = bakery.folder.path().join("heads.txt");
    std::fs::write(&heads, head["head"].as_str().expect("a head")).expect("written");
    let rows = bakery.says(&["audit", "list"]).ok().objects();
    let named: Vec<_> =
        rows.iter().map(|it| format!("{} {}", it["who"], it["what"]).replace('"', "")).collect();
    for row in [
        "operator token.create",
        "operator token.rotate",
        "operator token.revoke",
        "operator webhook.set",
        "operator webhook.replay",
        "token:1 template.create",
        "operator template.approve",
        "operator people.add",
        "operator consent.list",
        "operator consent.export",
        "operator customer.export",
        "operator customer.export.messages",
        "operator customer.restrict",
        "operator customer.erase",
    ] {
        assert!(named.iter().any(|it| it == row), "{row} in {named:?}");
    }
    let all = format!("{rows:?}");
    assert!(!all.contains("rye") && !all.contains(till) && !all.contains("bread"));
    heads
}

/// The same commands while no node serves. Gives a token that was made so.
fn stopped(bakery: &Bakery, program: &Hears, heads: &Path) -> String {
    let heads = heads.to_str().expect("UTF-8");
    let whole = bakery.says(&["audit", "verify", "--heads", heads]).ok().object();
    assert_eq!((&whole["whole"], &whole["heads"]), (&json!(true), &json!(1)));
    assert_eq!(bakery.says(&["audit", "proof", "1"]).ok().object()["row"]["what"], "token.create");
    let register = bakery.says(&["records"]).ok().object();
    assert_eq!(
        (&register["controller"], &register["recipients"][0]["told"]),
        (&json!("bakery"), &json!(true))
    );
    assert!(run(&mut bakery.command(&["records"])).ok().stdout.contains("recipient: 127.0.0.1"));
    for what in ["list", "export"] {
        bakery.says(&["consent", what]).refused(4, "node_not_serving");
    }
    let receivers = bakery.says(&["webhook", "show"]).ok().object();
    assert_eq!(receivers["data"][0]["url"], program.url.as_str());
    // Its handshake is the same, and so are the hosts that are allowed.
    bakery.says(&["webhook", "set", &program.url, "--verify-token", "b", "--level", "number"]).ok();
    assert_eq!(bakery.says(&["people", "list"]).ok().object()["login"], "ana");
    bakery.says(&["people", "role", "ana", "agent"]).refused(4, "last_owner");
    let rotated = bakery.says(&["webhook", "rotate-secret", "--overlap", "1h"]).ok().object();
    assert_eq!(rotated["app_secret"].as_str().map(str::len), Some(64));
    let made = bakery.says(&["token", "create"]).ok().object();
    made["access_token"].as_str().expect("a token").to_owned()
}

/// It serves again, is killed, and what it left at the socket keeps nobody from anything.
fn killed(bakery: &Bakery, third: &str, customer: &Value) {
    let (node, _) = bakery.serve();
    let mut node = crate::consents::killed_while_erasing(bakery, node, customer);
    node.terminate();
    assert_eq!(node.ended(), 0);
    let (mut node, address) = bakery.serve();
    let number = bakery.id("phone_number_id");
    assert_eq!(ask(&address, third, &format!("GET /v23.0/{number}"), &Value::Null).0, 200);
    node.kill();
    assert!(bakery.data().join("node.sock").exists(), "left behind");
    assert_eq!(bakery.says(&["token", "list"]).ok().objects().len(), 4);
    let (mut node, _) = bakery.serve();
    assert_eq!(bakery.says(&["token", "list"]).ok().objects().len(), 4);
    node.terminate();
    assert_eq!(node.ended(), 0);
}
