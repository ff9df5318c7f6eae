//! `cargo xtask sdk`: clients of the Cloud API that others wrote, unmodified, on the business node; on the other end
//! a customer, who must have what they sent.
//!
//! Each client has a script in `suites/sdk`. What they need is installed by pip and npm into a folder below `target`.

mod install;
mod schema;
mod table;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use self::table::Table;
use crate::bakery::{BUSINESS, Bakery};
use crate::run::{Outcome, cargo, root, run, target};

const USAGE: &str = "cargo xtask sdk [NAME…], or cargo xtask sdk --schemathesis [--examples N]";
/// The scripts: one for each client.
const SCRIPTS: [&str; 4] = ["pywa_suite.py", "heyoo_suite.py", "whatsapp_api_js.mjs", "kapso.mjs"];
/// The customers whom the scripts speak for.
const PEOPLE: [&str; 5] = ["ana", "bruno", "clara", "dora", "eva"];

/// Builds the binary and runs every script, or those whose names begin so.
pub fn sdk(args: &[String]) -> Outcome {
    let build = || run(&mut cargo(&["build", "--quiet", "--workspace", "--bin", "lacre"]));
    match args {
        [option, rest @ ..] if option == "--schemathesis" => {
            let examples = match rest {
                [] => schema::EXAMPLES,
                [option, count] if option == "--examples" => count.parse().map_err(|_| USAGE.to_owned())?,
                _ => return Err(USAGE.to_owned()),
            };
            build()?;
            schema::look(examples)
        }
        _ if args.iter().any(|it| it.starts_with('-')) => Err(USAGE.to_owned()),
        names => {
            build()?;
            suites(names)
        }
    }
}

/// All of it as a step of the tests, with the binary that was built for them: another build would be one with other
/// features, and of half of the dependencies. On a machine without Python or npm it is left out, and that is said; in
/// the continuous integration it is a failure.
pub fn step() -> Outcome {
    match install::tools() {
        Err(why) if std::env::var_os("CI").is_none() => {
            println!("sdk: SKIPPED: {why}");
            Ok(())
        }
        _ => suites(&[]),
    }
}

/// The node's API under its own description, likewise.
pub fn schema_step() -> Outcome {
    match schema::tool() {
        Err(why) if std::env::var_os("CI").is_none() => {
            println!("schemathesis: SKIPPED: {why}");
            Ok(())
        }
        _ => schema::look(schema::EXAMPLES),
    }
}

/// Runs the scripts on the binary that is built.
fn suites(names: &[String]) -> Outcome {
    let tools = install::tools()?;
    let wanted = |script: &&str| names.is_empty() || names.iter().any(|it| script.starts_with(it.as_str()));
    let scripts: Vec<&str> = SCRIPTS.into_iter().filter(wanted).collect();
    if scripts.is_empty() {
        return Err(format!("there is no such script; there are {}", SCRIPTS.join(", ")));
    }
    let folder = target().join("sdk/world");
    let lacre = root().join(target()).join("debug/lacre");
    let bakery = Bakery::open(&lacre, &folder, ["127.0.0.1:0", "127.0.0.1:0"], "lifted")?;
    PEOPLE.into_iter().try_for_each(|name| bakery.sign_up(name))?;
    fs::write(folder.join("picture.png"), PICTURE).map_err(|error| error.to_string())?;
    let mut table = Table::default();
    for script in scripts {
        let mut command = tools.command(script);
        for (name, value) in surroundings(&bakery, &lacre, &folder)? {
            command.env(name, value);
        }
        follow(script, &mut command, &mut table)?;
    }
    table.close(&bakery.log())
}

/// Where everything is, as the scripts are told.
fn surroundings(
    bakery: &Bakery,
    lacre: &Path,
    folder: &Path,
) -> Result<Vec<(&'static str, PathBuf)>, String> {
    let text = |name: &str| bakery.told(name).map(PathBuf::from);
    Ok(vec![
        ("SDK_BASE", bakery.base.clone().into()),
        ("SDK_PHONE", text("phone_number_id")?),
        ("SDK_WABA", text("waba_id")?),
        ("SDK_APP", text("app_id")?),
        ("SDK_APP_SECRET", text("app_secret")?),
        ("SDK_TOKEN", text("access_token")?),
        ("SDK_BUSINESS", BUSINESS.into()),
        ("SDK_LACRE", lacre.to_owned()),
        ("SDK_FOLDER", folder.to_owned()),
    ])
}

/// Runs a script; each line that it prints is a row.
fn follow(script: &str, command: &mut Command, table: &mut Table) -> Outcome {
    let start = crate::run::now();
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{script} does not start: {error}"))?;
    let out = child.stdout.take().ok_or("its output is not piped")?;
    for line in BufReader::new(out).lines().map_while(Result::ok) {
        table.row(&line);
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    table.ended(script, status.success(), start.elapsed());
    Ok(())
}

/// A picture of one pixel.
const PICTURE: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0,
    1, 8, 0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 10, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x60, 0,
    0, 0, 2, 0, 1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
