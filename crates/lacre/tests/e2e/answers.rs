//! What answers what, what is spoken and what is a sticker, between a bakery's node and Ana; and what changed while
//! nobody told of it. Through a node of the real binary.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::console::Bakery;
use crate::node::{Hears, ask};
use crate::process::{Person, lacre, run, until};
use crate::voice::wav;

/// Where files are fetched from, by their path.
fn files(laid: HashMap<&'static str, (&'static str, Vec<u8>)>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).unwrap_or_default();
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            let (kind, body) = &laid[asked.split(' ').nth(1).expect("a path")];
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    url
}

fn note(folder: &Path) -> String {
    let (said, note) = (folder.join("said.wav"), folder.join("note.opus"));
    wav(&said);
    run(lacre().args(["voice", "record"]).arg(&note).arg("--from").arg(&said)).ok();
    note.to_str().expect("UTF-8").to_owned()
}

fn heard(program: &Hears, kind: &str, is: impl Fn(&Value) -> bool) -> Value {
    program.find(kind, |value| {
        let message = &value["messages"][0];
        (message["type"] == kind && is(message)).then(|| message.clone())
    })
}

fn row(person: &Person, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(what, || person.read().into_iter().find(|row| is(row)))
}

#[test]
fn r18_whatever_answers_says_what_it_answers_and_a_voice_or_a_sticker_stays_one() {
    let bakery = Bakery::new();
    let (_node, address) = bakery.serves(&["--allow-link-host", "127.0.0.1"]);
    let program = Hears::start();
    bakery.says(&["webhook", "set", &program.url, "--verify-token", "bread"]).ok();
    let folder = tempfile::tempdir().expect("a folder");
    let spoken = note(folder.path());
    let ana = bakery.relay.person("ana");
    ana.run(&["send", "bakery", "have you rye?"]).ok();
    let question = heard(&program, "text", |_| true);
    let asked = row(&ana, "her own words", |row| row["mine"] == true)["id"].clone();

    let sticker = b"RIFF\x08\0\0\0WEBPVP8 ".to_vec();
    let ogg = std::fs::read(&spoken).expect("a note");
    let links = files(HashMap::from([
        ("/note.ogg", ("audio/ogg; codecs=opus", ogg.clone())),
        ("/cut.ogg", ("audio/ogg", ogg[..200].to_vec())),
        ("/rye.webp", ("image/webp", sticker.clone())),
    ]));
    let at = |name: &str| json!({ "link": format!("{links}/{name}") });
    let voice = |name: &str| json!({ "link": format!("{links}/{name}"), "voice": true });
    let card = json!({
        "type": "button", "body": { "text": "This one?" },
        "action": { "buttons": [{ "type": "reply", "reply": { "id": "this", "title": "This one" } }] },
    });
    let place = json!({ "latitude": -23.55, "longitude": -46.63, "name": "The bakery" });
    let says = |kind: &str, what: Value| {
        let said = json!({
            "messaging_product": "whatsapp", "to": question["from"], "type": kind, kind: what,
            "context": { "message_id": question["id"] },
        });
        let line = format!("POST /v23.0/{}/messages", bakery.id("phone_number_id"));
        ask(&address, &bakery.id("access_token"), &line, &said)
    };
    let mut sent = Vec::new();
    for (kind, what) in [
        ("audio", voice("note.ogg")),
        ("audio", voice("cut.ogg")),
        ("sticker", at("rye.webp")),
        ("location", place),
        ("interactive", card),
    ] {
        let (status, answer) = says(kind, what);
        assert_eq!(status, 200, "{kind}: {answer}");
        sent.push(answer["messages"][0]["id"].clone());
    }
    let came =
        |what: &str, is: &dyn Fn(&Value) -> bool| row(&ana, what, |row| row["mine"] == false && is(row));
    let file = |row: &Value| row["content"]["files"][0]["type"].clone();
    let note = came("the voice note", &|row| row["kind"] == "voice");
    assert_eq!((&note["content"]["duration_ms"], file(&note)), (&json!(1000), json!("audio/ogg")));
    let loud = note["content"]["waveform"].as_array().map(|all| all.iter().any(|it| it != 0));
    assert_eq!(loud, Some(true), "{note}");
    let plain = came("what cannot be heard", &|row| row["kind"] == "media" && file(row) == "audio/ogg");
    let stuck = came("the sticker", &|row| row["content"]["sticker"] == true);
    assert_eq!(file(&stuck), "image/webp");
    let place = came("the place", &|row| row["kind"] == "location");
    let menu = came("the card", &|row| row["kind"] == "menu");
    for row in [&note, &plain, &stuck, &place, &menu] {
        assert_eq!(row["reply_to"], asked, "{row}");
    }
    let shown = ana.run(&["read"]).ok().stdout;
    assert!(shown.contains("> ana: have you rye?") && shown.contains("a sticker: "), "{shown}");
    let (status, answer) = says("reaction", json!({ "message_id": "wamid.HBgAAAA", "emoji": "👍" }));
    assert_eq!(status, 400, "{answer}");

    // And she answers: what she answers is shown to her, and told to the program.
    let image = folder.path().join("yes.webp");
    std::fs::write(&image, &sticker).expect("written");
    let (image, answers) = (image.to_str().expect("UTF-8"), stuck["id"].as_str().expect("an id"));
    ana.run(&["send", "bakery", "--file", image, "--original", "--sticker", "--reply-to", answers]).ok();
    ana.run(&["send", "bakery", "--voice", &spoken, "--reply-to", answers]).ok();
    let back = heard(&program, "sticker", |_| true);
    let said = heard(&program, "audio", |_| true);
    assert_eq!(said["audio"]["voice"], true, "{said}");
    for message in [&back, &said] {
        assert_eq!(message["context"]["id"], sent[2], "{message}");
    }
    let shown = ana.run(&["read"]).ok().stdout;
    assert!(shown.contains("> bakery: a sticker: "), "{shown}");
}

/// The device has taken in what nobody told of: as when the node dies between the two. What is older than any number of
/// messages that were told comes too, at its own time.
#[test]
fn r18_what_changed_while_nobody_told_of_it_is_told_however_old_it_is() {
    let bakery = Bakery::new();
    let (mut node, address) = bakery.serve();
    let program = Hears::start();
    bakery.says(&["webhook", "set", &program.url, "--verify-token", "bread"]).ok();
    let ana = bakery.relay.person("ana");
    let first = ana.run(&["send", "bakery", "two rye", "--json"]).ok().object();
    let second = ana.run(&["send", "bakery", "and oats", "--json"]).ok().object();
    let question = heard(&program, "text", |message| message["text"]["body"] == "two rye");
    let said =
        json!({ "messaging_product": "whatsapp", "to": question["from"], "text": { "body": "at five" } });
    let line = format!("POST /v23.0/{}/messages", bakery.id("phone_number_id"));
    let (status, answer) = ask(&address, &bakery.id("access_token"), &line, &said);
    assert_eq!(status, 200, "{answer}");
    let theirs = row(&ana, "the answer", |row| row["text"] == "at five")["id"].clone();
    // So many are told after them that nobody would look further back for what is new.
    let lines = (0..80).map(|n| json!({ "op": "send", "to": "bakery", "text": format!("more {n}") }));
    let lines: Vec<_> = lines.map(|line| format!("{line}\n")).collect();
    ana.run_with(&["bot", "--json"], &lines.concat()).ok();
    heard(&program, "text", |message| message["text"]["body"] == "more 79");
    node.kill();

    std::thread::sleep(Duration::from_millis(2_100));
    let id = |row: &Value| row["id"].as_str().expect("an id").to_owned();
    ana.run(&["edit", &id(&first), "three rye"]).ok();
    ana.run(&["delete", &id(&second), "--for-everyone"]).ok();
    ana.run(&["react", theirs.as_str().expect("an id"), "👍"]).ok();
    let mut device = lacre();
    device.env("LACRE_PASSPHRASE", crate::process::PASSPHRASE);
    device.arg("--profile").arg(bakery.data().join("device")).args(["read", "--with", "ana", "--json"]);
    let taken = run(&mut device).ok().objects();
    assert!(taken.iter().any(|row| row["text"] == "three rye"), "the device has it, and nobody was told");

    let (_node, _) = bakery.serve();
    let seconds = |message: &Value| message["timestamp"].as_str().and_then(|it| it.parse::<u64>().ok());
    let edit = heard(&program, "edit", |_| true);
    assert_eq!(edit["edit"]["original_message_id"], question["id"]);
    let gone = heard(&program, "revoke", |_| true);
    let reaction = heard(&program, "reaction", |_| true);
    assert_eq!(reaction["reaction"]["message_id"], answer["messages"][0]["id"]);
    for message in [&edit, &gone, &reaction] {
        assert!(seconds(message) > seconds(&question).map(|it| it + 1), "at its own time: {message}");
    }
}
