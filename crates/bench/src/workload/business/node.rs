//! The node as a process, and its customers by the binary.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::Connection;
use crate::cli::Failed;
use crate::relay::Relay;

const SHOP: &str = "shop";

/// A node that runs, with its limits lifted.
pub struct Node {
    child: Child,
    binary: PathBuf,
    relay: String,
    folder: TempDir,
    account: String,
    number: String,
    /// Where it answers.
    pub address: String,
    /// The access token.
    pub token: String,
}

impl Node {
    /// Makes one on a relay whose operator's listener is open, and starts it.
    pub fn open(relay: &Relay) -> Result<Self, Failed> {
        let admin = relay.admin.as_ref().ok_or("a relay of this program's own is needed")?;
        let here = std::env::current_exe()?;
        let folder = tempfile::Builder::new()
            .prefix("bench-node-")
            .tempdir_in(here.parent().ok_or("this program lies nowhere")?)?;
        let (binary, url, data) = (relay.binary.clone(), relay.url(), folder.path().join("node"));
        let mut init = Command::new(&binary);
        init.args(["--json", "business", "init", "--no-passphrase", "--relay", &url, SHOP, "--data"]);
        let made: Value = serde_json::from_slice(&output(init.arg(&data))?)?;
        let text = |told: &Value, name: &str| {
            told[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} was told"))
        };
        let names = ["--legal-name", "Shop", "--display-name", "Shop", "--trade", "shop"];
        let mut add = Command::new(&binary);
        add.args(["admin", "business", "add", SHOP, "--domain", "shop.example", "--admin", admin]);
        output(add.args(names).arg("--data").arg(&relay.data))?;

        let mut serve = Command::new(&binary);
        serve.args(["--json", "business", "serve", "--allow-host", "127.0.0.1", "--limits", "lifted"]);
        serve.args(["--listen", "127.0.0.1:0", "--data"]).arg(&data).stdin(Stdio::null());
        let log = File::create(folder.path().join("node.log"))?;
        let mut child = serve.stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("the node's output is not there")?;
        BufReader::new(out).read_line(&mut line)?;
        let told: Value = serde_json::from_str(&line)?;
        Ok(Self {
            address: text(&told, "address")?,
            token: text(&made, "access_token")?,
            account: text(&made, "waba_id")?,
            number: text(&made, "phone_number_id")?,
            child,
            binary,
            relay: url,
            folder,
        })
    }

    /// Its process.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Where messages are posted to.
    pub fn messages(&self) -> String {
        format!("/v23.0/{}/messages", self.number)
    }

    /// Sets where its webhooks go.
    pub async fn subscribe(&self, url: &str) -> Result<(), Failed> {
        let callback = json!({ "override_callback_uri": url, "verify_token": "bench" });
        let path = format!("/v23.0/{}/subscribed_apps", self.account);
        Connection::open(&self.address).await?.post(&path, &self.token, &callback).await.map(drop)
    }

    /// Somebody signs up and writes, so that they may be answered.
    pub fn customer(&self, name: &str) -> Result<(), Failed> {
        let profile = self.folder.path().join(name);
        let run = |args: &[&str]| {
            let mut command = Command::new(&self.binary);
            output(command.arg("--json").arg("--profile").arg(&profile).args(args))
        };
        run(&["sign-up", "--no-passphrase", "--relay", &self.relay, name])?;
        run(&["send", SHOP, "hello"]).map(drop)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn output(command: &mut Command) -> Result<Vec<u8>, Failed> {
    let out = command.stdin(Stdio::null()).output()?;
    match out.status.success() {
        true => Ok(out.stdout),
        false => Err(String::from_utf8_lossy(&out.stderr).trim().to_owned().into()),
    }
}
