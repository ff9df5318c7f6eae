//! The people behind the business: what they are, which inboxes they see, and how they sign in.
//!
//! | key of the table | value |
//! |---|---|
//! | `p` number | `Row` |
//! | `l` login | the person's number |
//! | `n` | the highest number given |
//! | `s` SHA-256 of a session's secret | a session |

mod attempts;
mod role;
mod secret;
mod session;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub(crate) use attempts::network;
pub use role::{Action, Inboxes, Role, TABLE};
pub use secret::{PASSWORD_MAX, PASSWORD_MIN};
pub use session::{Claim, IDLE, LIFE, SessionSecret};

use crate::store::{Store, StoreError, bytes_of, table};
use secret::{Hashed, Totp};

/// People at most.
pub const PEOPLE_MAX: usize = 10_000;
/// Inboxes that one person can be limited to at most.
pub const INBOXES_MAX: usize = 100;

/// Somebody of the business. Nothing of it opens anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their number; never given twice.
    pub id: u64,
    /// What they sign in with: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-` and `@`.
    pub login: String,
    /// What they are called.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// The inboxes that they see; all when `None`.
    pub inboxes: Inboxes,
    /// Since when.
    pub since: Millis,
}

/// Somebody to be taken in.
#[derive(Clone)]
pub struct New {
    /// What they sign in with.
    pub login: String,
    /// What they are called: 1 to 100 bytes.
    pub name: String,
    /// What they are.
    pub role: Role,
    /// The inboxes that they see; all when `None`.
    pub inboxes: Inboxes,
    /// At least [`PASSWORD_MIN`] characters.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for New {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "New({:?}, ..)", self.role)
    }
}

/// Who changes people.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Whoever sits at the machine: the first owner is made so.
    Operator,
    /// One of the people.
    Actor(&'a Actor),
}

/// Somebody who has signed in, as they are now. Made by [`People::session`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    person: Person,
}

impl Actor {
    /// Who it is.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// Whether they see somebody: whose inboxes are all among theirs.
    pub fn sees(&self, other: &Person) -> bool {
        are_among(&other.inboxes, &self.person.inboxes)
    }

    /// Whether they may do something; in an inbox when it is one of the things that are done in one. What is about all
    /// of them is not for who is limited to some.
    pub fn may(&self, action: Action, inbox: Option<&str>) -> bool {
        let sees = match (&self.person.inboxes, inbox) {
            (Some(mine), Some(inbox)) => mine.contains(inbox) && !action.is_everywhere(),
            (Some(_), None) => !action.in_inbox() && !action.is_everywhere(),
            (None, _) => true,
        };
        sees && self.person.role.may(action)
    }
}

/// What a person's authenticator app is given, once.
pub struct Enrolment(Zeroizing<String>);

impl Enrolment {
    /// An `otpauth://` address, to be shown as a QR code and to nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enrolment(..)")
    }
}

/// Why somebody was not let in, or not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeopleError {
    /// Login, password or code is wrong: it is not said which.
    #[error("the login, the password or the code is wrong")]
    Wrong,
    /// Too many attempts: none is looked at before this time.
    #[error("too many attempts")]
    Wait(Millis),
    /// There is no such session, or it has ended.
    #[error("not signed in")]
    NoSession,
    /// Whoever asked may not do this.
    #[error("this may not be done by them")]
    NotAllowed,
    /// There is no such person.
    #[error("there is no such person")]
    Unknown,
    /// The login is somebody's.
    #[error("the login is taken")]
    Taken,
    /// The last owner stays.
    #[error("there has to be an owner")]
    LastOwner,
    /// What was asked for cannot be.
    #[error("{0}")]
    Invalid(&'static str),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A person as they are kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    person: Person,
    password: Hashed,
    totp: Totp,
    /// The step of the last code that was taken: none is taken twice.
    last_step: u64,
    /// Sessions begun under an earlier one have ended.
    generation: u64,
}

/// The people of a node.
#[derive(Clone)]
pub struct People<D> {
    store: Store<D>,
    /// What authenticator apps show.
    issuer: String,
    /// Changes of people come one after the other, so that the last owner is seen to be one.
    turn: Arc<tokio::sync::Mutex<()>>,
    attempts: Arc<Mutex<attempts::Attempts>>,
}

impl<D: Data> People<D> {
    /// The people in a store; the issuer is the name that authenticator apps show.
    pub fn new(store: Store<D>, issuer: String) -> Self {
        Self { store, issuer, turn: Arc::default(), attempts: Arc::default() }
    }

    /// Takes somebody in; what their authenticator app needs is told here and never again.
    pub async fn add(
        &self,
        by: By<'_>,
        new: New,
        now: Millis,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(Person, Enrolment), PeopleError> {
        let New { login, name, role, inboxes, password } = new;
        allowed(by, &[role], &[&inboxes])?;
        valid(&login, &name, &inboxes)?;
        let (mut salt, mut totp) = ([0; 16], Totp([0; 20]));
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut totp.0);
        let password = hashed(password, salt).await?;
        let _turn = self.turn.lock().await;
        if self.list().await?.len() >= PEOPLE_MAX {
            return Err(PeopleError::Invalid("there are too many people"));
        }
        let last: Option<u64> = self.store.read("the number of people", &count_key()).await?;
        let id = last.unwrap_or(0) + 1;
        let enrolment = Enrolment(totp.uri(&self.issuer, &login));
        let person = Person { id, login, name, role, inboxes, since: now };
        let row = Row { person: person.clone(), password, totp, last_step: 0, generation: 0 };
        let batch = Batch::new()
            .assert(by_login(&person.login), Expected::Absent)
            .assert(by_id(id), Expected::Absent)
            .put(by_login(&person.login), bytes_of(&id))
            .put(count_key(), bytes_of(&id))
            .put(by_id(id), bytes_of(&row));
        match self.store.write(batch).await {
            Ok(()) => Ok((person, enrolment)),
            Err(StoreError::Write(WriteError::Conflict(0))) => Err(PeopleError::Taken),
            Err(error) => Err(error.into()),
        }
    }

    /// Everybody, in the order in which they came.
    pub async fn list(&self) -> Result<Vec<Person>, PeopleError> {
        let prefix = Key::new(table::PERSON, &[b"p"]);
        let rows = self.store.list::<Row>("a person", &prefix, None, PEOPLE_MAX).await?;
        Ok(rows.into_iter().map(|(_, row)| row.person).collect())
    }

    /// Gives somebody another role, other inboxes, or both; what is not said stays. It counts from their next request
    /// on. Gives who they are then.
    pub async fn change(
        &self,
        by: By<'_>,
        id: u64,
        role: Option<Role>,
        inboxes: Option<Inboxes>,
    ) -> Result<Person, PeopleError> {
        let _turn = self.turn.lock().await;
        loop {
            let before = self.row(id).await?;
            let mut after = before.clone();
            let person = &mut after.person;
            person.role = role.unwrap_or(person.role);
            person.inboxes = inboxes.clone().unwrap_or_else(|| person.inboxes.clone());
            let old = &before.person;
            allowed(by, &[old.role, person.role], &[&old.inboxes, &person.inboxes])?;
            valid(&person.login, &person.name, &person.inboxes)?;
            if old.role == Role::Owner && person.role != Role::Owner {
                self.another_owner(id).await?;
            }
            let batch = Batch::new().assert(by_id(id), Expected::Value(bytes_of(&before).into()));
            match self.store.write(batch.put(by_id(id), bytes_of(&after))).await {
                Ok(()) => return Ok(after.person),
                // They have signed in meanwhile: look again.
                Err(StoreError::Write(WriteError::Conflict(_))) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes somebody; their sessions end.
    pub async fn remove(&self, by: By<'_>, id: u64) -> Result<(), PeopleError> {
        let _turn = self.turn.lock().await;
        let person = self.row(id).await?.person;
        allowed(by, &[person.role], &[&person.inboxes])?;
        if person.role == Role::Owner {
            self.another_owner(id).await?;
        }
        let batch = Batch::new().delete(by_id(id)).delete(by_login(&person.login));
        Ok(self.store.write(batch).await?)
    }

    /// Gives somebody a new password and a new authenticator; their sessions end, and what was
    /// tried at their login is forgotten. People may do so for themselves, once they have shown that it is they
    /// ([`Self::confirm`]).
    pub async fn reset(
        &self,
        by: By<'_>,
        id: u64,
        password: Zeroizing<String>,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Enrolment, PeopleError> {
        let person = self.row(id).await?.person;
        if !matches!(by, By::Actor(actor) if actor.person.id == id) {
            allowed(by, &[person.role], &[&person.inboxes])?;
        }
        let (mut salt, mut totp) = ([0; 16], Totp([0; 20]));
        rng.fill_bytes(&mut salt);
        rng.fill_bytes(&mut totp.0);
        let password = hashed(password, salt).await?;
        // That took a while: whose it is may have become more meanwhile.
        let _turn = self.turn.lock().await;
        let person = self.row(id).await?.person;
        if !matches!(by, By::Actor(actor) if actor.person.id == id) {
            allowed(by, &[person.role], &[&person.inboxes])?;
        }
        self.edit(id, |row| {
            row.password = password.clone();
            row.totp = totp.clone();
            row.last_step = 0;
            row.generation += 1;
        })
        .await?;
        self.attempts().forget(&person.login);
        Ok(Enrolment(totp.uri(&self.issuer, &person.login)))
    }

    async fn row(&self, id: u64) -> Result<Row, PeopleError> {
        self.store.read("a person", &by_id(id)).await?.ok_or(PeopleError::Unknown)
    }

    async fn edit(&self, id: u64, edit: impl Fn(&mut Row)) -> Result<(), PeopleError> {
        let key = by_id(id);
        let found = self.store.change("a person", &key, |row: &mut Option<Row>| row.as_mut().map(&edit));
        found.await?.ok_or(PeopleError::Unknown)
    }

    async fn another_owner(&self, than: u64) -> Result<(), PeopleError> {
        let all = self.list().await?;
        let other = all.iter().any(|it| it.role == Role::Owner && it.id != than);
        if other { Ok(()) } else { Err(PeopleError::LastOwner) }
    }
}

/// Whether these roles and these inboxes are theirs to give and to take: nobody gives more than they have.
fn allowed(by: By<'_>, roles: &[Role], inboxes: &[&Inboxes]) -> Result<(), PeopleError> {
    let may = match by {
        By::Operator => true,
        By::Actor(actor) => {
            actor.may(Action::People, None)
                && roles.iter().all(|it| actor.person.role.manages(*it))
                && inboxes.iter().all(|it| are_among(it, &actor.person.inboxes))
        }
    };
    if may { Ok(()) } else { Err(PeopleError::NotAllowed) }
}

fn are_among(theirs: &Inboxes, mine: &Inboxes) -> bool {
    match (mine, theirs) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(mine), Some(theirs)) => theirs.is_subset(mine),
    }
}

fn valid(login: &str, name: &str, inboxes: &Inboxes) -> Result<(), PeopleError> {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"._-@".contains(&it);
    if !(1..=64).contains(&login.len()) || !login.bytes().all(plain) {
        return Err(PeopleError::Invalid("a login has 1 to 64 of a-z, 0-9, '.', '_', '-' and '@'"));
    }
    let line = |it: &str| (1..=100).contains(&it.len()) && !it.chars().any(char::is_control);
    if !line(name) {
        return Err(PeopleError::Invalid("a name has 1 to 100 bytes and no control characters"));
    }
    let fits = |all: &BTreeSet<String>| all.len() <= INBOXES_MAX && all.iter().all(|it| line(it));
    if !inboxes.as_ref().is_none_or(fits) {
        return Err(PeopleError::Invalid("the inboxes are too many, or one has no proper name"));
    }
    Ok(())
}

async fn hashed(password: Zeroizing<String>, salt: [u8; 16]) -> Result<Hashed, PeopleError> {
    if password.chars().count() < PASSWORD_MIN || password.len() > PASSWORD_MAX {
        return Err(PeopleError::Invalid("a password has at least 12 characters and at most 256 bytes"));
    }
    away(move || Hashed::new(&password, salt)).await
}

/// Work for a processor, away from the threads that wait for networks.
async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PeopleError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| PeopleError::Store(StoreError::Corrupt("the work of hashing a password")))
}

fn by_id(id: u64) -> Key {
    Key::new(table::PERSON, &[b"p", &id.to_be_bytes()])
}

fn by_login(login: &str) -> Key {
    Key::new(table::PERSON, &[b"l", login.as_bytes()])
}

fn count_key() -> Key {
    Key::new(table::PERSON, &[b"n"])
}

#[cfg(test)]
mod tests;
