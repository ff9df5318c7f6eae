//! `lacre admin business`: the operator's register of businesses, at a relay that runs.

use std::path::Path;

use lacre_business::domain::{self, Dns};
use lacre_business::outward::{Deadlines, Outward, SystemResolver, Trust};
use lacre_client::report::Party;
use lacre_guard::alike;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::admin::ask_with;
use crate::cli::{AdminArgs, AdminBusiness, OneBusiness};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::safe_text::safe_line;

pub(super) async fn run(command: AdminBusiness, as_json: bool) -> Result<(), Failure> {
    match command {
        AdminBusiness::Add { handle, legal_name, display_name, domain, trade, relay } => {
            let new = json!({
                "handle": handle.as_str(),
                "legal_name": legal_name,
                "display_name": display_name,
                "domain": domain,
                "trade": trade,
            });
            let business = wish(&relay, "POST /businesses", &new.to_string())?;
            if as_json {
                return output::object(&business);
            }
            output::line(&format!(
                "{handle} is a business now: it writes by consent only. It has no badge yet."
            ))?;
            output::line(&format!(
                "To verify it, have it show this token at https://{0}{1}, or in a TXT record of {2}.{0} \
                 as {3}TOKEN; then say `lacre admin business check {handle}`, then `verify {handle}`:\n{4}",
                field(&business, "domain"),
                domain::PATH,
                domain::LABEL,
                domain::VALUE,
                field(&business, "token")
            ))
        }
        AdminBusiness::Check(one) => check(&one, as_json).await,
        AdminBusiness::Report { business: one, file } => report(&one, &file, as_json),
        AdminBusiness::Verify { business: one, though_alike, by_hand } => {
            if !though_alike {
                no_other_looks_like(&one)?;
            }
            let by_hand = by_hand.unwrap_or_default();
            change(
                &one,
                "verify",
                &by_hand,
                as_json,
                "is verified: clients show its badge from their next look on.",
            )
        }
        AdminBusiness::Suspend(one) => change(
            &one,
            "suspend",
            "",
            as_json,
            "is suspended: it sends nothing from now on, and its badge goes within a day.",
        ),
        AdminBusiness::Resume(one) => change(&one, "resume", "", as_json, "may go on."),
        AdminBusiness::List(relay) => list(&relay, as_json),
    }
}

/// Refuses a name that people may take for that of another business which is verified.
fn no_other_looks_like(one: &OneBusiness) -> Result<(), Failure> {
    let all = wish(&one.relay, "GET /businesses", "")?;
    let all = all.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_it = |business: &&Value| business["handle"] == one.handle.as_str();
    let Some(it) = all.iter().find(is_it) else { return Ok(()) };
    let names = |business: &Value| [business["handle"].clone(), business["display_name"].clone()];
    let alike = |other: &&Value| {
        names(other).iter().any(|one| {
            let both = |two: &Value| one.as_str().zip(two.as_str()).is_some_and(|(one, two)| alike(one, two));
            names(it).iter().any(both)
        })
    };
    let others = all.iter().filter(|other| !is_it(other) && other["verified_ms"].is_u64());
    match others.filter(|other| other["suspended_ms"].is_null()).find(alike) {
        None => Ok(()),
        Some(other) => Err(Failure::new(
            Exit::Refused,
            "looks_like",
            format!(
                "its name looks like that of {} ({}), which is verified. Look whether it is meant to fool people; if \
                 not, say it again with --though-alike",
                field(other, "handle"),
                field(other, "display_name")
            ),
        )),
    }
}

/// Looks at the business's domain, and has the relay hold what stands there against the token: at its web
/// server, and if it is not there, in its records.
async fn check(one: &OneBusiness, as_json: bool) -> Result<(), Failure> {
    let business = wish(&one.relay, &format!("GET /businesses/{}", one.handle), "")?;
    let [domain, token] = ["domain", "token"].map(|it| business[it].as_str().unwrap_or_default());
    let page = match Outward::new(SystemResolver, [], Trust::default(), Deadlines::default()) {
        Ok(out) => domain::look(&out, domain).await,
        Err(error) => Err(error),
    };
    if page.as_deref() == Ok(token) {
        return change(one, "found", token, as_json, "shows its token: it may be verified within a day.");
    }
    let records = match Dns::of_system(Box::new(StdRng::from_os_rng())) {
        Ok(dns) => domain::look_up(&dns, domain).await,
        Err(error) => Err(error),
    };
    if records.as_ref().is_ok_and(|all| all.iter().any(|it| it == token)) {
        let seen = "has its token in its domain's records: it may be verified within a day.";
        return change(one, "found", token, as_json, seen);
    }
    let says = |found: &str| match found {
        "" => "nothing".to_owned(),
        other => format!("{}, which is not its token", safe_line(other)),
    };
    let page = page.map_or_else(|error| error.to_string(), |found| says(&found));
    let records = records.map_or_else(|error| error.to_string(), |all| says(&all.join(" ")));
    let host = safe_line(domain);
    let words = format!(
        "https://{host}{}: {page}; TXT records of {}.{host}: {records}; nothing was changed",
        domain::PATH,
        domain::LABEL
    );
    Err(Failure::new(Exit::Refused, "not_seen", words))
}

/// Has a report count that proves itself.
fn report(one: &OneBusiness, file: &Path, as_json: bool) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::io(format!("{} cannot be read", file.display()), &error))?;
    let statement = lacre_client::report::read(&text).map_err(|error| {
        Failure::new(Exit::Refused, "bad_report", format!("{error}; nothing was changed"))
    })?;
    let party = |it: &Party| json!({ "account": it.account, "identity_key": it.identity_key });
    let authors = statement.messages.iter().map(|message| &message.author);
    let authors: Vec<&Party> = authors.filter(|it| it.account != statement.reporter.account).collect();
    let Some(author) = authors.first().filter(|first| authors.iter().all(|it| it.account == first.account))
    else {
        let words = "the report is not of one author; nothing was changed";
        return Err(Failure::new(Exit::Refused, "bad_report", words.to_owned()));
    };
    let body = json!({ "author": party(author), "reporter": party(&statement.reporter) });
    change(
        one,
        "report",
        &body.to_string(),
        as_json,
        "has one report more against it, if it wrote to its maker this week.",
    )
}

fn change(one: &OneBusiness, deed: &str, body: &str, as_json: bool, sentence: &str) -> Result<(), Failure> {
    let business = wish(&one.relay, &format!("POST /businesses/{}/{deed}", one.handle), body)?;
    match as_json {
        true => output::object(&business),
        false => output::line(&format!("{} {sentence}", one.handle)),
    }
}

fn list(relay: &AdminArgs, as_json: bool) -> Result<(), Failure> {
    let all = wish(relay, "GET /businesses", "")?;
    let all = all.as_array().cloned().unwrap_or_default();
    if all.is_empty() && !as_json {
        return output::line(
            "This relay has no businesses. `lacre admin business add` makes an account one.",
        );
    }
    for business in &all {
        match as_json {
            true => output::object(business)?,
            false => output::line(&as_line(business))?,
        }
    }
    Ok(())
}

fn as_line(business: &Value) -> String {
    let state = match (business["verified_ms"].as_u64(), business["suspended_ms"].as_u64()) {
        (_, Some(since)) => format!("suspended since {}", output::local(since, "%Y-%m-%d %H:%M")),
        (Some(since), None) => {
            let by = match business["by_hand"].as_str() {
                Some(reason) => format!(" by hand ({})", safe_line(reason)),
                None => String::new(),
            };
            format!("verified on {}{by}", output::local(since, "%Y-%m-%d"))
        }
        (None, None) => format!("not verified; its token: {}", field(business, "token")),
    };
    let [handle, name, legal, domain, quality] =
        ["handle", "display_name", "legal_name", "domain", "quality"].map(|name| field(business, name));
    let reached = business["reached_today"].as_u64().unwrap_or_default();
    let limit = match business["daily_limit"].as_u64() {
        Some(limit) => format!("{limit}"),
        None => "any number".to_owned(),
    };
    format!("{handle}  {name} ({legal}), {domain}: {state}; {quality}, reached {reached} of {limit} today")
}

fn field(business: &Value, name: &str) -> String {
    safe_line(business[name].as_str().unwrap_or_default())
}

/// What the relay answers, when it does what was wished.
fn wish(relay: &AdminArgs, line: &str, body: &str) -> Result<Value, Failure> {
    let path = relay.data.join("admin.token");
    let token = std::fs::read_to_string(&path)
        .map_err(|error| Failure::io(format!("{} cannot be read", path.display()), &error))?;
    let refused = |why: &str| {
        let words = format!("{}; nothing was changed", safe_line(why.trim()));
        Failure::new(Exit::Refused, "refused", words)
    };
    match ask_with(relay.admin, line, Some(token.trim()), body) {
        Ok((200 | 201, answer)) => {
            serde_json::from_str(&answer).map_err(|_| refused("the answer is not one"))
        }
        Ok((_, why)) => Err(refused(&why)),
        Err(error) => {
            let words = format!("the relay at {}: {error}", relay.admin);
            Err(Failure::new(Exit::Unreachable, "unreachable", words))
        }
    }
}
