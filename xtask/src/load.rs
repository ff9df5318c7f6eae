//! `cargo xtask bench`, `crash` and `simulate`: builds what makes the load, and runs it.

use crate::run::{Outcome, Steps, cargo, run, target};

/// Every workload, as docs/performance.md tells of them.
const WORKLOADS: [&[&str]; 9] = [
    &["start"],
    &["deliver", "--rate", "500"],
    &["deliver"],
    &["store-drain"],
    &["fan-out", "--rate", "20"],
    &["fan-out"],
    &["idle"],
    &["idle", "--connections", "1000", "--large-frames"],
    &["business"],
];

/// Runs the workload that is named, or all of them, on release builds.
pub fn bench(args: &[String]) -> Outcome {
    build("release")?;
    if !args.is_empty() {
        return generator("release", args.iter().map(String::as_str));
    }
    let mut steps = Steps::default();
    for workload in WORKLOADS {
        steps.step(workload[0], || generator("release", workload.iter().copied().chain(["--json"])))?;
    }
    steps.close("bench");
    Ok(())
}

/// Kills relays under load. The figures are printed by the generator, which fails when something was lost.
pub fn crash(args: &[String]) -> Outcome {
    build("release")?;
    generator("release", ["crash"].into_iter().chain(args.iter().map(String::as_str)))
}

/// Lives simulated weeks; a seed that fails is printed with the command that lives it again.
pub fn simulate(args: &[String]) -> Outcome {
    let mut command = cargo(&["run", "--quiet", "--package", "lacre-testkit", "--example", "simulate", "--"]);
    run(command.args(args))
}

fn build(profile: &str) -> Outcome {
    run(&mut cargo(&["build", "--profile", profile, "--package", "lacre", "--package", "lacre-bench"]))
}

fn generator<'a>(profile: &str, args: impl Iterator<Item = &'a str>) -> Outcome {
    run(std::process::Command::new(target().join(profile).join("lacre-bench")).args(args))
}
