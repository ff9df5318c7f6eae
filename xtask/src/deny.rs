//! Licences, bans, sources and known vulnerabilities of the dependencies, by cargo-deny and `deny.toml`.
//!
//! The advisory database is taken from `LACRE_ADVISORY_DB` or `../shared/data/advisory-db` when one of them is
//! there (a plain folder of advisories will do), and fetched by cargo-deny otherwise.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs;
use crate::run::{Outcome, cargo, root, run, target, works};

/// The folder name that cargo-deny gives the database of its default address.
const DATABASE: &str = "advisory-db-3157b0e258782691";

/// Runs cargo-deny's four checks.
pub fn deny() -> Outcome {
    programs::deny()?;
    run(&mut cargo(&["deny", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))?;
    match local_database() {
        Some(folder) => advisories_of(&folder),
        None => fetched_advisories(),
    }
}

fn local_database() -> Option<PathBuf> {
    let named = std::env::var_os("LACRE_ADVISORY_DB").map(PathBuf::from);
    [named, Some(root().join("../shared/data/advisory-db"))]
        .into_iter()
        .flatten()
        .find(|folder| folder.join("crates").is_dir())
}

/// Checks against a copy of the database, without the network. cargo-deny wants it to be a git repository in a
/// folder of its naming.
fn advisories_of(folder: &Path) -> Outcome {
    let home = target().join("advisories");
    let copy = home.join(DATABASE);
    if copy.is_dir() {
        fs::remove_dir_all(&copy).map_err(|error| format!("cannot clear {}: {error}", copy.display()))?;
    }
    copy_tree(folder, &copy).map_err(|error| format!("cannot copy the advisories: {error}"))?;
    let git = |args: &[&str]| run(Command::new("git").arg("-C").arg(&copy).args(args));
    git(&["init", "--quiet"])?;
    git(&["add", "--all"])?;
    git(&["-c", "user.name=xtask", "-c", "user.email=xtask@localhost", "commit", "--quiet", "-m", "copy"])?;

    let config =
        fs::read_to_string(root().join("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let here = format!("[advisories]\ndb-path = {:?}\n", home.display().to_string());
    let offline = home.join("deny.toml");
    // A yanked version is told by the index of the registry alone, which is not asked here.
    let config = config.replace("[advisories]\n", &here).replace("yanked = \"deny\"", "yanked = \"allow\"");
    fs::write(&offline, config).map_err(|error| format!("{}: {error}", offline.display()))?;
    println!("advisories from {}", folder.display());
    run(cargo(&["deny", "--offline", "--config"]).arg(offline).args([
        "check",
        "--hide-inclusion-graph",
        "advisories",
    ]))
}

/// Lets cargo-deny fetch the database. Where it cannot be reached the check is left out, which is printed and
/// written down, so that nobody takes it for passed.
fn fetched_advisories() -> Outcome {
    if works(&mut cargo(&["deny", "fetch", "db"])) {
        return run(&mut cargo(&["deny", "check", "--hide-inclusion-graph", "advisories"]));
    }
    let note = "NOT CHECKED: advisories. The database cannot be fetched, and neither LACRE_ADVISORY_DB nor \
                ../shared/data/advisory-db is there.";
    println!("{note}");
    let file = target().join("not-checked.txt");
    fs::write(&file, format!("{note}\n")).map_err(|error| format!("{}: {error}", file.display()))
}

/// Copies a folder; the copy is writable whatever the source was.
fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != ".git" {
                copy_tree(&entry.path(), &target)?;
            }
        } else {
            fs::write(target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
