//! Load on a relay, measured from outside: what a message costs it, and how long people wait.
//!
//! It knows the wire, and a relay as a process. It must not link the relay: what is measured runs by itself.

mod cli;
mod crash;
mod curve;
mod member;
mod person;
mod pump;
mod relay;
mod report;
mod socket;
mod workload;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("lacre-bench: {why}");
            ExitCode::FAILURE
        }
    }
}
