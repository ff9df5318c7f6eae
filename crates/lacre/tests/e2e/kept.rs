//! What the bakery's node keeps: under a key that lies elsewhere, for as long as is set.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::console::Bakery;
use crate::node::Hears;
use crate::process::{holds, run, until};

/// A program brings a file; its id.
fn upload(address: &str, token: &str, number: &str, words: &str) -> String {
    let part =
        |head: &str, body: &str| format!("--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    let body = [
        part("name=\"messaging_product\"", "whatsapp"),
        part("name=\"file\"; filename=\"bread.txt\"\r\nContent-Type: text/plain", words),
        "--XX--\r\n".to_owned(),
    ]
    .concat();
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "POST /v23.0/{number}/media HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: multipart/form-data; boundary=XX\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let told: Value = serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    told["id"].as_str().unwrap_or_else(|| panic!("no id: {answer}")).to_owned()
}

#[test]
fn r19_what_is_at_rest_opens_by_a_key_that_lies_elsewhere_and_is_kept_as_long_as_is_set() {
    let keys = tempfile::tempdir().expect("a folder");
    let key = keys.path().join("node.key");
    let key = key.to_str().expect("UTF-8");
    let bakery = Bakery::with(&["--key-file", key]);
    assert!(std::fs::metadata(key).is_ok() && !bakery.data().join("node.key").exists());
    let without = bakery.says(&["token", "list"]);
    assert!(without.code != 0, "the folder alone opens nothing");
    let says = |args: &[&str]| run(bakery.command(args).arg("--json").env("LACRE_NODE_KEY_FILE", key));
    assert_eq!(says(&["token", "list"]).ok().objects().len(), 1);

    let (mut node, address) = bakery.serves(&["--key-file", key]);
    let hears = Hears::start();
    says(&["webhook", "set", &hears.url, "--verify-token", "bread"]).ok();
    let ana = bakery.relay.person("ana");
    let words = "a canary in the pantry";
    ana.run(&["send", "bakery", words]).ok();
    let heard = hears.find("Ana's words", |value| {
        let message = &value["messages"][0];
        (message["text"]["body"] == words).then(|| message.clone())
    });
    let menu = "today's bread is rye, and that is a secret until noon";
    let (token, number) = (bakery.id("access_token"), bakery.id("phone_number_id"));
    let id = upload(&address, &token, &number, menu);
    for secret in [words, menu] {
        assert!(!holds(&bakery.data(), secret.as_bytes()), "the node's disk has {secret}");
    }
    let document = json!({ "messaging_product": "whatsapp", "to": heard["from"], "type": "document",
                           "document": { "id": id, "filename": "bread.txt" } });
    let (status, sent) =
        crate::node::ask(&address, &token, &format!("POST /v23.0/{number}/messages"), &document);
    assert_eq!(status, 200, "{sent}");
    let got = until("the file is there", || ana.read().into_iter().find(|row| row["kind"] == "media"));
    assert!(got.to_string().contains("bread.txt"), "{got}");
    assert!(!holds(&bakery.data(), menu.as_bytes()), "nor after it was sent");

    kept(&says, heard["from"].as_str().expect("digits"));
    node.terminate();
    assert_eq!(node.ended(), 0);
    // Stopped, periods are set and listed; only what the device holds needs a node that serves.
    says(&["retention", "set", "--kind", "notes", "--days", "3"]).ok();
    assert!(says(&["retention", "list"]).ok().objects().iter().any(|it| it["days"] == 3));
    says(&["retention", "report"]).refused(4, "node_not_serving");
}

/// Periods are set, listed, reported; what is younger than they are stays.
fn kept(says: &dyn Fn(&[&str]) -> crate::process::Run, customer: &str) {
    says(&["retention", "set", "--kind", "messages", "--days", "90"]).ok();
    says(&["retention", "set", "--kind", "messages", "--days", "365", "--customer", customer]).ok();
    says(&["retention", "set", "--kind", "audit", "--days", "9"]).refused(2, "invalid");
    says(&["retention", "set", "--kind", "media", "--days", "31"]).refused(2, "invalid");
    let rows = says(&["retention", "list"]).ok().objects();
    let own = rows.last().expect("rows");
    assert_eq!((&own["customer"], &own["kept_days"]), (&json!(customer), &json!(365)), "{rows:?}");
    assert_eq!(says(&["retention", "sweep"]).ok().object()["erased"], json!({}));
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("kept.json");
    let out = out.to_str().expect("UTF-8");
    says(&["retention", "report", "-o", out]).ok();
    says(&["retention", "report", "-o", out]).refused(4, "file_exists");
    let told: Value = serde_json::from_slice(&std::fs::read(out).expect("it is there")).expect("JSON");
    let messages = &told["kinds"][0];
    assert_eq!(
        (&messages["kind"], &messages["kept_for_ms"]),
        (&json!("messages"), &json!(90_u64 * 86_400_000))
    );
    assert!(messages["held"].as_u64() >= Some(2) && messages["oldest_ms"].is_u64(), "{told}");
    assert!(messages["last_sweep_ms"].is_u64() && told["stays"].is_array(), "{told}");
    assert_eq!(says(&["records"]).ok().object()["messages_kept_for_ms"], json!(90_u64 * 86_400_000));
}
