//! `search`: what was said, what was noted and what is labelled, in the conversations that somebody sees.

use std::collections::BTreeMap;

use lacre_proto::AccountId;
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::desk::{self, Staff};
use super::{Ask, Done, Own, OwnError, notes};
use crate::api::wamid;
use crate::clock::Clock;
use crate::held::Hit;
use crate::inbox::{Conversation, Words};
use crate::restriction;

/// Characters of what is searched for.
const WORDS_MAX: usize = 200;
/// Messages of an answer at most, and when nothing is said.
const LIMIT_MAX: usize = 100;
const LIMIT: usize = 20;

/// `GET search?q=&inbox=&after=&limit=`: messages, the newest first; on the first page also the conversations with such a
/// label, and notes. `next` is where to go on; there is none after the last.
pub(super) async fn search<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let device = own.device.clone().ok_or(OwnError::NotServing)?;
    let at = ask.said.need("q")?;
    let q = at.text(1, WORDS_MAX)?;
    let words = Words::of(q).ok_or_else(|| at.bad("must have a word in it"))?;
    let inbox = desk::inbox(own, ask).await?;
    let limit = desk::limit(&ask.said, LIMIT, LIMIT_MAX)?;
    let after = ask.said.maybe("after")?.map(|at| {
        let mut place = [0; 16];
        let read = hex::decode_to_slice(at.text(32, 32)?, &mut place);
        read.map(|()| place).map_err(|_| at.bad("must be the next of the page before"))
    });
    let after = after.transpose()?;
    let restricted = restriction::all(&own.hooks.renderer.names.store).await?;
    let all = own.conversations.all().await?.into_iter();
    let theirs: BTreeMap<AccountId, Conversation> = all
        .filter(|(account, it)| {
            let asked = inbox.as_ref().is_none_or(|inbox| it.inbox == *inbox);
            asked && ask.caller.sees(&it.inbox) && !restricted.contains(account)
        })
        .collect();
    let found = device.search(q, &|customer| theirs.contains_key(&customer), after, limit)?;
    let mut rows = Vec::with_capacity(found.hits.len());
    for hit in &found.hits {
        let mut row = whose(own, &theirs, hit.customer).await?;
        row["message_id"] = wamid::of(hit.id).into();
        row["at_ms"] = hit.at.into();
        row["from"] = if hit.mine { "business" } else { "customer" }.into();
        row["excerpt"] = excerpt(hit).into();
        rows.push(row);
    }
    let (mut noted, mut labelled) = (Vec::new(), Vec::new());
    if after.is_none() {
        let staff = Staff::of(own).await?;
        for (account, conversation) in &theirs {
            if labelled.len() < limit && conversation.labels.iter().any(|it| words.are_in(it)) {
                labelled.push(desk::told(own, &staff, *account, conversation).await?);
            }
            if conversation.notes == 0 || noted.len() >= limit {
                continue;
            }
            for note in own.conversations.notes(*account).await?.iter().filter(|it| words.are_in(&it.body)) {
                let mut row = whose(own, &theirs, *account).await?;
                row["note"] = notes::told(&staff, note);
                noted.push(row);
            }
        }
        noted.truncate(limit);
    }
    let on = format!("{} found", rows.len() + noted.len() + labelled.len());
    let told = json!({
        "data": rows,
        "notes": noted,
        "labelled": labelled,
        "next": found.next.map(hex::encode),
        "complete": found.complete,
    });
    Ok(Done::new(told, on))
}

/// With whom something was said, and where that lies.
async fn whose<D: Data, K: Clock>(
    own: &Own<D, K>,
    theirs: &BTreeMap<AccountId, Conversation>,
    account: AccountId,
) -> Result<Value, OwnError> {
    let number = own.hooks.renderer.names.customers.number_of(account).await?;
    let person = own.device.as_ref().map(|it| it.person(account)).transpose()?.flatten();
    Ok(json!({
        "wa_id": number.to_string(),
        "name": person.map(|it| it.name).filter(|it| !it.is_empty()),
        "inbox": theirs.get(&account).map(|it| it.inbox.as_str()),
    }))
}

/// The pieces of an excerpt, each with whether it was searched for.
fn excerpt(hit: &Hit) -> Vec<Value> {
    let (mut pieces, mut end) = (Vec::new(), 0);
    let mut piece = |text: Option<&str>, found: bool| {
        if let Some(text) = text.filter(|it| !it.is_empty()) {
            pieces.push(json!({ "text": text, "found": found }));
        }
    };
    for range in &hit.matches {
        piece(hit.excerpt.get(end..range.start), false);
        piece(hit.excerpt.get(range.clone()), true);
        end = range.end;
    }
    piece(hit.excerpt.get(end..), false);
    pieces
}
