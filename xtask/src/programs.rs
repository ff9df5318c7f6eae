//! Programs that a step needs and a new machine lacks: installed by their ordinary installers, and said so.

use std::process::Command;

use crate::run::{Outcome, cargo, output, run, works};

/// Installs cargo-nextest when it is missing.
pub fn nextest() -> Outcome {
    cargo_program("nextest", "cargo-nextest", &["nextest", "--version"])
}

/// Installs cargo-deny when it is missing.
pub fn deny() -> Outcome {
    cargo_program("deny", "cargo-deny", &["deny", "--version"])
}

/// Installs a nightly toolchain and cargo-fuzz when they are missing.
pub fn fuzz() -> Outcome {
    if !works(Command::new("rustup").args(["run", "nightly", "rustc", "--version"])) {
        println!("the nightly toolchain is missing: installing it");
        run(Command::new("rustup").args(["toolchain", "install", "nightly", "--profile", "minimal"]))?;
    }
    cargo_program("fuzz", "cargo-fuzz", &["fuzz", "--version"])
}

/// Adds a compilation target to the toolchain when it is missing.
pub fn rust_target(target: &str) -> Outcome {
    let installed = output(Command::new("rustup").args(["target", "list", "--installed"]));
    match installed {
        Ok(list) if list.lines().any(|line| line == target) => Ok(()),
        Ok(_) => {
            println!("adding the target {target} to the Rust toolchain");
            run(Command::new("rustup").args(["target", "add", target]))
        }
        // Without rustup the target came with the distribution, or Cargo will say that it did not.
        Err(_) => Ok(()),
    }
}

fn cargo_program(name: &str, package: &str, probe: &[&str]) -> Outcome {
    if works(&mut cargo(probe)) {
        return Ok(());
    }
    println!("cargo {name} is missing: installing {package}, which takes some minutes, once");
    run(cargo(&["install", "--locked", package])
        // Compiled once and run for seconds: what counts is the time to build it.
        .envs([
            ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
            ("CARGO_PROFILE_RELEASE_LTO", "off"),
            ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
            ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
        ]))
}
