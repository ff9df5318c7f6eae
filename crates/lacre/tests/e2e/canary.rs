//! R2: a whole run with a unique string in every field, then a search for them in everything that the relay has or
//! lets out: its data folder, its log at the finest level, its metrics, and the frames themselves without TLS.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use lacre_client::content::KINDS;
use lacre_testkit::canary::{Canary, Hit, Search, registry};
use serde_json::Value;

use crate::process::{PASSPHRASE, Person, lacre};

/// A handle is not a secret from the relay: a search that does not find it finds nothing.
const CONTROL: &str = "control-canary-in-clear";

#[test]
fn nothing_that_people_write_is_found_anywhere_at_the_relay() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let log = folder.path().join("log");
    let (mut process, told) = traced_relay(&folder.path().join("data"), &log);
    let tap = Tap::before(address(&told, "address"));
    let mut canaries = registry(7);
    canaries.extend([Canary::new("reply.text", 7), Canary::of("passphrase", PASSPHRASE.as_bytes())]);
    let of = |what: &str| canaries.iter().find(|canary| canary.what == what).map(Canary::text);
    let of = |what: &str| of(what).unwrap_or_else(|| panic!("{what} has no canary"));

    let (ana, control) = (Person::at(&tap.url(), "ana"), Person::at(&tap.url(), CONTROL));
    let first = ana.send(&control, of("text.text"));
    let id = first["id"].as_str().expect("a message has an id").to_owned();
    control.read();
    for kind in KINDS {
        plant(kind.name, &ana, &control, &id, &of);
    }
    control.run(&["send", "ana", of("reply.text"), "--reply-to", &id]).ok();
    assert_eq!(ana.texts_from(&control), [of("reply.text")], "the run did what it should");
    control.run(&["read", "--mark-read"]).ok();
    let metrics = get(address(&told, "admin"), "/metrics");
    assert!(metrics.contains("200 OK") && metrics.len() > 500, "{metrics}");
    let frames = tap.frames();
    process.kill().and_then(|()| process.wait()).expect("it ends");

    let search = Search::new(&canaries);
    let mut hits = search.folder(folder.path()).expect("the folder can be read");
    hits.extend(search.bytes("metrics", metrics.as_bytes()));
    hits.extend(search.bytes("frames", &frames));
    hits.extend(
        [&ana, &control].iter().flat_map(|person| search.folder(&person.profile).expect("a profile")),
    );
    assert_eq!(hits, [], "0 hits");

    let control = Search::new(&[Canary::of("control", CONTROL.as_bytes())]);
    let found = |hits: Vec<Hit>| assert!(!hits.is_empty(), "the control is found");
    found(control.folder(&folder.path().join("data")).expect("the folder can be read"));
    found(control.bytes("frames", &frames));
    let log = std::fs::read_to_string(&log).expect("there was a log to search");
    assert_eq!(log.matches("account made").count(), 2, "it told of both sign-ups: {log}");
}

/// Says something of a kind, with its canaries. A kind that is added to the registry has to be added here.
fn plant<'a>(kind: &str, ana: &Person, control: &Person, id: &str, of: &impl Fn(&str) -> &'a str) {
    let run = |person: &Person, args: &[&str]| person.run(args).ok();
    match kind {
        // Said before, or by the devices themselves.
        "text" | "delivered" | "read" | "unknown" => {}
        "reaction" => drop(run(control, &["react", id, "👍"])),
        "edit" => drop(run(ana, &["edit", id, of("edit.text")])),
        "delete" => {
            let sent = ana.send(control, "to be taken back");
            drop(run(ana, &["delete", sent["id"].as_str().expect("an id"), "--for-everyone"]));
        }
        "poll" => {
            let args = ["poll", CONTROL, of("poll.question"), of("poll.option"), "no", "--json"];
            let poll = run(ana, &args).object()["id"].as_str().expect("an id").to_owned();
            drop(run(ana, &["vote", &poll, "1"]));
            drop(run(ana, &["close-poll", &poll]));
        }
        // With the poll.
        "vote" | "close-poll" => {}
        "location" => {
            drop(run(ana, &["location", CONTROL, "-23.5", "-46.6", "--label", of("location.label")]));
        }
        "media" => {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let path = folder.path().join(of("media.name"));
            std::fs::write(&path, of("media.thumbnail").repeat(1000)).expect("a file can be written");
            let path = path.to_str().expect("a plain path");
            let args = ["send", CONTROL, "--file", path, "--caption", of("media.caption"), "--json"];
            let sent = run(ana, &args).objects().pop().expect("it was sent");
            let id = sent["id"].as_str().expect("an id");
            // What is saved lies in clear where its reader wants it: outside of what is searched.
            drop(run(control, &["save", id, "--to", folder.path().join("saved").to_str().expect("a path")]));
        }
        // Recorded, not typed: planted in its own form by testkit's `r15_every_kind_of_content_*`.
        "voice" => {}
        "contact" => drop(run(ana, &["contact", CONTROL, CONTROL, "--name", of("contact.name")])),
        "pin" => drop(run(ana, &["pin", id])),
        "timer" => drop(run(ana, &["timer", CONTROL, "1w"])),
        "name" => {
            drop(run(ana, &["name", of("name.name")]));
            ana.send(control, "by the way");
        }
        // Groups' own, typing, and what only devices of one account say: planted in their own form by testkit's `r15_every_kind_of_content_*`.
        "fact" | "leave" | "briefing" | "given" | "ask-to-join" | "join-answer" | "typing" | "sync"
        | "history" => {}
        // A business's and its customers': planted by `canary_business`.
        "menu" | "choice" | "filled" | "consent" => {}
        other => panic!("the kind {other} is not planted: add it here"),
    }
}

/// A relay without TLS that logs all it can into a file.
pub fn traced_relay(data: &std::path::Path, log: &std::path::Path) -> (std::process::Child, Value) {
    let mut command = lacre();
    let listen = ["--tls", "off", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    command.args(["relay", "--json"]).args(listen).arg("--data").arg(data);
    traced(&mut command, log)
}

/// A server that logs all it can into a file, and where it listens.
pub fn traced(command: &mut std::process::Command, log: &std::path::Path) -> (std::process::Child, Value) {
    let mut process = command
        .env("LACRE_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(File::create(log).expect("a file can be made"))
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    let stdout = process.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("it tells where it listens");
    (process, serde_json::from_str(&line).expect("as JSON"))
}

pub fn address(told: &Value, name: &str) -> SocketAddr {
    told[name].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{name} in {told}"))
}

pub fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// What went one way over one connection.
type Stream = Arc<Mutex<Vec<u8>>>;

/// Stands between people and a relay, and keeps what passes.
pub struct Tap {
    address: SocketAddr,
    /// One stream for each direction of each connection.
    streams: Arc<Mutex<Vec<Stream>>>,
}

impl Tap {
    pub fn before(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let streams: Arc<Mutex<Vec<Stream>>> = Arc::default();
        let kept = streams.clone();
        std::thread::spawn(move || {
            for person in listener.incoming().flatten() {
                let relay = TcpStream::connect(relay).expect("the relay listens");
                for (from, to) in [(&person, &relay), (&relay, &person)] {
                    let stream: Stream = Arc::default();
                    kept.lock().expect("no panic").push(stream.clone());
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    std::thread::spawn(move || pass(from, to, &stream));
                }
            }
        });
        Self { address, streams }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All payloads that passed, unmasked, one after the other.
    pub fn frames(&self) -> Vec<u8> {
        let streams = self.streams.lock().expect("no panic");
        assert!(streams.len() >= 8, "several connections passed here");
        streams.iter().flat_map(|stream| payloads(&stream.lock().expect("no panic"))).collect()
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        kept.lock().expect("no panic").extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
    // The other side may be gone already.
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// The payloads of the WebSocket frames (RFC 6455 §5.2) after an HTTP head, and the head.
fn payloads(stream: &[u8]) -> Vec<u8> {
    let head = stream.windows(4).position(|four| four == b"\r\n\r\n").map_or(stream.len(), |at| at + 4);
    let (head, mut rest) = stream.split_at(head);
    let mut all = head.to_vec();
    while let [_, second, after @ ..] = rest {
        let (extra, masked) = (
            match second & 0x7f {
                126 => 2,
                127 => 8,
                _ => 0,
            },
            second & 0x80 != 0,
        );
        if after.len() < extra + 4 * usize::from(masked) {
            break;
        }
        let (length, after) = after.split_at(extra);
        let length = match extra {
            0 => usize::from(second & 0x7f),
            _ => length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        };
        let (mask, after) = after.split_at(4 * usize::from(masked));
        let (payload, after) = after.split_at(length.min(after.len()));
        let unmasked = |(at, byte): (usize, &u8)| byte ^ mask.get(at % 4).unwrap_or(&0);
        all.extend(payload.iter().enumerate().map(unmasked));
        rest = after;
    }
    all
}
