//! `cargo xtask up --demo`: two people talk through the real binary, and beside what they read stands what the
//! relay holds of it.

mod held;
mod show;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::run::{Outcome, now, output};

/// What Ana writes while Bruno is away. The last is what is looked for on the relay's disk.
const ANA: [&str; 3] = [
    "Olá, Bruno! Are you coming on Saturday?",
    "Bring the blue folder, and tell nobody where it was.",
    "The gate's code is 4711-canary-rouxinol.",
];
const BRUNO: &str = "I am. The folder is with me.";

/// Runs the whole scene in a folder of its own, which is gone at the end.
pub fn demo(lacre: &Path, folder: &Path) -> Outcome {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let scene = Scene { lacre: lacre.to_owned(), folder: folder.to_owned(), passphrase: passphrase() };
    let played = scene.play();
    let cleared = fs::remove_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()));
    played.and(cleared)
}

struct Scene {
    lacre: PathBuf,
    folder: PathBuf,
    passphrase: String,
}

impl Scene {
    fn play(&self) -> Outcome {
        show::title("Two people, one relay between them");
        let address = free_address()?;
        let relay = self.start_relay(address)?;
        println!("A relay runs on {address}, its data in a folder of its own.");
        for handle in ["ana", "bruno"] {
            let url = format!("https://{address}");
            self.lacre(handle, &["sign-up", "--relay", &url, handle])?;
            println!("{handle} has signed up; the keys never left {handle}'s profile.");
        }
        println!("Bruno goes away. Ana writes to him all the same:");
        for text in ANA {
            self.lacre("ana", &["send", "bruno", text, "--json"])?;
            println!("  sent, and durable at the relay: {} characters", text.chars().count());
        }

        relay.stop()?;
        let export = self.folder.join("export");
        let wanted = [self.relay_data().display().to_string(), export.display().to_string()];
        self.lacre_alone(&["relay", "export", "--data", &wanted[0], "--to", &wanted[1]])?;
        let held = held::sealed_messages(&fs::read(&export).map_err(|error| error.to_string())?)?;
        let relay = self.start_relay(address)?;
        println!("The relay was stopped, looked into, and started again. Bruno comes back:");

        let read = self.messages("bruno")?;
        show::side_by_side(&texts(&read, "ana"), &held)?;
        self.lacre("bruno", &["send", "ana", BRUNO, "--json"])?;
        let read = self.messages("ana")?;
        show::answer(&read, BRUNO)?;
        relay.stop()?;
        show::search(&self.relay_data(), &ANA, &held)?;
        Ok(())
    }

    fn relay_data(&self) -> PathBuf {
        self.folder.join("relay")
    }

    fn start_relay(&self, address: SocketAddr) -> Result<Running, String> {
        let log = fs::File::create(self.folder.join("relay.log")).map_err(|error| error.to_string())?;
        let child = Command::new(&self.lacre)
            .args(["relay", "--listen", &address.to_string(), "--data"])
            .arg(self.relay_data())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("the relay does not start: {error}"))?;
        let mut running = Running(Some(child));
        let start = now();
        while !is_open(address) {
            if running.ended() || start.elapsed() > Duration::from_secs(20) {
                let said = fs::read_to_string(self.folder.join("relay.log")).unwrap_or_default();
                return Err(format!("the relay did not start: {}", said.trim()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    /// Runs the binary as a person.
    fn lacre(&self, person: &str, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.lacre);
        command.arg("--profile").arg(self.folder.join(person)).args(args);
        output(command.env("LACRE_PASSPHRASE", &self.passphrase).stdin(Stdio::null()))
    }

    fn lacre_alone(&self, args: &[&str]) -> Result<String, String> {
        output(Command::new(&self.lacre).args(args).stdin(Stdio::null()))
    }

    fn messages(&self, person: &str) -> Result<Vec<Value>, String> {
        let lines = self.lacre(person, &["read", "--json"])?;
        lines
            .lines()
            .map(|line| serde_json::from_str(line).map_err(|error| format!("read --json: {error}: {line}")))
            .collect()
    }
}

/// The texts of a person, in the order in which they are shown.
fn texts(messages: &[Value], from: &str) -> Vec<String> {
    let of = messages.iter().filter(|message| message["from"] == from);
    of.filter_map(|message| message["text"].as_str().map(str::to_owned)).collect()
}

/// A relay that is stopped when this is dropped.
struct Running(Option<Child>);

impl Running {
    fn ended(&mut self) -> bool {
        self.0.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Asks it to stop, and waits.
    fn stop(mut self) -> Outcome {
        let Some(mut child) = self.0.take() else { return Ok(()) };
        let asked = Command::new("kill").arg(child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = child.kill();
        }
        child.wait().map(drop).map_err(|error| error.to_string())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_address() -> Result<SocketAddr, String> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(|error| format!("no free port: {error}"))
}

fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// A passphrase for the two profiles, as long as the demo.
fn passphrase() -> String {
    use std::hash::{BuildHasher, RandomState};
    let random = || RandomState::new().hash_one(0u8);
    format!("{:016x}{:016x}", random(), random())
}
