//! Who is told: receivers that have shown that they want it.
//!
//! The Cloud API knows three places for a callback URL: the app, the account and the number; the most special one that
//! is set is called, and the fields are the app's. Further receivers can be set beside them, each with its own fields.

use std::collections::BTreeSet;

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use super::sign::Secrets;
use crate::outward::{Destination, Outward, OutwardError};
use crate::store::{Store, StoreError, bytes_of, table};

/// The fields that can be subscribed to. Of some nothing is ever told here: programs ask for all that they know.
pub const FIELDS: [&str; 29] = [
    "account_alerts",
    "account_review_update",
    "account_settings_update",
    "account_update",
    "automatic_events",
    "business_capability_update",
    "calls",
    "flows",
    "group_lifecycle_update",
    "group_participants_update",
    "group_settings_update",
    "group_status_update",
    "history",
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "messages",
    "messaging_handovers",
    "partner_solutions",
    "payment_configuration_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "smb_app_state_sync",
    "smb_message_echoes",
    "template_category_update",
    "template_performance_metrics",
    "tracking_events",
    "user_preferences",
];
/// Bytes of a verify token at most.
pub const VERIFY_TOKEN_MAX: usize = 512;

/// Where a receiver is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// For the app: the usual place.
    App,
    /// For the account, over the app.
    Account,
    /// For the number, over both.
    Number,
    /// Beside them, told as well.
    Also(u8),
}

impl Level {
    /// The name that the API and the command line know it by: `app`, `account`, `number`, `also-7`.
    pub fn name(self) -> String {
        match self {
            Self::App => "app".to_owned(),
            Self::Account => "account".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Also(n) => format!("also-{n}"),
        }
    }

    /// The level of a name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "app" => Some(Self::App),
            "account" => Some(Self::Account),
            "number" => Some(Self::Number),
            other => other.strip_prefix("also-")?.parse().ok().map(Self::Also),
        }
    }
}

/// Which queue an event waits in: that of the API's three places, or that of a receiver beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// Whichever of number, account and app is set when it is delivered.
    Main,
    /// A receiver beside them.
    Also(u8),
}

/// A receiver to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// Where it is called.
    pub url: String,
    /// What it will recognise the handshake by; kept nowhere.
    pub verify_token: String,
    /// The fields that it wants; all when empty.
    pub fields: BTreeSet<String>,
}

/// A receiver that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Where it is set.
    pub level: Level,
    /// Where it is called.
    pub url: String,
    /// The fields that it wants; all when empty.
    pub fields: BTreeSet<String>,
    /// Since when.
    pub since: Millis,
}

/// Why a receiver was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// The URL may not be called, or did not answer.
    #[error("the callback URL: {0}")]
    Url(#[from] OutwardError),
    /// It did not answer 200 with the challenge and nothing else.
    #[error("the callback URL did not answer the handshake with 200 and the challenge alone")]
    Handshake,
    /// A field is none of [`FIELDS`].
    #[error("there is no such field")]
    Field,
    /// The verify token is empty or too long.
    #[error("the verify token must have 1 to {VERIFY_TOKEN_MAX} bytes")]
    VerifyToken,
    /// The new secret is too short to be one.
    #[error("an app secret must have 32 to 256 bytes of printable ASCII")]
    Secret,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The receivers of a node.
#[derive(Clone)]
pub struct Subscriptions<D> {
    store: Store<D>,
    out: Outward,
    first_secret: String,
}

impl<D: Data> Subscriptions<D> {
    /// The receivers in a store. The secret signs until another is set ([`Self::rotate_secret`]).
    pub fn new(store: Store<D>, out: Outward, app_secret: String) -> Self {
        Self { store, out, first_secret: app_secret }
    }

    /// Sets a receiver, once it has passed the handshake.
    pub async fn set(
        &self,
        level: Level,
        new: New,
        now: Millis,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Subscription, SubscriptionError> {
        let New { url, verify_token, fields } = new;
        if !fields.iter().all(|field| FIELDS.contains(&field.as_str())) {
            return Err(SubscriptionError::Field);
        }
        if verify_token.is_empty() || verify_token.len() > VERIFY_TOKEN_MAX {
            return Err(SubscriptionError::VerifyToken);
        }
        let to = self.out.destination(&url)?;
        self.shake_hands(&to, &verify_token, rng.next_u64()).await?;
        let subscription = Subscription { level, url, fields, since: now };
        self.store.write(Batch::new().put(key_of(level), bytes_of(&subscription))).await?;
        Ok(subscription)
    }

    /// The receiver that is set there.
    pub async fn get(&self, level: Level) -> Result<Option<Subscription>, StoreError> {
        self.store.read("a subscription", &key_of(level)).await
    }

    /// Every receiver.
    pub async fn all(&self) -> Result<Vec<Subscription>, StoreError> {
        let prefix = Key::new(table::SUBSCRIPTION, &[b"r"]);
        let rows = self.store.list("a subscription", &prefix, None, 512).await?;
        Ok(rows.into_iter().map(|(_, it)| it).collect())
    }

    /// Takes a receiver away; what waits for it goes to the one that comes into its place, or dies.
    pub async fn delete(&self, level: Level) -> Result<(), StoreError> {
        self.store.write(Batch::new().delete(key_of(level))).await
    }

    /// Whether the account is listened to at all: `subscribed_apps`. Receivers beside it are told in any case.
    pub async fn listen(&self, on: bool) -> Result<(), StoreError> {
        self.store.write(Batch::new().put(listens_key(), bytes_of(&on))).await
    }

    /// Whether the account is listened to; it is unless that was switched off.
    pub async fn listens(&self) -> Result<bool, StoreError> {
        Ok(self.store.read("whether the account is listened to", &listens_key()).await?.unwrap_or(true))
    }

    /// The queues that an event of a field goes into.
    pub async fn slots(&self, field: &str) -> Result<Vec<Slot>, StoreError> {
        let all = self.all().await?;
        let wants = |it: &Subscription| it.fields.is_empty() || it.fields.contains(field);
        let also = all.iter().filter(|it| wants(it)).filter_map(|it| match it.level {
            Level::Also(n) => Some(Slot::Also(n)),
            _ => None,
        });
        let mut slots: Vec<_> = also.collect();
        let app = all.iter().find(|it| it.level == Level::App);
        if let Some(main) = main_of(&all)
            && wants(app.unwrap_or(main))
            && self.listens().await?
        {
            slots.push(Slot::Main);
        }
        Ok(slots)
    }

    /// The receiver of a queue now.
    pub async fn receiver(&self, slot: Slot) -> Result<Option<Subscription>, StoreError> {
        match slot {
            Slot::Also(n) => self.get(Level::Also(n)).await,
            Slot::Main => Ok(main_of(&self.all().await?).cloned()),
        }
    }

    /// The app secrets: that which signs, and the one before while it is still to be taken.
    pub async fn secrets(&self) -> Result<Secrets, StoreError> {
        secrets(&self.store, &self.first_secret).await
    }

    /// Signs with a new secret from now on; the one before is taken until `old_until`.
    pub async fn rotate_secret(&self, new: String, old_until: Millis) -> Result<(), SubscriptionError> {
        if !(32..=256).contains(&new.len()) || !new.bytes().all(|it| it.is_ascii_graphic()) {
            return Err(SubscriptionError::Secret);
        }
        let first = &self.first_secret;
        self.store
            .change("the app secrets", &secrets_key(), |kept: &mut Option<Secrets>| {
                let before = kept.take().map_or_else(|| first.clone(), |it| it.current);
                *kept = Some(Secrets { current: new.clone(), previous: Some((before, old_until)) });
            })
            .await?;
        Ok(())
    }

    /// The way out that receivers are called by.
    pub fn out(&self) -> &Outward {
        &self.out
    }

    async fn shake_hands(
        &self,
        to: &Destination,
        verify_token: &str,
        random: u64,
    ) -> Result<(), SubscriptionError> {
        // Digits that JavaScript's numbers hold: receivers are known to parse them.
        let challenge = (random >> 12).to_string();
        let to = to.with_query(&[
            ("hub.mode", "subscribe"),
            ("hub.challenge", &challenge),
            ("hub.verify_token", verify_token),
        ]);
        let (status, body) = self.out.ask(&to, 1_024).await?;
        if status.as_u16() == 200 && body == challenge.as_bytes() {
            Ok(())
        } else {
            Err(SubscriptionError::Handshake)
        }
    }
}

/// The app secrets in a store: the first one, until another was set.
pub async fn secrets<D: Data>(store: &Store<D>, first: &str) -> Result<Secrets, StoreError> {
    let kept = store.read("the app secrets", &secrets_key()).await?;
    Ok(kept.unwrap_or_else(|| Secrets { current: first.to_owned(), previous: None }))
}

/// Number over account over app.
fn main_of(all: &[Subscription]) -> Option<&Subscription> {
    [Level::Number, Level::Account, Level::App]
        .iter()
        .find_map(|level| all.iter().find(|it| it.level == *level))
}

fn key_of(level: Level) -> Key {
    let (kind, n) = match level {
        Level::App => (0, 0),
        Level::Account => (1, 0),
        Level::Number => (2, 0),
        Level::Also(n) => (3, n),
    };
    Key::new(table::SUBSCRIPTION, &[b"r", &[kind, n]])
}

fn listens_key() -> Key {
    Key::new(table::SUBSCRIPTION, &[b"l"])
}

pub(crate) fn secrets_key() -> Key {
    Key::new(table::SUBSCRIPTION, &[b"s"])
}
