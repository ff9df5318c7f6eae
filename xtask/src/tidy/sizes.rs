//! Sizes: a file 500 lines (soft) and 900 (hard), a function 40 and 100; tests too.
//!
//! A function is measured on formatted code: from the line with `fn` to the first line that is only the closing
//! brace at the same indent. A line of a raw string that looks like that brace would cut it short.

use super::{File, Finding};

const FILE: (usize, usize) = (500, 900);
const FUNCTION: (usize, usize) = (40, 100);

/// Measures every Rust file.
pub fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let lines = file.text.lines().count();
        findings.extend(over(lines, FILE, &file.path));
        for function in functions(&file.text) {
            let name = format!("{}:{} {}", file.path, function.line, function.name);
            findings.extend(over(function.lines, FUNCTION, &name));
        }
    }
    findings
}

fn over(lines: usize, (soft, hard): (usize, usize), what: &str) -> Option<Finding> {
    if lines > hard {
        Some(Finding::Wrong(format!("{what}: {lines} lines, more than {hard}")))
    } else if lines > soft {
        Some(Finding::Soft(format!("{what}: {lines} lines, more than {soft}")))
    } else {
        None
    }
}

#[derive(Debug, PartialEq)]
struct Function<'a> {
    name: &'a str,
    line: usize,
    lines: usize,
}

fn functions(text: &str) -> Vec<Function<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let end = lines[start..].iter().position(|line| closes(line, indent));
        if let Some(end) = end {
            found.push(Function { name, line: start + 1, lines: end + 1 });
        }
    }
    found
}

/// Whether a line ends the function that began at this indent: its brace, a body on one line, or no body.
fn closes(line: &str, indent: usize) -> bool {
    let at_indent = line.len() - line.trim_start().len() == indent;
    let text = line.trim();
    at_indent && (text == "}" || text.ends_with(';') || (text.contains("fn ") && text.ends_with('}')))
}

/// The name of the function that a line begins, if it begins one.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix("fn ") {
            let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            return (end > 0).then(|| &after[..end]);
        }
        let (word, after) = rest.split_once(' ')?;
        let qualifier =
            matches!(word, "pub" | "const" | "async" | "extern" | "\"C\"") || word.starts_with("pub(");
        if !qualifier {
            return None;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured_from_their_first_line_to_their_brace() {
        let text = "\
impl A {
    pub(crate) async fn long(
        a: u8,
    ) -> u8 {
        if a == 0 {
            return 1;
        }
        a
    }

    fn short(&self) {}
    fn none(&self) -> u8;
}

const fn outer() -> u8 {
    7
}
";
        let sizes: Vec<_> = functions(text).iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(sizes, [("long", 2, 8), ("short", 11, 1), ("none", 12, 1), ("outer", 15, 3)]);
    }

    #[test]
    fn words_that_hold_fn_are_no_function() {
        assert_eq!(function_name("    let fn_count = 1;"), None);
        assert_eq!(function_name("// fn comment() {"), None);
        assert_eq!(function_name("type F = fn (u8) -> u8;"), None);
        assert_eq!(function_name("fn main() {"), Some("main"));
    }

    #[test]
    fn over_the_hard_limit_is_wrong_and_over_the_soft_one_is_told() {
        assert!(over(500, FILE, "").is_none());
        assert!(matches!(over(501, FILE, ""), Some(Finding::Soft(_))));
        assert!(matches!(over(901, FILE, ""), Some(Finding::Wrong(_))));
    }
}
