//! What must not be left in code: tests that are switched off, code that is not written yet, notes to fix it.

use super::{File, Finding};

/// Each with what is wrong about it. In two pieces, so that this file does not hold what it looks for.
const LEFTOVERS: [([&str; 2], &str); 5] = [
    (["#[ign", "ore"], "a test that does not run"),
    (["tod", "o!("], "code that is not there"),
    (["unimple", "mented!("], "code that is not there"),
    (["FIX", "ME"], "a note to fix it: fix it, or open an issue"),
    (["XX", "X:"], "a note to fix it: fix it, or open an issue"),
];

/// Looks through every Rust file.
pub fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        for (number, line) in file.text.lines().enumerate() {
            for (parts, why) in LEFTOVERS {
                if line.contains(&parts.concat()) {
                    let text = format!("{}:{}: {}: {why}", file.path, number + 1, parts.concat());
                    findings.push(Finding::Wrong(text));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_switched_off_is_found() {
        let text = format!("#[test]\n{}]\nfn a() {{}}\n", LEFTOVERS[0].0.concat());
        let found = check(&[File { path: "a.rs".into(), text }]);
        assert!(matches!(&found[..], [Finding::Wrong(text)] if text.starts_with("a.rs:2:")));
    }
}
