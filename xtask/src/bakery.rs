//! A relay, a business's node on it, and people: each a process of the built binary, in one folder.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::run::output;

/// The business's handle.
pub const BUSINESS: &str = "bakery";
/// How long a process may take to say that it listens.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is stopped when this is dropped; what it prints goes on being read.
pub struct Running {
    child: Child,
    lines: Receiver<Value>,
}

impl Running {
    /// Starts one whose lines are JSON; what it says of itself goes to a file.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self, String> {
        let log = fs::File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| format!("it does not start: {error}"))?;
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
        Ok(Self { child, lines })
    }

    /// The first line that it prints.
    pub fn told(&self) -> Option<Value> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    /// Waits until it ends by itself.
    pub fn wait(&mut self) {
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first, so that what it holds is written; it may have ended by itself.
        let asked = Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// The bakery, its node and the relay that both it and its customers are on.
pub struct Bakery {
    lacre: PathBuf,
    folder: PathBuf,
    /// Where the relay is: `https://…`.
    pub relay: String,
    /// Where the node answers: `http://…`, without a slash at the end.
    pub base: String,
    /// What `business init` told: ids, the app secret, the access token.
    pub made: Value,
    /// The node first: it is the first to be stopped.
    pub node: Running,
    _relay: Running,
}

impl Bakery {
    /// Opens it in a folder that is made anew. The relay and the node listen where `listen` says; port 0 is any.
    pub fn open(lacre: &Path, folder: &Path, listen: [&str; 2], limits: &str) -> Result<Self, String> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let command = || Command::new(lacre);
        let data = folder.join("relay");
        let mut relay = command();
        relay.args(["relay", "--json", "--listen", listen[0], "--admin", "127.0.0.1:0", "--data"]).arg(&data);
        let running = Running::start(relay.args(["--limits", limits]), &folder.join("relay.log"))?;
        let told = running.told().ok_or_else(|| failed("the relay", &folder.join("relay.log")))?;
        let relay = text(&told, "url")?;
        let admin = text(&told, "admin")?;

        let node = folder.join("node");
        let mut init = command();
        init.args(["business", "init", "--json", "--no-passphrase", "--relay", &relay, BUSINESS]);
        let made = output(init.arg("--data").arg(&node).stdin(Stdio::null()))?;
        let made = serde_json::from_str(&made).map_err(|error| format!("business init: {error}"))?;
        let register = |args: &[&str]| {
            let mut registered = command();
            registered.args(["admin", "business"]).args(args).args(["--admin", &admin, "--json", "--data"]);
            output(registered.arg(&data).stdin(Stdio::null())).map(drop)
        };
        let names = ["--legal-name", "Padaria Sol Ltda.", "--display-name", "Padaria Sol"];
        let more = ["--domain", "padaria.example", "--trade", "bakery"];
        register(&[&["add", BUSINESS], names.as_slice(), more.as_slice()].concat())?;
        register(&["verify", BUSINESS, "--by-hand", "a demonstration on this machine"])?;

        let mut serve = command();
        serve.args(["business", "serve", "--json", "--approve"]);
        serve.args(["--allow-host", "127.0.0.1", "--allow-link-host", "127.0.0.1"]);
        serve.args(["--listen", listen[1], "--data"]).arg(&node);
        let node = Running::start(&mut serve, &folder.join("node.log"))?;
        let told = node.told().ok_or_else(|| failed("the node", &folder.join("node.log")))?;
        let base = text(&told, "public")?.trim_end_matches('/').to_owned();
        let (lacre, folder) = (lacre.to_owned(), folder.to_owned());
        Ok(Self { lacre, folder, relay, base, made, node, _relay: running })
    }

    /// Signs a person up, under no passphrase: their profile is a folder of their name.
    pub fn sign_up(&self, name: &str) -> Result<(), String> {
        let mut command = Command::new(&self.lacre);
        command.arg("--profile").arg(self.folder.join(name));
        command.args(["sign-up", "--no-passphrase", "--json", "--relay", &self.relay, name]);
        output(command.stdin(Stdio::null())).map(drop)
    }

    /// Something that `business init` told.
    pub fn told(&self, name: &str) -> Result<String, String> {
        text(&self.made, name)
    }

    /// What the node has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("node.log")).unwrap_or_default()
    }
}

/// Who calls the node's API.
pub struct Caller {
    /// Where the node answers.
    pub base: String,
    /// The access token.
    pub token: String,
}

impl Caller {
    /// Posts JSON; the answer.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.call(path, "application/json", &body.to_string())
    }

    /// Posts over a connection of its own; an answer that is not of success is an error.
    pub fn call(&self, path: &str, kind: &str, body: &str) -> Result<Value, String> {
        let Self { base, token } = self;
        let address = base.trim_start_matches("http://");
        let asked = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(address)?;
            write!(
                stream,
                "POST /v23.0/{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
                 Content-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = asked().map_err(|error| format!("{path}: {error}"))?;
        let said = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        match answer.starts_with("HTTP/1.1 200") {
            true => serde_json::from_str(said).map_err(|error| format!("{path}: {error}: {said}")),
            false => Err(format!("{path}: {said}")),
        }
    }
}

fn failed(who: &str, log: &Path) -> String {
    format!("{who} does not start: {}", fs::read_to_string(log).unwrap_or_default().trim())
}

/// A text of something that was told.
pub fn text(told: &Value, name: &str) -> Result<String, String> {
    told[name].as_str().map(str::to_owned).ok_or_else(|| format!("there is no {name} in {told}"))
}
