//! The bakery's node is killed again and again while its program writes to Ana and she writes to it: nothing is lost,
//! nothing comes to her twice. `LACRE_CRASHES` says how often (5), `LACRE_CRASH_SEED` when.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::console::Bakery;
use crate::node::Hears;
use crate::process::{Person, texts, until};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
}

/// A program that sends one message after the other, each until it is acknowledged, under one idempotency key.
struct Program {
    /// Where the node listens now.
    address: Mutex<String>,
    token: String,
    path: String,
    to: String,
    is_over: AtomicBool,
}

impl Program {
    /// Sends until it is told that it is enough; what was acknowledged.
    fn sends(&self) -> Vec<String> {
        let mut acknowledged = Vec::new();
        while !self.is_over.load(Ordering::SeqCst) {
            let words = format!("from the bakery {}", acknowledged.len());
            let key = format!("key {}", acknowledged.len());
            while self.tries(&key, &words) != Some(200) {
                thread::sleep(Duration::from_millis(20));
            }
            acknowledged.push(words);
        }
        acknowledged
    }

    /// The status of an attempt; `None` when it was cut off.
    fn tries(&self, key: &str, words: &str) -> Option<u16> {
        let address = self.address.lock().expect("no panic").clone();
        let mut stream = TcpStream::connect(address).ok()?;
        let body = json!({ "messaging_product": "whatsapp", "to": self.to, "type": "text", "text": { "body": words } });
        let body = body.to_string();
        write!(
            stream,
            "POST {} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {key}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.path,
            self.token,
            body.len()
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.get(9..12)?.parse().ok()?;
        // What is no answer to give up for is a window that is open and a customer who agreed.
        assert!(status == 200 || status >= 500, "{answer}");
        Some(status)
    }
}

/// Ana writes until it is enough; what she wrote.
fn writes(ana: &Person, program: &Program) -> Vec<String> {
    let mut wrote = Vec::new();
    while !program.is_over.load(Ordering::SeqCst) {
        let words = format!("from ana {}", wrote.len());
        ana.run(&["send", "bakery", &words, "--json"]).ok();
        wrote.push(words);
    }
    wrote
}

#[test]
fn r18_a_node_that_is_killed_at_any_moment_loses_nothing_and_sends_nothing_twice() {
    let bakery = Bakery::new();
    let hears = Hears::start();
    let (mut node, address) = bakery.serves(&["--limits", "lifted"]);
    bakery.says(&["webhook", "set", &hears.url, "--verify-token", "bread"]).ok();
    let ana = bakery.relay.person("ana");
    ana.run(&["send", "bakery", "do you have rye?"]).ok();
    let heard = hears.find("Ana's words", |value| {
        let message = &value["messages"][0];
        (message["text"]["body"] == "do you have rye?").then(|| message.clone())
    });
    let program = Arc::new(Program {
        address: Mutex::new(address),
        token: bakery.id("access_token"),
        path: format!("/v23.0/{}/messages", bakery.id("phone_number_id")),
        to: heard["from"].as_str().expect("who").to_owned(),
        is_over: AtomicBool::new(false),
    });
    let (crashes, mut seed) = (number("LACRE_CRASHES", 5), number("LACRE_CRASH_SEED", 7));
    let (acknowledged, wrote) = thread::scope(|scope| {
        let sending = scope.spawn(|| program.sends());
        let writing = scope.spawn(|| writes(&ana, &program));
        for _ in 0..crashes {
            // Numerical Recipes' generator: moments that are the same the next time.
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % (1 << 32);
            thread::sleep(Duration::from_millis(100 + seed % 900));
            node.kill();
            let (next, address) = bakery.serves(&["--limits", "lifted"]);
            *program.address.lock().expect("no panic") = address;
            node = next;
        }
        thread::sleep(Duration::from_millis(500));
        program.is_over.store(true, Ordering::SeqCst);
        (sending.join().expect("it sent"), writing.join().expect("she wrote"))
    });
    assert!(acknowledged.len() as u64 > crashes && wrote.len() as u64 > crashes / 2);
    let came = until("all that was acknowledged is there", || {
        let came: Vec<_> = texts(ana.read(), "bakery");
        (came.len() >= acknowledged.len()).then_some(came)
    });
    assert_eq!(came, acknowledged, "each once, in the order in which they were sent");

    let first = until("all that she wrote is told", || {
        let heard = hears.heard.lock().expect("no panic");
        let (mut ids, mut first) = (BTreeMap::<String, String>::new(), Vec::new());
        for message in heard.iter().map(|it| &it["entry"][0]["changes"][0]["value"]["messages"][0]) {
            let (Some(words), Some(id)) = (message["text"]["body"].as_str(), message["id"].as_str()) else {
                continue;
            };
            match ids.get(words) {
                None => {
                    ids.insert(words.to_owned(), id.to_owned());
                    first.push(words.to_owned());
                }
                Some(known) => assert_eq!(known, id, "told again under the same id: {words}"),
            }
        }
        (first.len() > wrote.len()).then_some(first)
    });
    assert_eq!(first[1..], wrote, "at least once, in the order in which she wrote");
    let waits = bakery.says(&["webhook", "dead"]).ok().objects();
    assert_eq!(waits, Vec::<Value>::new(), "and nothing was given up");
    eprintln!("{crashes} crashes: {} messages to her, {} from her", acknowledged.len(), wrote.len());
    node.terminate();
    assert_eq!(node.ended(), 0);
}
