//! People by name on the small relay: every input a step, every step a commit, every effect run after it.

use std::collections::{BTreeMap, VecDeque};

use lacre_proto::error::WireError;
use lacre_proto::wire::{self, request::Op, response};
use lacre_proto::{ConversationId, DeviceId, Millis, RelayId, frame};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::MapStore;
use super::relay::Relay;
use crate::api::{Changes, Effect, Event, Input, Intent, RequestId, To, Wake, Wish};
use crate::content::{Content, MessageId};
use crate::engine::Engine;
use crate::identity::Newcomer;
#[cfg(feature = "evil")]
use crate::identity::SignatureSecret;
use crate::records::{ConversationRecord, MessageRecord, MessageState, Records, Standing};

pub(crate) const RELAY: RelayId = RelayId([0xee; 16]);
pub(crate) const START: Millis = 1_795_374_000_000;

pub(crate) struct Person {
    pub(crate) engine: Engine,
    pub(crate) store: MapStore,
    pub(crate) events: Vec<Event>,
    pub(crate) online: bool,
    pub(crate) pushed: u64,
    pub(crate) wake: Wake,
    pub(crate) out: VecDeque<(RequestId, bool, Op)>,
    /// The next so many requests reach the relay, and their answers do not come back.
    pub(crate) lose_answers: usize,
    /// The mailbox is not pushed for now.
    pub(crate) held: bool,
    /// What the driver is asked to do with files; nobody does it but a test.
    pub(crate) files: Vec<Effect>,
    /// Does not accept requests at once, as everybody else does.
    pub(crate) wary: bool,
    rng: ChaCha20Rng,
    intents: u64,
}

pub(crate) struct World {
    pub(crate) relay: Relay,
    pub(crate) people: BTreeMap<&'static str, Person>,
    pub(crate) now: Millis,
}

pub(crate) fn text(text: &str) -> Content {
    Content::Text { text: text.to_owned() }
}

impl World {
    /// People who have signed up and are online.
    pub(crate) fn of(names: &[&'static str]) -> Self {
        // the lifetimes in key packages are checked by the machine's clock
        #[expect(clippy::disallowed_methods, reason = "OpenMLS reads it too")]
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        let mut world = Self { relay: Relay::default(), people: BTreeMap::new(), now: now.max(START) };
        for (seed, name) in names.iter().enumerate() {
            world.sign_up(name, seed as u64);
            world.connect(name);
        }
        world.run();
        world
    }

    pub(crate) fn sign_up(&mut self, name: &'static str, seed: u64) {
        self.sign_up_as(name, name, seed);
    }

    /// A new account, called `name` here, whose handle is another.
    pub(crate) fn sign_up_as(&mut self, name: &'static str, handle: &str, seed: u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let (engine, changes) = Engine::create(handle.parse().unwrap(), RELAY, self.now, &mut rng);
        self.settle_in(name, engine, changes, rng);
    }

    /// From now on the directory gives the handle of somebody to their other account.
    pub(crate) fn hand_over(&mut self, to: &str) {
        let account = self.people[to].engine.me().account.to_wire();
        let accounts = &mut self.relay.accounts;
        let at = accounts.iter().position(|it| it.account == account).unwrap();
        let told = accounts.remove(at);
        accounts.insert(0, told);
    }

    /// Somebody, called `name` here, whose keys are their own, and whose certificate says that they are another
    /// person's device.
    #[cfg(feature = "evil")]
    pub(crate) fn impostor(&mut self, name: &'static str, of: &str, seed: u64) {
        use crate::identity::{Admission, Certificate, DeviceEntry, DeviceList, IdentitySecret};
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let victim = self.people[of].engine.me().clone();
        let (identity, signature) = (IdentitySecret::generate(&mut rng), SignatureSecret::generate(&mut rng));
        let (account, handle, device) = (victim.account, victim.handle, DeviceId([seed as u8; 16]));
        let certificate =
            Certificate::issue(&identity, account, device, handle.clone(), signature.public(), self.now);
        let entry = DeviceEntry {
            device,
            signature_key: signature.public(),
            added: self.now,
            quarantine_until: 0,
            added_by: None,
        };
        let list = DeviceList::first(&identity, account, entry);
        self.relay.sign_up(wire::SignUp {
            handle: handle.to_string(),
            account: account.to_wire(),
            identity_key: identity.public().to_wire(),
            device_list: Some(list.to_wire()),
            device: device.to_wire(),
            ..Default::default()
        });
        let admission =
            Admission { account, handle, device, relay: RELAY, identity, signature, certificate, list };
        let (engine, changes) = Engine::admitted(admission, self.now);
        self.settle_in(name, engine, changes, rng);
        self.connect(name);
        self.run();
    }

    fn settle_in(&mut self, name: &'static str, engine: Engine, changes: Changes, rng: ChaCha20Rng) {
        let mut store = MapStore::default();
        store.commit(changes);
        let person = Person {
            engine,
            store,
            events: Vec::new(),
            online: false,
            pushed: 0,
            wake: Wake::Never,
            out: VecDeque::new(),
            lose_answers: 0,
            held: false,
            files: Vec::new(),
            wary: false,
            rng,
            intents: 0,
        };
        self.people.insert(name, person);
    }

    /// A device lets in a new one, which is called `new` from now on, and both are online.
    pub(crate) fn link(&mut self, old: &str, new: &'static str, seed: u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut newcomer = Newcomer::new(RELAY, new, &mut rng);
        let link: bytes::Bytes = newcomer.link().to_vec().into();
        let put =
            |step, body: Vec<u8>| Op::PutLink(wire::PutLink { link: link.clone(), step, body: body.into() });
        self.relay.request(None, put(1, newcomer.offer())).unwrap();
        self.intent(old, Intent::Link(newcomer.code().clone()));
        self.run();
        let shown = self.person(old).events.iter().rev().find_map(|event| match event {
            Event::LinkNumber(number, _) => Some(*number),
            _ => None,
        });
        let proof = newcomer.proof(shown.expect("a number is shown"));
        self.relay.request(None, put(2, proof)).unwrap();
        self.wait(3_000);
        let take = Op::TakeLink(wire::TakeLink { link, step: 3 });
        let Ok(response::Result::LinkBody(bundle)) = self.relay.request(None, take) else {
            panic!("no bundle")
        };
        let admission = newcomer.admitted(&bundle.body).unwrap();
        let (engine, changes) = Engine::admitted(admission, self.now);
        self.settle_in(new, engine, changes, rng);
        self.connect(new);
        self.run();
    }

    pub(crate) fn person(&mut self, name: &str) -> &mut Person {
        self.people.get_mut(name).unwrap()
    }

    pub(crate) fn device(&self, name: &str) -> DeviceId {
        self.people[name].engine.me().device
    }

    pub(crate) fn step(&mut self, name: &str, input: Input) {
        let now = self.now;
        let person = self.people.get_mut(name).unwrap();
        let step = person.engine.handle(&person.store, input, now, &mut person.rng).unwrap();
        person.store.commit(step.changes);
        let step_events = step.events;
        person.wake = step.wake;
        let device = person.engine.me().device;
        let changed: Vec<ConversationId> = (step_events.iter())
            .filter_map(|event| match event {
                Event::ConversationChanged(id) if !person.wary => Some(*id),
                _ => None,
            })
            .collect();
        person.events.extend(step_events);
        for effect in step.effects {
            match effect {
                Effect::Request(id, op) => person.out.push_back((id, true, op)),
                Effect::AnonymousRequest(id, op) => person.out.push_back((id, false, op)),
                Effect::Acknowledge(position) => {
                    self.relay.mailboxes.get_mut(&device).unwrap().acknowledged = position;
                }
                Effect::Upload(_)
                | Effect::StopUploading(..)
                | Effect::Fetch(_)
                | Effect::StopFetching(_)
                | Effect::DropFile(_) => person.files.push(effect),
            }
        }
        for id in changed {
            let record = Records(&self.people[name].store).conversation(id).unwrap();
            if record.is_some_and(|record| record.standing == Standing::Asked) {
                self.intent(name, Intent::Accept(id));
            }
        }
    }

    /// Opens the sockets; what waits in the mailbox comes with the next [`run`](Self::run).
    pub(crate) fn connect(&mut self, name: &str) {
        self.relay.now = self.now;
        let hello = wire::Hello {
            version_min: 1,
            version_max: 1,
            nonce: vec![9; 32].into(),
            relay: RELAY.to_wire(),
            time_ms: self.now,
        };
        match self.people[name].engine.greet(&hello, None).unwrap() {
            Op::SignUp(sign_up) => self.relay.sign_up(sign_up),
            Op::Login(_) => {}
            other => panic!("{other:?} is no greeting"),
        }
        let device = self.device(name);
        let logged_in = self.relay.logged_in(device);
        self.person(name).pushed = logged_in.acknowledged;
        self.person(name).online = true;
        self.step(name, Input::Connected(logged_in));
        self.push(name);
        self.step(name, Input::CaughtUp);
    }

    pub(crate) fn disconnect(&mut self, name: &str) {
        let person = self.person(name);
        person.online = false;
        person.out.clear();
        self.step(name, Input::Disconnected);
    }

    /// The process dies and comes up again from its store, offline.
    pub(crate) fn kill(&mut self, name: &str) {
        let person = self.person(name);
        person.online = false;
        person.out.clear();
        person.engine = Engine::open(&person.store).unwrap().unwrap();
    }

    /// One request goes to the relay and its answer comes back.
    pub(crate) fn ask_one(&mut self, name: &str) -> bool {
        self.relay.now = self.now;
        let person = self.people.get_mut(name).unwrap();
        let Some((id, authenticated, op)) = person.out.pop_front() else { return false };
        let device = authenticated.then_some(person.engine.me().device);
        let answer = self.relay.request(device, op);
        let person = self.person(name);
        if person.lose_answers > 0 {
            person.lose_answers -= 1;
            return true;
        }
        self.answer(name, id, answer);
        true
    }

    pub(crate) fn answer(&mut self, name: &str, id: RequestId, answer: Result<response::Result, WireError>) {
        self.step(name, Input::Answered(id, answer));
    }

    pub(crate) fn push(&mut self, name: &str) -> bool {
        let device = self.device(name);
        let person = self.people.get_mut(name).unwrap();
        let entries: Vec<wire::Entry> = self.relay.mailboxes[&device]
            .entries
            .iter()
            .filter(|entry| entry.position > person.pushed)
            .cloned()
            .collect();
        if !person.online || person.held || entries.is_empty() {
            return false;
        }
        person.pushed = entries.last().unwrap().position;
        self.step(name, Input::Delivered(entries));
        true
    }

    /// Until nothing happens any more.
    pub(crate) fn run(&mut self) {
        let names: Vec<&'static str> = self.people.keys().copied().collect();
        for _ in 0..100_000 {
            let mut busy = false;
            for name in &names {
                if self.people[name].online {
                    busy |= self.ask_one(name);
                    busy |= self.push(name);
                }
            }
            for (device, item) in std::mem::take(&mut self.relay.passing) {
                let online = names.iter().copied().find(|name| self.device(name) == device);
                if let Some(name) = online.filter(|name| self.people[name].online) {
                    self.step(name, Input::Passing(vec![item]));
                }
            }
            if !busy {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Time passes, with its ticks.
    pub(crate) fn wait(&mut self, by: Millis) {
        let until = self.now + by;
        let names: Vec<&'static str> = self.people.keys().copied().collect();
        loop {
            let next = names
                .iter()
                .filter_map(|name| match self.people[name].wake {
                    Wake::At(at) if self.people[name].online && at <= until => Some(at),
                    _ => None,
                })
                .min();
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            for name in &names {
                if matches!(self.people[name].wake, Wake::At(at) if at <= self.now)
                    && self.people[name].online
                {
                    self.step(name, Input::Tick);
                }
            }
            self.run();
        }
        self.now = until;
    }

    pub(crate) fn intent(&mut self, name: &str, intent: Intent) {
        let person = self.person(name);
        person.intents += 1;
        let id = person.intents;
        self.step(name, Input::Intent(id, intent));
    }

    /// Says something to somebody, at once; nothing is sent before [`run`](Self::run).
    pub(crate) fn say(&mut self, from: &str, to: &str, what: &str) -> MessageId {
        self.say_content(from, to, text(what))
    }

    pub(crate) fn say_content(&mut self, from: &str, to: &str, content: Content) -> MessageId {
        self.intent(from, Intent::SendTo(to.parse().unwrap(), content));
        self.queued(from)
    }

    /// Answers a message of somebody.
    pub(crate) fn reply(&mut self, from: &str, to: &str, of: MessageId, content: Content) -> MessageId {
        let wish = Wish { in_reply_to: Some(of), ..Wish::default() };
        self.intent(from, Intent::Say(To::Person(to.parse().unwrap()), content, wish));
        self.queued(from)
    }

    fn queued(&mut self, from: &str) -> MessageId {
        match self.person(from).events.iter().rev().find(|event| matches!(event, Event::Queued(..))) {
            Some(Event::Queued(_, _, id)) => *id,
            _ => panic!("it was not queued"),
        }
    }

    pub(crate) fn conversation(&self, name: &str, with: &str) -> ConversationRecord {
        let all = Records(&self.people[name].store).conversations().unwrap();
        let found: Vec<_> = all.into_iter().filter(|record| record.name() == with).collect();
        assert_eq!(found.len(), 1, "{name} has one conversation with {with}");
        found.into_iter().next().unwrap()
    }

    pub(crate) fn rows(&self, name: &str, with: &str) -> Vec<MessageRecord> {
        let id = self.conversation(name, with).id;
        Records(&self.people[name].store).messages_after(id, None, 10_000).unwrap()
    }

    /// What somebody sees: texts, and in brackets what is not one.
    pub(crate) fn seen(&self, name: &str, with: &str) -> Vec<String> {
        self.rows(name, with)
            .into_iter()
            .map(|row| match (row.state, row.content) {
                (MessageState::Gap(count), _) => format!("[{count} missing]"),
                (MessageState::Unreadable(why), _) => format!("[{why}]"),
                (_, Content::Text { text, .. }) => text,
                (_, content) => format!("[{content:?}]"),
            })
            .collect()
    }

    pub(crate) fn state(&self, name: &str, with: &str, id: MessageId) -> MessageState {
        self.rows(name, with).into_iter().find(|row| row.id == id).unwrap().state
    }

    pub(crate) fn alerts(&self, name: &str) -> Vec<crate::Alert> {
        self.people[name]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Alert(_, alert) => Some(alert.clone()),
                _ => None,
            })
            .collect()
    }

    /// The items of a mailbox, decoded, for the relay to do evil with.
    pub(crate) fn items(&self, name: &str) -> Vec<wire::Item> {
        let entries = &self.relay.mailboxes[&self.device(name)].entries;
        entries.iter().map(|entry| frame::decode_item(&entry.item).unwrap()).collect()
    }

    /// Somebody commits a crime, and the relay carries it.
    #[cfg(feature = "evil")]
    pub(crate) fn crime(&mut self, name: &str, with: &str, crime: crate::evil::Crime) {
        let (id, now) = (self.conversation(name, with).id, self.now);
        let person = self.person(name);
        let crafted = person.engine.craft(&person.store, id, crime, now, &mut person.rng).unwrap();
        person.store.commit(crafted.changes);
        self.relay.request(None, crafted.op).unwrap();
        self.run();
    }

    /// The relay changes what it has not pushed yet to somebody.
    pub(crate) fn tamper(&mut self, name: &str, change: impl FnOnce(&mut Vec<wire::Item>)) {
        let (device, pushed) = (self.device(name), self.people[name].pushed);
        let entries = &mut self.relay.mailboxes.get_mut(&device).unwrap().entries;
        let at = entries.iter().position(|entry| entry.position > pushed).unwrap_or(entries.len());
        let mut items: Vec<wire::Item> =
            entries.drain(at..).map(|entry| frame::decode_item(&entry.item).unwrap()).collect();
        change(&mut items);
        let positions = pushed + 1..;
        entries.extend(
            positions
                .zip(items)
                .map(|(position, item)| wire::Entry { position, item: frame::encode_item(&item) }),
        );
    }

    /// Draws random numbers that nobody needs.
    pub(crate) fn draw(&mut self, name: &str, count: u32) {
        use rand_core::RngCore;
        for _ in 0..count {
            self.person(name).rng.next_u64();
        }
    }

    pub(crate) fn group_epoch(&self, id: ConversationId) -> u64 {
        self.relay.groups[&id].epoch
    }
}
