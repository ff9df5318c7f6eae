//! What the scripts need: a Python with the clients, and the modules of those in JavaScript.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Outcome, root, run, target, works};

/// What the scripts are run with.
pub struct Tools {
    python: PathBuf,
    modules: PathBuf,
}

impl Tools {
    /// A script, ready to be run. Those in JavaScript lie beside the modules that they use.
    pub fn command(&self, script: &str) -> Command {
        let (program, folder) = match script.ends_with(".py") {
            true => (self.python.clone(), scripts()),
            false => ("node".into(), self.modules.clone()),
        };
        let mut command = Command::new(program);
        // Whatever a machine sends through a proxy, what goes to the machine itself does not.
        command.arg(folder.join(script)).env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

fn scripts() -> PathBuf {
    root().join("suites/sdk")
}

/// Installs what is not there in these versions; the reason when the machine cannot.
pub fn tools() -> Result<Tools, String> {
    let folder = root().join(target()).join("sdk");
    Ok(Tools { python: python(&folder, "requirements.txt", "python")?, modules: modules(&folder)? })
}

/// An environment of its own with what a file of requirements says.
pub fn python(folder: &Path, requirements: &str, name: &str) -> Result<PathBuf, String> {
    let (venv, list) = (folder.join(name), scripts().join(requirements));
    let python = venv.join("bin/python");
    fresh(&venv, &list, || {
        if !works(Command::new("python3").args(["-m", "venv", "--help"])) {
            return Err("the clients in Python need python3 with venv and pip, and there is none".to_owned());
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        run(Command::new(&python).args(install).arg(&list))
    })?;
    Ok(python)
}

fn modules(folder: &Path) -> Result<PathBuf, String> {
    let (modules, list) = (folder.join("node"), scripts().join("package.json"));
    fresh(&modules, &list, || {
        if !works(Command::new("npm").arg("--version")) || !works(Command::new("node").arg("--version")) {
            return Err("the clients in JavaScript need node and npm, and they are not here".to_owned());
        }
        let copied =
            fs::create_dir_all(&modules).and_then(|()| fs::copy(&list, modules.join("package.json")));
        copied.map_err(|error| format!("{}: {error}", modules.display()))?;
        let install = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"];
        run(Command::new("npm").args(install).current_dir(&modules))
    })?;
    let all = fs::read_dir(scripts()).map_err(|error| error.to_string())?.flatten().map(|it| it.path());
    for script in all.filter(|it| it.extension().is_some_and(|it| it == "mjs")) {
        let name = script.file_name().expect("a file has a name");
        fs::copy(&script, modules.join(name)).map_err(|error| format!("{}: {error}", script.display()))?;
    }
    Ok(modules)
}

/// Does the work unless the folder was made for this very list.
fn fresh(folder: &Path, list: &Path, work: impl FnOnce() -> Outcome) -> Outcome {
    let wanted = fs::read(list).map_err(|error| format!("{}: {error}", list.display()))?;
    let mark = folder.join("made-for");
    if fs::read(&mark).is_ok_and(|it| it == wanted) {
        return Ok(());
    }
    println!("==> {} into {}", list.display(), folder.display());
    let _ = fs::remove_dir_all(folder);
    work()?;
    fs::write(&mark, wanted).map_err(|error| format!("{}: {error}", mark.display()))
}
