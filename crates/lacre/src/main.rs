//! The `lacre` command: it reads the command line, wires the parts together, and turns what happened into
//! words, JSON and exit codes.
//!
//! It knows every part by its public face. It must not have rules of its own about messages, keys or accounts.

#[cfg(feature = "audio")]
mod audio;
mod chat;
mod cli;
mod commands;
mod exit;
mod forms;
mod new_file;
mod output;
mod passphrase;
mod person;
mod profile;
mod qr;
mod safe_text;
mod stop;
mod track;
mod wait;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;

use cli::Cli;
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let json = cli.json;
    log(&cli);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if matches!(cli.command, cli::Command::Relay(_)) {
        runtime.worker_threads(relay_workers());
    }
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::io("the program cannot start", &error), json),
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, json),
    }
}

/// Threads that serve a relay's sockets: one core is left to the thread on which its store writes. On two cores
/// a second one would mostly wake the first.
fn relay_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() - 1).max(1))
}

fn fail(failure: &Failure, json: bool) -> ExitCode {
    if json {
        eprintln!("{}", failure.to_json());
    } else {
        eprintln!("lacre: {failure}");
    }
    ExitCode::from(failure.exit as u8)
}

/// What clap says about a line that it does not understand; asked-for help is no error.
fn usage(error: &clap::Error) -> ExitCode {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let json = std::env::args_os().any(|arg| arg == "--json");
    if !asked && json {
        let words = error.render().to_string();
        let first = words.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        return fail(&Failure::usage(first), true);
    }
    // A closed terminal is no reason to fail otherwise.
    let _ = error.print();
    if asked { ExitCode::SUCCESS } else { ExitCode::from(Exit::Usage as u8) }
}

/// Logs go to standard error, and in the terminal's chat nowhere.
fn log(cli: &Cli) {
    if matches!(cli.command, cli::Command::Chat { .. }) {
        return;
    }
    let quiet = if matches!(cli.command, cli::Command::Relay(_)) { "info" } else { "error" };
    let filter = EnvFilter::try_from_env("LACRE_LOG").unwrap_or_else(|_| EnvFilter::new(quiet));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
}
