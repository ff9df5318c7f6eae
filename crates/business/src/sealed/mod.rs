//! The sealed side, on a client: an ordinary device of the business's account.
//!
//! What the client has taken in becomes events in a log of the node's store, each once: an event is appended in the
//! same write as the mark that it was told. What has changed is in the client's journal, noted in the transaction that
//! changed it, and goes from there only when all that it tells is in the log: a node that dies, or was away for days,
//! goes on where it was.

mod about;
mod agreed;
mod heard;
mod held;
mod kin;
mod said;
mod terms;
mod told;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lacre_client::records::{ConversationKind, ConversationRecord, Leave, Quality, Records};
use lacre_client::{Client, EngineError, Intent, IntentError};
use lacre_proto::{AccountId, ConversationId, Handle, Millis};
use lacre_store::data::Data;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, RwLock, watch};

use self::told::Told;
use crate::chat::{
    Category, Chat, ChatEvent, MessageId, Rated, Rating, Review, Said, Send, SendError, Standing,
};
use crate::clock::RelayClock;
use crate::restriction;
use crate::store::{Store, StoreError};

pub use self::kin::Kin;

/// A client as the sealed side of a node. Clones are the same.
#[derive(Clone)]
pub struct Sealed<D> {
    client: Client,
    store: Store<D>,
    /// Plain files that are on their way in or out.
    folder: PathBuf,
    told: Told<D>,
    /// Held while something is being said, until it is known as what: until then nothing is told of what was said.
    saying: Arc<RwLock<()>>,
    /// Held while a voice note is listened to.
    listening: Arc<Mutex<()>>,
}

impl<D: Data> Sealed<D> {
    /// The sealed side on a client that runs; `folder` is for files that are being fetched.
    pub fn new(client: Client, store: Store<D>, folder: PathBuf) -> Self {
        Self {
            told: Told::new(store.clone()),
            client,
            store,
            folder,
            saying: Arc::default(),
            listening: Arc::default(),
        }
    }

    /// Tells what happens, until it is stopped or the client is.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), StoreError> {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => Ok(()),
            ended = self.hear() => ended,
        }
    }

    /// Tells what happens. Dropping it anywhere loses nothing, and tells nothing twice.
    async fn hear(&self) -> Result<(), StoreError> {
        let mut events = self.client.events();
        match self.client.keep_journal().await {
            Ok(()) => {}
            Err(IntentError::Closed) => return Ok(()),
            Err(error) => return Err(heard::unread(said::refused(&error))),
        }
        loop {
            while self.hear_some().await? {}
            // Which event it is, and whether some were missed, does not matter: what changed is in the journal.
            if let Err(RecvError::Closed) = events.recv().await {
                return Ok(());
            }
        }
    }

    fn read<T>(&self, read: impl FnOnce(Records<'_>) -> Result<T, EngineError>) -> Result<T, SendError> {
        self.client
            .read(|views| read(views.records()))
            .map_err(|error| SendError::Unavailable(error.to_string()))
    }

    /// The conversation with a customer.
    fn with(&self, customer: AccountId) -> Result<ConversationRecord, SendError> {
        let of = |it: &ConversationRecord| it.kind == ConversationKind::Direct && it.peer == Some(customer);
        let found = self.read(|records| Ok(records.conversations()?.into_iter().find(of)))?;
        found.ok_or(SendError::NoSuchAccount)
    }

    /// Where a message is, and its id there; an error when nothing may be done with it.
    async fn place(
        &self,
        message: MessageId,
    ) -> Result<(ConversationId, lacre_client::content::MessageId), SendError> {
        let id = self.row_of(message).await?;
        let found = self.read(|records| {
            for conversation in records.conversations()? {
                if records.message(conversation.id, id)?.is_some() {
                    return Ok(Some((conversation.id, conversation.peer)));
                }
            }
            Ok(None)
        })?;
        let (conversation, peer) = found.ok_or(SendError::NoSuchMessage)?;
        if let Some(customer) = peer {
            self.permit(customer).await?;
        }
        Ok((conversation, id))
    }

    /// The id on the device of what a message is part of: of itself, when it is nobody's part.
    async fn row_of(&self, message: MessageId) -> Result<lacre_client::content::MessageId, SendError> {
        let row = self.store.0.get(&heard::alias(message)).await;
        let row = row.map_err(|error| SendError::Unavailable(error.to_string()))?;
        let row = row.and_then(|row| <[u8; 16]>::try_from(row.as_ref()).ok()).unwrap_or(message.0);
        Ok(lacre_client::content::MessageId(row))
    }

    /// Whether something may be done with a customer's data.
    async fn permit(&self, customer: AccountId) -> Result<(), SendError> {
        match restriction::since(&self.store, customer).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(SendError::Restricted),
            Err(error) => Err(SendError::Unavailable(error.to_string())),
        }
    }

    async fn intend(&self, intent: Intent) -> Result<(), SendError> {
        self.client.intend(intent).await.map(drop).map_err(|error| said::refused(&error))
    }
}

impl<D: Data> RelayClock for Sealed<D> {
    fn relay_now(&self, now: Millis) -> Result<Millis, SendError> {
        self.read(|records| records.relay_now(now))
    }
}

impl<D: Data> Chat for Sealed<D> {
    fn met(&self) -> Result<Vec<(AccountId, Millis)>, SendError> {
        let all = self.read(|records| records.conversations())?;
        let direct = all.into_iter().filter(|it| it.kind == ConversationKind::Direct);
        Ok(direct.filter_map(|it| Some((it.peer?, it.created_ms))).collect())
    }

    async fn find(&self, handle: &Handle) -> Result<AccountId, SendError> {
        let known = self.read(|records| records.contact_by_handle(handle))?;
        known.map(|contact| contact.account).ok_or(SendError::NoSuchAccount)
    }

    async fn send(&self, send: Send) -> Result<Said, SendError> {
        self.say(send).await
    }

    fn said_before(&self, dedupe: [u8; 16]) -> Result<Option<MessageId>, SendError> {
        self.before(dedupe)
    }

    async fn mark_read(&self, message: MessageId) -> Result<(), SendError> {
        let (conversation, id) = self.place(message).await?;
        self.intend(Intent::MarkRead(conversation, id)).await
    }

    async fn typing(&self, message: MessageId) -> Result<(), SendError> {
        let (conversation, _) = self.place(message).await?;
        self.intend(Intent::Typing(conversation, true)).await
    }

    fn rating(&self) -> Result<Option<Rating>, SendError> {
        let known = self.read(|records| records.rating())?;
        Ok(known.map(|it| {
            let quality = match it.quality {
                Quality::Green => Rated::Green,
                Quality::Yellow => Rated::Yellow,
                Quality::Red => Rated::Red,
            };
            Rating { quality, daily_limit: it.daily_limit }
        }))
    }

    fn review(&self) -> Result<Option<Review>, SendError> {
        self.read(|records| {
            let Some(me) = records.me()? else { return Ok(None) };
            let known = records.business(me.account)?;
            Ok(known.map(|it| Review {
                verified: it.verified.map(|it| it.display_name),
                suspended: it.suspended,
            }))
        })
    }

    fn identity_key(&self, of: AccountId) -> Result<Option<[u8; 32]>, SendError> {
        self.read(|records| Ok(records.contact(of)?.map(|it| it.identity_key)))
    }

    fn standing(&self, of: AccountId) -> Result<Standing, SendError> {
        self.read(|records| match records.me()? {
            Some(me) => Ok(standing(records.leave(me.account, of)?)),
            None => Ok(Standing::default()),
        })
    }

    async fn block(&self, customer: AccountId, blocked: bool) -> Result<(), SendError> {
        self.intend(if blocked { Intent::Block(customer) } else { Intent::Unblock(customer) }).await
    }

    async fn fetch(&self, message: MessageId, index: u32, to: &Path) -> Result<(), SendError> {
        self.save(message, index, to).await
    }

    async fn events(&self, after: u64) -> Result<Vec<(u64, ChatEvent)>, StoreError> {
        self.told.next(after).await
    }
}

/// By what a customer may be written to, as the port has it.
fn standing(leave: Leave) -> Standing {
    let window_until = leave.window_until_ms;
    let Some(consent) = leave.consent else { return Standing { window_until, ..Standing::default() } };
    let granted = consent.categories.iter().map(|it| (category(*it), consent.expires_ms)).collect();
    let stopped = match consent.is_stop() {
        // Who says stop to everything says it to what they never granted too.
        true => vec![Category::Service, Category::Marketing, Category::Authentication],
        false => consent.stopped.iter().map(|it| category(*it)).collect(),
    };
    Standing { window_until, granted, stopped }
}

/// A category of the content, as the port has it.
fn category(of: lacre_client::content::Category) -> Category {
    match of {
        lacre_client::content::Category::Service => Category::Service,
        lacre_client::content::Category::Marketing => Category::Marketing,
        lacre_client::content::Category::Authentication => Category::Authentication,
    }
}

#[cfg(test)]
mod tests {
    use lacre_client::content::Category as Of;
    use lacre_client::records::ConsentRecord;

    use super::*;

    fn signed(categories: &[Of], stopped: &[Of]) -> Standing {
        let (business, customer) = (AccountId([1; 16]), AccountId([2; 16]));
        let consent = ConsentRecord {
            business,
            customer,
            categories: categories.to_vec(),
            granted_ms: 1,
            expires_ms: 9,
            revision: 1,
            receipt: Vec::new(),
            acknowledged: true,
            stopped: stopped.to_vec(),
        };
        standing(Leave { window_until_ms: 5, consent: Some(consent) })
    }

    #[test]
    fn what_was_never_granted_is_not_stopped() {
        let first = signed(&[Of::Service], &[]);
        assert_eq!((first.granted, first.stopped), (vec![(Category::Service, 9)], vec![]));
        assert_eq!(signed(&[Of::Service], &[Of::Marketing]).stopped, [Category::Marketing]);
        assert_eq!(signed(&[], &[]).stopped.len(), 3, "a stop to everything");
        assert_eq!(standing(Leave::default()), Standing::default());
    }
}
