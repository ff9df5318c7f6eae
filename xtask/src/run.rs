//! Running other programs, with a line for each step that says how long it took.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What every command ends with: nothing, or a sentence for the person at the terminal.
pub type Outcome = Result<(), String>;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    // As Cargo says it when it runs this: two checkouts that share a target folder share the binary too.
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&xtask).parent().expect("xtask lies in the workspace").to_owned()
}

/// The folder that Cargo builds into.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A Cargo command in the workspace's folder.
pub fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// Names of steps done, for the closing line.
#[derive(Default)]
pub struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Runs one step; its failure is told with the step's name.
    pub fn step(&mut self, name: &'static str, work: impl FnOnce() -> Outcome) -> Outcome {
        println!("\n==> {name}");
        let start = now();
        work().map_err(|why| format!("{name}: {why}"))?;
        self.done.push((name, start.elapsed()));
        Ok(())
    }

    /// The closing lines: what was done and how long each took.
    pub fn close(self, what: &str) {
        println!();
        for (name, took) in &self.done {
            println!("  ok  {name:<44} {:>6.1} s", took.as_secs_f64());
        }
        let all: f64 = self.done.iter().map(|(_, took)| took.as_secs_f64()).sum();
        println!("{what}: {} steps passed in {all:.0} s", self.done.len());
    }
}

/// Runs a command to its end; an exit code other than 0 is a failure.
pub fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("{} does not start: {error}", name(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", name(command))) }
}

/// Runs a command and gives what it printed; its errors go to the terminal.
pub fn output(command: &mut Command) -> Result<String, String> {
    let out = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{} does not start: {error}", name(command)))?;
    if !out.status.success() {
        return Err(format!("{} failed ({})", name(command), out.status));
    }
    String::from_utf8(out.stdout).map_err(|_| format!("{} printed what is not text", name(command)))
}

/// Whether a command starts and ends well, without showing what it prints.
pub fn works(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn name(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args().take(4) {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}

/// The time, to measure how long things take.
#[expect(clippy::disallowed_methods, reason = "a driver that tells how long its steps took")]
pub fn now() -> Instant {
    Instant::now()
}
