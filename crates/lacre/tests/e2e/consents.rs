//! What customers have agreed to, and an auditor who checks it with nothing of the node's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use lacre_proto::wire;
use prost::Message;
use serde_json::{Value, json};

use crate::console::Bakery;
use crate::node::{Hears, ask};
use crate::process::{PATIENCE, Person, Running, run, until};

/// What customers are told before they write: it is with the directory's answer to the first of them.
pub fn told(bakery: &Bakery) {
    bakery.says(&["retention", "set", "--kind", "messages", "--days", "30"]).ok();
    let set = ["terms", "set", "--notice", "We bake what you order."];
    let told = bakery.says(&set).ok().object();
    assert_eq!((&told["keeps_days"], &told["customers_can_know"]), (&json!(30), &json!(true)), "{told}");
    let add = ["provider", "add", "Acme Support", "--purpose", "answers at night", "--days", "30"];
    let added = bakery.says(&add).ok().object();
    assert_eq!(added["provider"]["state"], "acts", "{added}");
}

/// A provider's token works until the provider is put out.
pub fn acting(bakery: &Bakery, address: &str) {
    let number = bakery.id("phone_number_id");
    let id = bakery.says(&["provider", "list"]).ok().object()["id"].to_string();
    let made = bakery.says(&["token", "create", "--provider", &id, "--scope", "messaging"]).ok().object();
    let token = made["access_token"].as_str().expect("a token").to_owned();
    let looks = || {
        let call = format!("GET /v23.0/{number}/whatsapp_business_profile");
        ask(address, &token, &call, &Value::Null).0
    };
    assert_eq!(looks(), 200);
    bakery.says(&["provider", "remove", &id]).ok();
    assert_eq!(looks(), 401, "their next request is refused");
    bakery.says(&["provider", "remove", "1"]).refused(4, "not_found");
    let lines = run(&mut bakery.command(&["provider", "list"])).ok().stdout;
    assert!(lines.contains("Acme Support") && lines.contains("revoked"), "{lines}");
}

/// Ana has written, then agrees, then stops: each is listed at once, and exported as her device signed it.
pub fn looked_at(bakery: &Bakery, ana: &Person, customer: &Value) {
    let row = bakery.says(&["consent", "list"]).ok().object();
    assert_eq!((&row["wa_id"], &row["window_open"]), (customer, &json!(true)), "{row}");
    assert_eq!((&row["categories"], &row["stands"]), (&json!([]), &json!(false)), "{row}");
    assert!(bakery.says(&["consent", "export"]).ok().objects().is_empty(), "she has signed nothing");

    let shown = ana.run(&["consent", "--json"]).ok().object();
    assert_eq!(
        (&shown["terms"]["keeps_days"], &shown["terms"]["providers"][0]["name"]),
        (&json!(30), &json!("Acme Support")),
        "{shown}"
    );
    ana.run(&["consent", "grant", "bakery", "--for", "offers,service", "--days", "30"]).ok();
    let row = until("it is here", || {
        let row = bakery.says(&["consent", "list"]).ok().object();
        (row["stands"] == true).then_some(row)
    });
    assert_eq!(row["categories"], json!(["service", "marketing"]), "{row}");
    let days = row["until_ms"].as_u64().zip(row["since_ms"].as_u64()).map(|(until, since)| until - since);
    assert!(days.is_some_and(|it| (29..=30).contains(&(it / 86_400_000))), "{row}");
    let signed = bakery.says(&["consent", "export"]).ok().object();
    let grant = checked(&signed).expect("Ana's device has signed it");
    assert_eq!(
        (grant.granted_ms, grant.expires_ms),
        (row["since_ms"].as_u64().expect("a time"), row["until_ms"].as_u64().expect("a time"))
    );
    assert_eq!(grant.categories.len(), 2);
    assert_eq!(grant.notice_hash.len(), 32, "she has agreed to what she was told");
    // Whoever changes a bit of it is found out.
    let mut false_one = signed.clone();
    let mut bytes = STANDARD.decode(signed["receipt"].as_str().expect("text")).expect("base64");
    bytes[20] ^= 1;
    false_one["receipt"] = STANDARD.encode(bytes).into();
    assert!(checked(&false_one).is_none());

    // What takes service back closes the window at once, though she keeps the offers.
    ana.run(&["consent", "grant", "bakery", "--for", "offers", "--days", "30"]).ok();
    let row = until("the narrower grant is here", || {
        let row = bakery.says(&["consent", "list"]).ok().object();
        (row["categories"] == json!(["marketing"])).then_some(row)
    });
    assert_eq!((&row["stands"], &row["window_open"]), (&json!(true), &json!(false)), "{row}");

    ana.run(&["consent", "stop", "bakery"]).ok();
    let row = until("the stop is here", || {
        let row = bakery.says(&["consent", "list"]).ok().object();
        (row["stopped"] == true).then_some(row)
    });
    assert_eq!((&row["stands"], &row["window_open"]), (&json!(false), &json!(false)), "{row}");
    let stop = checked(&bakery.says(&["consent", "export"]).ok().object()).expect("a stop is signed too");
    assert!(stop.categories.is_empty() && stop.revision > grant.revision);
    let lines = run(&mut bakery.command(&["consent", "list"])).ok().stdout;
    assert!(lines.contains("stopped ") && lines.contains("window closed"), "{lines}");
}

/// All that is held of Ana is in one document: what she said and was told, what she sent, and each thing that she signed.
pub fn exported(bakery: &Bakery, ana: &Person, customer: &Value) {
    let customer = customer.as_str().expect("digits");
    let cake = bakery.data().with_file_name("cake.txt");
    std::fs::write(&cake, "as big as this").expect("written");
    ana.run(&["send", "bakery", "--file", cake.to_str().expect("UTF-8")]).ok();
    let told = until("the file is here", || {
        let told = bakery.says(&["customer", "export", customer]).ok().object();
        told["messages"].as_array()?.iter().any(|it| it["files"][0]["name"] == "cake.txt").then_some(told)
    });
    assert_eq!((&told["wa_id"], &told["person"]["handle"]), (&json!(customer), &json!("ana")), "{told}");
    assert_eq!(told["person"]["consent"]["stopped"], true);
    let messages = told["messages"].as_array().expect("rows");
    let said: Vec<_> = messages
        .iter()
        .map(|it| (it["from"].as_str().unwrap_or_default(), it["content"].to_string()))
        .collect();
    let has = |from: &str, words: &str| said.iter().any(|it| it.0 == from && it.1.contains(words));
    assert!(has("customer", "do you have rye?") && has("business", "Oi Ana, está pronto."), "{said:?}");
    let receipts =
        messages.iter().filter(|it| it["kind"] == "consent" && !it["content"]["receipt"].is_null());
    assert_eq!(receipts.count(), 3, "the grant, the narrower one and the stop: {said:?}");
    let sent = messages.iter().find(|it| it["from"] == "business").expect("the template");
    assert_eq!(sent["sent_by_api"]["category"], "service", "{sent}");
    let file = messages.iter().find(|it| it["files"][0]["name"] == "cake.txt").expect("it is there");
    assert_eq!((&file["files"][0]["bytes"], &file["from"]), (&json!(14), &json!("customer")));
    assert!(!told.to_string().contains("capability"), "what opens a file is no data about her");

    let out = bakery.data().with_file_name("ana.json");
    let out = out.to_str().expect("UTF-8");
    let done = bakery.says(&["customer", "export", customer, "-o", out]).ok().object();
    let whole: Value = serde_json::from_slice(&std::fs::read(out).expect("it is there")).expect("JSON");
    assert_eq!(whole["messages"].as_array().map(Vec::len), Some(messages.len()));
    assert_eq!(done["messages"], json!(messages.len()));
    bakery.says(&["customer", "export", customer, "-o", out]).refused(4, "file_exists");
    bakery.says(&["customer", "export", "100000000000001"]).refused(4, "not_found");
}

/// Ana is restricted: nothing is sent to her, read receipts neither; what she writes is told when that is lifted.
pub fn restricted(bakery: &Bakery, (address, program): (&str, &Hears), ana: &Person, customer: &Value) {
    let (number, token) = (bakery.id("phone_number_id"), bakery.id("access_token"));
    let call = |body: &Value| ask(address, &token, &format!("POST /v23.0/{number}/messages"), body);
    ana.run(&["send", "bakery", "one thing more"]).ok();
    let heard = program.find("what she wrote before", |value| {
        let message = &value["messages"][0];
        (message["text"]["body"] == "one thing more").then(|| message.clone())
    });
    let digits = customer.as_str().expect("digits");
    assert!(bakery.says(&["customer", "restrict", digits]).ok().object()["restricted_since_ms"].is_u64());
    let send = json!({ "messaging_product": "whatsapp", "to": customer, "type": "text", "text": { "body": "psst" } });
    let read = json!({ "messaging_product": "whatsapp", "status": "read", "message_id": heard["id"] });
    for body in [&send, &read] {
        let (status, refused) = call(body);
        assert_eq!((status, &refused["error"]["code"]), (400, &json!(131_026)), "{refused}");
    }
    ana.run(&["send", "bakery", "keep this to yourselves"]).ok();
    until("it waits", || {
        let told = bakery.says(&["customer", "restrict", digits]).ok().object();
        (told["waiting"].as_u64() >= Some(1)).then_some(())
    });
    let is_told = || {
        let heard = program.heard.lock().expect("no panic");
        heard.iter().any(|it| it.to_string().contains("keep this to yourselves"))
    };
    assert!(!is_told());
    bakery.says(&["customer", "restrict", digits, "--lift"]).ok();
    until("it is told", || is_told().then_some(()));
    assert_eq!(call(&read).0, 200);
    assert_eq!(call(&send).0, 200);
}

/// Ana is erased: nothing that she said is here any more, also after the node was killed; what she says later is.
pub fn erased(bakery: &Bakery, program: &Hears, ana: &Person, customer: &Value) {
    let digits = customer.as_str().expect("digits");
    let out = bakery.data().with_file_name("erased.json");
    let out = out.to_str().expect("UTF-8");
    bakery.says(&["customer", "erase", digits, "-o", out]).ok();
    let told: Value = serde_json::from_slice(&std::fs::read(out).expect("it is there")).expect("JSON");
    assert!(told["erased"]["messages"].as_u64() >= Some(8), "{told}");
    let log = bakery.says(&["audit", "list", "--what", "customer.erase"]).ok().object();
    assert_eq!(log["customer"], told["pseudonym"]);
    bakery.says(&["customer", "export", digits]).refused(4, "not_found");
    // What was said is told no more; what is said from now on is, under the same number.
    let times = |words: &str| {
        let heard = program.heard.lock().expect("no panic");
        heard.iter().filter(|it| it.to_string().contains(words)).count()
    };
    let before = times("keep this to yourselves");
    ana.run(&["send", "bakery", "it is me again"]).ok();
    let heard = program.find("what she says later", |value| {
        let message = &value["messages"][0];
        (message["text"]["body"] == "it is me again").then(|| message.clone())
    });
    assert_eq!(heard["from"], *customer);
    assert_eq!(times("keep this to yourselves"), before);
    let held = bakery.says(&["customer", "export", digits]).ok().object();
    let texts: Vec<_> =
        held["messages"].as_array().expect("rows").iter().map(|it| it["content"].to_string()).collect();
    assert!(texts.iter().any(|it| it.contains("it is me again")), "{texts:?}");
    for words in ["rye", "está pronto", "keep this", "cake"] {
        assert!(!held.to_string().contains(words), "{words} in {held}");
    }
}

/// The node is killed while it erases: it goes on at the next start, before it tells anything. Gives the node.
pub fn killed_while_erasing(bakery: &Bakery, mut node: Running, customer: &Value) -> Running {
    let digits = customer.as_str().expect("digits").to_owned();
    let held = bakery.says(&["customer", "export", &digits]).ok().object();
    assert!(!held["messages"].as_array().expect("rows").is_empty(), "{held}");
    let mut erase = bakery.command(&["customer", "erase", &digits, "--json"]);
    let asks = std::thread::spawn(move || run(&mut erase));
    let file = bakery.data().join("erased");
    // It is soon over: no moment is lost once it has begun.
    let has_begun = || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        text.lines().filter(|it| !it.is_empty()).count() == 2
    };
    let begun = std::time::Instant::now();
    while !has_begun() {
        assert!(begun.elapsed() < PATIENCE, "it has not begun");
        std::hint::spin_loop();
    }
    node.kill();
    let was_done = asks.join().expect("no panic").code == 0;
    let (node, _) = bakery.serve();
    bakery.says(&["customer", "export", &digits]).refused(4, "not_found");
    let rows = bakery.says(&["audit", "list", "--what", "customer.erase", "--who", "node"]).ok().objects();
    assert!(was_done || rows.len() == 1, "the node did it of itself: {rows:?}");
    node
}

/// What an auditor does with a line: the identity key has signed the device list, and a device of the list the receipt.
fn checked(line: &Value) -> Option<wire::ConsentGrant> {
    let bytes = |name: &str| STANDARD.decode(line[name].as_str()?).ok();
    let list = wire::Signed::decode(bytes("device_list")?.as_slice()).ok()?;
    holds(&bytes("identity_key")?, b"lacre device list v1", &list)?;
    let list = wire::DeviceList::decode(list.body).ok()?;
    let receipt = wire::Signed::decode(bytes("receipt")?.as_slice()).ok()?;
    let grant = wire::ConsentGrant::decode(receipt.body.clone()).ok()?;
    let device = list.devices.iter().find(|it| it.device == grant.device)?;
    holds(&device.signature_key, b"lacre consent v1", &receipt)?;
    (grant.customer == list.account).then_some(grant)
}

fn holds(key: &[u8], label: &[u8], signed: &wire::Signed) -> Option<()> {
    let key = VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    let signature = Signature::from_slice(&signed.signature).ok()?;
    key.verify_strict(&[label, &[0], &signed.body].concat(), &signature).ok()
}
