//! `lacre store`: looks into the profile's local store; nothing that a person wrote is printed.

use std::collections::BTreeMap;

use lacre_client::OpenError;
use lacre_client::search;
use lacre_client::store::{RedbStore, Store, TableSize};
use lacre_client::view::Views;
use serde_json::json;

use super::Context;
use crate::cli::StoreCommand;
use crate::exit::{Exit, Failure};
use crate::output;

/// What lies in the tables, by the first byte of their keys.
const TABLES: &[(u8, &str)] = &[
    (0x01, "this account and device"),
    (0x02, "people"),
    (0x03, "handles"),
    (0x04, "conversations"),
    (0x05, "conversations by activity"),
    (0x06, "messages"),
    (0x07, "places of messages"),
    (0x08, "names of messages"),
    (0x09, "direct conversations"),
    (0x0a, "messages not seen"),
    (0x0b, "conversations by person"),
    (0x10, "keys"),
    (0x11, "counters"),
    (0x12, "sealing"),
    (0x13, "outbox"),
    (0x14, "key packages"),
    (0x15, "unknown items"),
    (0x16, "receipts to send"),
    (0x40, "groups"),
    (0x41, "members"),
    (0x42, "receipts of members"),
    (0x43, "to whom messages went"),
    (0x80, "relay"),
    (0x81, "drafts"),
    (0x90, "search: words"),
    (0x91, "search: conversations"),
    (0x92, "search: how far it is made"),
    (0x93, "ids of sends"),
];

pub(super) async fn run(context: &Context, command: StoreCommand) -> Result<(), Failure> {
    let store = context.profile.open(context.passphrase_fd).await?;
    match command {
        StoreCommand::Dump => dump(context, &store.sizes()?),
        StoreCommand::Check => check(context, &store),
    }
}

fn dump(context: &Context, tables: &BTreeMap<u8, TableSize>) -> Result<(), Failure> {
    for (&id, TableSize { rows, bytes }) in tables {
        let known = TABLES.iter().find(|(table, _)| *table == id).map(|(_, name)| *name);
        let name =
            known.unwrap_or(if (0x20..0x80).contains(&id) { "sealing state (MLS)" } else { "unknown" });
        if context.json {
            output::object(&json!({"table": id, "name": name, "rows": rows, "bytes": bytes}))?;
        } else {
            output::line(&format!("{id:#04x}  {rows:>8} rows  {bytes:>10} bytes  {name}"))?;
        }
    }
    Ok(())
}

/// Every page is read and checked; then every message of every conversation is read, and the search index is
/// compared with them.
fn check(context: &Context, store: &RedbStore) -> Result<(), Failure> {
    let unhealthy = |error: &dyn std::fmt::Display| Failure::new(Exit::Unhealthy, "damaged_store", error);
    let tables = store.check().map_err(|error| unhealthy(&error))?;
    let reader = store.snapshot().map_err(OpenError::from)?;
    let views = Views(reader.as_ref());
    let conversations = views.conversations().map_err(|error| unhealthy(&error))?;
    let mut messages = 0;
    for conversation in &conversations {
        messages +=
            views.messages(conversation.id, None, usize::MAX).map_err(|error| unhealthy(&error))?.len();
    }
    let index = search::check(reader.as_ref()).map_err(|error| unhealthy(&error))?;
    if index.wrong > 0 {
        store.commit(&search::forget())?;
        return Err(unhealthy(&format!(
            "the search index differs from the messages in {} place(s); it is made anew at the next search",
            index.wrong
        )));
    }
    let rows: u64 = tables.values().map(|table| table.rows).sum();
    let conversations = conversations.len();
    if context.json {
        return output::object(&json!({
            "healthy": true,
            "rows": rows,
            "conversations": conversations,
            "messages": messages,
            "search_terms": index.terms,
            "search_made": index.made,
        }));
    }
    output::line(&format!(
        "The store is sound: {rows} rows, {conversations} conversation(s), {messages} message(s) read; {}.",
        if index.made { "the search index agrees with them" } else { "the search index is not made yet" }
    ))
}
