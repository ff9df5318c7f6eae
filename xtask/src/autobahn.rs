//! `cargo xtask autobahn`: the Autobahn test suite against the relay's reader and writer of frames.
//!
//! The suite is written in Python 2.7, and is put into a folder of its own below `target`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::run::{Outcome, cargo, root, run, target};

const SUITE: &str = "autobahntestsuite==25.10.1";
/// The newest that still makes environments for Python 2.7.
const VIRTUALENV: &str = "virtualenv<20.22";
/// Cases that cannot apply. Messages are at most 256 KiB: 9.1 and 9.2 go beyond it from the third case on, 9.3 to
/// 9.6 send one of 1 MiB and more. Nothing is compressed: 12 and 13.
const EXCLUDED: [&str; 14] = [
    "9.1.3", "9.1.4", "9.1.5", "9.1.6", "9.2.3", "9.2.4", "9.2.5", "9.2.6", "9.3.*", "9.4.*", "9.5.*",
    "9.6.*", "12.*", "13.*",
];
/// What the suite may say of a case without its being wrong; `NON-STRICT` is told by name.
const GOOD: [&str; 3] = ["OK", "INFORMATIONAL", "NON-STRICT"];

/// Runs the suite and prints what it counts.
pub fn autobahn(args: &[String]) -> Outcome {
    let skip = match args {
        [] => false,
        [option] if option == "--skip-without-python" => true,
        _ => return Err("cargo xtask autobahn [--skip-without-python]".to_owned()),
    };
    let Some(python) = python() else {
        let why = "the Autobahn suite needs Python 2.7, and there is none on this machine";
        return match skip {
            true => {
                println!("autobahn: SKIPPED: {why}");
                Ok(())
            }
            false => Err(format!("{why} (--skip-without-python passes without it)")),
        };
    };
    let folder = target().join("autobahn");
    let suite = install(&folder, &python)?;
    run(&mut cargo(&["build", "--quiet", "--locked", "--workspace", "--example", "echo"]))?;
    let echo = Echo::start()?;
    let spec = serde_json::json!({
        "outdir": folder.join("report"),
        "servers": [{"agent": "lacre", "url": format!("ws://{}", echo.address)}],
        "cases": ["*"],
        "exclude-cases": EXCLUDED,
        "exclude-agent-cases": {},
    });
    let file = folder.join("spec.json");
    fs::write(&file, spec.to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
    // The suite talks of every case; what counts is its report.
    run(Command::new(suite).args(["-m", "fuzzingclient", "-s"]).arg(&file).stdout(Stdio::null()))?;
    judge(&folder.join("report/index.json"))
}

/// A Python 2.7: the one on the path, or one of pyenv's.
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")));
    let versions = home.and_then(|home| fs::read_dir(home.join("versions")).ok());
    let of_pyenv = versions.into_iter().flatten().flatten().map(|entry| entry.path());
    let of_pyenv = of_pyenv.map(|version| version.join("bin/python2.7"));
    let answers = |path: &PathBuf| {
        let mut asked = Command::new(path);
        asked.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    };
    std::iter::once("python2.7".into()).chain(of_pyenv).find(answers)
}

/// Puts the suite into its folder, unless it is there; gives its program.
fn install(folder: &Path, python: &Path) -> Result<PathBuf, String> {
    let (tools, suite) = (folder.join("tools"), folder.join("suite"));
    let program = suite.join("bin/wstest");
    if !program.is_file() {
        println!("==> {SUITE} into {}", suite.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(&tools))?;
        run(Command::new(tools.join("bin/pip")).args(["install", "--quiet", VIRTUALENV]))?;
        run(Command::new(tools.join("bin/virtualenv")).args(["-q", "-p"]).arg(python).arg(&suite))?;
        run(Command::new(suite.join("bin/pip")).args(["install", "--quiet", SUITE]))?;
    }
    Ok(program)
}

/// The echo as a process.
struct Echo {
    child: Child,
    address: String,
}

impl Echo {
    fn start() -> Result<Self, String> {
        let program = root().join(target()).join("debug/examples/echo");
        let mut child = Command::new(program)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the echo does not start: {error}"))?;
        let mut address = String::new();
        let out = child.stdout.take().ok_or("the echo says nothing")?;
        BufReader::new(out).read_line(&mut address).map_err(|error| error.to_string())?;
        Ok(Self { child, address: address.trim().to_owned() })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Counts what the suite says of each case; one that is wrong fails.
fn judge(report: &Path) -> Outcome {
    let text = fs::read_to_string(report).map_err(|error| format!("{}: {error}", report.display()))?;
    let report: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let cases = report["lacre"].as_object().ok_or("the suite reports nothing of the echo")?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (case, verdict) in cases {
        for (what, is_close) in [("behavior", false), ("behaviorClose", true)] {
            let verdict = verdict[what].as_str().unwrap_or("nothing");
            if !is_close {
                *counts.entry(verdict.to_owned()).or_default() += 1;
            }
            if verdict == "NON-STRICT" {
                println!("  {case}: {what} NON-STRICT");
            }
            if !GOOD.contains(&verdict) {
                wrong.push(format!("{case} ({what}: {verdict})"));
            }
        }
    }
    let counts: Vec<String> = counts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    println!("autobahn: {} cases: {}; excluded: {}", cases.len(), counts.join(", "), EXCLUDED.join(" "));
    match wrong.as_slice() {
        [] if cases.len() > 200 => Ok(()),
        [] => Err("the suite ran too few cases to mean anything".to_owned()),
        wrong => Err(format!("wrong: {}", wrong.join(", "))),
    }
}
