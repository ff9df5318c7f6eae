//! A device of the world: an engine, a store that outlives it, two sockets.

use lacre_engine::records::{MessageRecord, Records};
use lacre_engine::{Alert, Effect, Engine, EngineError, Event, Input, Reader, Refusal, Step, Wake};
use lacre_proto::error::WireError;
use lacre_proto::wire::{
    Ack, ClientFrame, Request, Response, ServerFrame, client_frame, request, response, server_frame,
};
use lacre_proto::{AccountId, ConversationId, DeviceId, Handle, Millis};
use rand_chacha::ChaCha20Rng;

use crate::network::{Line, Link};
use crate::store::{Committed, Store};

/// The id of the request that logs in; engines count from 1.
const LOGIN: u64 = 0;

/// A device. It is off while it has no engine, and offline while it has no link.
pub struct Device {
    pub(crate) name: String,
    pub(crate) engine: Option<Engine>,
    pub(crate) store: Store,
    pub(crate) link: Option<Link>,
    pub(crate) rng: ChaCha20Rng,
    /// Whether it connects when it can.
    pub(crate) wants_online: bool,
    /// Whether it starts again when it died.
    pub(crate) restarts: bool,
    /// Whether it leaves requests for its owner to decide, instead of accepting them at once.
    pub wary: bool,
    pub(crate) wake: Wake,
    /// When it last took something.
    now: Millis,
    events: Vec<Event>,
    deaths: u32,
    refused_login: Option<WireError>,
    /// What has come of files, to be taken next.
    files: Vec<Input>,
}

/// What came of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is stored.
    Stored,
    /// The device died, and it is not stored.
    Lost,
    /// The device died after it was stored.
    StoredThenDied,
    /// The disk failed, and it is not stored; the device lives.
    DiskFailed,
}

impl Device {
    pub(crate) fn new(name: &str, engine: Engine, store: Store, rng: ChaCha20Rng) -> Self {
        Self {
            name: name.to_owned(),
            engine: Some(engine),
            store,
            link: None,
            rng,
            wants_online: true,
            restarts: true,
            wary: false,
            wake: Wake::Never,
            now: 0,
            events: Vec::new(),
            deaths: 0,
            refused_login: None,
            files: Vec::new(),
        }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, to be exchanged or damaged while the device is off.
    pub fn store_mut(&mut self) -> &mut Store {
        &mut self.store
    }

    /// Everything that was published since the events were last cleared.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Forgets the events.
    pub fn clear_events(&mut self) {
        self.events.clear();
    }

    /// What was refused, in order.
    pub fn alerts(&self) -> Vec<Alert> {
        let alert = |event: &Event| match event {
            Event::Alert(_, alert) => Some(alert.clone()),
            _ => None,
        };
        self.events.iter().filter_map(alert).collect()
    }

    /// Intents that came to nothing.
    pub fn refusals(&self) -> Vec<Refusal> {
        let refusal = |event: &Event| match event {
            Event::Refused(_, refusal) => Some(*refusal),
            _ => None,
        };
        self.events.iter().filter_map(refusal).collect()
    }

    /// How often it died.
    pub fn deaths(&self) -> u32 {
        self.deaths
    }

    /// What the relay answered to the last login, if it refused it.
    pub fn refused_login(&self) -> Option<WireError> {
        self.refused_login
    }

    /// Typed reads of the store.
    pub fn records(&self) -> Records<'_> {
        Records(self.store.rows())
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.records().me().expect("readable").expect("signed up").account
    }

    /// The device's id.
    pub fn device(&self) -> DeviceId {
        self.records().me().expect("readable").expect("signed up").device
    }

    /// What all members of a conversation have in common in its epoch, and nobody else.
    pub fn epoch_of(&self, conversation: ConversationId) -> Option<Vec<u8>> {
        lacre_engine::evil::epoch(self.store.rows(), conversation)
    }

    /// The direct conversation with a person.
    pub fn direct_with(&self, name: &str) -> Option<ConversationId> {
        let handle: Handle = name.parse().expect("names in worlds are handles");
        self.records().direct_with(&handle).expect("readable")
    }

    /// The rows of a conversation, the oldest first.
    pub fn rows(&self, conversation: ConversationId) -> Vec<MessageRecord> {
        self.records().messages_after(conversation, None, usize::MAX).expect("readable")
    }

    /// The rows of the direct conversation with a person, the oldest first.
    pub fn rows_with(&self, name: &str) -> Vec<MessageRecord> {
        self.direct_with(name).map(|conversation| self.rows(conversation)).unwrap_or_default()
    }

    /// One input, one step, one commit; then its effects.
    pub(crate) fn take(&mut self, input: Input, now: Millis) -> Taken {
        self.now = now;
        let taken = self.step(|engine, reader, rng| engine.handle(reader, input, now, rng));
        match self.files.pop() {
            Some(next) if taken == Taken::Stored => self.take(next, now),
            _ => {
                // Who died hears of it anew.
                self.files.clear();
                taken
            }
        }
    }

    /// A step that is made by hand.
    pub(crate) fn step(
        &mut self,
        make: impl FnOnce(&mut Engine, &dyn Reader, &mut ChaCha20Rng) -> Result<Step, EngineError>,
    ) -> Taken {
        let Some(engine) = &mut self.engine else { return Taken::Lost };
        let doomed = self.store.is_doomed();
        let step = match make(engine, &self.store, &mut self.rng) {
            Ok(step) => step,
            // A read that failed, by whatever name the engine tells of it.
            Err(_) if doomed && !self.store.is_doomed() => {
                self.die();
                return Taken::Lost;
            }
            Err(error) => panic!("{}: the engine failed: {error}", self.name),
        };
        let Step { changes, effects, events, wake } = step;
        let run = match self.store.commit(changes) {
            Committed::Done => usize::MAX,
            Committed::DoneThenAmidEffects => 1,
            Committed::DoneThenCrash => 0,
            Committed::CrashedBefore => {
                self.die();
                return Taken::Lost;
            }
            Committed::Failed => {
                engine.rolled_back();
                // What was being taken comes again when the sockets are new.
                self.cut(self.now);
                return Taken::DiskFailed;
            }
        };
        self.wake = wake;
        effects.into_iter().take(run).for_each(|effect| self.run(effect));
        if run < usize::MAX {
            self.die();
            return Taken::StoredThenDied;
        }
        self.events.extend(events);
        Taken::Stored
    }

    fn run(&mut self, effect: Effect) {
        let Some(link) = &mut self.link else { return };
        let (line, body) = match effect {
            Effect::Request(id, op) => (Line::Authenticated, ask(id, op)),
            Effect::AnonymousRequest(id, op) => (Line::Anonymous, ask(id, op)),
            Effect::Acknowledge(position) => (Line::Authenticated, client_frame::Body::Ack(Ack { position })),
            // Files go over HTTP, which this network does not carry: they count as up, and as fetched.
            Effect::Upload(file) => return self.files.push(Input::Uploaded(file.file, Ok(()))),
            Effect::Fetch(file) => return self.files.push(Input::Fetched(file.file, Ok(()))),
            Effect::StopUploading(..) | Effect::StopFetching(_) | Effect::DropFile(_) => return,
        };
        link.socket(line).up.push_back(ClientFrame { body: Some(body) });
    }

    /// Says hello back to a relay that greeted: the first request of a new link.
    pub(crate) fn log_in(&mut self, mut link: Link, invite: Option<&str>) {
        let Some(engine) = &self.engine else { return };
        let op = engine.greet(&link.hello, invite).expect("the world has one relay");
        link.socket(Line::Authenticated).up.push_back(ClientFrame { body: Some(ask(LOGIN, op)) });
        self.link = Some(link);
    }

    /// A frame from the relay has arrived.
    pub(crate) fn hear(&mut self, frame: ServerFrame, now: Millis) {
        let input = match frame.body {
            Some(server_frame::Body::Push(push)) => Input::Delivered(push.entries),
            Some(server_frame::Body::CaughtUp(_)) => Input::CaughtUp,
            Some(server_frame::Body::Passing(passing)) => Input::Passing(passing.items),
            Some(server_frame::Body::Response(response)) => match self.answered(response) {
                Some(input) => input,
                None => return,
            },
            None => return,
        };
        self.take(input, now);
    }

    fn answered(&mut self, response: Response) -> Option<Input> {
        let Response { id, result } = response;
        let result = match result? {
            response::Result::Error(error) => Err(WireError::from(error)),
            result => Ok(result),
        };
        match (id, result) {
            (LOGIN, Ok(response::Result::LoggedIn(logged_in))) => {
                let link = self.link.as_mut()?;
                // A login that crossed the network twice is answered twice; the second answer means nothing.
                (!std::mem::replace(&mut link.logged_in, true)).then_some(Input::Connected(logged_in))
            }
            (LOGIN, Ok(_)) => None,
            (LOGIN, Err(error)) => {
                if !self.link.as_ref().is_some_and(|link| link.logged_in) {
                    self.refused_login = Some(error);
                    self.wants_online = false;
                    self.link = None;
                }
                None
            }
            (id, result) => Some(Input::Answered(id, result)),
        }
    }

    /// The sockets are gone.
    pub(crate) fn cut(&mut self, now: Millis) {
        if self.link.take().is_some_and(|link| link.logged_in) {
            self.take(Input::Disconnected, now);
        }
    }

    /// The process is killed: what it had in memory is gone.
    pub(crate) fn die(&mut self) {
        self.engine = None;
        self.link = None;
        self.wake = Wake::Never;
        self.deaths += 1;
    }

    /// The process is started anew on the store as it is.
    pub(crate) fn start(&mut self) {
        let engine = Engine::open(&self.store).expect("the store opens").expect("an account was made in it");
        self.engine = Some(engine);
    }

    /// Frames that wait in the link, for the scheduler.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (Line, bool)> + '_ {
        let lines = [Line::Authenticated, Line::Anonymous];
        let sockets = self.link.iter().flat_map(move |link| lines.into_iter().zip(&link.sockets));
        sockets.flat_map(|(line, socket)| {
            let up = (!socket.up.is_empty()).then_some((line, true));
            up.into_iter().chain((!socket.down.is_empty()).then_some((line, false)))
        })
    }
}

fn ask(id: u64, op: request::Op) -> client_frame::Body {
    client_frame::Body::Request(Request { id, op: Some(op) })
}
