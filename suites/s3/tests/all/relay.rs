//! A whole relay, as a process, with its files at a server that speaks S3; and people, as processes.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use lacre_store::blobs::PART;
use serde_json::Value;

use crate::server::Server;

const PATIENCE: Duration = Duration::from_secs(90);
const SIZE: usize = 40 * 1024 * 1024 + 77;
/// KiB a second: slow enough to be killed in the middle.
const RATE: &str = "12288";

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_on_s3_that_is_killed_between_parts_goes_on_and_moves_to_a_folder_and_back() {
    let Some(lacre) = std::env::var_os("LACRE_BINARY") else {
        println!("skipped: LACRE_BINARY does not say where `lacre` is; `cargo xtask s3` builds it and does");
        return;
    };
    let server = Server::start().await;
    let story = Story { lacre, place: tempfile::tempdir().unwrap(), server };
    tokio::task::spawn_blocking(move || story.run()).await.unwrap();
}

struct Story {
    lacre: OsString,
    place: tempfile::TempDir,
    server: Server,
}

/// A process whose lines of standard output are collected; killed when dropped.
struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn lines(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for its good end; what it told last.
    fn done(mut self) -> Value {
        let status = until("the end of a process", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}: {:?}", self.lines());
        // What it told last may still be on its way here.
        until("its last word", || self.lines().pop())
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Story {
    fn run(self) {
        let (film, saved) = (self.at("film"), self.at("saved"));
        let bytes: Vec<u8> = (0..SIZE).map(|at| (at % 251) as u8).collect();
        fs::write(&film, &bytes).unwrap();
        let (mut relay, url) = self.relay("data", "127.0.0.1:0", &self.s3("one"));
        let address = url.trim_start_matches("https://").to_owned();
        for name in ["ana", "bruno"] {
            self.ask(name, &["sign-up", "--relay", &url, "--no-passphrase", name]);
        }
        self.ask("ana", &["send", "bruno", "hello"]);
        self.ask("bruno", &["read"]);
        self.ask("bruno", &["send", "ana", "hello"]);

        // It dies when some parts are there and others are not.
        let slow = ["--max-rate", RATE, "--timeout", "120"];
        let film = film.to_str().unwrap();
        let sending = self.start("ana", &[&["send", "bruno", "--file", film], &slow[..]].concat());
        until("some parts", || (self.whole_parts("one").len() >= 3).then_some(()));
        drop(relay);
        let there = self.whole_parts("one");
        assert!(self.parts("one").len() < SIZE.div_ceil(PART as usize), "it was killed too late");
        assert!(self.objects("one/finished").is_empty());
        (relay, _) = self.relay("data", &address, &self.s3("one"));
        let id = sending.done()["id"].as_str().unwrap().to_owned();
        assert_eq!(self.objects("one/finished").len(), 1);
        let after = self.parts("one");
        assert_eq!(after.len(), SIZE.div_ceil(PART as usize));
        for part in &there {
            assert!(after.contains(part), "what was there was sent again: {part:?}");
        }

        // And on the way down.
        let saved = saved.to_str().unwrap();
        let fetching = self.start("bruno", &[&["save", &id, "--to", saved], &slow[..]].concat());
        let third =
            |row: &Value| row["progress"] == "fetching" && row["done"].as_u64() > Some(SIZE as u64 / 3);
        until("a third", || fetching.lines().iter().any(third).then_some(()));
        drop(relay);
        assert!(!Path::new(saved).exists(), "it was killed too late");
        (relay, _) = self.relay("data", &address, &self.s3("one"));
        fetching.done();
        assert!(fs::read(saved).unwrap() == bytes, "byte for byte");
        drop(relay);

        // Into a folder, and into another bucket from there.
        let (first, second) = (self.at("first"), self.at("second"));
        assert_eq!(self.moved("export", "data", "--to", &first, &self.s3("one")), 1);
        assert_eq!(self.moved("import", "in-a-folder", "--from", &first, &[]), 1);
        assert_eq!(self.moved("export", "in-a-folder", "--to", &second, &[]), 1);
        assert_eq!(self.moved("import", "moved", "--from", &second, &self.s3("two")), 1);
        let certificate = self.at("moved/tls");
        fs::create_dir_all(&certificate).unwrap();
        for entry in fs::read_dir(self.at("data/tls")).unwrap().flatten() {
            fs::copy(entry.path(), certificate.join(entry.file_name())).unwrap();
        }
        let (_relay, _) = self.relay("moved", &address, &self.s3("two"));
        self.ask("bruno", &["storage", "--in", "ana", "--delete"]);
        fs::remove_file(saved).unwrap();
        self.ask("bruno", &["save", &id, "--to", saved]);
        assert!(fs::read(saved).unwrap() == bytes, "byte for byte, from where it moved to");
    }

    fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The options for a place in the bucket.
    fn s3(&self, prefix: &str) -> Vec<String> {
        let options = &self.server.options;
        let (access, secret) = options.credentials.clone().unwrap();
        let keys = self.at("keys");
        fs::write(&keys, format!("{access}\n{secret}\n")).unwrap();
        let url = format!("s3://{}/{prefix}", options.bucket);
        [
            ("--blobs", url.as_str()),
            ("--blobs-endpoint", options.endpoint.as_deref().unwrap()),
            ("--blobs-region", options.region.as_deref().unwrap()),
            ("--blobs-credentials", keys.to_str().unwrap()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value.to_owned()])
        .collect()
    }

    /// A relay that listens, and its URL.
    fn relay(&self, data: &str, listen: &str, place: &[String]) -> (Running, String) {
        let mut command = Command::new(&self.lacre);
        command.args(["relay", "--json", "--listen", listen, "--data"]).arg(self.at(data)).args(place);
        let relay = spawn(&mut command);
        let told = until("the start of a relay", || relay.lines().into_iter().next());
        let url = told["url"].as_str().unwrap().to_owned();
        (relay, url)
    }

    fn start(&self, name: &str, args: &[&str]) -> Running {
        let mut command = Command::new(&self.lacre);
        spawn(command.args(["--json", "--profile"]).arg(self.at(name)).args(args))
    }

    fn ask(&self, name: &str, args: &[&str]) {
        self.start(name, args).done();
    }

    /// Exports or imports; how many files went along.
    fn moved(&self, what: &str, data: &str, which: &str, file: &Path, place: &[String]) -> u64 {
        let mut command = Command::new(&self.lacre);
        command.args(["relay", what, "--json", "--data"]).arg(self.at(data)).arg(which).arg(file).args(place);
        let told = spawn(&mut command).done();
        assert_eq!(told["files_left_out"], 0);
        told["files"].as_u64().unwrap()
    }

    /// The objects under a prefix, as the server keeps them: name, bytes, and when they were written.
    fn objects(&self, prefix: &str) -> Vec<(PathBuf, u64, SystemTime)> {
        let mut folders = vec![self.server.folder.path().join(&self.server.options.bucket).join(prefix)];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            // It may not be there yet.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                    Ok(metadata) => found.push((entry.path(), metadata.len(), metadata.modified().unwrap())),
                    Err(_) => {}
                }
            }
        }
        found.sort();
        found
    }

    fn parts(&self, prefix: &str) -> Vec<(PathBuf, u64, SystemTime)> {
        let all = self.objects(&format!("{prefix}/parts"));
        let is_part = |path: &Path| path.file_name().is_some_and(|name| name.len() == 10);
        all.into_iter().filter(|(path, ..)| is_part(path)).collect()
    }

    /// The parts that are whole, but for the last.
    fn whole_parts(&self, prefix: &str) -> Vec<(PathBuf, u64, SystemTime)> {
        self.parts(prefix).into_iter().filter(|(_, length, _)| *length == PART).collect()
    }
}

fn spawn(command: &mut Command) -> Running {
    for name in ["LACRE_PROFILE", "LACRE_PASSPHRASE", "LACRE_INVITE", "LACRE_DATA_KEY_FILE", "LACRE_LOG"] {
        command.env_remove(name);
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let out = child.stdout.take().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let collected = lines.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            collected.lock().unwrap().extend(serde_json::from_str::<Value>(&line));
        }
    });
    Running { child, lines }
}
