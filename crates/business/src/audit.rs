//! What was done, by whom: a log that can be added to and not changed without being caught.
//!
//! Each row carries the hash of the one before, so a row that was edited, removed or moved breaks the chain there. Who
//! can write to the whole database could make a new chain; against that a [`Head`] is written down outside, and the
//! log is held against it. A row can be shown to be in the log of a head without showing the others ([`Audit::proof`]).
//!
//! A customer stands in it as a pseudonym that only the node's secret can make of their account.

mod merkle;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hmac::{Hmac, Mac};
use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Expected, Key, WriteError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use merkle::{Hash, Proof};

use crate::store::{Store, StoreError, bytes_of, table};

/// Bytes of a row's detail at most; the rest is cut off.
pub const DETAIL_MAX: usize = 512;
/// A clock that goes back by less than this was set right, and the row keeps the time of the one before.
pub const CLOCK_SLACK: Millis = 5_000;
/// What the hash of the first row begins with.
const BEGINNING: Hash = *b"lacre business node, audit log 1";
const PAGE: usize = 512;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Who {
    /// The node of itself.
    Node,
    /// Whoever sits at the machine.
    Operator,
    /// A program, by the number of its token.
    Token(u64),
    /// One of the people, by their number.
    Person(u64),
    /// A program that knew the app's secret.
    App,
}

impl fmt::Display for Who {
    /// As it is told: `node`, `operator`, `token:7`, `person:2`, `app`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str("node"),
            Self::Operator => f.write_str("operator"),
            Self::Token(number) => write!(f, "token:{number}"),
            Self::Person(number) => write!(f, "person:{number}"),
            Self::App => f.write_str("app"),
        }
    }
}

/// A text that names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write node, operator, app, token:NUMBER or person:NUMBER")]
pub struct NotAWho;

impl FromStr for Who {
    type Err = NotAWho;
    fn from_str(text: &str) -> Result<Self, NotAWho> {
        match text.split_once(':') {
            None if text == "node" => Ok(Self::Node),
            None if text == "operator" => Ok(Self::Operator),
            None if text == "app" => Ok(Self::App),
            Some(("token", number)) => number.parse().map(Self::Token).map_err(|_| NotAWho),
            Some(("person", number)) => number.parse().map(Self::Person).map_err(|_| NotAWho),
            _ => Err(NotAWho),
        }
    }
}

/// A customer, to those who have not the node's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pseudonym(pub [u8; 16]);

/// What a customer is called by who knows the node's secret.
pub fn pseudonym(secret: &[u8; 32], of: AccountId) -> Pseudonym {
    let mac = Hmac::<Sha256>::new_from_slice(secret)
        .expect("HMAC takes keys of any length")
        .chain_update(b"audit pseudonym")
        .chain_update(of)
        .finalize()
        .into_bytes();
    let (head, _) = mac.split_first_chunk().expect("an HMAC-SHA256 has 32 bytes");
    Pseudonym(*head)
}

/// What is written down of one act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who did it.
    pub who: Who,
    /// What, as `token.create`: a fixed set of names.
    pub what: String,
    /// The customer that it was about.
    pub subject: Option<Pseudonym>,
    /// More about it: ids and names of settings, never what anybody wrote. Cut at [`DETAIL_MAX`]; control characters
    /// are replaced, so that one row cannot look like two.
    pub detail: String,
}

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its number, from 1.
    pub number: u64,
    /// When.
    pub at: Millis,
    /// What was done.
    pub act: Act,
    /// The hash of the row before.
    pub before: Hash,
}

impl Row {
    /// Its hash, which the next row carries.
    pub fn hash(&self) -> Hash {
        Sha256::digest(bytes_of(self)).into()
    }

    /// Its hash as a leaf of the tree that proofs are made in.
    pub fn leaf(&self) -> Hash {
        merkle::leaf(&bytes_of(self))
    }
}

/// Where the log stands: to be written down outside. As text, `lacre-audit COUNT TIME CHAIN ROOT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many rows there are.
    pub count: u64,
    /// The time of the last.
    pub at: Millis,
    /// The hash of the last.
    pub chain: Hash,
    /// The root of the tree over all rows.
    pub root: Hash,
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, at, chain, root } = self;
        write!(f, "lacre-audit {count} {at} {} {}", hex::encode(chain), hex::encode(root))
    }
}

/// A text that is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the head of an audit log: write it as it was given out")]
pub struct NotAHead;

impl FromStr for Head {
    type Err = NotAHead;
    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let parts: Vec<_> = text.split_whitespace().collect();
        let ["lacre-audit", count, at, chain, root] = parts[..] else { return Err(NotAHead) };
        let hash = |text: &str| {
            let mut hash = [0; 32];
            hex::decode_to_slice(text, &mut hash).map(|()| hash).map_err(|_| NotAHead)
        };
        let number = |text: &str| text.parse().map_err(|_| NotAHead);
        Ok(Self { count: number(count)?, at: number(at)?, chain: hash(chain)?, root: hash(root)? })
    }
}

/// What is wrong with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The row is not what it was when the next one was written, or not under its number.
    #[error("row {0} was changed or moved")]
    Changed(u64),
    /// The row is gone, and later ones are there.
    #[error("row {0} was removed")]
    Removed(u64),
    /// The row and all after it are gone.
    #[error("the log was cut off before row {0}")]
    Cut(u64),
    /// Between two numbers the log was written anew: it does not lead to the head that is known.
    #[error("rows {0} to {1} are not those that were there when the head was given out")]
    Rewritten(u64, u64),
    /// The row is older than the one before: a clock was set back, or rows were added later.
    #[error("row {0} has an earlier time than the one before")]
    ClockBack(u64),
}

/// Why a log could not be found to be whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// It is not.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which rows are asked for; the default asks for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Rows after this number.
    pub after: u64,
    /// Rows not before this time.
    pub from: Option<Millis>,
    /// Rows before this time.
    pub to: Option<Millis>,
    /// What these did.
    pub who: Option<Who>,
    /// Acts whose names begin so.
    pub what: Option<String>,
    /// Acts about this customer.
    pub subject: Option<Pseudonym>,
}

impl Filter {
    fn takes(&self, row: &Row) -> bool {
        self.from.is_none_or(|it| row.at >= it)
            && self.to.is_none_or(|it| row.at < it)
            && self.who.is_none_or(|it| row.act.who == it)
            && self.what.as_ref().is_none_or(|it| row.act.what.starts_with(it.as_str()))
            && self.subject.is_none_or(|it| row.act.subject == Some(it))
    }
}

/// Where the log ends, so that the next row can be made without reading the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    count: u64,
    at: Millis,
    hash: Hash,
}

const START: End = End { count: 0, at: 0, hash: BEGINNING };

/// The audit log of a node.
#[derive(Clone)]
pub struct Audit<D> {
    store: Store<D>,
    secret: [u8; 32],
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<D: Data> Audit<D> {
    /// The log in a store; pseudonyms are made by the node's secret.
    pub fn new(store: Store<D>, secret: [u8; 32]) -> Self {
        Self { store, secret, turn: Arc::default() }
    }

    /// What a customer is called in the log.
    pub fn pseudonym(&self, of: AccountId) -> Pseudonym {
        pseudonym(&self.secret, of)
    }

    /// Writes an act down; it is durable when this is done.
    pub async fn append(&self, act: Act, now: Millis) -> Result<Row, StoreError> {
        let _turn = self.turn.lock().await;
        let act = Act { detail: tidy(&act.detail), ..act };
        loop {
            let kept: Option<End> = self.store.read("the end of the audit log", &end_key()).await?;
            let end = kept.unwrap_or(START);
            let at = if end.at.saturating_sub(now) <= CLOCK_SLACK { now.max(end.at) } else { now };
            let row = Row { number: end.count + 1, at, act: act.clone(), before: end.hash };
            let next = End { count: row.number, at, hash: row.hash() };
            let before = kept.map_or(Expected::Absent, |it| Expected::Value(bytes_of(&it).into()));
            let batch = Batch::new()
                .assert(end_key(), before)
                .assert(key_of(row.number), Expected::Absent)
                .put(key_of(row.number), bytes_of(&row))
                .put(end_key(), bytes_of(&next));
            match self.store.write(batch).await {
                Ok(()) => return Ok(row),
                // Another process of the node was faster. A row that is where none should be stays an error.
                Err(StoreError::Write(WriteError::Conflict(0))) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The rows that a filter takes, in their order; at most `limit`.
    pub async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<Row>, StoreError> {
        let (mut found, mut after) = (Vec::new(), filter.after);
        loop {
            let rows = self.page(after).await?;
            let Some((last, _)) = rows.last() else { return Ok(found) };
            after = *last;
            let taken = rows.into_iter().map(|(_, row)| row).filter(|row| filter.takes(row));
            found.extend(taken.take(limit - found.len()));
            if found.len() == limit {
                return Ok(found);
            }
        }
    }

    /// Where the log stands, to be written down outside.
    pub async fn head(&self) -> Result<Head, StoreError> {
        let rows = self.all().await?;
        Ok(head_of(&rows))
    }

    /// Looks at every row, and holds the log against the heads that are known from outside (in any order). Gives where
    /// it stands.
    pub async fn verify(&self, known: &[Head]) -> Result<Head, AuditError> {
        let kept: Option<End> = self.store.read("the end of the audit log", &end_key()).await?;
        let rows = self.keyed().await?;
        chain(&rows, &kept.unwrap_or(START))?;
        let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
        let leaves: Vec<_> = rows.iter().map(Row::leaf).collect();
        let mut known = known.to_vec();
        known.sort_by_key(|it| it.count);
        let mut good = 0;
        for head in known {
            let count = usize::try_from(head.count).unwrap_or(usize::MAX);
            let Some(had) = rows.get(..count) else {
                return Err(Broken::Cut(rows.len() as u64 + 1).into());
            };
            let chain = had.last().map_or(BEGINNING, Row::hash);
            if chain != head.chain || merkle::root(&leaves[..count]) != head.root {
                return Err(Broken::Rewritten(good + 1, head.count).into());
            }
            good = head.count;
        }
        Ok(head_of(&rows))
    }

    /// Shows that a row is in the log of a head with so many rows; `None` when it is not, or there are not so many.
    pub async fn proof(&self, number: u64, count: u64) -> Result<Option<(Row, Proof)>, StoreError> {
        let rows = self.all().await?;
        let place = |it: u64| usize::try_from(it).ok();
        let (Some(count), Some(index)) = (place(count), number.checked_sub(1).and_then(place)) else {
            return Ok(None);
        };
        let Some(rows) = rows.get(..count) else { return Ok(None) };
        let leaves: Vec<_> = rows.iter().map(Row::leaf).collect();
        Ok(rows.get(index).cloned().zip(Proof::of(&leaves, index)))
    }

    async fn all(&self) -> Result<Vec<Row>, StoreError> {
        Ok(self.keyed().await?.into_iter().map(|(_, row)| row).collect())
    }

    /// Every row with the number that it lies under.
    async fn keyed(&self) -> Result<Vec<(u64, Row)>, StoreError> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let rows = self.page(after).await?;
            let Some((last, _)) = rows.last() else { return Ok(all) };
            after = *last;
            all.extend(rows);
        }
    }

    async fn page(&self, after: u64) -> Result<Vec<(u64, Row)>, StoreError> {
        let prefix = Key::new(table::AUDIT, &[b"r"]);
        let rows = self.store.list("a row of the audit log", &prefix, Some(&key_of(after)), PAGE).await?;
        let numbered = rows.into_iter().map(|(key, row)| {
            let number = key.as_bytes().get(2..).and_then(|it| it.try_into().ok()).map(u64::from_be_bytes);
            Ok((number.ok_or(StoreError::Corrupt("the key of a row of the audit log"))?, row))
        });
        numbered.collect()
    }
}

/// Follows the chain from the first row to the end that the node wrote down.
fn chain(rows: &[(u64, Row)], end: &End) -> Result<(), Broken> {
    let (mut hash, mut at) = (BEGINNING, 0);
    for (index, (key, row)) in rows.iter().enumerate() {
        let number = index as u64 + 1;
        if *key != number {
            return Err(Broken::Removed(number));
        }
        if row.number != number {
            return Err(Broken::Changed(number));
        }
        if row.before != hash {
            // One of the two is not what it was. If the next one knows this row, it is the one before.
            let next = rows.get(index + 1).map_or(end.hash, |(_, next)| next.before);
            let this = row.hash() != next || number == 1;
            return Err(Broken::Changed(if this { number } else { number - 1 }));
        }
        if row.at < at {
            return Err(Broken::ClockBack(number));
        }
        (hash, at) = (row.hash(), row.at);
    }
    let count = rows.len() as u64;
    if count < end.count {
        return Err(Broken::Cut(count + 1));
    }
    // The last row has none after it; the node wrote its hash down.
    if hash != end.hash || count > end.count {
        return Err(Broken::Changed(count.max(1)));
    }
    Ok(())
}

fn head_of(rows: &[Row]) -> Head {
    let leaves: Vec<_> = rows.iter().map(Row::leaf).collect();
    let (at, chain) = rows.last().map_or((0, BEGINNING), |it| (it.at, it.hash()));
    Head { count: rows.len() as u64, at, chain, root: merkle::root(&leaves) }
}

/// One line, of a length that a row may have.
fn tidy(detail: &str) -> String {
    let end = (0..=detail.len().min(DETAIL_MAX)).rev().find(|it| detail.is_char_boundary(*it)).unwrap_or(0);
    detail[..end].chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

fn key_of(number: u64) -> Key {
    Key::new(table::AUDIT, &[b"r", &number.to_be_bytes()])
}

fn end_key() -> Key {
    Key::new(table::AUDIT, &[b"e"])
}

#[cfg(test)]
mod tests;
