//! The client as a terminal, a bot or a bench holds it.

use std::sync::Arc;

use lacre_engine::records::{Failure, Me, Position};
use lacre_engine::{Changes, Engine, EngineError, Event, Intent, ReadError, To, Wish};
use lacre_proto::error::WireError;
use lacre_proto::{ConversationId, Handle, Millis, RelayId};
use rand_core::CryptoRng;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::connection::{Connection, Trouble};
use crate::content::{Content, FileRef, MessageId};
use crate::driver::{Command, Driver, Greeted, IntentError, Parts, Queued, greet};
use crate::files::{
    Board, DownloadFailure, FileId, FilesError, Folder, Http, Pace, Progress, Transfers, read_remote,
};
use crate::journal::{self, Changed};
use crate::once::{Asked, Once};
use crate::profile::{self, ProfileError};
use crate::store::{Store, StoreError};
use crate::transport::{Connect, Endpoint, Fingerprint, RelayAddress};
use crate::view::{Conversation, Message, Sending, Views};

/// Events that a slow subscriber may be behind before it must read everything again.
const EVENTS: usize = 1024;
const COMMANDS: usize = 64;

/// What a client runs on; all of it can be a test's own.
pub struct Setting {
    /// Where it keeps everything.
    pub store: Arc<dyn Store>,
    /// How it gets sockets.
    pub connect: Arc<dyn Connect>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub rng: Box<dyn CryptoRng + Send>,
    /// Where sealed files lie; without it none are sent or fetched.
    pub files: Option<Folder>,
    /// How fast files go.
    pub pace: Pace,
}

/// Who signs up, and where.
#[derive(Debug, Clone)]
pub struct SignUp {
    /// The relay.
    pub endpoint: Endpoint,
    /// The handle that is asked for.
    pub handle: Handle,
    /// The code, where the relay takes accounts by invitation.
    pub invite: Option<String>,
}

/// Why a profile does not become a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Nobody has signed up with this profile.
    #[error("nobody has signed up with this profile yet")]
    NotSignedUp,
    /// Somebody has.
    #[error("this profile belongs to {0} already; use another profile for another account")]
    SignedUpAlready(Handle),
    /// The relay was not reached, or said no. No account was made, as far as is known here; the same sign-up can
    /// be asked for again.
    #[error(transparent)]
    Relay(#[from] Trouble),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is in the store cannot be read.
    #[error("{0}")]
    Corrupt(String),
}

impl From<EngineError> for OpenError {
    fn from(error: EngineError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<ProfileError> for OpenError {
    fn from(error: ProfileError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// Why a message is not known to be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotSent {
    /// It will not be sent.
    #[error("{0}; the message was not sent")]
    Failed(Failure),
    /// It is not on this device.
    #[error("there is no such message on this device")]
    NoSuchMessage,
    /// The client was closed; the message waits in the profile.
    #[error("the client was closed; the message waits in the profile and goes out the next time")]
    Closed,
    /// The store cannot be read.
    #[error("{0}")]
    Corrupt(String),
}

/// A client that runs. Clones are the same client; it stops when it is closed or when the last one is dropped.
#[derive(Clone)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    events: broadcast::Sender<Event>,
    connection: watch::Receiver<Connection>,
    store: Arc<dyn Store>,
    files: Option<Folder>,
    board: Board,
    connect: Arc<dyn Connect>,
    endpoint: Endpoint,
}

impl Client {
    /// Opens a profile that has signed up, and connects. Needs a tokio runtime.
    pub fn open(setting: Setting) -> Result<Self, OpenError> {
        let (engine, endpoint) = {
            let reader = setting.store.snapshot()?;
            let engine = Engine::open(reader.as_ref())?.ok_or(OpenError::NotSignedUp)?;
            let endpoint = profile::endpoint(reader.as_ref())?.ok_or(OpenError::NotSignedUp)?;
            if !Views(reader.as_ref()).me()?.is_some_and(|me| me.registered) {
                return Err(OpenError::NotSignedUp);
            }
            (engine, endpoint)
        };
        Ok(Self::start(setting, engine, endpoint, None, None))
    }

    /// Makes an account and a device, stores them, and signs up. A sign-up whose answer was lost is taken up
    /// again by asking for the same handle.
    pub async fn sign_up(setting: Setting, wanted: SignUp) -> Result<Self, OpenError> {
        let resumed = Self::half_signed_up(&setting, &wanted)?;
        let greeted = greet(setting.connect.as_ref(), &wanted.endpoint).await?;
        let mut setting = setting;
        let engine = match resumed {
            Some(engine) => engine,
            None => Self::create(&mut setting, &wanted, &greeted)?,
        };
        let endpoint = {
            let reader = setting.store.snapshot()?;
            profile::endpoint(reader.as_ref())?.ok_or(OpenError::NotSignedUp)?
        };
        let client = Self::start(setting, engine, endpoint, wanted.invite, Some(greeted));
        let mut connection = client.connection.clone();
        let reached = connection.wait_for(|state| !matches!(state, Connection::Connecting)).await;
        let reached = reached.map(|state| state.clone()).unwrap_or(Connection::Closed);
        match reached {
            Connection::CatchingUp | Connection::Online => Ok(client),
            Connection::Offline { why, .. } => {
                client.close().await;
                Err(OpenError::Relay(why))
            }
            Connection::Connecting | Connection::Closed => {
                Err(OpenError::Corrupt("the client stopped".into()))
            }
        }
    }

    /// An account that was made for this sign-up and whose answer never came.
    fn half_signed_up(setting: &Setting, wanted: &SignUp) -> Result<Option<Engine>, OpenError> {
        let reader = setting.store.snapshot()?;
        let Some(me) = Views(reader.as_ref()).me()? else { return Ok(None) };
        if me.registered {
            return Err(OpenError::SignedUpAlready(me.handle));
        }
        let same = me.handle == wanted.handle
            && profile::endpoint(reader.as_ref())?
                .is_some_and(|known| known.address == wanted.endpoint.address);
        if same { Ok(Engine::open(reader.as_ref())?) } else { Ok(None) }
    }

    fn create(setting: &mut Setting, wanted: &SignUp, greeted: &Greeted) -> Result<Engine, OpenError> {
        let mut changes = Changes::new();
        {
            // What is left of a sign-up that was given up goes in the same transaction.
            let reader = setting.store.snapshot()?;
            reader.scan(&[0], &[0xff], false, &mut |key, _| {
                changes.insert(key.to_vec(), None);
                true
            })?;
        }
        let now = setting.clock.now();
        let (engine, made) = Engine::create(wanted.handle.clone(), greeted.relay, now, setting.rng.as_mut());
        changes.extend(made);
        profile::remember(&mut changes, &wanted.endpoint, greeted.fingerprint);
        setting.store.commit(&changes)?;
        Ok(engine)
    }

    pub(crate) fn start(
        setting: Setting,
        engine: Engine,
        endpoint: Endpoint,
        invite: Option<String>,
        greeted: Option<Greeted>,
    ) -> Self {
        let Setting { store, connect, clock, rng, files, pace } = setting;
        if let Some(files) = &files {
            forget_unneeded(store.as_ref(), files);
        }
        let board = Board::new();
        let (transfers, endings) =
            Transfers::new(files.clone(), pace, connect.clone(), endpoint.clone(), board.clone());
        let (commands, from_handles) = mpsc::channel(COMMANDS);
        let (events, _) = broadcast::channel(EVENTS);
        let (tell, connection) = watch::channel(Connection::Connecting);
        let client = Self {
            commands,
            events: events.clone(),
            connection,
            store: store.clone(),
            files,
            board,
            connect: connect.clone(),
            endpoint: endpoint.clone(),
        };
        let driver = Driver::new(Parts {
            engine,
            store,
            connect,
            clock,
            rng,
            endpoint,
            invite,
            commands: from_handles,
            events,
            connection: tell,
            greeted,
            transfers,
            endings,
        });
        tokio::spawn(driver.run());
        client
    }

    /// Sends content to a person; a conversation is made when there is none. It is on the disk, and shown, when
    /// this returns, whether there is a connection or not.
    pub async fn send_to(
        &self,
        handle: &Handle,
        content: Content,
    ) -> Result<(ConversationId, MessageId), IntentError> {
        self.message(Intent::SendTo(handle.clone(), content)).await
    }

    /// Sends content into a conversation; see [`send_to`](Self::send_to).
    pub async fn send(
        &self,
        conversation: ConversationId,
        content: Content,
    ) -> Result<(ConversationId, MessageId), IntentError> {
        self.message(Intent::Send(conversation, content)).await
    }

    /// Says something in a certain way; see [`send_to`](Self::send_to).
    pub async fn say(
        &self,
        to: To,
        content: Content,
        wish: Wish,
    ) -> Result<(ConversationId, MessageId), IntentError> {
        self.message(Intent::Say(to, content, wish)).await
    }

    async fn message(&self, intent: Intent) -> Result<(ConversationId, MessageId), IntentError> {
        match self.intend(intent).await? {
            Queued::Message(conversation, message) => Ok((conversation, message)),
            Queued::Done => Err(IntentError::Engine("an intent to send made no message".to_owned())),
        }
    }

    /// Everything up to this message has been seen; read receipts go out.
    pub async fn mark_read(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<(), IntentError> {
        self.intend(Intent::MarkRead(conversation, message)).await.map(drop)
    }

    /// Looks at what may be looked at once: its text, which from then on is nowhere on this device. `None` when it
    /// was looked at before, or is not such a message.
    pub async fn look(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> Result<Option<String>, IntentError> {
        let read = self.read(|views| views.once(conversation, message));
        let text = read.map_err(|error| IntentError::Engine(error.to_string()))?;
        // First it is gone, then it is shown: a crash between the two shows it never, not twice.
        if text.is_some() {
            self.intend(Intent::Look(conversation, message)).await?;
        }
        Ok(text)
    }

    /// Hands an intent over; it is on the disk when this returns.
    pub async fn intend(&self, intent: Intent) -> Result<Queued, IntentError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Intend(intent, reply);
        self.commands.send(command).await.map_err(|_| IntentError::Closed)?;
        answer.await.map_err(|_| IntentError::Closed)?
    }

    /// Hands an intent over under an id of the caller's, at most [`once::ID`](crate::once::ID) bytes: asked for
    /// again, with the same `what`, it is not done again, also after a crash. `what` is anything that says what
    /// is asked for: the same id with another is refused.
    pub async fn intend_once(&self, id: &str, what: &[u8], intent: Intent) -> Result<Once, IntentError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::IntendOnce(Asked::new(id, what), intent, reply);
        self.commands.send(command).await.map_err(|_| IntentError::Closed)?;
        answer.await.map_err(|_| IntentError::Closed)?
    }

    /// What came of an id that was asked for before with the same `what`, if it was; nothing is done. For intents that
    /// are costly to make.
    pub fn done_before(&self, id: &str, what: &[u8]) -> Result<Option<Once>, IntentError> {
        let before = self.read(|views| Asked::new(id, what).before(views.0));
        let before = before.map_err(|error| IntentError::Engine(error.to_string()))?;
        before.map_err(|()| IntentError::IdUsed)
    }

    /// Whether a message was made by this device, for an id that something was asked for under; one of one's own that
    /// another device has sent was not.
    pub fn is_said_here(&self, message: MessageId) -> Result<bool, EngineError> {
        self.read(|views| crate::once::is_said_here(views.0, message))
    }

    /// From now on what changes is noted, and stays until it is [let go](Self::let_go). The first entry says that all
    /// that was there before is to be looked at; where a journal is kept already, nothing is done.
    pub async fn keep_journal(&self) -> Result<(), IntentError> {
        self.ask_journal(None).await
    }

    /// Up to `limit` changes that were not let go, the oldest first, each with its number.
    pub fn journal(&self, limit: usize) -> Result<Vec<(u64, Changed)>, EngineError> {
        self.read(|views| journal::read(views.0, limit))
    }

    /// Lets the changes up to a number go: whoever needed them has what they told.
    pub async fn let_go(&self, up_to: u64) -> Result<(), IntentError> {
        self.ask_journal(Some(up_to)).await
    }

    async fn ask_journal(&self, up_to: Option<u64>) -> Result<(), IntentError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Journal(up_to, reply);
        self.commands.send(command).await.map_err(|_| IntentError::Closed)?;
        answer.await.map_err(|_| IntentError::Closed)?
    }

    /// Waits until the relay has stored a message durably.
    pub async fn wait_sent(&self, conversation: ConversationId, message: MessageId) -> Result<(), NotSent> {
        let mut events = self.events();
        let mut connection = self.connection.clone();
        loop {
            let found = self.read(|views| views.message(conversation, message));
            match found.map_err(|error| NotSent::Corrupt(error.to_string()))? {
                None => return Err(NotSent::NoSuchMessage),
                Some(Message { state: Some(Sending::Failed(why)), .. }) => return Err(NotSent::Failed(why)),
                Some(Message { state: Some(Sending::Sending), .. }) => {}
                Some(_) => return Ok(()),
            }
            tokio::select! {
                event = events.recv() => match event {
                    Err(broadcast::error::RecvError::Closed) => return Err(NotSent::Closed),
                    // Missed or not, the records are read again.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                },
                changed = connection.wait_for(|state| *state == Connection::Closed) => {
                    drop(changed);
                    return Err(NotSent::Closed);
                }
            }
        }
    }

    /// The sealed files of this device; `None` when this client has no place for any.
    pub fn files(&self) -> Option<&Folder> {
        self.files.as_ref()
    }

    /// Reads a range of a file: here, when it is here; else the chunks that it lies in come from the relay, and are
    /// not kept. So a film plays before it is whole.
    pub async fn read_file(
        &self,
        file: &FileRef,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<u8>, DownloadFailure> {
        if let Some(files) = self.files.clone().filter(|files| files.has(&file.hash)) {
            let (file, range) = (file.clone(), range.clone());
            let read = tokio::task::spawn_blocking(move || files.read(&file, range)).await;
            return match read {
                Ok(Ok(bytes)) => Ok(bytes),
                Ok(Err(FilesError::File(_))) => Err(DownloadFailure::Altered),
                _ => Err(DownloadFailure::Disk),
            };
        }
        read_remote(&mut Http::new(self.connect.clone(), self.endpoint.clone()), file, range).await
    }

    /// How far a file is that is under way just now.
    pub fn progress(&self, file: FileId) -> Option<Progress> {
        self.board.progress(file)
    }

    /// Tells when some file got further.
    pub fn progress_changes(&self) -> watch::Receiver<()> {
        self.board.changes()
    }

    /// What happens from now on; ids only, to be read again from the views.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// How the client stands with its relay, now and as it changes.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.connection.clone()
    }

    /// Tries to connect now instead of waiting for the next attempt.
    pub async fn reconnect(&self) {
        let _ = self.commands.send(Command::Reconnect).await;
    }

    /// Reads view models as of the last commit.
    pub fn read<T>(&self, read: impl FnOnce(Views<'_>) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let reader = self.store.snapshot()?;
        read(Views(reader.as_ref()))
    }

    /// Where the relay is.
    pub fn relay(&self) -> &RelayAddress {
        &self.endpoint.address
    }

    /// This account and device.
    pub fn me(&self) -> Result<Me, EngineError> {
        self.read(|views| views.me()).and_then(|me| me.ok_or(EngineError::Corrupt("me")))
    }

    /// All conversations, the one that was active last first.
    pub fn conversations(&self) -> Result<Vec<Conversation>, EngineError> {
        self.read(|views| views.conversations())
    }

    /// Up to `limit` messages before a place, or the last ones; the oldest first.
    pub fn messages(
        &self,
        conversation: ConversationId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Message>, EngineError> {
        self.read(|views| views.messages(conversation, before, limit))
    }

    /// What was written for a conversation and not sent.
    pub fn draft(&self, conversation: ConversationId) -> Result<Option<String>, EngineError> {
        self.read(|views| views.draft(conversation))
    }

    /// Keeps what was written for a conversation and not sent, on all devices of this account.
    pub async fn keep_draft(&self, conversation: ConversationId, text: String) -> Result<(), IntentError> {
        self.intend(Intent::KeepDraft(conversation, text)).await.map(drop)
    }

    /// Waits until nothing is under way: what was to be said to the relay now is said and answered, or there is
    /// no connection.
    pub async fn flush(&self) {
        let (done, quiet) = oneshot::channel();
        if self.commands.send(Command::Flush(done)).await.is_ok() {
            let _ = quiet.await;
        }
    }

    /// Stops: closes the sockets and settles the store. What waits in the outbox goes out the next time.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

/// Deletes sealed files that no message has: a crash may leave some between two steps.
fn forget_unneeded(store: &dyn Store, files: &Folder) {
    let Ok(reader) = store.snapshot() else { return };
    // What cannot be read is needed.
    let swept = files.sweep(&mut |hash| Views(reader.as_ref()).records().needs_file(hash).unwrap_or(true));
    if let Err(error) = swept {
        tracing::warn!(reason = %error, "files that are not needed were not deleted");
    }
}

/// What a relay says of itself to anybody who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The relay.
    pub relay: RelayId,
    /// What time it is there.
    pub time: Millis,
    /// SHA-256 of its certificate, when there is one.
    pub fingerprint: Option<Fingerprint>,
}

/// Asks a relay for its greeting, and leaves.
pub async fn probe(connect: &dyn Connect, endpoint: &Endpoint) -> Result<Probe, Trouble> {
    let greeted = greet(connect, endpoint).await?;
    Ok(Probe { relay: greeted.relay, time: greeted.hello.time_ms, fingerprint: greeted.fingerprint })
}

impl OpenError {
    /// What the relay said, when a sign-up failed because of that.
    pub fn refusal(&self) -> Option<&WireError> {
        match self {
            Self::Relay(Trouble::Refused(error)) => Some(error),
            _ => None,
        }
    }
}
