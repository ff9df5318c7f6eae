//! `cargo xtask fuzz`: every decoder under bytes that nobody meant.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::programs;
use crate::run::{Outcome, root, run};

/// Runs one target or all of them, each for some seconds, from the seeds that the code makes.
pub fn fuzz(args: &[String]) -> Outcome {
    let mut seconds = 60;
    let mut only = None;
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--seconds" => {
                let number = rest.next().and_then(|text| text.parse().ok());
                seconds = number.ok_or("--seconds takes a number")?;
            }
            name if !name.starts_with('-') => only = Some(name.to_owned()),
            other => {
                return Err(format!("there is no option {other}; cargo xtask fuzz [--seconds N] [TARGET]"));
            }
        }
    }
    let all = targets()?;
    let chosen = match only {
        Some(name) if all.contains(&name) => vec![name],
        Some(name) => return Err(format!("there is no target {name}; there are {}", all.join(", "))),
        None => all,
    };
    programs::fuzz()?;
    seeds()?;
    for (number, target) in chosen.iter().enumerate() {
        println!("\n==> {target} ({} of {}), {seconds} s", number + 1, chosen.len());
        one(target, seconds)?;
    }
    println!("\nfuzz: {} target(s), {seconds} s each, nothing found", chosen.len());
    Ok(())
}

/// The names of all targets, in order.
fn targets() -> Result<Vec<String>, String> {
    let folder = folder().join("fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn folder() -> PathBuf {
    root().join("fuzz")
}

/// Lets the code make what the targets begin with; what earlier runs found stays.
fn seeds() -> Outcome {
    println!("\n==> seeds");
    run(nightly(&["run", "--quiet", "--example", "seeds"]).current_dir(folder()))
}

/// Runs a target. libFuzzer tells how many executions it made; an input that fails is kept and named.
fn one(target: &str, seconds: u32) -> Outcome {
    let time = format!("-max_total_time={seconds}");
    let mut command = nightly(&["fuzz", "run", target, "--"]);
    // The largest frame, so that the longest lengths are reached; what one input may take, so that none hangs.
    command.args([&time, "-max_len=262145", "-len_control=50", "-timeout=10", "-rss_limit_mb=2048"]);
    run(command.args(["-print_final_stats=1", "-verbosity=0"]).current_dir(folder()))
        .map_err(|why| format!("{target}: {why}; the input is in fuzz/artifacts/{target}"))
}

/// Cargo of the nightly toolchain, which the sanitizers need.
fn nightly(args: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).args(args).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    command
}
