//! The project's own commands: what a newcomer, a developer and the continuous integration run.
//!
//! It knows the workspace from the outside: Cargo, files, processes. It must not link the crates that it checks,
//! so that it runs when they do not compile.

mod check;
mod deny;
mod programs;
mod run;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  check                    format, clippy, tidy, deny, docs, the wasm build
  test [NEXTEST ARGS]      every test: nextest, then the documentation's examples
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
