//! Lists that must be whole: every fuzz target is built, seeded and told of; every decision is in the index.

use super::{File, Finding};

/// Checks the lists.
pub fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = fuzz_targets(files);
    findings.extend(decisions(files));
    findings
}

/// Each file of `fuzz/fuzz_targets` has its entry in `fuzz/Cargo.toml` and its line in `fuzz/README.md`.
fn fuzz_targets(files: &[File]) -> Vec<Finding> {
    let stems = under(files, "fuzz/fuzz_targets/", ".rs");
    let mut findings = Vec::new();
    for (list, entry) in [("fuzz/Cargo.toml", "name = \"{}\""), ("fuzz/README.md", "`{}`")] {
        for stem in &stems {
            let entry = entry.replace("{}", stem);
            if !text(files, list).contains(&entry) {
                findings.push(Finding::Wrong(format!("{list} does not list the fuzz target {stem}")));
            }
        }
    }
    let manifest = text(files, "fuzz/Cargo.toml");
    for name in manifest.split("[[bin]]").skip(1).filter_map(|bin| bin.split('"').nth(1)) {
        if !stems.iter().any(|stem| stem == name) {
            findings.push(Finding::Wrong(format!("fuzz/Cargo.toml lists {name}, which has no file")));
        }
    }
    findings
}

/// Each decision in `docs/adr` has its line in the folder's README.
fn decisions(files: &[File]) -> Vec<Finding> {
    let index = text(files, "docs/adr/README.md");
    under(files, "docs/adr/", ".md")
        .into_iter()
        .filter(|stem| stem != "README" && !index.contains(&format!("{stem}.md")))
        .map(|stem| Finding::Wrong(format!("docs/adr/README.md does not list {stem}.md")))
        .collect()
}

fn under(files: &[File], folder: &str, end: &str) -> Vec<String> {
    files
        .iter()
        .filter_map(|file| Some(file.path.strip_prefix(folder)?.strip_suffix(end)?.to_owned()))
        .filter(|stem| !stem.contains('/'))
        .collect()
}

fn text<'a>(files: &'a [File], path: &str) -> &'a str {
    files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fuzz_target_that_is_not_listed_is_found() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files = [
            file("fuzz/fuzz_targets/item.rs", ""),
            file("fuzz/Cargo.toml", "[[bin]]\nname = \"item\"\n[[bin]]\nname = \"gone\"\n"),
            file("fuzz/README.md", "nothing"),
        ];
        let found: Vec<_> = fuzz_targets(&files)
            .into_iter()
            .map(|finding| match finding {
                Finding::Wrong(text) | Finding::Soft(text) => text,
            })
            .collect();
        assert_eq!(
            found,
            [
                "fuzz/README.md does not list the fuzz target item",
                "fuzz/Cargo.toml lists gone, which has no file"
            ]
        );
    }
}
