//! Fakes of the ports: a sealed side whose people answer as they are told, a clock that stands still, links that lead
//! to what was laid there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use lacre_proto::{AccountId, Handle, Millis};
use lacre_store::memory::MemoryData;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use url::Url;

use crate::about::{Presented, Presenting};
use crate::agreed::{Agreed, Agreements};
use crate::api::apps::{Hook, HookError, Hooks, Level, Notice, Subscribed};
use crate::api::link::{Fetch, FetchError, Fetched};
use crate::chat::{
    Category, Chat, ChatEvent, MessageId, Rated, Rating, Review, Said, Send, SendError, Standing,
};
use crate::clock::{Clock, RelayClock};
use crate::held::{Held, Hit, Hits, Holdings, Person, Place, Tally};
use crate::node::Ports;
use crate::store::StoreError;
use crate::terms::{Telling, Terms, Told};

/// A clock that goes on only when it is told; clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct FakeClock(Arc<AtomicU64>);

impl FakeClock {
    /// A clock that stands at this time.
    pub fn at(now: Millis) -> Self {
        Self(Arc::new(AtomicU64::new(now)))
    }

    /// Goes on.
    pub fn advance(&self, by: Millis) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
}

/// A sealed side in memory; clones are the same one.
#[derive(Clone, Default)]
pub struct FakeChat(Arc<World>);

#[derive(Default)]
struct World {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    handles: HashMap<String, AccountId>,
    names: HashMap<AccountId, String>,
    standings: HashMap<AccountId, Standing>,
    rating: Option<Rating>,
    review: Option<Review>,
    sent: Vec<(MessageId, Send)>,
    refusals: Vec<SendError>,
    /// The next thing goes out, and whoever sent it does not hear of it.
    loses_next: bool,
    said: BTreeSet<MessageId>,
    read: Vec<MessageId>,
    typing: Vec<MessageId>,
    blocked: BTreeSet<AccountId>,
    files: HashMap<(MessageId, u32), Vec<u8>>,
    events: Vec<(u64, ChatEvent)>,
    agreed: BTreeMap<AccountId, Agreed>,
    held: HashMap<AccountId, Vec<Held>>,
    terms: Option<Terms>,
    presented: Vec<Presented>,
    unreachable: bool,
    next: u64,
    /// How often a file was fetched.
    fetched: u64,
    /// How far the relay's clock is behind this machine's, or ahead of it.
    behind: i64,
}

impl FakeChat {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The relay takes what customers are told, or cannot be reached.
    pub fn reaches(&self, the_relay: bool) {
        self.state().unreachable = !the_relay;
    }

    /// Everything that the business has said of itself, the newest last.
    pub fn has_presented(&self) -> Vec<Presented> {
        self.state().presented.clone()
    }

    /// Another node of the business says something of it.
    pub fn is_presented_by_another(&self, what: Presented) {
        self.state().presented.push(what);
    }

    /// Somebody has a handle.
    pub fn has_handle(&self, handle: &str, account: AccountId) {
        self.state().handles.insert(handle.to_owned(), account);
    }

    /// Somebody goes by a name.
    pub fn has_name(&self, account: AccountId, name: &str) {
        self.state().names.insert(account, name.to_owned());
    }

    /// Somebody wrote lately: their window is open until then.
    pub fn opens_window(&self, account: AccountId, until: Millis) {
        self.state().standings.entry(account).or_default().window_until = until;
    }

    /// Somebody grants a category beside what they have granted.
    pub fn grants(&self, account: AccountId, category: Category, until: Millis) {
        let mut granted = self.state().standings.entry(account).or_default().granted.clone();
        granted.retain(|(it, _)| *it != category);
        granted.push((category, until));
        self.signs(account, granted);
    }

    /// Somebody leaves a category out that they had granted; who takes service back closes the window by it.
    pub fn stops(&self, account: AccountId, category: Category) {
        let mut granted = self.state().standings.entry(account).or_default().granted.clone();
        assert!(granted.iter().any(|(it, _)| *it == category), "nobody stops what they have not granted");
        granted.retain(|(it, _)| *it != category);
        self.signs(account, granted);
    }

    /// Somebody signs what they grant from now on: nothing is a stop to everything, which closes the window.
    pub fn signs(&self, account: AccountId, granted: Vec<(Category, Millis)>) {
        let mut state = self.state();
        let standing = state.standings.entry(account).or_default();
        let left_out = |of: &Category| !granted.iter().any(|(it, _)| it == of);
        let stood = standing.granted.iter().map(|(it, _)| *it);
        let mut stopped: Vec<_> = standing.stopped.iter().copied().chain(stood).filter(left_out).collect();
        if granted.is_empty()
            || stopped.contains(&Category::Service) && !standing.stopped.contains(&Category::Service)
        {
            standing.window_until = 0;
        }
        if granted.is_empty() {
            stopped = vec![Category::Service, Category::Marketing, Category::Authentication];
        }
        stopped.sort_unstable();
        stopped.dedup();
        (standing.granted, standing.stopped) = (granted, stopped);
    }

    /// How somebody stands, as they signed it.
    pub fn agrees(&self, agreed: Agreed) {
        self.state().agreed.insert(agreed.customer, agreed);
    }

    /// The device holds this of somebody, after what it holds already.
    pub fn holds(&self, customer: AccountId, id: MessageId, told: serde_json::Value) {
        let mut state = self.state();
        let held = state.held.entry(customer).or_default();
        let place =
            Place { conversation: 0, anchor: held.last().map_or(0, |it| it.place.anchor) + 1, counter: 0 };
        let files = vec![id; told["files"].as_array().map_or(0, Vec::len)];
        held.push(Held { place, id, files, told });
    }

    /// The relay's clock is behind this machine's by so much.
    pub fn is_behind(&self, by: Millis) {
        self.state().behind = by.cast_signed();
    }

    /// The relay's clock is ahead of this machine's by so much.
    pub fn is_ahead(&self, by: Millis) {
        self.state().behind = -by.cast_signed();
    }

    /// Somebody said this message: it can be answered, reacted to and marked as read.
    pub fn said(&self, message: MessageId) {
        self.state().said.insert(message);
    }

    /// A message has this file.
    pub fn has_file(&self, message: MessageId, index: u32, bytes: &[u8]) {
        self.state().files.insert((message, index), bytes.to_vec());
    }

    /// The relay rates the business so.
    pub fn is_rated(&self, quality: Rated, daily_limit: Option<u64>) {
        self.state().rating = Some(Rating { quality, daily_limit });
    }

    /// The relay's operator has made this of the business.
    pub fn is_reviewed(&self, verified: Option<&str>, suspended: bool) {
        self.state().review = Some(Review { verified: verified.map(str::to_owned), suspended });
    }

    /// The next thing to be sent is refused so.
    pub fn refuses_next(&self, why: SendError) {
        self.state().refusals.push(why);
    }

    /// The next thing to be sent goes out, and its answer is lost: as when the node dies between.
    pub fn loses_next_answer(&self) {
        self.state().loses_next = true;
    }

    /// Somebody is not blocked any more.
    pub fn unblocks(&self, customer: AccountId) {
        self.state().blocked.remove(&customer);
    }

    /// What was sent, in order.
    pub fn sent(&self) -> Vec<Send> {
        self.state().sent.iter().map(|(_, it)| it.clone()).collect()
    }

    /// How often a file was fetched.
    pub fn fetched(&self) -> u64 {
        self.state().fetched
    }

    /// What was marked as read, in order.
    pub fn read(&self) -> Vec<MessageId> {
        self.state().read.clone()
    }

    /// To which messages an answer was shown as being written, in order.
    pub fn typed(&self) -> Vec<MessageId> {
        self.state().typing.clone()
    }

    /// Who is blocked.
    pub fn blocked(&self) -> BTreeSet<AccountId> {
        self.state().blocked.clone()
    }

    /// Something happens; gives its position.
    pub fn happens(&self, event: ChatEvent) -> u64 {
        let mut state = self.state();
        state.next += 1;
        let position = state.next;
        state.events.push((position, event));
        drop(state);
        self.0.news.notify_waiters();
        position
    }
}

impl RelayClock for FakeChat {
    fn relay_now(&self, now: Millis) -> Result<Millis, SendError> {
        Ok(now.saturating_add_signed(-self.state().behind))
    }
}

impl Chat for FakeChat {
    async fn find(&self, handle: &Handle) -> Result<AccountId, SendError> {
        self.state().handles.get(handle.as_str()).copied().ok_or(SendError::NoSuchAccount)
    }

    async fn send(&self, send: Send) -> Result<Said, SendError> {
        let mut state = self.state();
        if let Some((id, _)) = state.sent.iter().find(|(_, it)| it.dedupe == send.dedupe) {
            return Ok(Said { id: *id, hold: None });
        }
        if let Some(why) = state.refusals.pop() {
            return Err(why);
        }
        if state.blocked.contains(&send.to) {
            return Err(SendError::Blocked);
        }
        if send.in_reply_to.is_some_and(|it| !state.said.contains(&it)) {
            return Err(SendError::NoSuchMessage);
        }
        let mut id = [0xee; 16];
        id[..8].copy_from_slice(&(state.sent.len() as u64 + 1).to_be_bytes());
        state.sent.push((MessageId(id), send));
        if std::mem::take(&mut state.loses_next) {
            return Err(SendError::Unavailable("nobody heard what became of it".to_owned()));
        }
        Ok(Said { id: MessageId(id), hold: None })
    }

    fn said_before(&self, dedupe: [u8; 16]) -> Result<Option<MessageId>, SendError> {
        let state = self.state();
        Ok(state.sent.iter().find(|(_, it)| it.dedupe == dedupe).map(|(id, _)| *id))
    }

    async fn mark_read(&self, message: MessageId) -> Result<(), SendError> {
        let mut state = self.state();
        if !state.said.contains(&message) {
            return Err(SendError::NoSuchMessage);
        }
        state.read.push(message);
        Ok(())
    }

    async fn typing(&self, message: MessageId) -> Result<(), SendError> {
        self.state().typing.push(message);
        Ok(())
    }

    fn rating(&self) -> Result<Option<Rating>, SendError> {
        Ok(self.state().rating)
    }

    fn review(&self) -> Result<Option<Review>, SendError> {
        Ok(self.state().review.clone())
    }

    fn identity_key(&self, of: AccountId) -> Result<Option<[u8; 32]>, SendError> {
        let state = self.state();
        let devices = state.agreed.get(&of).and_then(|it| it.devices.as_ref());
        Ok(devices.map(|it| it.identity_key))
    }

    fn standing(&self, of: AccountId) -> Result<Standing, SendError> {
        Ok(self.state().standings.get(&of).cloned().unwrap_or_default())
    }

    async fn block(&self, customer: AccountId, blocked: bool) -> Result<(), SendError> {
        let mut state = self.state();
        if blocked {
            state.blocked.insert(customer);
        } else {
            state.blocked.remove(&customer);
        }
        Ok(())
    }

    async fn fetch(&self, message: MessageId, index: u32, to: &Path) -> Result<(), SendError> {
        let bytes = self.state().files.get(&(message, index)).cloned().ok_or(SendError::NoSuchMessage)?;
        self.state().fetched += 1;
        let failed = |error: std::io::Error| SendError::File(error.to_string());
        std::fs::write(to, []).map_err(failed)?;
        // It comes over a network: others have their turn meanwhile.
        tokio::task::yield_now().await;
        std::fs::write(to, bytes).map_err(failed)
    }

    async fn events(&self, after: u64) -> Result<Vec<(u64, ChatEvent)>, StoreError> {
        loop {
            let news = self.0.news.notified();
            tokio::pin!(news);
            // From here on nothing that happens is missed.
            news.as_mut().enable();
            let events: Vec<_> = self.state().events.iter().filter(|(at, _)| *at > after).cloned().collect();
            if !events.is_empty() {
                return Ok(events);
            }
            news.await;
        }
    }
}

impl Agreements for FakeChat {
    fn agreed(&self, after: Option<AccountId>, limit: usize) -> Result<Vec<Agreed>, SendError> {
        let state = self.state();
        let later = state.agreed.range((after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        Ok(later.take(limit).map(|(_, it)| it.clone()).collect())
    }
}

impl Telling for FakeChat {
    fn told(&self) -> Result<Option<Told>, SendError> {
        let state = self.state();
        let known = !state.unreachable;
        Ok(state.terms.clone().map(|terms| Told { terms, document: b"signed".to_vec(), known }))
    }

    fn tell(&self, terms: Terms) -> BoxFuture<'_, Result<(), SendError>> {
        let mut state = self.state();
        let refused = state.refusals.pop();
        if refused.is_none() {
            state.terms = Some(terms);
        }
        Box::pin(std::future::ready(refused.map_or(Ok(()), Err)))
    }
}

impl Presenting for FakeChat {
    fn presented(&self) -> Result<Option<Presented>, SendError> {
        Ok(self.state().presented.last().cloned())
    }

    async fn present(&self, what: Presented) -> Result<(), SendError> {
        let mut state = self.state();
        if let Some(why) = state.refusals.pop() {
            return Err(why);
        }
        state.presented.push(what);
        Ok(())
    }
}

impl Holdings for FakeChat {
    fn person(&self, customer: AccountId) -> Result<Option<Person>, SendError> {
        let state = self.state();
        let handle = state.handles.iter().find(|(_, it)| **it == customer).map(|(handle, _)| handle.clone());
        let name = state.names.get(&customer).cloned().unwrap_or_default();
        let blocked = state.blocked.contains(&customer);
        Ok(state.agreed.get(&customer).map(|it| Person { handle, name, blocked, agreed: it.clone() }))
    }

    fn erase(&self, customer: AccountId, before: Millis) -> BoxFuture<'_, Result<u64, SendError>> {
        let mut state = self.state();
        if let Some(why) = state.refusals.pop() {
            return Box::pin(std::future::ready(Err(why)));
        }
        let held = state.held.entry(customer).or_default();
        let all = held.len();
        held.retain(|it| said_at(it) > before);
        let gone = (all - held.len()) as u64;
        if held.is_empty() {
            state.held.remove(&customer);
        }
        Box::pin(std::future::ready(Ok(gone)))
    }

    fn tally(&self, customer: AccountId) -> Result<Tally, SendError> {
        let state = self.state();
        let all = state.held.get(&customer).into_iter().flatten();
        Ok(Tally { count: all.clone().count() as u64, oldest: all.map(said_at).min() })
    }

    fn oldest(&self, customer: AccountId) -> Result<Option<Millis>, SendError> {
        Ok(self.tally(customer)?.oldest)
    }

    fn held(&self, customer: AccountId, after: Option<Place>, limit: usize) -> Result<Vec<Held>, SendError> {
        let state = self.state();
        let all = state.held.get(&customer).into_iter().flatten();
        let later = all.filter(|it| after.is_none_or(|after| it.place.anchor > after.anchor));
        Ok(later.take(limit).cloned().collect())
    }

    fn held_before(
        &self,
        customer: AccountId,
        before: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Held>, SendError> {
        let state = self.state();
        let all = state.held.get(&customer).into_iter().flatten().rev();
        let earlier = all.filter(|it| before.is_none_or(|before| it.place.anchor < before.anchor));
        Ok(earlier.take(limit).cloned().collect())
    }

    fn has(&self, customer: AccountId, message: MessageId) -> Result<bool, SendError> {
        Ok(self.state().held.get(&customer).is_some_and(|all| all.iter().any(|it| it.id == message)))
    }

    fn search(
        &self,
        words: &str,
        with: &dyn Fn(AccountId) -> bool,
        before: Option<[u8; 16]>,
        limit: usize,
    ) -> Result<Hits, SendError> {
        let state = self.state();
        let mut hits: Vec<_> = state
            .held
            .iter()
            .filter(|(customer, _)| with(**customer))
            .flat_map(|(customer, all)| all.iter().map(|it| (*customer, it)))
            .filter_map(|(customer, it)| {
                let excerpt = it.told["content"]["text"].as_str()?.to_owned();
                let found = excerpt.find(words).map(|at| at..at + words.len())?;
                let (id, mine, matches) = (it.id, it.told["from"] == "business", vec![found]);
                Some(Hit { customer, id, at: it.told["at_ms"].as_u64()?, mine, excerpt, matches })
            })
            .filter(|it| before.is_none_or(|before| it.id.0 < before))
            .collect();
        hits.sort_by_key(|it| std::cmp::Reverse(it.id));
        let more = hits.len() > limit;
        hits.truncate(limit);
        let next = hits.last().filter(|_| more).map(|it| it.id.0);
        Ok(Hits { hits, next, complete: true })
    }
}

/// When something was said; at the beginning of time when that was not laid down.
fn said_at(held: &Held) -> Millis {
    held.told["at_ms"].as_u64().unwrap_or(0)
}

/// Links that lead to what was laid there; clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct FakeFetch(Arc<Mutex<HashMap<String, Laid>>>);

/// What lies there: its MIME type and its bytes.
type Laid = (String, Vec<u8>);

impl FakeFetch {
    /// Nothing lies at a link any more.
    pub fn takes_away(&self, url: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(url);
    }

    /// Lays something at a link.
    pub fn lays(&self, url: &str, mime: &str, bytes: &[u8]) {
        let laid = (mime.to_owned(), bytes.to_vec());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), laid);
    }
}

impl Fetch for FakeFetch {
    async fn get(&self, url: &Url, limit: u64, path: &Path) -> Result<Fetched, FetchError> {
        if url.scheme() != "https" {
            return Err(FetchError::Refused);
        }
        let laid = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(url.as_str()).cloned();
        let (mime, bytes) = laid.ok_or(FetchError::Status(404))?;
        let size = bytes.len() as u64;
        if size > limit {
            return Err(FetchError::TooLarge);
        }
        std::fs::write(path, &bytes).map_err(|_| FetchError::Folder)?;
        Ok(Fetched { mime: Some(mime), size, sha256: Sha256::digest(&bytes).into() })
    }
}

/// Webhooks that are only written down; clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct FakeHooks(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    hooks: HashMap<Level, Hook>,
    deaf: bool,
    told: Vec<Notice>,
}

impl FakeHooks {
    fn state(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What programs were told, in order.
    pub fn told(&self) -> Vec<Notice> {
        self.state().told.clone()
    }
}

impl Hooks for FakeHooks {
    async fn subscribe(&self, level: Level, hook: Hook) -> Result<(), HookError> {
        if hook.callback.scheme() != "https" {
            return Err(HookError::Refused);
        }
        if hook.verify_token == "wrong" {
            return Err(HookError::Handshake);
        }
        self.state().hooks.insert(level, hook);
        Ok(())
    }

    async fn clear(&self, level: Level) -> Result<(), HookError> {
        self.state().hooks.remove(&level);
        Ok(())
    }

    async fn subscribed(&self, level: Level) -> Result<Option<Subscribed>, HookError> {
        let hook = self.state().hooks.get(&level).cloned();
        Ok(hook.map(|Hook { callback, fields, verify_token: _ }| Subscribed { callback, fields }))
    }

    async fn listen(&self, on: bool) -> Result<(), HookError> {
        self.state().deaf = !on;
        Ok(())
    }

    async fn listens(&self) -> Result<bool, HookError> {
        Ok(!self.state().deaf)
    }

    async fn tell(&self, notice: Notice) -> Result<(), HookError> {
        self.state().told.push(notice);
        Ok(())
    }
}

/// All fakes together.
pub struct Fakes;

impl Ports for Fakes {
    type Chat = FakeChat;
    type Data = MemoryData;
    type Fetch = FakeFetch;
    type Hooks = FakeHooks;
    type Clock = FakeClock;
}
