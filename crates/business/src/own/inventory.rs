//! The list of the own API's calls, made of their table: who may do what, and what the audit log calls it.

use std::fmt::Write;

use super::ROOT;
use super::routes::{Need, OWN_ROUTES};
use crate::people::{Action, Role};

const HEAD: &str = "\
# The node's own API

Made of the node's table of calls by `lacre business openapi --own`; a test fails when it is not what is checked in. The calls
are told in [business.md](../guide/business.md); a body and an answer are JSON, an error is `{\"error\":{\"code\",\"message\"}}`.
Whoever owns the machine may do everything over the node's socket. A call in an inbox finds nothing of others.

| call | who may | row of the audit log |
| --- | --- | --- |
";

/// The list, as Markdown.
pub fn markdown() -> String {
    let mut all = HEAD.to_owned();
    for route in OWN_ROUTES {
        let what = route.what.map_or_else(String::new, |what| format!("`{what}`"));
        let _ = writeln!(all, "| `{} {ROOT}{}` | {} | {what} |", route.method, route.shape, who(route.need));
    }
    all
}

fn who(need: Need) -> String {
    match need {
        Need::Nothing => "anybody".to_owned(),
        Need::SignedIn => "who has signed in".to_owned(),
        Need::May(action) => everywhere(action),
        Need::MayOrSelf(action) => format!("{}; oneself", everywhere(action)),
        Need::In(action) => format!("{}, in their inboxes", roles(action)),
    }
}

fn everywhere(action: Action) -> String {
    let limited = if action.is_everywhere() { ", not limited to inboxes" } else { "" };
    format!("{}{limited}", roles(action))
}

fn roles(action: Action) -> String {
    let may: Vec<_> = Role::ALL.into_iter().filter(|role| role.may(action)).map(Role::name).collect();
    may.join(", ")
}
