//! People and relays as processes. Everything waits for a condition, with a bound; nothing sleeps for a guess.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub const PASSPHRASE: &str = "correct horse battery staple";
/// The longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A command that inherits nothing of the tester's own profile.
pub fn lacre() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lacre"));
    for name in ["LACRE_PROFILE", "LACRE_PASSPHRASE", "LACRE_INVITE", "LACRE_DATA_KEY_FILE", "LACRE_LOG"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Run {
    let output = command.output().expect("the binary runs");
    Run::of(output)
}

/// What a command did.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("errors are UTF-8"),
        }
    }

    /// It went well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON, one object a line.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// The one object that was printed.
    #[track_caller]
    pub fn object(&self) -> Value {
        let objects = self.objects();
        assert_eq!(objects.len(), 1, "{}", self.stdout);
        objects.into_iter().next().expect("there is one")
    }

    /// It failed with this exit code and this error, as JSON on the last line of standard error.
    #[track_caller]
    pub fn refused(&self, exit: i32, code: &str) -> Value {
        assert_eq!(self.code, exit, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        let last = self.stderr.lines().last().expect("an error is told");
        let error: Value = serde_json::from_str(last).expect("the error is JSON");
        let error = error["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{error}");
        let retry = error["retry"].as_str();
        assert!(matches!(retry, Some("never" | "later" | "after_repair")), "{error}");
        error
    }
}

/// Waits until something holds.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process whose lines of standard output are collected; killed when dropped.
pub struct Running {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let out = child.stdout.take().expect("standard output is piped");
        collect(out, lines.clone());
        Self { child, lines }
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no reader panics").clone()
    }

    pub fn objects(&self) -> Vec<Value> {
        self.lines().iter().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// Writes a line to its standard input, which must be piped.
    pub fn say(&mut self, line: &Value) {
        let input = self.child.stdin.as_mut().expect("standard input is piped");
        // Who was killed reads no more; the test sees what became of it.
        let _ = writeln!(input, "{line}").and_then(|()| input.flush());
    }

    /// Ends its standard input.
    pub fn close(&mut self) {
        self.child.stdin = None;
    }

    /// Its standard input, when that was piped.
    pub fn stdin(&mut self) -> std::process::ChildStdin {
        self.child.stdin.take().expect("standard input is piped")
    }

    /// Asks it to stop, as `kill` does.
    pub fn terminate(&self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("a process can be killed");
        self.child.wait().expect("a killed process ends");
    }

    /// Waits for its end; the exit code.
    #[track_caller]
    pub fn ended(&mut self) -> i32 {
        let status = until("the end of a process", || self.child.try_wait().expect("it can be asked"));
        status.code().unwrap_or(-1)
    }

    pub fn stderr(&mut self) -> String {
        let mut text = String::new();
        let mut err = self.child.stderr.take().expect("standard error is piped");
        std::io::Read::read_to_string(&mut err, &mut text).expect("standard error is UTF-8");
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(out: ChildStdout, lines: Arc<Mutex<Vec<String>>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            lines.lock().expect("no reader panics").push(line);
        }
    });
}

/// A relay and its folder.
pub struct Relay {
    folder: Arc<TempDir>,
    args: Vec<String>,
    address: Option<String>,
    pub url: String,
    pub process: Running,
}

impl Relay {
    /// With these arguments beside the data folder.
    pub fn start(args: &[&str]) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder can be made"));
        let args = args.iter().map(ToString::to_string).collect();
        Self::run(folder, args, None)
    }

    fn run(folder: Arc<TempDir>, args: Vec<String>, address: Option<String>) -> Self {
        let listen = address.clone().unwrap_or_else(|| "127.0.0.1:0".to_owned());
        let mut command = lacre();
        command.args(["relay", "--json", "--listen", &listen, "--data"]).arg(folder.path().join("data"));
        let mut process = Running::start(command.args(&args));
        let told = until("the start of a relay", || {
            let ended = process.child.try_wait().expect("it can be asked").is_some();
            match process.objects().into_iter().next() {
                None if ended => panic!("the relay ended: {}", process.stderr()),
                told => told,
            }
        });
        let text = |name: &str| told[name].as_str().map(str::to_owned);
        let url = text("url").expect("it tells its URL");
        Self { folder, args, address: text("address").or(address), url, process }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What it told at its start.
    pub fn told(&self) -> Value {
        self.process.objects().into_iter().next().expect("it told something")
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it as an operator does.
    pub fn stop(&mut self) {
        self.process.terminate();
        assert_eq!(self.process.ended(), 0);
    }

    /// Starts it again on its folder, at its address.
    pub fn again(self) -> Self {
        let Self { folder, args, address, .. } = self;
        Self::run(folder, args, address)
    }

    /// Starts it again with other arguments.
    pub fn again_with(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(ToString::to_string).collect();
        self.again()
    }

    /// A profile of a person who has not signed up here.
    pub fn newcomer(&self, name: &str) -> Person {
        Person::new(name)
    }

    /// A person who has signed up here.
    #[track_caller]
    pub fn person(&self, name: &str) -> Person {
        Person::at(&self.url, name)
    }
}

/// A person with a profile.
pub struct Person {
    name: String,
    pub profile: PathBuf,
    _folder: TempDir,
}

impl Person {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self { name: name.to_owned(), profile: folder.path().join("profile"), _folder: folder }
    }

    /// A person who has signed up at a relay.
    #[track_caller]
    pub fn at(url: &str, name: &str) -> Self {
        let person = Self::new(name);
        person.run(&["sign-up", "--relay", url, name, "--json"]).ok();
        person
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = lacre();
        command.env("LACRE_PASSPHRASE", PASSPHRASE).arg("--profile").arg(&self.profile).args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    /// Runs with a text on standard input.
    pub fn run_with(&self, args: &[&str], input: &str) -> Run {
        let mut command = self.command(args);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("standard input is piped");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        Run::of(child.wait_with_output().expect("it ends"))
    }

    /// Sends a text; the printed object.
    #[track_caller]
    pub fn send(&self, to: &Self, text: &str) -> Value {
        self.run(&["send", &to.name, text, "--json"]).ok().object()
    }

    /// Everything that this profile shows, after catching up.
    #[track_caller]
    pub fn read(&self) -> Vec<Value> {
        self.run(&["read", "--json"]).ok().objects()
    }

    /// The texts that came from a person, in order.
    #[track_caller]
    pub fn texts_from(&self, from: &Self) -> Vec<String> {
        texts(self.read(), &from.name)
    }

    /// A bot of this person.
    pub fn bot(&self, args: &[&str]) -> Running {
        let mut command = self.command(&[&["bot"], args].concat());
        Running::start(command.stdin(Stdio::piped()))
    }

    pub fn follow(&self) -> Running {
        Running::start(&mut self.command(&["read", "--follow", "--json"]))
    }
}

/// The texts of a person among printed objects.
pub fn texts(objects: Vec<Value>, from: &str) -> Vec<String> {
    let of = |object: &Value| object["from"] == from;
    objects.iter().filter(|object| of(object)).map(|object| text(object).to_owned()).collect()
}

/// The text of a printed message.
#[track_caller]
pub fn text(object: &Value) -> &str {
    object["text"].as_str().expect("a message has a text")
}

/// Whether any file below a folder holds these bytes.
pub fn holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).expect("a folder").flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        // A socket has nothing to be read.
        if !path.is_file() {
            return false;
        }
        let bytes = std::fs::read(&path).expect("a file");
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}
