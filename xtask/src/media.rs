//! `cargo xtask s3`, and `cargo xtask media-drill`: a large file from one terminal to another, over a relay that is killed on the way up and
//! on the way down; byte for byte the same, in little memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::run::{Outcome, cargo, now, run, target};

const MIB: u64 = 1024 * 1024;
/// No process may take more memory than this.
const MOST_MIB: u64 = 200;
const ADDRESS: &str = "127.0.0.1:18443";

/// Runs the drill on a release build.
pub fn drill(args: &[String]) -> Outcome {
    let size = match args {
        [] => 2048 * MIB,
        [option, size] if option == "--size" => bytes(size)?,
        _ => return Err("cargo xtask media-drill [--size 2G]".to_owned()),
    };
    run(&mut cargo(&["build", "--release", "--package", "lacre"]))?;
    let folder = target().join("media-drill");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let done =
        Drill { lacre: target().join("release/lacre"), folder: folder.clone(), peaks: BTreeMap::new() }
            .run(size);
    let _ = fs::remove_dir_all(&folder);
    done
}

/// Runs the suite for blobs on a server that speaks S3, and a whole relay on one. It lies outside the workspace: the
/// server is large.
pub fn s3(args: &[String]) -> Outcome {
    run(&mut cargo(&["build", "--workspace", "--bin", "lacre"]))?;
    let mut command = cargo(&["test", "--locked", "--manifest-path", "suites/s3/Cargo.toml", "--"]);
    // In a folder of its own: while the server is built, the workspace can be too.
    let command = command.args(args).env("CARGO_TARGET_DIR", target().join("s3"));
    run(command.env("LACRE_BINARY", target().join("debug").join("lacre")))
}

/// A number with K, M or G.
fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(number) => (number, &text[number.len()..]),
        None => (text, ""),
    };
    let unit = match unit {
        "K" => 1024,
        "M" => MIB,
        "G" => 1024 * MIB,
        _ => 1,
    };
    number
        .parse::<u64>()
        .map(|number| number * unit)
        .map_err(|_| format!("{text} is no size: write 64M or 2G"))
}

struct Drill {
    lacre: PathBuf,
    folder: PathBuf,
    /// The most memory that each process has taken, in KiB.
    peaks: BTreeMap<&'static str, u64>,
}

/// A process, and what it prints.
struct Running {
    child: Child,
    lines: Receiver<Value>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drill {
    fn run(mut self, size: u64) -> Outcome {
        let (plain, saved) = (self.folder.join("plain"), self.folder.join("saved"));
        println!("a file of {} MiB", size / MIB);
        write(&plain, size).map_err(|error| format!("{}: {error}", plain.display()))?;
        let mut relay = self.relay()?;
        for name in ["ana", "bruno"] {
            self.ask(name, &["sign-up", "--relay", &format!("https://{ADDRESS}"), "--no-passphrase", name])?;
        }
        self.ask("ana", &["send", "bruno", "hello"])?;
        self.ask("bruno", &["read"])?;
        self.ask("bruno", &["send", "ana", "hello"])?;

        let start = now();
        let sending = self.start("ana", &["send", "bruno", "--file", text(&plain), "--timeout", "300"])?;
        let (relay_again, sent) = self.through(sending, "sender", "sending", size, relay)?;
        relay = relay_again;
        let id = sent["id"].as_str().ok_or("the message has no id")?.to_owned();
        println!("  sent in {:.1} s, the relay killed at a third", start.elapsed().as_secs_f64());

        let start = now();
        let fetching = self.start("bruno", &["save", &id, "--to", text(&saved), "--timeout", "300"])?;
        let (_relay, _) = self.through(fetching, "receiver", "fetching", size, relay)?;
        println!(
            "  fetched and saved in {:.1} s, the relay killed at a third",
            start.elapsed().as_secs_f64()
        );

        same(&plain, &saved).map_err(|error| error.to_string())?;
        println!("  byte for byte the same");
        self.judge()
    }

    /// Follows a process to its end, and kills the relay under it when a third is done.
    fn through(
        &mut self,
        mut process: Running,
        who: &'static str,
        what: &str,
        size: u64,
        relay: Running,
    ) -> Result<(Running, Value), String> {
        let (mut relay, mut killed, mut last) = (relay, false, Value::Null);
        loop {
            self.note(who, &process.child);
            self.note("relay", &relay.child);
            match process.lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => {
                    let past = line["progress"] == what && line["done"].as_u64() > Some(size / 3);
                    if past && !killed {
                        killed = true;
                        drop(relay);
                        relay = self.relay()?;
                    }
                    last = line;
                }
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = process.child.wait().map_err(|error| error.to_string())?;
        match (status.success(), killed) {
            (false, _) => Err(format!("the {who} failed ({status})")),
            (true, false) => {
                Err(format!("the {who} was done before the relay could be killed: take a larger file"))
            }
            (true, true) => Ok((relay, last)),
        }
    }

    fn relay(&self) -> Result<Running, String> {
        let data = self.folder.join("relay");
        let mut command = Command::new(&self.lacre);
        command.args(["relay", "--json", "--listen", ADDRESS, "--data"]).arg(data);
        let running = spawn(&mut command)?;
        let told = running.lines.recv_timeout(Duration::from_secs(20));
        told.map_err(|_| "the relay does not start".to_owned()).map(|_| running)
    }

    fn command(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.lacre);
        command.arg("--json").arg("--profile").arg(self.folder.join(name)).args(args);
        command
    }

    fn ask(&self, name: &str, args: &[&str]) -> Outcome {
        run(self.command(name, args).stdout(Stdio::null()))
    }

    fn start(&self, name: &str, args: &[&str]) -> Result<Running, String> {
        spawn(&mut self.command(name, args))
    }

    /// Notes the most memory that a process has taken so far.
    fn note(&mut self, who: &'static str, child: &Child) {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        let most = self.peaks.entry(who).or_default();
        *most = (*most).max(peak.unwrap_or(0));
    }

    fn judge(&self) -> Outcome {
        let mut over = Vec::new();
        for (who, kib) in &self.peaks {
            println!("  {who:<10} {:>6.1} MiB at most", *kib as f64 / 1024.0);
            if *kib == 0 || *kib > MOST_MIB * 1024 {
                over.push(*who);
            }
        }
        match over.is_empty() {
            true => Ok(()),
            false => Err(format!("over {MOST_MIB} MiB, or not measured: {}", over.join(", "))),
        }
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

fn spawn(command: &mut Command) -> Result<Running, String> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let out = child.stdout.take().ok_or("its output is not piped")?;
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            let sent = serde_json::from_str(&line).map(|line| sender.send(line));
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    });
    Ok(Running { child, lines })
}

/// Bytes that are not alike anywhere (xorshift).
fn write(path: &Path, size: u64) -> std::io::Result<()> {
    let mut out = File::create(path)?;
    let (mut state, mut left) = (0x9e37_79b9_7f4a_7c15_u64, size);
    let mut piece = vec![0; MIB as usize];
    while left > 0 {
        for word in piece.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let now = left.min(MIB);
        out.write_all(&piece[..now as usize])?;
        left -= now;
    }
    out.sync_all()
}

fn same(one: &Path, other: &Path) -> Result<(), std::io::Error> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Err(std::io::Error::other("the saved file has another length"));
    }
    let (mut a, mut b) = (vec![0; MIB as usize], vec![0; MIB as usize]);
    loop {
        let read = one.read(&mut a)?;
        if read == 0 {
            return Ok(());
        }
        other.read_exact(&mut b[..read])?;
        if a[..read] != b[..read] {
            return Err(std::io::Error::other("the saved file differs"));
        }
    }
}
