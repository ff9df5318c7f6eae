//! Access tokens of the API: opaque and random, kept as hashes only.
//!
//! | state | what `check` says |
//! |---|---|
//! | live | [`Access`] |
//! | rotated | [`Access`] until the time that the rotation gave, then [`TokenError::Expired`] |
//! | expired | [`TokenError::Expired`] |
//! | revoked | [`TokenError::Revoked`], whatever else holds |
//!
//! Keys of the table: `h` and a secret's SHA-256 → the token's number; `t` and the number → `Row`; `u` and the
//! number → when it was last used; `n` → the highest number.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use hmac::{Hmac, Mac};
use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::store::{Store, StoreError, bytes_of, table};
use crate::terms::TermsOf;

/// What every secret begins with, so that scanners of repositories and logs find one that leaked.
pub const PREFIX: &str = "lacre_bt_";
/// Bytes of a token's name at most.
pub const NAME_MAX: usize = 100;
/// Numbers that a token can be limited to at most.
pub const NUMBERS_MAX: usize = 1_000;
/// Networks that a token can be limited to at most.
pub const NETWORKS_MAX: usize = 100;
/// The time of the last use is kept to a minute: a write for each request would cost more than it tells.
const USE_GRAIN: Millis = 60_000;

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Messages, media, the profile.
    Messaging,
    /// Templates, numbers, webhooks.
    Management,
    /// The business itself: tokens, people, privacy commands.
    Business,
    /// Reading the audit log.
    Audit,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Messaging, Self::Management, Self::Business, Self::Audit];

    /// The name that the API and the command line know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Messaging => "whatsapp_business_messaging",
            Self::Management => "whatsapp_business_management",
            Self::Business => "business_management",
            Self::Audit => "audit",
        }
    }

    /// The scope of a name; `messaging`, `management` and `business` will do.
    pub fn named(name: &str) -> Option<Self> {
        let short = |it: Self| match it {
            Self::Messaging => "messaging",
            Self::Management => "management",
            Self::Business => "business",
            Self::Audit => "audit",
        };
        Self::ALL.into_iter().find(|it| it.name() == name || short(*it) == name)
    }
}

/// An IP network, as `10.1.0.0/16`; a bare address is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a network: write an address, or an address, a slash and the number of fixed bits")]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(it, bits)| (it, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|it| *it <= most).ok_or(NotANetwork)?,
            None => most,
        };
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    /// Whether an address lies in it. An IPv4 address that came over an IPv6 socket counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let cut = |it: u128, width: u32| it.checked_shr(width - u32::from(self.bits)).unwrap_or(0);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(mine), IpAddr::V4(it)) => {
                cut(u32::from(mine).into(), 32) == cut(u32::from(it).into(), 32)
            }
            (IpAddr::V6(mine), IpAddr::V6(it)) => cut(mine.into(), 128) == cut(it.into(), 128),
            _ => false,
        }
    }
}

/// What a request must show beside the token. The default asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bound {
    /// `appsecret_proof` must come with it.
    pub proof: bool,
    /// The request must be signed (RFC 9421) by the holder of this Ed25519 public key.
    pub key: Option<[u8; 32]>,
    /// The request must come from one of these networks; from anywhere when there are none.
    pub networks: Vec<Network>,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    /// What people know it by: 1 to [`NAME_MAX`] bytes.
    pub name: String,
    /// What it may be used for; at least one.
    pub scopes: BTreeSet<Scope>,
    /// The phone-number ids that it is limited to; all when `None`.
    pub numbers: Option<BTreeSet<u64>>,
    /// When it ends; never when `None`.
    pub expires: Option<Millis>,
    /// What a request must show beside it.
    pub bound: Bound,
    /// The provider whose it is, when it is nobody's of the business itself.
    pub provider: Option<u64>,
}

/// A token's secret, shown once when it is made. Its `Debug` does not tell it.
pub struct Secret(Zeroizing<String>);

impl Secret {
    fn random(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut());
        Self(Zeroizing::new(format!("{PREFIX}{}", hex::encode(bytes.as_ref()))))
    }

    /// The text to be given to whoever is to use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What is told of a token; nothing of it opens anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its number; never given twice.
    pub id: u64,
    /// What people know it by.
    pub name: String,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// The phone-number ids that it is limited to; all when `None`.
    pub numbers: Option<BTreeSet<u64>>,
    /// When it was made.
    pub created: Millis,
    /// When it ends; never when `None`.
    pub expires: Option<Millis>,
    /// Since when it is revoked.
    pub revoked: Option<Millis>,
    /// When it was last used, to the minute.
    pub last_used: Option<Millis>,
    /// What a request must show beside it.
    pub bound: Bound,
    /// The provider whose it is, when it is nobody's of the business itself.
    pub provider: Option<u64>,
}

/// What a request that shows a live token may do. Made by [`Tokens::check`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The token's number, for the audit log.
    pub token: u64,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// The phone-number ids that it is limited to; all when `None`.
    pub numbers: Option<BTreeSet<u64>>,
    /// What the request must show beside the token.
    pub bound: Bound,
    /// The provider that asks, when it is not the business itself.
    pub provider: Option<u64>,
}

impl Access {
    /// Whether it may be used for this.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether it may be used for this number.
    pub fn covers(&self, number: u64) -> bool {
        self.numbers.as_ref().is_none_or(|it| it.contains(&number))
    }
}

/// Why a token gives no access, or was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is no such token.
    #[error("there is no such token")]
    Unknown,
    /// It has ended, or was rotated and its time is over.
    #[error("the token has expired")]
    Expired,
    /// It was revoked, or the delegation of its provider was.
    #[error("the token was revoked")]
    Revoked,
    /// Its provider may not act yet: customers cannot know of it.
    #[error("customers are not told of its provider yet")]
    NotTold,
    /// What was asked for cannot be made.
    #[error("no token can be made: {0}")]
    Invalid(&'static str),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    token: Token,
    /// Hashes of the secrets that open it; the newest, last, has no end of its own.
    secrets: Vec<([u8; 32], Option<Millis>)>,
}

/// The access tokens of a node.
#[derive(Clone)]
pub struct Tokens<D> {
    store: Store<D>,
}

impl<D: Data> Tokens<D> {
    /// The tokens in a store.
    pub fn new(store: Store<D>) -> Self {
        Self { store }
    }

    /// Makes a token; its secret is told here and never again.
    pub async fn create(
        &self,
        new: New,
        now: Millis,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(Secret, Token), TokenError> {
        let secret = Secret::random(rng);
        let New { name, scopes, numbers, expires, bound, provider } = new;
        let invalid = if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
            Some("its name must be 1 to 100 bytes without control characters")
        } else if scopes.is_empty() {
            Some("it needs a scope")
        } else if numbers.as_ref().is_some_and(|it| it.len() > NUMBERS_MAX) {
            Some("too many numbers")
        } else if bound.networks.len() > NETWORKS_MAX {
            Some("too many networks")
        } else if expires.is_some_and(|it| it <= now) {
            Some("it would have ended already")
        } else {
            None
        };
        if let Some(why) = invalid {
            return Err(TokenError::Invalid(why));
        }
        let id = self
            .store
            .change("the number of tokens", &Key::new(table::TOKEN, &[b"n"]), |it: &mut Option<u64>| {
                *it.insert(it.unwrap_or(0) + 1)
            })
            .await?;
        let (created, revoked, last_used) = (now, None, None);
        let token =
            Token { id, name, scopes, numbers, created, expires, revoked, last_used, bound, provider };
        let hash = hash_of(secret.expose());
        let row = Row { token: token.clone(), secrets: vec![(hash, None)] };
        let batch = Batch::new().put(by_id(id), bytes_of(&row)).put(by_hash(&hash), bytes_of(&id));
        self.store.write(batch).await?;
        Ok((secret, token))
    }

    /// What a secret gives access to now; the use is noted.
    pub async fn check(&self, secret: &str, now: Millis) -> Result<Access, TokenError> {
        if secret.len() != PREFIX.len() + 64 || !secret.starts_with(PREFIX) {
            return Err(TokenError::Unknown);
        }
        let hash = hash_of(secret);
        let id = self.store.read("a token", &by_hash(&hash)).await?.ok_or(TokenError::Unknown)?;
        let row: Row = self.store.read("a token", &by_id(id)).await?.ok_or(TokenError::Unknown)?;
        let (_, until) = row
            .secrets
            .iter()
            .find(|(known, _)| bool::from(known.ct_eq(&hash)))
            .ok_or(TokenError::Expired)?;
        let access = self.access(row.token, *until, now).await?;
        let at = used(access.token);
        let last: Option<Millis> = self.store.read("a token's use", &at).await?;
        if last.is_none_or(|it| it + USE_GRAIN <= now) {
            self.store.write(Batch::new().put(at, bytes_of(&now))).await?;
        }
        Ok(access)
    }

    /// What a token gives access to now, and until when; `None` when it opens nothing. It is not noted as used.
    pub async fn look(
        &self,
        secret: &str,
        now: Millis,
    ) -> Result<Option<(Access, Option<Millis>)>, StoreError> {
        let hash = hash_of(secret);
        let Some(id) = self.store.read::<u64>("a token", &by_hash(&hash)).await? else { return Ok(None) };
        let Some(row) = self.store.read::<Row>("a token", &by_id(id)).await? else { return Ok(None) };
        let secret = row.secrets.iter().find(|(known, _)| bool::from(known.ct_eq(&hash)));
        let Some((_, until)) = secret else { return Ok(None) };
        let ends = [*until, row.token.expires].into_iter().flatten().min();
        match self.access(row.token, *until, now).await {
            Ok(access) => Ok(Some((access, ends))),
            Err(TokenError::Store(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// What a token gives access to now, to somebody who has shown otherwise that they speak for it.
    pub async fn known(&self, id: u64, now: Millis) -> Result<Access, TokenError> {
        let row: Row = self.store.read("a token", &by_id(id)).await?.ok_or(TokenError::Unknown)?;
        self.access(row.token, None, now).await
    }

    /// What a token gives access to, when it and its provider's delegation stand; `until` is the end of the secret.
    async fn access(&self, token: Token, until: Option<Millis>, now: Millis) -> Result<Access, TokenError> {
        let Token { id, scopes, numbers, expires, revoked, bound, provider, .. } = token;
        if revoked.is_some() {
            return Err(TokenError::Revoked);
        }
        if [until, expires].into_iter().flatten().any(|end| end <= now) {
            return Err(TokenError::Expired);
        }
        if let Some(provider) = provider {
            let delegation = TermsOf::new(self.store.clone()).provider(provider).await?;
            match delegation {
                Some(it) if it.stands(now) && it.told => {}
                Some(it) if it.stands(now) => return Err(TokenError::NotTold),
                _ => return Err(TokenError::Revoked),
            }
        }
        Ok(Access { token: id, scopes, numbers, bound, provider })
    }

    /// Tokens after a number, in the order of their making; at most `limit`.
    pub async fn list(&self, after: u64, limit: usize) -> Result<Vec<Token>, TokenError> {
        let prefix = Key::new(table::TOKEN, &[b"t"]);
        let rows = self.store.list::<Row>("a token", &prefix, Some(&by_id(after)), limit).await?;
        let mut tokens = Vec::with_capacity(rows.len());
        for (_, row) in rows {
            let last_used = self.store.read("a token's use", &used(row.token.id)).await?;
            tokens.push(Token { last_used, ..row.token });
        }
        Ok(tokens)
    }

    /// Gives a token a new secret. The one before opens it until `old_until`, and those before that no more.
    pub async fn rotate(
        &self,
        id: u64,
        old_until: Millis,
        now: Millis,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(Secret, Token), TokenError> {
        let secret = Secret::random(rng);
        let hash = hash_of(secret.expose());
        loop {
            let mut row: Row = self.store.read("a token", &by_id(id)).await?.ok_or(TokenError::Unknown)?;
            let before = bytes_of(&row).into();
            if row.token.revoked.is_some() {
                return Err(TokenError::Revoked);
            }
            if row.token.expires.is_some_and(|end| end <= now) {
                return Err(TokenError::Expired);
            }
            let last = row.secrets.pop();
            let gone: Vec<_> = row.secrets.drain(..).collect();
            row.secrets.extend(last.map(|(hash, _)| (hash, Some(old_until))));
            row.secrets.push((hash, None));
            let batch = Batch::new()
                .assert(by_id(id), Expected::Value(before))
                .put(by_id(id), bytes_of(&row))
                .put(by_hash(&hash), bytes_of(&id));
            let batch = gone.iter().fold(batch, |batch, (hash, _)| batch.delete(by_hash(hash)));
            match self.store.write(batch).await {
                Ok(()) => return Ok((secret, row.token)),
                Err(StoreError::Write(WriteError::Conflict(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Revokes a token: the next request with it is refused. Again is the same.
    pub async fn revoke(&self, id: u64, now: Millis) -> Result<(), TokenError> {
        let revoked = self
            .store
            .change("a token", &by_id(id), |row: &mut Option<Row>| {
                row.as_mut().map(|row| row.token.revoked.get_or_insert(now)).is_some()
            })
            .await?;
        if revoked { Ok(()) } else { Err(TokenError::Unknown) }
    }
}

/// `appsecret_proof`: lowercase hex HMAC-SHA256 of a token by the app secret.
pub fn appsecret_proof(token: &str, app_secret: &str) -> String {
    hex::encode(mac(token, app_secret).finalize().into_bytes())
}

/// Whether a given proof is that of the token; takes as long whatever differs.
pub fn proof_holds(given: &str, token: &str, app_secret: &str) -> bool {
    let mut bytes = [0; 32];
    let lowercase = !given.bytes().any(|byte| byte.is_ascii_uppercase());
    lowercase
        && hex::decode_to_slice(given, &mut bytes).is_ok()
        && mac(token, app_secret).verify_slice(&bytes).is_ok()
}

fn mac(token: &str, app_secret: &str) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(app_secret.as_bytes())
        .expect("HMAC takes keys of any length")
        .chain_update(token)
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

fn by_hash(hash: &[u8; 32]) -> Key {
    Key::new(table::TOKEN, &[b"h", hash])
}

fn by_id(id: u64) -> Key {
    Key::new(table::TOKEN, &[b"t", &id.to_be_bytes()])
}

fn used(id: u64) -> Key {
    Key::new(table::TOKEN, &[b"u", &id.to_be_bytes()])
}

#[cfg(test)]
mod tests;
