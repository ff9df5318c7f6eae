//! `terms` and `providers`: what customers are told before they write, and who acts for the business.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lacre_proto::Millis;
use lacre_store::data::Data;
use serde_json::{Value, json};

use super::tokens::{key_of, scope_of};
use super::{Ask, Done, Own, OwnError};
use crate::clock::Clock;
use crate::held::Holdings;
use crate::node::id_of;
use crate::terms::{LINE_MAX, NOTICE_MAX, PROVIDERS_MAX, Provider, Terms};
use crate::tokens::Scope;

const DAY: Millis = 24 * 60 * 60 * 1_000;
/// The longest delegation: a year, and after that it is thought about again.
const DAYS_MAX: u64 = 366;
/// How long the relay is waited for before an answer says that customers are told later.
const PATIENCE: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// `GET terms`: what is told, and the document that shows it.
pub(super) async fn terms<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    Ok(Done::new(told(own).await?, ""))
}

/// `POST terms`: another notice. For how long is kept what is said is told as retention is set.
pub(super) async fn set_terms<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let at = ask.said.need("notice")?;
    let notice = at.text(0, NOTICE_MAX)?;
    if notice.contains(|it: char| it.is_control() && it != '\n') {
        return Err(at.bad("has characters that are not shown: only ends of lines may stand in it").into());
    }
    own.device.as_ref().ok_or(OwnError::NotServing)?;
    own.terms.say(notice).await?;
    own.tell_soon(PATIENCE).await;
    Ok(Done::new(told(own).await?, "notice"))
}

/// `GET providers`: who acts for the business, and who did.
pub(super) async fn list<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Done, OwnError> {
    // Who waited for the relay may act by now.
    own.tell_soon(0).await;
    let now = own.now();
    let all: Vec<_> = own.terms.providers().await?.iter().map(|it| row(it, now)).collect();
    Ok(Done::new(json!({ "data": all }), ""))
}

/// `POST providers`: lets somebody act for the business. Their tokens work as soon as customers can know of it.
pub(super) async fn add<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let now = own.now();
    let scopes = ask.said.maybe_items("scopes", Scope::ALL.len())?;
    let scopes: BTreeSet<_> = scopes.iter().map(scope_of).collect::<Result<_, _>>()?;
    let scopes = if scopes.is_empty() { BTreeSet::from([Scope::Messaging]) } else { scopes };
    if scopes.contains(&Scope::Business) || scopes.contains(&Scope::Audit) {
        return Err(OwnError::Invalid("a provider's scopes are messaging and management".to_owned()));
    }
    let days = ask.said.maybe("days")?.map_or(Ok(90), |it| it.whole())?;
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(OwnError::Invalid(format!("days must be 1 to {DAYS_MAX}")));
    }
    own.device.as_ref().ok_or(OwnError::NotServing)?;
    let mut bytes = [0; 8];
    rand_core::RngCore::fill_bytes(&mut own.rng(), &mut bytes);
    let provider = Provider {
        id: id_of(bytes),
        name: line(ask.said.need_text("name", LINE_MAX)?)?,
        purpose: line(ask.said.maybe_text("purpose", LINE_MAX)?)?,
        scopes: scopes.into_iter().collect(),
        from: now,
        until: now + days * DAY,
        key: ask.said.maybe("public_key")?.map(|it| key_of(&it)).transpose()?,
        told: false,
        revoked: None,
    };
    {
        let _turn = own.telling.lock().await;
        let standing = own.terms.providers().await?.into_iter().filter(|it| it.stands(now)).count();
        if standing >= PROVIDERS_MAX {
            return Err(OwnError::Invalid(format!("there are {PROVIDERS_MAX} providers already")));
        }
        own.terms.add(&provider).await?;
    }
    own.tell_soon(PATIENCE).await;
    let provider = own.terms.provider(provider.id).await.ok().flatten().unwrap_or(provider);
    let on = format!("provider {}", provider.id);
    Ok(Done::new(json!({ "provider": row(&provider, now) }), on))
}

/// `DELETE providers/{provider}`: puts somebody out; their next request is refused.
pub(super) async fn remove<D: Data, K: Clock>(own: &Own<D, K>, ask: &Ask<'_>) -> Result<Done, OwnError> {
    let id = ask.id(1, "provider")?;
    if !own.terms.revoke(id, own.now()).await? {
        return Err(OwnError::Unknown("provider"));
    }
    // Nobody acts for the business any more, though customers may hear of it later.
    own.tell_soon(PATIENCE).await;
    Ok(Done::new(super::success(), format!("provider {id}")))
}

impl<D: Data, K: Clock> Own<D, K> {
    /// Has the device tell customers what is to be told, where that is another than was told; waits for the relay so
    /// many tenths of a second. Who then stands in what the relay has may act.
    pub(super) async fn tell_terms(&self, patience: u32) -> Result<(), OwnError> {
        let Some(device) = self.device.as_deref() else { return Ok(()) };
        self.tell_the_newest(device).await?;
        for _ in 0..patience {
            if device.told()?.is_none_or(|it| it.known) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.let_act(device).await
    }

    /// The same, after something was done: where that is not told now, it is told later, and done all the same.
    pub(super) async fn tell_soon(&self, patience: u32) {
        if let Err(error) = self.tell_terms(patience).await {
            tracing::warn!(%error, "customers are told later who acts for the business, and what it keeps");
        }
    }

    /// Tells what stands now; one after the other, so that nothing older comes over it.
    async fn tell_the_newest(&self, device: &dyn Holdings) -> Result<(), OwnError> {
        let _turn = self.telling.lock().await;
        let terms = self.terms.terms(self.now()).await?;
        match device.told()? {
            Some(told) if same(&told.terms, &terms) => Ok(()),
            None if terms == Terms::default() => Ok(()),
            _ => Ok(device.tell(terms).await?),
        }
    }

    /// Lets those act who stand in what the relay has.
    async fn let_act(&self, device: &dyn Holdings) -> Result<(), OwnError> {
        let _turn = self.telling.lock().await;
        let terms = self.terms.terms(self.now()).await?;
        let told = device.told()?.filter(|it| it.known && same(&it.terms, &terms));
        let Some(told) = told else { return Ok(()) };
        for provider in told.terms.providers {
            let waits = |it: &&Provider| it.id == provider.id && !it.told;
            if let Some(waiting) = terms.providers.iter().find(waits) {
                self.terms.is_told(waiting.id).await?;
            }
        }
        Ok(())
    }
}

/// Whether customers are told the same.
fn same(one: &Terms, other: &Terms) -> bool {
    let ids = |it: &Terms| it.providers.iter().map(|it| it.id).collect::<BTreeSet<_>>();
    (&one.notice, one.keeps_days, ids(one)) == (&other.notice, other.keeps_days, ids(other))
}

async fn told<D: Data, K: Clock>(own: &Own<D, K>) -> Result<Value, OwnError> {
    let now = own.now();
    let Terms { notice, keeps_days, providers } = own.terms.terms(now).await?;
    let told = own.device.as_ref().map(|it| it.told()).transpose()?.flatten();
    Ok(json!({
        "notice": notice,
        "keeps_days": (keeps_days > 0).then_some(keeps_days),
        "providers": providers.iter().map(|it| row(it, now)).collect::<Vec<_>>(),
        "customers_can_know": told.as_ref().map(|it| it.known),
        "document": told.map(|it| STANDARD.encode(it.document)),
    }))
}

/// A line as the relay takes it.
fn line(text: &str) -> Result<String, OwnError> {
    match text.contains(char::is_control) {
        true => Err(OwnError::Invalid("a provider's name and purpose are one line each".to_owned())),
        false => Ok(text.to_owned()),
    }
}

fn row(provider: &Provider, now: Millis) -> Value {
    let state = match provider {
        it if it.revoked.is_some() => "revoked",
        it if it.until <= now => "expired",
        it if !it.told => "not_told_yet",
        _ => "acts",
    };
    json!({
        "id": provider.id,
        "name": provider.name,
        "purpose": provider.purpose,
        "scopes": provider.scopes.iter().map(|it| it.name()).collect::<Vec<_>>(),
        "from_ms": provider.from,
        "until_ms": provider.until,
        "public_key": provider.key.map(hex::encode),
        "state": state,
        "revoked_ms": provider.revoked,
    })
}
