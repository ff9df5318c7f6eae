//! `cargo xtask tidy`: what the design asks of the code's shape, and no compiler looks at.

mod leftovers;
mod links;
mod lists;
mod sizes;
mod walls;

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Outcome, root};

/// One thing that is not as it should be.
pub enum Finding {
    /// It fails the check.
    Wrong(String),
    /// It is told.
    Soft(String),
}

/// A text file of the workspace: its path from the root, with `/`, and its text.
pub struct File {
    path: String,
    text: String,
}

impl File {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Runs all of it and prints what it found.
pub fn tidy() -> Outcome {
    let files = files()?;
    let mut findings = walls::check()?;
    findings.extend(sizes::check(&files));
    findings.extend(leftovers::check(&files));
    findings.extend(lists::check(&files));
    findings.extend(links::check(&files));

    let (mut soft, mut wrong) = (0, 0);
    for finding in &findings {
        match finding {
            Finding::Wrong(text) => {
                wrong += 1;
                println!("  wrong  {text}");
            }
            Finding::Soft(text) => {
                soft += 1;
                println!("  soft   {text}");
            }
        }
    }
    println!("tidy: {} files, {wrong} wrong, {soft} over a soft limit", files.len());
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} thing(s) to put right")) }
}

/// Every text file that belongs to the project, in order.
fn files() -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    walk(&root(), "", &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Outcome {
    const EXTENSIONS: [&str; 8] = ["rs", "md", "toml", "proto", "txt", "sh", "css", "html"];
    let broken = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type().map_err(broken)?;
        if kind.is_dir() {
            if !left_out(&name, &path) {
                walk(&entry.path(), &path, files)?;
            }
        } else if EXTENSIONS.iter().any(|e| PathBuf::from(&name).extension().is_some_and(|x| x == *e)) {
            let text = fs::read_to_string(entry.path()).map_err(|error| format!("{path}: {error}"))?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

/// Folders that hold what was built, fetched or made by a run.
fn left_out(name: &str, path: &str) -> bool {
    name.starts_with("target")
        || matches!(name, ".git" | ".data" | "node_modules")
        || matches!(path, "fuzz/corpus" | "fuzz/artifacts" | "fuzz/coverage")
}
