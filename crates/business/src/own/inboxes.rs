//! `inboxes`: where conversations lie. New ones lie in `main`.

use lacre_store::data::Data;
use serde_json::json;

use super::{Ask, Done, Own, OwnError, success};
use crate::clock::Clock;
use crate::inbox::{MAIN, is_name};

/// `GET inboxes`: those that they see, with how many conversations lie there, and in how many the customer waits.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let all = own.conversations.all().await?;
    let names = own.inboxes.list().await?.into_iter().filter(|it| ask.caller.sees(it));
    let rows: Vec<_> = names
        .map(|name| {
            let inside = all.iter().filter(|(_, it)| it.inbox == name);
            let waiting = inside.clone().filter(|(_, it)| it.waiting.is_some()).count();
            json!({ "name": name, "conversations": inside.count(), "waiting": waiting })
        })
        .collect();
    Ok(Done::new(json!({ "data": rows }), ""))
}

/// `POST inboxes {name}`: nothing happens when there is one of this name.
pub(super) async fn add<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let at = ask.said.need("name")?;
    let name = at.text(1, 40)?;
    if !is_name(name) {
        return Err(at.bad("must have 1 to 40 of a-z, 0-9, '.', '_' and '-'").into());
    }
    if !ask.caller.sees(name) {
        return Err(OwnError::NotAllowed);
    }
    own.inboxes.add(name, own.now()).await?;
    Ok(Done::new(json!({ "name": name }), format!("inbox {name}")))
}

/// `DELETE inboxes/{inbox}`: one that is empty, and not the main one.
pub(super) async fn remove<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let name = ask.path.get(1).map_or("", String::as_str);
    let _turn = own.inboxes.turn.lock().await;
    if !ask.caller.sees(name) || !own.inboxes.has(name).await? {
        return Err(OwnError::Unknown("inbox"));
    }
    if name == MAIN {
        return Err(OwnError::Invalid("the main inbox stays: new conversations lie there".to_owned()));
    }
    if own.conversations.all().await?.iter().any(|(_, it)| it.inbox == name) {
        return Err(OwnError::InboxInUse);
    }
    own.inboxes.remove(name).await?;
    Ok(Done::new(success(), format!("inbox {name}")))
}
