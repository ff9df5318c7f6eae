//! `cargo xtask check`: everything that can be said about the code without running it.

use crate::run::{Outcome, Steps, cargo, run, target};
use crate::{deny, programs, tidy};

/// The crates that run in a browser too.
const WASM: [&str; 5] = ["lacre-proto", "lacre-guard", "lacre-media", "lacre-engine", "lacre-sealed"];

/// Runs all checks, the quick ones first.
pub fn check() -> Outcome {
    let mut steps = Steps::default();
    steps.step("format", || run(&mut cargo(&["fmt", "--all", "--check"])))?;
    steps.step("tidy", tidy::tidy)?;
    steps.step("licences, bans, sources, advisories", deny::deny)?;
    steps.step("clippy", || {
        run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    })?;
    steps.step("documentation", || {
        run(cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.step("wasm", wasm)?;
    steps.close("check");
    Ok(())
}

/// Builds for the browser, in a folder of its own and without optimising: it is compiled, not run.
fn wasm() -> Outcome {
    programs::rust_target("wasm32-unknown-unknown")?;
    let mut command = cargo(&["build", "--target", "wasm32-unknown-unknown"]);
    command.args(["--config", "profile.dev.opt-level=0", "--config", "profile.dev.package.'*'.opt-level=0"]);
    command.arg("--target-dir").arg(target().join("wasm"));
    WASM.iter().for_each(|package| {
        command.args(["-p", package]);
    });
    run(&mut command)
}
