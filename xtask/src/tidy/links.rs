//! Links in the docs: every one leads to a file that is there, and to a heading that the file has.
//!
//! Looked at are Markdown links without a scheme, and the names of Markdown files under `docs/` wherever they
//! stand in docs and code.

use std::path::{Component, Path, PathBuf};

use super::{File, Finding};
use crate::run::root;

/// Checks all of them.
pub fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        if file.path.ends_with(".md") {
            for link in markdown_links(&file.text) {
                findings.extend(broken_link(files, file, link));
            }
        }
        // The examples in this very folder lead nowhere on purpose.
        let names = if file.path.starts_with("xtask/src/tidy/") { Vec::new() } else { doc_names(&file.text) };
        for name in names {
            if !root().join(name).is_file() {
                findings.push(Finding::Wrong(format!("{}: {name} is not there", file.path)));
            }
        }
    }
    findings
}

fn broken_link(files: &[File], file: &File, link: &str) -> Option<Finding> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
    let target = if path.is_empty() { file.path.clone() } else { joined(&file.path, path) };
    let page = files.iter().find(|other| other.path == target);
    if page.is_none() && !root().join(&target).exists() {
        return Some(Finding::Wrong(format!("{}: the link {link} leads nowhere", file.path)));
    }
    let page = page?;
    let missing = heading.filter(|heading| !headings(&page.text).any(|slug| slug == *heading))?;
    Some(Finding::Wrong(format!("{}: {target} has no heading #{missing}", file.path)))
}

/// The targets of `[text](target)`, outside code.
fn markdown_links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    for line in prose(text) {
        for part in line.split('`').step_by(2) {
            links.extend(
                part.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link),
            );
        }
    }
    links
}

/// Lines that are not in a fenced block.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Names such as `docs/guide/start.md`, from the root of the workspace.
fn doc_names(text: &str) -> Vec<&str> {
    let part = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    text.match_indices("docs/")
        .filter(|(at, _)| !text[..*at].chars().next_back().is_some_and(part))
        .filter_map(|(at, _)| {
            let end = text[at..].find(|c| !part(c)).unwrap_or(text.len() - at);
            let name = text[at..at + end].trim_end_matches('.');
            name.ends_with(".md").then_some(name)
        })
        .collect()
}

/// The anchors of a page's headings, as they are made by the common renderers.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter(|line| line.starts_with('#')).map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// A link's path from the root, resolved against the page that it stands on.
fn joined(page: &str, link: &str) -> String {
    let mut path = PathBuf::new();
    let folder = Path::new(page).parent().unwrap_or(Path::new(""));
    for part in folder.join(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let text = "See [a](b.md#c) and [d](../e.md), not `[x](y)`.\n```\n[f](g)\n```\n";
        assert_eq!(markdown_links(text), ["b.md#c", "../e.md"]);
        assert_eq!(joined("docs/guide/a.md", "../adr/b.md"), "docs/adr/b.md");
    }

    #[test]
    fn names_of_docs_are_found_in_comments() {
        let name = ["docs", "protocol", "wire.md"].join("/");
        assert_eq!(doc_names(&format!("//! {name}, \"Frames\".")), [name.as_str()]);
        assert_eq!(doc_names(&format!("at https://other.example/{name}")), [""; 0]);
    }

    #[test]
    fn a_heading_becomes_its_anchor() {
        let slugs: Vec<_> = headings("# One\n```\n# no\n```\n## The relay's view: it\n").collect();
        assert_eq!(slugs, ["one", "the-relays-view-it"]);
    }

    #[test]
    fn a_link_to_nowhere_and_to_no_heading_is_found() {
        let page = || File { path: "page.md".into(), text: "# Here\n".into() };
        let broken = |link| broken_link(&[page()], &page(), link).is_some();
        assert!(broken("nowhere.md"));
        assert!(broken("#there"));
        assert!(!broken("https://other.example/nowhere.md"));
        assert!(!broken("Cargo.toml"));
    }
}
