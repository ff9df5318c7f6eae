//! People whose real engines sign up and open conversations before the clock starts, and seal a stock of messages.

use std::collections::VecDeque;
use std::time::Duration;

use clap::Args;
use lacre_client::store::{MemoryStore, Store};
use lacre_engine::content::{Content, MessageId};
use lacre_engine::records::{MessageState, Records, Standing};
use lacre_engine::{Effect, Engine, Event, Input, Intent, Wake};
use lacre_proto::error::WireError;
use lacre_proto::wire::request::Op;
use lacre_proto::wire::{self, response};
use lacre_proto::{ConversationId, Handle, Millis};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::cli::Failed;
use crate::member::{Member, Stock, admitted, framed, greeting};
use crate::report::now;
use crate::socket::{In, Socket, Target};

/// How long two people may take to come to speak.
const PATIENCE: Duration = Duration::from_secs(60);

/// How conversations are made.
#[derive(Args, Clone)]
pub struct Kind {
    /// Bytes of text in a message.
    #[arg(long, default_value_t = 200)]
    text_bytes: usize,
    /// Frame conversations by hand instead of sealing with real engines; much faster to prepare.
    #[arg(long)]
    framed: bool,
}

impl Kind {
    /// As it stands in the measurement.
    pub fn name(&self) -> &'static str {
        if self.framed { "framed" } else { "engine" }
    }
}

/// Two people, logged in, and what one has to say.
pub struct Couple {
    /// The logged-in socket of the one who writes.
    pub sender: Socket,
    /// That of the other.
    pub receiver: Socket,
    /// What is said.
    pub stock: Stock,
    /// How the other logs in again.
    pub login: Login,
}

/// Somebody who can log in.
pub enum Login {
    /// By keys alone.
    Member(Box<Member>),
    /// By an engine.
    Person(Box<Engine>),
}

impl Login {
    /// Opens a socket and logs in.
    pub async fn open(&self, target: &Target) -> Result<Socket, Failed> {
        match self {
            Self::Member(member) => member.login(target).await,
            Self::Person(engine) => {
                let mut socket = Socket::open(target).await?;
                let op = engine.greet(&socket.hello, None)?;
                admitted(&mut socket, op).await?;
                Ok(socket)
            }
        }
    }
}

/// Makes two accounts and a conversation of theirs.
pub async fn couple(target: &Target, kind: &Kind, rng: &mut StdRng) -> Result<Couple, Failed> {
    let mark: u64 = rng.random();
    let (ana, bruno) = (format!("a{mark:016x}"), format!("b{mark:016x}"));
    if kind.framed {
        // What MLS, the envelope and its padding make of a text of this size, about.
        let sealed_bytes = kind.text_bytes + 350;
        let ana = Member::new(&ana, now_ms(), rng)?;
        let bruno = Member::new(&bruno, now_ms(), rng)?;
        let mut sockets = [ana.sign_up(target).await?, bruno.sign_up(target).await?];
        let stock = framed(target, &mut sockets, sealed_bytes, rng).await?;
        let [sender, receiver] = sockets;
        return Ok(Couple { sender, receiver, stock, login: Login::Member(Box::new(bruno)) });
    }
    let mut ana = Person::sign_up(target, &ana, rng).await?;
    let mut bruno = Person::sign_up(target, &bruno, rng).await?;
    let (conversation, first) = ana.write(Intent::SendTo(bruno.handle.clone(), kind.text())).await?;
    let deadline = now() + PATIENCE;
    // Delivered, and silent on both sides after that: nobody has a commit or a receipt under way.
    let mut quiet = 0;
    while quiet < 3 {
        if now() > deadline {
            return Err("two people did not come to speak within a minute".into());
        }
        let moved = ana.turn().await? | bruno.turn().await? | bruno.accept(conversation).await?;
        let silent = ana.state(conversation, first)? == Some(MessageState::Delivered) && !moved;
        quiet = if silent { quiet + 1 } else { 0 };
    }
    let stock = ana.stock(conversation, kind).await?;
    Ok(Couple {
        sender: ana.authenticated,
        receiver: bruno.authenticated,
        stock,
        login: Login::Person(Box::new(bruno.engine)),
    })
}

impl Kind {
    fn text(&self) -> Content {
        Content::Text { text: "a".repeat(self.text_bytes) }
    }
}

/// What one step of an engine cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Processor time of the step, from the input to the changes and effects.
    pub cpu: Duration,
    /// Bytes that its changes write, keys and values.
    pub written: usize,
}

impl Cost {
    /// Of several steps together.
    pub fn of(steps: &[Self]) -> Self {
        let add =
            |sum: Self, step: &Self| Self { cpu: sum.cpu + step.cpu, written: sum.written + step.written };
        steps.iter().fold(Self::default(), add)
    }
}

/// Somebody with an engine, a store in memory, and the two sockets of a device.
pub struct Person {
    /// What others call them.
    pub handle: Handle,
    engine: Engine,
    /// What the device keeps.
    pub store: MemoryStore,
    /// What each step has cost, for whoever measures to take.
    pub costs: Vec<Cost>,
    /// The requests that change who is in a conversation, likewise.
    pub handshakes: Vec<Op>,
    /// The items that came, by their size.
    pub came: Vec<usize>,
    rng: StdRng,
    authenticated: Socket,
    anonymous: Socket,
    intents: u64,
    wake: Wake,
    /// Sends that are kept back instead of being made.
    kept: Option<Vec<wire::Send>>,
    events: Vec<Event>,
}

impl Person {
    /// Makes an account, and logs its device in.
    pub async fn sign_up(target: &Target, handle: &str, rng: &mut StdRng) -> Result<Self, Failed> {
        let handle: Handle = handle.parse()?;
        let mut rng = StdRng::from_rng(rng);
        let mut authenticated = Socket::open(target).await?;
        let (relay, _) = greeting(&authenticated.hello)?;
        let (engine, changes) = Engine::create(handle.clone(), relay, now_ms(), &mut rng);
        let store = MemoryStore::default();
        store.commit(&changes)?;
        let op = engine.greet(&authenticated.hello, None)?;
        let logged_in = admitted(&mut authenticated, op).await?;
        let anonymous = Socket::open(target).await?;
        let (intents, wake, kept, events) = (0, Wake::Never, None, Vec::new());
        let (costs, handshakes, came) = (Vec::new(), Vec::new(), Vec::new());
        let mut person = Self {
            handle,
            engine,
            store,
            costs,
            handshakes,
            came,
            rng,
            authenticated,
            anonymous,
            intents,
            wake,
            kept,
            events,
        };
        person.take(Input::Connected(logged_in)).await?;
        Ok(person)
    }

    /// Lets the engine take an input and everything that follows from it.
    async fn take(&mut self, input: Input) -> Result<(), Failed> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let step = {
                let reader = self.store.snapshot()?;
                let before = cpu_time();
                let step = self.engine.handle(reader.as_ref(), input, now_ms(), &mut self.rng)?;
                let cpu = cpu_time().saturating_sub(before);
                let size = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| {
                    key.len() + value.as_ref().map_or(0, Vec::len)
                };
                self.costs.push(Cost { cpu, written: step.changes.iter().map(size).sum() });
                step
            };
            self.store.commit(&step.changes)?;
            self.events.extend(step.events);
            self.wake = step.wake;
            for effect in step.effects {
                inputs.extend(self.run(effect).await?);
            }
        }
        Ok(())
    }

    async fn run(&mut self, effect: Effect) -> Result<Option<Input>, Failed> {
        let (id, result) = match effect {
            Effect::Upload(_)
            | Effect::StopUploading(..)
            | Effect::Fetch(_)
            | Effect::StopFetching(_)
            | Effect::DropFile(_) => return Ok(None),
            Effect::Acknowledge(position) => {
                self.authenticated.queue_ack(position);
                self.authenticated.flush().await?;
                return Ok(None);
            }
            Effect::AnonymousRequest(id, Op::Send(send)) if self.kept.is_some() => {
                self.kept.get_or_insert_default().push(send);
                (id, response::Result::Accepted(wire::Accepted::default()))
            }
            Effect::AnonymousRequest(id, op) => {
                if matches!(op, Op::Commit(_) | Op::CreateConversation(_)) {
                    self.handshakes.push(op.clone());
                }
                (id, self.anonymous.ask(op).await?)
            }
            Effect::Request(id, op) => (id, self.authenticated.ask(op).await?),
        };
        let answer = match result {
            response::Result::Error(error) => Err(WireError::from(error)),
            result => Ok(result),
        };
        Ok(Some(Input::Answered(id, answer)))
    }

    /// Takes what has come, or waits a moment for it; says whether anything happened.
    pub async fn turn(&mut self) -> Result<bool, Failed> {
        const MOMENT: Duration = Duration::from_millis(5);
        let mut moved = false;
        if let Wake::At(time) = self.wake
            && time <= now_ms()
        {
            self.take(Input::Tick).await?;
        }
        loop {
            while let Some(came) = self.authenticated.next()? {
                moved = true;
                match came {
                    In::Push(push) => {
                        self.came.extend(push.entries.iter().map(|entry| entry.item.len()));
                        self.take(Input::Delivered(push.entries)).await?;
                    }
                    In::CaughtUp => self.take(Input::CaughtUp).await?,
                    In::Response(_) => {}
                }
            }
            match tokio::time::timeout(MOMENT, self.authenticated.fill()).await {
                Ok(read) => read?,
                Err(_) => return Ok(moved),
            }
        }
    }

    /// Keeps the sockets open of somebody who has nothing to say for a while.
    pub async fn stay(&mut self) -> Result<(), Failed> {
        self.authenticated.ping().await?;
        Ok(self.anonymous.ping().await?)
    }

    /// Wants something.
    pub async fn want(&mut self, intent: Intent) -> Result<(), Failed> {
        self.intents += 1;
        self.take(Input::Intent(self.intents, intent)).await
    }

    /// Accepts a request, if it has come; whether it did now.
    pub async fn accept(&mut self, conversation: ConversationId) -> Result<bool, Failed> {
        let asked = {
            let reader = self.store.snapshot()?;
            let record = Records(reader.as_ref()).conversation(conversation)?;
            record.is_some_and(|record| record.standing == Standing::Asked)
        };
        if asked {
            self.intents += 1;
            self.take(Input::Intent(self.intents, Intent::Accept(conversation))).await?;
        }
        Ok(asked)
    }

    /// Writes something: the message that it became.
    pub async fn write(&mut self, intent: Intent) -> Result<(ConversationId, MessageId), Failed> {
        self.intents += 1;
        self.events.clear();
        self.take(Input::Intent(self.intents, intent)).await?;
        let queued = self.events.iter().find_map(|event| match event {
            Event::Queued(_, conversation, message) => Some((*conversation, *message)),
            _ => None,
        });
        queued.ok_or_else(|| "an intent to write made no message".into())
    }

    fn state(&self, conversation: ConversationId, id: MessageId) -> Result<Option<MessageState>, Failed> {
        let reader = self.store.snapshot()?;
        Ok(Records(reader.as_ref()).message(conversation, id)?.map(|record| record.state))
    }

    /// Seals as many messages as the engine has in flight at once, and keeps them back.
    async fn stock(&mut self, conversation: ConversationId, kind: &Kind) -> Result<Stock, Failed> {
        const WINDOW: usize = 16;
        self.kept = Some(Vec::new());
        for _ in 0..WINDOW {
            self.write(Intent::Send(conversation, kind.text())).await?;
        }
        let kept = self.kept.take().unwrap_or_default();
        let first = kept.first().ok_or("the engine sealed nothing")?;
        let (conversation, capability) = (first.conversation.clone(), first.capability.clone());
        let epoch = first.epoch;
        if kept.iter().any(|send| send.epoch != epoch) {
            return Err("the conversation moved on while its messages were sealed".into());
        }
        let messages = kept.into_iter().map(|send| send.message).collect();
        Ok(Stock { conversation, epoch, capability, messages })
    }
}

/// Processor time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// The time for certificates and engines.
#[expect(clippy::disallowed_methods, reason = "a bench runs by the machine's clock")]
pub fn now_ms() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |time| time.as_millis() as Millis)
}
