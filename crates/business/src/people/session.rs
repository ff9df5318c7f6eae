//! Signing in and staying so.
//!
//! Failed attempts are counted in `attempts`.

use std::fmt;
use std::net::IpAddr;
use std::sync::{MutexGuard, PoisonError};

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::attempts::Attempts;
use super::secret::{Hashed, PASSWORD_MAX};
use super::{Actor, People, PeopleError, Row, away, by_login};
use crate::store::{StoreError, bytes_of, end_of, table};

/// A session ends after this time in any case.
pub const LIFE: Millis = 12 * 60 * 60 * 1_000;
/// A session ends when nothing was done in it for this time.
pub const IDLE: Millis = 30 * 60 * 1_000;
/// The time of the last use is kept to a minute.
const USE_GRAIN: Millis = 60_000;
const PREFIX: &str = "lacre_bs_";
const PAGE: usize = 256;

/// Who somebody says they are.
pub struct Claim<'a> {
    /// What they sign in with.
    pub login: &'a str,
    /// Their password.
    pub password: Zeroizing<String>,
    /// What their authenticator app shows.
    pub code: &'a str,
    /// The address that they are at, when it is known.
    pub from: Option<IpAddr>,
}

/// A session's secret: what a browser shows on each request. Its `Debug` does not tell it.
pub struct SessionSecret(Zeroizing<String>);

impl SessionSecret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(..)")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    person: u64,
    generation: u64,
    begun: Millis,
    used: Millis,
}

impl Session {
    fn over(&self, now: Millis) -> bool {
        self.begun.saturating_add(LIFE) <= now || self.used.saturating_add(IDLE) <= now
    }
}

impl<D: Data> People<D> {
    /// Lets somebody in by their password and the code of their authenticator app, from an address. A code is taken
    /// once.
    pub async fn sign_in(
        &self,
        Claim { login, password, code, from }: Claim<'_>,
        now: Millis,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(SessionSecret, Actor), PeopleError> {
        let mut random = Zeroizing::new([0; 32]);
        rng.fill_bytes(random.as_mut());
        let row = self.prove(Claim { login, password, code, from }, now).await?;
        let secret = SessionSecret(Zeroizing::new(format!("{PREFIX}{}", hex::encode(random.as_ref()))));
        let session = Session { person: row.person.id, generation: row.generation, begun: now, used: now };
        self.store.write(Batch::new().put(key_of(secret.expose()), bytes_of(&session))).await?;
        Ok((secret, Actor { person: row.person }))
    }

    /// Shows that somebody who is signed in is who they are, by what they sign in with: a session may be another's hands.
    pub async fn confirm(
        &self,
        id: u64,
        password: Zeroizing<String>,
        code: &str,
        from: Option<IpAddr>,
        now: Millis,
    ) -> Result<(), PeopleError> {
        let login = self.row(id).await?.person.login;
        self.prove(Claim { login: &login, password, code, from }, now).await.map(drop)
    }

    /// Who it is that has this password and this code.
    async fn prove(
        &self,
        Claim { login, password, code, from }: Claim<'_>,
        now: Millis,
    ) -> Result<Row, PeopleError> {
        // The attempt is counted before it is looked at: many at once are many.
        self.attempts().begin(login, from, now).map_err(PeopleError::Wait)?;
        let row = match self.id_of(login).await? {
            Some(id) => self.store.read::<Row>("a person", &super::by_id(id)).await?,
            None => None,
        };
        let right = {
            // Where there is nobody, the same work is done.
            let known = row.as_ref().map(|it| it.password.clone());
            let password = if password.len() > PASSWORD_MAX { Zeroizing::default() } else { password };
            away(move || match known {
                Some(known) => known.is(&password),
                None => {
                    let _ = Hashed::new(&password, [0; 16]);
                    false
                }
            })
            .await?
        };
        let Some(row) = row.filter(|_| right) else { return Err(PeopleError::Wrong) };
        self.attempts().begin_code(login, now).map_err(PeopleError::Wait)?;
        let step = row.totp.step_of(code, now).ok_or(PeopleError::Wrong)?;
        let taken = self
            .store
            .change("a person", &super::by_id(row.person.id), |now: &mut Option<Row>| match now {
                // The same code again, or a password that was changed meanwhile.
                Some(now) if now.last_step < step && now.generation == row.generation => {
                    now.last_step = step;
                    true
                }
                _ => false,
            })
            .await?;
        if !taken {
            return Err(PeopleError::Wrong);
        }
        self.attempts().succeeded(login, from);
        Ok(row)
    }

    /// The number of whoever has a login.
    pub async fn id_of(&self, login: &str) -> Result<Option<u64>, StoreError> {
        if login.len() <= 64 { self.store.read("a person", &by_login(login)).await } else { Ok(None) }
    }

    pub(super) fn attempts(&self) -> MutexGuard<'_, Attempts> {
        // A number in a map is whole whatever happened to the thread that wrote it.
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who a session is of, as they are now.
    pub async fn session(&self, secret: &str, now: Millis) -> Result<Actor, PeopleError> {
        if secret.len() != PREFIX.len() + 64 || !secret.starts_with(PREFIX) {
            return Err(PeopleError::NoSession);
        }
        let key = key_of(secret);
        let session: Session = self.store.read("a session", &key).await?.ok_or(PeopleError::NoSession)?;
        let row: Option<Row> = self.store.read("a person", &super::by_id(session.person)).await?;
        let row = row.filter(|it| it.generation == session.generation && !session.over(now));
        let Some(row) = row else { return Err(PeopleError::NoSession) };
        if session.used.saturating_add(USE_GRAIN) <= now {
            // Only one that is still there: signing out meanwhile stays.
            self.store
                .change("a session", &key, |it: &mut Option<Session>| {
                    if let Some(it) = it {
                        it.used = it.used.max(now);
                    }
                })
                .await?;
        }
        Ok(Actor { person: row.person })
    }

    /// Ends a session.
    pub async fn sign_out(&self, secret: &str) -> Result<(), StoreError> {
        self.store.write(Batch::new().delete(key_of(secret))).await
    }

    /// Drops sessions that are over and attempts that were long ago.
    pub async fn prune(&self, now: Millis) -> Result<(), StoreError> {
        self.attempts().prune(now);
        // What an earlier version counted there.
        let counted = Key::new(table::PERSON, &[b"a"]);
        self.store.write(Batch::new().delete_range(counted.clone(), end_of(&counted))).await?;
        self.drop_rows::<Session>(b"s", |it| it.over(now)).await
    }

    async fn drop_rows<T: serde::de::DeserializeOwned>(
        &self,
        part: &[u8],
        which: impl Fn(&T) -> bool,
    ) -> Result<(), StoreError> {
        let (prefix, mut after) = (Key::new(table::PERSON, &[part]), None);
        loop {
            let rows = self.store.list::<T>("a session", &prefix, after.as_ref(), PAGE).await?;
            let gone = rows.iter().filter(|(_, it)| which(it));
            let batch = gone.fold(Batch::new(), |batch, (key, _)| batch.delete(key.clone()));
            self.store.write(batch).await?;
            match rows.last() {
                Some((key, _)) if rows.len() == PAGE => after = Some(key.clone()),
                _ => return Ok(()),
            }
        }
    }
}

fn key_of(secret: &str) -> Key {
    Key::new(table::PERSON, &[b"s", &Sha256::digest(secret)])
}
