//! `sign-in`, `sign-out` and `me`.

use lacre_store::data::Data;
use serde_json::json;
use zeroize::Zeroizing;

use super::caller::Caller;
use super::people::told;
use super::{Ask, Done, Own, OwnError, success};
use crate::audit::Who;
use crate::clock::Clock;
use crate::people::{Claim, IDLE, LIFE, PASSWORD_MAX, PeopleError};

/// `POST sign-in`: a login, a password and the code of the authenticator for a session.
pub(super) async fn sign_in<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let login = ask.said.need_text("login", 64)?;
    let password = Zeroizing::new(ask.said.need_text("password", PASSWORD_MAX)?.to_owned());
    let code = ask.said.need_text("code", 16)?;
    let _place = own.entrance.enter().await?;
    let now = own.now();
    let claim = Claim { login, password, code, from: ask.peer };
    let entered = own.people.sign_in(claim, now, &mut own.rng()).await;
    if matches!(entered, Err(PeopleError::Wrong | PeopleError::Wait(_))) {
        let who = own.people.id_of(login).await?;
        let rows = own.failures().failed(who, now);
        own.write_down_failures(rows).await?;
    }
    let (secret, actor) = entered.map_err(|error| OwnError::at(error, now))?;
    let told = json!({
        "session": secret.expose(),
        "person": told(actor.person()),
        "ends_ms": now + LIFE,
        "ends_when_idle_ms": IDLE,
    });
    let id = actor.person().id;
    Ok(Done { by: Some(Who::Person(id)), ..Done::new(told, format!("person {id}")) })
}

/// `POST sign-out`: ends the session that it comes with.
pub(super) async fn sign_out<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let Caller::Person(actor, secret) = ask.caller else {
        return Err(OwnError::Invalid("the owner of the machine has no session to end".to_owned()));
    };
    own.people.sign_out(secret).await?;
    Ok(Done::new(success(), format!("person {}", actor.person().id)))
}

/// `GET me`: who asks.
pub(super) fn me(ask: &Ask<'_>) -> Done {
    let told = match ask.caller {
        Caller::Person(actor, _) => json!({ "person": told(actor.person()) }),
        Caller::Stranger | Caller::Console => json!({ "operator": true }),
    };
    Done::new(told, "")
}
