//! `cargo xtask up`: a relay to try things on, and how to join it; with `--business`, a business's node on it too.

mod business;
mod hook;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::demo;
use crate::run::{Outcome, cargo, root, run, target};

struct Options {
    demo: bool,
    business: bool,
    data: PathBuf,
    listen: String,
}

/// Builds the binary, shows the demo if it is wanted, then becomes the relay until Ctrl-C.
pub fn up(args: &[String]) -> Outcome {
    let options = options(args)?;
    println!("Building lacre. The first time takes some minutes; Cargo tells how far it is.");
    run(&mut cargo(&["build", "--package", "lacre"]))?;
    let lacre = target().join("debug/lacre");
    if options.demo {
        demo::demo(&lacre, &options.data.join("demo"))?;
    }
    if options.business {
        return business::open(&lacre, &options.data.join("business"), &options.listen, shown);
    }
    print!("{}", how_to_join(&shown(&lacre), &shown(&options.data), &options.listen));
    let mut relay = Command::new(&lacre);
    relay.arg("relay").arg("--data").arg(options.data.join("relay")).args(["--listen", &options.listen]);
    become_it(relay)
}

/// The demo alone, with a binary that was built already if one is named; it ends by itself.
pub fn demo_alone(args: &[String]) -> Outcome {
    let (lacre, folder) = match args {
        [] => {
            run(&mut cargo(&["build", "--package", "lacre"]))?;
            (target().join("debug/lacre"), root().join(".data/demo"))
        }
        [lacre, folder] => (PathBuf::from(lacre), PathBuf::from(folder)),
        _ => return Err("cargo xtask demo [BINARY FOLDER]".to_owned()),
    };
    demo::demo(&lacre, &folder)
}

fn options(args: &[String]) -> Result<Options, String> {
    let mut options = Options {
        demo: false,
        business: false,
        data: root().join(".data"),
        listen: "127.0.0.1:8443".to_owned(),
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--demo" => options.demo = true,
            "--business" => options.business = true,
            "--data" => options.data = PathBuf::from(value()?),
            "--listen" => options.listen = value()?.clone(),
            other => {
                let usage = "cargo xtask up [--demo] [--business] [--data DIR] [--listen ADDRESS:PORT]";
                return Err(format!("there is no option {other}; {usage}"));
            }
        }
    }
    Ok(options)
}

/// A path as it is typed in the workspace's folder.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| root());
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn how_to_join(lacre: &str, data: &str, listen: &str) -> String {
    format!(
        "
Your relay listens on https://{listen}, with a certificate of its own
making. Its data is in {data}/relay; delete that folder to begin anew.

Open a second terminal in this folder, and be Ana. The passphrase that you are
asked for seals her messages on this disk:

  {lacre} --profile {data}/ana sign-up --relay https://{listen} ana

Open a third, and be Bruno:

  {lacre} --profile {data}/bruno sign-up --relay https://{listen} bruno

Now write, each in a terminal of your own; the other need not be there:

  {lacre} --profile {data}/ana send bruno 'Olá, Bruno!'
  {lacre} --profile {data}/bruno read --follow
  {lacre} --profile {data}/bruno chat

Ctrl-C stops the relay. Nothing that it has acknowledged is lost by that.

"
    )
}

/// Lets the relay take the place of this program, so that Ctrl-C reaches it alone and it stops cleanly.
#[cfg(unix)]
fn become_it(mut relay: Command) -> Outcome {
    let error = std::os::unix::process::CommandExt::exec(&mut relay);
    Err(format!("the relay does not start: {error}"))
}

#[cfg(not(unix))]
fn become_it(mut relay: Command) -> Outcome {
    run(&mut relay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_fits_a_terminal_of_80_columns() {
        let text = how_to_join("target/debug/lacre", ".data", "127.0.0.1:8443");
        let prose = text.lines().filter(|line| !line.starts_with("  "));
        for line in prose {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn options_are_read_and_others_refused() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let options = options(&args("--demo --business --data there --listen 127.0.0.1:1")).unwrap();
        assert!(options.demo && options.business);
        assert_eq!((options.data, options.listen), (PathBuf::from("there"), "127.0.0.1:1".to_owned()));
        assert!(super::options(&args("--data")).is_err());
        assert!(super::options(&args("--dmeo")).is_err());
    }
}
