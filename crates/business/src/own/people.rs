//! `people`: who they are, what they may do, and how they begin.

use std::collections::BTreeSet;

use lacre_store::data::Data;
use rand_core::RngCore;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Ask, Done, Own, OwnError, success};
use crate::api::reader::At;
use crate::clock::Clock;
use crate::people::{By, INBOXES_MAX, Inboxes, New, PASSWORD_MAX, Person, Role};

/// `GET people`: those whose inboxes are all among those of whoever asks.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let all = own.people.list().await?;
    let all: Vec<_> = all.iter().filter(|it| ask.caller.sees_person(it)).map(told).collect();
    let count = all.len();
    Ok(Done::new(json!({ "data": all }), format!("{count} people")))
}

/// `POST people`: takes somebody in. What they begin with is told once: a password, unless one was given, and what
/// their authenticator app reads.
pub(super) async fn add<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let role = role_of(&ask.said.need("role")?)?;
    let (password, made) = password(own, ask)?;
    let login = ask.said.need_text("login", 64)?.to_owned();
    let name = match ask.said.maybe_text("name", 100)? {
        "" => login.clone(),
        name => name.to_owned(),
    };
    let new = New { login, name, role, inboxes: inboxes(&ask.said)?.unwrap_or(None), password };
    let _place = own.inside.enter().await?;
    let (person, enrolment) = own.people.add(ask.caller.by()?, new, own.now(), &mut own.rng()).await?;
    let on = format!("person {} {}", person.id, scope_of(person.role, &person.inboxes));
    let told = json!({
        "person": told(&person),
        "password": made.as_deref(),
        "totp": enrolment.expose(),
    });
    Ok(Done::new(told, on))
}

/// `POST people/{person}`: another role, other inboxes; what is not said stays.
pub(super) async fn change<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let id = id_of(own, ask).await?;
    let role = ask.said.maybe("role")?.map(|it| role_of(&it)).transpose()?;
    let person = own.people.change(ask.caller.by()?, id, role, inboxes(&ask.said)?).await?;
    Ok(Done::new(success(), format!("person {id} {}", scope_of(person.role, &person.inboxes))))
}

/// `DELETE people/{person}`.
pub(super) async fn remove<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let id = id_of(own, ask).await?;
    own.people.remove(ask.caller.by()?, id).await?;
    Ok(Done::new(success(), format!("person {id}")))
}

/// `POST people/{person}/reset`: a new password and a new authenticator; sessions end. Who does so for themselves shows
/// that it is they, by `current_password` and `current_code`: a session alone may be in another's hands.
pub(super) async fn reset<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let id = id_of(own, ask).await?;
    let (password, made) = password(own, ask)?;
    let by = ask.caller.by()?;
    let _place = own.inside.enter().await?;
    if matches!(by, By::Actor(actor) if actor.person().id == id) {
        let current = Zeroizing::new(ask.said.need_text("current_password", PASSWORD_MAX)?.to_owned());
        let code = ask.said.need_text("current_code", 16)?;
        let now = own.now();
        let shown = own.people.confirm(id, current, code, ask.peer, now).await;
        shown.map_err(|error| OwnError::at(error, now))?;
    }
    let enrolment = own.people.reset(by, id, password, &mut own.rng()).await?;
    let told = json!({ "password": made.as_deref(), "totp": enrolment.expose() });
    Ok(Done::new(told, format!("person {id}")))
}

/// The number of somebody who is named by it, or by their login; a number is a number first.
async fn id_of<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<u64, OwnError> {
    let unknown = OwnError::Unknown("person");
    let named = ask.path.get(1).ok_or(unknown.clone())?;
    if let Ok(id) = named.parse() {
        return Ok(id);
    }
    let all = own.people.list().await?;
    all.iter().find(|it| it.login == *named).map(|it| it.id).ok_or(unknown)
}

/// A person as they are told.
pub(super) fn told(person: &Person) -> Value {
    let Person { id, login, name, role, inboxes, since } = person;
    json!({
        "id": id,
        "login": login,
        "name": name,
        "role": role.name(),
        "inboxes": inboxes,
        "since_ms": since,
    })
}

fn role_of(at: &At<'_>) -> Result<Role, OwnError> {
    let names = || Role::ALL.map(Role::name).join(", ");
    Role::named(at.text(1, 20)?).ok_or_else(|| at.bad(format_args!("must be one of {}", names())).into())
}

/// What is said of inboxes, if anything is: a list, or `"all"`.
fn inboxes(said: &At<'_>) -> Result<Option<Inboxes>, OwnError> {
    let Some(at) = said.maybe("inboxes")? else { return Ok(None) };
    if at.value() == "all" {
        return Ok(Some(None));
    }
    let names = at.items(1, INBOXES_MAX)?;
    let names = names.iter().map(|it| Ok(it.text(1, 100)?.to_owned()));
    Ok(Some(Some(names.collect::<Result<BTreeSet<_>, OwnError>>()?)))
}

/// The role and how many inboxes: for the audit log, in which no names stand.
fn scope_of(role: Role, inboxes: &Inboxes) -> String {
    let count = inboxes.as_ref().map_or("all".to_owned(), |it| it.len().to_string());
    format!("role {} inboxes {count}", role.name())
}

/// The password that was given, or one that is made here and has to be told.
fn password<D: Data, K: Clock>(
    own: &Own<D, K>,
    ask: &Ask<'_>,
) -> Result<(Zeroizing<String>, Option<Zeroizing<String>>), OwnError> {
    if let Some(given) = ask.said.maybe("password")? {
        return Ok((Zeroizing::new(given.text(0, PASSWORD_MAX)?.to_owned()), None));
    }
    // Without letters and digits that look alike; five bits each, a hundred in all.
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = Zeroizing::new([0; 20]);
    own.rng().fill_bytes(random.as_mut());
    let groups = random.chunks(5).map(|five| five.iter().map(|it| char::from(LETTERS[usize::from(it & 31)])));
    let groups: Vec<Zeroizing<String>> = groups.map(|it| Zeroizing::new(it.collect())).collect();
    let made = Zeroizing::new(groups.iter().map(|it| it.as_str()).collect::<Vec<_>>().join("-"));
    Ok((made.clone(), Some(made)))
}
