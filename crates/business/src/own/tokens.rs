//! `tokens`: what programs open the Cloud API with.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use lacre_proto::Millis;
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::{Ask, Done, Own, OwnError, success};
use crate::api::reader::At;
use crate::clock::Clock;
use crate::people::Action;
use crate::terms::Provider;
use crate::tokens::{Bound, NAME_MAX, NETWORKS_MAX, NUMBERS_MAX, New, Scope, Token};

/// For how long a rotated secret still works when nothing is said: a day.
const OVERLAP: u64 = 24 * 60 * 60;
/// The longest overlap: thirty days.
const OVERLAP_MAX: u64 = 30 * 24 * 60 * 60;
const PAGE: usize = 1_000;

/// `GET tokens?after=`: at most a thousand, in the order of their making.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let after = ask.said.maybe("after")?.map_or(Ok(0), |it| it.whole())?;
    let now = own.now();
    let all: Vec<_> = own.tokens.list(after, PAGE).await?.iter().map(|it| told(it, now)).collect();
    Ok(Done::new(json!({ "data": all }), ""))
}

/// `POST tokens`: its secret is told once.
pub(super) async fn make<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let mut new = new(&ask.said)?;
    within(ask, &new.scopes)?;
    let now = own.now();
    if let Some(id) = ask.said.maybe("provider")?.map(|it| it.whole()).transpose()? {
        let standing = own.terms.provider(id).await?.filter(|it| it.stands(now));
        delegate(&mut new, &standing.ok_or(OwnError::Unknown("provider"))?)?;
    }
    let (secret, token) = own.tokens.create(new, now, &mut own.rng()).await?;
    let scopes: Vec<_> = token.scopes.iter().map(|it| it.name()).collect();
    let on = format!("token {} {}", token.id, scopes.join(","));
    Ok(Done::new(json!({ "access_token": secret.expose(), "token": told(&token, now) }), on))
}

/// A provider's token: within what its delegation says, and signed for where that names a key.
fn delegate(new: &mut New, provider: &Provider) -> Result<(), OwnError> {
    if !new.scopes.iter().all(|it| provider.scopes.contains(it)) {
        return Err(OwnError::Invalid("the provider's delegation does not cover these scopes".to_owned()));
    }
    if provider.key.is_some() && new.bound.key.is_some() && new.bound.key != provider.key {
        return Err(OwnError::Invalid("the provider's delegation names another key".to_owned()));
    }
    new.bound.key = new.bound.key.or(provider.key);
    new.expires = Some(new.expires.unwrap_or(provider.until).min(provider.until));
    new.provider = Some(provider.id);
    Ok(())
}

/// Nobody has a token in their hands that may do what they may not.
fn within(ask: &Ask<'_>, scopes: &BTreeSet<Scope>) -> Result<(), OwnError> {
    let needs = [(Scope::Business, Action::People), (Scope::Audit, Action::Audit)];
    let fine = needs.into_iter().all(|(scope, action)| !scopes.contains(&scope) || ask.caller.does(action));
    if fine { Ok(()) } else { Err(OwnError::NotAllowed) }
}

/// `POST tokens/{token}/rotate`: a new secret; the one before works for `overlap_s` seconds more.
pub(super) async fn rotate<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let id = ask.id(1, "token")?;
    let known = own.tokens.list(id.saturating_sub(1), 1).await?;
    if let Some(token) = known.iter().find(|it| it.id == id) {
        within(ask, &token.scopes)?;
    }
    let now = own.now();
    let until = now + overlap(&ask.said)? * 1_000;
    let (secret, token) = own.tokens.rotate(id, until, now, &mut own.rng()).await?;
    let told = json!({
        "access_token": secret.expose(),
        "token": told(&token, now),
        "before_until_ms": until,
    });
    Ok(Done::new(told, format!("token {id}")))
}

/// `POST tokens/{token}/revoke`: the next request with it is refused.
pub(super) async fn revoke<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let id = ask.id(1, "token")?;
    own.tokens.revoke(id, own.now()).await?;
    Ok(Done::new(success(), format!("token {id}")))
}

/// For how many seconds what was is still taken.
pub(super) fn overlap(said: &At<'_>) -> Result<u64, OwnError> {
    let Some(at) = said.maybe("overlap_s")? else { return Ok(OVERLAP) };
    let seconds = at.whole()?;
    match seconds <= OVERLAP_MAX {
        true => Ok(seconds),
        false => Err(at.bad(format_args!("must be at most {OVERLAP_MAX} seconds")).into()),
    }
}

fn new(said: &At<'_>) -> Result<New, OwnError> {
    let scopes = said.maybe_items("scopes", Scope::ALL.len())?;
    let scopes: BTreeSet<_> = scopes.iter().map(scope_of).collect::<Result<_, _>>()?;
    let numbers = said.maybe("numbers")?.map(|it| it.items(1, NUMBERS_MAX)).transpose()?;
    let numbers = numbers.map(|all| all.iter().map(At::whole).collect::<Result<_, _>>()).transpose()?;
    Ok(New {
        name: said.need_text("name", NAME_MAX)?.to_owned(),
        scopes: match scopes.is_empty() {
            true => BTreeSet::from([Scope::Messaging, Scope::Management]),
            false => scopes,
        },
        numbers,
        expires: said.maybe("expires_ms")?.map(|it| it.whole()).transpose()?,
        bound: said.maybe("bound")?.map_or_else(|| Ok(Bound::default()), |it| bound(&it))?,
        provider: None,
    })
}

pub(super) fn scope_of(at: &At<'_>) -> Result<Scope, OwnError> {
    let bad = || at.bad("must be messaging, management, business or audit");
    Ok(Scope::named(at.text(1, 40)?).ok_or_else(bad)?)
}

fn bound(at: &At<'_>) -> Result<Bound, OwnError> {
    let networks = at.maybe_items("networks", NETWORKS_MAX)?;
    let networks = networks.iter().map(|it| {
        let bad = |error: crate::tokens::NotANetwork| it.bad(error);
        Ok(it.text(1, 50)?.parse().map_err(bad)?)
    });
    let networks = networks.collect::<Result<_, OwnError>>()?;
    let key = at.maybe("public_key")?.map(|it| key_of(&it)).transpose()?;
    Ok(Bound { proof: at.flag("appsecret_proof")?, key, networks })
}

/// An Ed25519 public key in hex or base64.
pub(super) fn key_of(at: &At<'_>) -> Result<[u8; 32], OwnError> {
    let text = at.text(1, 100)?;
    let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text)).ok();
    let key: Option<[u8; 32]> = bytes.and_then(|it| it.try_into().ok());
    let key = key.filter(|it| VerifyingKey::from_bytes(it).is_ok_and(|key| !key.is_weak()));
    Ok(key.ok_or_else(|| at.bad("must be an Ed25519 public key of 32 bytes in hex or base64"))?)
}

fn told(token: &Token, now: Millis) -> Value {
    let Token { id, name, scopes, numbers, created, expires, revoked, last_used, bound, provider } = token;
    let state = match (revoked, expires) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if *end <= now => "expired",
        (None, _) => "live",
    };
    let numbers = numbers.as_ref().map(|all| all.iter().map(u64::to_string).collect::<Vec<_>>());
    json!({
        "id": id,
        "name": name,
        "state": state,
        "scopes": scopes.iter().map(|it| it.name()).collect::<Vec<_>>(),
        "numbers": numbers,
        "created_ms": created,
        "expires_ms": expires,
        "revoked_ms": revoked,
        "last_used_ms": last_used,
        "provider": provider,
        "bound": {
            "appsecret_proof": bound.proof,
            "public_key": bound.key.map(hex::encode),
            "networks": bound.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}
