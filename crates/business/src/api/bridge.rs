//! The node's own ways out behind the API's ports: links are fetched by [`Outward`], and who is told by webhooks is
//! kept, asked and told by [`webhooks`].

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Data, WriteError};
use rand_core::{CryptoRng, RngCore};
use sha2::{Digest, Sha256};
use url::Url;

use super::apps::{Hook, HookError, Hooks, Level, Notice, Subscribed};
use super::link::{Fetch, FetchError, Fetched};
use super::messages::Kept;
use super::{messages, wamid};
use crate::chat::{MessageId, Reach};
use crate::clock::Clock;
use crate::customers::Customers;
use crate::erasing;
use crate::media::{LIFE, Media, Medium, Source};
use crate::node::{id_of, object_key};
use crate::outward::{Outward, OutwardError};
use crate::store::{Store, StoreError};
use crate::templates::Template;
use crate::webhooks::event::{FileOf, Ids, Names, Renderer, Sent};
use crate::webhooks::outbox::Outbox;
use crate::webhooks::subscription::{self, New, SubscriptionError, Subscriptions};
use crate::webhooks::{self, TemplateName};

impl Fetch for Outward {
    async fn get(&self, url: &Url, limit: u64, path: &Path) -> Result<Fetched, FetchError> {
        let why = |error| match error {
            OutwardError::Url(_) | OutwardError::Refused => FetchError::Refused,
            OutwardError::Late(_) => FetchError::TimedOut,
            OutwardError::TooLarge => FetchError::TooLarge,
            OutwardError::Status(status) => FetchError::Status(status),
            OutwardError::File(_) => FetchError::Folder,
            _ => FetchError::Unreachable,
        };
        let to = self.destination(url.as_str()).map_err(why)?;
        let crate::outward::Fetched { mime, size, sha256 } =
            Outward::get(self, &to, limit, path).await.map_err(why)?;
        Ok(Fetched { mime, size, sha256 })
    }
}

/// The field that a receiver is told of when it has asked for none.
const USUAL: &str = "messages";

/// How webhooks name people, messages and files: as the API does.
#[derive(Clone)]
pub struct NodeNames<D, K> {
    /// Who customers are to programs.
    pub customers: Customers<D>,
    /// Files.
    pub media: Media<D>,
    /// What the node keeps.
    pub store: Store<D>,
    /// What time it is.
    pub clock: K,
}

impl<D: Data, K: Clock> Names for NodeNames<D, K> {
    async fn ids(&self, of: AccountId) -> Result<Ids, StoreError> {
        let number = self.customers.number_of(of).await?;
        Ok(Ids { wa_id: number.to_string(), user_id: self.customers.user_id(number) })
    }

    async fn is_erased(&self, of: AccountId, at: Millis) -> Result<bool, StoreError> {
        erasing::is_erased(&self.store, of, at).await
    }

    fn message(&self, id: MessageId) -> String {
        wamid::of(id)
    }

    async fn media(&self, file: FileOf<'_>) -> Result<String, StoreError> {
        let FileOf { message, index, kind: _, mime, sha256, size, name } = file;
        let mut round = 0;
        loop {
            let id = candidate(message, index, round);
            let medium = Medium {
                id,
                mime: mime.to_owned(),
                sha256,
                size,
                name: name.map(str::to_owned),
                expires: self.clock.now() + LIFE,
                source: Source::Customer(message, index),
            };
            match self.media.note(medium).await {
                Ok(id) => return Ok(id.to_string()),
                // The id is something else already.
                Err(StoreError::Write(WriteError::Conflict(_)) | StoreError::Corrupt(_))
                    if self.store.0.get(&object_key(id)).await?.is_some() =>
                {
                    round += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn reached(&self, id: MessageId, reach: Reach) -> Result<(), StoreError> {
        messages::reached(&self.store, self.clock.now(), id, reach).await.map(drop)
    }

    async fn sent(&self, id: MessageId) -> Result<Option<Sent>, StoreError> {
        let kept: Option<Kept> = messages::kept(&self.store, id).await?;
        Ok(kept.map(|it| Sent { callback_data: it.opaque }))
    }
}

/// The ids that a file of a message may have, in their order: the same question has the same answer.
fn candidate(message: MessageId, index: u32, round: u32) -> u64 {
    let hash = Sha256::new()
        .chain_update(b"media id")
        .chain_update(message.0)
        .chain_update(index.to_be_bytes())
        .chain_update(round.to_be_bytes())
        .finalize();
    let (head, _) = hash.split_first_chunk().expect("a SHA-256 has 32 bytes");
    id_of(*head)
}

/// Webhooks of a node.
pub struct Webhooks<D, K> {
    /// Who is told.
    pub subscriptions: Subscriptions<D>,
    /// What waits to be told.
    pub outbox: Outbox<D>,
    /// How it is said.
    pub renderer: Renderer<NodeNames<D, K>>,
    /// Challenges of handshakes are made with it.
    pub rng: Mutex<Box<dyn CryptoRng + Send>>,
}

impl<D: Data, K: Clock> Hooks for Webhooks<D, K> {
    async fn subscribe(&self, level: Level, hook: Hook) -> Result<(), HookError> {
        let Hook { callback, verify_token, fields } = hook;
        // Who asks for none gets what all understand: many programs fall over what they do not know.
        let usual = if fields.is_empty() { vec![USUAL.to_owned()] } else { Vec::new() };
        let new =
            New { url: callback.into(), verify_token, fields: fields.into_iter().chain(usual).collect() };
        let now = self.renderer.names.clock.now();
        let set = self.subscriptions.set(level.into(), new, now, &mut Drawn(&self.rng)).await;
        set.map(drop).map_err(|error| match error {
            SubscriptionError::Url(OutwardError::Url(_) | OutwardError::Refused) => HookError::Refused,
            SubscriptionError::Url(_) | SubscriptionError::Handshake => HookError::Handshake,
            SubscriptionError::Field => HookError::Field,
            SubscriptionError::VerifyToken => HookError::VerifyToken,
            SubscriptionError::Secret | SubscriptionError::Store(_) => HookError::Unavailable,
        })
    }

    async fn clear(&self, level: Level) -> Result<(), HookError> {
        self.subscriptions.delete(level.into()).await.map_err(unavailable)
    }

    async fn subscribed(&self, level: Level) -> Result<Option<Subscribed>, HookError> {
        let Some(kept) = self.subscriptions.get(level.into()).await.map_err(unavailable)? else {
            return Ok(None);
        };
        let callback = Url::parse(&kept.url).map_err(|_| HookError::Unavailable)?;
        Ok(Some(Subscribed { callback, fields: kept.fields.into_iter().collect() }))
    }

    async fn listen(&self, on: bool) -> Result<(), HookError> {
        self.subscriptions.listen(on).await.map_err(unavailable)
    }

    async fn listens(&self) -> Result<bool, HookError> {
        self.subscriptions.listens().await.map_err(unavailable)
    }

    async fn tell(&self, notice: Notice) -> Result<(), HookError> {
        let now = self.renderer.names.clock.now();
        self.outbox.tell(self.renderer.notice(&told(notice), now), now).await.map_err(unavailable)
    }
}

fn unavailable(error: StoreError) -> HookError {
    tracing::error!(%error, "the webhooks' store failed");
    HookError::Unavailable
}

impl From<Level> for subscription::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::App => Self::App,
            Level::Account => Self::Account,
            Level::Number => Self::Number,
        }
    }
}

/// A notice of the API's in the webhooks' words.
fn told(notice: Notice) -> webhooks::Notice {
    let name =
        |it: &Template| TemplateName { id: it.id, name: it.name.clone(), language: it.language.clone() };
    let status = |it: &Template, event: &str| webhooks::Notice::TemplateStatus {
        template: name(it),
        event: event.to_owned(),
        category: it.purpose.name().to_owned(),
        reason: it.reason.clone(),
    };
    match notice {
        Notice::TemplateStatus(it) => status(&it, it.status.name()),
        Notice::TemplateDeleted(it) => status(&it, "DELETED"),
        Notice::TemplatePurpose(it) => webhooks::Notice::TemplateCategory {
            template: name(&it),
            previous: it.before.unwrap_or(it.purpose).name().to_owned(),
            new: it.purpose.name().to_owned(),
        },
        Notice::FlowStatus(it, before) => webhooks::Notice::FlowStatus {
            id: it.id,
            name: it.name,
            old: before.name().to_owned(),
            new: it.status.name().to_owned(),
        },
        Notice::PinChanged(_) => webhooks::Notice::Security { event: "PIN_CHANGED".to_owned() },
        Notice::Rated(event, limit) => {
            webhooks::Notice::PhoneQuality { event: event.to_owned(), current_limit: limit.to_owned() }
        }
        // The node has one number, and gets no other.
        Notice::Capability(daily_customers) => webhooks::Notice::Capability { daily_customers, numbers: 1 },
        Notice::Suspended(suspended) => webhooks::Notice::Account { suspended },
        Notice::Verified(verified) => {
            let decision = if verified { "APPROVED" } else { "PENDING" };
            webhooks::Notice::AccountReview { decision: decision.to_owned() }
        }
        Notice::Named(name) => webhooks::Notice::PhoneName { name },
    }
}

/// A generator behind a lock, which is held for each draw only.
pub(crate) struct Drawn<'a>(pub(crate) &'a Mutex<Box<dyn CryptoRng + Send>>);

impl RngCore for Drawn<'_> {
    fn next_u32(&mut self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

impl CryptoRng for Drawn<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::{Format, Purpose, Status};

    #[test]
    fn a_notice_of_the_api_is_the_same_in_the_webhooks_words() {
        let template = Template {
            id: 7,
            name: "order_ready".to_owned(),
            language: "pt_BR".to_owned(),
            purpose: Purpose::Marketing,
            before: Some(Purpose::Utility),
            format: Format::Positional,
            components: "[]".to_owned(),
            status: Status::Rejected,
            reason: Some("INVALID_FORMAT".to_owned()),
            made: 1,
        };
        let name = TemplateName { id: 7, name: "order_ready".to_owned(), language: "pt_BR".to_owned() };
        let status = |event: &str| webhooks::Notice::TemplateStatus {
            template: name.clone(),
            event: event.to_owned(),
            category: "MARKETING".to_owned(),
            reason: Some("INVALID_FORMAT".to_owned()),
        };
        assert_eq!(told(Notice::TemplateStatus(template.clone())), status("REJECTED"));
        assert_eq!(told(Notice::TemplateDeleted(template.clone())), status("DELETED"));
        let (previous, new) = ("UTILITY".to_owned(), "MARKETING".to_owned());
        let category = webhooks::Notice::TemplateCategory { template: name.clone(), previous, new };
        assert_eq!(told(Notice::TemplatePurpose(template)), category);
        let pin = webhooks::Notice::Security { event: "PIN_CHANGED".to_owned() };
        assert_eq!(told(Notice::PinChanged(Some(1))), pin);
    }

    #[test]
    fn ids_of_files_are_digits_that_javascript_holds() {
        let ids = [(0, 0), (1, 0), (0, 1)].map(|(index, round)| candidate(MessageId([5; 16]), index, round));
        assert!(ids.iter().all(|it| (100_000_000_000_000..1 << 53).contains(it)));
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
    }
}
