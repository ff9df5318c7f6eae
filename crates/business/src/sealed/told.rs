//! What happened, in a log of the node's store, until it is taken.

use std::sync::Arc;

use lacre_store::data::{Batch, Data, Key, LogId};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::chat::ChatEvent;
use crate::store::{Store, StoreError, bytes_of, record, table};

pub(super) const EVENTS: LogId = LogId(*b"lacre/chat/event");
/// Events given at once.
const AT_ONCE: usize = 256;
const BYTES: usize = 1 << 20;

/// The log. Clones are the same.
#[derive(Clone)]
pub(super) struct Told<D> {
    store: Store<D>,
    news: Arc<Notify>,
}

/// Events that could not be read.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Unread {
    count: u64,
    /// Where the last of them stood.
    last: u64,
}

impl<D: Data> Told<D> {
    pub(super) fn new(store: Store<D>) -> Self {
        Self { store, news: Arc::default() }
    }

    /// Appends an event, in one write with the rest of a batch.
    pub(super) async fn append(&self, batch: Batch, event: &ChatEvent) -> Result<(), StoreError> {
        self.store.write(batch.append(vec![EVENTS], bytes_of(event))).await?;
        self.news.notify_waiters();
        Ok(())
    }

    /// The next events after a position, with their positions; waits until there is one. What is at the position or
    /// before it was taken.
    pub(super) async fn next(&self, after: u64) -> Result<Vec<(u64, ChatEvent)>, StoreError> {
        // What was taken is kept by who took it: here nothing of it stays.
        if let Err(error) = self.store.0.write(Batch::new().truncate(EVENTS, after)).await {
            tracing::warn!(%error, "events that were taken stay for a while");
        }
        let mut from = after;
        loop {
            let news = self.news.notified();
            let entries = self.store.0.read_log(EVENTS, from, AT_ONCE, BYTES).await?;
            let Some(last) = entries.last().map(|it| it.position) else {
                news.await;
                continue;
            };
            let mut events = Vec::with_capacity(entries.len());
            for entry in entries {
                match record("an event", &entry.value) {
                    Ok(event) => events.push((entry.position, event)),
                    Err(_) => self.cannot_read(entry.position).await?,
                }
            }
            if !events.is_empty() {
                return Ok(events);
            }
            from = last;
        }
    }

    /// Counts an event that cannot be read, once, and says so. What it told of is on the device still.
    async fn cannot_read(&self, position: u64) -> Result<(), StoreError> {
        let count = |unread: &mut Option<Unread>| {
            let before = unread.unwrap_or(Unread { count: 0, last: 0 });
            let news = position > before.last;
            if news {
                *unread = Some(Unread { count: before.count + 1, last: position });
            }
            news.then_some(before.count + 1)
        };
        if let Some(count) = self.store.change("events that cannot be read", &unread(), count).await? {
            tracing::error!(position, count, "an event cannot be read and is told to nobody");
        }
        Ok(())
    }
}

fn unread() -> Key {
    Key::new(table::TAKEN, &[b"unread"])
}

#[cfg(test)]
mod tests {
    use lacre_proto::AccountId;
    use lacre_store::memory::MemoryData;

    use super::*;
    use crate::chat::{Customer, MessageId, Reach};

    fn event(n: u8) -> ChatEvent {
        let to = Customer { account: AccountId([1; 16]), name: "Ana".to_owned() };
        ChatEvent::Reached { to, id: MessageId([n; 16]), at: 7, reach: Reach::Sent }
    }

    async fn count(store: &Store<MemoryData>) -> Option<u64> {
        let unread: Option<Unread> = store.read("unread", &unread()).await.expect("it is read");
        unread.map(|it| it.count)
    }

    /// More that cannot be read than is given at once stops nothing, and each is counted once.
    #[tokio::test]
    async fn what_cannot_be_read_is_counted_and_holds_nothing_up() {
        let store = Store(MemoryData::new());
        let told = Told::new(store.clone());
        told.append(Batch::new(), &event(1)).await.expect("stored");
        let bad = 2 * AT_ONCE + 3;
        for _ in 0..bad {
            store.write(Batch::new().append(vec![EVENTS], vec![0xff; 9])).await.expect("stored");
        }
        told.append(Batch::new(), &event(2)).await.expect("stored");

        let first = told.next(0).await.expect("read");
        assert_eq!(first.iter().map(|(_, it)| it.clone()).collect::<Vec<_>>(), [event(1)]);
        let second = told.next(first[0].0).await.expect("read");
        assert_eq!(second.iter().map(|(_, it)| it.clone()).collect::<Vec<_>>(), [event(2)]);
        assert_eq!(count(&store).await, Some(bad as u64));
        assert_eq!(told.next(first[0].0).await.expect("read"), second, "as long as it was not taken");
        assert_eq!(count(&store).await, Some(bad as u64), "each once");
    }
}
