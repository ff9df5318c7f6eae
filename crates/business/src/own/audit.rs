//! `audit`: what was done, whether the log of it is whole, and proofs of rows.

use lacre_store::data::Data;
use serde_json::{Value, json};

use super::{Ask, Done, Own, OwnError};
use crate::audit::{Filter, Head, Row, Who};
use crate::clock::Clock;
use crate::store::bytes_of;

/// Rows of an answer at most, and when nothing is said.
const LIMIT_MAX: usize = 1_000;
const LIMIT: usize = 100;
/// Heads that a log is held against at one time.
const HEADS_MAX: usize = 1_000;

/// `GET audit?after=&from_ms=&to_ms=&who=&what=&limit=`: the rows that all of it takes, in their order.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let number = |name| Ok::<_, OwnError>(ask.said.maybe(name)?.map(|it| it.whole()).transpose()?);
    let who = match ask.said.maybe("who")? {
        Some(at) => Some(at.text(1, 40)?.parse::<Who>().map_err(|error| at.bad(error))?),
        None => None,
    };
    let what = ask.said.maybe_text("what", 40)?;
    let filter = Filter {
        after: number("after")?.unwrap_or(0),
        from: number("from_ms")?,
        to: number("to_ms")?,
        who,
        what: (!what.is_empty()).then(|| what.to_owned()),
        subject: None,
    };
    let limit = number("limit")?.and_then(|it| usize::try_from(it).ok()).unwrap_or(LIMIT);
    let rows = own.audit.list(&filter, limit.clamp(1, LIMIT_MAX)).await?;
    let on = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) => format!("rows {} to {}", first.number, last.number),
        _ => "no rows".to_owned(),
    };
    Ok(Done::new(json!({ "data": rows.iter().map(told).collect::<Vec<_>>() }), on))
}

/// `GET audit/head`: where the log stands, to be written down outside.
pub(super) async fn head<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    Ok(Done::new(head_told(&own.audit.head().await?), ""))
}

/// `POST audit/verify`: looks at every row, and holds the log against `heads` from outside.
pub(super) async fn verify<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let heads = ask.said.maybe_items("heads", HEADS_MAX)?;
    let heads =
        heads.iter().map(|it| Ok(it.text(1, 300)?.trim().parse::<Head>().map_err(|error| it.bad(error))?));
    let heads: Vec<Head> = heads.collect::<Result<_, OwnError>>()?;
    let head = own.audit.verify(&heads).await?;
    let told = json!({ "whole": true, "heads": heads.len(), "head": head_told(&head) });
    Ok(Done::new(told, format!("{} rows", head.count)))
}

/// `GET audit/{row}/proof?count=`: shows that a row is in the log of a head with so many rows; of now, when nothing
/// is said.
pub(super) async fn prove<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let number = ask.id(1, "row")?;
    let count = match ask.said.maybe("count")? {
        Some(at) => at.whole()?,
        None => own.audit.head().await?.count,
    };
    let (row, proof) =
        own.audit.proof(number, count).await?.ok_or(OwnError::Unknown("row in a log so long"))?;
    let told = json!({
        "row": told(&row),
        "bytes": hex::encode(bytes_of(&row)),
        "leaf": hex::encode(row.leaf()),
        "index": proof.index,
        "size": proof.size,
        "path": proof.path.iter().map(hex::encode).collect::<Vec<_>>(),
    });
    Ok(Done::new(told, format!("row {number} of {count}")))
}

fn told(row: &Row) -> Value {
    json!({
        "number": row.number,
        "at_ms": row.at,
        "who": row.act.who.to_string(),
        "what": row.act.what,
        "on": row.act.detail,
        "customer": row.act.subject.map(|it| hex::encode(it.0)),
        "before": hex::encode(row.before),
    })
}

fn head_told(head: &Head) -> Value {
    json!({
        "head": head.to_string(),
        "count": head.count,
        "at_ms": head.at,
        "chain": hex::encode(head.chain),
        "root": hex::encode(head.root),
    })
}
