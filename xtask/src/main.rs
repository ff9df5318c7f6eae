//! The project's own commands: what a newcomer, a developer and the continuous integration run.
//!
//! It knows the workspace from the outside: Cargo, files, processes. It must not link the crates that it checks,
//! so that it runs when they do not compile.

mod autobahn;
mod bakery;
mod check;
mod demo;
mod deny;
mod fuzz;
mod load;
mod media;
mod programs;
mod run;
mod sdk;
mod test;
mod tidy;
mod up;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  check                    format, clippy, tidy, deny, docs, the wasm build
  test [NEXTEST ARGS]      every test: nextest, then the documentation's examples
  up [--demo] [--business] [--data DIR] [--listen ADDRESS:PORT]
                           a relay to try things on; with --demo, first two
                           people who talk, and what the relay holds of it; with
                           --business, a business's node that takes API calls
  demo [BINARY FOLDER]     the two people of `up --demo`, and an end; with a binary
                           that is built already, in a folder that is made for it
  crash [--kills N] [...]  kill -9 under load: nothing acknowledged is lost
  media-drill [--size 2G]  a file from one terminal to another, over a relay that is
                           killed twice on the way; memory of each process
  s3                       the suite for files, on a server that speaks S3
  simulate --seeds N [--first SEED]
                           weeks of twelve people with thirty devices, who must agree in the end
  bench [ARGS]             every workload of lacre-bench, or the one named
  fuzz [--seconds N] [TARGET]
                           every decoder under bytes that nobody meant
  autobahn [--skip-without-python]
                           the WebSocket test suite against the relay's frames;
                           needs Python 2.7
  sdk [NAME…]              clients of the Cloud API that others wrote, on the business node:
                           pywa, heyoo, whatsapp-api-js, @kapso/whatsapp-cloud-api;
                           needs Python 3 with venv, and npm
  sdk --schemathesis [--examples N]
                           the node's API against its own description
  tidy                     the walls between crates, sizes, leftovers, links in the docs
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = args.split_first() else {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    };
    let done = match command.as_str() {
        "check" => check::check(),
        "test" => test::test(rest),
        "up" => up::up(rest),
        "demo" => up::demo_alone(rest),
        "crash" => load::crash(rest),
        "media-drill" => media::drill(rest),
        "s3" => media::s3(rest),
        "simulate" => load::simulate(rest),
        "bench" => load::bench(rest),
        "fuzz" => fuzz::fuzz(rest),
        "autobahn" => autobahn::autobahn(rest),
        "sdk" => sdk::sdk(rest),
        "tidy" => tidy::tidy(),
        "help" | "-h" | "--help" => {
            print!("{USAGE}");
            Ok(())
        }
        other => Err(format!("there is no command `{other}`\n\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\nxtask {command}: {why}");
            ExitCode::FAILURE
        }
    }
}
