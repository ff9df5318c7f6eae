//! What customers are told before they write, by the device.

use futures_util::future::BoxFuture;
use lacre_client::Intent;
use lacre_client::records;
use lacre_store::data::Data;

use super::Sealed;
use crate::chat::SendError;
use crate::terms::{Provider, Telling, Terms, Told};
use crate::tokens::Scope;

impl<D: Data> Telling for Sealed<D> {
    fn told(&self) -> Result<Option<Told>, SendError> {
        let record = self.read(|records| match records.me()? {
            Some(me) => records.terms(me.account),
            None => Ok(None),
        })?;
        Ok(record.map(|it| {
            let providers = it.terms.providers.into_iter().map(provider).collect();
            let terms = Terms { notice: it.terms.notice, keeps_days: it.terms.keeps_days, providers };
            Told { terms, document: it.document, known: it.acknowledged }
        }))
    }

    fn tell(&self, terms: Terms) -> BoxFuture<'_, Result<(), SendError>> {
        let Terms { notice, keeps_days, providers } = terms;
        let providers = providers.into_iter().map(told).collect();
        let terms = records::Terms { notice, keeps_days, providers };
        Box::pin(self.intend(Intent::SetTerms(terms)))
    }
}

fn told(it: Provider) -> records::Provider {
    let scopes = it.scopes.iter().map(|scope| scope.name().to_owned()).collect();
    let Provider { id, name, purpose, from: from_ms, until: until_ms, key, .. } = it;
    records::Provider { id, name, purpose, scopes, from_ms, until_ms, key }
}

fn provider(it: records::Provider) -> Provider {
    let scopes = it.scopes.iter().filter_map(|name| Scope::named(name)).collect();
    let records::Provider { id, name, purpose, from_ms: from, until_ms: until, key, .. } = it;
    Provider { id, name, purpose, scopes, from, until, key, told: true, revoked: None }
}
