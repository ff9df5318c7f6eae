//! Who plays: a sealed side that only tells what happened, a clock that is set, and names that are easy to read.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use lacre_business::about::{Presented, Presenting};
use lacre_business::chat::{
    Chat, ChatEvent, Customer, Incoming, MessageId, Rating, Reach, Review, Said, Send, SendError, Standing,
};
use lacre_business::clock::{Clock, RelayClock};
use lacre_business::store::StoreError;
use lacre_business::webhooks::event::{FileOf, Ids, Names, Number, Renderer, Sent};
use lacre_proto::{AccountId, Handle, Millis};
use tokio::sync::Notify;

pub const NOW: Millis = 1_760_000_000_000;
pub const DAY: Millis = 86_400_000;

#[derive(Debug, Clone)]
pub struct Watch(Arc<AtomicU64>);

impl Watch {
    pub fn at(now: Millis) -> Self {
        Self(Arc::new(AtomicU64::new(now)))
    }

    pub fn go_on(&self, by: Millis) {
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for Watch {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
}

/// Knows what happened, and tells it until it is taken.
#[derive(Clone, Default)]
pub struct Story(Arc<(Mutex<Vec<ChatEvent>>, Notify)>);

impl Story {
    pub fn happens(&self, event: ChatEvent) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        self.0.1.notify_waiters();
    }

    /// A customer writes.
    pub fn says(&self, who: u8, number: u8, text: &str) {
        self.happens(message(who, number, Incoming::Text(text.to_owned())));
    }

    fn after(&self, position: u64) -> Vec<(u64, ChatEvent)> {
        let events = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        (1..).zip(events.iter().cloned()).skip(position as usize).collect()
    }
}

pub fn customer(who: u8) -> Customer {
    Customer { account: AccountId([who; 16]), name: format!("Ana {who}") }
}

pub fn message(who: u8, number: u8, what: Incoming) -> ChatEvent {
    let id = MessageId([number; 16]);
    ChatEvent::Message { from: customer(who), id, at: NOW, what, in_reply_to: None, forwarded: None }
}

fn only_tells<T>() -> Result<T, SendError> {
    Err(SendError::Unavailable("this side only tells".to_owned()))
}

impl RelayClock for Story {
    fn relay_now(&self, _: Millis) -> Result<Millis, SendError> {
        only_tells()
    }
}

impl Presenting for Story {
    fn presented(&self) -> Result<Option<Presented>, SendError> {
        Ok(None)
    }
    async fn present(&self, _: Presented) -> Result<(), SendError> {
        only_tells()
    }
}

impl Chat for Story {
    async fn find(&self, _: &Handle) -> Result<AccountId, SendError> {
        only_tells()
    }
    async fn send(&self, _: Send) -> Result<Said, SendError> {
        only_tells()
    }
    fn said_before(&self, _: [u8; 16]) -> Result<Option<MessageId>, SendError> {
        only_tells()
    }
    async fn mark_read(&self, _: MessageId) -> Result<(), SendError> {
        only_tells()
    }
    async fn typing(&self, _: MessageId) -> Result<(), SendError> {
        only_tells()
    }
    fn rating(&self) -> Result<Option<Rating>, SendError> {
        Ok(None)
    }

    fn review(&self) -> Result<Option<Review>, SendError> {
        Ok(None)
    }

    fn identity_key(&self, _: AccountId) -> Result<Option<[u8; 32]>, SendError> {
        only_tells()
    }

    fn standing(&self, _: AccountId) -> Result<Standing, SendError> {
        only_tells()
    }
    async fn block(&self, _: AccountId, _: bool) -> Result<(), SendError> {
        only_tells()
    }
    async fn fetch(&self, _: MessageId, _: u32, _: &Path) -> Result<(), SendError> {
        only_tells()
    }
    async fn events(&self, after: u64) -> Result<Vec<(u64, ChatEvent)>, StoreError> {
        loop {
            let mut news = std::pin::pin!(self.0.1.notified());
            news.as_mut().enable();
            let events = self.after(after);
            if !events.is_empty() {
                return Ok(events);
            }
            news.await;
        }
    }
}

/// Customers are known by their first byte, messages by theirs; those above 0xb0 are the business's.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Names for Plain {
    async fn ids(&self, of: AccountId) -> Result<Ids, StoreError> {
        let digits = 100_000_000_000_000 + u64::from(of.0[0]);
        Ok(Ids { wa_id: digits.to_string(), user_id: format!("ZZ.{digits}") })
    }
    fn message(&self, id: MessageId) -> String {
        format!("wamid.{:02X}", id.0[0])
    }
    async fn media(&self, file: FileOf<'_>) -> Result<String, StoreError> {
        Ok((77_000 + u64::from(file.message.0[0])).to_string())
    }
    async fn reached(&self, _: MessageId, _: Reach) -> Result<(), StoreError> {
        Ok(())
    }
    async fn sent(&self, id: MessageId) -> Result<Option<Sent>, StoreError> {
        let sent = Sent { callback_data: (id.0[0] == 0xb1).then(|| "order 17".to_owned()) };
        Ok((id.0[0] > 0xb0).then_some(sent))
    }
}

pub fn renderer() -> Renderer<Plain> {
    let number =
        Number { account: 102_290_000_000_001, id: 106_540_000_000_001, display: "551130000000".to_owned() };
    Renderer { names: Plain, number }
}
