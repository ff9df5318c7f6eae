//! `canned`: replies that are kept ready.

use lacre_store::data::Data;
use serde_json::json;

use super::desk::Staff;
use super::{Ask, Done, Own, OwnError, success};
use crate::clock::Clock;
use crate::inbox::{Canned, is_name};

/// Characters of a reply: with a name in it, it is still a message.
const BODY_MAX: usize = 3_800;

/// `GET canned`: all of them, by their names.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    let staff = Staff::of(own).await?;
    let rows =
        own.canned.list().await?.into_iter().map(
            |(name, it)| json!({ "name": name, "body": it.body, "by": staff.told(it.by), "at_ms": it.at }),
        );
    Ok(Done::new(json!({ "data": rows.collect::<Vec<_>>() }), ""))
}

/// `POST canned {name, body}`: in place of one of the same name. `{{name}}` stands for the customer's name.
pub(super) async fn set<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let (at, text) = (ask.said.need("name")?, ask.said.need("body")?);
    let (name, body) = (at.text(1, 40)?, text.text(1, BODY_MAX)?.to_owned());
    if !is_name(name) {
        return Err(at.bad("must have 1 to 40 of a-z, 0-9, '.', '_' and '-'").into());
    }
    if !Canned::is_whole(&body) {
        return Err(text.bad("knows no other variable than {{name}}").into());
    }
    let (by, now) = (ask.caller.who(), own.now());
    let told = json!({ "name": name, "body": body, "by": Staff::of(own).await?.told(by), "at_ms": now });
    own.canned.set(name, Canned { body, by, at: now }).await?;
    Ok(Done::new(told, format!("reply {name}")))
}

/// `DELETE canned/{canned}`.
pub(super) async fn remove<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let name = ask.path.get(1).map_or("", String::as_str);
    match own.canned.remove(name).await? {
        true => Ok(Done::new(success(), format!("reply {name}"))),
        false => Err(OwnError::Unknown("reply that is kept ready")),
    }
}
