//! A world: people with their devices, one relay, and the network between them, in one thread and from one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use lacre_engine::content::{Content, MessageId};
use lacre_engine::records::{MessageState, Standing};
use lacre_engine::{Engine, EngineError, Input, Intent, Reader, Step, To, Wake, Wish};
use lacre_proto::wire::Item;
use lacre_proto::{Handle, Millis};
use lacre_relay::limits::RateLimits;
use lacre_relay::services::{Services, Settings};
use lacre_store::memory::MemoryData;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::device::{Device, Taken};
use crate::evil::Evil;
use crate::history::History;
use crate::network::{Faults, Line, Link};
use crate::store::{CrashPoint, Store};

/// Steps after which a world that does not come to rest is taken for one that never will.
const RESTLESS: usize = 200_000;
const MINUTE: Millis = 60_000;

/// A world.
pub struct World {
    seed: u64,
    rng: ChaCha20Rng,
    now: Millis,
    relay: Services<MemoryData>,
    data: MemoryData,
    people: BTreeMap<String, Device>,
    partitioned: BTreeSet<String>,
    faults: Faults,
    history: History,
    capture: Vec<u8>,
    intents: u64,
    /// Time goes on with every frame to the relay, so that no two items have the same.
    flows: bool,
    /// The hand of the evil relay.
    pub evil: Evil,
}

impl World {
    /// A world with an honest relay and a good network. Printed when a test fails: the seed.
    pub fn new(seed: u64) -> Self {
        println!("world of seed {seed}");
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let now = real_now();
        let data = MemoryData::new();
        let settings = Settings { rates: RateLimits::lifted(), ..Settings::default() };
        let relay_rng = Box::new(ChaCha20Rng::seed_from_u64(rng.random()));
        let relay =
            at_once(Services::open(data.clone(), settings, relay_rng, now)).expect("an empty store opens");
        Self {
            seed,
            rng,
            now,
            relay,
            data,
            people: BTreeMap::new(),
            partitioned: BTreeSet::new(),
            faults: Faults::default(),
            history: History::default(),
            capture: Vec::new(),
            intents: 0,
            flows: false,
            evil: Evil::default(),
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A person, made at first mention: an account with one device, signed up when the world next settles.
    pub fn person(&mut self, name: &str) -> &mut Device {
        if !self.people.contains_key(name) {
            let handle: Handle = name.parse().expect("names in worlds are handles");
            let mut rng = ChaCha20Rng::seed_from_u64(self.rng.random());
            let (engine, changes) = Engine::create(handle, self.relay.relay(), self.now, &mut rng);
            let mut store = Store::default();
            store.put(changes);
            self.people.insert(name.to_owned(), Device::new(name, engine, store, rng));
        }
        self.people.get_mut(name).expect("just made")
    }

    /// Several people, signed up.
    pub fn people(&mut self, names: &[&str]) {
        for name in names {
            self.person(name);
        }
        self.settle();
    }

    /// Another device in the world.
    pub(crate) fn move_in(&mut self, device: Device) {
        self.people.insert(device.name.clone(), device);
    }

    pub(crate) fn relay(&self) -> &Services<MemoryData> {
        &self.relay
    }

    pub(crate) fn rng(&mut self) -> &mut ChaCha20Rng {
        &mut self.rng
    }

    /// A person's device, to be looked at.
    pub fn device(&self, name: &str) -> &Device {
        self.people.get(name).unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// The time.
    pub fn now(&self) -> Millis {
        self.now
    }

    /// What the relay stores.
    pub fn data(&self) -> &MemoryData {
        &self.data
    }

    /// Every frame that crossed the network, one after the other, as one who broke TLS would see them.
    pub fn capture(&self) -> &[u8] {
        &self.capture
    }

    /// Makes it a world for a long life: time goes on with every frame to the relay, so that what came first is
    /// known by its time, and of the frames nothing is kept but who came into a conversation and who went.
    pub fn lives_long(&mut self) {
        self.flows = true;
        self.evil.forgets = true;
    }

    /// From now on the network has these faults.
    pub fn faults(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// What was said, and by whom to whom.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// One says something to another.
    pub fn say(&mut self, from: &str, to: &str, text: &str) -> Taken {
        self.say_so(from, to, text, Wish::default())
    }

    /// One answers a message of another.
    pub fn reply(&mut self, from: &str, to: &str, in_reply_to: MessageId, text: &str) -> Taken {
        self.say_so(from, to, text, Wish { in_reply_to: Some(in_reply_to), ..Wish::default() })
    }

    fn say_so(&mut self, from: &str, to: &str, text: &str, wish: Wish) -> Taken {
        let handle = to.parse().expect("names in worlds are handles");
        let content = Content::Text { text: text.to_owned() };
        let taken = self.intend(from, Intent::Say(To::Person(handle), content, wish));
        // What is said on one of several devices is not in the history: it stands among what the others say.
        if matches!(taken, Taken::Stored | Taken::StoredThenDied) && !from.contains('/') {
            self.history.said(from, to, text);
        }
        taken
    }

    /// A person marks everything read that another wrote.
    pub fn read_all(&mut self, name: &str, other: &str) {
        let device = self.device(name);
        let Some(conversation) = device.direct_with(other) else { return };
        let last = device.rows(conversation).into_iter().rfind(|row| !row.mine);
        if let Some(last) = last {
            self.intend(name, Intent::MarkRead(conversation, last.id));
        }
    }

    /// A person leaves requests undecided from now on.
    pub fn wary(&mut self, name: &str) {
        self.person(name).wary = true;
    }

    /// A person wants something.
    pub fn intend(&mut self, name: &str, intent: Intent) -> Taken {
        self.intents += 1;
        let id = self.intents;
        self.take(name, Input::Intent(id, intent))
    }

    /// A device takes an input.
    pub fn take(&mut self, name: &str, input: Input) -> Taken {
        let now = self.now;
        self.person(name).take(input, now)
    }

    /// A step made by hand with a person's engine, committed and run like any other.
    pub fn step(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut Engine, &dyn Reader, Millis, &mut ChaCha20Rng) -> Result<Step, EngineError>,
    ) -> Taken {
        let now = self.now;
        self.person(name).step(|engine, reader, rng| make(engine, reader, now, rng))
    }

    /// A person's engine, to be looked at or told something between steps.
    pub fn engine(&mut self, name: &str) -> &mut Engine {
        self.person(name).engine.as_mut().expect("the device is on")
    }

    /// The device loses its network.
    pub fn offline(&mut self, name: &str) {
        let now = self.now;
        let device = self.person(name);
        device.wants_online = false;
        device.cut(now);
    }

    /// The device has its network again.
    pub fn online(&mut self, name: &str) {
        self.person(name).wants_online = true;
    }

    /// Nothing passes between these and the relay until [`heal`](Self::heal).
    pub fn partition(&mut self, names: &[&str]) {
        let now = self.now;
        for name in names {
            self.partitioned.insert((*name).to_owned());
            self.person(name).cut(now);
        }
    }

    /// The partition is over.
    pub fn heal(&mut self) {
        self.partitioned.clear();
    }

    /// The device is killed; it starts again when the world next settles.
    pub fn kill(&mut self, name: &str) {
        self.person(name).die();
    }

    /// The device is off: killed, and not started until [`start`](Self::start).
    pub fn stop(&mut self, name: &str) {
        let device = self.person(name);
        device.restarts = false;
        device.die();
    }

    /// The device is started again.
    pub fn start(&mut self, name: &str) {
        let device = self.person(name);
        device.restarts = true;
        device.start();
    }

    /// The device will die, or its disk will fail, at a point.
    pub fn crash_at(&mut self, name: &str, point: CrashPoint) {
        self.person(name).store.crash_at(point);
    }

    /// The evil relay delivers an item that it made up.
    pub fn inject(&mut self, name: &str, item: &Item) {
        let (frame, now) = (self.evil.make_up(name, item), self.now);
        self.person(name).hear(frame, now);
    }

    /// Lets everything happen that can happen now; comes back when the network is silent.
    pub fn settle(&mut self) {
        for _ in 0..RESTLESS {
            if !(self.deliver() || self.tick() || self.reconnect() || self.accept()) {
                return;
            }
        }
        let stuck: Vec<_> = self
            .people
            .iter()
            .map(|(name, device)| {
                (
                    name,
                    device.link.as_ref().map(|link| (link.logged_in, device.waiting().count())),
                    device.wants_online,
                    device.deaths(),
                    device.wake,
                )
            })
            .collect();
        panic!("the world of seed {} does not come to rest at {}: {stuck:?}", self.seed, self.now);
    }

    /// Lets time pass, with everything that falls due.
    pub fn pass(&mut self, time: Millis) {
        let end = self.now + time;
        self.settle();
        while let Some(due) = self.next_wake().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    /// Lets time pass until every message is out, at most for so many minutes.
    pub fn until_all_is_out(&mut self, minutes: u64) {
        for _ in 0..minutes {
            self.settle();
            let waits = |device: &Device| {
                let conversations = device.records().conversations().expect("readable");
                let mut rows = conversations.iter().flat_map(|conversation| device.rows(conversation.id));
                rows.any(|row| row.state == MessageState::Queued)
            };
            // A device that is off for good sends nothing any more.
            if !self.people.values().filter(|device| device.restarts).any(waits) {
                return;
            }
            self.pass(MINUTE);
        }
        let mut waiting = Vec::new();
        for (name, device) in &self.people {
            for record in device.records().conversations().expect("readable") {
                let queued =
                    device.rows(record.id).into_iter().filter(|row| row.state == MessageState::Queued);
                let count = queued.count();
                if count > 0 {
                    waiting.push((
                        name,
                        count,
                        record.kind,
                        record.state,
                        record.standing,
                        device.link.is_some(),
                    ));
                }
            }
        }
        panic!("after {minutes} minutes something still waits to be sent (seed {}): {waiting:?}", self.seed);
    }

    /// Asserts that nothing of what was said is lost, there twice, made up, or out of its sender's order.
    pub fn check(&self) {
        self.history.check(self.seed, |name| self.device(name));
    }

    fn next_wake(&self) -> Option<Millis> {
        let wakes = self.people.values().filter_map(|device| match device.wake {
            Wake::At(at) if device.engine.is_some() => Some(at),
            _ => None,
        });
        wakes.min()
    }

    /// Delivers one frame, if one is on its way.
    fn deliver(&mut self) -> bool {
        let mut ways = Vec::new();
        for (name, device) in &self.people {
            ways.extend(device.waiting().map(|(line, up)| (name.clone(), line, up)));
        }
        let Some((name, line, up)) = ways.choose(&mut self.rng).cloned() else { return false };
        if self.rng.random_ratio(self.faults.cut.min(1000), 1000) {
            let now = self.now;
            self.person(&name).cut(now);
        } else if up {
            self.carry_up(&name, line);
        } else {
            self.carry_down(&name, line);
        }
        true
    }

    fn carry_up(&mut self, name: &str, line: Line) {
        self.now += u64::from(self.flows);
        let device = self.people.get_mut(name).expect("a device with frames on their way");
        let Some(link) = &mut device.link else { return };
        let socket = link.socket(line);
        let evil = &mut self.evil;
        let hand = |frame| evil.up(name, frame);
        let crossed = socket.carry_up(&self.faults, &mut self.rng, self.now, hand);
        let captures = !self.flows;
        crossed.iter().filter(|_| captures).for_each(|bytes| self.capture.extend_from_slice(bytes));
        at_once(self.relay.flush_acknowledgements()).expect("the store in memory takes everything");
        for device in self.people.values_mut() {
            let Some(link) = &mut device.link else { continue };
            for bytes in link.socket(Line::Authenticated).pump() {
                if captures {
                    self.capture.extend_from_slice(&bytes);
                }
            }
        }
    }

    fn carry_down(&mut self, name: &str, line: Line) {
        let device = self.people.get_mut(name).expect("a device with frames on their way");
        let Some(link) = &mut device.link else { return };
        let Some(frame) = link.socket(line).down.pop_front() else { return };
        if let Some(frame) = self.evil.down(name, frame) {
            device.hear(frame, self.now);
        }
    }

    /// Gives one device the tick that it is due.
    fn tick(&mut self) -> bool {
        let now = self.now;
        let due = |device: &&mut Device| {
            device.engine.is_some() && matches!(device.wake, Wake::At(at) if at <= now)
        };
        let Some(device) = self.people.values_mut().find(due) else { return false };
        device.wake = Wake::Never;
        device.take(Input::Tick, now);
        true
    }

    /// Everybody accepts requests as soon as they come, but for the wary.
    fn accept(&mut self) -> bool {
        let asked =
            self.people.iter().filter(|(_, device)| device.engine.is_some() && !device.wary).find_map(
                |(name, device)| {
                    let all = device.records().conversations().expect("readable");
                    let asked = all.iter().find(|record| record.standing == Standing::Asked)?;
                    Some((name.clone(), asked.id))
                },
            );
        let Some((name, conversation)) = asked else { return false };
        self.intend(&name, Intent::Accept(conversation));
        true
    }

    /// Starts what died, gives up what is broken, and connects what wants to be online.
    fn reconnect(&mut self) -> bool {
        let now = self.now;
        for (name, device) in &mut self.people {
            if device.engine.is_none() {
                if device.restarts {
                    device.start();
                    return true;
                }
                continue;
            }
            if device.link.as_ref().is_some_and(Link::is_broken) {
                device.cut(now);
                return true;
            }
            if device.link.is_none() && device.wants_online && !self.partitioned.contains(name) {
                device.log_in(Link::open(&self.relay, now), None);
                return true;
            }
        }
        false
    }
}

/// The result of a future of the relay: over the store in memory every one is ready at once.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("with the store in memory every future of the relay is ready at once")
}

/// OpenMLS looks at the system's clock when it checks key packages: a world begins at the real time, and goes on
/// by itself.
#[expect(clippy::disallowed_methods, reason = "OpenMLS compares lifetimes with the system's clock")]
fn real_now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).expect("a date before the year 584,554,051")
}
