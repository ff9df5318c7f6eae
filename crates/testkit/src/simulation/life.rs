//! What happens in a day, drawn from the seed.

use std::collections::BTreeMap;

use lacre_engine::content::{Content, Fact, MessageId, Poll};
use lacre_engine::records::{ConversationKind, ConversationState, GroupMember, MessageState};
use lacre_engine::{Intent, To, Wish};
use lacre_proto::{ConversationId, Handle};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha20Rng;

use super::DAY;
use super::cast::{self, GROUPS, PEOPLE};
use crate::device::Device;
use crate::network::Faults;
use crate::store::CrashPoint;
use crate::world::World;

const MINUTE: u64 = 60_000;
/// A device that is away comes back after so many lived days at most, so that nothing of its mailbox has expired.
const AWAY_AT_MOST: u64 = 5;

/// What happens, and how often beside the others.
const ACTS: [(&str, u32); 20] = [
    ("say in a group", 24),
    ("say to a person", 10),
    ("reply", 5),
    ("react", 5),
    ("edit", 3),
    ("delete", 2),
    ("pin", 2),
    ("ask", 2),
    ("vote", 4),
    ("read", 6),
    ("star", 3),
    ("note", 2),
    ("add", 4),
    ("remove", 2),
    ("leave", 1),
    ("role", 2),
    ("rename", 2),
    ("kill", 3),
    ("link", 3),
    ("lose a device", 1),
];

/// How it stands with everybody.
pub(super) struct Life {
    /// The devices of each person that are linked, the first one first.
    pub(super) devices: BTreeMap<&'static str, Vec<String>>,
    /// Devices that were lost: off for ever.
    pub(super) lost: Vec<String>,
    /// The groups and the device that made each: its maker stays, so that there is one that has seen all.
    pub(super) groups: Vec<(ConversationId, &'static str)>,
    pub(super) acts: BTreeMap<&'static str, u64>,
    /// Devices that are away, and until which day.
    away: BTreeMap<String, u64>,
    /// Numbers of devices that were given out, by person.
    numbers: BTreeMap<&'static str, usize>,
    day: u64,
    texts: u64,
}

impl Life {
    /// The first day: everybody signs up, a good part of the devices is linked, the groups are made.
    pub(super) fn begin(world: &mut World, rng: &mut ChaCha20Rng) -> Self {
        let mut life = Self {
            devices: PEOPLE.iter().map(|(name, _)| (*name, vec![(*name).to_owned()])).collect(),
            lost: Vec::new(),
            groups: Vec::new(),
            acts: BTreeMap::new(),
            away: BTreeMap::new(),
            numbers: PEOPLE.iter().map(|(name, _)| (*name, 1)).collect(),
            day: 0,
            texts: 0,
        };
        world.people(&PEOPLE.map(|(name, _)| name));
        for (name, devices) in PEOPLE {
            for _ in 1..devices {
                if rng.random_bool(0.8) {
                    life.link(world, name);
                }
            }
        }
        for (title, maker, others) in GROUPS {
            let handles = others.iter().map(|name| handle(name)).collect();
            world.intend(maker, Intent::CreateGroup(title.to_owned(), handles));
            world.settle();
            let made = world.device(maker).records().groups_named(title).expect("readable");
            life.groups.push((*made.first().expect("the group was made"), maker));
        }
        world.until_all_is_out(60);
        life
    }

    /// One day.
    pub(super) fn day(&mut self, world: &mut World, rng: &mut ChaCha20Rng, acts: u64) {
        self.day += 1;
        self.dawn(world, rng);
        let mut left = DAY;
        for _ in 0..acts {
            let Some(device) = self.someone(rng) else { break };
            self.act(world, rng, &device);
            // At once, so that two do something at the same time; or after what is under way; or later.
            match rng.random_range(0..4) {
                0 => {}
                1 => world.settle(),
                _ => {
                    let time = rng.random_range(0..40) * MINUTE;
                    world.pass(time);
                    left = left.saturating_sub(time);
                }
            }
        }
        world.pass(left);
        self.silence(world, rng.random_range(2..8));
    }

    /// Days on which nobody is there.
    fn silence(&mut self, world: &mut World, days: u64) {
        let all = self.all();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        world.partition(&all);
        world.pass(days * DAY);
        world.heal();
    }

    /// Who comes back, who goes away, and what the network is like today.
    fn dawn(&mut self, world: &mut World, rng: &mut ChaCha20Rng) {
        let bad = rng.random_ratio(1, 4);
        world.faults(if bad { Faults { cut: 4, ..Faults::BAD } } else { Faults::default() });
        if rng.random_ratio(1, 5) {
            let count = rng.random_range(1..5);
            let cut: Vec<String> = self.all().choose_multiple(rng, count).cloned().collect();
            let cut: Vec<&str> = cut.iter().map(String::as_str).collect();
            world.partition(&cut);
            *self.acts.entry("partition").or_default() += 1;
        } else {
            world.heal();
        }
        for device in self.all() {
            match self.away.get(&device) {
                Some(until) if *until > self.day => {}
                Some(_) => {
                    self.away.remove(&device);
                    world.online(&device);
                }
                None if rng.random_ratio(1, 3) => {
                    let long = rng.random_ratio(1, 12);
                    let days = if long { rng.random_range(3..AWAY_AT_MOST) } else { rng.random_range(1..3) };
                    self.away.insert(device.clone(), self.day + days);
                    world.offline(&device);
                    *self.acts.entry(if long { "long away" } else { "days away" }).or_default() += 1;
                }
                None => {}
            }
        }
    }

    /// Everything is well again, and there is time for all that was put off.
    pub(super) fn heal(&mut self, world: &mut World) {
        world.faults(Faults::default());
        world.heal();
        self.all().iter().for_each(|device| world.online(device));
        world.until_all_is_out(24 * 60);
        world.pass(DAY + DAY / 4);
        world.until_all_is_out(24 * 60);
    }

    /// All devices that are linked and not lost.
    pub(super) fn all(&self) -> Vec<String> {
        self.devices.values().flatten().cloned().collect()
    }

    /// One that does something: more often one that is not away, sometimes one that is.
    fn someone(&self, rng: &mut ChaCha20Rng) -> Option<String> {
        let here: Vec<String> = self
            .all()
            .into_iter()
            .filter(|it| !self.away.contains_key(it) || rng.random_ratio(1, 6))
            .collect();
        here.choose(rng).cloned()
    }

    fn act(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) {
        let (act, _) = *ACTS.choose_weighted(rng, |(_, weight)| *weight).expect("there are acts");
        let done = match act {
            "say in a group" => self.say_in_group(world, rng, device),
            "say to a person" => self.say_to_person(world, rng, device),
            "reply" => self.reply(world, rng, device),
            "react" => react(world, rng, device),
            "edit" => self.edit(world, rng, device),
            "delete" => delete(world, rng, device),
            "pin" => pin(world, rng, device),
            "ask" => self.ask(world, rng, device),
            "vote" => vote(world, rng, device),
            "read" => read(world, rng, device),
            "star" => star(world, rng, device),
            "note" => self.note(world, device),
            "add" => add(world, rng, device),
            "remove" => self.remove(world, rng, device),
            "leave" => self.leave(world, rng, device),
            "role" => role(world, rng, device),
            "rename" => self.rename(world, rng, device),
            "kill" => kill(world, rng, device),
            "link" => self.link_somebody(world, rng),
            "lose a device" => self.lose(world, rng),
            _ => false,
        };
        if done {
            *self.acts.entry(act).or_default() += 1;
        }
    }

    fn text(&mut self, device: &str) -> String {
        self.texts += 1;
        format!("{} of {device} on day {}", self.texts, self.day)
    }
}

impl Life {
    fn say_in_group(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
        let Some(group) = a_group(world, rng, device) else { return false };
        let text = self.text(device);
        world.intend(device, Intent::Send(group, plain(text)));
        true
    }

    fn say_to_person(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
        let others: Vec<&str> =
            PEOPLE.iter().map(|(name, _)| *name).filter(|name| *name != cast::person(device)).collect();
        // A few know each other well; the others hardly ever meet.
        let near = PEOPLE.iter().position(|(name, _)| *name == cast::person(device)).unwrap_or(0);
        let known = others[near % others.len()];
        let to = if rng.random_ratio(4, 5) { known } else { others.choose(rng).copied().unwrap_or(known) };
        let text = self.text(device);
        world.intend(device, Intent::SendTo(handle(to), plain(text)));
        true
    }

    fn reply(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
        let Some((conversation, row)) = a_message(world, rng, device, |_| true) else { return false };
        let text = self.text(device);
        let wish = Wish { in_reply_to: Some(row), ..Wish::default() };
        world.intend(device, Intent::Say(To::Conversation(conversation), plain(text), wish));
        true
    }

    fn note(&mut self, world: &mut World, device: &str) -> bool {
        let text = self.text(device);
        world.intend(device, Intent::SendTo(handle(cast::person(device)), plain(text)));
        true
    }

    fn edit(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
        let Some((conversation, row)) = a_message(world, rng, device, |mine| mine) else { return false };
        let text = self.text(device);
        world.intend(device, Intent::Edit(conversation, row, text));
        true
    }

    fn ask(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
        let Some(group) = a_group(world, rng, device) else { return false };
        let options = ["yes", "no", "perhaps"].map(str::to_owned).to_vec();
        let poll = Poll { question: self.text(device), options, multiple: rng.random_bool(0.5) };
        world.intend(device, Intent::Send(group, Content::Poll(poll)));
        true
    }

    fn rename(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
        let Some(group) = a_group(world, rng, device) else { return false };
        let name = self.text(device);
        world.intend(device, Intent::Send(group, Content::Fact(Fact::Name(name))));
        true
    }

    fn remove(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
        let Some((group, _)) = a_group(world, rng, device).zip(Some(())) else { return false };
        let members: Vec<GroupMember> = members(world, device, group)
            .into_iter()
            .filter(|it| !it.me && !self.is_maker(group, it))
            .collect();
        let Some(gone) = members.choose(rng) else { return false };
        world.intend(device, Intent::RemoveFromGroup(group, vec![gone.handle.clone()]));
        true
    }

    fn leave(&mut self, world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
        let Some(group) = a_group(world, rng, device) else { return false };
        if self.groups.iter().any(|(id, maker)| *id == group && *maker == cast::person(device)) {
            return false;
        }
        world.intend(device, Intent::LeaveGroup(group));
        true
    }

    fn is_maker(&self, group: ConversationId, member: &GroupMember) -> bool {
        self.groups.iter().any(|(id, maker)| *id == group && *maker == member.handle.as_str())
    }

    /// A new device for somebody who has not all of theirs.
    fn link_somebody(&mut self, world: &mut World, rng: &mut ChaCha20Rng) -> bool {
        let want = |(name, devices): &&(&'static str, usize)| self.devices[name].len() < *devices;
        let wanting: Vec<_> = PEOPLE.iter().filter(want).collect();
        let Some((name, _)) = wanting.choose(rng) else { return false };
        self.link(world, name)
    }

    /// Linking is done by people who look at both screens: both devices are there, and the network is good.
    fn link(&mut self, world: &mut World, person: &'static str) -> bool {
        let old = self.devices[person][0].clone();
        if world.device(&old).store().is_doomed() {
            return false;
        }
        let number = self.numbers.get_mut(person).expect("everybody has a count");
        let new = cast::device(person, *number);
        *number += 1;
        world.faults(Faults::default());
        world.heal();
        self.away.remove(&old);
        world.online(&old);
        world.settle();
        world.link(&old, &new);
        self.devices.get_mut(person).expect("everybody has devices").push(new);
        true
    }

    /// A device is lost: off for ever, and taken off the list by another one. The first device of everybody stays.
    fn lose(&mut self, world: &mut World, rng: &mut ChaCha20Rng) -> bool {
        let rich: Vec<&'static str> =
            self.devices.iter().filter(|(_, all)| all.len() > 1).map(|(name, _)| *name).collect();
        let Some(person) = rich.choose(rng) else { return false };
        let devices = self.devices.get_mut(person).expect("everybody has devices");
        let lost = devices.remove(rng.random_range(1..devices.len()));
        world.stop(&lost);
        let id = world.device(&lost).device();
        world.intend(person, Intent::RevokeDevice(id));
        self.away.remove(&lost);
        self.lost.push(lost);
        true
    }
}

fn read(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let open = conversations(world.device(device), |_| true);
    let Some(conversation) = open.choose(rng).copied() else { return false };
    let rows = world.device(device).rows(conversation);
    let Some(last) = rows.iter().rfind(|row| !row.mine && row.state == MessageState::Received) else {
        return false;
    };
    world.intend(device, Intent::MarkRead(conversation, last.id));
    true
}

fn react(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let Some((conversation, row)) = a_message(world, rng, device, |_| true) else { return false };
    let emoji = ["👍", "🎉", "❤️"].choose(rng).map(|emoji| (*emoji).to_owned());
    world.intend(device, Intent::React(conversation, row, emoji.filter(|_| rng.random_ratio(5, 6))));
    true
}

fn star(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let Some((conversation, row)) = a_message(world, rng, device, |_| true) else { return false };
    world.intend(device, Intent::Star(conversation, row, rng.random_ratio(3, 4)));
    true
}

fn delete(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let Some((conversation, row)) = a_message(world, rng, device, |mine| mine) else { return false };
    world.intend(device, Intent::DeleteForAll(conversation, row));
    true
}

fn pin(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let Some((conversation, row)) = a_message(world, rng, device, |_| true) else { return false };
    world.intend(device, Intent::Pin(conversation, row, rng.random_ratio(2, 3)));
    true
}

fn vote(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let Some(group) = a_group(world, rng, device) else { return false };
    let rows = world.device(device).rows(group);
    let polls: Vec<MessageId> =
        rows.iter().filter(|row| matches!(row.content, Content::Poll(_))).map(|row| row.id).collect();
    let Some(poll) = polls.choose(rng) else { return false };
    let choices = if rng.random_ratio(1, 6) { Vec::new() } else { vec![rng.random_range(0..3)] };
    world.intend(device, Intent::Vote(group, *poll, choices));
    true
}

fn add(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let Some(group) = a_group(world, rng, device) else { return false };
    let there = members(world, device, group);
    let strangers: Vec<&str> = PEOPLE
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| there.iter().all(|member| member.handle.as_str() != *name))
        .collect();
    // So that a group stays small enough to live three weeks in a test.
    if there.len() >= 6 || strangers.is_empty() {
        return false;
    }
    let count = rng.random_range(1..3);
    let added = strangers.choose_multiple(rng, count).map(|name| handle(name)).collect();
    world.intend(device, Intent::AddToGroup(group, added));
    true
}

fn role(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let Some(group) = a_group(world, rng, device) else { return false };
    let members = members(world, device, group);
    let Some(member) = members.choose(rng) else { return false };
    world.intend(device, Intent::SetRole(group, member.handle.clone(), !member.admin));
    true
}

/// The device dies at one of its next commits, and starts again.
fn kill(world: &mut World, rng: &mut ChaCha20Rng, device: &str) -> bool {
    let commit = world.device(device).store().commits() + rng.random_range(1..8);
    let point = match rng.random_range(0..4) {
        0 => CrashPoint::BeforeCommit(commit),
        1 => CrashPoint::AfterCommit(commit),
        2 => CrashPoint::AmidEffects(commit),
        _ => CrashPoint::CommitFails(commit),
    };
    world.crash_at(device, point);
    true
}

fn plain(text: String) -> Content {
    Content::Text { text }
}

fn handle(name: &str) -> Handle {
    name.parse().expect("names in worlds are handles")
}

/// The conversations of a device in which messages pass.
pub(super) fn conversations(
    device: &Device,
    which: impl Fn(ConversationKind) -> bool,
) -> Vec<ConversationId> {
    let all = device.records().conversations().expect("readable").into_iter();
    all.filter(|it| it.state == ConversationState::Open && which(it.kind)).map(|it| it.id).collect()
}

fn a_group(world: &World, rng: &mut ChaCha20Rng, device: &str) -> Option<ConversationId> {
    conversations(world.device(device), |kind| kind == ConversationKind::Group).choose(rng).copied()
}

fn members(world: &World, device: &str, group: ConversationId) -> Vec<GroupMember> {
    world.device(device).records().group_members(group).expect("readable")
}

/// One of the last messages that a device shows, in a group or with a person.
fn a_message(
    world: &World,
    rng: &mut ChaCha20Rng,
    device: &str,
    of: impl Fn(bool) -> bool,
) -> Option<(ConversationId, MessageId)> {
    let device = world.device(device);
    let open = conversations(device, |kind| kind != ConversationKind::Own);
    let conversation = *open.choose(rng)?;
    let rows = device.rows(conversation);
    let texts: Vec<MessageId> = rows
        .iter()
        .rev()
        .filter(|row| of(row.mine) && matches!(row.content, Content::Text { .. }))
        .take(8)
        .map(|row| row.id)
        .collect();
    texts.choose(rng).map(|id| (conversation, *id))
}
