//! What people change about a conversation. Each says which `version` it was that they saw: what was changed since is
//! not overwritten. The answer is the conversation as it is then.

use std::collections::BTreeSet;

use lacre_proto::Millis;
use lacre_store::data::Data;

use super::desk::{self, Seen, Staff};
use super::{Ask, Done, Own, OwnError};
use crate::clock::Clock;
use crate::inbox::{Change, ChangeError, Conversation, LABELS_MAX};
use crate::people::Action;

/// Characters of a label, and of a note.
const LABEL_MAX: usize = 50;
pub(super) const NOTE_MAX: usize = 4_000;
/// The longest that something is put off: a year.
const SNOOZE_MAX: Millis = 366 * 24 * 60 * 60 * 1_000;

/// `POST conversations/{customer}/assign {person, note, version}`: it is theirs, or nobody's when nobody is named; the
/// note says why. Who may not give conversations to others takes what is nobody's, and lays down what is theirs.
pub(super) async fn assign<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let staff = Staff::of(own).await?;
    let person = ask.said.maybe("person")?.map(|it| staff.named(&it)).transpose()?;
    let note = ask.said.maybe_text("note", NOTE_MAX)?;
    let (gives, me) = (ask.caller.does_where_they_see(Action::Assign), ask.caller.person());
    let may = |it: &Conversation| {
        let whose = staff.whose(it).map(|it| it.id);
        let own_affair = match person {
            Some(_) => person == me && (whose.is_none() || whose == me),
            None => whose.is_none() || whose == me,
        };
        if !gives && !own_affair {
            return Err(ChangeError::NotAllowed);
        }
        match person.is_none_or(|person| staff.answers(person, &it.inbox).is_some()) {
            true => Ok(()),
            false => Err(ChangeError::Invalid("person must be somebody who may answer in this inbox")),
        }
    };
    let on = person.map_or("nobody".to_owned(), |it| format!("person {it}"));
    changed(own, ask, &Change::Assign(person), Some(note), may, on).await
}

/// `POST conversations/{customer}/labels {add, remove, version}`.
pub(super) async fn label<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let labels = |name| {
        let all = ask.said.maybe_items(name, LABELS_MAX)?;
        all.iter().map(|it| desk::line(it, LABEL_MAX)).collect::<Result<BTreeSet<_>, OwnError>>()
    };
    let (add, remove) = (labels("add")?, labels("remove")?);
    if add.is_empty() && remove.is_empty() {
        return Err(OwnError::Invalid("say which labels to add, or to remove".to_owned()));
    }
    let on = format!("{} added, {} removed", add.len(), remove.len());
    changed(own, ask, &Change::Label { add, remove }, None, |_| Ok(()), on).await
}

/// `POST conversations/{customer}/close {version}`.
pub(super) async fn close<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    changed(own, ask, &Change::Close, None, |_| Ok(()), String::new()).await
}

/// `POST conversations/{customer}/reopen {version}`: it is over no more, nor put off.
pub(super) async fn reopen<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    changed(own, ask, &Change::Reopen, None, |_| Ok(()), String::new()).await
}

/// `POST conversations/{customer}/snooze {until_ms, version}`: it stands in no queue until then, or until the customer
/// writes.
pub(super) async fn snooze<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let at = ask.said.need("until_ms")?;
    let (until, now) = (at.whole()?, own.now());
    if until <= now || until > now + SNOOZE_MAX {
        return Err(at.bad("must be a time to come, within a year").into());
    }
    changed(own, ask, &Change::Snooze(until), None, |_| Ok(()), format!("until {until}")).await
}

/// `POST conversations/{customer}/move {inbox, version}`: it stays whose it was when they may answer there.
pub(super) async fn move_to<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let _turn = own.inboxes.turn.lock().await;
    ask.said.need("inbox")?;
    let seen = Seen::of(own, ask).await?;
    let inbox = desk::inbox(own, ask).await?.ok_or(OwnError::Unknown("inbox"))?;
    let staff = Staff::of(own).await?;
    // Whose it is cannot have changed since, or the version has.
    let stays = seen.conversation.assigned.is_some_and(|it| staff.answers(it, &inbox).is_some());
    let on = format!("inbox {inbox}");
    changed(own, ask, &Change::Move(inbox, stays), None, |_| Ok(()), on).await
}

async fn changed<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
    change: &Change,
    note: Option<&str>,
    may: impl Fn(&Conversation) -> Result<(), ChangeError>,
    on: String,
) -> Result<Done, OwnError> {
    let Seen { account, .. } = Seen::of(own, ask).await?;
    let version = ask.said.need("version")?.whole()?;
    let note = note.filter(|it| !it.is_empty()).map(|it| (ask.caller.who(), own.now(), it));
    let may = |it: &Conversation| match ask.caller.sees(&it.inbox) {
        true => may(it),
        false => Err(ChangeError::Unknown("conversation")),
    };
    let now = own.conversations.change(account, version, change, note, may).await?;
    let told = desk::told(own, &Staff::of(own).await?, account, &now).await?;
    Ok(Done::new(told, on).about(account))
}
