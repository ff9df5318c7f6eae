//! The walls between crates: what each may use and what it must never link, against what Cargo resolved.
//!
//! "Link" is the closure of ordinary dependencies on every platform, with the features that the whole workspace
//! turns on: more than any one build links, so what is absent here is absent everywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Finding;
use crate::run::{cargo, output, root};

/// One row of the table: a crate, the workspace crates that it may depend on, and the packages that must not be
/// anywhere below it. A name that ends in `*` stands for all that begin so.
struct Wall {
    name: &'static str,
    may: &'static [&'static str],
    never: &'static [&'static str],
}

const SEALING: &str = "openmls*";
const WALLS: &[Wall] = &[
    Wall {
        name: "lacre-proto",
        may: &[],
        never: &["tokio", "rand*", "getrandom", "redb", SEALING, "rustls", "jiff", "chrono", "time"],
    },
    // It judges; it does nothing, so it needs nothing.
    Wall {
        name: "lacre-guard",
        may: &[],
        never: &[
            "tokio",
            "rand*",
            "getrandom",
            "redb",
            SEALING,
            "rustls",
            "prost",
            "serde",
            "jiff",
            "flate2",
        ],
    },
    // It takes bytes and gives bytes, in a browser too.
    Wall {
        name: "lacre-media",
        may: &["lacre-guard"],
        never: &[
            "tokio",
            "rand*",
            "getrandom",
            "redb",
            SEALING,
            "rustls",
            "prost",
            "jiff",
            "image",
            "moxcms",
        ],
    },
    Wall {
        name: "lacre-sealed",
        may: &[],
        never: &["tokio", "hyper", "axum", "rustls", "tungstenite", SEALING, "prost"],
    },
    Wall {
        name: "lacre-engine",
        may: &["lacre-proto"],
        never: &["tokio", "mio", "socket2", "hyper", "rustls", "tungstenite", "redb", "ratatui", "jiff"],
    },
    // Files go over HTTP, so it speaks that; it serves nothing.
    Wall {
        name: "lacre-client",
        may: &["lacre-engine", "lacre-guard", "lacre-proto", "lacre-sealed"],
        never: &["axum", "lacre-store", "lacre-relay", "ratatui"],
    },
    // A bucket is reached over HTTP and TLS, by the library that speaks S3; it serves nothing.
    Wall {
        name: "lacre-store",
        may: &["lacre-proto", "lacre-sealed"],
        never: &["axum", "tungstenite", SEALING, "hpke-rs*", "lacre-engine"],
    },
    Wall {
        name: "lacre-relay",
        may: &["lacre-proto", "lacre-store"],
        never: &[SEALING, "hpke-rs*", "lacre-engine", "lacre-client", "ratatui"],
    },
    // It says and hears through a client, and serves the business's own programs.
    Wall {
        name: "lacre-business",
        may: &["lacre-client", "lacre-media", "lacre-proto", "lacre-store"],
        never: &["lacre-relay", "ratatui"],
    },
    Wall {
        name: "lacre",
        may: &[
            "lacre-business",
            "lacre-client",
            "lacre-engine",
            "lacre-guard",
            "lacre-media",
            "lacre-proto",
            "lacre-relay",
            "lacre-store",
        ],
        never: &["lacre-testkit", "lacre-bench"],
    },
    Wall {
        name: "lacre-testkit",
        may: &["lacre-client", "lacre-engine", "lacre-proto", "lacre-relay", "lacre-sealed", "lacre-store"],
        never: &["lacre-bench"],
    },
    Wall {
        name: "lacre-bench",
        may: &["lacre-client", "lacre-engine", "lacre-proto"],
        never: &["lacre-relay", "lacre-testkit"],
    },
    Wall { name: "xtask", may: &["lacre-proto"], never: &["tokio"] },
];

/// Checks the table, and that every crate takes the workspace's lints.
pub fn check() -> Result<Vec<Finding>, String> {
    let text = output(&mut cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata printed no JSON: {error}"))?;
    let graph = Graph::new(&metadata);
    let mut findings = Vec::new();
    for member in &graph.members {
        let name = graph.name(member);
        let Some(wall) = WALLS.iter().find(|wall| wall.name == name) else {
            findings.push(Finding::Wrong(format!("{name} has no row in xtask/src/tidy/walls.rs")));
            continue;
        };
        findings.extend(graph.against(member, wall).into_iter().map(Finding::Wrong));
        findings.extend(lints(&graph, member));
    }
    findings.extend(product_features()?);
    Ok(findings)
}

/// Packages and features that are for tests, and must not be in the binary that people run, as it is built by
/// itself: `evil` crafts what an honest device never would.
fn product_features() -> Result<Vec<Finding>, String> {
    const TESTS_ONLY: [&str; 5] =
        ["proptest ", "criterion ", "tempfile ", " feature \"evil\"", " feature \"conformance\""];
    let arguments =
        ["tree", "--locked", "--package", "lacre", "--edges", "normal,features", "--prefix", "none"];
    let tree = output(&mut cargo(&arguments))?;
    let found = TESTS_ONLY.iter().filter(|name| match name.strip_prefix(' ') {
        Some(_) => tree.lines().any(|line| line.starts_with("lacre-") && line.contains(*name)),
        None => tree.lines().any(|line| line.starts_with(*name)),
    });
    Ok(found
        .map(|name| Finding::Wrong(format!("the binary is built with{name}, which is for tests")))
        .collect())
}

/// The resolved graph of packages, by Cargo's package ids.
struct Graph {
    names: BTreeMap<String, String>,
    manifests: BTreeMap<String, String>,
    linked: BTreeMap<String, Vec<String>>,
    members: Vec<String>,
}

impl Graph {
    fn new(metadata: &Value) -> Self {
        let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let (mut names, mut manifests) = (BTreeMap::new(), BTreeMap::new());
        for package in list(&metadata["packages"]) {
            names.insert(string(&package["id"]), string(&package["name"]));
            manifests.insert(string(&package["id"]), string(&package["manifest_path"]));
        }
        let mut linked = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let ordinary = |dep: &Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
            let deps: Vec<Value> = list(&node["deps"]).into_iter().filter(ordinary).collect();
            linked.insert(string(&node["id"]), deps.iter().map(|dep| string(&dep["pkg"])).collect());
        }
        let members = list(&metadata["workspace_members"]).iter().map(string).collect();
        Self { names, manifests, linked, members }
    }

    fn name(&self, id: &str) -> &str {
        self.names.get(id).map_or("", String::as_str)
    }

    /// What stands against a wall, as sentences.
    fn against(&self, member: &str, wall: &Wall) -> Vec<String> {
        let mut wrong = Vec::new();
        for dep in self.direct(member).filter(|dep| self.members.contains(dep)) {
            let dep = self.name(dep);
            if !wall.may.contains(&dep) {
                wrong.push(format!("{} depends on {dep}, which its wall does not allow", wall.name));
            }
        }
        for (id, path) in self.closure(member) {
            let name = self.name(&id);
            if let Some(rule) = wall.never.iter().find(|rule| matches(rule, name)) {
                wrong.push(format!("{} links {name} (never: {rule}), by {path}", wall.name));
            }
        }
        if wall.name != "lacre" && self.direct(member).any(|dep| self.name(dep) == "anyhow") {
            wrong.push(format!("{} uses anyhow; errors below the binary are typed", wall.name));
        }
        wrong
    }

    fn direct<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a String> {
        self.linked.get(id).into_iter().flatten()
    }

    /// Everything below a package, each with the way to it.
    fn closure(&self, root: &str) -> Vec<(String, String)> {
        let mut seen = BTreeSet::from([root.to_owned()]);
        let mut queue = vec![(root.to_owned(), self.name(root).to_owned())];
        let mut found = Vec::new();
        while let Some((id, path)) = queue.pop() {
            for dep in self.direct(&id) {
                if seen.insert(dep.clone()) {
                    let path = format!("{path} > {}", self.name(dep));
                    found.push((dep.clone(), path.clone()));
                    queue.push((dep.clone(), path));
                }
            }
        }
        found
    }
}

fn matches(rule: &str, name: &str) -> bool {
    match rule.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => rule == name,
    }
}

/// The workspace's lints forbid `unsafe`; a crate that does not take them escapes it.
fn lints(graph: &Graph, member: &str) -> Option<Finding> {
    let path = graph.manifests.get(member)?;
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let takes =
        text.split("[lints]").nth(1).is_some_and(|rest| rest.trim_start().starts_with("workspace = true"));
    let shown = path.strip_prefix(&format!("{}/", root().display())).unwrap_or(path);
    (!takes).then(|| Finding::Wrong(format!("{shown} does not take the workspace's lints")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// relay -> store -> engine, with engine as a build dependency of proto.
    fn graph() -> Graph {
        let package = |id: &str| serde_json::json!({"id": id, "name": id, "manifest_path": ""});
        let dep =
            |id: &str, kind: Option<&str>| serde_json::json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
        Graph::new(&serde_json::json!({
            "packages": [package("relay"), package("store"), package("openmls_traits"), package("proto")],
            "workspace_members": ["relay", "store", "proto"],
            "resolve": {"nodes": [
                {"id": "relay", "deps": [dep("store", None)]},
                {"id": "store", "deps": [dep("openmls_traits", None), dep("proto", Some("dev"))]},
                {"id": "proto", "deps": [dep("openmls_traits", Some("build"))]},
                {"id": "openmls_traits", "deps": []},
            ]},
        }))
    }

    #[test]
    fn what_is_linked_two_steps_down_is_found() {
        let wall = Wall { name: "relay", may: &["store"], never: &["openmls*"] };
        let wrong = graph().against("relay", &wall);
        assert_eq!(
            wrong,
            ["relay links openmls_traits (never: openmls*), by relay > store > openmls_traits"]
        );
    }

    #[test]
    fn a_crate_of_the_workspace_that_is_not_allowed_is_found() {
        let wall = Wall { name: "relay", may: &[], never: &[] };
        assert_eq!(
            graph().against("relay", &wall),
            ["relay depends on store, which its wall does not allow"]
        );
    }

    #[test]
    fn what_only_tests_and_builds_use_is_not_linked() {
        let wall = Wall { name: "proto", may: &[], never: &["openmls*"] };
        assert_eq!(graph().against("proto", &wall), [""; 0]);
    }
}
