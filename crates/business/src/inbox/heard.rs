//! What is said, written down in the conversations that it is said in.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use lacre_proto::{AccountId, Millis};
use lacre_store::data::{Batch, Data, Expected, WriteError};

use super::{Conversation, key};
use crate::chat::{ChatEvent, Incoming};
use crate::erasing;
use crate::store::{Store, StoreError, bytes_of, record};

/// What events make of conversations: to be written in one batch with up to where they were taken. The batch asserts
/// what the conversations were; where one was changed meanwhile, this is to be asked again.
pub async fn heard<D: Data>(store: &Store<D>, events: &[(u64, ChatEvent)]) -> Result<Batch, StoreError> {
    let mut changed: BTreeMap<AccountId, (Expected, Conversation)> = BTreeMap::new();
    for (_, event) in events {
        let (of, at, theirs) = match event {
            ChatEvent::Message { from, at, what, .. } if speaks(what) => (from.account, *at, true),
            // What was sent through the node was written down then.
            ChatEvent::Elsewhere { to, at } => (to.account, *at, false),
            _ => continue,
        };
        if erasing::is_erased(store, of, at).await? {
            continue;
        }
        let (_, conversation) = match changed.entry(of) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(before(store, of).await?),
        };
        match theirs {
            true => conversation.heard(at),
            false => conversation.said(at, true),
        }
    }
    let put = |batch: Batch, (of, (before, conversation))| {
        batch.assert(key(of), before).put(key(of), bytes_of(&conversation))
    };
    Ok(changed.into_iter().fold(Batch::new(), put))
}

/// The business said something to a customer through the node: written down in one batch with what is noted of it.
pub async fn said<D: Data>(
    store: &Store<D>,
    to: AccountId,
    now: Millis,
    answers: bool,
    beside: Batch,
) -> Result<(), StoreError> {
    loop {
        let (before, mut conversation) = before(store, to).await?;
        // Clocks differ: whatever was heard before this was said is answered by it.
        conversation.said(now.max(conversation.wrote.unwrap_or(0)), answers);
        let mut batch = Batch::new().assert(key(to), before).put(key(to), bytes_of(&conversation));
        batch.ops.extend(beside.ops.iter().cloned());
        match store.write(batch).await {
            Err(StoreError::Write(WriteError::Conflict(_))) => {}
            other => return other,
        }
    }
}

async fn before<D: Data>(store: &Store<D>, of: AccountId) -> Result<(Expected, Conversation), StoreError> {
    Ok(match store.0.get(&key(of)).await? {
        Some(bytes) => (Expected::Value(bytes.clone()), record("a conversation", &bytes)?),
        None => (Expected::Absent, Conversation::new()),
    })
}

/// Whether it is something to be answered: a reaction is not, nor what is said about a message that was there.
fn speaks(what: &Incoming) -> bool {
    match what {
        Incoming::Text(_)
        | Incoming::Media { .. }
        | Incoming::Place(_)
        | Incoming::Contact(..)
        | Incoming::Chosen(..)
        | Incoming::Filled(..)
        | Incoming::Other => true,
        Incoming::Reaction(..) | Incoming::Edit(..) | Incoming::Delete(_) => false,
    }
}
