//! R2, R18: the same between a business and its customer: a unique string in everything that they say to each
//! other, then a search for them in everything that the relay has or lets out, and on the node's own disk and
//! in its log.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use lacre_client::content::KINDS;
use lacre_testkit::canary::{Canary, Search};
use serde_json::{Value, json};

use crate::canary::{Tap, address, get, traced, traced_relay};
use crate::node::{Hears, ask};
use crate::process::{PASSPHRASE, Person, lacre, run, until};

/// What a business tells everybody is no secret from the relay: a search that does not find it finds nothing.
const CONTROL: &str = "control-notice-in-clear";

/// What is looked for. The fields of kinds have the names that the registry has for them.
const SECRETS: [(&str, &str); 32] = [
    ("menu.id", "canary-of-a-row-id"),
    ("menu.title", "canary-of-a-title"),
    ("menu.description", "canary-of-a-description"),
    ("menu.section", "canary-of-a-section"),
    ("menu.header", "canary-of-a-header"),
    ("menu.body", "canary-of-a-body"),
    ("menu.footer", "canary-of-a-footer"),
    ("menu.list", "canary-of-a-list"),
    ("menu.template", "canary_of_a_template"),
    ("menu.file", "canary-of-a-file-above.png"),
    // A choice says again what stands in the row.
    ("choice.id", "canary-of-a-row-id"),
    ("choice.title", "canary-of-a-title"),
    ("choice.description", "canary-of-a-description"),
    ("filled.id", "canary-of-a-forms-token"),
    ("filled.name", "canary_of_a_questions_name"),
    ("filled.text", "canary-of-what-she-fills-in"),
    ("filled.chosen", "canary-of-an-options-id"),
    ("a form's title", "canary-of-a-form"),
    ("a form's text", "canary-of-a-forms-text"),
    ("a question", "canary-of-a-question"),
    ("an option", "canary-of-an-option"),
    ("a button", "canary-of-button"),
    ("words of the customer", "canary-of-the-customers-words"),
    ("words of the business", "canary-of-the-businesss-words"),
    ("what a program notes", "canary-of-a-programs-note"),
    ("a template's text", "canary-of-a-templates-text"),
    ("a template's parameter", "canary-of-a-parameter"),
    ("a template's button", "canary-payload-of-a-button"),
    ("a caption of the business", "canary-of-its-caption"),
    ("a file's name of the customer", "canary-of-her-file.txt"),
    ("a caption of the customer", "canary-of-her-caption"),
    ("bytes of a file", "canary-of-what-is-in-her-file"),
];

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0,
    1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 10, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x60, 0,
    0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// A bakery's node, as its program sees it.
struct Node {
    address: String,
    phone: String,
    account: String,
    token: String,
}

impl Node {
    fn call(&self, line: &str, body: &Value) -> Value {
        let (status, answer) = ask(&self.address, &self.token, line, body);
        assert_eq!(status, 200, "{line}: {answer}");
        answer
    }

    /// Uploads a picture; its id.
    fn upload(&self, name: &str) -> String {
        let head = format!(
            "--x\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--x\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: image/png\r\n\r\n"
        );
        let body = [head.as_bytes(), PNG, b"\r\n--x--\r\n"].concat();
        let line = format!("POST /v23.0/{}/media", self.phone);
        let answer = crate::node::ask_with(
            &self.address,
            &self.token,
            &line,
            "multipart/form-data; boundary=x",
            &body,
        );
        assert_eq!(answer.0, 200, "{}", answer.1);
        answer.1["id"].as_str().expect("an id").to_owned()
    }
}

fn business(data: &Path, args: &[&str]) -> Command {
    let mut command = lacre();
    command.env("LACRE_PASSPHRASE", PASSPHRASE).arg("business").args(args).arg("--data").arg(data);
    command
}

#[test]
fn r18_nothing_that_a_customer_and_a_business_write_is_found_at_the_relay_or_on_the_nodes_disk() {
    let of: BTreeMap<&str, &str> = SECRETS.into();
    for kind in KINDS.iter().filter(|kind| ["menu", "choice", "filled"].contains(&kind.name)) {
        for field in kind.fields {
            assert!(of.contains_key(field), "{field} is not planted: add it here");
        }
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (there, here) = (folder.path().join("relay"), folder.path().join("node"));
    for folder in [&there, &here] {
        std::fs::create_dir(folder).expect("it can be made");
    }
    let (mut relay, told) = traced_relay(&there.join("data"), &there.join("log"));
    let admin = address(&told, "admin");
    let tap = Tap::before(address(&told, "address"));
    let data = here.join("data");
    let made =
        run(business(&data, &["init"]).args(["--relay", &tap.url(), "bakery", "--json"])).ok().object();
    let mut add = lacre();
    add.args(["admin", "business", "add", "bakery", "--legal-name", "Padaria Sol Ltda.", "--display-name"]);
    add.args([
        "Padaria Sol",
        "--domain",
        "padaria.example",
        "--trade",
        "bakery",
        "--admin",
        &admin.to_string(),
    ]);
    run(add.arg("--data").arg(there.join("data"))).ok();
    let mut serve = business(&data, &["serve"]);
    serve.args(["--listen", "127.0.0.1:0", "--allow-host", "127.0.0.1", "--approve", "--json"]);
    let (mut node, served) = traced(&mut serve, &here.join("log"));
    let id = |name: &str| made[name].as_str().unwrap_or_else(|| panic!("{name} in {made}")).to_owned();
    let program = Node {
        address: served["address"].as_str().expect("an address").to_owned(),
        phone: id("phone_number_id"),
        account: id("waba_id"),
        token: id("access_token"),
    };
    let ana = Person::at(&tap.url(), "ana");
    talk(&program, &data, &ana, &of);

    let metrics = get(admin, "/metrics");
    assert!(metrics.contains("200 OK") && metrics.len() > 500, "{metrics}");
    let frames = tap.frames();
    for process in [&mut node, &mut relay] {
        process.kill().and_then(|()| process.wait()).expect("it ends");
    }
    let canaries: Vec<_> = SECRETS.iter().map(|(what, secret)| Canary::of(what, secret.as_bytes())).collect();
    let search = Search::new(&canaries);
    let mut hits = search.folder(folder.path()).expect("the folder can be read");
    hits.extend(search.bytes("metrics", metrics.as_bytes()));
    hits.extend(search.bytes("frames", &frames));
    hits.extend(search.folder(&ana.profile).expect("a profile"));
    assert_eq!(hits, [], "0 hits");

    let control = Search::new(&[Canary::of("control", CONTROL.as_bytes())]);
    assert!(!control.folder(&there).expect("the folder can be read").is_empty(), "the control is found");
    assert!(!control.bytes("frames", &frames).is_empty(), "in the frames too");
    let log = |folder: &Path| std::fs::read_to_string(folder.join("log")).expect("there was a log to search");
    assert_eq!(log(&there).matches("account made").count(), 2, "it told of both sign-ups");
    // The node logs what fails, and nothing did; and whether it leads.
    let lines = log(&here);
    assert!(lines.contains("leads=true") && lines.lines().count() == 1, "{lines}");
}

/// Everything that the two say to each other.
fn talk(program: &Node, data: &Path, ana: &Person, of: &BTreeMap<&str, &str>) {
    let hears = Hears::start();
    let hook = json!({ "override_callback_uri": hears.url, "verify_token": "bread" });
    program.call(&format!("POST /v23.0/{}/subscribed_apps", program.account), &hook);
    run(business(data, &["terms", "set"]).args(["--notice", CONTROL])).ok();
    ana.run(&["send", "bakery", of["words of the customer"]]).ok();
    let heard = hears.find("Ana's words", |value| {
        let message = &value["messages"][0];
        (message["text"]["body"] == of["words of the customer"]).then(|| message.clone())
    });
    let say = |what: Value| {
        let mut body = json!({ "messaging_product": "whatsapp", "to": heard["from"], "biz_opaque_callback_data": of["what a program notes"] });
        if let (Value::Object(body), Value::Object(what)) = (&mut body, what) {
            body.extend(what);
        }
        program.call(&format!("POST /v23.0/{}/messages", program.phone), &body)
    };
    say(json!({ "type": "text", "text": { "body": of["words of the business"] } }));

    // A picture with a caption, a list, and a picture above buttons.
    let picture = program.upload(of["menu.file"]);
    say(json!({ "type": "image", "image": { "id": picture, "caption": of["a caption of the business"] } }));
    let row =
        json!({ "id": of["menu.id"], "title": of["menu.title"], "description": of["menu.description"] });
    say(json!({ "type": "interactive", "interactive": {
        "type": "list",
        "header": { "type": "text", "text": of["menu.header"] },
        "body": { "text": of["menu.body"] },
        "footer": { "text": of["menu.footer"] },
        "action": { "button": of["menu.list"], "sections": [{ "title": of["menu.section"], "rows": [row] }] },
    } }));
    let button = json!({ "type": "reply", "reply": { "id": "this", "title": of["a button"] } });
    say(json!({ "type": "interactive", "interactive": {
        "type": "button",
        "header": { "type": "image", "image": { "id": picture } },
        "body": { "text": of["menu.body"] },
        "action": { "buttons": [button] },
    } }));

    say(form(program, of));

    // A template of their own words, which needs her consent.
    ana.run(&["consent", "grant", "bakery", "--for", "service,offers", "--days", "30"]).ok();
    let example = json!({ "body_text": [["sample"]] });
    let text = format!("{} {{{{1}}}} pronto.", of["a template's text"]);
    let template = json!({
        "name": of["menu.template"], "language": "pt_BR", "category": "MARKETING",
        "components": [
            { "type": "BODY", "text": text, "example": example },
            { "type": "BUTTONS", "buttons": [{ "type": "QUICK_REPLY", "text": "Quero" }] },
        ],
    });
    program.call(&format!("POST /v23.0/{}/message_templates", program.account), &template);
    let parameter = json!([{ "type": "text", "text": of["a template's parameter"] }]);
    let payload = json!([{ "type": "payload", "payload": of["a template's button"] }]);
    let offer = json!({ "type": "template", "template": {
        "name": of["menu.template"], "language": { "code": "pt_BR" },
        "components": [
            { "type": "body", "parameters": parameter },
            { "type": "button", "sub_type": "quick_reply", "index": "0", "parameters": payload },
        ],
    } });
    until("her consent is heard of", || {
        let listed = run(business(data, &["consent", "list"]).arg("--json")).ok().object();
        (listed["categories"] == json!(["service", "marketing"])).then_some(())
    });
    say(offer);
    answers(program, ana, &hears, of);
}

/// A form of the business, to be sent.
fn form(program: &Node, of: &BTreeMap<&str, &str>) -> Value {
    let option = json!({ "id": of["filled.chosen"], "title": of["an option"] });
    let payload = json!({ "words": format!("${{form.{}}}", of["filled.name"]), "size": "${form.size}" });
    let children = json!([
        { "type": "TextBody", "text": of["a form's text"] },
        { "type": "TextInput", "name": of["filled.name"], "label": of["a question"] },
        { "type": "RadioButtonsGroup", "name": "size", "label": "Size", "data-source": [option] },
        { "type": "Footer", "label": "Send", "on-click-action": { "name": "complete", "payload": payload } },
    ]);
    let layout = json!({ "type": "SingleColumnLayout", "children": children });
    let screen = json!({ "id": "ORDER", "title": "Order", "terminal": true, "layout": layout });
    let flow = json!({ "version": "7.1", "screens": [screen] }).to_string();
    let new = json!({ "name": "order", "categories": ["OTHER"], "flow_json": flow, "publish": true });
    let made = program.call(&format!("POST /v23.0/{}/flows", program.account), &new);
    assert_eq!(made["validation_errors"], json!([]), "{made}");
    let parameters = json!({
        "flow_message_version": "3", "flow_id": made["id"], "flow_token": of["filled.id"],
        "flow_cta": of["a form's title"],
    });
    json!({ "type": "interactive", "interactive": {
        "type": "flow",
        "body": { "text": "And how?" },
        "action": { "name": "flow", "parameters": parameters },
    } })
}

/// She chooses a row, answers the offer, and sends a file, which the program fetches.
fn answers(program: &Node, ana: &Person, hears: &Hears, of: &BTreeMap<&str, &str>) {
    let menus = until("all of it has come", || {
        let menus: Vec<_> = ana.read().into_iter().filter(|row| row["kind"] == "menu").collect();
        let has = |what: &str| menus.iter().find(|row| row.to_string().contains(of[what])).cloned();
        Some((
            has("menu.list")?,
            has("menu.template").or_else(|| has("a template's text"))?,
            has("a button")?,
            has("a form's title")?,
        ))
    });
    let choose = |menu: &Value, title: &str| {
        ana.run(&["choose", menu["id"].as_str().expect("an id"), title]).ok();
    };
    choose(&menus.0, of["menu.title"]);
    choose(&menus.1, "Quero");
    choose(&menus.2, of["a button"]);
    let words = format!("{}={}", of["filled.name"], of["filled.text"]);
    let form = menus.3["id"].as_str().expect("an id");
    ana.run(&["fill", form, "--answer", "size=2", "--json"]).refused(4, "misfilled");
    ana.run(&["fill", form, "--answer", &words, "--answer", "size=1"]).ok();
    let told = hears.find("what she filled in", |value| {
        value["messages"][0].pointer("/interactive/nfm_reply/response_json").cloned()
    });
    let told: Value = serde_json::from_str(told.as_str().expect("JSON in a text")).expect("JSON");
    let wanted = json!({
        "flow_token": of["filled.id"], "words": of["filled.text"], "size": of["filled.chosen"],
    });
    assert_eq!(told, wanted);
    for (what, pointer) in [
        ("menu.id", "/interactive/list_reply/id"),
        ("a template's button", "/button/payload"),
        ("a button", "/interactive/button_reply/title"),
    ] {
        hears.find(what, |value| {
            let message = &value["messages"][0];
            (message.pointer(pointer)? == of[what]).then(|| message.clone())
        });
    }
    let outside = tempfile::tempdir().expect("a folder");
    let file = outside.path().join(of["a file's name of the customer"]);
    std::fs::write(&file, of["bytes of a file"].repeat(100)).expect("written");
    let file = file.to_str().expect("UTF-8");
    ana.run(&["send", "bakery", "--file", file, "--caption", of["a caption of the customer"]]).ok();
    let media = hears.find("her file", |value| {
        let document = &value["messages"][0]["document"];
        (document["caption"] == of["a caption of the customer"]).then(|| document["id"].clone())
    });
    let known = program.call(&format!("GET /v23.0/{}", media.as_str().expect("an id")), &Value::Null);
    let url = known["url"].as_str().and_then(|it| it.split_once("://")?.1.split_once('/')).expect("a URL").1;
    let fetched = crate::node::bytes_of(&program.address, &program.token, &format!("GET /{url}"));
    assert!(
        fetched.windows(16).any(|it| it == &of["bytes of a file"].as_bytes()[..16]),
        "the node has fetched it"
    );
}
