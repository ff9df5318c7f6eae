//! `lacre doctor`: looks, says in plain words what is well and what needs you, and changes nothing.

mod files;
mod machine;
mod profile;
mod relay;
mod tls;

use serde_json::json;

use super::Context;
use crate::cli::DoctorArgs;
use crate::exit::{Exit, Failure};
use crate::output;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Well.
    Ok,
    /// It works, and could be better.
    Notice,
    /// It does not work, or is not safe.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    found: String,
    /// What to do, when there is something.
    fix: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, found: found.into(), fix: None }
    }

    fn notice(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Notice, found: found.into(), fix: Some(fix.into()) }
    }

    fn bad(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Bad, found: found.into(), fix: Some(fix.into()) }
    }
}

/// Looks at a relay's data folder.
pub(super) async fn relay(args: DoctorArgs, json: bool) -> Result<(), Failure> {
    report(&relay::checks(&args).await, json)
}

/// Looks at a profile.
pub(super) async fn profile(context: &Context) -> Result<(), Failure> {
    report(&profile::checks(context).await, context.json)
}

fn report(checks: &[Check], json: bool) -> Result<(), Failure> {
    let bad = checks.iter().filter(|check| check.verdict == Verdict::Bad).count();
    if json {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| {
                let verdict = match check.verdict {
                    Verdict::Ok => "ok",
                    Verdict::Notice => "notice",
                    Verdict::Bad => "bad",
                };
                json!({"name": check.name, "verdict": verdict, "found": check.found, "fix": check.fix})
            })
            .collect();
        output::object(&json!({"healthy": bad == 0, "checks": checks}))?;
    } else {
        for check in checks {
            let mark = match check.verdict {
                Verdict::Ok => "ok    ",
                Verdict::Notice => "notice",
                Verdict::Bad => "BAD   ",
            };
            output::line(&format!("{mark}  {:<12}  {}", check.name, check.found))?;
            if let Some(fix) = &check.fix {
                output::line(&format!("                      → {fix}"))?;
            }
        }
    }
    match bad {
        0 => Ok(()),
        _ => Err(Failure::new(Exit::Unhealthy, "unhealthy", format!("{bad} check(s) need you"))),
    }
}
