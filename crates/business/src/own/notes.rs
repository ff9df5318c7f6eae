//! `conversations/{customer}/notes`: what people note for each other. The customer never hears of it.

use lacre_store::data::Data;
use serde_json::{Value, json};

use super::changes::NOTE_MAX;
use super::desk::{Seen, Staff};
use super::{Ask, Done, Own, OwnError, success};
use crate::clock::Clock;
use crate::inbox::{Conversation, Note};
use crate::people::Action;

/// `GET conversations/{customer}/notes`: the oldest first.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let seen = Seen::of(own, ask).await?;
    let staff = Staff::of(own).await?;
    let notes = own.conversations.notes(seen.account).await?;
    let rows: Vec<_> = notes.iter().map(|it| told(&staff, it)).collect();
    let on = format!("{} notes", rows.len());
    Ok(Done::new(json!({ "data": rows }), on).about(seen.account))
}

/// `POST conversations/{customer}/notes {body}`.
pub(super) async fn add<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let seen = Seen::of(own, ask).await?;
    let body = ask.said.need_text("body", NOTE_MAX)?;
    let (who, now) = (ask.caller.who(), own.now());
    let sees = |it: &Conversation| ask.caller.sees(&it.inbox);
    let note = own.conversations.add_note(seen.account, who, now, body, sees).await?;
    Ok(Done::new(told(&Staff::of(own).await?, &note), format!("note {}", note.number)).about(seen.account))
}

/// `POST conversations/{customer}/notes/{note} {body, version}`: by whoever wrote it, or who leads.
pub(super) async fn edit<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let body = ask.said.need_text("body", NOTE_MAX)?;
    let (seen, note) = edited(own, ask, Some(body)).await?;
    let note = note.ok_or(OwnError::Unknown("note"))?;
    Ok(Done::new(told(&Staff::of(own).await?, &note), format!("note {}", note.number)).about(seen.account))
}

/// `DELETE conversations/{customer}/notes/{note}?version=`: the same.
pub(super) async fn remove<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let (seen, _) = edited(own, ask, None).await?;
    Ok(Done::new(success(), format!("note {}", ask.id(3, "note")?)).about(seen.account))
}

async fn edited<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
    body: Option<&str>,
) -> Result<(Seen, Option<Note>), OwnError> {
    let seen = Seen::of(own, ask).await?;
    let (number, version) = (ask.id(3, "note")?, ask.said.need("version")?.whole()?);
    let (who, leads) = (ask.caller.who(), ask.caller.does_where_they_see(Action::Assign));
    let body = body.map(|it| (it, who, own.now()));
    let may = |it: &Note| leads || it.by == who;
    let note = own.conversations.edit_note(seen.account, number, version, body, may).await?;
    Ok((seen, note))
}

pub(super) fn told(staff: &Staff, note: &Note) -> Value {
    let Note { number, by, at, edited, edited_by, version, body } = note;
    json!({
        "id": number,
        "by": staff.told(*by),
        "at_ms": at,
        "edited_ms": edited,
        "edited_by": edited_by.map(|it| staff.told(it)),
        "version": version,
        "body": body,
    })
}
