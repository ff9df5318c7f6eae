//! Requests with an `Idempotency-Key`: the same request again is the same message and gets the same answer.

use lacre_proto::Millis;
use lacre_store::data::{Batch, Data, Key};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::MutexGuard;

use super::super::call::Call;
use super::super::error::ApiError;
use crate::node::{Node, Ports};
use crate::store::{Store, StoreError, bytes_of, table};

/// How long a key is remembered.
pub(crate) const ANSWER_LIFE: Millis = 24 * 60 * 60 * 1000;
const KEY_MAX: usize = 255;
const SWEEP_AT_ONCE: usize = 1_000;

/// What is kept of a request with a key.
#[derive(Clone, Serialize, Deserialize)]
struct Answered {
    /// SHA-256 of what it said.
    said: [u8; 32],
    /// When it came first.
    first: Millis,
    /// What was answered: JSON; `None` as long as it is not known to have been sent.
    answer: Option<String>,
}

/// A request's turn. Others with its key wait until it is dropped.
pub(super) struct Turn<'a> {
    /// The same for every attempt with one key, and never the same otherwise.
    pub dedupe: [u8; 16],
    kept: Option<(Key, Answered)>,
    _lock: Option<MutexGuard<'a, ()>>,
}

impl<'a> Turn<'a> {
    pub async fn take<P: Ports>(node: &'a Node<P>, call: &Call) -> Result<Self, ApiError> {
        let Some(text) = call.headers.get("idempotency-key") else {
            return Ok(Self { dedupe: node.random(), kept: None, _lock: None });
        };
        let text = text.as_bytes();
        if text.is_empty() || text.len() > KEY_MAX {
            return Err(ApiError::Invalid(format!("Idempotency-Key must have 1 to {KEY_MAX} characters")));
        }
        let path = call.address.segments.join("/");
        let token = call.token.unwrap_or_default().to_be_bytes();
        let name = node.keyed(b"idempotency key", &[&token, path.as_bytes(), text]);
        let lock = node.turns[usize::from(name[0]) % node.turns.len()].lock().await;

        let key = Key::new(table::ANSWERED, &[&name]);
        let said = Sha256::digest(call.said.to_string()).into();
        let now = node.now();
        let known: Option<Answered> = node.store.read("an answer", &key).await?;
        let answered = match known.filter(|it| it.first + ANSWER_LIFE > now) {
            Some(known) if known.said != said => return Err(ApiError::KeyReused),
            Some(known) => known,
            None => {
                let fresh = Answered { said, first: now, answer: None };
                // Before anything is sent: after a crash the same key finds the same `dedupe`.
                node.store.write(Batch::new().put(key.clone(), bytes_of(&fresh))).await?;
                fresh
            }
        };
        let dedupe = node.keyed(b"dedupe", &[&name, &answered.first.to_be_bytes()]);
        Ok(Self { dedupe, kept: Some((key, answered)), _lock: Some(lock) })
    }

    /// What was answered before.
    pub fn answer(&self) -> Option<Value> {
        let (_, answered) = self.kept.as_ref()?;
        serde_json::from_str(answered.answer.as_deref()?).ok()
    }

    /// Keeps the answer.
    pub async fn end<P: Ports>(self, node: &Node<P>, answer: &Value) -> Result<(), ApiError> {
        if let Some((key, answered)) = self.kept {
            let answered = Answered { answer: Some(answer.to_string()), ..answered };
            node.store.write(Batch::new().put(key, bytes_of(&answered))).await?;
        }
        Ok(())
    }
}

/// How many requests with a key are remembered, and when the oldest came.
pub(crate) async fn answers_held<D: Data>(store: &Store<D>) -> Result<(u64, Option<Millis>), StoreError> {
    let (prefix, mut after, mut count, mut oldest) = (Key::new(table::ANSWERED, &[]), None, 0, None);
    loop {
        let rows: Vec<(Key, Answered)> =
            store.list("answers", &prefix, after.as_ref(), SWEEP_AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok((count, oldest)) };
        after = Some(last.clone());
        count += rows.len() as u64;
        oldest = oldest.into_iter().chain(rows.iter().map(|(_, it)| it.first)).min();
    }
}

/// Forgets the answers that name a customer by their number, to requests that came up to a time; says how many.
pub(crate) async fn forget_answers<D: Data>(
    store: &Store<D>,
    number: &str,
    up_to: Millis,
) -> Result<u64, StoreError> {
    let (prefix, mut after, mut gone) = (Key::new(table::ANSWERED, &[]), None, 0);
    loop {
        let rows: Vec<(Key, Answered)> =
            store.list("answers", &prefix, after.as_ref(), SWEEP_AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok(gone) };
        after = Some(last.clone());
        let names = |it: &Answered| it.answer.as_ref().is_some_and(|it| it.contains(number));
        let theirs = rows.into_iter().filter(|(_, it)| it.first <= up_to && names(it));
        let batch = theirs.fold(Batch::new(), |batch, (key, _)| batch.delete(key));
        gone += batch.ops.len() as u64;
        store.write(batch).await?;
    }
}

/// Forgets idempotency keys whose time is over; says how many.
pub(crate) async fn drop_answers<D: Data>(store: &Store<D>, now: Millis) -> Result<u64, StoreError> {
    let (prefix, mut after, mut gone) = (Key::new(table::ANSWERED, &[]), None, 0);
    loop {
        let rows: Vec<(Key, Answered)> =
            store.list("answers", &prefix, after.as_ref(), SWEEP_AT_ONCE).await?;
        let Some((last, _)) = rows.last() else { return Ok(gone) };
        after = Some(last.clone());
        let old = rows.into_iter().filter(|(_, it)| it.first + ANSWER_LIFE <= now);
        let batch = old.fold(Batch::new(), |batch, (key, _)| batch.delete(key));
        gone += batch.ops.len() as u64;
        store.write(batch).await?;
    }
}

impl<P: Ports> Node<P> {
    /// Forgets idempotency keys whose time is over; says how many. To be called now and then.
    pub async fn sweep_answers(&self) -> Result<u64, StoreError> {
        drop_answers(&self.store, self.now()).await
    }
}
